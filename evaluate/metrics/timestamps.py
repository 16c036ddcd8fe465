"""Word timestamps: how far the times of words that were recognised lie from the true ones.

A text is read as timestamps in seconds with words between them, as Qwen-Audio writes it:

    <|0.00|><|sil|><|0.54|>面<|0.86|>条<|1.17|>机<|1.46|>

so a word starts at the timestamp before it and ends at the one behind it. Words of reference and hypothesis are aligned
by edit distance, and only words that are equal are compared; silence (`<|sil|>`, or nothing) is no word. The prompt
already holds the first timestamp, so an answer that starts without one gets `<|0.00|>` in front.

    aas                accumulated average shift: |Δstart| + |Δend| summed over equal words, divided by their number, in
                       ms. So a shift of every boundary by 100 ms gives 200; `per_boundary_ms` is half of it. Lower is
                       better. Words that are not equal drop out: read it with `coverage`, equal over reference words.
                       Without an equal word in the whole corpus there is no value.
    boundary_accuracy  share of the starts and ends of reference words that the equal word of the hypothesis meets
                       within 50 ms; a word that was not recognised meets neither. Range [0, 1], higher is better.

Source: QwenLM/Qwen-Audio, eval_audio/evaluate_srwt.py at b50fb958, after FunASR's AverageShiftCalculator. Differences
from that script, unless the protocol `qwen-audio` asks for it as coded: there silences are words that can match, the
first timestamp is not put back, so that the first word is lost, and times from 100 s are not seen. Never kept: it drops
utterances without timestamps from one side only, which shifts the pairs or ends the run, and divides by zero where no
word is equal. Of several alignments with as few edits it may take another one.

A hypothesis without a word between timestamps covers nothing: unparsed. A failed sample covers nothing either; `aas`
has no time to take from it, so only its coverage tells, while `boundary_accuracy` counts its words as missed. Of
several references the first counts.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from evaluate.errors import ManifestError
from evaluate.metrics.base import CountMetric, ratio
from evaluate.types import Rows

SILENCE = "<|sil|>"
TOLERANCES_MS = (20, 50, 100)
TOLERANCE_MS = 50  # of the value; the others stand beside it
_TIME = re.compile(r"<\|(\d{1,6}(?:\.\d{1,6})?)\|>", re.ASCII)  # eleven days; a longer number is no time
_TIME_AS_CODED = re.compile(r"<\|(\d{1,2}\.\d+)\|>", re.ASCII)
_CONTROL = re.compile(r"<\|(?:startoftranscript|transcribe|en|zh)\|>")
_ROUNDING_S = 1e-9  # times are given to 10 ms, as decimal fractions


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word and when it is said."""

    text: str
    start_s: float
    end_s: float


def read_timed_words(text: str, *, as_coded: bool = False) -> list[TimedWord]:
    """Return the words that stand between two timestamps.

    Args:
        text: Timestamps and words, as above.
        as_coded: Silences are words, the first timestamp is not put back, times from 100 s are not seen.
    """
    pattern = _TIME_AS_CODED if as_coded else _TIME
    text = _CONTROL.sub("", text).strip()
    if not as_coded and not pattern.match(text):
        text = f"<|0.00|>{text}"
    pieces = pattern.split(text)[1:-1]  # time, word, time, …, time; what lies outside has no start or no end
    times, words = [float(time) for time in pieces[::2]], [word.strip() for word in pieces[1::2]]
    timed = map(TimedWord, words, times, times[1:])
    return list(timed) if as_coded else [word for word in timed if word.text not in ("", SILENCE)]


