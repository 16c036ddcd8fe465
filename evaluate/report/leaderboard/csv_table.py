"""The scores as CSV, for other programs: a row for every metric of every run, published figures beside them."""

from collections.abc import Sequence
from typing import Any

from evaluate.report.cells import csv_text
from evaluate.report.leaderboard.board import Document
from evaluate.report.published import PublishedScore
from evaluate.report.systems import System, is_whole, newest_runs

COLUMNS = (
    "origin",
    "task",
    "task_version",
    "split",
    "model",
    "model_revision",
    "model_dtype",
    "settings",
    "probe",
    "metric",
    "is_primary",
    "value",
    "ci_low",
    "ci_high",
    "higher_is_better",
    "n_total",
    "n_unparsed",
    "n_failed",
    "n_truncated",
    "official_size",
    "complete",
    "corpus_fingerprint",
    "signature",
    "protocol",
    "created",
    "source",
)


def to_csv(documents: Sequence[Document], published: Sequence[PublishedScore], probes: Sequence[Document] = ()) -> str:
    """Return every metric of every run, and the published figures of their tasks, one row each; unrounded."""
    tasks = {document["task"] for document in documents}
    rows = [
        row
        for some in (documents, probes)
        for runs in newest_runs(some).values()
        for run in runs
        for row in _rows_of(run)
    ]
    return csv_text(COLUMNS, [*rows, *(_row_of_figure(figure) for figure in published if figure.task in tasks)])


def _rows_of(document: Document) -> list[dict[str, Any]]:
    rows = []
    for metric, score in document["metrics"].items():
        low, high = score["ci"] or (None, None)
        rows.append(
            {
                "origin": "run",
                "task": document["task"],
                "task_version": document["task_version"],
                "split": document["split"],
                "model": document["model"],
                "model_revision": document.get("model_revision"),
                "model_dtype": document.get("model_dtype"),
                "settings": System.of(document).settings,
                "probe": document.get("probe") or "",
                "metric": metric,
                "is_primary": metric == document["primary"],
                "value": score["value"],
                "ci_low": low,
                "ci_high": high,
                "higher_is_better": score["higher_is_better"],
                "n_total": document["n_total"],
                "n_unparsed": document["n_unparsed"],
                "n_failed": document["n_failed"],
                "n_truncated": document.get("n_truncated"),
                "official_size": document["coverage"]["official"],
                "complete": is_whole(document),
                "corpus_fingerprint": document["corpus_fingerprint"],
                "signature": score["signature"],
                "protocol": document.get("protocol"),
                "created": document["created"],
                "source": document["run_dir"],
            }
        )
    return rows


def _row_of_figure(figure: PublishedScore) -> dict[str, Any]:
    return {
        "origin": "published",
        "task": figure.task,
        "split": figure.split,
        "model": figure.model,
        "metric": figure.metric,
        "value": round(figure.value, 12),  # 1.8 per cent is 0.018, not 0.018000000000000002
        "higher_is_better": figure.higher_is_better,
        "protocol": figure.protocol,
        "source": figure.source,
    }
