"""Accuracy where several people answered every question and may disagree, as in ClothoAQA: three answers each.

The references of a sample are the annotators' answers, one each, equal ones repeated. `accuracy` takes an answer that
any of them gave for right; here are the other ways to count, all with range [0, 1], higher is better:

    annotator_accuracy   every annotator's answer is a case of its own: the share that the model's answer equals. Its
                         ceiling is below 1 where annotators disagree. What the Qwen-Audio evaluation calls ACC.
    binary_accuracy      the same over the cases whose answer is yes or no: its ACC (binary).
    majority_accuracy    over the questions on which more than half agree, against their answer.
    unanimous_accuracy   over the questions on which all agree.

Questions that a rule leaves out are counted in `left_out`; `yes_no` and `single_word` give the value of both parts.

Source: Lipping et al. 2022, "Clotho-AQA: A Crowdsourced Dataset for Audio Question Answering", and QwenLM/Qwen-Audio,
eval_audio/evaluate_aqa.py at b50fb958, whose exact match is kept under the protocol `qwen-audio`. That script fails
where no case is yes or no; here there is no value then, with the reason.
"""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.metrics.base import CountMetric, ratio
from evaluate.metrics.classification import LabelForm
from evaluate.types import Rows

YES_NO = frozenset({"yes", "no"})


class _Agreement(LabelForm, CountMetric):
    """Shared by the rules: a row counts cases and right answers, of yes and no and of other words apart."""

    higher_is_better = True
    columns = ("correct_yes_no", "yes_no", "correct_single_word", "single_word", "left_out")
    undefined = "no question is counted by this rule"

    @abstractmethod
    def cases(self, answers: list[str]) -> Iterable[str]:
        """Return the answers that the model's is held to, of all that the annotators gave to a question."""

    def count(self, *, references: tuple[str, ...], answer: str | None) -> tuple[float, ...]:
        said = None if answer is None else self.form(answer)
        counts = [0, 0, 0, 0]
        for case in self.cases([self.normalizer(text) for text in references]):
            part = 0 if case.lower() in YES_NO else 2
            counts[part] += said == case != ""  # nothing equals nothing: that is no answer
            counts[part + 1] += 1
        return (*counts, not (counts[1] or counts[3]))

    def value_of_totals(self, totals: Rows) -> NDArray[np.float64]:
        return ratio(totals[..., 0] + totals[..., 2], totals[..., 1] + totals[..., 3])

    def details_of_totals(self, totals: NDArray[np.float64]) -> dict[str, Any]:
        parts = {"yes_no": totals[:2], "single_word": totals[2:4]}
        return {
            **{name: {"value": float(one / n) if n else None, "n": int(n)} for name, (one, n) in parts.items()},
            "left_out": int(totals[4]),
        }

    def notes(self, rows: Rows) -> list[str]:
        left_out = int(rows[:, 4].sum())
        return [f"{left_out} of {len(rows)} questions are left out by its rule"] if left_out else []


class AnnotatorAccuracy(_Agreement):
    """Share of all annotators' answers that the model's answer equals."""

    name = "annotator_accuracy"

    def cases(self, answers: list[str]) -> Iterable[str]:
        return answers


class BinaryAccuracy(_Agreement):
    """Share of the annotators' answers that are yes or no which the model's answer equals."""

    name = "binary_accuracy"

    def cases(self, answers: list[str]) -> Iterable[str]:
        return [answer for answer in answers if answer.lower() in YES_NO]


class MajorityAccuracy(_Agreement):
    """Accuracy on the questions that more than half of the annotators answer alike."""

    name = "majority_accuracy"

    def cases(self, answers: list[str]) -> Iterable[str]:
        answer, votes = Counter(answers).most_common(1)[0]
        return [answer] if 2 * votes > len(answers) else []


class UnanimousAccuracy(_Agreement):
    """Accuracy on the questions that all annotators answer alike."""

    name = "unanimous_accuracy"

    def cases(self, answers: list[str]) -> Iterable[str]:
        return answers[:1] if len(set(answers)) == 1 else []
