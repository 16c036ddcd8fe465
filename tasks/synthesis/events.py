"""Sounds of everyday life: events, each a few tenths of a second, and backgrounds, which last as long as is asked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tasks.synthesis.sound import (
    Waveform,
    curve,
    decay,
    harmonics,
    in_room,
    mixed,
    noise,
    num_frames,
    resonate,
    times_s,
    to_peak,
    tone,
    voiced,
)

MakeEvent = Callable[[np.random.Generator], Waveform]
MakeBackground = Callable[[np.random.Generator, float], Waveform]


@dataclass(frozen=True, slots=True)
class Event:
    """A sound that happens, and how people speak of it."""

    make: MakeEvent
    noun: str  # who does it: "a dog"
    third: str  # does what: "barks"
    base: str
    participle: str
    word: str  # it in one word


@dataclass(frozen=True, slots=True)
class Background:
    """A sound that goes on, and how people speak of it."""

    make: MakeBackground
    noun: str  # "rain"
    third: str  # "rain falls"
    participle: str  # "rain is falling"


def partials(rng: np.random.Generator, duration_s: float, *modes: tuple[float, float, float]) -> Waveform:
    """Return struck matter: a decaying sine for each mode (frequency, amplitude, time constant)."""
    scale = rng.uniform(0.92, 1.08)
    waves = [a * tone(f * scale, duration_s) * decay(duration_s, t) for f, a, t in modes if f * scale < 7600]
    return to_peak(np.sum(waves, axis=0))


def bark(rng: np.random.Generator) -> Waveform:
    """A dog."""
    pitch_hz = rng.uniform(380, 520) * curve(0.22, (0, 0.8), (0.3, 1.2), (1, 0.6))
    voice = voiced(pitch_hz, 0.22, [(700, 200), (1500, 300)])
    return (voice + 0.3 * to_peak(noise(rng, 0.22, low_hz=500, high_hz=3000))) * curve(0.22, (0, 0), (0.15, 1), (1, 0))


def chirp(rng: np.random.Generator) -> Waveform:
    """A bird: a few sweeps."""
    top_hz, length_s = rng.uniform(3800, 5500), rng.uniform(0.05, 0.09)
    course = top_hz * curve(length_s, (0, 0.7), (0.5, 1), (1, 0.8))
    one = tone(course, length_s) * curve(length_s, (0, 0), (0.5, 1), (1, 0))
    count = int(rng.integers(3, 6))
    return mixed(count * length_s * 1.5, [(n * length_s * 1.5, one) for n in range(count)])


def meow(rng: np.random.Generator) -> Waveform:
    """A cat."""
    pitch_hz = rng.uniform(480, 620) * curve(0.7, (0, 0.8), (0.35, 1.15), (1, 0.75))
    return voiced(pitch_hz, 0.7, [(1100, 200), (2300, 300), (3300, 400)]) * curve(0.7, (0, 0), (0.3, 1), (1, 0))


def bell(rng: np.random.Generator) -> Waveform:
    """A large bell."""
    return partials(rng, 0.8, (520, 1, 0.5), (1040, 0.7, 0.4), (1250, 0.6, 0.35), (1560, 0.5, 0.3), (2090, 0.4, 0.2))


def knock(rng: np.random.Generator) -> Waveform:
    """A knuckle on wood."""
    return partials(rng, 0.15, (190, 1, 0.03), (420, 0.7, 0.02), (900, 0.4, 0.012))


def horn(rng: np.random.Generator) -> Waveform:
    """A car's horn, two notes at once."""
    pitch_hz = rng.uniform(380, 440)
    chord = harmonics(pitch_hz, 0.45, [1] * 8) + harmonics(pitch_hz * 1.26, 0.45, [1] * 8)
    return to_peak(chord) * curve(0.45, (0, 0), (0.05, 1), (0.95, 1), (1, 0))


