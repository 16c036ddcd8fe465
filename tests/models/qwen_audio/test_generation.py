"""New ids: greedy against full recomputation, sampling, beams against trying every answer."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from evaluate.errors import RequestError
from evaluate.types import GenerationOptions
from models.qwen_audio.generation import Vocabulary, generate
from models.qwen_audio.prompt import PreparedPrompt

Clip = Callable[..., np.ndarray]
TinyModel = Callable[..., Any]
Prompt = Callable[..., PreparedPrompt]
NO_END = Vocabulary(num_tokens=3778, stop_ids=frozenset())
SMALL = Vocabulary(num_tokens=6, stop_ids=frozenset({4}))
LIMIT = 8


@pytest.fixture
def prompts(prompt: Prompt, clip: Clip) -> list[PreparedPrompt]:
    return [prompt([5, 6, 7]), prompt(clip(9_000), [1, 2]), prompt([8]), prompt([5], clip(700, 2), [6], clip(4_000, 3))]


def recomputed(model: Any, prompt: PreparedPrompt, num_new: int, vocabulary: Vocabulary = NO_END) -> list[int]:
    """Greedy ids, every step anew from all ids."""
    ids = prompt.ids
    for _ in range(num_new):
        last = model.logits([PreparedPrompt(ids, prompt.waveforms)])[0][-1]
        ids += (int(last[: vocabulary.num_tokens].argmax()),)
    return list(ids[len(prompt.ids) :])


def options(**settings: Any) -> GenerationOptions:
    return GenerationOptions(max_new_tokens=settings.pop("max_new_tokens", LIMIT), **settings)


def test_greedy_ids_of_a_batch_are_those_of_full_recomputation_one_at_a_time(
    tiny_model: TinyModel, prompts: list[PreparedPrompt]
) -> None:
    model = tiny_model()

    found = generate(model, prompts, options(), NO_END)

    assert found == [recomputed(model, one, LIMIT) for one in prompts]


def test_beyond_the_trained_length_a_batch_gives_what_each_prompt_gives_alone(
    tiny_model: TinyModel, prompts: list[PreparedPrompt]
) -> None:
    model = tiny_model(seq_length=16)

    assert generate(model, prompts, options(), NO_END) == [
        generate(model, [one], options(), NO_END)[0] for one in prompts
    ]


def test_rows_end_by_themselves_without_stop_ids_and_padding(
    tiny_model: TinyModel, prompts: list[PreparedPrompt]
) -> None:
    model = tiny_model()
    unstopped = generate(model, prompts, options(), NO_END)
    stop_ids = frozenset({unstopped[0][2], unstopped[1][5]})

    found = generate(model, prompts, options(), Vocabulary(3778, stop_ids))

    assert len(found[0]) < LIMIT
    assert found == [list(itertools.takewhile(lambda one: one not in stop_ids, ids)) for ids in unstopped]


def test_an_answer_cut_by_the_limit_keeps_its_last_id(tiny_model: TinyModel, prompts: list[PreparedPrompt]) -> None:
    model = tiny_model()

    longer = generate(model, prompts, options(max_new_tokens=4), NO_END)

    assert [ids[:3] for ids in longer] == generate(model, prompts, options(max_new_tokens=3), NO_END)


def test_an_end_is_not_chosen_before_the_least_length(tiny_model: TinyModel, prompts: list[PreparedPrompt]) -> None:
    model = tiny_model()
    first = generate(model, prompts[:1], options(max_new_tokens=1), NO_END)[0][0]
    vocabulary = Vocabulary(3778, frozenset({first}))

    assert generate(model, prompts[:1], options(), vocabulary) == [[]]
    (found,) = generate(model, prompts[:1], options(min_new_tokens=1), vocabulary)
    assert found
    assert first not in found


def test_a_least_length_without_an_end_changes_nothing(tiny_model: TinyModel, prompts: list[PreparedPrompt]) -> None:
    found = generate(tiny_model(), prompts, options(min_new_tokens=3), NO_END)

    assert found == generate(tiny_model(), prompts, options(), NO_END)


def test_rows_of_the_vocabulary_that_no_token_has_are_never_chosen(
    tiny_model: TinyModel, prompts: list[PreparedPrompt]
) -> None:
    model = tiny_model()
    vocabulary = Vocabulary(num_tokens=20, stop_ids=frozenset())

    found = generate(model, prompts, options(), vocabulary)

    assert max(max(ids) for ids in found) < 20
    assert found[0] == recomputed(model, prompts[0], LIMIT, vocabulary)


def test_a_repetition_penalty_counts_the_prompt_too(tiny_model: TinyModel, prompts: list[PreparedPrompt]) -> None:
    model, vocabulary = tiny_model(), Vocabulary(num_tokens=14, stop_ids=frozenset())
    ids = prompts[0].ids
    for _ in range(LIMIT):
        scores = model.logits([PreparedPrompt(ids, ())])[0][-1, :14].tolist()
        penalised = [(one / 1.5 if one > 0 else one * 1.5) if token in ids else one for token, one in enumerate(scores)]
        ids += (int(np.argmax(penalised)),)

    found = generate(model, prompts[:1], options(repetition_penalty=1.5), vocabulary)

    assert found == [list(ids[3:])]
    assert found != generate(model, prompts[:1], options(), vocabulary)


def test_a_sampled_answer_depends_on_its_seed_alone(tiny_model: TinyModel, prompts: list[PreparedPrompt]) -> None:
    model = tiny_model()
    sampled = options(temperature=2.0, top_p=0.9)

    together = generate(model, prompts, sampled, NO_END, seeds=[1, 2, 3, 4])

    assert [generate(model, [prompts[2]], sampled, NO_END, seeds=[3])[0]] == together[2:3]
    assert generate(model, [prompts[2]], sampled, NO_END, seeds=[5])[0] != together[2]


def test_sampling_follows_the_probabilities_within_top_p(tiny_model: TinyModel, prompts: list[PreparedPrompt]) -> None:
    model, many = tiny_model(), 2000
    vocabulary = Vocabulary(num_tokens=6, stop_ids=frozenset())
    probabilities = torch.softmax(model.logits(prompts[:1])[0][-1, :6] / 3.0, dim=-1).numpy()
    order = np.argsort(-probabilities)
    kept = order[: int(np.searchsorted(probabilities[order].cumsum(), 0.8)) + 1]

    found = generate(
        model,
        prompts[:1] * many,
        options(max_new_tokens=1, temperature=3.0, top_p=0.8),
        vocabulary,
        seeds=range(many),
    )

    assert 1 < len(kept) < 6
    counts = np.bincount([ids[0] for ids in found], minlength=6)
    expected = np.zeros(6)
    expected[kept] = probabilities[kept] / probabilities[kept].sum()
    np.testing.assert_allclose(counts / many, expected, atol=0.04)  # more than three standard deviations


@pytest.mark.parametrize("length_penalty", [1.0, 0.0, -2.0])
def test_beams_that_hold_every_answer_find_the_best_one(
    tiny_model: TinyModel, prompts: list[PreparedPrompt], length_penalty: float
) -> None:
    model, length = tiny_model(), 3
    chances = torch.log_softmax  # of the whole vocabulary, as transformers does before masking

    def score(ids: tuple[int, ...]) -> float:
        logits = model.logits([PreparedPrompt(prompts[0].ids + ids, ())])[0]
        rows = chances(logits, dim=-1)[len(prompts[0].ids) - 1 :]
        return sum(float(row[token]) for row, token in zip(rows, ids, strict=False)) / len(ids) ** length_penalty

    going_on = [token for token in range(6) if token not in SMALL.stop_ids]
    complete = [(*ids, 4) for size in range(length) for ids in itertools.product(going_on, repeat=size)] + list(
        itertools.product(going_on, repeat=length)
    )
    best = max(complete, key=score)

    (found,) = generate(
        model, prompts[:1], options(max_new_tokens=length, num_beams=200, length_penalty=length_penalty), SMALL
    )

    assert found == [token for token in best if token != 4]


def test_beams_of_a_batch_are_those_of_each_prompt_alone(tiny_model: TinyModel, prompts: list[PreparedPrompt]) -> None:
    model, beams = tiny_model(), options(num_beams=3, min_new_tokens=2)

    found = generate(model, prompts, beams, SMALL)

    assert found == [generate(model, [one], beams, SMALL)[0] for one in prompts]
    assert all(len(ids) >= 2 and 4 not in ids for ids in found)


def test_beams_are_not_sampled(tiny_model: TinyModel, prompts: list[PreparedPrompt]) -> None:
    with pytest.raises(RequestError, match="num_beams is 2 and temperature 0.5: beams are not sampled"):
        generate(tiny_model(), prompts, options(num_beams=2, temperature=0.5), NO_END)


def test_no_prompts_have_no_answers(tiny_model: TinyModel) -> None:
    assert generate(tiny_model(), [], options(), NO_END) == []
