"""Bars, durations, errors, confusions: what is on them, looked up in the figures."""

import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

from evaluate.report.charts import (
    Bar,
    BarPanel,
    ConfusionPanel,
    DurationBin,
    DurationLine,
    DurationPanel,
    ErrorPanel,
    ErrorRow,
    draw_bars,
    draw_confusion,
    draw_durations,
    draw_errors,
    save_figure,
)
from evaluate.report.charts.confusion import _luminance
from evaluate.report.charts.sheet import MAX_PIXELS
from evaluate.report.charts.style import COLUMN_PT, PAGE_PT, shorten, value_label, wrap

HOSTILE = "$\\frac{1}{0}$ <script>\x00\u202e\udc80" + "語" * 10_000


def texts(figure: Figure) -> list[str]:
    return [one.get_text().strip() for one in figure.findobj(Text) if one.get_text().strip()]


def bars_of(axes: Axes) -> list[Rectangle]:
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def panel(*bars: Bar, higher: bool = False, is_rate: bool = True) -> BarPanel:
    return BarPanel("LibriSpeech: WER", higher, is_rate, bars)


@pytest.mark.parametrize(("higher", "order"), [(False, ["a", "c", "b", "d"]), (True, ["b", "c", "a", "d"])])
def test_the_best_bar_is_on_top_and_a_missing_value_last(higher: bool, order: list[str]) -> None:
    figure = draw_bars([panel(Bar("d", None), Bar("a", 0.1), Bar("b", 0.3), Bar("c", 0.2), higher=higher)])
    heights = {one.get_text(): one.get_position()[1] for one in figure.axes[0].texts}
    assert sorted(order, key=lambda name: heights[name]) == order  # y grows downwards on the sheet
    assert "–" in texts(figure)


def test_a_bar_without_a_scored_sample_stands_below_those_that_have_one() -> None:
    figure = draw_bars([panel(Bar("none", None), Bar("failed", 1.0, is_scored=False), Bar("bad", 2.0))])
    heights = {one.get_text(): one.get_position()[1] for one in figure.axes[0].texts}
    assert heights["bad"] < heights["failed"] < heights["none"]


def test_bars_start_at_zero_and_say_their_value_in_per_cent() -> None:
    figure = draw_bars([panel(Bar("a", 0.5), Bar("b", 0.52))])
    [drawn] = [one for one in figure.axes[1].collections if isinstance(one, PolyCollection)]
    assert [path.vertices[:, 0].min() for path in drawn.get_paths()] == [0, 0]
    assert [path.vertices[:, 0].max() for path in drawn.get_paths()] == [50, 52]
    assert figure.axes[1].get_xlim()[0] == 0
    assert {"50.00", "52.00", "per cent, lower is better"} <= set(texts(figure))


def test_published_bars_are_hatched_and_partial_ones_marked_each_with_a_key() -> None:
    figure = draw_bars([panel(Bar("run", 0.5, is_partial=True), Bar("paper", 0.6, is_published=True))])
    drawn = [one for one in figure.axes[1].collections if isinstance(one, PolyCollection)]
    assert [one.get_hatch() for one in drawn] == [None, "//////"]
    assert {"50.00*", "60.00", "published figure", "* not all samples of the corpus"} <= set(texts(figure))
    assert "published figure" not in texts(draw_bars([panel(Bar("run", 0.5))]))


@given(st.floats(-200, 500), st.floats(-200, 500))
def test_ticks_enclose_every_bar_and_interval_and_stand_within_the_panel(value: float, other: float) -> None:
    bars = [Bar("a", value), Bar("b", other, (min(value, other) - 1, max(value, other) + 1))]
    axes = draw_bars([panel(*bars, is_rate=False)]).axes[1]
    ticks, (left, right) = axes.get_xticks(), axes.get_xlim()
    shown = [0, value, other, *(bars[1].interval or ())]
    assert min(shown) >= ticks[0] - 1e-6 >= left - 1e-5
    assert max(shown) <= ticks[-1] + 1e-6
    assert ticks[-1] < right
    assert len(ticks) <= 8


def test_the_last_tick_stands_at_or_beyond_the_longest_bar() -> None:
    axes = draw_bars([panel(Bar("a", 0.95, (0.9, 0.99)), Bar("b", 0.4))]).axes[1]
    assert axes.get_xticks().tolist() == [0, 25, 50, 75, 100]
    assert axes.get_xlim()[1] > 100


