"""Whose score it is: what every reader of scores documents has to tell apart."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class System:
    """A model as it was run; runs that differ in any of it are never shown as one."""

    model: str
    revision: str
    dtype: str
    settings: str  # of the model, of generation and for clips

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "System":
        """Return the system of a scores document."""
        policy = document.get("clip_policy", {})  # runs of earlier versions kept all clips
        options = sorted({**document["model_arguments"], **document["generation"], **policy}.items())
        return cls(
            model=document["model"],
            revision=document.get("model_revision") or "",
            dtype=document.get("model_dtype") or "",
            settings=", ".join(f"{name}={value}" for name, value in options),
        )

    def label(self, others: Iterable["System"]) -> str:
        """Return the model's name, with whatever tells it from other systems of that name."""
        same = [other for other in others if other.model == self.model]
        parts = [self.model]
        if len({other.revision for other in same}) > 1 and self.revision:
            parts.append(f"@{self.revision[:8]}")
        if len({other.dtype for other in same}) > 1 and self.dtype:
            parts.append(self.dtype)
        if len({other.settings for other in same}) > 1 and self.settings:
            parts.append(f"({self.settings})")
        return " ".join(parts)


def is_whole(document: Mapping[str, Any]) -> bool:
    """Whether a score is of its whole split."""
    return bool(document["coverage"]["complete"]) and document["n_total"] == document["coverage"]["found"]
