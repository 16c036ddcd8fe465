"""The defaults for German, French, Spanish and Italian: numbers as they are read, then Whisper's neutral normaliser.

In this order: what cannot be seen out, full-width and other compatibility forms folded (NFKC, so that "é" is one
character however it was typed), numbers and the signs beside them read out (num2words), and Whisper's
language-neutral normaliser: lower case, brackets with what they hold out, marks and symbols as spaces. Models write
"123" and corpora "hundertdreiundzwanzig"; without the reading this is an error that nobody hears. Numbers are read
out rather than spelled numbers turned into digits, since then a wrong word in a number costs that word, and no word
that merely looks like a number ("acht" in "gib acht", French "un") is touched.

What is read, with the decimal comma of these languages:
    1.000  1 000  1'000  1,000,000   groups of three are one number; one group after a comma is decimals
    3,5                              the comma by its name; French, Spanish and Italian decimals as a number up to
                                     three digits ("virgule quatorze"), German ones digit by digit
    3.5                              the point by its name ("version 3.5"); 1.2.3 and 3.5.2020 number by number
    -5  50 %  20 °C  3,50 €  $5      signs at a number, in the order in which they are said; alone between spaces too
    007, and from 16 digits on       digit by digit
    10:30  10h30                     times
    1er  2e  3º  3ª  n° 5            ordinals and "number"
    5G  mp3  covid-19                the number is a word of its own

German only: 1100 to 1999 are read as years ("neunzehnhundert..."), without a separator or sign that tells otherwise;
"3. Mai" is an ordinal, "dritten" unless "der" precedes, since a point after a number is else taken for the end of a
sentence; "20-jährig" and "90er" become one word; "einhundert" and "eintausend" lose their "ein", in spelled numbers
too, since digits do not say which was heard.

Kept: diacritics ("ou" and "où", "schon" and "schön" differ), the German ß ("Maße" and "Masse" sound different;
Whisper's neutral normaliser and with it the Open ASR Leaderboard keep it where they keep diacritics, so Swiss
spelling costs), and hyphenated words as two. An elision is two words however its apostrophe is typed ("l'eau",
"l’eau"). French œ and æ are oe and ae, since many keyboards lack them ("cœur", "coeur").

Known limits, each an error where one side is spelled out: the gender and case of one ("1 Frau" is "eins frau"), in
Spanish and Italian of all numbers that have one ("200 personas" is "doscientos personas", "21 giorni" "ventuno
giorni"), abbreviations ("z. B.", "Dr.", "Sr.", "M.", "Mme", "Sig."), other German ordinals, dates in digits, Roman
numerals, fractions, ranges ("10-20" without "bis"), units other than those above, a sign of money before a number with
"millions", numbers with an English decimal point and comma, Swiss and Belgian "septante". German capitals have no ß,
so "STRASSE" is not "Straße": its SS may be either. Faults of num2words 0.5.14 that were found by hand and with
text2num (German 101000, Italian 118 and 123, Spanish 21000, French ordinals such as 80e, "million" before a currency)
are mended below.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import cache, lru_cache
from importlib.metadata import version as installed_version
from typing import Any

from evaluate.normalizers.text import drop_brackets, drop_unseen, fold_width
from evaluate.normalizers.whisper import BasicNormalizer

LONGEST_NUMBER = 15  # digits; longer ones are identifiers, and read one by one
_LONGEST_READ_DECIMALS = 3
_CURRENCIES = {"€": "EUR", "$": "USD", "£": "GBP"}
_ONE_FORM = str.maketrans(dict.fromkeys("‘’‛ʼ`´′＇", "'") | dict.fromkeys("‐‑‒−", "-"))
_NUMBER = re.compile(
    r"""
    (?P<minus>(?<![^\s(])-(?=[0-9€$£]))?
    (?:(?P<before>[€$£])\ ?)?
    (?P<free>(?<![0-9][.,]))?  # not the second number of 1.2.3
    (?P<whole>
        (?(free)[1-9][0-9]{0,2}
            (?:(?:\.[0-9]{3})++|(?:\ [0-9]{3})++|(?:'[0-9]{3})++|(?:,[0-9]{3}){2,}+)(?!\.?[0-9])
        |(?!))
        | [0-9]++
    )
    (?(free)(?:(?P<mark>[.,])(?P<decimals>[0-9]++)(?![.,][0-9]))?)
    (?P<after>\ ?(?:[€$£%](?![0-9])|°C?\b|°))?
    (?P<suffix>-(?=[a-zäöüß])|(?=er(?:n|s)?\b))?
    """,
    re.VERBOSE,
)
_SIGN_ALONE = re.compile(r"(?<!\S)[€$£%](?!\w)")

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]


@dataclass(frozen=True, slots=True, eq=False)
class _Language:
    """What is said for the signs of one language, and its rules.

    `rewrite` works on the text with its digits, before NFKC makes letters of º and ª; `mend` on what was read;
    `fold` on the finished text.
    """

    code: str
    comma: str
    point: str
    minus: str
    per_cent: str
    degrees: str
    celsius: str
    before_cents: str = ""  # between the money and its hundredths
    digit_by_digit: bool = False  # decimals
    years: range = range(0)
    compounds: bool = False  # a number and what follows its hyphen are one word
    rewrite: tuple[Rule, ...] = ()
    mend: tuple[Rule, ...] = ()
    fold: tuple[Rule, ...] = ()


@cache
def _num2words() -> Any:
    from num2words import num2words

    return num2words


def _apply(rules: tuple[Rule, ...], text: str) -> str:
    for pattern, replacement in rules:
        text = pattern.sub(replacement, text)
    return text


@lru_cache(maxsize=100_000)
def _say(number: int, language: _Language, to: str = "cardinal") -> str:
    return _apply(language.mend, str(_num2words()(number, lang=language.code, to=to)))


@lru_cache(maxsize=100_000)
def _say_amount(amount: Decimal, sign: str, language: _Language) -> tuple[str, str]:
    """Return the money and its hundredths: "3.50" as "drei Euro" and "fünfzig Cent"."""
    options = {"currency": _CURRENCIES[sign], "separator": "|"}
    money, hundredths = _num2words()(amount, lang=language.code, to="currency", **options).split("|")
    return _apply(language.mend, money), _apply(language.mend, hundredths)


def _say_digits(digits: str, language: _Language) -> str:
    return " ".join(_say(int(digit), language) for digit in digits)


def _say_whole(digits: str, language: _Language) -> str:
    if len(digits) > LONGEST_NUMBER or (digits[0] == "0" and len(digits) > 1):
        return _say_digits(digits, language)
    return _say(int(digits), language)


def _say_decimals(digits: str, language: _Language) -> str:
    rest = digits.lstrip("0")
    if language.digit_by_digit or not rest or len(rest) > _LONGEST_READ_DECIMALS:
        return _say_digits(digits, language)
    return f"{_say_digits(digits[: -len(rest)], language)} {_say_whole(rest, language)}"


def _say_sign(sign: str, language: _Language) -> str:
    if sign in _CURRENCIES:
        return _say_amount(Decimal("2.00"), sign, language)[0].split()[-1]
    return {"%": language.per_cent, "°": language.degrees, "°C": language.celsius}[sign]


def _say_money(whole: str, decimals: str, sign: str, language: _Language) -> str:
    """Return an amount as it is said: "3,50" as "drei Euro fünfzig", "0,50" as "fünfzig Cent"."""
    money, hundredths = _say_amount(Decimal(f"{whole}.{decimals or '00'}"), sign, language)
    if not int(decimals or 0):
        return money
    return f"{money} {language.before_cents} {_say(int(decimals), language)}" if int(whole) else hundredths


class _Spoken:
    """Reads the numbers of one language, then applies Whisper's neutral normaliser."""

    name: str
    revision = "1"  # of our own rules
    _language: _Language

    def __init__(self, language: str = "") -> None:
        del language  # each class has its own
        self.version = f"{self.revision}+num2words{installed_version('num2words')}"
        self._basic = BasicNormalizer()

    def __call__(self, text: str) -> str:
        text = _apply(self._language.rewrite, unicodedata.normalize("NFC", drop_unseen(text)))
        text = drop_brackets(fold_width(text).translate(_ONE_FORM))
        text = _SIGN_ALONE.sub(lambda match: _say_sign(match[0], self._language), _NUMBER.sub(self._read, text))
        return _apply(self._language.fold, self._basic(text))

    def _read(self, match: re.Match[str]) -> str:
        language = self._language
        names = ("minus", "before", "whole", "mark", "decimals", "after", "suffix")
        minus, before, whole, mark, decimals, after, suffix = (match[name] or "" for name in names)
        digits = re.sub("[^0-9]", "", whole)
        sign = before or after.strip()
        if sign in _CURRENCIES and len(digits) <= LONGEST_NUMBER and len(decimals) in (0, 2):
            spoken = _say_money(digits, decimals, sign, language)
        else:
            is_year = digits == whole and len(digits) == 4 and int(digits) in language.years
            is_year = is_year and not (minus or mark or sign)
            spoken = _say(int(digits), language, "year") if is_year else _say_whole(digits, language)
            if decimals:
                name_of_mark = language.comma if mark == "," else language.point
                spoken = f"{spoken} {name_of_mark} {_say_decimals(decimals, language)}"
            if sign:
                spoken = _apply(language.mend, f"{spoken} {_say_sign(sign, language)}")
        if before and after:
            spoken = f"{spoken} {_say_sign(after.strip(), language)}"
        spoken = f" {language.minus} {spoken}" if minus else f" {spoken}"
        if language.compounds and match["suffix"] is not None:
            return re.sub(" eins$", " ein", spoken) if suffix else spoken  # einjährig, but Einser
        return f"{spoken} {suffix}"


_CLOCK = r"(?<![0-9:.,])(?P<hour>[01]?[0-9]|2[0-4])"
_MINUTES = r"(?P<minutes>[0-5][0-9])(?![0-9]|[:.,][0-9])"
_ALONE = "(?<![0-9.,])"
_NUMERO = re.compile(r"\bn(?:\.\s?)?[º°]\s?(?=[0-9])|№\s?(?=[0-9])", re.IGNORECASE)


def _german_time(match: re.Match[str]) -> str:
    minutes = int(match["minutes"])
    return f"{int(match['hour'])} Uhr {minutes or ''} "


def _german_date(match: re.Match[str]) -> str:
    ordinal = _say(int(match["day"]), GERMAN, "ordinal")
    return f"{match['der']}{ordinal} " if match["der"] else f"{ordinal}n "


GERMAN = _Language(
    code="de",
    comma="komma",
    point="punkt",
    minus="minus",
    per_cent="prozent",
    degrees="grad",
    celsius="grad celsius",
    digit_by_digit=True,
    years=range(1100, 2000),
    compounds=True,
    rewrite=(
        (
            re.compile(
                rf"(?P<der>\bder\s)?{_ALONE}(?P<day>[1-9]|[12][0-9]|3[01])\.\s?(?=(?:Jan|Febr)uar|März|April|Mai\b"
                r"|Ju[nl]i|August|(?:Septem|Okto|Novem|Dezem)ber)",
                re.IGNORECASE,
            ),
            _german_date,
        ),
        (re.compile(rf"{_CLOCK}:{_MINUTES}(?:\sUhr\b)?", re.IGNORECASE), _german_time),
        (re.compile(rf"{_CLOCK}\.{_MINUTES}\sUhr\b", re.IGNORECASE), _german_time),
        (re.compile(rf"{_ALONE}1(?=\sUhr\b)", re.IGNORECASE), "ein"),
        (re.compile(r"\bNr\.?\s?(?=[0-9])", re.IGNORECASE), "Nummer "),
    ),
    mend=(
        (re.compile("eins(?=tausend)"), "ein"),  # einhunderteinstausend
        (re.compile(r"^eins (?=prozent|grad)"), "ein "),
    ),
    fold=((re.compile(r"\bein(?=hundert|tausend)"), ""),),
)


def _french_time(match: re.Match[str]) -> str:
    hour, minutes = int(match["hour"]), int(match["minutes"] or 0)
    return f"{hour} heure{'s' if hour > 1 else ''} {minutes or ''} "


def _french_ordinal(match: re.Match[str]) -> str:
    return _say(int(match["number"]), FRENCH, "ordinal") + match["plural"]


FRENCH = _Language(
    code="fr",
    comma="virgule",
    point="point",
    minus="moins",
    per_cent="pour cent",
    degrees="degrés",
    celsius="degrés celsius",
    rewrite=(
        (_NUMERO, "numéro "),
        (re.compile(rf"{_CLOCK}(?:\s?h\s?|:){_MINUTES}"), _french_time),
        (re.compile(rf"{_CLOCK}\s?h\b(?!/)(?P<minutes>)"), _french_time),
        (re.compile(rf"{_ALONE}1(?=\sheure\b)"), "une"),
        (re.compile(rf"{_ALONE}21(?=\sheures\b)"), "vingt et une"),
        (re.compile(rf"{_ALONE}1er(s?)\b"), r"premier\1"),
        (re.compile(rf"{_ALONE}1(?:re|ère|ere)(s?)\b"), r"première\1"),
        (re.compile(rf"{_ALONE}2nd(e?s?)\b"), r"second\1"),
        (re.compile(rf"{_ALONE}(?P<number>[1-9][0-9]{{0,5}})(?:e|ème|eme|ième|me)(?P<plural>s?)\b"), _french_ordinal),
    ),
    mend=(
        (re.compile("(?<=vingt)s(?=ième)|(?<=cent)s(?=ième)"), ""),  # quatre-vingtsième, deux centsième
        (re.compile(r"\bun(?= livre)"), "une"),
        (re.compile(r"\b(millions?|milliards?) (?=euro)"), r"\1 d'"),
        (re.compile(r"\b(millions?|milliards?) (?=dollar|livre)"), r"\1 de "),
    ),
    fold=((re.compile(r"\bpourcent\b"), "pour cent"), (re.compile("œ"), "oe"), (re.compile("æ"), "ae")),
)


def _spanish_time(match: re.Match[str]) -> str:
    hour, minutes = int(match["hour"]), int(match["minutes"])
    return f"{ {1: 'una', 21: 'veintiuna'}.get(hour, hour) } {minutes or ''} "


def _gendered_ordinal(match: re.Match[str], language: _Language) -> str:
    """Return 3º or 3ª in Spanish or Italian, whose feminine ends in -a."""
    ordinal = _say(int(match["number"]), language, "ordinal")
    return (ordinal if match["gender"] == "º" else ordinal[:-1] + "a") + " "


SPANISH: _Language = _Language(
    code="es",
    comma="coma",
    point="punto",
    minus="menos",
    per_cent="por ciento",
    degrees="grados",
    celsius="grados celsius",
    before_cents="con",
    rewrite=(
        (re.compile(r"(?<=[0-9])(\s?)º(?=\s?C\b)"), r"\1°"),
        (_NUMERO, "número "),
        (re.compile(rf"{_CLOCK}:{_MINUTES}"), _spanish_time),
        (re.compile(rf"{_ALONE}1\.?er\b"), "primer"),
        (re.compile(rf"{_ALONE}3\.?er\b"), "tercer"),
        (
            re.compile(rf"{_ALONE}(?P<number>[1-9]|10)\.?(?P<gender>[ºª])"),
            lambda match: _gendered_ordinal(match, SPANISH),
        ),
        (re.compile(r"(?<=[0-9])\.?[ºª]"), " "),  # said as a cardinal beyond ten, and spelled wrongly by the library
    ),
    mend=(
        (re.compile(r"veintiuno(?= mil)"), "veintiún"),
        (re.compile(r"\buno(?= mil)"), "un"),
        (re.compile(r"\b(mill(?:ón|ones)) (?=euro|dólar|libra)"), r"\1 de "),
    ),
    fold=((re.compile(r"\bporciento\b"), "por ciento"),),
)


def _italian_time(match: re.Match[str]) -> str:
    hour, minutes = int(match["hour"]), int(match["minutes"])
    return f"{'una' if hour == 1 else hour} {f'e {minutes}' if minutes else ''} "


ITALIAN: _Language = _Language(
    code="it",
    comma="virgola",
    point="punto",
    minus="meno",
    per_cent="per cento",
    degrees="gradi",
    celsius="gradi celsius",
    before_cents="e",
    rewrite=(
        (re.compile(r"(?<=[0-9])(\s?)º(?=\s?C\b)"), r"\1°"),
        (_NUMERO, "numero "),
        (re.compile(rf"{_CLOCK}:{_MINUTES}"), _italian_time),
        (
            re.compile(rf"{_ALONE}(?P<number>[1-9][0-9]{{0,2}})(?P<gender>[ºª])"),
            lambda match: _gendered_ordinal(match, ITALIAN),
        ),
        (re.compile(rf"{_ALONE}1°(?!\s?C\b)"), "primo "),  # a degree would be "un grado"; 2° and on are ambiguous
    ),
    mend=(
        (re.compile("dicott"), "diciott"),  # centodicotto
        (re.compile(r"(?<=[a-z])tre\b"), "tré"),  # centoventitre, but centotré
        (re.compile(r"(?<=[a-z])un(?= (?:euro|dollar|sterlin))"), "uno"),
        (re.compile(r"\b(milion[ei]|miliard[oi]) (?=euro|dollar|sterlin)"), r"\1 di "),
    ),
    fold=((re.compile(r"\bpercento\b"), "per cento"),),
)


class German(_Spoken):
    """German: numbers as they are read, Whisper's neutral normaliser, "hundert" for "einhundert"; ß stays."""

    name, _language = "de", GERMAN


class French(_Spoken):
    """French: numbers as they are read, Whisper's neutral normaliser; an elision is two words, œ is oe."""

    name, revision, _language = "fr", "2", FRENCH


class Spanish(_Spoken):
    """Spanish: numbers as they are read, Whisper's neutral normaliser; accents stay."""

    name, _language = "es", SPANISH


class Italian(_Spoken):
    """Italian: numbers as they are read, Whisper's neutral normaliser; an elision is two words, accents stay."""

    name, _language = "it", ITALIAN
