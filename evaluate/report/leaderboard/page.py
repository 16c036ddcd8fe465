"""The leaderboard as a page: sortable, filterable, in one file."""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluate.report.figures import Chart
from evaluate.report.html import render
from evaluate.report.leaderboard.board import Board, Cell, Column
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
from evaluate.tables import format_number, samples_apart


def to_html(
    boards: Sequence[Board],
    *,
    pages: Mapping[str, str],
    charts: Sequence[Chart] = (),
    probes: Sequence[ProbeLine] = (),
) -> str:
    """Return all boards as one page.

    Args:
        boards: To show.
        pages: Folder of a run to the address of its sample page, relative to this page.
        probes: Beside the runs they are of.
        charts: Written already; their SVG files are put into the page.
    """
    return render(
        "leaderboard.html",
        title=TITLE,
        legend=LEGEND,
        sample_title=SAMPLE_TITLE,
        boards=[_board(board, number, pages) for number, board in enumerate(boards)],
        probe_legend=PROBE_LEGEND,
        probe_columns=PROBE_COLUMNS,
        probe_tables=[
            {"title": probe_title(lines), "rows": [_probe(line, pages) for line in lines]}
            for lines in samples_apart(probes, lambda line: line.column.split)
        ],
        charts=[(chart.caption, base64.b64encode(_svg(chart).read_bytes()).decode()) for chart in charts],
    )


def _svg(chart: Chart) -> Path:
    return next(path for path in chart.files if path.suffix == ".svg")


def _probe(line: ProbeLine, pages: Mapping[str, str]) -> dict[str, Any]:
    return {
        "cells": (line.name, column_title(line.column), line.probe),
        "numbers": probe_numbers(line),
        "verdict": line.verdict,
        "page": pages.get(line.probed.run_dir, ""),
    }


def _board(board: Board, number: int, pages: Mapping[str, str]) -> dict[str, Any]:
    return {
        "number": number,  # tells the notes of several boards apart
        "is_sample": board.is_sample,
        "columns": board.columns,
        "tasks": list(dict.fromkeys(column.task for column in board.columns)),
        "lines": [
            {
                "line": line,
                "cells": [
                    cell and _cell(cell, column, pages) for cell, column in zip(line.cells, board.columns, strict=True)
                ],
            }
            for line in board.lines
        ],
        "notes": list(enumerate(board.notes, start=1)),
        "column_notes": board.column_notes,
    }


def _cell(cell: Cell, column: Column, pages: Mapping[str, str]) -> dict[str, Any]:
    return {
        "number": format_number(cell.value, is_rate=column.is_rate),
        # What is sorted by: without it a row stays below.
        "value": repr(cell.value) if cell.value is not None and cell.is_scored else "",
        "bounds": format_bounds(cell, column).strip(),
        "standing": cell.standing,
        "is_partial": cell.is_partial,
        "marks": [mark + 1 for mark in cell.marks],
        "page": pages.get(cell.run_dir, ""),
    }