def clink(rng: np.random.Generator) -> Waveform:
    """Glass on glass."""
    return partials(rng, 0.35, (2600, 1, 0.12), (4100, 0.8, 0.1), (5900, 0.6, 0.08))


def beep(rng: np.random.Generator) -> Waveform:
    """A machine."""
    return tone(rng.uniform(1900, 2200), 0.16) * curve(0.16, (0, 0), (0.05, 1), (0.95, 1), (1, 0))


def clap(rng: np.random.Generator) -> Waveform:
    """Two hands."""
    return to_peak(resonate(noise(rng, 0.12), [(1200, 500), (2300, 900)])) * decay(0.12, 0.02)


def ring(rng: np.random.Generator) -> Waveform:
    """An old telephone: two tones in quick turns."""
    turns = np.mod(times_s(0.6) * 22, 1) < 0.5
    pitch_hz = rng.uniform(0.95, 1.05) * np.where(turns, 1150.0, 1450.0)
    return harmonics(pitch_hz, 0.6, [1, 0.2, 0.3]) * curve(0.6, (0, 0), (0.02, 1), (0.9, 1), (1, 0)) / 1.5


def drip(rng: np.random.Generator) -> Waveform:
    """A drop into water."""
    return tone(rng.uniform(800, 1100) * curve(0.09, (0, 1), (1, 2.2)), 0.09) * decay(0.09, 0.025)


def step(rng: np.random.Generator) -> Waveform:
    """A foot on a floor."""
    thud = partials(rng, 0.14, (90, 1, 0.03), (160, 0.6, 0.02))
    return thud + 0.3 * to_peak(noise(rng, 0.14, low_hz=700, high_hz=3500)) * decay(0.14, 0.015)


def hammer(rng: np.random.Generator) -> Waveform:
    """Metal on metal."""
    return partials(rng, 0.3, (1400, 1, 0.05), (2950, 0.9, 0.06), (4700, 0.7, 0.04)) + 0.4 * np.append(
        to_peak(noise(rng, 0.02)), np.zeros(num_frames(0.3) - num_frames(0.02))
    )


def key_press(rng: np.random.Generator) -> Waveform:
    """A key of a keyboard."""
    return to_peak(noise(rng, 0.04, low_hz=1800, high_hz=6000)) * decay(0.04, 0.006)


def page(rng: np.random.Generator) -> Waveform:
    """A page that is turned."""
    return to_peak(noise(rng, 0.35, low_hz=1200, high_hz=6500)) * curve(0.35, (0, 0), (0.3, 0.5), (0.8, 1), (1, 0))


def tick(rng: np.random.Generator) -> Waveform:
    """A clock."""
    return partials(rng, 0.05, (3100, 1, 0.006), (1700, 0.6, 0.008))


def passing_car(rng: np.random.Generator) -> Waveform:
    """A car that comes and goes."""
    length_s = rng.uniform(1.3, 1.9)
    tyres = noise(rng, length_s, low_hz=120, high_hz=2500, slope_db=3)
    motor = harmonics(rng.uniform(70, 90) * curve(length_s, (0, 1.08), (1, 0.9)), length_s, [1, 0.7, 0.5, 0.3])
    approach = curve(length_s, (0, 0), (0.35, 0.3), (0.5, 1), (0.65, 0.3), (1, 0))
    return to_peak(to_peak(tyres) + 0.5 * to_peak(motor)) * approach


def hiss(rng: np.random.Generator) -> Waveform:
    """Steam, or the air of a brake."""
    return to_peak(noise(rng, 0.6, low_hz=2500)) * curve(0.6, (0, 0), (0.1, 1), (0.7, 0.8), (1, 0))


def chime(rng: np.random.Generator) -> Waveform:
    """The three falling notes before an announcement."""
    notes = [harmonics(hz, 0.5, [1, 0.3, 0.1]) * decay(0.5, 0.25) for hz in (880, 740, 587)]
    return in_room(rng, mixed(1.2, [(0.3 * n, note) for n, note in enumerate(notes)]), 0.8)


