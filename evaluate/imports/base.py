"""What readers of foreign logs give: answers in one form, and what is known of the log as a whole."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evaluate.errors import ManifestError, RequestError
from evaluate.imports.document import Document
from evaluate.jsonl import shown
from evaluate.lines import some_of
from evaluate.registry import unknown_name
from evaluate.types import Failure

ALL_PARTS = "all"
MAX_NAMED = 12  # fields, parts: so many are listed in a message


@dataclass(frozen=True, slots=True)
class LoggedAnswer:
    """What a log says of one sample; what it does not say is empty."""

    where: str  # "file:line", for messages
    hypothesis: str | Failure  # the model's text, as raw as the log has it
    references: tuple[str, ...] = ()  # (): the log names none
    id: str = ""  # a true id of the corpus; a running number is an index
    audio: tuple[str, ...] = ()  # files or URLs, as the log names them
    index: int | None = None  # the sample's place in the data set that the program read, from 0
    question: str = ""
    part: str = ""  # of a file that holds several splits or subsets


@dataclass(frozen=True, slots=True)
class ForeignLog:
    """A log of another program, read."""

    path: Path
    format_name: str
    answers: tuple[LoggedAnswer, ...]
    notices: tuple[str, ...] = ()  # what could not be mapped, a line each
    metrics: tuple[str, ...] = ()  # what the log is for, () where it does not tell
    language: str = ""  # of the references, "" where it does not tell
    normalizer: str | None = None  # "none" where its texts were normalised already; None: the default of the language
    part: str = ""  # the one that was chosen

    @property
    def parts(self) -> dict[str, int]:
        """How many answers each part has, in the order of the file."""
        counts: dict[str, int] = {}
        for answer in self.answers:
            counts[answer.part] = counts.get(answer.part, 0) + 1
        return counts

    def listed_parts(self) -> str:
        """Return the parts with their sizes, for a message."""
        named = [f"{part or '(unnamed)'} ({count})" for part, count in self.parts.items()]
        return some_of(named, MAX_NAMED)


class LogFormat(ABC):
    """One format. A subclass's module shows a line of it and cites the program and commit that it was read from."""

    name: str
    expected: str  # what such a file is, for messages

    @abstractmethod
    def fits(self, document: Document) -> bool:
        """Whether a file has this format's shape, judged by its first record."""

    @abstractmethod
    def read(self, document: Document) -> ForeignLog:
        """Return the log.

        Raises:
            ManifestError: A record is wrong.
        """


def references_of(where: str, key: str, value: Any) -> tuple[str, ...]:
    """Return references from what a log has as truth: a text, a number, or a list of them.

    Raises:
        ManifestError: It is something else; null and NaN are no truth.
    """
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str) or _is_number(one) for one in values):
        raise ManifestError(f"{where}: {key!r} is {shown(value)}, expected the true text, or a list of texts")
    return tuple(str(one) for one in values)


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and abs(value) < float("inf")  # false for NaN too


def index_field(where: str, record: Mapping[str, Any], key: str) -> int:
    """Return a running number from 0; one that is written as a text will do.

    Raises:
        ManifestError: It is missing, or something else.
    """
    value = record.get(key)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        found = shown(record[key]) if key in record else "missing"
        raise ManifestError(f"{where}: {key!r} is {found}, expected a whole number from 0")
    return value


def dropped_fields(records: Iterable[Mapping[str, Any]], mapped: Iterable[str]) -> tuple[str, ...]:
    """Return the line of notice on fields that were not taken over, () where all were."""
    known = set(mapped)
    others = list(dict.fromkeys(key for record in records for key in record if key not in known))
    if not others:
        return ()
    listed = ", ".join(others[:MAX_NAMED]) + (f" and {len(others) - MAX_NAMED} more" if len(others) > MAX_NAMED else "")
    return (f"not mapped, the fields {listed}: scores are made anew from the answers",)


def refuse_doubled_indices(answers: Sequence[LoggedAnswer], key: str) -> None:
    """Raise where a running number comes twice.

    Raises:
        ManifestError: It does.
    """
    seen: dict[int | None, str] = {}
    for answer in answers:
        if answer.index in seen:
            raise ManifestError(
                f"{answer.where}: {key} {answer.index} stands already in {seen[answer.index]}, expected each once"
            )
        seen[answer.index] = answer.where


def choose_part(log: ForeignLog, part: str | None) -> ForeignLog:
    """Return the log with the answers of one part alone; parts are never pooled unless that is asked for ("all").

    Raises:
        RequestError: Several parts and none named, or one that is not there.
    """
    parts = log.parts
    if part is None:
        if len(parts) > 1:
            raise RequestError(
                f"{log.path}: holds several parts: {log.listed_parts()}; name one with --part, "
                f"or score them as one with --part {ALL_PARTS}"
            )
        return replace(log, part=next(iter(parts)))
    if part not in parts:
        if part == ALL_PARTS:
            return replace(log, part=ALL_PARTS)
        raise unknown_name("part", part, parts, listing=f"The log holds {log.listed_parts()}")
    return replace(log, answers=tuple(one for one in log.answers if one.part == part), part=part)
