"""`otoscope regression`: new runs against a baseline."""

from pathlib import Path

import click

from evaluate.commands import options
from evaluate.commands.shared import Command, notice, print_json
from evaluate.errors import RequestError


@click.command("regression", cls=Command)
@click.option("--baseline", type=click.Path(path_type=Path), required=True, help="JSON file to compare with.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write the outcome as JUnit XML too.")
@click.option("--summary", type=click.Path(path_type=Path), help="Write it as Markdown for a pull request too.")
@click.option(
    "--update",
    is_flag=True,
    help="Write the newest runs, with what was counted per sample, into the baseline instead of comparing.",
)
@click.option(
    "--tolerance",
    type=float,
    help="With --update: the drop allowed for scores that state none yet, in the metric's own unit (0.005 of a rate is "
    "half a point; 0 allows none). Default: none stated, the interval alone decides.",
)
@options.RESULTS_DIR
@options.JSON
def regression_command(
    baseline: Path,
    junit: Path | None,
    summary: Path | None,
    update: bool,
    tolerance: float | None,
    results_dir: Path,
    as_json: bool,
) -> int:
    """Compare the newest runs with a baseline; exit 1 where a score regressed, a run is missing or a setting moved.

    A score regresses where the 95 % interval of the paired difference lies wholly on the bad side of zero, or the drop
    exceeds the tolerance that the baseline states. Where the baseline holds no samples there is no interval: then only
    the tolerance decides, and without one any drop fails. Intervals are not corrected for their number.

    On GitHub (GITHUB_ACTIONS, GITHUB_STEP_SUMMARY) failures become annotations and the summary that of the job.

    \b
    Examples:
      otoscope regression --baseline results/baselines/nano.json --junit regression.xml --summary regression.md
      otoscope regression --baseline baseline.json --update --tolerance 0.005
    """
    if update:
        if junit or summary:
            raise RequestError("--update compares nothing; leave --junit and --summary out, or --update")
        return _update_baseline(baseline, results_dir, tolerance, as_json)
    if tolerance is not None:
        raise RequestError("--tolerance is stated when a baseline is written; add --update, or edit the file")
    from evaluate.regression import check_baseline
    from evaluate.report.regression.github import annotations, append_summary, is_github, without_commands
    from evaluate.report.regression.junit import write_junit
    from evaluate.report.regression.pull_request import summarize_checks
    from evaluate.report.regression.table import print_checks

    checks = check_baseline(baseline, results_dir)
    if as_json:
        print_json([check.to_json() for check in checks])
    else:
        with without_commands(click.echo):
            print_checks(checks)
    if is_github():
        for line in annotations(checks):
            click.echo(line, err=as_json)
    text = summarize_checks(checks)
    if junit:
        write_junit(junit, checks, baseline=baseline)
    if summary:
        summary.parent.mkdir(parents=True, exist_ok=True)
        summary.write_text(text, encoding="utf-8", errors="backslashreplace")
    append_summary(text)
    return int(any(not check.passed for check in checks))


def _update_baseline(baseline: Path, results_dir: Path, tolerance: float | None, as_json: bool) -> int:
    from evaluate.baseline import update_baseline

    if tolerance is not None and not 0 <= tolerance < float("inf"):
        raise RequestError(f"--tolerance is {tolerance}, expected 0 or more")
    done = update_baseline(baseline, results_dir, tolerance=tolerance)
    for name in done.removed:
        notice(f"{baseline}: left out, for there is no run of it: {name}")
    if as_json:
        print_json(
            {"baseline": str(baseline), "scores": done.num_written, "added": done.added, "removed": done.removed}
        )
    else:
        click.echo(f"{baseline}: {done.num_written} scores written, {len(done.added)} of them new")
    return 0
