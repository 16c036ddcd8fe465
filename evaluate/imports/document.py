"""Reading a JSON or JSONL file of another program: its records, each with its place in the file.

Nothing is repaired; a byte order mark and either kind of line end are taken.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from evaluate.errors import ManifestError
from evaluate.jsonl import shown

_SPACE = " \t\r\n"


@dataclass(frozen=True)
class Document:
    """A file that was read.

    `shape` is "lines" (an object per line), "list" (one list of objects) or "object" (one object over several lines).
    An object on a single line has the shape "lines".
    """

    path: Path
    shape: Literal["lines", "list", "object"]
    records: tuple[tuple[str, dict[str, Any]], ...]  # never empty; place, "file:line", and object

    @property
    def where(self) -> str:
        """Where the first record stands."""
        return self.records[0][0]

    @property
    def first(self) -> dict[str, Any]:
        """The first record, by which formats are told apart."""
        return self.records[0][1]

    @cached_property
    def objects(self) -> tuple[dict[str, Any], ...]:
        """The records without their places."""
        return tuple(record for _, record in self.records)

    @property
    def shown(self) -> str:
        """What was found, for a message: shape and names of fields."""
        kind = {"lines": "JSONL", "list": "a JSON list", "object": "a JSON object"}[self.shape]
        return f"{kind} with the fields {shown(list(self.first)[:12])}"


def load_document(path: Path) -> Document:
    """Read a file.

    Raises:
        ManifestError: It is missing, empty, not UTF-8, no JSON, or holds something other than objects.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read ({error.strerror}); expected the log of a program") from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ManifestError(f"{path}:{line}: not UTF-8 ({error.reason}); save the file as UTF-8") from error
    if not text.strip(_SPACE):
        raise ManifestError(f"{path}: holds nothing, expected the log of a program")
    shape, values = _values(path, text)
    records = []
    for where, value in values:
        if not isinstance(value, dict):
            raise ManifestError(f"{where}: found {shown(value)}, expected a JSON object")
        records.append((where, value))
    if not records:
        raise ManifestError(f"{path}: holds an empty list, expected the log of a program")
    return Document(path, shape, tuple(records))


def _values(path: Path, text: str) -> tuple[Literal["lines", "list", "object"], list[tuple[str, Any]]]:
    start = len(text) - len(text.lstrip(_SPACE))
    if text[start] == "[":
        return "list", list(_items(path, text, start + 1))
    first_line = text[start:].partition("\n")[0]
    if first_line.strip(_SPACE) == text.strip(_SPACE) or _is_json(first_line):
        lines = enumerate(text.split("\n"), start=1)  # not splitlines: it also splits at U+2028, which JSON may hold
        return "lines", [
            (f"{path}:{number}", _parsed(path, line, number)) for number, line in lines if line.strip(_SPACE)
        ]
    return "object", [(str(path), _parsed(path, text, 1))]


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _parsed(path: Path, text: str, first_line: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise _not_json(f"{path}:{first_line + error.lineno - 1}", error.msg) from error
    except (ValueError, RecursionError) as error:  # an integer of too many digits; nesting
        raise _not_json(f"{path}:{first_line}", str(error)) from error


def _items(path: Path, text: str, position: int) -> Iterator[tuple[str, Any]]:
    """Yield the items of a list, each with its line, from after its bracket."""
    decoder = json.JSONDecoder()
    line, counted = 1, 0
    expects_value = False  # after a comma
    while True:
        while position < len(text) and text[position] in _SPACE:
            position += 1
        line += text.count("\n", counted, position)
        counted, where = position, f"{path}:{line}"
        if text[position : position + 1] == "]" and not expects_value:
            rest = text[position + 1 :].strip(_SPACE)
            if rest:
                raise _not_json(where, f"after the end of the list comes {shown(rest[:20])}")
            return
        try:
            value, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            raise _not_json(f"{path}:{error.lineno}", error.msg) from error
        except (ValueError, RecursionError) as error:
            raise _not_json(where, str(error)) from error
        yield where, value
        while position < len(text) and text[position] in _SPACE:
            position += 1
        expects_value = text[position : position + 1] == ","
        if expects_value:
            position += 1
        elif text[position : position + 1] != "]":
            raise _not_json(f"{path}:{1 + text.count(chr(10), 0, position)}", "Expecting ',' or ']'")


def _not_json(where: str, reason: str) -> ManifestError:
    return ManifestError(f"{where}: not valid JSON ({reason}), expected the log of a program as it wrote it")
