"""How far two judges agree on the same answers."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def agreement_of(pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """Return how two judges' scores of the same answers, a pair each, agree.

    Returns:
        `n`, `pearson`, `spearman` (None where a judge gave one score to all, or there are fewer than two answers),
        `mean_absolute_difference` on the judges' scale, and `means` of both.
    """
    from scipy.stats import pearsonr, spearmanr

    first, second = np.array(pairs, dtype=np.float64).T
    varies = len(pairs) > 1 and np.ptp(first) > 0 and np.ptp(second) > 0
    return {
        "n": len(pairs),
        "pearson": float(pearsonr(first, second).statistic) if varies else None,
        "spearman": float(spearmanr(first, second).statistic) if varies else None,
        "mean_absolute_difference": float(np.abs(first - second).mean()),
        "means": [float(first.mean()), float(second.mean())],
    }
