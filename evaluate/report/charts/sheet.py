"""A sheet to draw on, with its heading, panels, key and notes in points as in print; and the files it becomes."""

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator
from PIL import Image
from rich.cells import cell_len

from evaluate.report.charts.style import (
    COLUMN_PT,
    GREY,
    INK,
    LABEL_PT,
    LINE_HEIGHT,
    MARGIN_PT,
    PAGE_PT,
    SMALL_PT,
    TITLE_PT,
    no_glyph_warnings,
    settings,
    shorten,
    tick_label,
    wrap,
)

MAX_PIXELS = 6_000_000  # of a PNG: tall sheets get fewer dots per inch
_DPI = 300
_PANEL_GAP_PT = 10.0
_ROW_PT, _HEAD_PT, _FOOT_PT = 9.5, 16.0, 22.0  # of a panel of rows
_ROW_NAME_CELLS = 26
_ROUND_TICKS = tuple(MaxNLocator(nbins=count, steps=[1, 2, 2.5, 5, 10]) for count in (4, 5, 6))


class Sheet:
    """A figure of fixed width that grows downwards; everything is placed in points from its upper left corner.

    Args:
        width_pt: In points, as in print.
    """

    def __init__(self, width_pt: float) -> None:
        self.width_pt = width_pt
        self.depth_pt = MARGIN_PT  # how far down it is full
        self.figure = Figure(figsize=(width_pt / 72, 1), dpi=_DPI)
        self._renderer: Any = FigureCanvasAgg(self.figure).get_renderer()  # type: ignore[no-untyped-call]
        self.page: Axes = self.figure.add_axes((0, 0, 1, 1))  # whose unit is a point
        self.page.set_axis_off()
        self.page.set_xlim(0, width_pt)
        self._panels: list[tuple[Axes, float, float, float, float]] = []

    def size_pt(self, text: Text) -> tuple[float, float]:
        """Return width and height of a text in points."""
        with no_glyph_warnings():
            box = text.get_window_extent(self._renderer)
        return box.width * 72 / self.figure.dpi, box.height * 72 / self.figure.dpi

    def add_paragraph(self, text: str, *, size: float = SMALL_PT, colour: str = GREY, weight: str = "normal") -> None:
        """Add lines across the sheet, below what is there."""
        room = self.width_pt - 2 * MARGIN_PT
        cells = int(room / (0.5 * size))  # more than fit
        while True:
            lines = wrap(text, cells)
            drawn = self.page.text(
                MARGIN_PT, self.depth_pt, "\n".join(lines), fontsize=size, color=colour, fontweight=weight,
                va="top", ha="left", linespacing=LINE_HEIGHT,
            )  # fmt: skip
            width, height = self.size_pt(drawn)
            if width <= room or cells == 1:
                break
            drawn.remove()
            cells = max(1, min(cells - 1, int(cells * room / width)))
        self.depth_pt += height + 2 if lines else 0

    def add_title(self, title: str) -> None:
        """Add a heading, if there is any."""
        if title:
            self.add_paragraph(title, size=TITLE_PT, colour=INK, weight="bold")
            self.depth_pt += 2

    def add_notes(self, notes: Iterable[str]) -> None:
        """Add lines of small print, each once."""
        for note in dict.fromkeys(notes):
            self.add_paragraph(note)

    def add_legend(self, entries: Sequence[tuple[Line2D | Patch, str]]) -> None:
        """Add a key: samples of lines or areas with their names, as many in a row as there is room for."""
        handle_pt, gap_pt, row_pt = 17.0, 8.0, 9.5
        self.depth_pt += 2
        left = MARGIN_PT
        for handle, name in entries:
            text = self.page.text(0, 0, name, fontsize=LABEL_PT, va="center", ha="left")
            width = handle_pt + 3 + self.size_pt(text)[0]
            if left > MARGIN_PT and left + width > self.width_pt - MARGIN_PT:
                left = MARGIN_PT
                self.depth_pt += row_pt
            middle = self.depth_pt + row_pt / 2
            text.set_position((left + handle_pt + 3, middle))
            for artist in _sample_of(handle, left, middle, handle_pt):
                self.page.add_artist(artist)
            left += width + gap_pt
        self.depth_pt += row_pt + 2

    def add_panel(self, left: float, top: float, width: float, height: float) -> Axes:
        """Add axes with a box in points, `top` from the sheet's upper edge."""
        axes: Axes = self.figure.add_axes((0, 0, 0.5, 0.5), label=f"panel {len(self._panels)}")
        axes.patch.set_visible(False)
        self._panels.append((axes, left, top, width, height))
        return axes

    def finish(self) -> Figure:
        """Return the figure, as high as it is full."""
        height = self.depth_pt + MARGIN_PT
        self.figure.set_size_inches(self.width_pt / 72, height / 72)
        self.page.set_ylim(height, 0)
        for axes, left, top, width, panel_height in self._panels:
            bottom = height - top - panel_height
            axes.set_position((left / self.width_pt, bottom / height, width / self.width_pt, panel_height / height))
        return self.figure


def _sample_of(handle: Line2D | Patch, left: float, middle: float, width: float) -> list[Artist]:
    if isinstance(handle, Line2D):
        line, mark = Line2D([left, left + width], [middle, middle]), Line2D([left + width / 2], [middle])
        for one in (line, mark):
            one.update_from(handle)
        line.set_marker("")
        mark.set_linestyle("")
        return [line, mark]
    area = Rectangle((left, middle - 3), width, 6)
    area.update_from(handle)
    return [area]


