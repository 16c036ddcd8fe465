"""What two runs on the same samples differ by, and how sure that is: for comparisons and the regression check.

Both runs answered the same samples, so everything is paired: the interval resamples samples with both their answers,
the p-value swaps them, and where the corpus names speakers or recordings both do so by group (see
`evaluate.statistics`). Where a sample is either right or wrong, McNemar's exact test stands beside.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.errors import RequestError, RunDamagedError
from evaluate.metrics import create_metric
from evaluate.metrics.base import Metric, MetricSettings, Weights
from evaluate.statistics import (
    Bootstrap,
    Units,
    bootstrap_interval,
    mcnemar_p_value,
    permutation_p_value,
    resampling_units,
)
from evaluate.types import Rows


def metric_of(name: str, score: Mapping[str, Any], run_dir: object) -> Metric:
    """Return a metric as a run was scored with it.

    Raises:
        RunDamagedError: The score does not say its settings.
    """
    try:
        return create_metric(name, MetricSettings.from_json(score["settings"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise RunDamagedError(f"{run_dir}: scores.json names no settings of {name}; score the run again") from error


def match_ids(first: Sequence[str], second: Sequence[str]) -> list[int]:
    """Return where each of the first ids stands among the second.

    Raises:
        RequestError: An id is in one of the two only.
    """
    position = {sample_id: number for number, sample_id in enumerate(second)}
    unpaired = set(first) ^ position.keys()
    if unpaired:
        raise RequestError(
            f"{len(unpaired)} samples are in one run only, e.g. {min(unpaired)!r}; compare runs on the same samples"
        )
    return [position[sample_id] for sample_id in first]


def shared_units(first: Sequence[Mapping[str, str]], second: Sequence[Mapping[str, str]]) -> Units:
    """Return what is drawn and swapped as a whole, from the groups of each sample; one that either run names counts."""
    named = [{**one, **two} for one, two in zip(first, second, strict=True)]
    kinds = {kind for groups in named for kind in groups}
    return resampling_units({kind: [groups.get(kind) for groups in named] for kind in kinds})


def paired_difference(
    metric: Metric, values: Sequence[float], rows: Sequence[Rows], units: Units, *, seed: int = 0
) -> dict[str, Any]:
    """Return the second value less the first, with its 95 % interval and p-values.

    Args:
        metric: What was counted.
        values: Of both runs.
        rows: Of both runs, for the same samples in the same order, shape (samples, columns) each.
        units: What is drawn and swapped as a whole.
        seed: Of resamples and permutations.

    Returns:
        `values`, `difference`, `ci`, `ci_method`, `p_value`, `p_method` and more, JSON-ready.
    """
    width = rows[0].shape[1]

    def difference(pairs: Rows, weights: Weights) -> NDArray[np.float64]:
        return metric.value(pairs[:, width:], weights) - metric.value(pairs[:, :width], weights)

    settings = Bootstrap(seed=seed)
    interval = bootstrap_interval(np.concatenate(rows, axis=1), difference, settings, units)
    first, second = (metric.sample_values(of_run) for of_run in rows)
    return {
        "values": list(values),
        "difference": values[1] - values[0],
        "ci": None if interval is None else list(interval),
        "ci_method": units.describe(settings),
        **({"ci_note": units.note} if units.note else {}),
        "p_value": permutation_p_value(rows[0], rows[1], metric.value, units=units, seed=seed),
        "p_method": f"permutation by {units.name}",
        **({"mcnemar_p_value": mcnemar_p_value(first, second)} if metric.is_binary else {}),
        "higher_is_better": metric.higher_is_better,
        "is_rate": metric.is_rate,
    }
