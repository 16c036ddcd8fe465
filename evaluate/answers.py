"""Reading an answer out of a model's text, by rules that can be named."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence


def match_choice(text: str, choices: Sequence[str]) -> str | None:
    """Return the choice that a text is, or None.

    It is one if it is spelt so, or but for case, punctuation and spacing; of choices that differ in nothing else
    ("C++" and "C#") only the exact spelling counts.
    """
    stripped = text.strip()
    if stripped in choices:
        return stripped
    return _by_plain_form(choices).get(_plain(text))


def extract_choice(text: str, choices: Sequence[str]) -> str | None:
    """Return the one choice that a text names, or None: nothing is guessed.

    The text is a choice (`match_choice`), or exactly one choice stands in it as whole words (a choice inside a longer
    named one does not count: "bus stop" is not also "bus").
    """
    if (matched := match_choice(text, choices)) is not None:
        return matched
    by_plain = _by_plain_form(choices)
    named = []
    rest = f" {_plain(text)} "
    for label in sorted(by_plain, key=len, reverse=True):
        if f" {label} " in rest:
            named.append(by_plain[label])
            rest = rest.replace(f" {label} ", " \0 ")
    return named[0] if len(named) == 1 else None


def _by_plain_form(choices: Sequence[str]) -> dict[str, str]:
    """Return plain form to choice, without the forms that are empty or shared by several choices."""
    forms = Counter(map(_plain, choices))
    return {plain: choice for choice in choices if forms[plain := _plain(choice)] == 1 and plain}


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[\W_]+", " ", folded).split())
