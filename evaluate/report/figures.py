"""Which charts a report has, and what stands in them: from the board and the scores to `evaluate.report.charts`."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from evaluate.errors import RequestError
from evaluate.lines import one_line
from evaluate.report.charts import (
    MIN_AXES,
    Bar,
    BarPanel,
    ConfusionPanel,
    DurationBin,
    DurationLine,
    DurationPanel,
    ErrorPanel,
    ErrorRow,
    RadarAxis,
    RadarSeries,
    draw_bars,
    draw_confusion,
    draw_durations,
    draw_errors,
    draw_radar,
    missing_glyphs,
    save_figure,
)
from evaluate.report.leaderboard.board import Board, Cell, Column, Document, Line, place_in
from evaluate.report.published import PublishedScore
from evaluate.report.systems import is_whole, newest_runs
from evaluate.scores import DURATION
from evaluate.types import SAMPLE_SPLIT

MAX_RUNS = 4  # in a radar and along durations, and a floor: more lines than that nobody follows
MAX_PUBLISHED = 2
MAX_BARS = 24  # in a panel; beyond, the table serves better
FLOOR = "baseline:"  # what the names of floors start with
FLOORS = ("mfcc", "majority", "random", "constant", "empty")
NO_LABEL = "(none)"


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart that was written."""

    caption: str
    files: tuple[Path, ...]  # PNG and SVG
    lacks: str = ""  # what no installed font can write, as a line for people


def write_charts(board: Board, documents: Sequence[Document], out: Path, *, models: Sequence[str] = ()) -> list[Chart]:
    """Write the charts of a board into a folder: `radar`, `bars` and, where runs have them, the others.

    Args:
        board: To draw.
        documents: Scores documents of its runs.
        out: Folder that is there.
        models: What stands in radar, durations and confusion matrices, by parts of the names; empty: the runs with
            most columns, floors after all others, and the published figures with most of them.

    Raises:
        RequestError: A model is on no line of the board.
    """
    by_folder = {document["run_dir"]: document for document in documents}
    chosen, notes = _chosen_lines(board, models)
    charts = [_radar(board, chosen, notes, out), _bars(board, board.lines, "bars", _sources(board, board.lines), out)]
    runs = [line for line in chosen if not line.is_published]
    if durations := list(_duration_panels(board, runs, by_folder)):
        figure = draw_durations(durations, title="By duration of the audio", notes=notes)
        charts.append(save_chart(figure, out, "durations", "Primary metric by duration of the audio."))
    if errors := list(_error_panels(board, by_folder)):
        caption = "Substitutions, deletions and insertions, in per cent of the reference."
        charts.append(save_chart(draw_errors(errors, title="Errors by type"), out, "errors", caption))
    if confusions := list(_confusion_panels(board, runs, by_folder)):
        caption = "What each label was answered with, by the best of these runs."
        charts.append(save_chart(draw_confusion(confusions, title="Confusion matrices"), out, "confusion", caption))
    return charts


def save_chart(figure: Figure, out: Path, stem: str, caption: str) -> Chart:
    """Write a figure as PNG and SVG.

    Args:
        figure: Of `evaluate.report.charts`.
        out: Folder; made where it is missing.
        stem: Name of the files without their ending.
        caption: What it shows, in a sentence.
    """
    return Chart(caption, tuple(save_figure(figure, out, stem)), missing_glyphs(figure))


def _chosen_lines(board: Board, models: Sequence[str]) -> tuple[list[Line], list[str]]:
    """Return the lines that stand in charts for a few, and what is to be said of the others."""
    if models:
        names = {name for part in models for name in _matching(part, [line.name for line in board.lines])}
        return [line for line in board.lines if line.name in names], []
    # Stable: the board's order decides among equals. Floors have most columns, and must not drive out what stands on
    # them; one is shown in any case.
    floors = sorted(
        (line for line in board.runs if _is_floor(line)), key=lambda line: (_num_missing(line), _rank(line))
    )
    measured = sorted((line for line in board.runs if not _is_floor(line)), key=_num_missing)[:MAX_RUNS]
    runs = [*measured, *floors[: max(1, MAX_RUNS - len(measured))]]
    published = [line for line in board.lines if line.is_published and _num_missing(line) <= len(line.cells) - MIN_AXES]
    left_out = len(board.runs) - len(runs)
    notes = (
        [f"{left_out} further run{'s are' if left_out > 1 else ' is'} left out; --models chooses."]
        if left_out > 0
        else []
    )
    return [*runs, *sorted(published, key=_num_missing)[:MAX_PUBLISHED]], notes


