"""Which charts a report has, and what stands in them; how they are drawn is tested in charts/."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.errors import RequestError
from evaluate.report import figures
from evaluate.report.figures import measured_scores, write_charts
from evaluate.report.leaderboard.board import make_boards
from evaluate.report.published import PublishedScore

Command = Callable[..., Any]


def score(value: float | None = 0.1, **more: Any) -> dict[str, Any]:
    interval = None if value is None else [value, value]
    plain = {"value": value, "ci": interval, "higher_is_better": False, "is_rate": True, "signature": "m|v:1"}
    return {**plain, **more}


def document(model: str = "mine", task: str = "a", split: str = "test", **more: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "task": task,
        "task_version": "1",
        "split": split,
        "model": model,
        "primary": "m",
        "created": "2026-01-01",
        "corpus_fingerprint": "f",
        "model_arguments": {},
        "generation": {},
        "n_total": 10,
        "n_unparsed": 0,
        "n_failed": 0,
        "coverage": {"complete": True, "found": 10, "official": 10},
        "metrics": {"m": score()},
        "run_dir": f"{model}/{task}/{split}",
    }
    return {**plain, **more}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What each kind of chart was last drawn of."""
    calls: dict[str, Any] = {}
    for name in ("radar", "bars", "durations", "errors", "confusion"):
        monkeypatch.setattr(
            figures,
            f"draw_{name}",
            lambda *records, name=name, **more: calls.update({name: records, f"{name} notes": more.get("notes", [])}),
        )
    monkeypatch.setattr(figures, "missing_glyphs", lambda _: "")
    monkeypatch.setattr(figures, "save_figure", lambda _, out, stem: [out / f"{stem}.svg"])
    return calls


def write(
    *documents: dict[str, Any], published: tuple[PublishedScore, ...] = (), models: tuple[str, ...] = ()
) -> list[str]:
    """Write the charts of some runs; returns their stems."""
    board = make_boards(documents, published)[0]
    charts = write_charts(board, documents, Path("out"), models=models)
    return [path.stem for chart in charts for path in chart.files]


def test_a_radar_has_an_axis_for_each_column_and_a_series_for_each_model(drawn: dict[str, Any]) -> None:
    runs = [document(model, task, metrics={"m": score(0.1)}) for model in ("x", "y") for task in "abc"]
    assert write(*runs[:5]) == ["radar", "bars"]
    axes, series = drawn["radar"]
    assert [axis.label for axis in axes] == ["a\ntest\nm ↓", "b\ntest\nm ↓", "c\ntest\nm ↓"]
    assert {one.name: one.values for one in series} == {"x": (0.1, 0.1, 0.1), "y": (0.1, 0.1, None)}


def test_with_fewer_than_three_axes_bars_take_the_radar_s_place_and_say_so(drawn: dict[str, Any]) -> None:
    assert write(document(task="a"), document(task="b")) == ["radar", "bars"]
    assert "radar" not in drawn
    board = make_boards([document()], [])[0]
    write_charts(board, [document()], Path("out"))
    assert drawn["bars notes"] == []  # of the bars themselves, which come last


def test_the_note_of_such_bars_counts_the_axes(tmp_path: Path) -> None:
    [radar, _] = write_charts(make_boards([document()], [])[0], [document()], tmp_path)
    assert "Bars: 1 of the 3 axes that a radar needs at least are there." in radar.caption
    assert {path.name for path in tmp_path.iterdir()} == {"radar.png", "radar.svg", "bars.png", "bars.svg"}


def test_a_radar_of_many_runs_shows_those_of_most_columns_and_says_how_many_are_left_out(drawn: dict[str, Any]) -> None:
    runs = [document(f"m{number}", task) for number in range(6) for task in "abcd"[: 4 - number % 2]]
    write(*runs)
    _, series = drawn["radar"]
    assert [one.name for one in series] == ["m0", "m2", "m4", "m1"]
    assert drawn["radar notes"] == ["2 further runs are left out; --models chooses."]
    write(*runs, models=("m5", "M3"))
    _, series = drawn["radar"]
    assert {one.name for one in series} == {"m3", "m5"}


def test_floors_drive_no_model_out_of_the_radar_and_one_is_always_there(drawn: dict[str, Any]) -> None:
    kinds = ("constant", "empty", "majority", "mfcc", "random")
    floors = [document(f"baseline:{kind}", task) for kind in kinds for task in ("ab" if kind == "mfcc" else "abcd")]
    models = [document(f"m{number}", task) for number in range(5) for task in "abc"]

    def shown(*runs: dict[str, Any]) -> list[str]:
        write(*runs)
        return [one.name for one in drawn["radar"][1]]

    assert shown(*floors, *models[:3]) == ["m0", "baseline:majority", "baseline:random", "baseline:constant"]
    assert shown(*floors, *models) == ["m0", "m1", "m2", "m3", "baseline:majority"]
    assert drawn["radar notes"][0] == "5 further runs are left out; --models chooses."
    assert len(shown(*floors)) == 4


