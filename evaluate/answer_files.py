"""Reading what is scored without a task: a references file, and a predictions file, which tasks take too."""

import os
import weakref
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from evaluate.digests import digest
from evaluate.errors import MachineError, ManifestError
from evaluate.jsonl import (
    groups_field,
    parse_line,
    read_jsonl,
    read_jsonl_lines,
    references_field,
    refuse_doubled,
    text_field,
)
from evaluate.line_offsets import LineOffsets, lines_at
from evaluate.types import Failure


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """One line of a references file."""

    references: tuple[str, ...]
    language: str = ""  # as the line names it, "" if it does not
    question: str = ""
    source_text: str = ""
    context: str = ""  # what the audio holds, for a judge
    groups: Mapping[str, str] = field(default_factory=dict)


def read_references(path: Path) -> dict[str, ReferenceRow]:
    """Read a references file: id to its line.

    Raises:
        ManifestError: A line is wrong, or an id comes twice.
    """
    found: dict[str, ReferenceRow] = {}
    seen: dict[str, str] = {}
    for where, record in read_jsonl(path):
        sample_id = text_field(where, record, "id")
        refuse_doubled(seen, sample_id, where, str)
        found[sample_id] = ReferenceRow(
            references=references_field(where, record, "references"),
            language=text_field(where, record, "language", default=""),
            question=text_field(where, record, "question", default=""),
            source_text=text_field(where, record, "source_text", default=""),
            context=text_field(where, record, "context", default=""),
            groups=groups_field(where, record),
        )
    if not found:
        raise ManifestError(f"{path}: holds no lines, expected {{'id', 'references'}} objects")
    return found


Answer = str | Failure  # a text, or the failure where a line of a run's log says `error`


def read_hypotheses(path: Path) -> dict[str, Answer]:
    """Read a predictions file: id to answer.

    Raises:
        ManifestError: A line is wrong, or an id comes twice.
    """
    return {sample_id: answer for sample_id, answer, _ in _answers(path)}


class AnswerFile:
    """A predictions file whose answers stay on disk, since there may be a million.

    Args:
        path: The file; it is read through once.

    Raises:
        ManifestError: A line is wrong, or an id comes twice.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        is_file = path.is_file()
        self._state = _state_of(path.stat()) if is_file else None
        self._held: list[tuple[str, Answer]] | None = None if is_file else []  # a pipe or terminal is read only once
        self.offsets = LineOffsets()  # of what is held: which answer it is
        total = 0
        for sample_id, answer, offset in _answers(path):
            if self._held is None:
                self.offsets.add(sample_id, offset)
            else:
                self.offsets.add(sample_id, len(self._held))
                self._held.append((sample_id, answer))
            content = [answer] if isinstance(answer, str) else [answer.type, answer.message]
            total += int(digest([sample_id, *content]), 16)
        self.digest = digest(total)  # of a sum: the same in whatever order the lines come
        if is_file:  # kept open: what is put in its place later is another file
            self._file = path.open("rb")
            weakref.finalize(self, self._file.close)
            self._refuse_changed()

    def read(self, ids: Iterable[str]) -> Iterator[Answer]:
        """Yield the answer of each id.

        Raises:
            KeyError: An id has no line.
            MachineError: The file is no longer what it was.
        """
        wanted = list(ids)
        for sample_id, (found, answer) in zip(wanted, self._at(self.offsets.of(wanted)), strict=True):
            if found != sample_id:
                raise self._changed()
            yield answer

    def ids_beside(self, ids: Iterable[str]) -> list[str]:
        """Return the ids of lines that are of none of these.

        Raises:
            MachineError: The file is no longer what it was.
        """
        known = self.offsets.find(ids)
        if int((known >= 0).sum()) == len(self.offsets):
            return []
        return [found for found, _ in self._at(np.setdiff1d(self.offsets.in_order(), known))]

    def _at(self, offsets: Iterable[int]) -> Iterator[tuple[str, Answer]]:
        if self._held is not None:
            yield from (self._held[number] for number in offsets)
            return
        self._refuse_changed()
        where = str(self._path)
        for line in lines_at(self._file, offsets):
            record = parse_line(where, line)
            yield text_field(where, record, "id"), _answer(where, record)

    def _refuse_changed(self) -> None:
        if _state_of(os.fstat(self._file.fileno())) != self._state:
            raise self._changed()

    def _changed(self) -> MachineError:
        return MachineError(f"{self._path}: was changed while it was read; start the command again")


def _answers(path: Path) -> Iterator[tuple[str, Answer, int]]:
    """Yield each line's id and answer, and where the line begins."""
    seen: dict[str, int] = {}
    for number, offset, record in read_jsonl_lines(path):
        where = f"{path}:{number}"
        sample_id = text_field(where, record, "id")
        refuse_doubled(seen, sample_id, number, lambda line: f"{path}:{line}")
        yield sample_id, _answer(where, record), offset
    if not seen:
        raise ManifestError(f"{path}: holds no lines, expected {{'id', 'hypothesis'}} objects")


def _answer(where: str, record: Mapping[str, Any]) -> Answer:
    error = record.get("error")
    if isinstance(error, dict) and record.get("hypothesis") is None:
        return Failure(str(error.get("type", "Error")), str(error.get("message", "no message")))
    if record.get("hypothesis", "") is None:
        raise ManifestError(
            f"{where}: 'hypothesis' is null, expected the text, empty if the answer was, or beside it for a failed "
            'sample "error": {"type": …, "message": …}'
        )
    return text_field(where, record, "hypothesis")


def _state_of(status: os.stat_result) -> tuple[int, ...]:
    """Return which file it is, its size and its time of change."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
