"""From what metrics counted per sample to values with intervals, counts and signatures."""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate import __version__
from evaluate.errors import MetricUnavailableError
from evaluate.metrics.base import Judged, Metric, finite_or_none
from evaluate.statistics import Bootstrap, Units, bootstrap_interval, group_index, resampling_units
from evaluate.types import Rows

SAMPLES_AT_ONCE = 500
MAX_GROUPS = 200  # beyond so many speakers a table of them helps nobody
DURATION = "duration"  # a kind of group that every corpus has: how long the audio is
# A model that does not listen says one thing to everything. Few samples tell nothing, and labels may be as uneven.
_MIN_SAMPLES, _MOST_ALIKE, _ABOVE_REFERENCES = 10, 0.5, 0.2
_MAX_SHOWN = 200  # characters of an answer
_DURATION_EDGES_S = (2, 5, 10, 20, 30)
_DURATION_LABELS = ("0–2 s", "2–5 s", "5–10 s", "10–20 s", "20–30 s", "30 s and more")


@dataclass(frozen=True, slots=True)
class Counted:
    """What the metrics made of every sample, by the metric's name."""

    rows: dict[str, Rows]
    unavailable: dict[str, MetricUnavailableError]  # why a metric could not be had


def count_samples(metrics: Sequence[Metric], items: Callable[[], Iterator[Judged]]) -> Counted:
    """Let every metric read the samples; one that cannot be had here does not keep the others from it.

    Metrics that can go sample by sample go together, a part of the samples at a time, so that the log is read once and
    a text that several of them normalise alike is still remembered.
    """
    rows: dict[str, Rows] = {}
    unavailable: dict[str, MetricUnavailableError] = {}
    for metric in metrics:
        if metric.needs_whole_set:
            try:
                rows[metric.name] = metric.rows(items())
            except MetricUnavailableError as error:
                unavailable[metric.name] = error
    rows |= _count_by_parts([metric for metric in metrics if not metric.needs_whole_set], items(), unavailable)
    return Counted(rows, unavailable)


