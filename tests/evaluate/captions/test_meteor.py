"""METEOR against the program's own scores, against published ones, and its runner against a Java that misbehaves."""

import ast
import csv
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluate.captions.meteor import CHUNKS, STATISTICS_COUNT, meteor_score, meteor_statistics
from evaluate.captions.programs import find_java, find_meteor_jar, find_ptb_jar
from evaluate.errors import MetricUnavailableError

StubJava = Callable[[str], Path]

# pycocoevalcap 1.2, Java 17.0.15: Meteor().compute_score({0: references, ...}, {0: [hypothesis], ...})
GOLDEN = [
    (
        ["a dog barks loudly in the distance while birds sing", "birds chirp and a dog barks"],
        "a dog barking loudly far away while a bird sings",
        0.29010818337598837,
    ),
    (["the car is running in the rain", "an engine idles"], "an automobile runs in rain", 0.2040208242554006),
    (["rain falls on a tin roof"], "rain falls on a tin roof", 1.0),
    (["a man talks while a clock ticks", "someone is speaking"], "", 0.0),
    (["water is poured into a glass"], "thunder", 0.0),
    (["people are chatting in a crowded café"], "a crowd of people ||| chats in a café", 0.2718265769753618),
]
GOLDEN_CORPUS = 0.23710526146547872
# What pycocoevalcap cannot take: line breaks would shift every later answer by one, bars would make two references.
AWKWARD = [
    (["rain falls on\na tin roof", "x"], "rain\r\nfalls on\ta tin\froof", 1.0),
    (["rain falls ||| on a tin roof"], "rain falls on |||a tin roof", 1.0),
    ([""], "", 0.0),
    ([""], "a dog", 0.0),
    (["rain\u00a0falls"], "rain falls", 1.0),  # METEOR itself splits at a no-break space
]
ONE_REFERENCE = {"references": [["a"], ["b"]], "hypotheses": ["a", "b"], "jar": Path("meteor.jar")}
ZEROS = " ".join(["0.0"] * STATISTICS_COUNT)


