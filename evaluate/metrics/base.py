"""What a metric is: a scorer that turns one sample into a row of counts, and a value made from summed rows.

Counts are added and divided once, at the end. So a corpus rate is never an average of utterance rates, and a
bootstrap resample is a weighted sum of rows, with no text scored twice.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from evaluate.normalizers import Normalizer, create_normalizer
from evaluate.types import Rows

State = Literal["scored", "unparsed", "failed"]


@dataclass(frozen=True, slots=True)
class Judged:
    """One sample as a metric sees it: its references and what was extracted from the model's text."""

    sample_id: str
    references: tuple[str, ...]
    answer: str | None  # None: the sample failed, or nothing could be extracted; scored at its worst
    state: State = "scored"
    groups: Mapping[str, str] = field(default_factory=dict)


class Metric(ABC):
    """One number for a corpus.

    Args:
        language: Language of the references, ISO 639-1, "" where it plays no part.
        normalizer: Name of a normaliser; None: the metric's default for the language.
        choices: The label set of the task, for metrics over labels.
    """

    name: str
    higher_is_better: bool
    is_rate = True  # a fraction, which people are shown in per cent
    columns: tuple[str, ...]  # what each column of a row counts

    def __init__(self, *, language: str = "", normalizer: str | None = None, choices: Sequence[str] = ()) -> None:
        self.language = language
        self.choices = tuple(choices)
        self.normalizer: Normalizer = create_normalizer(normalizer, language=language)

    @abstractmethod
    def count(self, *, references: tuple[str, ...], answer: str | None) -> tuple[float, ...]:
        """Return the row of one sample; `answer` None is the worst that could have been answered."""

    @abstractmethod
    def value(self, totals: Rows) -> NDArray[np.float64]:
        """Return the metric of summed rows: (..., columns) to (...); NaN where it is undefined."""

    def rows(self, items: Iterable[Judged]) -> Rows:
        """Return one row of counts per sample, shape (samples, columns)."""
        counted = (self.count(references=item.references, answer=item.answer) for item in items)
        rows: Rows = np.fromiter(counted, dtype=np.dtype((np.float64, len(self.columns))))
        return rows

    def details(self, totals: NDArray[np.float64]) -> dict[str, Any]:
        """Return what else is worth reporting of the summed row, as JSON-ready values."""
        return {column: _plain(total) for column, total in zip(self.columns, totals, strict=True)}

    def signature(self) -> str:
        """Return every setting that the value depends on, in one string."""
        normalizer = f"norm:{self.normalizer.name}@{self.normalizer.version}"
        return "|".join([self.name, normalizer, *self.settings()])

    def settings(self) -> tuple[str, ...]:
        """Return the metric's own settings for its signature, `key:value` each."""
        return ()


def ratio(numerator: Rows, denominator: Rows, *, undefined: float = np.nan) -> NDArray[np.float64]:
    """Divide elementwise, with `undefined` where the denominator is 0."""
    numerator, denominator = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    filled = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), undefined, dtype=np.float64)
    np.divide(numerator, denominator, out=filled, where=denominator > 0)
    return filled


def _plain(total: float) -> int | float:
    return int(total) if float(total).is_integer() else float(total)
