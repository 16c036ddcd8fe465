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
from models.qwen_audio.model import QwenAudioModel
from models.qwen_audio.prompt import PreparedPrompt

DEFAULT_MAX_NEW_TOKENS = 512  # of the released generation configuration


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
        histories = [[*prompt.ids, *answer] for prompt, answer in zip(prompts, answers, strict=True)]
        scores = _choosable(model.lm_head(hidden).float(), histories, num_new, options, vocabulary)
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


def _beam_search(
    model: QwenAudioModel, prompt: PreparedPrompt, options: GenerationOptions, vocabulary: Vocabulary
) -> list[int]:
    """Return the answer of the highest log-probability divided by its length to the power of the length penalty.

    As transformers' with `early_stopping=False`: the length counts the stop id; the search ends when no beam, at its
    present length, beats the worst of `num_beams` finished answers.
    """
    limit, width = _limit(options), options.num_beams
    hidden, cache = model.prefill([prompt], num_new=limit - 1)
    hidden = hidden[:, -1]
    beams: list[tuple[float, list[int]]] = [(0.0, [])]  # log-probability and ids
    finished: list[tuple[float, list[int]]] = []  # final score and ids
    for length in range(1, limit + 1):
        totals = torch.log_softmax(model.lm_head(hidden).float(), dim=-1)  # (beams, vocabulary)
        histories = [[*prompt.ids, *ids] for _, ids in beams]
        totals = _choosable(totals, histories, length - 1, options, vocabulary)
        totals = totals + totals.new_tensor([score for score, _ in beams])[:, None]
        # So many that enough go on even if each beam could end with every stop id.
        num_candidates = min(width * (1 + max(1, len(vocabulary.stop_ids))), totals.numel())
        best = totals.flatten().topk(num_candidates)
        going_on: list[tuple[int, int, float]] = []  # beam it comes from, new id, log-probability
        for rank, (score, place) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
            beam, token = divmod(place, totals.shape[1])
            if score == -torch.inf:
                break
            if token not in vocabulary.stop_ids:
                going_on.append((beam, token, score))
            elif rank < width:
                finished.append((score / length**options.length_penalty, beams[beam][1]))
        going_on = going_on[:width]
        beams = [(score, [*beams[beam][1], token]) for beam, token, score in going_on]
        finished = sorted(finished, key=lambda one: one[0], reverse=True)[:width]
        if length == limit:
            finished += [(score / length**options.length_penalty, ids) for score, ids in beams]
        elif not beams or _is_settled(finished, beams[0][0] / length**options.length_penalty, width):
            break
        else:
            cache.select(torch.tensor([beam for beam, _, _ in going_on], device=hidden.device))
            hidden = model.decode(torch.tensor([token for _, token, _ in going_on], device=hidden.device), cache)
    return max(finished, key=lambda one: one[0])[1]


def _is_settled(finished: Sequence[tuple[float, list[int]]], best_going_on: float, width: int) -> bool:
    return len(finished) == width and best_going_on <= finished[-1][0]


def _limit(options: GenerationOptions) -> int:
    return DEFAULT_MAX_NEW_TOKENS if options.max_new_tokens is None else options.max_new_tokens


def _choosable(
    scores: Tensor,
    histories: Sequence[Sequence[int]],
    num_new: int,
    options: GenerationOptions,
    vocabulary: Vocabulary,
) -> Tensor:
    """Return scores with what must not be chosen at minus infinity, and what stood before penalised.

    Args:
        scores: Logits or log-probabilities, shape (rows, vocab_size), float32.
        histories: Ids of each row so far, prompt and answer.
        num_new: How many ids each answer has.
        options: Settings.
        vocabulary: Which ids may be chosen.
    """
    scores = scores.clone()
    if options.repetition_penalty != 1.0:
        for row, history in zip(scores, histories, strict=True):
            seen = torch.tensor(sorted(set(history)), device=scores.device)
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
