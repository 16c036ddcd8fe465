"""What stands between writing a prompt and running the model on it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class PreparedPrompt:
    """A prompt as the model takes it: each clip is audio start, one placeholder per audio token, audio end."""

    ids: tuple[int, ...] = ()
    waveforms: tuple[NDArray[np.float32], ...] = ()  # in order of their places in `ids`; (num_frames,) at 16 kHz

    def __add__(self, other: "PreparedPrompt") -> "PreparedPrompt":
        return PreparedPrompt(self.ids + other.ids, self.waveforms + other.waveforms)
