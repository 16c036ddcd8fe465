import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.normalizers import DEFAULT_BY_LANGUAGE, create_normalizer

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
@pytest.mark.parametrize(
    "unit", ["[", "(", "<", "1.", "1 ", "1,", "-", "€", "10:", "1.000", "12e", "3시", "°", "a", "$", "'"]
)
@pytest.mark.parametrize("language", ["ko", "de", "fr", "es", "it", ""])
def test_long_text_takes_linear_time(language, unit):
    create_normalizer(language or "basic", language=language)(unit * 50_000)  # quadratic time would be minutes


@pytest.mark.timeout(120)
@pytest.mark.parametrize("unit", ["1", "[", "漢", "あ", "ー", "1。"])
def test_long_japanese_takes_linear_time(unit):
    create_normalizer("ja", language="ja")(unit * 50_000)


@pytest.mark.parametrize("language", DEFAULT_BY_LANGUAGE)
def test_each_default_has_the_name_of_the_table_and_a_version_with_its_library(language):
    normalizer = create_normalizer(None, language=language)
    assert normalizer.name == DEFAULT_BY_LANGUAGE[language]
    library = {"en": "", "zh": "wetext", "ja": "wetext"}.get(language, "num2words")
    assert normalizer.version.startswith("2" if language == "zh" else "1")
    assert library in normalizer.version


def test_a_language_without_rules_of_its_own_has_the_neutral_normaliser():
    assert create_normalizer(None, language="pt").name == "basic"
