"""The leaderboard as data: models against columns; what is written of it (Markdown, HTML, LaTeX, charts) only shows it.

A column is a split of a task, scored in one way on one set of samples: another task version, signature or corpus
fingerprint makes another column, with a note that says why. Clips that come with the project (the split `sample`) make
a board of their own. A run takes the cell of its system and column; of several runs of the same, the newest does. A
system is a model with its revision, dtype, settings, what is done with clips that are too long or short, and the
generation options that are not the task's own: another checkpoint in a folder of the same name, or beam search, is a
row of its own.

The best run of a column is marked; it shares its place with every run whose difference from it the two intervals do
not decide: as of two independent estimates, by the halves of the intervals that face each other, added in quadrature.
Runs on the same samples are not independent, so a paired comparison (`otoscope compare`) can decide what is a tie
here; it needs every answer, and a report reads scores only.

Rows stand in the order of their mean win rate: over a run's columns, the share of the other runs there that it is
better than (equal ones count half), as in HELM (Liang et al. 2022, section 5.1.3). Clips that come with the project
rank nothing: their rows stand in the order of the names.

A run of which no sample was scored, since all failed or none could be read, is worse than every run that has one,
whatever its value: a model that gives no answer has a word error rate of 100 per cent, one that answers may have more.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from evaluate.report.published import PublishedScore
from evaluate.report.systems import is_whole, newest_runs, whole_size
from evaluate.results import comparable_signature
from evaluate.tables import describe_clips, describe_same_answers, describe_truncated
from evaluate.types import SAMPLE_SPLIT

Document = Mapping[str, Any]
Standing = Literal["", "best", "tied"]  # tied: one of several that share the best place


@dataclass(frozen=True, slots=True)
class Column:
    """What all scores of one column share."""

    task: str
    split: str
    metric: str
    task_version: str
    signature: str
    corpus_fingerprint: str
    higher_is_better: bool
    is_rate: bool
    num_samples: int
    qualifier: str = ""  # what tells it from other columns of its split, "" where it is the only one

    @property
    def arrow(self) -> str:
        """Which way is better."""
        return "↑" if self.higher_is_better else "↓"

    @property
    def protocol(self) -> str:
        """Name of the published evaluation whose scoring this is, "" for the sound one."""
        found = re.search(r"\|protocol:([^|]+)", self.signature)
        return found[1] if found else ""

    @property
    def scoring(self) -> tuple[str, str]:
        """What makes the scores of a split incomparable, whatever their samples."""
        return self.task_version, self.signature


@dataclass(frozen=True, slots=True)
class Cell:
    """One score."""

    value: float | None
    interval: tuple[float, float] | None = None  # None: there is none, as for published figures
    standing: Standing = ""
    marks: tuple[int, ...] = ()  # positions in the board's notes
    run_dir: str = ""  # "" for published figures
    is_partial: bool = False
    is_scored: bool = True  # False: all samples failed or were unparsed, so the value is no sign of the model


@dataclass(frozen=True, slots=True)
class Line:
    """The scores of one system, or what one paper printed of one."""

    name: str
    cells: tuple[Cell | None, ...]  # one per column of the board
    is_published: bool = False
    marks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Board:
    """A table: every line has a cell, or none, for each column."""

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]  # runs, best first, then published figures
    notes: tuple[str, ...]
    column_notes: tuple[str, ...]  # why a split has several columns
    is_sample: bool = False

    @property
    def runs(self) -> tuple[Line, ...]:
        """The lines that were measured here."""
        return tuple(line for line in self.lines if not line.is_published)


def make_boards(
    documents: Sequence[Document], published: Sequence[PublishedScore], task_order: Sequence[str] = ()
) -> list[Board]:
    """Return the board of all runs, and that of runs on the clips that come with the project; those that have runs.

    Args:
        documents: Scores documents, oldest first, each with its `run_dir`.
        published: Figures of papers.
        task_order: Names of tasks in the order of their columns; others follow.
    """
    boards = []
    for is_sample in (False, True):
        chosen = [one for one in documents if (one["split"] == SAMPLE_SPLIT) == is_sample]
        if chosen:
            boards.append(_make_board(chosen, [] if is_sample else published, task_order, is_sample=is_sample))
    return boards


def _make_board(
    documents: Sequence[Document], published: Sequence[PublishedScore], task_order: Sequence[str], *, is_sample: bool
) -> Board:
    cells = {(system, column_of(run)): run for system, runs in newest_runs(documents).items() for run in runs}
    plain = sorted(dict.fromkeys(column for _, column in cells), key=lambda column: _place(column, task_order))
    columns = [replace(column, qualifier=_qualifier(column, plain)) for column in plain]
    notes: list[str] = []
    systems = list(dict.fromkeys(system for system, _ in cells))
    lines = []
    for system in systems:
        found = [cells.get((system, column)) for column in plain]
        shown = tuple(None if document is None else cell_of(document, notes) for document in found)
        lines.append(Line(system.label(systems), shown))
    if is_sample:  # a few clips rank nothing
        lines.sort(key=lambda line: line.name)
    else:
        lines = _in_order(_with_standings(lines, columns), columns)
    lines += _published_lines(published, columns, notes)
    return Board(tuple(columns), tuple(lines), tuple(notes), tuple(_column_notes(plain)), is_sample)


def column_of(document: Document) -> Column:
    """Return the column that a run's score stands in, without what tells it from its neighbours."""
    metric = document["primary"]
    score = document["metrics"][metric]
    return Column(
        task=document["task"],
        split=document["split"],
        metric=metric,
        task_version=str(document["task_version"]),
        signature=comparable_signature(score["signature"]),
        corpus_fingerprint=document["corpus_fingerprint"],
        higher_is_better=bool(score["higher_is_better"]),
        is_rate=bool(score["is_rate"]),
        num_samples=document["n_total"],
    )