def run_jar(text: str) -> list[float]:
    """Send lines to the program as pycocoevalcap does, and return the numbers that it answers."""
    locale = ("-Duser.language=en", "-Duser.country=US")
    command = [find_java(), "-Xmx2G", *locale, "-jar", find_meteor_jar(), "-", "-", "-stdio", "-l", "en", "-norm"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=300)
    return [float(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def jar() -> Path:
    try:
        find_java()
        return find_meteor_jar()
    except MetricUnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def statistics(jar: Path) -> NDArray[np.float64]:
    """Statistics of GOLDEN and AWKWARD, from one start under a locale with decimal commas."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", "-Duser.language=de -Duser.country=DE")
        references, hypotheses, _ = zip(*GOLDEN, *AWKWARD, strict=True)
        return meteor_statistics(references=references, hypotheses=hypotheses, java=find_java(), jar=jar)


@pytest.mark.slow
def test_scores_of_captions_equal_those_of_pycocoevalcap(statistics: NDArray[np.float64]) -> None:
    expected = [score for *_, score in GOLDEN]
    assert meteor_score(statistics[: len(GOLDEN)]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.slow
def test_the_score_of_a_corpus_equals_that_of_pycocoevalcap(statistics: NDArray[np.float64]) -> None:
    assert meteor_score(statistics[: len(GOLDEN)].sum(axis=0)) == pytest.approx(GOLDEN_CORPUS, abs=1e-12)


@pytest.mark.slow
def test_texts_that_would_break_the_protocol_are_scored_in_their_place(statistics: NDArray[np.float64]) -> None:
    assert meteor_score(statistics[len(GOLDEN) :]).tolist() == [score for *_, score in AWKWARD]


@pytest.mark.slow
def test_an_empty_hypothesis_still_counts_in_the_recall_of_a_corpus(statistics: NDArray[np.float64]) -> None:
    perfect, empty = statistics[2], statistics[3]
    assert empty.nonzero()[0].tolist() == [1, 3]  # only lengths of the reference
    assert 0 < meteor_score(perfect + empty) < 1


@pytest.mark.slow
def test_scores_equal_the_programs_own_for_any_statistics(jar: Path) -> None:
    rows = possible_statistics(np.random.default_rng(0), 600)
    blocks = rows.reshape(-1, 50, STATISTICS_COUNT)
    lines = ["EVAL ||| " + " ||| ".join(" ".join(map(str, row)) for row in block.tolist()) for block in blocks]
    answers = np.array(run_jar("\n".join(lines) + "\n")).reshape(-1, 51)  # each block's captions, then its sum
    whole = (rows[:, CHUNKS] == 1) & (rows[:, 0] == rows[:, 21]) & (rows[:, 1] == rows[:, 22])
    assert whole.sum() > 5
    rows[whole, CHUNKS] = 0
    assert meteor_score(rows) == pytest.approx(answers[:, :50].ravel(), abs=1e-12)
    assert meteor_score(blocks.sum(axis=1)) == pytest.approx(answers[:, 50], abs=1e-12)


@pytest.mark.slow
def test_published_scores_of_a_captioning_system_are_reached(jar: Path, corpora: Path) -> None:
    """CoNeTTE on AudioCaps test, 912 captions: its authors' file of scores, METEOR 0.23195610281653994."""
    path = corpora / "results" / "conette" / "outputs_audiocaps_test.csv"
    if not path.is_file():
        pytest.skip(f"no {path}")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    references = [ast.literal_eval(row["mrefs"]) for row in rows]
    tokens = iter(tokenize([text for texts in references for text in texts] + [row["cands"] for row in rows]))
    tokenized = [[next(tokens) for _ in texts] for texts in references]
    found = meteor_statistics(references=tokenized, hypotheses=list(tokens), java=find_java(), jar=jar)
    assert meteor_score(found) == pytest.approx([float(row["meteor"]) for row in rows], abs=1e-12)
    assert meteor_score(found.sum(axis=0)) == pytest.approx(0.23195610281653994, abs=1e-12)


def tokenize(texts: list[str]) -> list[str]:
    """Tokenise as pycocoevalcap does, with the Java tokeniser."""
    dropped = {"''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";"}
    tokenizer = ("edu.stanford.nlp.process.PTBTokenizer", "-preserveLines", "-lowerCase")
    done = subprocess.run(
        [find_java(), "-cp", find_ptb_jar(), *tokenizer], input="\n".join(texts), capture_output=True, text=True
    )
    lines = done.stdout.split("\n")[: len(texts)]
    return [" ".join(word for word in line.split(" ") if word not in dropped) for line in lines]


def possible_statistics(random: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Return rows that the program could print: matches that sum up, chunks between 1 and the words matched."""
    rows = np.zeros((count, STATISTICS_COUNT))
    matches = random.integers(0, 4, (count, 4, 4)) * random.integers(0, 2, (count, 4, 1))
    matches[::7] = 0
    unmatched_content, unmatched_function = random.integers(0, 4, (2, count, 2)) * random.integers(0, 2, (2, count, 1))
    rows[:, 4:20] = matches.reshape(count, 16)
    rows[:, 2:4] = matches[:, :, 2:].sum(axis=1) + unmatched_function
    rows[:, 0:2] = rows[:, 2:4] + matches[:, :, :2].sum(axis=1) + unmatched_content
    rows[:, 21:23] = matches[:, :, :2].sum(axis=1) + matches[:, :, 2:].sum(axis=1)
    fewest = rows[:, 21:23].min(axis=1)
    rows[:, CHUNKS] = np.minimum(fewest, random.integers(1, 4, count))
    return rows


def test_statistics_of_nothing_score_zero() -> None:
    assert meteor_score(np.zeros((3, 2, STATISTICS_COUNT))).tolist() == [[0, 0]] * 3
    assert meteor_score(np.zeros(STATISTICS_COUNT)) == 0


def test_no_samples_start_no_java() -> None:
    rows = meteor_statistics(references=[], hypotheses=[], java=Path("nowhere"), jar=Path("none"))
    assert rows.shape == (0, STATISTICS_COUNT)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("print('0,0 ' * 23); print('0,0 ' * 23)", "answered '0,0 .* for sample 1, expected 23 numbers"),
        (f"print({ZEROS!r}); print('NaN ' * 23)", "for sample 2, expected 23 numbers"),
        (f"print({ZEROS!r}); print('0.0')", "answered '0.0' for sample 2"),
        (f"print({ZEROS!r}); print('oops', file=sys.stderr)", "answered 1 lines for 2 samples: oops"),
        (f"print({ZEROS!r}); sys.exit('Exception: x')", "ended with 1: Exception: x, after 1 of 2 samples"),
        ("import os; os.kill(os.getpid(), 9)", r"was killed by signal 9 \(out of memory\?\), after 0 of 2"),
    ],
)
def test_answers_that_are_no_statistics_are_errors(stub_java: StubJava, body: str, message: str) -> None:
    with pytest.raises(MetricUnavailableError, match=message):
        meteor_statistics(**ONE_REFERENCE, java=stub_java(body))


def test_a_java_that_does_not_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MetricUnavailableError, match="java does not start"):
        meteor_statistics(**ONE_REFERENCE, java=tmp_path / "java")


def test_a_run_that_takes_too_long_is_stopped_and_leaves_no_process(stub_java: StubJava, tmp_path: Path) -> None:
    java = stub_java(f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid())); time.sleep(60)")
    started = time.monotonic()
    with pytest.raises(MetricUnavailableError, match="took more than 2 s for 2 samples and was stopped"):
        meteor_statistics(**ONE_REFERENCE, java=java, timeout_s=2)
    assert time.monotonic() - started < 30
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_neither_side_waits_for_the_other(stub_java: StubJava) -> None:
    count = 20_000  # far more than pipes hold, both ways, and as much on stderr
    java = stub_java(
        f"print('warning ' * 100_000, file=sys.stderr)\nfor _ in range({count}): print({ZEROS!r})\nsys.stdin.read()"
    )
    texts = ["a dog barks in the distance"] * count
    rows = meteor_statistics(references=[[text] for text in texts], hypotheses=texts, java=java, jar=Path("m.jar"))
    assert rows.shape == (count, STATISTICS_COUNT)


def test_the_request_keeps_to_the_protocol(stub_java: StubJava, tmp_path: Path) -> None:
    java = stub_java(
        f"open({str(tmp_path / 'sent')!r}, 'w', encoding='utf-8').write(sys.stdin.buffer.read().decode())\n"
        f"open({str(tmp_path / 'args')!r}, 'w').write(' '.join(sys.argv[1:]))\n"
        f"print({ZEROS!r})"
    )
    references = [["a\nb", "|||c ||| d"]]
    meteor_statistics(references=references, hypotheses=["é\ud800"], java=java, jar=Path("m.jar"), heap="1G")
    assert (tmp_path / "sent").read_text(encoding="utf-8") == "SCORE ||| a b ||| c d ||| é?\n"
    sent = (tmp_path / "args").read_text()
    assert sent.startswith("-Xmx1G -Duser.language=en -Duser.country=US -Dfile.encoding=UTF-8 -jar m.jar - - -stdio")
