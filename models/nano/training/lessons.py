"""What the training clips teach: the list beside them, as `tasks.synthesis.training` writes it."""

import json
from dataclasses import dataclass
from pathlib import Path

from evaluate.errors import ManifestError

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
    """Return the clips of a folder in the order of its list.

    Raises:
        ManifestError: There is no list, or a line of it is wrong.
    """
    try:
        lines = (folder / LIST).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ManifestError(
            f"{folder / LIST}: cannot be read ({error.strerror}); make clips with: python -m tasks.synthesis.training "
            f"{folder}"
        ) from error
    return [_read_line(folder, f"{folder / LIST}:{number}", line) for number, line in enumerate(lines, start=1)]


def _read_line(folder: Path, where: str, line: str) -> TaughtClip:
    try:
        one = json.loads(line)
        lessons = tuple(Lesson(**lesson) for lesson in one["lessons"])
        return TaughtClip(folder / one["audio"], one["words"], lessons)
    except (ValueError, KeyError, TypeError) as error:
        raise ManifestError(f"{where}: expected audio, words and lessons, found {line[:60]!r} ({error!r})") from error
