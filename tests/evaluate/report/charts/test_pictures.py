"""Charts against stored pictures. `OTOSCOPE_UPDATE_PICTURES=1` writes them anew: look at them before they are kept.

Compared are grey values, blurred, in tiles of 12 × 12 pixels at 100 dots per inch: the distance is the largest mean
difference of a tile, of 255. Measured: the same charts with other hinting of glyphs, which moves every letter by a
fraction of a pixel, are at most 12.2 apart, and 14.6 without any smoothing of text; what the tests below change takes
them 19.7 apart and more.
"""

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image, ImageFilter

from evaluate.report.charts import (
    Bar,
    BarPanel,
    ConfusionPanel,
    DurationBin,
    DurationLine,
    DurationPanel,
    ErrorPanel,
    ErrorRow,
    RadarAxis,
    RadarSeries,
    draw_bars,
    draw_confusion,
    draw_durations,
    draw_errors,
    draw_radar,
)
from evaluate.report.charts.style import settings
from evaluate.report.published import load_radar, published_dir

PICTURES = Path(__file__).parent / "pictures"
DOCUMENTED = Path(__file__).parents[4] / "docs" / "radar-qwen-audio.png"
DOTS_PER_INCH = 100
SUPERSAMPLING = 3  # how glyphs and lines are fitted to pixels hardly matters then
TILE = 12
LARGEST_DISTANCE = 16.0
SIZE_SLACK = 3  # pixels: texts are a little higher or lower with other versions of the font

AXES = (
    RadarAxis("LibriSpeech\ntest-other\nWER ↓", higher_is_better=False, is_rate=True),
    RadarAxis("CoVoST 2\nBLEU ↑", higher_is_better=True, is_rate=False),
    RadarAxis("VocalSound\naccuracy ↑", higher_is_better=True, is_rate=True),
    RadarAxis("SRWT\nAAS (ms) ↓", higher_is_better=False, is_rate=False),
    RadarAxis("Clotho\nCIDEr ↑", higher_is_better=True, is_rate=False),
)
SERIES = (
    RadarSeries("first", (0.05, 31.0, 0.93, 60.0, 0.41)),
    RadarSeries("second", (0.08, 24.0, 0.71, None, 0.36)),
    RadarSeries("paper", (0.042, 33.0, 0.6, 51.5, 0.44), is_published=True),
)
BARS = BarPanel(
    "LibriSpeech: WER",
    higher_is_better=False,
    is_rate=True,
    bars=(
        Bar("large", 0.042, (0.039, 0.046)),
        Bar("base", 0.144, (0.11, 0.17), is_partial=True),
        Bar("paper", 0.058, is_published=True),
        Bar("broken", None),
    ),
)
DURATIONS = DurationPanel(
    "WER by duration",
    higher_is_better=False,
    is_rate=True,
    lines=(
        DurationLine("base", (DurationBin("0–10 s", 0.14, (0.11, 0.17), 40), DurationBin("over 10 s", 0.2, None, 9))),
        DurationLine("large", (DurationBin("0–10 s", 0.05, (0.04, 0.06), 40), DurationBin("over 10 s", 0.04, None, 9))),
    ),
)
ERRORS = ErrorPanel("LibriSpeech", (ErrorRow("base", 98, 18, 10, 880), ErrorRow("empty", 0, 880, 0, 880)))
CONFUSION = ConfusionPanel(
    "VocalSound", ("cough", "sneeze", "sigh", "(none)"), ((90, 8, 0, 2), (30, 60, 10, 0), (0, 0, 0, 50))
)
CHARTS: dict[str, Callable[[], Figure]] = {
    "radar": lambda: radar(),
    "bars": lambda: draw_bars([BARS]),
    "durations": lambda: draw_durations([DURATIONS]),
    "errors": lambda: draw_errors([ERRORS]),
    "confusion": lambda: draw_confusion([CONFUSION]),
}


def picture_of(figure: Figure) -> Image.Image:
    target = io.BytesIO()
    with settings():
        figure.savefig(target, format="png", dpi=SUPERSAMPLING * DOTS_PER_INCH)
    return Image.open(target).convert("RGB").reduce(SUPERSAMPLING)


