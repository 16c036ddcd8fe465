"""What a metric is: a scorer that turns one sample into a row of numbers, and a value made from weighted rows.

A weight says how often a sample counts: once each for the score itself, as often as it was drawn in a bootstrap
resample. So no text is scored twice, whatever the metric. Most metrics add their rows and divide once, at the end
(`SummedMetric`): a corpus rate is never an average of utterance rates.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from evaluate.metrics.settings import PROTOCOLS as PROTOCOLS
from evaluate.metrics.settings import MetricSettings as MetricSettings
from evaluate.normalizers import Normalizer, create_normalizer
from evaluate.types import Failure, Rows, Turn

if TYPE_CHECKING:
    from evaluate.judging.rubric import Rubric

State = Literal["scored", "unparsed", "failed"]
Weights = NDArray[np.float64]  # how often each sample counts: shape (..., samples)


@dataclass(frozen=True, slots=True)
class Judged:
    """One sample as a metric sees it: its references and what was extracted from the model's text."""

    sample_id: str
    references: tuple[str, ...]
    answer: str | None  # None: the sample failed, or nothing could be extracted; scored at its worst
    state: State = "scored"
    groups: Mapping[str, str] = field(default_factory=dict)
    question: str = ""  # what the model was asked
    source_text: str = ""  # what was said, for translations
    error_type: str = ""  # of a sample that failed
    truncated: bool | None = None  # whether the token limit ended the answer; None: not known
    audio_seconds: float | None = None
    unread: str | None = None  # the model's text, where no answer could be extracted from it
    turns: tuple[Turn, ...] = ()  # of a conversation, before the question
    context: str = ""  # what the audio holds, for a judge that does not hear it


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a judge says of one answer."""

    score: float | None  # None: no reply held one, or there is no reply
    scores: tuple[tuple[float, ...], ...] = ()  # per order asked: of the answer and, of a pair, of the reference
    failure: Failure | None = None  # why there is no reply
    num_asked: int = 1  # questions and follow-ups


Edit = Literal["=", "s", "d", "i"]  # equal, substituted, deleted, inserted


@dataclass(frozen=True, slots=True)
class Alignment:
    """What an error rate counted in one sample, as the two texts that it compared, part by part."""

    unit: Literal["word", "char"]
    edits: tuple[tuple[Edit, str, str], ...]  # what happened, to which part of the reference, became what

    def to_json(self) -> dict[str, Any]:
        """Return the alignment as it stands in `sample_scores.jsonl`."""
        return {"unit": self.unit, "edits": [list(edit) for edit in self.edits]}


class Judge(Protocol):
    """A model, or a person, that scores open-ended answers."""

    name: str

    @property
    def id(self) -> str:
        """A hash of its settings: with the name it stands in the signature."""
        ...

    @property
    def facts(self) -> Mapping[str, Any]:
        """What determines what it says, JSON-ready and without secrets."""
        ...

    def keep_replies(self, path: Path | None) -> None:
        """Look for what it said in a file before it is asked again, and add to it; None: in memory."""

    def judge(self, items: Sequence[Judged], rubric: "Rubric") -> list[Judgement]:
        """Return a judgement of each sample, all of which have an answer, in their order."""
        ...

    def said(self) -> dict[str, Any]:
        """Return what it is to be remembered of the last judgements, JSON-ready, e.g. what they cost."""
        ...

    def agreement(
        self, items: Sequence[Judged], judgements: Sequence[Judgement], rubric: "Rubric"
    ) -> list[dict[str, Any]]:
        """Return how far other judges agree, whose replies are kept in the same file."""
        ...


class Metric(ABC):
    """One number for a corpus."""

    name: str
    higher_is_better: bool
    is_rate = True  # a fraction, which people are shown in per cent
    is_binary = False  # a sample is right or wrong: its value is 0 or 1
    over_labels = False  # an answer is a label: the label set plays a part, and labels may be read out of a text
    needs_choices = False  # there is no value without the label set
    needs_whole_set = False  # a sample's row depends on the other samples, or a program is started for all of them
    aligns = False  # it compares two texts unit by unit: `alignment` shows how
    uses_all_references = False  # more references move the value: their number stands in the signature
    columns: tuple[str, ...]  # what each column of a row is
    undefined = "there is nothing to divide by"  # why there is no value, where there is none
    nothing_read = "no answer could be read; see how answers are read out (extractor), or what the model writes"

    def __init__(self, settings: MetricSettings | None = None) -> None:
        self.settings = settings or MetricSettings()
        self.normalizer: Normalizer = create_normalizer(
            self.settings.normalizer or self.default_normalizer(), language=self.settings.language
        )

    def default_normalizer(self) -> str | None:
        """Return the name of the normaliser where none is asked for; None: the one of the language."""
        return None

    @property
    def language(self) -> str:
        """Language of the references, ISO 639-1."""
        return self.settings.language

    @property
    def choices(self) -> tuple[str, ...]:
        """The label set."""
        return self.settings.choices

    @abstractmethod
    def rows(self, items: Iterable[Judged]) -> Rows:
        """Return one row per sample, shape (samples, columns).

        Raises:
            MetricUnavailableError: A program or model that the metric needs is not here.
        """

    @abstractmethod
    def value(self, rows: Rows, weights: Weights | None = None) -> NDArray[np.float64]:
        """Return the metric of weighted samples; None: each counts once.

        Args:
            rows: Shape (samples, columns).
            weights: Shape (..., samples).

        Returns:
            Shape (...); NaN where it is undefined.
        """

    @abstractmethod
    def sample_values(self, rows: Rows) -> NDArray[np.float64]:
        """Return what the metric says of each sample alone, shape (samples,); NaN where that is undefined."""

    def alignment(self, *, references: tuple[str, ...], answer: str | None) -> Alignment:
        """Return the edits that were counted in one sample, for metrics that align."""
        raise NotImplementedError(f"metric {self.name!r} aligns nothing")

    def settings_to_json(self) -> dict[str, Any]:
        """Return the settings that a value is made with, for scores.json."""
        return {
            "language": self.language,
            "normalizer": self.normalizer.name,
            "choices": list(self.choices) if self.over_labels else [],
            "protocol": self.settings.protocol,
            **({"group": self.settings.group} if self.settings.group else {}),
        }

    def notes(self, rows: Rows) -> list[str]:
        """Return what a reader of the value should know, one sentence each."""
        del rows
        return []

    def unparsed(self, rows: Rows) -> NDArray[np.bool_]:
        """Return for each sample whether the metric could read nothing out of its answer."""
        return np.zeros(len(rows), dtype=bool)

    def details(self, rows: Rows) -> dict[str, Any]:
        """Return what else is worth reporting, as JSON-ready values."""
        del rows
        return {}

    def signature(self) -> str:
        """Return every setting that the value depends on, in one string."""
        normalizer = f"norm:{self.normalizer.name}@{self.normalizer.version}"
        protocol = (f"protocol:{self.settings.protocol}",) if self.settings.protocol else ()
        return "|".join([self.name, normalizer, *self.signature_parts(), *protocol])

    def signature_parts(self) -> tuple[str, ...]:
        """Return the metric's own settings for its signature, `key:value` each."""
        return ()


