"""Writing a report: all of it into a folder, or one chart of a paper."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from evaluate.errors import RequestError, RunDamagedError
from evaluate.report.charts import draw_radar
from evaluate.report.exports import write_exports
from evaluate.report.figures import Chart, measured_scores, partial_note, save_chart, write_charts
from evaluate.report.leaderboard.board import make_boards
from evaluate.report.leaderboard.csv_table import to_csv
from evaluate.report.leaderboard.latex import to_latex
from evaluate.report.leaderboard.markdown import to_markdown
from evaluate.report.leaderboard.page import to_html
from evaluate.report.leaderboard.probes import make_probe_lines
from evaluate.report.published import PublishedScore, load_published, load_radar, published_dir
from evaluate.report.sample_page.data import has_page_data
from evaluate.report.sample_page.page import write_sample_page
from evaluate.results import RunDirectory, find_scores
from evaluate.types import SAMPLE_SPLIT, Notice
from evaluate.whole_files import write_whole

# What a report may hold besides what it always does.
OWN_FILES = frozenset(
    [
        "leaderboard-sample.csv",
        *(f"{stem}.{form}" for stem in ("durations", "errors", "confusion") for form in ("png", "svg")),
    ]
)
MADE_UP_BYTES = 40_000_000  # of logs that a report reads at most, where scoring left nothing for a page


def write_report(
    results_dir: Path,
    out: Path,
    *,
    models: Sequence[str] = (),
    exports: Sequence[str] = (),
    notice: Notice = lambda _: None,
) -> list[Path]:
    """Write leaderboard, charts and sample pages of all runs under a results folder.

    Args:
        results_dir: Where runs live.
        out: Folder to write into.
        models: Parts of the names that stand in charts for a few; empty: see `evaluate.report.figures`.
        exports: Forms to write the scores in as well, see `evaluate.report.exports`.
        notice: Gets what is left out, a line at a time.

    Returns:
        The files written, sample pages last.

    Raises:
        RequestError: There are no runs, or a model is in no row.
        RunDamagedError: There are runs, and all are damaged.
    """
    from tasks import registry

    damaged: list[str] = []
    found = find_scores(results_dir, probes=None, damaged=damaged.append)
    documents, probes = ([one for one in found if bool(one["probe"]) == is_probe] for is_probe in (False, True))
    if damaged and not documents:
        raise RunDamagedError(damaged[0])
    if not documents:
        raise RequestError(f"{results_dir}/runs: no scored runs there; otoscope eval makes them")
    for problem in damaged:
        notice(f"left out: {problem}")
    published = load_published(published_dir(results_dir))
    boards = make_boards(documents, published, registry.names())
    out.mkdir(parents=True, exist_ok=True)
    charts = write_charts(boards[0], documents, out, models=models)  # clips of the project only where there is no other
    _tell_lacks(charts, notice)
    probe_lines = make_probe_lines(documents, probes)
    pages = _write_sample_pages([*documents, *probes], results_dir, out, notice)
    texts = {
        "leaderboard.md": to_markdown(boards, probe_lines),
        **_tables_for_programs(documents, published, probes),
        "leaderboard.tex": to_latex(boards),
        "leaderboard.html": to_html(
            boards,
            pages={run: _address(page, out) for run, page in pages.items()},
            charts=charts,
            probes=probe_lines,
        ),
    }
    for name, text in texts.items():
        write_whole(out / name, text)
    written = [*(out / name for name in texts), *(path for chart in charts for path in chart.files)]
    for name in OWN_FILES - {path.name for path in written}:
        (out / name).unlink(missing_ok=True)  # of an earlier report, of other runs
    return [
        *written,
        *write_exports(documents, exports, out, notice),
        *pages.values(),
    ]


def write_published_radar(
    results_dir: Path,
    out: Path,
    name: str,
    *,
    models: Sequence[str] = (),
    notice: Notice = lambda _: None,
) -> list[Path]:
    """Redraw the radar chart of a paper from its published figures, with runs on its axes where models are named.

    Args:
        results_dir: Where runs live; none are needed where no models are named.
        out: Folder to write into.
        name: Of the chart.
        models: Parts of the names of models whose runs are drawn too.
        notice: Gets what the chart lacks, a line at a time.

    Returns:
        The files written.

    Raises:
        RequestError: No published file of that name holds a chart, or no run is of such a model.
    """
    own, partial = measured_scores(find_scores(results_dir), models, protocol=name) if models else ([], set())
    radar = load_radar(published_dir(results_dir), name, own)
    notes = [*radar.notes, *partial_note(partial & radar.splits)]
    figure = draw_radar(radar.axes, radar.series, title=radar.title, notes=notes)
    chart = save_chart(figure, out, "radar", radar.title)
    _tell_lacks([chart], notice)
    return list(chart.files)


def _tell_lacks(charts: Sequence[Chart], notice: Notice) -> None:
    for lacks in dict.fromkeys(chart.lacks for chart in charts if chart.lacks):
        notice(lacks)


def _tables_for_programs(
    documents: Sequence[Mapping[str, Any]], published: Sequence[PublishedScore], probes: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """Return the CSV, that of clips that come with the project by itself where there are other runs too."""
    real, sample = (
        [[one for one in some if (one["split"] == SAMPLE_SPLIT) == wanted] for some in (documents, probes)]
        for wanted in (False, True)
    )
    if not any(real):
        return {"leaderboard.csv": to_csv(sample[0], [], sample[1])}
    tables = {"leaderboard.csv": to_csv(real[0], published, real[1])}
    return tables | ({"leaderboard-sample.csv": to_csv(sample[0], [], sample[1])} if any(sample) else {})


def _address(page: Path, out: Path) -> str:
    """Return the address of a page as one beside it in the report names it."""
    return quote(page.relative_to(out).as_posix())


def _write_sample_pages(
    documents: Sequence[Mapping[str, Any]], results_dir: Path, out: Path, notice: Notice
) -> dict[str, Path]:
    """Write a sample page for each run that has a log; returns the pages by the runs' folders.

    A run's samples are made ready for its page when it is scored, so that no log is read here. Runs of earlier
    versions, or from elsewhere, are made up for, some in each report.
    """
    pages: dict[str, Path] = {}
    left, num_waiting, problems = MADE_UP_BYTES, 0, []
    for document in reversed(documents):  # newest first
        run = RunDirectory(Path(document["run_dir"]))
        if not run.predictions.is_file():
            continue
        if not has_page_data(run):
            left -= run.predictions.stat().st_size
            if left < 0:
                num_waiting += 1
                continue
        try:
            pages[document["run_dir"]] = write_sample_page(run.path, out / run.path.relative_to(results_dir))
        except (OSError, RunDamagedError) as error:
            problems.append(str(error))
    if problems:
        notice(f"no sample page of {len(problems)} runs: {problems[0]}; the leaderboard lacks these links")
    if num_waiting:
        notice(
            f"no sample page yet of {num_waiting} runs that were scored elsewhere or by an earlier version: the next "
            "report goes on with them, otoscope view RUN shows one now"
        )
    return pages
