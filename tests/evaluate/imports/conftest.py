"""A small log in every format: three utterances of the made-up LibriSpeech's test-clean, the second with an error."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

IDS = ("11-22-0000", "11-22-0001", "33-44-0000")
TEXTS = ("ONE TONE", "ANOTHER TONE", "A THIRD ONE")
SAID = ("One tone.", "Another stone.", "A third one.")


def lmms_eval() -> list[dict[str, Any]]:
    return [
        {
            "doc_id": number,
            "target": text,
            "filtered_resps": [said],
            "doc_hash": "6b86b2",
            "wer": {"gt": text, "pred": said, "source": "librispeech_test_clean", "task": "asr_en"},
            "input": "Please recognize the speech and only output the recognized content:",
        }
        for number, (text, said) in enumerate(zip(TEXTS, SAID, strict=True))
    ]


def kimi_evalkit() -> list[dict[str, Any]]:
    return [
        {
            "index": number,
            "question": "Please transcribe the spoken content into written text.",
            "audio_path": f"/data/librispeech/LibriSpeech/test-clean/{name}.flac",
            "answer": text,
            "subset": "test_clean",
            "task_type": "understanding",
            "prediction": said,
            "real_prompt": "Please transcribe the audio content into text.",
        }
        for number, (name, text, said) in enumerate(zip(IDS, TEXTS, SAID, strict=True))
    ]


def ultraeval() -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for number in (2, 0, 1):  # threads: their lines mix
        audio, text = {"type": "audio", "value": f"raw/{IDS[number]}.flac"}, {"type": "text", "value": "transcribe"}
        prompt = [{"role": "user", "contents": [audio, text]}]
        scored = {"pred": SAID[number].lower(), "ref": TEXTS[number], "wer%": 0.0}
        lines += [
            {"type": "prompt", "id": number, "data": {"content": prompt}},
            {"type": "inference", "id": number, "data": {"content": SAID[number]}},
            {"type": "post_process", "id": number, "data": {"content": SAID[number].lower()}},
            {"type": "eval", "id": number, "data": scored},
        ]
    return lines


def audiobench() -> list[dict[str, Any]]:
    return [
        {"instruction": "Transcribe.", "reference": text, "task_type": "ASR", "model_prediction": said}
        for text, said in zip(TEXTS, SAID, strict=True)
    ]


def open_asr() -> list[dict[str, Any]]:
    return [
        {
            "audio_filepath": f"sample_{number}",
            "duration": 0.3,
            "time": 0.1,
            "text": text.lower(),
            "pred_text": said.lower().strip("."),
        }
        for number, (text, said) in enumerate(zip(TEXTS, SAID, strict=True))
    ]


def qwen_audio() -> list[dict[str, Any]]:
    return [
        {"gt": text, "response": said, "source": "librispeech_test_clean", "audio_path": f"test-clean/{name}.flac"}
        for name, text, said in zip(IDS, TEXTS, SAID, strict=True)
    ]


RECORDS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "lmms-eval": lmms_eval,
    "kimi-evalkit": kimi_evalkit,
    "ultraeval": ultraeval,
    "audiobench": audiobench,
    "open-asr": open_asr,
    "qwen-audio": qwen_audio,
}
FILE_NAMES = {
    "lmms-eval": "20250101_samples_librispeech_test_clean.jsonl",
    "kimi-evalkit": "Kimi-Audio_LibriSpeech.jsonl",
    "ultraeval": "2025-01-01.jsonl",
    "audiobench": "librispeech_test_clean.json",
    "open-asr": "MODEL_x_DATASET_librispeech_test.clean.jsonl",
    "qwen-audio": "librispeech_250101120000.json",
}


@pytest.fixture
def write_log(tmp_path: Path) -> Callable[..., Path]:
    """Write records as a program of that name would, by default the three utterances."""

    def write(name: str, records: list[dict[str, Any]] | None = None) -> Path:
        path = tmp_path / FILE_NAMES[name]
        records = RECORDS[name]() if records is None else records
        if path.suffix == ".json":
            path.write_text(json.dumps(records, indent=4), encoding="utf-8")
        else:
            path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        return path

    return write


@pytest.fixture
def records() -> Callable[[str], list[dict[str, Any]]]:
    """The records of the small log in a format, to be changed."""
    return lambda name: RECORDS[name]()
