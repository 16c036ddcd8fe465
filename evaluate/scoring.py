"""From answers to a scores document; no model is called, no audio read."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate import __version__
from evaluate.errors import ManifestError, RequestError, RunDamagedError
from evaluate.manifest import read_hypotheses, read_references
from evaluate.metrics import create_metric
from evaluate.metrics.base import Judged, Metric, State
from evaluate.normalizers import create_normalizer
from evaluate.prediction_log import encode_line, index_log, read_predictions
from evaluate.results import SCHEMA, RunDirectory
from evaluate.statistics import Bootstrap, bootstrap_interval
from evaluate.task import Split, Task
from evaluate.types import Failure, Prediction, Rows, Sample


def score_log(task: Task, split: Split, run: RunDirectory, bootstrap: Bootstrap) -> dict[str, Any]:
    """Score a finished log, which has a line for each sample of the split, and write what was counted per sample.

    Returns:
        The counts and metrics of a scores document.
    """
    index = index_log(run.predictions)
    ids = [sample.id for sample in split.samples]

    def items() -> Iterator[Judged]:
        for sample, prediction in zip(split.samples, read_predictions(run.predictions, index, ids), strict=True):
            yield _judge(task, sample, prediction)

    metrics = task.scorers(split.name)
    rows = {metric.name: metric.rows(items()) for metric in metrics}
    _write_sample_scores(run.sample_scores, items(), rows)
    scope = f"task:{task.name}@{task.version}"
    return {"primary": task.primary, **score_rows(metrics, items(), rows, bootstrap, scope=scope)}


def score_files(
    references: Path,
    predictions: Path,
    *,
    metrics: Sequence[str],
    language: str | None,
    normalizer: str | None,
    seed: int,
) -> dict[str, Any]:
    """Score a predictions file against a references file; no task, no run.

    Args:
        references: JSONL of `{"id", "references"}`.
        predictions: JSONL of `{"id", "hypothesis"}`, the same ids.
        metrics: Names of metrics.
        language: Chooses the normaliser; None: what the references file says.
        normalizer: Name of a normaliser; None: the default of language and metric.
        seed: Of the intervals.

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
    languages = {named for _, named in truth.values() if named}
    if language is None and len(languages) > 1:
        raise RequestError(
            f"{references}: lines name several languages ({', '.join(sorted(languages))}), each with a normaliser; "
            "score them apart, or give one --language"
        )
    chosen = language or next(iter(languages), "")
    label_form = create_normalizer(normalizer or "basic", language=chosen)
    labels = {label_form(text): text for texts, _ in truth.values() for text in texts}  # for metrics over classes
    choices = [labels[form] for form in sorted(labels)]
    scorers = [create_metric(name.strip(), language=chosen, normalizer=normalizer, choices=choices) for name in metrics]

    def items() -> Iterator[Judged]:
        for sample_id, (texts, _) in truth.items():
            answer = answers[sample_id]
            if isinstance(answer, Failure):
                yield Judged(sample_id, texts, None, "failed")
            else:
                yield Judged(sample_id, texts, answer)

    return {
        "schema": SCHEMA,
        "task": None,
        "split": None,
        "model": None,
        "primary": scorers[0].name,
        **score_rows(scorers, items(), {scorer.name: scorer.rows(items()) for scorer in scorers}, Bootstrap(seed=seed)),
    }


def _judge(task: Task, sample: Sample, prediction: Prediction) -> Judged:
    state: State
    if prediction.hypothesis is None:
        return Judged(sample.id, prediction.references, None, "failed", prediction.groups)
    answer = task.extract_answer(sample, prediction.hypothesis)
    state = "unparsed" if answer is None else "scored"
    return Judged(sample.id, prediction.references, answer, state, prediction.groups)


