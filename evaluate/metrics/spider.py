"""CIDEr-D, SPICE, SPIDEr, which is made of both, and FENSE: how much a caption says what people say of the same sound.

CIDEr-D, SPICE and SPIDEr compare tokens as the metrics of `evaluate.metrics.captioning` do; FENSE reads plain text.
Higher is better. An empty caption scores 0 in all but FENSE, and stays in the mean.

    cider      CIDEr-D, mean over samples. What everyone calls CIDEr: no stemming, times 10. Range [0, 10].
    spice      mean over samples of the F measure over scene graphs. Needs Java, or SPICE's own output. Range [0, 1].
    spider     (CIDEr-D + SPICE) / 2. Without SPICE there is none. Range [0, 5.5].
    spider_fl  SPIDEr, and
    fense      the likeness of sentence embeddings, in [-1, 1]; each a tenth where a detector finds the wording broken
               (error probability above 0.9). Need the two models of FENSE.

CIDEr-D weighs n-grams by how rare they are among the references of the very set that is scored: a sample's score
depends on the others. So it is never averaged over parts, a limited run is another number than the full one, and a set
of one sample scores 0 whatever its caption says (`note` in the scores). Intervals, values by group and values without
failed samples keep the document frequencies of the whole set.

Source: pycocoevalcap 1.2, to whose CIDEr-D the tests hold ours to 1e-6; SPICE 1.0 itself; aac-metrics 0.6 for SPIDEr-FL
and FENSE. Papers: Vedantam et al. 2015 (CIDEr-D), Anderson et al. 2016 (SPICE), Liu et al. 2017 (SPIDEr), Zhou et al.
2022 (FENSE).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from evaluate.captions.fense import (
    FluencyErrorDetector,
    SentenceSimilarity,
    load_error_detector,
    load_sentence_similarity,
    penalised,
)
from evaluate.captions.ngrams import NGramCounts, count_ngrams, find_entries, sum_by
from evaluate.captions.programs import check_spice_java, find_java, find_spice
from evaluate.captions.spice import read_spice_scores, spice_scores, write_spice_input
from evaluate.metrics.base import Judged, MeanMetric, ratio
from evaluate.metrics.captioning import CaptionMetric, Captions
from evaluate.types import Rows

MAX_ORDER = 4  # longest n-gram of CIDEr-D
LENGTH_PENALTY = 6.0  # standard deviation of CIDEr-D's Gaussian, in bigrams


class Cider(CaptionMetric, MeanMetric):
    """CIDEr-D, what everyone calls CIDEr: consensus of n-grams weighted by their rarity in the set, times 10."""

    name = "cider"

    def scores(self, items: list[Judged]) -> NDArray[np.float64]:
        return cider_scores(self.tokenize(items))

    def notes(self, rows: Rows) -> list[str]:
        if len(rows) > 1:
            return []
        return ["one sample: every n-gram is in all documents and weighs nothing, CIDEr-D is 0 for any caption"]


def cider_scores(captions: Captions) -> NDArray[np.float64]:
    """Return the CIDEr-D of every candidate, in [0, 10], shape (samples,).

    Document frequencies are those of the references given. Per order of n-grams: tf-idf vectors of candidate and
    reference, the candidate's clipped to the reference's, their cosine, times a Gaussian of the difference in length;
    then the mean over orders and references.
    """
    num, owner = len(captions.candidates), captions.owner
    if not num:
        return np.zeros(0)
    num_references = len(owner)
    similarity = np.zeros(num_references)  # summed over orders, per reference
    texts = [*captions.candidates, *captions.flat_references]
    # The published code takes the number of bigrams for the length; kept so that scores agree.
    bigrams = np.array([max(len(tokens) - 1, 0) for tokens in texts], dtype=np.float64)
    delta = bigrams[:num][owner] - bigrams[num:]
    for counts in count_ngrams(texts, MAX_ORDER):
        references = counts.of_texts(num, num + num_references)
        frequency = _document_frequencies(references, owner)
        weights = counts.count * (np.log(num) - np.log(np.maximum(frequency, 1))[counts.ngram])
        norms = np.sqrt(sum_by(counts.text, weights**2, len(texts)))
        shared = _clipped_products(counts, weights, owner, num)
        similarity += ratio(shared, norms[:num][owner] * norms[num:], undefined=0.0)
    similarity *= np.exp(-(delta**2) / (2 * LENGTH_PENALTY**2)) / MAX_ORDER
    return 10.0 * ratio(sum_by(owner, similarity, num), sum_by(owner, np.ones(num_references), num), undefined=0.0)


def _document_frequencies(references: NGramCounts, owner: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return in the references of how many samples each n-gram stands, shape (n-grams,)."""
    of_sample = np.unique(owner[references.text] * references.num_ngrams + references.ngram)
    return sum_by(of_sample % max(references.num_ngrams, 1), np.ones(len(of_sample)), references.num_ngrams)


