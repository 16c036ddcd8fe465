"""Scores: word error rate against bare jiwer, captions against pycocoevalcap, and a log of a million samples."""

import csv
import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tests.bench.measuring import HERE, ROOT, Aim, Line, Peer, PeerError, Settings, seconds, take_turns

NUM_PAIRS_OF_TEXTS = 100_000
FLAT_BYTES = 10**9


def made_up_texts(count: int) -> tuple[list[str], list[str]]:
    """Return references of 17 words on average and hypotheses with 8 % of them changed."""
    rng = random.Random(0)
    vocabulary = [f"word{number}" for number in range(5000)]
    references = [[rng.choice(vocabulary) for _ in range(rng.randint(5, 29))] for _ in range(count)]
    hypotheses = [[word if rng.random() > 0.08 else rng.choice(vocabulary) for word in words] for words in references]
    return [" ".join(words) for words in references], [" ".join(words) for words in hypotheses]


def word_error_rate(settings: Settings) -> Iterator[Line]:
    """WER of 100,000 utterances with its interval against bare jiwer without one."""
    from evaluate.metrics import create_metric
    from evaluate.metrics.base import Judged, MetricSettings
    from evaluate.statistics import Bootstrap, bootstrap_interval

    references, hypotheses = made_up_texts(NUM_PAIRS_OF_TEXTS)
    metric = create_metric("wer", MetricSettings(normalizer="none"))
    values: dict[str, float] = {}

    def ours() -> None:
        pairs = zip(references, hypotheses, strict=True)
        rows = metric.rows(Judged("", (reference,), hypothesis) for reference, hypothesis in pairs)
        values["ours"] = float(metric.value(rows))
        bootstrap_interval(rows, metric.value, Bootstrap())

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pairs.json")
        file.write_text(json.dumps([references, hypotheses]), encoding="utf-8")
        with closing(Peer(settings, "jiwer_wer", {"pairs": str(file)})) as peer:
            times = take_turns({"ours": lambda: seconds(ours), "theirs": lambda: kept(peer, values)}, 5)
    require_equal(values, 1e-12)
    what = f"WER of {NUM_PAIRS_OF_TEXTS:,} utterances, with its interval"
    notes = [f"WER {values['ours']:.6f} and {values['theirs']:.6f}, {peer.versions}"]
    aim = Aim("at least", 3)
    yield times.line("wer", what, "jiwer, without", ours="ours", theirs="theirs", aim=aim, notes=notes)


def captions(settings: Settings) -> Iterator[Line]:
    """CIDEr-D of as many captions as Clotho's test has."""
    from evaluate.captions import ptb
    from evaluate.metrics import create_metric
    from evaluate.statistics import Bootstrap, bootstrap_interval
    from evaluate.testing import judged

    kind, references, answers = clotho_size_captions(settings.corpora)
    metric = create_metric("cider")
    values: dict[str, float] = {}

    def ours() -> None:
        ptb._tokens.cache_clear()  # what an earlier round has tokenised
        rows = metric.rows(judged(references, answers))
        values["ours"] = float(metric.value(rows))
        bootstrap_interval(rows, metric.value, Bootstrap())

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "captions.json")
        file.write_text(json.dumps([references, answers]), encoding="utf-8")
        with closing(Peer(settings, "coco_captions", {"captions": str(file)})) as peer:
            times = take_turns({"ours": lambda: seconds(ours), "theirs": lambda: kept(peer, values)}, 5)
            line = times.line(
                "captions",
                f"CIDEr-D of {len(answers):,} × 5 {kind}, with tokenising and interval",
                "pycocoevalcap with Java's PTB tokeniser, without interval",
                ours="ours",
                theirs="theirs",
                aim=Aim("at least", 4),
                notes=[f"CIDEr-D {values['ours']:.12f} and {values.get('theirs', float('nan')):.12f}, {peer.versions}"],
            )
    if not line.error:
        require_equal(values, 1e-9)
    yield line


def kept(peer: Peer, values: dict[str, float]) -> float:
    """Measure a peer, and keep the value that it found."""
    answer = peer.measure()
    values["theirs"] = float(str(answer.value))
    return answer.seconds


