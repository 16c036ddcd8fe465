"""Whose score it is, and which of several runs counts: what every reader of scores documents has to tell apart."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from evaluate.digests import digest
from evaluate.errors import RunDamagedError
from evaluate.results import RunDirectory, comparable_signature, slug


@dataclass(frozen=True, slots=True, order=True)
class System:
    """A model as it was run; runs that differ in any of it are never shown as one."""

    model: str
    revision: str
    dtype: str
    settings: str  # of the model, of generation and for clips

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "System":
        """Return the system of a scores document."""
        policy = document.get("clip_policy", {})  # runs of earlier versions kept all clips
        options = sorted({**document["model_arguments"], **document["generation"], **policy}.items())
        return cls(
            model=document["model"],
            revision=document.get("model_revision") or "",
            dtype=document.get("model_dtype") or "",
            settings=", ".join(f"{name}={value}" for name, value in options),
        )

    def label(self, others: Iterable["System"]) -> str:
        """Return the model's name, with whatever tells it from other systems of that name."""
        same = [other for other in others if other.model == self.model]
        parts = [self.model]
        if len({other.revision for other in same}) > 1 and self.revision:
            parts.append(f"@{self.revision[:8]}")
        if len({other.dtype for other in same}) > 1 and self.dtype:
            parts.append(self.dtype)
        if len({other.settings for other in same}) > 1 and self.settings:
            parts.append(f"({self.settings})")
        return " ".join(parts)


def newest_runs(documents: Sequence[Mapping[str, Any]]) -> dict[System, list[Mapping[str, Any]]]:
    """Return the runs of each system; of several on the same samples, scored in the same way, the newest.

    Args:
        documents: Scores documents, oldest first, each with its `run_dir`.
    """
    newest = {(System.of(document), way_of_scoring(document)): document for document in documents}
    order = sorted(newest, key=lambda key: (key[0], newest[key]["task"], newest[key]["split"], key[1]))
    runs: dict[System, list[Mapping[str, Any]]] = {}
    for system, way in order:
        runs.setdefault(system, []).append(newest[system, way])
    return runs


def way_of_scoring(document: Mapping[str, Any]) -> str:
    """Return a short hash of what two scores must share to be comparable: samples, probe, task version, signature."""
    signature = comparable_signature(document["metrics"][document["primary"]]["signature"])
    names = ("task", "task_version", "split", "corpus_fingerprint")
    probe = [document["probe"]] if document.get("probe") else []
    return digest([*(document[name] for name in names), signature, *probe])[:8]


def file_names(systems: Iterable[System]) -> dict[System, str]:
    """Return a file name for each system, without suffix: the model's slug, and a hash where several share that."""
    slugs = {system: slug(system.model) for system in systems}
    counts = Counter(name.lower() for name in slugs.values())  # some file systems take two cases for one name
    return {
        system: name if counts[name.lower()] == 1 else f"{name}-{digest(astuple(system))[:8]}"
        for system, name in slugs.items()
    }


def is_whole(document: Mapping[str, Any]) -> bool:
    """Whether a score is of its whole split."""
    return bool(document["coverage"]["complete"]) and document["n_total"] == document["coverage"]["found"]


def whole_size(document: Mapping[str, Any]) -> int:
    """Return how many samples the whole split has: officially, or else as far as the corpus is here."""
    size: int = document["coverage"]["official"] or document["coverage"]["found"]
    return size


def value_of(score: Mapping[str, Any]) -> float | None:
    """Return the value of a metric; None where it has none that is a number."""
    value = score["value"]
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def interval_of(score: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the interval of a metric; None where it has none, or a bound that is no number."""
    low, high = score["ci"] or (math.nan, math.nan)
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def run_record(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run.json beside a scores document; where none can be read, a record that knows nothing."""
    try:
        return RunDirectory(Path(document["run_dir"])).read_record()
    except (OSError, RunDamagedError):
        return {"sessions": []}
