"""A whole run with Whisper base on real speech, on the CPU, against what one would write or start instead.

A whole run goes from the samples to the scores with their intervals: reading, decoding, batches, the log, scoring. The
model is loaded on both sides, and the peers have their audio in memory.
"""

import contextlib
import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench.measuring import Aim, Answer, Line, Peer, PeerError, Settings, cpu_flags, seconds, take_turns

MAX_BATCH_SECONDS = 240.0
ROW = "whole-run"


class OwnRun:
    """Our side: a model of one of our families, loaded once, and a run of it from nothing each time.

    Args:
        spec: The model.
        settings: See there.
        dtype: In which it computes.
    """

    def __init__(self, spec: str, settings: Settings, *, dtype: str = "float32") -> None:
        from evaluate.engines import LocalEngine
        from evaluate.selection import SelectionSettings, select_tasks
        from models import create_model

        self.model = create_model(spec, device="cpu", dtype=dtype, arguments={})
        source = SelectionSettings(settings.corpora, limit=settings.num_clips)
        self.selections = select_tasks("librispeech:test-other", self.model, source, lambda line: None)
        self.engine = LocalEngine(self.model)
        self.engine.load()
        self.wer = float("nan")

    def measure(self, *, limit: int | None = None) -> float:
        """Return the seconds of a run, of the first samples alone where there is a limit."""
        from evaluate.evaluation import Evaluation, EvaluationSettings
        from evaluate.runner import RunnerSettings

        with tempfile.TemporaryDirectory() as results, contextlib.redirect_stderr(io.StringIO()):
            settings = EvaluationSettings(Path(results), runner=RunnerSettings(max_batch_seconds=MAX_BATCH_SECONDS))
            evaluation = Evaluation(self.model, settings, lambda line: None, self.engine)
            selections = [replace(one, samples=one.samples[:limit]) for one in self.selections]
            documents: list[dict[str, Any]] = []
            took_s = seconds(lambda: documents.extend(evaluation.run(selections)))
        [document] = documents
        if document["n_failed"]:
            raise PeerError(f"our own run: {document['n_failed']} samples failed")
        self.wer = float(document["metrics"]["wer"]["value"])
        return took_s


class BareWhisper:
    """The other side: transformers called by hand, audio in memory.

    Args:
        checkpoint: A folder.
        waveforms: At 16 kHz.
        references: Their transcripts.
        batches: Indices that go together.
    """

    def __init__(self, checkpoint: Path, clips: "Clips") -> None:
        import torch
        from transformers import WhisperForConditionalGeneration, WhisperProcessor, pipeline

        self._torch, self._clips = torch, clips
        self._processor = WhisperProcessor.from_pretrained(checkpoint)
        self._model = WhisperForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32).eval()
        self._pipeline = pipeline(
            "automatic-speech-recognition",
            model=WhisperForConditionalGeneration.from_pretrained(checkpoint, dtype=torch.float32).eval(),
            tokenizer=self._processor.tokenizer,
            feature_extractor=self._processor.feature_extractor,
            device="cpu",
        )
        self._pipeline.tokenizer.pad_token_id = self._model.generation_config.eos_token_id  # it asks for that
        self.texts: dict[str, list[str]] = {}

    def loop(self, name: str, batches: Sequence[Sequence[int]]) -> float:
        texts = [""] * len(self._clips.waveforms)

        def run() -> None:
            for batch in batches:
                features = self._processor(
                    [self._clips.waveforms[number] for number in batch], sampling_rate=16_000, return_tensors="pt"
                ).input_features
                with self._torch.inference_mode():
                    ids = self._model.generate(features, language="en", task="transcribe")
                for number, text in zip(
                    batch, self._processor.batch_decode(ids, skip_special_tokens=True), strict=True
                ):
                    texts[number] = text

        took_s = seconds(run)
        self.texts[name] = texts
        return took_s

    def pipeline(self, name: str, batch_size: int) -> float:
        inputs = [{"raw": waveform, "sampling_rate": 16_000} for waveform in self._clips.waveforms]
        settings = {"language": "en", "task": "transcribe", "num_beams": 1}  # left to itself, it takes five
        answers: list[dict[str, str]] = []
        took_s = seconds(
            lambda: answers.extend(self._pipeline(inputs, batch_size=batch_size, generate_kwargs=settings))
        )
        self.texts[name] = [answer["text"] for answer in answers]
        return took_s