def measured_scores(
    documents: Sequence[Document], models: Sequence[str], *, protocol: str
) -> tuple[list[PublishedScore], set[str]]:
    """Return what runs measured in the form of published figures, to stand beside these, and which corpora are partial.

    Of a system's several runs of one split, that of the paper's protocol counts, then that of most samples. Clips that
    come with the project are left out.

    Args:
        documents: Scores documents, oldest first, each with its `run_dir`.
        models: Parts of the names of models.
        protocol: Of the paper.

    Raises:
        RequestError: A name is part of no model's.
    """
    scores: dict[tuple[str, str, str, str], PublishedScore] = {}
    partial = set()
    runs = newest_runs([one for one in documents if one["split"] != SAMPLE_SPLIT])
    names = {system: system.label(runs) for system in runs}
    chosen = {name for part in models for name in _matching(part, list(names.values()))}
    for system, of_system in runs.items():
        if names[system] not in chosen:
            continue
        for run in sorted(of_system, key=lambda one: (one.get("protocol") == protocol, one["n_total"])):
            if not is_whole(run):
                partial.add(f"{run['task']}:{run['split']}")
            for metric, score in run["metrics"].items():
                if score["value"] is not None:
                    scores[names[system], run["task"], run["split"], metric] = PublishedScore(
                        model=names[system],
                        task=run["task"],
                        split=run["split"],
                        metric=metric,
                        value=score["value"],
                        higher_is_better=score["higher_is_better"],
                        protocol=run.get("protocol") or "",
                        source=run["run_dir"],
                    )
    return list(scores.values()), partial


def _matching(part: str, names: Sequence[str]) -> list[str]:
    """Return the name that is this, or else those that hold it, whatever the case.

    Raises:
        RequestError: There is none.
    """
    found = [name for name in names if name == part] or [name for name in names if part.casefold() in name.casefold()]
    if not found:
        raise RequestError(f"--models {part!r} is part of no model's name; there are: {', '.join(names) or 'none'}")
    return found


def _is_floor(line: Line) -> bool:
    return line.name.startswith(FLOOR)


def _rank(line: Line) -> int:
    """Return where a floor stands among the floors: what tells most of a task comes first."""
    kind = line.name.removeprefix(FLOOR).partition(" ")[0]
    return FLOORS.index(kind) if kind in FLOORS else len(FLOORS)


def _num_missing(line: Line) -> int:
    return sum(cell is None or cell.value is None for cell in line.cells)


def _radar(board: Board, lines: Sequence[Line], notes: Sequence[str], out: Path) -> Chart:
    """Draw a radar; with fewer axes than make one, bars of the same name.

    An axis on which nothing but floors stands shows nothing, and where there is one for a task that only floors were
    put to, there are soon twenty.
    """
    filled = _filled_positions(board, lines)
    shown = _filled_positions(board, [line for line in lines if not _is_floor(line)]) or filled
    if len(shown) < MIN_AXES:
        said = f"Bars: {len(shown)} of the {MIN_AXES} axes that a radar needs at least are there."
        return _bars(board, lines, "radar", [said, *notes, *_sources(board, lines)], out)
    axes = [
        RadarAxis(
            _title(board.columns[position], "\n"),
            board.columns[position].higher_is_better,
            board.columns[position].is_rate,
        )
        for position in shown
    ]
    series = [
        RadarSeries(line.name, tuple(_value(line.cells[position]) for position in shown), line.is_published)
        for line in lines
    ]
    bare = sorted({board.columns[position].task for position in filled if position not in shown})
    left_out = [f"Left out, since only floors stand there: {', '.join(bare)}."] if bare else []
    notes = [*notes, *left_out, *_partial_notes(board, lines), *_sources(board, lines)]
    caption = "Each axis has its own scale, printed on its rings; outside is better."
    return save_chart(draw_radar(axes, series, notes=notes), out, "radar", caption)


def _filled_positions(board: Board, lines: Sequence[Line]) -> list[int]:
    """Return which columns hold a value of one of these lines."""
    return [
        position
        for position in range(len(board.columns))
        if any(_value(line.cells[position]) is not None for line in lines)
    ]


def _sources(board: Board, lines: Sequence[Line]) -> list[str]:
    """Return where published figures among the lines are from, and by which protocol they were scored."""
    return [f"{one_line(board.notes[mark])}." for mark in sorted({mark for line in lines for mark in line.marks})]


