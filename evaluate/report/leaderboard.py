"""Models against splits, one table per task: never two splits, task versions or ways of scoring in one column.

A run takes the cell of its system and split; of several runs of the same, the newest that covers most samples does. A
system is a model with its revision, dtype, settings, what is done with clips that are too long or short, and the
generation options that are not the task's own: another checkpoint in a folder of the same name, or beam search, is a
row of its own.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluate.errors import RequestError
from evaluate.report.markdown import escape, table_row
from evaluate.report.published import PublishedScore
from evaluate.results import comparable_signature
from evaluate.tables import describe_clips

CSV_COLUMNS = (
    "origin",
    "task",
    "split",
    "model",
    "model_revision",
    "model_dtype",
    "settings",
    "metric",
    "value",
    "ci_low",
    "ci_high",
    "higher_is_better",
    "n_total",
    "n_unparsed",
    "n_failed",
    "official_size",
    "complete",
    "signature",
    "protocol",
    "source",
)


@dataclass(frozen=True, slots=True)
class _TableKey:
    """What all scores of one table share."""

    task: str
    task_version: str
    metric: str
    signature: str

    @property
    def protocol(self) -> str:
        """Name of the published evaluation whose scoring this is, "" for the sound one."""
        found = re.search(r"\|protocol:([^|]+)", self.signature)
        return found[1] if found else ""


@dataclass(frozen=True, slots=True)
class _Column:
    """The samples that all scores of one column are of."""

    split: str
    corpus_fingerprint: str
    is_largest: bool  # of its split's columns: published figures are taken to be of it


@dataclass(frozen=True, slots=True)
class _System:
    """What makes the rows of a table different."""

    model: str
    revision: str
    dtype: str
    settings: str  # of the model, of generation and for clips

    def label(self, others: Sequence["_System"]) -> str:
        """Return the model's name, with whatever tells it from other systems of that name."""
        same = [other for other in others if other.model == self.model]
        parts = [self.model]
        if len({other.revision for other in same}) > 1:
            parts.append(f"@{self.revision[:8]}")
        if len({other.dtype for other in same}) > 1:
            parts.append(self.dtype)
        if len({other.settings for other in same}) > 1 and self.settings:
            parts.append(f"({self.settings})")
        return " ".join(parts)


class Leaderboard:
    """The scores of many runs, with published ones beside them.

    Args:
        documents: Scores documents, oldest first, each with its `run_dir`.
        published: Figures of papers.
        results_dir: For messages.

    Raises:
        RequestError: There are no documents.
    """

    def __init__(
        self, documents: Sequence[dict[str, Any]], published: Sequence[PublishedScore], results_dir: Path
    ) -> None:
        if not documents:
            raise RequestError(f"{results_dir}/runs: no scored runs there; otoscope eval makes them")
        self._documents = _one_per_cell(documents)
        self._published = published

    def to_markdown(self) -> str:
        """Return the leaderboard as Markdown, primary metrics only."""
        tables: dict[_TableKey, list[dict[str, Any]]] = {}
        for document in self._documents:
            tables.setdefault(_table_key(document), []).append(document)
        parts = [
            "# Leaderboard",
            "Primary metric with its 95 % interval; ↓ lower is better, ↑ higher is better. Rates are in per cent. "
            "Published figures stand in *italics*, scored by their own authors' rules: see the protocol named.",
        ]
        keys = sorted(tables, key=lambda key: (key.task, key.task_version, key.signature))
        for key in keys:
            rivals = [other for other in keys if (other.task, other.metric) == (key.task, key.metric) and other != key]
            others = [(other.protocol, {document["split"] for document in tables[other]}) for other in rivals]
            parts.append(self._table(key, tables[key], others))
        return "\n\n".join(parts) + "\n"

    def to_csv(self) -> str:
        """Return every metric of every run, and the published figures of their tasks, one row each; unrounded."""
        target = io.StringIO()
        writer = csv.DictWriter(target, CSV_COLUMNS, lineterminator="\n")
        writer.writeheader()
        for document in self._documents:
            for metric, score in document["metrics"].items():
                low, high = score["ci"] or (None, None)
                row = {
                    "origin": "run",
                    "task": document["task"],
                    "split": document["split"],
                    "model": document["model"],
                    "model_revision": document.get("model_revision"),
                    "model_dtype": document.get("model_dtype"),
                    "settings": _settings(document),
                    "metric": metric,
                    "value": score["value"],
                    "ci_low": low,
                    "ci_high": high,
                    "higher_is_better": score["higher_is_better"],
                    "n_total": document["n_total"],
                    "n_unparsed": document["n_unparsed"],
                    "n_failed": document["n_failed"],
                    "official_size": document["coverage"]["official"],
                    "complete": _is_whole(document),
                    "signature": score["signature"],
                    "protocol": "",
                    "source": document["run_dir"],
                }
                writer.writerow({column: _csv_cell(value) for column, value in row.items()})
        tasks = {document["task"] for document in self._documents}
        for figure in self._published:
            if figure.task in tasks:
                row = {
                    "origin": "published",
                    "task": figure.task,
                    "split": figure.split,
                    "model": figure.model,
                    "metric": figure.metric,
                    "value": round(figure.value, 12),  # 1.8 per cent is 0.018, not 0.018000000000000002
                    "protocol": figure.protocol,
                    "source": figure.source,
                }
                writer.writerow({column: _csv_cell(value) for column, value in row.items()})
        return target.getvalue()

    def _table(
        self, key: _TableKey, documents: Sequence[dict[str, Any]], others: Sequence[tuple[str, set[str]]]
    ) -> str:
        """Return one table; `others` are protocol and splits of those that hold the same task and metric."""
        columns = _columns(documents)
        splits = {column.split for column in columns}
        figures = [
            one
            for one in self._published
            if (one.task, one.metric) == (key.task, key.metric)
            and _is_its_table(one, key.protocol, [protocol for protocol, theirs in others if one.split in theirs])
        ]
        systems = list(dict.fromkeys(map(_system, documents)))
        cells = {(_system(one), one["split"], one["corpus_fingerprint"]): one for one in documents}
        notes: list[str] = []
        first = documents[0]["metrics"][key.metric]
        arrow, is_rate = "↑" if first["higher_is_better"] else "↓", first["is_rate"]
        lines = [
            f"## {escape(key.task)}: {escape(key.metric)} {arrow}",
            "",
            table_row(["model", *columns.values()]),
            table_row(["---", *("---:" for _ in columns)]),
        ]
        for system in systems:
            found = [cells.get((system, column.split, column.corpus_fingerprint)) for column in columns]
            shown = [_shown_score(document, key.metric, notes) for document in found]
            lines.append(table_row([system.label(systems), *shown], escaped=len(shown)))
        for protocol, source, name in dict.fromkeys((one.protocol, one.source, one.model) for one in figures):
            values = {one.split: one.value for one in figures if (one.model, one.source) == (name, source)}
            if not values.keys() & splits:
                continue
            mark = _note(notes, f"published, protocol {protocol}: {source}")
            shown = [
                f"*{_number(values[one.split], is_rate=is_rate)}*" if one.split in values and one.is_largest else "–"
                for one in columns
            ]
            lines.append(table_row([f"*{escape(name)}* {mark}", *shown], escaped=len(shown) + 1))
        lines += ["", f"Scored as `{key.signature}`."]
        if any(theirs & splits for _, theirs in others):
            lines += ["", "Scores of this task made in another way stand in a table of their own."]
        return "\n".join([*lines, *(f"\n{note}" for note in notes)])