class Clips:
    """The recordings of a run, in its order, in memory."""

    def __init__(self, run: OwnRun) -> None:
        from evaluate.audio import load_waveform
        from evaluate.batching import BatchPlanner

        [selection] = run.selections
        self.paths = [str(sample.audio[0].path) for sample in selection.samples]
        self.waveforms = [load_waveform(sample.audio[0], sample_rate_hz=16_000) for sample in selection.samples]
        self.references = [sample.references[0] for sample in selection.samples]
        self.minutes = sum(waveform.size for waveform in self.waveforms) / 16_000 / 60
        planner = BatchPlanner(
            range(len(self.waveforms)),
            seconds=lambda number: self.waveforms[number].size / 16_000,
            max_batch_seconds=MAX_BATCH_SECONDS,
            padded_seconds=run.model.padded_seconds,
        )
        self.batches = list(iter(planner.next_batch, []))  # those of the run

    def wer(self, texts: Sequence[str]) -> float:
        from evaluate.testing import value_of

        return value_of("wer", self.references, texts, normalizer="whisper-en")


def whole_run(settings: Settings) -> Iterator[Line]:
    """Every comparison of the whole run, measured in the same rounds."""
    checkpoint = settings.checkpoints / "whisper-base"
    if not checkpoint.is_dir():
        raise PeerError(f"no checkpoint {checkpoint}; OTOSCOPE_TEST_CHECKPOINTS names the folder that holds it")
    if not (settings.corpora / "LibriSpeech" / "test-other").is_dir():
        raise PeerError(f"no recordings in {settings.corpora}/LibriSpeech/test-other; see OTOSCOPE_TEST_CORPORA")
    with ExitStack() as stack:
        yield from _whole_run(settings, checkpoint, stack)


