"""Bars with intervals: one panel per score, the best system on top, from zero."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from evaluate.report.charts.sheet import (
    Sheet,
    add_row_panel,
    panel_grid,
    row_panel_height,
    set_row_scale,
    write_beside,
)
from evaluate.report.charts.style import COLOURS, INK, direction_of, finite, settings, value_label

_VALUE_ROOM = 0.3  # of the longest bar, right of it, for the values
PARTIAL_MARK = "*"


@dataclass(frozen=True, slots=True)
class Bar:
    """One system's value."""

    label: str
    value: float | None  # None: no value; stands last, as a dash
    interval: tuple[float, float] | None = None  # lowest and highest
    is_published: bool = False  # hatched
    is_partial: bool = False  # not all samples of the corpus: marked
    is_scored: bool = True  # False: no sample was; stands below those that have one


@dataclass(frozen=True, slots=True)
class BarPanel:
    """One score of several systems."""

    title: str
    higher_is_better: bool
    is_rate: bool  # a fraction, shown in per cent
    bars: tuple[Bar, ...]


def draw_bars(panels: Sequence[BarPanel], *, title: str = "", notes: Sequence[str] = ()) -> Figure:
    """Draw a panel of bars per score: one in the width of a column, more in two columns.

    Args:
        panels: At least one, each with any number of bars.
        title: Heading, "" for none.
        notes: Lines below.

    Raises:
        ValueError: There are no panels.
    """
    bars = [bar for panel in panels for bar in panel.bars]
    texts = [title, *notes, *(panel.title for panel in panels), *(bar.label for bar in bars)]
    with settings(texts):
        sheet, boxes = panel_grid(title, [row_panel_height(len(panel.bars)) for panel in panels])
        for panel, box in zip(panels, boxes, strict=True):
            _draw_panel(sheet, panel, box)
        if any(bar.is_published for bar in bars):
            published = Patch(facecolor="white", edgecolor=COLOURS[0], hatch="//////", linewidth=0.5)
            measured = Patch(facecolor=COLOURS[0], edgecolor=COLOURS[0], linewidth=0.5)
            sheet.add_legend([(measured, "run"), (published, "published figure")])
        whiskers = ["Lines over bars: 95 % intervals."] if any(bar.interval for bar in bars) else []
        partial = [f"{PARTIAL_MARK} not all samples of the corpus"] if any(bar.is_partial for bar in bars) else []
        sheet.add_notes([*whiskers, *partial, *notes])
        return sheet.finish()


def _draw_panel(sheet: Sheet, panel: BarPanel, box: tuple[float, float, float, float]) -> None:
    factor = 100 if panel.is_rate else 1
    sign = -1 if panel.higher_is_better else 1
    # Without a value last, above them those without a scored sample; sorted() keeps the order of what is equal.
    bars = sorted(
        panel.bars, key=lambda bar: (finite(bar.value) is None, not bar.is_scored, sign * (finite(bar.value) or 0.0))
    )
    axes = add_row_panel(sheet, panel.title, [bar.label for bar in bars], box)
    drawn = [(row, factor * value, bar) for row, bar in enumerate(bars) if (value := finite(bar.value)) is not None]
    for is_published in (False, True):
        chosen = [(row, value) for row, value, bar in drawn if bar.is_published == is_published]
        if chosen:
            # One collection: `barh` makes an artist per bar, which takes long for hundreds of them.
            axes.add_collection(
                PolyCollection(
                    [
                        [(0, row - 0.36), (value, row - 0.36), (value, row + 0.36), (0, row + 0.36)]
                        for row, value in chosen
                    ],
                    facecolor="white" if is_published else COLOURS[0],
                    edgecolor=COLOURS[0],
                    hatch="//////" if is_published else None,
                    linewidth=0.5,
                    zorder=2,
                ),
                autolim=False,
            )
    whiskers = [
        (row, factor * bar.interval[0], factor * bar.interval[1]) for row, _, bar in drawn if bar.interval is not None
    ]
    if whiskers:
        rows, lows, highs = zip(*whiskers, strict=True)
        axes.hlines(rows, lows, highs, color="white", linewidth=2.2, zorder=3)  # so that it shows on the bar too
        axes.hlines(rows, lows, highs, color=INK, linewidth=0.9, zorder=4)
    ends = {row: high for row, _, high in whiskers}
    for row, value, bar in drawn:
        text = value_label(value, is_rate=panel.is_rate) + (PARTIAL_MARK if bar.is_partial else "")
        write_beside(axes, text, max(value, ends.get(row, value), 0.0), row)
    for row in range(len(drawn), len(bars)):
        write_beside(axes, "–", 0.0, row)
    lowest = min([0.0, *(value for _, value, _ in drawn), *(low for _, low, _ in whiskers)])
    highest = max([0.0, *(value for _, value, _ in drawn), *ends.values()])
    set_row_scale(axes, lowest, highest, _VALUE_ROOM)
    axes.set_xlabel(direction_of(panel.higher_is_better, panel.is_rate))
