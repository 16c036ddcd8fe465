"""What the BERTs of the caption metrics share: a local folder in Hugging Face format, its checks, and batches of texts.

Nothing is fetched: whoever wants such a metric puts the files into a folder.
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluate.digests import checkpoint_digest
from evaluate.errors import MetricUnavailableError

_IDENTIFYING_FILES = ("*.safetensors", "*.bin", "*.json", "*.txt")


class TextEncoder(NamedTuple):
    """A transformers encoder on its device, with its tokenizer."""

    model: Any
    tokenizer: Any

    @classmethod
    def of(cls, model: Any, tokenizer: Any, device: str | None) -> "TextEncoder":
        """Put a model on a device, by default CUDA where there is one.

        Raises:
            MetricUnavailableError: It does not fit there.
        """
        import torch

        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            return cls(model.to(device).eval(), tokenizer)
        except (RuntimeError, AssertionError) as error:  # an absent device, or one without room
            raise MetricUnavailableError(f"the model does not fit on {device} ({in_one_line(error)})") from error

    def tokenize(self, texts: list[str], max_tokens: int) -> Any:
        """Return ids, mask and token types, each of shape (texts, tokens), on the model's device."""
        batch = self.tokenizer(texts, padding=True, truncation=True, max_length=max_tokens, return_tensors="pt")
        return batch.to(self.model.device)


def map_distinct(
    texts: Iterable[str], apply: Callable[[list[str]], NDArray[np.float64]], batch_size: int
) -> dict[str, NDArray[np.float64]]:
    """Apply a model to each distinct text once; returns the row of each text.

    Longest first, as a batch then holds little padding, and one too large for the memory fails at once.
    """
    ordered = sorted(set(texts), key=lambda text: (-len(text), text))
    rows: dict[str, NDArray[np.float64]] = {}
    for start in range(0, len(ordered), batch_size):
        batch = ordered[start : start + batch_size]
        rows.update(zip(batch, apply(batch), strict=True))
    return rows


def check_encoder_files(folder: Path) -> None:
    """Raise `MetricUnavailableError` where configuration or vocabulary are missing."""
    if not (folder / "config.json").is_file():
        raise MetricUnavailableError(f"{folder}: no config.json in it, expected that of a BERT in Hugging Face format")
    # Checked here, as transformers makes up an empty vocabulary where there is none: every word is then unknown.
    if not any((folder / name).is_file() for name in ("tokenizer.json", "vocab.txt")):
        raise MetricUnavailableError(
            f"{folder}: neither tokenizer.json nor vocab.txt in it, expected the encoder's vocabulary"
        )


def load_tokenizer(folder: Path, config: Any) -> Any:
    """Return the tokenizer of a folder.

    Raises:
        MetricUnavailableError: It does not load, or has more tokens than the encoder of this configuration.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise unloadable(folder, error) from error
    if len(tokenizer) > config.vocab_size:
        raise MetricUnavailableError(
            f"{folder}: the vocabulary has {len(tokenizer)} tokens, the encoder {config.vocab_size}; these are not "
            "files of the same model"
        )
    return tokenizer


def folder_digest(folder: Path, *others: Path) -> str:
    """Return a hash of a folder's weights, configuration and vocabulary, and of other files, wherever they lie."""
    files = [*others, *(path for pattern in _IDENTIFYING_FILES for path in folder.glob(pattern))]
    return checkpoint_digest(files)


def read_json(path: Path) -> Any:
    """Return a JSON file of a checkpoint, {} where it has none."""
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise MetricUnavailableError(f"{path}: not valid JSON ({error}); get the file again") from error


def quieten_transformers() -> None:
    """Keep reports and progress bars of loading off the screen."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def unloadable(path: Path, error: Exception) -> MetricUnavailableError:
    """Return the error for files that are there but do not load."""
    return MetricUnavailableError(f"{path}: it does not load ({type(error).__name__}: {in_one_line(error)})")


def in_one_line(error: Exception) -> str:
    """Return an error's text without line breaks, cut to a length that can be read."""
    return " ".join(str(error).split())[:300]
