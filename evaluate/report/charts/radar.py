"""Radar chart: one axis per score, each with its own labelled scale, outside better, a line per system.

A value that is missing breaks the line of its system; it is never drawn at the centre. The area of such a figure means
nothing (it depends on the order of the axes), which a line below the chart says.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon
from matplotlib.transforms import Bbox

from evaluate.report.charts.scale import RINGS, Scale, chosen_scale, coverage, given_scale
from evaluate.report.charts.sheet import Sheet
from evaluate.report.charts.style import (
    COLOURS,
    COLUMN_PT,
    FAINT,
    GREY,
    INK,
    LABEL_PT,
    MARGIN_PT,
    MARKERS,
    SMALL_PT,
    finite,
    plain,
    settings,
    shorten,
    wrap,
)

MIN_AXES = 3
READING = (
    "Each axis has its own scale, printed on its rings; the centre need not be zero. Outside is better; compare along "
    "an axis, not areas."
)
_LABEL_CELLS = 15  # of a line of an axis label
_PART_LINES = 2  # of the task, of the split, of the metric
_NAME_CELLS = 40
_LABEL_GAP_PT = 4.0
_CLEARANCE_PT = 1.0  # around the label of a ring
_MARK_PT = 3.2
_GROUND_PT = 0.4  # around the label of a ring, faintly white
_LARGEST_RADIUS = 0.38  # of the sheet's width
_SMALLEST_RADIUS = 0.2
_FILLED_SERIES = 3  # more areas on top of each other are mud
# Of series that were measured and of published ones; the next of each where the colours start again, for grey print.
_SOLID, _BROKEN = ("-", (0, (6, 1.5, 1, 1.5)), (0, (1, 1))), ((0, (3, 1.5)), (0, (5, 1, 1, 1, 1, 1)), (0, (1.5, 0.8)))


@dataclass(frozen=True, slots=True)
class RadarAxis:
    """One axis of a radar chart."""

    label: str  # lines such as "LibriSpeech test-other\nWER ↓"
    higher_is_better: bool
    is_rate: bool  # a fraction, shown in per cent
    # Values at the centre and at the outer ring; None: chosen from the data. So they are where a value does not lie
    # between these ends.
    ends: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class RadarSeries:
    """One system on a radar chart."""

    name: str
    values: tuple[float | None, ...]  # one per axis; None (or no finite number): missing
    is_published: bool = False  # broken lines and hollow marks, where not all series are


def draw_radar(
    axes: Sequence[RadarAxis], series: Sequence[RadarSeries], *, title: str = "", notes: Sequence[str] = ()
) -> Figure:
    """Draw systems on axes, clockwise from the top, in the width of a column.

    Args:
        axes: At least three.
        series: Any number of systems; the first seven differ in colour, all in marks or lines.
        title: Heading, "" for none.
        notes: Lines below the chart, after the one on how to read it.

    Raises:
        ValueError: Under three axes, a series with another number of values, or ends the wrong way round.
    """
    if len(axes) < MIN_AXES:
        raise ValueError(f"{len(axes)} axes found, expected at least {MIN_AXES}; draw bars instead")
    for one in series:
        if len(one.values) != len(axes):
            raise ValueError(f"series {plain(one.name)!r} has {len(one.values)} values, expected {len(axes)}")
    labels = [_label_lines(axis.label) for axis in axes]
    names = [_legend_name(one, len(axes)) for one in series]
    with settings([title, *notes, *names, *("".join(lines) for lines in labels)]):
        chart = _Radar(axes, series, labels)
        chart.sheet.add_title(title)
        chart.draw()
        chart.sheet.add_legend(list(zip(chart.handles, names, strict=True)))
        is_mixed = chart.is_mixed
        chart.sheet.add_notes([READING, *(["Hollow marks: published figures."] if is_mixed else []), *notes])
        return chart.sheet.finish()


def _label_lines(label: str) -> list[str]:
    parts = [wrap(shorten(part, 2 * _LABEL_CELLS), _LABEL_CELLS) for part in label.split("\n")]
    return [line for lines in parts for line in lines[:_PART_LINES]]


def _legend_name(one: RadarSeries, num_axes: int) -> str:
    present = sum(finite(value) is not None for value in one.values)
    name = shorten(one.name, _NAME_CELLS)
    return name if present == num_axes else f"{name} ({present} of {num_axes} axes)"


def scales_of(axes: Sequence[RadarAxis], series: Sequence[RadarSeries]) -> list[Scale | None]:
    """Return the scale of each axis in the unit that is shown, all with as many rings; None where it has no value."""
    columns = [_shown_values(axis, [one.values[index] for one in series]) for index, axis in enumerate(axes)]
    has_ends = any(axis.ends for axis in axes)
    candidates = [
        [_scale_of(axis, column, rings) for axis, column in zip(axes, columns, strict=True)]
        for rings in (RINGS[:1] if has_ends else RINGS)
    ]
    return max(
        candidates,
        key=lambda scales: sum(
            coverage(scale, column) for scale, column in zip(scales, columns, strict=True) if scale is not None
        ),
    )


def _scale_of(axis: RadarAxis, values: Sequence[float], num_rings: int) -> Scale | None:
    if not values:
        return None
    factor = 100 if axis.is_rate else 1
    if axis.ends is not None:
        ends = factor * axis.ends[0], factor * axis.ends[1]
        given = given_scale(values, ends=ends, num_rings=num_rings, higher_is_better=axis.higher_is_better)
        if given is not None:
            return given
    return chosen_scale(values, num_rings=num_rings, higher_is_better=axis.higher_is_better, is_rate=axis.is_rate)


def _shown_values(axis: RadarAxis, values: Sequence[float | None]) -> list[float]:
    found = [value for one in values if (value := finite(one)) is not None]
    return [100 * one if axis.is_rate else one for one in found]


def runs_of(present: Sequence[bool]) -> list[list[int]]:
    """Return the stretches of axes without a gap, around the circle; a whole circle comes back to its start."""
    count = len(present)
    if all(present):
        return [[*range(count), 0]]
    start = present.index(False)
    runs: list[list[int]] = [[]]
    for index in (*range(start, count), *range(start)):
        if present[index]:
            runs[-1].append(index)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


class _Radar:
    """The drawing of one chart on its sheet."""

    def __init__(
        self, axes: Sequence[RadarAxis], series: Sequence[RadarSeries], labels: Sequence[Sequence[str]]
    ) -> None:
        self.axes, self.series, self.labels = axes, series, labels
        self.sheet = Sheet(COLUMN_PT)
        self.handles: list[Line2D] = []
        self.is_mixed = len({one.is_published for one in series}) > 1
        self._scales = scales_of(axes, series)
        self._centre = (self.sheet.width_pt / 2, 0.0)
        self._radius = 0.0
        self._label_boxes: list[Bbox] = []
        self._mark_boxes: list[Bbox] = []

    def draw(self) -> None:
        """Draw everything and move the sheet's depth below it."""
        self._place_labels()
        num_rings = next((scale.num_rings for scale in self._scales if scale is not None), RINGS[0])
        page = self.sheet.page
        for ring in range(1, num_rings + 1):
            corners = [self._point(index, ring / num_rings) for index in range(len(self.axes))]
            edge = GREY if ring == num_rings else FAINT
            page.add_patch(Polygon(corners, fill=False, edgecolor=edge, linewidth=0.5, zorder=1))
        for index in range(len(self.axes)):
            ends = (self._point(index, 0), self._point(index, 1))
            page.add_line(Line2D(*zip(*ends, strict=True), color=FAINT, linewidth=0.5, zorder=1))
        for number, one in enumerate(self.series):
            self._draw_series(number, one)
        self._label_rings()

    def _direction(self, index: int) -> tuple[float, float]:
        """Return the unit vector of an axis, y downwards as on the sheet."""
        angle = 2 * math.pi * index / len(self.axes)
        return math.sin(angle), -math.cos(angle)

    def _point(self, index: int, radius: float) -> tuple[float, float]:
        x, y = self._direction(index)
        return self._centre[0] + x * radius * self._radius, self._centre[1] + y * radius * self._radius

    def _place_labels(self) -> None:
        """Write the axis labels around the circle, and make it as large as they leave room for."""
        sheet = self.sheet
        texts = [
            sheet.page.text(
                0, 0, "\n".join(lines), fontsize=LABEL_PT, color=INK, ha="center", va="center", linespacing=1.1
            )
            for lines in self.labels
        ]
        sizes = [sheet.size_pt(text) for text in texts]
        half = sheet.width_pt / 2
        radius = _LARGEST_RADIUS * sheet.width_pt
        offsets = []
        for index, (width, height) in enumerate(sizes):
            x, y = self._direction(index)
            # Beside the circle a label starts at its axis, above and below it is centred on it.
            offset = max(-1.0, min(1.0, 2 * x)) * width / 2, y * height / 2
            offsets.append(offset)
            if abs(x) > 0.01:
                room = half - MARGIN_PT / 2 - width / 2 - abs(offset[0])
                radius = min(radius, room / abs(x) - _LABEL_GAP_PT)
        self._radius = max(radius, _SMALLEST_RADIUS * sheet.width_pt)
        places = []
        for index, (offset_x, offset_y) in enumerate(offsets):
            x, y = self._direction(index)
            reach = self._radius + _LABEL_GAP_PT
            places.append((half + x * reach + offset_x, y * reach + offset_y))
        boxes: dict[int, Bbox] = {}
        for index in sorted(range(len(sizes)), key=lambda one: abs(self._direction(one)[1])):
            width, height = sizes[index]
            x, y = places[index]
            box = Bbox.from_bounds(x - width / 2, y - height / 2, width, height)
            while any(map(box.overlaps, boxes.values())):  # of many axes: on, towards the sheet's top or bottom
                box = box.translated(0, math.copysign(1, self._direction(index)[1]))
            boxes[index] = box
        middle = sheet.depth_pt - min(box.y0 for box in boxes.values())
        self._centre = (half, middle)
        for index, box in boxes.items():
            self._label_boxes.append(box.translated(0, middle))
            texts[index].set_position(((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2 + middle))
            if abs(moved := (box.y0 + box.y1) / 2 - places[index][1]) > SMALL_PT:
                foot = self._point(index, 1)
                edge = middle + (box.y0 if moved > 0 else box.y1)
                sheet.page.add_line(
                    Line2D([foot[0], min(max(foot[0], box.x0), box.x1)], [foot[1], edge], color=GREY, linewidth=0.4)
                )
        sheet.depth_pt = middle + max(box.y1 for box in boxes.values()) + 3

    def _draw_series(self, number: int, one: RadarSeries) -> None:
        colour = COLOURS[number % len(COLOURS)]
        is_broken = one.is_published and self.is_mixed
        styles = _BROKEN if is_broken else _SOLID
        style: dict[str, Any] = {
            "color": colour,
            "linewidth": 1.0,
            "linestyle": styles[number // len(COLOURS) % len(styles)],
            "marker": MARKERS[number % len(MARKERS)],
            "markersize": _MARK_PT,
            "markeredgewidth": 0.7,
            "markeredgecolor": colour,
            "markerfacecolor": "white" if is_broken else colour,
        }
        values = _radii(one, self.axes, self._scales)
        for run in runs_of([value is not None for value in values]):
            points = [self._point(index, values[index] or 0.0) for index in run]
            self._mark_boxes += [Bbox.from_extents(x, y, x, y).padded(_MARK_PT / 2) for x, y in points]
            self.sheet.page.add_line(Line2D(*zip(*points, strict=True), zorder=4, gid=f"series-{number}", **style))
        if None not in values and len(self.series) <= _FILLED_SERIES:
            corners = [self._point(index, value or 0.0) for index, value in enumerate(values)]
            self.sheet.page.add_patch(Polygon(corners, facecolor=colour, alpha=0.12, linewidth=0, zorder=2))
        self.handles.append(Line2D([], [], **style))

    def _label_rings(self) -> None:
        """Write the values of the rings beside their axes, clockwise of them; from outside in while there is room.

        They stand on lines and marks, on a faint ground of their own, and beside marks where they can.
        """
        taken = list(self._label_boxes)
        for label, index, radius in self._ring_labels():
            text = self.sheet.page.text(
                0, 0, label, fontsize=SMALL_PT, color=GREY, ha="center", va="center", zorder=5,
                bbox={"boxstyle": f"square,pad={_GROUND_PT / SMALL_PT}", "color": "white", "alpha": 0.7, "lw": 0},
            )  # fmt: skip
            boxes = self._boxes_beside(index, radius, self.sheet.size_pt(text))
            free = [one for one in boxes if not any(map(one.padded(_CLEARANCE_PT).overlaps, taken))]
            if not free:
                text.remove()
            else:
                box = next(
                    (one for one in free if not any(map(one.padded(_GROUND_PT).overlaps, self._mark_boxes))), free[0]
                )
                taken.append(box)
                text.set_position(((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2))

    def _boxes_beside(self, index: int, radius: float, size: tuple[float, float]) -> list[Bbox]:
        """Return where a ring's label may stand, best first; nowhere if it would be taken for the next axis's."""
        width, height = size
        out_x, out_y = self._direction(index)
        side_x, side_y = -out_y, out_x  # clockwise of the axis
        extent = abs(side_x) * width + abs(side_y) * height
        if 2 * math.pi * radius * self._radius / len(self.axes) < extent + 2:
            return []
        x, y = self._point(index, radius)
        aside = (side_x * (width / 2 + 2.6), side_y * (height / 2 + 1.5))
        inward = (-out_x * width / 2, -out_y * height)
        # A label may move in a little; the outer ring's, beside which the axis's name stands, also to the other side.
        outer_shifts = ((1, 0.0), (1, 0.5), (1, 1.0), (-1, 0.0), (-1, 0.5), (-1, 1.0))
        shifts = outer_shifts if radius == 1 else outer_shifts[:2]
        middles = [(x + s * aside[0] + i * inward[0], y + s * aside[1] + i * inward[1]) for s, i in shifts]
        return [Bbox.from_bounds(one - width / 2, two - height / 2, width, height) for one, two in middles]

    def _ring_labels(self) -> list[tuple[str, int, float]]:
        """Return label, axis and radius, outer rings first."""
        found = []
        for index, (axis, scale) in enumerate(zip(self.axes, self._scales, strict=True)):
            if scale is not None:
                labels = scale.tick_labels()
                if axis.is_rate:
                    labels[-1] += "%"
                found += [(label, index, (ring + 1) / len(labels)) for ring, label in enumerate(labels) if label]
        return sorted(found, key=lambda one: -one[2])


def _radii(one: RadarSeries, axes: Sequence[RadarAxis], scales: Sequence[Scale | None]) -> list[float | None]:
    radii: list[float | None] = []
    for axis, scale, value in zip(axes, scales, one.values, strict=True):
        shown = _shown_values(axis, [value])
        radii.append(scale.radius(shown[0]) if scale is not None and shown else None)
    return radii
