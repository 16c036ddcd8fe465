"""English sentences in seven tones of voice, which are the labels of MELD.

What is said is neutral, only the voice tells. The tones are caricatures of what the phonetics of emotion describes:
joy is high and lively, sadness slow, low, flat and dull, anger loud, fast and rough, surprise rises to the end, fear
is fast, high and trembles, disgust is slow and low and creaks.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.synthesis.espeak import say
from tasks.synthesis.parts import Part, clip_generator
from tasks.synthesis.sentences import Meaning, draw_meaning
from tasks.synthesis.sound import SAMPLE_RATE_HZ, Waveform, noise, resonate, rms, times_s, to_peak
from tasks.synthesis.speech import VARIANTS, draw_voice, in_recording

LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Tone:
    """How an emotion sounds here."""

    sentiment: str
    words_per_minute: int
    pitch: int
    pitch_range: int
    level_db: float
    rise: float = 0.0  # by how much pitch and speed grow to the end, as a share
    drive: float = 0.0  # how much the voice is overdriven
    dullness: float = 0.0  # share of the voice without its upper part
    tremble_hz: float = 0.0
    creak_hz: float = 0.0
    breath: float = 0.0  # noise in the voice, as a share of it


TONES = {
    "neutral": Tone("neutral", 160, 45, 35, -23),
    "joy": Tone("positive", 190, 80, 99, -19),
    "sadness": Tone("negative", 110, 28, 8, -31, dullness=0.9),
    "anger": Tone("negative", 205, 40, 55, -13, drive=6),
    "surprise": Tone("positive", 150, 60, 80, -19, rise=0.6),
    "fear": Tone("negative", 215, 75, 20, -24, tremble_hz=9, breath=0.35),
    "disgust": Tone("negative", 120, 12, 60, -22, creak_hz=33),
}


@dataclass(frozen=True, slots=True)
class EmotionalUtterance:
    """A sentence in a tone of voice."""

    waveform: NDArray[np.float32]  # (num_frames,) at 16 kHz
    meaning: Meaning
    emotion: str
    sentiment: str
    voice: str

    @property
    def speaker(self) -> int:
        """The number of its voice, from 0."""
        return VARIANTS.index("+" + self.voice.partition("+")[2] if "+" in self.voice else "")


def make_emotional(part: Part, index: int) -> EmotionalUtterance:
    """Make one sentence; emotions take turns with the index."""
    rng = clip_generator("emotions", part, index)
    emotion = list(TONES)[index % len(TONES)]
    tone = TONES[emotion]
    meaning, voice = draw_meaning(rng, part), draw_voice(rng, LANGUAGE)
    said = say(
        meaning.written(LANGUAGE),
        voice,
        words_per_minute=round(tone.words_per_minute * rng.uniform(0.94, 1.06)),
        pitch=round(np.clip(tone.pitch + rng.uniform(-5, 5), 0, 99)),
        pitch_range=round(np.clip(tone.pitch_range + rng.uniform(-5, 5), 0, 99)),
    )
    waveform = in_recording(
        rng,
        _in_tone(rng, said.waveform, tone),
        snr_db=rng.uniform(22, 40),
        reverberation_s=float(rng.choice([0, 0.15])),
        level_db=tone.level_db + rng.uniform(-1.5, 1.5),
    )
    return EmotionalUtterance(waveform, meaning, emotion, tone.sentiment, voice)


def _in_tone(rng: np.random.Generator, spoken: Waveform, tone: Tone) -> Waveform:
    """Return speech with what the synthesiser itself cannot do."""
    voice = to_peak(spoken)
    if tone.rise:
        share = np.linspace(0, 1, len(voice))
        speed = 1 - tone.rise / 4 + tone.rise * share**2  # frames of the voice per frame that is heard
        heard = np.cumsum(1 / speed)
        voice = np.interp(np.arange(int(heard[-1])), heard, voice)
    times = times_s(len(voice) / SAMPLE_RATE_HZ)[: len(voice)]
    if tone.drive:
        voice = np.tanh(tone.drive * voice)
    if tone.dullness:
        voice = (1 - tone.dullness) * voice + resonate(voice, [(250, 350)])
    if tone.tremble_hz:
        voice = voice * (1 - 0.7 * (0.5 + 0.5 * np.sin(2 * np.pi * tone.tremble_hz * rng.uniform(0.9, 1.1) * times)))
    if tone.creak_hz:
        beat = np.mod(times * tone.creak_hz * rng.uniform(0.9, 1.1), 1)
        voice = voice * np.exp(-3 * beat)
    if tone.breath:
        hiss = noise(rng, len(voice) / SAMPLE_RATE_HZ, low_hz=1500)
        loudness = np.abs(voice) / max(rms(voice), 1e-9)
        voice = voice + tone.breath * rms(voice) * hiss[: len(voice)] * np.minimum(1, loudness)
    return voice
