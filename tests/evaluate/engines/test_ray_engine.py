"""Copies of a model in a Ray cluster: two nodes on this machine, through the command as a user gives it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from evaluate.cli import cli
from evaluate.clips import ClipPolicy
from evaluate.engines.ray_engine import RayEngine, RayOptions, _connect
from evaluate.errors import AudioDecodeError, MachineError, ModelLoadError, RequestError
from evaluate.testing import write_tone
from evaluate.types import AudioRef, GenerationOptions, Sample
from models import create_model

MODEL = """
import os, time
from pathlib import Path
from evaluate.errors import ModelLoadError
from evaluate.model import ModelAdapter
from evaluate.types import Output

class Mine(ModelAdapter):
    name = "mine"
    def __init__(self, where="", *, pause_s: str = "0.02", device="auto"):
        self.where, self._device, self.pause_s = where, device, float(pause_s)
        self.answers_singly = where.startswith("singly")
    def load(self):
        if self.where == "absent":
            raise ModelLoadError("weights: not here")
    def begin(self, task, split, asked):
        self.task = task.name
    def prepare(self):
        if self.where == "unprepared" and os.environ.get("RAY_JOB_ID"):
            raise ValueError("nothing to learn from")
        return {"learnt": "much"}
    def generate(self, batch, options):
        for request in batch:
            if request.sample.id == self.where.removeprefix("singly-"):
                os._exit(7)
            if self.where == "own":
                raise KeyError("one")
            began_s = time.time()
            time.sleep(self.pause_s)
            if self.where == "timed":
                yield Output(request.sample.id, text=f"{began_s} {time.time()}")
                continue
            [heard] = request.waveforms
            heard += 0  # a model may work in place
            audio = f"{len(heard)} {float(abs(heard).sum()):.6f}"
            yield Output(request.sample.id, text=f"{self.task} {audio} in {os.getpid()}")
