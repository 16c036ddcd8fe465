"""`otoscope check-batching`: batches of one held against the batches of a run."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluate.batching_check import check_batching
from evaluate.cli import cli
from evaluate.errors import RequestError
from evaluate.evaluation import EvaluationSettings
from evaluate.model import ModelAdapter
from evaluate.runner import RunnerSettings
from evaluate.selection import SelectionSettings, select_tasks
from evaluate.testing import write_tone
from evaluate.types import GenerationOptions, Output, Request

COMMAND = ["check-batching", "--model", "nano", "--task"]


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    lines = []
    for number in range(6):
        write_tone(tmp_path / f"{number}.wav", duration_s=0.1 * (number + 1))
        lines.append(json.dumps({"id": f"s{number}", "audio": f"{number}.wav", "references": ["heard whole"]}))
    (tmp_path / "m.jsonl").write_text("\n".join(lines))
    path = tmp_path / "tones.yaml"
    path.write_text("name: tones\nkind: asr\nlanguage: en\nmanifest: m.jsonl\nprompt: p\nmetrics: [wer]\n")
    return path


class Leaking(ModelAdapter):
    """Hears the padding: what is shorter than its neighbours comes out otherwise."""

    name = "leaking"

    def __init__(self, *, leaks: bool = True, breaks: bool = False) -> None:
        self._leaks, self._breaks = leaks, breaks

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        longest = max(request.waveforms[0].size for request in batch)
        for request in batch:
            if self._breaks and request.sample.id == "s0":
                raise ValueError("cannot")
            is_padded = self._leaks and request.waveforms[0].size < longest
            yield Output(request.sample.id, text="heard padding" if is_padded else "heard whole")


def check(model: ModelAdapter, task: Path, *, max_batch_seconds: float = 240.0) -> dict[str, object]:
    selections = select_tasks(str(task), model, SelectionSettings(task.parent), print)
    settings = EvaluationSettings(task.parent, runner=RunnerSettings(max_batch_seconds=max_batch_seconds))
    [checked] = check_batching(model, selections, settings, print)
    return checked


def test_answers_that_padding_changes_are_named_with_what_it_costs(task_file: Path) -> None:
    checked = check(Leaking(), task_file)
    assert (checked["n_total"], checked["n_different"], checked["largest_batch"]) == (6, 5, 6)
    assert checked["metrics"] == {"wer": {"alone": 0.0, "batched": 5 / 12, "is_rate": True}}
    different = checked["different"]
    assert isinstance(different, list)
    assert {one["id"] for one in different} == {"s0", "s1", "s2", "s3", "s4"}
    assert {(one["alone"], one["batched"]) for one in different} == {("heard whole", "heard padding")}


def test_a_model_that_does_not_hear_padding_passes(task_file: Path) -> None:
    assert check(Leaking(leaks=False), task_file)["n_different"] == 0


def test_a_sample_that_fails_both_ways_is_counted_as_failed(task_file: Path) -> None:
    checked = check(Leaking(leaks=False, breaks=True), task_file)
    assert (checked["n_different"], checked["n_failed"]) == (0, {"alone": 1, "batched": 1})


def test_without_a_batch_there_is_nothing_to_compare(task_file: Path) -> None:
    with pytest.raises(RequestError, match="no batch holds more than one sample; raise --max-batch-seconds"):
        check(Leaking(), task_file, max_batch_seconds=0.05)


def test_a_model_that_is_not_batched_is_refused(task_file: Path) -> None:
    model = Leaking()
    model.answers_singly = True
    with pytest.raises(RequestError, match="not asked in batches"):
        check(model, task_file)


def test_nano_answers_alike_alone_and_in_batches() -> None:
    result = CliRunner().invoke(cli, [*COMMAND, "librispeech:sample", "--limit", "4", "--json"], standalone_mode=False)
    assert result.return_value == 0
    [checked] = json.loads(result.stdout)
    assert (checked["n_different"], checked["largest_batch"]) == (0, 4)


def test_the_command_fails_where_samples_do(task_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.create_model", lambda *_, **__: Leaking(leaks=False, breaks=True))
    result = CliRunner().invoke(cli, [*COMMAND, str(task_file)], standalone_mode=False)
    assert result.return_value == 3
    assert "failed: 1 alone, 1 batched" in result.stdout


def test_the_command_fails_where_answers_differ(task_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.create_model", lambda *_, **__: Leaking())
    result = CliRunner().invoke(cli, [*COMMAND, str(task_file)], standalone_mode=False)
    assert result.return_value == 1
    assert "leaking on tones:test, dtype unknown: 5 of 6 answers differ" in result.stdout
    assert "heard padding" in result.stdout
