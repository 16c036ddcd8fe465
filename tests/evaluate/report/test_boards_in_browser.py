"""Leaderboard and comparison in a real browser; what is checked in Python stands in test_leaderboard.py."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.report.compare_page import comparison_page
from evaluate.report.leaderboard.board import make_boards
from evaluate.report.leaderboard.page import to_html
from evaluate.report.published import PublishedScore

Write = Callable[..., Path]
Show = Callable[..., Any]
Wait = Callable[..., None]
HOSTILE = "<script>window.pwned = 1</script></textarea><img src=x onerror='window.pwned = 2'>\u202ejavascript:alert(1)"


def document(
    model: str, value: float | None, *, task: str = "librispeech", up: bool = False, **more: Any
) -> dict[str, Any]:
    score = {
        "value": value,
        "ci": None if value is None else [value - 0.001, value + 0.001],
        "higher_is_better": up,
        "is_rate": True,
        "signature": "m|norm:x@1|v:0.1.0",
    }
    plain: dict[str, Any] = {
        "task": task,
        "task_version": "1",
        "split": "test",
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
        "metrics": {"m": score},
        "run_dir": f"runs/{model}",
    }
    return {**plain, **more}


@pytest.fixture
def show(page: Any, tmp_path: Path) -> Callable[..., Any]:
    """Open the leaderboard of some documents; returns the page."""

    def run(*documents: dict[str, Any], published: tuple[PublishedScore, ...] = ()) -> Any:
        path = tmp_path / "leaderboard.html"
        path.write_text(to_html(make_boards(documents, published), pages={}), encoding="utf-8")
        page.goto(path.as_uri())
        return page

    return run


def names(page: Any) -> list[str]:
    return [row.inner_text() for row in page.locator("tbody tr:visible th .text").all()]


PARTIAL = {"complete": False, "found": 10, "official": 99}
FIGURE = PublishedScore("Paper", "librispeech", "test", "m", 0.03, False, "p", "somewhere")


def test_columns_are_sorted_best_first_then_turned_then_as_they_were(show: Show) -> None:
    page = show(
        *(document(model, value) for model, value in (("a", 0.10), ("b", 0.09), ("c", None))),
        *(document(model, value, task="meld", up=True) for model, value in (("a", 0.7), ("c", 0.9))),
    )
    first = names(page)
    wer, accuracy = page.locator("thead .sort").nth(1), page.locator("thead .sort").nth(2)
    wer.click()
    assert names(page) == ["b", "a", "c"]  # lower is better; without a value last
    assert page.locator("thead th").nth(1).get_attribute("aria-sort") == "ascending"
    wer.click()
    assert names(page) == ["a", "b", "c"]
    accuracy.click()
    assert names(page) == ["c", "a", "b"]  # higher is better
    assert page.locator("thead th").nth(1).get_attribute("aria-sort") == "none"
    accuracy.click()
    accuracy.click()
    assert names(page) == first


def test_the_table_is_sorted_and_filtered_with_the_keyboard_alone(show: Show) -> None:
    page = show(document("mine", 0.1), document("yours", 0.2))
    page.keyboard.press("Tab")
    page.keyboard.type("you")
    assert names(page) == ["yours"]
    assert page.locator(".count").inner_text() == "1 of 2 rows"
    page.locator(".filter").fill("")
    for _ in range(10):  # to the button of the first column, on from the filter
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.sort')"):
            break
    page.keyboard.press("Enter")
    assert names(page) == ["mine", "yours"]
    page.keyboard.press("Enter")
    assert names(page) == ["yours", "mine"]


def test_published_figures_partial_corpora_and_tasks_can_be_left_out(show: Show) -> None:
    documents = [document("a", 0.1), document("b", 0.2, coverage=PARTIAL), document("c", 0.5, task="meld")]
    page = show(*documents, published=(FIGURE,))
    assert set(names(page)) == {"a", "b", "c", "Paper"}
    page.get_by_label("published figures").uncheck()
    assert set(names(page)) == {"a", "b", "c"}
    page.get_by_label("partial corpora").uncheck()
    assert set(names(page)) == {"a", "c"}
    page.locator(".tasks summary").click()
    page.get_by_label("meld").uncheck()
    assert names(page) == ["a"]
    assert page.locator("thead th:visible").count() == 2


def test_hostile_names_stay_text_and_nothing_is_run(show: Show) -> None:
    page = show(document(HOSTILE, 0.1, task=HOSTILE, split=HOSTILE), document("b", 0.2, task=HOSTILE, split=HOSTILE))
    assert HOSTILE in [element.text_content() for element in page.locator("tbody th .text").all()]
    assert page.evaluate("window.pwned") is None
    assert page.locator("img").count() == 0


def test_a_phone_scrolls_the_table_and_not_the_page(show: Show) -> None:
    page = show(*(document("a-model", 0.1, task=f"task-{number}") for number in range(12)))
    page.set_viewport_size({"width": 360, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    box = page.locator(".scroller")
    box.evaluate("element => element.scrollLeft = 500")
    assert page.locator("tbody th").bounding_box()["x"] >= 0  # names stay in view


def test_the_page_turns_dark_where_that_is_wished(show: Show) -> None:
    page = show(document("a", 0.1))
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(ground) == "rgb(20, 23, 27)"


def comparison(tmp_path: Path, write_run: Write, *pairs: tuple[str, float, float]) -> dict[str, Any]:
    """Return what a comparison would find, of samples with their error rates in two runs."""
    lines = [{"id": name, "hypothesis": f"said {name}", "references": [f"truth of {name}"]} for name, _, _ in pairs]
    runs = [write_run(*lines, name=name) for name in ("first", "second")]
    alignment = {"unit": "word", "edits": [["=", "a", "a"], ["s", "b", "c"], ["d", "d", ""], ["i", "", "e"]]}
    wer = {"values": [0.2, 0.1], "difference": -0.1, "ci": [-0.2, -0.05], "p_value": 0.01}
    wer |= {"ci_method": {"unit": "speaker"}, "ci_note": "only 4 speakers: the interval is rough"}
    return {
        "task": "t",
        "split": "s",
        "runs": [{"name": path.name, "run_dir": str(path)} for path in runs],
        "primary": "wer",
        "n_samples": 10,
        "n_better": sum(second < first for _, first, second in pairs),
        "n_worse": sum(second > first for _, first, second in pairs),
        "metrics": {"wer": {**wer, "higher_is_better": False, "is_rate": True}},
        "changed": [
            {"id": name, "values": list(values), "answers": ["x", "y"], "alignments": [alignment, None]}
            for name, *values in pairs
        ],
    }


@pytest.fixture
def compare(page: Any, tmp_path: Path, write_run: Write) -> Callable[..., Any]:
    """Open the page of a comparison; returns it."""

    def run(*pairs: tuple[str, float, float]) -> Any:
        path = tmp_path / "compare.html"
        path.write_text(comparison_page(comparison(tmp_path, write_run, *pairs)), encoding="utf-8")
        page.goto(path.as_uri())
        return page

    return run


def headings(page: Any) -> list[str]:
    return [element.text_content() for element in page.locator("article h2 .text").all()]


def test_samples_that_changed_stand_side_by_side_with_their_edits(compare: Show) -> None:
    page = compare(("u1", 0.5, 0.0), ("u2", 0.0, 0.25))
    assert "−10.00 points" in page.locator("#metrics").inner_text()
    assert "only 4 speakers: the interval is rough" in page.locator("body").inner_text()
    assert page.locator("#count").inner_text() == "2 shown; 1 better, 1 worse of 10 samples"
    article = page.locator("article").first
    assert "50.00 % → 0.00 % better" in article.inner_text()
    assert "truth of u1" in article.inner_text()
    assert [article.locator(kind).count() for kind in (".substitution", ".deletion", ".insertion")] == [1, 1, 1]


def test_a_comparison_is_filtered_by_direction_and_text(compare: Show) -> None:
    page = compare(("u1", 0.5, 0.0), ("u2", 0.0, 0.25), ("u3", 0.5, 0.25))
    page.get_by_label("worse").check()
    assert headings(page) == ["u2"]
    page.get_by_label("better").check()
    assert headings(page) == ["u1", "u3"]
    page.get_by_label("Search").fill("TRUTH OF U3")
    assert headings(page) == ["u3"]


def test_a_comparison_of_a_thousand_samples_adds_them_as_they_come_into_view(compare: Show, wait_until: Wait) -> None:
    page = compare(*((f"u{number}", 0.5, 0.0) for number in range(1000)))
    first = page.locator("article").count()
    assert first <= 100
    page.mouse.wheel(0, 1_000_000)
    wait_until("first => document.querySelectorAll('article').length > first", first)


def test_hostile_texts_of_a_comparison_stay_text(compare: Show) -> None:
    page = compare((HOSTILE, 0.5, 0.0))
    assert headings(page) == [HOSTILE]
    assert page.evaluate("window.pwned") is None
    assert page.locator("img").count() == 0
