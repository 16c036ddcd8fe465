"""`otoscope report`, `view` and `compare`: what came out."""

from pathlib import Path

import click

from evaluate.commands import options
from evaluate.commands.shared import Command, notice, print_json, run_folder, written_lines
from evaluate.errors import RequestError

EXPORTS = ("model-index", "open-asr", "lm-eval")  # named here: what writes them is imported only where it is asked for


@click.command("report", cls=Command)
@options.RESULTS_DIR
@click.option("--out", type=click.Path(path_type=Path), help="Where to write; default: report/ in the results folder.")
@click.option(
    "--models",
    help="Comma-separated parts of the names that stand in the radar chart and others for a few; default: the runs and "
    "published figures with most columns.",
)
@click.option(
    "--export",
    "exports",
    multiple=True,
    type=click.Choice(EXPORTS),
    help="Also write the scores as others read them, into exports/ (repeatable).",
)
@click.option(
    "--radar",
    metavar="NAME",
    help="Only redraw a paper's radar chart, such as qwen-audio, with the runs of --models on its axes; needs no runs.",
)
@options.JSON
def report_command(
    results_dir: Path, out: Path | None, models: str | None, exports: tuple[str, ...], radar: str | None, as_json: bool
) -> None:
    """Write leaderboard, charts and a sample page for each run, published figures beside them.

    Leaderboard: leaderboard.html, .md, .csv and .tex. Charts, each .png and .svg: radar, bars and, where runs have
    them, durations, errors and confusion. Sample pages: runs/…/index.html.

    \b
    Examples:
      otoscope report --out site --models whisper,qwen --export model-index
      otoscope report --radar qwen-audio --out figure
    """
    from evaluate.report.writing import write_published_radar, write_report

    out = out or results_dir / "report"
    names = [name.strip() for name in (models or "").split(",") if name.strip()]
    if radar is not None:
        if exports:
            raise RequestError("--radar draws one chart; leave --export out, or --radar")
        written = write_published_radar(results_dir, out, radar, models=names, notice=notice)
    else:
        written = write_report(results_dir, out, models=names, exports=exports, notice=notice)
    if as_json:
        print_json([str(path) for path in written])
        return
    for line in written_lines(written, out):
        click.echo(line)


@click.command("view", cls=Command)
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--static", "folder", type=click.Path(path_type=Path), help="Write the page and its audio into this folder instead."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    show_default=True,
    help="Where to listen; 0: where there is room.",
)
@click.option("--open/--no-open", "opens", default=False, show_default=True, help="Open the page in a browser.")
@options.RESULTS_DIR
def view_command(run_dir: Path, folder: Path | None, port: int, opens: bool, results_dir: Path) -> None:
    """Show the samples of a run in a browser: audio, texts, differences and scores.

    RUN is its folder; what stands behind runs/ in the results folder is enough.

    The page is served on this machine only, at the address that is printed, until Ctrl-C. With --static it becomes a
    folder with everything in it, audio too, that opens by double click and can be given to others.

    \b
    Examples:
      otoscope view results/runs/whisper_base/aishell1/test/0123456789ab
      otoscope view results/runs/whisper_base/aishell1/test/0123456789ab --static site
    """
    from evaluate.report.sample_page.page import require_run

    run = require_run(run_folder(run_dir, results_dir))
    if folder is None:
        from evaluate.report.sample_page.server import serve

        serve(run, port=port, opens=opens, say=click.echo)
    else:
        from evaluate.report.sample_page.static import write_static_page

        page, num_absent = write_static_page(run, folder)
        click.echo(str(page))
        if num_absent:
            notice(f"{num_absent} clips are not here, or no audio; the page says so where they belong")


@click.command("compare", cls=Command)
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="For resamples and permutations."
)
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write a page: the samples that changed, side by side with their differences and audio.",
)
@options.RESULTS_DIR
@options.JSON
def compare_command(first: Path, second: Path, seed: int, page: Path | None, results_dir: Path, as_json: bool) -> None:
    """Compare two runs on the same samples: paired difference, interval, p-value, changed samples.

    A run is named by its folder; what stands behind runs/ in the results folder is enough.

    \b
    Example:
      otoscope compare results/runs/old/aishell1/test/0123456789ab results/runs/new/aishell1/test/ba9876543210
    """
    from evaluate.compare import NUM_CHANGED, compare_runs
    from evaluate.report.compare_page import MAX_CHANGED, comparison_page
    from evaluate.tables import print_comparison

    first, second = (run_folder(run, results_dir) for run in (first, second))
    comparison = compare_runs(first, second, seed=seed, num_changed=MAX_CHANGED if page else NUM_CHANGED)
    if page:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(comparison_page(comparison), encoding="utf-8", errors="backslashreplace")
        notice(f"page: {page}")
    comparison = {**comparison, "changed": comparison["changed"][:NUM_CHANGED]}
    if as_json:
        print_json(comparison)
    else:
        print_comparison(comparison)
