"""All samples of a run in columns: what the list on its page is sorted and filtered by, without the texts."""

import math
from dataclasses import dataclass, field
from typing import Any

START_CHARACTERS = 48  # of an answer, in the list
MAX_LABELS = 200  # a choice among more groups helps nobody


def groups_of(record: dict[str, Any], scored: dict[str, Any]) -> dict[str, str]:
    """Return a sample's groups as the corpus named them when it was scored, or else when it was run."""
    groups: dict[str, str] = scored.get("groups") or record.get("groups") or {}
    return groups


@dataclass(slots=True)
class Columns:
    """What is known of all samples, a column each."""

    ids: list[str] = field(default_factory=list)
    states: list[str] = field(default_factory=list)  # f: failed, u: unparsed, s: scored
    values: dict[str, list[float | None]] = field(default_factory=dict)  # by metric
    seconds: list[float | None] = field(default_factory=list)
    truncated: list[int] = field(default_factory=list)  # numbers of the samples
    changed: list[int] = field(default_factory=list)  # numbers of those whose clips were
    starts: list[str] = field(default_factory=list)
    groups: dict[str, "_Labels"] = field(default_factory=dict)  # by kind

    def add(self, record: dict[str, Any], scored: dict[str, Any]) -> None:
        """Add a sample: its record in the log and its scores, {} where it has none."""
        number = len(self.ids)
        self.ids.append(record["id"])
        self.states.append("f" if record["error"] else "u" if scored.get("state") == "unparsed" else "s")
        values = scored.get("values") or {}
        for name in values:
            if name not in self.values:
                self.values[name] = [None] * number
        for name, column in self.values.items():
            column.append(_rounded(values.get(name), 4))
        self.seconds.append(_rounded(record["audio_seconds"], 2))
        if record.get("truncated"):
            self.truncated.append(number)
        if record.get("clips"):
            self.changed.append(number)
        self.starts.append(" ".join((record["hypothesis"] or "")[: 4 * START_CHARACTERS].split())[:START_CHARACTERS])
        groups = groups_of(record, scored)
        for kind in groups:
            if kind not in self.groups:
                self.groups[kind] = _Labels([-1] * number)
        for kind, labels in self.groups.items():
            labels.add(groups.get(kind))

    def to_json(self) -> dict[str, Any]:
        """Return the columns as the page reads them; names of metrics and groups are values there."""
        return {
            "ids": self.ids,
            "states": "".join(self.states),
            "metrics": list(self.values),
            "values": list(self.values.values()),
            "seconds": self.seconds,
            "truncated": self.truncated,
            "changed": self.changed,
            "starts": self.starts,
            "groups": [
                {"kind": kind, "labels": list(labels.numbers), "of": labels.of}
                for kind, labels in self.groups.items()
                if len(labels.numbers) <= MAX_LABELS
            ],
        }


@dataclass(slots=True)
class _Labels:
    """Which label of a kind of group each sample has, by the label's number; -1 where none."""

    of: list[int]
    numbers: dict[str, int] = field(default_factory=dict)

    def add(self, label: str | None) -> None:
        self.of.append(-1 if label is None else self.numbers.setdefault(label, len(self.numbers)))


def _rounded(value: Any, places: int) -> float | None:
    """Return a number as short as a list needs it, None for what is none."""
    is_number = isinstance(value, int | float) and math.isfinite(value)
    return round(value, places) if is_number else None
