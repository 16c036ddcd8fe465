"""The report: reads scores documents and published figures, renders them; computes no metric."""

from pathlib import Path

from evaluate.report.charts import draw_radar, save_figure
from evaluate.report.leaderboard import Leaderboard
from evaluate.report.published import load_published, load_radar, published_dir
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


def write_published_radar(results_dir: Path, out: Path, name: str) -> list[Path]:
    """Redraw the radar chart of a paper from its published figures; needs no runs.

    Returns:
        The files written.

    Raises:
        RequestError: No published file of that name holds a chart.
    """
    radar = load_radar(published_dir(results_dir), name)
    return save_figure(draw_radar(radar.axes, radar.series, title=radar.title, notes=radar.notes), out, "radar")