def _count_by_parts(
    metrics: Sequence[Metric], items: Iterator[Judged], unavailable: dict[str, MetricUnavailableError]
) -> dict[str, Rows]:
    parts: dict[str, list[Rows]] = {metric.name: [np.zeros((0, len(metric.columns)))] for metric in metrics}
    while metrics and (part := list(islice(items, SAMPLES_AT_ONCE))):
        for metric in metrics:
            if metric.name not in unavailable:
                try:
                    parts[metric.name].append(metric.rows(part))
                except MetricUnavailableError as error:
                    unavailable[metric.name] = error
    return {name: np.concatenate(of_metric) for name, of_metric in parts.items() if name not in unavailable}


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
        `n_total`, `n_scored`, `n_unparsed`, `n_failed`, `n_truncated` (None where no adapter could tell), `failures`
        (how many by the type of error), `same_answers` where most are one (its text and how many), and `metrics` by
        name.
    """
    samples = _Samples.of(items)
    scores = {}
    for metric in metrics:
        rows = counted.rows.get(metric.name)
        score = (
            _absent(samples, counted.unavailable[metric.name])
            if rows is None
            else _score(metric, rows, samples, bootstrap)
        )
        numbers = f"refs:{samples.num_references}" if metric.uses_all_references else ""
        parts = (metric.signature(), numbers, scope, f"v:{__version__}")
        scores[metric.name] = {
            **score,
            "higher_is_better": metric.higher_is_better,
            "is_rate": metric.is_rate,
            "signature": "|".join(part for part in parts if part),
            "settings": metric.settings_to_json(),
        }
    counts = samples.counts(samples.unparsed)
    same = {"same_answers": samples.same_answers} if samples.same_answers else {}
    return {**counts, "n_truncated": samples.num_truncated, "failures": samples.failures, **same, "metrics": scores}


@dataclass(frozen=True, slots=True)
class _Samples:
    """What all metrics need to know of the samples, shape (samples,) each."""

    failed: NDArray[np.bool_]
    unparsed: NDArray[np.bool_]
    groups: dict[str, list[str | None]]  # kind of group to the label of each sample, None where it names none
    num_references: str  # "5", or "1-5" where samples differ
    num_truncated: int | None = None  # None: not known of any
    failures: dict[str, int] = field(default_factory=dict)  # how many by the type of error, most frequent first
    same_answers: dict[str, Any] | None = None  # the answer that most samples got, with how many, where that is odd

    @classmethod
    def of(cls, items: Iterable[Judged]) -> "_Samples":
        failed, unparsed = bytearray(), bytearray()
        groups: dict[str, list[str | None]] = {}
        numbers = set()
        durations: list[str | None] = []
        truncated: Counter[bool | None] = Counter()
        failures: Counter[str] = Counter()
        answers, references = _Commonest(), _Commonest()
        for item in items:
            for key in item.groups.keys() - groups.keys():
                groups[key] = [None] * len(failed)
            for key, labels in groups.items():
                labels.append(item.groups.get(key))
            failed.append(item.state == "failed")
            unparsed.append(item.state == "unparsed")
            numbers.add(len(item.references))
            durations.append(_duration_label(item.audio_seconds))
            truncated[item.truncated] += 1
            references.add(item.references[0])
            said = item.unread if item.answer is None else item.answer
            if said is not None:
                answers.add(said.strip())
            if item.state == "failed":
                failures[item.error_type] += 1
        if len(set(durations)) > 1:  # else it is the whole once more, or nobody knows
            groups.setdefault(DURATION, durations)
        shown = "-".join(map(str, sorted({min(numbers), max(numbers)}))) if numbers else "0"
        num_truncated = truncated[True] if truncated.keys() - {None} else None
        counted = dict(failures.most_common())
        same = _same_answers(answers, references, len(failed))
        return cls(
            np.array(failed, dtype=bool), np.array(unparsed, dtype=bool), groups, shown, num_truncated, counted, same
        )

    def part(self, which: NDArray[np.intp]) -> "_Samples":
        """Return what is known of some of them."""
        groups = {key: [labels[position] for position in which] for key, labels in self.groups.items()}
        return _Samples(self.failed[which], self.unparsed[which], groups, self.num_references)

    def counts(self, unparsed: NDArray[np.bool_]) -> dict[str, int]:
        """Return the four counts, those unparsed among them that a metric itself could not read."""
        total, failed = len(self.failed), int(self.failed.sum())
        num_unparsed = int(((self.unparsed | unparsed) & ~self.failed).sum())
        return {
            "n_total": total,
            "n_scored": total - num_unparsed - failed,
            "n_unparsed": num_unparsed,
            "n_failed": failed,
        }


def _absent(samples: _Samples, error: MetricUnavailableError) -> dict[str, Any]:
    """Return the score of a metric that cannot be had: no number, and why."""
    counts = samples.counts(samples.unparsed)
    reason = {"reason": str(error), **error.details}
    return {"value": None, "ci": None, **reason, "value_without_failed": None, **counts, "by": {}}


def _score(metric: Metric, rows: Rows, samples: _Samples, bootstrap: Bootstrap) -> dict[str, Any]:
    units = resampling_units(samples.groups)
    notes = metric.notes(rows)
    counts = samples.counts(metric.unparsed(rows))
    if counts["n_unparsed"] and not counts["n_scored"]:
        notes = [*notes, metric.nothing_read]
    return {
        **_value_with_interval(metric, rows, samples, bootstrap, units),
        "ci_method": units.describe(bootstrap),
        "value_without_failed": _value(metric, rows[~samples.failed]),
        **metric.details(rows),
        **({"note": "; ".join(notes)} if notes else {}),
        "by": {
            key: _score_groups(metric, rows, labels, samples, bootstrap)
            for key, labels in samples.groups.items()
            if None not in labels  # or the groups would not add up to the whole
        },
    }


def _value_with_interval(
    metric: Metric, rows: Rows, samples: _Samples, bootstrap: Bootstrap, units: Units
) -> dict[str, Any]:
    """Return value, interval and counts, each with what a reader should know of it."""
    value = _value(metric, rows)
    score: dict[str, Any] = {"value": value, "ci": None, **samples.counts(metric.unparsed(rows))}
    if value is None:
        score["reason"] = metric.undefined
    elif len(rows) == 1:
        # Resampling one sample gives that sample: a program gets two bounds as always, people get a dash.
        score |= {"ci": [value, value], "ci_note": "one sample: nothing to resample, the width of 0 means nothing"}
    else:
        bounds = bootstrap_interval(rows, metric.value, bootstrap, units)
        alike = bounds is not None and bounds[0] == bounds[1]
        luck = "every resample gives the same value: the width of 0 means nothing" if alike else ""
        note = "; ".join(filter(None, (units.note, luck)))
        score |= {"ci": None if bounds is None else list(bounds), **({"ci_note": note} if note else {})}
    return score


def _score_groups(
    metric: Metric, rows: Rows, labels: list[str | None], samples: _Samples, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Return the score of each group, by its label; with very many groups none, they are in the sample scores."""
    index, num_groups = group_index(labels)
    if num_groups > MAX_GROUPS:
        return {}
    scores: dict[str, Any] = {}
    order = np.argsort(index, kind="stable")
    for which in np.split(order, np.flatnonzero(np.diff(index[order])) + 1):
        part = samples.part(which)
        units = resampling_units(part.groups)
        score = _value_with_interval(metric, rows[which], part, bootstrap, units)
        scores[str(labels[which[0]])] = {**score, "n": len(which)}
    in_order = _DURATION_LABELS if set(scores) <= set(_DURATION_LABELS) else scores
    return {label: scores[label] for label in in_order if label in scores}


