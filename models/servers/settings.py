"""What people may say of a server, held against what that may be; nothing secret passes, since it is recorded."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from evaluate.errors import RequestError
from evaluate.secrets import is_secret

OPENAI_HOST = "api.openai.com"
OPENAI_URL = f"https://{OPENAI_HOST}/v1"


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """Where a server is and how it is asked; nothing but `base_url` bears on an answer."""

    base_url: str  # "": from the environment variable OPENAI_BASE_URL, or OpenAI's own
    api_key_env: str  # name of the environment variable that holds the key
    concurrency: int  # requests under way at once
    timeout_s: float  # of a try, from its first byte sent to its last one read
    max_retries: int  # tries after the first
    max_wait_s: float  # between two tries; a server that asks for more ends the run
    requests_per_minute: float  # 0: no limit but the server's own

    def __post_init__(self) -> None:
        """Hold the settings, which people wrote, against what they may be.

        Raises:
            RequestError: One of them is not that.
        """
        name = self.api_key_env
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            raise RequestError("api_key_env is no name of an environment variable, expected e.g. OPENAI_API_KEY")
        number("concurrency", self.concurrency, low=1, high=1024, whole=True)
        number("timeout_s", self.timeout_s, low=0.001, high=86_400)
        number("max_retries", self.max_retries, low=0, high=100, whole=True)
        number("max_wait_s", self.max_wait_s, low=0, high=86_400)
        number("requests_per_minute", self.requests_per_minute, low=0, high=1e6)

    def url(self) -> str:
        """Return the server's address.

        Raises:
            RequestError: It is none, or holds what must not be written down.
        """
        return _checked_url(str(self.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL))


# Those that do not bear on an answer.
CONNECTION_SETTINGS = frozenset(one.name for one in fields(ConnectionSettings)) - {"base_url"}


def number(name: str, value: object, *, low: float, high: float, whole: bool = False) -> float:
    """Return a setting that is a number.

    Raises:
        RequestError: It is none, or out of its range.
    """
    kinds = int if whole else int | float
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        what = "a whole number" if whole else "a number"
        raise RequestError(f"{name} is {value!r}, expected {what} from {low:g} to {high:g}")
    return value


def price(name: str, value: object) -> float | None:
    """Return a setting that is a price, or not given.

    Raises:
        RequestError: It is none.
    """
    return None if value is None else number(name, value, low=0, high=1e6)


def switch(name: str, value: object) -> bool:
    """Return a setting that is true or false.

    Raises:
        RequestError: It is neither.
    """
    if not isinstance(value, bool):
        raise RequestError(f"{name} is {value!r}, expected true or false")
    return value


def checked_extra_body(body: Any, reserved: Iterable[str]) -> dict[str, Any]:
    """Return what is sent besides.

    Raises:
        RequestError: It is no JSON object, or holds what looks like a secret, since it is recorded with the run, or
            something reserved.
    """
    if body is None:
        return {}
    try:
        json.dumps(body, allow_nan=False)
    except (TypeError, ValueError):
        body = None
    if not isinstance(body, dict) or not all(isinstance(name, str) for name in body):
        raise RequestError("extra_body is no JSON object, expected e.g. '{\"repetition_penalty\": 1.1}'")
    secret = next(filter(is_secret, _names(body)), None)
    if secret is not None:
        raise RequestError(
            f"extra_body names {secret!r}, which looks like a secret and would be written down; keys come from the "
            "environment only, see api_key_env"
        )
    for name in reserved:
        if name in body:
            raise RequestError(f"extra_body holds {name!r}, which is set from here; leave it out")
    return body


def _names(value: Any) -> Iterable[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield str(name)
            yield from _names(one)
    elif isinstance(value, list):
        for one in value:
            yield from _names(one)


def _checked_url(text: str) -> str:
    """Return a server's address without the slash at its end.

    Raises:
        RequestError: It is none, or holds what must not be written down; that is not shown.
    """
    try:
        parts = urlsplit(text.strip())
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RequestError("base_url is no address of a server, expected e.g. http://127.0.0.1:8000/v1")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise RequestError(
            f"base_url of {parts.hostname} holds a user, a password or what follows a question mark, which would be "
            "written down; keys come from the environment only, see api_key_env"
        )
    return parts.geturl().rstrip("/")