def _place(column: Column, task_order: Sequence[str]) -> tuple[Any, ...]:
    """Return what columns are sorted by: the task's place, then the split, the largest set of samples first."""
    place = task_order.index(column.task) if column.task in task_order else len(task_order)
    rest = (column.task_version, column.signature, column.corpus_fingerprint)
    return (place, column.task, column.split, -column.num_samples, *rest)


def _rivals(column: Column, columns: Iterable[Column]) -> list[Column]:
    return [one for one in columns if (one.task, one.split) == (column.task, column.split)]


def _qualifier(column: Column, columns: Sequence[Column]) -> str:
    rivals = _rivals(column, columns)
    parts = []
    if len({one.metric for one in rivals}) > 1 or len({one.task_version for one in rivals}) > 1:
        parts.append(f"task version {column.task_version}")
    if len({one.protocol for one in rivals}) > 1:
        parts.append(f"protocol {column.protocol}" if column.protocol else "no protocol")
    alike = [one for one in rivals if (one.task_version, one.protocol) == (column.task_version, column.protocol)]
    signatures = sorted({one.signature for one in alike})
    if len(signatures) > 1:
        parts.append(f"scoring {signatures.index(column.signature) + 1}")
    same = [one for one in rivals if one.scoring == column.scoring]
    if len(same) > 1:
        parts.append(f"{column.num_samples} samples, {column.corpus_fingerprint[:6]}")
    elif len({one.corpus_fingerprint for one in rivals}) > 1:
        parts.append(f"{column.num_samples} samples")
    return ", ".join(parts)


def _column_notes(columns: Sequence[Column]) -> Iterable[str]:
    """Say why scores of one split stand in several columns."""
    for split in dict.fromkeys((column.task, column.split) for column in columns):
        rivals = [column for column in columns if (column.task, column.split) == split]
        reasons = []
        if len({one.task_version for one in rivals}) > 1:
            reasons.append("of several versions of the task")
        if len({one.signature for one in rivals}) > 1:
            reasons.append("scored in different ways")
        if len({one.corpus_fingerprint for one in rivals}) > 1:
            reasons.append("on different samples")
        if reasons:
            yield f"{split[0]}:{split[1]} stands in {len(rivals)} columns: {' and '.join(reasons)}; not comparable."


def cell_of(document: Document, notes: list[str]) -> Cell:
    """Return a run's score as a cell; what is to be said of it is added to the notes."""
    score = document["metrics"][document["primary"]]
    is_partial = not is_whole(document)
    said = []
    if is_partial:
        alone = " from its lists alone, no audio" if document["coverage"].get("labels_only") else ""
        said.append(f"partial: {document['n_total']} of {whole_size(document)} samples{alone}")
    if changed := describe_clips(document.get("clip_counts", {})):
        said.append(changed)
    if same := describe_same_answers(document):
        said.append(same)
    if cut := describe_truncated(document):
        said.append(cut)
    if document["n_failed"]:
        said.append(f"{document['n_failed']} samples failed and count at their worst")
    # A metric that cannot read an answer counts it itself.
    num_scored = document["n_total"] - document["n_failed"] - score.get("n_unparsed", document["n_unparsed"])
    if num_scored <= 0:
        said.append("no sample was scored")
    if score["value"] is None:
        said.append(f"no value: {score.get('reason') or 'undefined'}")
    has_interval = score["ci"] is not None and document["n_total"] > 1
    return Cell(
        value=score["value"],
        interval=(score["ci"][0], score["ci"][1]) if has_interval else None,
        marks=tuple(_mark(notes, text) for text in said),
        run_dir=document["run_dir"],
        is_partial=is_partial,
        is_scored=num_scored > 0,
    )


