"""What is on a radar chart, looked up in the figure; the pictures themselves are in test_pictures.py."""

import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import matplotlib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon
from matplotlib.text import Text
from PIL import Image

from evaluate.report.charts import RadarAxis, RadarSeries, draw_radar, missing_glyphs, save_figure
from evaluate.report.charts.radar import READING, runs_of
from evaluate.report.charts.style import COLUMN_PT, SMALL_PT
from evaluate.report.charts.style import settings as chart_settings

WER = RadarAxis("LibriSpeech\nWER ↓", higher_is_better=False, is_rate=True)
BLEU = RadarAxis("CoVoST 2\nBLEU ↑", higher_is_better=True, is_rate=False)
ACCURACY = RadarAxis("VocalSound\naccuracy ↑", higher_is_better=True, is_rate=True)
AXES = [WER, BLEU, ACCURACY, BLEU, ACCURACY]
GOOD = RadarSeries("good", (0.03, 30.0, 0.9, 25.0, 0.8))
BAD = RadarSeries("bad", (0.09, 20.0, 0.7, 21.0, 0.6))


def texts(figure: Figure) -> list[str]:
    return [one.get_text() for one in figure.findobj(Text) if isinstance(one, Text) and one.get_text()]


def lines_of(figure: Figure, number: int) -> list[Line2D]:
    return [one for one in figure.findobj(Line2D) if one.get_gid() == f"series-{number}"]


def fills(figure: Figure) -> list[Polygon]:
    return [one for one in figure.findobj(Polygon) if one.get_alpha() is not None]


def radii(figure: Figure, number: int) -> list[float]:
    """Return how far from the centre the points of a series are, in points, in the order in which they are drawn."""
    [outer] = [one for one in figure.findobj(Polygon) if one.get_edgecolor()[0] < 0.5 and one.get_alpha() is None]
    corners = outer.get_xy()[:-1]
    x0, y0 = corners.mean(axis=0)
    return [
        float(((x - x0) ** 2 + (y - y0) ** 2) ** 0.5)
        for line in lines_of(figure, number)
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]


def test_the_better_system_is_outside_on_every_axis_whichever_way_is_better() -> None:
    figure = draw_radar(AXES, [GOOD, BAD])
    assert all(good > bad for good, bad in zip(radii(figure, 0), radii(figure, 1), strict=True))


def test_error_rates_are_labelled_falling_outwards_in_per_cent() -> None:
    axis = RadarAxis("WER", higher_is_better=False, is_rate=True, ends=(0.10, 0.02))
    figure = draw_radar([axis, BLEU, BLEU], [RadarSeries("x", (0.05, 3.0, 4.0))])
    places = {one.get_text(): one.get_position()[1] for one in figure.findobj(Text)}
    assert places["2%"] < places["4"] < places["6"] < places["8"]  # the first axis points up, y grows downwards


def test_a_whole_series_is_one_closed_line_with_an_area() -> None:
    figure = draw_radar(AXES, [GOOD])
    [line] = lines_of(figure, 0)
    assert line.get_xydata()[0].tolist() == line.get_xydata()[-1].tolist()
    assert len(fills(figure)) == 1


def test_a_missing_value_breaks_the_line_and_has_no_area() -> None:
    figure = draw_radar(AXES, [RadarSeries("gap", (0.05, None, 0.9, 25.0, None)), GOOD])
    assert sorted(len(line.get_xdata()) for line in lines_of(figure, 0)) == [1, 2]
    assert len(fills(figure)) == 1
    assert min(radii(figure, 0)) > 5  # nothing goes through the centre
    assert "gap (3 of 5 axes)" in texts(figure)


def test_no_finite_number_is_a_missing_value() -> None:
    figure = draw_radar(AXES, [RadarSeries("nan", (float("nan"), 3.0, 0.5, float("inf"), 0.5))])
    assert "nan (3 of 5 axes)" in texts(figure)


def test_a_series_without_any_value_and_an_axis_without_any_are_named_and_not_drawn() -> None:
    figure = draw_radar(AXES, [RadarSeries("none", (None,) * 5), RadarSeries("x", (0.1, 2.0, None, 3.0, 0.4))])
    assert lines_of(figure, 0) == []
    assert "none (0 of 5 axes)" in texts(figure)
    assert "VocalSound\naccuracy ↑" in texts(figure)
    assert texts(draw_radar(AXES, []))


@pytest.mark.parametrize(
    ("present", "runs"),
    [
        ("11111", [[0, 1, 2, 3, 4, 0]]),
        ("10111", [[2, 3, 4, 0]]),
        ("10101", [[2], [4, 0]]),
        ("01010", [[1], [3]]),
        ("00000", []),
    ],
)
def test_stretches_of_axes_go_around_the_circle(present: str, runs: list[list[int]]) -> None:
    assert runs_of([one == "1" for one in present]) == runs


