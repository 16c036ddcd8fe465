"""What a run was made with and when: versions, machine, commit, command line, time, and the memory that it took."""

import platform
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from evaluate import __version__
from evaluate.secrets import redact

RECORDED_PACKAGES = (
    *("torch", "transformers", "tokenizers", "numpy", "huggingface-hub", "datasets"),
    *("soundfile", "soxr", "av", "rapidfuzz", "sacrebleu", "wetext", "zhconv", "num2words", "whisper-normalizer"),
    *("scipy", "scikit-learn", "faster-whisper", "ctranslate2", "accelerate", "peft", "torchaudio", "torchvision"),
    *("mistral-common", "sentencepiece", "httpx2", "ray"),
)
_LAST_YEAR = 9000  # a time beyond is none, and little could be added to it


def environment() -> dict[str, Any]:
    """Return what the machine and its packages are, for run.json."""
    import soundfile

    return {
        "otoscope": __version__,
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": package_versions(),
        "libsndfile": soundfile.__libsndfile_version__,  # which decodes; wheels bring their own, others the system's
    }


@cache
def package_versions() -> dict[str, str]:
    """Return the versions of the packages that answers and scores depend on, those that are installed."""
    packages = {}
    for name in RECORDED_PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return packages


def _git_commit() -> str | None:
    """Return the commit of the checkout that this code runs from, None for an installed package."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def now(after: Iterable[str] = ()) -> str:
    """Return the time in UTC, to the microsecond, as ISO 8601.

    Args:
        after: Times that it must be later than, also where the clock has been set back since; what is no time is passed
            over.
    """
    moment = datetime.now(UTC)
    for text in after:
        with suppress(ValueError, TypeError, OverflowError):
            given = datetime.fromisoformat(text).astimezone(UTC)
            if given.year < _LAST_YEAR:
                moment = max(moment, given + timedelta(microseconds=1))
    return moment.isoformat(timespec="microseconds")


def command_line() -> list[str]:
    """Return the command as typed, with what looks like a secret replaced."""
    return [redact(word) for word in ["otoscope", *sys.argv[1:]]]


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
