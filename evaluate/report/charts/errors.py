"""Errors by their kind: substitutions, deletions and insertions in per cent of the reference, stacked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

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
from evaluate.report.charts.style import COLOURS, INK, settings

_NUMBERS_ROOM = 0.9  # right of the longest bar, as a part of it
# Colours and hatches: the three are told apart in grey too.
_KINDS = (
    ("substitutions", COLOURS[0], None),
    ("deletions", COLOURS[4], "////"),
    ("insertions", "white", "...."),
)


class ErrorRow(NamedTuple):
    """Counts of one system or split, in words or characters."""

    label: str
    substitutions: int
    deletions: int
    insertions: int
    reference_length: int


@dataclass(frozen=True, slots=True)
class ErrorPanel:
    """The errors of several systems on the same samples."""

    title: str
    rows: tuple[ErrorRow, ...]


def draw_errors(panels: Sequence[ErrorPanel], *, title: str = "", notes: Sequence[str] = ()) -> Figure:
    """Draw a panel of stacked bars per set of rows, the fewest errors on top.

    Args:
        panels: At least one.
        title: Heading, "" for none.
        notes: Lines below.

    Raises:
        ValueError: There are no panels.
    """
    labels = [row[0] for panel in panels for row in panel.rows]
    with settings([title, *notes, *labels, *(panel.title for panel in panels)]):
        sheet, boxes = panel_grid(title, [row_panel_height(len(panel.rows)) for panel in panels])
        for panel, box in zip(panels, boxes, strict=True):
            _draw_panel(sheet, panel, box)
        sheet.add_legend(
            [
                (Patch(facecolor=colour, edgecolor=INK, hatch=hatch, linewidth=0.4), kind)
                for kind, colour, hatch in _KINDS
            ]
        )
        sheet.add_notes(["Beside the bars: all errors, then substitutions/deletions/insertions as counted.", *notes])
        return sheet.finish()


def _draw_panel(sheet: Sheet, panel: ErrorPanel, box: tuple[float, float, float, float]) -> None:
    rows = sorted(panel.rows, key=_rate)
    axes = add_row_panel(sheet, panel.title, [row[0] for row in rows], box)
    starts = [0.0] * len(rows)
    for kind, (_, colour, hatch) in enumerate(_KINDS):
        lengths = [100 * counts[kind] / length if length else 0.0 for _, *counts, length in rows]
        axes.barh(
            range(len(rows)), lengths, left=starts, height=0.72, facecolor=colour, edgecolor=INK, hatch=hatch,
            linewidth=0.4, zorder=2,
        )  # fmt: skip
        starts = [start + length for start, length in zip(starts, lengths, strict=True)]
    for number, (row, end) in enumerate(zip(rows, starts, strict=True)):
        said = f"{end:.2f}   {row[1]}/{row[2]}/{row[3]}" if row[4] else "–"
        write_beside(axes, said, end, number)
    set_row_scale(axes, 0.0, max(starts, default=0.0), _NUMBERS_ROOM)
    axes.set_xlabel("per cent of the reference, lower is better")


def _rate(row: ErrorRow) -> float:
    """Return the rate by which rows are sorted; last where there is nothing to err on."""
    _, substitutions, deletions, insertions, length = row
    return (substitutions + deletions + insertions) / length if length else float("inf")
