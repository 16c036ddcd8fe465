import unicodedata

import pytest

from evaluate.normalizers import create_normalizer

# Worked out by hand: what a speaker says for the text on the left, without spaces beside kanji and kana.
JAPANESE = [
    ("こんにちは、世界！", "こんにちは世界"),
    ("「はい」と言った。", "はいと言った"),
    ("コーヒー", "コーヒー"),
    ("人々、時々", "人々時々"),
    ("東京・大阪", "東京大阪"),
    ("今日 は いい 天気", "今日はいい天気"),
    ("ＡＢＣ", "abc"),
    ("Open AIの", "open aiの"),
    ("ﾊﾝｶｸ", "ハンカク"),
    ("ｶﾞｷﾞｸﾞ", "ガギグ"),
    ("123", "百二十三"),
    ("10,000円", "一万円"),
    ("1万5千円", "一万五千円"),
    ("1億2000万円", "一億二千万円"),
    ("2024年3月15日", "二千二十四年三月十五日"),
    ("令和6年", "令和六年"),
    ("午前10:30に", "午前十時三十分に"),
    ("10時半", "十時半"),
    ("50%", "五十パーセント"),
    ("３５％", "三十五パーセント"),
    ("3.14", "三点一四"),
    ("$100", "百ドル"),
    ("¥500", "五百円"),
    ("5kg", "五キログラム"),
    ("100 m走", "百メートル走"),
    ("25℃", "二十五度"),
    ("-5度", "マイナス五度"),
    ("1つと2つ", "一つと二つ"),
    ("1人と3人", "一人と三人"),
    ("第3回", "第三回"),
    ("1/3", "三分の一"),
    ("3分の1", "三分の一"),
    ("3か月", "三か月"),
    ("3〜5人", "三から五人"),
    ("3～5人", "三から五人"),
    ("5G", "五g"),
    ("0120-123-456", "〇百二十マイナス百二十三マイナス四百五十六"),  # oddity of wetext
    ("100000000", "一〇〇〇〇〇〇〇〇"),  # oddity of wetext: 一億 with commas or a unit only
]
ONE_UTTERANCE = [
    ("百二十三", "123"),
    ("五十パーセント", "５０％"),
    ("午前十時三十分", "午前10:30"),
    ("がぎぐ", unicodedata.normalize("NFD", "がぎぐ")),
    ("ガ", "ｶﾞ"),
    ("2つ", "二つ"),
    ("零点五", "0.5"),
    ("零時", "0時"),
    ("そうですね〜", "そうですね～"),
    ("", "。、！"),
]
DIFFERENT_UTTERANCES = [
    ("おばさん", "おばーさん"),
    ("ビル", "ビール"),
    ("人", "人々"),
    ("はし", "はち"),
    ("か", "が"),
    ("十", "百"),
    ("3.5", "35"),
    ("きて", "きって"),
]


@pytest.mark.parametrize(("text", "expected"), JAPANESE)
def test_numbers_and_signs_are_written_as_they_are_said(text, expected):
    assert create_normalizer(None, language="ja")(text) == expected


@pytest.mark.parametrize(("text", "expected"), JAPANESE)
def test_what_was_normalised_stays_as_it_is(text, expected):
    assert create_normalizer(None, language="ja")(expected) == expected


@pytest.mark.parametrize(("one", "other"), ONE_UTTERANCE)
def test_forms_of_one_utterance_become_one_text(one, other):
    normalizer = create_normalizer(None, language="ja")
    assert normalizer(one) == normalizer(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT_UTTERANCES)
def test_what_sounds_different_stays_different(one, other):
    normalizer = create_normalizer(None, language="ja")
    assert normalizer(one) != normalizer(other)


@pytest.mark.parametrize(
    "text",
    [
        "彼は1980年3月5日の午前10:30に生まれた。",
        "約3千人が5kmを走り、20分で着いた",
        "第2次世界大戦は1945年に終わった",
        "3人に1人が月曜から5日まで1万5千円で買えるものです",
        "もう2つください。あと1か月と3分の2",
    ],
)
def test_asking_wetext_about_stretches_gives_what_it_gives_for_the_whole(text):
    from wetext import Normalizer

    whole = Normalizer(lang="ja", operator="tn").normalize(text)
    assert create_normalizer(None, language="ja")(text) == whole.replace("。", "").replace("、", "")


def test_a_number_beyond_fifteen_digits_is_read_digit_by_digit():
    assert create_normalizer(None, language="ja")("10" * 2500) == "一〇" * 2500
