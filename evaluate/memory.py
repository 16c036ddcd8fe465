"""How much memory this process has taken at most, for run.json, and how to make a million records in it."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Do without the collector of cyclic garbage while many records are made that will stay.

    It would look through all that are there already, again and again: a sixth of the time that a large split takes.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def peak_memory() -> dict[str, int]:
    """Return the peaks since the process started, in bytes: `peak_memory_bytes`, and of GPUs `peak_gpu_memory_bytes`.

    Processes that a model has for itself are not in it. What cannot be told here is left out.
    """
    peaks = {}
    try:
        import resource  # not on Windows
    except ImportError:
        pass
    else:
        unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, others KiB
        peaks["peak_memory_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    torch = sys.modules.get("torch")  # what is not imported has taken no memory
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        devices = range(torch.cuda.device_count())
        peaks["peak_gpu_memory_bytes"] = sum(int(torch.cuda.max_memory_allocated(device)) for device in devices)
    return peaks
