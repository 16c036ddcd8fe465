"""Bootstrap intervals and paired tests, from rows of numbers per sample and a value of weighted rows.

A resample of n samples is a multinomial draw of how often each *distinct* row occurs, which has exactly the
distribution of drawing samples one by one and costs the number of distinct rows rather than n. Where samples belong
together (utterances of one speaker, questions about one recording) whole groups are drawn instead, all samples of a
group as often as the group: within a group answers are right and wrong together, and resampling samples would give
intervals that are too narrow.

Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13 (percentile interval); for word error
rates, and by speaker, Bisani and Ney 2004, "Bootstrap Estimates for Confidence Intervals in ASR Performance
Evaluation". Permutation: Noreen 1989, "Computer-Intensive Methods for Testing Hypotheses", chapter 2 (approximate
randomisation). McNemar 1947, in its exact form: a binomial test of the pairs that differ.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluate.types import Rows

Value = Callable[[Rows, NDArray[np.float64]], NDArray[np.float64]]  # rows and weights (..., samples) to values (...)

_CELLS_AT_ONCE = 4_000_000  # bounds memory: 32 MB of weights
RESAMPLED_GROUPS = ("speaker", "recording")  # what makes samples dependent, in the order of preference
MOST_WITHOUT = 0.1  # share of samples that may name no group where groups are drawn
FEW_GROUPS = 10  # below, an interval says so: so few draws tell little of how groups vary


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """Settings of an interval."""

    resamples: int = 1000
    level: float = 0.95
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Units:
    """What is drawn in a resample: samples, or the groups that they belong to."""

    name: str = "sample"
    index: NDArray[np.intp] | None = None  # of each sample's group, shape (samples,); None: each sample by itself
    note: str = ""  # what a reader of the interval should know, "" if nothing

    def describe(self, settings: Bootstrap) -> dict[str, object]:
        """Return how an interval was made, as it stands in scores.json."""
        return {
            "method": "percentile bootstrap",
            "unit": self.name,
            **({"n_units": int(self.index.max()) + 1} if self.index is not None else {}),
            "resamples": settings.resamples,
            "level": settings.level,
            "seed": settings.seed,
        }


def resampling_units(groups: Mapping[str, Sequence[str | None]]) -> Units:
    """Return what to draw: speakers or else recordings, where samples share them, or else samples.

    Args:
        groups: Kind of group ("speaker") to the label of each sample; None: the sample names none, and is drawn by
            itself.
    """
    notes = []
    for name in RESAMPLED_GROUPS:
        labels = groups.get(name, ())
        num_without = sum(label is None for label in labels)
        if num_without > MOST_WITHOUT * len(labels):
            notes.append(f"{num_without} of {len(labels)} samples name no {name}, so they are not drawn by {name}")
            continue
        index, num_units = group_index(labels)
        if not num_units or num_units == len(labels):
            continue  # nobody names one, or each sample has its own
        if num_units - num_without == 1:
            notes.append(f"all samples are of one {name}: the interval says nothing of others")
            continue
        if num_units < FEW_GROUPS:
            notes.append(f"only {num_units} {name}s: the interval is rough")
        if num_without:
            notes.append(f"{num_without} samples name no {name} and are drawn by themselves")
        return Units(name, index, "; ".join(notes))
    return Units(note="; ".join(notes))


def group_index(labels: Sequence[str | None]) -> tuple[NDArray[np.intp], int]:
    """Return the number of each sample's group, and how many groups there are; None is a group of its own each time.

    Groups are numbered by their labels, so that the order of samples moves no interval.
    """
    numbers = {label: number for number, label in enumerate(sorted({label for label in labels if label is not None}))}
    index = np.empty(len(labels), dtype=np.intp)
    num_units = len(numbers)
    for position, label in enumerate(labels):
        if label is None:
            index[position] = num_units
            num_units += 1
        else:
            index[position] = numbers[label]
    return index, num_units


def bootstrap_interval(
    rows: Rows, value: Value, settings: Bootstrap, units: Units | None = None
) -> tuple[float, float] | None:
    """Return the percentile interval of a value over resamples.

    Args:
        rows: Shape (samples, columns).
        value: Rows and how often each counts, (..., samples), to values (...).
        settings: Number of resamples, level, seed.
        units: What is drawn; None: samples.

    Returns:
        Lower and upper bound; None where there are fewer than two samples, or the value is undefined in a resample
        too often for a percentile to mean anything (more than half).
    """
    if len(rows) < 2:
        return None
    index = None if units is None else units.index
    draws = _by_sample(rows, settings) if index is None else _by_group(rows, index, settings)
    values = np.concatenate([value(drawn, weights) for drawn, weights in draws])
    values = values[np.isfinite(values)]
    if 2 * len(values) < settings.resamples:
        return None
    tail = (1 - settings.level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def _by_sample(rows: Rows, settings: Bootstrap) -> Iterator[tuple[Rows, NDArray[np.float64]]]:
    """Yield distinct rows with weights of resamples, shape (some, distinct), until all are drawn."""
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    rng = np.random.default_rng(settings.seed)
    for size in _shares(settings.resamples, len(distinct)):
        yield distinct, rng.multinomial(len(rows), counts / len(rows), size=size).astype(np.float64)


def _by_group(rows: Rows, index: NDArray[np.intp], settings: Bootstrap) -> Iterator[tuple[Rows, NDArray[np.float64]]]:
    """Yield the rows with weights of resamples of groups, shape (some, samples), until all are drawn."""
    num_groups = int(index.max()) + 1
    rng = np.random.default_rng(settings.seed)
    for size in _shares(settings.resamples, len(rows)):
        drawn = rng.multinomial(num_groups, np.full(num_groups, 1 / num_groups), size=size)  # (size, groups)
        yield rows, drawn.astype(np.float64)[:, index]


def _shares(total: int, width: int) -> Iterator[int]:
    """Yield how many of `total` draws of `width` cells to make at once."""
    at_once = max(1, _CELLS_AT_ONCE // width)
    for start in range(0, total, at_once):
        yield min(at_once, total - start)


def permutation_p_value(
    first: Rows,
    second: Rows,
    value: Value,
    *,
    units: Units | None = None,
    permutations: int = 10_000,
    seed: int = 0,
) -> float | None:
    """Return how often chance alone makes two systems differ as much, if each unit's pair of answers is exchangeable.

    Which system gave which answers is drawn anew for every unit, independently. Of samples by themselves a draw swaps a
    binomial number of each *distinct* pair of rows, which is the same.

    Args:
        first: Rows of one system, shape (samples, columns).
        second: Rows of the other for the same samples in the same order.
        value: Rows and weights to values.
        units: What is swapped as a whole; None: samples.
        permutations: How many draws.
        seed: Of the draws.

    Returns:
        Two-sided p-value, (1 + draws at least as extreme) / (1 + draws), in (0, 1]; None where a value is undefined.
    """
    index = None if units is None else units.index
    if index is None:
        pairs, counts = np.unique(np.concatenate([first, second], axis=1), axis=0, return_counts=True)
    else:
        pairs, counts = np.concatenate([first, second], axis=1), np.ones(len(first), dtype=int)
    width = first.shape[1]
    both = np.concatenate([pairs[:, :width], pairs[:, width:]])  # (2 pairs, columns): the first system's rows on top
    observed = _distance(both, value, *_weights_of(counts, np.zeros_like(counts)))
    if not np.isfinite(observed):
        return None
    rng = np.random.default_rng(seed)
    extreme = 0
    for size in _shares(permutations, 2 * len(pairs)):
        if index is None:
            moved = rng.binomial(counts, 0.5, size=(size, len(pairs)))
        else:
            moved = rng.binomial(1, 0.5, size=(size, int(index.max()) + 1))[:, index]
        distances = _distance(both, value, *_weights_of(counts - moved, moved))
        extreme += int((distances >= observed * (1 - 1e-9) - 1e-15).sum())  # equal but for rounding is as extreme
    return (1 + extreme) / (1 + permutations)


def _weights_of(stayed: NDArray[np.int_], moved: NDArray[np.int_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both systems' weights of the stacked rows, if so many of each pair stayed and so many changed places."""
    return (
        np.concatenate([stayed, moved], axis=-1).astype(np.float64),
        np.concatenate([moved, stayed], axis=-1).astype(np.float64),
    )


def _distance(rows: Rows, value: Value, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.abs(value(rows, second) - value(rows, first))


def mcnemar_p_value(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Return the exact two-sided p-value that two systems are right equally often, from the samples they differ on.

    Args:
        first: 1 where one system is right and 0 where it is wrong, shape (samples,).
        second: The same of the other.
    """
    from scipy.stats import binomtest  # takes a second to import

    only_first, only_second = int((first > second).sum()), int((second > first).sum())
    if only_first + only_second == 0:
        return 1.0
    return float(binomtest(only_first, only_first + only_second, 0.5).pvalue)
