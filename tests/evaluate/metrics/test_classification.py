from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, f1_score

from evaluate.errors import RequestError
from evaluate.metrics import create_metric
from evaluate.metrics.base import Judged, MetricSettings
from evaluate.statistics import Bootstrap, bootstrap_interval
from evaluate.testing import judged

LABELS = ("kettle", "tap", "knife", "door")
label = st.sampled_from(LABELS[:3])  # the fourth never occurs as a reference


def value_of(name: str, references: Sequence[str], answers: Sequence[str | None]) -> float:
    metric = create_metric(name, MetricSettings(choices=LABELS))
    items = [Judged("", (one,), two) for one, two in zip(references, answers, strict=True)]
    return float(metric.value(metric.rows(items)))


@given(st.lists(st.tuples(label, st.sampled_from(LABELS)), min_size=1, max_size=20))
def test_averages_over_classes_equal_those_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    references, answers = zip(*pairs, strict=True)
    for name, average in (("macro_f1", "macro"), ("weighted_f1", "weighted")):
        theirs = f1_score(references, answers, labels=LABELS, average=average, zero_division=0)
        assert value_of(name, references, answers) == pytest.approx(theirs, abs=1e-12)
    if set(answers) <= set(references) and len(set(references)) > 1:  # otherwise scikit-learn warns
        theirs = balanced_accuracy_score(references, answers)
        assert value_of("balanced_accuracy", references, answers) == pytest.approx(theirs, abs=1e-12)


def test_an_answer_that_is_no_label_is_wrong_and_no_class_of_its_own() -> None:
    # by hand: kettle has tp 1, fn 1, F1 2/3; tap has tp 1, F1 1; knife and door 0 → (2/3 + 1) / 4
    assert value_of("macro_f1", ["kettle", "kettle", "tap"], ["kettle", None, "tap"]) == pytest.approx(5 / 12)
    assert value_of("accuracy", ["kettle", "kettle", "tap"], ["kettle", None, "tap"]) == pytest.approx(2 / 3)


def test_case_and_punctuation_do_not_matter() -> None:
    assert value_of("accuracy", ["kettle"], ["Kettle."]) == 1


def test_without_a_label_set_the_metric_says_what_is_missing() -> None:
    with pytest.raises(RequestError, match="'macro_f1' needs the task's label set; add `choices`"):
        create_metric("macro_f1")


def test_no_samples_have_no_value() -> None:
    assert np.isnan(value_of("accuracy", [], []))


def test_labels_that_normalising_makes_one_are_an_error() -> None:
    for name in ("accuracy", "macro_f1"):
        with pytest.raises(RequestError, match=r"the choices 'C\+\+' and 'C#' are one after normalising with 'basic'"):
            create_metric(name, MetricSettings(choices=("C++", "C#")))
        create_metric(name, MetricSettings(normalizer="none", choices=("C++", "C#")))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # scikit-learn 1.9.1: f1_score(…, labels=[cat, cow, dog, pig], average="macro", zero_division=0)
        ("macro_f1", 0.29166666666666663),
        ("weighted_f1", 0.5),  # average="weighted"
        ("balanced_accuracy", 0.38888888888888884),  # balanced_accuracy_score; "pig" never occurs
        ("accuracy", 0.5),  # accuracy_score
    ],
)
def test_golden_values(name: str, expected: float) -> None:
    references = ["cat", "cat", "cat", "dog", "dog", "cow"]
    answers = ["cat", "dog", "cat", "dog", "cow", "cat"]
    choices = ("cat", "cow", "dog", "pig")
    metric = create_metric(name, MetricSettings(choices=choices))
    rows = metric.rows([Judged("", (one,), two) for one, two in zip(references, answers, strict=True)])
    assert float(metric.value(rows)) == pytest.approx(expected, abs=1e-12)
    if name == "macro_f1":  # confusion_matrix(…, labels=[cat, cow, dog, pig])
        assert metric.details(rows)["confusion"]["matrix"] == [[2, 0, 1, 0], [1, 0, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]]


def test_nothing_equals_no_label() -> None:
    # "♪" is nothing after normalising, and so is the answer: still wrong
    metric = create_metric("accuracy")
    rows = metric.rows([Judged("1", ("♪",), ""), Judged("2", ("tap",), "tap")])
    assert float(metric.value(rows)) == 0.5
    assert metric.notes(rows) == ["1 references are nothing after normalising with 'basic': never right"]
    with pytest.raises(RequestError, match="the choice '♪' is nothing after normalising with 'basic'"):
        create_metric("macro_f1", MetricSettings(choices=("♪", "tap")))


def test_accuracy_with_choices_counts_what_is_none_of_them() -> None:
    metric = create_metric("accuracy", MetricSettings(choices=LABELS))
    rows = metric.rows([Judged("1", ("tap",), "tub"), Judged("2", ("tap",), "door")])
    assert metric.unparsed(rows).tolist() == [True, False]


def test_the_protocol_keeps_labels_apart_that_differ_in_case() -> None:
    metric = create_metric("macro_f1", MetricSettings(choices=("Happy", "happy"), protocol="qwen-audio"))
    rows = metric.rows([Judged("1", ("happy",), " happy\n"), Judged("2", ("Happy",), "happy")])
    assert metric.sample_values(rows).tolist() == [1, 0]


def test_a_class_that_a_resample_leaves_out_is_not_one_that_was_missed() -> None:
    labels = [f"label{number}" for number in range(8)]
    metric = create_metric("macro_f1", MetricSettings(choices=(*labels, "never")))
    rows = metric.rows(judged([[one] for one in labels], labels))
    assert metric.value(rows) == pytest.approx(8 / 9)  # what never occurs counts 0, as in scikit-learn
    drawn = np.array([3, 0, 1, 0, 2, 1, 1, 0], dtype=float)
    assert metric.value(rows, drawn) == pytest.approx(8 / 9)
    assert bootstrap_interval(rows, metric.value, Bootstrap()) == pytest.approx((8 / 9, 8 / 9))
