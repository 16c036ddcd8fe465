"""Mandarin sentences with the time at which each character begins and ends, as espeak-ng reports it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tasks.synthesis.espeak import say
from tasks.synthesis.parts import Part, clip_generator
from tasks.synthesis.sentences import Meaning, draw_meaning
from tasks.synthesis.sound import SAMPLE_RATE_HZ
from tasks.synthesis.speech import draw_voice, in_recording

BETWEEN_WORDS = "_|"
CODAS = "nN"  # the consonants that a syllable may end with
_VOWEL = re.compile("[aeiouyAE@]")


@dataclass(frozen=True, slots=True)
class TimedUtterance:
    """A sentence with its times, in seconds from the beginning of the clip."""

    waveform: NDArray[np.float32]  # (num_frames,) at 16 kHz
    meaning: Meaning
    voice: str
    characters: str
    boundaries_s: tuple[float, ...]  # the start of each character, and the end of the last

    def marked(self) -> str:
        """Return it as that task's lists write it: <|0.00|><|sil|><|0.54|>面<|0.86|>条<|1.17|><|sil|><|1.46|>."""
        spans = zip(self.characters, pairwise(self.boundaries_s), strict=True)
        timed = "".join(f"{character}<|{end:.2f}|>" for character, (_, end) in spans)
        whole_s = len(self.waveform) / SAMPLE_RATE_HZ
        return f"<|0.00|><|sil|><|{self.boundaries_s[0]:.2f}|>{timed}<|sil|><|{whole_s:.2f}|>"


def syllable_starts_s(phonemes: Iterable[tuple[str, float]]) -> list[float]:
    """Return when each Mandarin syllable starts: with what stands before its vowel, but for an n or ng behind a vowel.

    Args:
        phonemes: Of espeak-ng, each with its start in s; between words, which may be of several syllables, is `_|`.
    """
    starts_s: list[float] = []
    before: list[tuple[str, float]] = []  # consonants since the last vowel
    for symbol, time_s in phonemes:
        if symbol == BETWEEN_WORDS:
            before = []
        elif _VOWEL.search(symbol):
            # A lone consonant between two vowels begins a syllable, be it n; of several the first may end one.
            has_coda = bool(before) and before[0][0] in CODAS and len(before) > 1
            onset = before[1:] if has_coda else before
            starts_s.append(onset[0][1] if onset else time_s)
            before = []
        else:
            before.append((symbol, time_s))
    return starts_s


def make_timed(part: Part, index: int) -> TimedUtterance:
    """Make one sentence."""
    rng = clip_generator("timestamps", part, index)
    meaning, voice = draw_meaning(rng, part), draw_voice(rng, "zh")
    characters = meaning.words("zh").replace(" ", "")
    said = say(
        characters,
        voice,
        words_per_minute=int(rng.integers(125, 170)),
        pitch=int(rng.integers(35, 66)),
        pitch_range=int(rng.integers(35, 66)),
    )
    starts_s = syllable_starts_s(said.phonemes)
    assert len(starts_s) == len(characters), f"{characters}: {len(starts_s)} syllables in {said.phonemes}"
    before_s, after_s = float(rng.uniform(0.1, 0.6)), float(rng.uniform(0.15, 0.4))
    waveform = in_recording(
        rng,
        said.waveform,
        snr_db=rng.uniform(20, 40),
        reverberation_s=0,  # an echo would blur what the times say
        silence_s=(before_s, after_s),
    )
    boundaries_s = tuple(before_s + time_s for time_s in (*starts_s, said.end_s))
    return TimedUtterance(waveform, meaning, voice, characters, boundaries_s)
