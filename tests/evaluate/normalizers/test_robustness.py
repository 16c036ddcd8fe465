from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.normalizers import BUILTIN, DEFAULT_BY_LANGUAGE, create_normalizer

OWN = ("ja", "ko", "de", "fr", "es", "it")
ODD = "0123456789０５²½.,:'-/%€$£₩°CºªehUr nNº°№[]<>()年月시개만つ今の一\u00ad\u0301\u3099\u200b\ud800\x00あカｶﾞ😀אİẞŉK"
awkward = st.text(st.sampled_from(ODD), max_size=30) | st.text(st.characters(), max_size=30)  # surrogates too

DEGENERATE = {
    "empty": "",
    "white space": " \t\n\u3000\u00a0",
    "half a character": "a\ud800 \udfff1",
    "control characters": "\x00\x01a\x7f1\x1b[0m",
    "emoji": "😀👨‍👩‍👧 1",
    "right to left": "\u202eשלום 12 ١٢\u202c",
    "long text": "Wort слово 単語 12 " * 500,
    "long number": "7" * 5_000,
    "brackets never closed": "[(<" * 5_000,
}
UNITS = (
    *"<([&-$%€°'a1 \n漢あー",
    *("<|", "((", "()", "(a", "<(", "a ", " '", "um ", "漢 ", "1 ", "1.", "1,", "1.000", "10:", "12e", "1。", "3시"),
)


@pytest.mark.parametrize("language", OWN)
@given(text=awkward)
@settings(deadline=None, max_examples=300)
def test_any_text_comes_out_folded_without_digits_and_the_same_again(language, text):
    normalizer = create_normalizer(language, language=language)
    result = normalizer(text)
    assert result == " ".join(result.split())
    assert not set(result) & set("0123456789")
    assert normalizer(result) == result


@pytest.mark.parametrize("text", DEGENERATE.values(), ids=DEGENERATE)
@pytest.mark.parametrize("language", OWN)
def test_degenerate_text_is_normalised(language, text):
    normalizer = create_normalizer(language, language=language)
    assert normalizer(normalizer(text)) == normalizer(text)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("name", BUILTIN)
def test_twice_the_text_takes_about_twice_the_time(name, unit, cpu_s):
    normalizer = create_normalizer(name, language=name if name in DEFAULT_BY_LANGUAGE else "en")
    normalizer("1 a")  # loads what it needs
    slow = name in ("zh", "ja") and any(character.isdigit() for character in unit)  # wetext: 0.3 ms a character
    num_characters = 1_000 if slow else 20_000
    once, twice = (
        cpu_s(partial(normalizer, (unit * length)[:length])) for length in (num_characters, 2 * num_characters)
    )
    assert twice < min(3 * once + 0.1, 4)  # quadratic time takes four times as long, from 0.8 to 12 s


LOOPS = [unit * 6_000 for unit in ("1,", "11,", "000,", "1,000,000 ", "²", "1", "one ", "one point ")]


@pytest.mark.parametrize("text", [*LOOPS, "one " * 4_290 + "decillion"], ids=lambda text: text[:12])
def test_a_loop_over_digits_does_not_break_whisper_s_english(text):
    assert create_normalizer("whisper-en", language="en")(text)


@pytest.mark.parametrize("language", DEFAULT_BY_LANGUAGE)
def test_each_default_has_the_name_of_the_table_and_a_version_with_its_library(language):
    normalizer = create_normalizer(None, language=language)
    assert normalizer.name == DEFAULT_BY_LANGUAGE[language]
    library = {"en": "", "zh": "wetext", "ja": "wetext"}.get(language, "num2words")
    assert normalizer.version[0].isdigit()
    assert library in normalizer.version


def test_a_language_without_rules_of_its_own_has_the_neutral_normaliser():
    assert create_normalizer(None, language="pt").name == "basic"
