"""Scores that were made from the same inputs before: a finished run that is asked for again is not scored again.

What is kept, of each run's last scoring, is a hash of all that its scores are made from: the log, what scoring reads of
the samples, the task's and the metrics' settings and versions, the seed, the files of this program and the versions of
the packages it uses; and what scoring then returned, with a hash of the `sample_scores.jsonl` that it wrote.

It is kept in the user's cache (`OTOSCOPE_SCORED`), not in the run's own folder: that may come from somebody else, and
scoring it again is how its scores are checked. Where a judge, another program, or code that is not this project's takes
part, nothing is kept.
"""

import hashlib
import marshal
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluate import __version__
from evaluate.digests import digest, turns_of, whole_file_digest
from evaluate.environment import package_versions
from evaluate.errors import RunDamagedError
from evaluate.folders import forget_gone_runs, home_or_cache, note_run, place_of_run
from evaluate.metrics.base import Metric
from evaluate.normalizers import BUILTIN as NORMALIZERS
from evaluate.results import RunDirectory, read_json, write_json
from evaluate.statistics import Bootstrap
from evaluate.task import Split, Task
from evaluate.types import Sample

if TYPE_CHECKING:
    from evaluate.scoring import ScoringOptions

_OURS = ("evaluate.", "tasks.")


def scoring_key(
    task: Task, split: Split, run: RunDirectory, metrics: Sequence[Metric], options: "ScoringOptions", scope: str
) -> str | None:
    """Return a hash of everything that the scores of a run are made from; None where that cannot be told.

    Args:
        task: Reads the answers out.
        split: With the samples that are scored.
        run: With its log.
        metrics: In order.
        options: As the user gave them.
        scope: What else stands in the signatures.
    """
    others = (options.judge, options.spice_scores, options.spice_input)
    if any(one is not None for one in others) or any(one.needs_whole_set for one in metrics):
        return None
    if not all(type(one).__module__.startswith(_OURS) for one in (task, *metrics)):
        return None
    if not all(one.normalizer.name in NORMALIZERS for one in metrics):
        return None
    return digest(
        {
            "version": __version__,
            "code": _state_of_code(),
            "packages": {"python": platform.python_version(), **package_versions()},
            "log": whole_file_digest(run.predictions),
            "samples": _hash_samples(split.samples),
            "task": [task.name, task.version, task.kind, task.protocol_name, task.extractor, split.asks_as, scope],
            "aliases": {choice: list(names) for choice, names in task.aliases.items()},
            "unscored": task.why_unscored(split.asks_as),
            "metrics": [[type(one).__qualname__, one.signature(), asdict(one.settings)] for one in metrics],
            "intervals": asdict(Bootstrap(seed=options.seed)),
        }
    )


def read_kept(run: RunDirectory, key: str | None) -> dict[str, Any] | None:
    """Return what scoring returned for this key, if it was the last one and its sample scores are as it left them."""
    path = _place(run)
    if key is None or not path.is_file():
        return None
    try:
        kept = read_json(path)
        is_same = kept["key"] == key and kept["sample_scores"] == whole_file_digest(run.sample_scores)
        scores: dict[str, Any] = kept["scores"]
    except (RunDamagedError, OSError, KeyError, TypeError):
        return None  # what cannot be read is made anew
    return scores if is_same else None


def keep(run: RunDirectory, key: str | None, scores: dict[str, Any]) -> None:
    """Keep what scoring returned.

    Raises:
        OSError: The cache cannot be written.
    """
    if key is not None:
        path = _place(run)
        path.parent.mkdir(parents=True, exist_ok=True)
        note_run(path.parent, run.path)
        forget_gone_runs(path.parent.parent)
        write_json(path, {"key": key, "sample_scores": whole_file_digest(run.sample_scores), "scores": scores})


def _place(run: RunDirectory) -> Path:
    return place_of_run(home_or_cache("OTOSCOPE_SCORED", "scored"), run.path) / "scores.json"


def _hash_samples(samples: Iterable[Sample]) -> str:
    running = hashlib.sha256()
    for one in samples:
        texts = (one.id, one.prompt, one.kind, one.language, one.answer_language, one.source_text, one.question)
        # Version 2 of the format writes equal values as equal bytes, whatever else refers to them.
        running.update(
            marshal.dumps((*texts, one.context, one.references, one.choices, dict(one.groups), turns_of(one)), 2)
        )
    return running.hexdigest()


@cache
def _state_of_code() -> str:
    """Return a hash of the names, sizes and times of change of this program's files."""
    root = Path(__file__).resolve().parent.parent
    files = [path for package in ("evaluate", "tasks") for path in sorted((root / package).rglob("*.py"))]
    return digest([[str(path), *_size_and_time(path)] for path in files])


def _size_and_time(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
