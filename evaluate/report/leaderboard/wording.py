"""What every format of the leaderboard says in the same words."""

from evaluate.report.leaderboard.board import Cell, Column
from evaluate.tables import format_number

TITLE = "Leaderboard"
SAMPLE_TITLE = "Clips that come with the project: they show that a model runs, and rank nothing"
LEGEND = (
    "Primary metric with its 95 % interval; ↓ lower is better, ↑ higher is better. Rates are in per cent. "
    "Bold: the best run of its column; ≈: the best place is shared, the intervals do not decide between these runs. "
    "Runs stand in the order of their mean win rate. Published figures stand in italics, scored by their own authors' "
    "rules (see the protocol named), and take no part in the ranking."
)


def format_bounds(cell: Cell, column: Column) -> str:
    """Return an interval as it stands behind its value, "" where there is none."""
    if cell.interval is None:
        return ""
    low, high = (format_number(bound, is_rate=column.is_rate) for bound in cell.interval)
    return f" ({low}–{high})"
