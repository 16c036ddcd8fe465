"""The decoder, Qwen-7B's: RMSNorm, fused query/key/value, rotary positions over whole heads, a gated MLP.

Module names are those of the released parameters. Rows of a batch are padded on the left; a row's positions, its NTK
factor and its logn scale count its own ids only, so that padding changes nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.qwen_audio.config import QwenAudioConfig


class LanguageModel(nn.Module):
    """Embedding, blocks and final norm."""

    def __init__(self, config: QwenAudioConfig) -> None:
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.hidden_size)
        self.h = nn.ModuleList(Block(config, layer) for layer in range(config.num_hidden_layers))
        self.ln_f = RMSNorm(config)

    def new_cache(self, prompt_lengths: Sequence[int], *, num_new: int = 0) -> "Cache":
        """Return an empty cache for a batch of prompts, each padded on the left to the longest.

        Args:
            prompt_lengths: Ids of each prompt, without padding.
            num_new: How many ids may follow the prompts.
        """
        return Cache(self.config, prompt_lengths, num_new=num_new, like=self.wte.weight)

    def forward(self, hidden: Tensor, cache: "Cache") -> Tensor:
        """Run the blocks on the next columns of a batch, the cache's first ones or those after what it holds.

        Args:
            hidden: Embeddings, shape (rows, columns, hidden_size).
            cache: Holds the columns before; gets the new ones.

        Returns:
            Shape (rows, columns, hidden_size), after the final norm.
        """
        step = cache.step(hidden.shape[1])
        for block in self.h:
            hidden = block(hidden, step, cache)
        cache.length += hidden.shape[1]
        return self.ln_f(hidden)


@dataclass(frozen=True, slots=True)
class Step:
    """What all layers share while some columns of a batch are computed."""

    cosines: Tensor  # (rows, 1, columns, rotary_dim / 2), float32
    sines: Tensor
    logn: Tensor | None  # (rows, 1, columns, 1); None where it is 1 everywhere
    mask: Tensor | None  # (rows, 1, columns, all columns so far), True where attended; None: see `is_causal`
    is_causal: bool


class Cache:
    """Keys and values of all columns so far, and what each row's prompt settled for the ids that follow it.

    Args:
        config: The model's.
        prompt_lengths: Ids of each prompt, without padding.
        num_new: How many ids may follow the prompts.
        like: A tensor of the dtype and on the device of keys and values.
    """

    def __init__(self, config: QwenAudioConfig, prompt_lengths: Sequence[int], *, num_new: int, like: Tensor) -> None:
        self._config = config
        self.length = 0  # columns held
        longest = max(prompt_lengths)
        self._padding = torch.tensor([longest - length for length in prompt_lengths], device=like.device)
        self._is_padded = min(prompt_lengths) < longest
        self._rates = torch.stack([rotary_rates(config, length) for length in prompt_lengths]).to(like.device)
        shape = (len(prompt_lengths), config.num_attention_heads, longest + num_new, config.kv_channels)
        self._keys = [like.new_empty(shape) for _ in range(config.num_hidden_layers)]
        self._values = [like.new_empty(shape) for _ in range(config.num_hidden_layers)]

    def step(self, num_columns: int) -> Step:
        """Return what the layers need for the next columns."""
        end = self.length + num_columns
        columns = torch.arange(self.length, end, device=self._padding.device)
        positions = (columns - self._padding[:, None]).clamp(min=0)  # (rows, columns), each row's first id at 0
        angles = (positions[:, :, None] * self._rates[:, None])[:, None]  # (rows, 1, columns, rotary_dim / 2)
        is_causal = not self._is_padded and self.length == 0
        needs_mask = self._is_padded or (self.length > 0 and num_columns > 1)
        return Step(
            cosines=angles.cos(),
            sines=angles.sin(),
            logn=self._logn(positions) if self._config.use_logn_attn and end > self._config.seq_length else None,
            mask=self._mask(columns, end) if needs_mask else None,
            is_causal=is_causal,
        )

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Keep one layer's new keys and values; return all of that layer, shape (rows, heads, columns, kv_channels)."""
        end = self.length + keys.shape[2]
        self._keys[layer][:, :, self.length : end] = keys
        self._values[layer][:, :, self.length : end] = values
        return self._keys[layer][:, :, :end], self._values[layer][:, :, :end]

    def select(self, rows: Tensor) -> None:
        """Keep the named rows in the named order; a row may come several times, as in beam search."""
        self._padding, self._rates = self._padding[rows], self._rates[rows]
        for layer, (keys, values) in enumerate(zip(self._keys, self._values, strict=True)):
            self._keys[layer], self._values[layer] = keys[rows], values[rows]

    def _mask(self, columns: Tensor, end: int) -> Tensor:
        keys = torch.arange(end, device=columns.device)
        is_own = keys >= self._padding[:, None, None]  # (rows, 1, keys)
        # A padding query attends to itself: a row without any key would be NaN in half precision, and spread.
        return ((is_own & (keys <= columns[:, None])) | (keys == columns[:, None]))[:, None]

    def _logn(self, positions: Tensor) -> Tensor:
        scale = (positions + 1).log() / math.log(self._config.seq_length)
        return scale.clamp(min=1.0)[:, None, :, None]


