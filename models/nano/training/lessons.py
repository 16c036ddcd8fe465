"""What the training clips teach: the list beside them, as `tasks.synthesis.training` writes it."""

import json
from dataclasses import dataclass
from pathlib import Path

LIST = "training.jsonl"


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is asked about a clip, and the answer."""

    prompt: str  # with the places that a task's prompt has
    answer: str
    language: str
    answer_language: str
    question: str


@dataclass(frozen=True, slots=True)
class TaughtClip:
    """A clip and what is to be learnt from it."""

    audio: Path
    words: str  # that are said, set apart by spaces; "" without speech
    lessons: tuple[Lesson, ...]


def read_lessons(folder: Path) -> list[TaughtClip]:
    """Return the clips of a folder in the order of its list."""
    with (folder / LIST).open(encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    return [
        TaughtClip(folder / one["audio"], one["words"], tuple(Lesson(**lesson) for lesson in one["lessons"]))
        for one in records
    ]
