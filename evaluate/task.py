"""What a benchmark is: splits of samples, the metrics they are scored by, and how an answer is read out of a text."""

from abc import ABC, abstractmethod
from collections.abc import Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluate.answers import DEFAULT_EXTRACTOR, create_extractor
from evaluate.errors import CorpusAbsentError, CorpusError, ProtocolError, UnknownNameError
from evaluate.lines import some_of
from evaluate.metrics.settings import PROTOCOLS, MetricSettings
from evaluate.protocols import Protocol
from evaluate.registry import unknown_name
from evaluate.types import SAMPLE_SPLIT, GenerationOptions, Sample

if TYPE_CHECKING:
    from evaluate.hf_datasets import DatasetSpec

NAMED_IDS = 5  # how many ids a message about missing things names


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a split is here."""

    found: int
    official: int | None  # None: no official size is known
    missing_audio: tuple[str, ...] = ()  # ids with a transcript but no audio
    untranscribed: tuple[str, ...] = ()  # ids with audio but no transcript
    unassigned: tuple[str, ...] = ()  # ids of lines of a list that are of no known split
    labels_only: bool = False  # no audio is here, and none is needed: the model does not hear
    is_own_size: bool = False  # `official` is how many the list holds that is read: no size was published

    @property
    def is_complete(self) -> bool:
        """Whether nothing is known to be missing."""
        lacking = self.missing_audio or self.untranscribed or self.unassigned
        return not lacking and self.official in (None, self.found)

    def describe(self) -> str:
        """Return one line for people, "" for a complete split."""
        if self.is_complete:
            return ""
        parts = ["no audio is here, scored from its lists alone"] if self.labels_only else []
        if self.official not in (None, self.found):
            which = "listed" if self.is_own_size else "official"
            parts.append(f"{self.found} of {self.official} {which} samples are here")
        for what, ids in (
            ("audio missing for", self.missing_audio),
            ("no transcript for", self.untranscribed),
            ("of no known split", self.unassigned),
        ):
            if ids and not (self.labels_only and ids is self.missing_audio):
                parts.append(f"{what} {len(ids)}: {some_of(ids, NAMED_IDS)}")
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
            "labels_only": self.labels_only,
            "n_unassigned": len(self.unassigned),
            "unassigned": list(self.unassigned[:NAMED_IDS]),
        }


@dataclass(frozen=True, slots=True)
class Split:
    """The samples of one split, in the order that `--limit` counts, and how much of the corpus they are."""

    name: str
    samples: tuple[Sample, ...]
    coverage: Coverage
    stands_for: str = ""  # of the clips that come with the project: which split they are made like
    instead_of: str = ""  # where nobody asked for them: why the corpus could not be read

    @property
    def asks_as(self) -> str:
        """The split whose question, labels, language and metrics hold here: what a `Task` is asked about."""
        return self.stands_for or self.name


class Task(ABC):
    """A benchmark. A subclass states its facts as class attributes and reads its corpus in `read_split`.

    Args:
        data_dir: The folder that holds the corpora's own top folders.
        manifest: A JSONL file to read instead of the corpus's own layout.
        dataset: A dataset in Hugging Face form to read instead.
        protocol: Name of a published evaluation whose prompts, limits and scoring are used, "" for the sound ones.
        labels_only: Whether a split without any audio may be read, since nobody will listen.
        answered: Ids of samples that are taken without their audio, since their answers are there already.

    Raises:
        ProtocolError: The protocol does not cover this task.
    """

    name: str
    version: str  # goes up when a score could move
    kind: str  # one of evaluate.types.KINDS
    language: str = ""  # of the speech; "" where it differs between splits, or plays no part
    languages: tuple[str, ...] = ()  # where it differs
    answer_language: str = ""  # of the references, where it is not that of the speech
    splits: tuple[str, ...]  # the official ones
    default_splits: tuple[str, ...]  # what papers report, each scored by itself
    metrics: tuple[str, ...]  # the first is the primary one
    normalizer: str | None = None  # None: the metric's default for the language
    rubric: str = ""  # by which a judge scores answers, see evaluate.judging.rubric; "": the default
    choices: tuple[str, ...] = ()
    multiple_choice = False  # whether samples have choices of their own in place of one label set
    aliases: Mapping[str, tuple[str, ...]] = {}  # choice to other ways of saying it
    extractor: str = ""  # how a choice is read out of a text, see evaluate.answers; "": `named` where there are choices
    official_sizes: Mapping[str, int] = {}
    prompt: str = ""  # what a model is asked, with the places of evaluate.protocols.render_prompt
    categories: tuple[str, ...] = ()  # kinds of a sample's groups whose scores are shown in a table
    protocols: Mapping[str, Protocol] = {}  # the published evaluations that cover it
    source: str = ""  # where the corpus comes from; of a task of one's own, its licence too
    description: str = ""

    def __init__(
        self,
        data_dir: Path,
        manifest: Path | None = None,
        *,
        dataset: "DatasetSpec | None" = None,
        protocol: str = "",
        labels_only: bool = False,
        answered: Container[str] = (),
    ) -> None:
        self.data_dir = data_dir
        self.manifest = manifest
        self.dataset = dataset
        self.protocol_name = protocol
        self.labels_only = labels_only
        self.answered = answered
        if protocol and protocol not in PROTOCOLS:
            raise unknown_name("protocol", protocol, PROTOCOLS, listing=f"protocols: {', '.join(PROTOCOLS)}")
        if protocol and protocol not in self.protocols:
            covered = f"it is covered by {', '.join(self.protocols)}" if self.protocols else "no protocol does"
            raise ProtocolError(f"protocol {protocol!r} does not cover {self.name}; {covered}")

    @property
    def protocol(self) -> Protocol | None:
        """The published evaluation that is repeated, None for the sound one."""
        return self.protocols[self.protocol_name] if self.protocol_name else None

    @property
    def answer_extractor(self) -> str:
        """Name of the rule by which an answer is read out of a text; "" where the whole text is the answer."""
        if self.protocol:
            return self.protocol.extractor
        if type(self).extract_answer is not Task.extract_answer:
            return "own"  # the task's version tells which
        return (self.extractor or DEFAULT_EXTRACTOR) if self.choices or self.multiple_choice else ""

    def metrics_of(self, split: str) -> tuple[str, ...]:
        """Return the metrics of a split, the one that stands for it in a table first."""
        del split  # the same for all; a task whose splits ask different things differs
        return (self.protocol.metrics if self.protocol else ()) or self.metrics

    def rubric_of(self, split: str) -> str:
        """Return the rubric of a split, where a judge scores it."""
        del split
        return self.rubric

    def choices_of(self, split: str) -> tuple[str, ...]:
        """Return the label set of a split."""
        del split
        return self.choices

    def train_split_of(self, split: str) -> str:
        """Return the split that a model may learn from which is then asked what `split` asks."""
        del split
        return "train"

    def language_of(self, split: str) -> str:
        """Return the language of a split's references, "" where it plays no part."""
        del split
        return self.answer_language or self.language

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

    @classmethod
    def has_samples(cls) -> bool:
        """Whether clips of this task come with the project: then it has the split `sample`."""
        return False

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
        settings = MetricSettings(
            self.language_of(split),
            None if self.protocol else self.normalizer,
            () if self.protocol else self.choices_of(split),  # a published evaluation compares letter for letter
            protocol=self.protocol_name,
            rubric=self.rubric_of(split),
        )
        return dict.fromkeys(self.metrics_of(split), settings)

    def generation_options(self) -> GenerationOptions:
        """Return how text is generated for this task where the user does not say."""
        if self.protocol is None:
            return GenerationOptions()
        return GenerationOptions(
            max_new_tokens=self.protocol.max_new_tokens, min_new_tokens=self.protocol.min_new_tokens
        )

    def extract_answer(self, sample: Sample, text: str) -> str | None:
        """Return the answer that a text gives, or None where there is none: counted as unparsed and scored wrong."""
        rule = self.protocol.extractor if self.protocol else self.extractor or DEFAULT_EXTRACTOR
        if not sample.choices or not rule:
            return text
        choices = sample.choices
        if self.protocol:  # published rules ask first whether the text is the true answer, offered or not
            choices = tuple(dict.fromkeys([*filter(None, sample.references), *choices]))
        return create_extractor(rule)(text, choices, self.aliases)

    def covers(self, split: str) -> bool:
        """Whether the published evaluations that cover the task are of this split too."""
        del split
        return True

    def why_unscored(self, split: str) -> str:
        """Return why a split has no score whatever is answered, "" where it has one."""
        del split
        return ""

    def remarks(self, split: str) -> list[str]:
        """Return what somebody who runs a split should know, one line each."""
        del split
        return []

    def known_splits(self) -> tuple[str, ...]:
        """Return the splits that are official or here, and the samples."""
        samples = [SAMPLE_SPLIT] if self.has_samples() else []
        return tuple(dict.fromkeys([*self.splits, *self.present_splits(), *samples]))

    def unknown_split(self, split: str, known: tuple[str, ...] = ()) -> UnknownNameError:
        """Return the error for a split that is neither official nor here.

        Args:
            split: As it was named.
            known: What `known_splits` gives, where that is known already.
        """
        known = known or self.known_splits()
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
