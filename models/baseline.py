"""Trivial floors that hear nothing: what a score is worth is seen beside them.

baseline:empty      answers every sample with an empty text
baseline:majority   answers the most frequent reference of the split
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from evaluate.errors import RequestError
from evaluate.model import ModelAdapter
from evaluate.registry import unknown_name
from evaluate.task import Split, Task
from evaluate.types import GenerationOptions, Output, Request, Sample

KINDS = ("empty", "majority")


class Baseline(ModelAdapter):
    """A constant answer per split."""

    sample_rate_hz = None

    def __init__(self, where: str) -> None:
        if where not in KINDS:
            raise unknown_name("baseline", where, KINDS, listing=f"baselines: {', '.join(KINDS)}")
        self.name = f"baseline:{where}"
        self._kind = where
        self._answer = ""

    def identity(self) -> dict[str, Any]:
        return {"answer": self._answer}  # the split's most frequent reference, also of what lies beyond --limit

    def begin(self, task: Task, split: Split, asked: Sequence[Sample]) -> None:
        if self._kind == "majority":
            counts = Counter(reference for sample in split.samples for reference in sample.references)
            if not counts:
                raise RequestError(f"{task.name}:{split.name} has no references to take the most frequent of")
            # Of equally frequent references the first in the alphabet, so that the answer is the same in every run.
            self._answer = min(counts, key=lambda reference: (-counts[reference], reference))

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        return [Output(request.sample.id, text=self._answer) for request in batch]
