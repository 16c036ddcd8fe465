"""Tables in the terminal: scores after a run, names of tasks, models and metrics. Numbers are rounded only here."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

RATES = frozenset(
    {
        *("wer", "cer", "mer", "ser"),
        *("accuracy", "macro_f1", "weighted_f1", "balanced_accuracy", "map"),
        *("spice", "spider", "fense", "cider", "meteor", "rouge_l", "bleu_1", "bleu_2", "bleu_3", "bleu_4"),
    }
)
MAX_SHOWN = 200  # characters of an answer
MIN_WIDTH = 110  # where the output is no terminal, rich assumes 80 columns and wraps


def format_value(metric: str, value: float | None) -> str:
    """Return a value for people: rates in per cent, others as they are, an undefined one as a dash."""
    if value is None:
        return "–"
    return f"{100 * value:.2f} %" if metric in RATES else f"{value:.2f}"


def format_interval(metric: str, interval: Sequence[float] | None) -> str:
    """Return an interval for people, a dash where there is none."""
    if interval is None:
        return "–"
    scale = 100 if metric in RATES else 1
    return f"{scale * interval[0]:.2f} – {scale * interval[1]:.2f}"


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, numeric: Sequence[str] = ()
) -> None:
    """Print a table to stdout; cells are plain text, whatever they hold."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, MIN_WIDTH))
    console.print(Text(title, style="bold"))  # not the table's own title, which wraps at the table's width
    table = Table(header_style="bold")
    for column in columns:
        table.add_column(Text(column), justify="right" if column in numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def print_scores(documents: Sequence[dict[str, Any]]) -> None:
    """Print what came out of a run: every metric of every split with its interval, its counts and what is missing."""
    rows = []
    for document in documents:
        for name, score in document["metrics"].items():
            is_primary = name == document["primary"]
            arrow = "↑" if score["higher_is_better"] else "↓"
            edits = "/".join(str(score[key]) for key in ("substitutions", "deletions", "insertions") if key in score)
            rows.append(
                [
                    f"{document['task']}:{document['split']}" if is_primary and document["task"] else "",
                    f"{name} {arrow}",
                    format_value(name, score["value"]),
                    format_interval(name, None if "ci_note" in score else score["ci"]),
                    edits,
                    _format_count(document) if is_primary else "",
                    str(document["n_unparsed"]) if is_primary else "",
                    str(document["n_failed"]) if is_primary else "",
                ]
            )
    columns = ["task", "metric", "value", "95 % interval", "S/D/I", "samples", "unparsed", "failed"]
    title = str(documents[0]["model"] or "two files")
    print_table(title, columns, rows, numeric=columns[2:])


def _format_count(document: dict[str, Any]) -> str:
    """Return how many samples were evaluated, and of how many where that is not all."""
    coverage = document.get("coverage") or {}
    size = coverage.get("official") or coverage.get("found") or document["n_total"]
    return str(document["n_total"]) if document["n_total"] == size else f"{document['n_total']} of {size}"


def print_checks(checks: Sequence[Any]) -> None:
    """Print the outcome of a regression check (`evaluate.regression.Check`)."""
    rows = [
        [
            f"{check.task}:{check.split}",
            check.model,
            check.metric,
            format_value(check.metric, check.expected),
            format_value(check.metric, check.found),
            check.problem or "ok",
        ]
        for check in checks
    ]
    columns = ["task", "model", "metric", "baseline", "found", "outcome"]
    print_table("Regression check", columns, rows, numeric=["baseline", "found"])


def print_comparison(comparison: dict[str, Any]) -> None:
    """Print what `evaluate.compare.compare_runs` found."""
    rows = []
    for name, found in comparison["metrics"].items():
        arrow = "↑" if found["higher_is_better"] else "↓"
        p_value = "–" if found["p_value"] is None else f"{found['p_value']:.4f}"
        values = [format_value(name, value) for value in found["values"]]
        cells = [format_value(name, found["difference"]), format_interval(name, found["ci"]), p_value]
        rows.append([f"{name} {arrow}", *values, *cells])
    models = [run["model"] for run in comparison["runs"]]
    title = f"{comparison['task']}:{comparison['split']}, {comparison['n_samples']} samples: {models[0]} → {models[1]}"
    columns = ["metric", "first", "second", "difference", "95 % interval", "p"]
    print_table(title, columns, rows, numeric=columns[1:])
    changed = [
        [
            one["id"],
            *(format_value(comparison["primary"], value) for value in one["values"]),
            *map(_shorten, one["answers"]),
        ]
        for one in comparison["changed"]
    ]
    columns = ["changed most", "first", "second", "first answer", "second answer"]
    print_table("", columns, changed, numeric=["first", "second"])


def _shorten(answer: str | None) -> str:
    text = "(none)" if answer is None else " ".join(answer.split())
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
