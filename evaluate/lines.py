"""One line for people: texts from corpora, models and servers may hold anything, a terminal obeys some of it."""

import re

MAX_CHARACTERS = 2_000
# C0 and C1 controls, what turns the direction of writing round, and lone surrogates, which have no UTF-8 form.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def one_line(text: str) -> str:
    """Return a text as one line without control characters, cut where it is too long to be read."""
    line = _CONTROLS.sub("�", " ".join(text.split()))
    return line if len(line) <= MAX_CHARACTERS else f"{line[:MAX_CHARACTERS]} … ({len(line)} characters)"
