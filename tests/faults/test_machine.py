"""What a machine does in days: memory and disk that run out, folders that are locked, clocks that are set back."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import evaluate.results
from evaluate.errors import Terminated
from evaluate.prediction_log import LogWriter, index_log
from evaluate.testing import write_tone
from evaluate.types import Prediction

Command = Callable[..., Any]
OURS = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
NUM_SAMPLES = 8
MODEL = """\
import hashlib
import os
import sys
import numpy as np
from evaluate.model import ModelAdapter
from evaluate.types import Output


class Mine(ModelAdapter):
    name = "mine"

    def __init__(self, where="", *, device="auto"):
        self.where = where

    def load(self):
        if self.where == "exits":
            sys.exit(0)
        if self.where == "limited":
            import resource
            room = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + 400_000_000
            resource.setrlimit(resource.RLIMIT_AS, (room, room))

    def generate(self, batch, options):
        if self.where == "limited":
            np.zeros((len(batch), 100_000_000), np.uint8)  # 100 MB a sample
        for request in batch:
            if request.sample.id == self.where:
                sys.exit(0)
            words = hashlib.sha256(request.waveforms[0].tobytes()).hexdigest()[:3]
            yield Output(request.sample.id, text=" ".join(words))
"""
MOUNTED = "needs the right to mount a file system"


@pytest.fixture
def task(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MODEL)
    lines = []
    for number in range(NUM_SAMPLES):
        write_tone(tmp_path / f"{number}.wav", duration_s=0.1, frequency_hz=200 + 20 * number)
        lines.append(json.dumps({"id": f"s{number}", "audio": f"{number}.wav", "references": ["a b c"]}))
    (tmp_path / "m.jsonl").write_text("\n".join(lines))
    path = tmp_path / "tones.yaml"
    path.write_text("name: tones\nkind: asr\nlanguage: en\nmanifest: m.jsonl\nprompt: p\nmetrics: [wer, cer]\n")
    return path


def arguments(task: Path, results: Path, *more: object, where: str = "") -> list[str]:
    model = f"{task.with_name('mine.py')}{where and ':' + where}"
    command = ("eval", "--task", task, "--model", model, "--results-dir", results, "--max-batch-seconds", "0.8")
    return [str(word) for word in (*command, "--json", *more)]


@pytest.fixture
def evaluate_in(otoscope: Command, task: Path) -> Command:
    def run(results: Path, *more: object, where: str = "") -> Any:
        return otoscope(*arguments(task, results, *more, where=where))

    return run


def in_a_process(task: Path, results: Path, *more: object, where: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "evaluate", *arguments(task, results, *more, where=where)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=OURS)


def read(results: Path, name: str) -> list[Any]:
    [path] = results.rglob(name)
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Mount a small file system of its own; the test is skipped where that is not allowed."""
    mounted = []

    def do(options: str) -> Path:
        folder = tmp_path / "mounted"
        folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip(MOUNTED)
        mounted.append(folder)
        return folder

    try:
        yield do
    finally:
        for folder in mounted:
            subprocess.run(["umount", str(folder)], check=True)


# Memory


def test_a_model_whose_memory_is_limited_by_the_system_gets_smaller_batches(task: Path, tmp_path: Path) -> None:
    result = in_a_process(task, tmp_path / "limited", where="limited")
    assert result.returncode == 0, result.stderr
    [document] = json.loads(result.stdout)
    assert (document["n_scored"], document["n_failed"]) == (NUM_SAMPLES, 0)
    [path] = (tmp_path / "limited").rglob("run.json")
    [session] = json.loads(path.read_text())["sessions"]
    assert session["num_out_of_memory"] > 0
    assert session["largest_batch"] == NUM_SAMPLES


