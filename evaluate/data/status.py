"""Which corpora are here: a row per task and split."""

from pathlib import Path
from typing import Any

from evaluate.data.sources import Source, read_sources
from evaluate.data.survey import Finding, survey

Row = dict[str, Any]


def corpus_status(spec: str | None, data_dir: Path, *, tasks_dir: Path | None = None) -> list[Row]:
    """Return a row per task and split.

    Args:
        spec: `NAME[:SPLIT]`; None: all tasks.
        data_dir: Where corpora live.
        tasks_dir: A folder with more tasks.

    Raises:
        RequestError: There is no task or split of that name.
    """
    sources = read_sources()
    return [_row(finding, sources.get(finding.task)) for finding in survey(spec, data_dir, tasks_dir=tasks_dir)]


def _row(finding: Finding, source: Source | None) -> Row:
    coverage = finding.split.coverage if finding.split else None
    return {
        "task": finding.task,
        "split": finding.name,
        "state": finding.state,
        "found": coverage.found if coverage else 0,
        "official": coverage.official if coverage else finding.official,
        "licence": source.licence if source else "",
        "how_to_get": source.how_to_get(finding.name) if source else finding.source,
        "is_default": finding.is_default,
        "detail": coverage.describe() if coverage else finding.error,
    }


def print_status(rows: list[Row], *, details: bool) -> None:
    """Print rows as a table; under it what is wrong, and, with details, how to get what is missing.

    Args:
        rows: Of `corpus_status`.
        details: Whether one task was asked for; otherwise splits that are neither here nor standard are left out.
    """
    from evaluate.tables import print_note, print_table

    rows = [row for row in rows if details or row["is_default"] or row["state"] != "absent"]
    columns = ("task", "split", "state", "found", "expected", "licence")
    cells = [
        [
            row["task"],
            row["split"],
            row["state"],
            str(row["found"]),
            "–" if row["official"] is None else str(row["official"]),
            row["licence"],
        ]
        for row in rows
    ]
    print_table("Corpora", columns, cells, numeric=("found", "expected"), prose=("licence",))
    for row in rows:
        if row["state"] in ("partial", "damaged"):
            print_note(f"{row['task']}:{row['split']}: {row['detail']}")
    if not details:
        print_note("how to get a corpus: otoscope data status NAME")
        return
    for line in dict.fromkeys(row["how_to_get"] for row in rows if row["state"] != "present"):
        print_note(line)
