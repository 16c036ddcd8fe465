"""Many samples with every fault at once: 1 % of each, and processes that are killed, interrupted and told to end.

The figures of docs/reliability.md: python -m pytest tests/faults/test_soak.py -m slow -s
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from evaluate.testing import write_tone

OURS = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
LABELS = ("kettle", "tap", "knife")
# What is wrong with a sample, by its number's last two digits, and how it must end.
FAULTS = {
    0: ("unreadable audio", "failed"),
    9: ("empty audio file", "failed"),
    18: ("audio that ends early", "failed"),
    27: ("model raises", "failed"),
    36: ("model raises in company", "scored"),
    45: ("never fits into memory", "failed"),
    54: ("model returns nothing", "failed"),
    63: ("model calls exit", "failed"),
    72: ("empty answer", "unparsed"),
    81: ("lone surrogate", "unparsed"),
    90: ("control characters and a label", "scored"),
    99: ("very long answer", "unparsed"),
}
MODEL = """\
import hashlib
import os
import sys
import time
from evaluate.model import ModelAdapter
from evaluate.types import Output

FAULTS = %r
LABELS = %r


class Mine(ModelAdapter):
    name = "mine"

    def generate(self, batch, options):
        time.sleep(0.001 * len(batch))  # so that kills come in between
        if len(batch) > 24:
            raise MemoryError("24 fit")
        for request in batch:
            number = int(request.sample.id[1:])
            fault, _ = FAULTS.get(number %% 100, ("", ""))
            text = LABELS[int(hashlib.sha256(request.waveforms[0].tobytes()).hexdigest(), 16) %% len(LABELS)]
            if fault == "model raises":
                raise ValueError("told to raise")
            if fault == "model raises in company" and len(batch) > 1:
                raise RuntimeError("only alone")
            if fault == "never fits into memory":
                raise MemoryError("not even alone")
            if fault == "model returns nothing":
                continue
            if fault == "model calls exit":
                sys.exit(0)
            if fault == "empty answer":
                text = ""
            if fault == "lone surrogate":
                text = "\\ud83d"
            if fault == "control characters and a label":
                text = "\\x00\\x1b[2J\\u2028</script>" + text
            if fault == "very long answer":
                text = "hm " * 30_000
            yield Output(request.sample.id, text=text)
