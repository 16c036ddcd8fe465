"""From answers to a scores document; no model is called, no audio read."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from evaluate import __version__
from evaluate.answers import create_extractor
from evaluate.errors import ManifestError, MetricUnavailableError, RequestError, RunDamagedError
from evaluate.judgement_log import LoggedJudge
from evaluate.manifest import ReferenceRow, read_hypotheses, read_references
from evaluate.metrics import create_metric
from evaluate.metrics.base import Judge, Judged, Metric, MetricSettings, State
from evaluate.normalizers import create_normalizer
from evaluate.prediction_log import encode_line, index_log, read_predictions
from evaluate.results import SCHEMA, RunDirectory
from evaluate.statistics import Bootstrap, Units, bootstrap_interval, resampling_units
from evaluate.task import Split, Task
from evaluate.types import Failure, Prediction, Rows, Sample

MAX_GROUPS = 200  # beyond so many speakers a table of them helps nobody


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """What a user may say about scoring; everything else is the task's or the metric's."""

    seed: int = 0  # of the intervals
    ptb: Literal["python", "java"] = "python"
    spice_scores: Path | None = None
    spice_input: Path | None = None
    judge: Judge | None = None

    def complete(self, settings: MetricSettings, judgements: Path | None = None) -> MetricSettings:
        """Return a metric's settings with the user's own among them.

        Args:
            settings: What the task says.
            judgements: Where the judge's answers are kept; None: nowhere.
        """
        judge = LoggedJudge(self.judge, judgements) if self.judge and judgements else self.judge
        return replace(
            settings, ptb=self.ptb, spice_scores=self.spice_scores, spice_input=self.spice_input, judge=judge
        )


@dataclass(frozen=True, slots=True)
class GivenSettings:
    """What a task says of its metrics, said by the user where there is no task."""

    language: str | None = None  # None: what the references file says
    normalizer: str | None = None  # None: the default of metric and language
    choices: tuple[str, ...] = ()  # (): every label among the references
    protocol: str = ""
    extractor: str | None = None  # None: the whole text is the answer


def score_log(task: Task, split: Split, run: RunDirectory, options: ScoringOptions) -> dict[str, Any]:
    """Score a finished log, which has a line for each sample of the split, and write what was counted per sample.

    Returns:
        The counts and metrics of a scores document.
    """
    index = index_log(run.predictions)
    ids = [sample.id for sample in split.samples]

    def items() -> Iterator[Judged]:
        for sample, prediction in zip(split.samples, read_predictions(run.predictions, index, ids), strict=True):
            yield _judge(task, sample, prediction)

    metrics = [
        create_metric(name, options.complete(settings, run.judgements))
        for name, settings in task.metric_settings(split.name).items()
    ]
    counted = count_samples(metrics, items)
    _write_sample_scores(run.sample_scores, items(), counted)
    scope = f"task:{task.name}@{task.version}"
    return {"primary": task.primary, **score_rows(metrics, items(), counted, options, scope=scope)}


def score_files(
    references: Path, predictions: Path, *, metrics: Sequence[str], given: GivenSettings, options: ScoringOptions
) -> dict[str, Any]:
    """Score a predictions file against a references file; no task, no run.

    Args:
        references: JSONL of `{"id", "references"}`.
        predictions: JSONL of `{"id", "hypothesis"}`, the same ids.
        metrics: Names of metrics.
        given: What a task would say.
        options: What the user says.

    Returns:
        A scores document without task, split and model.

    Raises:
        RequestError: A line is wrong, the ids differ, a name is unknown, or the lines name several languages.
    """
    truth, answers = read_references(references), read_hypotheses(predictions)
    for sample_id in truth:
        if sample_id not in answers:
            raise ManifestError(
                f"{predictions}: no line for id {sample_id!r} of {references}; every id must be answered"
            )
    for sample_id in answers:
        if sample_id not in truth:
            raise ManifestError(f"{predictions}: id {sample_id!r} is unknown, it is not in {references}")
    settings = options.complete(_settings_of_file(references, truth, given))
    scorers = [create_metric(name.strip(), settings) for name in metrics]
    extract = create_extractor(given.extractor) if given.extractor else None

    def items() -> Iterator[Judged]:
        for sample_id, row in truth.items():
            answer = answers[sample_id]
            judged = partial(
                Judged,
                sample_id,
                row.references,
                groups=row.groups,
                question=row.question,
                source_text=row.source_text,
            )
            if isinstance(answer, Failure):
                yield judged(None, "failed")
            else:
                extracted = extract(answer, settings.choices) if extract else answer
                yield judged(extracted, _state(extracted))

    return {
        "schema": SCHEMA,
        "task": None,
        "split": None,
        "model": None,
        "primary": scorers[0].name,
        **score_rows(scorers, items(), count_samples(scorers, items), options),
    }


def _settings_of_file(path: Path, truth: Mapping[str, ReferenceRow], given: GivenSettings) -> MetricSettings:
    languages = {row.language for row in truth.values() if row.language}
    if given.language is None and len(languages) > 1:
        raise RequestError(
            f"{path}: lines name several languages ({', '.join(sorted(languages))}), each with a normaliser; "
            "score them apart, or give one --language"
        )
    language = given.language or next(iter(languages), "")
    label_form = create_normalizer(given.normalizer or "basic", language=language)
    labels = {label_form(text): text for row in truth.values() for text in row.references}  # for metrics over classes
    choices = given.choices or tuple(labels[form] for form in sorted(labels))
    if given.choices:
        known = {label_form(label) for label in given.choices}
        strange = next((text for form, text in labels.items() if form not in known), None)
        if strange is not None:
            raise RequestError(f"{path}: reference {strange!r} is none of the choices: {', '.join(given.choices)}")
    return MetricSettings(language, given.normalizer, choices, given.protocol)


def _judge(task: Task, sample: Sample, prediction: Prediction) -> Judged:
    judged = partial(
        Judged,
        sample.id,
        prediction.references,
        groups=prediction.groups,
        question=prediction.prompt,
        source_text=sample.source_text,
    )
    if prediction.hypothesis is None:
        return judged(None, "failed")
    answer = task.extract_answer(sample, prediction.hypothesis)
    return judged(answer, _state(answer))


def _state(answer: str | None) -> State:
    return "unparsed" if answer is None else "scored"


@dataclass(frozen=True, slots=True)
class Counted:
    """What the metrics made of every sample, by the metric's name."""

    rows: dict[str, Rows]
    unavailable: dict[str, str]  # why a metric could not be had


