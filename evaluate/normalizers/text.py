"""What several normalisers do to a text: white space, marks, brackets, characters that cannot be seen."""

import re
import unicodedata

# CJK ideographs (with extensions and compatibility forms), kana, bopomofo, the ideographic zero and repeat marks.
CJK = "\u3005-\u3007\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_SPACE_BESIDE_CJK = re.compile(rf"(?<=[{CJK}])\s+|\s+(?=[{CJK}])")
_SURROGATE = re.compile("[\\ud800-\\udfff]")
# Characters that NFKC makes ordinary digits, next to which another digit must stay another number: 10² is not 102.
_RAISED_OR_ENCLOSED = re.compile("[²³¹⁰⁴-⁹₀-₉¼-¾⅐-⅞①-⒛⓪⓵-⓾❶-➓㉈-㉏㉑-㉟㊱-㊿]")
# Whisper's two patterns for what stands in brackets, and the brackets that open and that close it.
_BRACKETS = (
    (re.compile(r"[<\[][^>\]]*[>\]]"), re.compile(r"[<\[]"), ">]"),
    (re.compile(r"\([^)]+?\)"), re.compile(r"\("), ")"),
)


def fold_whitespace(text: str) -> str:
    """Return the text with each run of white space as one space, and none at the ends."""
    return " ".join(text.split())


def drop_marks(text: str) -> str:
    """Return the text with every character of the Unicode categories P, S and C as a space."""
    return "".join(" " if unicodedata.category(character)[0] in "PSC" else character for character in text)


def drop_unseen(text: str) -> str:
    """Return the text without soft hyphens, joiners and marks of direction; other control characters as spaces.

    The rest of category C goes the same way: lone surrogates, private and unassigned characters.
    """
    return "".join(_SEEN.get(unicodedata.category(character), character) for character in text)


_SEEN = {"Cf": "", "Cc": " ", "Cs": " ", "Co": " ", "Cn": " "}


def drop_brackets(text: str, *, unclosed: str = " ") -> str:
    """Return the text without what stands in brackets, as Whisper's normalisers have it, in linear time.

    A bracket that nothing closes becomes `unclosed`: a space is what those make of it later on.
    """
    for pattern, opening, closing in _BRACKETS:
        end = 1 + max(text.rfind(mark) for mark in closing)
        # Beyond the last closing bracket the pattern would look from each opening one to the end of the text.
        text = pattern.sub("", text[:end]) + opening.sub(unclosed, text[end:])
    return text


def fold_width(text: str) -> str:
    """Return the text in NFKC; numbers that it would write together stay apart ("10²" as "10 2")."""
    return unicodedata.normalize("NFKC", _RAISED_OR_ENCLOSED.sub(r" \g<0> ", text))


def replace_surrogates(text: str) -> str:
    """Return the text with each half of a character, which some libraries do not take, as U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def close_up_cjk(text: str) -> str:
    """Return the text without white space beside Chinese characters and kana."""
    return _SPACE_BESIDE_CJK.sub("", text)
