import json
import os
import re
from collections.abc import Callable, Sequence
from html import unescape
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import click
import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given
from markdown_it import MarkdownIt

from evaluate import baseline as baseline_file
from evaluate.baseline import update_baseline
from evaluate.cli import cli
from evaluate.compare import compare_runs
from evaluate.metrics import create_metric
from evaluate.metrics.base import Judged, MetricSettings
from evaluate.regression import Check, check_baseline
from evaluate.report.regression.github import annotations
from evaluate.report.regression.pull_request import MAX_CHARACTERS, summarize_checks
from evaluate.report.regression.table import print_checks
from evaluate.sample_scores import write_sample_scores
from evaluate.scores import count_samples, score_rows
from evaluate.statistics import Bootstrap

PAGE = Path(__file__).resolve().parents[2] / "docs" / "regression.md"
Command = Callable[..., Any]
Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def _not_on_github(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


def write_run(
    folder: Path,
    answers: Sequence[str | None],
    *,
    metric: str = "ser",
    references: str = "a",
    speakers: Sequence[str] = (),
    run_id: str = "run",
    **fields: object,
) -> Path:
    """Write a scored run of samples that share a reference; an answer of None failed. A second one takes its place."""
    one = create_metric(metric, MetricSettings(normalizer="none"))
    items = [
        Judged(
            f"s{number}",
            (references,),
            answer,
            "failed" if answer is None else "scored",
            {"speaker": speakers[number]} if speakers else {},
        )
        for number, answer in enumerate(answers)
    ]
    counted = count_samples([one], lambda: iter(items))
    document = {
        "schema": 1,
        "task": "t",
        "task_version": "1",
        "split": "test",
        "model": "mine",
        "created": "2025",
        "primary": metric,
        "limit": None,
        "coverage": {"found": len(items), "official": None, "complete": True},
        "corpus_fingerprint": "f" * 16,
        "model_arguments": {},
        "generation": {},
        **score_rows([one], items, counted, Bootstrap()),
        **fields,
    }
    run = folder / "runs" / "m" / "t" / "test" / run_id
    run.mkdir(parents=True, exist_ok=True)
    (run / "scores.json").write_text(json.dumps(document))
    write_sample_scores(run / "sample_scores.jsonl", items, [one], counted.rows)
    return run


def wrong(count: int, of: int = 20) -> list[str]:
    return ["x"] * count + ["a"] * (of - count)


def checked(
    folder: Path,
    before: Sequence[str | None],
    after: Sequence[str | None],
    *,
    tolerance: float | None = None,
    **run: Any,
) -> Check:
    """Make a baseline of one run and hold another one against it."""
    write_run(folder, before, **run)
    update_baseline(folder / "baseline.json", folder, tolerance=tolerance)
    write_run(folder, after, **run)
    [check] = check_baseline(folder / "baseline.json", folder)
    return check


def edit(path: Path, **fields: object) -> None:
    """Change fields of a baseline's first score."""
    document = json.loads(path.read_text())
    document["scores"][0] |= fields
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("num_wrong", "tolerance", "outcome"),
    [
        # Drawing 20 of 20 samples misses all of 3 wrong ones with 0.85^20 = 3.9 % and of 4 with 0.8^20 = 1.2 %: the
        # 2.5 % point of the difference is 0 and above.
        (3, None, "passed"),
        (4, None, "regressed"),
        (3, 0.0, "regressed"),
        (3, 0.1, "regressed"),
        (3, 0.15, "passed"),
        (4, 0.5, "regressed"),
        (0, None, "passed"),
        (0, 0.0, "passed"),
    ],
)
def test_a_score_regresses_where_the_interval_excludes_zero_or_the_drop_exceeds_the_tolerance(
    tmp_path: Path, num_wrong: int, tolerance: float | None, outcome: str
) -> None:
    check = checked(tmp_path, wrong(0), wrong(num_wrong), tolerance=tolerance)
    assert (check.outcome, check.passed, check.paired) == (outcome, outcome == "passed", True)
    assert check.difference == pytest.approx(num_wrong / 20)
    assert check.ci is not None
    assert (check.ci[0] > 0) == (num_wrong == 4)


def test_the_message_is_in_points_and_says_what_was_allowed(tmp_path: Path) -> None:
    check = checked(tmp_path, wrong(2), wrong(14), tolerance=0.005)
    # 12 of 20 differ: the 2.5 % and 97.5 % points of a binomial of 20 draws at 0.6 are 8 and 16.
    assert check.ci == pytest.approx((0.4, 0.8), abs=0.051)
    shown = re.sub(r"\+\d\d\.\d\d", "+N", check.problem)
    assert shown == "worse by 60.00 points (10.00 % → 70.00 %), 95 % interval +N – +N, allowed 0.50"
    assert check.p_value == pytest.approx(2 / 2**12, abs=0.001)  # of the ways to swap 12 pairs two are as extreme


