"""Reading an answer out of a model's text, by rules that can be named; nothing is guessed.

What a rule cannot read is unparsed (None), and so wrong.

exact        the text is a choice letter for letter, but for white space at both ends
normalized   … but for case, punctuation and spacing, or is another name of it that the task lists
letter       the text names one option by its letter, A for the first choice: "B", "(b) tap", "The answer is B."
option       the text names one option, by its letter or its words; of several lines the last one decides if it
             announces one ("Answer: B"); a letter and words that do not go together name none
words        all words of one choice stand in the text, and no word that only the other choices have: the rule of MMAU
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
    rf"\s*{_OPEN}(?:\(([A-Za-z])\)|\[([A-Za-z])\]|([A-Za-z])(?:[).:](?=\s|$|[*_`])|{_CLOSE}|[\"']?\s*$)"
    r"|([A-Z])(?:,|\s{1,3}(?:[-–—:=]|because\b|is\b(?!\s{1,3}(?:not|in|wrong|un))))(?!\w))"
)
_ANNOUNCED_LETTER = re.compile(
    r"\b(?i:answer|option|choice|choose|select)\b(?:\s{1,3}(?i:is|was|would\s{1,3}be))?:?\s{0,3}"
    rf"{_OPEN}(?:\(([A-Za-z])\)|\[([A-Za-z])\]|([A-Z])\b(?!['’]))"
    r"(?!\s{1,3}(?i:isn|wasn|cannot|(?:is|was|seems|sounds)\s{1,3}(?:not|incorrect|wrong|false|unlikely))\b)"
)
_BRACKETED = re.compile(r"\s*\(([A-Za-z])\)\s*|\s*\[([A-Za-z])\]\s*")
_ANNOUNCEMENT = re.compile(r"\b(?:answer|option|choice|choose|select)\b|^\W*[A-Z]\W*$", re.IGNORECASE)
_CLAUSE = re.compile(r"[.,:;!?\n]")
_ARTICLE = re.compile(r"^(?:an?|the)\s{1,3}", re.IGNORECASE)
_MARKS = " \t\r*_`"
_AROUND = _MARKS + "\n.,:;)]-–—=\"'"
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


def option_of(text: str, choices: Sequence[str], aliases: Aliases = NO_ALIASES) -> str | None:
    """Return the one option that a text names, by its letter or by its words, or None.

    Choices that are one character themselves ("A", "5") are not looked for among the words.

    Raises:
        RequestError: There are more choices than letters.
    """
    lines = [line for line in text.splitlines() if line.strip(_MARKS)]
    if len(lines) > 1 and _ANNOUNCEMENT.search(lines[-1]):
        decided = _one_option(lines[-1], choices, aliases)
        if decided is not None:
            return decided
    return _one_option(text, choices, aliases)


def _one_option(text: str, choices: Sequence[str], aliases: Aliases) -> str | None:
    by_letter = choice_of_letter(text, choices)
    plain = _plain(text)
    repeated = {
        choice
        for letter, choice in zip(ascii_uppercase, choices, strict=False)
        if plain == _plain(letter + " " + choice)
    }
    if len(repeated) == 1:
        return repeated.pop()  # "(B) dog", as the question has it
    unlike = list(dict.fromkeys(choices))  # two options with one text are one answer
    said = None if _BRACKETED.fullmatch(text) else match_choice(text, unlike, aliases)
    if said is not None:
        return said if by_letter in (None, said) else None  # of the keys C, D and A, "A" is the first or the third
    if by_letter is not None:
        return by_letter if _behind_letter(text, unlike, aliases) in (None, by_letter) else None
    by_words = _named_in_words(text, unlike, aliases)
    return by_words if by_words is not None and _options_in(text, choices) <= {by_words} else None


def _behind_letter(text: str, choices: Sequence[str], aliases: Aliases) -> str | None:
    """Return the choice that is spelt out right behind the letter which a text names: "A) dog" may be neither."""
    named = _LEADING_LETTER.match(text) or [*_ANNOUNCED_LETTER.finditer(text)][-1]
    behind = _CLAUSE.split(text[named.end() :].lstrip(_AROUND), maxsplit=1)[0]
    return match_choice(_ARTICLE.sub("", behind), choices, aliases) or match_choice(behind, choices, aliases)


def _options_in(text: str, choices: Sequence[str]) -> set[str]:
    """Return the choices whose letter stands in a text in brackets: as a letter, for certain."""
    letters = _letters(_BRACKETED.findall(text)) & set(ascii_uppercase[: len(choices)])
    return {choices[ascii_uppercase.index(letter)] for letter in letters}


def _named_in_words(text: str, choices: Sequence[str], aliases: Aliases) -> str | None:
    """Return the choice that a text names; one that it begins with stands although a "not" follows: "No, it is not"."""
    spelt = [choice for choice in choices if len(_plain(choice)) > 1]
    named = extract_choice(text, spelt, aliases)
    if named is not None:
        return named
    begun = match_choice(_CLAUSE.split(text, maxsplit=1)[0], spelt, aliases)
    others = [choice for choice in spelt if choice != begun]
    plain = f" {_plain(text)} "
    return None if any(f" {_plain(other)} " in plain for other in others) else begun


def choice_by_words(text: str, choices: Sequence[str], aliases: Aliases = NO_ALIASES) -> str | None:
    """Return the first choice all of whose words stand in a text that holds no word which only other choices have.

    Source: Sakshi113/MMAU, evaluation.py, `string_match`, which asks it of the true answer: so a letter alone is wrong,
    "a dog" is wrong where another choice has an "a", and no order of the words counts.
    """
    del aliases
    said = _words(text)
    for choice in choices if said else ():
        own = _words(choice)
        others = set().union(*(words for other in choices if (words := _words(other)) != own))
        if own <= said and said.isdisjoint(others - own):
            return choice
    return None


def _words(text: str) -> set[str]:
    return set(re.findall(r"\b\w+\b", text.lower()))


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
    "option": option_of,
    "words": choice_by_words,
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
