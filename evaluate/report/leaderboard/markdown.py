"""The leaderboard as Markdown, for a README or a pull request."""

from collections.abc import Iterable, Iterator, Sequence

from evaluate.lines import one_line
from evaluate.report.leaderboard.board import Board, Cell, Column, Line
from evaluate.report.leaderboard.probes import ProbeLine
from evaluate.report.leaderboard.wording import (
    LEGEND,
    PROBE_COLUMNS,
    PROBE_LEGEND,
    SAMPLE_TITLE,
    TITLE,
    column_title,
    format_bounds,
    probe_numbers,
    probe_title,
)
from evaluate.report.markdown import escape, table_row
from evaluate.tables import format_number, samples_apart


def to_markdown(boards: Sequence[Board], probes: Sequence[ProbeLine] = ()) -> str:
    """Return all boards, and the probes, as one Markdown document."""
    sections = [*map(_section, boards), *map(_probes, samples_apart(probes, lambda line: line.column.split))]
    return "\n\n".join([f"# {TITLE}", LEGEND, *sections]) + "\n"


def _probes(lines: Sequence[ProbeLine]) -> str:
    rows = [
        table_row([line.name, column_title(line.column), line.probe, *probe_numbers(line), line.verdict])
        for line in lines
    ]
    head = [table_row(PROBE_COLUMNS), table_row(["---", "---", "---", "---:", "---:", "---:", "---"])]
    return "\n".join([f"## {probe_title(lines)}", "", PROBE_LEGEND, "", *head, *rows])


def _section(board: Board) -> str:
    heading = [f"## {SAMPLE_TITLE}", ""] if board.is_sample else []
    table = [
        _row("model", map(_heading, board.columns)),
        _row("---", ("---:" for _ in board.columns)),
        *(_row(_name(line), _cells(line, board)) for line in board.lines),
    ]
    return "\n".join([*heading, *table, *_notes(board)])


def _row(first: str, others: Iterable[str]) -> str:
    cells = [first, *others]
    return table_row(cells, escaped=len(cells))


def _heading(column: Column) -> str:
    return escape(column_title(column))


def _name(line: Line) -> str:
    name = f"*{escape(line.name)}*" if line.is_published else escape(line.name)
    return name + _marks(line.marks)


def _cells(line: Line, board: Board) -> Iterator[str]:
    for column, cell in zip(board.columns, line.cells, strict=True):
        yield "–" if cell is None else _cell(cell, column, is_published=line.is_published)


def _cell(cell: Cell, column: Column, *, is_published: bool) -> str:
    value = format_number(cell.value, is_rate=column.is_rate)
    if is_published:
        return f"*{value}*{_marks(cell.marks)}"
    shown = f"**{value}**" if cell.standing else value
    tie = " ≈" if cell.standing == "tied" else ""
    return f"{shown}{tie}{format_bounds(cell, column)}{_marks(cell.marks)}"


def _marks(marks: Sequence[int]) -> str:
    return "".join(f" [{mark + 1}]" for mark in marks)


def _notes(board: Board) -> Iterator[str]:
    for number, note in enumerate(board.notes, start=1):
        yield f"\n[{number}] {escape(note)}"
    for note in board.column_notes:
        yield f"\n{escape(note)}"
    yield "\nScored as:\n"
    for column in board.columns:
        yield f"- {_heading(column)}: `{one_line(column.signature).replace('`', '')}`"
