"""Accuracy, and F1 and recall averaged over classes, for tasks whose answer is one label of a known set.

Per class: tp, fn, fp counted over the corpus; precision tp/(tp+fp), recall tp/(tp+fn), F1 2tp/(2tp+fp+fn), each 0
where it is undefined (scikit-learn's zero_division=0). The classes are the task's whole label set, so an answer that
is no label is wrong without becoming a class of its own. A class that never occurs has F1 0 in the macro average, as in
scikit-learn when `labels` is given; balanced accuracy averages over the classes that occur as references.

All range over [0, 1], higher is better. Source: scikit-learn 1.9 `accuracy_score`, `f1_score(labels=…,
zero_division=0)`, `balanced_accuracy_score`, to which the tests hold them.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.errors import RequestError
from evaluate.metrics.base import Metric, ratio
from evaluate.types import Rows


def _distinct(metric: Metric) -> list[str]:
    """Return the metric's choices in their normalised form.

    Raises:
        RequestError: Two become one, so that a wrong answer would count as right.
    """
    normalised = [metric.normalizer(label) for label in metric.choices]
    for position, label in enumerate(normalised):
        if label in normalised[:position]:
            first, second = metric.choices[normalised.index(label)], metric.choices[position]
            raise RequestError(
                f"metric {metric.name!r}: the choices {first!r} and {second!r} are one after normalising with "
                f"{metric.normalizer.name!r}; set `normalizer: none`, or rename one"
            )
    return normalised


class Accuracy(Metric):
    """Share of samples whose answer equals one of the references after normalising."""

    name, higher_is_better = "accuracy", True
    columns = ("correct", "samples")

    def __init__(self, *, language: str = "", normalizer: str | None = None, choices: Sequence[str] = ()) -> None:
        super().__init__(language=language, normalizer=normalizer or "basic", choices=choices)
        _distinct(self)

    def count(self, *, references: tuple[str, ...], answer: str | None) -> tuple[float, ...]:
        if answer is None:
            return (0, 1)
        return (self.normalizer(answer) in {self.normalizer(text) for text in references}, 1)

    def value(self, totals: Rows) -> NDArray[np.float64]:
        return ratio(totals[..., 0], totals[..., 1])

    def details(self, totals: NDArray[np.float64]) -> dict[str, Any]:
        return {"correct": int(totals[0])}


class _PerClass(Metric):
    """Shared by the averages over classes: a row holds tp, fn and fp of every class."""

    higher_is_better = True

    def __init__(self, *, language: str = "", normalizer: str | None = None, choices: Sequence[str] = ()) -> None:
        super().__init__(language=language, normalizer=normalizer or "basic", choices=choices)
        if not self.choices:
            raise RequestError(f"metric {self.name!r} needs the task's label set; add `choices` to the task")
        self._index = {label: index for index, label in enumerate(_distinct(self))}
        self.columns = tuple(f"{count}:{label}" for count in ("tp", "fn", "fp") for label in self.choices)

    def count(self, *, references: tuple[str, ...], answer: str | None) -> tuple[float, ...]:
        truth = self._index[self.normalizer(references[0])]
        guess = None if answer is None else self._index.get(self.normalizer(answer))
        row = np.zeros((3, len(self.choices)))
        if guess == truth:
            row[0, truth] = 1
        else:
            row[1, truth] = 1
            if guess is not None:
                row[2, guess] = 1
        return tuple(row.ravel())

    def _split(self, totals: Rows) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        size = len(self.choices)
        return totals[..., :size], totals[..., size : 2 * size], totals[..., 2 * size :]

    def details(self, totals: NDArray[np.float64]) -> dict[str, Any]:
        tp, fn, fp = self._split(totals)
        precision, recall = ratio(tp, tp + fp, undefined=0), ratio(tp, tp + fn, undefined=0)
        per_class = {
            label: {
                "precision": float(precision[index]),
                "recall": float(recall[index]),
                "support": int(tp[index] + fn[index]),
            }
            for index, label in enumerate(self.choices)
        }
        return {"per_class": per_class}

    def settings(self) -> tuple[str, ...]:
        return (f"classes:{len(self.choices)}",)


class MacroF1(_PerClass):
    """Unweighted mean of the classes' F1."""

    name = "macro_f1"

    def value(self, totals: Rows) -> NDArray[np.float64]:
        tp, fn, fp = self._split(totals)
        support = (tp + fn).sum(axis=-1)
        mean = _f1(tp, fn, fp).mean(axis=-1)
        return np.where(support > 0, mean, np.nan)


class WeightedF1(_PerClass):
    """Mean of the classes' F1, weighted by how often each is the reference."""

    name = "weighted_f1"

    def value(self, totals: Rows) -> NDArray[np.float64]:
        tp, fn, fp = self._split(totals)
        support = (tp + fn).sum(axis=-1)
        total = (_f1(tp, fn, fp) * (tp + fn)).sum(axis=-1)
        return ratio(total, support)


class BalancedAccuracy(_PerClass):
    """Unweighted mean of the recall of the classes that occur as references."""

    name = "balanced_accuracy"

    def value(self, totals: Rows) -> NDArray[np.float64]:
        tp, fn, _ = self._split(totals)
        occurs = (tp + fn > 0).sum(axis=-1)
        return ratio(ratio(tp, tp + fn, undefined=0).sum(axis=-1), occurs)


def _f1(tp: Rows, fn: Rows, fp: Rows) -> NDArray[np.float64]:
    return ratio(2 * tp, 2 * tp + fn + fp, undefined=0)
