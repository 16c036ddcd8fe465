"""The normalisation of the published Qwen2-Audio speech recognition evaluation.

Source: QwenLM/Qwen2-Audio at 595360e8: eval_audio/evaluate_asr.py, and eval_audio/cn_tn.py as configured there (all
flags off), the latter by its observed behaviour. After `remove_sp`, by language:

    en    Whisper's English normaliser, then its language-neutral one
    zh    numbers as they are read in Chinese, then every Chinese or ASCII mark as a space
    yue   traditional characters to simplified (zhconv, zh-cn), then Whisper's language-neutral normaliser
    else  Whisper's language-neutral normaliser

and at last the tokenizer: lower case, no words made of punctuation alone. Chinese and Cantonese are counted by
character, so they come out without white space.

Quirks kept, since published scores have them; each was seen in the original:
    * The second pass over English takes currency, per cent signs and decimal points: "3.5%" becomes "3 5".
    * Whisper's normalisers delete words in brackets, from references too.
    * Four digits or more are read one by one unless a unit of money or a measure word follows: "5000人" is "五零零零人"
      (人 is none) but "5000元" "五千元".
    * "2个" is "二个", so a reference "两个" costs an error. "10:30" is "十三十".
    * Erhua, fillers and, for zh, traditional characters stay as they are.

The Chinese rules are written anew. Beyond the examples that the tests mark as seen in the original, nothing was
checked against it. Taken from what is known of that normaliser: which words are measures, which numbers are telephone
numbers, that only 19xx, 20xx, 0x, 8x and 9x are years ("1889年" is read as a quantity), that two is 二 in every place
("二千元"), that 二 between Latin letters becomes 2, and that the point of "3.14159" is lost. Where the original is
thought to lose or garble digits the plain reading is given instead: "00" is "零零", full-width digits equal ASCII ones,
a number is replaced where it stands, and the price in "3亿5000万" is read to its end.
"""

import re
import string
import unicodedata
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

from evaluate.normalizers.qwen_audio import remove_special_tokens
from evaluate.normalizers.whisper import BasicNormalizer, WhisperEnglish

_DIGITS = "零一二三四五六七八九"
_UNITS_IN_GROUP = ("千", "百", "十", "")
_UNITS_OF_GROUPS = ("", *"万亿兆京垓秭穰沟涧正载")  # powers of 10000
_LONGEST_CARDINAL = 4 * len(_UNITS_OF_GROUPS)  # in digits; no unit is known beyond

_MONEY_UNITS = "百千万亿元块角毛分"
# A number before one of these is a quantity. 人 was seen not to be one in the original; 次, 种, 度, 倍, 吨 and 公里 are
# believed not to be.
_MEASURES = "".join(
    (
        "个只头匹尾条口名位身辈户家",  # living beings and households
        "件张座顶棵颗粒丸根枝支管辆幢块片面道层堆本页首曲阙课堂",  # things by shape or kind
        "双对群队打罗令贯扎捆叠挑单",  # sets
        "盘碗碟桶笼盆盒杯钟锅篮罐瓶壶盏箩箱煲袋钵斛簋卮啖壳窠泡",  # by the vessel
        "回场阵出趟炮跳袭板手脚刀针贴线网腔墙砣客",  # by the turn or the tool
        "丘坡山岭江溪",
        "丝毫厘钱两斤担铢石钧锱忽克",  # weight
        "寸尺丈里寻常铺程米",  # length
        "撮勺合升斗",  # volume
        "年季月旬周天日时刻秒纪岁世代更夜春夏秋冬伏",  # time
    )
)

_NUMBER = r"(?<!\d)\d++(?:\.\d++)?+"  # the lookbehind and the possessive marks keep long digit runs in linear time
_SEVERAL = "[多余几]?"

_FULL_WIDTH_OFFSET = ord("！") - ord("!")
_MARKS = (
    string.punctuation,
    "".join(chr(ord(mark) + _FULL_WIDTH_OFFSET) for mark in string.punctuation),
    "、。〃〈〉《》「」『』【】〔〕〖〗〘〙〚〛〜〝〞〟〰〾〿",
    "｟｠｡｢｣､﹏",
    "–—‘’‛“”„‟…‧·",
)
_MARK_TO_SPACE = str.maketrans(dict.fromkeys("".join(_MARKS), " "))


def read_digits(digits: str) -> str:
    """Return ASCII digits read one by one in Chinese; other characters are left out."""
    return "".join(_DIGITS[int(digit)] for digit in digits if digit in string.digits)


