"""Replays the answers of an outside system, or of an earlier run, from a JSONL file of `{"id", "hypothesis"}`.

With `format`, from the log of another evaluation program: see `evaluate.imports`.
"""

from collections.abc import Container, Iterable, Sequence
from pathlib import Path
from typing import Any

from evaluate.answer_files import Answer, AnswerFile
from evaluate.digests import digest
from evaluate.errors import ManifestError, RequestError
from evaluate.imports import read_log
from evaluate.imports.base import ForeignLog, choose_part
from evaluate.imports.matching import clip_names, match_answers
from evaluate.model import ModelAdapter
from evaluate.task import Split, Task
from evaluate.types import Failure, GenerationOptions, Output, Request, Sample


class Predictions(ModelAdapter):
    """Answers from a file, by sample id.

    Args:
        where: The file.
        name: What the system is called in results; default: the spec.
        format: Program whose log the file is, e.g. lmms-eval; default: none, it has this project's own form.
        part: The part of such a log that is meant, where it holds several.

    Raises:
        RequestError: There is no such format or part, or the file is not what it should be.
    """

    sample_rate_hz = None

    def __init__(self, where: str, *, name: str = "", format: str = "", part: str = "") -> None:
        self._path = Path(where)
        self._log: ForeignLog | None = None
        self._file: AnswerFile | None = None
        self._matched: dict[str, Answer] = {}  # the log's answers, by sample id
        self._remarks: list[str] = []
        if format:
            self._log = choose_part(read_log(self._path, str(format)), str(part) or None)
        elif part:
            raise RequestError("part chooses among those of another program's log; name its format, or leave part out")
        else:
            self._file = AnswerFile(self._path)
        self.name = str(name) or f"predictions:{self._path.name}"

    def identity(self) -> dict[str, Any]:
        if self._log is not None:
            logged = [[one.id, list(one.audio), one.index, *_content(one.hypothesis)] for one in self._log.answers]
            return {"answers": digest(logged)[:16], "log_format": self._log.format_name, "log_part": self._log.part}
        assert self._file is not None
        return {"answers": self._file.digest[:16]}  # no revision: a corrected file is the same system

    @property
    def answered(self) -> Container[str]:
        if self._log is not None:
            return frozenset(name for one in self._log.answers for name in (one.id, *clip_names(one.audio)))
        assert self._file is not None
        return self._file.offsets

    def begin(self, task: Task, split: Split, asked: Sequence[Sample]) -> None:
        if self._log is not None:
            self._match(self._log, task, split)
            missing = [sample.id for sample in asked if sample.id not in self._matched]
            unknown = []
        else:
            assert self._file is not None
            ids = [sample.id for sample in asked]
            missing = [one for one, offset in zip(ids, self._file.offsets.find(ids), strict=True) if offset < 0]
            unknown = self._file.ids_beside(sample.id for sample in split.samples)
        for wrong, what in ((missing, "has no line for"), (unknown, "has a line for the unknown")):
            if wrong:
                raise ManifestError(
                    f"{self._path}: {what} id {min(wrong)!r} of {task.name}:{split.name} "
                    f"({len(wrong)} such ids); expected exactly the split's {len(split.samples)} ids"
                )

    def remarks(self) -> Sequence[str]:
        return self._remarks

    def _match(self, log: ForeignLog, task: Task, split: Split) -> None:
        title = f"{task.name}:{split.name}"
        matched = match_answers(log.answers, split.samples, path=log.path, title=title)
        self._matched = {sample_id: answer.hypothesis for sample_id, answer in matched.answers.items()}
        self._remarks = [
            *(f"{log.format_name}: {line}" for line in log.notices),
            f"{log.format_name}: {len(matched.answers)} answers are matched to {title} by {matched.how}",
        ]
        if matched.differing:
            self._remarks.append(
                f"{log.format_name}: of {len(matched.differing)} samples the log has another reference than the "
                f"corpus, the first {matched.differing[0]!r}; the corpus's counts"
            )

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        ids = [request.sample.id for request in batch]
        answers = self._file.read(ids) if self._file is not None else (self._matched[one] for one in ids)
        for request, answer in zip(batch, answers, strict=True):
            if isinstance(answer, Failure):
                yield Output(request.sample.id, error=answer)
            else:
                yield Output(request.sample.id, text=answer)


def _content(hypothesis: str | Failure) -> list[str]:
    return [hypothesis] if isinstance(hypothesis, str) else [hypothesis.type, hypothesis.message]