def distance(one: Image.Image, two: Image.Image) -> float:
    """Return the largest mean difference of a tile; 255 where the sizes differ by more than the slack."""
    if max(abs(a - b) for a, b in zip(one.size, two.size, strict=True)) > SIZE_SLACK:
        return 255.0
    blurred = [
        np.asarray(picture.resize(two.size).convert("L").filter(ImageFilter.BoxBlur(2)), dtype=float)
        for picture in (one, two)
    ]
    difference = np.abs(blurred[0] - blurred[1])  # (height, width)
    height, width = (size // TILE * TILE for size in difference.shape)
    tiles = difference[:height, :width].reshape(height // TILE, TILE, width // TILE, TILE)
    return float(tiles.mean(axis=(1, 3)).max())


def stored(name: str) -> Image.Image:
    with Image.open(PICTURES / f"{name}.png") as picture:
        return picture.convert("RGB")


@pytest.mark.parametrize("name", CHARTS)
def test_charts_look_like_the_stored_pictures(name: str) -> None:
    drawn = picture_of(CHARTS[name]())
    if os.environ.get("OTOSCOPE_UPDATE_PICTURES"):
        drawn.quantize(64).save(PICTURES / f"{name}.png", optimize=True)
    assert distance(drawn, stored(name)) < LARGEST_DISTANCE


def with_value(series: RadarSeries, index: int, value: float | None) -> RadarSeries:
    return replace(series, values=(*series.values[:index], value, *series.values[index + 1 :]))


def radar(axes: Sequence[RadarAxis] = AXES, series: Sequence[RadarSeries] = SERIES) -> Figure:
    return draw_radar(axes, series, title="Three systems")


def bars(*shown: Bar) -> Figure:
    return draw_bars([replace(BARS, bars=shown)])


LARGE, BASE, PAPER, BROKEN = BARS.bars
CHANGED: dict[str, tuple[str, Callable[[], Figure]]] = {
    "a corner moved": ("radar", lambda: radar(series=(with_value(SERIES[0], 4, 0.38), *SERIES[1:]))),
    "an axis turned": ("radar", lambda: radar(axes=(replace(AXES[0], higher_is_better=True), *AXES[1:]))),
    "a series missing": ("radar", lambda: radar(series=SERIES[:2])),
    "a gap closed": ("radar", lambda: radar(series=(SERIES[0], with_value(SERIES[1], 3, 70.0), SERIES[2]))),
    "a bar longer": ("bars", lambda: bars(replace(LARGE, value=0.06), BASE, PAPER, BROKEN)),
    "no interval": ("bars", lambda: bars(LARGE, replace(BASE, interval=None), PAPER, BROKEN)),
    "not hatched": ("bars", lambda: bars(LARGE, BASE, replace(PAPER, is_published=False), BROKEN)),
    "a line missing": ("durations", lambda: draw_durations([replace(DURATIONS, lines=DURATIONS.lines[:1])])),
    "other errors": (
        "errors",
        lambda: draw_errors([replace(ERRORS, rows=(ErrorRow("base", 18, 98, 10, 880), ERRORS.rows[1]))]),
    ),
    "a count moved": (
        "confusion",
        lambda: draw_confusion([replace(CONFUSION, counts=((80, 8, 10, 2), *CONFUSION.counts[1:]))]),
    ),
}


@pytest.mark.parametrize("change", CHANGED)
def test_a_changed_chart_is_further_away(change: str) -> None:
    name, draw = CHANGED[change]
    assert distance(picture_of(draw()), stored(name)) > LARGEST_DISTANCE


def test_the_picture_that_the_documentation_shows_is_what_the_command_draws() -> None:
    """Made with `otoscope report --radar qwen-audio --out docs`, and renamed."""
    radar = load_radar(published_dir(Path("nowhere")), "qwen-audio")
    drawn = picture_of(draw_radar(radar.axes, radar.series, title=radar.title, notes=radar.notes))
    with Image.open(DOCUMENTED) as picture:
        assert distance(drawn, picture.convert("RGB").reduce(SUPERSAMPLING)) < LARGEST_DISTANCE


def test_pictures_of_other_sizes_are_never_taken_for_each_other() -> None:
    picture = stored("radar")
    assert distance(picture, picture.crop((0, 0, picture.width, picture.height - SIZE_SLACK - 1))) == 255
