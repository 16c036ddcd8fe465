"""Scales of radar axes: linear, with round values on rings that all axes share, outside better.

Values are in the unit that is shown (per cent where the metric is a rate). "Outward" values are those values with the
sign turned where lower is better, so that they always grow from the centre to the outer ring.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evaluate.report.charts.style import scientific

ROUND_STEPS = (1.0, 2.0, 2.5, 5.0)  # times a power of ten
RINGS = (4, 5)  # what is tried where all axes are chosen from the data
LEAST_RADIUS = 0.1  # of the worst value: at the centre it would look like zero
LEAST_RELATIVE_SPAN = 0.05  # of the largest value: smaller differences are not blown up to the whole axis
LEAST_RATE_SPAN = 1.0  # points of per cent
LEAST_SPAN = 1e-9
FULL_RATE = 100.0


@dataclass(frozen=True, slots=True)
class Scale:
    """One axis: the values at its centre and at its outer ring, in the unit that is shown."""

    centre: float
    outer: float
    num_rings: int
    lowest_shown: float = -math.inf  # rings below are not labelled: no metric takes such values

    def radius(self, value: float) -> float:
        """Return how far out a value stands: 0 at the centre, 1 at the outer ring."""
        return min(1.0, (value - self.centre) / (self.outer - self.centre))

    def tick_labels(self) -> list[str]:
        """Return the labels of the rings, from the inner one outwards; "" where the value is impossible."""
        step = (self.outer - self.centre) / self.num_rings
        values = [self.centre + step * ring for ring in range(1, self.num_rings + 1)]
        places = next(
            (count for count in range(12) if all(abs(round(one, count) - one) <= 0.002 * abs(step) for one in values)),
            12,
        )
        return [_number(one, places) if one >= self.lowest_shown - 0.02 * abs(step) else "" for one in values]


def _number(value: float, places: int) -> str:
    rounded = round(value, places) + 0.0  # no "-0"
    return scientific(rounded) or (f"{rounded:.{places}f}".rstrip("0").rstrip(".") if places else f"{rounded:.0f}")


def given_scale(
    values: Sequence[float], *, ends: tuple[float, float], num_rings: int, higher_is_better: bool
) -> Scale | None:
    """Return the scale between given ends, None where a value would stand at the centre or beyond an end.

    Raises:
        ValueError: The outer end is not the better one.
    """
    centre, outer = ends
    if (outer > centre) != higher_is_better or outer == centre:
        better = "higher" if higher_is_better else "lower"
        raise ValueError(f"ends {centre:g} (centre), {outer:g} (outer ring): {better} is better and belongs outside")
    slack = 1e-9 * abs(outer - centre)
    scale = Scale(centre, outer, num_rings)
    fits = all(slack < (value - centre) / (outer - centre) <= 1 + slack for value in values)
    return scale if fits else None


def chosen_scale(values: Sequence[float], *, num_rings: int, higher_is_better: bool, is_rate: bool) -> Scale:
    """Return the scale with the smallest round step that holds all values, none too near the centre.

    Where all values are the same there is no difference to show, and the scale starts from zero.
    """
    sign = 1.0 if higher_is_better else -1.0
    outward = [sign * float(f"{value:.12g}") for value in values]
    worst, best = min(outward), max(outward)
    largest = max(map(abs, outward))
    span = max(best - worst, _least_span(outward, higher_is_better=higher_is_better, is_rate=is_rate))
    inner, outer = worst, best  # what the scale has to hold
    if best - worst <= 1e-9 * largest:
        inner, outer = min(worst, 0.0), max(best, 0.0)
        if not largest:
            inner, outer = min(0.0, sign), max(0.0, sign)
        span = max(span, outer - inner)
    is_nonnegative = min(values) >= 0
    limit = math.inf
    if is_nonnegative and not higher_is_better:
        limit = 0.0
    elif is_rate and higher_is_better and best <= FULL_RATE:
        limit = FULL_RATE
    for step in _round_steps(span / num_rings):
        last = min(
            math.floor(inner / step + 1e-9),
            math.floor(worst / step - LEAST_RADIUS * num_rings),
            math.floor(limit / step + 1e-9) - num_rings if limit < math.inf else 2**62,
        )
        first = math.ceil(outer / step - 1e-9) - num_rings
        if first <= last:
            # As far in as possible, which puts the best outside, but not below zero without need.
            start = max(first, min(0, last)) if is_nonnegative and higher_is_better else first
            return Scale(
                sign * step * start,
                sign * step * (start + num_rings),
                num_rings,
                0.0 if is_nonnegative else -math.inf,
            )
    raise AssertionError(f"no scale holds {values}")


def _least_span(outward: Sequence[float], *, higher_is_better: bool, is_rate: bool) -> float:
    if not is_rate:
        return max(LEAST_RELATIVE_SPAN * max(map(abs, outward)), LEAST_SPAN)
    # Of 99.1 and 99.4 per cent right a third of the errors is the difference: what counts is how far the bound is.
    sizes = [min(abs(one), abs(FULL_RATE - one)) if higher_is_better else abs(one) for one in outward]
    return max(LEAST_RELATIVE_SPAN * max(sizes), LEAST_RATE_SPAN)


def _round_steps(least: float) -> list[float]:
    """Return round steps from the least one upwards, over more decades than any scale needs."""
    lowest = math.floor(math.log10(least))
    steps = (step * 10.0**power for power in range(lowest, lowest + 5) for step in ROUND_STEPS)
    return [step for step in steps if step >= least * (1 - 1e-9)]


def coverage(scale: Scale, values: Sequence[float]) -> float:
    """Return which part of an axis the values take."""
    return (max(values) - min(values)) / abs(scale.outer - scale.centre)
