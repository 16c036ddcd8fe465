"""The exact way to the tokens of `ptb`: the Java program itself, one process for all texts.

Source: pycocoevalcap 1.2, `tokenizer/ptbtokenizer.py` and the stanford-corenlp-3.4.1.jar beside it. The command and
the filter are the same; the temporary file lies in a folder of our own instead of site-packages, the encoding is given
instead of taken from the locale, and the number of lines is checked instead of cut to the shorter list.
"""

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from evaluate.captions.programs import why_ended
from evaluate.captions.ptb import PUNCTUATION, one_line
from evaluate.errors import MetricUnavailableError
from evaluate.normalizers.text import replace_surrogates

NAME, VERSION = "ptb-java", "3.4.1"


def tokenize_with_java(texts: Sequence[str], *, java: Path, jar: Path, timeout_s: float = 600) -> list[list[str]]:
    """Tokenise captions with Stanford's PTBTokenizer, then filter as pycocoevalcap does.

    Args:
        texts: Captions, in the order in which pycocoevalcap would write them: the program looks at the next line to
            see whether "A." ends a sentence.
        java: The java program, version 8 or later.
        jar: stanford-corenlp-3.4.1.jar.
        timeout_s: For all texts together, in seconds.

    Returns:
        The tokens of each text; none for an empty one.

    Raises:
        MetricUnavailableError: Java is not there, fails, takes too long, or answers with another number of lines.
    """
    if not texts:
        return []
    lines = [replace_surrogates(one_line(text)) for text in texts]
    with tempfile.TemporaryDirectory(prefix="otoscope-ptb-") as folder:
        captions = Path(folder) / "captions.txt"
        captions.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
        answer = _run(java, jar, captions, timeout_s)
    tokenized = answer.removesuffix("\n").split("\n")
    if len(tokenized) != len(lines):
        raise MetricUnavailableError(
            f"{jar.name}: {len(tokenized)} lines of tokens for {len(lines)} captions, expected one for each; is it the"
            " jar of pycocoevalcap 1.2?"
        )
    return [_tokens(line) for line in tokenized]


def _run(java: Path, jar: Path, captions: Path, timeout_s: float) -> str:
    command = [str(java), "-Dfile.encoding=UTF-8", "-cp", str(jar), "edu.stanford.nlp.process.PTBTokenizer"]
    command += ["-preserveLines", "-lowerCase", str(captions)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=timeout_s, check=False)
    except FileNotFoundError as error:
        raise MetricUnavailableError(f"{java}: no such program; install a Java runtime (8 or later)") from error
    except OSError as error:
        raise MetricUnavailableError(f"{java}: cannot be run ({error.strerror})") from error
    except subprocess.TimeoutExpired as error:
        raise MetricUnavailableError(f"{jar.name}: no answer within {timeout_s:g} s; is the machine busy?") from error
    if done.returncode != 0:
        complaint = why_ended(done.returncode, done.stderr.decode("utf-8", "replace"))
        raise MetricUnavailableError(f"{jar.name}: java {complaint}")
    return done.stdout.decode("utf-8", "replace")  # what the lexer does not know it reports on stderr, and goes on


def _tokens(line: str) -> list[str]:
    # Filtered at spaces, as pycocoevalcap does; split at no-break spaces too, as BLEU and CIDEr then do.
    return " ".join(token for token in line.split(" ") if token not in PUNCTUATION).split()
