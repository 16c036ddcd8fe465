"""What the harness costs, side by side in one run with what a user would write instead; ratios, not absolute times.

    make bench

Word error rate with its interval against bare `jiwer.wer` without one; CIDEr-D with tokenisation and interval against
pycocoevalcap with its Java tokeniser, where Java is; and, where a Whisper checkpoint and recordings are
(OTOSCOPE_TEST_CHECKPOINTS, OTOSCOPE_TEST_CORPORA), an evaluation against a plain loop over `generate`. And the code of
Qwen-Audio with random weights in a small shape: a batch against one at a time, a short clip against a long one; ratios
say how the work grows, not how fast the released model is.
"""

import contextlib
import csv
import io
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CORPORA = Path(os.environ.get("OTOSCOPE_TEST_CORPORA", ROOT.parent / "shared" / "data"))
CHECKPOINT = Path(os.environ.get("OTOSCOPE_TEST_CHECKPOINTS", ROOT / "build" / "checkpoints"), "whisper-tiny.en")
PAIRS = 100_000
REPEATS = 3
LOOP = """\
import sys
from pathlib import Path
import soundfile, torch
from transformers import WhisperForConditionalGeneration, WhisperProcessor
processor = WhisperProcessor.from_pretrained(sys.argv[1])
model = WhisperForConditionalGeneration.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
for path in sorted(Path(sys.argv[2]).rglob("*.flac")):
    waveform, rate = soundfile.read(path, dtype="float32")
    features = processor(waveform, sampling_rate=rate, return_tensors="pt").input_features
    with torch.inference_mode():
        processor.batch_decode(model.generate(features), skip_special_tokens=True)
"""


def made_up_pairs() -> tuple[list[str], list[str]]:
    """Return references of 17 words on average and hypotheses with 8 % of them changed."""
    rng = random.Random(0)
    vocabulary = [f"word{number}" for number in range(5000)]
    references = [[rng.choice(vocabulary) for _ in range(rng.randint(5, 29))] for _ in range(PAIRS)]
    hypotheses = [[word if rng.random() > 0.08 else rng.choice(vocabulary) for word in words] for words in references]
    return [" ".join(words) for words in references], [" ".join(words) for words in hypotheses]


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def peak_mib(action: Callable[[], object]) -> float:
    tracemalloc.start()
    action()
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return peak


