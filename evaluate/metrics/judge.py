"""The score that a judge gives open-ended answers: a model behind a server, or any `evaluate.metrics.base.Judge`.

The value is the mean score on the judge's own scale; higher is better. A sample without an answer, or whose judgement
holds no score on that scale, gets the scale's worst; the latter counts as unparsed. The judge's raw text is kept beside
the log (`evaluate.judgement_log`), so that scoring again asks only for what has not been judged yet.
"""

from collections.abc import Iterable
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from evaluate.errors import MetricUnavailableError
from evaluate.metrics.base import Judge, Judged, SummedMetric, ratio
from evaluate.types import Rows


class JudgeScore(SummedMetric):
    """Mean score of a judge who sees question, references and answer."""

    name, higher_is_better, is_rate = "judge", True, False
    columns = ("score", "judged", "unparsed")

    def default_normalizer(self) -> str:
        return "none"

    def rows(self, items: Iterable[Judged]) -> Rows:
        judge = self.settings.judge
        if judge is None:
            raise MetricUnavailableError("no judge is set up; it takes a model that scores answers")
        return np.array([self._row(judge, item) for item in items], dtype=np.float64).reshape(-1, len(self.columns))

    def _row(self, judge: Judge, item: Judged) -> tuple[float, float, float]:
        worst = judge.scale[0]
        if item.answer is None:
            return (worst, 1, 0)
        question = item.question or item.source_text  # what is asked aloud alone
        score = judge.judge(question=question, references=item.references, answer=item.answer).score
        return (score, 1, 0) if score is not None and _is_on(judge.scale, score) else (worst, 1, 1)

    def value_of_totals(self, totals: Rows) -> NDArray[np.float64]:
        return ratio(totals[..., 0], totals[..., 1])

    def unparsed(self, rows: Rows) -> NDArray[np.bool_]:
        return rows[:, 2] > 0

    def details_of_totals(self, totals: NDArray[np.float64]) -> dict[str, object]:
        judge = self.settings.judge
        return {} if judge is None else {"judge": judge.name, "scale": list(judge.scale)}

    def signature_parts(self) -> tuple[str, ...]:
        return (f"judge:{self.settings.judge.name if self.settings.judge else 'none'}",)


def _is_on(scale: tuple[float, float], score: object) -> bool:
    is_number = isinstance(score, Real) and not isinstance(score, bool)  # NumPy's numbers too
    return is_number and min(scale) <= score <= max(scale)  # type: ignore[operator]  # NaN lies nowhere
