"""Run the command with a fault at its N-th write, for N from 1 until it gets through, and then once more without.

    python stop_at.py FAULT FOLDER [STEP]

A process that has everything imported forks for each run, so that a run takes some hundredths of a second. A write is
each write to the log (before it, and in the middle of it), and each flush, close, fsync, replace, rename and mkdir of
any file that the program makes: log, run.json, scores, kept scores, page data. Prints a line of JSON for each N.
"""

import errno
import io
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

LOGGED = "logged.jsonl"  # in the folder of each run: what was written to its log as a whole
MODEL = """\
import hashlib
from evaluate.model import ModelAdapter
from evaluate.types import Output


class Mine(ModelAdapter):
    name = "mine"

    def generate(self, batch, options):
        for request in batch:
            yield Output(request.sample.id, text=hashlib.sha256(request.waveforms[0].tobytes()).hexdigest()[:3])
"""
TASK = "name: tones\nkind: asr\nlanguage: en\nmanifest: m.jsonl\nprompt: p\nmetrics: [cer, wer]\n"
NUM_SAMPLES = 5


def make_task(folder: Path) -> None:
    from evaluate.testing import write_tone

    lines = []
    for number in range(NUM_SAMPLES):
        write_tone(folder / f"{number}.wav", duration_s=0.1, frequency_hz=200 + 20 * number)
        lines.append(json.dumps({"id": f"s{number}", "audio": f"{number}.wav", "references": [f"abc{number}"]}))
    (folder / "0.wav").write_bytes(b"RIFF, but no sound")  # one that fails in every run
    (folder / "m.jsonl").write_text("\n".join(lines))
    (folder / "tones.yaml").write_text(TASK)
    (folder / "mine.py").write_text(MODEL)


class Writes:
    """Counts writes, and does something at one of them; the first is number 1."""

    def __init__(self, fault: str, at: int) -> None:
        self._fault, self._at = fault, at
        self.count = 0
        self.last = ""  # what the fault came at

    def pass_one(self, what: str, torn: Callable[[], object] = lambda: None) -> None:
        self.count += 1
        if self._fault == "full" and self.count >= self._at:  # and it stays full
            self.last = self.last or what
            torn()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.count == self._at:
            self.last = what
            torn()
            sent = {"kill": signal.SIGKILL, "terminate": signal.SIGTERM}.get(self._fault, signal.SIGINT)
            os.kill(os.getpid(), sent)
        elif self.count == self._at + 1 and self._fault == "interrupt twice":
            os.kill(os.getpid(), signal.SIGINT)


class WatchedFile:
    """A file that is written: tells of each flush, and where it is not buffered of each write."""

    def __init__(self, file: Any, name: str, writes: Writes) -> None:
        self._file, self._name, self._writes = file, name, writes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "WatchedFile":
        return self

    def __exit__(self, *error: object) -> None:
        self._writes.pass_one(f"close {self._name}")
        self._file.close()

    def write(self, content: Any) -> int:
        if type(self._file).__name__ == "FileIO":
            half = bytes(content)[: len(content) // 2]
            self._writes.pass_one(f"write {self._name}")
            self._writes.pass_one(f"half a write {self._name}", lambda: self._file.write(half))
            with io.FileIO(LOGGED, "a") as logged:  # not Path.open, which is watched
                logged.write(content)
        return int(self._file.write(content))

    def flush(self) -> None:
        self._writes.pass_one(f"flush {self._name}")
        self._file.flush()


def watch(writes: Writes) -> None:
    """Have every write of this process told."""
    opened, fsync, originals = Path.open, os.fsync, {}

    def open_watched(path: Path, mode: str = "r", *arguments: Any, **settings: Any) -> Any:
        file = opened(path, mode, *arguments, **settings)
        return WatchedFile(file, path.name, writes) if set(mode) & set("wa+") else file

    def fsync_watched(descriptor: int) -> None:
        writes.pass_one(f"fsync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        fsync(descriptor)

    def watched(name: str) -> Callable[..., Any]:
        def method(path: Path, *arguments: Any, **settings: Any) -> Any:
            writes.pass_one(f"{name} {path.name}")
            return originals[name](path, *arguments, **settings)

        return method

    Path.open, os.fsync = open_watched, fsync_watched
    for name in ("replace", "rename", "mkdir", "write_bytes", "write_text"):
        originals[name] = getattr(Path, name)
        setattr(Path, name, watched(name))


def in_a_child(do: Callable[[], None], output: Path) -> int:
    """Return how a forked process ended, as a shell has it: 128 and the signal's number for one that was killed."""
    child = os.fork()
    if child == 0:
        for descriptor, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(output.with_suffix(f".{name}"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
        try:
            do()
        except SystemExit as stop:
            sys.stdout.flush()
            os._exit(int(stop.code or 0))
        finally:  # an exception that came out of the command
            os._exit(99)
    _, status = os.waitpid(child, 0)
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def whole_lines(log: Path) -> list[dict[str, Any]]:
    lines = log.read_bytes().splitlines(keepends=True) if log.exists() else []
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


def run(fault: str, at: int, folder: Path) -> dict[str, Any]:
    """Run the command with a fault at its write number `at`, and then again; returns what was found."""
    from evaluate.cli import main

    place = folder / "runs" / str(at)
    place.mkdir(parents=True)
    os.environ["OTOSCOPE_PAGES"], os.environ["OTOSCOPE_SCORED"] = str(place / "pages"), str(place / "kept")
    command = ["eval", "--task", str(folder / "tones.yaml"), "--model", str(folder / "mine.py"), "--json"]
    command += ["--results-dir", str(place / "results"), "--max-batch-seconds", "0.2", "--allow-failures", "1"]
    writes = Writes(fault, at)

    def disturbed() -> None:
        os.chdir(place)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        watch(writes)
        try:
            main(command)
        finally:
            os.write(2, f"\nthe fault came at: {writes.last}\n".encode())

    status = in_a_child(disturbed, place / "disturbed")
    log = next((place / "results").rglob("predictions.jsonl"), place / "none")
    before = whole_lines(place / LOGGED)
    resumed = in_a_child(lambda: main(command), place / "resumed")
    log = next((place / "results").rglob("predictions.jsonl"), place / "none")
    printed = (place / "resumed.stdout").read_text()
    return {
        "at": at,
        "status": status,
        "stderr": (place / "disturbed.stderr").read_text(),
        "resumed": resumed,
        "resumed_stderr": (place / "resumed.stderr").read_text(),
        "document": json.loads(printed)[0] if printed else None,
        "before": before,
        "after": whole_lines(log),
        "record": json.loads(log.with_name("run.json").read_text()) if log.exists() else None,
        "left_over": sorted(path.name for path in (place / "results").rglob("*.tmp")),
        "num_page_data": sum(one.parent.suffix != ".tmp" for one in (place / "pages").glob("*/made_from.json")),
    }


def main() -> None:
    fault, folder = sys.argv[1], Path(sys.argv[2])
    step = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    make_task(folder)
    warm = ["eval", "--task", str(folder / "tones.yaml"), "--model", str(folder / "mine.py")]
    from evaluate.cli import main as command

    try:  # what is imported on the way is then there in every child
        command([*warm, "--results-dir", str(folder / "warm"), "--allow-failures", "1"])
    except SystemExit as stop:
        if stop.code:
            raise
    at = 1
    while True:
        found = run(fault, at, folder)
        print(json.dumps(found), flush=True)
        if "the fault came at: \n" in found["stderr"]:  # it got through
            return
        at += step


if __name__ == "__main__":
    main()
