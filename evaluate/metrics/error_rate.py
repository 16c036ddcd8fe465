"""Word, character and mixed error rate, and sentence error rate: edits against reference length, over the corpus.

The rate is (S + D + I) / N with S substitutions, D deletions, I insertions and N reference units, each added over all
samples before the one division; a mean over utterances is another number and is not called `wer`. Range [0, ∞), lower
is better; insertions can lift it above 1.

Source: Levenshtein alignment with unit costs, as in jiwer 4 (rapidfuzz is jiwer's own engine, so counts agree). sclite
weighs substitutions 4 and insertions and deletions 3: its total can differ by an edit in some thousands of words, and
the split into S, D and I is not unique in either; only their sum is.

Degenerate pairs: an empty reference adds its insertions to the errors and nothing to N (jiwer 4 does the same, the
Open ASR Leaderboard drops such pairs); an empty hypothesis is all deletions; both empty is no error. A corpus with
N = 0 has no rate. With several references, the one with the lowest rate counts (the first of equals); a sample without
an answer counts as the deletion of its longest reference.

Under the protocols `qwen-audio` and `qwen2-audio` the texts are normalised as those evaluations did, and `wer` of
Chinese counts characters, as there.
"""

import re
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from evaluate.metrics.base import Alignment, CountMetric, Edit, ratio
from evaluate.normalizers.text import CJK
from evaluate.types import SPACELESS, Rows


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """Edits between a reference and a hypothesis, and the reference's length; adding two adds all four."""

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    reference_length: int = 0

    def __add__(self, other: "ErrorCounts") -> "ErrorCounts":
        return ErrorCounts(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.reference_length + other.reference_length,
        )

    @property
    def errors(self) -> int:
        """S + D + I."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float | None:
        """(S + D + I) / N; None for N = 0."""
        return self.errors / self.reference_length if self.reference_length else None


def count_errors(*, reference: list[str] | str, hypothesis: list[str] | str) -> ErrorCounts:
    """Count the edits that turn a reference into a hypothesis.

    Args:
        reference: Units of the reference: a list of words, or a string whose units are its characters.
        hypothesis: The same for the hypothesis.
    """
    if reference == hypothesis:
        return ErrorCounts(reference_length=len(reference))
    substitutions = deletions = insertions = 0
    for operation in Levenshtein.editops(reference, hypothesis).as_list():
        tag = operation[0]
        if tag == "replace":
            substitutions += 1
        elif tag == "delete":
            deletions += 1
        else:
            insertions += 1
    return ErrorCounts(substitutions, deletions, insertions, len(reference))


_MARKS: dict[str, Edit] = {"equal": "=", "replace": "s", "delete": "d", "insert": "i"}


class _ErrorRate(CountMetric):
    """Shared by the rates: they differ in what a unit is."""

    higher_is_better = False
    columns = ("substitutions", "deletions", "insertions", "reference_length", "empty_references")
    aligns = True
    unit: str
    undefined = "the references hold no unit to divide by"

    def default_normalizer(self) -> str | None:
        return self.settings.protocol or None  # each published recipe is a normaliser of its own

    @abstractmethod
    def units(self, text: str) -> list[str] | str:
        """Return the units of a normalised text."""

    def count(self, *, references: tuple[str, ...], answer: str | None) -> tuple[float, ...]:
        _, _, counts = self._nearest(references, answer)
        return (
            counts.substitutions,
            counts.deletions,
            counts.insertions,
            counts.reference_length,
            counts.reference_length == 0,
        )

    def alignment(self, *, references: tuple[str, ...], answer: str | None) -> Alignment:
        reference, hypothesis, _ = self._nearest(references, answer)
        between = " " if isinstance(reference, list) else ""
        edits = [
            (
                _MARKS[part.tag],
                between.join(reference[part.src_start : part.src_end]),
                between.join(hypothesis[part.dest_start : part.dest_end]),
            )
            for part in Levenshtein.opcodes(reference, hypothesis)
        ]
        return Alignment("word" if between else "char", tuple(edits))

    def _nearest(
        self, references: tuple[str, ...], answer: str | None
    ) -> tuple[list[str] | str, list[str] | str, ErrorCounts]:
        """Return the units of the reference that counts and of the answer, and the edits between them."""
        truths = [self.units(self.normalizer(text)) for text in references]
        if answer is None:
            longest = max(truths, key=len)
            return longest, longest[:0], ErrorCounts(deletions=len(longest), reference_length=len(longest))
        hypothesis = self.units(self.normalizer(answer))
        counted = ((truth, count_errors(reference=truth, hypothesis=hypothesis)) for truth in truths)
        truth, counts = min(counted, key=lambda one: one[1].errors / max(one[1].reference_length, 1))
        return truth, hypothesis, counts

    def value_of_totals(self, totals: Rows) -> NDArray[np.float64]:
        return ratio(totals[..., :3].sum(axis=-1), totals[..., 3])

    def signature_parts(self) -> tuple[str, ...]:
        return (f"unit:{self.unit}", "empty-ref:insertions")


class WordErrorRate(_ErrorRate):
    """Corpus WER; words are what `str.split()` gives of the normalised text."""

    name, unit = "wer", "word"

    @property
    def _is_of_characters(self) -> bool:
        """Whether a protocol calls the rate of characters a word error rate, as the Qwen evaluations do for Chinese."""
        return bool(self.settings.protocol) and self.language in ("zh", "yue")

    def units(self, text: str) -> list[str]:
        return list("".join(text.split())) if self._is_of_characters else text.split()

    def notes(self, rows: Rows) -> list[str]:
        if self.language in SPACELESS and not self._is_of_characters:
            return [f"{self.language!r} is written without spaces: a word here is most of a sentence; see cer and mer"]
        return []

    def signature_parts(self) -> tuple[str, ...]:
        unit = "char" if self._is_of_characters else self.unit
        return (f"unit:{unit}", "empty-ref:insertions")


class CharacterErrorRate(_ErrorRate):
    """Corpus CER over the characters of the normalised text.

    Spaces between words count, as in jiwer, but not in languages written without them: there they only show how a
    transcript was segmented ("T E C H" and "TECH" are one text), and the field leaves them out.
    """

    name, unit = "cer", "char"

    def units(self, text: str) -> str:
        return "".join(text.split()) if self.language in SPACELESS else text

    def signature_parts(self) -> tuple[str, ...]:
        return (*super().signature_parts(), f"spaces:{'out' if self.language in SPACELESS else 'in'}")


class MixedErrorRate(_ErrorRate):
    """Corpus MER for code-switched speech: each Chinese or Japanese character is a unit, and each other word."""

    name, unit = "mer", "cjk-char+word"
    _UNIT = re.compile(rf"[{CJK}]|[^\s{CJK}]+")

    def units(self, text: str) -> list[str]:
        return self._UNIT.findall(text)


class SentenceErrorRate(CountMetric):
    """Share of samples whose normalised text differs from every reference; range [0, 1], lower is better."""

    name, higher_is_better = "ser", False
    columns = ("wrong_sentences", "sentences")
    is_binary = True

    def default_normalizer(self) -> str | None:
        return self.settings.protocol or None

    def count(self, *, references: tuple[str, ...], answer: str | None) -> tuple[float, ...]:
        if answer is None:
            return (1, 1)
        hypothesis = self._sentence(answer)
        return (all(self._sentence(text) != hypothesis for text in references), 1)

    def _sentence(self, text: str) -> str:
        return ("" if self.language in SPACELESS else " ").join(self.normalizer(text).split())

    def value_of_totals(self, totals: Rows) -> NDArray[np.float64]:
        return ratio(totals[..., 0], totals[..., 1])

    def details_of_totals(self, totals: NDArray[np.float64]) -> dict[str, Any]:
        return {"wrong_sentences": int(totals[0])}
