"""Caption metrics of the COCO evaluation: BLEU-1…4, ROUGE-L, METEOR; the others are in `evaluate.metrics.spider`.

All compare token lists of the PTB tokeniser (`evaluate.captions.ptb`; lower case, punctuation tokens out), whatever the
normaliser (`none` by default) leaves, against every reference of a sample. More references raise all of them, so their
number stands in the signature. Higher is better; range [0, 1].

Source: pycocoevalcap 1.2 (the COCO caption evaluation code in Python 3), to which the tests hold each to 1e-6. Papers:
Papineni et al. 2002 (BLEU), Lin 2004 (ROUGE-L), Denkowski and Lavie 2014 (METEOR 1.5).

    bleu_n    corpus BLEU: clipped n-gram counts and lengths added over samples, geometric mean of the precisions of 1
              to n, times the brevity penalty against the closest reference length.
    rouge_l   mean over samples of the F measure (β = 1.2) of the longest common subsequence.
    meteor    from METEOR's statistics added over samples, not a mean of sample scores. Needs Java.

Degenerate samples: an empty caption scores 0 and stays in the mean, as in pycocoevalcap; corpus BLEU takes its shortest
reference for the length. An empty reference is legal and matches nothing. Known difference: pycocoevalcap's ROUGE-L
splits an empty text into one empty token, and so gives 1 to an empty caption with an empty reference, here 0. A sample
without an answer counts as an empty caption.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import LCSseq

from evaluate.captions import ptb, ptb_java
from evaluate.captions.meteor import STATISTICS_COUNT, meteor_score, meteor_statistics
from evaluate.captions.ngrams import NGramCounts, count_ngrams, find_entries, sum_by
from evaluate.captions.programs import find_java, find_meteor_jar, find_ptb_jar
from evaluate.metrics.base import Judged, MeanMetric, Metric, SummedMetric
from evaluate.types import Rows

Tokens = Sequence[str]

ROUGE_BETA = 1.2  # weight of recall


@dataclass(frozen=True, slots=True)
class Captions:
    """The texts of a set as tokens."""

    candidates: list[Tokens]
    references: list[list[Tokens]]  # of each candidate

    @property
    def owner(self) -> NDArray[np.int64]:
        """The sample of each reference, in the order of `flat_references`."""
        return np.repeat(np.arange(len(self.references)), [len(of_one) for of_one in self.references])

    @property
    def flat_references(self) -> list[Tokens]:
        """All references, sample by sample."""
        return [tokens for of_one in self.references for tokens in of_one]


class CaptionMetric(Metric):
    """What caption metrics share: all texts of a set become tokens, by one of two tokenisers that agree."""

    higher_is_better, uses_all_references = True, True
    is_rate = False  # papers print them as fractions or times 100; a per cent sign would belong to neither

    def default_normalizer(self) -> str:
        return "none"

    def tokenize(self, items: Iterable[Judged]) -> Captions:
        """Return the tokens of every answer and reference."""
        read = [(item.answer or "", item.references) for item in items]
        texts = [self.normalizer(text) for answer, references in read for text in (answer, *references)]
        tokens = iter(_tokenize_with_java(tuple(texts)) if self.settings.ptb == "java" else map(ptb.tokenize, texts))
        candidates: list[Tokens] = []
        references: list[list[Tokens]] = []
        for _, of_one in read:
            candidates.append(next(tokens))
            references.append([next(tokens) for _ in of_one])
        return Captions(candidates, references)

    def signature_parts(self) -> tuple[str, ...]:
        tokenizer = ptb if self.settings.ptb == "python" else ptb_java
        return (f"tok:{tokenizer.NAME}@{tokenizer.VERSION}",)


@lru_cache(maxsize=1)
def _tokenize_with_java(texts: tuple[str, ...]) -> list[list[str]]:
    """Tokenise a set once, though several metrics ask: starting Java takes longer than its work."""
    return ptb_java.tokenize_with_java(texts, java=find_java(), jar=find_ptb_jar())


class _Bleu(CaptionMetric, SummedMetric):
    """Shared by the orders: counts of n-grams and lengths are added over samples."""

    order: int
    _ALMOST_ZERO, _ZERO_GUARD = 1e-15, 1e-9  # as pycocoevalcap guards its divisions; kept so that scores agree

    def __init_subclass__(cls) -> None:
        orders = range(1, cls.order + 1)
        counts = (f"{what}_{order}" for what in ("matched", "ngrams") for order in orders)
        cls.columns = (*counts, "length", "reference_length")

    def rows(self, items: Iterable[Judged]) -> Rows:
        captions = self.tokenize(items)
        lengths = np.array([len(tokens) for tokens in captions.candidates], dtype=np.int64)
        closest = [
            min((abs(len(reference) - length), len(reference)) for reference in references)[1]
            for length, references in zip(lengths, captions.references, strict=True)
        ]
        matched = [
            _clipped_matches(counts, captions)
            for counts in count_ngrams([*captions.candidates, *captions.flat_references], self.order)
        ]
        possible = [np.maximum(lengths - order, 0) for order in range(self.order)]
        return np.stack([*matched, *possible, lengths, np.array(closest)], axis=1).astype(np.float64)

    def value_of_totals(self, totals: Rows) -> NDArray[np.float64]:
        matched, possible = totals[..., : self.order], totals[..., self.order : 2 * self.order]
        length, reference_length = totals[..., -2], totals[..., -1]
        precisions = (matched + self._ALMOST_ZERO) / (possible + self._ZERO_GUARD)
        score = precisions.prod(axis=-1) ** (1 / self.order)
        relative = (length + self._ALMOST_ZERO) / (reference_length + self._ZERO_GUARD)
        brevity = np.exp(np.minimum(1 - 1 / relative, 0))
        return np.where(reference_length + length > 0, score * brevity, 0.0)


def _clipped_matches(counts: NGramCounts, captions: Captions) -> NDArray[np.float64]:
    """Return how many n-grams of each candidate stand in a reference, each at most as often as in any one of them."""
    num = len(captions.candidates)
    candidates, references = counts.of_texts(0, num), counts.of_texts(num, num + len(captions.flat_references))
    keys = captions.owner[references.text] * counts.num_ngrams + references.ngram
    order = np.lexsort((references.count, keys))  # of equal keys the largest count comes last
    keys, most = keys[order], references.count[order]
    is_last = np.append(keys[1:] != keys[:-1], True)[: len(keys)]
    keys, most = keys[is_last], most[is_last]
    position, found = find_entries(keys, candidates.text * counts.num_ngrams + candidates.ngram)
    limit = np.where(found, most[position], 0) if len(most) else np.zeros(len(candidates.text))
    return sum_by(candidates.text, np.minimum(candidates.count, limit), num)


class Bleu1(_Bleu):
    """Corpus BLEU of captions over single words."""

    name, order = "bleu_1", 1


class Bleu2(_Bleu):
    """Corpus BLEU of captions over n-grams of up to two words."""

    name, order = "bleu_2", 2


class Bleu3(_Bleu):
    """Corpus BLEU of captions over n-grams of up to three words."""

    name, order = "bleu_3", 3


class Bleu4(_Bleu):
    """Corpus BLEU of captions over n-grams of up to four words."""

    name, order = "bleu_4", 4


class RougeL(CaptionMetric, MeanMetric):
    """ROUGE-L: F measure of the longest common subsequence, best precision and best recall over the references."""

    name = "rouge_l"

    def scores(self, items: list[Judged]) -> NDArray[np.float64]:
        captions = self.tokenize(items)
        pairs = zip(captions.candidates, captions.references, strict=True)
        return np.array([_rouge_l(candidate, references) for candidate, references in pairs], dtype=np.float64)


def _rouge_l(candidate: Tokens, references: list[Tokens]) -> float:
    common = [LCSseq.similarity(reference, candidate) for reference in references]
    if not candidate or not any(common):
        return 0.0
    precision = max(common) / len(candidate)
    recall = max(shared / len(reference) for shared, reference in zip(common, references, strict=True) if reference)
    return (1 + ROUGE_BETA**2) * precision * recall / (recall + ROUGE_BETA**2 * precision)


class Meteor(CaptionMetric, SummedMetric):
    """METEOR 1.5, with stems, synonyms and paraphrases, from its statistics over the corpus; needs Java."""

    name = "meteor"
    needs_whole_set = True
    columns = tuple(f"statistic_{number}" for number in range(1, STATISTICS_COUNT + 1))

    def rows(self, items: Iterable[Judged]) -> Rows:
        java, jar = find_java(), find_meteor_jar()
        captions = self.tokenize(items)
        references = [[" ".join(tokens) for tokens in of_one] for of_one in captions.references]
        hypotheses = [" ".join(tokens) for tokens in captions.candidates]
        return meteor_statistics(references=references, hypotheses=hypotheses, java=java, jar=jar)

    def value_of_totals(self, totals: Rows) -> NDArray[np.float64]:
        return meteor_score(totals)

    def details_of_totals(self, totals: NDArray[np.float64]) -> dict[str, Any]:
        return {}

    def signature_parts(self) -> tuple[str, ...]:
        return (*super().signature_parts(), "meteor:1.5")