def _write_sample_scores(path: Path, items: Iterable[Judged], rows: Mapping[str, Rows]) -> None:
    """Write a line per sample: the answer that was extracted, and what each metric counted for it."""
    temporary = path.with_suffix(".jsonl.tmp")
    with temporary.open("wb") as file:
        for number, item in enumerate(items):
            counted = {name: of_metric[number].tolist() for name, of_metric in rows.items()}
            line = {"id": item.sample_id, "state": item.state, "answer": item.answer, "counted": counted}
            file.write(encode_line(line))
    temporary.replace(path)


def read_sample_scores(path: Path, metric: str) -> tuple[list[dict[str, Any]], Rows]:
    """Read what was counted per sample.

    Returns:
        The samples' `id`, `state` and `answer`, and one metric's row of each, shape (samples, columns).

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
    rows: Mapping[str, Rows],
    bootstrap: Bootstrap,
    *,
    scope: str = "",
) -> dict[str, Any]:
    """Sum what was counted per sample into values with intervals.

    Args:
        metrics: What to compute.
        items: The samples, for their states and groups.
        rows: What each metric counted, by its name; one row per item, in their order.
        bootstrap: Settings of the intervals.
        scope: What else the signature names, e.g. the task with its version.

    Returns:
        `n_total`, `n_scored`, `n_unparsed`, `n_failed`, and `metrics` by name.
    """
    states: Counter[str] = Counter()
    failed: list[bool] = []
    groups: dict[str, list[str]] = {}
    for item in items:
        states[item.state] += 1
        failed.append(item.state == "failed")
        for key, label in item.groups.items():
            groups.setdefault(key, []).append(label)
    # A grouping that some samples lack would make sums that do not add up to the whole.
    groups = {key: labels for key, labels in groups.items() if len(labels) == len(failed)}
    is_failed = np.array(failed, dtype=bool)
    return {
        "n_total": len(failed),
        "n_scored": states["scored"],
        "n_unparsed": states["unparsed"],
        "n_failed": states["failed"],
        "metrics": {
            metric.name: _score(metric, rows[metric.name], is_failed, groups, bootstrap, scope) for metric in metrics
        },
    }


def _score(
    metric: Metric,
    rows: Rows,
    is_failed: NDArray[np.bool_],
    groups: dict[str, list[str]],
    bootstrap: Bootstrap,
    scope: str,
) -> dict[str, Any]:
    totals = rows.sum(axis=0)
    value = _number(metric.value(totals))
    interval = bootstrap_interval(rows, metric.value, bootstrap)
    note = {}
    if interval is None and value is not None and len(rows) == 1:
        # Resampling one sample gives that sample: a program gets two bounds as always, people get a dash.
        interval, note = (value, value), {"ci_note": "one sample: nothing to resample, the width of 0 means nothing"}
    signature = "|".join(part for part in (metric.signature(), scope, f"v:{__version__}") if part)
    return {
        "value": value,
        "ci": None if interval is None else list(interval),
        "ci_method": bootstrap.describe(),
        **note,
        "higher_is_better": metric.higher_is_better,
        "is_rate": metric.is_rate,
        "value_without_failed": _number(metric.value(rows[~is_failed].sum(axis=0))),
        **metric.details(totals),
        "signature": signature,
        "settings": {
            "language": metric.language,
            "normalizer": metric.normalizer.name,
            "choices": list(metric.choices),
        },
        "by": {key: _score_groups(metric, rows, labels) for key, labels in groups.items()},
    }


def _score_groups(metric: Metric, rows: Rows, labels: list[str]) -> dict[str, Any]:
    """Return the value of each group, by its label."""
    names, positions = np.unique(np.array(labels), return_inverse=True)
    totals = np.zeros((len(names), rows.shape[1]))
    np.add.at(totals, positions, rows)
    sizes = np.bincount(positions, minlength=len(names))
    values = metric.value(totals)
    return {
        str(name): {"value": _number(value), "n": int(size)}
        for name, value, size in zip(names, values, sizes, strict=True)
    }


def _number(value: Any) -> float | None:
    """Return a JSON-ready number; None where the metric is undefined."""
    return float(value) if np.isfinite(value) else None