def gull(rng: np.random.Generator) -> Waveform:
    """A sea bird's cry."""
    pitch_hz = rng.uniform(1100, 1350) * curve(0.4, (0, 0.8), (0.2, 1.2), (1, 0.8))
    return to_peak(harmonics(pitch_hz, 0.4, [1, 0.8, 0.5, 0.3])) * curve(0.4, (0, 0), (0.2, 1), (1, 0))


def clack(rng: np.random.Generator) -> Waveform:
    """Two axles over a joint of the rails."""
    one = partials(rng, 0.12, (140, 1, 0.03), (310, 0.8, 0.02), (1200, 0.4, 0.01))
    return mixed(0.3, [(0, one), (0.14, 0.8 * one)])


def rain(rng: np.random.Generator, duration_s: float) -> Waveform:
    """Many drops on hard ground."""
    drops = (rng.random(num_frames(duration_s)) < 0.006) * rng.exponential(1, num_frames(duration_s))
    return 0.25 * noise(rng, duration_s, low_hz=1500) + resonate(drops, [(3500, 2500), (5500, 2500)]) * 4


def wind(rng: np.random.Generator, duration_s: float) -> Waveform:
    """Gusts."""
    gusts = 0.6 + 0.4 * np.sin(2 * np.pi * rng.uniform(0.3, 0.6) * times_s(duration_s) + rng.uniform(0, 6))
    return noise(rng, duration_s, low_hz=120, high_hz=900, slope_db=5) * gusts**2


def waves(rng: np.random.Generator, duration_s: float) -> Waveform:
    """Surf: hiss that swells and ebbs."""
    swell = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.3, 0.45) * times_s(duration_s) + rng.uniform(0, 6))
    return noise(rng, duration_s, low_hz=250, high_hz=5500, slope_db=2) * (0.12 + swell**3)


def engine(rng: np.random.Generator, duration_s: float) -> Waveform:
    """A motor that idles."""
    strength = [1, 0.9, 0.8, 0.7, 0.5, 0.4, 0.3, 0.2]
    beats = harmonics(rng.uniform(28, 40) * (1 + 0.01 * tone(2.5, duration_s)), duration_s, strength)
    return to_peak(beats) + 0.1 * noise(rng, duration_s, low_hz=80, high_hz=1200, slope_db=3)


def stream(rng: np.random.Generator, duration_s: float) -> Waveform:
    """Running water: bubbles in hiss."""
    count = int(duration_s * 45)
    starts_s = rng.uniform(0, duration_s, count)
    rise, fading = curve(0.04, (0, 1), (1, 1.5)), decay(0.04, 0.012)
    bubbles = [
        (float(start_s), rng.uniform(0.2, 1) * tone(rng.uniform(500, 1600) * rise, 0.04) * fading)
        for start_s in starts_s
    ]
    return mixed(duration_s, bubbles) + 0.12 * noise(rng, duration_s, low_hz=800, high_hz=5000, slope_db=2)


def babble(rng: np.random.Generator, duration_s: float) -> Waveform:
    """Several people who speak at once: vowels at the pace of syllables."""
    pieces = []
    for _ in range(6):
        pitch_hz, start_s = rng.uniform(100, 230), float(rng.uniform(0, 0.2))
        while start_s < duration_s:
            length_s = rng.uniform(0.1, 0.25)
            formants = [(rng.uniform(300, 800), 100), (rng.uniform(900, 2200), 150)]
            course = pitch_hz * rng.uniform(0.85, 1.2) * curve(length_s, (0, 1.05), (1, 0.95))
            vowel = voiced(course, length_s, formants) * curve(length_s, (0, 0), (0.3, 1), (1, 0))
            pieces.append((start_s, rng.uniform(0.4, 1) * vowel))
            start_s += length_s + rng.uniform(0.02, 0.15)
    return mixed(duration_s, pieces)


