"""How often each n-gram stands in each text, for all texts at once as arrays: what BLEU and CIDEr-D are made of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Tokens = Sequence[str]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class NGramCounts:
    """The n-grams of one order: entry k says that text `text[k]` holds n-gram `ngram[k]` `count[k]` times.

    Entries are sorted by text and n-gram; n-grams are numbered from 0 over all texts.
    """

    text: Integers  # (entries,)
    ngram: Integers  # (entries,)
    count: Integers  # (entries,)
    num_ngrams: int

    def of_texts(self, first: int, last: int) -> "NGramCounts":
        """Return the entries of the texts from `first` up to and without `last`, numbered from 0."""
        low, high = np.searchsorted(self.text, (first, last))
        return NGramCounts(self.text[low:high] - first, self.ngram[low:high], self.count[low:high], self.num_ngrams)


def count_ngrams(texts: Sequence[Tokens], max_order: int) -> Iterator[NGramCounts]:
    """Yield the n-grams of order 1, 2, … `max_order` of all texts."""
    lengths = np.fromiter((len(tokens) for tokens in texts), dtype=np.int64, count=len(texts))
    vocabulary: dict[str, int] = {}
    numbers = (vocabulary.setdefault(token, len(vocabulary)) for tokens in texts for token in tokens)
    token = np.fromiter(numbers, dtype=np.int64, count=int(lengths.sum()))
    text = np.repeat(np.arange(len(texts)), lengths)
    end = np.repeat(np.cumsum(lengths), lengths)  # where the text of each token ends
    start = np.arange(len(token))  # of the n-grams of this order
    ngram = token
    for order in range(1, max_order + 1):
        if order > 1:
            goes_on = start + order <= end[start]
            start, ngram = start[goes_on], ngram[goes_on]
            # An n-gram is the (n-1)-gram before its last token, and that token; numbering them anew keeps keys small.
            keys = ngram * len(vocabulary) + token[start + order - 1]
            ngram = np.unique(keys, return_inverse=True)[1].astype(np.int64)
        yield _counted(text[start], ngram)


def _counted(text: Integers, ngram: Integers) -> NGramCounts:
    num_ngrams = int(ngram.max(initial=-1)) + 1
    keys, count = np.unique(text * num_ngrams + ngram, return_counts=True)
    return NGramCounts(keys // max(num_ngrams, 1), keys % max(num_ngrams, 1), count, num_ngrams)


def find_entries(keys: Integers, wanted: Integers) -> tuple[Integers, NDArray[np.bool_]]:
    """Return where each wanted key stands among sorted distinct keys, and whether it is there at all."""
    if not len(keys):
        return np.zeros(len(wanted), dtype=np.int64), np.zeros(len(wanted), dtype=bool)
    position = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return position, keys[position] == wanted


def sum_by(index: Integers, values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Return the sum of the values at each index from 0 to `size`, shape (size,)."""
    return np.bincount(index, weights=values, minlength=size).astype(np.float64, copy=False)
