import pytest

from evaluate.metrics import create_metric
from evaluate.metrics.base import MetricSettings
from evaluate.testing import judged, value_of

# Three annotators each: all agree, two agree, none agree, and a question of one word with a yes among its answers
QUESTIONS = [["yes", "Yes", "yes"], ["no", "no", "yes"], ["road", "train", "airport"], ["two", "two", "yes"]]


@pytest.mark.parametrize(
    ("metric", "answers", "expected"),
    [
        # counted by hand: 3 of 3, 1 of 3, 1 of 3, 2 of 3
        ("annotator_accuracy", ["yes", "yes", "train", "two"], 7 / 12),
        ("binary_accuracy", ["yes", "yes", "train", "two"], 4 / 7),  # 3 of 3, 1 of 3, no case, 0 of 1
        ("majority_accuracy", ["yes", "yes", "train", "two"], 2 / 3),  # the third has no majority
        ("unanimous_accuracy", ["yes", "yes", "train", "two"], 1),
        ("accuracy", ["yes", "yes", "train", "two"], 1),  # what anybody said
        ("annotator_accuracy", [None, "", "train", "two"], 3 / 12),
    ],
)
def test_rules_of_agreement(metric: str, answers: list[str | None], expected: float) -> None:
    assert value_of(metric, QUESTIONS, answers) == pytest.approx(expected)


def test_both_parts_stand_beside_the_value_with_what_was_left_out() -> None:
    metric = create_metric("majority_accuracy")
    found = metric.details(metric.rows(judged(QUESTIONS, ["yes", "yes", "train", "three"])))
    assert found == {"yes_no": {"value": 0.5, "n": 2}, "single_word": {"value": 0.0, "n": 1}, "left_out": 1}


def test_no_binary_case_is_no_value_and_no_error() -> None:
    assert str(value_of("binary_accuracy", [["road", "train", "train"]], ["train"])) == "nan"


def test_the_protocol_compares_letter_for_letter() -> None:
    questions, answers = [["yes", "Yes", "no"]], ["yes "]
    assert value_of("annotator_accuracy", questions, answers) == pytest.approx(2 / 3)
    assert value_of("annotator_accuracy", questions, answers, protocol="qwen-audio") == pytest.approx(1 / 3)
    # of the three cases all are yes or no once in lower case; the comparison itself is not
    assert value_of("binary_accuracy", questions, answers, protocol="qwen-audio") == pytest.approx(1 / 3)
    assert value_of("accuracy", ["No"], ["No, it is not"], protocol="qwen-audio") == 0
    settings = MetricSettings(protocol="qwen-audio")
    assert create_metric("accuracy", settings).signature() == "accuracy|norm:none@1|protocol:qwen-audio"


def test_qwen2_audio_strips_an_answer_at_its_start_only() -> None:
    for answer, exact in ((" sad", 1), ("sad\n", 0)):
        assert value_of("accuracy", ["sad"], [answer], protocol="qwen2-audio") == exact
    assert value_of("accuracy", ["sad"], ["sad\n"], protocol="qwen-audio") == 1
