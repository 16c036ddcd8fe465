"""A sample's clips as a browser can play them: whole files of common kinds as they are, everything else decoded.

Only what is audio is given out, whatever a log names: a run may come from somebody else.
"""

import io
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, Literal

import soundfile

from evaluate.audio import inspect_audio, load_waveform
from evaluate.containers import container_format
from evaluate.errors import AudioDecodeError
from evaluate.types import AudioRef

# What Chromium, Firefox and Safari play; kinds and subkinds as libsndfile calls them.
_SOUND_FILE_TYPES = {
    "WAV": "audio/wav",
    "WAVEX": "audio/wav",
    "FLAC": "audio/flac",
    "OGG": "audio/ogg",
    "MP3": "audio/mpeg",
}
_PLAYED_SUBTYPES = ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "VORBIS", "OPUS", "MPEG_LAYER_III")
_CONTAINER_TYPES = {"mov": "video/mp4", "matroska": "video/webm", "mp3": "audio/mpeg"}
_DECODED_TYPES = {"WAV": "audio/wav", "FLAC": "audio/flac"}


def clip_refs(sample: dict[str, Any]) -> list[AudioRef]:
    """Return where the clips of a sample of the page's data are."""
    spans = sample["spans"] or [[0, None]] * len(sample["audio"])
    return [
        AudioRef(Path(path), float(start_s), None if duration_s is None else float(duration_s))
        for path, (start_s, duration_s) in zip(sample["audio"], spans, strict=True)
    ]


def open_clip(ref: AudioRef, kind: Literal["WAV", "FLAC"]) -> tuple[str, BinaryIO]:
    """Return a clip's media type and its bytes: the file itself, or what was decoded of it, as `kind`.

    Raises:
        AudioDecodeError: There is no such file, or it is no audio.
    """
    try:
        if media_type := _playable_type(ref):
            return media_type, ref.path.open("rb")
        return _DECODED_TYPES[kind], io.BytesIO(_decoded(ref, kind))
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL
        raise AudioDecodeError(f"{ref.path}: cannot be read ({error})") from error


def _playable_type(ref: AudioRef) -> str:
    """Return the media type of a clip that is a whole file which browsers play, "" for what is to be decoded."""
    inspect_audio(ref.path)
    if ref.start_s or ref.duration_s is not None:
        return ""
    if container := container_format(ref.path):
        return _CONTAINER_TYPES.get(container, "")
    header = soundfile.info(str(ref.path))
    return _SOUND_FILE_TYPES.get(header.format, "") if header.subtype in _PLAYED_SUBTYPES else ""


@lru_cache(maxsize=8)  # a player asks for one clip in many parts
def _decoded(ref: AudioRef, kind: Literal["WAV", "FLAC"]) -> bytes:
    """Return a clip as models hear it, but at the file's own rate: mono, 16 bit."""
    rate_hz = inspect_audio(ref.path).sample_rate_hz
    waveform = load_waveform(ref, sample_rate_hz=rate_hz)
    file = io.BytesIO()
    try:
        soundfile.write(file, waveform, rate_hz, format=kind, subtype="PCM_16")
    except soundfile.LibsndfileError as error:  # FLAC ends at 655 350 Hz
        raise AudioDecodeError(f"{ref.path}: cannot be written as {kind} at {rate_hz} Hz ({error})") from error
    return file.getvalue()
