from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluate.errors import MetricUnavailableError, RunDamagedError
from evaluate.judgement_log import LoggedJudge
from evaluate.metrics import create_metric
from evaluate.metrics.base import Judged, Judgement, MetricSettings
from evaluate.results import RunDirectory
from evaluate.scoring import ScoringOptions, score_log
from evaluate.selection import SelectionSettings, select_tasks
from evaluate.testing import ScriptedModel, value_of

Command = Callable[..., Any]
Write = Callable[..., Path]


class LengthJudge:
    """Gives a point per word that the answer shares with a reference."""

    name, scale = "length@1", (0.0, 10.0)

    def __init__(self) -> None:
        self.asked: list[str] = []

    def judge(self, *, question: str, references: tuple[str, ...], answer: str) -> Judgement:
        self.asked.append(f"{question}|{answer}")
        if answer == "?":
            return Judgement(None, "I cannot say.")
        score = float(len(set(answer.split()) & set(references[0].split())))
        return Judgement(score, f"Score: {score:g}")


def test_the_value_is_the_mean_on_the_judge_s_scale() -> None:
    metric = create_metric("judge", MetricSettings(judge=LengthJudge()))
    items = [
        Judged("1", ("a dog barks",), "a dog", question="What?"),
        Judged("2", ("rain",), "rain", question="What?"),
        Judged("3", ("rain",), "?", question="What?"),
        Judged("4", ("rain",), None, "failed"),
    ]
    rows = metric.rows(items)
    assert float(metric.value(rows)) == pytest.approx((2 + 1 + 0 + 0) / 4)
    assert metric.unparsed(rows).tolist() == [False, False, True, False]
    assert metric.details(rows) == {"judge": "length@1", "scale": [0.0, 10.0]}
    assert metric.signature() == "judge|norm:none@1|judge:length@1"


def test_without_a_judge_there_is_no_value() -> None:
    with pytest.raises(MetricUnavailableError, match="no judge is set up"):
        value_of("judge", ["a"], ["b"])


def test_what_a_judge_said_is_kept_and_not_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "judgements.jsonl"
    judge = LengthJudge()
    shown: dict[str, Any] = {"question": "What?", "references": ("a dog",), "answer": "dog"}
    assert LoggedJudge(judge, path).judge(**shown) == Judgement(1.0, "Score: 1")
    assert LoggedJudge(judge, path).judge(**shown) == Judgement(1.0, "Score: 1")
    assert judge.asked == ["What?|dog"]
    LoggedJudge(judge, path).judge(**{**shown, "answer": "?"})
    assert len(judge.asked) == 2
    with path.open("ab") as file:  # a torn last line, as a killed process leaves it
        file.write(b'{"key": "x", "sco')
    assert LoggedJudge(judge, path).judge(**{**shown, "answer": "?"}).score is None
    assert len(judge.asked) == 2
    path.write_text("{}\n")
    with pytest.raises(RunDamagedError, match="holds a line that is no judgement"):
        LoggedJudge(judge, path)


def test_a_run_keeps_the_judge_s_text_beside_its_log(otoscope: Command, write_jsonl: Write, tmp_path: Path) -> None:
    write_jsonl("t.jsonl", {"id": "1", "audio": [], "references": ["a dog"], "question": "What barks?"})
    task = tmp_path / "t.yaml"
    task.write_text("name: t\nkind: chat\nmanifest: t.jsonl\nmetrics: [judge]\n")
    answers = write_jsonl("p.jsonl", {"id": "1", "hypothesis": "a dog it is"})
    command = ("score", "--task", task, "--predictions", answers, "--model-name", "m", "--results-dir", tmp_path / "r")
    document = otoscope(*command, "--json").json
    assert document["metrics"]["judge"]["value"] is None
    assert document["metrics"]["judge"]["reason"] == "no judge is set up; it takes a model that scores answers"
    run = RunDirectory(Path(document["run_dir"]))
    source = SelectionSettings(tmp_path)
    [selection] = select_tasks(str(task), ScriptedModel({}), source, print)
    judge = LengthJudge()
    for _ in range(2):
        scores = score_log(selection.task, selection.split, run, ScoringOptions(judge=judge))
        assert scores["metrics"]["judge"]["value"] == 2
    assert judge.asked == ["What barks?|a dog it is"]
    assert '"text": "Score: 2"' in run.judgements.read_text()


@pytest.mark.parametrize("score", [float("nan"), float("inf"), 1000.0, -5.0, "7", True])
def test_a_score_off_the_scale_is_unparsed_and_the_worst(score: Any, tmp_path: Path) -> None:
    class OffScale(LengthJudge):
        def judge(self, **_: Any) -> Judgement:
            return Judgement(score, "Score!")

    metric = create_metric("judge", MetricSettings(judge=LoggedJudge(OffScale(), tmp_path / "j.jsonl")))
    rows = metric.rows([Judged("1", ("a",), "b")])
    assert (float(metric.value(rows)), metric.unparsed(rows).tolist()) == (0, [True])
    assert "NaN" not in (tmp_path / "j.jsonl").read_text()
    assert "Infinity" not in (tmp_path / "j.jsonl").read_text()


def test_a_number_of_numpy_is_a_score(tmp_path: Path) -> None:
    class Precise(LengthJudge):
        def judge(self, **_: Any) -> Judgement:
            return Judgement(np.float32(3), "3")

    metric = create_metric("judge", MetricSettings(judge=LoggedJudge(Precise(), tmp_path / "j.jsonl")))
    assert float(metric.value(metric.rows([Judged("1", ("a",), "b")]))) == 3
