"""How much memory this process has taken at most, for run.json."""

import sys


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