def require_equal(values: dict[str, float], tolerance: float) -> None:
    """Raise where the two sides did not do the same work."""
    if "theirs" in values and abs(values["ours"] - values["theirs"]) > tolerance:
        raise PeerError(f"the two values differ: ours {values['ours']!r}, theirs {values['theirs']!r}")


def clotho_size_captions(corpora: Path) -> tuple[str, list[list[str]], list[str]]:
    """Return what they are, 1,040 or 1,045 times five references, and captions: real ones where they are."""
    path = corpora / "results" / "clotho_caption_america" / "result2.csv"
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        references = [[line[f"caption_{number}"] for number in range(1, 6)] for line in lines]
        return "real captions", references, [line["caption_predicted"] for line in lines]
    rng = random.Random(0)
    vocabulary = [f"sound{number}" for number in range(3000)]

    def caption() -> str:
        return " ".join(rng.choices(vocabulary, k=rng.randint(8, 15))).capitalize() + "."

    return "made-up captions", [[caption() for _ in range(5)] for _ in range(1045)], [caption() for _ in range(1045)]


def large_log(settings: Settings) -> Iterator[Line]:
    """`otoscope score` and `otoscope report` on a log of a million samples; no peer, but memory must stay flat."""
    count = settings.num_log_samples
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_task(folder, count)
        results = str(folder / "results")
        answers = ["--predictions", str(folder / "answers.jsonl"), "--model-name", "made-up"]
        commands = {
            "score": ["score", "--task", str(folder / "many.yaml"), *answers, "--results-dir", results],
            "report": ["report", "--results-dir", results],
        }
        for command, arguments in commands.items():
            took = measured_alone([sys.executable, "-m", "evaluate", *arguments], folder)
            outcome = "met" if took["peak_bytes"] < FLAT_BYTES else "missed"
            note = f"otoscope {command} of {count:,} samples: at most {took['peak_bytes'] / 1e6:.0f} MB of memory"
            yield Line(
                "large-log",
                f"otoscope {command}, {count:,} samples: {took['peak_bytes'] / 1e6:.0f} MB",
                "– (aim: below 1 GB)",
                took["seconds"],
                outcome=outcome,
                notes=[note],
            )


def write_task(folder: Path, count: int) -> None:
    """Write a speech recognition task with a manifest of made-up transcripts, and a file of answers to it."""
    task = "name: many\nkind: asr\nlanguage: en\nmanifest: many.jsonl\nprompt: p\nmetrics: [wer]\nnormalizer: none\n"
    Path(folder, "many.yaml").write_text(task, encoding="utf-8")
    rng = random.Random(0)
    words = [f"word{number}" for number in range(5000)]
    with (
        Path(folder, "many.jsonl").open("w", encoding="utf-8") as manifest,
        Path(folder, "answers.jsonl").open("w", encoding="utf-8") as answers,
    ):
        for number in range(count):
            said = rng.choices(words, k=rng.randint(5, 29))
            heard = [word if rng.random() > 0.08 else rng.choice(words) for word in said]
            line = {"id": f"u{number:07}", "audio": f"{number}.wav", "references": [" ".join(said)]}
            manifest.write(json.dumps(line) + "\n")
            answers.write(json.dumps({"id": line["id"], "hypothesis": " ".join(heard)}) + "\n")


def measured_alone(command: list[str], folder: Path) -> dict[str, float]:
    """Run a command from a small process of its own, since a child's peak memory counts from its parent's."""
    kept_there = {"OTOSCOPE_PAGES": str(folder / "pages"), "OTOSCOPE_SCORED": str(folder / "scored")}
    alone = [sys.executable, "-S", "-E", str(HERE / "alone.py"), *command]
    environment = {**os.environ, **kept_there}
    done = subprocess.run(alone, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerError(f"{' '.join(command[1:5])}: status {done.returncode}: {done.stderr.strip()[-300:]}")
    found = json.loads(done.stdout)
    return {"seconds": float(found["seconds"]), "peak_bytes": float(found["peak_bytes"])}