"""


@pytest.fixture(scope="module")
def ray() -> Any:
    return pytest.importorskip("ray", reason="the extra ray is not installed")


@pytest.fixture(scope="module")
def cluster(ray: Any) -> Iterator[Any]:
    """Two nodes of a CPU each besides the one that this process is on, which computes nothing."""
    from ray.cluster_utils import Cluster

    one = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    one.add_node(num_cpus=1)
    one.add_node(num_cpus=1)
    one.wait_for_nodes()
    yield one
    one.shutdown()


@pytest.fixture(scope="module")
def connected(ray: Any, cluster: Any) -> Iterator[Any]:
    """The same, with this process connected once for many tests; Ray then keeps its workers from test to test."""
    _connect(ray, cluster.address)
    yield cluster
    ray.shutdown()


def evaluate(task: object, folder: Path, *arguments: str) -> tuple[int, str, list[dict[str, Any]]]:
    """Run the command; returns its status, what it printed, and its log."""
    command = ["eval", "--task", str(task), "--results-dir", str(folder), "--max-batch-seconds", "1", *arguments]
    result = CliRunner().invoke(cli, command, standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    [log] = folder.rglob("predictions.jsonl")
    return result.return_value, result.output, [json.loads(line) for line in log.read_text().splitlines()]


def in_ray(cluster: Any, *arguments: str) -> tuple[str, ...]:
    return ("--engine", "ray", "--ray-address", cluster.address, *arguments)


def session(folder: Path) -> Any:
    [path] = folder.rglob("run.json")
    return json.loads(path.read_text())["sessions"][-1]


def test_a_cluster_that_does_not_answer_is_said_at_once(
    ray: Any, task_file: Path, model_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(MachineError, match="no Ray cluster answers at 127.0.0.1:9 "):
        evaluate(task_file, tmp_path, "--model", str(model_file), "--engine", "ray", "--ray-address", "127.0.0.1:9")
    with pytest.raises(RequestError, match="client mode is not supported"):
        evaluate(task_file, tmp_path, "--model", str(model_file), "--engine", "ray", "--ray-address", "ray://x:1")


@pytest.mark.parametrize(("gpus_per_model", "room"), [(1.0, 10), (0.25, 40), (0.4, 20), (2.0, 5), (4.0, 2), (0.0, 3)])
def test_as_many_copies_as_the_nodes_have_room_for(
    ray: Any, model_file: Path, gpus_per_model: float, room: int
) -> None:
    make = partial(create_model, str(model_file), device="auto", dtype="auto", arguments={})
    engine = RayEngine(make(), make, RayOptions(), print)
    engine._num_nodes = 3
    assert engine._room([{"CPU": 8, "GPU": 8}, {"CPU": 8, "GPU": 2}, {"CPU": 8}], gpus_per_model) == room


def test_ray_that_is_not_installed_is_asked_for(
    task_file: Path, model_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RequestError, match=r"pip install 'otoscope\[ray\]'"):
        evaluate(task_file, tmp_path, "--model", str(model_file), "--engine", "ray")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--ray-models", "2"), "--ray-models says more about --engine ray"),
        (("--engine", "ray", "--devices", "0,1"), "--devices 0,1 names GPUs of this machine"),
        (("--engine", "ray", "--device", "cuda:1"), "--device cuda:1: with --engine ray, Ray says which"),
        (("--engine", "ray", "--ray-gpus-per-model", "1.5"), "expected a fraction of one GPU or a whole number"),
        (("--engine", "ray", "--ray-gpus-per-model", "nan"), "expected a fraction of one GPU or a whole number"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    task_file: Path, model_file: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        evaluate(task_file, tmp_path, "--model", str(model_file), *arguments)


@pytest.mark.slow
def test_scores_equal_those_of_the_local_engine(cluster: Any, tmp_path: Path) -> None:
    common = ("--model", "nano", "--device", "cpu", "--dtype", "float32", "--max-batch-seconds", "30")
    _, _, here = evaluate("librispeech:sample", tmp_path / "local", *common)
    status, _, there = evaluate("librispeech:sample", tmp_path / "ray", *common, *in_ray(cluster))
    assert status == 0
    assert {line["id"]: line["hypothesis"] for line in there} == {line["id"]: line["hypothesis"] for line in here}
    scores = [json.loads(next((tmp_path / one).rglob("scores.json")).read_text()) for one in ("local", "ray")]
    assert scores[0]["metrics"] == scores[1]["metrics"]
    assert scores[0]["run_id"] == scores[1]["run_id"]
    assert session(tmp_path / "ray")["device"] == "ray: 2 × cpu"


@pytest.mark.slow
def test_two_copies_of_a_users_own_model_share_the_samples(
    connected: Any, task_file: Path, model_file: Path, tmp_path: Path
) -> None:
    status, _, log = evaluate(task_file, tmp_path / "out", "--model", str(model_file), *in_ray(connected))
    assert status == 0
    assert sorted(str(line["id"]) for line in log) == sorted(f"s{number}" for number in range(12))
    answered = {str(line["hypothesis"]) for line in log}
    assert len(answered) == 2  # two processes, one waveform
    assert all(text.startswith("tones 8000 ") and not text.endswith(f" {os.getpid()}") for text in answered)
    assert session(tmp_path / "out")["prepared"] == {"learnt": "much"}


@pytest.mark.slow
def test_a_node_that_dies_costs_no_sample(connected: Any, task_file: Path, model_file: Path, tmp_path: Path) -> None:
    lost = connected.add_node(num_cpus=1)
    connected.wait_for_nodes()
    folder = tmp_path / "out"

    def kill() -> None:
        deadline_s = time.monotonic() + 120
        while not any(path.read_text() for path in folder.rglob("predictions.jsonl")):
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        connected.remove_node(lost, allow_graceful=False)

    killer = threading.Thread(target=kill)
    killer.start()
    slowly = ("--model-arg", "pause_s=2.5", "--model", str(model_file))
    status, printed, log = evaluate(task_file, folder, *slowly, *in_ray(connected))
    killer.join()
    assert status == 0
    assert Counter(line["id"] for line in log) == {f"s{number}": 1 for number in range(12)}
    assert not any(line["error"] for line in log)
    assert "a copy of the model is lost, another is started" in printed
    assert session(folder)["device"] == "ray: 3 × cpu"


@pytest.mark.slow
@pytest.mark.parametrize("how", ["", "singly-"])
def test_a_sample_that_ends_its_actor_fails_alone(
    connected: Any, task_file: Path, model_file: Path, tmp_path: Path, how: str
) -> None:
    model = ("--model", f"{model_file}:{how}s5", "--allow-failures", "0")
    status, _, log = evaluate(task_file, tmp_path / "out", *model, *in_ray(connected))
    assert status == 3
    assert Counter(line["id"] for line in log) == {f"s{number}": 1 for number in range(12)}
    [failed] = [line for line in log if line["error"]]
    assert (failed["id"], failed["error"]["type"]) == ("s5", "ModelDiedError")
    assert failed["error"]["message"].startswith("the model died over this 3 times, at last so: The actor")


@pytest.mark.slow
def test_faults_of_a_model_are_told_as_they_are(
    connected: Any, task_file: Path, model_file: Path, tmp_path: Path
) -> None:
    _, _, log = evaluate(task_file, tmp_path / "own", "--model", f"{model_file}:own", *in_ray(connected))
    assert {json.dumps(line["error"]) for line in log} == {json.dumps({"type": "KeyError", "message": "'one'"})}
    with pytest.raises(ModelLoadError, match="^weights: not here$"):
        evaluate(task_file, tmp_path / "absent", "--model", f"{model_file}:absent", *in_ray(connected))
    with pytest.raises(ModelLoadError, match="cannot be made ready: ValueError: nothing to learn from"):
        evaluate(task_file, tmp_path / "unprepared", "--model", f"{model_file}:unprepared", *in_ray(connected))


@pytest.mark.slow
def test_two_copies_are_nearly_twice_as_fast(connected: Any, task_file: Path, model_file: Path, tmp_path: Path) -> None:
    seconds = {}
    for copies in ("1", "2"):
        arguments = ("--model", f"{model_file}:timed", "--model-arg", "pause_s=2", "--ray-models", copies)
        _, _, log = evaluate(task_file, tmp_path / copies, *arguments, *in_ray(connected))
        times_s = [float(time_s) for line in log for time_s in line["hypothesis"].split()]
        assert len(times_s) == 24
        seconds[copies] = max(times_s) - min(times_s)  # from the first question to the last answer
    ratio = seconds["1"] / seconds["2"]
    print(f"1 copy: {seconds['1']:.2f} s, 2 copies: {seconds['2']:.2f} s, {ratio:.2f} times as fast")
    assert ratio > 1.5


def engine_of(connected: Any, model_file: Path, said: list[str], **arguments: Any) -> RayEngine:
    make = partial(create_model, str(model_file), device="auto", dtype="auto", arguments={})
    return RayEngine(make(), make, RayOptions(connected.address, num_models=1), said.append, **arguments)


@pytest.mark.slow
def test_a_file_that_only_this_machine_sees_is_sent(connected: Any, model_file: Path, tmp_path: Path) -> None:
    sample = Sample("s", (AudioRef(write_tone(tmp_path / "one.wav", duration_s=5.0)),), "p", ("r",))
    broken = Sample("b", (AudioRef(tmp_path / "two.wav"),), "p", ("r",))
    (tmp_path / "two.wav").write_bytes(b"RIFF")
    heard, notices = [], []
    for arguments in ({}, {"sees": sees_nothing}):
        said: list[str] = []
        engine = engine_of(connected, model_file, said, **arguments)
        try:
            engine.load()
            engine._copies.begin(NamedTask(), None, [])  # type: ignore[union-attr]
            request = engine.decode(sample, sample_rate_hz=16_000, clips=ClipPolicy())
            assert request.waveforms == ()
            [output] = engine.models[0].generate([request], GenerationOptions())
            with pytest.raises(AudioDecodeError, match=r"two\.wav"):
                engine.decode(broken, sample_rate_hz=16_000, clips=ClipPolicy())
        finally:
            engine.close()
        heard.append(str(output.text).partition(" in ")[0])
        notices.append(said)
    assert heard[0] == heard[1]
    assert heard[0].startswith("named 80000 ")
    assert notices[0] == []
    [line] = notices[1]
    assert "not seen by every node of the cluster: audio is decoded here and sent there" in line


def sees_nothing(path: Path, num_bytes: int) -> bool:
    return False


class NamedTask:
    name = "named"


@pytest.mark.slow
def test_ctrl_c_ends_a_cluster_of_its_own_and_leaves_no_process(
    ray: Any, task_file: Path, model_file: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "evaluate", "eval", "--task", str(task_file), "--model", str(model_file)]
    command += ["--engine", "ray", "--model-arg", "pause_s=1", "--results-dir", str(tmp_path / "out"), "--json"]
    environment = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    with subprocess.Popen(
        [*command, "--max-batch-seconds", "1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # see tests/test_kill_and_resume.py
    ) as process:
        deadline_s = time.monotonic() + 240
        while not any(path.read_text() for path in (tmp_path / "out").rglob("predictions.jsonl")):
            assert time.monotonic() < deadline_s
            assert process.poll() is None
            time.sleep(0.1)
        started = psutil.Process(process.pid).children(recursive=True)
        assert len(started) > 2
        interrupted_s = time.monotonic()
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=60)
    assert time.monotonic() - interrupted_s < 30
    assert process.returncode == 130
    assert printed == ""
    [log] = (tmp_path / "out").rglob("predictions.jsonl")
    assert '"error": {' not in log.read_text()  # what was under way is no failure
    assert "The same command goes on from there" in said
    _, alive = psutil.wait_procs(started, timeout=20)
    assert alive == []


@pytest.mark.slow
def test_a_place_without_room_is_said(connected: Any, task_file: Path, model_file: Path, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="no node of the Ray cluster has 2 GPUs"):
        evaluate(task_file, tmp_path, "--model", str(model_file), *in_ray(connected, "--ray-gpus-per-model", "2"))
