"""Two runs of one split side by side: what differs, how sure that is, and which samples make the difference.

Both runs answered the same samples, so everything is paired: see `evaluate.paired`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evaluate.errors import RequestError
from evaluate.metrics.base import Metric
from evaluate.paired import match_ids, metric_of, paired_difference, shared_units
from evaluate.results import SCHEMA, RunDirectory, comparable_signature, read_scores
from evaluate.sample_scores import read_sample_scores
from evaluate.types import Rows

NUM_CHANGED = 10  # how many of the samples that changed most are listed


def compare_runs(first: Path, second: Path, *, seed: int = 0, num_changed: int = NUM_CHANGED) -> dict[str, Any]:
    """Compare two runs, metric by metric; a difference is the second's value less the first's.

    Args:
        first: Folder of a run.
        second: Folder of another on the same samples.
        seed: Of resamples and permutations.
        num_changed: How many of the samples that changed are listed at most.

    Returns:
        `task`, `split`, `runs`, `n_samples`, how many of these the second does better (`n_better`) and worse
        (`n_worse`) in the primary metric, per metric `values`, `difference`, `ci`, `p_value` and, where samples are
        right or wrong, `mcnemar_p_value`; and `changed`: the samples whose primary metric changed most.

    Raises:
        RequestError: A folder holds no run, or the two cannot be compared.
        RunDamagedError: A file of a run is not what it should be.
    """
    documents = [_scores_of(folder) for folder in (first, second)]
    _refuse_different(documents)
    primary = documents[0]["primary"]
    comparison: dict[str, Any] = {
        "schema": SCHEMA,
        "task": documents[0]["task"],
        "split": documents[0]["split"],
        "runs": [
            {
                "name": name_of(document),
                **{field: document.get(field, {}) for field in ("model", "generation", "clip_policy", "run_dir")},
            }
            for document in documents
        ],
        "primary": primary,
        "n_samples": documents[0]["n_total"],
        "n_better": None,
        "n_worse": None,
        "metrics": {},
        "changed": [],
    }
    first_metrics, second_metrics = (document["metrics"] for document in documents)
    both = {name: [score, second_metrics[name]] for name, score in first_metrics.items() if name in second_metrics}
    reasons = {name: _why_not_comparable(scores) for name, scores in both.items()}
    samples, counted = _paired(documents, [name for name, reason in reasons.items() if not reason])
    units = shared_units(*([one.get("groups", {}) for one in of_run] for of_run in samples))
    for name, scores in both.items():
        if reasons[name]:
            comparison["metrics"][name] = _no_difference(scores, reasons[name])
            continue
        metric = metric_of(name, scores[0], documents[0]["run_dir"])
        comparison["metrics"][name] = paired_difference(
            metric, [score["value"] for score in scores], counted[name], units, seed=seed
        )
        if name == primary:
            comparison |= _changes(metric, samples, counted[name], num_changed)
    return comparison


def name_of(document: Mapping[str, Any]) -> str:
    """Return what a run is called: its model, and the probe where it is one."""
    probe = document.get("probe")
    return f"{document['model']} (probe {probe})" if probe else str(document["model"])


def _scores_of(folder: Path) -> dict[str, Any]:
    path = RunDirectory(folder).scores
    if not path.is_file():
        raise RequestError(f"{folder}: no scores.json in it, expected the folder of a scored run; see results/runs")
    return read_scores(path)


def _refuse_different(documents: list[dict[str, Any]]) -> None:
    """Raise where two runs did not do the same thing."""
    for field in ("task", "split", "task_version", "primary"):
        values = [document[field] for document in documents]
        if values[0] != values[1]:
            raise RequestError(
                f"the runs differ in {field}: {values[0]!r} and {values[1]!r}; compare runs of one split"
            )
    signatures = [comparable_signature(one["metrics"][one["primary"]]["signature"]) for one in documents]
    if signatures[0] != signatures[1]:
        raise RequestError(
            f"the runs were scored in different ways: {signatures[0]} and {signatures[1]}; score one again"
        )


def _paired(
    documents: list[dict[str, Any]], metrics: list[str]
) -> tuple[list[list[dict[str, Any]]], dict[str, list[Rows]]]:
    """Return both runs' samples, and by the metric's name both runs' rows, the second's in the order of the first's."""
    paths = [RunDirectory(Path(document["run_dir"])).sample_scores for document in documents]
    (samples, rows), (other_samples, other_rows) = (read_sample_scores(path, metrics) for path in paths)
    order = match_ids(*([sample["id"] for sample in of_run] for of_run in (samples, other_samples)))
    paired = {name: [rows[name], other_rows[name][order]] for name in metrics}
    return [samples, [other_samples[number] for number in order]], paired


def _why_not_comparable(scores: list[dict[str, Any]]) -> str:
    """Return why there is no difference of a metric's two scores, "" where there is one."""
    for score in scores:
        if score["value"] is None:
            return str(score.get("reason", "there is no value"))
    signatures = [comparable_signature(score["signature"]) for score in scores]
    return "" if signatures[0] == signatures[1] else f"scored in different ways: {signatures[0]} and {signatures[1]}"


def _no_difference(scores: list[dict[str, Any]], reason: str) -> dict[str, Any]:
    """Return the comparison of a metric whose two scores have no difference."""
    return {
        "values": [score["value"] for score in scores],
        "difference": None,
        "ci": None,
        "p_value": None,
        "reason": reason,
        "higher_is_better": scores[0]["higher_is_better"],
        "is_rate": scores[0]["is_rate"],
    }


def _changes(metric: Metric, samples: list[list[dict[str, Any]]], rows: list[Rows], num_changed: int) -> dict[str, Any]:
    """Return how many samples' own values moved which way, and those that moved most, largest change first.

    A value without a reference counts as 0.
    """
    values = [np.nan_to_num(metric.sample_values(of_run)) for of_run in rows]
    gains = (values[1] - values[0]) * (1 if metric.higher_is_better else -1)
    order = np.argsort(-np.abs(gains), kind="stable")[:num_changed]
    return {
        "n_better": int((gains > 0).sum()),
        "n_worse": int((gains < 0).sum()),
        "changed": [
            {
                "id": samples[0][number]["id"],
                "values": [float(of_run[number]) for of_run in values],
                "answers": [of_run[number]["answer"] for of_run in samples],
                "alignments": [of_run[number].get("alignment") for of_run in samples],
            }
            for number in order
            if gains[number] != 0
        ],
    }