def place_in(column: Column, cell: Cell) -> tuple[bool, bool, float]:
    """Return what the scores of a column are sorted by, best first: those without a scored sample or a value last."""
    if cell.value is None or not cell.is_scored:
        return (cell.value is None, True, 0.0)  # none of these is better than another
    return (False, False, -cell.value if column.higher_is_better else cell.value)


def _mark(notes: list[str], text: str) -> int:
    """Return the position of a note, which is added if it is new."""
    if text not in notes:
        notes.append(text)
    return notes.index(text)


def _with_standings(lines: Sequence[Line], columns: Sequence[Column]) -> list[Line]:
    """Return the lines with the best of each column marked, and what is tied with it; one run alone is no best."""
    standings: list[list[Standing]] = [[""] * len(columns) for _ in lines]
    for position, column in enumerate(columns):
        scored = {}
        for row, line in enumerate(lines):
            cell = line.cells[position]
            if cell is not None and cell.value is not None and cell.is_scored:
                scored[row] = cell.value
        if len(scored) < 2:
            continue
        leader = (max if column.higher_is_better else min)(scored, key=scored.__getitem__)
        first = [
            row
            for row, value in scored.items()
            if value == scored[leader]
            or _is_tie(lines[leader].cells[position], lines[row].cells[position], higher=column.higher_is_better)
        ]
        for row in first:
            standings[row][position] = "best" if len(first) == 1 else "tied"
    return [
        replace(
            line,
            cells=tuple(cell and replace(cell, standing=mark) for cell, mark in zip(line.cells, marks, strict=True)),
        )
        for line, marks in zip(lines, standings, strict=True)
    ]


def _is_tie(best: Cell | None, other: Cell | None, *, higher: bool) -> bool:
    """Whether the intervals leave open which of two runs is better, taken as independent.

    Args:
        best: The better one.
        other: Another run of the column.
        higher: Whether higher is better.
    """
    if best is None or other is None or best.value is None or other.value is None:
        return False
    if best.interval is None or other.interval is None:
        return True  # nothing is known of how sure they are
    facing = (0, 1) if higher else (1, 0)  # the best's bound towards the other, the other's towards the best
    halves = (best.value - best.interval[facing[0]], other.value - other.interval[facing[1]])
    return abs(best.value - other.value) <= math.hypot(*halves)


def _in_order(lines: Sequence[Line], columns: Sequence[Column]) -> list[Line]:
    return sorted(lines, key=lambda line: (-_mean_win_rate(line, lines, columns), line.name))


def _mean_win_rate(line: Line, lines: Sequence[Line], columns: Sequence[Column]) -> float:
    """Return the mean win rate, in [0, 1]; of a run without a rival half, and of one without a value -1.

    A run without a scored sample wins nothing, against its like neither.
    """
    rates = []
    for position, column in enumerate(columns):
        own = line.cells[position]
        if own is None or own.value is None:
            continue
        if not own.is_scored:
            rates.append(0.0)
            continue
        cells = [cell for one in lines if (cell := one.cells[position]) and cell.value is not None]
        places, place = [place_in(column, cell) for cell in cells], place_in(column, own)
        beaten = sum(one > place for one in places)
        level = places.count(place) - 1
        rates.append((beaten + level / 2) / (len(places) - 1) if len(places) > 1 else 0.5)
    return sum(rates) / len(rates) if rates else -1.0


def _published_lines(published: Sequence[PublishedScore], columns: Sequence[Column], notes: list[str]) -> list[Line]:
    """Return what papers printed of the columns, a line for each system and source."""
    lines = []
    for name, source, protocol in dict.fromkeys((one.model, one.source, one.protocol) for one in published):
        own = [one for one in published if (one.model, one.source) == (name, source)]
        cells = []
        for column in columns:
            values = [one.value for one in own if _belongs(one, column, columns)]
            cells.append(Cell(values[0]) if values else None)
        if any(cells):
            mark = _mark(notes, f"published, protocol {protocol}: {source}")
            lines.append(Line(name, tuple(cells), is_published=True, marks=(mark,)))
    return lines


def _belongs(figure: PublishedScore, column: Column, columns: Sequence[Column]) -> bool:
    """Whether a figure stands in a column: that of its protocol, else that of the sound scoring, if that is one alone.

    A figure is taken to be of the largest set of samples.
    """
    if (figure.task, figure.split, figure.metric) != (column.task, column.split, column.metric):
        return False
    rivals = [one for one in _rivals(column, columns) if one.metric == figure.metric]
    scorings = {one.scoring: one.protocol for one in rivals}
    wanted = figure.protocol if figure.protocol in scorings.values() else ""
    if len(scorings) > 1 and [scoring for scoring, name in scorings.items() if name == wanted] != [column.scoring]:
        return False
    return column == next(one for one in rivals if one.scoring == column.scoring)
