"""Clips of everyday sounds with captions, questions and answers: what Clotho and Clotho-AQA ask.

A clip has one or two kinds of events, the first up to four times, and perhaps a background. Captions and answers are
made of the same facts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.synthesis.events import BACKGROUNDS, EVENTS
from tasks.synthesis.parts import Part, clip_generator
from tasks.synthesis.sound import SAMPLE_RATE_HZ, Waveform, finished, num_frames, to_level, to_peak, with_noise

TIMES = ("", "once", "twice", "three times", "four times")
NUMBERS = ("zero", "one", "two", "three", "four")
GAP_S = 0.12  # at least, between two events: they are counted


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a clip, and the one true answer."""

    text: str
    answer: str


@dataclass(frozen=True, slots=True)
class SoundClip:
    """What is heard, in this order, over a background."""

    waveform: NDArray[np.float32]  # (num_frames,) at 16 kHz
    event: str  # of EVENTS
    count: int
    second: str  # of EVENTS, heard once behind the first; "" for none
    background: str  # of BACKGROUNDS; "" for none

    def captions(self) -> tuple[str, ...]:
        """Return five sentences that are true of it."""
        one = EVENTS[self.event]
        done = f"{one.noun} {one.third}" + (f" {TIMES[self.count]}" if self.count > 1 else "")
        doing = f"{one.noun} {one.participle}" + (f" {TIMES[self.count]}" if self.count > 1 else "")
        if self.second:
            two = EVENTS[self.second]
            then, thening = f"{two.noun} {two.third}", f"{two.noun} {two.participle}"
            sentences = [
                f"{done} and then {then}",
                f"first {done}, then {then}",
                f"{then} after {done}",
                f"{doing} is followed by {thening}",
                f"{done} before {then}",
            ]
        elif self.background:
            behind = BACKGROUNDS[self.background]
            sentences = [
                f"{done} while {behind.participle}",
                f"{done} as {behind.third}",
                f"while {behind.participle}, {done}",
                f"{behind.participle} and {done}",
                f"{doing} with {behind.noun} in the background",
            ]
        else:
            sentences = [
                done,
                f"{done} in a quiet place",
                f"{doing} in silence",
                f"the sound of {doing}",
                f"{done} and nothing else is heard",
            ]
        return tuple(sentence[0].upper() + sentence[1:] for sentence in sentences)

    def questions(self, rng: np.random.Generator) -> tuple[Question, Question]:
        """Return a question of yes or no, true as often as not, and one for a word."""
        heard = [name for name in (self.event, self.second) if name]
        if rng.random() < 0.5:
            asked, answer = str(rng.choice(heard)), "yes"
        else:
            asked, answer = str(rng.choice([name for name in EVENTS if name not in heard])), "no"
        event = EVENTS[asked]
        yes_no = Question(f"Is {event.noun} {event.participle}?", answer)
        one = EVENTS[self.event]
        if rng.random() < 0.5:
            return yes_no, Question(f"How many times does {one.noun} {one.base}?", NUMBERS[self.count])
        return yes_no, Question("What is heard first in the foreground?", one.word)


def make_sound(part: Part, index: int, *, kind: str = "listening") -> SoundClip:
    """Make one clip; the first event takes turns with the index, so do company and background."""
    rng = clip_generator(kind, part, index)
    event = list(EVENTS)[index % len(EVENTS)]
    shape = (index // len(EVENTS) + index) % 3  # alone, with a background, with a second event
    background = str(rng.choice(list(BACKGROUNDS))) if shape == 1 else ""
    second = str(rng.choice([name for name in EVENTS if name != event])) if shape == 2 else ""
    count = int(rng.integers(1, 5))
    made = [EVENTS[event].make(rng)] * count
    made += [EVENTS[second].make(rng)] if second else []
    gaps_s = GAP_S + rng.uniform(0.4, 1.2) * rng.dirichlet(np.full(len(made) + 1, 6.0))
    duration_s = float(np.sum(gaps_s)) + sum(map(len, made)) / SAMPLE_RATE_HZ
    total: Waveform = np.zeros(num_frames(duration_s))
    first = 0
    for gap_s, sound in zip(gaps_s, made, strict=False):  # the last gap is the end of the clip
        first += num_frames(gap_s)
        total[first : first + len(sound)] += to_peak(sound)[: len(total) - first]
        first += len(sound)
    if background:
        total = total + to_level(BACKGROUNDS[background].make(rng, duration_s), rng.uniform(-27, -22))
    noisy = with_noise(rng, total, rng.uniform(28, 42))
    return SoundClip(finished(to_level(noisy, rng.uniform(-25, -20))), event, count, second, background)
