"""What a metric is set up with; apart from the metrics, so that tasks can be listed without numpy."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from evaluate.metrics.base import Judge

# Published evaluations whose scoring is offered as it was, faults included; what differs stands at each metric.
PROTOCOLS = ("qwen-audio", "qwen2-audio", "mmau")


@dataclass(frozen=True, slots=True)
class MetricSettings:
    """What a metric is set up with.

    The first five determine how a score is made from rows and stand in scores.json; the others say where answers to a
    metric's own questions come from.
    """

    language: str = ""  # of the references, ISO 639-1; "" where it plays no part
    normalizer: str | None = None  # None: the metric's default for the language
    choices: tuple[str, ...] = ()  # the label set, for metrics over labels
    protocol: str = ""  # "": the sound definition; else one of PROTOCOLS, whose scoring is kept with its faults
    group: str = ""  # kind of group, for metrics that average over groups
    ptb: Literal["python", "java"] = "python"  # which PTB tokeniser serves the caption metrics
    spice_scores: Path | None = None  # SPICE's own output, from a machine that has it
    spice_input: Path | None = None  # where to write what SPICE reads, to be taken there
    judge: "Judge | None" = None
    judgements: Path | None = None  # where the judge's replies are kept
    rubric: str = ""  # by which it judges: a name, or the path of a YAML file; "": the default
    max_unjudged: int = 0  # how many answers may be left out of the mean since the judge failed on them

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "MetricSettings":
        """Read the settings back from a scores document."""
        return cls(
            record["language"],
            record["normalizer"],
            tuple(record["choices"]),
            protocol=record.get("protocol", ""),
            group=record.get("group", ""),
        )