def test_an_axis_on_which_only_floors_stand_is_left_out_and_named(drawn: dict[str, Any]) -> None:
    floors = [document("baseline:majority", task) for task in "abcde"]
    write(*floors, *(document("mine", task) for task in "abc"))
    axes, series = drawn["radar"]
    assert [axis.label[0] for axis in axes] == list("abc")
    assert {len(one.values) for one in series} == {3}
    assert drawn["radar notes"] == ["Left out, since only floors stand there: d, e."]
    write(*floors)
    assert len(drawn["radar"][0]) == 5  # where nothing but floors was run, they are what there is to show


def test_published_figures_of_three_columns_stand_in_the_radar(drawn: dict[str, Any]) -> None:
    runs = [document(task=task) for task in "abcd"]
    figures_of = [PublishedScore("paper", task, "test", "m", 0.2, False, "p", "s") for task in "abc"]
    few = [PublishedScore("other", task, "test", "m", 0.2, False, "p", "s") for task in "ab"]
    write(*runs, published=(*figures_of, *few))
    _, series = drawn["radar"]
    assert [(one.name, one.is_published) for one in series] == [("mine", False), ("paper", True)]


def test_partial_corpora_are_named_below_the_radar(drawn: dict[str, Any]) -> None:
    part = {"complete": False, "found": 10, "official": 99}
    write(*(document(task=task, coverage=part) for task in "abc"))
    assert drawn["radar notes"] == ["Partial corpora: a:test, b:test, c:test."]


def test_a_model_that_is_in_no_row_is_a_wrong_request(drawn: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="'whisper' is part of no model's name; there are: mine"):
        write(document(), models=("whisper",))


def test_charts_beside_the_scores_are_drawn_of_what_runs_hold(drawn: dict[str, Any]) -> None:
    bins = {"0–2 s": {"value": 0.1, "ci": [0.0, 0.2], "n": 4}, "2–5 s": {"value": 0.3, "ci": None, "n": 6}}
    errors = {"substitutions": 1, "deletions": 2, "insertions": 3, "reference_length": 60}
    confusion = {"labels": ["x", "y"], "matrix": [[3, 1], [0, 4]], "unparsed": [2, 0]}
    run = document(metrics={"m": score(by={"duration": bins}, **errors), "f1": score(confusion=confusion)})
    assert write(run) == ["radar", "bars", "durations", "errors", "confusion"]
    [[panel]] = drawn["durations"]
    assert panel.lines == (("mine", (("0–2 s", 0.1, (0.0, 0.2), 4), ("2–5 s", 0.3, None, 6))),)
    [[panel]] = drawn["errors"]
    assert panel.rows == (("mine", 1, 2, 3, 60),)
    [[panel]] = drawn["confusion"]
    assert (panel.labels, panel.counts) == (("x", "y", "(none)"), ((3, 1, 2), (0, 4, 0)))


def test_a_panel_holds_the_best_and_says_of_how_many(drawn: dict[str, Any]) -> None:
    write(*(document(f"m{number:02d}", metrics={"m": score(0.01 * number)}) for number in range(30)))
    [[panel]] = drawn["bars"]
    assert panel.title == "a test m ↓ (best 24 of 30)"
    assert [bar.label for bar in panel.bars][:2] == ["m00", "m01"]


def test_a_run_without_a_scored_sample_is_the_last_of_its_panel(drawn: dict[str, Any]) -> None:
    write(document("failed", metrics={"m": score(1.0)}, n_failed=10), document("bad", metrics={"m": score(2.0)}))
    [[panel]] = drawn["bars"]
    assert [(bar.label, bar.is_scored) for bar in panel.bars] == [("bad", True), ("failed", False)]


def test_runs_stand_on_the_axes_of_a_paper_by_its_protocol_where_they_have_it() -> None:
    sound = document(metrics={"m": score(0.1)})
    theirs = document(metrics={"m": score(0.2, signature="m|protocol:qwen-audio|v:1")}, protocol="qwen-audio")
    sample = document(split="sample", metrics={"m": score(0.9)})
    part = document(task="b", coverage={"complete": False, "found": 10, "official": 99})
    found, partial_splits = measured_scores([theirs, sound, sample, part], ["MINE"], protocol="qwen-audio")
    assert {(one.task, one.value, one.protocol) for one in found} == {("a", 0.2, "qwen-audio"), ("b", 0.1, "")}
    assert partial_splits == {"b:test"}
    with pytest.raises(RequestError, match="'other' is part of no model's name; there are: mine"):
        measured_scores([sound], ["other"], protocol="qwen-audio")
