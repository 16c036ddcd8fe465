import pytest

from evaluate.answers import extract_choice

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
