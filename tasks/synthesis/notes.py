"""Musical notes with the labels of NSynth: family, source, qualities, pitch, velocity.

Velocity is loudness and brightness; a clip is therefore never brought to a common level. A quality is in the label
exactly where the note was made with it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.synthesis.parts import Part, clip_generator
from tasks.synthesis.sound import (
    Waveform,
    curve,
    finished,
    harmonics,
    in_room,
    noise,
    resonate,
    times_s,
    to_level,
    tone,
    voiced,
)

DURATION_S = 2.5
VELOCITIES = (25, 50, 75, 100, 127)
SOURCES = ("acoustic", "electronic", "synthetic")
TEMPO_HZ = 4.0  # of the beating of a note that is synced to a tempo


@dataclass(frozen=True, slots=True)
class Note:
    """One note."""

    waveform: NDArray[np.float32]  # (num_frames,) at 16 kHz
    family: str
    source: str
    qualities: tuple[str, ...]
    pitch: int  # MIDI number
    velocity: int
    instrument: int  # a number within its family

    @property
    def name(self) -> str:
        """What the corpus calls it, e.g. `brass_acoustic_006-025-025`."""
        return f"{self.family}_{self.source}_{self.instrument:03}-{self.pitch:03}-{self.velocity:03}"


def make_note(part: Part, index: int) -> Note:
    """Make one note; families take turns with the index."""
    rng = clip_generator("notes", part, index)
    family = list(FAMILIES)[index % len(FAMILIES)]
    maker, (lowest, highest), is_struck = FAMILIES[family]
    source = "synthetic" if family == "synth_lead" else str(rng.choice(SOURCES))
    pitch, velocity = int(rng.integers(lowest, highest + 1)), int(rng.choice(VELOCITIES))
    frequency_hz = 440 * 2 ** ((pitch - 69) / 12)
    qualities = _draw_qualities(rng, is_struck=is_struck)
    sound = maker(rng, frequency_hz)
    if "multiphonic" in qualities:
        sound = sound + 0.7 * maker(rng, frequency_hz * 2 ** (7 / 12))
    sound = _with_qualities(rng, sound, qualities)
    sound = _with_velocity(_of_source(rng, sound, source), velocity)
    return Note(finished(sound), family, source, qualities, pitch, velocity, int(rng.integers(100)))


def _draw_qualities(rng: np.random.Generator, *, is_struck: bool) -> tuple[str, ...]:
    """Return what a note sounds like; what cannot be at once is not drawn together.

    What hides the instrument (distortion, a second note, beats, a short sound) is rare: the family is to be heard.
    """
    drawn = {str(rng.choice(["bright", "dark"]))} if rng.random() < 0.6 else set()
    if is_struck:
        drawn.add("percussive")
    if rng.random() < 0.3:
        drawn.add("fast_decay" if is_struck or rng.random() < 0.5 else "long_release")
    for quality, chance in (("distortion", 0.1), ("reverb", 0.2), ("multiphonic", 0.05), ("tempo-synced", 0.08)):
        if rng.random() < chance:
            drawn.add(quality)
    if not is_struck and not drawn & {"fast_decay", "tempo-synced"} and rng.random() < 0.2:
        drawn.add("nonlinear_env")
    return tuple(sorted(drawn))


def _with_qualities(rng: np.random.Generator, sound: Waveform, qualities: tuple[str, ...]) -> Waveform:
    times = times_s(DURATION_S)
    sound = to_level(sound, -18)
    if "distortion" in qualities:
        sound = to_level(np.tanh(12 * sound), -18)
    if "bright" in qualities:
        sound = sound + 2.5 * np.diff(sound, prepend=0)
    if "dark" in qualities:
        sound = 0.15 * sound + resonate(sound, [(350, 500)])
    held_s = 1.6
    release_s = 0.6 if "long_release" in qualities else 0.08
    sound = sound * np.where(times < held_s, 1, np.exp(-(times - held_s) / release_s))
    if "fast_decay" in qualities:
        sound = sound * np.exp(-times / 0.15)
    if "nonlinear_env" in qualities:  # it swells a second time
        sound = sound * curve(DURATION_S, (0, 1), (0.25, 0.15), (0.5, 1), (0.65, 0.3), (1, 0.1))
    if "tempo-synced" in qualities:
        sound = sound * (0.15 + 0.85 * (np.mod(times * TEMPO_HZ, 1) < 0.5))
    if "reverb" in qualities:
        sound = in_room(rng, sound, 1.8, wet=0.9)
    return sound


def _of_source(rng: np.random.Generator, sound: Waveform, source: str) -> Waveform:
    """Return a note as its source has it: acoustic with some breath, electronic with mains hum, synthetic clean."""
    if source == "acoustic":
        return sound + to_level(noise(rng, DURATION_S, low_hz=300, slope_db=3), -66)
    return sound + 0.001 * harmonics(50, DURATION_S, [1, 0.5, 0.5]) if source == "electronic" else sound


def _with_velocity(sound: Waveform, velocity: int) -> Waveform:
    share = velocity / 127
    loud = sound / max(float(np.max(np.abs(sound))), 1e-9)
    soft = resonate(loud, [(500, 1200)])
    return 0.9 * 10 ** (-24 * (1 - share) / 20) * (share * loud + (1 - share) * soft)


def _vibrato(frequency_hz: float, rate_hz: float, depth: float) -> Waveform:
    times = times_s(DURATION_S)
    return frequency_hz * (1 + depth * np.sin(2 * np.pi * rate_hz * times) * np.minimum(1, times / 0.4))


def _bass(rng: np.random.Generator, frequency_hz: float) -> Waveform:
    body = harmonics(frequency_hz, DURATION_S, [1, 0.8, 0.5, 0.3, 0.15, 0.08])
    pluck = harmonics(frequency_hz, DURATION_S, [1 / n for n in range(1, 25)]) * np.exp(-times_s(DURATION_S) / 0.06)
    return (body + pluck) * np.exp(-times_s(DURATION_S) / rng.uniform(0.8, 1.2))


def _brass(rng: np.random.Generator, frequency_hz: float) -> Waveform:
    course = _vibrato(frequency_hz, 5, 0.003)
    low = harmonics(course, DURATION_S, [1, 0.9, 0.7, 0.4])
    high = harmonics(course, DURATION_S, [0, 0, 0.4, 0.7, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15])
    swell = curve(DURATION_S, (0, 0), (rng.uniform(0.05, 0.08), 1), (1, 0.9))
    return (low * swell + high * swell**3) * swell


def _flute(rng: np.random.Generator, frequency_hz: float) -> Waveform:
    body = harmonics(_vibrato(frequency_hz, rng.uniform(4.5, 5.5), 0.008), DURATION_S, [1, 0.25, 0.08, 0.02])
    breath = resonate(noise(rng, DURATION_S, low_hz=500), [(frequency_hz * 2, 600), (3500, 1500)])
    return (body + 0.12 * breath) * curve(DURATION_S, (0, 0), (0.06, 1), (1, 1))


def _guitar(rng: np.random.Generator, frequency_hz: float) -> Waveform:
    """Return a plucked string: its harmonics are weighted by where it is plucked, and the higher ones die sooner."""
    place, times = rng.uniform(0.12, 0.25), times_s(DURATION_S)
    total = np.zeros_like(times)
    for n in range(1, int(min(30, 7500 / frequency_hz)) + 1):
        amplitude = abs(np.sin(np.pi * n * place)) / n
        total += amplitude * tone(n * frequency_hz, DURATION_S) * np.exp(-times * (0.7 + 0.5 * n))
    return total


def _keyboard(rng: np.random.Generator, frequency_hz: float) -> Waveform:
    """Return a struck string: stiff, so that its partials lie wider than harmonics; two strings beat."""
    times = times_s(DURATION_S)
    total = to_level(noise(rng, DURATION_S, low_hz=200, high_hz=2500), -30) * np.exp(-times / 0.015)
    for detuning in (1, 1 + rng.uniform(4e-4, 1e-3)):
        for n in range(1, int(min(16, 6000 / frequency_hz)) + 1):
            partial_hz = n * frequency_hz * detuning * np.sqrt(1 + 6e-4 * n**2)
            if partial_hz < 7600:
                total += 0.75**n * tone(partial_hz, DURATION_S) * np.exp(-times * (1.2 + 0.25 * n))
    return total


def _mallet(rng: np.random.Generator, frequency_hz: float) -> Waveform:
    times = times_s(DURATION_S)
    total = to_level(noise(rng, DURATION_S, low_hz=1500), -26) * np.exp(-times / 0.006)
    for ratio, amplitude, time_constant_s in ((1, 1, 0.45), (3.93, 0.6, 0.15), (9.2, 0.3, 0.06)):
        if ratio * frequency_hz < 7600:
            decayed = np.exp(-times / (time_constant_s * rng.uniform(0.9, 1.1)))
            total += amplitude * tone(ratio * frequency_hz, DURATION_S) * decayed
    return total


def _organ(rng: np.random.Generator, frequency_hz: float) -> Waveform:
    drawbars = [1, 0.8, 0.6, 0.7, 0, 0.4, 0, 0.5]
    under = 0.6 * tone(frequency_hz / 2, DURATION_S)
    beating = 1 + 0.12 * np.sin(2 * np.pi * rng.uniform(6.2, 6.8) * times_s(DURATION_S))
    return (under + harmonics(frequency_hz, DURATION_S, drawbars)) * beating


def _reed(rng: np.random.Generator, frequency_hz: float) -> Waveform:
    odd = [1, 0.03, 0.75, 0.03, 0.5, 0.05, 0.3, 0.05, 0.2, 0.05, 0.15]
    body = harmonics(_vibrato(frequency_hz, 4.5, 0.002), DURATION_S, odd)
    return (body + 0.02 * noise(rng, DURATION_S, low_hz=1000)) * curve(DURATION_S, (0, 0), (0.03, 1), (1, 1))


def _string(rng: np.random.Generator, frequency_hz: float) -> Waveform:
    course = _vibrato(frequency_hz, rng.uniform(5.5, 6.5), 0.012)
    bowed = harmonics(course, DURATION_S, [1 / n for n in range(1, 20)])
    body = 0.4 * bowed + resonate(bowed, [(280, 90), (460, 120), (2700, 700)])
    return body * curve(DURATION_S, (0, 0), (rng.uniform(0.1, 0.16), 1), (1, 1))


def _synth_lead(rng: np.random.Generator, frequency_hz: float) -> Waveform:
    square = [1 / n if n % 2 else 0.0 for n in range(1, 24)]
    detuned = [harmonics(frequency_hz * 2 ** (cents / 1200), DURATION_S, square) for cents in (-14, 0, 14)]
    swept = np.sin(2 * np.pi * rng.uniform(1.5, 2.5) * times_s(DURATION_S))
    saw = harmonics(frequency_hz, DURATION_S, [1 / n for n in range(1, 24)])
    sounds: Waveform = np.sum(detuned, axis=0) * (0.6 + 0.4 * swept) + saw * (0.6 - 0.4 * swept)
    return sounds


def _vocal(rng: np.random.Generator, frequency_hz: float) -> Waveform:
    vowel = [[(750, 90), (1200, 110), (2700, 180)], [(400, 70), (800, 90), (2600, 180)]][int(rng.integers(2))]
    sung = voiced(_vibrato(frequency_hz, rng.uniform(5, 6), 0.02), DURATION_S, vowel)
    return sung * curve(DURATION_S, (0, 0), (0.07, 1), (1, 0.9))


# How each family is made, its lowest and highest pitch, and whether it is struck or plucked: then it is percussive.
FAMILIES: Mapping[str, tuple[Callable[[np.random.Generator, float], Waveform], tuple[int, int], bool]] = {
    "bass": (_bass, (26, 45), True),
    "brass": (_brass, (46, 72), False),
    "flute": (_flute, (65, 90), False),
    "guitar": (_guitar, (45, 76), True),
    "keyboard": (_keyboard, (40, 84), True),
    "mallet": (_mallet, (60, 90), True),
    "organ": (_organ, (40, 80), False),
    "reed": (_reed, (50, 80), False),
    "string": (_string, (55, 84), False),
    "synth_lead": (_synth_lead, (50, 84), False),
    "vocal": (_vocal, (50, 70), False),
}
