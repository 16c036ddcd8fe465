import pytest

from evaluate.answers import extract_choice, match_choice

CHOICES = ("bus", "bus stop", "cafe/restaurant", "park")


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("bus", "bus"),
        (" Bus.\n", "bus"),
        ("It is a bus stop.", "bus stop"),
        ("Cafe restaurant", "cafe/restaurant"),
        ("cafe/restaurant", "cafe/restaurant"),
        ("ＰＡＲＫ", "park"),
        ("a bus in a park", None),  # two labels: nothing is guessed
        ("a bus near a bus stop", None),
        ("busy parking", None),
        ("", None),
        ("no idea", None),
    ],
)
def test_a_choice_is_read_out_only_where_exactly_one_is_named(text: str, choice: str | None) -> None:
    assert extract_choice(text, CHOICES) == choice


def test_choices_that_differ_in_marks_alone_need_their_exact_spelling() -> None:
    languages = ("C++", "C#", "Java")
    assert [match_choice(text, languages) for text in ("C#", " C++ ", "c", "java!")] == ["C#", "C++", None, "Java"]
    assert extract_choice("It is C", languages) is None


def test_naming_a_choice_is_not_being_it() -> None:
    assert match_choice("the bus", CHOICES) is None
    assert extract_choice("the bus", CHOICES) == "bus"
