"""The report: reads scores documents and published figures, renders them; computes no metric."""

from collections.abc import Callable, Sequence
from pathlib import Path

from evaluate.report.exports import write_exports
from evaluate.report.leaderboard import Leaderboard
from evaluate.report.published import load_published, published_dir
from evaluate.results import find_scores


def write_report(
    results_dir: Path, out: Path, *, exports: Sequence[str] = (), notice: Callable[[str], None] = lambda _: None
) -> list[Path]:
    """Write the leaderboard of all runs under a results folder.

    Args:
        results_dir: Where runs live.
        out: Folder to write into.
        exports: Forms to write the scores in as well, see `evaluate.report.exports`.
        notice: Gets what these leave out, a line at a time.

    Returns:
        The files written.

    Raises:
        RequestError: There are no runs.
    """
    documents = find_scores(results_dir)
    leaderboard = Leaderboard(documents, load_published(published_dir(results_dir)), results_dir)
    out.mkdir(parents=True, exist_ok=True)
    written = [out / "leaderboard.md", out / "leaderboard.csv"]
    written[0].write_text(leaderboard.to_markdown(), encoding="utf-8", errors="backslashreplace")
    written[1].write_text(leaderboard.to_csv(), encoding="utf-8", errors="backslashreplace", newline="")
    return written + write_exports(documents, exports, out, notice)
