"""Tables in the terminal: names stay in one piece, whatever the width."""

import pytest

from evaluate.tables import print_table

TASK = "librispeech:sample-of-a-long-name"
METRIC = "annotator_accuracy_of_all ↑"
NUMBER = "+1.00 (0.00 – 2.00)"
PROSE = "a sentence of many words " * 12
COLUMNS = ("task", "metric", "number (95 % interval)", "description")


def shown(capsys: pytest.CaptureFixture[str], *rows: list[str], prose: tuple[str, ...] = COLUMNS[3:]) -> list[str]:
    capsys.readouterr()
    print_table("title " * 40, COLUMNS, rows, numeric=COLUMNS[2:3], prose=prose)
    return capsys.readouterr().out.splitlines()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of 60 columns, which is less than the names need."""
    for name, value in {"FORCE_COLOR": "1", "NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "60", "LINES": "25"}.items():
        monkeypatch.setenv(name, value)


def test_where_the_output_is_no_terminal_a_row_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    title, *lines = shown(capsys, [TASK, METRIC, NUMBER, PROSE])
    assert title.strip() == ("title " * 40).strip()
    [row] = [line for line in lines if TASK in line]
    assert METRIC in row
    assert PROSE.strip() in row
    assert len({len(line) for line in lines}) == 1


@pytest.mark.usefixtures("terminal")
def test_in_a_narrow_terminal_names_and_numbers_stay_whole_and_prose_is_wrapped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, *lines = shown(capsys, [TASK, METRIC, NUMBER, PROSE], ["other", "wer ↓", "5.00", "short"])
    [row] = [line for line in lines if TASK in line]
    assert METRIC in row
    assert NUMBER in row
    assert PROSE.strip() not in row
    assert "".join(lines).count("sentence") == 12
    assert len([line for line in lines if "other" in line and "wer ↓" in line]) == 1


@pytest.mark.usefixtures("terminal")
def test_prose_takes_the_room_that_a_terminal_has_and_no_more(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "150")
    _, *lines = shown(capsys, [TASK, METRIC, "5.00", PROSE])
    assert max(map(len, lines)) <= 150
    assert max(line.count("sentence") for line in lines) > 1


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("width", [20, 50, 55, 60, 61, 62, 63, 64, 65, 70, 80, 100])
def test_nothing_is_cut_at_any_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    row = ["name", "some words " * 9, "x" * 15 + " y", "other words " * 9]
    _, *lines = shown(capsys, row, prose=COLUMNS[1:])
    whole = "".join(lines)
    assert [whole.count(word) for word in ("some", "other", "x" * 15)] == [9, 9, 1]
    assert len({len(line) for line in lines}) == 1


def test_a_table_without_rows_has_a_head(capsys: pytest.CaptureFixture[str]) -> None:
    assert any("metric" in line for line in shown(capsys))