class SummedMetric(Metric):
    """A metric that adds rows and makes its value of the sum."""

    @abstractmethod
    def value_of_totals(self, totals: Rows) -> NDArray[np.float64]:
        """Return the metric of summed rows: (..., columns) to (...); NaN where it is undefined."""

    def value(self, rows: Rows, weights: Weights | None = None) -> NDArray[np.float64]:
        return self.value_of_totals(rows.sum(axis=0) if weights is None else weights @ rows)

    def sample_values(self, rows: Rows) -> NDArray[np.float64]:
        return self.value_of_totals(rows)

    def details(self, rows: Rows) -> dict[str, Any]:
        return self.details_of_totals(rows.sum(axis=0))

    def details_of_totals(self, totals: NDArray[np.float64]) -> dict[str, Any]:
        """Return the counts behind the value."""
        return {column: plain_number(total) for column, total in zip(self.columns, totals, strict=True)}


class CountMetric(SummedMetric):
    """A metric that counts something in each sample by itself and adds."""

    @abstractmethod
    def count(self, *, references: tuple[str, ...], answer: str | None) -> tuple[float, ...]:
        """Return the row of one sample; `answer` None is the worst that could have been answered."""

    def rows(self, items: Iterable[Judged]) -> Rows:
        counted = (self.count(references=item.references, answer=item.answer) for item in items)
        rows: Rows = np.fromiter(counted, dtype=np.dtype((np.float64, len(self.columns))))
        return rows


class MeanMetric(SummedMetric):
    """The mean of a score per sample, made of all samples at once: a row is (score, 1)."""

    columns = ("score", "samples")
    needs_whole_set = True

    @abstractmethod
    def scores(self, items: list[Judged]) -> NDArray[np.float64]:
        """Return one score per sample, shape (samples,)."""

    def rows(self, items: Iterable[Judged]) -> Rows:
        scores = np.asarray(self.scores(list(items)), dtype=np.float64)
        return np.stack([scores, np.ones(len(scores))], axis=1)

    def value_of_totals(self, totals: Rows) -> NDArray[np.float64]:
        return ratio(totals[..., 0], totals[..., 1])

    def details_of_totals(self, totals: NDArray[np.float64]) -> dict[str, Any]:
        return {}


def ratio(numerator: Rows, denominator: Rows, *, undefined: float = np.nan) -> NDArray[np.float64]:
    """Divide elementwise, with `undefined` where the denominator is 0."""
    numerator, denominator = np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64)
    filled = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), undefined, dtype=np.float64)
    np.divide(numerator, denominator, out=filled, where=denominator > 0)
    return filled


def plain_number(value: float) -> int | float:
    """Return a JSON-ready number, a whole one without its point."""
    return int(value) if float(value).is_integer() else float(value)


def finite_or_none(value: Any) -> float | None:
    """Return a JSON-ready number; None where it is undefined."""
    return float(value) if np.isfinite(value) else None
