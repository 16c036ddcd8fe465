"""A score against the length of the audio: a line per system over classes of duration."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from evaluate.report.charts.sheet import Sheet, add_panel_title, panel_grid
from evaluate.report.charts.style import (
    COLOURS,
    GREY,
    MARKERS,
    SMALL_PT,
    direction_of,
    finite,
    settings,
    shorten,
    tick_label,
)

_PANEL_PT = 150.0
_HEAD_PT, _FOOT_PT, _GUTTER_PT = 18.0, 30.0, 34.0
_NAME_CELLS = 40
_BIN_CELLS = 12
_SPREAD = 0.3  # of the room of a class: systems stand side by side, so that their intervals do


class DurationBin(NamedTuple):
    """A system's score on the samples of one class of duration."""

    label: str  # "0–5 s"
    value: float | None
    interval: tuple[float, float] | None
    num_samples: int


class DurationLine(NamedTuple):
    """One system."""

    label: str
    bins: tuple[DurationBin, ...]


@dataclass(frozen=True, slots=True)
class DurationPanel:
    """One score of several systems over classes of duration; classes in the order in which they first come."""

    title: str
    higher_is_better: bool
    is_rate: bool  # a fraction, shown in per cent
    lines: tuple[DurationLine, ...]


def draw_durations(panels: Sequence[DurationPanel], *, title: str = "", notes: Sequence[str] = ()) -> Figure:
    """Draw a panel per score; a class without a value breaks the line.

    Args:
        panels: At least one.
        title: Heading, "" for none.
        notes: Lines below.

    Raises:
        ValueError: There are no panels.
    """
    # A system has one colour and mark in all panels.
    systems = list(dict.fromkeys(label for panel in panels for label, _ in panel.lines))
    bin_labels = [one[0] for panel in panels for _, bins in panel.lines for one in bins]
    with settings([title, *notes, *systems, *bin_labels, *(panel.title for panel in panels)]):
        sheet, boxes = panel_grid(title, [_PANEL_PT] * len(panels))
        for panel, (left, top, width, height) in zip(panels, boxes, strict=True):
            add_panel_title(sheet, panel.title, left, top, width)
            axes = sheet.add_panel(left + _GUTTER_PT, top + _HEAD_PT, width - _GUTTER_PT, height - _HEAD_PT - _FOOT_PT)
            _draw_panel(axes, panel, systems)
        _add_systems(sheet, systems)
        has_intervals = any(one[2] for panel in panels for _, bins in panel.lines for one in bins)
        sheet.add_notes([*(["Vertical lines: 95 % intervals."] if has_intervals else []), *notes])
        return sheet.finish()


def _draw_panel(axes: Axes, panel: DurationPanel, systems: Sequence[str]) -> None:
    factor = 100 if panel.is_rate else 1
    counts: dict[str, list[int]] = {}
    for _, bins in panel.lines:
        for label, _, _, num_samples in bins:
            counts.setdefault(label, []).append(num_samples)
    places = {label: place for place, label in enumerate(counts)}
    tops = [0.0]
    for number, (name, bins) in enumerate(panel.lines):
        shift = _SPREAD * ((number + 0.5) / len(panel.lines) - 0.5)
        style = _style_of(systems.index(name))
        values = {label: finite(value) for label, value, _, _ in bins}
        heights = [factor * value if (value := values.get(label)) is not None else float("nan") for label in places]
        axes.plot([place + shift for place in places.values()], heights, zorder=3, **style)
        tops += [height for height in heights if height == height]
        whiskers = [
            (places[label] + shift, factor * interval[0], factor * interval[1])
            for label, value, interval, _ in bins
            if interval is not None and finite(value) is not None
        ]
        if whiskers:
            axes.vlines(*zip(*whiskers, strict=True), color=style["color"], linewidth=0.7, zorder=2)
            tops += [high for _, _, high in whiskers]
            tops += [low for _, low, _ in whiskers]
    lowest, highest = min(tops), max(tops)
    extent = (highest - lowest) or 1.0
    axes.set_ylim(lowest - (0.05 * extent if lowest < 0 else 0), lowest + 1.06 * extent)
    axes.set_xlim(-0.5, max(len(places), 1) - 0.5)
    axes.locator_params(axis="y", nbins=5)
    axes.yaxis.set_major_formatter(lambda value, _: tick_label(float(value)))
    axes.set_xticks(range(len(places)), [_bin_label(label, found) for label, found in counts.items()])
    axes.tick_params(axis="x", labelcolor=GREY)
    axes.grid(axis="y", zorder=0)
    axes.set_axisbelow(True)
    axes.set_ylabel(direction_of(panel.higher_is_better, panel.is_rate), fontsize=SMALL_PT)


def _bin_label(label: str, counts: Sequence[int]) -> str:
    few, many = min(counts), max(counts)
    return f"{shorten(label, _BIN_CELLS)}\n" + (f"n = {few}" if few == many else f"n = {few}–{many}")


def _style_of(number: int) -> dict[str, Any]:
    return {
        "color": COLOURS[number % len(COLOURS)],
        "linestyle": ("-", "-.", ":")[number // len(COLOURS) % 3],
        "linewidth": 1.0,
        "marker": MARKERS[number % len(MARKERS)],
        "markersize": 3.2,
        "markeredgewidth": 0.0,
    }


def _add_systems(sheet: Sheet, systems: Sequence[str]) -> None:
    sheet.add_legend(
        [(Line2D([], [], **_style_of(number)), shorten(name, _NAME_CELLS)) for number, name in enumerate(systems)]
    )