def test_memory_that_runs_out_while_a_file_is_decoded_fails_its_sample_and_the_next_session_mends_it(
    evaluate_in: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        break_decoding(patch, MemoryError("no room for 3.wav"))
        result = evaluate_in(tmp_path / "results")
    assert result.status == 3
    [failed] = [line for line in read(tmp_path / "results", "predictions.jsonl") if line["error"]]
    assert (failed["id"], failed["error"]["type"]) == ("s3", "MemoryError")
    assert failed["error"]["message"].startswith("no room for 3.wav")
    assert evaluate_in(tmp_path / "results").json[0]["n_failed"] == 0


def break_decoding(patch: pytest.MonkeyPatch, error: BaseException) -> None:
    from evaluate.engines.decoding import load_waveform

    def load(ref: Any, **settings: Any) -> Any:
        if ref.path.name == "3.wav":
            raise error
        return load_waveform(ref, **settings)

    patch.setattr("evaluate.engines.decoding.load_waveform", load)


def test_memory_that_runs_out_elsewhere_is_one_line_and_what_was_done_is_kept(
    evaluate_in: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("evaluate.evaluation.score_log", partial(throw, MemoryError()))
        result = evaluate_in(tmp_path / "results")
    assert result.status == 4
    assert result.stderr.splitlines()[-1].startswith("error: out of memory; lower --max-batch-seconds or free some")
    assert "Traceback" not in result.stderr
    assert len(read(tmp_path / "results", "predictions.jsonl")) == NUM_SAMPLES
    assert evaluate_in(tmp_path / "results").status == 0


def throw(error: BaseException, *_: object, **__: object) -> None:
    raise error


# Threads and libraries


def test_a_decode_worker_that_ends_its_thread_fails_its_sample_alone(
    evaluate_in: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_decoding(monkeypatch, SystemExit(0))  # passed on, it would end the command with status 0
    result = evaluate_in(tmp_path / "results")
    assert result.status == 3
    [failed] = [line for line in read(tmp_path / "results", "predictions.jsonl") if line["error"]]
    assert failed["id"] == "s3"
    assert failed["error"]["message"] == "sample 's3': what decodes it called exit (0)"


def test_a_model_that_calls_exit_is_no_end_of_the_run(evaluate_in: Command, tmp_path: Path) -> None:
    result = evaluate_in(tmp_path / "results", where="s5")
    assert result.status == 3
    [failed] = [line for line in read(tmp_path / "results", "predictions.jsonl") if line["error"]]
    assert (failed["id"], failed["error"]["type"]) == ("s5", "SystemExit")


def test_a_model_that_calls_exit_while_it_loads_is_no_success(evaluate_in: Command, tmp_path: Path) -> None:
    result = evaluate_in(tmp_path / "results", where="exits")
    assert result.status == 4
    assert result.stderr.splitlines()[-1] == "error: a library ended the command (exit 0); what was done is kept"


def test_a_request_to_end_is_no_fault_of_the_model(
    evaluate_in: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("evaluate.runner._closed", partial(throw, Terminated(143)))
        assert evaluate_in(tmp_path / "results").status == 143
    assert read(tmp_path / "results", "predictions.jsonl") == []


STUCK = """\
import os, signal, sys, threading, time
import evaluate.runner
from evaluate.cli import main

def stuck(*_, **__):
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    time.sleep(60)

evaluate.engines.decoding.load_waveform = stuck
main(sys.argv[1:])
"""


def test_a_second_ctrl_c_does_not_wait_for_a_file_that_is_being_decoded(task: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", STUCK, *arguments(task, tmp_path / "results")]
    hear_interrupts = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=hear_interrupts, env=OURS)
    assert process.stderr is not None
    said = ""
    while "\ninterrupted\n" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    time.sleep(0.2)
    assert process.poll() is None  # it waits for the thread
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "Traceback" not in said + rest


# Disks and folders


@pytest.mark.parametrize("size", ["4k", "8k", "12k", "16k"])  # full at the first file, at the log, after it, at scores
def test_a_real_full_disk_is_said_and_once_there_is_room_the_command_goes_on(
    size: str, mount: Callable[..., Path], evaluate_in: Command, tmp_path: Path
) -> None:
    expected = evaluate_in(tmp_path / "elsewhere").json[0]["metrics"]
    folder = mount(f"size={size}")
    result = evaluate_in(folder / "results", "--max-batch-seconds", "0.1")
    assert result.status == 4
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"error: {folder}/results/runs/mine/tones/test/")
    assert "No space left on device; mend it and run the same command again" in last
    subprocess.run(["mount", "-o", "remount,size=10m", str(folder)], check=True)
    assert evaluate_in(folder / "results").json[0]["metrics"] == expected


def test_a_log_that_fills_the_disk_keeps_no_half_of_a_line(mount: Callable[..., Path]) -> None:
    log = mount("size=8k") / "predictions.jsonl"
    one = Prediction("s", "x" * 3000, None, ("r",), 1.0, 0.1)
    with LogWriter(log) as writer:
        writer.append([one])
        writer.append([one])
        with pytest.raises(OSError, match="No space left"):
            writer.append([one])
    assert index_log(log).num_lines == 2
    assert log.read_bytes().endswith(b"\n")


def test_a_write_that_breaks_off_is_taken_back(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "log")
    one = Prediction("s", "text", None, ("r",), 1.0, 0.1)
    writer.append([one])
    whole, file = (tmp_path / "log").read_bytes(), writer._file

    class Full:
        def write(self, content: Any) -> int:
            if len(content) < 20:
                raise OSError(errno.ENOSPC, "No space left on device")
            return file.write(content[: len(content) // 2])

        fileno, truncate = file.fileno, file.truncate

    writer._file = Full()  # type: ignore[assignment]
    with pytest.raises(OSError, match="No space left"):
        writer.append([one])
    file.close()
    assert (tmp_path / "log").read_bytes() == whole


def test_a_report_that_fills_the_disk_leaves_the_one_before_whole(
    evaluate_in: Command, otoscope: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert evaluate_in(tmp_path / "results").status == 0
    report = ("report", "--results-dir", tmp_path / "results", "--out", tmp_path / "report")
    assert otoscope(*report).status == 0
    pages = {path: path.read_bytes() for path in (tmp_path / "report").glob("leaderboard.*")}
    fsync = os.fsync

    def full(descriptor: int) -> None:
        if "leaderboard" in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        result = otoscope(*report)
    assert result.status == 4
    assert "No space left on device" in result.stderr
    assert {path: path.read_bytes() for path in (tmp_path / "report").glob("leaderboard.*")} == pages
    assert otoscope(*report).status == 0


def test_a_results_folder_on_a_read_only_disk_is_one_line(
    mount: Callable[..., Path], evaluate_in: Command, tmp_path: Path
) -> None:
    folder = mount("size=10m,ro")
    result = evaluate_in(folder / "results")
    assert result.status == 4
    assert result.stderr.splitlines()[-1].startswith(f"error: {folder}/results")
    assert "Read-only file system; mend it and run the same command again" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["mkdir", "open"])
def test_a_folder_that_may_not_be_written_is_one_line(
    name: str, evaluate_in: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = getattr(Path, name)

    def refused(path: Path, *arguments: Any, **settings: Any) -> Any:
        mode = arguments[0] if arguments and isinstance(arguments[0], str) else "w"
        if path.is_relative_to(tmp_path / "results") and mode[0] in "aw":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return original(path, *arguments, **settings)

    with monkeypatch.context() as patch:
        patch.setattr(Path, name, refused)
        result = evaluate_in(tmp_path / "results")
    assert result.status == 4
    assert result.stderr.splitlines()[-1].startswith(f"error: {tmp_path}/results/runs/mine/tones/test/")
    assert "Permission denied; mend it" in result.stderr
    assert evaluate_in(tmp_path / "results").status == 0


# Clocks


class Backwards(datetime):
    """A clock that loses an hour each time it is looked at."""

    looked = 0

    @classmethod
    def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
        assert tz is UTC
        cls.looked += 1
        return datetime(2026, 1, 1, tzinfo=UTC) - timedelta(hours=cls.looked)


def test_a_clock_that_goes_backwards_upsets_neither_durations_nor_the_order_of_runs(
    evaluate_in: Command, otoscope: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate.results, "datetime", Backwards)
    seconds = iter(range(10**6, 0, -1))
    monkeypatch.setattr(time, "time", lambda: float(next(seconds)))
    assert evaluate_in(tmp_path / "results", where="s5").status == 3
    first = evaluate_in(tmp_path / "results", where="s5")  # a second session, which tries the failed one again
    second = evaluate_in(tmp_path / "results", "--limit", "4")
    third = evaluate_in(tmp_path / "results", "--limit", "3")
    created = [one.json[0]["created"] for one in (first, second, third)]
    assert created == sorted(created)
    found = evaluate.results.find_scores(tmp_path / "results")
    assert [document["limit"] for document in found if document["limit"]] == [4, 3]
    for path in (tmp_path / "results").rglob("run.json"):
        times = []
        for session in json.loads(path.read_text())["sessions"]:
            times += [session["start"], session["end"]]
            lasted = datetime.fromisoformat(session["end"]) - datetime.fromisoformat(session["start"])
            assert lasted.total_seconds() >= session["wall_seconds"] - 0.001
            assert all(session[key] >= 0 for key in session if key.endswith("_seconds"))
        assert times == sorted(times)
    assert all(
        line["latency_seconds"] >= 0
        for log in (tmp_path / "results").rglob("predictions.jsonl")
        for line in map(json.loads, log.read_bytes().splitlines())
    )


def test_a_time_that_is_none_or_the_last_there_is_orders_nothing() -> None:
    text = evaluate.environment.now(after=["", "soon", "9999-12-31T23:59:59.999999+00:00", "9998-01-01", None])  # type: ignore[list-item]
    assert datetime.fromisoformat(text) <= datetime.now(UTC)


# Equal inputs, equal scores


def test_a_run_its_twins_and_its_second_scoring_agree_to_the_last_digit(
    evaluate_in: Command, task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "2.wav").write_bytes(b"no sound")
    settings = ("--allow-failures", "1")

    def scores(results: Path, *more: object) -> dict[str, Any]:
        result = evaluate_in(results, *settings, *more)
        assert result.status == 0, result.stderr
        [document] = result.json
        return {key: value for key, value in document.items() if key not in ("created", "run_dir")}

    expected = scores(tmp_path / "once")
    assert (expected["n_total"], expected["n_scored"], expected["n_failed"]) == (NUM_SAMPLES, NUM_SAMPLES - 1, 1)
    assert scores(tmp_path / "small", "--max-batch-seconds", "0.1", "--decode-workers", "1") == expected
    assert scores(tmp_path / "copies", "--devices", "cpu,cpu") == expected
    with monkeypatch.context() as patch:
        patch.setattr("evaluate.evaluation.score_log", partial(throw, KeyboardInterrupt()))
        assert evaluate_in(tmp_path / "stopped", *settings).status == 130
    [log] = (tmp_path / "stopped").rglob("predictions.jsonl")
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[4:6]))
    assert scores(tmp_path / "stopped") == expected
    monkeypatch.setenv("OTOSCOPE_SCORED", str(tmp_path / "nothing kept"))  # so that all is scored again
    assert scores(tmp_path / "once", "--keep-failed") == expected


@pytest.mark.slow
def test_a_twin_in_a_ray_cluster_agrees_to_the_last_digit(task: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="the extra ray is not installed")
    documents = []
    for name, more in (("here", ()), ("ray", ("--engine", "ray", "--device", "cpu", "--ray-models", "2"))):
        result = in_a_process(task, tmp_path / name, *more)
        assert result.returncode == 0, result.stderr
        [document] = json.loads(result.stdout)
        documents.append({key: value for key, value in document.items() if key not in ("created", "run_dir")})
    assert documents[0] == documents[1]