def count_samples(metrics: Sequence[Metric], items: Callable[[], Iterator[Judged]]) -> Counted:
    """Let every metric read the samples; one that cannot be had here does not keep the others from it."""
    rows, unavailable = {}, {}
    for metric in metrics:
        try:
            rows[metric.name] = metric.rows(items())
        except MetricUnavailableError as error:
            unavailable[metric.name] = str(error)
    return Counted(rows, unavailable)


def _write_sample_scores(path: Path, items: Iterable[Judged], counted: Counted) -> None:
    """Write a line per sample: the answer that was extracted, and what each metric counted for it."""
    temporary = path.with_suffix(".jsonl.tmp")
    with temporary.open("wb") as file:
        for number, item in enumerate(items):
            line = {
                "id": item.sample_id,
                "state": item.state,
                "answer": item.answer,
                "groups": dict(item.groups),
                "counted": {name: rows[number].tolist() for name, rows in counted.rows.items()},
            }
            file.write(encode_line(line))
    temporary.replace(path)


def read_sample_scores(path: Path, metric: str) -> tuple[list[dict[str, Any]], Rows]:
    """Read what was counted per sample.

    Returns:
        The samples' `id`, `state`, `answer` and `groups`, and one metric's row of each, shape (samples, columns).

    Raises:
        RunDamagedError: The file is missing or of another form.
    """
    try:
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        rows = np.array([line.pop("counted")[metric] for line in lines], dtype=np.float64)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunDamagedError(f"{path}: no sample scores of {metric!r} in it ({error}); score the run again") from error
    return lines, rows


def score_rows(
    metrics: Sequence[Metric],
    items: Iterable[Judged],
    counted: Counted,
    options: ScoringOptions,
    *,
    scope: str = "",
) -> dict[str, Any]:
    """Make values with intervals of what was counted per sample.

    Args:
        metrics: What to compute.
        items: The samples, for their states and groups.
        counted: What each metric made of them, in their order.
        options: The seed of the intervals is taken from them.
        scope: What else the signature names, e.g. the task with its version.

    Returns:
        `n_total`, `n_scored`, `n_unparsed`, `n_failed`, and `metrics` by name.
    """
    samples = _Samples.of(items)
    bootstrap = Bootstrap(seed=options.seed)
    scores = {}
    for metric in metrics:
        reason = counted.unavailable.get(metric.name)
        rows = counted.rows.get(metric.name)
        score = _absent(samples, reason or "") if rows is None else _score(metric, rows, samples, bootstrap)
        numbers = f"refs:{samples.num_references}" if metric.uses_all_references else ""
        parts = (metric.signature(), numbers, scope, f"v:{__version__}")
        scores[metric.name] = {
            **score,
            "higher_is_better": metric.higher_is_better,
            "is_rate": metric.is_rate,
            "signature": "|".join(part for part in parts if part),
            "settings": metric.settings.to_json(metric.normalizer.name),
        }
    return {**samples.counts(), "metrics": scores}


