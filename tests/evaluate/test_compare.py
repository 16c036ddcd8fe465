import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.tables import format_p_value

Command = Callable[..., Any]
Write = Callable[..., Path]
IDS = ("11-22-0000", "11-22-0001", "33-44-0000")


@pytest.fixture
def score(otoscope: Command, librispeech: Path, write_jsonl: Write, tmp_path: Path) -> Callable[..., str]:
    """Score three answers as a run of LibriSpeech test-clean; returns its folder."""

    def run(name: str, *answers: str, split: str = "test-clean", ids: tuple[str, ...] = IDS) -> str:
        lines = [{"id": sample_id, "hypothesis": text} for sample_id, text in zip(ids, answers, strict=True)]
        result = otoscope(
            *("score", "--task", f"librispeech:{split}", "--model-name", name, "--data-dir", librispeech, "--json"),
            *("--predictions", write_jsonl("p.jsonl", *lines), "--results-dir", tmp_path / "results"),
        )
        assert result.status == 0
        return str(result.json["run_dir"])

    return run


def test_the_difference_is_second_less_first_with_interval_and_p_value(otoscope: Command, score: Command) -> None:
    first = score("a", "one", "another tone", "x y z")  # 1 + 0 + 3 errors of 7 words
    second = score("b", "one tone", "another tone", "a third one")
    found = otoscope("compare", first, second, "--json").json
    assert [run["model"] for run in found["runs"]] == ["a", "b"]
    wer = found["metrics"]["wer"]
    assert wer["values"] == [pytest.approx(4 / 7), 0]
    assert wer["difference"] == pytest.approx(-4 / 7)
    assert wer["ci"][0] <= wer["difference"] <= wer["ci"][1] <= 0
    assert wer["p_value"] == pytest.approx(0.5, abs=0.02)  # of the four ways to swap two samples two are as extreme
    assert [one["id"] for one in found["changed"]] == ["33-44-0000", "11-22-0000"]
    assert found["changed"][0]["answers"] == ["x y z", "a third one"]
    assert (found["n_better"], found["n_worse"]) == (2, 0)
    assert found["changed"][1]["alignments"][0]["edits"] == [["=", "one", "one"], ["d", "tone", ""]]
    back = otoscope("compare", second, first, "--json").json
    assert back["metrics"]["wer"]["difference"] == pytest.approx(4 / 7)
    assert (back["n_better"], back["n_worse"]) == (0, 2)


def test_the_table_names_both_runs(otoscope: Command, score: Command) -> None:
    result = otoscope("compare", score("a", "one", "x", "y"), score("b", "one tone", "x", "y"))
    assert result.status == 0
    assert "librispeech:test-clean, 3 samples: a → b" in result.stdout
    assert "11-22-0000" in result.stdout
    assert "wer: 1 sample better, 0 worse, 2 the same" in result.stdout


def test_a_run_against_itself_does_not_differ(otoscope: Command, score: Command) -> None:
    run = score("a", "one", "x", "y")
    found = otoscope("compare", run, run, "--json").json
    assert (found["metrics"]["wer"]["difference"], found["metrics"]["wer"]["p_value"]) == (0, 1)
    assert found["changed"] == []


def test_the_folder_of_a_split_is_its_newest_run_and_no_probe(otoscope: Command, score: Command) -> None:
    old, new = score("a", "one", "x", "y"), score("a", "one", "x", "z")
    other = score("b", "one tone", "x", "y")
    result = otoscope("compare", Path(old).parent, other, "--json")
    assert result.json["runs"][0]["run_dir"] == new
    assert f"{Path(old).parent}: holds 2 runs, this is about the newest: {Path(new).name}" in result.stderr
    document = json.loads(Path(new, "scores.json").read_text())
    Path(new, "scores.json").write_text(json.dumps({**document, "probe": "silence"}))
    assert otoscope("compare", Path(old).parent, other, "--json").json["runs"][0]["run_dir"] == old


def test_runs_that_cannot_be_compared_are_errors(otoscope: Command, score: Command, tmp_path: Path) -> None:
    run = score("a", "one", "x", "y")
    other = score("a", "two tones", "the last", split="test-other", ids=("55-66-0000", "55-66-0001"))
    result = otoscope("compare", run, other)
    assert (result.status, "the runs differ in split: 'test-clean' and 'test-other'" in result.stderr) == (2, True)
    result = otoscope("compare", run, tmp_path)
    assert (result.status, "no scores.json in it" in result.stderr) == (2, True)
    lines = Path(run, "sample_scores.jsonl")
    lines.write_text("".join(lines.read_text().splitlines(keepends=True)[1:]))
    result = otoscope("compare", score("b", "one", "x", "z"), run)
    assert (result.status, "1 samples are in one run only, e.g. '11-22-0000'" in result.stderr) == (2, True)
    lines.unlink()
    result = otoscope("compare", run, run)
    assert (result.status, "no sample scores of wer, cer, ser in it" in result.stderr) == (4, True)


def test_right_or_wrong_answers_get_mcnemar_s_exact_test(otoscope: Command, score: Command) -> None:
    first = score("a", "x", "y", "a third one")
    second = score("b", "one tone", "another tone", "z")
    ser = otoscope("compare", first, second, "--json").json["metrics"]["ser"]
    assert ser["mcnemar_p_value"] == 1.0  # two won, one lost: 2 * (1 + 3) / 2^3, at most 1
    assert "mcnemar_p_value" not in otoscope("compare", first, second, "--json").json["metrics"]["wer"]


