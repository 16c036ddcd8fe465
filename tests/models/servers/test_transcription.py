"""What is asked of a server of transcriptions, and what counts as an answer."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from evaluate.errors import RequestError
from evaluate.types import AudioRef, GenerationOptions, Output, Request, Sample
from models import create_model
from models.servers.transcription import TranscriptionApi
from tasks.clotho import Clotho
from tasks.librispeech import LibriSpeech

CLIP = AudioRef(Path("a.wav"))


def request(seconds: float = 0.1, language: str = "en") -> Request:
    waveform = np.sin(np.arange(round(seconds * 16_000)) / 9).astype(np.float32) / 2
    return Request(Sample("a", (CLIP,), "", (), language=language), (waveform,))


def transcribe(server: Any, asked: Request | None = None, temperature: float = 0.0, **settings: Any) -> Output:
    model = TranscriptionApi("tiny", base_url=server.url, max_retries=0, **settings)
    [output] = model.generate([asked or request()], GenerationOptions(temperature=temperature))
    return output


def test_a_clip_is_sent_as_a_file_with_its_language_and_temperature_0(server: Any) -> None:
    output = transcribe(server)
    [asked] = server.asked
    assert asked.path == "/v1/audio/transcriptions"
    assert asked.headers["Content-Type"].startswith("multipart/form-data")
    fields = asked.form
    clip = fields.pop("file")
    assert fields == {"model": b"tiny", "response_format": b"json", "temperature": b"0", "language": b"en"}
    info = soundfile.info(io.BytesIO(clip))
    assert (info.format, info.subtype, info.samplerate, info.frames) == ("WAV", "PCM_16", 16_000, 1600)
    assert b'filename="audio.wav"' in asked.content
    assert (output.text, output.truncated) == (server.words_of(clip), None)


def test_settings_change_what_is_sent(server: Any) -> None:
    settings = {"send_language": False, "send_temperature": False, "prompt": "Hm.", "audio_format": "flac"}
    transcribe(server, request(language="zh-CN"), extra_body={"hotwords": "otoscope", "top_k": 1}, **settings)
    fields = server.asked[0].form
    assert soundfile.info(io.BytesIO(fields.pop("file"))).format == "FLAC"
    expected = {"model": b"tiny", "response_format": b"json", "prompt": b"Hm.", "hotwords": b"otoscope", "top_k": b"1"}
    assert fields == expected
    transcribe(server, request(language="zh-CN"), temperature=0.4)
    assert (server.asked[1].form["language"], server.asked[1].form["temperature"]) == (b"zh", b"0.4")


def test_a_long_recording_goes_whole(server: Any) -> None:
    output = transcribe(server, request(90.0))
    assert soundfile.info(io.BytesIO(server.asked[0].clips[0])).duration == 90.0
    assert output.text


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"text": None}, "the answer has no text, expected a transcription"),
        ({"choices": []}, "the answer has no text, expected a transcription"),
        ({"text": "made up", "usage": {"input_token_details": {"audio_tokens": 0}}}, "says that it got no audio"),
        ({"text": "made up", "usage": {"type": "duration", "seconds": 0}}, "says that it got no audio"),
    ],
)
def test_what_is_no_answer_is_a_failure(server: Any, document: dict[str, Any], message: str) -> None:
    server.react = lambda asked: server.send(document)
    output = transcribe(server, request(2.0))
    assert output.error is not None
    assert message in output.error.message


def test_an_empty_transcript_is_an_answer(server: Any) -> None:
    server.react = lambda asked: server.send({"text": ""})
    assert transcribe(server).text == ""


@pytest.mark.parametrize(
    ("usage", "settings", "expected"),
    [
        (
            {"type": "tokens", "input_tokens": 14, "output_tokens": 45, "input_token_details": {"audio_tokens": 13}},
            {"price_input": 10, "price_output": 100},
            {"prompt_tokens": 14, "completion_tokens": 45, "audio_tokens": 13, "cost_usd": (140 + 4500) / 1e6},
        ),
        ({"type": "duration", "seconds": 30}, {"price_per_minute": 0.006}, {"audio_s": 30, "cost_usd": 0.003}),
        (None, {}, {}),
    ],
)
def test_usage_and_cost_are_kept(
    server: Any, usage: dict[str, Any] | None, settings: dict[str, Any], expected: dict[str, float]
) -> None:
    server.react = lambda asked: server.send({"text": "x", "usage": usage, "language": "english"})
    output = transcribe(server, request(30.0), **settings)
    assert output.usage == pytest.approx(expected)
    assert output.details == {"language": "english"}


def test_it_transcribes_and_does_nothing_else(server: Any) -> None:
    model = TranscriptionApi("tiny", base_url=server.url)
    assert model.refusal(Clotho(Path()), []) == "a server of transcriptions transcribes, it does not do captioning"
    two = Sample("b", (CLIP, CLIP), "", ())
    assert model.refusal(LibriSpeech(Path()), [request().sample, two]) == "it hears one clip, sample 'b' has 2"
    assert model.refusal(LibriSpeech(Path()), [request().sample]) is None


@pytest.mark.parametrize(
    ("options", "settings", "reason"),
    [
        ({"max_new_tokens": 5}, {}, "cannot be told max_new_tokens: transcriptions have none; leave it at None"),
        ({"num_beams": 2}, {}, "cannot be told num_beams"),
        ({"temperature": 1.0}, {"send_temperature": False}, "is sent no temperature"),
    ],
)
def test_what_it_cannot_be_told_is_refused(
    server: Any, options: dict[str, Any], settings: dict[str, Any], reason: str
) -> None:
    model = TranscriptionApi("tiny", base_url=server.url, **settings)
    assert reason in str(model.option_refusal(GenerationOptions(**options)))
    assert model.option_refusal(GenerationOptions(temperature=0.0)) is None


@pytest.mark.parametrize("body", ["{file: x}", "{a: [1]}"])
def test_fields_that_cannot_be_sent_are_refused(body: str) -> None:
    with pytest.raises(RequestError, match="extra_body holds '[a-z]+'"):
        create_model("transcription-api:x", device="cpu", dtype="auto", arguments={"extra_body": body})


def test_what_is_sent_can_be_shown(server: Any) -> None:
    model = TranscriptionApi("tiny", base_url=server.url, prompt="Hm.")
    assert model.shown_prompt(request(language="zh-CN").sample) == "language=zh prompt=Hm."
