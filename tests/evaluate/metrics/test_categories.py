import numpy as np
import pytest

from evaluate.metrics import create_metric
from evaluate.metrics.base import Judged, MetricSettings
from evaluate.metrics.categories import MacroAccuracy

RIGHT_BY_CATEGORY = {"age": [1, 1, 1, 0], "mood": [0, 1], "key": [0]}


def judged() -> list[Judged]:
    return [
        Judged(f"{category}-{number}", ("yes",), "yes" if right else None, groups={"task": category})
        for category, answers in RIGHT_BY_CATEGORY.items()
        for number, right in enumerate(answers)
    ]


def macro(**settings: str) -> MacroAccuracy:
    metric = create_metric("macro_accuracy", MetricSettings(normalizer="none", **settings))
    assert isinstance(metric, MacroAccuracy)
    return metric


def test_every_category_counts_alike() -> None:
    metric = macro(group="task")
    rows = metric.rows(judged())
    assert float(metric.value(rows)) == pytest.approx((3 / 4 + 1 / 2 + 0) / 3)  # by hand
    assert metric.sample_values(rows).tolist() == [1, 1, 1, 0, 0, 1, 0]
    assert metric.details(rows) == {"correct": 4, "categories": 3}
    assert "|over:task" in metric.signature()


def test_without_a_category_it_is_accuracy() -> None:
    metric = macro()
    assert float(metric.value(metric.rows(judged()))) == pytest.approx(4 / 7)


def test_a_category_without_samples_is_left_out() -> None:
    metric = macro(group="task")
    rows = metric.rows(judged())
    weights = np.array([[1.0] * 4 + [0.0] * 3, [0.0] * 4 + [1.0] * 3, [0.0] * 7])
    assert metric.value(rows, weights).tolist() == pytest.approx([0.75, 0.25, np.nan], nan_ok=True)
    assert float(metric.value(rows[:4])) == 0.75
    assert np.isnan(metric.value(rows[:0]))


def test_no_order_changes_it_and_settings_survive_a_document() -> None:
    metric = macro(group="task")
    again = create_metric("macro_accuracy", MetricSettings.from_json(metric.settings_to_json()))
    assert float(again.value(again.rows(judged()[::-1]))) == pytest.approx(float(metric.value(metric.rows(judged()))))
    assert "group" not in create_metric("accuracy").settings_to_json()