def fan(rng: np.random.Generator, duration_s: float) -> Waveform:
    """A ventilator: hum and air."""
    hum = harmonics(rng.uniform(96, 104), duration_s, [1, 0.6, 0.3, 0.2])
    return 0.3 * hum + 0.5 * noise(rng, duration_s, low_hz=100, high_hz=2500, slope_db=4)


def fire(rng: np.random.Generator, duration_s: float) -> Waveform:
    """Crackles over a low roar."""
    cracks = (rng.random(num_frames(duration_s)) < 0.0012) * rng.exponential(1, num_frames(duration_s))
    roar = noise(rng, duration_s, low_hz=60, high_hz=500, slope_db=4)
    return 3 * resonate(cracks, [(1800, 1500), (4200, 2000)]) + 0.35 * roar


def rumble(rng: np.random.Generator, duration_s: float) -> Waveform:
    """A heavy vehicle from inside."""
    return noise(rng, duration_s, low_hz=50, high_hz=350, slope_db=4)


def whine(rng: np.random.Generator, duration_s: float) -> Waveform:
    """An electric motor that speeds up."""
    course = rng.uniform(500, 650) * curve(duration_s, (0, 1), (1, 1.7))
    return to_peak(harmonics(course, duration_s, [1, 0.5, 0.3]))


def frying(rng: np.random.Generator, duration_s: float) -> Waveform:
    """Fat in a pan."""
    corners = np.arange(0, duration_s + 0.1, 0.05)
    sizzle = 0.4 + 0.6 * np.interp(times_s(duration_s), corners, rng.random(len(corners)))
    return noise(rng, duration_s, low_hz=3500) * sizzle


def music(rng: np.random.Generator, duration_s: float) -> Waveform:
    """A slow tune of soft notes."""
    scale_hz = 220 * 2 ** (np.array([0, 3, 5, 7, 10, 12]) / 12)
    fading = decay(0.7, 0.3, attack_s=0.02)
    notes = [harmonics(hz, 0.7, [1, 0.4, 0.15]) * fading for hz in rng.choice(scale_hz, int(duration_s / 0.4) + 1)]
    return mixed(duration_s, [(0.4 * number, note) for number, note in enumerate(notes)])


EVENTS: Mapping[str, Event] = {
    "dog": Event(bark, "a dog", "barks", "bark", "barking", "dog"),
    "bird": Event(chirp, "a bird", "chirps", "chirp", "chirping", "bird"),
    "cat": Event(meow, "a cat", "meows", "meow", "meowing", "cat"),
    "bell": Event(bell, "a bell", "tolls", "toll", "tolling", "bell"),
    "door": Event(knock, "someone", "knocks on a door", "knock on a door", "knocking on a door", "door"),
    "horn": Event(horn, "a car", "honks", "honk", "honking", "horn"),
    "glass": Event(clink, "a glass", "clinks", "clink", "clinking", "glass"),
    "machine": Event(beep, "a machine", "beeps", "beep", "beeping", "machine"),
    "clapping": Event(clap, "someone", "claps", "clap", "clapping", "clapping"),
    "telephone": Event(ring, "a telephone", "rings", "ring", "ringing", "telephone"),
    "water": Event(drip, "water", "drips", "drip", "dripping", "water"),
    "hammer": Event(hammer, "a hammer", "strikes metal", "strike metal", "striking metal", "hammer"),
}
BACKGROUNDS: Mapping[str, Background] = {
    "rain": Background(rain, "rain", "rain falls", "rain is falling"),
    "wind": Background(wind, "wind", "the wind blows", "the wind is blowing"),
    "waves": Background(waves, "waves", "waves break", "waves are breaking"),
    "engine": Background(engine, "an engine", "an engine idles", "an engine is idling"),
    "stream": Background(stream, "running water", "water runs", "water is running"),
    "babble": Background(babble, "a crowd", "people talk", "people are talking"),
    "fan": Background(fan, "a fan", "a fan hums", "a fan is humming"),
    "fire": Background(fire, "a fire", "a fire crackles", "a fire is crackling"),
}
