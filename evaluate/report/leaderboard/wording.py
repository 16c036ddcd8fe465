"""What every format of the leaderboard says in the same words."""

from collections.abc import Sequence

from evaluate.report.leaderboard.board import Cell, Column
from evaluate.report.leaderboard.probes import ProbeLine
from evaluate.tables import format_difference, format_number
from evaluate.types import SAMPLE_SPLIT

TITLE = "Leaderboard"
SAMPLE_TITLE = "Clips that come with the project: they show that a model runs, and rank nothing"
LEGEND = (
    "Primary metric with its 95 % interval; ↓ lower is better, ↑ higher is better. Rates are in per cent. "
    "Bold: the best run of its column; ≈: the best place is shared, the intervals do not decide between these runs. "
    "Runs stand in the order of their mean win rate, those on clips that come with the project in that of their names; "
    "one without a scored sample is behind all others of its column. Published figures stand in italics, scored by "
    "their own authors' rules (see the protocol named), and take no part in the ranking."
)
PROBE_LEGEND = (
    "The same samples with their audio replaced, by silence or by another sample's. A gap is how much better the score "
    "is with the audio; a model is not shown to listen where the two intervals leave open whether there is one."
)
PROBE_COLUMNS = ("model", "score of", "probe", "score", "without its audio", "gap", "verdict")


def column_title(column: Column) -> str:
    """Return the name of a column in one line."""
    qualifier = f" ({column.qualifier})" if column.qualifier else ""
    return f"{column.task}:{column.split}{qualifier} {column.metric} {column.arrow}"


def probe_title(lines: Sequence[ProbeLine]) -> str:
    """Return the title of a table of probes, all of corpora or all of clips that come with the project."""
    of_samples = lines[0].column.split == SAMPLE_SPLIT
    return f"Probes{' on clips that come with the project' if of_samples else ''}: does the model listen?"


def probe_numbers(line: ProbeLine) -> tuple[str, str, str]:
    """Return score, score without the audio, and gap."""
    score, probed = (_number_with_bounds(cell, line.column) for cell in (line.score, line.probed))
    return score, probed, format_difference(line.gap, is_rate=line.column.is_rate)


def _number_with_bounds(cell: Cell | None, column: Column) -> str:
    return "–" if cell is None else format_number(cell.value, is_rate=column.is_rate) + format_bounds(cell, column)


def format_bounds(cell: Cell, column: Column) -> str:
    """Return an interval as it stands behind its value, "" where there is none."""
    if cell.interval is None:
        return ""
    low, high = (format_number(bound, is_rate=column.is_rate) for bound in cell.interval)
    return f" ({low}–{high})"
