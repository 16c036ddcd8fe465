"""All samples of a run in columns: what the list on its page is sorted and filtered by, without the texts.

There may be a million samples: numbers are held in arrays, texts as the JSON that is written of them, piece by piece.
"""

import json
import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

START_CHARACTERS = 48  # of an answer, in the list
MAX_LABELS = 200  # a choice among more groups helps nobody
_NUMBERS_AT_ONCE, _BYTES_AT_ONCE = 10_000, 1 << 20
_NONE = math.nan  # where a sample has no number; JSON's null


def groups_of(record: dict[str, Any], scored: dict[str, Any]) -> dict[str, str]:
    """Return a sample's groups as the corpus named them when it was scored, or else when it was run."""
    groups: dict[str, str] = scored.get("groups") or record.get("groups") or {}
    return groups


@dataclass(slots=True)
class Columns:
    """What is known of all samples, a column each."""

    ids: "_Texts" = field(default_factory=lambda: _Texts())
    states: bytearray = field(default_factory=bytearray)  # f: failed, u: unparsed, s: scored
    values: dict[str, "array[float]"] = field(default_factory=dict)  # by metric
    seconds: "array[float]" = field(default_factory=lambda: array("d"))
    truncated: "array[int]" = field(default_factory=lambda: array("l"))  # numbers of the samples
    changed: "array[int]" = field(default_factory=lambda: array("l"))  # numbers of those whose clips were
    starts: "_Texts" = field(default_factory=lambda: _Texts())
    groups: dict[str, "_Labels"] = field(default_factory=dict)  # by kind

    def add(self, record: dict[str, Any], scored: dict[str, Any]) -> None:
        """Add a sample: its record in the log and its scores, {} where it has none."""
        number = len(self.states)
        self.ids.add(record["id"])
        self.states += b"f" if record["error"] else b"u" if scored.get("state") == "unparsed" else b"s"
        values = scored.get("values") or {}
        for name in values:
            if name not in self.values:
                self.values[name] = array("d", [_NONE]) * number
        for name, column in self.values.items():
            column.append(_rounded(values.get(name), 4))
        self.seconds.append(_rounded(record["audio_seconds"], 2))
        if record.get("truncated"):
            self.truncated.append(number)
        if record.get("clips"):
            self.changed.append(number)
        self.starts.add(" ".join((record["hypothesis"] or "")[: 4 * START_CHARACTERS].split())[:START_CHARACTERS])
        groups = groups_of(record, scored)
        for kind in groups:
            if kind not in self.groups:
                self.groups[kind] = _Labels(array("h", [-1]) * number)
        for kind, labels in self.groups.items():
            labels.add(groups.get(kind))

    def json_pieces(self, about: dict[str, Any]) -> Iterator[bytes]:
        """Yield, as the JSON of one object, what else the page is told and the columns as it reads them.

        Names of metrics and groups are values there.
        """
        yield json_bytes(about)[:-1] + b',"ids":['
        yield from self.ids.json_pieces()
        yield b'],"states":' + json_bytes(self.states.decode())
        yield b',"metrics":' + json_bytes(list(self.values)) + b',"values":['
        yield from _listed(map(_numbers, self.values.values()))
        for name, column in (("seconds", self.seconds), ("truncated", self.truncated), ("changed", self.changed)):
            yield b"]," if name == "seconds" else b","
            yield json_bytes(name) + b":"
            yield from _numbers(column)
        yield b',"starts":['
        yield from self.starts.json_pieces()
        yield b'],"groups":['
        few = ((kind, labels) for kind, labels in self.groups.items() if len(labels.numbers) <= MAX_LABELS)
        yield from _listed(labels.json_pieces(kind) for kind, labels in few)
        yield b"]}"


@dataclass(slots=True)
class _Texts:
    """Texts as JSON, with commas between them."""

    written: bytearray = field(default_factory=bytearray)

    def add(self, text: str) -> None:
        self.written += (b"," if self.written else b"") + json_bytes(text)

    def json_pieces(self) -> Iterator[bytes]:
        """Yield the inside of the list."""
        for start in range(0, len(self.written), _BYTES_AT_ONCE):
            yield bytes(self.written[start : start + _BYTES_AT_ONCE])


@dataclass(slots=True)
class _Labels:
    """Which label of a kind of group each sample has, by the label's number; -1 where none."""

    of: "array[int]"
    numbers: dict[str, int] = field(default_factory=dict)

    def add(self, label: str | None) -> None:
        if len(self.numbers) <= MAX_LABELS:  # else none will be shown
            self.of.append(-1 if label is None else self.numbers.setdefault(label, len(self.numbers)))

    def json_pieces(self, kind: str) -> Iterator[bytes]:
        """Yield an object with the kind, its labels, and each sample's."""
        yield json_bytes({"kind": kind, "labels": list(self.numbers)})[:-1] + b',"of":'
        yield from _numbers(self.of)
        yield b"}"


def json_bytes(value: Any) -> bytes:
    """Return a value as short JSON; NaN stays, which a script reads too."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # a lone surrogate has no UTF-8 form
        return json.dumps(value, separators=(",", ":")).encode()


def _listed(items: Iterator[Iterator[bytes]]) -> Iterator[bytes]:
    """Yield the pieces of several values with commas between the values."""
    for number, pieces in enumerate(items):
        if number:
            yield b","
        yield from pieces


def _numbers(column: "array[float] | array[int]") -> Iterator[bytes]:
    """Yield a column of numbers as a list."""
    yield b"["
    for start in range(0, len(column), _NUMBERS_AT_ONCE):
        part = [None if math.isnan(value) else value for value in column[start : start + _NUMBERS_AT_ONCE]]
        yield (b"," if start else b"") + json_bytes(part)[1:-1]
    yield b"]"


def _rounded(value: Any, places: int) -> float:
    """Return a number as short as a list needs it, NaN for what is none."""
    is_number = isinstance(value, int | float) and math.isfinite(value)
    return round(value, places) if is_number else _NONE
