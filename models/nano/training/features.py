"""Stage 2: the log-mel of every clip, once, as one file that is mapped into memory."""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluate.audio import load_waveform
from evaluate.digests import digest
from evaluate.progress import progress_bar
from evaluate.types import AudioRef
from models.qwen_audio.front_end import SAMPLE_RATE_HZ, tower_input

NUM_MELS = 80
FRAMES, STARTS = "features.f16", "features.npz"
CHUNK = 64  # clips that a process is given at once


class Features:
    """Log-mels of clips, one behind the other.

    Args:
        folder: With what `write_features` wrote.
    """

    def __init__(self, folder: Path) -> None:
        stored = np.load(folder / STARTS)
        self.source = str(stored["source"])  # a hash of which files they are of
        self._starts: NDArray[np.int64] = stored["starts"]  # (num_clips + 1,)
        self._frames = np.memmap(folder / FRAMES, np.float16, "r").reshape(-1, NUM_MELS)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def num_frames(self, clip: int) -> int:
        """Return how many mel frames a clip has; an even number."""
        return int(self._starts[clip + 1] - self._starts[clip])

    def __getitem__(self, clip: int) -> NDArray[np.float32]:
        """Return a clip's log-mel, shape (frames, NUM_MELS)."""
        frames: NDArray[np.float32] = self._frames[self._starts[clip] : self._starts[clip + 1]].astype(np.float32)
        return frames


def write_features(folder: Path, clips: Sequence[Path]) -> None:
    """Compute the log-mels of all clips, on all processors; those that are there of the same files are kept."""
    source = digest([[str(clip), clip.stat().st_size, clip.stat().st_mtime_ns] for clip in clips])
    if (folder / STARTS).is_file() and str(np.load(folder / STARTS)["source"]) == source:
        return
    (folder / STARTS).unlink(missing_ok=True)  # comes last: with it the features are complete
    starts = [0]
    with (
        (folder / FRAMES).open("wb") as raw,
        progress_bar("features", num_samples=len(clips)) as advance,
        ProcessPoolExecutor(mp_context=get_context("spawn")) as processes,
    ):
        for features in processes.map(_features, clips, chunksize=CHUNK):
            raw.write(features.tobytes())
            starts.append(starts[-1] + len(features))
            advance(1, 0.0)
    np.savez(folder / STARTS, starts=np.array(starts, dtype=np.int64), source=source)


def _features(path: Path) -> NDArray[np.float16]:
    import torch

    torch.set_num_threads(1)  # each process has a processor
    waveform = load_waveform(AudioRef(path), sample_rate_hz=SAMPLE_RATE_HZ)
    features: NDArray[np.float16] = tower_input(waveform, num_mels=NUM_MELS).T.contiguous().numpy().astype(np.float16)
    return features
