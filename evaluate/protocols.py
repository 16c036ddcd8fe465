"""Published evaluations that can be repeated: what a model was asked, how long it might answer, what was scored.

A task names the protocols that cover it; the scoring itself, faults included, is each metric's (`MetricSettings`). A
prompt is the text behind the audio; where the audio goes, and what stands around both, is the model family's. Labels
are compared letter for letter, as the source of the samples spells them: those evaluations' own lists are the safe one.

Sources: QwenLM/Qwen-Audio at b50fb958 and QwenLM/Qwen2-Audio at 595360e8, eval_audio/*.py of both (base models; the
prompts of the second stand in the lists that its README links to); Sakshi113/MMAU, evaluation.py, which scores answers
and asks nothing.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from evaluate.metrics.settings import PROTOCOLS
from evaluate.types import Sample

__all__ = [
    "ASR",
    "PROTOCOLS",
    "SCENE",
    "TRANSLATION",
    "Protocol",
    "language_name",
    "lettered",
    "prompt_pieces",
    "render_prompt",
]

WINDOW_S = 30.0  # both models hear the first 30 s of a clip; what follows was dropped without notice

_NAMES = {
    **{"ar": "Arabic", "ca": "Catalan", "cy": "Welsh", "de": "German", "en": "English", "es": "Spanish"},
    **{"et": "Estonian", "fa": "Persian", "fr": "French", "id": "Indonesian", "it": "Italian", "ja": "Japanese"},
    **{"ko": "Korean", "lv": "Latvian", "mn": "Mongolian", "nl": "Dutch", "pt": "Portuguese", "ru": "Russian"},
    **{"sl": "Slovenian", "sv": "Swedish", "ta": "Tamil", "tr": "Turkish", "yue": "Cantonese", "zh": "Mandarin"},
}
PLACE = re.compile(r"\{(\w+)\}")
PLACES = ("question", "choices", "options", "language", "language_name", "answer_language", "answer_language_name")


@dataclass(frozen=True, slots=True)
class Protocol:
    """How one kind of task was evaluated."""

    prompt: str  # with the places that `render_prompt` fills
    max_new_tokens: int
    metrics: tuple[str, ...]  # the published ones, the first is the primary one; (): the task's own
    max_clip_s: float | None = WINDOW_S  # None: clips were heard whole
    min_new_tokens: int = 1
    extractor: str = ""  # how a choice was read out of a text, see evaluate.answers; "": the whole text is the answer


ASR: Mapping[str, Protocol] = {
    "qwen-audio": Protocol(
        "<|startoftranscript|><|{language}|><|transcribe|><|{language}|><|notimestamps|><|wo_itn|>", 256, ()
    ),
    "qwen2-audio": Protocol("Detect the language and recognize the speech: <|{language}|>", 256, ()),
}
TRANSLATION: Mapping[str, Protocol] = {
    "qwen-audio": Protocol(
        "<|startoftranscript|><|{language}|><|translate|><|{answer_language}|><|notimestamps|><|itn|>", 256, ("bleu",)
    ),
    "qwen2-audio": Protocol(
        "Detect the language and translate the speech into {answer_language_name}: <|{language}|>", 256, ("bleu",)
    ),
}
SCENE: Mapping[str, Protocol] = {
    "qwen-audio": Protocol(
        "<|startofanalysis|><|unknown|><|keyword|><|en|><|notimestamps|><|scene|>", 10, ("accuracy",)
    )
}


def language_name(code: str) -> str:
    """Return the English name of a language, as prompts use it; the code itself where none is known."""
    return _NAMES.get(code, code)


def render_prompt(template: str, sample: Sample) -> str:
    """Return a prompt with its places filled; what is filled in is not read again, unknown places stay.

    Places are {question}, {choices} (in a row), {options} (each with its letter, in a line of its own), {language},
    {language_name}, {answer_language} and {answer_language_name}.
    """
    if "{" not in template:  # no place to fill
        return template
    return "".join(text for _, text in prompt_pieces(template, sample))


def lettered(choices: Sequence[str]) -> str:
    """Return options as a question puts them: `(A) dog`, each in a line; behind the 26th there are no letters."""
    named = [f"({letter}) {choice}" for letter, choice in zip(ascii_uppercase, choices, strict=False)]
    return "\n".join([*named, *choices[len(named) :]])


def prompt_pieces(template: str, sample: Sample) -> Iterator[tuple[str, str]]:
    """Yield a filled prompt piece by piece: the place that it fills, "" for the template's own text, and the piece.

    A model family that must tell what a template says from what a data set says needs them apart.
    """
    answer_language = sample.answer_language or sample.language
    choices = (", ".join(sample.choices), lettered(sample.choices))
    values = (sample.question, *choices, sample.language, language_name(sample.language))
    content = dict(zip(PLACES, (*values, answer_language, language_name(answer_language)), strict=True))
    end = 0
    for place in PLACE.finditer(template):
        if place[1] in content:
            yield "", template[end : place.start()]
            yield place[1], content[place[1]]
            end = place.end()
    yield "", template[end:]
