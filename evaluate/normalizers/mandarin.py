"""The default for Mandarin: what a listener would call the same utterance becomes the same text.

In this order: NFKC (full-width letters, digits and marks become ordinary ones; this must come first, or "５０％" loses
its per cent sign), white space folded, traditional characters to simplified, numbers, dates and units written as they
are read (wetext's text normalisation: "123" and "一百二十三" are one text), punctuation and symbols out, lower case,
and no space beside a Chinese character, so that word-segmented and unsegmented transcripts agree. Spaces between
Latin words stay for metrics that count words; a character error rate leaves them out.

Folding to simplified characters is the default because multilingual Whisper writes both scripts and that is no
recognition error; the published recipes without folding are `qwen-audio` and `qwen2-audio`.
"""

import re
import unicodedata
from functools import cache
from importlib.metadata import version as installed_version
from typing import Any

# CJK ideographs (with extensions and compatibility forms), kana, bopomofo, the ideographic zero and repeat marks.
CJK = "\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_SURROGATE = re.compile("[\\ud800-\\udfff]")
_SPACE_BESIDE_CJK = re.compile(rf"(?<=[{CJK}])\s+|\s+(?=[{CJK}])")


@cache
def _wetext() -> Any:
    from wetext import Normalizer

    return Normalizer(lang="zh", operator="tn", traditional_to_simple=True, remove_puncts=False)


def fold_whitespace(text: str) -> str:
    """Return the text with each run of white space as one space, and none at the ends."""
    return " ".join(text.split())


def drop_marks(text: str) -> str:
    """Return the text with every character of the Unicode categories P, S and C as a space."""
    return "".join(" " if unicodedata.category(character)[0] in "PSC" else character for character in text)


class Mandarin:
    """wetext text normalisation, simplified characters, NFKC, lower case, no punctuation."""

    name = "zh"

    def __init__(self, language: str = "zh") -> None:
        del language
        self.version = f"1+wetext{installed_version('wetext')}"

    def __call__(self, text: str) -> str:
        text = _SURROGATE.sub("\ufffd", text)  # half a character, which the library does not take
        text = fold_whitespace(unicodedata.normalize("NFKC", text))
        if text:
            text = _wetext().normalize(text)
        text = fold_whitespace(drop_marks(text).lower())
        return _SPACE_BESIDE_CJK.sub("", text)
