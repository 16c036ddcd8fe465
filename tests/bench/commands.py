"""The command itself: how soon it is there, two workers of a Ray cluster, and what going on after a kill costs.

The model of the last two only waits, so that nothing but the harness is measured, and busy machines matter little.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.measuring import ROOT, Aim, Line, PeerError, Settings, seconds, take_turns

OTOSCOPE = [sys.executable, "-m", "evaluate"]
WAITING = """\
import time

from evaluate.model import ModelAdapter
from evaluate.types import Output


class Waiting(ModelAdapter):
    name = "waiting"

    def __init__(self, where=""):
        pass

    def generate(self, batch, options):
        time.sleep(0.5)  # as a server that answers a batch
        for request in batch:
            yield Output(request.sample.id, text=f"tone {request.sample.id}")
"""
NUM_BATCHES = 40


def start_up(settings: Settings) -> Iterator[Line]:
    """`--help`, from the shell to the last line."""
    theirs = settings.peers / "bin" / "lm_eval"
    if not theirs.exists():
        raise PeerError(f"lm_eval: no {theirs}; make {settings.peers.name}")
    own = Path(sys.executable).with_name("otoscope")
    commands = {"ours": [str(own)] if own.exists() else OTOSCOPE, "theirs": [str(theirs)]}

    def run(side: str) -> None:
        done = subprocess.run([*commands[side], "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode or "usage" not in done.stdout.lower():
            raise PeerError(f"{commands[side][0]} --help: status {done.returncode}: {done.stderr.strip()[-200:]}")

    sides = {side: partial(seconds, partial(run, side)) for side in commands}
    take_turns(sides, 1)  # compiles what is imported, and reads it from the disk
    version = "from importlib.metadata import version; print('lm_eval', version('lm_eval'))"
    python = settings.peers / "bin" / "python"
    said = subprocess.run([str(python), "-c", version], capture_output=True, text=True, check=True).stdout.strip()
    aim = Aim("at least", 3)
    line = partial(take_turns(sides, 9).line, "start-up", "otoscope --help", "lm_eval --help")
    yield line(ours="ours", theirs="theirs", aim=aim, notes=[said])


class WaitingRun:
    """Runs of a model that waits half a second a batch, on tones.

    Args:
        folder: For its files; results go there too.
    """

    def __init__(self, folder: Path) -> None:
        from evaluate.testing import write_tone

        self.folder = folder
        lines = []
        for number in range(2 * NUM_BATCHES):
            write_tone(folder / f"{number}.wav", duration_s=0.5)
            line = {"id": f"t{number:03}", "audio": f"{number}.wav", "references": [f"tone t{number:03}"]}
            lines.append(json.dumps(line))
        (folder / "tones.jsonl").write_text("\n".join(lines), encoding="utf-8")
        task = "name: tones\nkind: asr\nlanguage: en\nmanifest: tones.jsonl\nprompt: p\nmetrics: [wer]\n"
        (folder / "tones.yaml").write_text(task, encoding="utf-8")
        (folder / "waiting.py").write_text(WAITING, encoding="utf-8")
        self._count = 0

    def command(self, results: Path, *more: str) -> list[str]:
        task, model = str(self.folder / "tones.yaml"), str(self.folder / "waiting.py")
        arguments = ["eval", "--task", task, "--model", model, "--results-dir", str(results), "--json"]
        return [*OTOSCOPE, *arguments, "--max-batch-seconds", "1", *more]  # two tones a batch

    def new_results(self) -> Path:
        self._count += 1
        return self.folder / f"results-{self._count}"

    def run(self, results: Path, *more: str) -> float:
        """Run the command to its end, hold its score against the truth, and return its seconds."""
        environment = {**os.environ, "OTOSCOPE_PAGES": str(self.folder / "p"), "OTOSCOPE_SCORED": str(results / "s")}
        started = time.perf_counter()
        done = subprocess.run(
            self.command(results, *more), cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        took_s = time.perf_counter() - started
        if done.returncode:
            raise PeerError(f"otoscope {' '.join(more)}: status {done.returncode}: {done.stderr.strip()[-300:]}")
        [document] = json.loads(done.stdout)
        if document["n_scored"] != 2 * NUM_BATCHES or document["metrics"]["wer"]["value"] != 0:
            raise PeerError(f"otoscope {' '.join(more)}: not every tone has its answer")
        return took_s

    def run_seconds(self, *more: str) -> float:
        """Return how long a run took from its first sample to its last, without start-up."""
        results = self.new_results()
        self.run(results, *more)
        return float(session_of(results)["wall_seconds"])


def session_of(results: Path) -> Any:
    """Return what run.json says of the last session."""
    [path] = results.rglob("run.json")
    return json.loads(path.read_text(encoding="utf-8"))["sessions"][-1]


def ray_workers(settings: Settings) -> Iterator[Line]:
    """Two workers of a Ray cluster against one model here; from the first sample to the last."""
    with tempfile.TemporaryDirectory() as name:
        waiting = WaitingRun(Path(name))
        in_ray = ("--engine", "ray", "--ray-models", "2", "--device", "cpu")
        sides = {"ours": partial(waiting.run_seconds, *in_ray), "theirs": waiting.run_seconds}
        times = take_turns(sides, settings.num_pairs)
    yield times.line(
        "ray",
        f"Ray with 2 workers, {NUM_BATCHES} batches of a model that waits 0.5 s for each, without start-up",
        "the local engine",
        ours="ours",
        theirs="theirs",
        aim=Aim("at least", 1.8),
    )


def resume(settings: Settings) -> Iterator[Line]:
    """A run killed at half, and gone on with: the second process, against the remaining share of an undisturbed one."""
    shares: list[float] = []

    with tempfile.TemporaryDirectory() as name:
        waiting = WaitingRun(Path(name))

        def gone_on() -> float:
            results = waiting.new_results()
            shares.append(1 - kill_at_half(waiting, results))
            return waiting.run(results) / shares[-1]

        sides = {"ours": gone_on, "theirs": lambda: waiting.run(waiting.new_results())}
        times = take_turns(sides, settings.num_pairs)
    left = ", ".join(f"{share:.0%}" for share in shares)
    yield times.line(
        "resume",
        "going on after kill -9 at half: whole process, divided by the share of samples that was left",
        "the same run undisturbed, whole process",
        ours="ours",
        theirs="theirs",
        aim=Aim("at most", 1.1),
        notes=[f"left after the kills: {left}; each run ends with every answer in its place"],
    )


def kill_at_half(waiting: WaitingRun, results: Path) -> float:
    """Start a run, kill it when half of its log is there, and return which share that is."""
    process = subprocess.Popen(waiting.command(results), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while process.poll() is None:
            logs = list(results.rglob("predictions.jsonl"))
            num_done = logs[0].read_bytes().count(b"\n") if logs else 0
            if num_done >= NUM_BATCHES:  # two a batch
                process.kill()
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    if num_done < NUM_BATCHES:
        raise PeerError(f"otoscope: ended with status {process.returncode} before it could be killed")
    return logs[0].read_bytes().count(b"\n") / (2 * NUM_BATCHES)
