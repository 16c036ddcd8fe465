import unicodedata

import pytest

from evaluate.normalizers import create_normalizer

# Worked out by hand: what a speaker says for the text on the left.
KOREAN = [
    ("안녕하세요, 여러분!", "안녕하세요 여러분"),
    ("그는 OK라고 했다.", "그는 ok라고 했다"),
    ("0", "영"),
    ("10", "십"),
    ("16", "십육"),
    ("123", "백이십삼"),
    ("1,000원", "천원"),
    ("10000", "만"),
    ("12345", "만 이천삼백사십오"),
    ("1만 5천원", "만 오천원"),
    ("1억", "일억"),
    ("2024년 3월 15일", "이천이십사년 삼월 십오일"),
    ("6월 10일", "유월 십일"),
    ("10월 6일", "시월 육일"),
    ("6월~10월", "유월 시월"),
    ("6개월", "육개월"),
    ("2010월드컵", "이천십월드컵"),
    ("3.5", "삼 점 오"),
    ("0.05", "영 점 영 오"),
    ("50%", "오십 퍼센트"),
    ("3.5％", "삼 점 오 퍼센트"),
    ("$100", "백 달러"),
    ("₩5,000", "오천 원"),
    ("20 €", "이십 유로"),
    ("-5°C", "마이너스 오 도"),
    ("25℃", "이십오 도"),
    ("3시", "세 시"),
    ("12시 30분에", "열두 시 삼십분에"),
    ("10:30", "열 시 삼십분"),
    ("13:00", "열세 시"),
    ("2시간", "두 시간"),
    ("사과 2개", "사과 두 개"),
    ("3개월", "삼개월"),
    ("학생 19명", "학생 열아홉 명"),
    ("5살", "다섯 살"),
    ("1번째", "첫 번째"),
    ("2번째", "두 번째"),
    ("시즌3", "시즌삼"),
    ("007", "공공칠"),
    ("010-1234-5678", "공일공일이삼사오육칠팔"),
    ("(웃음) 네", "네"),
    ("학생 20명", "학생 이십명"),  # oddity: "스무 명" is heard as well
    ("책 3권", "책 삼권"),  # oddity: said "세 권"
]
ONE_UTTERANCE = [
    ("50%", "오십 퍼센트"),
    ("세 시", "3시"),
    ("두 개", "2 개"),
    (unicodedata.normalize("NFD", "한국어"), "한국어"),
    ("ﾊﾞ", "バ"),
    ("１２３", "백이십삼"),
    ("만 원", "1만 원"),
    ("첫 번째", "1번째"),
    ("시월 말", "10월 말"),
]
DIFFERENT_UTTERANCES = [
    ("삼", "사"),
    ("3시", "4시"),
    ("3.5", "35"),
    ("개", "게"),
    ("-5", "5"),
    ("띄어 쓰기", "띄어쓰기"),
]


@pytest.mark.parametrize(("text", "expected"), KOREAN)
def test_numbers_and_signs_are_written_as_they_are_said(text, expected):
    assert create_normalizer(None, language="ko")(text) == expected


@pytest.mark.parametrize(("text", "expected"), KOREAN)
def test_what_was_normalised_stays_as_it_is(text, expected):
    assert create_normalizer(None, language="ko")(expected) == expected


@pytest.mark.parametrize(("one", "other"), ONE_UTTERANCE)
def test_forms_of_one_utterance_become_one_text(one, other):
    normalizer = create_normalizer(None, language="ko")
    assert normalizer(one) == normalizer(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT_UTTERANCES)
def test_what_sounds_different_stays_different_and_spaces_stay(one, other):
    normalizer = create_normalizer(None, language="ko")
    assert normalizer(one) != normalizer(other)


def test_a_number_beyond_fifteen_digits_is_read_digit_by_digit():
    normalizer = create_normalizer(None, language="ko")
    assert normalizer("1" * 5000) == "일" * 5000
    assert normalizer("1" * 15).startswith("백")
