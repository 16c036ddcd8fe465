r"""METEOR 1.5: the statistics of each caption from the program itself, the score from their sum.

    score = Fmean * (1 - gamma * (chunks / matches) ** beta),   Fmean = P * R / (alpha * P + (1 - alpha) * R)

P and R are weighted matches over weighted length, of the hypothesis and of the reference: a content word weighs delta,
a function word 1 - delta, and a match 1, 0.6, 0.8 or 0.6 as it is exact, of stems, of synonyms or of paraphrases.
`matches` is the mean of the words matched on either side. Range 0 to 1, higher is better.

The score of a corpus is that of the summed statistics, not the mean of the captions' scores, so it can be resampled
from rows of statistics without Java. An empty hypothesis scores 0 and its reference still counts in the corpus's
recall. An empty reference scores 0 too, as do both; the words of the hypothesis then count in the corpus's precision.

Source: Denkowski and Lavie, "Meteor Universal: Language Specific Translation Evaluation for Any Target Language",
WMT 2014, section 2, and meteor-1.5.jar as pycocoevalcap 1.2 ships and calls it (`-l en -norm`). Differences from
pycocoevalcap: a line break or tab inside a text becomes a space, where it broke the protocol, and `|||` is dropped from
references as well as from hypotheses. The program prefers, of several references, the first with the best score.

One rule of the program is in no paper: a caption that matches its reference whole and in one piece takes no penalty,
and in the sum it adds no chunk either. Rows of statistics here have 0 chunks in that case, where the program prints 1,
so that a plain sum is the program's own.
"""

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluate.captions.programs import last_line, why_ended
from evaluate.errors import MetricUnavailableError

ALPHA, BETA, GAMMA, DELTA = 0.85, 0.2, 0.6, 0.75
MODULE_WEIGHTS = np.array([1.0, 0.6, 0.8, 0.6])  # exact, stem, synonym, paraphrase

# A line of statistics: four lengths, then for each of the four modules its matches, then three counts of the alignment.
HYPOTHESIS_LENGTH, REFERENCE_LENGTH, HYPOTHESIS_FUNCTION_WORDS, REFERENCE_FUNCTION_WORDS = range(4)
MATCHES = slice(4, 20)  # (module, [content, content, function, function] of [hypothesis, reference, ...])
CHUNKS, HYPOTHESIS_MATCHED, REFERENCE_MATCHED = 20, 21, 22
STATISTICS_COUNT = 23

_ASCII_SPACE = re.compile(r"[ \t\r\n\f\v]+")  # what ends a line or field; about any other space METEOR decides itself


def meteor_statistics(
    *,
    references: Sequence[Sequence[str]],
    hypotheses: Sequence[str],
    java: Path,
    jar: Path,
    timeout_s: float | None = None,
    heap: str = "2G",
) -> NDArray[np.float64]:
    """Run METEOR once over all samples and return their sufficient statistics.

    The start alone takes some 15 s, for the table of paraphrases: give all samples in one call.

    Args:
        references: For each sample its references, PTB-tokenised and joined by spaces, at least one each.
        hypotheses: For each sample the text, tokenised likewise.
        java: From `find_java()`.
        jar: From `find_meteor_jar()`.
        timeout_s: Limit for the whole run, in seconds; default: 300 and 0.1 per reference.
        heap: Java's `-Xmx`.

    Returns:
        Shape (samples, 23), of the reference that scores best; rows may be added up for `meteor_score`.

    Raises:
        MetricUnavailableError: The program failed, took too long, or wrote something that is no statistics.
    """
    if not hypotheses:
        return np.zeros((0, STATISTICS_COUNT))
    lines = [_score_line(refs, text) for refs, text in zip(references, hypotheses, strict=True)]
    if timeout_s is None:
        timeout_s = 300 + 0.1 * sum(map(len, references))
    # A decimal comma of the user's locale would break numbers; the encoding is that of what we send.
    locale = ("-Duser.language=en", "-Duser.country=US", "-Dfile.encoding=UTF-8")
    command = [str(java), f"-Xmx{heap}", *locale, "-jar", str(jar), "-", "-", "-stdio", "-l", "en", "-norm"]
    try:
        # run() feeds, drains and reaps: neither side can wait for the other, and no process outlives an exception
        done = subprocess.run(
            command, input="\n".join([*lines, ""]).encode(errors="replace"), capture_output=True, timeout=timeout_s
        )
    except subprocess.TimeoutExpired as error:
        raise MetricUnavailableError(
            f"METEOR took more than {timeout_s:g} s for {len(lines)} samples and was stopped"
        ) from error
    except OSError as error:
        raise MetricUnavailableError(f"METEOR: {java} does not start ({error.strerror})") from error
    stderr = done.stderr.decode(errors="replace")
    output = done.stdout.decode(errors="replace").splitlines()
    if done.returncode != 0:
        raise MetricUnavailableError(
            f"METEOR {why_ended(done.returncode, stderr)}, after {len(output)} of {len(lines)} samples"
        )
    if len(output) != len(lines):
        raise MetricUnavailableError(
            f"METEOR answered {len(output)} lines for {len(lines)} samples: {last_line(stderr)}"
        )
    rows = np.array([_parse(number, line) for number, line in enumerate(output, start=1)])
    rows[_match_whole(rows), CHUNKS] = 0
    return rows


