"""From a run's log to its scores; no model is called, no audio read."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from evaluate.errors import MetricUnavailableError, RequestError
from evaluate.kept_scores import keep, read_kept, scoring_key
from evaluate.metrics import create_metric
from evaluate.metrics.base import Judge, Judged, Metric, MetricSettings, State
from evaluate.prediction_log import index_log, read_predictions
from evaluate.results import RunDirectory
from evaluate.sample_scores import write_sample_scores
from evaluate.scores import Counted, count_samples, score_rows
from evaluate.statistics import Bootstrap
from evaluate.task import Split, Task
from evaluate.types import Prediction, Sample

SPICE_METRICS = frozenset({"spice", "spider", "spider_fl"})


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """What a user may say about scoring; everything else is the task's or the metric's."""

    seed: int = 0  # of the intervals
    ptb: Literal["python", "java"] = "python"
    spice_scores: Path | None = None
    spice_input: Path | None = None
    judge: Judge | None = None
    rubric: str = ""  # by which it judges; "": the task's
    max_unjudged: int = 0  # how many answers may be without a judgement

    def refuse_idle(self, metrics: Iterable[str]) -> None:
        """Raise where an option is given that none of the metrics looks at.

        Raises:
            RequestError: With the option's name.
        """
        asked = set(metrics)
        if self.judge is not None and "judge" not in asked:
            raise RequestError(
                "--judge scores open answers (metric judge), which nothing here is scored by; leave it out"
            )
        for option, value in (("--spice-scores", self.spice_scores), ("--spice-input", self.spice_input)):
            if value is not None and not SPICE_METRICS & asked:
                raise RequestError(f"{option} is for {', '.join(sorted(SPICE_METRICS))}, none of which is asked for")

    def complete(self, settings: MetricSettings, judgements: Path | None = None) -> MetricSettings:
        """Return a metric's settings with the user's own among them.

        Args:
            settings: What the task says.
            judgements: Where the judge's replies are kept; None: nowhere.
        """
        return replace(
            settings,
            ptb=self.ptb,
            spice_scores=self.spice_scores,
            spice_input=self.spice_input,
            judge=self.judge,
            judgements=judgements,
            rubric=self.rubric or settings.rubric,
            max_unjudged=self.max_unjudged,
        )


def kept_scores(task: Task, split: Split, run: RunDirectory, options: ScoringOptions) -> dict[str, Any] | None:
    """Return what scoring a finished log gave before; None where it was not, or anything that matters has changed."""
    if not run.predictions.is_file():
        return None
    metrics = _metrics(task, split, run, options)
    return read_kept(run, scoring_key(task, split, run, metrics, options, _scope(task)))


def score_log(task: Task, split: Split, run: RunDirectory, options: ScoringOptions) -> dict[str, Any]:
    """Score a finished log, which has a line for each sample of the split, and write what was counted per sample.

    Returns:
        The counts and metrics of a scores document.
    """
    scope = _scope(task)
    metrics = _metrics(task, split, run, options)
    key = scoring_key(task, split, run, metrics, options, scope)
    if (kept := read_kept(run, key)) is not None:
        return kept
    index = index_log(run.predictions)

    def items() -> Iterator[Judged]:
        predictions = read_predictions(run.predictions, index, (sample.id for sample in split.samples))
        for sample, prediction in zip(split.samples, predictions, strict=True):
            yield _judge(task, sample, prediction)

    reason = task.why_unscored(split.asks_as)
    unscored = Counted({}, {metric.name: MetricUnavailableError(reason) for metric in metrics})
    counted = unscored if reason else count_samples(metrics, items)
    write_sample_scores(run.sample_scores, items(), metrics, counted.rows)
    scores = {
        "primary": next(iter(task.metric_settings(split.asks_as))),
        **score_rows(metrics, items(), counted, Bootstrap(seed=options.seed), scope=scope),
    }
    if not counted.unavailable:  # what is missing here may be installed before the next time
        with suppress(OSError):
            keep(run, key, scores)
    return scores


def _scope(task: Task) -> str:
    return "|".join(filter(None, [extractor_part(task.answer_extractor), f"task:{task.name}@{task.version}"]))


def _metrics(task: Task, split: Split, run: RunDirectory, options: ScoringOptions) -> list[Metric]:
    return [
        create_metric(name, options.complete(settings, run.judgements))
        for name, settings in task.metric_settings(split.asks_as).items()
    ]


def _judge(task: Task, sample: Sample, prediction: Prediction) -> Judged:
    judged = partial(
        Judged,
        sample.id,
        prediction.references,
        groups=sample.groups,  # as the corpus names them now: they are no part of what was answered
        question=prediction.prompt,
        source_text=sample.source_text,
        turns=sample.turns,
        context=sample.context,
        truncated=prediction.truncated,
        audio_seconds=prediction.audio_seconds,
    )
    if prediction.error is not None or prediction.hypothesis is None:
        return judged(None, "failed", error_type=prediction.error.type if prediction.error else "")
    answer = task.extract_answer(sample, prediction.hypothesis)
    return judged(answer, state_of(answer), unread=prediction.hypothesis if answer is None else None)


def extractor_part(name: str) -> str:
    """Return how answers were read out, for the signature; "" where the whole text is the answer."""
    return f"extractor:{name}" if name else ""


def state_of(answer: str | None) -> State:
    """Return the state of a sample that did not fail."""
    return "unparsed" if answer is None else "scored"
