"""From what metrics counted per sample to values with intervals, counts and signatures."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate import __version__
from evaluate.errors import MetricUnavailableError
from evaluate.metrics.base import Judged, Metric, State
from evaluate.statistics import Bootstrap, Units, bootstrap_interval, resampling_units
from evaluate.types import Rows

MAX_GROUPS = 200  # beyond so many speakers a table of them helps nobody


@dataclass(frozen=True, slots=True)
class Counted:
    """What the metrics made of every sample, by the metric's name."""

    rows: dict[str, Rows]
    unavailable: dict[str, str]  # why a metric could not be had


def count_samples(metrics: Sequence[Metric], items: Callable[[], Iterator[Judged]]) -> Counted:
    """Let every metric read the samples; one that cannot be had here does not keep the others from it."""
    rows, unavailable = {}, {}
    for metric in metrics:
        try:
            rows[metric.name] = metric.rows(items())
        except MetricUnavailableError as error:
            unavailable[metric.name] = str(error)
    return Counted(rows, unavailable)


def score_rows(
    metrics: Sequence[Metric],
    items: Iterable[Judged],
    counted: Counted,
    bootstrap: Bootstrap,
    *,
    scope: str = "",
) -> dict[str, Any]:
    """Make values with intervals of what was counted per sample.

    Args:
        metrics: What to compute.
        items: The samples, for their states and groups.
        counted: What each metric made of them, in their order.
        bootstrap: Settings of the intervals.
        scope: What else the signature names, e.g. the task with its version.

    Returns:
        `n_total`, `n_scored`, `n_unparsed`, `n_failed`, and `metrics` by name.
    """
    samples = _Samples.of(items)
    scores = {}
    for metric in metrics:
        reason = counted.unavailable.get(metric.name)
        rows = counted.rows.get(metric.name)
        score = _absent(samples, reason or "") if rows is None else _score(metric, rows, samples, bootstrap)
        numbers = f"refs:{samples.num_references}" if metric.uses_all_references else ""
        parts = (metric.signature(), numbers, scope, f"v:{__version__}")
        scores[metric.name] = {
            **score,
            "higher_is_better": metric.higher_is_better,
            "is_rate": metric.is_rate,
            "signature": "|".join(part for part in parts if part),
            "settings": metric.settings.to_json(metric.normalizer.name),
        }
    return {**samples.counts(), "metrics": scores}


@dataclass(frozen=True, slots=True)
class _Samples:
    """What all metrics need to know of the samples, shape (samples,) each."""

    failed: NDArray[np.bool_]
    unparsed: NDArray[np.bool_]
    groups: dict[str, list[str]]  # kind of group to the label of each sample
    num_references: str  # "5", or "1-5" where samples differ

    @classmethod
    def of(cls, items: Iterable[Judged]) -> "_Samples":
        states: list[State] = []
        groups: dict[str, list[str]] = {}
        numbers = set()
        for item in items:
            states.append(item.state)
            numbers.add(len(item.references))
            for key, label in item.groups.items():
                groups.setdefault(key, []).append(label)
        # A grouping that some samples lack would make sums that do not add up to the whole.
        groups = {key: labels for key, labels in groups.items() if len(labels) == len(states)}
        shown = "-".join(map(str, sorted({min(numbers), max(numbers)}))) if numbers else "0"
        which = np.array(states, dtype=np.str_)
        return cls(which == "failed", which == "unparsed", groups, shown)

    def counts(self, unparsed: NDArray[np.bool_] | None = None) -> dict[str, int]:
        """Return the four counts, with the samples that a metric itself could not read."""
        total, failed = len(self.failed), int(self.failed.sum())
        could_not = self.unparsed if unparsed is None else self.unparsed | unparsed
        num_unparsed = int((could_not & ~self.failed).sum())
        return {
            "n_total": total,
            "n_scored": total - num_unparsed - failed,
            "n_unparsed": num_unparsed,
            "n_failed": failed,
        }


def _absent(samples: _Samples, reason: str) -> dict[str, Any]:
    """Return the score of a metric that cannot be had: no number, and why."""
    return {"value": None, "ci": None, "reason": reason, "value_without_failed": None, **samples.counts(), "by": {}}


def _score(metric: Metric, rows: Rows, samples: _Samples, bootstrap: Bootstrap) -> dict[str, Any]:
    value = _value(metric, rows)
    units = resampling_units(samples.groups)
    interval = _interval(metric, rows, bootstrap, units) if value is not None else {"ci": None}
    return {
        "value": value,
        **({"reason": metric.undefined} if value is None else {}),
        **interval,
        "ci_method": units.describe(bootstrap),
        **samples.counts(metric.unparsed(rows)),
        "value_without_failed": _value(metric, rows[~samples.failed]),
        **metric.details(rows),
        "by": {key: _score_groups(metric, rows, labels, bootstrap) for key, labels in samples.groups.items()},
    }


def _interval(metric: Metric, rows: Rows, bootstrap: Bootstrap, units: Units) -> dict[str, Any]:
    """Return `ci`, with a note where it means less than it seems to."""
    if len(rows) == 1:
        # Resampling one sample gives that sample: a program gets two bounds as always, people get a dash.
        value = float(metric.value(rows))
        return {"ci": [value, value], "ci_note": "one sample: nothing to resample, the width of 0 means nothing"}
    bounds = bootstrap_interval(rows, metric.value, bootstrap, units)
    return {"ci": None if bounds is None else list(bounds), **({"ci_note": units.note} if units.note else {})}


def _score_groups(metric: Metric, rows: Rows, labels: list[str], bootstrap: Bootstrap) -> dict[str, Any]:
    """Return the value of each group, by its label; with very many groups none, they are in the sample scores."""
    names, index = np.unique(np.array(labels), return_inverse=True)
    if len(names) > MAX_GROUPS:
        return {}
    scores = {}
    for position, name in enumerate(names):
        of_group = rows[index == position]
        value = _value(metric, of_group)
        interval = _interval(metric, of_group, bootstrap, Units()) if value is not None else {"ci": None}
        scores[str(name)] = {"value": value, "ci": interval["ci"], "n": len(of_group)}
    return scores


def _value(metric: Metric, rows: Rows) -> float | None:
    """Return the value of samples that count once each; None where it is undefined, as it is without a sample."""
    value = float(metric.value(rows)) if len(rows) else np.nan
    return value if np.isfinite(value) else None
