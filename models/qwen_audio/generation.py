"""From prompts to new ids: greedy, sampling, or beam search.

An own loop rather than transformers' `generate`: rows finish by themselves, each samples from a seed of its own, and
padding is never mistaken for part of a prompt, so that no answer depends on its neighbours in a batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from evaluate.errors import RequestError
from evaluate.types import GenerationOptions
from models.qwen_audio.config import DEFAULT_MAX_NEW_TOKENS
from models.qwen_audio.model import QwenAudioModel
from models.qwen_audio.prompt import PreparedPrompt


@dataclass(frozen=True)
class Vocabulary:
    """Which ids may be chosen."""

    num_tokens: int  # ids of the tokenizer; the embedding's rows from there on were never trained
    stop_ids: frozenset[int]  # each ends an answer and is no part of it


def generate(
    model: QwenAudioModel,
    prompts: Sequence[PreparedPrompt],
    options: GenerationOptions,
    vocabulary: Vocabulary,
    *,
    seeds: Sequence[int] | None = None,
) -> list[list[int]]:
    """Return the new ids of each prompt, without stop ids and padding.

    Args:
        model: In inference mode.
        prompts: Any number; in a batch together, but for beam search.
        options: Settings; without a limit, 512 new ids.
        vocabulary: Which ids may be chosen, and which end an answer.
        seeds: One per prompt, only used for sampling; without them each prompt gets the options' seed.

    Raises:
        RequestError: The options contradict each other, or a prompt's clips and its ids do not agree.
        ClipRejectedError: A clip is too short for a token, or has no room in the tower.
    """
    if options.num_beams > 1 and options.temperature > 0:
        raise RequestError(
            f"num_beams is {options.num_beams} and temperature {options.temperature}: beams are not sampled; "
            "set one of them only"
        )
    if not max(1, options.min_new_tokens) <= _limit(options):
        raise RequestError(
            f"max_new_tokens is {_limit(options)} and min_new_tokens {options.min_new_tokens}, expected at least one "
            "token, and no more at least than at most"
        )
    if not prompts:
        return []
    with torch.inference_mode():
        if options.num_beams > 1:
            return [_beam_search(model, prompt, options, vocabulary) for prompt in prompts]
        return _one_by_one(model, prompts, options, vocabulary, seeds or [options.seed] * len(prompts))


def _one_by_one(
    model: QwenAudioModel,
    prompts: Sequence[PreparedPrompt],
    options: GenerationOptions,
    vocabulary: Vocabulary,
    seeds: Sequence[int],
) -> list[list[int]]:
    """Choose one id a step for every row, the most likely or a sampled one."""
    limit = _limit(options)
    generators = [torch.Generator().manual_seed(seed) for _, seed in zip(prompts, seeds, strict=True)]
    answers: list[list[int]] = [[] for _ in prompts]
    unfinished = set(range(len(prompts)))
    hidden, cache = model.prefill(prompts, num_new=limit - 1)  # the last id is not fed back
    hidden = hidden[:, -1]
    for num_new in range(limit):
        scores = _choosable(model.lm_head(hidden).float(), prompts, answers, num_new, options, vocabulary)
        chosen = scores.argmax(dim=-1) if options.temperature == 0 else _sample(scores, options, generators)
        for row, token in enumerate(chosen.tolist()):
            if token in vocabulary.stop_ids:
                unfinished.discard(row)
            elif row in unfinished:
                answers[row].append(token)
        if not unfinished or num_new + 1 == limit:
            break
        hidden = model.decode(chosen, cache)
    return answers


@dataclass(frozen=True)
class _Beam:
    """A beginning of an answer."""

    score: float  # log-probability
    ids: list[int]
    parent: int = 0  # row it goes on from

    def final_score(self, length: int, options: GenerationOptions) -> float:
        """Return the score by which answers are compared; `length` counts the stop id."""
        return float(self.score / length**options.length_penalty)


def _beam_search(
    model: QwenAudioModel, prompt: PreparedPrompt, options: GenerationOptions, vocabulary: Vocabulary
) -> list[int]:
    """Return the answer of the highest log-probability divided by its length to the power of the length penalty.

    As transformers' with `early_stopping=False`: the search ends when no beam, at its present length, beats the worst
    of `num_beams` finished answers.
    """
    limit = _limit(options)
    hidden, cache = model.prefill([prompt], num_new=limit - 1)
    hidden = hidden[:, -1]
    beams = [_Beam(0.0, [])]
    finished: list[tuple[float, list[int]]] = []  # the best `num_beams` answers, best first
    for length in range(1, limit + 1):
        scores = torch.log_softmax(model.lm_head(hidden).float(), dim=-1)  # (beams, vocabulary)
        answers = [beam.ids for beam in beams]
        scores = _choosable(scores, [prompt] * len(beams), answers, length - 1, options, vocabulary)
        beams, ended = _grow(beams, scores, options.num_beams, vocabulary)
        finished += [(beam.final_score(length, options), beam.ids) for beam in ended]
        finished = sorted(finished, key=lambda one: one[0], reverse=True)[: options.num_beams]
        if length == limit:
            finished += [(beam.final_score(length, options), beam.ids) for beam in beams]
            break
        is_full = len(finished) == options.num_beams
        if not beams or (is_full and beams[0].final_score(length, options) <= finished[-1][0]):
            break
        cache.select(torch.tensor([beam.parent for beam in beams], device=hidden.device))
        hidden = model.decode(torch.tensor([beam.ids[-1] for beam in beams], device=hidden.device), cache)
    return max(finished, key=lambda one: one[0])[1]


def _grow(
    beams: Sequence[_Beam], scores: Tensor, num_beams: int, vocabulary: Vocabulary
) -> tuple[list[_Beam], list[_Beam]]:
    """Return the likeliest beams that are one id longer, best first, and those among the likeliest that ended."""
    totals = scores + scores.new_tensor([beam.score for beam in beams])[:, None]
    # So many that enough go on even if each beam could end with every stop id.
    num_candidates = min(num_beams * (1 + max(1, len(vocabulary.stop_ids))), totals.numel())
    best = totals.flatten().topk(num_candidates)
    going_on, ended = [], []
    for rank, (score, place) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
        parent, token = divmod(place, totals.shape[1])
        if score == -torch.inf:
            break
        if token not in vocabulary.stop_ids:
            going_on.append(_Beam(score, [*beams[parent].ids, token], parent))
        elif rank < num_beams:
            ended.append(_Beam(score, beams[parent].ids, parent))
    return going_on[:num_beams], ended


def _limit(options: GenerationOptions) -> int:
    return DEFAULT_MAX_NEW_TOKENS if options.max_new_tokens is None else options.max_new_tokens


def _choosable(
    scores: Tensor,
    prompts: Sequence[PreparedPrompt],
    answers: Sequence[Sequence[int]],
    num_new: int,
    options: GenerationOptions,
    vocabulary: Vocabulary,
) -> Tensor:
    """Return scores with what must not be chosen at minus infinity, and what stood before penalised.

    Args:
        scores: Logits or log-probabilities, shape (rows, vocab_size), float32.
        prompts: Of each row.
        answers: Of each row so far.
        num_new: How many ids the answers have that have not ended.
        options: Settings.
        vocabulary: Which ids may be chosen.
    """
    scores = scores.clone()
    if options.repetition_penalty != 1.0:
        for row, prompt, answer in zip(scores, prompts, answers, strict=True):
            seen = torch.tensor(sorted({*prompt.ids, *answer}), device=scores.device)
            row[seen] = torch.where(
                row[seen] < 0, row[seen] * options.repetition_penalty, row[seen] / options.repetition_penalty
            )
    scores[:, vocabulary.num_tokens :] = -torch.inf
    if num_new < options.min_new_tokens:
        scores[:, sorted(vocabulary.stop_ids)] = -torch.inf
    return scores


def _sample(scores: Tensor, options: GenerationOptions, generators: Sequence[torch.Generator]) -> Tensor:
    """Draw one id per row from the smallest set of ids that together have the probability `top_p`."""
    chosen = []
    for row, generator in zip(scores.cpu(), generators, strict=True):  # on the CPU: the same ids on every device
        probabilities, ids = functional.softmax(row / options.temperature, dim=-1).sort(descending=True)
        is_beyond = probabilities.cumsum(dim=-1) - probabilities >= options.top_p
        is_beyond[0] = False
        drawn = torch.multinomial(probabilities.masked_fill(is_beyond, 0.0), 1, generator=generator)
        chosen.append(ids[drawn])
    return torch.cat(chosen).to(scores.device)