@pytest.mark.parametrize(
    ("p_value", "shown"), [(None, "–"), (1.0, "1.0000"), (1e-4, "0.0001"), (9e-5, "< 0.0001"), (0.0, "< 0.0001")]
)
def test_a_small_p_value_is_not_shown_as_none(p_value: float | None, shown: str) -> None:
    assert format_p_value(p_value) == shown


def test_where_no_run_is_the_results_folder_that_was_given_is_named(otoscope: Command, tmp_path: Path) -> None:
    for command in (("compare", "a/b", "c"), ("view", "a/b")):
        result = otoscope(*command, "--results-dir", tmp_path / "x")
        assert (result.status, result.stderr) == (
            2,
            f"error: a/b: no such folder, nor is there one in {tmp_path / 'x' / 'runs'}; expected a run's folder\n",
        )


def test_speakers_are_drawn_and_swapped_as_a_whole(otoscope: Command, score: Command) -> None:
    found = otoscope("compare", score("a", "x", "y", "z"), score("b", "one tone", "another tone", "z"), "--json").json
    wer = found["metrics"]["wer"]
    assert (wer["ci_method"]["unit"], wer["p_method"]) == ("speaker", "permutation by speaker")
    assert wer["ci_note"] == "only 2 speakers: the interval is rough"


def test_a_metric_without_a_value_is_compared_as_such(
    otoscope: Command, write_jsonl: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPICE_HOME", str(tmp_path / "nowhere"))
    write_jsonl("t.jsonl", {"id": "1", "references": ["a dog"]}, {"id": "2", "references": ["rain"]})
    task = tmp_path / "t.yaml"
    task.write_text("name: t\nkind: captioning\nmanifest: t.jsonl\nmetrics: [spider, cider]\n")
    runs = []
    for name, text in (("a", "a dog"), ("b", "a cat")):
        answers = write_jsonl("p.jsonl", {"id": "1", "hypothesis": text}, {"id": "2", "hypothesis": "rain"})
        command = ("score", "--task", task, "--predictions", answers, "--model-name", name, "--results-dir", tmp_path)
        runs.append(otoscope(*command, "--json").json["run_dir"])
    found = otoscope("compare", *runs, "--json").json
    spider = found["metrics"]["spider"]
    assert (spider["difference"], spider["p_value"], "java" in spider["reason"] or "SPICE" in spider["reason"]) == (
        *(None, None),
        True,
    )
    assert found["metrics"]["cider"]["difference"] < 0
    assert (found["n_samples"], found["changed"]) == (2, [])
    assert otoscope("compare", *runs).status == 0


def test_a_difference_by_speaker_is_less_sure_than_one_by_sample(
    otoscope: Command, write_jsonl: Write, tmp_path: Path
) -> None:
    task = tmp_path / "t.yaml"
    task.write_text("name: t\nkind: asr\nmanifest: t.jsonl\nmetrics: [ser]\n")
    found = []
    for groups in (True, False):
        lines = [
            {"id": str(k), "references": ["a"], **({"groups": {"speaker": str(k // 10)}} if groups else {})}
            for k in range(40)
        ]
        write_jsonl("t.jsonl", *lines)
        runs = []
        for name in ("a", "b"):  # b is right on all of one speaker, whom a gets wrong
            texts = ["b" if k < 10 and name == "a" else "a" for k in range(40)]
            answers = write_jsonl("p.jsonl", *({"id": str(k), "hypothesis": text} for k, text in enumerate(texts)))
            command = ("score", "--task", task, "--predictions", answers, "--model-name", name)
            runs.append(otoscope(*command, "--results-dir", tmp_path / str(groups), "--json").json["run_dir"])
        found.append(otoscope("compare", *runs, "--json").json["metrics"]["ser"])
        shown = otoscope("compare", *runs).stdout
        assert ("intervals and permutations by speaker" in shown) == groups
    by_speaker, by_sample = found
    assert by_speaker["difference"] == by_sample["difference"] == -0.25
    assert by_speaker["p_value"] == 1.0  # one speaker of four differs: every way to swap is as extreme
    assert by_sample["p_value"] < 0.01
    width = [one["ci"][1] - one["ci"][0] for one in found]
    assert width[0] > width[1]


def test_metrics_that_were_scored_in_different_ways_have_no_difference(
    otoscope: Command, write_jsonl: Write, tmp_path: Path
) -> None:
    task = tmp_path / "t.yaml"
    write_jsonl("t.jsonl", {"id": "1", "references": ["colour"]}, {"id": "2", "references": ["tap"]})
    answers = write_jsonl("p.jsonl", {"id": "1", "hypothesis": "color"}, {"id": "2", "hypothesis": "tap"})
    runs = []
    for language in ("en", "xx"):
        task.write_text(f"name: t\nkind: asr\nlanguage: {language}\nmanifest: t.jsonl\nmetrics: [accuracy, wer]\n")
        command = ("score", "--task", task, "--predictions", answers, "--model-name", language)
        runs.append(otoscope(*command, "--results-dir", tmp_path, "--json").json["run_dir"])
    found = otoscope("compare", *runs, "--json").json["metrics"]
    assert found["accuracy"]["difference"] == 0
    assert (found["wer"]["difference"], found["wer"]["p_value"]) == (None, None)
    assert "scored in different ways: wer|norm:whisper-en" in found["wer"]["reason"]