def _partial_notes(board: Board, lines: Sequence[Line]) -> Iterator[str]:
    cells = [(column, cell) for line in lines for column, cell in zip(board.columns, line.cells, strict=True)]
    return partial_note({f"{column.task}:{column.split}" for column, cell in cells if cell and cell.is_partial})


def partial_note(splits: Collection[str]) -> Iterator[str]:
    """Say which corpora are not whole, where there are such."""
    if splits:
        yield f"Partial corpora: {', '.join(sorted(splits))}."


def _value(cell: Cell | None) -> float | None:
    return None if cell is None else cell.value


def _title(column: Column, between: str) -> str:
    qualifier = f" ({column.qualifier})" if column.qualifier else ""
    return f"{column.task}{between}{column.split}{qualifier}{between}{column.metric.replace('_', ' ')} {column.arrow}"


def _bars(board: Board, lines: Sequence[Line], stem: str, notes: Sequence[str], out: Path) -> Chart:
    panels = []
    for column, cells in _columns(board, lines):
        shown, best_of = _best(cells)
        bars = (
            Bar(line.name, cell.value, cell.interval, line.is_published, cell.is_partial, cell.is_scored)
            for line, cell in shown
        )
        panels.append(BarPanel(_title(column, " ") + best_of, column.higher_is_better, column.is_rate, tuple(bars)))
    caption = " ".join(["Primary metric with its 95 % interval.", *notes])
    return save_chart(draw_bars(panels, notes=notes), out, stem, caption)


def _columns(board: Board, lines: Sequence[Line]) -> Iterator[tuple[Column, list[tuple[Line, Cell]]]]:
    """Yield each column with those of the lines that stand in it, best first, without a scored sample or value last."""
    for position, column in enumerate(board.columns):
        cells = [(line, cell) for line in lines if (cell := line.cells[position]) is not None]
        if cells:
            yield column, sorted(cells, key=lambda one: place_in(column, one[1]))


def _best(cells: Sequence[tuple[Line, Cell]]) -> tuple[Sequence[tuple[Line, Cell]], str]:
    """Return as many of the best as a panel holds, and what its title says if that is not all."""
    return cells[:MAX_BARS], f" (best {MAX_BARS} of {len(cells)})" if len(cells) > MAX_BARS else ""


def _duration_panels(board: Board, lines: Sequence[Line], by_folder: Mapping[str, Document]) -> Iterator[DurationPanel]:
    for column, cells in _columns(board, lines):
        found = []
        for line, cell in cells:
            by = by_folder[cell.run_dir]["metrics"][column.metric].get("by", {}).get(DURATION, {})
            bins = tuple(
                DurationBin(label, score["value"], score["ci"] and (score["ci"][0], score["ci"][1]), score["n"])
                for label, score in by.items()
            )
            if bins:
                found.append(DurationLine(line.name, bins))
        if found:
            yield DurationPanel(_title(column, " "), column.higher_is_better, column.is_rate, tuple(found))


def _error_panels(board: Board, by_folder: Mapping[str, Document]) -> Iterator[ErrorPanel]:
    kinds = ("substitutions", "deletions", "insertions", "reference_length")
    for column, cells in _columns(board, board.runs):
        shown, best_of = _best(cells)
        scores = [(line.name, by_folder[cell.run_dir]["metrics"][column.metric]) for line, cell in shown]
        rows = [ErrorRow(name, *(score[kind] for kind in kinds)) for name, score in scores if kinds[0] in score]
        if rows:
            yield ErrorPanel(_title(column, " ") + best_of, tuple(rows))


def _confusion_panels(
    board: Board, lines: Sequence[Line], by_folder: Mapping[str, Document]
) -> Iterator[ConfusionPanel]:
    """Yield a matrix for each column whose best run has one."""
    for column, cells in _columns(board, lines):
        line, cell = cells[0]
        if confusion := _confusion_of(by_folder[cell.run_dir]):
            counts = tuple((*row, none) for row, none in zip(confusion["matrix"], confusion["unparsed"], strict=True))
            labels = (*confusion["labels"], NO_LABEL)
            yield ConfusionPanel(f"{column.task} {column.split}: {line.name}", labels, counts)


def _confusion_of(document: Document) -> dict[str, Any] | None:
    """Return the confusion matrix of a run, None where no metric made one."""
    matrices = (score.get("confusion") for score in document["metrics"].values())
    return next((matrix for matrix in matrices if matrix), None)
