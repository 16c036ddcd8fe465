from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluate.jsonl import read_jsonl
from evaluate.metrics import create_metric
from evaluate.metrics.base import Judged, MetricSettings
from evaluate.metrics.error_rate import WordErrorRate
from evaluate.sample_scores import write_sample_scores
from evaluate.scores import _Commonest, count_samples, score_rows
from evaluate.statistics import Bootstrap


def scores_of(items: list[Judged]) -> dict[str, Any]:
    metrics = [WordErrorRate(MetricSettings(normalizer="none"))]
    counted = count_samples(metrics, lambda: iter(items))
    return score_rows(metrics, items, counted, Bootstrap())


def heard(name: str, answer: str | None = "a", **facts: Any) -> Judged:
    return Judged(name, ("a",), answer, "failed" if answer is None else "scored", **facts)


def test_scores_are_given_by_duration_in_the_order_of_durations() -> None:
    durations = [1.0, 2.0, 4.99, 12.0, 31.0]
    by = scores_of([heard(str(s), "x" if s > 10 else "a", audio_seconds=s) for s in durations])["metrics"]["wer"]["by"]
    found = {label: (score["n"], score["value"]) for label, score in by["duration"].items()}
    assert found == {"0–2 s": (1, 0.0), "2–5 s": (2, 0.0), "10–20 s": (1, 1.0), "30 s and more": (1, 1.0)}
    assert list(found) == ["0–2 s", "2–5 s", "10–20 s", "30 s and more"]


def test_durations_of_one_range_or_that_not_all_samples_have_are_no_groups() -> None:
    assert scores_of([heard("1", audio_seconds=1), heard("2", audio_seconds=1.5)])["metrics"]["wer"]["by"] == {}
    assert (
        scores_of([heard("1", audio_seconds=1), heard("2"), heard("3", audio_seconds=9)])["metrics"]["wer"]["by"] == {}
    )


def test_a_group_of_the_corpus_that_is_called_duration_is_its_own() -> None:
    items = [
        heard("1", audio_seconds=1, groups={"duration": "long"}),
        heard("2", audio_seconds=9, groups={"duration": "x"}),
    ]
    assert scores_of(items)["metrics"]["wer"]["by"]["duration"].keys() == {"long", "x"}


def test_failures_are_counted_by_their_type_and_cut_answers_where_they_are_known() -> None:
    items = [heard("1", None, error_type="OSError"), *(heard(str(n), None, error_type="ModelError") for n in (2, 3))]
    scores = scores_of([*items, heard("4", truncated=True), heard("5", truncated=False)])
    assert scores["failures"] == {"ModelError": 2, "OSError": 1}
    assert list(scores["failures"]) == ["ModelError", "OSError"]
    assert scores["n_truncated"] == 1
    assert scores_of([heard("1"), heard("2")])["n_truncated"] is None


def test_sample_scores_hold_the_alignment_of_the_first_error_rate(tmp_path: Path) -> None:
    metrics = [create_metric(name, MetricSettings(normalizer="none")) for name in ("accuracy", "cer", "wer")]
    items = [Judged("1", ("ab",), "ax")]
    write_sample_scores(tmp_path / "s", items, metrics, {one.name: one.rows(items) for one in metrics})
    [(_, line)] = read_jsonl(tmp_path / "s")
    assert line["alignment"] == {"unit": "char", "edits": [["=", "a", "a"], ["s", "b", "x"]]}
    write_sample_scores(tmp_path / "s", items, metrics[:1], {"accuracy": metrics[0].rows(items)})
    [(_, line)] = read_jsonl(tmp_path / "s")
    assert "alignment" not in line


@pytest.mark.parametrize(
    ("answers", "references", "found"),
    [
        (["x"] * 6 + ["a"] * 4, "abcdefghij", {"text": "x", "count": 6}),
        (["x"] * 5 + ["a"] * 5, "abcdefghij", None),  # half is not most
        ([""] * 9 + ["a"], "abcdefghij", {"text": "", "count": 9}),
        (["a"] * 7 + ["b"] * 3, "aaaaaabbbb", None),  # as uneven as the references
        (["a"] * 9 + ["b"], "aaaaaabbbb", {"text": "a", "count": 9}),
        ([None] * 10, "abcdefghij", None),
        (["x"] * 9, "abcdefghi", None),  # too few to tell
        (["", " ", "\n", ""] * 3, "abcdefghijkl", {"text": "", "count": 12}),  # all of them empty
        (["a"] * 60 + ["b"] * 40, "a" * 60 + "b" * 40, None),  # two labels, one of them 60 % of the truth
        (["a"] * 75 + ["b"] * 25, "a" * 60 + "b" * 40, None),
        (["b"] * 55 + ["a"] * 45, "a" * 60 + "b" * 40, None),
        (["a"] * 95 + ["b"] * 5, "a" * 60 + "b" * 40, {"text": "a", "count": 95}),
    ],
)
def test_answers_that_are_mostly_one_are_told(answers: list[str | None], references: str, found: object) -> None:
    pairs = zip(references, answers, strict=True)
    items = [
        Judged(str(n), (truth,), said, "scored" if said is not None else "failed")
        for n, (truth, said) in enumerate(pairs)
    ]
    assert scores_of(items).get("same_answers") == found


@pytest.mark.parametrize("text", ["", "I cannot hear audio."])
def test_answers_that_are_mostly_one_are_told_where_no_label_stands_in_them(text: str) -> None:
    items = [Judged(str(n), ("ab"[n % 2],), None, "unparsed", unread=text) for n in range(9)]
    assert scores_of([*items, heard("9")])["same_answers"] == {"text": text, "count": 9}


def test_texts_without_a_label_that_differ_are_not_told() -> None:
    items = [Judged(str(n), ("a",), None, "unparsed", unread=f"{n} sounds") for n in range(10)]
    assert "same_answers" not in scores_of(items)


@given(st.lists(st.sampled_from(["", "a", "b", "c", "\ud800"]), min_size=1))
def test_the_commonest_text_is_counted_as_a_counter_counts(texts: list[str]) -> None:
    commonest = _Commonest()
    for text in texts:
        commonest.add(text)
    [(most, count)] = Counter(texts).most_common(1)
    assert (len(commonest), commonest.most()) == (len(texts), count)
    if 2 * count > len(texts):
        assert commonest.majority() == (most, count)
    else:
        assert 2 * commonest.majority()[1] <= len(texts)