def test_a_better_score_passes_and_is_named(tmp_path: Path) -> None:
    check = checked(tmp_path, wrong(10), wrong(0), tolerance=0.0)
    assert (check.outcome, check.passed, check.note) == ("improved", True, "--update keeps it")
    slightly = checked(tmp_path / "b", wrong(3), wrong(0))
    assert (slightly.outcome, slightly.note) == ("passed", "")


def test_where_more_is_better_a_lower_score_regresses(tmp_path: Path) -> None:
    worse = checked(tmp_path, wrong(0), wrong(10), metric="accuracy")
    assert worse.outcome == "regressed"
    assert "worse by 50.00 points (100.00 % → 50.00 %), 95 % interval -" in worse.problem
    assert checked(tmp_path / "b", wrong(10), wrong(0), metric="accuracy").outcome == "improved"


def test_whole_speakers_are_drawn(tmp_path: Path) -> None:
    by_sample = checked(tmp_path, wrong(0), wrong(5))
    speakers = [str(number // 5) for number in range(20)]  # all five wrong answers are of one of four speakers
    by_speaker = checked(tmp_path / "b", wrong(0), wrong(5), speakers=speakers)
    assert (by_sample.outcome, by_speaker.outcome) == ("regressed", "passed")
    assert "only 4 speakers: the interval is rough" in by_speaker.note


answers = st.lists(st.sampled_from(["a b", "a", "x b", "a b c", "", None]), min_size=1, max_size=15)


@given(answers, st.sampled_from([None, 0.0]), st.booleans())
def test_a_run_compared_with_itself_passes(
    tmp_path_factory: pytest.TempPathFactory, same: list[str | None], tolerance: float | None, shared: bool
) -> None:
    speakers = [str(number // 2) for number in range(len(same))] if shared else ()
    run = {"metric": "wer", "references": "a b", "speakers": speakers}
    check = checked(tmp_path_factory.mktemp("run"), same, same, tolerance=tolerance, **run)
    assert (check.outcome, check.difference, check.problem) == ("passed", 0, "")


@given(answers, st.sampled_from([None, 0.0]), st.booleans())
def test_a_run_that_is_worse_on_every_sample_fails(
    tmp_path_factory: pytest.TempPathFactory, before: list[str | None], tolerance: float | None, shared: bool
) -> None:
    speakers = [str(number // 2) for number in range(len(before))] if shared else ()
    run = {"metric": "wer", "references": "a b", "speakers": speakers}
    known = [answer or "" for answer in before]
    after = [f"{answer} x y z" for answer in known]  # of two words at most two are right: always more errors
    check = checked(tmp_path_factory.mktemp("run"), known, after, tolerance=tolerance, **run)
    assert check.outcome == "regressed"


@given(st.data())
def test_the_interval_is_that_of_compare(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    before = data.draw(answers)
    after = data.draw(st.lists(st.sampled_from(["a b", "a", "q"]), min_size=len(before), max_size=len(before)))
    run: dict[str, Any] = {"metric": "wer", "references": "a b", "speakers": [str(n // 3) for n in range(len(before))]}
    folder = tmp_path_factory.mktemp("run")
    check = checked(folder, before, after, **run)
    runs = [
        write_run(folder / name, texts, **run, run_id=name) for name, texts in (("first", before), ("second", after))
    ]
    compared = compare_runs(*runs)["metrics"]["wer"]
    assert check.difference == compared["difference"]
    assert check.p_value == compared["p_value"]
    assert (None if check.ci is None else list(check.ci)) == compared["ci"]


def test_one_sample_has_no_interval_and_no_drop_is_allowed(tmp_path: Path) -> None:
    check = checked(tmp_path, ["a"], ["x"])
    assert (check.outcome, check.ci) == ("regressed", None)
    assert check.problem == "worse by 100.00 points (0.00 % → 100.00 %), no interval, allowed 0.00"
    assert checked(tmp_path / "b", ["a"], ["a"]).passed


def test_a_baseline_without_samples_knows_only_its_tolerance(tmp_path: Path) -> None:
    for tolerance, num_wrong, outcome in ((None, 1, "regressed"), (0.3, 6, "passed"), (0.3, 7, "regressed")):
        write_run(tmp_path, wrong(0))
        update_baseline(tmp_path / "baseline.json", tmp_path)
        edit(tmp_path / "baseline.json", samples=None, tolerance=tolerance)
        write_run(tmp_path, wrong(num_wrong))
        [check] = check_baseline(tmp_path / "baseline.json", tmp_path)
        assert (check.outcome, check.paired, check.ci) == (outcome, False, None)
        assert check.note == "not paired: baseline holds no samples"
    document = json.loads((tmp_path / "baseline.json").read_text())
    del document["scores"][0]["tolerance"], document["scores"][0]["samples"]  # as older versions wrote it: 0
    (tmp_path / "baseline.json").write_text(json.dumps(document))
    write_run(tmp_path, wrong(1))
    [check] = check_baseline(tmp_path / "baseline.json", tmp_path)
    assert (check.outcome, check.tolerance) == ("regressed", 0)


def test_what_an_evaluation_prints_is_a_baseline(otoscope: Command, tmp_path: Path) -> None:
    run = write_run(tmp_path, wrong(2))
    printed = (run / "scores.json").read_text()
    for content in (printed, f"[{printed}]"):
        (tmp_path / "printed.json").write_text(content)
        arguments = ("regression", "--baseline", tmp_path / "printed.json", "--results-dir", tmp_path)
        assert otoscope(*arguments).status == 0
        write_run(tmp_path, wrong(3))
        assert otoscope(*arguments).status == 1
        write_run(tmp_path, wrong(2))


def test_a_recorded_corpus_scored_by_the_command_is_checked(
    otoscope: Command, librispeech: Path, write_jsonl: Write, tmp_path: Path
) -> None:
    def score(*texts: str) -> None:
        ids = ("11-22-0000", "11-22-0001", "33-44-0000")
        lines = [{"id": name, "hypothesis": text} for name, text in zip(ids, texts, strict=True)]
        scored = otoscope(
            *("score", "--task", "librispeech:test-clean", "--model-name", "mine", "--data-dir", librispeech),
            *("--predictions", write_jsonl("p.jsonl", *lines), "--results-dir", tmp_path / "results"),
        )
        assert scored.status == 0

    check = ("regression", "--baseline", tmp_path / "b" / "base.json", "--results-dir", tmp_path / "results")
    score("one tone", "another tone", "a third")  # 1 of 7 words is wrong
    written = otoscope(*check, "--update", "--tolerance", "0")
    assert (written.status, "1 scores written, 1 of them new" in written.stdout) == (0, True)
    [samples] = (tmp_path / "b" / "base.samples").iterdir()
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    assert lines[0] == {"columns": ["substitutions", "deletions", "insertions", "reference_length", "empty_references"]}
    assert lines[3] == {"id": "33-44-0000", "counted": [0, 1, 0, 3, 0], "groups": {"speaker": "33"}}
    assert otoscope(*check).status == 0
    score("one tone", "another", "a third")  # 2 of 7
    result = otoscope(*check, "--json")
    assert result.status == 1
    [outcome] = result.json
    assert outcome["problem"].startswith("worse by 14.29 points (14.29 % → 28.57 %), 95 % interval +0.00 – +")
    assert outcome["problem"].endswith(", allowed 0.00")
    assert (outcome["outcome"], outcome["passed"], outcome["paired"]) == ("regressed", False, True)
    assert outcome["difference"] == pytest.approx(1 / 7)
    shown = otoscope(*check).stdout
    assert "regressed" in shown
    assert shown.endswith("failed: 1 score, 1 regressed: librispeech:test-clean wer\n")


@pytest.mark.parametrize(
    ("field", "value", "outcome", "problem"),
    [
        ("model", "another", "missing", "no run of this model"),
        ("model_arguments", {"x": "1"}, "missing", "no run of this model on this task and split with these options"),
        ("limit", 2, "missing", "no run of this model on this task and split with these options"),
        ("metric", "bleu", "missing", "no metric 'bleu'"),
        ("corpus_fingerprint", "0123", "changed", "the baseline's is 0123"),
        ("signature", "wer|norm:none@1", "changed", "the baseline as wer|norm:none@1"),
        ("higher_is_better", True, "changed", "higher_is_better is False, the baseline says True"),
        ("n_total", 4, "changed", "20 samples, the baseline has 4"),
        ("value", None, "changed", "the baseline's None"),
        ("value", 0.9, "changed", "the baseline's samples give 0.1, its value is 0.9; --update it"),
    ],
)
def test_a_comparison_that_cannot_be_made_fails(
    tmp_path: Path, field: str, value: object, outcome: str, problem: str
) -> None:
    write_run(tmp_path, wrong(2))
    update_baseline(tmp_path / "baseline.json", tmp_path)
    edit(tmp_path / "baseline.json", **{field: value})
    check = check_baseline(tmp_path / "baseline.json", tmp_path)[0]
    assert (check.outcome, check.passed) == (outcome, False)
    assert problem in check.problem


def test_more_failures_fail_however_good_the_rest_is(tmp_path: Path) -> None:
    check = checked(tmp_path, wrong(10), ["a"] * 19 + [None])
    assert (check.outcome, check.passed) == ("more-failures", False)
    assert check.problem == "1 samples failed, the baseline has 0"
    both = checked(tmp_path / "b", wrong(0), [*wrong(10, of=19), None])
    assert both.problem.startswith("1 samples failed, the baseline has 0; worse by 55.00 points")
    assert checked(tmp_path / "c", [None, *wrong(10, of=19)], wrong(0)).outcome == "improved"


def test_other_samples_and_other_columns_fail(tmp_path: Path) -> None:
    write_run(tmp_path, wrong(0))
    update_baseline(tmp_path / "baseline.json", tmp_path)
    log = next(tmp_path.rglob("sample_scores.jsonl"))
    log.write_text(log.read_text().replace('"s3"', '"s99"'))
    [check] = check_baseline(tmp_path / "baseline.json", tmp_path)
    assert (check.outcome, "2 samples are in one run only, e.g. 's3'" in check.problem) == ("changed", True)
    write_run(tmp_path, wrong(0))
    rewrite_samples(tmp_path / "baseline.json", lambda lines: [{"columns": ["x", "y"]}, *lines[1:]])
    [check] = check_baseline(tmp_path / "baseline.json", tmp_path)
    assert check.problem == "counted as wrong_sentences, sentences, the baseline as x, y; --update it"


def test_no_value_then_and_now_passes_and_says_so(tmp_path: Path) -> None:
    run = write_run(tmp_path, [])
    update_baseline(tmp_path / "baseline.json", tmp_path)
    [check] = check_baseline(tmp_path / "baseline.json", tmp_path)
    assert (check.passed, check.expected, check.found, check.difference) == (True, None, None, None)
    assert check.note.startswith("no value, in the baseline neither")
    assert "–" in summarize_checks([check])
    assert not list(tmp_path.rglob("*.samples/*"))
    assert run.exists()


def test_runs_that_the_baseline_lacks_are_new_and_fail_nothing(otoscope: Command, tmp_path: Path) -> None:
    write_run(tmp_path, wrong(0))
    update_baseline(tmp_path / "baseline.json", tmp_path)
    write_run(tmp_path, wrong(3), run_id="beams", generation={"num_beams": 4})
    write_run(tmp_path, wrong(3), run_id="other", model="other")
    check = ("regression", "--baseline", tmp_path / "baseline.json", "--results-dir", tmp_path)
    result = otoscope(*check, "--json")
    assert result.status == 0
    assert [(one["outcome"], one["model"], one["options"]) for one in result.json] == [
        ("passed", "mine", "default options"),  # another run of that model has others
        ("new", "mine", "num_beams=4"),
        ("new", "other", ""),
    ]
    assert (
        "not in the baseline, --update adds them: 2 (t:test mine (num_beams=4), t:test other)"
        in otoscope(*check).stdout
    )
    updated = otoscope(*check, "--update", "--json").json
    assert (updated["scores"], updated["added"]) == (3, ["t:test mine (num_beams=4)", "t:test other"])


def test_an_update_keeps_tolerances_and_states_new_ones(otoscope: Command, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"

    def tolerances(*arguments: object) -> list[float | None]:
        assert otoscope("regression", "--baseline", path, "--results-dir", tmp_path, "--update", *arguments).status == 0
        return [one["tolerance"] for one in json.loads(path.read_text())["scores"]]

    write_run(tmp_path, wrong(0))
    assert tolerances() == [None]
    assert tolerances("--tolerance", 0.02) == [0.02]
    assert tolerances("--tolerance", 0.5) == [0.02]
    assert tolerances() == [0.02]
    write_run(tmp_path, wrong(0), run_id="other", model="other")
    assert tolerances("--tolerance", 0) == [0.02, 0]


def test_an_update_takes_away_the_samples_of_runs_that_are_gone_and_nothing_else(
    otoscope: Command, tmp_path: Path
) -> None:
    write_run(tmp_path / "one", wrong(0))
    write_run(tmp_path / "one", wrong(0), run_id="other", model="other")
    path = tmp_path / "base" / "baseline.json"
    update_baseline(path, tmp_path / "one")
    (path.parent / "baseline.samples" / "README.md").touch()
    write_run(tmp_path / "two", wrong(0))
    result = otoscope("regression", "--baseline", path, "--results-dir", tmp_path / "two", "--update")
    assert "left out, for there is no run of it: t:test other" in result.stderr
    assert sorted(file.name.split(".")[:3] for file in (path.parent / "baseline.samples").iterdir()) == [
        ["README", "md"],
        ["t", "test", "mine"],
    ]


def rewrite_samples(path: Path, change: Callable[[list[Any]], list[Any]]) -> None:
    """Change what a baseline's samples file holds, with its digest."""
    document = json.loads(path.read_text())
    named = document["scores"][0]["samples"]
    file = path.parent / named["file"]
    lines = change([json.loads(line) for line in file.read_text().splitlines()])
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    edit(path, samples={"file": named["file"], "digest": baseline_file._digest_of(lines)})


def refused(otoscope: Command, tmp_path: Path) -> str:
    """Check against a baseline that is no good; returns the one line that says so."""
    result = otoscope("regression", "--baseline", tmp_path / "baseline.json", "--results-dir", tmp_path)
    assert result.status == 2
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert line.startswith("error: ")
    return str(line)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("{}", "with at least one score"),
        ('{"schema": 1, "scores": []}', "with at least one score"),
        ('{"schema": 1, "scores": [{"task": "x"}]}', "score 1 lacks split"),
        ('{"schema": 1, "scores": [5]}', "score 1 is int, expected an object"),
        ('{"schema": 1, "scores": [{"task": ["x"]}]}', 'score 1: task is ["x"], expected a string'),
        ('{"metrics": [], "primary": "wer"}', "a scores document in it lacks"),
    ],
)
def test_a_baseline_that_is_none_is_a_wrong_request(
    otoscope: Command, tmp_path: Path, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "baseline.json").write_text(content)
    assert message in refused(otoscope, tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("value", "NaN", "NaN is no number of JSON"),
        ("value", "1e999", "value is Infinity, expected a number or null"),
        ("value", "9" * 400, "expected a number or null"),
        ("value", "true", "value is true, expected a number or null"),
        ("value", '"0.1"', 'value is "0.1", expected a number or null'),
        ("n_total", "true", "n_total is true, expected a whole number"),
        ("n_failed", "0.5", "n_failed is 0.5, expected a whole number"),
        ("higher_is_better", "0", "higher_is_better is 0, expected true or false"),
        ("tolerance", "-0.1", "tolerance is -0.1, expected 0 or more, or null"),
        ("tolerance", "Infinity", "Infinity is no number of JSON"),
        ("tolerance", "1e999", "tolerance is Infinity, expected a number or null"),
        ("tolerance", "false", "tolerance is false, expected a number or null"),
        ("clip_policy", "[]", "clip_policy is [], expected an object"),
        ("samples", "[]", "samples is [], expected an object"),
        ("samples", '{"file": "x.jsonl"}', 'expected {"file", "digest"}'),
        ("samples", '{"file": 5, "digest": "x"}', 'expected {"file", "digest"}'),
    ],
)
def test_a_field_that_makes_no_sense_is_a_wrong_request(
    otoscope: Command, tmp_path: Path, field: str, value: str, message: str
) -> None:
    write_run(tmp_path, wrong(0))
    path = tmp_path / "baseline.json"
    update_baseline(path, tmp_path)
    edit(path, **{field: "HERE"})
    path.write_text(path.read_text().replace('"HERE"', value))
    assert message in refused(otoscope, tmp_path)


@pytest.mark.parametrize(
    "name", ["../secret.jsonl", "{folder}/secret.jsonl", "base.samples/../../secret.jsonl", "link", "loop", "\0"]
)
def test_samples_outside_of_the_baseline_s_folder_are_never_read(otoscope: Command, tmp_path: Path, name: str) -> None:
    inner = tmp_path / "inner"
    write_run(inner, wrong(0))
    update_baseline(inner / "baseline.json", inner)
    (tmp_path / "secret.jsonl").write_text('{"columns": ["secret"]}\n')
    (inner / "link").symlink_to(tmp_path / "secret.jsonl")
    (inner / "loop").symlink_to(inner / "loop")
    (inner / "base.samples").mkdir()
    edit(inner / "baseline.json", samples={"file": name.format(folder=tmp_path), "digest": "0"})
    told = {"loop": "cannot be read|lie outside"}.get(
        name, "lie outside of the baseline's folder"
    )  # by Python's version
    assert re.search(told, refused(otoscope, inner))
    assert otoscope("regression", "--baseline", inner / "baseline.json", "--results-dir", inner, "--update").status == 0
    assert (tmp_path / "secret.jsonl").exists()  # an update removes none either


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: [], "the first line is not"),
        (lambda lines: [{"columns": []}, *lines[1:]], "the first line is not"),
        (lambda lines: lines[1:], "the first line is not"),
        (lambda lines: [*lines, lines[1]], "id 's0' stands already in"),
        (lambda lines: [*lines, {"id": 5, "counted": [1, 1]}], "'id' is 5, expected a string"),
        (lambda lines: [*lines, {"id": "x"}], "'counted' is null, expected 2 numbers"),
        (lambda lines: [*lines, {"id": "x", "counted": [1]}], "'counted' is [1], expected 2 numbers"),
        (lambda lines: [*lines, {"id": "x", "counted": [1, True]}], "'counted' is [1, true], expected 2 numbers"),
        (lambda lines: [*lines, {"id": "x", "counted": [1, "1"]}], "expected 2 numbers"),
        (lambda lines: [*lines, {"id": "x", "counted": [1, float("nan")]}], "expected 2 numbers"),
        (lambda lines: [*lines, {"id": "x", "counted": [1, 1], "groups": []}], "expected an object of strings"),
    ],
)
def test_samples_that_make_no_sense_are_a_wrong_request(
    otoscope: Command, tmp_path: Path, change: Callable[[list[Any]], list[Any]], message: str
) -> None:
    write_run(tmp_path, wrong(0))
    update_baseline(tmp_path / "baseline.json", tmp_path)
    rewrite_samples(tmp_path / "baseline.json", change)
    assert message in refused(otoscope, tmp_path)


def test_samples_that_are_gone_cut_or_edited_are_a_wrong_request_until_updated(
    otoscope: Command, tmp_path: Path
) -> None:
    write_run(tmp_path, wrong(0))
    path = tmp_path / "baseline.json"
    update_baseline(path, tmp_path)
    [file] = (tmp_path / "baseline.samples").iterdir()
    whole = file.read_text()
    file.write_bytes(whole.replace("\n", "\r\n").encode())  # as git may write it on Windows
    assert otoscope("regression", "--baseline", path, "--results-dir", tmp_path).status == 0
    for damaged in (whole[:-5], whole.replace("[0, 1]", "[1, 1]", 1), "".join(whole.splitlines(keepends=True)[:-1])):
        file.write_text(damaged)
        assert re.search("not valid JSON|digest [0-9a-f]{16}, .* expects", refused(otoscope, tmp_path))
    file.unlink()
    assert "cannot be read (no such file); restore it" in refused(otoscope, tmp_path)
    assert otoscope("regression", "--baseline", path, "--results-dir", tmp_path, "--update").status == 0
    assert otoscope("regression", "--baseline", path, "--results-dir", tmp_path).status == 0


def test_a_run_without_its_sample_scores_does_not_pass(otoscope: Command, tmp_path: Path) -> None:
    write_run(tmp_path, wrong(0))
    update_baseline(tmp_path / "baseline.json", tmp_path)
    next(tmp_path.rglob("sample_scores.jsonl")).unlink()
    result = otoscope("regression", "--baseline", tmp_path / "baseline.json", "--results-dir", tmp_path)
    assert (result.status, "no sample scores of ser in it" in result.stderr) == (4, True)


@pytest.mark.parametrize("value", [0.5, 0.0])
def test_a_run_whose_value_is_not_that_of_its_samples_does_not_pass(
    otoscope: Command, tmp_path: Path, value: float
) -> None:
    write_run(tmp_path, wrong(1))
    update_baseline(tmp_path / "baseline.json", tmp_path)
    [scores] = tmp_path.rglob("scores.json")
    document = json.loads(scores.read_text())
    document["metrics"][document["primary"]]["value"] = value
    scores.write_text(json.dumps(document))
    result = otoscope("regression", "--baseline", tmp_path / "baseline.json", "--results-dir", tmp_path, "--json")
    assert (result.status, result.json[0]["outcome"]) == (1, "changed")
    assert f"its value is {value}; score it again" in result.json[0]["problem"]


def test_the_same_score_twice_is_a_wrong_request(otoscope: Command, tmp_path: Path) -> None:
    write_run(tmp_path, wrong(0))
    path = tmp_path / "baseline.json"
    update_baseline(path, tmp_path)
    document = json.loads(path.read_text())
    document["scores"] *= 2
    path.write_text(json.dumps(document))
    assert "scores 1 and 2 are of the same run and metric; remove one" in refused(otoscope, tmp_path)


def test_what_is_no_file_or_too_large_is_a_wrong_request(otoscope: Command, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    with path.open("wb") as file:
        file.truncate(baseline_file.MAX_BASELINE_BYTES + 1)
    assert "64 MiB, expected at most 64" in refused(otoscope, tmp_path)
    path.unlink()
    os.mkfifo(path)
    assert "cannot be read (no such file)" in refused(otoscope, tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--tolerance", "0.1"), "--tolerance is stated when a baseline is written"),
        (("--update", "--tolerance", "-1"), "--tolerance is -1.0, expected 0 or more"),
        (("--update", "--tolerance", "nan"), "--tolerance is nan, expected 0 or more"),
        (("--update", "--tolerance", "inf"), "--tolerance is inf, expected 0 or more"),
        (("--update", "--junit", "x.xml"), "--update compares nothing"),
        (("--update", "--summary", "x.md"), "--update compares nothing"),
    ],
)
def test_options_that_make_no_sense_are_a_wrong_request(
    otoscope: Command, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    write_run(tmp_path, wrong(0))
    result = otoscope("regression", "--baseline", tmp_path / "b.json", "--results-dir", tmp_path, *arguments)
    assert (result.status, message in result.stderr) == (2, True)


def a_check(**fields: Any) -> Check:
    """Return a score that passed, or what the fields say."""
    known = {"task": "t", "split": "test", "model": "mine", "metric": "wer", "outcome": "passed", "expected": 0.1}
    known |= {"found": 0.1, "higher_is_better": False, "is_rate": True, "difference": 0.0, "ci": (0.0, 0.0)}
    return Check(**{**known, **fields})


HOSTILE = "a|b`*_<img src=x>[l](http://e.vil)\n::error::x\x1b[31m ##[error]y @you #1 \ud800 &lt; %0A, ]]>"


def test_junit_holds_a_case_per_score_with_failure_type_time_and_numbers(otoscope: Command, tmp_path: Path) -> None:
    write_run(tmp_path, wrong(0))
    write_run(tmp_path, wrong(0), run_id="other", model=HOSTILE)
    update_baseline(tmp_path / "baseline.json", tmp_path)
    write_run(tmp_path, wrong(9))
    write_run(tmp_path, wrong(0), run_id="new", model="added")
    out = tmp_path / "out" / "junit.xml"
    check = ("regression", "--baseline", tmp_path / "baseline.json", "--results-dir", tmp_path, "--junit", out)
    assert otoscope(*check).status == 1
    root = ElementTree.parse(out).getroot()
    [suite] = root
    for element in (root, suite):
        assert [element.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["3", "1", "0", "1"]
        assert float(element.get("time", "")) > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp", ""))
    assert {one.get("name"): one.get("value") for one in suite.iter("property")}["baseline"].endswith("baseline.json")
    cases = {case.get("name", ""): case for case in suite.iter("testcase")}
    failed, passed = cases["mine ser"], next(case for name, case in cases.items() if name.startswith("a|b"))
    failure = failed.find("failure")
    assert failure is not None
    assert (failed.get("classname"), failure.get("type")) == ("t.test", "regressed")
    assert failure.get("message", "").startswith("worse by 45.00 points")
    assert failure.text == failure.get("message")
    assert float(failed.get("time", "")) >= 0
    assert "found: 45.00 %" in (failed.findtext("system-out") or "")
    assert [child.tag for child in passed] == ["system-out"]
    assert [child.tag for child in cases["added ser"]] == ["skipped", "system-out"]


def test_the_summary_puts_failures_first_and_folds_a_long_rest() -> None:
    worse = {"found": 0.112, "difference": 0.012, "ci": (0.004, 0.0205), "tolerance": 0.005}
    checks = [
        a_check(),
        a_check(model="gone", outcome="missing", found=None, difference=None, ci=None, problem="no run"),
        a_check(model="worse", outcome="regressed", problem="worse by …", **worse),
        a_check(model="better", outcome="improved", note="--update keeps it"),
        a_check(model="fresh", outcome="new", expected=None, difference=None, ci=None),
    ]
    text = summarize_checks(checks)
    assert text.startswith("## Regression check failed: 4 scores, 1 improved, 1 missing, 1 regressed\n")
    lines = [line for line in text.splitlines() if line.startswith("| t:test")]
    assert [line.split(" | ")[1] for line in lines] == ["gone", "worse", "better", "mine"]
    assert lines[1] == ("| t:test | worse | wer ↓ | 10.00 % | 11.20 % | +1.20 (+0.40 – +2.05) | 0.50 | **regressed** |")
    assert lines[0].endswith("| – | – | – | **missing**: no run |")
    assert "not in the baseline, --update adds them: 1 (t:test fresh)" in text
    assert "<details>" not in text
    many = summarize_checks([a_check(model=f"m{number}") for number in range(11)])
    assert many.startswith("## Regression check passed: 11 scores\n")
    assert "<details><summary>11 passed</summary>\n\n| task |" in many


def test_the_table_puts_failures_first_notes_below_and_names_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    note = "all samples are of one speaker: the interval says nothing of others"
    print_checks(
        [
            a_check(task="good"),
            a_check(task="noted", note=note),
            a_check(task="bad", outcome="regressed", problem="worse by …", note=note),
            a_check(task="gone", outcome="missing", found=None, difference=None, ci=None, problem="no run"),
        ]
    )
    title, *lines = capsys.readouterr().out.splitlines()
    assert title == "Regression check"
    rows = [line.split("│")[1:-1] for line in lines if line.startswith("│")]
    assert [row[0].strip() for row in rows] == ["bad:test", "gone:test", "good:test", "noted:test"]
    assert [row[-1].strip() for row in rows] == ["regressed", "missing", "passed", "passed"]
    assert lines[-4:] == [
        f"bad:test wer mine: regressed (note: {note})",
        "gone:test wer mine: missing: no run",
        f"noted:test wer mine: passed (note: {note})",
        "failed: 4 scores, 1 regressed, 1 missing: bad:test wer, gone:test wer",
    ]


def test_of_many_failures_the_last_line_names_three_with_models_where_there_are_several(
    capsys: pytest.CaptureFixture[str],
) -> None:
    failed = [a_check(task=f"t{number}", outcome="regressed", problem="worse") for number in range(13)]
    print_checks([*failed, a_check()])
    shown = "failed: 14 scores, 13 regressed: t0:test wer, t1:test wer, t2:test wer and 10 more"
    assert capsys.readouterr().out.splitlines()[-1] == shown
    print_checks([a_check(model="a"), a_check(model="b", outcome="regressed", problem="worse")])
    assert capsys.readouterr().out.splitlines()[-1] == "failed: 2 scores, 1 regressed: t:test wer b"
    print_checks([a_check()])
    assert capsys.readouterr().out.splitlines()[-1] == "passed: 1 score"


def test_a_note_of_a_failure_is_not_shown_as_its_cause() -> None:
    text = summarize_checks([a_check(outcome="regressed", problem="worse", note="one speaker: says nothing")])
    assert "| **regressed** (note: one speaker: says nothing) |" in text


def test_the_summary_is_cut_to_what_github_takes_and_says_so() -> None:
    failed = {"outcome": "changed", "problem": "x" * 500}
    text = summarize_checks([a_check(model=f"m{number}", **failed) for number in range(1000)])
    assert len(text) < 65_536
    shown = text.count("**changed**")
    assert f"{1000 - shown} more are left out here" in text
    assert len(text) > MAX_CHARACTERS - 2000
    both = summarize_checks([a_check(**failed)] * 1000 + [a_check()] * 30)
    assert len(both) < 65_536
    assert len(re.findall(r"\d+ more are left out here", both)) == 2


def test_hostile_names_do_nothing_in_a_summary() -> None:
    text = summarize_checks([a_check(task="-", model=HOSTILE, outcome="changed", problem=HOSTILE)])
    [row] = [line for line in text.splitlines() if line.startswith("| -:test")]
    assert not re.search(r"@\w|#\d|://|\x1b", row)
    html = MarkdownIt("commonmark").enable("table").render(text).replace("<!-- -->", "")
    [_, row] = html.split("<tr>")[1:]
    cells = re.findall(r"<td[^>]*>(.*)</td>", row)
    assert len(cells) == 8
    assert not re.search("<(?!/?strong>)", "".join(cells))
    shown = "a|b`*_<img src=x>[l](http://e.vil) ::error::x�[31m ##[error]y @you #1 � &lt; %0A, ]]>"
    assert [unescape(cells[1]), unescape(cells[-1])] == [shown, f"<strong>changed</strong>: {shown}"]


def test_on_github_failures_are_annotations_and_the_job_has_a_summary(
    otoscope: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_run(tmp_path, wrong(0))
    write_run(tmp_path, wrong(12), run_id="better", model="better")
    write_run(tmp_path, wrong(0), run_id="alone", model="alone")
    update_baseline(tmp_path / "baseline.json", tmp_path)
    document = json.loads((tmp_path / "baseline.json").read_text())
    next(one for one in document["scores"] if one["model"] == "alone")["samples"] = None
    (tmp_path / "baseline.json").write_text(json.dumps(document))
    write_run(tmp_path, wrong(9))
    write_run(tmp_path, wrong(0), run_id="better", model="better")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    (tmp_path / "step.md").write_text("before\n")
    check = ("regression", "--baseline", tmp_path / "baseline.json", "--results-dir", tmp_path)
    result = otoscope(*check, "--summary", tmp_path / "out" / "pr.md")
    assert result.status == 1
    stop, *table, go = result.stdout.splitlines()[:-3]
    token = stop.removeprefix("::stop-commands::")
    assert (len(token), go) == (32, f"::{token}::")
    assert not any(line.startswith("::") for line in table)
    commands = result.stdout.splitlines()[-3:]
    assert [line.partition("::t")[0].split(" title=")[0] for line in commands] == ["::warning", "::notice", "::error"]
    assert commands[0].startswith("::warning title=not paired%3A t%3Atest alone ser::the baseline holds no samples")
    assert commands[2].startswith("::error title=regressed%3A t%3Atest mine ser::worse by 45.00 points (0.00 %25 → 45")
    summary = (tmp_path / "out" / "pr.md").read_text()
    assert (tmp_path / "step.md").read_text() == f"before\n{summary}"
    as_json = otoscope(*check, "--json")
    assert [one["outcome"] for one in as_json.json] == ["passed", "improved", "regressed"]
    assert len([line for line in as_json.stderr.splitlines() if line.startswith("::")]) == 3


def test_elsewhere_no_command_is_printed(otoscope: Command, tmp_path: Path) -> None:
    write_run(tmp_path, wrong(0))
    update_baseline(tmp_path / "baseline.json", tmp_path)
    write_run(tmp_path, wrong(9))
    result = otoscope("regression", "--baseline", tmp_path / "baseline.json", "--results-dir", tmp_path)
    assert "::" not in result.stdout + result.stderr


def test_hostile_names_are_one_command_and_one_row(
    otoscope: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [command] = annotations([a_check(model=HOSTILE, outcome="changed", problem=HOSTILE)])
    assert "\n" not in command
    title = command.removeprefix("::error title=").split("::")[0]
    assert not set(title) & set(",:")
    assert "%250A" in command  # the name's own escape is text
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    write_run(tmp_path, wrong(0), model=HOSTILE)
    update_baseline(tmp_path / "baseline.json", tmp_path)
    write_run(tmp_path, wrong(9), model=HOSTILE)
    result = otoscope("regression", "--baseline", tmp_path / "baseline.json", "--results-dir", tmp_path)
    assert result.status == 1
    lines = result.stdout.splitlines()
    assert "\x1b" not in result.stdout
    assert [line[:8] for line in lines if line.startswith("::")] == ["::stop-c", lines[-2][:8], "::error "]


def test_the_workflow_in_the_documentation_runs_commands_with_options_that_exist() -> None:
    block = r'^```yaml title="\.github/workflows/[^"]+"\n(.*?)^```$'
    blocks = re.findall(block, PAGE.read_text(encoding="utf-8"), re.M | re.S)
    [workflow] = map(yaml.safe_load, blocks)
    assert workflow[True]  # YAML reads `on` so
    [job] = workflow["jobs"].values()
    commands = [
        words
        for step in job["steps"]
        for line in step.get("run", "").replace("\\\n", " ").splitlines()
        if (words := line.split())[0].endswith("otoscope")
    ]
    assert [words[1] for words in commands] == ["eval", "regression"]
    for _, name, *words in commands:
        command = cli.commands[name]
        known = {text for one in command.params if isinstance(one, click.Option) for text in one.opts}
        assert {word for word in words if word.startswith("-")} <= known
        assert {one.opts[0] for one in command.params if one.required} <= set(words)
    written = [words[words.index(option) + 1] for words in commands[1:] for option in ("--junit", "--summary")]
    [upload] = [step for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    assert all(name in upload["with"]["path"] for name in written)
