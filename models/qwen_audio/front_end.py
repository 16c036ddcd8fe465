"""From a waveform to the log-mel that the audio tower takes, and how many tokens a clip becomes.

As released: the clip is cut or padded with silence to 30 s; power spectra of periodic Hann windows of 25 ms every
10 ms, the edges reflected; Slaney mel bins; log10, floored 8 below the clip's maximum; (x + 4) / 4. What follows the
clip's last window is silence, whose value is known, and is not computed.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluate.errors import ClipRejectedError

if TYPE_CHECKING:
    import torch

SAMPLE_RATE_HZ = 16_000
HOP = 160  # frames of the waveform between two mel frames
WINDOW = 400
MAX_FRAMES = 30 * SAMPLE_RATE_HZ  # what follows is dropped
MAX_MEL_FRAMES = MAX_FRAMES // HOP
MIN_FRAMES = 480  # below, no audio token is left
QUIETEST = 1e-10  # power that silence counts as


@dataclass(frozen=True, slots=True)
class ClipLengths:
    """How long a clip is at each stage."""

    mel_len: int  # mel frames, 10 ms each
    after_cnn: int  # positions in the tower's blocks, 20 ms each
    tokens: int  # vectors after pooling, 40 ms each


def clip_lengths(num_frames: int) -> ClipLengths:
    """Return the lengths of a clip of `num_frames` values at 16 kHz; beyond 30 s nothing is counted.

    Raises:
        ClipRejectedError: The clip is too short for a single token.
    """
    if num_frames < MIN_FRAMES:
        raise ClipRejectedError(
            f"the clip has {num_frames} frames at 16 kHz ({num_frames / SAMPLE_RATE_HZ * 1000:.1f} ms), expected at "
            f"least {MIN_FRAMES} (30 ms): anything shorter gives the model no audio token"
        )
    mel_len = min(num_frames, MAX_FRAMES) // HOP
    after_cnn = (mel_len - 1) // 2 + 1
    return ClipLengths(mel_len, after_cnn, tokens=(after_cnn - 2) // 2 + 1)


def log_mel(waveform: NDArray[np.float32], *, num_mels: int = 80) -> "torch.Tensor":
    """Return the log-mel of a clip that is cut or padded with silence to 30 s.

    Args:
        waveform: Shape (num_frames,), at 16 kHz.
        num_mels: Bins of the result.

    Returns:
        Shape (num_mels, 3000), float32.
    """
    import torch

    sounding, silence = _scaled_log_mel(waveform, num_mels)
    whole = torch.full((num_mels, MAX_MEL_FRAMES), silence)
    whole[:, : sounding.shape[1]] = sounding
    return whole


def tower_input(waveform: NDArray[np.float32], *, num_mels: int = 80) -> "torch.Tensor":
    """Return the first `2 * after_cnn` frames of a clip's log-mel: what the tower hears, however long the padding is.

    Raises:
        ClipRejectedError: The clip is too short for a single token.
    """
    num_wanted = 2 * clip_lengths(waveform.size).after_cnn
    sounding, _ = _scaled_log_mel(waveform, num_mels)  # reaches further than the clip, by the last window's half
    return sounding[:, :num_wanted]


def _scaled_log_mel(waveform: NDArray[np.float32], num_mels: int) -> tuple["torch.Tensor", float]:
    """Return the log-mel up to the last window that touches the clip, and the value of all frames after it."""
    import torch

    clip = torch.as_tensor(np.ascontiguousarray(waveform[:MAX_FRAMES], dtype=np.float32))
    num_touched = min(MAX_MEL_FRAMES, -(-(clip.numel() + WINDOW // 2) // HOP))
    # Unless this is the end of the 30 s, what the last window sees reflected beyond it is silence, as it should be.
    padded = torch.nn.functional.pad(clip, (0, num_touched * HOP - clip.numel()))
    window = torch.hann_window(WINDOW)
    spectrum = torch.stft(padded, WINDOW, HOP, window=window, return_complex=True)[:, :-1]  # (201, num_touched)
    power = spectrum.real.square() + spectrum.imag.square()
    logs = (_filters(num_mels) @ power).clamp(min=QUIETEST).log10()
    floor = float(logs.max()) - 8.0
    silence = max(float(torch.tensor(QUIETEST).log10()), floor)
    return (logs.clamp(min=floor) + 4.0) / 4.0, (silence + 4.0) / 4.0


@lru_cache(maxsize=4)
def _filters(num_mels: int) -> "torch.Tensor":
    """Return the Slaney filter bank, shape (num_mels, 201)."""
    import torch
    from transformers.audio_utils import mel_filter_bank

    bank = mel_filter_bank(
        num_frequency_bins=WINDOW // 2 + 1,
        num_mel_filters=num_mels,
        min_frequency=0.0,
        max_frequency=SAMPLE_RATE_HZ / 2,
        sampling_rate=SAMPLE_RATE_HZ,
        norm="slaney",
        mel_scale="slaney",
    )
    return torch.from_numpy(bank.T.astype(np.float32))
