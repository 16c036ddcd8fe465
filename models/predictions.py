"""Replays the answers of an outside system, or of an earlier run, from a JSONL file of `{"id", "hypothesis"}`."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from evaluate.answer_files import read_hypotheses
from evaluate.errors import ManifestError
from evaluate.model import ModelAdapter
from evaluate.results import digest
from evaluate.task import Split, Task
from evaluate.types import Failure, GenerationOptions, Output, Request, Sample


class Predictions(ModelAdapter):
    """Answers from a file, by sample id.

    Args:
        where: The file.
        name: What the system is called in results; default: the spec.
    """

    sample_rate_hz = None

    def __init__(self, where: str, *, name: str = "") -> None:
        self._path = Path(where)
        self._hypotheses = read_hypotheses(self._path)
        self.name = str(name) or f"predictions:{self._path.name}"

    def identity(self) -> dict[str, Any]:
        content = {
            sample_id: text if isinstance(text, str) else [text.type, text.message]
            for sample_id, text in self._hypotheses.items()
        }
        return {"answers": digest(content)[:16]}  # no revision: a corrected file is the same system

    @property
    def answered(self) -> frozenset[str]:
        return frozenset(self._hypotheses)

    def begin(self, task: Task, split: Split, asked: Sequence[Sample]) -> None:
        ids = {sample.id for sample in split.samples}
        missing = [sample.id for sample in asked if sample.id not in self._hypotheses]
        unknown = [sample_id for sample_id in self._hypotheses if sample_id not in ids]
        for wrong, what in ((missing, "has no line for"), (unknown, "has a line for the unknown")):
            if wrong:
                raise ManifestError(
                    f"{self._path}: {what} id {min(wrong)!r} of {task.name}:{split.name} "
                    f"({len(wrong)} such ids); expected exactly the split's {len(ids)} ids"
                )

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        for request in batch:
            answer = self._hypotheses[request.sample.id]
            if isinstance(answer, Failure):
                yield Output(request.sample.id, error=answer)
            else:
                yield Output(request.sample.id, text=answer)
