"""Probes: a task run with its audio taken away, to see whether a model listens.

A model that scores no worse without the audio answers from the prompt and from what answers are like. `silence` puts
as many frames of zeros in the place of each clip; `shuffle` gives each sample the clips of another recording, so that
a model hears what it may expect to hear, and nothing of what it is asked about. Prompts, references, metrics and
samples are the same, so that a run and its probe can be compared sample by sample.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evaluate.errors import RequestError
from evaluate.types import AudioRef, Sample


def probe_samples(samples: Sequence[Sample], probe: str, *, seed: int) -> tuple[Sample, ...]:
    """Return the samples with other audio.

    Args:
        samples: Of a split.
        probe: One of `evaluate.types.PROBES`.
        seed: Of the shuffle: the same samples and seed give the same audio.

    Raises:
        RequestError: No sample has clips that another recording could take the place of.
    """
    if probe == "silence":
        return tuple(
            replace(sample, audio=tuple(replace(ref, is_silent=True) for ref in sample.audio)) for sample in samples
        )
    exchanged: dict[tuple[AudioRef, ...], tuple[AudioRef, ...]] = {}
    for number in {len(sample.audio) for sample in samples}:
        # Sorted by path: the order of samples, and where the corpus lies, must not decide.
        clips = sorted({sample.audio for sample in samples if len(sample.audio) == number}, key=str)
        order = np.random.default_rng(seed).permutation(len(clips))
        exchanged |= {clips[here]: clips[there] for here, there in zip(order, np.roll(order, 1), strict=True)}
    if all(clips == others for clips, others in exchanged.items()):
        raise RequestError("--probe shuffle gives each sample the clips of another, but all have the same; try silence")
    return tuple(replace(sample, audio=exchanged[sample.audio]) for sample in samples)
