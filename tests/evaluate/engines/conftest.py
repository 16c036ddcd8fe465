"""What tests of engines share: a task, and a model in a file of its own."""

import json
from pathlib import Path

import pytest

from evaluate.testing import write_tone


@pytest.fixture
def model_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The model that a test file writes down as MODEL."""
    path = tmp_path / "mine.py"
    path.write_text(request.module.MODEL)
    return path


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    """Twelve tones, s0 to s11."""
    lines = []
    for number in range(12):
        write_tone(tmp_path / f"{number}.wav", duration_s=0.5)
        lines.append(json.dumps({"id": f"s{number}", "audio": f"{number}.wav", "references": ["x"]}))
    (tmp_path / "m.jsonl").write_text("\n".join(lines))
    path = tmp_path / "tones.yaml"
    path.write_text("name: tones\nkind: asr\nlanguage: en\nmanifest: m.jsonl\nprompt: p\nmetrics: [wer]\n")
    return path
