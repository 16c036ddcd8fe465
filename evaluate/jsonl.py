"""Reading JSONL: objects by line, and their fields, each of a known type.

Errors name file and line (`where`); nothing is repaired.
"""

import difflib
import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from evaluate.errors import ManifestError

Place = TypeVar("Place")
_LARGEST_S = 1e9  # thirty years; what is beyond, infinite or no number is no time in a recording


def read_jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each line's place, `file:line`, and its object; empty lines are passed over.

    Raises:
        ManifestError: The file is missing or not UTF-8, or a line is no JSON object.
    """
    return ((f"{path}:{number}", record) for number, _, record in read_jsonl_lines(path))


def read_jsonl_lines(path: Path) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Yield each line's number, from 1, where it begins, in bytes, and its object.

    Raises:
        ManifestError: As `read_jsonl`.
    """
    end = 0
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                start, end = end, end + len(raw)
                if raw.strip():
                    yield number, start, parse_line(f"{path}:{number}", raw)
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read ({error.strerror}); expected a JSONL file") from error


def parse_line(where: str, raw: bytes) -> dict[str, Any]:
    """Return the object of a line.

    Raises:
        ManifestError: It is not UTF-8, or no JSON object.
    """
    try:
        record = json.loads(raw.removeprefix(BOM_UTF8).decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError as error:
        raise ManifestError(f"{where}: not UTF-8 ({error.reason}); save the file as UTF-8") from error
    except json.JSONDecodeError as error:
        column = min(error.pos, len(error.doc.rstrip())) + 1  # its own counts lines too, of which this is one
        raise ManifestError(
            f"{where}: not valid JSON ({error.msg}, column {column}), expected one object per line"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{where}: not valid JSON ({error}), expected one object per line") from error
    if not isinstance(record, dict):
        raise ManifestError(f"{where}: found {type(record).__name__}, expected a JSON object")
    return record


def text_field(where: str, record: Mapping[str, Any], key: str, *, default: str | None = None) -> str:
    """Return a text; without a default it must be there, and an id must not be empty.

    Raises:
        ManifestError: It is missing, or something else.
    """
    value = record.get(key, default)
    if not isinstance(value, str):
        raise ManifestError(f"{where}: {key!r} is {_found(record, key)}, expected a string")
    if key == "id" and not value:
        raise ManifestError(f"{where}: 'id' is empty, expected a name that is unique in the file")
    return value


def references_field(where: str, record: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return a list of texts that is not empty.

    Raises:
        ManifestError: It is missing, or something else.
    """
    value = record.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(text, str) for text in value):
        raise ManifestError(
            f'{where}: {key!r} is {_found(record, key)}, expected a list of strings like ["the true text"]; '
            "an empty string is a legal reference, null is not"
        )
    return tuple(value)


def _found(record: Mapping[str, Any], key: str) -> str:
    """Return a field's value for a message; where it is missing, with the field that may have been meant for it."""
    if key in record:
        return shown(record[key])
    near = difflib.get_close_matches(key, record, n=1, cutoff=0.75)
    return f"missing (there is {near[0]!r})" if near else "missing"


def groups_field(where: str, record: Mapping[str, Any]) -> dict[str, str]:
    """Return the groups that a line names, {} where it names none.

    Raises:
        ManifestError: They are no object of texts.
    """
    groups = record.get("groups", {})
    if not isinstance(groups, dict) or not all(isinstance(label, str) for label in groups.values()):
        raise ManifestError(f"{where}: 'groups' is {shown(groups)}, expected an object of strings, e.g. a speaker")
    return groups


def seconds_field(where: str, record: Mapping[str, Any], key: str, *, minimum: float | None) -> float | None:
    """Return a time in seconds, None where there is none; it must be at least `minimum`, or above 0.

    Raises:
        ManifestError: It is no number, or too small.
    """
    value = record.get(key)
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= _LARGEST_S
    if not is_number or not (value >= minimum if minimum is not None else value > 0):
        bound = f">= {minimum:g}" if minimum is not None else "> 0"
        raise ManifestError(f"{where}: sample {record.get('id')!r}: {key} is {shown(value)}, expected {bound}")
    return float(value)


def refuse_doubled(seen: dict[str, Place], sample_id: str, place: Place, say: Callable[[Place], str]) -> None:
    """Note where an id stands.

    Args:
        seen: Where the ids before it stand.
        sample_id: The id.
        place: Where it stands, in a form that takes little memory: there may be a million.
        say: Returns such a place for a message.

    Raises:
        ManifestError: It stands somewhere else already.
    """
    if sample_id in seen:
        raise ManifestError(
            f"{say(place)}: id {sample_id!r} stands already in {say(seen[sample_id])}, expected each id once"
        )
    seen[sample_id] = place


def shown(value: Any) -> str:
    """Return a value for a message, cut short."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:  # read where the stack was not as deep
        text = f"a deeply nested {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
