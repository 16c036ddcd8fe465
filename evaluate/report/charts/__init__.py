"""Charts of scores as matplotlib figures: what they show is handed over in plain records, and they compute no metric.

    figure = draw_radar(axes, series, notes=["50 of 2939 samples"])
    save_figure(figure, Path("results/report"), "radar")     # radar.png, radar.svg

Values are as in the scores documents: rates are fractions, per cent only in the picture.
"""

from evaluate.report.charts.bars import Bar, BarPanel, draw_bars
from evaluate.report.charts.confusion import ConfusionPanel, draw_confusion
from evaluate.report.charts.durations import DurationBin, DurationLine, DurationPanel, draw_durations
from evaluate.report.charts.errors import ErrorPanel, ErrorRow, draw_errors
from evaluate.report.charts.radar import MIN_AXES, RadarAxis, RadarSeries, draw_radar
from evaluate.report.charts.sheet import save_figure
from evaluate.report.charts.style import missing_glyphs

__all__ = [
    "MIN_AXES",
    "Bar",
    "BarPanel",
    "ConfusionPanel",
    "DurationBin",
    "DurationLine",
    "DurationPanel",
    "ErrorPanel",
    "ErrorRow",
    "RadarAxis",
    "RadarSeries",
    "draw_bars",
    "draw_confusion",
    "draw_durations",
    "draw_errors",
    "draw_radar",
    "missing_glyphs",
    "save_figure",
]