def read_cardinal(digits: str) -> str:
    """Return a whole number read as a quantity: "10500" as "一万零五百".

    Args:
        digits: ASCII digits, one at least. With a leading zero, or beyond 48 digits, they are read one by one.
    """
    if digits.startswith("0") or len(digits) > _LONGEST_CARDINAL:
        return read_digits(digits)
    num_groups = -(-len(digits) // 4)
    padded = digits.zfill(4 * num_groups)
    groups = (padded[start : start + 4] for start in range(0, len(padded), 4))
    units = reversed(_UNITS_OF_GROUPS[:num_groups])
    spoken = "".join(_read_group(group, unit=unit) for group, unit in zip(groups, units, strict=True))
    spoken = re.sub("零+", "零", spoken).strip("零")
    return spoken[1:] if spoken.startswith("一十") else spoken


def _read_group(group: str, *, unit: str) -> str:
    """Return four digits with the unit of their group; each zero before another digit as 零."""
    if group == "0000":
        return "零"  # it separates its neighbours, as in 一亿零一
    places = zip(group, _UNITS_IN_GROUP, strict=True)
    read = "".join("零" if digit == "0" else _DIGITS[int(digit)] + place for digit, place in places)
    return read.rstrip("零") + unit


def read_number(number: str) -> str:
    """Return a number with or without decimals as it is read: "80.03" as "八十点零三"."""
    whole, point, decimals = number.partition(".")
    return read_cardinal(whole) + ("点" if point else "") + read_digits(decimals)


def _read_one_by_one(match: re.Match[str]) -> str:
    return read_digits(match[0])


def _read_quantity(match: re.Match[str]) -> str:
    return read_number(match[0])


def _read_fraction(match: re.Match[str]) -> str:
    numerator, denominator = match[0].split("/")
    return f"{read_cardinal(denominator)}分之{read_cardinal(numerator)}"


def _read_percentage(match: re.Match[str]) -> str:
    return f"百分之{read_number(match[0][:-1])}"


def _restore_latin_word(match: re.Match[str]) -> str:
    return f"{match[1]}2{match[2]}"


# In the order of the original: what an earlier row has read, no later row sees. Of a date only the year needs a row;
# months and days have two digits at most, which the row for other numbers reads alike.
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?<!\d)(?:[089]\d|(?:19|20)\d\d)(?=年)"), _read_one_by_one),  # date
    (re.compile(rf"{_NUMBER}(?={_SEVERAL}[{_MONEY_UNITS}])"), _read_quantity),  # money, and any number before 百千万亿
    (re.compile(r"(?<!\d)(?:\+?86 ?)?1(?:[38]\d|5[0-35-9]|7[678]|9[89])\d{8}(?!\d)"), _read_one_by_one),  # mobile
    (re.compile(r"(?<!\d)(?:0(?:10|2[1-3]|[3-9]\d\d)-?)?[1-9]\d{6,7}(?!\d)"), _read_one_by_one),  # landline
    (re.compile(r"(?<!\d)\d++/\d++"), _read_fraction),
    (re.compile(rf"{_NUMBER}[%％]"), _read_percentage),
    (re.compile(rf"{_NUMBER}(?={_SEVERAL}(?:[{_MEASURES}]|微[克米]|公分))"), _read_quantity),
    (re.compile(r"\d{4,32}"), _read_one_by_one),  # years alone, postcodes, serial numbers
    (re.compile(_NUMBER), _read_quantity),
    (re.compile("([a-zA-Z])二([a-zA-Z]+)"), _restore_latin_word),  # B2B, O2O
)


def _fold_digits(text: str) -> str:
    """Return the text with the decimal digits of any script as ASCII ones."""
    return re.sub(r"\d", lambda match: str(unicodedata.decimal(match[0])), text)


def normalize_mandarin(text: str) -> str:
    """Return what cn_tn's text normalisation makes of a Chinese text: numbers as read, marks as spaces.

    Case is kept, and so is white space.
    """
    text = _fold_digits(text)
    for pattern, read in _RULES:
        text = pattern.sub(read, text)
    return text.translate(_MARK_TO_SPACE)


@cache
def _zhconv() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it leaves its dictionary file open, and may import pkg_resources
        import zhconv

        zhconv.loaddict()
    return zhconv


def _normalize_cantonese(text: str) -> str:
    return BasicNormalizer()(str(_zhconv().convert(text, "zh-cn")))


def _normalize_english(text: str) -> str:
    return BasicNormalizer()(WhisperEnglish()(text))  # the published script says `if` where `elif` was meant


_NORMALIZE: dict[str, Callable[[str], str]] = {
    "en": _normalize_english,
    "zh": normalize_mandarin,
    "yue": _normalize_cantonese,
}


def tokenize(text: str) -> list[str]:
    """Return the words of a text in lower case, less those of punctuation alone; "c." stays as it is."""
    return [word for word in text.lower().split() if not _is_punctuation(word)]


def _is_punctuation(word: str) -> bool:
    return all(unicodedata.category(character).startswith("P") for character in word)


class Qwen2Audio:
    """Qwen2-Audio's recipe for one language; see the module for its steps and quirks."""

    name, version = "qwen2-audio", "1"

    def __init__(self, language: str = "en") -> None:
        self._language = language
        self._normalize = _NORMALIZE.get(language) or BasicNormalizer()
        self._separator = "" if language in ("zh", "yue") else " "  # those two are counted by character

    def __call__(self, text: str) -> str:
        text = self._normalize(remove_special_tokens(text, language=self._language))
        return self._separator.join(tokenize(text))
