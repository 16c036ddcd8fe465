import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluate.report.charts.radar import RadarAxis, RadarSeries, scales_of
from evaluate.report.charts.scale import LEAST_RADIUS, ROUND_STEPS, Scale, chosen_scale, given_scale

RATES = st.lists(st.floats(0, 1), min_size=1, max_size=6)
NUMBERS = st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=6)


def scale_of(values: list[float], *, higher_is_better: bool, is_rate: bool) -> Scale:
    series = [RadarSeries("x", (value,)) for value in values]
    [scale] = scales_of([RadarAxis("x", higher_is_better, is_rate)], series)
    assert scale is not None
    return scale


@given(NUMBERS, st.booleans())
def test_every_value_stands_on_its_axis_away_from_the_centre(values: list[float], higher: bool) -> None:
    scale = scale_of(values, higher_is_better=higher, is_rate=False)
    for value in values:
        radius = (value - scale.centre) / (scale.outer - scale.centre)
        assert LEAST_RADIUS - 1e-6 <= radius <= 1 + 1e-6


@given(NUMBERS, st.booleans())
def test_better_is_always_outside(values: list[float], higher: bool) -> None:
    scale = scale_of(values, higher_is_better=higher, is_rate=False)
    radii = [scale.radius(value) for value in sorted(values, reverse=not higher)]
    assert radii == sorted(radii)


@given(NUMBERS, st.booleans(), st.sampled_from((4, 5)))
def test_rings_are_round_numbers(values: list[float], higher: bool, rings: int) -> None:
    scale = chosen_scale(values, num_rings=rings, higher_is_better=higher, is_rate=False)
    step = abs(scale.outer - scale.centre) / rings
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert any(mantissa == pytest.approx(one, rel=1e-6) for one in ROUND_STEPS)
    assert scale.centre / step == pytest.approx(round(scale.centre / step), abs=1e-4)


@given(RATES)
def test_no_share_above_100_and_none_below_0_is_printed(values: list[float]) -> None:
    scale = scale_of(values, higher_is_better=True, is_rate=True)
    assert scale.outer <= 100
    assert all(float(label) >= 0 for label in scale.tick_labels() if label)
    assert all(0 < scale.radius(100 * value) <= 1 for value in values)


@given(st.lists(st.floats(0, 5), min_size=1, max_size=6))
def test_no_error_rate_below_0_is_printed(values: list[float]) -> None:
    scale = scale_of(values, higher_is_better=False, is_rate=True)
    assert scale.outer >= 0
    assert all(float(label) >= 0 for label in scale.tick_labels() if label)


@pytest.mark.parametrize(
    ("values", "higher", "is_rate", "labels"),
    [
        # worked out by hand: the smallest step of 1, 2, 2.5, 5 that leaves the worst a tenth away from the centre
        ([50.0, 60.0], True, False, ["50", "52.5", "55", "57.5", "60"]),
        ([0.13, 0.042], False, True, ["12", "10", "8", "6", "4"]),
        ([0.557], True, True, ["20", "40", "60", "80"]),  # one value: from zero
        ([0.0, 1.0], True, True, ["0", "25", "50", "75", "100"]),  # the centre would be −25 %
        ([1.0, 1.0], False, True, ["150", "100", "50", "0"]),  # 100 % at the centre would look like nothing
        ([12_000.0, 250_000.0], False, False, ["3e5", "2e5", "1e5", "0"]),
    ],
)
def test_rings_of_ordinary_values(values: list[float], higher: bool, is_rate: bool, labels: list[str]) -> None:
    assert scale_of(values, higher_is_better=higher, is_rate=is_rate).tick_labels() == labels


def test_small_differences_are_not_blown_up_to_a_whole_axis() -> None:
    scale = scale_of([0.500, 0.5001], higher_is_better=True, is_rate=True)
    assert scale.outer - scale.centre >= 2.5


def test_differences_near_the_bound_show() -> None:
    scale = scale_of([0.991, 0.994], higher_is_better=True, is_rate=True)
    assert scale.outer - scale.centre <= 2


@pytest.mark.parametrize("value", [0.0, -3.0, 1e-300, 1e12])
@pytest.mark.parametrize("higher", [True, False])
def test_equal_values_have_a_scale(value: float, higher: bool) -> None:
    assert 0 < scale_of([value, value], higher_is_better=higher, is_rate=False).radius(value) <= 1


def test_given_ends_are_kept_where_all_values_lie_between_them() -> None:
    scale = given_scale([4.2, 4.9], ends=(10, 4), num_rings=4, higher_is_better=False)
    assert scale is not None
    assert scale.tick_labels() == ["8.5", "7", "5.5", "4"]
    assert scale.radius(5.5) == pytest.approx(0.75)


@pytest.mark.parametrize("value", [3.9, 10.0, 11.0])
def test_a_value_beyond_the_ends_or_at_the_centre_gets_a_scale_of_its_own(value: float) -> None:
    assert given_scale([value], ends=(10, 4), num_rings=4, higher_is_better=False) is None
    axis = RadarAxis("x", higher_is_better=False, is_rate=False, ends=(10, 4))
    [scale] = scales_of([axis], [RadarSeries("a", (value,)), RadarSeries("b", (5.0,))])
    assert scale is not None
    assert 0 < scale.radius(value) <= 1


def test_ends_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ends 4 \(centre\), 10 \(outer ring\): lower is better and belongs outside"):
        given_scale([5.0], ends=(4, 10), num_rings=4, higher_is_better=False)


def test_all_axes_have_as_many_rings() -> None:
    axes = [RadarAxis("a", True, True), RadarAxis("b", False, False), RadarAxis("c", True, False)]
    series = [RadarSeries("x", (0.0, 3.0, -2.0)), RadarSeries("y", (1.0, 700.0, 5.0))]
    assert len({scale.num_rings for scale in scales_of(axes, series) if scale is not None}) == 1
