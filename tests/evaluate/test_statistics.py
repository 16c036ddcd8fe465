import numpy as np
import pytest

from evaluate.metrics.base import ratio
from evaluate.statistics import (
    Bootstrap,
    bootstrap_interval,
    mcnemar_p_value,
    permutation_p_value,
    resampling_units,
)


def rate(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    totals = weights @ rows
    return ratio(totals[..., 0], totals[..., 1])


def test_the_interval_is_that_of_resampling_one_by_one() -> None:
    rng = np.random.default_rng(7)
    rows = np.stack([rng.binomial(10, 0.2, 200), np.full(200, 10)], axis=1).astype(float)
    low, high = bootstrap_interval(rows, rate, Bootstrap(resamples=4000)) or (0, 0)
    draws = [rate(rows[rng.integers(0, 200, 200)], np.ones(200)) for _ in range(4000)]
    assert (low, high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.002)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        rows = np.stack([rng.binomial(1, 0.3, 150), np.ones(150)], axis=1).astype(float)
        low, high = bootstrap_interval(rows, rate, Bootstrap(resamples=400)) or (0, 0)
        hits += low <= 0.3 <= high
    assert 0.89 <= hits / 200 <= 0.99


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
    rows = np.stack([np.arange(50) % 3, np.full(50, 5)], axis=1).astype(float)
    assert bootstrap_interval(rows, rate, Bootstrap(seed=1)) == bootstrap_interval(rows, rate, Bootstrap(seed=1))
    assert bootstrap_interval(rows, rate, Bootstrap(seed=1)) != bootstrap_interval(rows, rate, Bootstrap(seed=2))


def test_the_order_of_samples_does_not_matter() -> None:
    rows = np.stack([np.arange(50) % 7, np.full(50, 9)], axis=1).astype(float)
    assert bootstrap_interval(rows, rate, Bootstrap()) == bootstrap_interval(rows[::-1].copy(), rate, Bootstrap())


def test_one_sample_has_no_interval() -> None:
    assert bootstrap_interval(np.array([[1.0, 2.0]]), rate, Bootstrap()) is None


def test_a_value_that_is_never_defined_has_no_interval() -> None:
    assert bootstrap_interval(np.zeros((5, 2)), rate, Bootstrap()) is None


def test_the_p_value_of_a_permutation_is_that_of_all_swaps() -> None:
    # Three samples, errors of ten words each: all eight ways to swap, counted out
    first, second = (np.array([[errors, 10.0] for errors in row]) for row in ((1, 2, 3), (4, 4, 4)))
    gains = np.array([3, 2, 1])
    observed = gains.sum()
    all_signs = [[1 if one else -1 for one in signs] for signs in np.ndindex(2, 2, 2)]
    exact = np.mean([abs(np.dot(gains, signs)) >= observed for signs in all_signs])
    assert permutation_p_value(first, second, rate, permutations=20_000) == pytest.approx(exact, abs=0.01)


def test_equal_systems_have_a_p_value_of_one_and_far_ones_a_small_one() -> None:
    rows = np.stack([np.arange(60) % 4, np.full(60, 10)], axis=1).astype(float)
    assert permutation_p_value(rows, rows.copy(), rate) == 1.0
    worse = rows + np.array([3.0, 0.0])
    assert permutation_p_value(rows, worse, rate) == pytest.approx(1 / 10_001)


def test_under_no_difference_p_values_are_spread_evenly() -> None:
    rng = np.random.default_rng(5)
    p_values = []
    for _ in range(200):
        both = np.stack([rng.binomial(10, 0.2, (2, 80)), np.full((2, 80), 10)], axis=2).astype(float)
        p_values.append(permutation_p_value(both[0], both[1], rate, permutations=500))
    assert 0.4 < np.mean(p_values) < 0.6
    assert np.mean(np.array(p_values) < 0.05) < 0.11


def test_an_interval_by_group_is_that_of_drawing_groups_one_by_one() -> None:
    rng = np.random.default_rng(11)
    sizes = rng.integers(1, 20, 30)
    speaker = np.repeat(np.arange(30), sizes)
    rows = np.stack([rng.random(len(speaker)) < 0.1 + 0.02 * speaker, np.ones(len(speaker))], axis=1).astype(float)
    units = resampling_units({"speaker": [f"{number:02}" for number in speaker]})
    low, high = bootstrap_interval(rows, rate, Bootstrap(resamples=4000), units) or (0, 0)
    by_speaker = [rows[speaker == number] for number in range(30)]
    draws = []
    for _ in range(4000):
        drawn = np.concatenate([by_speaker[number] for number in rng.integers(0, 30, 30)])
        draws.append(rate(drawn, np.ones(len(drawn))))
    assert (low, high) == pytest.approx(tuple(np.quantile(draws, [0.025, 0.975])), abs=0.01)


def test_speakers_come_before_recordings_and_both_before_samples() -> None:
    groups = {"recording": ["x", "x", "y"], "speaker": ["a", "b", "b"], "room": ["1", "1", "2"]}
    units = resampling_units(groups)
    assert units.name == "speaker"
    assert units.describe(Bootstrap())["n_units"] == 2
    del groups["speaker"]
    assert resampling_units(groups).name == "recording"
    assert resampling_units({"room": ["1", "1", "2"]}).name == "sample"


def test_groups_that_tell_nothing_are_not_drawn() -> None:
    assert resampling_units({"speaker": ["a", "b", "c"]}).name == "sample"  # each by itself
    one = resampling_units({"speaker": ["a", "a"]})
    assert (one.name, one.note.startswith("all samples are of one speaker")) == ("sample", True)
    recordings = ["x", "x", "y", "y"]
    for speakers in (["a"] * 4, ["a", "b", "c", "d"]):  # they tell nothing, the recordings do
        assert resampling_units({"speaker": speakers, "recording": recordings}).name == "recording"
    assert resampling_units({"speaker": ["a", "a", "b"]}).note == "only 2 speakers: the interval is rough"
    assert resampling_units({"speaker": [str(number // 2) for number in range(40)]}).note == ""


def test_permutation_by_group_swaps_whole_groups() -> None:
    # Two groups, each a win of the second system on all its samples: two of the four ways to swap are as extreme
    first = np.array([[1.0, 1.0]] * 20)
    second = np.array([[0.0, 1.0]] * 20)
    units = resampling_units({"speaker": ["a"] * 10 + ["b"] * 10})
    assert permutation_p_value(first, second, rate, units=units) == pytest.approx(0.5, abs=0.02)
    assert permutation_p_value(first, second, rate) == pytest.approx(1 / 10_001, abs=1e-3)


def test_mcnemar_is_the_exact_binomial_test_of_the_pairs_that_differ() -> None:
    # by hand: 1 and 5 discordant pairs, two-sided: 2 * (C(6,0) + C(6,1)) / 2^6
    first = np.array([1, 0, 0, 0, 0, 0] + [1] * 10 + [0] * 4, dtype=float)
    second = np.array([0, 1, 1, 1, 1, 1] + [1] * 10 + [0] * 4, dtype=float)
    assert mcnemar_p_value(first, second) == pytest.approx(2 * (1 + 6) / 64)
    assert mcnemar_p_value(second, first) == mcnemar_p_value(first, second)
    assert mcnemar_p_value(first, first) == 1.0


def test_an_interval_by_group_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    hits = narrow = 0
    for _ in range(150):
        skill = np.clip(rng.normal(0.7, 0.2, 30), 0, 1)  # of 30 speakers with 20 samples each
        rows = np.stack([rng.random(600) < np.repeat(skill, 20), np.ones(600)], axis=1).astype(float)
        units = resampling_units({"speaker": [str(number // 20) for number in range(600)]})
        truth = np.clip(np.random.default_rng(0).normal(0.7, 0.2, 10**5), 0, 1).mean()
        low, high = bootstrap_interval(rows, rate, Bootstrap(resamples=300), units) or (0, 0)
        hits += low <= truth <= high
        low, high = bootstrap_interval(rows, rate, Bootstrap(resamples=300)) or (0, 0)
        narrow += low <= truth <= high
    assert 0.86 <= hits / 150 <= 0.99
    assert narrow / 150 < 0.8  # what drawing samples would give


def test_the_p_value_does_not_depend_on_the_unit_of_the_metric() -> None:
    rng = np.random.default_rng(4)
    first, second = (np.stack([rng.random(6) * 20, np.full(6, 3.0)], axis=1) for _ in range(2))

    def in_ms(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
        return 1000 * rate(rows, weights)

    p_values = [permutation_p_value(first, second, value, permutations=4000) for value in (rate, in_ms)]
    assert p_values[0] == p_values[1]
    assert p_values[0] is not None
    assert p_values[0] >= 2 / 64 - 0.01  # the observed split and its mirror image are always as extreme


def test_groups_that_few_samples_name_are_not_drawn() -> None:
    recordings = [str(number // 12) for number in range(48)]
    few: list[str | None] = ["x", "y", *[None] * 46]
    units = resampling_units({"speaker": few, "recording": recordings})
    assert units.name == "recording"
    assert "46 of 48 samples name no speaker" in units.note
    one: list[str | None] = [*["x"] * 47, None]
    assert resampling_units({"speaker": one, "recording": recordings}).name == "recording"
