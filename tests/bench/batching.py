"""Batches by padded seconds against those of a plain script, where durations are mixed."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

from evaluate.clips import ClipPolicy
from evaluate.engines.decoding import read_request
from evaluate.prediction_log import LogWriter, index_log, read_predictions
from evaluate.runner import Runner, RunnerSettings
from evaluate.types import AudioRef, GenerationOptions, Sample
from models import create_model
from tests.bench.measuring import Aim, Line, Settings, seconds, take_turns

SAMPLE_RATE_HZ = 16_000
NUM_CLIPS = 200  # of far fewer the last batches hold whatever lengths are left
LONGEST_S = 30.0
BUDGET_S = 240.0
SIZE = int(BUDGET_S // LONGEST_S)  # of the fixed batches: what the longest clips leave room for
OPTIONS = GenerationOptions(max_new_tokens=16, min_new_tokens=16)


def mixed_durations(settings: Settings) -> Iterator[Line]:
    """A small audio-language model on clips of 1 to 30 s, against fixed batches in the order of the files.

    The fixed batches are as large as the same budget allows the longest clips to be, and have their audio in memory.
    They are padded to their longest clip, as by the released code of Qwen-Audio; a second line leaves them our audio
    tower, which encodes clips of like lengths together whatever batch they come in.
    """
    from models.qwen_audio import audio_tower
    from models.qwen_audio.tiny import TINY_CONFIG, write_checkpoint

    language = {"hidden_size": 512, "num_hidden_layers": 6, "num_attention_heads": 8, "kv_channels": 64}
    audio = replace(TINY_CONFIG.audio, n_state=256, n_head=4, n_layer=6, output_dim=512)
    answers: dict[str, dict[str, str | None]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_checkpoint(folder / "tiny", replace(TINY_CONFIG, **language, intermediate_size=2816, audio=audio))
        model = create_model(f"qwen-audio-chat:{folder / 'tiny'}", device="cpu", dtype="float32", arguments={})
        model.load()
        samples = write_clips(folder)
        requests = [read_request(sample, sample_rate_hz=SAMPLE_RATE_HZ, clips=ClipPolicy()) for sample in samples]

        def ours() -> None:
            path = folder / "log.jsonl"
            path.unlink(missing_ok=True)
            with LogWriter(path) as log:
                Runner([model], OPTIONS, RunnerSettings(BUDGET_S), log, lambda count, heard_s: None).run(samples)
            logged = read_predictions(path, index_log(path), [sample.id for sample in samples])
            answers["ours"] = {one.id: one.hypothesis for one in logged}

        def in_file_order() -> None:
            batches = (requests[start : start + SIZE] for start in range(0, len(requests), SIZE))
            outputs = (output for batch in batches for output in model.generate(batch, OPTIONS))
            answers["theirs"] = {output.sample_id: output.text for output in outputs}

        def padded() -> None:
            with patch.object(audio_tower, "MAX_STRETCH", float("inf")):
                in_file_order()

        sides = {"ours": ours, "padded": padded, "grouped": in_file_order}
        times = take_turns({name: partial(seconds, side) for name, side in sides.items()}, settings.num_pairs)
    num_same = sum(answers["ours"][sample.id] == answers["theirs"][sample.id] for sample in samples)
    what = f"{NUM_CLIPS} clips of 1 to 30 s, a small Qwen-Audio of random weights, CPU"
    peer = f"fixed batches of {SIZE} in file order, audio in memory"
    notes = [f"{num_same} of {NUM_CLIPS} answers are the same on both sides; random weights show how work grows"]
    aim = Aim("at least", 1.5)
    yield times.line("mixed", what, f"{peer}, padded", ours="ours", theirs="padded", aim=aim, notes=notes)
    yield times.line("mixed", "the same", f"{peer}, our audio tower", ours="ours", theirs="grouped")


def write_clips(folder: Path) -> list[Sample]:
    """Write noise of 1 to 30 s, short clips as common as in speech corpora, in no order."""
    import numpy as np
    import soundfile

    rng = np.random.default_rng(0)
    durations_s = [*np.exp(rng.uniform(0, np.log(LONGEST_S), NUM_CLIPS - 1)), LONGEST_S]
    samples = []
    for number, duration_s in enumerate(rng.permutation(durations_s)):
        path = folder / f"{number:03}.wav"
        soundfile.write(path, 0.1 * rng.standard_normal(int(duration_s * SAMPLE_RATE_HZ)), SAMPLE_RATE_HZ)
        samples.append(Sample(path.stem, (AudioRef(path),), "What is this?", ("noise",), language="en"))
    return samples
