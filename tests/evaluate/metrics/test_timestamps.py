import pytest

from evaluate.errors import ManifestError
from evaluate.metrics import create_metric
from evaluate.metrics.base import MetricSettings
from evaluate.metrics.timestamps import TimedWord, read_timed_words
from evaluate.testing import judged, value_of

# The form of the published list: <|0.00|><|sil|><|0.54|>面<|0.86|>条<|1.17|>机<|1.46|><|sil|><|2.01|>
NOODLES = "<|0.00|><|sil|><|0.54|>面<|0.86|>条<|1.17|>机<|1.46|><|sil|><|2.01|>"


def shifted(by_s: float) -> str:
    return f"<|0.00|><|sil|><|{0.54 + by_s:.2f}|>面<|{0.86 + by_s:.2f}|>条<|{1.17 + by_s:.2f}|>机<|{1.46 + by_s:.2f}|>"


def details(metric: str, reference: str, answer: str, protocol: str = "") -> dict[str, float]:
    scorer = create_metric(metric, MetricSettings(protocol=protocol))
    return scorer.details(scorer.rows(judged([reference], [answer])))


def test_words_stand_between_their_start_and_end() -> None:
    assert read_timed_words(NOODLES) == [
        TimedWord("面", 0.54, 0.86),
        TimedWord("条", 0.86, 1.17),
        TimedWord("机", 1.17, 1.46),
    ]


def test_the_time_that_the_prompt_gave_is_put_back() -> None:
    assert read_timed_words("hello<|0.40|> there <|0.80|>") == [
        TimedWord("hello", 0.0, 0.4),
        TimedWord("there", 0.4, 0.8),
    ]
    assert read_timed_words("hello<|0.40|> there <|0.80|>", as_coded=True) == [TimedWord("there", 0.4, 0.8)]


def test_a_shift_of_every_boundary_counts_at_both_edges() -> None:
    assert value_of("aas", [NOODLES], [shifted(0.10)]) == pytest.approx(200)  # the published scale: a sum, not a mean
    found = details("aas", NOODLES, shifted(0.10))
    assert found["per_boundary_ms"] == pytest.approx(100)
    assert (found["coverage"], found["equal_words"], found["reference_words"]) == (1, 3, 3)


def test_only_equal_words_are_compared_and_coverage_tells() -> None:
    # 面 at 0.04 + 0.04 s off, 条 another word, 机 right: 80 ms over two words
    answer = "<|0.00|><|sil|><|0.50|>面<|0.90|>跳<|1.17|>机<|1.46|>"
    assert value_of("aas", [NOODLES], [answer]) == pytest.approx(40)
    assert details("aas", NOODLES, answer)["coverage"] == pytest.approx(2 / 3)


def test_silences_are_no_words_unless_the_protocol_says_so() -> None:
    answer = "<|0.00|><|sil|><|0.54|>x<|0.86|>y<|1.17|>z<|1.46|><|sil|><|2.21|>"
    found = create_metric("aas")
    assert found.details(found.rows(judged([NOODLES], [answer])))["equal_words"] == 0
    # as coded the two silences are equal, the second 0.20 s longer: 200 ms over two pairs
    assert value_of("aas", [NOODLES], [answer], protocol="qwen-audio") == pytest.approx(100)


def test_no_equal_word_is_no_value_and_not_a_division_by_zero() -> None:
    assert value_of("aas", [NOODLES], ["<|0.00|>x<|0.86|>"]) != value_of("aas", [NOODLES], [NOODLES])
    assert str(value_of("aas", [NOODLES], ["<|0.00|>x<|0.86|>"])) == "nan"


def test_an_answer_without_times_does_not_shift_the_others() -> None:
    assert value_of("aas", [NOODLES, NOODLES], ["面条机", shifted(0.10)]) == pytest.approx(200)
    metric = create_metric("aas")
    rows = metric.rows(judged([NOODLES, NOODLES, NOODLES], ["面条机", shifted(0.10), None]))
    assert metric.unparsed(rows).tolist() == [True, False, True]  # the failed one is counted as failed elsewhere
    assert metric.details(rows)["coverage"] == pytest.approx(1 / 3)


def test_times_from_a_hundred_seconds_are_seen() -> None:
    assert value_of("aas", ["<|99.50|>a<|100.50|>"], ["<|99.50|>a<|100.60|>"]) == pytest.approx(100)


def test_case_and_punctuation_do_not_keep_words_apart() -> None:
    assert value_of("aas", ["<|0.00|>hello<|0.40|>"], ["<|0.00|>Hello,<|0.40|>"]) == 0
    assert str(value_of("aas", ["<|0.00|>hello<|0.40|>"], ["<|0.00|>Hello,<|0.40|>"], protocol="qwen-audio")) == "nan"


def test_boundaries_are_met_within_the_tolerance() -> None:
    # starts 0, 0.04 and 0.06 s off, ends 0.04, 0.06 and 0 s off: four of six within 50 ms, two within 20
    answer = "<|0.00|><|sil|><|0.54|>面<|0.90|>条<|1.23|>机<|1.46|>"
    assert value_of("boundary_accuracy", [NOODLES], [answer]) == pytest.approx(4 / 6)
    found = details("boundary_accuracy", NOODLES, answer)
    assert found == {"within_20_ms": pytest.approx(2 / 6), "within_50_ms": pytest.approx(4 / 6), "within_100_ms": 1}


def test_exactly_the_tolerance_is_within() -> None:
    assert value_of("boundary_accuracy", ["<|0.10|>a<|0.50|>"], ["<|0.15|>a<|0.45|>"]) == 1


def test_words_that_are_not_recognised_meet_no_boundary() -> None:
    assert value_of("boundary_accuracy", [NOODLES, NOODLES], [NOODLES, None]) == 0.5


def test_a_reference_without_times_is_an_error() -> None:
    with pytest.raises(ManifestError, match="reference 'noodles' holds no word between timestamps"):
        value_of("aas", ["noodles"], [NOODLES])


def test_an_absurd_time_is_no_time_and_spoils_no_other() -> None:
    absurd = f"<|0.00|>面<|{'9' * 400}|>条<|1.17|>"
    assert value_of("aas", [NOODLES, NOODLES], [absurd, shifted(0.10)]) == pytest.approx(200)


def test_what_was_not_recognised_is_said() -> None:
    metric = create_metric("aas")
    rows = metric.rows(judged([NOODLES, NOODLES], [shifted(0.10), None]))
    assert metric.notes(rows) == ["of 6 reference words 3 were recognised; the others have no time to compare"]


def test_the_protocol_takes_a_reference_of_late_times_for_none() -> None:
    late = "<|99.90|>a<|100.10|>"
    assert value_of("aas", [late, NOODLES], [late, NOODLES], protocol="qwen-audio") == 0