@given(st.lists(st.booleans(), min_size=3, max_size=12))
def test_every_present_axis_is_in_one_stretch_and_no_missing_one_is(present: list[bool]) -> None:
    runs = runs_of(present)
    drawn = [index for run in runs for index in (run[:-1] if all(present) else run)]
    assert sorted(drawn) == [index for index, one in enumerate(present) if one]
    assert all((after - before) % len(present) == 1 for run in runs for before, after in pairwise(run))


def test_published_series_have_broken_lines_and_hollow_marks_beside_runs() -> None:
    figure = draw_radar(AXES, [GOOD, RadarSeries("paper", BAD.values, is_published=True)])
    [run], [paper] = lines_of(figure, 0), lines_of(figure, 1)
    assert (run.is_dashed(), paper.is_dashed()) == (False, True)
    assert paper.get_markerfacecolor() == "white"
    assert "Hollow marks: published figures." in texts(figure)


def test_where_all_are_published_there_is_nothing_to_tell_apart() -> None:
    figure = draw_radar(AXES, [RadarSeries("paper", BAD.values, is_published=True)])
    assert not lines_of(figure, 0)[0].is_dashed()
    assert not any("Hollow marks" in text for text in texts(figure))


def test_twenty_series_differ_in_colour_mark_or_line() -> None:
    figure = draw_radar(AXES, [RadarSeries(str(number), GOOD.values) for number in range(20)])
    looks = {
        (line.get_color(), line.get_marker(), line.is_dashed())
        for number in range(20)
        for line in lines_of(figure, number)
    }
    assert len(looks) == 20


def test_how_to_read_it_stands_below_and_notes_once() -> None:
    figure = draw_radar(AXES, [GOOD], notes=["50 of 2939 samples", "50 of 2939 samples"])
    said = [" ".join(text.split()) for text in texts(figure)]
    assert READING in said
    assert said.count("50 of 2939 samples") == 1


def test_under_three_axes_are_refused() -> None:
    with pytest.raises(ValueError, match="2 axes found, expected at least 3; draw bars instead"):
        draw_radar(AXES[:2], [RadarSeries("x", (0.1, 2.0))])


def test_a_series_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="series 'x' has 1 values, expected 5"):
        draw_radar(AXES, [RadarSeries("x", (0.1,))])


def boxes_of(figure: Figure) -> list[tuple[str, tuple[float, float, float, float]]]:
    """Return every text with its box in points of the sheet."""
    figure.canvas.draw()
    scale = 72 / figure.dpi
    shown = [one for one in figure.findobj(Text) if isinstance(one, Text) and one.get_text()]
    found = []
    for one in shown:
        box = one.get_window_extent()
        found.append((one.get_text(), (box.x0 * scale, box.y0 * scale, box.x1 * scale, box.y1 * scale)))
    return found


@pytest.mark.parametrize("count", [3, 4, 7, 12, 21])
def test_texts_do_not_overlap_and_stay_on_the_sheet_at_any_number_of_axes(count: int) -> None:
    axes = [RadarAxis(f"librispeech test-other {index}\nWER ↓", False, True) for index in range(count)]
    series = [
        RadarSeries(name, tuple(shift + 0.01 * (i % 5) for i in range(count)))
        for name, shift in (("a", 0.02), ("b", 0.05))
    ]
    found = boxes_of(draw_radar(axes, series, title="A title"))
    for number, (text, box) in enumerate(found):
        assert box[0] > -0.5, text
        assert box[2] < COLUMN_PT + 0.5, text
        for other, theirs in found[:number]:
            apart = (
                box[0] >= theirs[2] - 1 or theirs[0] >= box[2] - 1 or box[1] >= theirs[3] - 1 or theirs[1] >= box[3] - 1
            )
            assert apart, (text, other)


def test_values_of_rings_stand_over_lines_on_a_ground_of_their_own_and_beside_marks() -> None:
    axes = [RadarAxis(f"axis {index}", True, True) for index in range(6)]
    values = ((0.8, 0.2, 0.4, 0.6, 0.8, 0.4), (0.2, 0.6, 0.8, 0.2, 0.4, 0.8))
    figure = draw_radar(axes, [RadarSeries(name, of_it) for name, of_it in zip("ab", values, strict=True)])
    figure.canvas.draw()
    lines = [line for number in range(2) for line in lines_of(figure, number)]
    labels = [one for one in figure.findobj(Text) if one.get_text().rstrip("%").isdigit()]
    assert len(labels) > 12
    marks = [line.get_transform().transform(point) for line in lines for point in line.get_xydata()]
    for label in labels:
        ground = label.get_bbox_patch()
        assert ground is not None
        assert (ground.get_facecolor()[:3], 0.5 < ground.get_facecolor()[3] < 1) == ((1, 1, 1), True)
        assert label.get_zorder() > max(line.get_zorder() for line in lines)
        box = ground.get_window_extent()
        assert not any(box.contains(x, y) for x, y in marks), label.get_text()


