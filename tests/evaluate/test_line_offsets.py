from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluate.line_offsets import LineOffsets, lines_at


@given(st.lists(st.sampled_from("abcdefgh")), st.integers(min_value=0, max_value=20))
def test_the_newest_line_of_an_id_is_found_whenever_it_was_added(ids: list[str], asked_after: int) -> None:
    offsets, expected = LineOffsets(), dict[str, int]()
    for number, one in enumerate(ids):
        offsets.add(one, 10 * number)
        expected[one] = 10 * number
        if number == asked_after:
            assert len(offsets) == len(expected)
    assert len(offsets) == len(expected)
    assert offsets.find("abcdefghz").tolist() == [expected.get(one, -1) for one in "abcdefghz"]
    assert [one in offsets for one in "abcdefghz"] == [one in expected for one in "abcdefghz"]
    assert offsets.in_order().tolist() == sorted(expected.values())


def test_an_id_without_a_line_is_named() -> None:
    offsets = LineOffsets()
    offsets.add("a", 0)
    assert offsets.of(["a", "a"]).tolist() == [0, 0]
    with pytest.raises(KeyError, match="b"):
        offsets.of(["a", "b"])
    with pytest.raises(KeyError, match="c"):
        LineOffsets().of("c")


def test_lines_come_in_the_order_that_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"one\ntwo\nthree")
    with path.open("rb") as file:
        assert list(lines_at(file, [4, 8, 0])) == [b"two\n", b"three", b"one\n"]
        assert list(lines_at(file, [8, 0])) == [b"three", b"one\n"]
