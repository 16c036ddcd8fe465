"""Figures that papers published, from `results/published/*.yaml`, one file per source."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from evaluate.errors import RequestError, RunDamagedError
from evaluate.metrics import registry as metrics
from evaluate.registry import unknown_name
from evaluate.report.charts import RadarAxis, RadarSeries

SCALES = {"per cent": 0.01, "fraction": 1.0, "points of 100": 1.0, "points of 10": 1.0, "milliseconds": 1.0}
_DIRECTIONS = {"higher": True, "lower": False}  # what is better
_EMPTY_CELL = "–"


@dataclass(frozen=True, slots=True)
class PublishedScore:
    """One cell of a published table."""

    model: str
    task: str
    split: str
    metric: str
    value: float  # rates as fractions, like ours
    higher_is_better: bool
    protocol: str  # whose prompts and normalisation it was made with
    source: str


@dataclass(frozen=True, slots=True)
class PublishedRadar:
    """A radar chart that a paper drew, from the cells of its tables."""

    title: str
    axes: tuple[RadarAxis, ...]
    series: tuple[RadarSeries, ...]
    notes: tuple[str, ...]  # what the source is, and which values were made from several cells
    splits: frozenset[str]  # that its axes are of, each `task:split`


def published_dir(results_dir: Path) -> Path:
    """Return the folder of published figures: the results folder's own, or the one that comes with the package."""
    package = Path(__file__).resolve().parents[1]
    candidates = (results_dir / "published", package.parent / "results" / "published", package / "published")
    return next((folder for folder in candidates if folder.is_dir()), candidates[0])


def load_published(folder: Path) -> list[PublishedScore]:
    """Read every file of a folder.

    Raises:
        RunDamagedError: A file is not of the expected form.
    """
    return [score for path in sorted(folder.glob("*.yaml")) for score in _read(path)[1]]


def load_radar(folder: Path, name: str, own: Sequence[PublishedScore] = ()) -> PublishedRadar:
    """Return the radar chart of one file.

    Args:
        folder: Of published figures.
        name: Of the file, without its ending.
        own: Scores that were measured, to be drawn on the same axes, a series for each model.

    Raises:
        RequestError: No file of that name holds a chart.
        RunDamagedError: A file is not of the expected form.
    """
    files = {path.stem: (path, *_read(path)) for path in sorted(folder.glob("*.yaml"))}
    charts = [stem for stem, (_, document, _) in files.items() if "radar" in document]
    if name not in charts:
        if not charts:
            raise RequestError(f"{folder}: no published radar chart there; restore the folder")
        raise unknown_name("published radar chart", name, charts, listing=f"All names: {', '.join(charts)}")
    path, document, scores = files[name]
    radar = document["radar"]
    try:
        scores = scores + [score for other in radar.get("also", []) for score in files[other][2]]
        return _radar_of(radar, scores, document, own)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise RunDamagedError(f"{path}: not a radar chart of its cells ({error!r}); restore the file") from error


def _read(path: Path) -> tuple[dict[str, Any], list[PublishedScore]]:
    """Return a file's document and its cells."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        return document, [score for table in document["tables"] for score in _scores_of(table, document)]
    except (KeyError, TypeError, ValueError) as error:
        raise RunDamagedError(f"{path}: not a table of published figures ({error!r}); restore the file") from error


def _radar_of(
    radar: Mapping[str, Any],
    scores: Sequence[PublishedScore],
    document: Mapping[str, Any],
    own: Sequence[PublishedScore],
) -> PublishedRadar:
    _refuse_strange_cells(radar, scores)
    named = {row for series in radar["series"] for row in series.get("rows", [])}
    series, notes = [], [f"Published figures: {document['source']}."]
    for one in radar["series"]:
        others = {score.model for score in scores} - named - set(radar.get("left_out", []))
        rows = others if one.get("best_of_others") else set(one["rows"])
        if one.get("best_of_others"):
            notes.append(f"{one['name']}: on each axis the best other row of the tables.")
        cells = [_cells_of(axis, rows, scores) for axis in radar["axes"]]
        series.append(RadarSeries(one["name"], tuple(_mean(axis_cells) for axis_cells in cells), is_published=True))
        for axis, axis_cells in zip(radar["axes"], cells, strict=True):
            if len({score.model for score in axis_cells if score}) > 1:
                label = " ".join(axis["label"].split("\n")[:-1])
                notes.append(f"{label}: {one['name']} takes the best system of each split.")
    for model in dict.fromkeys(score.model for score in own):
        cells = [_cells_of(axis, {model}, own) for axis in radar["axes"]]
        series.append(RadarSeries(model, tuple(map(_mean, cells))))
        if any(cell and cell.protocol != document["protocol"] for axis_cells in cells for cell in axis_cells):
            notes.append(f"{model}: scored, at least in part, otherwise than by protocol {document['protocol']}.")
    axes = tuple(
        RadarAxis(
            label=axis["label"],
            higher_is_better=metrics.get(axis["metric"]).higher_is_better,
            is_rate=metrics.get(axis["metric"]).is_rate,
            ends=(float(axis["ends"][0]), float(axis["ends"][1])),
        )
        for axis in radar["axes"]
    )
    splits = frozenset(f"{axis['task']}:{split}" for axis in radar["axes"] for split in axis["splits"])
    return PublishedRadar(radar["title"], axes, tuple(series), tuple(notes), splits)


def _cells_of(
    axis: Mapping[str, Any], models: Collection[str], scores: Sequence[PublishedScore]
) -> list[PublishedScore | None]:
    """Return the best cell of some models for each split of an axis, None where there is none."""
    return [max(_candidates(axis, split, models, scores), key=_goodness, default=None) for split in axis["splits"]]


def _candidates(
    axis: Mapping[str, Any], split: str, models: Collection[str], scores: Sequence[PublishedScore]
) -> Iterator[PublishedScore]:
    wanted = (axis["task"], axis["metric"], split)
    return (score for score in scores if score.model in models and (score.task, score.metric, score.split) == wanted)


def _refuse_strange_cells(radar: Mapping[str, Any], scores: Sequence[PublishedScore]) -> None:
    """Raise where an axis is of cells that no table has, which is not the same as cells that are empty."""
    there = {(score.task, score.metric, score.split) for score in scores}
    for axis in radar["axes"]:
        for split in axis["splits"]:
            if (axis["task"], axis["metric"], split) not in there:
                raise KeyError((axis["task"], axis["metric"], split))


def _goodness(score: PublishedScore) -> float:
    return score.value if score.higher_is_better else -score.value


def _mean(cells: Sequence[PublishedScore | None]) -> float | None:
    """Return the mean over splits, None where a cell is missing."""
    values = [score.value for score in cells if score is not None]
    return sum(values) / len(values) if len(values) == len(cells) else None


def _scores_of(table: dict[str, Any], document: dict[str, Any]) -> list[PublishedScore]:
    scale = SCALES[table["unit"]]
    return [
        PublishedScore(
            model=model,
            task=table["task"],
            split=split,
            metric=table["metric"],
            value=float(cell) * scale,
            higher_is_better=_DIRECTIONS[table["direction"]],
            protocol=document["protocol"],
            source=document["source"],
        )
        for model, cells in table["rows"].items()
        for split, cell in zip(table["splits"], cells, strict=True)
        if cell != _EMPTY_CELL
    ]
