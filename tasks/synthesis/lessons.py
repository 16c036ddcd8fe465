"""Training clips with what a model is asked about them, and the true answers: any number, none shared with the samples.

Prompts are those of the tasks' protocol `qwen-audio`, answers are written as that model was taught to write them, e.g.
for a note

    <|instrument|>brass<|sonic|>bright, reverb<|pitch|><|midi_pitch_60|><|velocity|><|midi_velocity_75|>

and for a timed sentence `<|sil|><|0.52|>老<|0.68|>师<|0.92|>…`, its times to 40 ms, one audio token.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from evaluate.protocols import ASR, SCENE, TRANSLATION, Protocol
from tasks.aishell2 import CHANNELS
from tasks.clotho import Clotho
from tasks.clothoaqa import ClothoAQA
from tasks.meld import Meld
from tasks.nsynth import NSynth
from tasks.srwt import Srwt
from tasks.synthesis.emotions import make_emotional
from tasks.synthesis.listening import make_sound
from tasks.synthesis.notes import make_note
from tasks.synthesis.parts import Part, clip_generator
from tasks.synthesis.scenes import ALIKE, SCENES, make_scene
from tasks.synthesis.speech import make_utterance, over_channel
from tasks.synthesis.timestamps import make_timed
from tasks.synthesis.vocal import make_vocal
from tasks.vocalsound import VocalSound

PROTOCOL = "qwen-audio"
TIME_STEP_S = 0.04
_TIME = re.compile(r"<\|(\d+\.\d\d)\|>")


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is asked about a clip, and the answer."""

    prompt: str  # with the places of `render_prompt`
    answer: str
    language: str = ""
    answer_language: str = ""
    question: str = ""


@dataclass(frozen=True, slots=True)
class TrainingClip:
    """A clip and what is to be learnt from it."""

    waveform: NDArray[np.float32]  # (num_frames,) at 16 kHz
    lessons: tuple[Lesson, ...]
    words: str = ""  # that are said, set apart by spaces; "" without speech


def training_clip(kind: str, index: int) -> TrainingClip:
    """Make one training clip.

    Args:
        kind: One of `KINDS`.
        index: Its number in its kind, from 0.
    """
    make, _ = KINDS[kind]
    return make(index)


def _speech(language: str, index: int) -> TrainingClip:
    """Return a sentence to transcribe; what is not English is also translated into it."""
    one = make_utterance(Part.TRAINING, index, language)
    words, waveform = one.meaning.words(language), one.waveform
    if language == "zh":  # heard over each of AISHELL-2's channels
        rng = clip_generator("lessons/channels", Part.TRAINING, index)
        waveform = over_channel(rng, waveform, str(rng.choice(list(CHANNELS))))
    spoken = words.replace(" ", "") if language == "zh" else words
    lessons = [Lesson(ASR[PROTOCOL].prompt, spoken, language)]
    if language != "en":
        lessons.append(Lesson(TRANSLATION[PROTOCOL].prompt, one.meaning.written("en"), language, "en"))
    return TrainingClip(waveform, tuple(lessons), words)


def _timed(index: int) -> TrainingClip:
    one = make_timed(Part.TRAINING, index)
    prompt = Srwt.protocols[PROTOCOL].prompt
    # The prompt ends with the first time.
    answer = _TIME.sub(_to_step, one.marked()).removeprefix("<|0.00|>")
    return TrainingClip(one.waveform, (Lesson(prompt, answer, "zh"),), one.meaning.words("zh"))


def _to_step(time: re.Match[str]) -> str:
    return f"<|{round(float(time[1]) / TIME_STEP_S) * TIME_STEP_S:.2f}|>"


def _emotional(index: int) -> TrainingClip:
    one = make_emotional(Part.TRAINING, index)
    return _labelled(one.waveform, Meld.protocols[PROTOCOL], one.emotion)


def _vocal(index: int) -> TrainingClip:
    one = make_vocal(Part.TRAINING, index)
    return _labelled(one.waveform, VocalSound.protocols[PROTOCOL], one.label)


def _scene(index: int) -> TrainingClip:
    """Return a scene of either corpus: they ask the same, so that what both have goes by one name."""
    labels = tuple(label for label in SCENES if label not in ALIKE)
    one = make_scene(Part.TRAINING, index, labels, kind="lessons")
    return _labelled(one.waveform, SCENE[PROTOCOL], one.label)


def _sound(index: int) -> TrainingClip:
    """Return everyday sounds with a caption and two questions."""
    one = make_sound(Part.TRAINING, index)
    questions = one.questions(clip_generator("lessons/questions", Part.TRAINING, index))
    asked = ClothoAQA.protocols[PROTOCOL].prompt
    caption = Lesson(Clotho.protocols[PROTOCOL].prompt, one.captions()[0], "en")
    return TrainingClip(
        one.waveform, (caption, *(Lesson(asked, each.answer, "en", question=each.text) for each in questions))
    )


def _note(index: int) -> TrainingClip:
    one = make_note(Part.TRAINING, index)
    answer = (
        f"<|instrument|>{one.family}<|sonic|>{', '.join(one.qualities)}<|pitch|><|midi_pitch_{one.pitch}|>"
        f"<|velocity|><|midi_velocity_{one.velocity}|>"
    )
    return _labelled(one.waveform, NSynth.protocols[PROTOCOL], answer)


def _labelled(waveform: NDArray[np.float32], protocol: Protocol, answer: str) -> TrainingClip:
    return TrainingClip(waveform, (Lesson(protocol.prompt, answer, "en"),))


# How each kind is made, and its share of all clips in per cent: what is harder to learn has more of them.
KINDS: Mapping[str, tuple[Callable[[int], TrainingClip], int]] = {
    "speech-en": (partial(_speech, "en"), 10),
    "speech-zh": (partial(_speech, "zh"), 12),
    **{f"speech-{language}": (partial(_speech, language), 8) for language in ("de", "es", "fr", "it")},
    "timed": (_timed, 8),
    "emotions": (_emotional, 4),
    "vocal": (_vocal, 2),
    "scenes": (_scene, 6),
    "sounds": (_sound, 11),
    "notes": (_note, 15),
}
