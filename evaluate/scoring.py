"""From answers to a scores document; no model is called, no audio read."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate import __version__
from evaluate.errors import ManifestError, RequestError
from evaluate.manifest import read_hypotheses, read_references
from evaluate.metrics import create_metric
from evaluate.metrics.base import Judged, Metric, Rows, State
from evaluate.normalizers import create_normalizer
from evaluate.prediction_log import index_log, read_predictions
from evaluate.results import SCHEMA
from evaluate.statistics import Bootstrap, bootstrap_interval
from evaluate.task import Split, Task
from evaluate.types import Failure, Prediction, Sample

Items = Callable[[], Iterable[Judged]]  # gives the same items at each call; they are never all in memory


def score_log(task: Task, split: Split, log: Path, bootstrap: Bootstrap) -> dict[str, Any]:
    """Score a finished log, which has a line for each sample of the split.

    Returns:
        The counts and metrics of a scores document.
    """
    index = index_log(log)
    ids = [sample.id for sample in split.samples]

    def items() -> Iterator[Judged]:
        for sample, prediction in zip(split.samples, read_predictions(log, index, ids), strict=True):
            yield _judge(task, sample, prediction)

    return {
        "primary": task.primary,
        **score_items(task.scorers(split.name), items, bootstrap, scope=f"task:{task.name}@{task.version}"),
    }


def score_files(
    references: Path,
    predictions: Path,
    *,
    metrics: Sequence[str],
    language: str | None,
    normalizer: str | None,
    seed: int,
) -> dict[str, Any]:
    """Score a predictions file against a references file; no task, no run.

    Args:
        references: JSONL of `{"id", "references"}`.
        predictions: JSONL of `{"id", "hypothesis"}`, the same ids.
        metrics: Names of metrics.
        language: Chooses the normaliser; None: what the references file says.
        normalizer: Name of a normaliser; None: the default of language and metric.
        seed: Of the intervals.

    Returns:
        A scores document without task, split and model.

    Raises:
        RequestError: A line is wrong, the ids differ, a name is unknown, or the lines name several languages.
    """
    truth, answers = read_references(references), read_hypotheses(predictions)
    for sample_id in truth:
        if sample_id not in answers:
            raise ManifestError(
                f"{predictions}: no line for id {sample_id!r} of {references}; every id must be answered"
            )
    for sample_id in answers:
        if sample_id not in truth:
            raise ManifestError(f"{predictions}: id {sample_id!r} is unknown, it is not in {references}")
    languages = {named for _, named in truth.values() if named}
    if language is None and len(languages) > 1:
        raise RequestError(
            f"{references}: lines name several languages ({', '.join(sorted(languages))}), each with a normaliser; "
            "score them apart, or give one --language"
        )
    chosen = language or next(iter(languages), "")
    label_form = create_normalizer(normalizer or "basic", language=chosen)
    labels = {label_form(text): text for texts, _ in truth.values() for text in texts}  # for metrics over classes
    choices = [labels[form] for form in sorted(labels)]
    scorers = [create_metric(name.strip(), language=chosen, normalizer=normalizer, choices=choices) for name in metrics]

    def items() -> Iterator[Judged]:
        for sample_id, (texts, _) in truth.items():
            answer = answers[sample_id]
            if isinstance(answer, Failure):
                yield Judged(sample_id, texts, None, "failed")
            else:
                yield Judged(sample_id, texts, answer)

    return {
        "schema": SCHEMA,
        "task": None,
        "split": None,
        "model": None,
        "primary": scorers[0].name,
        **score_items(scorers, items, Bootstrap(seed=seed)),
    }


def _judge(task: Task, sample: Sample, prediction: Prediction) -> Judged:
    state: State
    if prediction.hypothesis is None:
        return Judged(sample.id, prediction.references, None, "failed", prediction.groups)
    answer = task.extract_answer(sample, prediction.hypothesis)
    state = "unparsed" if answer is None else "scored"
    return Judged(sample.id, prediction.references, answer, state, prediction.groups)


def score_items(metrics: Sequence[Metric], items: Items, bootstrap: Bootstrap, *, scope: str = "") -> dict[str, Any]:
    """Score items by several metrics.

    Args:
        metrics: What to compute.
        items: Gives the items, once per metric and once for the counts.
        bootstrap: Settings of the intervals.
        scope: What else the signature names, e.g. the task with its version.

    Returns:
        `n_total`, `n_scored`, `n_unparsed`, `n_failed`, and `metrics` by name.
    """
    states: Counter[str] = Counter()
    failed: list[bool] = []
    groups: dict[str, list[str]] = {}
    for item in items():
        states[item.state] += 1
        failed.append(item.state == "failed")
        for key, label in item.groups.items():
            groups.setdefault(key, []).append(label)
    # A grouping that some samples lack would make sums that do not add up to the whole.
    groups = {key: labels for key, labels in groups.items() if len(labels) == len(failed)}
    is_failed = np.array(failed, dtype=bool)
    return {
        "n_total": len(failed),
        "n_scored": states["scored"],
        "n_unparsed": states["unparsed"],
        "n_failed": states["failed"],
        "metrics": {
            metric.name: _score(metric, metric.rows(items()), is_failed, groups, bootstrap, scope) for metric in metrics
        },
    }


def _score(
    metric: Metric,
    rows: Rows,
    is_failed: NDArray[np.bool_],
    groups: dict[str, list[str]],
    bootstrap: Bootstrap,
    scope: str,
) -> dict[str, Any]:
    totals = rows.sum(axis=0)
    interval = bootstrap_interval(rows, metric.value, bootstrap)
    signature = "|".join(part for part in (metric.signature(), scope, f"v:{__version__}") if part)
    return {
        "value": _number(metric.value(totals)),
        "ci": None if interval is None else list(interval),
        "ci_method": bootstrap.describe(),
        "higher_is_better": metric.higher_is_better,
        "value_without_failed": _number(metric.value(rows[~is_failed].sum(axis=0))),
        **metric.details(totals),
        "signature": signature,
        "by": {key: _score_groups(metric, rows, labels) for key, labels in groups.items()},
    }


def _score_groups(metric: Metric, rows: Rows, labels: list[str]) -> dict[str, Any]:
    """Return the value of each group, by its label."""
    names, positions = np.unique(np.array(labels), return_inverse=True)
    totals = np.zeros((len(names), rows.shape[1]))
    np.add.at(totals, positions, rows)
    sizes = np.bincount(positions, minlength=len(names))
    values = metric.value(totals)
    return {
        str(name): {"value": _number(value), "n": int(size)}
        for name, value, size in zip(names, values, sizes, strict=True)
    }


def _number(value: Any) -> float | None:
    """Return a JSON-ready number; None where the metric is undefined."""
    return float(value) if np.isfinite(value) else None
