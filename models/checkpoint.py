"""What adapters of transformers checkpoints share: where a checkpoint is, what identifies it, device and dtype."""

import json
import math
from pathlib import Path
from typing import Any

from evaluate.digests import checkpoint_digest
from evaluate.errors import MachineError, ModelLoadError, RequestError

# Weights, configuration, tokenizer.
HASHED_FILES = ("*.safetensors", "*.bin", "*.pt", "*.json", "*.txt", "*.model", "*.tiktoken", "*.jinja")
DTYPES = ("auto", "float32", "float16", "bfloat16")


class Checkpoint:
    """A checkpoint in Hugging Face format: a local folder, or a hub id that is fetched when first needed.

    Args:
        where: Folder or hub id (`owner/name`).
        revision: Branch, tag or commit of a hub id.

    Raises:
        RequestError: `where` can only be a folder, and there is none, or it holds no checkpoint.
    """

    def __init__(self, where: str, *, revision: str = "main") -> None:
        if not where:
            raise RequestError("no checkpoint named; expected a folder or a hub id after the colon, like owner/name")
        where = str(Path(where).expanduser()) if where.startswith("~") else where
        self.where = where
        self.revision = revision
        self.folder: Path | None = Path(where) if Path(where).is_dir() else None
        looks_like_path = where.startswith((".", "/", "~")) or where.count("/") != 1
        if self.folder is None and looks_like_path:
            raise RequestError(f"{where!r}: no such folder, expected a checkpoint's folder or a hub id like owner/name")
        if self.folder is not None and not (self.folder / "config.json").is_file():
            raise RequestError(f"{where}: no config.json in it, expected a checkpoint in Hugging Face format")

    @property
    def name(self) -> str:
        """The hub id, or the folder's own name."""
        return self.where if self.folder is None else self.folder.resolve().name

    def read_config(self, file_name: str) -> dict[str, Any]:
        """Return one of the checkpoint's JSON files, {} where it has none.

        Raises:
            ModelLoadError: The hub cannot be reached, or the file is damaged.
        """
        path = self._file(file_name)
        if path is None:
            return {}
        try:
            config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ModelLoadError(f"{path}: not valid JSON ({error}); get the checkpoint again") from error
        return config

    def has_chat_template(self) -> bool:
        """Return whether the checkpoint brings a chat template of its own.

        Raises:
            ModelLoadError: The hub cannot be reached, or a file is damaged.
        """
        if any(self._file(name) for name in ("chat_template.jinja", "chat_template.json")):
            return True
        return any("chat_template" in self.read_config(f"{name}_config.json") for name in ("processor", "tokenizer"))

    def commit(self) -> str:
        """Return what identifies the weights: the hub's commit, or a hash of a folder's files."""
        if self.folder is None:
            config = self._file("config.json")
            return config.parent.name if config else self.revision
        files = [path for pattern in HASHED_FILES for path in self.folder.glob(pattern)]
        return checkpoint_digest(files)

    def num_weights(self) -> int | None:
        """Return how many numbers the weights hold, None where that is not told without loading them."""
        if self.folder is None:
            from huggingface_hub import get_safetensors_metadata

            try:
                counts = get_safetensors_metadata(self.where, revision=self.revision).parameter_count
            except Exception:  # no network, another format: loading says what is wrong, if anything is
                return None
            return sum(int(count) for count in counts.values())
        from safetensors import SafetensorError, safe_open

        total = 0
        for path in self._weight_files(self.folder):
            try:
                with safe_open(path, framework="np") as weights:
                    total += sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
            except (SafetensorError, OSError):  # damaged: loading says so
                return None
        return total or None

    def _weight_files(self, folder: Path) -> list[Path]:
        """Return the files that transformers loads: some checkpoints hold the same weights in another form besides."""
        index = self.read_config("model.safetensors.index.json").get("weight_map")
        if isinstance(index, dict):
            return sorted({folder / str(name) for name in index.values()})
        whole = folder / "model.safetensors"
        return [whole] if whole.is_file() else sorted(folder.glob("*.safetensors"))

    def _file(self, file_name: str) -> Path | None:
        if self.folder is not None:
            path = self.folder / file_name
            return path if path.is_file() else None
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, LocalEntryNotFoundError
        from huggingface_hub.utils import logging

        logging.set_verbosity_error()  # one line of ours instead of one for each of its tries
        try:
            return Path(hf_hub_download(self.where, file_name, revision=self.revision))
        except LocalEntryNotFoundError as error:  # a subclass of EntryNotFoundError: the hub was not asked at all
            raise ModelLoadError(
                f"{self.where}: no such folder here, not in the hub's local cache, and the hub cannot be reached; "
                "check the name and the network"
            ) from error
        except EntryNotFoundError:
            return None
        except (HfHubHTTPError, OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelLoadError(
                f"{self.where}: the hub does not give it ({reason}); is the id right, is it gated?"
            ) from error


def resolve_device(device: str) -> str:
    """Return the device to run on: what was asked for, or CUDA where there is one.

    Raises:
        MachineError: CUDA was asked for and is not there.
    """
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise RequestError(f"unknown device {device!r}; expected auto, cpu, cuda or cuda:N") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise MachineError(f"device {device!r} was asked for, but torch {torch.__version__} sees no CUDA device here")
    return device


def check_dtype(dtype: str) -> str:
    """Return a dtype's name if it is one.

    Raises:
        RequestError: It is not.
    """
    if dtype not in DTYPES:
        raise RequestError(f"unknown dtype {dtype!r}; expected one of {', '.join(DTYPES)}")
    return dtype
