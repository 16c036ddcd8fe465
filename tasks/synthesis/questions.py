"""Questions with options about clips, for the benchmarks that ask so; the place of the right option takes turns.

What is true of a clip is what its generator made; the other options are other words of the same kind.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.cochlscene import CochlScene
from tasks.synthesis.espeak import say
from tasks.synthesis.events import BACKGROUNDS, EVENTS, Background
from tasks.synthesis.listening import NUMBERS, make_sound
from tasks.synthesis.notes import FAMILIES, make_note
from tasks.synthesis.parts import Part, clip_generator
from tasks.synthesis.scenes import make_scene
from tasks.synthesis.sentences import OBJECTS, PLACES, SUBJECTS
from tasks.synthesis.sound import SAMPLE_RATE_HZ, finished, to_level
from tasks.synthesis.speech import draw_voice, in_recording, make_utterance
from tasks.synthesis.vocal import MAKERS, make_vocal

NUM_OPTIONS = 4
FIRST_NOTE = 2000  # others than those of NSynth and of AIR-Bench chat
LANGUAGES = {"en": "English", "zh": "Mandarin", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian"}
# What is asked aloud: a kind of thing, and things that are of no other kind here.
KINDS_OF_THINGS = {
    "an animal": ("dog", "horse", "sheep", "rabbit"),
    "a colour": ("green", "blue", "yellow", "purple"),
    "a number": ("seven", "twelve", "thirty", "nine"),
    "a fruit": ("apple", "cherry", "lemon", "banana"),
    "an instrument": ("guitar", "piano", "violin", "trumpet"),
    "a day": ("Monday", "Thursday", "Sunday", "Friday"),
}


@dataclass(frozen=True, slots=True)
class ChoiceItem:
    """A clip, a question about it, and what it offers; the answer is one of the options."""

    waveform: NDArray[np.float32]  # (num_frames,) at 16 kHz
    question: str
    options: tuple[str, ...]
    answer: str


def ask_of_sound(number: int, *, kind: str) -> ChoiceItem:
    """Ask what is heard first, or how often."""
    one = make_sound(Part.SAMPLE, number, kind=kind)
    event = EVENTS[one.event]
    if number % 2:
        return ChoiceItem(
            one.waveform, f"How many times does {event.noun} {event.base}?", NUMBERS[1:], NUMBERS[one.count]
        )
    words = [event.word for event in EVENTS.values()]
    options = _options(kind, number, event.word, words)
    return ChoiceItem(one.waveform, "What is heard first in the foreground?", options, event.word)


def ask_of_music(number: int, *, kind: str) -> ChoiceItem:
    """Ask for the family of an instrument."""
    one = make_note(Part.SAMPLE, FIRST_NOTE + number)
    families = [family.replace("_", " ") for family in FAMILIES]
    answer = one.family.replace("_", " ")
    options = _options(kind, number, answer, families)
    return ChoiceItem(one.waveform, "Which kind of instrument plays this note?", options, answer)


def ask_of_speech(number: int, *, kind: str) -> ChoiceItem:
    """Ask where it happens, who does it, or to what."""
    one = make_utterance(Part.SAMPLE, number, "en", kind=kind)
    question, table, which = (
        ("Where does it happen?", PLACES, one.meaning.place),
        ("Who does it?", SUBJECTS, one.meaning.subject),
        ("Which thing is spoken of?", OBJECTS, one.meaning.object),
    )[number % 3]
    answer = table[which][0]
    return ChoiceItem(one.waveform, question, _options(kind, number, answer, [row[0] for row in table]), answer)


def ask_of_mixture(number: int, *, kind: str) -> ChoiceItem:
    """Ask what goes on behind a voice."""
    one = make_utterance(Part.SAMPLE, 100 + number, "en", kind=kind)
    rng = clip_generator(f"{kind}/mixed", Part.SAMPLE, number)
    behind = list(BACKGROUNDS.values())[number % len(BACKGROUNDS)]
    mixture = over_background(rng, one.waveform, behind, level_db=-30)
    options = _options(kind, number, behind.noun, [background.noun for background in BACKGROUNDS.values()])
    return ChoiceItem(mixture, "What is heard behind the voice?", options, behind.noun)


def over_background(
    rng: np.random.Generator, spoken: NDArray[np.float32], behind: Background, *, level_db: float
) -> NDArray[np.float32]:
    """Return a voice, at -20 dB, with a background at a level of its own."""
    around = to_level(behind.make(rng, len(spoken) / SAMPLE_RATE_HZ), level_db)
    return finished(to_level(spoken.astype(np.float64), -20) + around)


def ask_of_scene(number: int, *, kind: str) -> ChoiceItem:
    """Ask for an acoustic scene."""
    one = make_scene(Part.SAMPLE, 3 * number, CochlScene.choices, kind=kind)
    options = _options(kind, number, one.label, CochlScene.choices)
    return ChoiceItem(one.waveform, "In which acoustic scene was this recorded?", options, one.label)


def ask_of_vocal_sound(number: int, *, kind: str) -> ChoiceItem:
    """Ask for a vocal sound."""
    one = make_vocal(Part.SAMPLE, 1000 + number)  # others than those of VocalSound
    return ChoiceItem(
        one.waveform, "Which vocal sound is this?", _options(kind, number, one.label, list(MAKERS)), one.label
    )


def ask_for_language(number: int, *, kind: str) -> ChoiceItem:
    """Ask which language is spoken."""
    language = list(LANGUAGES)[number % len(LANGUAGES)]
    one = make_utterance(Part.SAMPLE, number, language, kind=kind)
    options = _options(kind, number, LANGUAGES[language], list(LANGUAGES.values()))
    return ChoiceItem(one.waveform, "Which language is spoken?", options, LANGUAGES[language])


def ask_for_gender(number: int, *, kind: str) -> ChoiceItem:
    """Ask whether a voice is made as a woman's or a man's."""
    one = make_utterance(Part.SAMPLE, 200 + number, "en", kind=kind)
    return ChoiceItem(
        one.waveform,
        "What is the gender of the speaker?",
        ("male", "female"),
        "female" if "+f" in one.voice else "male",
    )


def ask_aloud(number: int, *, kind: str) -> ChoiceItem:
    """Speak a question and its options; the question holds what is said."""
    rng = clip_generator(f"{kind}/aloud", Part.SAMPLE, number)
    asked = list(KINDS_OF_THINGS)[number % len(KINDS_OF_THINGS)]
    answer = KINDS_OF_THINGS[asked][number // len(KINDS_OF_THINGS)]
    others = [str(rng.choice(things)) for name, things in KINDS_OF_THINGS.items() if name != asked]
    options = _options(kind, number, answer, [answer, *others])
    listed = ", ".join(f"{letter} {option}" for letter, option in zip("ABCD", options, strict=True))
    text = f"Which is {asked}: {listed}?"
    said = say(
        text, draw_voice(rng, "en"), words_per_minute=int(rng.integers(175, 200)), pitch=int(rng.integers(35, 66))
    )
    snr_db = float(rng.uniform(25, 40))
    waveform = in_recording(rng, said.waveform, snr_db=snr_db, reverberation_s=0.0, silence_s=(0.05, 0.1))
    return ChoiceItem(waveform, text, options, answer)


def _options(kind: str, number: int, answer: str, words: Sequence[str]) -> tuple[str, ...]:
    """Return an answer among other words, at a place that takes turns."""
    rng = clip_generator(f"{kind}/options", Part.SAMPLE, number)
    others = [str(word) for word in rng.permutation([word for word in words if word != answer])][: NUM_OPTIONS - 1]
    place = number // 2 % NUM_OPTIONS
    return (*others[:place], answer, *others[place:])