def test_at_column_width_no_text_is_smaller_than_six_points() -> None:
    figure = draw_radar(AXES, [GOOD, BAD], title="x", notes=["y"])
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(84)
    assert min(one.get_fontsize() for one in figure.findobj(Text) if one.get_text()) >= SMALL_PT == 6


HOSTILE = [
    "$\\frac{1}{0}$ \\usepackage $",
    "<script>alert(1)</script>--><!-- ]]> &amp;",
    "> --!><svg onload=alert(1)>",
    "a\x00b\x1b[31m\u202ecba\u2066\n\r\t\x7f\x85",
    "\udc80 lone \ufffe \uffff \U000e0001",
    "x" * 10_000,
    "a" + "\u0301" * 5_000,
    "語" * 10_000,
    "",
    " ",
    "😀🏴‍☠️ ﷽ עברית العربية हिन्दी ไทย",
]


def test_hostile_texts_are_drawn_as_text(tmp_path: Path) -> None:
    axes = [RadarAxis(text, True, True) for text in HOSTILE]
    series = [RadarSeries(text, (0.5,) * len(axes)) for text in HOSTILE]
    figure = draw_radar(axes, series, title=HOSTILE[0] + HOSTILE[3], notes=HOSTILE)
    png, svg = save_figure(figure, tmp_path, "radar")
    root = ET.parse(svg).getroot()
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {
        "svg",
        "g",
        "path",
        "use",
        "defs",
        "style",
        "clipPath",
        "rect",
        "metadata",
        "RDF",
        "Work",
        "type",
        "format",
    }
    assert "--!>" not in svg.read_text(encoding="utf-8")  # ends a comment too, where the SVG stands inside of HTML
    assert "$\\frac{1}{0}$ \\usepackage $" in texts(figure)
    with Image.open(png) as picture:
        assert picture.width == 992


@given(st.lists(st.text(max_size=30), min_size=3, max_size=5))
@settings(max_examples=25)
def test_any_text_can_be_drawn(names: list[str]) -> None:
    figure = draw_radar([RadarAxis(name, True, False) for name in names], [RadarSeries(names[0], (1.0,) * len(names))])
    with chart_settings():
        missing_glyphs(figure)


def test_the_same_figure_is_the_same_files_whatever_the_settings_of_the_user(tmp_path: Path) -> None:
    first = save_figure(draw_radar(AXES, [GOOD, BAD], title="$x$"), tmp_path / "one", "radar")
    with matplotlib.rc_context(
        {"font.size": 30, "axes.facecolor": "red", "savefig.bbox": "tight", "svg.fonttype": "none"}
    ):
        before = dict(matplotlib.rcParams)
        second = save_figure(draw_radar(AXES, [GOOD, BAD], title="$x$"), tmp_path / "two", "radar")
        assert dict(matplotlib.rcParams) == before
    assert [path.name for path in first] == ["radar.png", "radar.svg"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert b"dc:date" not in first[1].read_bytes()


def test_cjk_labels_have_glyphs_where_a_font_is_installed(tmp_path: Path) -> None:
    if not any("CJK" in entry.name for entry in font_manager.fontManager.ttflist):
        pytest.skip("no CJK font is installed")
    figure = draw_radar(
        [RadarAxis("语音识别\n字错误率 ↓", False, True), *AXES[1:]],
        [RadarSeries("큐웬 キューウェン 千问", GOOD.values)],
    )
    assert missing_glyphs(figure) == ""
    [label] = [one for one in figure.findobj(Text) if one.get_text().startswith("语音")]
    assert any("CJK" in name for name in label.get_fontfamily())


def test_characters_that_no_font_has_are_said_once_and_warn_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evaluate.report.charts.style._CJK_FONTS", ())
    monkeypatch.setattr("evaluate.report.charts.style._fonts_for_characters", unwrapped())
    figure = draw_radar([RadarAxis("语音", True, True), *AXES[1:]], [GOOD])
    save_figure(figure, tmp_path, "radar")  # warnings are errors here
    assert missing_glyphs(figure) == (
        "charts: no installed font has 2 characters (语音); install one, such as Noto Sans CJK"
    )


def unwrapped() -> object:
    from evaluate.report.charts.style import _fonts_for_characters

    return _fonts_for_characters.__wrapped__
