"""Figures that papers published, from `results/published/*.yaml`, one file per source."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from evaluate.errors import RunDamagedError

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
    scores: list[PublishedScore] = []
    for path in sorted(folder.glob("*.yaml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        try:
            for table in document["tables"]:
                scores.extend(_scores_of(table, document))
        except (KeyError, TypeError, ValueError) as error:
            raise RunDamagedError(f"{path}: not a table of published figures ({error!r}); restore the file") from error
    return scores


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