class _Timestamps(CountMetric):
    """Shared by the two: which words are equal."""

    undefined = "no word of any reference was recognised, so there is no time to compare"

    def default_normalizer(self) -> str:
        return "none" if self.settings.protocol else "basic"

    def equal_words(
        self, references: tuple[str, ...], answer: str | None
    ) -> tuple[list[tuple[TimedWord, TimedWord]], int, bool]:
        """Return the equal words of reference and hypothesis, the number of reference words, and if none was read.

        Raises:
            ManifestError: The reference holds no word between timestamps.
        """
        as_coded = bool(self.settings.protocol)
        truth = read_timed_words(references[0], as_coded=as_coded)
        if not truth and not as_coded:  # as coded, times from 100 s are not seen, so there may be none
            raise ManifestError(
                f"reference {references[0][:60]!r} holds no word between timestamps, expected a form like "
                "<|0.00|>word<|0.54|>"
            )
        said = read_timed_words(answer or "", as_coded=as_coded)
        forms = ([self.normalizer(word.text) for word in words] for words in (truth, said))
        pairs = [
            (truth[block.src_start + offset], said[block.dest_start + offset])
            for block in Levenshtein.opcodes(*forms)
            if block.tag == "equal"
            for offset in range(block.src_end - block.src_start)
        ]
        return pairs, len(truth), not said

    def unparsed(self, rows: Rows) -> NDArray[np.bool_]:
        return rows[:, -1] > 0


class AccumulatedAverageShift(_Timestamps):
    """Shift of start and end of the recognised words together, in ms."""

    name, higher_is_better, is_rate = "aas", False, False
    columns = ("shift_s", "equal_words", "reference_words", "unparsed")

    def count(self, *, references: tuple[str, ...], answer: str | None) -> tuple[float, ...]:
        pairs, num_words, is_unparsed = self.equal_words(references, answer)
        shift_s = sum(abs(one.start_s - two.start_s) + abs(one.end_s - two.end_s) for one, two in pairs)
        return (shift_s, len(pairs), num_words, is_unparsed)

    def value_of_totals(self, totals: Rows) -> NDArray[np.float64]:
        return 1000 * ratio(totals[..., 0], totals[..., 1])

    def details_of_totals(self, totals: NDArray[np.float64]) -> dict[str, Any]:
        shift_s, equal, words, _ = totals
        return {
            "per_boundary_ms": 500 * shift_s / equal if equal else None,
            "coverage": equal / words if words else None,
            "equal_words": int(equal),
            "reference_words": int(words),
        }

    def notes(self, rows: Rows) -> list[str]:
        _, equal, words, _ = rows.sum(axis=0)
        if equal == words:
            return []
        return [f"of {words:.0f} reference words {equal:.0f} were recognised; the others have no time to compare"]

    def signature_parts(self) -> tuple[str, ...]:
        return ("unit:ms", "edges:sum", f"silence:{'word' if self.settings.protocol else 'out'}")


class BoundaryAccuracy(_Timestamps):
    """Share of the boundaries of reference words that are met within 50 ms."""

    name, higher_is_better = "boundary_accuracy", True
    columns = (*(f"within_{tolerance}_ms" for tolerance in TOLERANCES_MS), "boundaries", "unparsed")

    def count(self, *, references: tuple[str, ...], answer: str | None) -> tuple[float, ...]:
        pairs, num_words, is_unparsed = self.equal_words(references, answer)
        shifts = [abs(getattr(one, edge) - getattr(two, edge)) for one, two in pairs for edge in ("start_s", "end_s")]
        met = [sum(shift <= tolerance / 1000 + _ROUNDING_S for shift in shifts) for tolerance in TOLERANCES_MS]
        return (*met, 2 * num_words, is_unparsed)

    def value_of_totals(self, totals: Rows) -> NDArray[np.float64]:
        return ratio(totals[..., TOLERANCES_MS.index(TOLERANCE_MS)], totals[..., -2])

    def details_of_totals(self, totals: NDArray[np.float64]) -> dict[str, Any]:
        boundaries = totals[-2]
        return {
            name: float(met / boundaries) if boundaries else None
            for name, met in zip(self.columns, totals[: len(TOLERANCES_MS)], strict=False)
        }

    def signature_parts(self) -> tuple[str, ...]:
        return (f"tolerance:{TOLERANCE_MS}ms", f"silence:{'word' if self.settings.protocol else 'out'}")
