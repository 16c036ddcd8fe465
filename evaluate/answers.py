"""Reading an answer out of a model's text, by rules that can be named; nothing is guessed.

What a rule cannot read is unparsed (None), and so wrong.

exact        the text is a choice letter for letter, but for white space at both ends
normalized   … but for case, punctuation and spacing
letter       the text names one option by its letter, A for the first choice: "B", "(b) tap", "The answer is B."
named        the text is a choice, or exactly one choice stands in it as whole words
closest      the choice whose spelling is nearest, if it is near enough and no other is as near
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from string import ascii_uppercase

from rapidfuzz import fuzz

from evaluate.errors import RequestError
from evaluate.registry import unknown_name

Extractor = Callable[[str, Sequence[str]], str | None]

DEFAULT_EXTRACTOR = "named"
CLOSE_ENOUGH = 75.0  # per cent of letters that must agree for `closest`: "kettel" is near "kettle" (83), "tape" is not

# A letter by itself or with what follows it in lists, at the start; or behind a phrase that announces it.
_LEADING_LETTER = re.compile(r"^\s*[*_`\"']*(?:\(([A-Za-z])\)|\[([A-Za-z])\]|([A-Za-z])(?:[).:]|\s*$|[*_`\"']))")
_ANNOUNCED_LETTER = re.compile(
    r"\b(?i:answer|option|choice|choose|select)\b(?:\s+(?i:is|was|would\s+be))?\s*:?\s*[*_`\"']*"
    r"(?:\(([A-Za-z])\)|\[([A-Za-z])\]|([A-Z])\b(?!['’]))"  # bare only as a capital: "the answer is a tap"
)


def create_extractor(name: str) -> Extractor:
    """Return the extractor of a name.

    Raises:
        UnknownNameError: There is none.
    """
    if name not in EXTRACTORS:
        raise unknown_name("extractor", name, EXTRACTORS, listing=f"extractors: {', '.join(EXTRACTORS)}")
    return EXTRACTORS[name]


def exact_choice(text: str, choices: Sequence[str]) -> str | None:
    """Return the choice that a text is, letter for letter."""
    stripped = text.strip()
    return stripped if stripped in choices else None


def match_choice(text: str, choices: Sequence[str]) -> str | None:
    """Return the choice that a text is, or None.

    It is one if it is spelt so, or but for case, punctuation and spacing; of choices that differ in nothing else
    ("C++" and "C#") only the exact spelling counts.
    """
    if (exact := exact_choice(text, choices)) is not None:
        return exact
    return _by_plain_form(choices).get(_plain(text))


def choice_of_letter(text: str, choices: Sequence[str]) -> str | None:
    """Return the choice whose letter a text names, or None where it names none or several.

    Raises:
        RequestError: There are more choices than letters.
    """
    if len(choices) > len(ascii_uppercase):
        raise RequestError(f"extractor 'letter': {len(choices)} choices, expected at most {len(ascii_uppercase)}")
    found = [*_LEADING_LETTER.findall(text), *_ANNOUNCED_LETTER.findall(text)]
    letters = {letter.upper() for groups in found for letter in groups if letter}
    if len(letters) != 1:
        return None
    position = ascii_uppercase.index(letters.pop())
    return choices[position] if position < len(choices) else None


def extract_choice(text: str, choices: Sequence[str]) -> str | None:
    """Return the one choice that a text names, or None.

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


def closest_choice(text: str, choices: Sequence[str]) -> str | None:
    """Return the choice that is spelt most like a text, or None where none is near or two are as near."""
    if (matched := match_choice(text, choices)) is not None:
        return matched
    plain = _plain(text)
    likeness = {choice: fuzz.ratio(plain, form) for form, choice in _by_plain_form(choices).items()}
    best = max(likeness.values(), default=0.0)
    nearest = [choice for choice, likely in likeness.items() if likely == best]
    return nearest[0] if best >= CLOSE_ENOUGH and len(nearest) == 1 else None


EXTRACTORS: dict[str, Extractor] = {
    "exact": exact_choice,
    "normalized": match_choice,
    "letter": choice_of_letter,
    "named": extract_choice,
    "closest": closest_choice,
}


def _by_plain_form(choices: Sequence[str]) -> dict[str, str]:
    """Return plain form to choice, without the forms that are empty or shared by several choices."""
    forms = Counter(map(_plain, choices))
    return {plain: choice for choice in choices if forms[plain := _plain(choice)] == 1 and plain}


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[\W_]+", " ", folded).split())
