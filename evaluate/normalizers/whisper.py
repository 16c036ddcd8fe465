"""Whisper's two normalisers, English and language-neutral.

Source: Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision", appendix C; code as in
transformers, which gives the same text as openai-whisper 20250625. The table of British spellings comes from the
package whisper-normalizer, whose copy is identical to openai-whisper's; its own normaliser class has drifted and is
not used.
"""

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from evaluate.normalizers.text import drop_brackets

_TOO_MANY_DIGITS = re.compile(r"\d{1000}(?=\d)")
_LONG_SPACE = re.compile(r"(\s\s)\s+")  # two are kept: "'s been" is looked for with one


@cache
def _british_to_american() -> dict[str, str]:
    table = files("whisper_normalizer").joinpath("normalizers", "english.json")
    spelling: dict[str, str] = json.loads(table.read_text(encoding="utf-8"))
    return spelling


@cache
def _english() -> Any:
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    normalizer = EnglishTextNormalizer(_british_to_american())
    standardize = normalizer.standardize_numbers

    def standardize_numbers(text: str) -> str:
        try:
            return str(standardize(text))
        except ValueError:  # int() and str() end at 4300 digits, which "000,000," repeated may have
            return text

    normalizer.standardize_numbers = standardize_numbers
    return normalizer


@cache
def _basic() -> Any:
    from transformers.models.whisper.english_normalizer import BasicTextNormalizer

    return BasicTextNormalizer()


class WhisperEnglish:
    """Whisper's English normaliser: lower case, no punctuation, contractions and numbers in one form, US spelling.

    Fillers ("um", "mhm") and text in brackets vanish, also from references. Known oddities are kept, since published
    scores have them: every 's becomes " is", and "O'Leary" becomes "0 leary".

    The original looks from each "<", "(" and space to the end of what may begin there: 40,000 times "<" take it 10 s.
    So brackets and fillers go, and long runs of spaces are shortened, before it sees the text; what comes out is the
    same. Where it fails, at a number of more than 4300 digits, the numbers of the text stay as they are written.
    """

    name, version = "whisper-en", "1"

    def __init__(self, language: str = "en") -> None:
        del language

    def __call__(self, text: str) -> str:
        # The original reads digits with int(), which raises beyond 4300 of them; a looping model writes such numbers.
        text = _TOO_MANY_DIGITS.sub(r"\g<0> ", text).lower()
        # Like a bracket, a semicolon is a mark that becomes a space; a space here would go before an apostrophe.
        text = re.sub(_english().ignore_patterns, "", drop_brackets(text, unclosed=";"))
        text = _LONG_SPACE.sub(r"\1", text)
        return str(_english()(text)).strip()


class BasicNormalizer:
    """Whisper's language-neutral normaliser: lower case, no brackets, punctuation or symbols; diacritics stay."""

    name, version = "basic", "1"

    def __init__(self, language: str = "") -> None:
        del language

    def __call__(self, text: str) -> str:
        return str(_basic()(drop_brackets(text.lower()))).strip()  # the same text, in linear time
