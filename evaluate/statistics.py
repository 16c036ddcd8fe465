"""Bootstrap intervals over samples, and paired permutation tests, from rows of counts.

A resample of n samples is a multinomial draw of how often each *distinct* row occurs, which has exactly the
distribution of drawing samples one by one and costs the number of distinct rows rather than n.

Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13 (percentile interval); for word error
rates Bisani and Ney 2004, "Bootstrap Estimates for Confidence Intervals in ASR Performance Evaluation". Permutation:
Noreen 1989, "Computer-Intensive Methods for Testing Hypotheses", chapter 2 (approximate randomisation).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.types import Rows

_CELLS_AT_ONCE = 4_000_000  # bounds memory: 32 MB of weights


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Settings of an interval."""

    resamples: int = 1000
    level: float = 0.95
    seed: int = 0

    def describe(self) -> dict[str, object]:
        """Return the settings as they stand in scores.json."""
        return {
            "method": "percentile bootstrap",
            "unit": "sample",
            "resamples": self.resamples,
            "level": self.level,
            "seed": self.seed,
        }


def bootstrap_interval(
    rows: Rows, value: Callable[[Rows], NDArray[np.float64]], settings: Bootstrap
) -> tuple[float, float] | None:
    """Return the percentile interval of a value over resampled samples.

    Args:
        rows: Counts, shape (samples, columns).
        value: Summed counts to value: (..., columns) to (...).
        settings: Number of resamples, level, seed.

    Returns:
        Lower and upper bound; None where there are fewer than two samples, or the value is undefined in a resample
        too often for a percentile to mean anything (more than half).
    """
    if len(rows) < 2:
        return None
    values = np.concatenate([value(totals) for totals in _resampled_totals(rows, settings)])
    values = values[np.isfinite(values)]
    if 2 * len(values) < settings.resamples:
        return None
    tail = (1 - settings.level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _resampled_totals(rows: Rows, settings: Bootstrap) -> Iterator[Rows]:
    """Yield summed rows of resamples, shape (some, columns), until all resamples are drawn."""
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    rng = np.random.default_rng(settings.seed)
    at_once = max(1, _CELLS_AT_ONCE // len(distinct))
    for start in range(0, settings.resamples, at_once):
        size = min(at_once, settings.resamples - start)
        weights = rng.multinomial(len(rows), counts / len(rows), size=size)  # (size, distinct)
        yield weights @ distinct


def permutation_p_value(
    first: Rows,
    second: Rows,
    value: Callable[[Rows], NDArray[np.float64]],
    *,
    permutations: int = 10_000,
    seed: int = 0,
) -> float | None:
    """Return how often chance alone makes two systems differ as much, if each sample's pair of answers is exchangeable.

    Which system gave which answer is drawn anew for every sample, independently. A draw swaps a binomial number of each
    *distinct* pair of rows, which is the same.

    Args:
        first: Counts of one system, shape (samples, columns).
        second: Counts of the other for the same samples in the same order.
        value: Summed counts to value.
        permutations: How many draws.
        seed: Of the draws.

    Returns:
        Two-sided p-value, (1 + draws at least as extreme) / (1 + draws), in (0, 1]; None where a value is undefined.
    """
    distinct, counts = np.unique(np.concatenate([first, second], axis=1), axis=0, return_counts=True)
    width = first.shape[1]
    gain = distinct[:, width:] - distinct[:, :width]  # (distinct, columns): what swapping one pair adds to the first
    totals = np.stack([first.sum(axis=0), second.sum(axis=0)])
    observed = abs(float(value(totals[1]) - value(totals[0])))
    if not np.isfinite(observed):
        return None
    rng = np.random.default_rng(seed)
    extreme = 0
    at_once = max(1, _CELLS_AT_ONCE // len(distinct))
    for start in range(0, permutations, at_once):
        size = min(at_once, permutations - start)
        moved = rng.binomial(counts, 0.5, size=(size, len(distinct))) @ gain  # (size, columns)
        differences = np.abs(value(totals[1] - moved) - value(totals[0] + moved))
        extreme += int((differences >= observed - 1e-12).sum())
    return (1 + extreme) / (1 + permutations)
