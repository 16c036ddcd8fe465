"""Audio of a dataset as files: those that are there are pointed at, what is inside the dataset is written once.

Bytes are written as they came, never encoded anew. Each file is named after its sample, so that a copy of a corpus has
the files, and with them the fingerprint, of the corpus itself.
"""

import hashlib
import io
import tempfile
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from evaluate.audio import MAX_RATE_HZ, MIN_RATE_HZ
from evaluate.errors import ManifestError
from evaluate.results import slug
from evaluate.types import AudioRef

# How files begin; libsndfile reads those up to .mp3, what follows gets its name so that a message is plain.
_BEGINNINGS = (
    *((b"RIFF", ".wav"), (b"RF64", ".wav"), (b"fLaC", ".flac"), (b"OggS", ".ogg"), (b"FORM", ".aiff")),
    *((b".snd", ".au"), (b"caff", ".caf"), (b"ID3", ".mp3"), (b"\xff\xfb", ".mp3"), (b"\xff\xfa", ".mp3")),
    *((b"\xff\xf3", ".mp3"), (b"\xff\xf2", ".mp3"), (b"\xff\xe3", ".mp3"), (b"\x1aE\xdf\xa3", ".webm")),
)


_FETCHED = ("hf://", "zip://", "tar://", "gzip://")


class AudioFolder:
    """The folder that holds what was inside a dataset.

    Args:
        folder: Made when the first file is written.
        root: Of a local dataset: paths may be relative to it.
    """

    def __init__(self, folder: Path, *, root: Path | None) -> None:
        self._folder = folder
        self._root = root

    def refer(self, where: str, sample_id: str, value: Any) -> AudioRef:
        """Return where a sample's audio is, after writing it if it is no file yet.

        Args:
            where: Place of the row, for messages.
            sample_id: Names the file.
            value: A path, bytes, or a mapping that holds `bytes`, `path`, or `array` and `sampling_rate`.

        Raises:
            ManifestError: It is none of these.
            OSError: It cannot be fetched or written.
        """
        if isinstance(value, dict):
            if value.get("array") is not None:
                return self._write_array(where, sample_id, value)
            # The path beside bytes says where they once were.
            value = value.get("bytes") if value.get("bytes") is not None else value.get("path")
        if isinstance(value, bytes):
            return self._write_bytes(sample_id, value, "")
        if isinstance(value, str) and "://" in value:
            return self._fetch(where, sample_id, value)
        if isinstance(value, str) and value:
            return AudioRef(self._resolve(value))
        raise ManifestError(
            f"{where}: sample {sample_id!r}: audio is {_shown(value)}, expected a path, bytes, or array and "
            "sampling_rate; name its column with --dataset-arg audio=COLUMN"
        )

    def _fetch(self, where: str, sample_id: str, address: str) -> AudioRef:
        """Write what is at an address that the library gives out: a file of the hub, or a member of an archive."""
        # `zip://a.wav::https://…` would ask any address that a dataset names.
        is_within = all(part.startswith(_FETCHED) or "://" not in part for part in address.split("::"))
        if not (address.startswith(_FETCHED) and is_within):
            raise ManifestError(
                f"{where}: sample {sample_id!r}: audio is at {address[:100]!r}, expected a file of the dataset; "
                "download it"
            )
        import fsspec

        with fsspec.open(address, "rb") as file:
            return self._write_bytes(sample_id, file.read(), path_of(address).suffix)

    def _resolve(self, path: str) -> Path:
        """Return the file that a path means, seen from the dataset's own folder first."""
        inside = (self._root or Path()) / path  # an absolute path stays what it is
        return inside if inside.exists() or not Path(path).exists() else Path(path)

    def _write_bytes(self, sample_id: str, content: bytes, suffix: str) -> AudioRef:
        name = f"{slug(sample_id)}{_suffix(content) or suffix}"
        return self._write(name, content)

    def _write_array(self, where: str, sample_id: str, value: dict[str, Any]) -> AudioRef:
        """Write a waveform as WAV in float32: no value changes that a model would see."""
        from scipy.io import wavfile  # libsndfile puts the time into such files, so that no two would be equal

        waveform, rate_hz = np.asarray(value["array"]), value.get("sampling_rate")
        is_rate = isinstance(rate_hz, int) and MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ
        if waveform.ndim != 1 or waveform.dtype.kind != "f" or not is_rate:
            raise ManifestError(
                f"{where}: sample {sample_id!r}: audio is an array of shape {waveform.shape} and {waveform.dtype} at "
                f"{_shown(rate_hz)} Hz, expected one channel of floats in [-1, 1] and their sampling_rate"
            )
        memory = io.BytesIO()
        wavfile.write(memory, rate_hz, waveform.astype(np.float32))
        return self._write(f"{slug(sample_id)}.wav", memory.getvalue())

    def _write(self, name: str, content: bytes) -> AudioRef:
        """Write a file whole or not at all; one of this name that holds something else stays beside it.

        An id may come twice, two ids may give one file name, and a dataset may have changed since.
        """
        path = self._folder / name
        if path.exists() and not _holds(path, content):
            path = path.with_stem(f"{path.stem}-{hashlib.sha256(content).hexdigest()[:8]}")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as file:
                temporary = Path(file.name)
                try:
                    file.write(content)
                    file.close()
                    temporary.replace(path)
                finally:
                    temporary.unlink(missing_ok=True)
        return AudioRef(path)


def path_of(text: str) -> PurePosixPath:
    """Return the innermost path of a path or address: that of `zip://a/b.wav::https://…` is `a/b.wav`."""
    return PurePosixPath(text.partition("::")[0].rpartition("://")[2].replace("\\", "/"))


def _holds(path: Path, content: bytes) -> bool:
    return path.stat().st_size == len(content) and path.read_bytes() == content


def _suffix(content: bytes) -> str:
    """Return the suffix for what audio begins with, "" if that is unknown."""
    if content[4:8] == b"ftyp":
        return ".m4a"
    return next((suffix for beginning, suffix in _BEGINNINGS if content.startswith(beginning)), "")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
