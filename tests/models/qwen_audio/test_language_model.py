"""The decoder against a plain one written from the description, in float64: one row at a time, loops, no cache."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from evaluate.errors import RequestError
from models.qwen_audio.language_model import ntk_alpha
from models.qwen_audio.prompt import PreparedPrompt
from models.qwen_audio.tiny import TINY_CONFIG

Array = np.ndarray
Clip = Callable[..., Array]
TinyModel = Callable[..., Any]
Prompt = Callable[..., PreparedPrompt]
TEXTS = ([5, 900, 17, 17, 2], [44], [1000, 3, 77, 8, 901, 12, 12, 6, 3799, 31, 30], [7, 8, 9])
LONG = ([int(i) for i in np.random.default_rng(1).integers(0, 3800, n)] for n in (16, 17, 40, 33, 64, 65, 9))
LONG_TEXTS = tuple(LONG)  # beyond a seq_length of 16: factors 1, 3, 7, 7, 7, 15, 1


class PlainDecoder:
    """Every step computes everything anew; `prompt_length` keeps the NTK factor of the prompt while ids follow it."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.config = model.config
        self.weights = {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}

    def logits(self, prompt: PreparedPrompt, *, new: tuple[int, ...] = ()) -> Array:
        x = self.weights["transformer.wte.weight"][list(prompt.ids + new)].copy()
        start_id = self.config.audio.audio_start_id
        starts = [place for place, one in enumerate(prompt.ids) if one == start_id]
        for start, clip in zip(starts, self.model.encode_audio(prompt.waveforms), strict=True):
            x[start : start + len(clip)] = clip.double().numpy()
        for layer in range(self.config.num_hidden_layers):
            name = f"transformer.h.{layer}."
            x = x + self.attend(self.normalise(x, name + "ln_1"), name + "attn.", len(prompt.ids))
            inner = self.normalise(x, name + "ln_2")
            gate = self.linear(inner, name + "mlp.w2")
            x = x + self.linear(self.linear(inner, name + "mlp.w1") * gate / (1 + np.exp(-gate)), name + "mlp.c_proj")
        return self.normalise(x, "transformer.ln_f") @ self.weights["lm_head.weight"].T

    def attend(self, x: Array, name: str, prompt_length: int) -> Array:
        query, key, value = np.split(self.linear(x, name + "c_attn"), 3, axis=1)
        width = self.config.kv_channels
        attended = np.zeros_like(x)
        for start in range(0, self.config.hidden_size, width):
            own = slice(start, start + width)
            for at in range(len(x)):
                logn = max(1.0, math.log(at + 1, self.config.seq_length)) if self.config.use_logn_attn else 1.0
                asked = self.rotate(query[at, own], at, prompt_length) * logn
                scores = [asked @ self.rotate(key[past, own], past, prompt_length) for past in range(at + 1)]
                powers = np.exp((np.array(scores) - max(scores)) / math.sqrt(width))
                attended[at, own] = powers / powers.sum() @ value[: at + 1, own]
        return self.linear(attended, name + "c_proj")

    def rotate(self, head: Array, position: int, prompt_length: int) -> Array:
        width = int(self.config.kv_channels * self.config.rotary_pct)
        alpha = 1.0
        if self.config.use_dynamic_ntk:
            alpha = max(2 ** math.ceil(math.log(prompt_length / self.config.seq_length, 2) + 1) - 1, 1)
        base = self.config.rotary_emb_base * alpha ** (width / (width - 2))
        turned = head.copy()
        for i in range(width // 2):
            angle = position / base ** (2 * i / width)
            turned[i] = head[i] * math.cos(angle) - head[i + width // 2] * math.sin(angle)
            turned[i + width // 2] = head[i + width // 2] * math.cos(angle) + head[i] * math.sin(angle)
        return turned

    def linear(self, x: Array, name: str) -> Array:
        return x @ self.weights[f"{name}.weight"].T + self.weights.get(f"{name}.bias", 0.0)

    def normalise(self, x: Array, name: str) -> Array:
        mean_square = (x**2).mean(axis=1, keepdims=True)
        return x / np.sqrt(mean_square + self.config.layer_norm_epsilon) * self.weights[f"{name}.weight"]


def of_ids(*texts: list[int]) -> list[PreparedPrompt]:
    return [PreparedPrompt(tuple(ids), ()) for ids in texts]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"layer_norm_epsilon": 0.5},
        {"no_bias": False},
        {"rotary_pct": 0.5, "rotary_emb_base": 100.0},
        {"num_attention_heads": 2, "kv_channels": 16, "num_hidden_layers": 3, "intermediate_size": 12},
    ],
    ids=str,
)
def test_logits_are_as_described(tiny_model: TinyModel, changes: dict[str, Any]) -> None:
    model = tiny_model(**changes)
    prompt = of_ids(TEXTS[2])[0]

    (found,) = model.logits([prompt])

    assert found.shape == (len(prompt.ids), TINY_CONFIG.vocab_size)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, PlainDecoder(model).logits(prompt), atol=1e-4)


@pytest.mark.parametrize("use_dynamic_ntk", [True, False])
@pytest.mark.parametrize("use_logn_attn", [True, False])
def test_prompts_beyond_the_trained_length_are_stretched_as_described(
    tiny_model: TinyModel, use_dynamic_ntk: bool, use_logn_attn: bool
) -> None:
    model = tiny_model(seq_length=16, use_dynamic_ntk=use_dynamic_ntk, use_logn_attn=use_logn_attn)
    prompt = of_ids(LONG_TEXTS[2])[0]

    (found,) = model.logits([prompt])

    np.testing.assert_allclose(found, PlainDecoder(model).logits(prompt), atol=1e-4)


