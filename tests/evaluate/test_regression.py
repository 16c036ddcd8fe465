import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

Command = Callable[..., Any]
Write = Callable[..., Path]
IDS = ("11-22-0000", "11-22-0001", "33-44-0000")


@pytest.fixture
def check(otoscope: Command, librispeech: Path, write_jsonl: Write, tmp_path: Path) -> Command:
    """Score three answers as a run, then compare with the baseline that an earlier call wrote."""

    def run(answers: tuple[str, str, str], *arguments: object) -> Any:
        lines = [{"id": name, "hypothesis": text} for name, text in zip(IDS, answers, strict=True)]
        scored = otoscope(
            *("score", "--task", "librispeech:test-clean", "--model-name", "mine", "--data-dir", librispeech),
            *("--predictions", write_jsonl("p.jsonl", *lines), "--results-dir", tmp_path / "results"),
        )
        assert scored.status == 0
        baseline = ("--baseline", tmp_path / "baseline.json", "--results-dir", tmp_path / "results")
        return otoscope("regression", *baseline, *arguments)

    return run


GOOD = ("one tone", "another tone", "a third")
WORSE = ("one tone", "another", "a third")
BETTER = ("one tone", "another tone", "a third one")


def test_an_unchanged_or_better_score_passes_and_a_worse_one_fails(check: Command, tmp_path: Path) -> None:
    assert check(GOOD, "--update").status == 0
    assert check(GOOD).status == 0
    assert check(BETTER).status == 0
    result = check(WORSE, "--json", "--junit", tmp_path / "out" / "junit.xml")
    assert result.status == 1
    [outcome] = result.json
    assert outcome["problem"] == "worse by 0.142857, allowed are 0.000000"
    suite = ElementTree.parse(tmp_path / "out" / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert suite.find("testcase/failure") is not None


def test_a_tolerance_is_allowed_for_and_kept_on_update(check: Command, tmp_path: Path) -> None:
    check(GOOD, "--update")
    path = tmp_path / "baseline.json"
    document = json.loads(path.read_text())
    document["scores"][0]["tolerance"] = 0.15
    path.write_text(json.dumps(document))
    assert check(WORSE).status == 0
    check(GOOD, "--update")
    assert json.loads(path.read_text())["scores"][0]["tolerance"] == 0.15


def test_what_an_evaluation_prints_is_a_baseline(check: Command, otoscope: Command, tmp_path: Path) -> None:
    check(GOOD, "--update")
    [scores] = (tmp_path / "results").rglob("scores.json")
    for content in (scores.read_text(), f"[{scores.read_text()}]"):
        path = tmp_path / "printed.json"
        path.write_text(content)
        arguments = ("regression", "--baseline", path, "--results-dir", tmp_path / "results")
        assert otoscope(*arguments).status == 0
        check(WORSE)
        assert otoscope(*arguments).status == 1
        check(GOOD)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("model", "another", "no run of this model"),
        ("model_arguments", {"x": "1"}, "no run of this model on this task and split with these options"),
        ("limit", 2, "no run of this model on this task and split with these options"),
        ("corpus_fingerprint", "0123", "the baseline's is 0123"),
        ("metric", "bleu", "no metric 'bleu'"),
        ("signature", "wer|norm:none@1", "the baseline as wer|norm:none@1"),
        ("n_total", 4, "3 samples, the baseline has 4"),
        ("n_failed", -1, "0 samples failed, the baseline has -1"),
        ("value", None, "the baseline's None"),
    ],
)
def test_a_comparison_that_cannot_be_made_fails(
    check: Command, tmp_path: Path, field: str, value: object, problem: str
) -> None:
    check(GOOD, "--update")
    path = tmp_path / "baseline.json"
    document = json.loads(path.read_text())
    document["scores"][0][field] = value
    path.write_text(json.dumps(document))
    result = check(GOOD, "--json")
    assert result.status == 1
    assert problem in result.json[0]["problem"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("{", "not valid JSON"),
        ("{}", "with at least one score"),
        ('{"schema": 1, "scores": []}', "with at least one score"),
        ('{"schema": 1, "scores": [{"task": "x"}]}', "score 1 lacks split"),
        ('{"schema": 1, "scores": [5]}', "score 1 is int, expected an object"),
        ('{"schema": 1, "scores": [{"task": ["x"]}]}', "score 1: task is ['x'], of the wrong type"),
    ],
)
def test_a_baseline_that_is_none_is_a_wrong_request(
    otoscope: Command, tmp_path: Path, content: str | None, message: str
) -> None:
    path = tmp_path / "baseline.json"
    if content is not None:
        path.write_text(content)
    result = otoscope("regression", "--baseline", path, "--results-dir", tmp_path)
    assert result.status == 2
    assert message in result.stderr