@dataclass(frozen=True, slots=True)
class _Samples:
    """What all metrics need to know of the samples, shape (samples,) each."""

    failed: NDArray[np.bool_]
    unparsed: NDArray[np.bool_]
    groups: dict[str, list[str]]  # kind of group to the label of each sample
    num_references: str  # "5", or "1-5" where samples differ

    @classmethod
    def of(cls, items: Iterable[Judged]) -> "_Samples":
        states: list[State] = []
        groups: dict[str, list[str]] = {}
        numbers = set()
        for item in items:
            states.append(item.state)
            numbers.add(len(item.references))
            for key, label in item.groups.items():
                groups.setdefault(key, []).append(label)
        # A grouping that some samples lack would make sums that do not add up to the whole.
        groups = {key: labels for key, labels in groups.items() if len(labels) == len(states)}
        shown = "-".join(map(str, sorted({min(numbers), max(numbers)}))) if numbers else "0"
        which = np.array(states, dtype=np.str_)
        return cls(which == "failed", which == "unparsed", groups, shown)

    def counts(self, unparsed: NDArray[np.bool_] | None = None) -> dict[str, int]:
        """Return the four counts, with the samples that a metric itself could not read."""
        total, failed = len(self.failed), int(self.failed.sum())
        could_not = self.unparsed if unparsed is None else self.unparsed | unparsed
        num_unparsed = int((could_not & ~self.failed).sum())
        return {
            "n_total": total,
            "n_scored": total - num_unparsed - failed,
            "n_unparsed": num_unparsed,
            "n_failed": failed,
        }


def _absent(samples: _Samples, reason: str) -> dict[str, Any]:
    """Return the score of a metric that cannot be had: no number, and why."""
    return {"value": None, "ci": None, "reason": reason, "value_without_failed": None, **samples.counts(), "by": {}}


def _score(metric: Metric, rows: Rows, samples: _Samples, bootstrap: Bootstrap) -> dict[str, Any]:
    value = _value(metric, rows)
    units = resampling_units(samples.groups)
    interval = _interval(metric, rows, bootstrap, units) if value is not None else {"ci": None}
    return {
        "value": value,
        **({"reason": metric.undefined} if value is None else {}),
        **interval,
        "ci_method": units.describe(bootstrap),
        **samples.counts(metric.unparsed(rows)),
        "value_without_failed": _value(metric, rows[~samples.failed]),
        **metric.details(rows),
        "by": {key: _score_groups(metric, rows, labels, bootstrap) for key, labels in samples.groups.items()},
    }


def _interval(metric: Metric, rows: Rows, bootstrap: Bootstrap, units: Units) -> dict[str, Any]:
    """Return `ci`, with a note where it means less than it seems to."""
    if len(rows) == 1:
        # Resampling one sample gives that sample: a program gets two bounds as always, people get a dash.
        value = float(metric.value(rows))
        return {"ci": [value, value], "ci_note": "one sample: nothing to resample, the width of 0 means nothing"}
    bounds = bootstrap_interval(rows, metric.value, bootstrap, units)
    return {"ci": None if bounds is None else list(bounds), **({"ci_note": units.note} if units.note else {})}


def _score_groups(metric: Metric, rows: Rows, labels: list[str], bootstrap: Bootstrap) -> dict[str, Any]:
    """Return the value of each group, by its label; with very many groups none, they are in the sample scores."""
    names, index = np.unique(np.array(labels), return_inverse=True)
    if len(names) > MAX_GROUPS:
        return {}
    scores = {}
    for position, name in enumerate(names):
        of_group = rows[index == position]
        value = _value(metric, of_group)
        interval = _interval(metric, of_group, bootstrap, Units()) if value is not None else {"ci": None}
        scores[str(name)] = {"value": value, "ci": interval["ci"], "n": len(of_group)}
    return scores


def _value(metric: Metric, rows: Rows) -> float | None:
    """Return the value of samples that count once each; None where it is undefined, as it is without a sample."""
    value = float(metric.value(rows)) if len(rows) else np.nan
    return value if np.isfinite(value) else None
