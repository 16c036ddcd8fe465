"""Reading an answer out of a model's text, by rules that can be named; nothing is guessed.

What a rule cannot read is unparsed (None), and so wrong.

exact        the text is a choice letter for letter, but for white space at both ends
normalized   … but for case, punctuation and spacing, or is another name of it that the task lists
letter       the text names one option by its letter, A for the first choice: "B", "(b) tap", "The answer is B."
named        the text is a choice, or exactly one choice stands in it as whole words, by whatever name, and no "not"
closest      the choice whose spelling is nearest, if it is near enough and no other is as near
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from string import ascii_uppercase
from typing import Protocol

from rapidfuzz.distance import OSA

from evaluate.errors import RequestError
from evaluate.registry import unknown_name

Aliases = Mapping[str, Sequence[str]]  # choice to other ways of saying it
NO_ALIASES: Aliases = {}


class Extractor(Protocol):
    """A rule by which an answer is read out of a text."""

    def __call__(self, text: str, choices: Sequence[str], aliases: Aliases = NO_ALIASES) -> str | None:
        """Return one of the choices, or None where the text gives none."""
        ...


DEFAULT_EXTRACTOR = "named"
# In what stands around a named choice: then what is named may be what it is not.
_NEGATIONS = frozenset(
    {"not", "no", "neither", "nor", "never", "without", "isn", "wasn", "doesn", "aren", "cannot", "don"}
)
# A letter by itself or with what follows it in lists, at the start; or behind a phrase that announces it. A bare one
# must be a capital, or have nothing behind it: "a.m." and "the answer is a tap" name no option.
_OPEN, _CLOSE = r"[*_`\"']{0,4}", r"[*_`]{1,4}"
_LEADING_LETTER = re.compile(
    rf"\s*{_OPEN}(?:\(([A-Za-z])\)|\[([A-Za-z])\]|([A-Za-z])(?:[).:](?=\s|$|[*_`])|{_CLOSE}|[\"']?\s*$))"
)
_ANNOUNCED_LETTER = re.compile(
    r"\b(?i:answer|option|choice|choose|select)\b(?:\s{1,3}(?i:is|was|would\s{1,3}be))?:?\s{0,3}"
    rf"{_OPEN}(?:\(([A-Za-z])\)|\[([A-Za-z])\]|([A-Z])\b(?!['’]))"
)
# Any letter that may be an option: in brackets, before a bracket or mark, or a bare capital; but "A kettle" and
# "I think" are words.
_ANY_LETTER = re.compile(
    r"\(([A-Za-z])\)|\[([A-Za-z])\]|(?<![\w'’.])([A-Za-z])[).:](?=\s|$|[*_`])"
    r"|(?<![\w'’])(?!(?:A|I) (?!or\b|and\b)[a-z])([A-Z])(?![\w'’])"
)


def create_extractor(name: str) -> Extractor:
    """Return the extractor of a name.

    Raises:
        UnknownNameError: There is none.
    """
    if name not in EXTRACTORS:
        raise unknown_name("extractor", name, EXTRACTORS, listing=f"extractors: {', '.join(EXTRACTORS)}")
    return EXTRACTORS[name]


def exact_choice(text: str, choices: Sequence[str], aliases: Aliases = NO_ALIASES) -> str | None:
    """Return the choice that a text is, letter for letter; no other name counts."""
    del aliases
    stripped = text.strip()
    return stripped if stripped in choices else None


def match_choice(text: str, choices: Sequence[str], aliases: Aliases = NO_ALIASES) -> str | None:
    """Return the choice that a text is, or None.

    It is one if it is spelt so, or but for case, punctuation and spacing; of choices that differ in nothing else
    ("C++" and "C#") only the exact spelling counts.
    """
    if (exact := exact_choice(text, choices)) is not None:
        return exact
    return _by_plain_form(choices, aliases).get(_plain(text))


def choice_of_letter(text: str, choices: Sequence[str], aliases: Aliases = NO_ALIASES) -> str | None:
    """Return the choice whose letter a text names, or None where it names none, or more than one anywhere.

    Raises:
        RequestError: There are more choices than letters.
    """
    del aliases
    if len(choices) > len(ascii_uppercase):
        raise RequestError(f"extractor 'letter': {len(choices)} choices, expected at most {len(ascii_uppercase)}")
    options = set(ascii_uppercase[: len(choices)])
    leading = _LEADING_LETTER.match(text)
    named = _letters([leading.groups()] if leading else _ANNOUNCED_LETTER.findall(text))
    others = (named | _letters(_ANNOUNCED_LETTER.findall(text)) | _letters(_ANY_LETTER.findall(text))) & options
    if len(named) != 1 or others != named:
        return None
    return choices[ascii_uppercase.index(named.pop())]


def _letters(groups: Iterable[Sequence[str | None]]) -> set[str]:
    return {letter.upper() for of_one in groups for letter in of_one if letter}


def extract_choice(text: str, choices: Sequence[str], aliases: Aliases = NO_ALIASES) -> str | None:
    """Return the one choice that a text names, or None.

    The text is a choice (`match_choice`), or exactly one choice stands in it as whole words (a choice inside a longer
    named one does not count: "bus stop" is not also "bus").
    """
    if (matched := match_choice(text, choices, aliases)) is not None:
        return matched
    by_plain = _by_plain_form(choices, aliases)
    named = set()
    rest = f" {_plain(text)} "
    for form in sorted(by_plain, key=len, reverse=True):
        if f" {form} " in rest:
            named.add(by_plain[form])
            rest = rest.replace(f" {form} ", " \0 ")
    return named.pop() if len(named) == 1 and _NEGATIONS.isdisjoint(rest.split()) else None


def closest_choice(text: str, choices: Sequence[str], aliases: Aliases = NO_ALIASES) -> str | None:
    """Return the choice of which a text is a misspelling, or None where it is of none or of two.

    A misspelling is one slip away: a letter that is missing, added, wrong, or has changed places with its neighbour.
    Choices of up to three letters must be spelt right.
    """
    if (matched := match_choice(text, choices, aliases)) is not None:
        return matched
    plain = _plain(text)
    near = {
        choice
        for form, choice in _by_plain_form(choices, aliases).items()
        if len(form) > 3 and OSA.distance(plain, form, score_cutoff=1) <= 1
    }
    return near.pop() if len(near) == 1 else None


EXTRACTORS: dict[str, Extractor] = {
    "exact": exact_choice,
    "normalized": match_choice,
    "letter": choice_of_letter,
    "named": extract_choice,
    "closest": closest_choice,
}


def _by_plain_form(choices: Sequence[str], aliases: Aliases = NO_ALIASES) -> dict[str, str]:
    """Return plain form to choice, without the forms that are empty or shared by several choices."""
    forms = Counter(map(_plain, choices))
    found = {plain: choice for choice in choices if forms[plain := _plain(choice)] == 1 and plain}
    others = {(_plain(name), choice) for choice in choices for name in aliases.get(choice, ())}
    claims = Counter(form for form, _ in others)
    return found | {form: choice for form, choice in others if claims[form] == 1 and form and form not in forms}


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[\W_]+", " ", folded).split())