def test_the_whole_span_of_a_clip_is_overwritten_tags_included(
    tiny_model: TinyModel, prompt: Prompt, clip: Clip
) -> None:
    model = tiny_model()
    mixed = prompt([3, 4], clip(5_000), [9], clip(500, 1), [8, 7])

    (found,) = model.logits([mixed])

    np.testing.assert_allclose(found, PlainDecoder(model).logits(mixed), atol=1e-4)


@pytest.mark.parametrize("seq_length", [2048, 16])
def test_a_batch_padded_on_the_left_has_the_logits_of_its_rows_alone(
    tiny_model: TinyModel, prompt: Prompt, clip: Clip, seq_length: int
) -> None:
    model = tiny_model(seq_length=seq_length)
    prompts = [
        *of_ids(*TEXTS, *LONG_TEXTS),
        prompt(clip(9_000), [1, 2]),
        prompt([5], clip(700, 2), [6], clip(20_000, 3), [2]),
    ]

    together = model.logits(prompts)

    for one, found in zip(prompts, together, strict=True):
        torch.testing.assert_close(found, model.logits([one])[0], atol=5e-5, rtol=0)


def test_a_padded_batch_in_half_precision_has_no_nan(tiny_checkpoint: Any, prompt: Prompt, clip: Clip) -> None:
    from models.qwen_audio.loading import load_checkpoint

    for dtype in (torch.bfloat16, torch.float16):
        model = load_checkpoint(tiny_checkpoint, dtype=dtype)
        for found in model.logits([*of_ids(*TEXTS), prompt(clip(9_000), [1, 2])]):
            assert found.dtype == torch.float32
            assert not found.isnan().any()


def test_padding_attends_to_itself(tiny_model: TinyModel) -> None:
    cache = tiny_model().transformer.new_cache([2, 4])

    mask = cache.step(4).mask[:, 0].int().tolist()

    assert mask == [
        [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]],
        [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]],
    ]


@pytest.mark.parametrize("seq_length", [2048, 16])
def test_decoding_with_the_cache_is_computing_everything_anew(
    tiny_model: TinyModel, prompt: Prompt, clip: Clip, seq_length: int
) -> None:
    model = tiny_model(seq_length=seq_length)
    prompts = [*of_ids(LONG_TEXTS[0], TEXTS[0], LONG_TEXTS[1]), prompt([3], clip(6_000), [4])]
    plain = PlainDecoder(model)

    with torch.inference_mode():
        hidden, cache = model.prefill(prompts, num_new=4)
        logits = model.lm_head(hidden[:, -1])
        new: list[list[int]] = [[] for _ in prompts]
        for _ in range(4):
            chosen = logits.argmax(dim=1)
            logits = model.lm_head(model.decode(chosen, cache))
            for row, one in enumerate(prompts):
                new[row].append(int(chosen[row]))
                expected = plain.logits(one, new=tuple(new[row]))[-1]
                np.testing.assert_allclose(logits[row], expected, atol=1e-4)


def test_rows_of_a_cache_can_be_dropped_swapped_and_doubled(tiny_model: TinyModel) -> None:
    model = tiny_model(seq_length=16)
    prompts = of_ids(LONG_TEXTS[0], TEXTS[0], LONG_TEXTS[1])
    ids = torch.tensor([7, 8, 9])

    with torch.inference_mode():
        _, cache = model.prefill(prompts, num_new=1)
        expected = model.decode(ids, cache)
        _, cache = model.prefill(prompts, num_new=1)
        rows = torch.tensor([2, 0, 0])
        cache.select(rows)
        found = model.decode(ids[rows], cache)

    torch.testing.assert_close(found, expected[rows])


@pytest.mark.parametrize(
    ("prompt_length", "alpha"), [(1, 1), (2048, 1), (2049, 3), (4096, 3), (4097, 7), (8192, 7), (8193, 15)]
)
def test_the_rotary_base_grows_in_steps(prompt_length: int, alpha: int) -> None:  # steps of the protocol file
    assert ntk_alpha(prompt_length, 2048) == alpha


def test_clips_and_tags_that_do_not_agree_are_an_error(tiny_model: TinyModel, prompt: Prompt, clip: Clip) -> None:
    model = tiny_model()
    whole = prompt([3], clip(6_000), [4])

    with pytest.raises(RequestError, match="a prompt has 0 clips, 1 audio starts and 1 audio ends"):
        model.logits([PreparedPrompt(whole.ids, ())])
    with pytest.raises(RequestError, match="a prompt has 1 clips, 1 audio starts and 0 audio ends"):
        model.logits([PreparedPrompt(whole.ids[:-2], whole.waveforms)])
    with pytest.raises(RequestError, match="prompt 1: the clip at id 1 has room for 11 vectors, .* but becomes 4"):
        model.logits([PreparedPrompt(whole.ids, (clip(1_300),))])


def test_a_prompt_without_ids_is_an_error_and_no_prompt_is_none(tiny_model: TinyModel) -> None:
    with pytest.raises(RequestError, match="prompt 2 of 2 has no ids"):
        tiny_model().logits(of_ids([1], []))
    assert tiny_model().logits([]) == []