"""
DISTURBED_BY = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGKILL)


def make_corpus(folder: Path, num_samples: int) -> None:
    lines = []
    for number in range(num_samples):
        path = write_tone(folder / "clips" / f"{number}.wav", duration_s=0.05, frequency_hz=100 + number % 7000)
        fault, _ = FAULTS.get(number % 100, ("", ""))
        whole = path.read_bytes()
        if fault == "unreadable audio":
            path.write_bytes(random.Random(number).randbytes(1000))
        elif fault == "empty audio file":
            path.write_bytes(b"")
        elif fault == "audio that ends early":
            path.write_bytes(whole[: len(whole) // 2])
        lines.append({"id": f"s{number}", "audio": f"clips/{number}.wav", "references": [LABELS[number % 3]]})
    (folder / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "mine.py").write_text(MODEL % (FAULTS, LABELS))
    task = {"name": "sounds", "kind": "classification", "language": "en", "manifest": "m.jsonl", "choices": LABELS}
    (folder / "sounds.yaml").write_text(json.dumps({**task, "prompt": "p", "metrics": ["accuracy", "macro_f1"]}))


def start(folder: Path, results: str, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "evaluate", "eval", "--task", "sounds.yaml", "--model", "mine.py", "--json"]
    command += ["--results-dir", results, "--max-batch-seconds", "1.6", *more]
    hear_interrupts = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    stdout, stderr = (folder / f"{results}.{name}" for name in ("stdout", "stderr"))
    with stdout.open("wb") as to, stderr.open("wb") as errors:
        pipes = {"stdout": to, "stderr": errors}
        return subprocess.Popen(command, cwd=folder, env=OURS, preexec_fn=hear_interrupts, **pipes)


def finish(folder: Path, results: str, *more: str) -> tuple[int, dict[str, Any]]:
    status = start(folder, results, *more).wait(timeout=1200)
    printed = (folder / f"{results}.stdout").read_text()
    assert printed, f"status {status}: " + (folder / f"{results}.stderr").read_text()
    [document] = json.loads(printed)
    return status, {key: value for key, value in document.items() if key not in ("created", "run_dir")}


def disturb(folder: Path, at_lines: int, sent: signal.Signals) -> None:
    """Start the command and end it once the log has that many lines."""
    earlier = next((folder / "disturbed").rglob("predictions.jsonl"), None)
    if earlier is not None:  # at least one line of this very process
        at_lines = max(at_lines, earlier.read_bytes().count(b"\n") + 1)
    process = start(folder, "disturbed")
    deadline_s = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline_s:
        log = next((folder / "disturbed").rglob("predictions.jsonl"), None)
        if log is not None and log.read_bytes().count(b"\n") >= at_lines:
            break
        time.sleep(0.02)
    process.send_signal(sent)
    assert process.wait(timeout=60) in (-sent, 128 + sent), (folder / "disturbed.stderr").read_text()


def damage(log: Path, rng: random.Random) -> None:
    """Do to a log what disks and people do: a doubled line, a line of garbage, a torn last line."""
    lines = log.read_bytes().splitlines(keepends=True)
    lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    lines.insert(rng.randrange(len(lines)), rng.randbytes(200).replace(b"\n", b"") + b"\n")
    log.write_bytes(b"".join(lines)[:-10])


@pytest.mark.parametrize(("num_samples", "num_kills"), [(1_000, 2), pytest.param(10_000, 20, marks=pytest.mark.slow)])
def test_with_one_per_cent_of_every_fault_each_sample_ends_in_its_state(
    num_samples: int, num_kills: int, tmp_path: Path
) -> None:
    seed = int(os.environ.get("OTOSCOPE_SOAK_SEED", "0"))
    rng = random.Random(seed)
    make_corpus(tmp_path, num_samples)
    began_s = time.monotonic()
    status, undisturbed = finish(tmp_path, "undisturbed")
    undisturbed_s = time.monotonic() - began_s
    assert status == 3
    states = Counter(FAULTS.get(number % 100, ("", "scored"))[1] for number in range(num_samples))
    counts = {f"n_{state}": states[state] for state in ("scored", "unparsed", "failed")}
    assert {name: undisturbed[name] for name in counts} == counts
    assert undisturbed["n_total"] == sum(counts.values()) == num_samples
    seen: dict[str, dict[str, Any]] = {}
    for kill in range(num_kills):
        disturb(tmp_path, (kill + 1) * num_samples // (num_kills + 1), DISTURBED_BY[kill % len(DISTURBED_BY)])
        [log] = (tmp_path / "disturbed").rglob("predictions.jsonl")
        damage(log, rng)
        for line in log.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n") and line.startswith(b'{"id"'):
                record = json.loads(line)
                seen |= {record["id"]: record} if record["error"] is None else {}
    status, disturbed = finish(tmp_path, "disturbed")
    assert status == 3
    assert disturbed == undisturbed, f"seed {seed}"  # to the last digit
    records = {record["id"]: record for record in map(json.loads, log.read_bytes().splitlines())}
    assert list(records) == [f"s{number}" for number in range(num_samples)]
    assert len(log.read_bytes().splitlines()) == num_samples
    assert {sample_id: records[sample_id] for sample_id in seen} == seen  # what was in the log stayed in the log
    assert all(record["error"]["message"] for record in records.values() if record["error"])
    green, resumed = finish(tmp_path, "disturbed", "--keep-failed", "--allow-failures", str(counts["n_failed"]))
    assert green == 0
    assert resumed == undisturbed
    sessions = json.loads(log.with_name("run.json").read_text())["sessions"]
    print(
        f"\n{num_samples} samples, {len(FAULTS)} faults of 1 % each, {num_kills} processes ended, "
        f"{len(sessions)} sessions, seed {seed}: {counts}; accuracy {disturbed['metrics']['accuracy']['value']!r}; "
        f"undisturbed in {undisturbed_s:.0f} s, all in {time.monotonic() - began_s:.0f} s"
    )
