"""What a server's bytes, headers and errors say; they may hold anything."""

import json
import math
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn

from evaluate.secrets import HIDDEN


def parsed(content: bytes) -> dict[str, Any] | None:
    """Return a JSON object, None where there is none, or one that holds what JSON does not know, like NaN."""
    try:
        document = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def words_of(content: bytes, document: Mapping[str, Any] | None) -> str:
    """Return what an error says for people, as servers put it, else the beginning of it."""
    error = document.get("error") if document else None
    for place in (error, document):
        if isinstance(place, dict):
            said = next((place[name] for name in ("message", "detail", "error") if place.get(name)), None)
            if isinstance(said, str):
                code = place.get("code") or place.get("type")
                return f"{said} ({code})" if isinstance(code, str) else said
        elif isinstance(place, str):
            return place
    # Not as it came: escapes would hide the key from whoever takes it out.
    return json.dumps(document) if document else content.decode("utf-8", errors="replace")


def error_code(document: Mapping[str, Any]) -> int:
    """Return the status of an error that a server sent as if it were an answer."""
    error = document.get("error")
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 400


def wait_asked_for(headers: Mapping[str, str]) -> float | None:
    """Return for how long a server asks to be left alone, in seconds; None where it does not say."""
    said = headers.get("Retry-After", "").strip()
    try:
        seconds = float(said)
    except ValueError:
        try:
            date = parsedate_to_datetime(said)
        except ValueError:
            return None
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        seconds = (date - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else None


def tls_problem(error: BaseException | None) -> str:
    """Return what is wrong with a certificate or the like, "" where a connection failed for another reason."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return str(error)
        error = error.__cause__ or error.__context__
    return ""


def without_text(value: Any, key: str) -> Any:
    """Return a JSON value without the key in its texts."""
    if isinstance(value, str):
        return value.replace(key, HIDDEN)
    if isinstance(value, list):
        return [without_text(one, key) for one in value]
    if isinstance(value, dict):
        return {name.replace(key, HIDDEN): without_text(one, key) for name, one in value.items()}
    return value
