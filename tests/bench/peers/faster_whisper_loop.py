"""faster-whisper as it is called by itself: one recording after the other, greedy, audio already in memory."""

from collections.abc import Callable
from typing import Any

from answering import serve
from faster_whisper import WhisperModel, decode_audio


def prepare(task: Any) -> Callable[[], object]:
    model = WhisperModel(
        task["checkpoint"], device="cpu", compute_type=task["compute_type"], cpu_threads=task["num_threads"]
    )
    waveforms = [decode_audio(path) for path in task["audio"]]

    def transcribe() -> list[str]:
        settings = {"language": "en", "beam_size": 1, "temperature": 0.0, "condition_on_previous_text": False}
        return [
            "".join(segment.text for segment in model.transcribe(waveform, without_timestamps=True, **settings)[0])
            for waveform in waveforms
        ]

    return transcribe


serve(["faster-whisper", "ctranslate2"], prepare)
