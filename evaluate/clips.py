"""Clips that are longer or shorter than a model hears: what is done with them, and what is recorded of it.

By default nothing is: the model gets every clip whole, and what it makes of it is its own business. Any other policy is
part of what determines the answers, and the prediction log says of each sample what was done to its clips. A clip is
cut before it is decoded, by naming a shorter span of its file; zeros are appended after it is.

A clip that is cut into chunks is cut without regard to words: one that spans a cut is heard in halves.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from evaluate.audio import AudioInfo, span_seconds
from evaluate.errors import ClipRejectedError, RequestError
from evaluate.task import Task
from evaluate.types import SPACELESS, AudioRef, Failure, Output, Prediction, Sample, primary_subtag

LongClips = Literal["keep", "truncate", "chunk", "reject"]
ShortClips = Literal["keep", "pad", "reject"]
Change = Literal["truncated", "chunked", "padded", "rejected"]

HEARD_S = 30.0  # what the encoders of Whisper and Qwen-Audio hear
SHORTEST_S = 0.03  # 480 frames at 16 kHz; a shorter clip gives Qwen-Audio no audio token at all
JOINED_KINDS = ("asr", "translation")  # whose texts of consecutive chunks make one text
_SAME_S = 1e-6  # lengths that are nearer than this are equal: far less than a frame, far more than rounding


@dataclass(frozen=True, slots=True)
class Part:
    """What one request holds of a sample: the whole of it, or a chunk of its clip."""

    sample: Sample  # as the model gets it
    whole: Sample  # as it stands in the split
    seconds: float  # that the model hears, all clips together
    changes: tuple[Change, ...] = ()
    number: int = 0
    num_parts: int = 1


@dataclass(frozen=True, slots=True)
class ClipPolicy:
    """What is done with clips beyond a bound; the bounds hold for each clip of a sample.

    Raises:
        RequestError: A bound is no length, or the two contradict each other.
    """

    long: LongClips = "keep"
    max_s: float = HEARD_S  # of no effect where long clips are kept
    short: ShortClips = "keep"
    min_s: float = SHORTEST_S  # of no effect where short clips are kept

    def __post_init__(self) -> None:
        for option, bound in (("--max-clip-seconds", self.max_s), ("--min-clip-seconds", self.min_s)):
            if not 0 < bound < math.inf:
                raise RequestError(f"{option} is {bound:g}, expected a length above 0 s")
        if self.long != "keep" and self.short != "keep" and self.min_s > self.max_s:
            raise RequestError(
                f"--min-clip-seconds {self.min_s:g} is above --max-clip-seconds {self.max_s:g}: no clip could be right"
            )

    def to_json(self) -> dict[str, Any]:
        """Return what the policy says, named as the command's options are; {} where all clips are kept."""
        long = {"long_clips": self.long, "max_clip_seconds": self.max_s} if self.long != "keep" else {}
        short = {"short_clips": self.short, "min_clip_seconds": self.min_s} if self.short != "keep" else {}
        return {**long, **short}

    def refuse_chunks(self, task: Task, samples: Iterable[Sample]) -> None:
        """Raise where clips are to be cut into chunks whose texts do not make one.

        Raises:
            RequestError: With what cannot be cut.
        """
        if self.long != "chunk":
            return
        if task.kind not in JOINED_KINDS:
            raise RequestError(
                f"{task.name}: --long-clips chunk joins texts, which {' and '.join(JOINED_KINDS)} give, this is "
                f"{task.kind}; choose truncate or reject, or leave the task out"
            )
        for sample in samples:
            if len(sample.audio) != 1:
                raise RequestError(
                    f"{task.name}: --long-clips chunk needs samples of one clip, sample {sample.id!r} has "
                    f"{len(sample.audio)}; choose truncate or reject"
                )

    def parts(self, sample: Sample, infos: Sequence[AudioInfo]) -> list[Part]:
        """Return what is put to the model for a sample, in order.

        Args:
            sample: As it stands in the split.
            infos: What the header of each of its clips says.

        Raises:
            ClipRejectedError: A clip is longer or shorter than the policy takes.
            AudioDecodeError: A span lies beyond its file.
        """
        refs: list[AudioRef] = []
        changes: list[Change] = []
        seconds = 0.0
        for ref, info in zip(sample.audio, infos, strict=True):
            length_s = span_seconds(ref, info)
            heard = ref
            if self.long != "keep" and length_s > self.max_s + _SAME_S:
                if self.long == "reject":
                    raise _rejection(ref, length_s, "--long-clips reject", f"at most {self.max_s:g}")
                if self.long == "chunk":
                    return self._chunks(sample, info)
                heard, length_s = replace(ref, duration_s=self.max_s), self.max_s
                changes.append("truncated")
            elif self.short != "keep" and length_s < self.min_s - _SAME_S:
                if self.short == "reject":
                    raise _rejection(ref, length_s, "--short-clips reject", f"at least {self.min_s:g}")
                length_s = self.min_s
                changes.append("padded")
            refs.append(heard)
            seconds += length_s
        cut = replace(sample, audio=tuple(refs)) if "truncated" in changes else sample
        return [Part(cut, sample, seconds, tuple(dict.fromkeys(changes)))]

    def _chunks(self, sample: Sample, info: AudioInfo) -> list[Part]:
        """Cut a sample's only clip into as few parts as the bound allows, which differ by a frame at most."""
        [ref] = sample.audio
        rate_hz = info.sample_rate_hz
        first = round(ref.start_s * rate_hz)
        num_frames = min(round(span_seconds(ref, info) * rate_hz), info.num_frames - first)
        num_parts = math.ceil(num_frames / max(1, math.floor((self.max_s + _SAME_S) * rate_hz)))
        # Whole frames of the file's own rate: none is heard twice or left out.
        cuts = [first + num_frames * number // num_parts for number in range(num_parts + 1)]
        parts = []
        for number, (start, end) in enumerate(pairwise(cuts)):
            seconds = (end - start) / rate_hz
            chunk = replace(ref, start_s=start / rate_hz, duration_s=seconds)
            # An id of its own: it tells the chunks of a batch apart, and seeds what is sampled.
            piece = replace(sample, id=f"{sample.id}#{number + 1}/{num_parts}", audio=(chunk,))
            parts.append(Part(piece, sample, seconds, ("chunked",), number, num_parts))
        return parts

    def pad(self, waveform: NDArray[np.float32], *, sample_rate_hz: int) -> NDArray[np.float32]:
        """Return a clip, shape (num_frames,), with zeros up to the shortest length where short clips are padded."""
        missing = round(self.min_s * sample_rate_hz) - waveform.size if self.short == "pad" else 0
        return np.pad(waveform, (0, missing)) if missing > 0 else waveform


@dataclass(frozen=True, slots=True)
class ClipOptions:
    """What a user says of clips that are too long or too short; None: as the task's protocol has it, or kept."""

    long: LongClips | None = None
    max_s: float | None = None
    short: ShortClips | None = None
    min_s: float | None = None

    def policy(self, task: Task, *, hears: bool) -> ClipPolicy:
        """Return what is done with the clips of a task.

        Args:
            task: Its protocol may cut long clips, as that evaluation did.
            hears: Whether the model gets audio at all.

        Raises:
            RequestError: A bound is given for clips that are kept, or is none, or nobody hears what is asked for.
        """
        limit_s = task.protocol.max_clip_s if task.protocol else None
        default = ClipPolicy("truncate", limit_s) if limit_s and hears else ClipPolicy()
        policy = self.before(default)
        if policy.to_json() and not hears:
            raise RequestError(
                "the model gets no audio from here: --long-clips and --short-clips have nothing to change; leave them "
                "out"
            )
        return policy

    def before(self, default: ClipPolicy) -> ClipPolicy:
        """Return a policy with what a user said of it.

        Raises:
            RequestError: A bound is given for clips that are kept, or is none.
        """
        policy = replace(default, **{field: value for field, value in asdict(self).items() if value is not None})
        for bound, action, side, kinds in (
            (self.max_s, policy.long, ("--max-clip-seconds", "--long-clips"), LongClips),
            (self.min_s, policy.short, ("--min-clip-seconds", "--short-clips"), ShortClips),
        ):
            if bound is not None and action == "keep":
                raise RequestError(
                    f"{side[0]} {bound:g} bounds nothing where {side[1]} is keep; add {side[1]} "
                    f"{' or '.join(get_args(kinds)[1:])}, or leave it out"
                )
        return policy


def _rejection(ref: AudioRef, length_s: float, option: str, bound: str) -> ClipRejectedError:
    return ClipRejectedError(f"{ref.path}: the clip lasts {length_s:.6g} s, {option} takes {bound} s")


def join_outputs(whole: Sample, outputs: Sequence[Output], *, language: str) -> Output:
    """Return one output for a sample of what its parts gave, in order; where a part failed, the sample did.

    Args:
        whole: The sample.
        outputs: Of its parts.
        language: Of the texts, as a language tag: written without spaces between words, they are joined without.
    """
    if len(outputs) == 1:
        return outputs[0]
    usage: Counter[str] = Counter()
    details: dict[str, dict[str, None]] = {}  # name → the different things that the parts say of it, in order
    texts = []
    for output in outputs:
        usage.update(output.usage)  # a Counter adds fractions too
        for name, text in output.details.items():
            details.setdefault(name, {})[text] = None
        texts.append((output.text or "").strip())
    joined = Output(
        whole.id, text="", usage=dict(usage), details={name: ", ".join(said) for name, said in details.items()}
    )
    for number, output in enumerate(outputs, start=1):
        if output.error is not None:
            reason = f"chunk {number} of {len(outputs)}: {output.error.message}"
            return replace(joined, text=None, error=Failure(output.error.type, reason))
    between = "" if primary_subtag(language) in SPACELESS else " "
    flags = [output.truncated for output in outputs]
    truncated = True if True in flags else None if None in flags else False
    return replace(joined, text=between.join(filter(None, texts)), truncated=truncated)


def count_changes(predictions: Iterable[Prediction]) -> dict[str, int]:
    """Return of how many samples clips were truncated, chunked, padded and rejected."""
    counts = Counter(change for prediction in predictions for change in prediction.clips)
    return {change: counts[change] for change in get_args(Change)}