def panel_grid(title: str, heights: Sequence[float]) -> tuple[Sheet, list[tuple[float, float, float, float]]]:
    """Return a sheet with room for panels, and their boxes (left, top, width, height) in points.

    One panel takes a column, more stand in two columns, row by row.

    Raises:
        ValueError: There are no panels.
    """
    if not heights:
        raise ValueError("no panels found, expected at least one")
    num_columns = min(len(heights), 2)
    sheet = Sheet(COLUMN_PT if num_columns == 1 else PAGE_PT)
    sheet.add_title(title)
    width = (sheet.width_pt - 2 * MARGIN_PT - (num_columns - 1) * _PANEL_GAP_PT) / num_columns
    boxes = []
    for start in range(0, len(heights), num_columns):
        row = heights[start : start + num_columns]
        boxes += [
            (MARGIN_PT + column * (width + _PANEL_GAP_PT), sheet.depth_pt, width, height)
            for column, height in enumerate(row)
        ]
        sheet.depth_pt += max(row) + 4
    return sheet, boxes


def add_panel_title(sheet: Sheet, title: str, left: float, top: float, width: float) -> None:
    """Write a panel's title above it, as much of it as fits."""
    name = shorten(title, int(width / (0.55 * LABEL_PT)))
    sheet.page.text(left, top + 3, name, fontsize=LABEL_PT, fontweight="bold", color=INK, va="top", ha="left")


def row_panel_height(num_rows: int) -> float:
    """Return how high a panel of so many rows is, in points."""
    return _HEAD_PT + _ROW_PT * max(num_rows, 1) + _FOOT_PT


def add_row_panel(sheet: Sheet, title: str, names: Sequence[str], box: tuple[float, float, float, float]) -> Axes:
    """Add a panel of horizontal bars, to be drawn at y = 0 (on top), 1, …, with the names of the rows beside it."""
    left, top, width, height = box
    add_panel_title(sheet, title, left, top, width)
    texts = [
        sheet.page.text(
            0, top + _HEAD_PT + _ROW_PT * (row + 0.5), shorten(name, _ROW_NAME_CELLS), fontsize=SMALL_PT, color=INK,
            ha="right", va="center",
        )
        for row, name in enumerate(names)
    ]  # fmt: skip
    longest = sorted(texts, key=lambda text: -cell_len(text.get_text()))[:5]  # measuring all would take long
    gutter = min(max((sheet.size_pt(text)[0] for text in longest), default=0.0) + 4, 0.55 * width)
    for text in texts:
        text.set_x(left + gutter - 3)
    axes = sheet.add_panel(left + gutter, top + _HEAD_PT, width - gutter, height - _HEAD_PT - _FOOT_PT)
    axes.set_ylim(max(len(names), 1) - 0.5, -0.5)
    axes.set_yticks([])
    axes.grid(axis="x", zorder=0)
    axes.set_axisbelow(True)
    return axes


def set_row_scale(axes: Axes, lowest: float, highest: float, room: float) -> None:
    """Set the scale of a panel of rows: round ticks that enclose all values, and room for numbers.

    Args:
        axes: Of `add_row_panel`.
        lowest: The least value, 0 at most.
        highest: The largest value, 0 at least.
        room: Right of the values, as a part of their extent.
    """
    extent = (highest - lowest) or 1.0
    choices = [locator.tick_values(lowest, lowest + extent) for locator in _ROUND_TICKS]
    # Where one does, the last tick stands in the room that the numbers need anyway.
    ticks = next((one for one in choices if one[-1] <= lowest + (1 + 0.8 * room) * extent), choices[0])
    beyond = 0.05 * extent  # for the labels of the outermost ticks
    left = min(lowest, ticks[0]) - (beyond if lowest < 0 else 0)
    axes.set_xlim(left, max(lowest + (1 + room) * extent, ticks[-1] + beyond))
    axes.spines["left"].set_position(("data", 0))
    axes.set_xticks(ticks, [tick_label(float(tick)) for tick in ticks])


def write_beside(axes: Axes, text: str, value: float, row: int) -> None:
    """Write a text right of a bar's end, a space from it."""
    axes.text(value, row, f" {text}", fontsize=SMALL_PT, color=INK, va="center")


def save_figure(figure: Figure, out: Path, stem: str) -> list[Path]:
    """Write a figure as PNG and SVG, the same bytes for the same figure.

    Args:
        figure: Of one of the drawing functions.
        out: Folder; made where it is missing.
        stem: Name of the files without their ending.

    Returns:
        The files written.
    """
    out.mkdir(parents=True, exist_ok=True)
    png, svg = out / f"{stem}.png", out / f"{stem}.svg"
    width, height = figure.get_size_inches()
    dpi = min(_DPI, (MAX_PIXELS / (width * height)) ** 0.5)
    with settings(), no_glyph_warnings():
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=dpi, pil_kwargs={"compress_level": 0})
        # 256 colours, chosen from the picture: a third of the size, and no difference that one could see.
        drawn = Image.open(picture).convert("RGB").quantize(method=Image.Quantize.MEDIANCUT)
        drawn.save(png, dpi=(dpi, dpi))
        figure.savefig(svg, metadata={"Date": None, "Creator": None})
    return [png, svg]