def _whole_run(settings: Settings, checkpoint: Path, stack: ExitStack) -> Iterator[Line]:
    import torch

    ours = OwnRun(f"whisper:{checkpoint}", settings)
    half = OwnRun(f"whisper:{checkpoint}", settings, dtype="bfloat16")
    clips = Clips(ours)
    bare = BareWhisper(checkpoint, clips)
    batch_size = max(map(len, clips.batches))
    texts = bare.texts
    sides: dict[str, Callable[[], float]] = {
        "ours": ours.measure,
        "loop": partial(bare.loop, "loop", clips.batches),
        "pipeline": partial(bare.pipeline, "pipeline", batch_size),
        "one": partial(bare.loop, "one", [[number] for number in range(len(clips.waveforms))]),
        "file order": partial(bare.loop, "file order", in_file_order(len(clips.waveforms), batch_size)),
        "bfloat16": half.measure,
    }
    versions = ""
    fast: OwnRun | None = None
    try:
        converted = converted_checkpoint(settings, checkpoint, stack)
        task = {
            "checkpoint": str(converted),
            "compute_type": "float32",
            "num_threads": torch.get_num_threads(),
            "audio": clips.paths,
        }
        peer = stack.enter_context(closing(Peer(settings, "faster_whisper_loop", task)))
        versions = peer.versions

        def loop_of_faster_whisper() -> float:
            answer: Answer = peer.measure()
            texts["faster"] = answer.value  # type: ignore[assignment]
            return answer.seconds

        sides["faster"] = loop_of_faster_whisper
    except PeerError as error:
        sides["faster"] = partial(_raise, error)
    else:
        try:
            fast = OwnRun(f"faster-whisper:{converted}", settings)
            sides["fast"] = fast.measure
        except Exception as error:  # the extra is not installed here
            sides["fast"] = partial(_raise, PeerError(f"our faster-whisper: {error}"))
    for run in filter(None, (ours, half, fast)):  # imports, tables of normalisers
        run.measure(limit=1)
    bare.loop("loop", [[0]])
    times = take_turns(sides, settings.num_pairs)
    wer = {"ours": ours.wer, "bfloat16": half.wer} | {name: clips.wer(found) for name, found in texts.items()}
    wer |= {"fast": fast.wer} if fast else {}
    what = f"whole run, Whisper base, {len(clips.waveforms)} clips, {clips.minutes:.1f} min of speech, CPU"

    def line(theirs: str, peer: str, aim: Aim, *, ours: str = "ours", which: str = "float32", more: str = "") -> Line:
        scores = (
            f"{which} against {peer}: WER {wer.get(ours, float('nan')):.4%} and {wer.get(theirs, float('nan')):.4%}"
        )
        notes = [scores + (f"; {more}" if more else "")]
        return times.line(ROW, f"{what}, {which}", peer, ours=ours, theirs=theirs, aim=aim, notes=notes)

    if "loop" not in times.errors and wer["ours"] != wer["loop"]:
        times.errors["loop"] = f"same batches, but WER {wer['ours']} is ours and {wer['loop']} the loop's"
    never_slower = Aim("at most", 1.0)
    yield line("loop", "bare loop over generate, the same batches", Aim("at most", 1.05))
    yield line("file order", f"bare loop over generate, batches of {batch_size} in file order", never_slower)
    yield line("pipeline", f"transformers' ASR pipeline, greedy, batches of {batch_size}", never_slower)
    yield line("one", "bare loop over generate, one at a time", never_slower)
    yield line("faster", "faster-whisper, float32", never_slower, more=versions)
    yield line("faster", "faster-whisper, float32", never_slower, ours="fast", which="faster-whisper: in float32")
    has_amx = "amx_bf16" in cpu_flags()
    twice = Aim("at least", 2.0, "" if has_amx else "no AMX in this CPU")
    for theirs, peer in (
        ("loop", "bare loop in float32, the same batches"),
        ("pipeline", "transformers' ASR pipeline in float32"),
        ("one", "bare loop in float32, one at a time"),
        ("faster", "faster-whisper in float32"),
    ):
        change = f"WER {wer['bfloat16'] - wer['ours']:+.4%} against float32; never chosen unasked on a CPU"
        yield line(theirs, peer, twice, ours="bfloat16", which="bfloat16", more=change)


def in_file_order(count: int, size: int) -> list[list[int]]:
    """Return batches of a size, as a plain script makes them."""
    return [list(range(start, min(start + size, count))) for start in range(0, count, size)]


def converted_checkpoint(settings: Settings, checkpoint: Path, stack: ExitStack) -> Path:
    """Return the checkpoint as CTranslate2 reads it, converted into a temporary folder unless it is there.

    Raises:
        PeerError: It cannot be converted.
    """
    there = settings.checkpoints / "ct2-base"
    if (there / "model.bin").is_file():
        return there
    converter = shutil.which("ct2-transformers-converter", path=str(Path(sys.executable).parent))
    if converter is None:
        raise PeerError('faster-whisper: no ct2-transformers-converter here; pip install "otoscope[faster-whisper]"')
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()), "ct2-base")
    files = [name for name in ("tokenizer.json", "preprocessor_config.json") if (checkpoint / name).is_file()]
    command = [converter, "--model", str(checkpoint), "--output_dir", str(folder), "--copy_files", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerError(f"faster-whisper: the checkpoint is not converted: {done.stderr.strip().splitlines()[-1:]}")
    return folder


def _raise(error: Exception) -> float:
    raise error
