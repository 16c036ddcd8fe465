"""Which corpora are here: a row per task and split. Only lists and file names are read, no audio."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evaluate.data.sources import Source, read_sources
from evaluate.data.survey import Finding, survey
from evaluate.errors import RequestError
from evaluate.registry import Registry
from evaluate.task import Task
from tasks import find_task_class, parse_task_spec, task_registry

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
    if spec is not None:
        name, split = parse_task_spec(spec)
        task = find_task_class(name, tasks_dir=tasks_dir)(data_dir)
        return [_row(finding, sources.get(task.name)) for finding in survey_named(task, split)]
    return list(_rows_of_all(task_registry(tasks_dir), data_dir, dict(sources)))


def survey_named(task: Task, split: str | None) -> list[Finding]:
    """Return what is found of a task's splits, or of the one that was named.

    Raises:
        UnknownNameError: The task has no such split, and none of that name is here.
    """
    if split is None:
        return list(survey(task))
    if split not in task.splits and split not in task.present_splits():
        raise task.unknown_split(split, task.present_splits())
    return list(survey(task, [split]))


def _rows_of_all(registry: Registry, data_dir: Path, sources: dict[str, Source]) -> Iterator[Row]:
    for name in registry.names():
        try:
            task: Task = registry.get(name)(data_dir)
        except RequestError as error:  # a plug-in that is broken must not hide the others
            yield {**_EMPTY, "task": name, "state": "damaged", "detail": str(error)}
            continue
        for finding in survey(task):
            yield _row(finding, sources.get(name))


_EMPTY: Row = {
    "task": "",
    "split": "",
    "state": "absent",
    "found": 0,
    "official": None,
    "licence": "",
    "how_to_get": "",
    "detail": "",
}


def _row(finding: Finding, source: Source | None) -> Row:
    coverage = finding.split.coverage if finding.split else None
    return {
        "task": finding.task.name,
        "split": finding.name,
        "state": finding.state,
        "found": coverage.found if coverage else 0,
        "official": coverage.official if coverage else finding.task.official_sizes.get(finding.name),
        "licence": source.licence if source else "",
        "how_to_get": _how_to_get(finding, source),
        "detail": coverage.describe() if coverage else finding.error,
    }


def _how_to_get(finding: Finding, source: Source | None) -> str:
    if source is None:
        return finding.task.source
    if source.archives and source.serving(finding.name):
        return f"otoscope data fetch {finding.task.name}:{finding.name}"
    return source.instruction or source.page


def print_status(rows: list[Row], *, details: bool) -> None:
    """Print rows as a table; under it what is wrong, or, with details, all that is to say."""
    from evaluate.tables import print_note, print_table

    columns = ("task", "split", "state", "found", "expected", "licence", "how to get")
    cells = [
        [
            row["task"],
            row["split"],
            row["state"],
            str(row["found"]),
            "–" if row["official"] is None else str(row["official"]),
            row["licence"],
            "" if row["state"] == "present" else row["how_to_get"],
        ]
        for row in rows
    ]
    print_table("Corpora", columns, cells, numeric=("found", "expected"))
    for row in rows:
        if row["detail"] and (details or row["state"] in ("partial", "damaged")):
            print_note(f"{row['task']}:{row['split']}: {row['detail']}")
