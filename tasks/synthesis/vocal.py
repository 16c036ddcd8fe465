"""Six vocal sounds, those of VocalSound, made of vocal-fold pulses and breath through formants.

Laughter is a run of "ha", a sigh one long falling breath, a cough one to three bursts that end voiced, throat clearing
a rough low growl, a sneeze a breath in and a burst of hiss, a sniff one to three short sharp breaths in.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.synthesis.parts import Part, clip_generator
from tasks.synthesis.sound import (
    Waveform,
    curve,
    decay,
    finished,
    in_room,
    mixed,
    noise,
    resonate,
    times_s,
    to_level,
    to_peak,
    voiced,
    with_noise,
)

Formants = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class VocalClip:
    """One vocal sound."""

    waveform: NDArray[np.float32]  # (num_frames,) at 16 kHz
    label: str
    sex: str  # f or m: the height of the voice


@dataclass(frozen=True, slots=True)
class _Voice:
    """Who makes it."""

    pitch_hz: float
    stretch: float  # of the formants, against those of a man

    def open_vowel(self) -> Formants:
        return [(750 * self.stretch, 110), (1250 * self.stretch, 130), (2600 * self.stretch, 200)]


def make_vocal(part: Part, index: int) -> VocalClip:
    """Make one sound; labels take turns with the index."""
    rng = clip_generator("vocal", part, index)
    label = list(MAKERS)[index % len(MAKERS)]
    sex = "fm"[int(rng.integers(2))]
    voice = _Voice(rng.uniform(190, 260), rng.uniform(1.1, 1.25)) if sex == "f" else _Voice(rng.uniform(95, 140), 1.0)
    sound = MAKERS[label](rng, voice)
    placed = mixed(len(sound) / 16_000 + 0.4, [(rng.uniform(0.05, 0.3), sound)])
    heard = with_noise(rng, in_room(rng, placed, float(rng.choice([0, 0.2, 0.4]))), rng.uniform(18, 40))
    return VocalClip(finished(to_level(heard, rng.uniform(-27, -20))), label, sex)


def _laughter(rng: np.random.Generator, voice: _Voice) -> Waveform:
    count, pace_s = int(rng.integers(5, 9)), rng.uniform(0.17, 0.24)
    pieces = []
    for number in range(count):
        pitch_hz = voice.pitch_hz * rng.uniform(1.3, 1.6) * 0.95**number
        length_s = pace_s * rng.uniform(0.5, 0.65)
        vowel = voiced(pitch_hz * curve(length_s, (0, 1.1), (1, 0.85)), length_s, voice.open_vowel())
        breath = resonate(noise(rng, pace_s * 0.4, low_hz=500), [(1500 * voice.stretch, 900)])
        start_s = number * pace_s * rng.uniform(0.97, 1.03)
        loudness = 0.93**number
        pieces.append((start_s, 0.35 * loudness * to_peak(breath) * curve(pace_s * 0.4, (0, 0), (0.6, 1), (1, 0))))
        envelope = curve(length_s, (0, 0), (0.15, 1), (0.6, 0.7), (1, 0))
        pieces.append((start_s + pace_s * 0.3, loudness * vowel * envelope))
    return mixed((count + 0.5) * pace_s, pieces)


def _sigh(rng: np.random.Generator, voice: _Voice) -> Waveform:
    length_s = rng.uniform(1.1, 1.9)
    high = resonate(noise(rng, length_s), [(1600 * voice.stretch, 500), (2900 * voice.stretch, 700)])
    low = resonate(noise(rng, length_s), [(600 * voice.stretch, 300), (1100 * voice.stretch, 300)])
    breath = high * curve(length_s, (0, 1), (0.5, 0.3), (1, 0)) + low * curve(length_s, (0, 0.2), (0.4, 1), (1, 1))
    hum = voiced(voice.pitch_hz * curve(length_s, (0, 1.1), (1, 0.7)), length_s, voice.open_vowel())
    envelope = curve(length_s, (0, 0), (0.2, 1), (0.5, 0.6), (1, 0))
    return (to_peak(breath) + rng.uniform(0.05, 0.2) * hum) * envelope


def _cough(rng: np.random.Generator, voice: _Voice) -> Waveform:
    pieces, start_s = [], 0.0
    for _ in range(int(rng.integers(1, 4))):
        burst_s, voice_s = rng.uniform(0.06, 0.1), rng.uniform(0.1, 0.18)
        burst = resonate(noise(rng, burst_s), [(900, 700), (2200, 1200), (3800, 1500)])
        pieces.append((start_s, to_peak(burst) * decay(burst_s, 0.04)))
        rough = voiced(voice.pitch_hz * curve(voice_s, (0, 1.5), (1, 0.8)), voice_s, voice.open_vowel())
        rest = rough + 0.8 * to_peak(resonate(noise(rng, voice_s), [(1100, 600), (2000, 800)]))
        pieces.append((start_s + 0.04, 0.5 * rest * decay(voice_s, 0.07, attack_s=0.01)))
        start_s += rng.uniform(0.3, 0.45)
    return mixed(start_s + 0.1, pieces)


def _throat_clearing(rng: np.random.Generator, voice: _Voice) -> Waveform:
    pieces, start_s = [], 0.0
    for _ in range(int(rng.integers(1, 3))):
        length_s = rng.uniform(0.4, 0.65)
        growl = voiced(voice.pitch_hz * 0.6, length_s, [(380, 150), (900, 200), (2100, 300)])
        scrape = to_peak(resonate(noise(rng, length_s), [(450, 250), (1000, 300)]))
        beat = np.mod(times_s(length_s) * rng.uniform(24, 34), 1)
        envelope = curve(length_s, (0, 0), (0.1, 0.8), (0.6, 1), (1, 0))
        pieces.append((start_s, (growl + 0.5 * scrape) * np.exp(-2.5 * beat) * envelope))
        start_s += length_s + rng.uniform(0.1, 0.2)
    return mixed(start_s, pieces)


def _sneeze(rng: np.random.Generator, voice: _Voice) -> Waveform:
    breath_s, burst_s = rng.uniform(0.35, 0.6), rng.uniform(0.4, 0.6)
    breath = to_peak(resonate(noise(rng, breath_s), [(1300 * voice.stretch, 500)])) * curve(breath_s, (0, 0), (1, 1))
    gasp = voiced(voice.pitch_hz * curve(breath_s, (0, 1.1), (1, 1.7)), breath_s, voice.open_vowel())
    hiss = to_peak(noise(rng, burst_s, low_hz=2200)) + 0.3 * to_peak(resonate(noise(rng, burst_s), [(1500, 900)]))
    cry = voiced(voice.pitch_hz * curve(burst_s, (0, 2), (1, 1)), burst_s, [(350, 100), (2100, 200)])
    envelope = decay(burst_s, 0.14, attack_s=0.008)
    return mixed(
        breath_s + burst_s + 0.06,
        [
            (0, 0.25 * breath + 0.2 * gasp * curve(breath_s, (0, 0), (0.9, 1), (1, 0))),
            (breath_s + 0.05, (1.2 * hiss + 0.35 * cry) * envelope),
        ],
    )


def _sniff(rng: np.random.Generator, voice: _Voice) -> Waveform:
    pieces, start_s = [], 0.0
    for _ in range(int(rng.integers(1, 4))):
        length_s = rng.uniform(0.14, 0.26)
        air = resonate(noise(rng, length_s, low_hz=700), [(1900 * voice.stretch, 500), (4800, 1500)])
        pieces.append((start_s, to_peak(air) * curve(length_s, (0, 0), (0.3, 0.5), (0.8, 1), (1, 0))))
        start_s += length_s + rng.uniform(0.15, 0.35)
    return mixed(start_s, pieces)


MAKERS: Mapping[str, Callable[[np.random.Generator, _Voice], Waveform]] = {
    "laughter": _laughter,
    "sigh": _sigh,
    "cough": _cough,
    "throat clearing": _throat_clearing,
    "sneeze": _sneeze,
    "sniff": _sniff,
}