def test_whiskers_span_the_interval() -> None:
    figure = draw_bars([panel(Bar("a", 0.5, (0.45, 0.6)))])
    segments = figure.axes[1].collections[-1].get_segments()
    assert segments[0][:, 0].tolist() == pytest.approx([45, 60])


@pytest.mark.parametrize("value", [0.0, -3.0, 1e9, 1e-9, float("nan")])
def test_odd_values_are_drawn(value: float, tmp_path: Path) -> None:
    save_figure(draw_bars([panel(Bar("a", value), is_rate=False), panel()]), tmp_path, "bars")


def test_many_panels_grow_downwards_in_two_columns_and_their_pictures_stay_small(tmp_path: Path) -> None:
    one = panel(*(Bar(f"model {number}", 0.01 * number) for number in range(1, 51)))
    figure = draw_bars([one] * 5)
    assert figure.get_size_inches()[0] * 72 == pytest.approx(PAGE_PT)
    assert draw_bars([one]).get_size_inches()[0] * 72 == pytest.approx(COLUMN_PT)
    with Image.open(save_figure(figure, tmp_path, "bars")[0]) as picture:
        assert picture.width * picture.height <= MAX_PIXELS


def test_a_class_of_duration_without_value_breaks_the_line() -> None:
    bins = (
        DurationBin("short", 0.1, (0.05, 0.2), 9),
        DurationBin("middle", None, None, 0),
        DurationBin("long", 0.3, None, 4),
    )
    figure = draw_durations([DurationPanel("WER", False, True, (DurationLine("a", bins),))])
    [line] = figure.axes[1].lines
    assert np.isnan(line.get_ydata()).tolist() == [False, True, False]
    assert figure.axes[1].get_ylim()[0] == 0


def test_classes_of_duration_say_how_many_samples_they_have() -> None:
    first = DurationLine("a", (DurationBin("short", 0.1, None, 9), DurationBin("long", 0.1, None, 5)))
    second = DurationLine("b", (DurationBin("short", 0.1, None, 9), DurationBin("long", 0.1, None, 3)))
    figure = draw_durations([DurationPanel("WER", False, True, (first, second))])
    assert {"short\nn = 9", "long\nn = 3–5"} <= set(texts(figure))


def test_a_system_looks_the_same_in_all_panels_and_stands_in_the_key_once() -> None:
    bins = (DurationBin("short", 0.1, None, 9),)
    one = DurationPanel("one", False, True, (DurationLine("a", bins), DurationLine("b", bins)))
    two = DurationPanel("two", False, True, (DurationLine("b", bins),))
    figure = draw_durations([one, two])
    assert figure.axes[1].lines[1].get_color() == figure.axes[2].lines[0].get_color()
    assert texts(figure).count("b") == 1


def test_errors_are_stacked_in_per_cent_of_the_reference_fewest_on_top() -> None:
    rows = (ErrorRow("bad", 5, 3, 2, 20), ErrorRow("good", 1, 1, 0, 20), ErrorRow("nothing", 0, 0, 7, 0))
    figure = draw_errors([ErrorPanel("LibriSpeech", rows)])
    found = [(bar.get_x(), bar.get_width()) for bar in bars_of(figure.axes[1])]
    assert found[1::3] == [(0, 25), (25, 15), (40, 10)]  # by hand: 5, 3 and 2 of 20
    assert {"50.00   5/3/2", "10.00   1/1/0", "–"} <= set(texts(figure))


def test_rows_of_a_confusion_matrix_are_shaded_by_their_own_sum() -> None:
    figure = draw_confusion([ConfusionPanel("x", ("a", "b", "(none)"), ((1, 3, 0), (50, 0, 50)))])
    [image] = figure.axes[1].images
    assert image.get_array().tolist() == [[0.25, 0.75, 0], [0.5, 0, 0.5]]
    assert sorted(one.get_text() for one in figure.axes[1].texts) == ["1", "3", "50", "50"]


def test_a_row_without_samples_has_no_shade() -> None:
    figure = draw_confusion([ConfusionPanel("x", ("a", "b"), ((0, 0), (1, 1)))])
    assert figure.axes[1].images[0].get_array()[0].tolist() == [0, 0]


