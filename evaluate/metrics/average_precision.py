"""Mean average precision, for tasks where several labels of a set are true of a sample.

The references of a sample are its true labels (`[""]`: none). An answer is a list of labels, "bright, percussive", or a
JSON object of scores, {"bright": 0.9, "dark": 0.2}, in which a label that is not named has no claim. Per class, samples
are ranked by their score (1 and 0 for a list), average precision is Σ (R_k - R_{k-1}) P_k over the distinct scores, and
the value is the mean over the classes that have a positive sample; the others are named in `without_positives`. Range
[0, 1], higher is better.

Source: scikit-learn 1.9 `average_precision_score`, to which the tests hold it, class by class. A class without
positives has no average precision; HEAR's average takes it for 0, which is not done here.

Under the protocol `qwen-audio` (QwenLM/Qwen-Audio, eval_audio/heareval_score.py at b50fb958) labels must be right
letter for letter, with ", " between them; the classes are those that occur among references or answers, and one that
occurs among answers only counts as 0. Average precision of plain label lists is little more than precision times
recall, and not comparable with one of scores.

An answer that names no label, though it says something, is unparsed and claims none: last in every ranking. A failed
sample counts worse than any answer could: its false labels rank above all, its true ones are never found.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.metrics.base import Judged, MetricSettings, Weights, ratio
from evaluate.metrics.classification import LabelForm
from evaluate.types import Rows

# Below any score, and numbers that JSON can hold:
NEVER = float(np.finfo(np.float64).min)  # not even the last rank: its precision is 0
NO_CLAIM = float(np.nextafter(NEVER, 0))  # the last rank, shared by all that claim nothing
_SEPARATOR = re.compile(r"[,;|\n]")
_AS_CODED = re.compile(", ")


class MeanAveragePrecision(LabelForm):
    """Mean over classes of average precision, for answers of several labels or of scores."""

    name, higher_is_better = "map", True
    needs_choices = True
    undefined = "no class has a positive sample"

    def __init__(self, settings: MetricSettings | None = None) -> None:
        super().__init__(settings)
        self.columns = (*(f"{what}:{label}" for what in ("score", "true") for label in self.choices), "unparsed")

    def rows(self, items: Iterable[Judged]) -> Rows:
        rows = [self._row(item) for item in items]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.columns))

    def _row(self, item: Judged) -> NDArray[np.float64]:
        truth = self._truth(item)
        if item.answer is None:  # worse than any ranking: false labels first, true ones never found
            return np.concatenate([np.where(truth > 0, NEVER, -NEVER), truth, [False]])
        claims = _read_labels(item.answer, separator=_AS_CODED if self.settings.protocol else _SEPARATOR)
        scores = np.full(len(self.choices), NO_CLAIM)
        for label, score in (claims or {}).items():
            if (index := self._index.get(self.normalizer(label))) is not None:
                scores[index] = score
        says_something = claims is None or bool(claims)
        is_unparsed = says_something and bool((scores == NO_CLAIM).all())
        return np.concatenate([scores, truth, [is_unparsed]])

    def _truth(self, item: Judged) -> NDArray[np.float64]:
        truth = np.zeros(len(self.choices))
        for label in filter(None, item.references):
            truth[self.index_of(item, label)] = 1
        return truth

    def _split(self, rows: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return scores and truth, shape (samples, classes) each."""
        size = len(self.choices)
        return rows[:, :size], rows[:, size : 2 * size]

    def unparsed(self, rows: Rows) -> NDArray[np.bool_]:
        return rows[:, -1] > 0

    def value(self, rows: Rows, weights: Weights | None = None) -> NDArray[np.float64]:
        weights = np.ones(len(rows)) if weights is None else weights
        scores, truth = self._split(rows)
        by_class = [_average_precision(scores[:, k], truth[:, k], weights) for k in range(len(self.choices))]
        precisions = np.stack(by_class, axis=-1)
        positives, claims = weights @ truth, weights @ (scores > NO_CLAIM)  # (..., classes)
        occurs = (positives > 0) | (claims > 0) if self.settings.protocol else positives > 0
        return ratio(np.where(occurs, precisions, 0.0).sum(axis=-1), occurs.sum(axis=-1))

    def sample_values(self, rows: Rows) -> NDArray[np.float64]:
        """Return each sample's mean, over its true labels, of the precision at that label's rank."""
        scores, truth = self._split(rows)
        as_high = scores[:, None, :] >= scores[:, :, None]  # (samples, at label, label)
        precision = (as_high * truth[:, None, :]).sum(axis=-1) / as_high.sum(axis=-1)
        claimed = precision * (scores > NO_CLAIM)
        return ratio((claimed * truth).sum(axis=-1), truth.sum(axis=-1))

    def details(self, rows: Rows) -> dict[str, Any]:
        once = np.ones(len(rows))
        scores, truth = self._split(rows)
        support = truth.sum(axis=0)
        per_class = {
            label: {
                "average_precision": float(_average_precision(scores[:, k], truth[:, k], once)),
                "support": int(support[k]),
            }
            for k, label in enumerate(self.choices)
            if support[k]
        }
        absent = [label for k, label in enumerate(self.choices) if not support[k]]
        return {"per_class": per_class, "without_positives": absent}

    def signature_parts(self) -> tuple[str, ...]:
        return (f"classes:{'observed' if self.settings.protocol else len(self.choices)}",)


def _average_precision(
    scores: NDArray[np.float64], truth: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the average precision of one class.

    Args:
        scores: Shape (samples,).
        truth: 1 where the class is true, shape (samples,).
        weights: Shape (..., samples).

    Returns:
        Shape (...); 0 where no sample with a weight is positive.
    """
    order = np.argsort(-scores, kind="stable")
    ranks = scores[order]
    ends = np.append(np.flatnonzero(ranks[1:] != ranks[:-1]), len(scores) - 1)  # last of each group of equal scores
    ranked = weights[..., order]
    ranked_positives = ranked * truth[order]
    positives, retrieved = (np.cumsum(part, axis=-1)[..., ends] for part in (ranked_positives, ranked))
    gained = np.diff(positives, axis=-1, prepend=0) * (ranks[ends] > NEVER)
    return ratio((gained * ratio(positives, retrieved, undefined=0)).sum(axis=-1), positives[..., -1], undefined=0)


def _read_labels(answer: str, *, separator: re.Pattern[str]) -> dict[str, float] | None:
    """Return what an answer claims, label to score; None for JSON that cannot be read."""
    text = answer.strip()
    if not text.startswith("{"):
        parts = separator.split(answer) if separator is _AS_CODED else map(str.strip, separator.split(text))
        return {label: 1.0 for label in parts if label}
    try:
        scores = {label: float(score) for label, score in json.loads(text).items()}
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None
    return {label: score for label, score in scores.items() if np.isfinite(score)}