class Block(nn.Module):
    """One pre-norm block."""

    def __init__(self, config: QwenAudioConfig, layer: int) -> None:
        super().__init__()
        self.ln_1 = RMSNorm(config)
        self.attn = Attention(config, layer)
        self.ln_2 = RMSNorm(config)
        self.mlp = GatedMLP(config)

    def forward(self, hidden: Tensor, step: Step, cache: Cache) -> Tensor:
        hidden = hidden + self.attn(self.ln_1(hidden), step, cache)
        return hidden + self.mlp(self.ln_2(hidden))


class Attention(nn.Module):
    """Causal attention; the fused projection has a bias, the one out of it has none."""

    def __init__(self, config: QwenAudioConfig, layer: int) -> None:
        super().__init__()
        self.layer = layer
        self.num_heads = config.num_attention_heads
        self.rotary_dim = config.rotary_dim
        self.c_attn = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.c_proj = nn.Linear(config.hidden_size, config.hidden_size, bias=not config.no_bias)

    def forward(self, hidden: Tensor, step: Step, cache: Cache) -> Tensor:
        fused = self.c_attn(hidden).unflatten(2, (3, self.num_heads, -1))
        query, key, value = fused.permute(2, 0, 3, 1, 4)  # each (rows, heads, columns, kv_channels)
        query, key = self._rotate(query, step), self._rotate(key, step)
        if step.logn is not None:
            query = query * step.logn.to(query.dtype)
        keys, values = cache.extend(self.layer, key, value)
        attended = functional.scaled_dot_product_attention(
            query, keys, values, attn_mask=step.mask, is_causal=step.is_causal
        )
        return self.c_proj(attended.transpose(1, 2).flatten(2))

    def _rotate(self, x: Tensor, step: Step) -> Tensor:
        """Rotate pairs (i, i + rotary_dim / 2) of each head by the position's angles, in float32."""
        first, second = x[..., : self.rotary_dim].float().chunk(2, dim=-1)
        turned = [first * step.cosines - second * step.sines, second * step.cosines + first * step.sines]
        return torch.cat([*(half.to(x.dtype) for half in turned), x[..., self.rotary_dim :]], dim=-1)


class GatedMLP(nn.Module):
    """The second layer is the gate of the first."""

    def __init__(self, config: QwenAudioConfig) -> None:
        super().__init__()
        has_bias = not config.no_bias
        self.w1 = nn.Linear(config.hidden_size, config.mlp_width, bias=has_bias)
        self.w2 = nn.Linear(config.hidden_size, config.mlp_width, bias=has_bias)
        self.c_proj = nn.Linear(config.mlp_width, config.hidden_size, bias=has_bias)

    def forward(self, hidden: Tensor) -> Tensor:
        return self.c_proj(self.w1(hidden) * functional.silu(self.w2(hidden)))


class RMSNorm(nn.Module):
    """Normalised in float32, scaled by the weight in the input's dtype."""

    def __init__(self, config: QwenAudioConfig) -> None:
        super().__init__()
        self.epsilon = config.layer_norm_epsilon
        self.weight = nn.Parameter(torch.ones(config.hidden_size))

    def forward(self, hidden: Tensor) -> Tensor:
        wide = hidden.float()
        normalised = wide * torch.rsqrt(wide.square().mean(dim=-1, keepdim=True) + self.epsilon)
        return normalised.to(hidden.dtype) * self.weight


def ntk_alpha(prompt_length: int, seq_length: int) -> int:
    """Return the factor on the rotary base: 1 up to `seq_length`, 3 up to twice that, 7 up to four times."""
    return int(max(2 ** math.ceil(math.log2(prompt_length / seq_length) + 1) - 1, 1))


def rotary_rates(config: QwenAudioConfig, prompt_length: int) -> Tensor:
    """Return the angles per position that a prompt and all ids after it are rotated by.

    Args:
        config: The model's.
        prompt_length: Ids of the prompt, without padding.

    Returns:
        Shape (rotary_dim / 2,), float32, in radians.
    """
    width = config.rotary_dim
    alpha = ntk_alpha(prompt_length, config.seq_length) if config.use_dynamic_ntk else 1
    base = config.rotary_emb_base * alpha ** (width / (width - 2))
    return 1.0 / base ** (torch.arange(0, width, 2, dtype=torch.float32, device="cpu") / width)
