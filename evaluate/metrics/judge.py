"""The score that a judge gives open answers by a rubric: the mean over samples, on its scale, higher is better.

A judge is a model (`evaluate.judging.model_judge`), named with --judge; rubrics are in `evaluate/judging/rubrics`:
quality (1 to 10, the default), air-bench (1 to 10, beside the reference in both orders), voicebench (1 to 5) and
correctness (0 or 1). A task names its own, --rubric another, also a YAML file.

Worst on the scale are: a sample without an answer, an empty answer, which no judge is asked about, and an answer of
which no reply held a score, which also counts as unparsed. An answer on which the judge failed (no reply came) has no
score at all: then there is no value, unless so many failures are allowed; then the mean is over the others, and these
count among the unparsed.

With air-bench the value is the mean of both orders, and the score says how often both orders agree on which answer is
better (`agreement`), how far the answer's two scores are apart (`mean_absolute_difference`), what the references got
(`reference_score`) and how often the answer got more (`win_rate`). Where other judges judged the same answers before,
`other_judges` says how far they agree.

Sources: of the pairs Yang et al. 2024, "AIR-Bench", section 3.4; of judging by models, both orders and agreement Zheng
et al. 2023, "Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena", sections 3.3 and 3.4.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.errors import MetricUnavailableError
from evaluate.judging.rubric import load_rubric
from evaluate.metrics.base import Judge, Judged, Judgement, MetricSettings, SummedMetric, ratio
from evaluate.types import Rows


class JudgeScore(SummedMetric):
    """Mean score of a judge who sees question, references and answer."""

    name, higher_is_better, is_rate = "judge", True, False
    columns = (
        *("score", "judged", "unparsed", "unjudged", "asked_again"),
        *("pairs", "agreeing", "difference", "reference_score", "wins"),  # of pairs
    )
    needs_whole_set = True  # a judge is asked about many answers at once
    undefined = "no answer was judged"
    nothing_read = "no reply of the judge holds a score; judgements.jsonl of the run shows them"

    def __init__(self, settings: MetricSettings | None = None) -> None:
        super().__init__(settings)
        self.rubric = load_rubric(self.settings.rubric)
        self._other_judges: list[dict[str, Any]] = []
        self._said: dict[str, Any] = {}

    def default_normalizer(self) -> str:
        return "none"

    def rows(self, items: Iterable[Judged]) -> Rows:
        judge, samples = self.settings.judge, list(items)
        if judge is None:
            raise MetricUnavailableError("no judge is named; --judge SPEC names a model that scores answers")
        put = [item for item in samples if item.answer is not None and item.answer.strip()]
        self._require_references(put)
        judge.keep_replies(self.settings.judgements)
        judgements = judge.judge(put, self.rubric)
        self._said = judge.said()
        self._require_judgements(judge, judgements)
        self._other_judges = judge.agreement(put, judgements, self.rubric)
        by_sample = {item.sample_id: judgement for item, judgement in zip(put, judgements, strict=True)}
        rows = [self._row(by_sample.get(item.sample_id)) for item in samples]
        return np.array(rows, dtype=np.float64).reshape(-1, len(self.columns))

    def _require_references(self, items: Sequence[Judged]) -> None:
        for item in items if self.rubric.needs_reference else ():
            if not any(reference.strip() for reference in item.references):
                raise MetricUnavailableError(
                    f"sample {item.sample_id!r} has no reference, which rubric {self.rubric.name!r} judges by; take "
                    "samples that have one, or another --rubric"
                )

    def _require_judgements(self, judge: Judge, judgements: Sequence[Judgement]) -> None:
        failures = [one.failure for one in judgements if one.failure]
        if len(failures) > self.settings.max_unjudged:
            raise MetricUnavailableError(
                f"judge {judge.name} failed on {len(failures)} of {len(judgements)} answers (the first: "
                f"{failures[0].type}: {failures[0].message}); the same command asks it again, about these alone",
                {"n_unjudged": len(failures), **self._settings_of_judge()},
            )
        if judgements and all(one.score is None for one in judgements):
            raise MetricUnavailableError(
                f"no score could be read in any of judge {judge.name}'s replies to {len(judgements)} answers; see "
                "judgements.jsonl for what it said, and take a model that can judge",
                {"n_unjudged": len(judgements), **self._settings_of_judge()},
            )

    def _row(self, judgement: Judgement | None) -> tuple[float, ...]:
        low = self.rubric.scale[0]
        if judgement is None:
            return (low, 1, *[0.0] * 8)
        again = float(judgement.num_asked > self.rubric.num_orders)
        if judgement.failure:
            return (0, 0, 0, 1, again, *[0.0] * 5)
        if judgement.score is None:
            return (low, 1, 1, 0, again, *[0.0] * 5)
        return (judgement.score, 1, 0, 0, again, *_pair_counts(judgement.scores))

    def value_of_totals(self, totals: Rows) -> NDArray[np.float64]:
        return ratio(totals[..., 0], totals[..., 1])

    def unparsed(self, rows: Rows) -> NDArray[np.bool_]:
        return (rows[:, 2] > 0) | (rows[:, 3] > 0)

    def notes(self, rows: Rows) -> list[str]:
        of = dict(zip(self.columns, rows.sum(axis=0), strict=True))
        found = []
        if of["pairs"]:
            found.append(f"both orders agree in {of['agreeing']:.0f} of {of['pairs']:.0f} pairs")
        for other in self._other_judges:
            shown = "undefined" if other["pearson"] is None else f"{other['pearson']:.2f}"
            found.append(f"judge {other['judge']} ({other['judge_id']}) on {other['n']} of these: Pearson's r {shown}")
        if len(models := self._said.get("judge_models", [])) > 1:
            found.append(f"the judge's replies come from several models: {', '.join(models)}")
        if cost := self._said.get("judge_usage", {}).get("cost_usd"):
            found.append(f"judging cost {cost:.4g} USD")
        if of["unjudged"]:
            found.append(f"left out, since the judge failed on them: {of['unjudged']:.0f} of {len(rows)} answers")
        return found

    def details_of_totals(self, totals: NDArray[np.float64]) -> dict[str, Any]:
        of = dict(zip(self.columns, map(float, totals), strict=True))
        pairs = of["pairs"]
        in_pairs = (
            {
                "n_pairs": int(pairs),
                "agreement": of["agreeing"] / pairs,
                "mean_absolute_difference": of["difference"] / pairs,
                "reference_score": of["reference_score"] / pairs,
                "win_rate": of["wins"] / pairs,
            }
            if pairs
            else {}
        )
        return {
            **self._settings_of_judge(),
            "n_unjudged": int(of["unjudged"]),
            "n_asked_again": int(of["asked_again"]),
            **in_pairs,
            "other_judges": self._other_judges,
        }

    def _settings_of_judge(self) -> dict[str, Any]:
        judge = self.settings.judge
        return {
            "judge": None if judge is None else {"id": judge.id, **judge.facts},
            "rubric": self.rubric.title,
            "rubric_digest": self.rubric.digest(),
            "scale": list(self.rubric.scale),
            **self._said,
        }

    def signature_parts(self) -> tuple[str, ...]:
        judge = self.settings.judge
        named = f"{judge.name.replace('|', '/')}#{judge.id}" if judge else "none"
        return (f"judge:{named}", f"rubric:{self.rubric.title}#{self.rubric.digest()}")


def _pair_counts(scores: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """Return the last five columns of one sample; zeros where it was no pair."""
    if len(scores) != 2 or any(len(one) != 2 for one in scores):
        return (0.0,) * 5
    (own, reference), (own_again, reference_again) = scores
    agrees = np.sign(own - reference) == np.sign(own_again - reference_again)
    wins = own + own_again > reference + reference_again
    return (1.0, float(agrees), abs(own - own_again), (reference + reference_again) / 2, float(wins))