def meteor_score(totals: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return METEOR of summed statistics.

    Args:
        totals: Shape (..., 23): rows of `meteor_statistics` for the scores of captions, their sum for the corpus's.

    Returns:
        Shape (...), in [0, 1]; 0 where nothing matches.
    """
    matches = totals[..., MATCHES].reshape(*totals.shape[:-1], 4, 4)  # (..., module, kind)
    weighted = np.einsum("...mk,m->...k", matches, MODULE_WEIGHTS)  # (..., kind)
    precision = _ratio(
        DELTA * weighted[..., 0] + (1 - DELTA) * weighted[..., 2],
        _weighted_length(totals[..., HYPOTHESIS_LENGTH], totals[..., HYPOTHESIS_FUNCTION_WORDS]),
    )
    recall = _ratio(
        DELTA * weighted[..., 1] + (1 - DELTA) * weighted[..., 3],
        _weighted_length(totals[..., REFERENCE_LENGTH], totals[..., REFERENCE_FUNCTION_WORDS]),
    )
    mean = _ratio(precision * recall, ALPHA * precision + (1 - ALPHA) * recall)
    matched = (totals[..., HYPOTHESIS_MATCHED] + totals[..., REFERENCE_MATCHED]) / 2
    fragmentation = _ratio(totals[..., CHUNKS], matched)
    return np.maximum(mean * (1 - GAMMA * fragmentation**BETA), 0.0)


def _score_line(references: Sequence[str], hypothesis: str) -> str:
    """Return one request of the protocol; an empty text is an empty field, which the program takes."""
    return " ||| ".join(["SCORE", *map(_field, references), _field(hypothesis)])


def _field(text: str) -> str:
    return _ASCII_SPACE.sub(" ", text.replace("|||", "")).strip(" ")


def _parse(number: int, line: str) -> list[float]:
    """Return the numbers of one line of statistics."""
    try:
        values = [float(word) for word in line.split()]
    except ValueError:
        values = []
    if len(values) != STATISTICS_COUNT or not np.isfinite(values).all():
        raise MetricUnavailableError(
            f"METEOR answered {line[:100]!r} for sample {number}, expected {STATISTICS_COUNT} numbers"
        )
    return values


def _weighted_length(length: NDArray[np.float64], function_words: NDArray[np.float64]) -> NDArray[np.float64]:
    return DELTA * (length - function_words) + (1 - DELTA) * function_words


def _match_whole(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return for each row whether all words of both sides match in one piece."""
    lengths = rows[:, [HYPOTHESIS_LENGTH, REFERENCE_LENGTH]]
    matched = rows[:, [HYPOTHESIS_MATCHED, REFERENCE_MATCHED]]
    whole: NDArray[np.bool_] = (rows[:, CHUNKS] == 1) & np.all(lengths == matched, axis=1)
    return whole


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide, 0 where there is nothing to divide by: the program turns such a score into 0 too."""
    shape = np.broadcast_shapes(np.shape(numerator), np.shape(denominator))
    return np.divide(numerator, denominator, out=np.zeros(shape), where=np.asarray(denominator) != 0)
