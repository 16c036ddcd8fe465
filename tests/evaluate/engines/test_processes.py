"""Copies of a model in processes of their own, through the command as a user gives it."""

import json
import os
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluate.cli import cli
from evaluate.engines.processes import ProcessEngine, parse_devices
from evaluate.errors import ModelDiedError, ModelLoadError, RequestError
from evaluate.runner import is_out_of_memory
from evaluate.types import AudioRef, GenerationOptions, Request, Sample
from models import create_model

MODEL = """
import os, time
from evaluate.errors import ModelLoadError
from evaluate.model import ModelAdapter
from evaluate.types import Output

class Own(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")

class Mine(ModelAdapter):
    name = "mine"
    task = "none"
    def __init__(self, where="", *, device="auto"):
        self.where, self._device = where, device
    def load(self):
        if self.where == "slow rate":
            self.sample_rate_hz = 8000
        if self.where == "dies":
            os._exit(9)
        if self.where == "absent":
            raise ModelLoadError("weights: not here")
    def begin(self, task, split, asked):
        self.task = task.name
    def generate(self, batch, options):
        if self.where == "slow":
            time.sleep(60)
        for request in batch:
            if request.sample.id == self.where:
                os._exit(7)
            if self.where == "own":
                raise Own("one", "two")
            if self.where == "memory":
                raise MemoryError("no room")
            time.sleep(0.02)
            yield Output(request.sample.id, text=f"{self.task} on {self._device} in {os.getpid()}")
"""


def evaluate(task: Path, model: str, folder: Path, *arguments: str) -> tuple[int, str, list[dict[str, object]]]:
    command = ["eval", "--task", str(task), "--model", model, "--results-dir", str(folder / "results")]
    result = CliRunner().invoke(cli, [*command, "--max-batch-seconds", "1", *arguments], standalone_mode=False)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    logs = list((folder / "results").rglob("predictions.jsonl"))
    return result.return_value, result.output, [json.loads(line) for line in logs[0].read_text().splitlines()]


def test_two_devices_share_the_samples_and_one_log(task_file: Path, model_file: Path, tmp_path: Path) -> None:
    status, _, log = evaluate(task_file, str(model_file), tmp_path, "--devices", "cpu,cpu")
    assert status == 0
    assert sorted(str(line["id"]) for line in log) == sorted(f"s{number}" for number in range(12))
    answered = {str(line["hypothesis"]) for line in log}
    assert len(answered) == 2  # two processes
    assert all(text.startswith("tones on cpu in") and not text.endswith(f" {os.getpid()}") for text in answered)
    [run_json] = (tmp_path / "results").rglob("run.json")
    assert json.loads(run_json.read_text())["sessions"][0]["device"] == "cpu,cpu"


def test_a_sample_that_ends_its_process_fails_alone(task_file: Path, model_file: Path, tmp_path: Path) -> None:
    status, _, log = evaluate(task_file, f"{model_file}:s5", tmp_path, "--devices", "cpu,cpu")
    assert status == 3
    errors = {str(line["id"]): line["error"] for line in log if line["error"]}
    assert errors == {
        "s5": {"type": "ModelDiedError", "message": "the model's process ended with status 7; was it out of memory?"}
    }


def test_what_a_copy_raises_is_logged_as_if_it_were_here(task_file: Path, model_file: Path, tmp_path: Path) -> None:
    _, _, log = evaluate(task_file, f"{model_file}:own", tmp_path, "--devices", "cpu,cpu")
    assert {json.dumps(line["error"]) for line in log} == {json.dumps({"type": "Own", "message": "one and two"})}


def test_a_copy_that_does_not_load_ends_the_command(task_file: Path, model_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="weights: not here"):
        evaluate(task_file, f"{model_file}:absent", tmp_path, "--devices", "cpu,cpu")


def test_a_copy_that_dies_while_it_loads_is_a_model_that_does_not_load(
    task_file: Path, model_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(ModelLoadError, match="mine: while loading, the model's process ended with status 9"):
        evaluate(task_file, f"{model_file}:dies", tmp_path, "--devices", "cpu,cpu")


def requests(folder: Path) -> list[Request]:
    return [Request(Sample("s0", (AudioRef(folder / "x.wav"),), "p", ("r",)), ())]


def engine_of(model_file: Path, where: str) -> ProcessEngine:
    create = partial(create_model, f"{model_file}:{where}", dtype="auto", arguments={})
    return ProcessEngine(create(device="cpu"), [("cpu", partial(create, device="cpu"))])


def test_memory_that_runs_out_there_is_known_as_such_here(model_file: Path, tmp_path: Path) -> None:
    engine = engine_of(model_file, "memory")
    try:
        engine.load()
        with pytest.raises(RuntimeError, match="no room") as raised:
            list(engine.models[0].generate(requests(tmp_path), GenerationOptions()))
        assert is_out_of_memory(raised.value)
    finally:
        engine.close()


def test_answers_that_were_not_read_do_not_pass_for_those_to_the_next_batch(model_file: Path, tmp_path: Path) -> None:
    engine = engine_of(model_file, "")
    [one] = requests(tmp_path)
    other = Request(Sample("s1", one.sample.audio, "p", ("r",)), ())
    try:
        engine.load()
        [copy] = engine.models
        outputs = iter(copy.generate([one, other], GenerationOptions()))
        assert next(outputs).sample_id == "s0"
        outputs.close()  # type: ignore[attr-defined]
        assert [output.sample_id for output in copy.generate([other], GenerationOptions())] == ["s1"]
    finally:
        engine.close()


def test_a_rate_that_is_known_only_when_loaded_is_taken_from_the_copy(model_file: Path) -> None:
    engine = engine_of(model_file, "slow rate")
    try:
        assert engine.models[0].sample_rate_hz == 16_000
        engine.load()
        assert engine.models[0].sample_rate_hz == 8000
    finally:
        engine.close()


def test_models_of_one_file_are_told_apart_by_what_follows_the_colon(
    task_file: Path, model_file: Path, tmp_path: Path
) -> None:
    for where in ("one", "other"):
        evaluate(task_file, f"{model_file}:{where}", tmp_path)
    assert len(list((tmp_path / "results").rglob("predictions.jsonl"))) == 2


def test_a_busy_copy_can_be_stopped(model_file: Path, tmp_path: Path) -> None:
    engine = engine_of(model_file, "slow")
    try:
        engine.load()
        [copy] = engine.models
        started = time.monotonic()
        threading.Timer(0.5, copy.stop).start()
        with pytest.raises(ModelDiedError, match="SIGKILL"):
            list(copy.generate(requests(tmp_path), GenerationOptions()))
        assert time.monotonic() - started < 30
    finally:
        engine.close()


def test_devices_are_named_by_number_or_name() -> None:
    assert parse_devices("0, 1,cpu") == ["cuda:0", "cuda:1", "cpu"]
    with pytest.raises(RequestError, match="names an empty device"):
        parse_devices("0,,1")


def test_device_and_devices_together_are_refused(task_file: Path, model_file: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="leave one out"):
        evaluate(task_file, str(model_file), tmp_path, "--device", "cpu", "--devices", "cpu,cpu")
