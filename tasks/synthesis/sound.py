"""What the generators share: noises, tones, envelopes, resonances, rooms. All waveforms are mono, at 16 kHz, float64.

Frequencies are in Hz, times in seconds, levels in dB relative to a full-scale square (0 dBFS is an RMS of 1).
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, lfilter

SAMPLE_RATE_HZ = 16_000
PEAK = 0.98  # what a clip is turned down to if it would clip

Waveform = NDArray[np.float64]  # (num_frames,)


def num_frames(duration_s: float) -> int:
    """Return how many frames a time is."""
    return round(duration_s * SAMPLE_RATE_HZ)


def times_s(duration_s: float) -> Waveform:
    """Return the time of each frame."""
    return np.arange(num_frames(duration_s)).astype(np.float64) / SAMPLE_RATE_HZ


def curve(duration_s: float, *points: tuple[float, float]) -> Waveform:
    """Return a line through points (share of the duration, value): an envelope or the course of a frequency."""
    shares, values = zip(*points, strict=True)
    course: Waveform = np.interp(times_s(duration_s) / duration_s, shares, values)
    return course


def decay(duration_s: float, time_constant_s: float, *, attack_s: float = 0.002) -> Waveform:
    """Return an envelope that rises within `attack_s` and falls to 1/e in each time constant."""
    times = times_s(duration_s)
    return np.minimum(1, times / attack_s) * np.exp(-times / time_constant_s)


def noise(
    rng: np.random.Generator, duration_s: float, *, low_hz: float = 60, high_hz: float = 7600, slope_db: float = 0
) -> Waveform:
    """Return noise of a band, of unit RMS; its spectrum falls by `slope_db` per octave."""
    count = num_frames(duration_s)
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / SAMPLE_RATE_HZ)
    octaves = np.log2(np.maximum(hertz, 1) / max(low_hz, 1))
    # Edges of half an octave's roll-off: a brick wall would ring.
    edge = 1 / (1 + (low_hz / np.maximum(hertz, 1)) ** 8) / (1 + (hertz / high_hz) ** 12)
    shaped = np.fft.irfft(spectrum * edge * 10 ** (-slope_db * octaves / 20), count)
    return shaped / max(rms(shaped), 1e-9)


def tone(frequency_hz: float | Waveform, duration_s: float, *, phase: float = 0) -> Waveform:
    """Return a sine of a constant or changing frequency."""
    course = np.broadcast_to(np.asarray(frequency_hz, dtype=np.float64), (num_frames(duration_s),))
    return np.sin(2 * np.pi * np.cumsum(course) / SAMPLE_RATE_HZ + phase)


def harmonics(frequency_hz: float | Waveform, duration_s: float, amplitudes: Sequence[float]) -> Waveform:
    """Return a sum of harmonics, those above the Nyquist frequency left out."""
    course = np.broadcast_to(np.asarray(frequency_hz, dtype=np.float64), (num_frames(duration_s),))
    total = np.zeros(num_frames(duration_s))
    for number, amplitude in enumerate(amplitudes, start=1):
        if amplitude and number * course.max() < 0.48 * SAMPLE_RATE_HZ:
            total += amplitude * tone(number * course, duration_s)
    return total


def resonate(waveform: Waveform, resonances: Iterable[tuple[float, float]]) -> Waveform:
    """Return a waveform through parallel resonances, each (frequency, bandwidth), of unit gain at their peaks."""
    total = np.zeros_like(waveform)
    for frequency_hz, bandwidth_hz in resonances:
        radius = np.exp(-np.pi * bandwidth_hz / SAMPLE_RATE_HZ)
        angle = 2 * np.pi * frequency_hz / SAMPLE_RATE_HZ
        total += lfilter([1 - radius, 0, radius - 1], [1, -2 * radius * np.cos(angle), radius**2], waveform)
    return total


def voiced(frequency_hz: float | Waveform, duration_s: float, formants: Iterable[tuple[float, float]]) -> Waveform:
    """Return a sung or shouted vowel: what vocal folds make, through formants (frequency, bandwidth)."""
    top = float(np.max(frequency_hz))
    source = harmonics(frequency_hz, duration_s, [1 / n**0.9 for n in range(1, int(7000 / top) + 1)])
    return to_peak(resonate(source, formants))


def mixed(duration_s: float, pieces: Iterable[tuple[float, Waveform]]) -> Waveform:
    """Return waveforms at their start times, added up; what runs over the end is cut off."""
    total = np.zeros(num_frames(duration_s))
    for start_s, waveform in pieces:
        first = num_frames(start_s)
        piece = waveform[: max(0, len(total) - first)]
        total[first : first + len(piece)] += piece
    return total


def in_room(rng: np.random.Generator, waveform: Waveform, reverberation_s: float, *, wet: float = 0.35) -> Waveform:
    """Return a waveform as a room answers it, of the same length; `reverberation_s` is the time to fall by 60 dB."""
    if reverberation_s <= 0:
        return waveform
    tail = noise(rng, reverberation_s, low_hz=100, high_hz=5000, slope_db=2) * 10 ** (
        -3 * times_s(reverberation_s) / reverberation_s
    )
    echo: Waveform = fftconvolve(waveform, tail / np.linalg.norm(tail))[: len(waveform)]
    return waveform + wet * echo


def with_noise(rng: np.random.Generator, waveform: Waveform, snr_db: float) -> Waveform:
    """Return a waveform with the hiss and hum of a recording, `snr_db` below it."""
    hiss = noise(rng, len(waveform) / SAMPLE_RATE_HZ, slope_db=rng.uniform(1, 4))
    return waveform + hiss * rms(waveform) * 10 ** (-snr_db / 20)


def rms(waveform: Waveform) -> float:
    """Return the root of the mean square."""
    return float(np.sqrt(np.mean(waveform**2))) if len(waveform) else 0.0


def to_level(waveform: Waveform, level_db: float) -> Waveform:
    """Return a waveform of an RMS level."""
    return waveform * (10 ** (level_db / 20) / max(rms(waveform), 1e-9))


def to_peak(waveform: Waveform, peak: float = 1.0) -> Waveform:
    """Return a waveform whose largest value is `peak`."""
    return waveform * (peak / max(float(np.max(np.abs(waveform), initial=0)), 1e-9))


def finished(waveform: Waveform) -> NDArray[np.float32]:
    """Return a waveform as a clip: faded in and out within 5 ms, turned down if it would clip."""
    fade = np.minimum(1, np.arange(len(waveform)) / num_frames(0.005))
    shaped = waveform * fade * fade[::-1]
    top = float(np.max(np.abs(shaped)))
    return (shaped * min(1, PEAK / max(top, 1e-9))).astype(np.float32)
