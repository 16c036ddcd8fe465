"""Accuracy, and F1 and recall averaged over classes, for tasks whose answer is one label of a known set.

Per class: tp, fn, fp counted over the corpus; precision tp/(tp+fp), recall tp/(tp+fn), F1 2tp/(2tp+fp+fn), each 0 where
it is undefined (scikit-learn's zero_division=0). The classes are the task's whole label set, so an answer that is no
label is unparsed: wrong (`accuracy` knows that only where choices are given), without becoming a class of its own
(scikit-learn's default would make each stray answer a class and lower the macro average). A class that never occurs has
F1 0 in the macro average, as in scikit-learn when `labels` is given; one that occurs, but not in a resample of the
interval, is left out there, or the interval would lie below the value; balanced accuracy averages over the classes that
occur as references. Where a sample has several references, an answer that is one of them is right and counts for that
class; a wrong one counts against the first. A reference that is empty, or becomes so by normalising, is never right in
`accuracy` and an error where classes count.

All range over [0, 1], higher is better. Source: scikit-learn 1.9 `accuracy_score`, `f1_score(labels=…,
zero_division=0)`, `balanced_accuracy_score`, `confusion_matrix`, to which the tests hold them.

Under the protocols `qwen-audio` and `qwen2-audio` an answer is right only if it is the reference letter for letter,
after white space at both ends (qwen2-audio: at its start only) is taken off, as in those evaluations; where a
normaliser is named, it alone decides.
"""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.errors import ManifestError, RequestError
from evaluate.metrics.base import CountMetric, Judged, Metric, MetricSettings, Weights, ratio
from evaluate.types import Rows

NO_CLASS = -1  # the index of an answer that is no label


class LabelForm(Metric):
    """What label metrics share: the form in which two labels are one."""

    over_labels = True

    def __init__(self, settings: MetricSettings | None = None) -> None:
        super().__init__(settings)
        if self.needs_choices and not self.choices:
            raise RequestError(f"metric {self.name!r} needs the task's label set; add `choices` to the task")
        self._index = self._index_of_forms()  # normalised label to its position among the choices

    def default_normalizer(self) -> str:
        return "none" if self.settings.protocol else "basic"

    def form(self, answer: str) -> str:
        """Return the form of an answer that is compared with those of labels (`self.normalizer`)."""
        if self.settings.protocol and self.settings.normalizer is None:
            answer = answer.lstrip() if self.settings.protocol == "qwen2-audio" else answer.strip()
        return self.normalizer(answer)

    def index_of(self, item: Judged, label: str) -> int:
        """Return the position of a reference among the choices.

        Raises:
            ManifestError: It is none of them.
        """
        index = self._index.get(self.normalizer(label))
        if index is None:
            raise ManifestError(
                f"sample {item.sample_id!r}: reference {label!r} is none of the choices: {', '.join(self.choices)}"
            )
        return index

    def _index_of_forms(self) -> dict[str, int]:
        """Return the normalised form of each choice and its position.

        Raises:
            RequestError: Two become one, so that a wrong answer would count as right.
        """
        first_with: dict[str, str] = {}
        for label in self.choices:
            form = self.normalizer(label)
            if not form:
                raise RequestError(
                    f"metric {self.name!r}: the choice {label!r} is nothing after normalising with "
                    f"{self.normalizer.name!r}; set `normalizer: none`, or rename it"
                )
            if form in first_with:
                first = first_with[form]
                raise RequestError(
                    f"metric {self.name!r}: the choices {first!r} and {label!r} are one after normalising with "
                    f"{self.normalizer.name!r}; set `normalizer: none`, or rename one"
                )
            first_with[form] = label
        return {form: position for position, form in enumerate(first_with)}


class Accuracy(LabelForm, CountMetric):
    """Share of samples whose answer equals one of the references after normalising."""

    name, higher_is_better, is_binary = "accuracy", True, True
    columns = ("correct", "samples", "unparsed", "empty_references")

    def count(self, *, references: tuple[str, ...], answer: str | None) -> tuple[float, ...]:
        truths = {self.normalizer(text) for text in references} - {""}  # nothing equals nothing: that is no answer
        said = None if answer is None else self.form(answer)
        is_no_label = bool(self._index) and said not in self._index
        return (said in truths, 1, is_no_label, not truths)

    def value_of_totals(self, totals: Rows) -> NDArray[np.float64]:
        return ratio(totals[..., 0], totals[..., 1])

    def details_of_totals(self, totals: NDArray[np.float64]) -> dict[str, Any]:
        return {"correct": int(totals[0]), "empty_references": int(totals[3])}

    def unparsed(self, rows: Rows) -> NDArray[np.bool_]:
        no_label: NDArray[np.bool_] = rows[:, 2] > 0
        return no_label

    def notes(self, rows: Rows) -> list[str]:
        if num := int(rows[:, 3].sum()):
            return [f"{num} references are nothing after normalising with {self.normalizer.name!r}: never right"]
        return []