def _clipped_products(
    counts: NGramCounts, weights: NDArray[np.float64], owner: NDArray[np.int64], num: int
) -> NDArray[np.float64]:
    """Return, per reference, the sum over its n-grams of min(candidate's weight, its own) times its own."""
    split = int(np.searchsorted(counts.text, num))  # candidates come first
    keys = counts.text[:split] * counts.num_ngrams + counts.ngram[:split]
    of_reference = counts.text[split:] - num
    position, found = find_entries(keys, owner[of_reference] * counts.num_ngrams + counts.ngram[split:])
    own = weights[split:]
    theirs = np.where(found, weights[:split][position], 0.0) if split else np.zeros(len(own))
    return sum_by(of_reference, np.minimum(theirs, own) * own, len(owner))


class Spice(CaptionMetric, MeanMetric):
    """SPICE: F measure over objects, attributes and relations; needs Java and CoreNLP, or scores made elsewhere."""

    name = "spice"

    def scores(self, items: list[Judged]) -> NDArray[np.float64]:
        captions = self.tokenize(items)
        ids = tuple(item.sample_id for item in items)
        hypotheses = tuple(" ".join(tokens) for tokens in captions.candidates)
        references = tuple(tuple(" ".join(tokens) for tokens in of_one) for of_one in captions.references)
        if self.settings.spice_input is not None:
            write_spice_input(self.settings.spice_input, references=references, hypotheses=hypotheses, ids=ids)
        if self.settings.spice_scores is not None:
            # Made elsewhere, of what `write_spice_input` wrote or of the captions as the model gave them.
            forms = [(item.answer or "", tokenized) for item, tokenized in zip(items, hypotheses, strict=True)]
            return read_spice_scores(self.settings.spice_scores, ids=ids, hypotheses=forms)
        return _run_spice(references, hypotheses, ids)

    def signature_parts(self) -> tuple[str, ...]:
        return (*super().signature_parts(), "spice:1.0")


@lru_cache(maxsize=1)
def _run_spice(
    references: tuple[tuple[str, ...], ...], hypotheses: tuple[str, ...], ids: tuple[str, ...]
) -> NDArray[np.float64]:
    """Run SPICE once on a set, though `spice`, `spider` and `spider_fl` ask for it."""
    java, programs = find_java(), find_spice()
    check_spice_java(java, programs)
    return spice_scores(references=references, hypotheses=hypotheses, ids=ids, programs=programs, java=java)


class Spider(Spice):
    """SPIDEr: the mean of CIDEr-D and SPICE, sample by sample."""

    name = "spider"

    def scores(self, items: list[Judged]) -> NDArray[np.float64]:
        return (super().scores(items) + cider_scores(self.tokenize(items))) / 2


class SpiderFl(Spider):
    """SPIDEr-FL: SPIDEr, a tenth of it where FENSE's detector finds the caption's wording broken."""

    name = "spider_fl"
    _detector: FluencyErrorDetector | None = None

    def scores(self, items: list[Judged]) -> NDArray[np.float64]:
        self._detector = load_error_detector()
        errors = self._detector.error_probabilities([self.normalizer(item.answer or "") for item in items])
        return penalised(super().scores(items), errors)

    def signature_parts(self) -> tuple[str, ...]:
        return (*super().signature_parts(), *_model_parts(echecker=self._detector))


class Fense(CaptionMetric, MeanMetric):
    """FENSE: likeness of sentence embeddings, a tenth of it where the wording is broken; needs its two models."""

    name = "fense"
    _encoder: SentenceSimilarity | None = None
    _detector: FluencyErrorDetector | None = None

    def scores(self, items: list[Judged]) -> NDArray[np.float64]:
        self._encoder, self._detector = encoder, detector = load_sentence_similarity(), load_error_detector()
        texts = [self.normalizer(item.answer or "") for item in items]
        references = [[self.normalizer(text) for text in item.references] for item in items]
        scores = penalised(encoder.similarities(texts, references), detector.error_probabilities(texts))
        # The embedding of an empty text is like any other to some degree; a sample without an answer is like none: 0.
        return np.where([item.answer is None for item in items], 0.0, scores)

    def signature_parts(self) -> tuple[str, ...]:
        return _model_parts(sbert=self._encoder, echecker=self._detector)


def _model_parts(**models: SentenceSimilarity | FluencyErrorDetector | None) -> tuple[str, ...]:
    """Return which weights scored, by their hash: there are several checkpoints of each name."""
    return tuple(f"{name}:{model.identity()}" for name, model in models.items() if model is not None)
