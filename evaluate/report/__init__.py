"""The report: reads scores documents and published figures, renders them; computes no metric."""

from pathlib import Path

from evaluate.report.leaderboard import Leaderboard
from evaluate.report.published import load_published, published_dir
from evaluate.results import find_scores


def write_report(results_dir: Path, out: Path) -> list[Path]:
    """Write the leaderboard of all runs under a results folder.

    Returns:
        The files written.

    Raises:
        RequestError: There are no runs.
    """
    leaderboard = Leaderboard(find_scores(results_dir), load_published(published_dir(results_dir)), results_dir)
    out.mkdir(parents=True, exist_ok=True)
    written = [out / "leaderboard.md", out / "leaderboard.csv"]
    written[0].write_text(leaderboard.to_markdown(), encoding="utf-8", errors="backslashreplace")
    written[1].write_text(leaderboard.to_csv(), encoding="utf-8", errors="backslashreplace", newline="")
    return written
