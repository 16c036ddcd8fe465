"""One line for people: texts from corpora, models and servers may hold anything, a terminal obeys some of it."""

import re
from collections.abc import Sequence

MAX_CHARACTERS = 2_000
# C0 and C1 controls, what turns the direction of writing round, and lone surrogates, which have no UTF-8 form.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# What JSON may hold as it is though a terminal obeys it, or some readers of lines end one there.
_OBEYED = re.compile(r"[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def escape_obeyed(json_text: str) -> str:
    """Return JSON of the same value that can be shown in a terminal, and read by programs that split it into lines."""
    return _OBEYED.sub(lambda match: f"\\u{ord(match[0]):04x}", json_text)


def one_line(text: str) -> str:
    """Return a text as one line without control characters, cut where it is too long to be read."""
    line = _CONTROLS.sub("�", " ".join(text.split()))
    return line if len(line) <= MAX_CHARACTERS else f"{line[:MAX_CHARACTERS]} … ({len(line)} characters)"


def some_of(names: Sequence[str], at_most: int) -> str:
    """Return the first names of a list, and … where there are more."""
    return ", ".join(names[:at_most]) + (", …" if len(names) > at_most else "")
