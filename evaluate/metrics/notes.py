"""The pitch of a note: equal MIDI numbers, or equal but for octaves.

Reference and answer are a MIDI number from 0 to 127, alone or as Qwen-Audio writes it, `<|pitch|><|midi_pitch_60|>`. An
answer without one is unparsed, and wrong. Of several references the first counts. Range [0, 1], higher is better.

Source: HEAR's Top1Accuracy and ChromaAccuracy, as used in QwenLM/Qwen-Audio, eval_audio/heareval_score.py at b50fb958.
Difference: that script takes the *column* of a pitch among those that occur, not its MIDI number, modulo 12; with the
pitches 48 and 60 alone an octave is then an error. The protocol `qwen-audio` keeps this, and takes a missing pitch for
a 129th one, which can even be right; the default does neither.
"""

import re
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from evaluate.errors import ManifestError
from evaluate.metrics.base import Judged, Metric, Weights, ratio
from evaluate.types import Rows

HIGHEST_PITCH = 127
MISSING = 128  # what the official script takes for the pitch of an answer without one
OCTAVE = 12
_PITCH = re.compile(r"<\|pitch\|>\s*<\|midi_pitch_(\d+)\|>")


def read_pitch(text: str) -> int | None:
    """Return the MIDI number that a text gives, or None."""
    tagged = _PITCH.search(text)
    number = tagged[1] if tagged else text.strip().rstrip(".")
    is_short = len(number) <= len(str(HIGHEST_PITCH)) and number.isascii() and number.isdigit()
    return int(number) if is_short and int(number) <= HIGHEST_PITCH else None


class PitchAccuracy(Metric):
    """Share of samples whose MIDI pitch is right."""

    name, higher_is_better, is_binary = "pitch_accuracy", True, True
    columns = ("reference", "answer", "correct")
    needs_whole_set = True  # under the protocol, which takes the columns of the pitches that occur

    def rows(self, items: Iterable[Judged]) -> Rows:
        pitches = np.array([self._pitches(item) for item in items], dtype=np.int64).reshape(-1, 2)
        return np.column_stack([pitches, self.is_correct(pitches[:, 0], pitches[:, 1])]).astype(np.float64)

    def _pitches(self, item: Judged) -> tuple[int, int]:
        truth = read_pitch(item.references[0])
        if truth is None and not self.settings.protocol:
            raise ManifestError(
                f"sample {item.sample_id!r}: reference {item.references[0][:60]!r} is no pitch, expected a MIDI number "
                f"from 0 to {HIGHEST_PITCH}"
            )
        guess = read_pitch(item.answer or "")
        return (MISSING if truth is None else truth, MISSING if guess is None else guess)

    def is_correct(self, truth: NDArray[np.int64], guess: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which pitches are right, shape (samples,)."""
        equal: NDArray[np.bool_] = truth == guess
        return equal

    def value(self, rows: Rows, weights: Weights | None = None) -> NDArray[np.float64]:
        weights = np.ones(len(rows)) if weights is None else weights
        return ratio(weights @ rows[:, 2], weights.sum(axis=-1))

    def sample_values(self, rows: Rows) -> NDArray[np.float64]:
        return rows[:, 2]

    def unparsed(self, rows: Rows) -> NDArray[np.bool_]:
        missing: NDArray[np.bool_] = rows[:, 1] == MISSING
        return missing


class ChromaAccuracy(PitchAccuracy):
    """Share of samples whose pitch is right but for octaves."""

    name = "chroma_accuracy"

    def is_correct(self, truth: NDArray[np.int64], guess: NDArray[np.int64]) -> NDArray[np.bool_]:
        if self.settings.protocol:
            occurring = np.unique(np.concatenate([truth, guess]))
            return super().is_correct(
                np.searchsorted(occurring, truth) % OCTAVE, np.searchsorted(occurring, guess) % OCTAVE
            )
        is_same: NDArray[np.bool_] = super().is_correct(truth % OCTAVE, guess % OCTAVE) & (guess != MISSING)
        return is_same
