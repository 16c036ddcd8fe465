"""Translation metrics: BLEU, chrF and TER as sacrebleu computes them, and COMET.

    bleu    corpus BLEU, exponential smoothing, case-sensitive. Tokeniser by target language: zh, yue → `zh`,
            ja → `ja-mecab`, any other → `13a`. Scale 0 to 100, higher is better.
    chrf    chrF2: character n-grams up to 6, β = 2, no word n-grams. Scale 0 to 100, higher is better.
    ter     edits with shifts over the mean reference length, times 100. Lower is better, may exceed 100. For Chinese
            and Japanese with Tercom's normalisation and Asian support, without which a whole sentence is one word.
    comet   mean of a neural model's judgement of source, translation and reference. Higher is better. Needs the
            program `comet-score` in an environment of its own, and the source texts.

Source: sacrebleu 2.6 (Post 2018, "A Call for Clarity in Reporting BLEU Scores"), whose own statistics per sentence are
summed here; its signature stands in ours. COMET: Rei et al. 2022 (wmt22-comet-da).

Degenerate samples, as in sacrebleu: BLEU of a corpus without a matching 4-gram is not 0 but smoothed; without any
4-gram at all it is 0, so an exact match of three words by itself scores 0. A perfect corpus is 100 up to rounding
(100.00000000000004 in sacrebleu). TER's search for shifts takes seconds on two texts of hundreds of words each. A
sample without an answer counts as an empty translation.
"""

import re
from abc import abstractmethod
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.comet import DEFAULT_MODEL, comet_scores, find_comet
from evaluate.errors import MetricUnavailableError
from evaluate.metrics.base import Judged, MeanMetric, SummedMetric, ratio
from evaluate.normalizers.text import CJK
from evaluate.types import Rows

BLEU_TOKENIZERS = {"zh": "zh", "yue": "zh", "ja": "ja-mecab"}
BLEU_ORDERS = 4
CHRF_ORDERS = 6
CHRF_BETA = 2
_CJK = re.compile(f"[{CJK}]")
ASIAN = frozenset({"zh", "yue", "ja"})


class _SacreBleu(SummedMetric):
    """Shared by the three: sacrebleu's statistics of each sentence are the rows."""

    is_rate = False
    uses_all_references = True

    def default_normalizer(self) -> str:
        return "none"

    @property
    @abstractmethod
    def scorer(self) -> Any:
        """The metric of sacrebleu itself, set up for the language."""

    def rows(self, items: Iterable[Judged]) -> Rows:
        read = [(item.answer or "", item.references) for item in items]
        if not read:
            return np.zeros((0, len(self.columns)))
        hypotheses = [self.normalizer(answer) for answer, _ in read]
        most = max(len(references) for _, references in read)
        streams = [
            [self.normalizer(references[number]) if number < len(references) else None for _, references in read]
            for number in range(most)
        ]
        # sacrebleu has no public name for this; its bootstrap and its own corpus scores go through it.
        statistics = self.scorer._extract_corpus_statistics(hypotheses, streams)
        return np.array(statistics, dtype=np.float64).reshape(len(read), len(self.columns))

    def signature_parts(self) -> tuple[str, ...]:
        """Return sacrebleu's signature without the number of references, which stands beside it."""
        self.scorer.num_refs = 1  # asks for it, though ours says it for all metrics
        parts = self.scorer.get_signature().format().split("|")
        renamed = {"norm": "tercom-norm", "version": "sacrebleu"}  # what would be mistaken for a part of ours
        named = (part.partition(":") for part in parts)
        return tuple(f"{renamed.get(key, key)}:{value}" for key, _, value in named if key != "nrefs")


