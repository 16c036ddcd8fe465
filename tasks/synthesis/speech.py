"""Sentences as they are spoken: voices, speeds, pitches, rooms and noises, drawn for each clip."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.synthesis.espeak import say
from tasks.synthesis.parts import Part, clip_generator
from tasks.synthesis.sentences import Meaning, draw_meaning
from tasks.synthesis.sound import (
    SAMPLE_RATE_HZ,
    Waveform,
    finished,
    in_room,
    mixed,
    noise,
    resonate,
    to_level,
    with_noise,
)

VOICES = {
    "en": ("en-us", "en-gb-x-rp"),
    "zh": ("cmn",),
    "de": ("de",),
    "fr": ("fr",),
    "es": ("es",),
    "it": ("it",),
}
VARIANTS = ("", "+m1", "+m3", "+m7", "+f1", "+f2", "+f3", "+f4")


@dataclass(frozen=True, slots=True)
class Utterance:
    """A sentence that is spoken."""

    waveform: NDArray[np.float32]  # (num_frames,) at 16 kHz
    meaning: Meaning
    language: str
    voice: str
    snr_db: float
    reverberation_s: float

    @property
    def speaker(self) -> int:
        """The number of its voice, from 0."""
        voices = [base + variant for base in VOICES[self.language] for variant in VARIANTS]
        return voices.index(self.voice)


def draw_voice(rng: np.random.Generator, language: str) -> str:
    """Return a random voice of a language."""
    return str(rng.choice(VOICES[language])) + str(rng.choice(VARIANTS))


def make_utterance(part: Part, index: int, language: str, *, kind: str = "speech") -> Utterance:
    """Make one spoken sentence.

    Args:
        part: What it is for; samples and training data never share a sentence.
        index: Its number in its kind, language and part.
        language: One of `sentences.LANGUAGES`.
        kind: What else sets its random numbers apart, e.g. the corpus it is for.
    """
    rng = clip_generator(f"{kind}/{language}", part, index)
    meaning, voice = draw_meaning(rng, part), draw_voice(rng, language)
    said = say(
        meaning.written(language),
        voice,
        words_per_minute=int(rng.integers(120, 166)),
        pitch=int(rng.integers(35, 66)),
        pitch_range=int(rng.integers(35, 66)),
    )
    reverberation_s = float(rng.choice([0, 0, 0.15, 0.3]))
    snr_db = float(rng.uniform(20, 40))
    waveform = in_recording(rng, said.waveform, snr_db=snr_db, reverberation_s=reverberation_s)
    return Utterance(waveform, meaning, language, voice, snr_db, reverberation_s)


def in_recording(
    rng: np.random.Generator,
    spoken: Waveform,
    *,
    snr_db: float,
    reverberation_s: float,
    level_db: float | None = None,
    silence_s: tuple[float, float] | None = None,
) -> NDArray[np.float32]:
    """Return speech as a recording has it: some silence around it, a room, noise, a level.

    Args:
        rng: Of the clip.
        spoken: The speech.
        snr_db: How far the noise lies below it.
        reverberation_s: Of the room.
        level_db: None: a random one.
        silence_s: Before and behind it; None: random ones.
    """
    before_s, after_s = silence_s or (float(rng.uniform(0.05, 0.25)), float(rng.uniform(0.1, 0.25)))
    duration_s = before_s + len(spoken) / SAMPLE_RATE_HZ + after_s
    placed = mixed(duration_s, [(before_s, spoken)])
    noisy = with_noise(rng, in_room(rng, placed, reverberation_s), snr_db)
    return finished(to_level(noisy, rng.uniform(-26, -18) if level_db is None else level_db))


def over_channel(rng: np.random.Generator, waveform: NDArray[np.float32], channel: str) -> NDArray[np.float32]:
    """Return a recording as another device hears it: `mic` as it is, `ios` brighter, `android` narrower and noisier."""
    heard = waveform.astype(np.float64)
    if channel == "ios":
        heard = heard + 0.6 * resonate(heard, [(3000, 1800)])
    elif channel == "android":
        heard = 0.3 * heard + resonate(heard, [(900, 1400)])
        heard = heard + 0.003 * noise(rng, len(heard) / SAMPLE_RATE_HZ, slope_db=3)
    return finished(heard)
