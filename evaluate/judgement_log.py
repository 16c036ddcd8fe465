"""What a judge said, kept beside the prediction log: `judgements.jsonl`, appended as it is said.

    {"key", "judge", "question", "references", "answer", "score", "text"}

The key is a hash of everything that the judge was shown and of its name, so another answer, or another judge, is judged
anew, and a run that is scored again asks nothing twice.
"""

import json
import math
from numbers import Real
from pathlib import Path
from typing import Any

from evaluate.errors import RunDamagedError
from evaluate.metrics.base import Judge, Judgement
from evaluate.prediction_log import encode_line
from evaluate.results import digest


class LoggedJudge:
    """A judge that remembers.

    Args:
        judge: Who is asked.
        path: Where it is kept.

    Raises:
        RunDamagedError: A line of the file is no judgement; a torn last line is passed over.
    """

    def __init__(self, judge: Judge, path: Path) -> None:
        self.name, self.scale = judge.name, judge.scale
        self._judge = judge
        self._path = path
        self._known = _read(path)

    def judge(self, *, question: str, references: tuple[str, ...], answer: str) -> Judgement:
        """Return what is known, or else ask and write it down."""
        shown: dict[str, Any] = {
            "judge": self.name,
            "question": question,
            "references": list(references),
            "answer": answer,
        }
        key = digest(shown)
        if key not in self._known:
            judgement = self._judge.judge(question=question, references=references, answer=answer)
            judgement = Judgement(_json_ready(judgement.score), judgement.text)
            line = encode_line({"key": key, **shown, "score": judgement.score, "text": judgement.text})
            with self._path.open("ab") as file:
                file.write(line)
            self._known[key] = judgement
        return self._known[key]


def _json_ready(score: float | None) -> float | None:
    """Return a score without what JSON does not know: NaN, the infinities, numbers of NumPy's."""
    if not isinstance(score, Real) or isinstance(score, bool):
        return score  # whether it is a score at all is for the metric to say
    return float(score) if math.isfinite(score) else None


def _read(path: Path) -> dict[str, Judgement]:
    if not path.exists():
        return {}
    content = path.read_bytes()
    whole, newline, torn = content.rpartition(b"\n")
    if torn:
        path.write_bytes(whole + newline)
    try:
        records = [json.loads(line) for line in whole.splitlines()]
        return {record["key"]: Judgement(record["score"], record["text"]) for record in records}
    except (ValueError, KeyError, TypeError) as error:
        raise RunDamagedError(
            f"{path}: holds a line that is no judgement ({error}); move the file away to judge anew"
        ) from error