class _PerClass(LabelForm):
    """Shared by the averages over classes: a row holds the index of the true class and that of the answer."""

    higher_is_better, needs_choices = True, True
    columns = ("reference", "answer")

    def rows(self, items: Iterable[Judged]) -> Rows:
        counted = (self._classes_of(item) for item in items)
        rows: Rows = np.fromiter(counted, dtype=np.dtype((np.float64, 2)))
        return rows

    def _classes_of(self, item: Judged) -> tuple[int, int]:
        truths = [self.index_of(item, text) for text in item.references]
        guess = NO_CLASS if item.answer is None else self._index.get(self.form(item.answer), NO_CLASS)
        return (guess if guess in truths else truths[0], guess)

    def value(self, rows: Rows, weights: Weights | None = None) -> NDArray[np.float64]:
        weights = np.ones(len(rows)) if weights is None else weights
        classes = np.arange(len(self.choices))
        truth, guess = (rows[:, column, None] == classes for column in (0, 1))  # (samples, classes) each
        # Only three sums per class, whatever the number of samples: a resample costs a matrix product.
        support, predicted, tp = [weights @ which.astype(np.float64) for which in (truth, guess, truth & guess)]
        occurring = truth.any(axis=0)
        drawn = (occurring & (support + predicted > 0)).sum(axis=-1)
        return self.average(tp, fn=support - tp, fp=predicted - tp, drawn=ratio(drawn, occurring.sum()))

    @abstractmethod
    def average(
        self,
        tp: NDArray[np.float64],
        *,
        fn: NDArray[np.float64],
        fp: NDArray[np.float64],
        drawn: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return the average over classes of counts, (..., classes) to (...).

        Args:
            tp: True positives.
            fn: False negatives.
            fp: False positives.
            drawn: Of the classes that are references, the share that this resample holds, shape (...).
        """

    def sample_values(self, rows: Rows) -> NDArray[np.float64]:
        right: NDArray[np.bool_] = rows[:, 0] == rows[:, 1]
        return right.astype(np.float64)

    def unparsed(self, rows: Rows) -> NDArray[np.bool_]:
        no_class: NDArray[np.bool_] = rows[:, 1] == NO_CLASS
        return no_class

    def details(self, rows: Rows) -> dict[str, Any]:
        size = len(self.choices)
        table = np.zeros((size, size + 1), dtype=int)  # the last column: answers that are no label
        np.add.at(table, (rows[:, 0].astype(int), rows[:, 1].astype(int)), 1)
        confusion, unparsed = table[:, :size], table[:, size]
        support, predicted, tp = table.sum(axis=1), confusion.sum(axis=0), confusion.diagonal()
        precision, recall = ratio(tp, predicted, undefined=0), ratio(tp, support, undefined=0)
        f1 = _f1(tp, fn=support - tp, fp=predicted - tp)
        per_class = {
            label: {
                "precision": float(precision[index]),
                "recall": float(recall[index]),
                "f1": float(f1[index]),
                "support": int(support[index]),
                "predicted": int(predicted[index]),
            }
            for index, label in enumerate(self.choices)
        }
        return {
            "per_class": per_class,
            # confusion[i][j]: how often label i was answered with label j
            "confusion": {
                "labels": list(self.choices),
                "matrix": confusion.tolist(),
                "unparsed": unparsed.tolist(),
            },
        }

    def signature_parts(self) -> tuple[str, ...]:
        return (f"classes:{len(self.choices)}",)


class MacroF1(_PerClass):
    """Unweighted mean of the classes' F1."""

    name = "macro_f1"

    def average(
        self,
        tp: NDArray[np.float64],
        *,
        fn: NDArray[np.float64],
        fp: NDArray[np.float64],
        drawn: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        support = (tp + fn).sum(axis=-1)
        # A class that a resample happens to leave out is not one that the model missed.
        return np.where(support > 0, ratio(_f1(tp, fn=fn, fp=fp).mean(axis=-1), drawn), np.nan)


class WeightedF1(_PerClass):
    """Mean of the classes' F1, weighted by how often each is the reference."""

    name = "weighted_f1"

    def average(
        self,
        tp: NDArray[np.float64],
        *,
        fn: NDArray[np.float64],
        fp: NDArray[np.float64],
        drawn: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        support = tp + fn
        return ratio((_f1(tp, fn=fn, fp=fp) * support).sum(axis=-1), support.sum(axis=-1))


class BalancedAccuracy(_PerClass):
    """Unweighted mean of the recall of the classes that occur as references."""

    name = "balanced_accuracy"

    def average(
        self,
        tp: NDArray[np.float64],
        *,
        fn: NDArray[np.float64],
        fp: NDArray[np.float64],
        drawn: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        occurs = (tp + fn > 0).sum(axis=-1)
        return ratio(ratio(tp, tp + fn, undefined=0).sum(axis=-1), occurs)


def _f1(tp: Rows, *, fn: Rows, fp: Rows) -> NDArray[np.float64]:
    return ratio(2 * tp, 2 * tp + fn + fp, undefined=0)
