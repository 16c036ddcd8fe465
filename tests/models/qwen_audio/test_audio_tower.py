"""The audio tower against a plain one written from the description, in float64, one clip at a time."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import erf

from evaluate.errors import ClipRejectedError
from models.qwen_audio.audio_tower import similar_lengths, sinusoids
from models.qwen_audio.front_end import clip_lengths, log_mel
from models.qwen_audio.tiny import TINY_CONFIG

Array = np.ndarray
Clip = Callable[..., Array]
TinyModel = Callable[..., Any]
LENGTHS = (480, 3_000, 961, 16_000, 16_161, 40_000)


class PlainTower:
    """Loops over frames and heads; no mask, as there is nothing but the clip."""

    def __init__(self, model: Any) -> None:
        self.config = model.config.audio
        prefix = "transformer.audio."
        self.weights = {
            name.removeprefix(prefix): tensor.double().numpy()
            for name, tensor in model.state_dict().items()
            if name.startswith(prefix)
        }

    def encode(self, waveform: Array) -> Array:
        lengths = clip_lengths(waveform.size)
        mel = log_mel(waveform, num_mels=self.config.n_mels).double().numpy()[:, : 2 * lengths.after_cnn]
        x = gelu(self.convolve(mel.T, "conv1", stride=1))
        x = gelu(self.convolve(x, "conv2", stride=2))
        x = x + self.weights["positional_embedding"][: len(x)]
        for block in range(self.config.n_layer):
            name = f"blocks.{block}."
            x = x + self.attend(self.normalise(x, name + "attn_ln"), name + "attn.")
            inner = gelu(self.linear(self.normalise(x, name + "mlp_ln"), name + "mlp.0"))
            x = x + self.linear(inner, name + "mlp.2")
        pooled = np.stack([(x[2 * i] + x[2 * i + 1]) / 2 for i in range(len(x) // 2)])
        tokens = self.linear(self.normalise(pooled, "ln_post"), "proj")[: lengths.tokens]
        start, end = self.weights["audio_bos_eos_token.weight"]
        return np.stack([start, *tokens, end])

    def convolve(self, x: Array, name: str, *, stride: int) -> Array:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]  # (out, in, 3)
        padded = np.pad(x, ((1, 1), (0, 0)))
        return np.stack(
            [bias + sum(weight[:, :, tap] @ padded[at + tap] for tap in range(3)) for at in range(0, len(x), stride)]
        )

    def attend(self, x: Array, name: str) -> Array:
        query, value = self.linear(x, name + "query"), self.linear(x, name + "value")
        key = x @ self.weights[name + "key.weight"].T
        width = self.config.n_state // self.config.n_head
        heads = []
        for start in range(0, self.config.n_state, width):
            own = slice(start, start + width)
            heads.append(softmax(query[:, own] @ key[:, own].T / np.sqrt(width)) @ value[:, own])
        return self.linear(np.concatenate(heads, axis=1), name + "out")

    def linear(self, x: Array, name: str) -> Array:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def normalise(self, x: Array, name: str) -> Array:
        centred = x - x.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5)
        return scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]


def gelu(x: Array) -> Array:
    return x * (1 + erf(x / np.sqrt(2))) / 2


def softmax(x: Array) -> Array:
    powers = np.exp(x - x.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("num_frames", LENGTHS)
def test_a_clip_alone_is_encoded_as_described(tiny_model: TinyModel, clip: Clip, num_frames: int) -> None:
    model = tiny_model()
    waveform = clip(num_frames)

    (found,) = model.encode_audio([waveform])

    assert found.shape == (clip_lengths(num_frames).tokens + 2, TINY_CONFIG.hidden_size)
    np.testing.assert_allclose(found, PlainTower(model).encode(waveform), atol=1e-4)


def test_other_numbers_of_mel_bins_heads_and_layers_are_read_from_the_configuration(
    tiny_model: TinyModel, clip: Clip
) -> None:
    audio = replace(TINY_CONFIG.audio, n_mels=40, n_head=2, n_layer=3, n_state=20, n_ctx=100)
    model = tiny_model(audio=audio)

    (found,) = model.encode_audio([clip(16_000)])

    np.testing.assert_allclose(found, PlainTower(model).encode(clip(16_000)), atol=1e-4)


def test_a_clip_has_the_same_vectors_whatever_its_neighbours(tiny_model: TinyModel, clip: Clip) -> None:
    model = tiny_model()
    waveforms = [clip(num_frames, seed) for seed, num_frames in enumerate(LENGTHS)]

    together = model.encode_audio(waveforms)

    for waveform, found in zip(waveforms, together, strict=True):
        torch.testing.assert_close(found, model.encode_audio([waveform])[0], atol=1e-5, rtol=0)


def test_a_clip_has_the_same_vectors_beside_a_much_longer_one(
    tiny_model: TinyModel, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.qwen_audio.audio_tower.MAX_STRETCH", 1000)
    model = tiny_model()

    together = model.encode_audio([clip(1_300, 1), clip(480_000), clip(20_001, 2)])

    for waveform, found in zip((clip(1_300, 1), clip(20_001, 2)), together[::2], strict=True):
        torch.testing.assert_close(found, model.encode_audio([waveform])[0], atol=1e-5, rtol=0)


def test_what_comes_after_thirty_seconds_is_not_heard(tiny_model: TinyModel, clip: Clip) -> None:
    waveform = clip(500_000)

    longer, cut = (tiny_model().encode_audio([one])[0] for one in (waveform, waveform[:480_000]))

    assert longer.shape[0] == 752
    assert longer.equal(cut)


def test_a_clip_that_has_no_room_in_the_tower_is_rejected(tiny_model: TinyModel, clip: Clip) -> None:
    model = tiny_model(audio=replace(TINY_CONFIG.audio, n_ctx=49))

    with pytest.raises(ClipRejectedError, match="takes 50 positions of 20 ms, the tower has only 49"):
        model.encode_audio([clip(16_000)])


def test_clips_of_similar_length_go_together_and_short_ones_not_with_long_ones() -> None:
    assert list(similar_lengths([100, 10, 120, 11, 1500])) == [[1, 3], [0, 2], [4]]
    assert list(similar_lengths([])) == []


def test_fresh_positions_are_sines_then_cosines_of_growing_wavelengths() -> None:
    found = sinusoids(3, 8)

    for position in range(3):
        angles = [position / 10_000 ** (i / 3) for i in range(4)]  # Whisper's: the last rate is 1 / 10,000
        np.testing.assert_allclose(found[position], [*np.sin(angles), *np.cos(angles)], atol=1e-6)
