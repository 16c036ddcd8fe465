"""Scores documents from elsewhere: what other programs rely on is enough, and nothing else than numbers is a number."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.errors import RunDamagedError
from evaluate.results import find_scores, read_scores

Command = Callable[..., Any]

CONTRACT = {
    **{"task": "speech", "split": "test", "model": "theirs", "primary": "wer"},
    **{"n_total": 4, "n_scored": 4, "n_unparsed": 0, "n_failed": 0},
    "metrics": {"wer": {"value": 0.25, "ci": [0.1, 0.5], "higher_is_better": False, "signature": "wer|theirs"}},
}


def place(results: Path, document: Any, name: str = "theirs") -> Path:
    path = results / "runs" / name / "speech" / "test" / "0" / "scores.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(document))
    return path


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return the document with one field, named by a path with dots, set to something else."""
    document: dict[str, Any] = json.loads(json.dumps(CONTRACT))
    *folders, last = path.split(".")
    inner = document
    for folder in folders:
        inner = inner[folder]
    inner[last] = value
    return document


def test_what_other_programs_rely_on_is_enough(otoscope: Command, tmp_path: Path) -> None:
    place(tmp_path, CONTRACT)
    [document] = find_scores(tmp_path)
    assert document["metrics"]["wer"]["is_rate"] is True  # as of the metric of that name
    assert document["coverage"] == {"complete": True, "found": 4, "official": 4}
    exports = ("--export", "model-index", "--export", "lm-eval")
    result = otoscope("report", "--results-dir", tmp_path, "--out", tmp_path / "out", *exports)
    assert result.status == 0
    assert "| theirs | 25.00 (10.00–50.00) |" in (tmp_path / "out" / "leaderboard.md").read_text()


@pytest.mark.parametrize("task", ["librispeech", "covost2", "clotho", "clothoaqa", "nsynth", "srwt"])
def test_what_is_scored_here_is_as_it_must_be(otoscope: Command, tmp_path: Path, task: str) -> None:
    model = ("--model", "baseline:majority", "--limit", "4", "--results-dir", tmp_path)
    assert otoscope("eval", "--task", f"{task}:sample", *model).status == 0
    damaged: list[str] = []
    assert len(find_scores(tmp_path, damaged=damaged.append)) == 1
    assert damaged == []


def test_a_metric_that_nobody_knows_here_is_no_rate(tmp_path: Path) -> None:
    document = changed("metrics", {"theirs": CONTRACT["metrics"]["wer"]})  # type: ignore[index]
    assert read_scores(place(tmp_path, {**document, "primary": "theirs"}))["metrics"]["theirs"]["is_rate"] is False


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("task", None, "task is None, expected a name"),
        ("model", 5, "model is 5, expected a name"),
        ("n_total", "4", "n_total is '4', expected a count"),
        ("n_failed", True, "n_failed is True, expected a count"),
        ("n_failed", -1, "n_failed is -1, expected a count"),
        ("primary", ["wer"], "primary is list"),
        ("primary", "cer", "primary is 'cer', expected one of its metrics"),
        ("metrics", [], "metrics is list [], expected an object"),
        ("metrics.wer", 0.1, "metrics.wer is 0.1, expected an object"),
        ("metrics.wer.value", "0.1", "metrics.wer.value is '0.1', expected a number or null"),
        ("metrics.wer.value", float("nan"), "metrics.wer.value is nan, expected a number or null"),
        ("metrics.wer.value", 1e308, "metrics.wer.value is 1e+308"),
        ("metrics.wer.value", 10**400, "metrics.wer.value is 1000"),
        ("metrics.wer.value", True, "metrics.wer.value is True"),
        ("metrics.wer.ci", [0.1], "metrics.wer.ci is list [0.1], expected [low, high] or null"),
        ("metrics.wer.ci", [None, None], "metrics.wer.ci is list"),
        ("metrics.wer.ci", [0, float("inf")], "metrics.wer.ci is list"),
        ("metrics.wer.higher_is_better", None, "metrics.wer.higher_is_better is None, expected true or false"),
        ("metrics.wer.is_rate", 1, "metrics.wer.is_rate is 1"),
        ("metrics.wer.signature", None, "metrics.wer.signature is None, expected a text"),
        ("metrics.wer.by", None, "metrics.wer.by is None, expected an object"),
        ("metrics.wer.by", {"speaker": {"a": {"ci": None, "n": 1}, "b": 1}}, "metrics.wer.by.speaker.b is 1"),
        ("metrics.wer.by", {"speaker": {"a": {"value": 1}}}, "metrics.wer.by.speaker.a.n is None, expected a count"),
        ("metrics.wer.substitutions", 3, "metrics.wer.deletions is None, expected a count"),
        ("metrics.wer.confusion", {"labels": ["a"], "matrix": [[1, 2]], "unparsed": [0]}, "metrics.wer.confusion is"),
        ("coverage", {}, "coverage is dict {}, expected an object with complete, found and official"),
        ("coverage", None, "coverage is None"),
        ("generation", None, "generation is None, expected an object"),
        ("clip_counts", {"cut": "x"}, "clip_counts is dict"),
        ("corpus_fingerprint", 5, "corpus_fingerprint is 5, expected a text"),
        ("n_truncated", "x", "n_truncated is 'x', expected a count or null"),
        ("same_answers", {"text": 1, "count": 2}, "same_answers is dict {'text': 1, 'count': 2}, expected null, or"),
        ("schema", 99, "schema 99, expected 1"),
    ],
)
def test_a_field_that_is_something_else_is_named(tmp_path: Path, field: str, value: Any, problem: str) -> None:
    path = place(tmp_path, changed(field, value))
    with pytest.raises(RunDamagedError) as raised:
        read_scores(path)
    assert str(raised.value).startswith(f"{path}: {problem}")
    assert "score the run again" in str(raised.value)


def test_a_damaged_run_is_left_out_of_the_report_and_named(otoscope: Command, tmp_path: Path) -> None:
    place(tmp_path, CONTRACT)
    damaged = place(tmp_path, changed("metrics.wer.value", "x"), "damaged")
    place(tmp_path, CONTRACT, "nested").write_text("[" * 100_000)
    result = otoscope("report", "--results-dir", tmp_path)
    assert result.status == 0
    assert f"left out: {damaged}: metrics.wer.value is 'x'" in result.stderr
    assert "nested/speech/test/0/scores.json: not valid JSON" in result.stderr


def test_where_all_runs_are_damaged_there_is_no_report(otoscope: Command, tmp_path: Path) -> None:
    place(tmp_path, changed("metrics.wer.value", "x"))
    assert otoscope("report", "--results-dir", tmp_path).status == 4
