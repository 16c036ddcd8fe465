"""What must not be written down or shown: keys, tokens, passwords; in settings, command lines, addresses, messages."""

import os
import re
from collections.abc import Mapping
from typing import Any

# Whole words of a name: `api_key` and `token` are secrets, `max_tokens`, `tokenizer` and `keyframes` are not.
_SECRET_NAME = re.compile(
    r"(?:^|[_-])(?:key|apikey|token|secret|password|passwd|passphrase|auth|authorization|credentials?)$", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")
_URL_SETTING = re.compile(r"(?<=[?&])([^=&\s]+)=([^&\s]*)")
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,40}")  # of the environment; what else stands there may be the key itself
HIDDEN = "***"
MIN_SECRET = 12  # characters; what is shorter may be a word, like "EMPTY"


def redact(word: str) -> str:
    """Return a word of a command line without the secrets in it.

    The value of `KEY=VALUE` and `--option=KEY=VALUE` is hidden where the key names a secret; so are user, password and
    secret settings of URLs.
    """
    option, equals, setting = word.partition("=") if word.startswith("-") else ("", "", word)
    if is_secret(option.lstrip("-")):
        return f"{option}={HIDDEN}"
    name, _, _ = setting.partition("=")
    names_a_variable = name.endswith("_env") and VARIABLE.fullmatch(setting.partition("=")[2])
    if name != setting and (is_secret(name) or (name.endswith("key_env") and not names_a_variable)):
        return f"{option}{equals}{name}={HIDDEN}"
    return f"{option}{equals}{redact_url(setting)}"


def is_secret(name: str) -> bool:
    """Whether a setting of this name holds a secret."""
    return bool(_SECRET_NAME.search(name))


def redact_url(text: str) -> str:
    """Return a text with user, password and secret settings of the URLs in it hidden."""
    text = _URL_PASSWORD.sub(f"{HIDDEN}@", text)
    return _URL_SETTING.sub(lambda match: f"{match[1]}={HIDDEN}" if is_secret(match[1]) else match[0], text)


def hide_secrets(text: str) -> str:
    """Return a text without the secrets that are known here: variables of the environment named as such, and in URLs.

    What a library raises may quote them, and ends in logs and on screens.
    """
    secrets = [value for name, value in os.environ.items() if is_secret(name) and len(value) >= MIN_SECRET]
    for secret in sorted(secrets, key=len, reverse=True):  # one may begin with another
        text = text.replace(secret, HIDDEN)
    return redact_url(text)


def without_secrets(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that may be written down; secrets do not determine an answer and are left out."""
    return {
        name: redact_url(value) if isinstance(value, str) else value
        for name, value in settings.items()
        if not is_secret(name)
    }
