import json
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from evaluate.errors import ManifestError, RequestError
from evaluate.metrics import create_metric
from evaluate.metrics.base import MetricSettings
from evaluate.statistics import Bootstrap, bootstrap_interval
from evaluate.testing import judged, value_of

LABELS = ("bright", "dark", "percussive")
labels = st.sets(st.sampled_from(LABELS))
score = st.sampled_from([0.0, 0.1, 0.5, 0.5, 0.9, 1.0])


def by_scikit_learn(truth: list[set[str]], scores: list[list[float]], weights: np.ndarray | None = None) -> float:
    values = []
    for column, label in enumerate(LABELS):
        positive = np.array([label in true for true in truth])
        if positive.any() if weights is None else (positive & (weights > 0)).any():
            claimed = np.array([row[column] for row in scores])
            values.append(average_precision_score(positive, claimed, sample_weight=weights))
    return float(np.mean(values)) if values else np.nan


@given(st.lists(st.tuples(labels, st.lists(score, min_size=3, max_size=3)), min_size=1, max_size=15), st.integers(0, 9))
def test_scores_give_what_scikit_learn_gives(drawn: list[tuple[set[str], list[float]]], seed: int) -> None:
    truth, scores = (list(side) for side in zip(*drawn, strict=True))
    answers = [json.dumps(dict(zip(LABELS, row, strict=True))) for row in scores]
    references = [sorted(true) or [""] for true in truth]
    metric = create_metric("map", MetricSettings(choices=LABELS))
    rows = metric.rows(judged(references, answers))
    assert float(metric.value(rows)) == pytest.approx(by_scikit_learn(truth, scores), nan_ok=True, abs=1e-12)
    weights = np.random.default_rng(seed).integers(0, 3, len(truth)).astype(float)
    expected = by_scikit_learn(truth, scores, weights)
    assert float(metric.value(rows, weights)) == pytest.approx(expected, nan_ok=True, abs=1e-12)


@given(st.lists(st.tuples(labels, labels), min_size=1, max_size=15))
def test_lists_of_labels_give_what_scikit_learn_gives_for_ones_and_zeros(
    drawn: list[tuple[set[str], set[str]]],
) -> None:
    truth, claimed = (list(side) for side in zip(*drawn, strict=True))
    scores = [[float(label in one) for label in LABELS] for one in claimed]
    found = value_of("map", [sorted(one) or [""] for one in truth], [", ".join(one) for one in claimed], choices=LABELS)
    assert found == pytest.approx(by_scikit_learn(truth, scores), nan_ok=True, abs=1e-12)


def test_a_class_without_positives_is_named_and_left_out() -> None:
    references, answers = [["bright"], ["bright", "dark"]], ["bright, percussive", "bright"]
    metric = create_metric("map", MetricSettings(choices=LABELS))
    rows = metric.rows(judged(references, answers))
    # bright: right throughout, 1; dark: never claimed, so ranked with all, 1/2
    assert float(metric.value(rows)) == pytest.approx((1 + 0.5) / 2)
    assert metric.details(rows)["without_positives"] == ["percussive"]
    # as the official script has it: percussive occurs among the answers and counts as 0
    assert value_of("map", references, answers, choices=LABELS, protocol="qwen-audio") == pytest.approx(0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of the class without positives, and takes 0 as well
        truth, claimed = [[1, 0, 0], [1, 1, 0]], [[1, 0, 1], [1, 0, 0]]
        assert average_precision_score(truth, claimed, average="macro") == pytest.approx(0.5)


def test_an_answer_that_names_no_label_is_unparsed_and_one_that_claims_nothing_is_not() -> None:
    metric = create_metric("map", MetricSettings(choices=LABELS))
    answers = ["I cannot tell.", "", "Bright; dark.", '{"bright": "high"}', '{"bright": 0.5, "shrill": 1}', "{", None]
    rows = metric.rows(judged(["bright"] * 7, answers))
    assert metric.unparsed(rows).tolist() == [True, False, False, True, False, True, False]
    assert np.isfinite(json.loads(json.dumps(rows.tolist()))).all()


def test_a_failed_sample_takes_the_worst_ranking() -> None:
    references, answers = [["bright"], ["dark"], ["dark"]], ['{"bright": 9}', '{"dark": 9}', '{"bright": 5, "dark": 9}']
    for failed in range(3):
        with_failure = [None if number == failed else answer for number, answer in enumerate(answers)]
        assert value_of("map", references, with_failure, choices=LABELS[:2]) < value_of(
            "map", references, answers, choices=LABELS[:2]
        )
    # by hand: bright has the false one first, 1/2; of dark's two true ones the failed one is never found, (1 + 0) / 2
    found = value_of("map", references, [answers[0], answers[1], None], choices=LABELS[:2])
    assert found == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert value_of("map", references, [None] * 3, choices=LABELS[:2]) == 0


@given(st.lists(st.tuples(labels, labels), min_size=1, max_size=6), st.integers(0, 5))
def test_failing_never_raises_the_value(drawn: list[tuple[set[str], set[str]]], failed: int) -> None:
    truth, claimed = (list(side) for side in zip(*drawn, strict=True))
    references = [sorted(one) or [""] for one in truth]
    answers = [", ".join(sorted(one)) for one in claimed]
    with_failure = [None if number == failed else answer for number, answer in enumerate(answers)]
    before, after = (value_of("map", references, texts, choices=LABELS) for texts in (answers, with_failure))
    assert np.isnan(before) or after <= before + 1e-12


def test_the_interval_reruns_nothing_and_holds_the_value() -> None:
    rng = np.random.default_rng(0)
    metric = create_metric("map", MetricSettings(choices=LABELS))
    truth = [[label for label in LABELS if rng.random() < 0.4] or [""] for _ in range(80)]
    answers = [json.dumps({label: float(rng.random() + 0.3 * (label in true)) for label in LABELS}) for true in truth]
    rows = metric.rows(judged(truth, answers))
    low, high = bootstrap_interval(rows, metric.value, Bootstrap(resamples=200)) or (0, 0)
    assert 0 < low < float(metric.value(rows)) < high <= 1


def test_labels_outside_the_set_are_errors() -> None:
    with pytest.raises(ManifestError, match="sample '0': reference 'loud' is none of the choices: bright, dark"):
        value_of("map", [["loud"]], ["dark"], choices=LABELS)
    with pytest.raises(RequestError, match="'map' needs the task's label set"):
        create_metric("map")


@pytest.mark.parametrize("answer", ['{"bright": 1%s}' % ("0" * 400), '{"bright": 1e308, "dark": -1e308}', "{" * 5000])
def test_numbers_beyond_all_bounds_are_no_error(answer: str) -> None:
    assert 0 <= value_of("map", [["bright"], ["dark"]], [answer, "dark"], choices=LABELS) <= 1


def test_labels_that_normalising_makes_one_are_an_error() -> None:
    with pytest.raises(RequestError, match=r"the choices 'C\+\+' and 'C#' are one"):
        create_metric("map", MetricSettings(choices=("C++", "C#")))


def test_the_protocol_takes_labels_letter_for_letter() -> None:
    for answer, expected in (("tempo-synced", 1), ("Tempo Synced", 0.5), ("tempo-synced,dark", 0.5)):
        found = value_of(
            *("map", [["tempo-synced"], ["dark"]], [answer, "dark"]),
            choices=("tempo-synced", "dark"),
            protocol="qwen-audio",
        )
        assert found == pytest.approx((expected + 1) / 2), answer
