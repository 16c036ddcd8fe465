"""Secrets are planted wherever a user may have some, things go wrong, and all that was written is read."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from evaluate.runner import _failure
from evaluate.secrets import hide_secrets
from evaluate.testing import write_tone

ROOT = Path(__file__).resolve().parents[2]
PLANTED = {
    "OPENAI_API_KEY": "sk-planted-openai-0123456789",
    "HF_TOKEN": "hf_planted0123456789abcdef",
    "AWS_SECRET_ACCESS_KEY": "planted/aws+0123456789abcdef",
    "MY_SERVER_PASSWORD": "planted pass word 0123",
}
URL = "https://user:planted-in-an-address@127.0.0.1:9/v1?api_key=planted-in-a-setting"

# A model of one's own that tells all it knows in what it raises, as clients of HTTP do of their headers.
TALKER = """
import os, sys, time
from evaluate.model import ModelAdapter
from evaluate.types import Output

class Talker(ModelAdapter):
    name = "talker"
    sample_rate_hz = 16_000

    def __init__(self, where, *, how="answer", token="", base_url=""):
        self.how = how
        self.token = token
        self.base_url = base_url

    def tell(self):
        names = ("OPENAI_API_KEY", "HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "MY_SERVER_PASSWORD")
        return f"401 for {[os.environ[name] for name in names]} at {self.base_url or 'https://u:planted-there@h/x'}"

    def load(self):
        if self.how == "load":
            raise RuntimeError(self.tell())
        if self.how == "refuse":
            from evaluate.errors import ModelLoadError
            raise ModelLoadError(self.tell())

    def generate(self, batch, options):
        for request in batch:
            if self.how == "fail":
                raise RuntimeError(self.tell())
            if self.how == "wait":
                print("asked", flush=True)
                time.sleep(60)
            yield Output(request.sample.id, text="kettle")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        write_tone(tmp_path / f"{number}.wav")
    lines = [f'{{"id": "s{number}", "audio": "{number}.wav", "references": ["kettle"]}}\n' for number in range(3)]
    (tmp_path / "m.jsonl").write_text("".join(lines))
    (tmp_path / "t.yaml").write_text("{name: t, kind: asr, language: en, manifest: m.jsonl, metrics: [wer]}")
    (tmp_path / "talker.py").write_text(TALKER)
    return tmp_path


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(folder: Path) -> Iterator[Start]:
    """Start the command with secrets in its environment, and in its arguments where settings may hold some."""
    running: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.endswith("_PROXY")},
            **PLANTED,
            "PYTHONPATH": str(ROOT),
            "OTOSCOPE_PAGES": str(folder / "pages"),
            "OTOSCOPE_SCORED": str(folder / "scored"),
        }
        command = [sys.executable, "-m", "evaluate", *arguments]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        hear_interrupts = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # see tests/test_kill_and_resume.py
        running.append(
            subprocess.Popen(command, cwd=folder, env=environment, text=True, preexec_fn=hear_interrupts, **pipes)  # type: ignore[call-overload]
        )
        return running[-1]

    yield run
    for process in running:
        with process:  # closes the pipes of one that a test has not read to the end
            process.kill()


def evaluation(how: str) -> list[str]:
    settings = [f"how={how}", "token=planted-as-a-setting", f"base_url={URL}"]
    given = [word for setting in settings for word in ("--model-arg", setting)]
    return ["eval", "--task", "t.yaml", "--model", "talker.py", *given]


def planted_in(folder: Path, *said: str) -> list[str]:
    """Return what holds a secret: names of files, and texts."""
    secrets = [value.encode() for value in PLANTED.values()]
    secrets += [b"planted-in-an-address", b"planted-in-a-setting", b"planted-as-a-setting", b"planted-there"]
    files = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "talker.py"}
    texts = {**files, **{text[-2000:]: text.encode() for text in said}}
    return [name for name, content in texts.items() if any(secret in content for secret in secrets)]


@pytest.mark.parametrize(
    ("how", "status", "shown"),
    [
        ("answer", 0, "t:test"),
        ("fail", 3, "leaderboard.md"),
        ("refuse", 4, "error: 401 for ['***'"),
        ("load", 4, "Traceback (most recent call last)"),
    ],
)
def test_no_secret_is_in_anything_that_was_written(
    folder: Path, start: Start, how: str, status: int, shown: str
) -> None:
    process = start(*evaluation(how), *(["--report"] if how == "fail" else []))
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == status, stderr
    assert shown in stdout + stderr
    assert planted_in(folder, stdout, stderr) == []
    if how == "fail":
        [log] = (folder / "results" / "runs").rglob("predictions.jsonl")
        assert log.read_text().count("401 for ['***', '***', '***', '***'] at https://***@127.0.0.1:9") == 3


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_nor_after_an_interrupt(folder: Path, start: Start, sent: signal.Signals) -> None:
    process = start(*evaluation("wait"))
    assert process.stdout is not None
    assert process.stdout.readline() == "asked\n"
    time.sleep(0.1)
    process.send_signal(sent)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + sent, stderr
    assert planted_in(folder, stdout, stderr) == []
    assert list((folder / "results" / "runs").rglob("run.json"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key sk-planted-openai-0123456789.", "key ***."),
        ("Bearer hf_planted0123456789abcdef", "Bearer ***"),
        ("https://u:p@h/x", "https://***@h/x"),
        ("https://h/x?api_key=abc&n=1", "https://h/x?api_key=***&n=1"),
        ("EMPTY is a word, and max_tokens a setting", "EMPTY is a word, and max_tokens a setting"),
    ],
)
def test_what_is_raised_is_shown_without_secrets(monkeypatch: pytest.MonkeyPatch, text: str, shown: str) -> None:
    variables: Mapping[str, str] = {**PLANTED, "SHORT_API_KEY": "EMPTY", "MAX_TOKENS": "and max_tokens a setting"}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert hide_secrets(text) == shown
    assert _failure(RuntimeError(text)).message == shown
