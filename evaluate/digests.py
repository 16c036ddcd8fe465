"""Hashes that tell one run, corpus or file from another, the same on every machine."""

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from stat import S_ISREG
from typing import Any

from evaluate.types import Sample

_BLOCK_BYTES = 4096
# Of each file of a checkpoint so many blocks: a change to any one layer shows, and gigabytes need not be read through.
_CHECKPOINT_BLOCKS = 1024
# Opening a pipe waits for its other end unless told not to; Windows has neither pipes like that nor the flag.
_READ_ONLY = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def digest(value: Any) -> str:
    """Return a hash of a JSON-ready value, the same on every machine."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def corpus_fingerprint(samples: Sequence[Sample]) -> str:
    """Return a hash of ids, prompts, references, and spans, sizes and excerpts of the audio, in order.

    An excerpt is a block from the start, the middle and the end of a file: reading every byte of a corpus before each
    start would cost more than it tells. The hash is the same wherever the corpus lies.
    """
    running = hashlib.sha256()
    for sample in samples:
        audio = [(file_digest(ref.file), ref.start_s, ref.duration_s) for ref in sample.audio]
        item = [sample.id, sample.prompt, sample.references, sample.choices, sample.language, audio]
        if sample.turns:
            item.append(turns_of(sample))
        running.update(json.dumps(item).encode())
    return running.hexdigest()[:16]


def turns_of(sample: Sample) -> list[tuple[str, str, int]]:
    """Return a conversation in a form that can be hashed."""
    return [(turn.role, turn.text, turn.num_clips) for turn in sample.turns]


def whole_file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checkpoint_digest(files: Iterable[Path]) -> str:
    """Return a hash of files by their names, wherever they lie."""
    return digest({path.name: file_digest(path, num_blocks=_CHECKPOINT_BLOCKS) for path in files})[:16]


def file_digest(path: str | Path, *, num_blocks: int = 3) -> str | None:
    """Return a hash of a file's size and of blocks spread evenly over it; None for what is no file, or unreadable."""
    running = hashlib.sha256()
    try:
        descriptor = os.open(path, _READ_ONLY)
        try:
            status = os.fstat(descriptor)
            if not S_ISREG(status.st_mode):
                return None
            running.update(str(status.st_size).encode())
            last = status.st_size - _BLOCK_BYTES
            offsets = {last * number // max(1, num_blocks - 1) for number in range(num_blocks)} if last > 0 else {0}
            for offset in sorted(offsets):
                running.update(os.pread(descriptor, _BLOCK_BYTES, offset))
        finally:
            os.close(descriptor)
    except (OSError, ValueError):  # ValueError: a name with a NUL
        return None
    return running.hexdigest()[:16]
