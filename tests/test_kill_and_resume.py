"""Processes that are killed, interrupted and told to stop: what was done is kept, and the result is the same."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from evaluate.testing import write_tone

NUM_SAMPLES = 60
MODEL = """\
import hashlib
import os
import time
from evaluate.model import ModelAdapter
from evaluate.types import Output


class Slow(ModelAdapter):
    name = "slow"

    def __init__(self, where=""):
        pass

    def generate(self, batch, options):
        time.sleep(float(os.environ.get("DELAY_S", "0.03")))
        for request in batch:
            words = hashlib.sha256(request.waveforms[0].tobytes()).hexdigest()[:3]
            yield Output(request.sample.id, text=" ".join(words) + " ß 汉字 tone")
"""


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    folder = tmp_path / "data" / "LibriSpeech" / "test-clean" / "1" / "2"
    for number in range(NUM_SAMPLES):
        write_tone(
            folder / f"1-2-{number:04}.flac", duration_s=0.05 + 0.01 * (number % 7), frequency_hz=200 + 10 * number
        )
    lines = [f"1-2-{number:04} A B TONE {number}" for number in range(NUM_SAMPLES)]
    (folder / "1-2.trans.txt").write_text("\n".join(lines))
    (tmp_path / "slow.py").write_text(MODEL)
    return [
        *(sys.executable, "-m", "evaluate", "eval", "--task", "librispeech:test-clean", "--model", "slow.py", "--json"),
        *("--data-dir", "data", "--max-batch-seconds", "0.2"),
    ]


def start(command: list[str], folder: Path, results: str) -> subprocess.Popen[str]:
    arguments = [*command, "--results-dir", results]
    # A shell starts what it puts into the background deaf to Ctrl-C, and children inherit that.
    hear_interrupts = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(arguments, cwd=folder, text=True, preexec_fn=hear_interrupts, **pipes)


def finish(command: list[str], folder: Path, results: str) -> dict[str, Any]:
    process = start(command, folder, results)
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    [document] = json.loads(stdout)
    assert isinstance(document, dict)
    return document


def wait_for_lines(folder: Path, results: str, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    first = next((folder / results).rglob("predictions.jsonl"), None)
    if first is not None:  # at least one line of this very process, whose session is on record by then
        count = max(count, first.read_bytes().count(b"\n") + 1)
    while time.monotonic() < deadline and process.poll() is None:
        logs = list((folder / results).rglob("predictions.jsonl"))
        if logs and logs[0].read_bytes().count(b"\n") >= count:
            return
        time.sleep(0.005)


def test_sigkill_at_random_moments_changes_nothing_in_the_result(command: list[str], tmp_path: Path) -> None:
    undisturbed = finish(command, tmp_path, "undisturbed")
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    for kill in range(5):
        process = start(command, tmp_path, "killed")  # imports for a while, so that the lines there are others'
        wait_for_lines(tmp_path, "killed", rng.randrange(1 + 9 * kill, 10 + 9 * kill), process)
        time.sleep(rng.uniform(0, 0.04))
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            assert pipe is not None
            pipe.close()
    log = next((tmp_path / "killed").rglob("predictions.jsonl"))
    before = log.read_bytes().count(b"\n")
    assert 0 < before < NUM_SAMPLES, f"seed {seed}: the kills came too early or too late to test anything"
    with log.open("ab") as file:  # and one torn line, which a kill in mid-write leaves
        file.write(b'{"id": "1-2-0000", "hypothe')
    killed = finish(command, tmp_path, "killed")
    assert killed["metrics"] == undisturbed["metrics"], f"seed {seed}"
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == [f"1-2-{number:04}" for number in range(NUM_SAMPLES)]
    expected = next((tmp_path / "undisturbed").rglob("predictions.jsonl")).read_text(encoding="utf-8").splitlines()
    assert [line["hypothesis"] for line in lines] == [json.loads(line)["hypothesis"] for line in expected]
    sessions = json.loads(log.with_name("run.json").read_text())["sessions"]
    assert len(sessions) == 6
    assert sessions[-1]["num_done"] == NUM_SAMPLES - before  # nothing that was done is done again


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_told_to_stop_says_how_to_go_on(
    command: list[str], tmp_path: Path, sent: signal.Signals, status: int
) -> None:
    process = start(command, tmp_path, "stopped")
    wait_for_lines(tmp_path, "stopped", 5, process)
    os.kill(process.pid, sent)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == status
    assert stdout == ""
    assert "interrupted;" in stderr
    assert "The same command goes on from there." in stderr
    assert "Traceback" not in stderr
    assert finish(command, tmp_path, "stopped")["n_scored"] == NUM_SAMPLES


def test_two_processes_at_once_one_of_them_stops(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DELAY_S", "1")  # the first must not be done before the second has started
    first = start(command, tmp_path, "both")
    try:
        wait_for_lines(tmp_path, "both", 1, first)
        second = start(command, tmp_path, "both")
        _, stderr = second.communicate(timeout=60)
        assert second.returncode == 4
        assert "another process is writing this run" in stderr
        assert first.poll() is None
    finally:
        first.kill()
        first.communicate()
