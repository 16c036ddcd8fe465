"""What a benchmark is: splits of samples, the metrics they are scored by, and how an answer is read out of a text."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluate.answers import DEFAULT_EXTRACTOR, create_extractor
from evaluate.errors import CorpusAbsentError, CorpusError, UnknownNameError
from evaluate.metrics.base import MetricSettings
from evaluate.registry import unknown_name
from evaluate.types import GenerationOptions, Sample

NAMED_IDS = 5  # how many ids a message about missing things names


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a split is here."""

    found: int
    official: int | None  # None: no official size is known
    missing_audio: tuple[str, ...] = ()  # ids with a transcript but no audio
    untranscribed: tuple[str, ...] = ()  # ids with audio but no transcript

    @property
    def is_complete(self) -> bool:
        """Whether nothing is known to be missing."""
        return not self.missing_audio and not self.untranscribed and self.official in (None, self.found)

    def describe(self) -> str:
        """Return one line for people, "" for a complete split."""
        if self.is_complete:
            return ""
        parts = []
        if self.official not in (None, self.found):
            parts.append(f"{self.found} of {self.official} official utterances are here")
        for what, ids in (("audio missing for", self.missing_audio), ("no transcript for", self.untranscribed)):
            if ids:
                more = ", …" if len(ids) > NAMED_IDS else ""
                parts.append(f"{what} {len(ids)}: {', '.join(ids[:NAMED_IDS])}{more}")
        return "; ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """Return the counts, and the first ids of what is missing, for scores.json."""
        return {
            "found": self.found,
            "official": self.official,
            "complete": self.is_complete,
            "n_missing_audio": len(self.missing_audio),
            "missing_audio": list(self.missing_audio[:NAMED_IDS]),
            "n_untranscribed": len(self.untranscribed),
            "untranscribed": list(self.untranscribed[:NAMED_IDS]),
        }


@dataclass(frozen=True, slots=True)
class Split:
    """The samples of one split, in the order that `--limit` counts, and how much of the corpus they are."""

    name: str
    samples: tuple[Sample, ...]
    coverage: Coverage


class Task(ABC):
    """A benchmark. A subclass states its facts as class attributes and reads its corpus in `read_split`.

    Args:
        data_dir: The folder that holds the corpora's own top folders.
        manifest: A JSONL file to read instead of the corpus's own layout.
    """

    name: str
    version: str  # goes up when a score could move
    kind: str  # one of evaluate.types.KINDS
    language: str = ""
    splits: tuple[str, ...]  # the official ones
    default_splits: tuple[str, ...]  # what papers report, each scored by itself
    metrics: tuple[str, ...]  # the first is the primary one
    normalizer: str | None = None  # None: the metric's default for the language
    choices: tuple[str, ...] = ()
    extractor: str = ""  # how a choice is read out of a text, see evaluate.answers; "": `named` where there are choices
    official_sizes: Mapping[str, int] = {}
    prompt: str = ""
    source: str = ""  # where the corpus comes from and under which licence
    description: str = ""

    def __init__(self, data_dir: Path, manifest: Path | None = None) -> None:
        self.data_dir = data_dir
        self.manifest = manifest

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of the speech, ISO 639-1."""
        return (self.language,) if self.language else ()

    @property
    def answer_extractor(self) -> str:
        """Name of the rule by which an answer is read out of a text; "" where the whole text is the answer."""
        if type(self).extract_answer is not Task.extract_answer:
            return "own"  # the task's version tells which
        return (self.extractor or DEFAULT_EXTRACTOR) if self.choices else ""

    @property
    def primary(self) -> str:
        """Name of the metric that stands for the task in a table."""
        return self.metrics[0]

    @abstractmethod
    def read_split(self, split: str) -> Split:
        """Read a split.

        Raises:
            CorpusAbsentError: The split is not here; the message says where it was looked for and how to get it.
            ManifestError: A line of its lists is wrong.
        """

    def present_splits(self) -> tuple[str, ...]:
        """Return the splits, official or not, that are here."""
        return self.splits

    def read_default_splits(self) -> list[Split]:
        """Read the splits that papers report, as far as they are here.

        Raises:
            CorpusAbsentError: None of them is here.
        """
        read, absent = [], []
        for name in self.default_splits:
            try:
                read.append(self.read_split(name))
            except CorpusAbsentError as error:
                absent.append(error)
        if not read:
            raise absent[0]
        return read

    def metric_settings(self, split: str) -> dict[str, MetricSettings]:
        """Return the metrics of a split by name, each with its language and labels."""
        del split  # the same for all; tasks with several languages differ
        settings = MetricSettings(self.language, self.normalizer, tuple(self.choices))
        return dict.fromkeys(self.metrics, settings)

    def generation_options(self) -> GenerationOptions:
        """Return how text is generated for this task where the user does not say."""
        return GenerationOptions()

    def extract_answer(self, sample: Sample, text: str) -> str | None:
        """Return the answer that a text gives, or None where there is none: counted as unparsed and scored wrong."""
        del sample
        if not self.choices:
            return text
        return create_extractor(self.extractor or DEFAULT_EXTRACTOR)(text, self.choices)

    def unknown_split(self, split: str, present: Sequence[str]) -> UnknownNameError:
        """Return the error for a split that is neither official nor here."""
        known = list(dict.fromkeys([*self.splits, *present]))
        return unknown_name(f"split of {self.name}", split, known, listing=f"splits: {', '.join(known)}")


def require_complete(task: Task, split: Split) -> None:
    """Hold a split to its official size.

    Raises:
        CorpusError: Something is missing.
    """
    if not split.coverage.is_complete:
        raise CorpusError(
            f"{task.name}:{split.name} is not complete: {split.coverage.describe()}; "
            "complete the corpus or leave out --require-complete"
        )
