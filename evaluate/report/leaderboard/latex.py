"""The leaderboard as LaTeX tables with booktabs; wide boards are parted, a table for every few columns.

Names in scripts that pdfLaTeX has no glyphs for need XeLaTeX or LuaLaTeX and a font.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from evaluate.report.cells import escape_latex
from evaluate.report.leaderboard.board import Board, Cell, Column, Line
from evaluate.report.leaderboard.wording import LEGEND, SAMPLE_TITLE
from evaluate.tables import format_number

MAX_COLUMNS = 4  # with intervals, what a page is wide


def to_latex(boards: Sequence[Board]) -> str:
    r"""Return all boards as `table` environments, to be read with `\input`; needs booktabs and adjustbox."""
    head = [
        "% Needs \\usepackage{booktabs,adjustbox}; names in other scripts need XeLaTeX or LuaLaTeX and a font.",
        f"% {LEGEND}",
    ]
    return "\n".join([*head, *(line for board in boards for line in _tables(board))]) + "\n"


def _tables(board: Board) -> Iterator[str]:
    for start in range(0, len(board.columns), MAX_COLUMNS):
        shown = range(start, min(start + MAX_COLUMNS, len(board.columns)))
        yield from _table(board, shown)


def _table(board: Board, shown: range) -> Iterator[str]:
    columns = [board.columns[position] for position in shown]
    lines = [line for line in board.lines if any(line.cells[position] for position in shown)]
    marks = sorted({mark for line in lines for mark in _all_marks(line, shown)})
    numbers = {mark: number for number, mark in enumerate(marks, start=1)}
    title = SAMPLE_TITLE if board.is_sample else "Primary metric with its 95 % interval"
    yield "\n\\begin{table}[t]\n\\centering\n\\footnotesize"
    yield f"\\caption{{{escape_latex(title)}.{_caption_notes(board, numbers)}}}"
    yield "\\begin{adjustbox}{max width=\\linewidth}"
    yield f"\\begin{{tabular}}{{l{'r' * len(columns)}}}\n\\toprule"
    yield _row(["", *_grouped(column.task for column in columns)])
    yield _row(["", *(escape_latex(column.split) for column in columns)])
    if any(column.qualifier for column in columns):
        yield _row(["", *(f"\\scriptsize {escape_latex(column.qualifier)}" for column in columns)])
    yield _row(["model", *(escape_latex(f"{column.metric} {column.arrow}") for column in columns)])
    for is_published, some in groupby(lines, lambda line: line.is_published):
        yield "\\midrule"
        for line in some:
            name = f"\\textit{{{escape_latex(line.name)}}}" if is_published else escape_latex(line.name)
            cells = (_cell(line.cells[position], board.columns[position], line, numbers) for position in shown)
            # The braces: after \\ LaTeX would read a bracket or a star at a row's start as its own.
            yield _row(["{}" + name + _marked(line.marks, numbers), *cells])
    yield "\\bottomrule\n\\end{tabular}\n\\end{adjustbox}\n\\end{table}"


def _all_marks(line: Line, shown: range) -> Iterator[int]:
    yield from line.marks
    for position in shown:
        cell = line.cells[position]
        yield from cell.marks if cell else ()


def _caption_notes(board: Board, numbers: dict[int, int]) -> str:
    return "".join(
        f" {{\\footnotesize $^{{{number}}}${escape_latex(board.notes[mark])}.}}" for mark, number in numbers.items()
    )


def _grouped(tasks: Iterator[str]) -> Iterator[str]:
    for task, same in groupby(tasks):
        yield f"\\multicolumn{{{len(list(same))}}}{{c}}{{{escape_latex(task)}}}"


def _cell(cell: Cell | None, column: Column, line: Line, numbers: dict[int, int]) -> str:
    if cell is None:
        return "--"
    value = escape_latex(format_number(cell.value, is_rate=column.is_rate))
    if line.is_published:
        return f"\\textit{{{value}}}"
    shown = f"\\textbf{{{value}}}" if cell.standing else value
    tie = r"\,$\approx$" if cell.standing == "tied" else ""
    bounds = ""
    if cell.interval is not None:
        low, high = (format_number(bound, is_rate=column.is_rate) for bound in cell.interval)
        bounds = f" {{\\scriptsize [{low}, {high}]}}"
    return f"{shown}{tie}{bounds}{_marked(cell.marks, numbers)}"


def _marked(marks: Sequence[int], numbers: dict[int, int]) -> str:
    return f"$^{{{','.join(str(numbers[mark]) for mark in marks)}}}$" if marks else ""


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"
