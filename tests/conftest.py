"""Fixtures that many tests share: real corpora and checkpoints where they are, small made-up corpora, the command."""

import gc
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import settings

from evaluate.cli import main
from evaluate.testing import write_tone

settings.register_profile("otoscope", deadline=None)  # these machines are noisy, first calls import
settings.load_profile("otoscope")

ROOT = Path(__file__).resolve().parents[1]
CORPORA = Path(os.environ.get("OTOSCOPE_TEST_CORPORA", ROOT.parent / "shared" / "data"))
CHECKPOINTS = Path(os.environ.get("OTOSCOPE_TEST_CHECKPOINTS", ROOT / "build" / "checkpoints"))


@pytest.fixture(scope="session", autouse=True)
def _pages(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep what sample pages read, and scores, out of the user's cache."""
    os.environ["OTOSCOPE_PAGES"] = str(tmp_path_factory.mktemp("pages"))
    os.environ["OTOSCOPE_SCORED"] = str(tmp_path_factory.mktemp("scored"))


@pytest.fixture
def cpu_s() -> Callable[..., float]:
    """Least CPU time of several calls in seconds, so that a test of how time grows sees what it calls and nothing else.

    No garbage is collected meanwhile: with all that other tests left behind that alone takes a second.
    """

    def measure(call: Callable[[], object], attempts: int = 2) -> float:
        gc.disable()
        try:
            times_s = []
            for _ in range(attempts):
                started_s = time.process_time()
                call()
                times_s.append(time.process_time() - started_s)
            return min(times_s)
        finally:
            gc.enable()

    return measure


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
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def run(*arguments: object) -> CommandResult:
        capfd.readouterr()
        with pytest.raises(SystemExit) as exit_info:
            main([str(argument) for argument in arguments])
        captured = capfd.readouterr()
        return CommandResult(int(exit_info.value.code or 0), captured.out, captured.err)

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)


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


@pytest.fixture
def passes_check_batching(otoscope: Callable[..., CommandResult], tmp_path: Path) -> Callable[..., None]:
    """Hold a model spec to `otoscope check-batching` in float32: no answer hangs on its neighbours, and none fails."""

    def check(spec: str, *arguments: object) -> None:
        folder = tmp_path / "check-batching"
        folder.mkdir()
        lines = []
        rng = np.random.default_rng(0)  # noise: some front ends divide by the variance of each band
        for number, duration_s in enumerate([1.3, 0.61, 2.0, 0.61, 1.37, 0.9]):
            soundfile.write(folder / f"{number}.wav", rng.normal(0, 0.1, round(16_000 * duration_s)), 16_000)
            lines.append(json.dumps({"id": f"s{number}", "audio": f"{number}.wav", "references": ["a tone"]}))
        (folder / "tones.jsonl").write_text("\n".join(lines))
        task = folder / "tones.yaml"
        task.write_text(
            "name: tones\nkind: asr\nlanguage: en\nmanifest: tones.jsonl\nprompt: What is said?\nmetrics: [wer]\n"
        )
        checked = otoscope(
            *("check-batching", "--model", spec, "--task", task, "--device", "cpu", "--dtype", "float32", "--json"),
            *arguments,
        )
        assert checked.status == 0, checked.stderr
        [split] = checked.json
        assert split["n_failed"] == {"alone": 0, "batched": 0}, checked.stderr
        assert split["largest_batch"] > 1

    return check


class FileServer(ThreadingHTTPServer):
    """Serves files from memory on loopback; may break off, and keeps what it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FileRequest)
        self.files: dict[str, bytes] = {}
        self.ranges: list[str | None] = []  # of the files that were asked for, checksums left out
        self.break_off_after: int | None = None  # bytes of each answer
        self.knows_ranges = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class FileRequest(BaseHTTPRequestHandler):
    server: FileServer

    def do_HEAD(self) -> None:
        content = self.server.files.get(self.path)
        if content is None:
            return self.send_error(404)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        return self.end_headers()

    def do_GET(self) -> None:
        content = self.server.files.get(self.path)
        if content is None:
            return self.send_error(404)
        is_small = self.path.endswith(".sha1")
        wanted = self.headers.get("Range") if self.server.knows_ranges else None
        if not is_small:
            self.server.ranges.append(self.headers.get("Range"))
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if start >= len(content):
            return self.send_error(416)
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = None if is_small or not self.server.break_off_after else start + self.server.break_off_after
        self.wfile.write(content[start:end])
        return None

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def file_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A server on loopback; put files into its `files`, by path."""
    running = FileServer()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield running
    running.shutdown()
    thread.join()
    running.server_close()
