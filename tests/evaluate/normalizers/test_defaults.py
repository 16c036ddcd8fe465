import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluate.errors import UnknownNameError
from evaluate.normalizers import create_normalizer
from evaluate.normalizers.qwen_audio import remove_special_tokens
from evaluate.normalizers.whisper import _british_to_american

# What openai-whisper 20250625 gives, by its published tests and its documented rules.
ENGLISH = [
    ("Let's", "let us"),
    ("he's like", "he is like"),
    ("I'd've done", "i would have done"),
    ("Mr. Park, visited Assoc. Prof. Kim Jr.", "mister park visited associate professor kim junior"),
    ("twenty-three boats", "23 boats"),
    ("$20 million", "$20000000"),
    ("the grey harbour", "the gray harbor"),
    ("um, [laughs] yes", "yes"),
    ("hello (applause) there", "hello there"),
    ("We won't, and they can't!", "we will not and they can not"),
    ("I shan't", "i sha not"),  # an oddity of the original, kept
    ("one hundred and one", "101"),
    ("three point five percent", "3.5%"),
    ("1,000 people", "1000 people"),
    ("a café in Zürich", "a cafe in zurich"),
    ("you gonna go?", "you going to go"),
    ("", ""),
    ("...", "."),  # an oddity of the original, kept
]
# Pairs that a listener would call the same utterance, and what both become.
MANDARIN = [
    ("一百二十三", "123", "一百二十三"),
    ("百分之五十", "５０％", "百分之五十"),
    ("简体 中文", "簡體中文。", "简体中文"),
    ("这件T恤", "这件 t恤！", "这件t恤"),
    ("两 个 人", "2个人", "两个人"),
    ("一九九九年", "1999年", "一九九九年"),
    ("二〇二四年", "2024年", "二零二四年"),
    ("二零二四年", "２０２４年", "二零二四年"),
    ("一百〇五", "105", "一百零五"),
    ("一千二百元", "1200元", "一千二百元"),
    ("三点五", "3.5", "三点五"),
    ("百分之三点五", "3.5%", "百分之三点五"),
    ("三分之一", "1/3", "三分之一"),
    ("第三次", "第3次", "第三次"),
    ("五月一日", "5月1日", "五月一日"),
    ("你好世界", "“你好”，世界！", "你好世界"),
    ("台湾国语", "臺灣國語", "台湾国语"),
    ("open ai 的", "ＯＰＥＮ AI的", "open ai的"),
    ("", " 。 ", ""),
]
# By the documented rules: lower case, NFKC, brackets out, categories M, S and P as spaces.
BASIC = [
    ("Olá, mundo!", "olá mundo"),
    ("L'été à Göteborg", "l été à göteborg"),
    ("[noise] sim (risos)", "sim"),
    ("<unk> ja", "ja"),
    ("[never closed", "never closed"),
    ("50 %", "50"),
    ("3,5", "3 5"),
    ("Ｆｕｌｌ", "full"),
    ("cafe\u0301", "café"),
    ("C++", "c"),
    ("“wie” – e-mail", "wie e mail"),
    ("Привет, МИР!", "привет мир"),
    ("a\tb\u00a0c", "a b c"),
    ("§ 5", "5"),
    ("", ""),
    ("हिन्दी", "ह न द"),  # an oddity of the original, kept: vowel signs are marks
]


@pytest.mark.parametrize(("text", "expected"), ENGLISH)
def test_english_is_whisper_s(text: str, expected: str) -> None:
    assert create_normalizer(None, language="en")(text) == expected


@pytest.mark.parametrize(("text", "expected"), BASIC)
def test_the_neutral_one_is_whisper_s(text: str, expected: str) -> None:
    assert create_normalizer("basic", language="")(text) == expected


@given(st.text(st.sampled_from("aA [](<>)（）'"), max_size=12))
def test_brackets_are_dropped_in_linear_time_as_whisper_drops_them(text: str) -> None:
    from transformers.models.whisper.english_normalizer import BasicTextNormalizer

    assert create_normalizer("basic", language="")(text) == BasicTextNormalizer()(text).strip()


PIECES = (
    *"aA1.,' \n[](<>)!²Σ",
    *("  ", "   ", " um ", "he's been", "'d  been", " 'd   been", "and a", "Mr", "twenty "),
)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text(max_size=20))
@settings(deadline=None, max_examples=500)
def test_english_stays_whisper_s_in_linear_time(text: str) -> None:
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    original = EnglishTextNormalizer(_british_to_american())
    assert create_normalizer("whisper-en", language="en")(text) == original(text).strip()


@given(st.text(st.sampled_from("<|>a \n."), max_size=16), st.sampled_from(["en", "zh"]))
def test_special_tokens_are_dropped_in_linear_time_as_by_the_official_pattern(text: str, language: str) -> None:
    spaced = re.sub(r"\s+", " ", re.sub(r"<\|.*?\|>", " ", text))
    expected = re.sub(r" ?([!,.?;:])", r"\1", spaced).lstrip(" ")
    expected = expected.replace(" ", "") if language == "zh" else expected
    assert remove_special_tokens(text, language=language) == expected


@pytest.mark.parametrize(("one", "other", "expected"), MANDARIN)
def test_mandarin_forms_of_one_utterance_become_one_text(one: str, other: str, expected: str) -> None:
    normalizer = create_normalizer(None, language="zh")
    assert (normalizer(one), normalizer(other)) == (expected, expected)


@pytest.mark.parametrize("name", ["whisper-en", "qwen2-audio", "zh"])
def test_a_model_that_loops_over_digits_does_not_break_scoring(name: str) -> None:
    create_normalizer(name, language="zh" if name == "zh" else "en")("1" * 10_000 + " " + "1" * 999)


def test_what_sounds_different_stays_different_in_mandarin() -> None:
    normalizer = create_normalizer("zh", language="zh")
    assert normalizer("那儿") != normalizer("那")  # erhua is heard
    assert normalizer("二十") != normalizer("十二")


def test_half_a_character_does_not_break_scoring() -> None:
    assert create_normalizer("zh", language="zh")("\udfff中\ud800文") == "中文"


@pytest.mark.parametrize("name", ["basic", "whisper-en", "zh", "qwen-audio"])
@given(text=st.text(st.characters(), max_size=30))
def test_no_string_breaks_a_normaliser(name: str, text: str) -> None:
    create_normalizer(name, language="zh" if name == "zh" else "en")(text)


@given(st.text(max_size=30))
def test_none_changes_no_character(text: str) -> None:
    assert create_normalizer("none", language="en")(text) == text


# Executed results of the official script, as the protocol notes give them.
@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "<|en|> Hello,  world .", "hello, world."),
        ("zh", "今天 天气 好。", "今天天气好。"),
        ("zh", "一百二十三", "一百二十三"),
    ],
)
def test_the_qwen_audio_recipe_folds_space_and_case_only(language: str, text: str, expected: str) -> None:
    assert create_normalizer("qwen-audio", language=language)(text) == expected


def test_an_unknown_name_gets_near_matches() -> None:
    with pytest.raises(UnknownNameError, match="unknown normaliser 'whisper-eng'; did you mean 'whisper-en'"):
        create_normalizer("whisper-eng", language="en")
