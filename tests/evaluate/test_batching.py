from hypothesis import given
from hypothesis import strategies as st

from evaluate.batching import BatchPlanner
from evaluate.types import Sample

durations = st.lists(st.floats(min_value=0.1, max_value=40), max_size=40)


def planner(seconds: list[float], budget: float, window_s: float = 0.0) -> BatchPlanner:
    samples = [(Sample(str(number), (), "", ("",)), duration) for number, duration in enumerate(seconds)]
    return BatchPlanner(
        samples,
        seconds=lambda pair: pair[1],
        max_batch_seconds=budget,
        padded_seconds=lambda duration: max(duration, window_s),
    )


def batches(plan: BatchPlanner) -> list[list[int]]:
    found = []
    while batch := plan.next_batch():
        found.append([int(sample.id) for sample, _ in batch])
    return found


@given(durations, st.floats(min_value=1, max_value=100))
def test_every_sample_comes_once_and_no_batch_exceeds_the_budget(seconds: list[float], budget: float) -> None:
    found = batches(planner(seconds, budget))
    assert sorted(number for batch in found for number in batch) == list(range(len(seconds)))
    for batch in found:
        assert len(batch) == 1 or max(seconds[number] for number in batch) * len(batch) <= budget


def test_longest_first_and_equals_in_their_order() -> None:
    assert batches(planner([1, 3, 2, 3], budget=6)) == [[1, 3], [2, 0]]


def test_padding_to_a_window_counts() -> None:
    assert batches(planner([1, 1, 1, 1], budget=60, window_s=30)) == [[0, 1], [2, 3]]


def test_clips_that_cost_the_same_are_still_batched_with_those_of_like_length() -> None:
    assert batches(planner([1, 9, 2, 8], budget=60, window_s=30)) == [[1, 3], [2, 0]]


def test_after_running_out_of_memory_batches_cost_at_most_half() -> None:
    plan = planner([10] * 7, budget=40)
    assert len(plan.next_batch()) == 4
    plan.halve_budget([10] * 4)
    assert not plan.fits([10] * 3)
    assert plan.fits([10] * 2)
    assert [len(batch) for batch in batches(plan)] == [2, 1]


def test_one_clip_always_fits() -> None:
    assert planner([], budget=1).fits([1000])
