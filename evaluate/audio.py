"""Reading audio: a span of a file as a mono waveform at the rate that a model wants.

Decoding is libsndfile's (WAV, FLAC, Ogg/Opus, MP3, …), or FFmpeg's for containers such as MP4 that libsndfile does not
read (see `evaluate.containers`); resampling is soxr's at its very-high-quality setting. The rate in the file's header
is believed, but not blindly: a WAV header whose fields contradict each other, an impossible rate, and a file that ends
before its header says so are errors, because each of them would otherwise become a bad hypothesis and a wrong score.

Of an MP3, libsndfile 1.2 leaves out the encoder's delay and padding where the first frame names them (LAME's numbers in
its "Xing" or "Info" tag): the frames are those that were encoded, in their place, and FFmpeg opening the file by name
gives the same. FFmpeg reading a pipe, as some evaluations do, leaves what fills the last frame at the end. Without the
tag nothing can be left out: what LAME wrote stands 1105 frames late, for either decoder; and as libsndfile then only
guesses the length, FFmpeg reads these files.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from evaluate.containers import container_format, inspect_track, read_track
from evaluate.errors import AudioDecodeError
from evaluate.types import AudioRef

MIN_RATE_HZ = 1_000
MAX_RATE_HZ = 768_000
_UNKNOWN_SIZES = (0, 0x7FFFF000, 0x7FFFFFFF, 0xFFFFFFFF)  # what ffmpeg, sox and others put when writing to a pipe
_UNKNOWN_FRAMES = 1 << 50  # libsndfile reports about 2^63 where a header does not say
_FIXED_RATE_FORMATS = (1, 3, 6, 7)  # PCM, IEEE float, A-law, µ-law: bytes per second follow from the other fields
_MP3_RUN_UP_S = 2
_EXTENSIBLE = 0xFFFE


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a file's header says, checked for sense, or what decoding a container found."""

    num_frames: int
    sample_rate_hz: int
    num_channels: int

    @property
    def duration_s(self) -> float:
        """Length of the whole file in seconds."""
        return self.num_frames / self.sample_rate_hz


def inspect_audio(path: Path) -> AudioInfo:
    """Read a file's header; a container whose length only decoding tells is decoded, see `evaluate.containers`.

    Raises:
        AudioDecodeError: There is no such file, it may not be read, it is no audio file, or its header is impossible.
    """
    try:
        if not path.is_file():  # a pipe would be waited for
            found = "a folder" if path.is_dir() else "not a regular file" if path.exists() else "no file"
            raise AudioDecodeError(f"{path}: {found}, expected an audio file")
        if path.stat().st_size == 0:
            raise AudioDecodeError(f"{path}: the file has 0 bytes; copy it again from the corpus")
        container = container_format(path)
    except OSError as error:
        raise AudioDecodeError(
            f"{path}: cannot be read ({error.strerror}), expected a file that this user may read"
        ) from error
    return _checked(path, AudioInfo(*inspect_track(path, container)) if container else _sound_file_info(path))


def _sound_file_info(path: Path) -> AudioInfo:
    """Read the header of a file that is libsndfile's."""
    _check_wav_header(path)
    try:
        header = soundfile.info(str(path))
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:  # TypeError: a .raw file has no header
        reason = _reason(error)
        raise AudioDecodeError(f"{path}: not readable as audio ({reason}); is it what its name says?") from error
    if header.frames >= _UNKNOWN_FRAMES:
        raise AudioDecodeError(
            f"{path}: the header leaves out how long the audio is, as streaming encoders do, and libsndfile needs it; "
            "encode the file again"
        )
    return AudioInfo(header.frames, header.samplerate, header.channels)


def _checked(path: Path, info: AudioInfo) -> AudioInfo:
    """Return what a file is, if it can be.

    Raises:
        AudioDecodeError: The rate is impossible, or there is no audio.
    """
    if not MIN_RATE_HZ <= info.sample_rate_hz <= MAX_RATE_HZ:
        raise AudioDecodeError(
            f"{path}: the header says {info.sample_rate_hz} Hz, expected {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz; "
            "mend the header or copy the file again"
        )
    if info.num_frames == 0:
        raise AudioDecodeError(f"{path}: the file holds 0 frames of audio; copy it again from the corpus")
    return info


def span_seconds(ref: AudioRef, info: AudioInfo) -> float:
    """Return the length of a span in seconds.

    Raises:
        AudioDecodeError: The span begins or ends after the file.
    """
    if ref.start_s >= info.duration_s:
        raise AudioDecodeError(
            f"{ref.path}: start_s {ref.start_s:g} lies beyond the file's {info.duration_s:.1f} s; was it given in ms?"
        )
    if ref.duration_s is None:
        return info.duration_s - ref.start_s
    # Manifests round times to milliseconds, so a span may run over the end by as much.
    if ref.start_s + ref.duration_s > info.duration_s + 0.01:
        raise AudioDecodeError(
            f"{ref.path}: the span ends at {ref.start_s + ref.duration_s:g} s, after the file's {info.duration_s:.2f} s"
        )
    return ref.duration_s


