"""The default for Korean: numbers as they are read, then Whisper's language-neutral normaliser.

In this order: what cannot be seen out, NFKC (separate jamo and half-width ones become syllables), numbers and the
signs beside them read out (num2words), and Whisper's neutral normaliser: lower case, brackets with what they hold
out, marks and symbols as spaces.

Digits are read in the Sino-Korean way ("2024년" is "이천이십사년", "3.5%" "삼 점 오 퍼센트"), digit by digit with 공
for zero where a number begins with 0 or is a mobile number. Before a counter that always takes native numbers they are
native up to 19 ("3시" is "세 시", "2개" "두 개", "1번째" "첫 번째"), with the space that the spelling rules ask for;
from 20 on both ways are heard, and the Sino-Korean one is taken. The months "6월" and "10월" are "유월" and "시월".

Spaces are otherwise left alone: how a Korean transcript is spaced differs between corpora, and what to make of that
is for the metric to say. A number keeps what it touched, so "30분" is "삼십분" where a spelled transcript may have
"삼십 분", and num2words puts a space after each 만, 억 and 조 as the spelling rules do.

Known limits, each an error where one side is spelled out: native numbers from 20 on and before other counters (권,
대, 병 and others), dates in digits, ranges, fractions, units such as km, hanja.
"""

import re
from functools import cache, lru_cache
from importlib.metadata import version as installed_version
from typing import Any

from evaluate.normalizers.text import drop_brackets, drop_unseen, fold_width
from evaluate.normalizers.whisper import BasicNormalizer

_LONGEST_NUMBER = 15  # digits; longer ones are identifiers, and read one by one
_ONE_BY_ONE = str.maketrans("0123456789", "공일이삼사오육칠팔구")
_SIGNS = {"%": "퍼센트", "°": "도", "°C": "도", "₩": "원", "$": "달러", "€": "유로", "£": "파운드", "¥": "엔"}
_MOBILE = re.compile("(?<![0-9])(0[0-9]{1,2})-([0-9]{3,4})-([0-9]{4})(?![0-9])")
_TIME = re.compile(r"(?<![0-9:.,])([01]?[0-9]|2[0-4]):([0-5][0-9])(?![0-9]|[:.,][0-9])")
_JUNE_OR_OCTOBER = re.compile(r"(?<![0-9.,])(6|10)(?=\s?월)")  # 육월 and 십월 are not said
_MONTHS = {"6": "유", "10": "시"}
_ONE_UNSAID = re.compile("(?<![0-9.,])1(?=[만천백])")  # 1만 is 만, as the library has it for 10000
_NUMBER = re.compile(
    r"""
    (?P<minus>(?<![^\s(])-(?=[0-9$€£₩¥]))?
    (?:(?P<before>[$€£₩¥])\ ?)?
    (?P<free>(?<![0-9][.,]))?  # not the second number of 1.2.3
    (?P<whole>(?(free)[1-9][0-9]{0,2}(?:,[0-9]{3})++(?!,?[0-9])|(?!)) | [0-9]++)
    (?(free)(?:\.(?P<decimals>[0-9]++)(?!\.[0-9]))?)
    (?:(?P<after>\ ?(?:[%$€£₩¥](?![0-9])|°C?))|(?P<counter>\ ?(?:시(?![즌리])|개(?![월국년소])|명|살|마리|잔|번째)))?
    """,
    re.VERBOSE,
)
_SIGN_ALONE = re.compile(r"(?<!\S)[%$€£₩¥]")
_LARGEST_NATIVE = 19


@cache
def _num2words() -> Any:
    from num2words import num2words

    return num2words


@lru_cache(maxsize=100_000)
def _say(number: int, to: str = "cardinal") -> str:
    return str(_num2words()(number, lang="ko", to=to))


def _say_whole(digits: str) -> str:
    if len(digits) > _LONGEST_NUMBER or (digits[0] == "0" and len(digits) > 1):
        return digits.translate(_ONE_BY_ONE)
    return _say(int(digits))


def _say_native(number: int) -> str:
    """Return a number as it stands before a counter: 3 as "세"."""
    return "한" if number == 1 else _say(number, "ordinal").removesuffix(" 번째")


def _read(match: re.Match[str]) -> str:
    digits = match["whole"].replace(",", "")
    counter = (match["counter"] or "").strip()
    if counter and not match["decimals"] and digits[0] != "0" and len(digits) < 3 and int(digits) <= _LARGEST_NATIVE:
        spoken = "첫" if (digits, counter) == ("1", "번째") else _say_native(int(digits))
        return f"{spoken} {counter}"
    spoken = _say_whole(digits)
    if match["decimals"]:
        spoken += f" 점 {' '.join(_say(int(digit)) for digit in match['decimals'])}"
    for sign in (match["before"], match["after"]):
        spoken += f" {_SIGNS[sign.strip()]}" if sign else ""
    return ("마이너스 " if match["minus"] else "") + spoken + (match["counter"] or "")


def _read_time(match: re.Match[str]) -> str:
    return f"{int(match[1])}시" + (f" {int(match[2])}분" if int(match[2]) else "")


class Korean:
    """Numbers as they are read, NFKC, Whisper's neutral normaliser; spaces stay as they are written."""

    name = "ko"

    def __init__(self, language: str = "ko") -> None:
        del language
        self.version = f"2+num2words{installed_version('num2words')}"
        self._basic = BasicNormalizer()

    def __call__(self, text: str) -> str:
        text = drop_brackets(fold_width(drop_unseen(text)))
        text = _JUNE_OR_OCTOBER.sub(lambda match: _MONTHS[match[0]], text)
        text = _ONE_UNSAID.sub("", _TIME.sub(_read_time, _MOBILE.sub(r"\1\2\3", text)))
        text = _SIGN_ALONE.sub(lambda match: _SIGNS[match[0]], _NUMBER.sub(_read, text))
        return self._basic(text)
