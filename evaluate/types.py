"""The records that travel through the harness. All are frozen; each field says what it is."""

from __future__ import annotations  # numpy is named, but not imported: `otoscope --help` needs these records too

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Notice: TypeAlias = Callable[[str], None]  # takes one line for people
Rows: TypeAlias = "NDArray[np.float64]"  # what was counted, one row per sample: shape (samples, columns)
SPACELESS = frozenset({"zh", "yue", "ja", "th", "lo", "km", "my"})  # languages written without spaces between words
SAMPLE_SPLIT = "sample"  # the clips that come with the project; no benchmark figure is made of them
KINDS = ("asr", "translation", "captioning", "classification", "question-answering", "timestamps", "chat")
PROBES = ("silence", "shuffle")  # what the audio can be replaced by, see evaluate.probes
_LARGEST = 1e15  # beyond, a number is no time, cost or count of anything


def primary_subtag(language: str) -> str:
    """Return the first part of a language tag, in lower case: "zh" of "zh-CN"."""
    return language.lower().replace("_", "-").partition("-")[0]


@dataclass(frozen=True, slots=True)
class AudioRef:
    """Where a stretch of audio is; whoever needs it reads it."""

    file: str | Path  # kept as text, a third of the memory: there may be a million
    start_s: float = 0.0
    duration_s: float | None = None  # None: to the end of the file
    is_silent: bool = False  # heard as so many frames of zeros, see evaluate.probes

    def __post_init__(self) -> None:
        object.__setattr__(self, "file", os.fspath(self.file))

    @property
    def path(self) -> Path:
        """The file, as a path."""
        return Path(self.file)


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said before the question that is asked now, in a conversation."""

    role: str  # "system", "user" or "assistant"
    text: str
    num_clips: int = 0  # how many clips it brings; a sample's clips stand in the order of its turns


@dataclass(frozen=True, slots=True)
class Sample:
    """One evaluation item."""

    id: str  # unique in its split, the same in every run
    audio: tuple[AudioRef, ...]
    prompt: str  # what the model is asked, in words; a model family may send its own form of it
    references: tuple[str, ...]  # as published, before any normaliser
    kind: str = "asr"  # one of KINDS
    language: str = ""  # of the speech, as ISO 639-1; "" where there is none
    groups: Mapping[str, str] = field(default_factory=dict)  # speaker, subset, …: scores are also given per value
    choices: tuple[str, ...] = ()  # the label set, where there is one
    source_text: str = ""  # what is said, where the references are its translation
    question: str = ""  # what is asked of this sample alone; the prompt holds it already
    answer_language: str = ""  # of the references, where it is not that of the speech
    turns: tuple[Turn, ...] = ()  # of a conversation, before the prompt
    context: str = ""  # what the audio holds, in words: for a judge, never for the model


@dataclass(frozen=True, slots=True)
class GenerationOptions:
    """How text is generated. None leaves the choice to the checkpoint; decoding is greedy unless asked otherwise."""

    max_new_tokens: int | None = None
    min_new_tokens: int = 0  # above 0 forbids an empty answer
    num_beams: int = 1
    temperature: float = 0.0  # 0: greedy; above 0: sampling, seeded
    top_p: float = 1.0  # only when sampling
    repetition_penalty: float = 1.0
    length_penalty: float = 1.0  # only with several beams
    seed: int = 0

    def chosen(self) -> dict[str, Any]:
        """Return the options that differ from their defaults: what tells runs apart, also when options are added."""
        own = asdict(GenerationOptions())
        return {name: value for name, value in asdict(self).items() if value != own[name]}

    def idle(self) -> frozenset[str]:
        """Return the options that mean nothing beside the others: named all the same, they would make another run."""
        drawn_only = {"top_p"} if self.temperature == 0 else set()
        return frozenset(drawn_only | ({"length_penalty"} if self.num_beams == 1 else set()))

    def sample_seed(self, sample_id: str) -> int:
        """Return what a sampled answer is drawn from: another for each sample, the same in every run, below 2^28."""
        text = json.dumps([self.seed, sample_id], separators=(",", ":"))
        return int(hashlib.sha256(text.encode()).hexdigest()[:7], 16)  # some servers take 32 bits, with a sign


# What a user may set, with type and range; the seed comes from the command's own option.
GENERATION_RANGES: dict[str, tuple[type[int] | type[float], float, float]] = {
    "max_new_tokens": (int, 1, 1_000_000),
    "min_new_tokens": (int, 0, 1_000_000),
    "num_beams": (int, 1, 1_000),
    "temperature": (float, 0.0, 100.0),
    "top_p": (float, 1e-6, 1.0),
    "repetition_penalty": (float, 1e-3, 100.0),
    "length_penalty": (float, -100.0, 100.0),
}


@dataclass(frozen=True, slots=True)
class Request:
    """A sample with its decoded audio, as a model adapter gets it."""

    sample: Sample
    waveforms: tuple[NDArray[np.float32], ...]  # one per AudioRef, shape (num_frames,), at the adapter's rate


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a sample has no answer."""

    type: str  # name of the exception class
    message: str


