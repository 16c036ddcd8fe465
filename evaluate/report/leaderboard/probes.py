"""Probes beside the runs they are of: score, score without the audio, and the gap; see `evaluate.probes`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evaluate.report.leaderboard.board import Cell, Column, Document, cell_of, column_of
from evaluate.report.systems import newest_runs

LISTENS = "listens"
NOT_SHOWN = "not shown to listen"
NO_RUN = "no run to compare with"


@dataclass(frozen=True, slots=True)
class ProbeLine:
    """One probe of one system on one split."""

    name: str  # of the system
    column: Column
    probe: str
    score: Cell | None  # with the audio as it is; None: there is no such run
    probed: Cell

    @property
    def gap(self) -> float | None:
        """By how much the score is better than without the audio; None where one of the two has no value."""
        if self.score is None or self.score.value is None or self.probed.value is None:
            return None
        difference = self.score.value - self.probed.value
        return difference if self.column.higher_is_better else -difference

    @property
    def verdict(self) -> str:
        """Whether the gap is more than the two intervals leave open, taken as independent."""
        if self.score is None or self.gap is None:
            return NO_RUN
        halves = [(cell.interval[1] - cell.interval[0]) / 2 for cell in (self.score, self.probed) if cell.interval]
        return LISTENS if self.gap > math.hypot(*halves) else NOT_SHOWN


def make_probe_lines(documents: Sequence[Document], probes: Sequence[Document]) -> list[ProbeLine]:
    """Return a line for each system, split and probe, in the order of the names.

    Args:
        documents: Scores documents of ordinary runs, oldest first, each with its `run_dir`.
        probes: Those of probes.
    """
    runs = {(system, column_of(run)): run for system, of_it in newest_runs(documents).items() for run in of_it}
    probed = newest_runs(probes)
    lines = []
    for system, of_it in probed.items():
        for probe in of_it:
            column = column_of(probe)
            run = runs.get((system, column))
            score = None if run is None else cell_of(run, [])
            lines.append(ProbeLine(system.label(probed), column, probe["probe"], score, cell_of(probe, [])))
    return sorted(lines, key=lambda line: (line.name, line.column.task, line.column.split, line.probe))
