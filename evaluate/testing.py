"""Seams for tests, shipped so that users can test their own tasks and models: a scripted model, and tones as audio."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile

from evaluate.model import ModelAdapter
from evaluate.types import GenerationOptions, Output, Request


class ScriptedModel(ModelAdapter):
    """Answers from a table, or fails as told.

    Args:
        answers: Sample id to text, or to the exception to raise when the sample is in a batch.
        name: As it stands in results.
        fits: How many samples a batch may hold before the model runs out of memory.
    """

    def __init__(self, answers: Mapping[str, str | Exception], *, name: str = "scripted", fits: int = 10**9) -> None:
        self.name = name
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
            outputs.append(Output(request.sample.id, text=answer))
        return outputs


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