def test_counts_are_legible_on_every_shade() -> None:
    """WCAG 2 wants a contrast of 4.5 for text."""
    counts = tuple((share, 100 - share) for share in range(1, 100))
    labels = ("a", "b", *(str(number) for number in range(97)))
    padded = tuple((*row, *([0] * 97)) for row in counts)
    axes = draw_confusion([ConfusionPanel("x", labels, padded)]).axes[1]
    [image] = axes.images
    for text in axes.texts:
        column, row = (int(one) for one in text.get_position())
        shade = image.to_rgba(np.array([[image.get_array()[row, column]]]))[0, 0, :3]
        ink = np.array(matplotlib.colors.to_rgb(text.get_color()))
        light, dark = sorted((float(_luminance(shade)), float(_luminance(ink))), reverse=True)
        assert (light + 0.05) / (dark + 0.05) > 4.5, to_hex(shade)
    assert {text.get_color() for text in axes.texts} == {"white", "black"}


@pytest.mark.parametrize(("count", "shown"), [(9_999, "9999"), (12_345, "12k"), (12_345_678, "12M")])
def test_large_counts_fit_their_cells(count: int, shown: str) -> None:
    assert shown in texts(draw_confusion([ConfusionPanel("x", ("a",), ((count,),))]))


def test_thirty_labels_grow_the_sheet() -> None:
    figure = draw_confusion([ConfusionPanel("x", tuple(map(str, range(30))), tuple(((1,) * 30,) * 30))])
    assert figure.get_size_inches()[0] * 72 > COLUMN_PT + 200


def test_counts_that_do_not_fit_the_labels_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'x': 2 rows of \[1, 2\] counts found, expected at most 2 rows of 2"):
        draw_confusion([ConfusionPanel("x", ("a", "b"), ((1,), (1, 2)))])


@pytest.mark.parametrize("draw", [draw_bars, draw_durations, draw_errors, draw_confusion])
def test_no_panels_are_refused(draw: object) -> None:
    with pytest.raises(ValueError, match="no panels found, expected at least one"):
        draw([])  # type: ignore[operator]


@pytest.mark.parametrize(
    "figure",
    [
        lambda: draw_bars([BarPanel(HOSTILE, True, True, (Bar(HOSTILE, 0.5),))], title=HOSTILE, notes=[HOSTILE]),
        lambda: draw_durations(
            [DurationPanel(HOSTILE, True, True, (DurationLine(HOSTILE, (DurationBin(HOSTILE, 0.5, None, 1),)),))]
        ),
        lambda: draw_errors([ErrorPanel(HOSTILE, (ErrorRow(HOSTILE, 1, 2, 3, 4),))]),
        lambda: draw_confusion([ConfusionPanel(HOSTILE, (HOSTILE, "b"), ((1, 2), (3, 4)))]),
    ],
)
def test_hostile_texts_are_drawn_as_text(figure: object, tmp_path: Path) -> None:
    _, svg = save_figure(figure(), tmp_path, "chart")  # type: ignore[operator]
    assert not [element for element in ET.parse(svg).iter() if element.tag.endswith("script")]


@pytest.mark.parametrize(
    ("text", "cells", "shown"),
    [
        ("whisper-large-v3", 16, "whisper-large-v3"),
        ("openai/whisper-large-v3@06f233fe", 15, "openai/…06f233fe"[:7] + "…" + "06f233fe"[-7:]),
        ("语音识别模型", 7, "语…型"),
        ("a\nb\x00c", 9, "a b�c"),
        ("x" + "\u0301" * 50, 3, None),
    ],
)
def test_long_names_lose_their_middle(text: str, cells: int, shown: str | None) -> None:
    found = shorten(text, cells)
    assert len(found) <= 4 * cells + 1
    assert shown is None or found == shown


def test_lines_are_wrapped_between_words_and_in_words_that_are_longer() -> None:
    assert wrap("of the samples", 8) == ["of the", "samples"]
    assert wrap("abcdefghij kl", 4) == ["abcd", "efgh", "ij", "kl"]
    assert wrap("airbench_foundation", 15) == ["airbench_", "foundation"]
    assert wrap("a-b/cd_efgh--ij", 4) == ["a-b/", "cd_", "efgh", "--ij"]
    assert wrap("没有下载", 4) == ["没有", "下载"]
    assert wrap(" \n ", 4) == []


@pytest.mark.parametrize(
    ("value", "is_rate", "shown"),
    [(4.2, True, "4.20"), (0.441, False, "0.441"), (51.5, False, "51.50"), (2e7, False, "2e7")],
)
def test_values_beside_bars(value: float, is_rate: bool, shown: str) -> None:
    assert value_label(value, is_rate=is_rate) == shown
