"""The released weights, for whoever has them (some 17 GB, and as much memory in bfloat16):

OTOSCOPE_QWEN_AUDIO=/models/Qwen-Audio .venv/bin/python -m pytest tests/models/qwen_audio/test_released.py
"""

import os
from pathlib import Path
from typing import Any

import pytest

from evaluate.audio import load_waveform
from evaluate.metrics.error_rate import count_errors
from evaluate.types import AudioRef

CHECKPOINT = os.environ.get("OTOSCOPE_QWEN_AUDIO", "")
ASR_EN = "<|startoftranscript|><|en|><|transcribe|><|en|><|notimestamps|><|wo_itn|>"
# Of the released tokenizer and front-end for this clip, run once: QwenLM/Qwen-Audio at b50fb958.
PROMPT = (155163, *[151851] * 146, 155164, 151852, 151859, 151855, 151859, 151868, 154877)


@pytest.fixture(scope="module")
def released() -> Any:
    if not CHECKPOINT:
        pytest.skip("no released weights; set OTOSCOPE_QWEN_AUDIO to the folder of Qwen/Qwen-Audio")
    from models.qwen_audio import QwenAudio

    return QwenAudio.from_pretrained(CHECKPOINT)


@pytest.mark.slow
def test_the_recording_of_the_readme_is_transcribed(released: Any, corpora: Path) -> None:
    path = corpora / "LibriSpeech" / "dev-clean" / "1272" / "128104" / "1272-128104-0000.flac"
    waveform = load_waveform(AudioRef(path), sample_rate_hz=16_000)
    assert tuple(released.prompt_ids([waveform, ASR_EN])) == PROMPT
    [ids] = released.generate([[waveform, ASR_EN]], max_new_tokens=64)
    heard = released.tokenizer.decode(ids, skip_special_tokens=True).lower().split()
    said = "mister quilter is the apostle of the middle classes and we are glad to welcome his gospel"
    errors = count_errors(reference=said.split(), hypothesis=heard)
    assert errors.substitutions + errors.deletions + errors.insertions <= 1
