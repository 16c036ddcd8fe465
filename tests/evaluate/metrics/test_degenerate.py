"""Every metric on input that no paper mentions: it must give a number, or none with a reason, and never fail."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluate.metrics import create_metric, registry
from evaluate.metrics.base import MetricSettings
from evaluate.testing import judged

Command = Callable[..., Any]
Write = Callable[..., Path]

NEED_PROGRAMS = ("meteor", "spice", "spider", "spider_fl", "fense", "comet", "judge")
TIMED = ("aas", "boundary_accuracy")
PITCHED = ("pitch_accuracy", "chroma_accuracy")
BINARY = ("binary_accuracy",)  # has no value where no reference is yes or no
TEXT_METRICS = [name for name in registry.names() if name not in (*NEED_PROGRAMS, *TIMED, *PITCHED, *BINARY)]
# An empty text only costs length in a corpus rate of n-grams, and no insertions in an error rate.
OF_CORPUS = ("wer", "cer", "mer", "bleu_1", "bleu_2", "bleu_3", "bleu_4", "bleu", "chrf", "ter")
LABELS = ("a dog", "rain", "مطر", "犬")

ODD_TEXTS = {
    "empty": "",
    "spaces": " \t\n\u3000",
    "punctuation": "... !? —",
    "right-to-left": "كلب ينبح بصوت عال في الشارع",
    "mixed directions": "\u202ethe dog\u202c כלב نباح",
    "emoji": "👩‍👩‍👧‍👦 🐕 🇩🇪 ✋🏽",
    "control characters": "a\x00b\x07c\x1b[31m dog\x7f",
    "lone surrogate": "a \ud800 dog",
    "combining marks": "e\u0301" * 50 + "\u0300" * 50,
    "zero width": "a\u200bdog\ufeff \u2060rain",
    "json": '{"a dog": 1e999, "rain": null}',
    "one long word": "a" * 10_000,
    "ten thousand words": " ".join(["rain", "falls"] * 5_000),
    "same word": "the " * 500,
}


def values(name: str, references: list[Any], answers: list[Any]) -> tuple[float, np.ndarray]:
    metric = create_metric(name, MetricSettings(language="en", choices=LABELS))
    rows = metric.rows(judged(references, answers))
    json.dumps([metric.details(rows), rows.tolist()], allow_nan=False)
    return float(metric.value(rows)), metric.sample_values(rows)


def is_sane(value: float, name: str) -> bool:
    return np.isnan(value) or (
        value >= 0 and (value < np.inf) and (value <= 100.001 or name in ("wer", "cer", "mer", "ter"))
    )


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS)
@pytest.mark.parametrize("name", TEXT_METRICS)
def test_any_answer_has_a_score(name: str, text: str) -> None:
    value, of_each = values(name, ["a dog", "rain"], [text, "rain"])
    assert is_sane(value, name)
    assert not np.isnan(value)
    assert len(of_each) == 2


NEEDS_LABELS = ("macro_f1", "weighted_f1", "balanced_accuracy", "map")
# sacrebleu's search for shifts takes hours on two texts of thousands of words
TOO_LONG_FOR_TER = ("ten thousand words", "same word")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param(name, text, id=f"{name}-{label}")
        for name in TEXT_METRICS
        if name not in NEEDS_LABELS
        for label, text in ODD_TEXTS.items()
        if name != "ter" or label not in TOO_LONG_FOR_TER
    ],
)
def test_any_reference_has_a_score(name: str, text: str) -> None:
    value, _ = values(name, [text, "rain"], [text, "rain"])
    assert is_sane(value, name)
    if name in ("wer", "cer", "mer", "ser", "ter"):
        assert value == 0 or np.isnan(value)


@pytest.mark.parametrize("name", TEXT_METRICS)
def test_all_answers_alike_or_failed_is_no_error(name: str) -> None:
    for answer in ("a dog", "", None):
        value, _ = values(name, ["a dog", "rain", "rain"], [answer] * 3)
        assert is_sane(value, name)


@pytest.mark.parametrize("name", [name for name in TEXT_METRICS if name not in OF_CORPUS])
def test_no_answer_scores_no_better_than_any_answer(name: str) -> None:
    metric = create_metric(name, MetricSettings(language="en", choices=LABELS))
    for text in ("", "a dog", "nonsense", "rain rain"):
        failed, answered = (
            float(metric.value(metric.rows(judged(["a dog", "rain"], [answer, "rain"])))) for answer in (None, text)
        )
        assert failed <= answered + 1e-12 if metric.higher_is_better else failed >= answered - 1e-12


@pytest.mark.parametrize("name", TEXT_METRICS)
def test_one_sample_has_a_score_with_bounds_and_says_that_they_mean_nothing(
    name: str, otoscope: Command, write_jsonl: Write
) -> None:
    truth = write_jsonl("r.jsonl", {"id": "1", "references": ["a dog"]})
    answers = write_jsonl("p.jsonl", {"id": "1", "hypothesis": "a dog"})
    result = otoscope("score", "--references", truth, "--predictions", answers, "--metrics", name, "--json")
    assert result.status == 0
    score = result.json["metrics"][name]
    if score["value"] is None:
        assert score["reason"]
        return
    assert score["ci"] == [score["value"], score["value"]]
    assert score["ci_note"].startswith("one sample")


def test_samples_that_all_count_alike_have_an_interval_that_says_so(otoscope: Command, write_jsonl: Write) -> None:
    truth = write_jsonl("r.jsonl", *({"id": str(number), "references": ["a dog"]} for number in range(3)))
    answers = write_jsonl("p.jsonl", *({"id": str(number), "hypothesis": "a dog"} for number in range(3)))
    command = ("score", "--references", truth, "--predictions", answers, "--metrics", "wer")
    [note] = {otoscope(*command, "--json").json["metrics"]["wer"]["ci_note"]}
    assert note == "every resample gives the same value: the width of 0 means nothing"
    assert f"95 % interval: {note}" in otoscope(*command).stdout


@pytest.mark.parametrize("name", registry.names())
def test_every_score_has_its_counts_signature_and_interval_or_a_reason(
    name: str, otoscope: Command, write_jsonl: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in ("SPICE_HOME", "FENSE_HOME", "JAVA_HOME", "OTOSCOPE_COMET"):
        monkeypatch.setenv(variable, str(tmp_path / "nowhere"))
    texts = ["a dog", "rain", "a dog"]
    if name in TIMED:
        texts = [f"<|0.00|>{text}<|0.50|>" for text in texts]
    if name in PITCHED:
        texts = ["60", "61", "62"]
    if name in BINARY:
        texts = ["yes", "no", "yes"]
    truth = write_jsonl("r.jsonl", *({"id": str(k), "references": [text]} for k, text in enumerate(texts)))
    lines = [{"id": str(k), "hypothesis": text} for k, text in enumerate(texts)]
    lines[2] = {"id": "2", "hypothesis": None, "error": {"type": "E", "message": "m"}}
    answers = write_jsonl("p.jsonl", *lines)
    command = ("score", "--references", truth, "--predictions", answers, "--metrics", name, "--json")
    result = otoscope(*command, "--allow-failures", "1")
    assert result.status == 0
    score = result.json["metrics"][name]
    assert (score["n_total"], score["n_scored"], score["n_unparsed"], score["n_failed"]) == (3, 2, 0, 1)
    assert score["signature"].startswith(f"{name}|norm:")
    if name in NEED_PROGRAMS:
        assert (score["value"], score["ci"], score["value_without_failed"]) == (None, None, None)
        assert score["reason"]
    else:
        low, high = score["ci"]
        assert low <= score["value"] <= high
        assert score["ci_method"]["resamples"] == 1000
        assert score["value_without_failed"] is not None
