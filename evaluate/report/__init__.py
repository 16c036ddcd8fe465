"""The report: reads scores documents and published figures, renders them; computes no metric."""

from collections.abc import Callable, Sequence
from pathlib import Path

from evaluate.errors import RequestError
from evaluate.report.exports import write_exports
from evaluate.report.leaderboard.board import make_boards
from evaluate.report.leaderboard.csv_table import to_csv
from evaluate.report.leaderboard.latex import to_latex
from evaluate.report.leaderboard.markdown import to_markdown
from evaluate.report.leaderboard.page import to_html
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
    from tasks import registry

    documents = find_scores(results_dir)
    if not documents:
        raise RequestError(f"{results_dir}/runs: no scored runs there; otoscope eval makes them")
    published = load_published(published_dir(results_dir))
    boards = make_boards(documents, published, registry.names())
    out.mkdir(parents=True, exist_ok=True)
    texts = {
        "leaderboard.md": to_markdown(boards),
        "leaderboard.csv": to_csv(documents, published),
        "leaderboard.tex": to_latex(boards),
        "leaderboard.html": to_html(boards, pages={}),
    }
    for name, text in texts.items():
        (out / name).write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
    return [*(out / name for name in texts), *write_exports(documents, exports, out, notice)]