class Bleu(_SacreBleu):
    """Corpus BLEU of translations on sacrebleu's scale, 0 to 100."""

    name, higher_is_better = "bleu", True
    columns = (
        *("length", "reference_length"),
        *(f"{what}_{order}" for what in ("matched", "ngrams") for order in range(1, BLEU_ORDERS + 1)),
    )

    _num_unspaced = _num_texts = 0  # references written without spaces, of all

    def rows(self, items: Iterable[Judged]) -> Rows:
        read = list(items)
        self._num_texts += len(read)
        self._num_unspaced += sum(len(_CJK.findall(item.references[0])) > len(item.references[0]) / 2 for item in read)
        return super().rows(read)

    def notes(self, rows: Rows) -> list[str]:
        if self.language in BLEU_TOKENIZERS or 2 * self._num_unspaced <= self._num_texts:
            return []
        return ["most references are Chinese or Japanese, whose words 13a does not see; give the language, zh or ja"]

    @cached_property
    def scorer(self) -> Any:
        from sacrebleu.metrics import BLEU

        # force: no warning about texts that look tokenised; they are scored all the same
        return BLEU(tokenize=BLEU_TOKENIZERS.get(self.language, "13a"), force=True)

    def value_of_totals(self, totals: Rows) -> NDArray[np.float64]:
        length, reference_length = totals[..., 0], totals[..., 1]
        matched, possible = totals[..., 2 : 2 + BLEU_ORDERS], totals[..., 2 + BLEU_ORDERS :]
        # Exponential smoothing: the k-th order without a match counts as 1 / 2^k matches.
        halvings = np.cumsum(matched == 0, axis=-1)
        smoothed = np.where(matched > 0, matched, 0.5**halvings)
        precisions = ratio(smoothed, possible, undefined=0.0)
        is_scored = (matched > 0).any(axis=-1) & (possible > 0).all(axis=-1)
        logarithms = np.log(precisions, out=np.zeros_like(precisions), where=precisions > 0)
        penalty = np.exp(np.minimum(1 - ratio(reference_length, length, undefined=np.inf), 0))
        return np.where(is_scored, 100 * penalty * np.exp(logarithms.mean(axis=-1)), 0.0)

    def details_of_totals(self, totals: NDArray[np.float64]) -> dict[str, Any]:
        return {"length": int(totals[0]), "reference_length": int(totals[1])}


class Chrf(_SacreBleu):
    """Character n-gram F-score of translations (chrF2) on sacrebleu's scale, 0 to 100."""

    name, higher_is_better = "chrf", True
    columns = tuple(
        f"{what}_{order}" for order in range(1, CHRF_ORDERS + 1) for what in ("ngrams", "reference_ngrams", "matched")
    )

    @cached_property
    def scorer(self) -> Any:
        from sacrebleu.metrics import CHRF

        return CHRF(char_order=CHRF_ORDERS, beta=CHRF_BETA)

    def value_of_totals(self, totals: Rows) -> NDArray[np.float64]:
        possible, relevant, matched = (totals[..., column::3] for column in range(3))
        is_effective = (possible > 0) & (relevant > 0)
        orders = is_effective.sum(axis=-1)
        precision = ratio((ratio(matched, possible, undefined=0) * is_effective).sum(axis=-1), orders, undefined=0)
        recall = ratio((ratio(matched, relevant, undefined=0) * is_effective).sum(axis=-1), orders, undefined=0)
        squared = CHRF_BETA**2
        return 100 * ratio((1 + squared) * precision * recall, squared * precision + recall, undefined=0)

    def details_of_totals(self, totals: NDArray[np.float64]) -> dict[str, Any]:
        return {}


class Ter(_SacreBleu):
    """Translation edit rate on sacrebleu's scale: edits and shifts per 100 reference words."""

    name, higher_is_better = "ter", False
    columns = ("edits", "reference_length")

    @cached_property
    def scorer(self) -> Any:
        from sacrebleu.metrics import TER

        is_asian = self.language in ASIAN
        return TER(normalized=is_asian, asian_support=is_asian)

    def value_of_totals(self, totals: Rows) -> NDArray[np.float64]:
        edits, length = totals[..., 0], totals[..., 1]
        return 100 * np.where(length > 0, ratio(edits, length, undefined=0), edits > 0)


class Comet(MeanMetric):
    """Mean judgement of the COMET model, which reads source, translation and the first reference."""

    name, higher_is_better, is_rate = "comet", True, False

    def default_normalizer(self) -> str:
        return "none"

    def scores(self, items: list[Judged]) -> NDArray[np.float64]:
        program = find_comet()
        without = next((item.sample_id for item in items if not item.source_text), None)
        if without is not None:
            raise MetricUnavailableError(
                f"sample {without!r} has no source text, which COMET reads; give `source_text` where its references are"
            )
        scores = comet_scores(
            sources=[item.source_text for item in items],
            hypotheses=[self.normalizer(item.answer or "") for item in items],
            references=[self.normalizer(item.references[0]) for item in items],
            program=program,
        )
        # The model gives an empty translation some score; a sample without an answer gets none.
        return np.where([item.answer is None for item in items], 0.0, scores)

    def signature_parts(self) -> tuple[str, ...]:
        return (f"comet:{DEFAULT_MODEL}",)
