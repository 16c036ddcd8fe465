"""Ways in which scores of the field go wrong though the code looks right, one test each.

Others stand where they belong: reading an answer in tests/evaluate/test_answers.py, the Java programs in
tests/evaluate/captions/, SPIDEr and texts that are tokens already in test_spider.py, times in test_timestamps.py,
classes without positives in test_average_precision.py, columns for pitches in test_notes.py.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import pytest
from sklearn.metrics import f1_score

from evaluate.captions import ptb
from evaluate.metrics import create_metric
from evaluate.metrics.base import MetricSettings
from evaluate.metrics.error_rate import count_errors
from evaluate.normalizers import create_normalizer
from evaluate.statistics import Bootstrap, bootstrap_interval, resampling_units
from evaluate.testing import judged, value_of

Command = Callable[..., Any]
Write = Callable[..., Path]


def plain(metric: str, references: list[Any], answers: list[Any]) -> float:
    return value_of(metric, references, answers, normalizer="none")


# --- Word and character error rate


def test_an_empty_reference_adds_its_insertions() -> None:
    assert plain("wer", ["", "a b"], ["x y", "a b"]) == jiwer.wer(["", "a b"], ["x y", "a b"]) == 1.0


def test_all_references_empty_is_no_value_where_jiwer_gives_the_number_of_insertions() -> None:
    assert jiwer.wer("", "a b") == 2  # 4.0.0; a rate of nothing is not called 2 here
    assert math.isnan(plain("wer", [""], ["a b"]))


@pytest.mark.parametrize("text", ["um", "[music]", "♪"])
def test_a_reference_can_become_empty_by_normalising_and_is_counted(text: str) -> None:
    metric = create_metric("wer", MetricSettings(language="en"))
    rows = metric.rows(judged([text, "red boats"], ["hello", "red boats"]))
    assert metric.details(rows)["empty_references"] == 1
    assert float(metric.value(rows)) == 0.5


@pytest.mark.parametrize("space", ["\t", "\n", "\u00a0", "\u3000", "  "])
def test_every_white_space_separates_words(space: str) -> None:
    assert plain("wer", ["a b c"], [f"a{space}b{space}c"]) == 0
    if space.strip(" "):
        assert jiwer.wer("a b c", f"a{space}b{space}c") > 0  # jiwer splits at U+0020 alone


def test_only_the_sum_of_edits_is_defined() -> None:
    # meeteval 0.4.3 siso_word_error_rate and jiwer 4.0.0 process_words: both 3 errors; sclite weighs them otherwise
    reference, hypothesis = "the cat sat on the mat", "the cat sat mat on"
    counts = count_errors(reference=reference.split(" "), hypothesis=hypothesis.split(" "))
    assert counts.errors == 3


def test_corpus_rate_is_sum_over_sum_and_not_a_mean_of_rates() -> None:
    assert plain("wer", ["a", "b c d e f g h i j"], ["x", "b c d e f g h i j"]) == pytest.approx(1 / 10)


def test_the_english_normaliser_is_the_one_that_papers_used() -> None:
    # openai-whisper 20250625; whisper-normalizer 0.1.15 makes "because i am kind of tired" of the first
    normalize = create_normalizer("whisper-en", language="en")
    assert normalize("cause I'm kinda tired") == "cause i am kinda tired"
    assert normalize("O'Leary's dog") == "0 leary is dog"  # an oddity that published scores hold


def test_the_qwen_audio_recipe_keeps_punctuation_and_numerals() -> None:
    assert value_of("wer", ["hello world"], ["Hello, world."], normalizer="qwen-audio") == 1.0
    assert value_of("wer", ["hello world"], ["Hello, world."], language="en") == 0.0
    settings: dict[str, Any] = {"protocol": "qwen-audio", "language": "zh"}
    assert value_of("cer", ["今天天气好"], ["今天天气好。"], **settings) == pytest.approx(0.2)
    assert value_of("cer", ["一百二十三"], ["123"], **settings) == 1.0
    assert value_of("cer", ["一百二十三"], ["123"], language="zh") == 0.0


def test_an_empty_first_reference_is_no_error() -> None:
    assert value_of("wer", ["", "a b"], ["", "a b"], protocol="qwen-audio") == 0


def test_traditional_characters_are_folded_and_erhua_is_kept() -> None:
    assert value_of("cer", ["简体中文"], ["簡體中文"], language="zh") == 0
    assert value_of("cer", ["简体中文"], ["簡體中文"], language="zh", protocol="qwen2-audio") == 0.5
    assert value_of("cer", ["一会儿"], ["一会"], language="zh") == pytest.approx(1 / 3)


# --- Captions


def test_cider_of_one_caption_is_0_even_if_it_is_a_reference() -> None:
    metric = create_metric("cider")
    rows = metric.rows(judged([["a dog barks"]], ["a dog barks"]))
    assert float(metric.value(rows)) == 0
    assert "CIDEr-D is 0 for any caption" in metric.notes(rows)[0]


def test_cider_of_a_part_is_another_number_than_in_the_whole() -> None:
    references = [["a dog barks"], ["a dog runs"], ["rain falls"], ["wind blows hard"]]
    captions = ["a dog barks", "a dog", "rain", "wind blows"]
    metric = create_metric("cider")
    whole = metric.sample_values(metric.rows(judged(references, captions)))[:2]
    half = metric.sample_values(metric.rows(judged(references[:2], captions[:2])))
    assert not np.allclose(whole, half)


def test_cider_is_cider_d_up_to_ten_without_stemming() -> None:
    texts = ["a dog barks loudly outside", "rain falls on the roof"]
    assert value_of("cider", [[text] for text in texts], texts) == pytest.approx(10)
    assert value_of("cider", [["dogs"], ["rain"]], ["dog", "rain"]) == pytest.approx(10 / 8)


def test_more_references_raise_scores_so_their_number_is_in_the_signature(
    otoscope: Command, write_jsonl: Write
) -> None:
    captions = ["a dog barks", "rain"]
    few, many = [["a dog runs"], ["heavy rain"]], [["a dog runs", "a dog"], ["heavy rain", "rain", "x"]]
    for metric in ("bleu_1", "rouge_l"):
        assert value_of(metric, many, captions) > value_of(metric, few, captions)
    answers = write_jsonl("p.jsonl", *({"id": str(k), "hypothesis": one} for k, one in enumerate(captions)))
    for references, shown in ((few, "|refs:1|"), (many, "|refs:2-3|")):
        truth = write_jsonl("r.jsonl", *({"id": str(k), "references": one} for k, one in enumerate(references)))
        command = ("score", "--references", truth, "--predictions", answers, "--metrics", "cider", "--json")
        assert shown in otoscope(*command).json["metrics"]["cider"]["signature"]


@pytest.mark.parametrize("space", ["\r", "\v", "\f", "\u2028", "\u2029", "\n"])
def test_a_line_break_inside_a_caption_shifts_nothing(space: str) -> None:
    references = [["a dog barks"], ["rain falls"]]
    broken = [f"a dog{space}barks", "rain falls"]
    assert value_of("cider", references, broken) == value_of("cider", references, ["a dog barks", "rain falls"])


def test_tokens_that_the_official_filter_forgets_stay() -> None:
    # pycocoevalcap 1.2: its list has -LRB-, the text is in lower case
    expected = "a dog -lrb- loud -rrb- !! ** barks ** ?!"
    assert " ".join(ptb.tokenize("A dog (loud)!! **barks** ?!")) == expected


def test_an_empty_caption_stays_in_the_mean_and_bleu_takes_its_shortest_reference() -> None:
    for metric in ("rouge_l", "cider"):
        alone = value_of(metric, [["a dog"], ["rain falls"]], ["a dog", ""])
        scorer = create_metric(metric)
        rows = scorer.rows(judged([["a dog"], ["rain falls"]], ["a dog", ""]))
        assert alone == pytest.approx(float(scorer.sample_values(rows)[0]) / 2)
    scorer = create_metric("bleu_1")
    rows = scorer.rows(judged([["one two three", "one two"]], [""]))
    assert rows[0, -1] == 2


# --- Translation


def test_an_exact_match_of_three_words_scores_0_and_a_perfect_corpus_100() -> None:
    assert value_of("bleu", ["a good cat"], ["a good cat"]) == 0
    assert value_of("bleu", ["a good cat sat"], ["a good cat sat"]) == pytest.approx(100, abs=1e-9)


def test_chinese_and_japanese_need_their_own_tokeniser() -> None:
    for language, text, other in (
        ("zh", "他昨天在东京买了三本书。", "他昨天在东京买了两本书。"),
        ("ja", "彼は昨日東京で本を三冊買いました。", "彼は昨日東京で本を二冊買いました。"),
    ):
        assert value_of("bleu", [text], [other], language=language) > 30
        assert value_of("bleu", [text], [other], language="en") == 0  # the whole sentence is one word of 13a


# --- Labels


def test_an_answer_that_is_no_label_makes_no_class() -> None:
    references = ["cat", "dog", "cat", "dog"]
    answers = ["cat", "dog", "a feline", "some canine"]
    found = value_of("macro_f1", references, answers, choices=("cat", "dog"))
    assert found == pytest.approx(f1_score(references, answers, labels=["cat", "dog"], average="macro"))
    by_default = f1_score(references, answers, average="macro", zero_division=0)
    assert by_default == pytest.approx(found / 2)  # every stray answer a class of its own, with F1 0


# --- Intervals


def test_samples_of_one_speaker_are_drawn_together() -> None:
    rng = np.random.default_rng(1)
    skill = np.repeat(rng.random(20), 30)  # 20 speakers with 30 utterances each
    rows = np.stack([rng.random(600) < skill, np.ones(600)], axis=1).astype(float)
    metric = create_metric("ser")
    units = resampling_units({"speaker": [f"s{number // 30}" for number in range(600)]})
    by_sample = bootstrap_interval(rows, metric.value, Bootstrap())
    by_speaker = bootstrap_interval(rows, metric.value, Bootstrap(), units)
    assert by_sample is not None
    assert by_speaker is not None
    assert by_speaker[1] - by_speaker[0] > 2 * (by_sample[1] - by_sample[0])


def test_no_value_becomes_nan_in_a_scores_document(otoscope: Command, write_jsonl: Write) -> None:
    truth = write_jsonl("r.jsonl", {"id": "1", "references": [""]})
    answers = write_jsonl("p.jsonl", {"id": "1", "hypothesis": "a b"})
    result = otoscope(
        "score", "--references", truth, "--predictions", answers, "--metrics", "wer", "--normalizer", "none", "--json"
    )
    assert "NaN" not in result.stdout
    wer = json.loads(result.stdout)["metrics"]["wer"]
    assert (wer["value"], wer["reason"]) == (None, "the references hold no unit to divide by")
