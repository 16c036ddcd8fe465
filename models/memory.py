"""Whether a checkpoint has room, told before anything is loaded, and where it goes: one device, or several GPUs."""

from typing import Any

from evaluate.errors import ModelLoadError
from models.checkpoint import Checkpoint

HEADROOM = 1.1  # for buffers beside the weights; what a batch takes is found out by halving


def refuse_too_large(checkpoint: Checkpoint, device: str, bytes_per_weight: int, *, may_split: bool) -> dict[str, Any]:
    """Return the settings of `from_pretrained` that place the weights: {} for one device, or a device map.

    Args:
        checkpoint: What is loaded.
        device: Where it should go.
        bytes_per_weight: In the dtype it is loaded in.
        may_split: Whether several GPUs may share it, if one has no room.

    Raises:
        ModelLoadError: There is no room, or accelerate, which spreads it, is not installed.
    """
    num_weights = checkpoint.num_weights()
    if num_weights is None:  # not told without loading: then loading tells
        return {}
    needed = int(num_weights * bytes_per_weight * HEADROOM)
    free = free_bytes(device)
    if needed <= free[0]:
        return {}
    if may_split and needed <= sum(free):
        try:
            import accelerate  # noqa: F401  # transformers needs it for a device map
        except ImportError as error:
            raise ModelLoadError(
                f'{checkpoint.where}: no one GPU has room for it; pip install "otoscope[accelerate]" spreads it'
            ) from error
        return {"device_map": "auto"}
    where = f"{device} has {_gib(free[0])} free"
    if len(free) > 1:
        where += f", all {len(free)} GPUs have {_gib(sum(free))}"
    raise ModelLoadError(
        f"{checkpoint.where}: its {num_weights / 1e9:.1f}e9 weights need {_gib(needed)}, {where}; "
        "take a smaller dtype (--dtype bfloat16), another device or a smaller model"
    )


def free_bytes(device: str) -> list[int]:
    """Return free memory in bytes: that of the device, then, for CUDA, of the other GPUs."""
    if not device.startswith("cuda"):
        import psutil

        return [psutil.virtual_memory().available]
    import torch

    first = torch.device(device).index or 0
    others = [number for number in range(torch.cuda.device_count()) if number != first]
    return [torch.cuda.mem_get_info(number)[0] for number in (first, *others)]


def _gib(num_bytes: float) -> str:
    return f"{num_bytes / 2**30:.1f} GiB"
