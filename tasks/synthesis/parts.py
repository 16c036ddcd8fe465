"""The two parts of everything that is made here, which have no clip in common."""

import zlib
from enum import IntEnum

import numpy as np


class Part(IntEnum):
    """What a clip is for."""

    SAMPLE = 0  # ships with the project, models are evaluated on it
    TRAINING = 1


def clip_generator(kind: str, part: Part, index: int) -> np.random.Generator:
    """Return the random generator of one clip; no two clips of any kind, part or index share one.

    Args:
        kind: Name of the module that makes it.
        part: What it is for.
        index: Its number in its kind and part, from 0.
    """
    return np.random.default_rng([zlib.crc32(kind.encode()), int(part), index])
