"""Accuracy averaged over categories, for benchmarks whose published figure weighs every category alike.

    macro_accuracy   the mean of the categories' accuracies, each category counting once however many samples it has

A category is the value of one kind of a sample's groups, which the task names: for AIR-Bench foundation its nineteen
tasks. Samples that name none are a category together. Categories without a sample (in a part of the corpus, or in a
resample) are left out of the mean. Range [0, 1], higher is better; an empty reference is never right, an answer that
is none is wrong. Nothing is averaged twice: within a category it is `accuracy`.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from evaluate.metrics.base import Judged, Weights, ratio
from evaluate.metrics.classification import LabelForm
from evaluate.types import Rows


class MacroAccuracy(LabelForm):
    """Mean of the accuracies of the categories."""

    name, higher_is_better, is_binary = "macro_accuracy", True, True
    needs_whole_set = True  # the number of a category depends on which others there are
    columns = ("category", "correct")

    def rows(self, items: Iterable[Judged]) -> Rows:
        seen = [(item.groups.get(self.settings.group, ""), self._is_right(item)) for item in items]
        numbers = {label: number for number, label in enumerate(sorted({label for label, _ in seen}))}
        counted = [(numbers[label], right) for label, right in seen]
        return np.array(counted, dtype=np.float64).reshape(-1, len(self.columns))

    def _is_right(self, item: Judged) -> bool:
        truths = {self.normalizer(text) for text in item.references} - {""}
        return item.answer is not None and self.form(item.answer) in truths

    def value(self, rows: Rows, weights: Weights | None = None) -> NDArray[np.float64]:
        weights = np.ones(len(rows)) if weights is None else weights
        is_of = (rows[:, :1] == np.unique(rows[:, 0])).astype(np.float64)  # (samples, categories)
        size, right = weights @ is_of, weights @ (is_of * rows[:, 1:])  # (..., categories)
        return ratio(ratio(right, size, undefined=0).sum(axis=-1), (size > 0).sum(axis=-1))

    def sample_values(self, rows: Rows) -> NDArray[np.float64]:
        return rows[:, 1]

    def details(self, rows: Rows) -> dict[str, object]:
        return {"correct": int(rows[:, 1].sum()), "categories": len(np.unique(rows[:, 0]))}

    def signature_parts(self) -> tuple[str, ...]:
        return (f"over:{self.settings.group or 'all'}",)
