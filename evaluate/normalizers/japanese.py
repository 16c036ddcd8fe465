"""The default for Japanese: what a listener would call the same utterance becomes the same text.

In this order: NFKC (full-width letters and digits become ordinary ones, half-width katakana full-width with their
voicing marks), the two wave dashes as one, degrees as 度, white space folded, numbers, dates, times, money and units
as they are read (wetext's Japanese text normalisation: "123" and "百二十三" are one text), 零 as 〇, punctuation and
symbols out, lower case, and no space beside kanji or kana. The long vowel mark ー and the repeat marks 々 ゝ ヽ are
letters in Unicode and stay; kana are not folded into each other, nor kanji into kana, since no library does it without
guessing.

wetext is asked only about the stretches that hold a digit, cut at hiragana (other than つ, の and か, which belong to
"2つ", "3分の1", "3か月") and at marks of a sentence. It changes nothing else, and takes 0.2 ms a character.

Kept oddities of wetext 0.1.8: nine digits or more without commas are read one by one; a hyphen between numbers is
マイナス unless they look like a date or a telephone number; zero is 〇 in a number and ゼロ at the head of a telephone
number; "B2B" is "b to b". Known limits: ゼロ for 0, which is heard as れい too and stands in words such as ゼロックス,
digits read one by one in a reference ("一九八〇年" for "1980年"), ひとり for 一人, old kanji.
"""

import re
import unicodedata
from functools import cache, lru_cache
from importlib.metadata import version as installed_version
from typing import Any

from evaluate.normalizers.text import close_up_cjk, drop_marks, drop_unseen, fold_whitespace, fold_width

_STRETCH = re.compile("[^ぁ-おがき-ちっづ-ねは-ゟ、。!?「」『』]+")
_DIGIT = re.compile("[0-9]")
_IDENTIFIER = re.compile("[0-9]{16,}")
_ONE_BY_ONE = str.maketrans("0123456789", "〇一二三四五六七八九")


@cache
def _wetext() -> Any:
    from wetext import Normalizer

    return Normalizer(lang="ja", operator="tn", remove_puncts=False)


@lru_cache(maxsize=10_000)
def _read(stretch: str) -> str:
    return str(_wetext().normalize(stretch)) if _DIGIT.search(stretch) else stretch


class Japanese:
    """wetext text normalisation, NFKC, lower case, no punctuation, no space beside kanji or kana."""

    name = "ja"

    def __init__(self, language: str = "ja") -> None:
        del language
        self.version = f"2+wetext{installed_version('wetext')}"

    def __call__(self, text: str) -> str:
        text = fold_whitespace(fold_width(drop_unseen(text))).replace("〜", "~")
        text = text.replace("°C", "度").replace("°", "度")
        # wetext reads such runs one by one too, but in time that grows with their length
        text = _IDENTIFIER.sub(lambda match: match[0].translate(_ONE_BY_ONE), text)
        text = _STRETCH.sub(lambda match: _read(match[0]), text)
        text = close_up_cjk(fold_whitespace(drop_marks(text).lower())).replace("零", "〇")
        return unicodedata.normalize("NFC", text)  # a voicing mark may have met its kana
