"""The audio of files that libsndfile does not read, or not rightly, decoded by PyAV (FFmpeg).

These are containers: MP4, QuickTime, Matroska, WebM, AVI, WMA; and MP3s whose first frame does not name their length,
as encoders write them into pipes: libsndfile reckons it from the size and the first frame's bit rate, and of a variable
rate plays perhaps a third.

A file is told by what it begins with, not by its name. Of several tracks the one that FFmpeg takes by default is heard.

What FFmpeg decodes is what counts: the encoder's delay is left out where the container names it, as MP4's edit lists
do; what fills up the last AAC frame, up to 1023 frames of silence, is not. Neither is known beforehand, so lengths are
found by decoding a file once, and a span by decoding from the file's start, since positions after a jump are not exact.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluate.errors import AudioDecodeError

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")  # one of which begins an MP4 or QuickTime file
_NAMES = {
    "mov": "an MP4 or QuickTime file",
    "matroska": "a Matroska or WebM file",
    "avi": "an AVI file",
    "asf": "a WMA or WMV file",
    "mp3": "an MP3 that does not say how long it is",
}
_ASF = bytes.fromhex("3026b2758e66cf11")
_TAG_WITHIN = 64  # bytes of an MP3's first frame in which a tag begins: header, side information, name
_SLACK_S = 0.1  # by which containers' lengths are wrong in files that are whole: delays, last frames
_REMEMBERED_FILES = 1 << 14


def container_format(path: Path) -> str:
    """Return FFmpeg's name for the format of a file that is FFmpeg's to read, "" for what is libsndfile's."""
    with path.open("rb") as file:
        head = file.read(12)
    if head[:3] == b"ID3" or _begins_mp3_frame(head):
        return "" if _names_its_length(path) else "mp3"
    if head[4:8] in _BOXES and int.from_bytes(head[:4], "big") <= path.stat().st_size:
        return "mov"
    if head[:4] == b"\x1aE\xdf\xa3":
        return "matroska"
    if head[:4] == b"RIFF" and head[8:] == b"AVI ":
        return "avi"
    return "asf" if head[:8] == _ASF else ""


def _begins_mp3_frame(head: bytes) -> bool:
    """Whether bytes begin a frame of MPEG layer III: eleven bits of 1, a version, and the layer."""
    return len(head) >= 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2


def _names_its_length(path: Path) -> bool:
    """Whether an MP3's first frame holds a tag with the number of frames; a file that begins otherwise passes."""
    with path.open("rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3" and len(head) == 10:  # it ends with the size of what follows: four times seven bits
            file.seek(10 + sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True)))
        else:
            file.seek(0)
        frame = file.read(_TAG_WITHIN)
    return not _begins_mp3_frame(frame) or any(tag in frame for tag in (b"Xing", b"Info", b"VBRI"))


def inspect_track(path: Path, container: str) -> tuple[int, int, int]:
    """Decode a file's audio track and return its frames, its rate in Hz and its channels.

    Args:
        path: The file.
        container: What `container_format` says of it.

    Raises:
        AudioDecodeError: PyAV is not installed, there is no audio in the file, or it is damaged or cut off.
    """
    status = path.stat()
    return _inspect(path, container, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=_REMEMBERED_FILES)
def _inspect(path: Path, container: str, size: int, changed_ns: int) -> tuple[int, int, int]:
    """Return the same, known already for a file that was measured and is now read."""
    del size, changed_ns  # another content is another question
    num_frames, rate_hz, num_channels = 0, 0, 0
    for block, of_block_hz in _decode(path, container):
        num_frames += len(block)
        rate_hz, num_channels = of_block_hz, block.shape[1]
    if not num_frames:
        raise AudioDecodeError(f"{path}: the file holds 0 frames of audio; copy it again from the corpus")
    return num_frames, rate_hz, num_channels


def read_track(path: Path, container: str, *, start: int, num_frames: int) -> NDArray[np.float32]:
    """Read a span of a file's audio track.

    Returns:
        Shape (num_frames, num_channels), in [-1, 1]; shorter where the track ends before.

    Raises:
        AudioDecodeError: As `inspect_track`.
    """
    blocks: list[NDArray[np.float32]] = []
    position = 0
    for block, _ in _decode(path, container):
        wanted = block[max(0, start - position) : max(0, start + num_frames - position)]
        if len(wanted):  # an empty part would hold on to its block
            blocks.append(wanted)
        position += len(block)
        if position >= start + num_frames:
            break
    return np.concatenate(blocks) if blocks else np.zeros((0, 1), dtype=np.float32)


def _decode(path: Path, container: str) -> Iterator[tuple[NDArray[np.float32], int]]:
    """Yield a track in blocks of shape (frames, channels), each with its rate in Hz."""
    try:
        import av
    except ImportError as error:
        raise AudioDecodeError(
            f"{path}: is {_NAMES[container]}, which needs PyAV: pip install 'otoscope[video]'"
        ) from error
    try:
        # An absolute path, since FFmpeg would take what stands before a colon for a protocol.
        with av.open(str(path.absolute()), format=container, metadata_errors="replace") as file:
            yield from _blocks(path, file)
    except av.FFmpegError as error:
        reason = " ".join(str(error.strerror or error).split())
        raise AudioDecodeError(
            f"{path}: decoding broke off ({reason}), the file is damaged or cut off; copy it again"
        ) from error


def _blocks(path: Path, file: "InputContainer") -> Iterator[tuple[NDArray[np.float32], int]]:
    from av import AudioResampler
    from av.audio.stream import AudioStream

    stream = file.streams.best("audio")
    if not isinstance(stream, AudioStream):
        raise AudioDecodeError(f"{path}: holds no audio track, expected one; is it the right file?")
    # Of the numbers only: rate and channels stay. Not planar: behind 8 planes PyAV sees a ninth, and crashes.
    # One for each kind of frame, since a converter takes only what it began with.
    converters: defaultdict[tuple[str, str], AudioResampler] = defaultdict(lambda: AudioResampler(format="flt"))
    form: tuple[int, int] | None = None
    num_frames = 0
    for decoded in file.decode(stream):
        now = decoded.sample_rate, decoded.layout.nb_channels
        form = form or now
        if now != form:
            raise AudioDecodeError(
                f"{path}: changes from {form[0]} Hz and {form[1]} channel(s) to {now[0]} Hz and {now[1]} "
                f"after {num_frames} frames; convert the file"
            )
        for frame in converters[decoded.format.name, decoded.layout.name].resample(decoded):
            block = frame.to_ndarray().reshape(-1, form[1]).astype(np.float32, copy=False)
            num_frames += len(block)
            yield block, form[0]
    found_s = num_frames / form[0] if form else 0.0
    promised_s = 0.0 if file.format.name == "mp3" else _promised_seconds(file, stream)
    if found_s < promised_s - _SLACK_S:
        raise AudioDecodeError(
            f"{path}: the header promises {promised_s:.2f} s of audio, {found_s:.2f} s are there: the file is cut off; "
            "copy it again"
        )


def _promised_seconds(file: "InputContainer", stream: "AudioStream") -> float:
    """Return how long the audio is by its header, 0 where that is not said."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    # Matroska says how long its longest track is, which beside pictures may be another.
    return (file.duration or 0) / 1e6 if len(file.streams) == 1 else 0.0
