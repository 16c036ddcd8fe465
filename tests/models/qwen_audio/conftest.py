"""Tiny random models, clips and vocabularies that the tests of Qwen-Audio share."""

import base64
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.qwen_audio.config import AudioConfig, QwenAudioConfig
from models.qwen_audio.front_end import clip_lengths
from models.qwen_audio.prompt import PreparedPrompt
from models.qwen_audio.tiny import TINY_CONFIG, write_checkpoint
from models.qwen_audio.tokenizer import QwenTokenizer

Waveform = NDArray[np.float32]
START, END = TINY_CONFIG.audio.audio_start_id, TINY_CONFIG.audio.audio_end_id
PLACEHOLDER = 464  # any id: it is overwritten


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads that wait for each other cost more than these models do."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def released_config() -> QwenAudioConfig:
    """What the released config.json says."""
    return QwenAudioConfig(
        audio=AudioConfig(
            n_mels=80,
            n_ctx=1500,
            n_state=1280,
            n_head=20,
            n_layer=32,
            output_dim=4096,
            audio_start_id=155163,
        ),
        seq_length=2048,
        vocab_size=155947,
        layer_norm_epsilon=1e-5,
    )


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """A random model in float32; changes to the configuration by name, `tiny_model(seq_length=16)`."""
    import torch

    from models.qwen_audio.loading import load_checkpoint

    made: dict[QwenAudioConfig, Any] = {}

    def make(**changes: Any) -> Any:
        config = replace(TINY_CONFIG, **changes)
        if config not in made:
            folder = tmp_path_factory.mktemp("qwen-audio")
            write_checkpoint(folder, config)
            made[config] = load_checkpoint(folder, dtype=torch.float32)
        return made[config]

    return make


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("qwen-audio") / "tiny"
    write_checkpoint(folder)
    return folder


@pytest.fixture(scope="session")
def clip() -> Callable[..., Waveform]:
    """Noise that swells and fades; `clip(num_frames, seed)`."""

    def make(num_frames: int, seed: int = 0) -> Waveform:
        rng = np.random.default_rng(seed)
        swell = np.abs(np.sin(np.arange(num_frames) / 3000.0 + seed))
        return (0.3 * swell * rng.standard_normal(num_frames)).astype(np.float32)

    return make


@pytest.fixture(scope="session")
def prompt() -> Callable[..., PreparedPrompt]:
    """A prompt of ids and clips in order: `prompt([1, 2], waveform, [3])`."""

    def make(*parts: list[int] | Waveform) -> PreparedPrompt:
        ids: list[int] = []
        waveforms = []
        for part in parts:
            if isinstance(part, list):
                ids += part
                continue
            ids += [START, *[PLACEHOLDER] * clip_lengths(part.size).tokens, END]
            waveforms.append(part)
        return PreparedPrompt(tuple(ids), tuple(waveforms))

    return make


def made_ranks() -> dict[bytes, int]:
    """All bytes, then some common pieces, then pairs of letters, 1,024 in all."""
    tokens = [bytes([byte]) for byte in range(256)]
    tokens += [b" t", b" the", b"\n\n", b"12", *b"th he in the ing and ion ent for tion".split()]
    for first in b"abcdefghijklmnopqrstuvwxyz ":
        tokens += [bytes([first, second]) for second in b"abcdefghijklmnopqrstuvwxyz|>:"]
    made = list(dict.fromkeys(tokens))[:1024]
    assert len(made) == 1024
    return {token: rank for rank, token in enumerate(made)}


def write_ranks(path: Path, ranks: Mapping[bytes, int]) -> Path:
    path.write_bytes(b"".join(b"%s %d\n" % (base64.b64encode(token), rank) for token, rank in ranks.items()))
    return path


@pytest.fixture(scope="session")
def ranks() -> dict[bytes, int]:
    return made_ranks()


@pytest.fixture
def vocabulary(ranks: dict[bytes, int], tmp_path: Path) -> Path:
    return write_ranks(tmp_path / "qwen.tiktoken", ranks)


@pytest.fixture(scope="session")
def small(ranks: dict[bytes, int]) -> QwenTokenizer:
    return QwenTokenizer(ranks)


@pytest.fixture
def released(corpora: Path) -> QwenTokenizer:
    """The tokenizer of the released checkpoints."""
    path = corpora.parent / "reference" / "qwen.tiktoken"
    if not path.is_file():
        pytest.skip(f"no vocabulary of the checkpoint in {path}")
    return _read_once(path)


@cache
def _read_once(path: Path) -> QwenTokenizer:
    return QwenTokenizer.from_file(path)
