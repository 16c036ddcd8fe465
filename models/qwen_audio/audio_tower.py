"""The audio tower: Whisper's encoder, pooled to 40 ms and projected to the language model's width.

Module names are those of the released parameters. A clip's vectors do not depend on its neighbours in a batch: what
lies beyond its end is zero before the convolutions, as it is for the clip alone, and no position attends to it.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from evaluate.errors import ClipRejectedError
from models.qwen_audio.config import AudioConfig
from models.qwen_audio.front_end import clip_lengths, tower_input

# A clip goes through the blocks beside longer ones as long as padding makes it no more than so much longer.
MAX_STRETCH = 1.25


class AudioTower(nn.Module):
    """Encoder of clips of up to `2 * n_ctx` mel frames."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        self.config = config
        width = config.n_state
        self.conv1 = nn.Conv1d(config.n_mels, width, kernel_size=3, padding=1)
        self.conv2 = nn.Conv1d(width, width, kernel_size=3, stride=2, padding=1)
        self.register_buffer("positional_embedding", sinusoids(config.n_ctx, width))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Linear(width, config.output_dim)
        self.audio_bos_eos_token = nn.Embedding(2, config.output_dim)

    def encode(self, waveforms: Sequence[NDArray[np.float32]]) -> list[Tensor]:
        """Return each clip's vectors, those of the two tags included.

        Args:
            waveforms: Clips at 16 kHz, each of shape (num_frames,); cut after 30 s.

        Returns:
            One tensor of shape (span, output_dim) per clip, in the model's dtype and on its device.

        Raises:
            ClipRejectedError: A clip is too short for a token, or has no room in the tower.
        """
        lengths = [clip_lengths(waveform.size) for waveform in waveforms]
        for length in lengths:
            if length.after_cnn > self.config.n_ctx:
                raise ClipRejectedError(
                    f"the clip takes {length.after_cnn} positions of 20 ms, the tower has only {self.config.n_ctx}"
                )
        encoded: dict[int, Tensor] = {}
        for group in similar_lengths([length.after_cnn for length in lengths]):
            mels = [tower_input(waveforms[index], num_mels=self.config.n_mels).T for index in group]
            batch = nn.utils.rnn.pad_sequence(mels, batch_first=True).transpose(1, 2)  # zeros beyond each clip
            after_cnn = torch.tensor([lengths[index].after_cnn for index in group])
            vectors = self(batch.to(self.conv1.weight), after_cnn.to(self.conv1.weight.device))
            for index, row in zip(group, vectors, strict=True):
                encoded[index] = self._between_tags(row[: lengths[index].tokens])
        return [encoded[index] for index in range(len(waveforms))]

    def forward(self, mels: Tensor, after_cnn: Tensor) -> Tensor:
        """Encode clips of one batch.

        Args:
            mels: Shape (batch, n_mels, 2 * positions), zero beyond each clip's `2 * after_cnn` frames.
            after_cnn: Each clip's own positions, shape (batch,).

        Returns:
            Shape (batch, positions // 2, output_dim); of each row the clip's own tokens are of use.
        """
        num_positions = mels.shape[2] // 2
        inside = torch.arange(num_positions, device=mels.device) < after_cnn[:, None]  # (batch, positions)
        # What conv1 makes beyond a clip's end needs no mask: conv2 at the clip's last position does not reach it.
        x = functional.gelu(self.conv1(mels))
        x = functional.gelu(self.conv2(x)).transpose(1, 2)  # (batch, positions, n_state)
        x = (x + self.positional_embedding[:num_positions]) * inside[:, :, None]
        mask = None if bool(inside.all()) else inside[:, None, None]  # (batch, heads, queries, keys)
        for block in self.blocks:
            x = block(x, mask)
        x = functional.avg_pool1d(x.transpose(1, 2), kernel_size=2, stride=2).transpose(1, 2)
        return self.proj(self.ln_post(x))

    def _between_tags(self, tokens: Tensor) -> Tensor:
        start, end = self.audio_bos_eos_token.weight
        return torch.cat([start[None], tokens, end[None]])


class Block(nn.Module):
    """One pre-norm block."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        width = config.n_state
        self.attn = SelfAttention(config)
        self.attn_ln = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.mlp_ln = nn.LayerNorm(width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        x = x + self.attn(self.attn_ln(x), mask)
        return x + self.mlp(self.mlp_ln(x))


class SelfAttention(nn.Module):
    """Attention to all positions of the own clip; the key has no bias."""

    def __init__(self, config: AudioConfig) -> None:
        super().__init__()
        width = config.n_state
        self.num_heads = config.n_head
        self.scale = config.head_dim**-0.25  # of query and key each, which keeps half precision in range
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width, bias=False)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        query, key, value = (self._heads(layer(x)) for layer in (self.query, self.key, self.value))
        attended = functional.scaled_dot_product_attention(
            query * self.scale, key * self.scale, value, attn_mask=mask, scale=1.0
        )
        return self.out(attended.transpose(1, 2).flatten(2))

    def _heads(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.num_heads, -1)).transpose(1, 2)  # (batch, heads, positions, head_dim)


def sinusoids(num_positions: int, width: int) -> Tensor:
    """Return the positional embedding of fresh weights: sines in the first half of the columns, cosines in the second.

    Returns:
        Shape (num_positions, width), wavelengths from 2 pi to 20,000 pi positions.
    """
    rates = torch.exp(-torch.arange(width // 2) * (np.log(10_000) / (width // 2 - 1)))
    angles = torch.arange(num_positions)[:, None] * rates[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


def similar_lengths(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Yield indices of clips that are encoded together: a short clip does not pay for a long neighbour."""
    group: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if group and lengths[index] > MAX_STRETCH * lengths[group[0]]:
            yield group
            group = []
        group.append(index)
    if group:
        yield group
