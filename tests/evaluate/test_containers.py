"""Audio tracks of video files, and MP3s, made here by PyAV."""

import os
import shutil
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from evaluate.audio import AudioInfo, inspect_audio, load_waveform
from evaluate.containers import container_format
from evaluate.errors import AudioDecodeError
from evaluate.testing import write_tone
from evaluate.types import AudioRef

Wave = NDArray[np.float32]


def sweep(num_frames: int, rate_hz: int) -> Wave:
    """A tone that rises, so that every moment sounds different."""
    times_s = np.arange(num_frames) / rate_hz
    return (0.5 * np.sin(2 * np.pi * (200 * times_s + 400 * times_s**2))).astype(np.float32)


def encode(
    path: Path,
    *channels: Wave,
    rate_hz: int = 16_000,
    codec: str = "aac",
    form: str = "fltp",
    settings: dict[str, str] | None = None,
    **options: str,
) -> Path:
    """Write channels with an encoder and its settings, and the container's options."""
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[len(channels)]
    with av.open(str(path), "w", options=options) as file:
        stream = file.add_stream(codec, rate=rate_hz, layout=layout, options=settings or {})
        for start in range(0, len(channels[0]), 1024):
            block = np.stack([one[start : start + 1024] for one in channels])
            if form == "s16":
                block = (block.T.reshape(1, -1) * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format=form, layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def encode_pictures(path: Path) -> Path:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(5):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        file.mux(stream.encode(None))
    return path


def offset_of(original: Wave, decoded: Wave) -> int:
    """Where in the decoded audio the original begins, by cross-correlation."""
    size = len(original) + len(decoded)
    products = np.fft.irfft(np.fft.rfft(decoded, size) * np.conj(np.fft.rfft(original, size)), size)
    best = int(products.argmax())
    return best if best < len(decoded) else best - size


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_a_tone_in_an_mp4_keeps_its_place_and_fills_its_last_frame(tmp_path: Path, rate_hz: int) -> None:
    wave = sweep(rate_hz + 300, rate_hz)
    path = encode(tmp_path / "a.mp4", wave, rate_hz=rate_hz)
    info = inspect_audio(path)
    assert info == AudioInfo(-(-len(wave) // 1024) * 1024, rate_hz, 1)
    heard = load_waveform(AudioRef(path), sample_rate_hz=rate_hz)
    assert heard.shape == (info.num_frames,)
    assert heard.dtype == np.float32
    assert offset_of(wave, heard) == 0


def test_a_track_is_resampled_and_its_channels_averaged(tmp_path: Path) -> None:
    wave = sweep(48_000, 48_000)
    path = encode(tmp_path / "a.mov", wave, np.zeros_like(wave), rate_hz=48_000, codec="pcm_s16le", form="s16")
    assert inspect_audio(path).num_channels == 2
    heard = load_waveform(AudioRef(path), sample_rate_hz=16_000)
    assert heard.size == 16_000
    assert np.abs(heard[2_000:8_000]).max() == pytest.approx(0.25, abs=0.001)


@pytest.mark.parametrize("num_channels", [6, 8])
def test_the_many_channels_of_a_film_are_averaged(tmp_path: Path, num_channels: int) -> None:
    wave = sweep(16_000, 16_000)
    silent = [np.zeros_like(wave)] * (num_channels - 1)
    path = encode(tmp_path / "a.mov", *silent, wave, codec="pcm_s16le", form="s16")
    assert inspect_audio(path).num_channels == num_channels
    heard = load_waveform(AudioRef(path), sample_rate_hz=16_000)
    np.testing.assert_allclose(heard, wave / num_channels, atol=1e-4)


@pytest.mark.parametrize(("start_s", "duration_s"), [(0.0, 0.5), (0.25, 0.5), (0.9, None), (0.333, 0.01)])
def test_a_span_of_a_track_is_that_part_of_the_whole(tmp_path: Path, start_s: float, duration_s: float | None) -> None:
    path = encode(tmp_path / "a.mp4", sweep(16_000, 16_000))
    whole = load_waveform(AudioRef(path), sample_rate_hz=16_000)
    first = round(start_s * 16_000)
    last = None if duration_s is None else first + round(duration_s * 16_000)
    span = load_waveform(AudioRef(path, start_s, duration_s), sample_rate_hz=16_000)
    np.testing.assert_array_equal(span, whole[first:last])


@pytest.mark.parametrize(
    ("name", "codec", "form", "container"),
    [
        ("a.m4a", "aac", "fltp", "mov"),
        ("a.mov", "pcm_s16le", "s16", "mov"),
        ("a.mkv", "aac", "fltp", "matroska"),
        ("a.webm", "libopus", "s16", "matroska"),
        ("a.avi", "pcm_s16le", "s16", "avi"),
        ("a.asf", "pcm_s16le", "s16", "asf"),
    ],
)
def test_other_containers_are_read(tmp_path: Path, name: str, codec: str, form: str, container: str) -> None:
    wave = sweep(48_000, 48_000)
    path = encode(tmp_path / name, wave, wave, rate_hz=48_000, codec=codec, form=form)
    assert container_format(path) == container
    heard = load_waveform(AudioRef(path), sample_rate_hz=48_000)
    assert 48_000 <= heard.size < 48_000 + 3 * 2_048
    assert np.abs(heard).max() == pytest.approx(0.5, abs=0.03)


def test_what_a_file_begins_with_counts_not_its_name(tmp_path: Path) -> None:
    film = encode(tmp_path / "a.mp4", sweep(16_000, 16_000)).rename(tmp_path / "film.wav")
    assert inspect_audio(film).num_frames == 16_384
    for suffix in ("mp3", "flac", "ogg", "wav"):
        disguised = write_tone(tmp_path / f"b.{suffix}").rename(tmp_path / f"{suffix}.mp4")
        assert container_format(disguised) == ""
        assert inspect_audio(disguised).num_frames == 8_000


def test_a_film_without_sound_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AudioDecodeError, match=r"a\.mp4: holds no audio track, expected one; is it the right file"):
        inspect_audio(encode_pictures(tmp_path / "a.mp4"))


@pytest.mark.parametrize(
    "content", [b"ID3\4\0\0\0\0\0\0", b"\xff\xfb\x90\0", b"\0\0\0\x10ftypisom\0\0\0\0", b"\x1aE\xdf\xa3"]
)
def test_a_beginning_without_anything_behind_it_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(content)
    with pytest.raises(AudioDecodeError, match="0 frames of audio|decoding broke off|not readable|no audio track"):
        inspect_audio(path)


@pytest.mark.parametrize("movflags", ["faststart", "frag_keyframe", "disable_chpl"])
@pytest.mark.parametrize("kept", [0.95, 0.5, 0.1])
def test_an_mp4_that_is_cut_off_is_an_error(tmp_path: Path, movflags: str, kept: float) -> None:
    path = encode(tmp_path / "a.mp4", sweep(48_000, 16_000), movflags=movflags)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(AudioDecodeError, match="cut off|not readable as audio"):
        load_waveform(AudioRef(path), sample_rate_hz=16_000)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4"])
def test_a_track_that_is_cut_between_packets_is_an_error(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encode(tmp_path / name, sweep(16_000, 16_000))
    original = av.container.InputContainer.decode
    import evaluate.containers as module

    class Cut:
        def __init__(self, file: av.container.InputContainer) -> None:
            self.streams, self.duration, self.format, self._file = file.streams, file.duration, file.format, file

        def decode(self, stream: object) -> object:
            return list(original(self._file, stream))[:8]

    blocks = module._blocks
    monkeypatch.setattr(module, "_blocks", lambda path, file: blocks(path, Cut(file)))  # type: ignore[arg-type]
    with pytest.raises(
        AudioDecodeError, match=r"the header promises 1\.0\d s of audio, 0\.51 s are there: the file is"
    ):
        inspect_audio(path)


def test_a_damaged_packet_is_an_error(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", sweep(48_000, 16_000), movflags="faststart")
    content = bytearray(path.read_bytes())
    begin = content.index(b"mdat") + 2_000
    content[begin : begin + 400] = b"\xff" * 400
    path.write_bytes(content)
    with pytest.raises(AudioDecodeError, match=r"a\.mp4: decoding broke off \(Invalid data found"):
        load_waveform(AudioRef(path), sample_rate_hz=16_000)


def test_without_pyav_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encode(tmp_path / "a.mp4", sweep(16_000, 16_000))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(AudioDecodeError, match=r"needs PyAV: pip install 'otoscope\[video\]'"):
        inspect_audio(path)
    assert inspect_audio(write_tone(tmp_path / "tone.wav")).num_frames == 8_000


def test_a_changed_file_is_measured_anew(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", sweep(16_000, 16_000))
    assert inspect_audio(path).num_frames == 16_384
    encode(path, sweep(32_000, 16_000))
    assert inspect_audio(path).num_frames == 32_768


def test_a_name_with_a_colon_is_no_protocol(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.move(encode(tmp_path / "a.mp4", sweep(16_000, 16_000)), tmp_path / "http:a.mp4")
    monkeypatch.chdir(tmp_path)
    assert inspect_audio(Path("http:a.mp4")).num_frames == 16_384


def decoded_by_ffmpeg(source: object) -> Wave:
    with av.open(source, format="mp3") as file:  # type: ignore[call-overload]
        return np.concatenate([frame.to_ndarray() for frame in file.decode(audio=0)], axis=1)[0]


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
@pytest.mark.parametrize("by", ["soundfile", "ffmpeg"])
def test_an_mp3_that_names_its_encoder_s_delay_gives_the_frames_that_were_encoded(
    tmp_path: Path, rate_hz: int, by: str
) -> None:
    wave = sweep(rate_hz + 777, rate_hz)
    path = tmp_path / "a.mp3"
    if by == "soundfile":
        soundfile.write(path, wave, rate_hz)
    else:
        encode(path, wave, rate_hz=rate_hz, codec="libmp3lame")
    assert container_format(path) == ""
    heard = load_waveform(AudioRef(path), sample_rate_hz=rate_hz)
    assert inspect_audio(path).num_frames == len(heard) == len(wave)
    assert offset_of(wave, heard) == 0
    np.testing.assert_allclose(heard, decoded_by_ffmpeg(str(path)), atol=1e-3)


@pytest.mark.parametrize("settings", [{}, {"flags": "+qscale", "global_quality": "236"}], ids=["constant", "variable"])
@pytest.mark.parametrize("noisy", [slice(None, 16_000), slice(-16_000, None)], ids=["first", "last"])
def test_an_mp3_without_the_tag_is_read_whole_and_stands_1105_frames_late(
    tmp_path: Path, settings: dict[str, str], noisy: slice
) -> None:
    wave = sweep(48_777, 16_000)
    wave[noisy] = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000)  # the first frame's bit rate is not the mean
    path = encode(tmp_path / "a.mp3", wave, codec="libmp3lame", settings=settings, write_xing="0")
    assert container_format(path) == "mp3"
    heard = load_waveform(AudioRef(path), sample_rate_hz=16_000)
    assert inspect_audio(path).num_frames == heard.size == -(-(1_105 + len(wave)) // 576) * 576
    assert offset_of(wave, heard) == 1_105
    assert soundfile.info(path).frames != heard.size  # why libsndfile is not asked


@pytest.mark.parametrize(("num_channels", "rate_hz"), [(1, 24_000), (2, 16_000)])
def test_a_track_whose_rate_or_channels_change_is_an_error(tmp_path: Path, num_channels: int, rate_hz: int) -> None:
    wave = sweep(16_000, 16_000)
    bare = {"codec": "libmp3lame", "write_xing": "0", "id3v2_version": "0"}
    first = encode(tmp_path / "first.mp3", wave, **bare)
    then = encode(tmp_path / "then.mp3", *[wave] * num_channels, rate_hz=rate_hz, **bare)
    path = tmp_path / "a.mp3"
    path.write_bytes(first.read_bytes() + then.read_bytes())
    with pytest.raises(
        AudioDecodeError, match=r"a\.mp3: changes from \d+ Hz and . channel\(s\) to \d+ Hz and . after "
    ):
        load_waveform(AudioRef(path), sample_rate_hz=16_000)


@pytest.mark.parametrize("suffix", ["flac", "ogg", "opus", "mp3"])
def test_a_span_of_a_compressed_file_is_that_part_of_the_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "opus":
        soundfile.write(path, sweep(80_000, 16_000), 16_000, format="OGG", subtype="OPUS")
    else:
        soundfile.write(path, sweep(80_000, 16_000), 16_000)
    whole = load_waveform(AudioRef(path), sample_rate_hz=16_000)
    for start_s in (0.01, 1.5, 2.0, 3.7):
        span = load_waveform(AudioRef(path, start_s, 0.5), sample_rate_hz=16_000)
        first = round(start_s * 16_000)
        np.testing.assert_allclose(span, whole[first : first + 8_000], atol=1e-6)


def test_ffmpeg_leaves_an_mp3_s_padding_when_it_reads_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    soundfile.write(path, sweep(16_777, 16_000), 16_000)
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as file:
        file.write(path.read_bytes())  # a few kB: less than a pipe holds
    with os.fdopen(reading, "rb") as pipe:
        assert decoded_by_ffmpeg(pipe).size > 16_777
    assert decoded_by_ffmpeg(str(path)).size == inspect_audio(path).num_frames == 16_777
