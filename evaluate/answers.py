"""Reading an answer out of a model's text, by rules that can be named."""

import re
import unicodedata
from collections.abc import Sequence


def extract_choice(text: str, choices: Sequence[str]) -> str | None:
    """Return the one choice that a text names, or None: nothing is guessed.

    Tried in this order: the text is a choice; it is one but for case, punctuation and spacing; exactly one choice
    stands in it as whole words (a choice inside a longer named one does not count: "bus stop" is not also "bus").
    """
    stripped = text.strip()
    if stripped in choices:
        return stripped
    plain = _plain(text)
    by_plain = {_plain(choice): choice for choice in choices}
    if plain in by_plain:
        return by_plain[plain]
    named = []
    rest = f" {plain} "
    for label in sorted(by_plain, key=len, reverse=True):
        if label and f" {label} " in rest:
            named.append(by_plain[label])
            rest = rest.replace(f" {label} ", " \0 ")
    return named[0] if len(named) == 1 else None


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[\W_]+", " ", folded).split())