def load_waveform(ref: AudioRef, *, sample_rate_hz: int) -> NDArray[np.float32]:
    """Read one span of a file as mono audio, resampled if the file's rate differs.

    Args:
        ref: File and span; `start_s` and `duration_s` in seconds.
        sample_rate_hz: Rate of the result, in Hz.

    Returns:
        Shape (num_frames,), float32, in [-1, 1] for files in integer formats; channels are averaged.

    Raises:
        AudioDecodeError: The file is unreadable or cut off, holds values that are not numbers, or the span ends
            after it.
    """
    info = inspect_audio(ref.path)
    span_s = span_seconds(ref, info)
    first = round(ref.start_s * info.sample_rate_hz)
    wanted = min(round(span_s * info.sample_rate_hz), info.num_frames - first)
    if wanted < 1:
        raise AudioDecodeError(f"{ref.path}: the span of {span_s:g} s holds not one frame at {info.sample_rate_hz} Hz")
    if ref.is_silent:
        return np.zeros(max(1, round(wanted * sample_rate_hz / info.sample_rate_hz)), dtype=np.float32)
    frames = _read_frames(ref.path, first, wanted)  # (num_frames, num_channels)
    if len(frames) < wanted:
        raise AudioDecodeError(
            f"{ref.path}: only {len(frames)} of {wanted} frames could be decoded, the file is cut off; copy it again"
        )
    waveform: NDArray[np.float32] = frames.mean(axis=1, dtype=np.float32)
    if not np.isfinite(waveform).all():
        raise AudioDecodeError(f"{ref.path}: holds values that are not finite numbers; convert the file again")
    if info.sample_rate_hz != sample_rate_hz:
        resampled = soxr.resample(waveform, info.sample_rate_hz, sample_rate_hz, quality="VHQ")
        waveform = resampled if resampled.size else waveform[:1]  # of a frame or two there would be nothing
    return waveform


def _read_frames(path: Path, start: int, num_frames: int) -> NDArray[np.float32]:
    """Decode frames of a file, shape (num_frames, num_channels); fewer where it ends."""
    if container := container_format(path):
        return read_track(path, container, start=start, num_frames=num_frames)
    try:
        with soundfile.SoundFile(str(path)) as file:
            # After a jump, MP3 is wrong for some tenths of a second: its frames lean on bits of those before.
            run_up = min(start, _MP3_RUN_UP_S * file.samplerate) if file.format == "MP3" else 0
            if start > run_up:
                file.seek(start - run_up)
            # In one go, since soundfile itself jumps between two reads.
            frames: NDArray[np.float32] = file.read(run_up + num_frames, dtype="float32", always_2d=True)[run_up:]
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AudioDecodeError(f"{path}: decoding broke off ({_reason(error)}); copy the file again") from error
    return frames


def _reason(error: Exception) -> str:
    """Return libsndfile's own words in one line."""
    return " ".join(str(getattr(error, "error_string", error)).split()).rstrip(".")


def _check_wav_header(path: Path) -> None:
    """Hold the fields of a RIFF WAV header against each other and the file's size; other files pass.

    libsndfile takes the sampling rate as it stands and shortens the audio to what is there; both change what is
    heard without a word.

    Raises:
        AudioDecodeError: Bytes per second do not follow from the rate, or audio is missing at the end.
    """
    with path.open("rb") as file:
        magic = file.read(12)
        if len(magic) < 12 or magic[:4] != b"RIFF" or magic[8:] != b"WAVE":
            return
        for name, size in _riff_chunks(file):
            start = file.tell()
            if name == b"fmt ":
                _check_wav_format(path, file.read(min(size, 40)))
            elif name == b"data":
                there = path.stat().st_size - start
                if size not in _UNKNOWN_SIZES and size > there:
                    raise AudioDecodeError(
                        f"{path}: the header promises {size} bytes of audio, {there} are there: "
                        "the file is cut off; copy it again"
                    )
                return
            file.seek(start + size + size % 2)


def _riff_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield name and size of each chunk; the caller moves the file to where the next one begins."""
    while len(head := file.read(8)) == 8:
        yield head[:4], struct.unpack("<I", head[4:])[0]


def _check_wav_format(path: Path, chunk: bytes) -> None:
    if len(chunk) < 16:
        raise AudioDecodeError(f"{path}: the header ends after {len(chunk)} of its 16 bytes, the file is cut off")
    tag, channels, rate_hz, bytes_per_s, block_bytes, _bits = struct.unpack("<HHIIHH", chunk[:16])
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        tag = struct.unpack("<H", chunk[24:26])[0]
    if tag in _FIXED_RATE_FORMATS and block_bytes and bytes_per_s not in (0, rate_hz * block_bytes):
        raise AudioDecodeError(
            f"{path}: the header says {rate_hz} Hz, but {bytes_per_s} bytes per second at {block_bytes} bytes per "
            f"frame ({channels} channel(s)) are {bytes_per_s / block_bytes:g} Hz; mend the header or copy it again"
        )
