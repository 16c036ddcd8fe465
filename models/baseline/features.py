"""MFCC statistics: what a clip sounds like on the whole, in eighty numbers.

Mel-frequency cepstral coefficients (Davis and Mermelstein 1980) in a usual form, at 16 kHz: frames of 25 ms every 10,
no padding at the ends, periodic Hann window, power spectrum of 512 points, 40 triangular filters of height 1 on the
HTK mel scale, 2595 log10(1 + f / 700), from 20 Hz to 8 kHz, natural logarithm with a floor of 1e-10, orthonormal
DCT-II, coefficients 0 to 19. Deltas are the regression over two frames to either side, the frames at the ends repeated
(HTK Book 3.4, equation 5.16). A clip becomes the mean and the standard deviation over time of coefficients and deltas.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
RECIPE = "mfcc-1"  # goes up with any change of what is computed here
NUM_FILTERS, NUM_COEFFICIENTS = 40, 20
_FRAME, _HOP, _POINTS = 400, 160, 512
_LOW_HZ, _HIGH_HZ = 20.0, 8_000.0
_FLOOR = 1e-10
_REACH = 2  # frames to either side that a delta looks at
_FRAMES_AT_ONCE = 8_192  # 80 s: spectra of a long recording are never all in memory


def clip_features(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the statistics of a clip.

    Args:
        waveform: At 16 kHz, shape (num_frames,); one that is shorter than 25 ms is filled up with zeros.

    Returns:
        Shape (80,): means of coefficients and of deltas, then their standard deviations.
    """
    coefficients = mfcc(waveform)
    both = np.concatenate([coefficients, deltas(coefficients)], axis=1)
    return np.concatenate([both.mean(axis=0), both.std(axis=0)]).astype(np.float32)


def mfcc(waveform: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the coefficients of a clip, shape (frames, 20)."""
    from scipy.fft import dct

    filled = np.pad(waveform, (0, max(0, _FRAME - len(waveform))))
    frames = np.lib.stride_tricks.sliding_window_view(filled, _FRAME)[::_HOP]  # (frames, 400), no copy
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FRAME) / _FRAME)
    parts = []
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        spectrum = np.fft.rfft(frames[start : start + _FRAMES_AT_ONCE] * window, _POINTS)  # (frames, 257)
        energies = (spectrum.real**2 + spectrum.imag**2) @ mel_filters()  # (frames, 40)
        logs = np.log(np.maximum(energies, _FLOOR))
        parts.append(dct(logs, type=2, norm="ortho", axis=1)[:, :NUM_COEFFICIENTS])
    found: NDArray[np.float64] = np.concatenate(parts)
    return found


def deltas(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how fast values change, per frame, in the shape of the values: (frames, numbers)."""
    padded = np.pad(values, ((_REACH, _REACH), (0, 0)), mode="edge")
    num_frames, total = len(values), np.zeros_like(values)
    for step in range(1, _REACH + 1):
        ahead, behind = padded[_REACH + step :][:num_frames], padded[_REACH - step :][:num_frames]
        total += step * (ahead - behind)
    changes: NDArray[np.float64] = total / (2 * sum(step**2 for step in range(1, _REACH + 1)))
    return changes


@cache
def mel_filters() -> NDArray[np.float64]:
    """Return the weights of the filters, shape (257, 40)."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (_LOW_HZ, _HIGH_HZ))
    edges_hz = 700 * (10 ** (np.linspace(low, high, NUM_FILTERS + 2) / 2595) - 1)
    bins_hz = np.arange(_POINTS // 2 + 1)[:, None] * SAMPLE_RATE_HZ / _POINTS
    rising = (bins_hz - edges_hz[:-2]) / np.diff(edges_hz)[:-1]
    falling = (edges_hz[2:] - bins_hz) / np.diff(edges_hz)[1:]
    weights: NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling))
    return weights
