import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU, CHRF, TER

from evaluate.errors import MetricUnavailableError
from evaluate.metrics import create_metric, translation
from evaluate.metrics.base import Judged, MetricSettings
from evaluate.testing import judged, value_of

Command = Callable[..., Any]
Write = Callable[..., Path]

word = st.sampled_from(["a", "b", "U.S.", "don't", "3.5", ",", "猫", "走る", "东京", "Hello", "hello", "."])
text = st.lists(word, max_size=12).map(" ".join)
samples = st.lists(st.tuples(st.lists(text, min_size=1, max_size=3), text), min_size=1, max_size=8)


def streams(references: list[list[str]]) -> list[list[str | None]]:
    """Return references as sacrebleu takes them: first of all, second of all, …"""
    most = max(map(len, references))
    return [[of[number] if number < len(of) else None for of in references] for number in range(most)]


@limits(max_examples=60)
@given(samples, st.sampled_from([("en", "13a"), ("de", "13a"), ("zh", "zh"), ("ja", "ja-mecab")]))
def test_values_equal_those_of_sacrebleu(drawn: list[tuple[list[str], str]], language: tuple[str, str]) -> None:
    references, answers = (list(side) for side in zip(*drawn, strict=True))
    code, tokenizer = language
    is_asian = code in ("zh", "ja")
    theirs = {
        "bleu": BLEU(tokenize=tokenizer),
        "chrf": CHRF(),
        "ter": TER(normalized=is_asian, asian_support=is_asian),
    }
    logging.getLogger("sacrebleu").setLevel(logging.ERROR)  # it warns of texts that look tokenised
    for name, metric in theirs.items():
        expected = metric.corpus_score(answers, streams(references)).score
        assert value_of(name, references, answers, language=code) == pytest.approx(expected, abs=1e-9), name


CHINESE = (["她会没事的。", "他昨天在东京买了三本书。"], ["她会好的。", "他昨天在东京买了两本书。"])
JAPANESE = (["彼は昨日東京で本を三冊買いました。"], ["彼は昨日東京で本を二冊買いました。"])
EUROPEAN = (
    ["The dog barks at the car, again.", "Es regnet heute."],
    ["A dog is barking at a car again.", "Heute regnet es."],
)


@pytest.mark.parametrize(
    ("name", "language", "texts", "expected"),
    [
        # sacrebleu 2.6.0, [ja] with ipadic 1.0.0: METRIC.corpus_score(hypotheses, [references]).score with
        ("bleu", "zh", CHINESE, 59.48017100389489),  # BLEU(tokenize="zh")
        ("chrf", "zh", CHINESE, 54.38265056436708),  # CHRF()
        ("ter", "zh", CHINESE, 16.666666666666664),  # TER(normalized=True, asian_support=True)
        ("bleu", "ja", JAPANESE, 76.11606003349888),  # BLEU(tokenize="ja-mecab")
        ("bleu", "en", EUROPEAN, 9.927339321196813),  # BLEU()
        ("chrf", "en", EUROPEAN, 35.91832977218252),  # CHRF()
        ("ter", "en", EUROPEAN, 70.0),  # TER()
    ],
)
def test_golden_values(name: str, language: str, texts: tuple[list[str], list[str]], expected: float) -> None:
    assert value_of(name, *texts, language=language) == pytest.approx(expected, abs=1e-6)


def test_signatures_hold_what_sacrebleu_s_own_say() -> None:
    signature = create_metric("bleu", MetricSettings(language="ja")).signature()
    assert signature.startswith("bleu|norm:none@1|case:mixed|eff:no|tok:ja-mecab-")
    assert create_metric("bleu", MetricSettings(language="zh-CN")).signature().split("|")[4:6] == [
        "tok:zh",
        "smooth:exp",
    ]
    assert "tok:13a" in create_metric("bleu", MetricSettings(language="de")).signature()
    assert "asian:yes" in create_metric("ter", MetricSettings(language="zh")).signature()
    assert "asian:no" in create_metric("ter", MetricSettings(language="de")).signature()


def test_a_failed_sample_is_an_empty_translation() -> None:
    references, answers = ["a good cat sat here", "so it did"], ["a good cat sat here", None]
    for name in ("bleu", "chrf", "ter"):
        assert value_of(name, references, answers) == value_of(name, references, [answers[0], ""])


def test_published_translations_score_what_is_stated(corpora: Path) -> None:
    import json

    # stated with the outputs: sacreBLEU, tokenize zh, of the rows that are ok
    for file, stated in (("predictions_baseline_qwen25.json", 36.22), ("predictions_qwen2.5+lora.json", 39.40)):
        path = corpora / "results" / "qwen_omni_covost2_en_zh" / file
        if not path.is_file():
            pytest.skip(f"no {path}")
        rows = [row for row in json.loads(path.read_text(encoding="utf-8")) if row["status"] == "ok"]
        references, answers = [row["reference"] for row in rows], [row["prediction"] for row in rows]
        assert value_of("bleu", references, answers, language="zh") == pytest.approx(stated, abs=5e-3)


def test_comet_reads_source_translation_and_first_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def scores(**texts: Any) -> np.ndarray:
        seen.update(texts)
        return np.array([0.8, 0.6, 0.7])

    monkeypatch.setattr(translation, "find_comet", lambda: Path("comet-score"))
    monkeypatch.setattr(translation, "comet_scores", scores)
    metric = create_metric("comet")
    items = [
        Judged("1", ("ein Hund", "der Hund"), "Hund", source_text="a dog"),
        Judged("2", ("Regen",), "Schnee", source_text="rain"),
        Judged("3", ("Wind",), None, "failed", source_text="wind"),
    ]
    assert float(metric.value(metric.rows(items))) == pytest.approx((0.8 + 0.6) / 3)  # no answer scores nothing
    assert seen["sources"] == ["a dog", "rain", "wind"]
    assert seen["references"] == ["ein Hund", "Regen", "Wind"]
    assert seen["hypotheses"] == ["Hund", "Schnee", ""]


def test_comet_without_its_program_or_without_sources_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    metric = create_metric("comet")
    monkeypatch.setenv("OTOSCOPE_COMET", str(tmp_path / "none"))
    with pytest.raises(MetricUnavailableError, match="is no program"):
        metric.rows(judged(["a"], ["b"]))
    monkeypatch.setattr(translation, "find_comet", lambda: Path("comet-score"))
    with pytest.raises(MetricUnavailableError, match="sample '0' has no source text, which COMET reads"):
        metric.rows(judged(["a"], ["b"]))


def test_source_texts_come_from_the_references_file(otoscope: Command, write_jsonl: Write, stub_comet: None) -> None:
    truth = write_jsonl("r.jsonl", {"id": "1", "references": ["Hund"], "source_text": "dog", "language": "de"})
    answers = write_jsonl("p.jsonl", {"id": "1", "hypothesis": "Hund"})
    result = otoscope("score", "--references", truth, "--predictions", answers, "--metrics", "comet,bleu", "--json")
    assert result.json["metrics"]["comet"]["value"] == 0.5


@pytest.fixture
def stub_comet(monkeypatch: pytest.MonkeyPatch) -> None:
    def scores(*, sources: list[str], **_: Any) -> np.ndarray:
        assert sources == ["dog"]
        return np.array([0.5])

    monkeypatch.setattr(translation, "find_comet", lambda: Path("comet-score"))
    monkeypatch.setattr(translation, "comet_scores", scores)
