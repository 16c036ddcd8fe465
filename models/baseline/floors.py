"""The floors that hear nothing."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from string import ascii_uppercase
from typing import Any

from evaluate.digests import digest
from evaluate.errors import RequestError
from evaluate.task import Split, Task
from evaluate.types import Request, Sample


class Floor(ABC):
    """What a baseline answers; its methods are those of `evaluate.model.ModelAdapter`."""

    sample_rate_hz: int | None = None
    remarks: Sequence[str] = ()  # what people should know of it, see `ModelAdapter.remarks`

    def identity(self) -> dict[str, Any]:
        return {}

    def refusal(self, task: Task, asked: Sequence[Sample]) -> str | None:
        return None

    def load(self) -> None:
        """Import what is large."""

    def begin(self, task: Task, split: Split) -> None:
        """Look at the split that comes next, whole."""

    def prepare(self) -> dict[str, Any]:
        """Learn, if that is what it does; see `ModelAdapter.prepare`."""
        return {}

    @abstractmethod
    def answer(self, request: Request) -> str:
        """Return the answer to a sample."""


class Constant(Floor):
    """One text, whatever is asked."""

    def __init__(self, text: str) -> None:
        self._text = text

    def identity(self) -> dict[str, Any]:
        return {"answer": self._text}

    def answer(self, request: Request) -> str:
        return self._text


class Majority(Floor):
    """The split's most frequent reference, also of what lies beyond --limit."""

    _answer = ""
    _is_letter = False

    def identity(self) -> dict[str, Any]:
        return {"answer": self._answer}

    def begin(self, task: Task, split: Split) -> None:
        counts = Counter(reference for sample in split.samples for reference in sample.references)
        if not counts:
            raise RequestError(f"{task.name}:{split.name} has no references to take the most frequent of")
        # Of equally frequent references the first in the alphabet, so that the answer is the same in every run.
        self._answer = min(counts, key=lambda reference: (-counts[reference], reference))
        self._is_letter = asks_for_letter(task)

    def answer(self, request: Request) -> str:
        return say(self._answer, request.sample, is_letter=self._is_letter)


class Random(Floor):
    """Any of a sample's choices, each as likely; where there are none, any reference of any other sample of the split.

    What is drawn for a sample follows from the seed, its id and what there is to draw from: neither the order of
    samples nor batches, limits or broken-off runs change it.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._pool: list[Sample] = []  # by id
        self._places: dict[str, int] = {}  # in the pool, by id
        self._is_letter = False

    def identity(self) -> dict[str, Any]:
        pool = digest([(sample.id, sample.references) for sample in self._pool])[:16] if self._pool else ""
        return {"revision": f"seed-{self._seed}", **({"pool": pool} if pool else {})}

    def begin(self, task: Task, split: Split) -> None:
        self._is_letter = asks_for_letter(task)
        has_choices = all(sample.choices for sample in split.samples)
        self._pool = [] if has_choices else sorted(split.samples, key=lambda sample: sample.id)
        self._places = {sample.id: place for place, sample in enumerate(self._pool)}
        if len(self._pool) == 1:
            raise RequestError(
                f"{task.name}:{split.name} has one sample only; baseline:random answers with a reference of another"
            )

    def answer(self, request: Request) -> str:
        sample = request.sample
        draw = int(digest([self._seed, sample.id]), 16)  # of 256 bits: any remainder is as likely as any other
        if sample.choices:
            return say(sample.choices[draw % len(sample.choices)], sample, is_letter=self._is_letter)
        draw, place = divmod(draw, len(self._pool) - 1)
        other = self._pool[place + (place >= self._places[sample.id])]
        return other.references[draw % len(other.references)]


def asks_for_letter(task: Task) -> bool:
    """Whether a task reads its answers as letters of options."""
    return task.answer_extractor == "letter"


def say(label: str, sample: Sample, *, is_letter: bool) -> str:
    """Return a label in the form in which a task reads it."""
    place = sample.choices.index(label) if is_letter and label in sample.choices else len(ascii_uppercase)
    return ascii_uppercase[place] if place < len(ascii_uppercase) else label