def compare(title: str, ours: Callable[[], object], theirs: Callable[[], object]) -> None:
    """Time both in turn and print medians and the median of the paired ratios."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(REPEATS)]
    ratio = statistics.median(one / other for one, other in pairs)
    mine, other = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(f"{title}: {mine:.2f} s against {other:.2f} s, {1 / ratio:.1f} times as fast (median of {REPEATS} pairs)")


def bench_word_error_rate() -> None:
    import jiwer

    from evaluate.metrics import create_metric
    from evaluate.metrics.base import Judged, MetricSettings
    from evaluate.statistics import Bootstrap, bootstrap_interval

    references, hypotheses = made_up_pairs()
    metric = create_metric("wer", MetricSettings(normalizer="none"))

    def ours() -> None:
        pairs = zip(references, hypotheses, strict=True)
        rows = metric.rows(Judged("", (reference,), hypothesis) for reference, hypothesis in pairs)
        metric.value(rows)
        bootstrap_interval(rows, metric.value, Bootstrap())

    def theirs() -> None:
        jiwer.wer(references, hypotheses)

    compare(f"WER of {PAIRS} pairs, ours with interval, jiwer without", ours, theirs)
    print(f"  memory beside the inputs: {peak_mib(ours):.0f} MiB against {peak_mib(theirs):.0f} MiB (Python's own)")


def clotho_size_captions() -> tuple[str, list[list[str]], list[str]]:
    """Return what they are, 1,040 or 1,045 times five references, and captions: real ones where they are."""
    path = CORPORA / "results" / "clotho_caption_america" / "result2.csv"
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


def bench_captions() -> None:
    try:
        from pycocoevalcap.cider.cider import Cider
        from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer
    except ImportError:
        print("CIDEr-D: skipped, pycocoevalcap is not installed (extra captions)")
        return
    if shutil.which("java") is None:
        print("CIDEr-D: skipped, no java for pycocoevalcap's tokeniser")
        return
    from evaluate.captions import ptb
    from evaluate.metrics import create_metric
    from evaluate.statistics import Bootstrap, bootstrap_interval
    from evaluate.testing import judged

    kind, references, captions = clotho_size_captions()
    metric = create_metric("cider")
    values: dict[str, float] = {}

    def ours() -> None:
        ptb._tokens.cache_clear()  # what an earlier repetition has tokenised
        rows = metric.rows(judged(references, captions))
        values["ours"] = float(metric.value(rows))
        bootstrap_interval(rows, metric.value, Bootstrap())

    def theirs() -> None:
        tokenizer = PTBTokenizer()
        with contextlib.redirect_stderr(io.StringIO()):
            truth = tokenizer.tokenize({k: [{"caption": text} for text in of] for k, of in enumerate(references)})
            said = tokenizer.tokenize({k: [{"caption": text}] for k, text in enumerate(captions)})
        values["theirs"] = float(Cider().compute_score(truth, said)[0])

    title = f"CIDEr-D of {len(captions)} x 5 {kind}, ours with interval, pycocoevalcap with Java"
    compare(title, ours, theirs)
    print(f"  values: {values['ours']:.12f} and {values['theirs']:.12f}")
    if abs(values["ours"] - values["theirs"]) > 1e-9:
        sys.exit("the two values differ")


def bench_evaluation() -> None:
    split = CORPORA / "LibriSpeech" / "test-other"
    if not (CHECKPOINT.is_dir() and split.is_dir()):
        print(f"evaluation against a plain loop: skipped, no {CHECKPOINT} (OTOSCOPE_TEST_CHECKPOINTS) or no {split}")
        return

    def ours() -> None:
        with tempfile.TemporaryDirectory() as results:
            arguments = [
                "--task",
                "librispeech:test-other",
                "--model",
                f"whisper:{CHECKPOINT}",
                "--results-dir",
                results,
            ]
            command = [sys.executable, "-m", "evaluate", "eval", *arguments, "--data-dir", str(CORPORA)]
            subprocess.run(command, check=True, capture_output=True, cwd=ROOT)

    def theirs() -> None:
        subprocess.run([sys.executable, "-c", LOOP, str(CHECKPOINT), str(split)], check=True, capture_output=True)

    compare("whisper tiny.en on 50 utterances, whole process, against a plain loop", ours, theirs)


def bench_qwen_audio() -> None:
    from dataclasses import replace

    import numpy as np

    from models.qwen_audio import QwenAudio
    from models.qwen_audio.tiny import TINY_CONFIG, write_checkpoint

    language = {"hidden_size": 512, "num_hidden_layers": 6, "num_attention_heads": 8, "kv_channels": 64}
    audio = replace(TINY_CONFIG.audio, n_state=256, n_head=4, n_layer=6, output_dim=512)
    rng = np.random.default_rng(0)
    short, long = ((0.1 * rng.standard_normal(16_000 * length)).astype(np.float32) for length in (3, 30))
    with tempfile.TemporaryDirectory() as folder:
        write_checkpoint(Path(folder), replace(TINY_CONFIG, **language, intermediate_size=2816, audio=audio))
        model = QwenAudio.from_pretrained(folder, dtype="float32", device="cpu")
        prompts = [[short, "<|startoftranscript|><|en|><|transcribe|><|en|><|notimestamps|><|wo_itn|>"]] * 8
        limits = {"max_new_tokens": 24, "min_new_tokens": 24}
        compare(
            "Qwen-Audio in small, 8 clips of 3 s, 24 new tokens each: a batch against one at a time",
            lambda: model.generate(prompts, **limits),
            lambda: [model.generate([prompt], **limits) for prompt in prompts],
        )
        compare(
            "Qwen-Audio's tower in small: 20 clips of 3 s against 20 of 30 s, one at a time",
            lambda: [model.encode_audio([short]) for _ in range(20)],
            lambda: [model.encode_audio([long]) for _ in range(20)],
        )


if __name__ == "__main__":
    bench_word_error_rate()
    bench_captions()
    bench_qwen_audio()
    bench_evaluation()
