from pathlib import Path

import pytest

from evaluate.evaluation import Evaluation, EvaluationSettings
from evaluate.selection import Selection
from evaluate.testing import ScriptedModel
from tasks.librispeech import LibriSpeech


@pytest.fixture
def selections(librispeech: Path) -> list[Selection]:
    task = LibriSpeech(librispeech)
    splits = [task.read_split(name) for name in ("test-clean", "test-other")]
    return [Selection(task, split, split.samples) for split in splits]


@pytest.fixture
def model(selections: list[Selection]) -> ScriptedModel:
    return ScriptedModel({sample.id: "one tone" for selection in selections for sample in selection.samples})


def test_one_load_serves_several_splits_and_a_finished_run_needs_none(
    selections: list[Selection], model: ScriptedModel, tmp_path: Path
) -> None:
    settings = EvaluationSettings(results_dir=tmp_path)
    first = Evaluation(model, settings, lambda _: None).run(selections)
    assert model.num_loads == 1
    again = Evaluation(model, settings, lambda _: None).run(selections)
    assert model.num_loads == 1
    assert [one["metrics"] for one in again] == [one["metrics"] for one in first]


def test_counts_add_up_whatever_fails(selections: list[Selection], tmp_path: Path) -> None:
    answers: dict[str, str | Exception] = {
        sample.id: "one tone" for selection in selections for sample in selection.samples
    }
    answers["11-22-0001"] = RuntimeError("told to fail")
    [document, _] = Evaluation(ScriptedModel(answers), EvaluationSettings(results_dir=tmp_path), lambda _: None).run(
        selections
    )
    assert document["n_total"] == document["n_scored"] + document["n_unparsed"] + document["n_failed"] == 3
    assert document["n_failed"] == 1


def test_files_that_differ_in_sampling_rate_are_noticed(
    selections: list[Selection], model: ScriptedModel, tmp_path: Path
) -> None:
    from evaluate.testing import write_tone

    write_tone(selections[0].samples[0].audio[0].path, sample_rate_hz=8_000)
    lines: list[str] = []
    Evaluation(model, EvaluationSettings(results_dir=tmp_path), lines.append).run(selections[:1])
    assert "librispeech: the files differ in sampling rate: 2 at 16000 Hz, 1 at 8000 Hz" in lines