@dataclass(frozen=True, slots=True)
class Output:
    """What a model gave for one sample: text or error, never both, and never "" in place of a failure."""

    sample_id: str
    text: str | None = None
    error: Failure | None = None
    truncated: bool | None = None  # True: stopped by the token limit; None: the adapter cannot tell
    latency_s: float | None = None  # where the adapter measured it for this sample alone
    usage: Mapping[str, float] = field(default_factory=dict)  # what adds up over a run: tokens, cost
    details: Mapping[str, str] = field(default_factory=dict)  # what a server said besides: finish reason, its model

    def __post_init__(self) -> None:
        if (self.text is None) == (self.error is None):
            raise ValueError(f"output of sample {self.sample_id!r} must have either text or an error")
        if not all(map(_is_number, self.usage.values())):
            raise ValueError(f"output of sample {self.sample_id!r} has usage {dict(self.usage)}, expected numbers")


@dataclass(frozen=True, slots=True)
class Prediction:
    """One line of the prediction log: everything that scoring and the report need to know of a sample."""

    id: str
    hypothesis: str | None  # the model's text as it came; None for a failed sample
    error: Failure | None
    references: tuple[str, ...]
    audio_seconds: float | None  # of the corpus's audio, before any cut; None where it could not be measured
    latency_seconds: float  # wall time of the batch that the sample was in, or batches; its own where it is known
    truncated: bool | None = None
    prompt: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)
    audio: tuple[str, ...] = ()  # paths of the files that were read, absolute
    spans: tuple[tuple[float, float | None], ...] = ()  # start and duration in s of each, () for whole files
    clips: tuple[str, ...] = ()  # what was done to them: truncated, chunked, padded, rejected; see evaluate.clips
    usage: Mapping[str, float] = field(default_factory=dict)  # see Output
    details: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the record as it stands in `predictions.jsonl`."""
        error = None if self.error is None else {"type": self.error.type, "message": self.error.message}
        return {
            "id": self.id,
            "hypothesis": self.hypothesis,
            "error": error,
            "references": list(self.references),
            "audio_seconds": self.audio_seconds,
            "latency_seconds": self.latency_seconds,
            "truncated": self.truncated,
            "prompt": self.prompt,
            "groups": dict(self.groups),
            "audio": list(self.audio),
            **({"spans": [list(span) for span in self.spans]} if self.spans else {}),
            **({"clips": list(self.clips)} if self.clips else {}),
            **({"usage": dict(self.usage)} if self.usage else {}),
            **({"details": dict(self.details)} if self.details else {}),
        }

    @staticmethod
    def check(record: Mapping[str, Any]) -> None:
        """Hold a record of `predictions.jsonl` to its form.

        Raises:
            KeyError, TypeError: The record lacks a field, or a field has another type.
        """
        error, hypothesis, groups = record["error"], record["hypothesis"], record.get("groups", {})
        prompt, truncated = record.get("prompt", ""), record.get("truncated")
        times_s = record["audio_seconds"], record["latency_seconds"]
        if not _are_strings([record["id"], prompt]) or not isinstance(hypothesis, str | None):
            raise TypeError("id and prompt must be strings, hypothesis a string or null")
        if (hypothesis is None) == (error is None):
            raise TypeError("exactly one of hypothesis and error must be null")
        if error is not None and not _are_strings([error["type"], error["message"]]):
            raise TypeError("type and message of an error must be strings")
        if not isinstance(truncated, bool | None) or not all(one is None or _is_number(one) for one in times_s):
            raise TypeError("truncated must be true, false or null, times numbers or null")
        audio = record.get("audio") or []
        if not _are_strings(record["references"]) or not record["references"] or not _are_strings(audio):
            raise TypeError("references and audio must be lists of strings, references not empty")
        if not isinstance(groups, dict) or not _are_strings(list(groups.values())):
            raise TypeError("groups must be an object of strings")
        if (clips := record.get("clips")) and not _are_strings(clips):
            raise TypeError("clips must be a list of strings")
        usage, details = record.get("usage") or {}, record.get("details") or {}
        if not isinstance(usage, dict) or not all(map(_is_number, usage.values())):
            raise TypeError("usage must be an object of numbers")
        if not isinstance(details, dict) or not _are_strings(list(details.values())):
            raise TypeError("details must be an object of strings")
        if (spans := record.get("spans")) and (len(spans) != len(audio) or not all(map(_is_span, spans))):
            raise TypeError("spans must be a list of [start, duration or null], one for each path in audio")

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Prediction:
        """Read a record of `predictions.jsonl`.

        Raises:
            KeyError, TypeError: The record lacks a field, or a field has another type.
        """
        cls.check(record)
        error = record["error"]
        return cls(
            id=record["id"],
            hypothesis=record["hypothesis"],
            error=None if error is None else Failure(error["type"], error["message"]),
            references=tuple(record["references"]),
            audio_seconds=record["audio_seconds"],
            latency_seconds=record["latency_seconds"],
            truncated=record.get("truncated"),
            prompt=record.get("prompt", ""),
            groups=record.get("groups", {}),
            audio=tuple(record.get("audio") or ()),
            spans=tuple((start_s, duration_s) for start_s, duration_s in record.get("spans") or ()),
            clips=tuple(record.get("clips") or ()),
            usage=record.get("usage") or {},
            details=record.get("details") or {},
        )


def _is_span(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 2:
        return False
    start_s, duration_s = value
    return _is_number(start_s) and (duration_s is None or _is_number(duration_s))


def _is_number(value: Any) -> bool:
    """Whether a value is one that can be added up: no NaN, no infinity, no integer beyond all floats."""
    return isinstance(value, int | float) and abs(value) <= _LARGEST


def _are_strings(value: Any) -> bool:
    return isinstance(value, list) and {*map(type, value)} <= {str}
