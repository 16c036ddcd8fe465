"""Seams for tests, shipped so that users can test what is theirs: a scripted model, tones, a metric of a few texts."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from evaluate.metrics import create_metric
from evaluate.metrics.base import Judged, MetricSettings
from evaluate.model import ModelAdapter
from evaluate.types import Failure, GenerationOptions, Output, Request, Sample


class ScriptedModel(ModelAdapter):
    """Answers from a table, or fails as told.

    Args:
        answers: Sample id to text, or to the exception to raise when the sample is in a batch.
        name: As it stands in results.
        fits: How many samples a batch may hold before the model runs out of memory.
        truncated: Ids of samples whose answers the token limit ends; None: it cannot tell.
    """

    def __init__(
        self,
        answers: Mapping[str, str | Exception],
        *,
        name: str = "scripted",
        fits: int = 10**9,
        truncated: Collection[str] | None = None,
    ) -> None:
        self.name = name
        self._truncated = truncated
        self.batches: list[list[str]] = []  # ids of each batch it was given
        self.num_loads = 0
        self._answers = answers
        self._fits = fits

    def load(self) -> None:
        self.num_loads += 1

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        self.batches.append([request.sample.id for request in batch])
        if len(batch) > self._fits:
            raise MemoryError(f"{len(batch)} samples do not fit")
        outputs = []
        for request in batch:
            answer = self._answers[request.sample.id]
            if isinstance(answer, Exception):
                raise answer
            is_cut = None if self._truncated is None else request.sample.id in self._truncated
            outputs.append(Output(request.sample.id, text=answer, truncated=is_cut))
        return outputs


class TextModel(ModelAdapter):
    """Answers text with what a function makes of each sample: a judge, for one.

    Args:
        answer: Returns the text, or a failure, or the exception to raise when the sample is in a batch.
        name: As it stands in results.
    """

    sample_rate_hz = None

    def __init__(self, answer: Callable[[Sample], str | Failure | Exception], *, name: str = "text-model") -> None:
        self.name = name
        self.batches: list[list[Sample]] = []
        self.num_loads = 0
        self._answer = answer

    @property
    def asked(self) -> list[Sample]:
        """Every sample that it was given."""
        return [sample for batch in self.batches for sample in batch]

    def load(self) -> None:
        self.num_loads += 1

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        self.batches.append([request.sample for request in batch])
        for request in batch:
            answer = self._answer(request.sample)
            if isinstance(answer, Exception):
                raise answer
            if isinstance(answer, Failure):
                yield Output(request.sample.id, error=answer)
            else:
                yield Output(request.sample.id, text=answer)


def write_tone(
    path: Path,
    *,
    duration_s: float = 0.5,
    sample_rate_hz: int = 16_000,
    frequency_hz: float = 440.0,
    num_channels: int = 1,
    subtype: str | None = None,
) -> Path:
    """Write a sine tone of amplitude 0.5; the format follows from the file's suffix."""
    times_s = np.arange(round(duration_s * sample_rate_hz)) / sample_rate_hz
    wave = 0.5 * np.sin(2 * np.pi * frequency_hz * times_s)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(str(path), np.repeat(wave[:, None], num_channels, axis=1), sample_rate_hz, subtype=subtype)
    return path


def judged(references: Sequence[str | Sequence[str]], answers: Sequence[str | None]) -> list[Judged]:
    """Return samples as metrics see them; one reference may stand without its list, None is a failed sample."""
    pairs = zip(references, answers, strict=True)
    return [
        Judged(
            str(number),
            (truth,) if isinstance(truth, str) else tuple(truth),
            answer,
            "failed" if answer is None else "scored",
        )
        for number, (truth, answer) in enumerate(pairs)
    ]


def value_of(
    metric: str, references: Sequence[str | Sequence[str]], answers: Sequence[str | None], **settings: Any
) -> float:
    """Return a metric of a few texts; NaN where it is undefined.

    Args:
        metric: Its name.
        references: Of each sample, see `judged`.
        answers: Of each sample.
        **settings: Fields of `MetricSettings`.
    """
    scorer = create_metric(metric, MetricSettings(**settings))
    return float(scorer.value(scorer.rows(judged(references, answers))))
