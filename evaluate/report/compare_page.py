"""Two runs side by side as a page: what differs, how sure that is, and the samples that changed, with their texts."""

from pathlib import Path
from typing import Any

from evaluate.prediction_log import index_log, read_predictions
from evaluate.report.html import render
from evaluate.results import RunDirectory
from evaluate.tables import comparison_notes

MAX_CHANGED = 1000  # samples on a page
MAX_CHARACTERS = 20_000  # of a text: a page holds them all


def comparison_page(comparison: dict[str, Any]) -> str:
    """Return the page of a comparison.

    Args:
        comparison: What `evaluate.compare.compare_runs` found, the folders of the runs among it.

    Raises:
        KeyError: A sample that changed is not in the log of its run.
    """
    shown = {**comparison, "changed": _with_contents(comparison), "notes": list(comparison_notes(comparison))}
    return render("compare.html", title=f"{comparison['task']}:{comparison['split']}", comparison=shown)


def _with_contents(comparison: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the samples that changed, with references, raw texts and addresses of the audio."""
    ids = [sample["id"] for sample in comparison["changed"]]
    logs = [RunDirectory(Path(run["run_dir"])).predictions for run in comparison["runs"]]
    first, second = (read_predictions(log, index_log(log), ids) for log in logs)
    return [
        {
            **sample,
            "answers": [_cut(answer) for answer in sample["answers"]],
            "alignments": [_unless_long(alignment) for alignment in sample["alignments"]],
            "references": [_cut(text) for text in first_said.references],
            "hypotheses": [_cut(first_said.hypothesis), _cut(second_said.hypothesis)],
            "errors": [said.error and f"{said.error.type}: {said.error.message}" for said in (first_said, second_said)],
            "audio": [_address(path) for path in first_said.audio],
        }
        for sample, first_said, second_said in zip(comparison["changed"], first, second, strict=True)
    ]


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[:MAX_CHARACTERS]}… ({len(text):,} characters; the run's own page shows all)"


def _unless_long(alignment: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return an alignment, None where its texts are too long for a page."""
    num_characters = sum(len(text) for _, *texts in (alignment or {}).get("edits", []) for text in texts)
    return alignment if num_characters <= MAX_CHARACTERS else None


def _address(path: str) -> str | None:
    """Return a file's address, None where its name can have none, or names another machine."""
    if path.startswith(("//", "\\\\")):
        return None
    try:
        return Path(path).absolute().as_uri()
    except ValueError:
        return None
