"""From a checkpoint's shards to a model, without a second copy in memory.

The model is built without memory; every tensor of the shards is mapped from its file and becomes the parameter itself
where dtype and device are the wanted ones, and is converted by itself, one after the other, where not.
"""

import json
import pickle
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from evaluate.errors import ModelLoadError
from models.checkpoint import check_dtype
from models.onednn import speed_up_linear_layers
from models.qwen_audio.config import QwenAudioConfig
from models.qwen_audio.model import QwenAudioModel

INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
SINGLE_FILES = ("model.safetensors", "pytorch_model.bin")
HUB_FILES = ("*.json", "*.tiktoken")  # besides weights
NAMES_SHOWN = 30
Shape = tuple[int, ...]


def load_checkpoint(folder: Path, *, dtype: torch.dtype, device: str = "cpu") -> QwenAudioModel:
    """Return the model of a checkpoint's folder, ready for inference.

    Where dtype and device are those of the files, the weights are the mapped files: leave them as they are meanwhile.

    Args:
        folder: Holds `config.json` and weights as safetensors or PyTorch files, in shards or one.
        dtype: Of all weights.
        device: Where they go.

    Raises:
        ModelLoadError: A file is missing or damaged, the weights are not the configuration's, or do not fit.
    """
    config = QwenAudioConfig.from_folder(folder)
    model = build_empty(config)
    files = _weight_files(folder)
    shapes = {path: _reading(path, _shapes) for path in files}
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if config.tie_word_embeddings:
        del wanted["lm_head.weight"]
    found = {name: shape for per_file in shapes.values() for name, shape in per_file.items()}
    _check_names(folder, wanted, {name: shape for name, shape in found.items() if not _is_ignored(name, config)})
    state: dict[str, Tensor] = {}
    for path in files:
        names = [name for name in shapes[path] if name in wanted]
        state.update(_reading(path, partial(_converted, names=names, dtype=dtype, device=device)))
    model.load_state_dict(state, assign=True, strict=not config.tie_word_embeddings)
    if config.tie_word_embeddings:
        model.lm_head.weight = model.transformer.wte.weight
    if device == "cpu" and dtype == torch.float32:
        speed_up_linear_layers(model)
    return model


def build_empty(config: QwenAudioConfig) -> QwenAudioModel:
    """Return a model of a shape whose parameters take no memory."""
    with torch.device("meta"):
        return QwenAudioModel(config)


def fetch(hub_id: str, *, revision: str = "main") -> Path:
    """Return the folder with a hub checkpoint's files, fetched where they are not here yet.

    Raises:
        ModelLoadError: The hub does not give them.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    def download(*patterns: str) -> Path:
        try:
            return Path(snapshot_download(hub_id, revision=revision, allow_patterns=list(patterns)))
        except (HfHubHTTPError, OSError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelLoadError(
                f"{hub_id}: the hub does not give it ({reason}); is the id right, is it gated, is there a network?"
            ) from error

    folder = download(*HUB_FILES)
    for index_name, single in zip(INDEXES, SINGLE_FILES, strict=True):  # one kind of weights, where there are two
        index = folder / index_name
        download(*(_files_of_index(index) if index.is_file() else [single]))
        if index.is_file() or (folder / single).is_file():
            break
    return folder


def resolve_dtype(dtype: str | torch.dtype, device: str) -> torch.dtype:
    """Return the dtype of a name; `auto` is the released code's choice: bfloat16 or float16 on CUDA, else float32.

    Raises:
        RequestError: It is none that weights may have.
    """
    named = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16"}.get(str(dtype), str(dtype).split(".")[-1])
    if check_dtype(named) != "auto":
        found: torch.dtype = getattr(torch, named)
        return found
    if torch.device(device).type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _weight_files(folder: Path) -> list[Path]:
    """Return the files that hold the weights, safetensors before PyTorch's own."""
    for index_name, single in zip(INDEXES, SINGLE_FILES, strict=True):
        index = folder / index_name
        if index.is_file():
            paths = [folder / name for name in _files_of_index(index)]
            absent = [path.name for path in paths if not path.is_file()]
            if absent:
                raise ModelLoadError(f"{index}: names {_some(absent)}, not in the folder; get the checkpoint again")
            return paths
        if (folder / single).is_file():
            return [folder / single]
    raise ModelLoadError(f"{folder}: no weights in it, expected one of {', '.join([*INDEXES, *SINGLE_FILES])}")


def _files_of_index(index: Path) -> list[str]:
    try:
        return sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelLoadError(f"{index}: no index of shards ({error!r}); get the checkpoint again") from error


def _reading(path: Path, read: Callable[[Path], Any]) -> Any:
    """Return what `read` makes of a file of weights; say which file it was where that fails."""
    from safetensors import SafetensorError

    try:
        return read(path)
    except torch.OutOfMemoryError as error:
        raise ModelLoadError(f"{path}: the weights do not fit on the device; free memory or use another one") from error
    except (
        SafetensorError,
        pickle.UnpicklingError,
        RuntimeError,
        OSError,
        EOFError,
        ValueError,
        AttributeError,
    ) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelLoadError(f"{path}: cannot be loaded ({reason}); is the file whole?") from error


def _shapes(path: Path) -> dict[str, Shape]:
    """Return the names and shapes in a file; no weights are read."""
    if path.suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    return {name: tuple(tensor.shape) for name, tensor in _load_mapped(path).items()}


def _converted(path: Path, *, names: list[str], dtype: torch.dtype, device: str) -> dict[str, Tensor]:
    tensor_of = _open(path)
    tensors = {}
    for name in names:
        mapped = tensor_of(name)
        ready = mapped.to(device=device, dtype=dtype)
        if ready is not mapped:
            # What was read of a mapped file stays in memory until it is unmapped: half as much again for a conversion.
            del mapped
            tensor_of = _open(path)
        tensors[name] = ready
    return tensors


def _open(path: Path) -> Callable[[str], Tensor]:
    if path.suffix == ".safetensors":
        from safetensors import safe_open

        tensor_of: Callable[[str], Tensor] = safe_open(path, framework="pt").get_tensor
        return tensor_of
    return _load_mapped(path).__getitem__


def _load_mapped(path: Path) -> dict[str, Tensor]:
    tensors: dict[str, Tensor]
    try:
        tensors = torch.load(path, map_location="cpu", mmap=True, weights_only=True)
    except RuntimeError as error:
        if "_use_new_zipfile_serialization" not in str(error) or path.stat().st_size == 0:
            raise
        tensors = torch.load(path, map_location="cpu", weights_only=True)  # of a time before files could be mapped
    return tensors


def _is_ignored(name: str, config: QwenAudioConfig) -> bool:
    is_old_buffer = name.startswith("transformer.h.") and name.endswith(".attn.masked_bias")
    return is_old_buffer or (config.tie_word_embeddings and name == "lm_head.weight")


def _check_names(folder: Path, wanted: Mapping[str, Shape], found: Mapping[str, Shape]) -> None:
    """Raise unless a checkpoint has exactly the tensors that its configuration asks for."""
    missing = [name for name in wanted if name not in found]
    unexpected = [name for name in found if name not in wanted]
    misshapen = [
        f"{name} {list(found[name])} instead of {list(shape)}"
        for name, shape in wanted.items()
        if name in found and found[name] != shape
    ]
    faults = [
        f"{len(names)} {kind}: {_some(names)}"
        for kind, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", misshapen))
        if names
    ]
    if faults:
        raise ModelLoadError(f"{folder}: the weights are not those of its config.json; {'; '.join(faults)}")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more
