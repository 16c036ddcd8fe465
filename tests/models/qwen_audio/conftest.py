"""Vocabularies: a made one of 1,024 ranks, and the checkpoint's own where it is."""

import base64
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

from models.qwen_audio import QwenTokenizer


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
