"""From lessons to batches: clips of like length together, each with all of its lessons."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evaluate.types import Sample
from models.nano.training.features import Features
from models.nano.training.lessons import Lesson, TaughtClip
from models.qwen_audio.prompts import base_prompt, encode_prompt
from models.qwen_audio.tokenizer import QwenTokenizer

BATCH_FRAMES = 9600  # mel frames of a batch: 96 s
POOL = 12  # batches whose clips are sorted by length together
MASKED_BINS = 12  # SpecAugment (Park et al. 2019): up to so many mel bins, twice
MASKED_FRAMES = 10  # and up to so many frames, twice: events are counted, so that they must not vanish
IGNORED = -100  # where nothing is to be predicted


@dataclass(frozen=True, slots=True)
class Exercise:
    """A lesson in ids."""

    prompt: tuple[int, ...]  # what stands behind the audio
    answer: tuple[int, ...]  # with the id that ends it


@dataclass(frozen=True, slots=True)
class Prepared:
    """A clip's lessons in ids."""

    exercises: tuple[Exercise, ...]
    spoken: tuple[int, ...]  # what is said in the clip; () without speech


@dataclass(frozen=True, slots=True)
class Batch:
    """Clips and the lessons about them."""

    mels: Tensor  # (clips, NUM_MELS, frames), zero beyond each clip
    after_cnn: Tensor  # (clips,), positions of 20 ms
    num_tokens: Tensor  # (clips,), audio tokens of 40 ms
    spoken: tuple[tuple[int, ...], ...]  # of each clip
    clip_of: Tensor  # (lessons,): the clip that each is about
    ids: Tensor  # (lessons, columns): audio between its tags, prompt, answer, padding
    targets: Tensor  # (lessons, columns): the id that follows where it is of an answer, else IGNORED


def prepare(tokenizer: QwenTokenizer, clip: TaughtClip) -> Prepared:
    """Return a clip's lessons as the model is asked them in an evaluation."""
    spoken = clip.words.replace(" ", "") if clip.lessons[0].language == "zh" else clip.words
    exercises = tuple(_exercise(tokenizer, lesson) for lesson in clip.lessons)
    return Prepared(exercises, tuple(tokenizer.encode_ordinary(spoken)))


def _exercise(tokenizer: QwenTokenizer, lesson: Lesson) -> Exercise:
    asked = Sample(
        id="",
        audio=(),
        prompt="",
        references=(),
        language=lesson.language,
        answer_language=lesson.answer_language,
        question=lesson.question,
    )
    prompt = encode_prompt(tokenizer, base_prompt(lesson.prompt, asked), lambda _: 0)
    return Exercise(prompt.ids, (*tokenizer.encode_template(lesson.answer), tokenizer.eod_id))


def batch_plan(features: Features, *, seed: int, epoch: int) -> list[list[int]]:
    """Return the clips of each batch of an epoch, in random order; the same for the same seed."""
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(features)).tolist()
    mean_frames = np.mean([features.num_frames(clip) for clip in order])
    pool = POOL * round(BATCH_FRAMES / mean_frames)
    batches: list[list[int]] = []
    for start in range(0, len(order), pool):
        sorted_pool = sorted(order[start : start + pool], key=features.num_frames)
        batches += _filled(sorted_pool, features)
    return [batches[number] for number in rng.permutation(len(batches))]


def _filled(clips: Sequence[int], features: Features) -> Iterator[list[int]]:
    batch: list[int] = []
    for clip in clips:  # from short to long: the newest decides how far the others are padded
        if batch and (len(batch) + 1) * features.num_frames(clip) > BATCH_FRAMES:
            yield batch
            batch = []
        batch.append(clip)
    if batch:
        yield batch


def make_batch(
    tokenizer: QwenTokenizer,
    features: Features,
    prepared: Sequence[Prepared],
    clips: Sequence[int],
    rng: np.random.Generator | None,
) -> Batch:
    """Return a batch of the named clips.

    Args:
        tokenizer: Of the model.
        features: Of all clips.
        prepared: Of all clips.
        clips: Those of the batch.
        rng: For SpecAugment; None: without it.
    """
    mels = [features[clip] for clip in clips]
    if rng is not None:
        for mel in mels:
            _mask(mel, rng)
    after_cnn = torch.tensor([len(mel) // 2 for mel in mels])
    num_tokens = after_cnn // 2
    rows, targets, clip_of = [], [], []
    for place, clip in enumerate(clips):
        room = [tokenizer.audio_placeholder_id] * int(num_tokens[place])
        audio = [tokenizer.audio_start_id, *room, tokenizer.audio_end_id]
        for exercise in prepared[clip].exercises:
            row = [*audio, *exercise.prompt, *exercise.answer]
            asked = len(audio) + len(exercise.prompt)
            rows.append(torch.tensor(row[:-1]))  # nothing follows the last id
            targets.append(torch.tensor([IGNORED] * (asked - 1) + row[asked:]))
            clip_of.append(place)
    return Batch(
        mels=torch.nn.utils.rnn.pad_sequence([torch.from_numpy(mel) for mel in mels], True).transpose(1, 2),
        after_cnn=after_cnn,
        num_tokens=num_tokens,
        spoken=tuple(prepared[clip].spoken for clip in clips),
        clip_of=torch.tensor(clip_of),
        ids=torch.nn.utils.rnn.pad_sequence(rows, True, tokenizer.eod_id),
        targets=torch.nn.utils.rnn.pad_sequence(targets, True, IGNORED),
    )


def _mask(mel: NDArray[np.float32], rng: np.random.Generator) -> None:
    """Set some bins and some frames of a clip to its mean."""
    mean = float(mel.mean())
    for values, most in ((mel.T, MASKED_BINS), (mel, MASKED_FRAMES)):
        for _ in range(2):
            width = int(rng.integers(most + 1))
            first = int(rng.integers(max(1, len(values) - width + 1)))
            values[first : first + width] = mean
