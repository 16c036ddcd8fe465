"""`python -m tasks.synthesis.training FOLDER`: training clips as a folder that anything can be trained with.

Audio files, and one JSONL of what they teach:

    speech-de/000007.flac
    training.jsonl: {"audio": "speech-de/000007.flac", "words": "der Mann kauft …", "lessons": [{"prompt": …, …}]}

Clips are FLAC, and about every third Ogg/Opus: the samples are in Opus, a user's corpus mostly is not. What was written
stays when the command is interrupted, and is not made again.
"""

import json
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import click
import soundfile

from evaluate.progress import progress_bar
from tasks.synthesis.lessons import KINDS, training_clip
from tasks.synthesis.ogg import write_opus
from tasks.synthesis.parts import Part, clip_generator
from tasks.synthesis.sound import SAMPLE_RATE_HZ

LIST = "training.jsonl"
NUM_CLIPS = 26_000  # of all kinds together: about 20 hours
BLOCK = 100  # clips that are made in one go, by one process
OPUS_SHARE = 1 / 3


def write_training(
    folder: Path, *, num_clips: int, kinds: Iterable[str] = KINDS, num_processes: int | None = None
) -> None:
    """Write training clips and their list.

    Args:
        folder: Made if need be; blocks of clips that are complete in it are kept.
        num_clips: Of all kinds together, rounded up to whole blocks of each.
        kinds: Those wanted, each with its share of `num_clips`.
        num_processes: None: as many as there are processors.
    """
    blocks = [(kind, number) for kind in kinds for number in range(_num_blocks(kind, num_clips))]
    with (
        progress_bar("training clips", num_samples=len(blocks) * BLOCK) as advance,
        ProcessPoolExecutor(num_processes, mp_context=get_context("spawn")) as processes,
    ):
        for _ in processes.map(partial(_write_block, folder), blocks):
            advance(BLOCK, 0.0)
    with (folder / LIST).open("w", encoding="utf-8") as whole:
        for block in blocks:
            whole.write(_list_of(folder, block).read_text(encoding="utf-8"))


def _num_blocks(kind: str, num_clips: int) -> int:
    _, share = KINDS[kind]
    return -(-num_clips * share // (100 * BLOCK))


def _list_of(folder: Path, block: tuple[str, int]) -> Path:
    kind, number = block
    return folder / kind / f"{number:04}.jsonl"


def _write_block(folder: Path, block: tuple[str, int]) -> None:
    """Write one block; its list comes last, and with its list it is complete."""
    path = _list_of(folder, block)
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    kind, number = block
    lines = []
    for index in range(number * BLOCK, (number + 1) * BLOCK):
        clip = training_clip(kind, index)
        is_opus = _is_opus(kind, index)
        audio = path.parent / f"{index:06}{'.ogg' if is_opus else '.flac'}"
        if is_opus:
            write_opus(audio, clip.waveform)
        else:
            soundfile.write(audio, clip.waveform, SAMPLE_RATE_HZ)
        lessons = [asdict(lesson) for lesson in clip.lessons]
        lines.append({"audio": f"{kind}/{audio.name}", "words": clip.words, "lessons": lessons})
    unfinished = path.with_suffix(".part")
    unfinished.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    unfinished.replace(path)


def _is_opus(kind: str, index: int) -> bool:
    """Draw a clip's codec: labels take turns with the index, and a codec that did so too would tell the label."""
    return bool(clip_generator(f"training/codec/{kind}", Part.TRAINING, index).random() < OPUS_SHARE)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--clips", "num_clips", type=click.IntRange(min=1), default=NUM_CLIPS, show_default=True)
def main(folder: Path, num_clips: int) -> None:
    """Write training clips into FOLDER."""
    write_training(folder, num_clips=num_clips)


if __name__ == "__main__":
    main()