class _Commonest:
    """How often the commonest of many texts comes; 8 bytes of each are kept, its hash."""

    def __init__(self) -> None:
        self._hashes = array("q")
        self._candidate, self._lead = "", 0  # Boyer and Moore's vote: a text that is more than half of all ends up here

    def add(self, text: str) -> None:
        self._hashes.append(hash(text))
        if self._lead == 0:
            self._candidate = text
        self._lead += 1 if text == self._candidate else -1

    def majority(self) -> tuple[str, int]:
        """Return the text that is more than half of all, and how often it comes; some other one where none is."""
        return self._candidate, int((np.asarray(self._hashes) == hash(self._candidate)).sum())

    def most(self) -> int:
        """Return how often the commonest text comes."""
        return int(np.unique(np.asarray(self._hashes), return_counts=True)[1].max())

    def __len__(self) -> int:
        return len(self._hashes)


def _same_answers(answers: _Commonest, references: _Commonest, num_samples: int) -> dict[str, Any] | None:
    """Return the most frequent answer and how many got it; None unless it is most, more than references explain."""
    if num_samples < _MIN_SAMPLES or not len(answers):
        return None
    text, count = answers.majority()  # what is not more than half is not odd, see _MOST_ALIKE
    if count / num_samples <= max(_MOST_ALIKE, references.most() / num_samples + _ABOVE_REFERENCES):
        return None
    return {"text": text[:_MAX_SHOWN], "count": count}


def _duration_label(audio_seconds: float | None) -> str | None:
    """Return the range that a duration is in, its lower end included; None where it is not known."""
    return None if audio_seconds is None else _DURATION_LABELS[bisect_right(_DURATION_EDGES_S, audio_seconds)]


def _value(metric: Metric, rows: Rows) -> float | None:
    """Return the value of samples that count once each; None where it is undefined, as it is without a sample."""
    return finite_or_none(metric.value(rows)) if len(rows) else None
