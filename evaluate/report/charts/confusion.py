"""Confusion matrix: the truth in rows, the answers in columns, shaded by their share of the row, counts printed."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from evaluate.report.charts.sheet import Sheet
from evaluate.report.charts.style import (
    COLUMN_PT,
    INK,
    LABEL_PT,
    MARGIN_PT,
    SMALL_PT,
    plain,
    settings,
    shorten,
)

_CELL_PT = (15.0, 26.0)  # least and largest side of a cell
_NAME_CELLS = 22
_COLOUR_MAP = "magma_r"  # perceptually uniform, and its lightness alone says it all; dark is much
_MIDDLE = 0.179  # luminance on which white and black are equally legible by WCAG 2, with a contrast of 4.58


@dataclass(frozen=True, slots=True)
class ConfusionPanel:
    """Counts of answers by truth."""

    title: str
    labels: tuple[str, ...]  # of the columns; of the rows as many as there are
    counts: tuple[tuple[int, ...], ...]  # (rows, columns); the last column may be of no answer: "(none)"


def draw_confusion(panels: Sequence[ConfusionPanel], *, title: str = "", notes: Sequence[str] = ()) -> Figure:
    """Draw matrices below each other; the sheet is as wide as the largest needs, at least a column.

    Args:
        panels: At least one.
        title: Heading, "" for none.
        notes: Lines below.

    Raises:
        ValueError: There are no panels, or rows that do not fit the labels.
    """
    if not panels:
        raise ValueError("no panels found, expected at least one")
    for panel in panels:
        if len(panel.counts) > len(panel.labels) or any(len(row) != len(panel.labels) for row in panel.counts):
            raise ValueError(
                f"{plain(panel.title)!r}: {len(panel.counts)} rows of {sorted({len(row) for row in panel.counts})} "
                f"counts found, expected at most {len(panel.labels)} rows of {len(panel.labels)}"
            )
    labels = [label for panel in panels for label in panel.labels]
    with settings([title, *notes, *labels, *(panel.title for panel in panels)]):
        gutter = _gutter(labels)
        most = max(len(panel.labels) for panel in panels)
        width = max(COLUMN_PT, gutter + most * _CELL_PT[0] + 2 * MARGIN_PT)
        sheet = Sheet(width)
        sheet.add_title(title)
        for panel in panels:
            _draw_panel(sheet, panel, gutter)
        sheet.add_notes(
            [
                "Rows: truth. Columns: answer. Shade: share of the row, dark is much; cells without a number are 0.",
                *notes,
            ]
        )
        return sheet.finish()


def _gutter(labels: Sequence[str]) -> float:
    """Return the room that the longest label takes."""
    probe = Sheet(COLUMN_PT)
    names = {shorten(label, _NAME_CELLS) for label in labels}
    return 16 + max((probe.size_pt(probe.page.text(0, 0, name, fontsize=SMALL_PT))[0] for name in names), default=0.0)


def _draw_panel(sheet: Sheet, panel: ConfusionPanel, gutter: float) -> None:
    num_rows, num_columns = len(panel.counts), len(panel.labels)
    room = sheet.width_pt - gutter - 2 * MARGIN_PT
    cell = min(_CELL_PT[1], room / max(num_columns, 1))
    sheet.add_paragraph(shorten(panel.title, 80), size=LABEL_PT, colour=INK, weight="bold")
    head = gutter - 4  # the column labels stand upright
    axes = sheet.add_panel(MARGIN_PT + gutter, sheet.depth_pt + head, cell * num_columns, cell * max(num_rows, 1))
    sheet.depth_pt += head + cell * max(num_rows, 1) + 6
    counts = np.asarray(panel.counts, dtype=float).reshape(num_rows, num_columns)
    sums = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, sums, out=np.zeros_like(counts), where=sums > 0)
    names = [shorten(label, _NAME_CELLS) for label in panel.labels]
    if num_rows:
        axes.imshow(shares, cmap=_COLOUR_MAP, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        _print_counts(axes, panel, shares)
        axes.set_xticks(range(num_columns), names, rotation=90)
        axes.set_yticks(range(num_rows), names[:num_rows])
    axes.xaxis.set_ticks_position("top")
    axes.xaxis.set_label_position("top")
    axes.tick_params(length=0, labelcolor=INK)
    axes.spines[:].set_visible(False)
    for edge in range(1, max(num_columns, num_rows)):
        if edge < num_columns:  # a broader gap before the column of what is no label
            axes.axvline(edge - 0.5, color="white", linewidth=2.0 if edge == num_rows < num_columns else 0.4)
        if edge < num_rows:
            axes.axhline(edge - 0.5, color="white", linewidth=0.4)


def _print_counts(axes: Axes, panel: ConfusionPanel, shares: NDArray[np.float64]) -> None:
    """Print every count but 0, white on dark cells, else black."""
    is_dark = _luminance(matplotlib.colormaps[_COLOUR_MAP](shares)[..., :3]) < _MIDDLE
    for row, counts in enumerate(panel.counts):
        for column, count in enumerate(counts):
            if count:
                ink = "white" if is_dark[row, column] else "black"
                axes.text(column, row, _short_count(count), color=ink, fontsize=SMALL_PT, ha="center", va="center")


def _luminance(colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the relative luminance of colours, (…, 3) in [0, 1], as WCAG 2 defines it."""
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ np.array([0.2126, 0.7152, 0.0722]))


def _short_count(count: int) -> str:
    """Return a count that fits its cell: in thousands from ten thousand on."""
    for size, unit in ((10_000_000, "M"), (10_000, "k")):
        if count >= size:
            return f"{count // (size // 10)}{unit}"
    return str(count)
