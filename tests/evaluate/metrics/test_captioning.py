import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluate.errors import MetricUnavailableError
from evaluate.metrics import create_metric
from evaluate.metrics.base import MetricSettings
from evaluate.testing import judged, value_of

REFERENCES = [
    ["A dog barks loudly, twice.", "The dog is barking at a car (a loud one)!", "Loud barking"],
    ["Rain falls on a tin roof.", "It's raining hard on the roof -- thunder follows.", "Heavy rain"],
    ["A man talks while birds sing", "Someone's speaking outdoors", "birds chirp and a person talks"],
    ["", ".", "a bell rings"],
    ["water drips into a bucket", "Dripping water...", "drip drip drip"],
]
CAPTIONS = [
    "A dog barks at a car.",
    "the rain is falling hard on the roof",
    "",
    "A bell rings",
    "drip drip drip drip drip water",
]
# pycocoevalcap 1.2 on Java 17: PTBTokenizer().tokenize(…) of both, then Bleu(4), Rouge(), Cider(), Meteor()
# .compute_score(references, captions)
GOLDEN = {
    "bleu_1": 0.6869063999002378,
    "bleu_2": 0.5908058273397301,
    "bleu_3": 0.4967076039080346,
    "bleu_4": 0.31446017985734054,
    "rouge_l": 0.5669886702444842,
    "cider": 1.3595986472262722,
}
GOLDEN_PER_CAPTION = {
    "rouge_l": [0.62564103, 0.5, 0.0, 1.0, 0.70930233],
    "cider": [1.4802166, 1.62268713, 0.0, 2.5, 1.19508951],
}
GOLDEN_METEOR, GOLDEN_METEOR_PER_CAPTION = 0.2822838149745075, [0.282372407829341, 0.288, 0, 1, 0.4507435329946623]

word = st.sampled_from(["a", "dog", "barks", "barks", "loud", "rain"])
caption = st.lists(word, min_size=1, max_size=9).map(" ".join)


@pytest.mark.parametrize("name", GOLDEN)
def test_values_equal_those_of_pycocoevalcap_with_its_java_tokenizer(name: str) -> None:
    assert value_of(name, REFERENCES, CAPTIONS) == pytest.approx(GOLDEN[name], abs=1e-6)


@pytest.mark.parametrize("name", GOLDEN_PER_CAPTION)
def test_each_caption_scores_as_in_pycocoevalcap(name: str) -> None:
    metric = create_metric(name)
    found = metric.sample_values(metric.rows(judged(REFERENCES, CAPTIONS)))
    assert found.tolist() == pytest.approx(GOLDEN_PER_CAPTION[name], abs=1e-8)


@given(st.lists(st.tuples(st.lists(caption, min_size=1, max_size=4), caption), min_size=1, max_size=6))
def test_values_of_any_captions_equal_those_of_pycocoevalcap(samples: list[tuple[list[str], str]]) -> None:
    bleu = pytest.importorskip("pycocoevalcap.bleu.bleu", reason="needs pycocoevalcap, the extra captions")
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    references, captions = (list(side) for side in zip(*samples, strict=True))
    theirs: dict[str, Any] = {
        **dict(zip((f"bleu_{n}" for n in (1, 2, 3, 4)), _score(bleu.Bleu(4), references, captions), strict=True)),
        "rouge_l": _score(Rouge(), references, captions),
        "cider": _score(Cider(), references, captions),
    }
    for name, expected in theirs.items():
        assert value_of(name, references, captions) == pytest.approx(expected, abs=1e-9), name


def _score(scorer: Any, references: list[list[str]], captions: list[str]) -> Any:
    quiet = {"verbose": 0} if type(scorer).__name__ == "Bleu" else {}
    value, _ = scorer.compute_score(dict(enumerate(references)), {k: [one] for k, one in enumerate(captions)}, **quiet)
    return value


def test_the_order_of_samples_does_not_matter() -> None:
    order = random.Random(0).sample(range(5), 5)
    for name in GOLDEN:
        shuffled = value_of(name, [REFERENCES[k] for k in order], [CAPTIONS[k] for k in order])
        assert shuffled == pytest.approx(GOLDEN[name], abs=1e-6)


def test_an_empty_caption_with_an_empty_reference_scores_nothing() -> None:
    for name in ("bleu_1", "rouge_l", "cider"):
        assert value_of(name, [["."], ["a dog barks"]], ["", "cats"]) < 1e-6


def test_a_failed_sample_counts_as_an_empty_caption() -> None:
    for name in GOLDEN:
        assert value_of(name, REFERENCES, [None, *CAPTIONS[1:]]) == value_of(name, REFERENCES, ["", *CAPTIONS[1:]])


def test_both_tokenizers_give_one_score() -> None:
    try:
        scores = [value_of("cider", REFERENCES, CAPTIONS, ptb=ptb) for ptb in ("python", "java")]
    except MetricUnavailableError as error:
        pytest.skip(str(error))
    assert scores[0] == scores[1]
    signatures = [create_metric("cider", MetricSettings(ptb=ptb)).signature() for ptb in ("python", "java")]
    assert signatures == ["cider|norm:none@1|tok:ptb-py@1", "cider|norm:none@1|tok:ptb-java@3.4.1"]


@pytest.mark.slow
def test_meteor_equals_that_of_pycocoevalcap() -> None:
    metric = create_metric("meteor")
    try:
        rows = metric.rows(judged(REFERENCES, CAPTIONS))
    except MetricUnavailableError as error:
        pytest.skip(str(error))
    assert float(metric.value(rows)) == pytest.approx(GOLDEN_METEOR, abs=1e-6)
    assert metric.sample_values(rows).tolist() == pytest.approx(GOLDEN_METEOR_PER_CAPTION, abs=1e-6)
    twice = metric.value(rows, np.array([[2.0] * 5, [1, 0, 0, 0, 0]]))  # weights of two resamples
    assert twice.tolist() == pytest.approx([GOLDEN_METEOR, GOLDEN_METEOR_PER_CAPTION[0]], abs=1e-6)
