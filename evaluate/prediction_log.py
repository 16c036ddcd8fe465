"""The prediction log: `predictions.jsonl`, one line per finished sample, appended and never rewritten while it grows.

The newest line of an id counts, so a retried sample needs no edit. A process that dies in mid-write leaves at most one
torn last line, which the next process cuts off; a whole line that is no record is set aside in `predictions.damaged`,
and its sample is evaluated again. Offsets, not records, are held in memory.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from evaluate.errors import RunDamagedError
from evaluate.line_offsets import LineOffsets, lines_at
from evaluate.lines import escape_obeyed
from evaluate.types import Prediction
from evaluate.whole_files import replacing

_SYNC_EVERY_S = 1.0  # a killed process loses nothing that was flushed; a power cut at most this much
NOT_A_RECORD = (ValueError, KeyError, TypeError, RecursionError)  # what a line that is none can raise


@dataclass(slots=True)
class LogIndex:
    """Where the newest line of each id is."""

    offsets: LineOffsets = field(default_factory=LineOffsets)
    failed: set[str] = field(default_factory=set)  # ids whose newest line is a failure that another try may mend
    num_lines: int = 0
    damaged: list[bytes] = field(default_factory=list)  # whole lines that are no record


def encode_line(record: object) -> bytes:
    """Return a record as one line of JSON, readable as text where Unicode allows it."""
    try:
        return escape_obeyed(json.dumps(record, ensure_ascii=False)).encode() + b"\n"
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8 form
        return json.dumps(record).encode() + b"\n"


def index_log(path: Path, *, check: Callable[[dict[str, Any]], None] = lambda _: None) -> LogIndex:
    """Read a log through once; a missing file is an empty log, a torn last line is passed over.

    Args:
        path: The log.
        check: Gets every record; what it raises comes out of here.
    """
    index = LogIndex()
    if not path.exists():
        return index
    with path.open("rb") as file:
        offset = 0
        for line in file:
            if not line.endswith(b"\n"):
                break
            try:
                record = json.loads(line.decode())  # of bytes it would ask in which Unicode they are
                Prediction.check(record)
            except NOT_A_RECORD:
                index.damaged.append(line)
            else:
                check(record)
                index.num_lines += 1
                index.offsets.add(record["id"], offset)
                is_final = record["error"] is None or "rejected" in (record.get("clips") or ())
                (index.failed.discard if is_final else index.failed.add)(record["id"])
            offset += len(line)
    return index


def read_predictions(path: Path, index: LogIndex, ids: Iterable[str]) -> Iterator[Prediction]:
    """Yield the newest prediction of each id, in the order given.

    Raises:
        KeyError: An id is not in the log.
        RunDamagedError: The log has changed since it was indexed.
    """
    wanted = list(ids)
    for sample_id, prediction in zip(wanted, read_at(path, index.offsets.of(wanted)), strict=True):
        if prediction.id != sample_id:
            raise _changed(path, f"sample {prediction.id!r} stands where {sample_id!r} is expected")
        yield prediction


def _changed(path: Path, found: str) -> RunDamagedError:
    return RunDamagedError(f"{path}: {found}; was the log changed meanwhile? Start the command again")


def read_all(path: Path, index: LogIndex) -> Iterator[Prediction]:
    """Yield the newest prediction of every id, in the order of their lines."""
    return read_at(path, index.offsets.in_order())


def read_at(path: Path, offsets: Iterable[int]) -> Iterator[Prediction]:
    """Yield the predictions whose lines begin at these offsets.

    Raises:
        RunDamagedError: The log has changed since it was indexed.
    """
    return map(Prediction.from_json, records_at(path, offsets))


def records_at(path: Path, offsets: Iterable[int]) -> Iterator[dict[str, Any]]:
    """Yield the records whose lines begin at these offsets, as they stand in the log.

    Raises:
        RunDamagedError: The log has changed since it was indexed.
    """
    with path.open("rb") as file:
        for line in lines_at(file, offsets):
            try:
                record = json.loads(line.decode())
            except NOT_A_RECORD as error:
                raise _changed(path, "no line begins where one did") from error
            yield record  # a whole line of some log: the end of an object is none


def mend_tail(path: Path) -> bool:
    """Cut off a torn last line; return whether there was one.

    A last line that only lacks its line feed is kept.
    """
    if not path.exists():
        return False
    with path.open("r+b") as file:
        content_end = file.seek(0, os.SEEK_END)
        start = _start_of_last_line(file.fileno(), content_end)
        file.seek(start)
        tail = file.read()
        if not tail or tail.endswith(b"\n"):
            return False
        try:
            Prediction.from_json(json.loads(tail))
        except NOT_A_RECORD:
            file.truncate(start)
            return True
        file.write(b"\n")
        return False


def _start_of_last_line(descriptor: int, end: int) -> int:
    """Return the offset after the last line feed before the file's last byte."""
    block = 1 << 16
    stop = max(end - 1, 0)
    while stop > 0:
        start = max(stop - block, 0)
        found = os.pread(descriptor, stop - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        stop = start
    return 0


def compact(path: Path, index: LogIndex, ids: Iterable[str]) -> None:
    """Rewrite a finished log to one line per id, in the order given; the old file stays whole until the new one is.

    Ids that are not in `ids` (none, unless the log was edited) stay behind the others.
    """
    wanted = list(ids)
    others = np.setdiff1d(index.offsets.in_order(), index.offsets.of(wanted))
    if index.damaged:
        with path.with_suffix(".damaged").open("ab") as aside:
            aside.writelines(index.damaged)
    with replacing(path) as file:
        for prediction in chain(read_predictions(path, index, wanted), read_at(path, others)):
            file.write(encode_line(prediction.to_json()))


class LogWriter:
    """Appends predictions; each `append` is one write and one flush. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._synced_at = time.monotonic()

    def __enter__(self) -> "LogWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._sync()
        finally:
            self._file.close()

    def append(self, predictions: Iterable[Prediction]) -> None:
        """Write the predictions behind what is there.

        Raises:
            OSError: The disk is full, say; no part of a line stays, or another copy's answers would be added to it.
        """
        remaining = memoryview(b"".join(encode_line(prediction.to_json()) for prediction in predictions))
        end = os.fstat(self._file.fileno()).st_size
        try:
            while remaining:  # an unbuffered write may be short
                remaining = remaining[self._file.write(remaining) :]
        except OSError:
            with suppress(OSError):
                self._file.truncate(end)
            raise
        if time.monotonic() - self._synced_at > _SYNC_EVERY_S:
            self._sync()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._synced_at = time.monotonic()
