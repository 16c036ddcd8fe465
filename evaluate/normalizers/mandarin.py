"""The default for Mandarin: what a listener would call the same utterance becomes the same text.

In this order: NFKC (full-width letters, digits and marks become ordinary ones; this must come first, or "５０％" loses
its per cent sign), white space folded, traditional characters to simplified, numbers, dates and units written as they
are read (wetext's text normalisation: "123" and "一百二十三" are one text), the two ways to write zero as one (〇 as
零, which wetext writes for 0), punctuation and symbols out, lower case, and no space beside a Chinese character, so
that word-segmented and unsegmented transcripts agree. Spaces between Latin words stay for metrics that count words; a
character error rate leaves them out.

Folding to simplified characters is the default because multilingual Whisper writes both scripts and that is no
recognition error; the published recipes without folding are `qwen-audio` and `qwen2-audio`.

Version 2 made 〇 and 零 one; with version 1 "二〇二四年" and "2024年" differed.
"""

import unicodedata
from functools import cache
from importlib.metadata import version as installed_version
from typing import Any

from evaluate.normalizers.text import close_up_cjk, drop_marks, fold_whitespace, replace_surrogates


@cache
def _wetext() -> Any:
    from wetext import Normalizer

    return Normalizer(lang="zh", operator="tn", traditional_to_simple=True, remove_puncts=False)


class Mandarin:
    """wetext text normalisation, simplified characters, NFKC, one zero, lower case, no punctuation."""

    name = "zh"

    def __init__(self, language: str = "zh") -> None:
        del language
        self.version = f"2+wetext{installed_version('wetext')}"

    def __call__(self, text: str) -> str:
        text = fold_whitespace(unicodedata.normalize("NFKC", replace_surrogates(text)))
        if text:
            text = _wetext().normalize(text).replace("〇", "零")
        return close_up_cjk(fold_whitespace(drop_marks(text).lower()))
