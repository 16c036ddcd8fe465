"""Fixtures that many tests share: real corpora and checkpoints where they are, small made-up corpora, the command."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from evaluate.cli import main
from evaluate.testing import write_tone

settings.register_profile("otoscope", deadline=None)  # these machines are noisy, first calls import
settings.load_profile("otoscope")

ROOT = Path(__file__).resolve().parents[1]
CORPORA = Path(os.environ.get("OTOSCOPE_TEST_CORPORA", ROOT.parent / "shared" / "data"))
CHECKPOINTS = Path(os.environ.get("OTOSCOPE_TEST_CHECKPOINTS", ROOT / "build" / "checkpoints"))


@dataclass(frozen=True)
class CommandResult:
    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)


@pytest.fixture
def otoscope(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., CommandResult]]:
    """Run the command in this process; returns status, stdout and stderr."""
    before = signal.getsignal(signal.SIGTERM)

    def run(*arguments: object) -> CommandResult:
        capfd.readouterr()
        with pytest.raises(SystemExit) as exit_info:
            main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return CommandResult(int(exit_info.value.code or 0), captured.out, captured.err)

    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def corpora() -> Path:
    """Real recordings with true transcripts, in the corpora's own layouts."""
    if not (CORPORA / "LibriSpeech").is_dir():
        pytest.skip(f"no real recordings in {CORPORA}; set OTOSCOPE_TEST_CORPORA")
    return CORPORA


@pytest.fixture
def checkpoint() -> Callable[[str], Path]:
    """Real Whisper checkpoints by size, e.g. `checkpoint("base")`."""

    def find(size: str) -> Path:
        folder = CHECKPOINTS / f"whisper-{size}"
        if not folder.is_dir():
            pytest.skip(f"no checkpoint {folder}; set OTOSCOPE_TEST_CHECKPOINTS")
        return folder

    return find


@pytest.fixture
def librispeech(tmp_path: Path) -> Path:
    """A data folder with a LibriSpeech of three test-clean and two test-other utterances: tones with made-up texts."""
    data = tmp_path / "data"
    texts = {
        "test-clean": {"11-22-0000": "ONE TONE", "11-22-0001": "ANOTHER TONE", "33-44-0000": "A THIRD ONE"},
        "test-other": {"55-66-0000": "TWO TONES", "55-66-0001": "THE LAST"},
    }
    for split, utterances in texts.items():
        for number, (utterance, text) in enumerate(utterances.items()):
            speaker, chapter, _ = utterance.split("-")
            folder = data / "LibriSpeech" / split / speaker / chapter
            write_tone(folder / f"{utterance}.flac", duration_s=0.3 + 0.1 * number)
            with (folder / f"{speaker}-{chapter}.trans.txt").open("a") as file:
                file.write(f"{utterance} {text}\n")
    return data


@pytest.fixture
def write_jsonl(tmp_path: Path) -> Callable[..., Path]:
    """Write records (or raw lines) to a JSONL file under the test's folder."""

    def write(name: str, *records: dict[str, Any] | str) -> Path:
        path = tmp_path / name
        lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    return write