def _is_its_table(figure: PublishedScore, protocol: str, others: Sequence[str]) -> bool:
    """Whether a figure stands in a table: that of its protocol, else that of the sound scoring, if that is one table.

    Args:
        figure: Of a paper.
        protocol: Of the table.
        others: Those of the other tables that hold the figure's split.
    """
    wanted = figure.protocol if figure.protocol in (protocol, *others) else ""
    return not others or (protocol == wanted and wanted not in others)


def _one_per_cell(documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    cells = {}
    for document in documents:  # oldest first: a newer one takes the place
        cells[_table_key(document), document["split"], document["corpus_fingerprint"], _system(document)] = document
    return list(cells.values())


def _columns(documents: Sequence[dict[str, Any]]) -> dict[_Column, str]:
    """Return the columns of a table and their headings: splits in the order they come, the largest of each first."""
    sizes: dict[str, dict[str, int]] = {}
    for document in documents:
        sizes.setdefault(document["split"], {})[document["corpus_fingerprint"]] = document["n_total"]
    columns = {}
    for split, by_fingerprint in sizes.items():
        ranked = sorted(by_fingerprint, key=lambda fingerprint: (-by_fingerprint[fingerprint], fingerprint))
        for fingerprint in ranked:
            told = f" ({by_fingerprint[fingerprint]} samples, {fingerprint[:6]})" if len(ranked) > 1 else ""
            columns[_Column(split, fingerprint, fingerprint == ranked[0])] = split + told
    return columns


def _system(document: dict[str, Any]) -> _System:
    return _System(
        model=document["model"],
        revision=document.get("model_revision") or "",
        dtype=document.get("model_dtype") or "",
        settings=_settings(document),
    )


def _settings(document: dict[str, Any]) -> str:
    policy = document.get("clip_policy", {})  # runs of earlier versions kept all clips
    options = sorted({**document["model_arguments"], **document["generation"], **policy}.items())
    return ", ".join(f"{name}={value}" for name, value in options)


def _table_key(document: dict[str, Any]) -> _TableKey:
    metric = document["primary"]
    signature = comparable_signature(document["metrics"][metric]["signature"])
    return _TableKey(document["task"], document["task_version"], metric, signature)


def _is_whole(document: dict[str, Any]) -> bool:
    return bool(document["coverage"]["complete"]) and document["n_total"] == document["coverage"]["found"]


def _shown_score(document: dict[str, Any] | None, metric: str, notes: list[str]) -> str:
    if document is None:
        return "–"
    score = document["metrics"][metric]
    text = _number(score["value"], is_rate=score["is_rate"])
    if score["ci"] is not None and document["n_total"] > 1:
        low, high = (_number(bound, is_rate=score["is_rate"]) for bound in score["ci"])
        text += f" ({low}–{high})"
    if not _is_whole(document):
        size = document["coverage"]["official"] or document["coverage"]["found"]
        alone = " from its lists alone, no audio" if document["coverage"].get("labels_only") else ""
        text += " " + _note(notes, f"partial: {document['n_total']} of {size} samples{alone}")
    if changed := describe_clips(document.get("clip_counts", {})):
        text += " " + _note(notes, changed)
    if document["n_failed"]:
        text += " " + _note(notes, f"{document['n_failed']} samples failed and count at their worst")
    return text


def _note(notes: list[str], text: str) -> str:
    """Return the mark of a note, which is added if it is new."""
    known = next((index for index, note in enumerate(notes) if note.endswith(f"] {text}")), None)
    number = known + 1 if known is not None else len(notes) + 1
    if known is None:
        notes.append(f"[{number}] {text}")
    return f"[{number}]"


def _number(value: float | None, *, is_rate: bool) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.2f}" if is_rate else f"{value:.2f}"


def _csv_cell(value: Any) -> Any:
    """Return a cell that a spreadsheet does not run as a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
