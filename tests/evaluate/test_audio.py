import math
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evaluate.audio import inspect_audio, load_waveform
from evaluate.errors import AudioDecodeError
from evaluate.testing import write_tone
from evaluate.types import AudioRef


def test_a_tone_keeps_its_frames_and_loudness(tmp_path: Path) -> None:
    path = write_tone(tmp_path / "tone.wav", duration_s=0.5)
    waveform = load_waveform(AudioRef(path), sample_rate_hz=16_000)
    assert waveform.shape == (8_000,)
    assert waveform.dtype == np.float32
    assert np.abs(waveform).max() == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("sample_rate_hz", [8_000, 22_050, 44_100, 48_000])
def test_resampling_keeps_duration_and_pitch(tmp_path: Path, sample_rate_hz: int) -> None:
    path = write_tone(tmp_path / "tone.wav", duration_s=1.0, sample_rate_hz=sample_rate_hz, frequency_hz=440.0)
    waveform = load_waveform(AudioRef(path), sample_rate_hz=16_000)
    assert waveform.size == 16_000
    spectrum = np.abs(np.fft.rfft(waveform))
    assert int(spectrum.argmax()) == 440  # one bin is 1 Hz


def test_channels_are_averaged(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.stack([np.full(100, 0.5), np.full(100, -0.25)], axis=1), 16_000, subtype="FLOAT")
    np.testing.assert_allclose(load_waveform(AudioRef(path), sample_rate_hz=16_000), 0.125)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT", "ULAW"])
def test_sample_formats_of_wav_are_read(tmp_path: Path, subtype: str) -> None:
    path = write_tone(tmp_path / "tone.wav", subtype=subtype)
    waveform = load_waveform(AudioRef(path), sample_rate_hz=16_000)
    assert np.abs(waveform).max() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_containers_are_read(tmp_path: Path, suffix: str) -> None:
    path = write_tone(tmp_path / f"tone.{suffix}", duration_s=1.0)
    assert load_waveform(AudioRef(path), sample_rate_hz=16_000).size >= 16_000


def test_a_span_is_cut_out_at_the_file_s_own_rate(tmp_path: Path) -> None:
    path = tmp_path / "steps.wav"
    soundfile.write(path, np.repeat([0.1, 0.2, 0.3], 8_000), 8_000, subtype="FLOAT")
    waveform = load_waveform(AudioRef(path, start_s=1.0, duration_s=1.0), sample_rate_hz=8_000)
    assert waveform.shape == (8_000,)
    np.testing.assert_allclose(waveform, 0.2, atol=1e-6)


def test_a_span_beyond_the_file_is_an_error(tmp_path: Path) -> None:
    path = write_tone(tmp_path / "tone.wav", duration_s=0.5)
    with pytest.raises(AudioDecodeError, match=r"start_s 41200 lies beyond the file's 0\.5 s; was it given in ms"):
        load_waveform(AudioRef(path, start_s=41200), sample_rate_hz=16_000)
    with pytest.raises(AudioDecodeError, match=r"the span ends at 0\.9 s, after the file's 0\.50 s"):
        load_waveform(AudioRef(path, start_s=0.4, duration_s=0.5), sample_rate_hz=16_000)


def test_a_zero_byte_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.touch()
    with pytest.raises(AudioDecodeError, match="the file has 0 bytes"):
        inspect_audio(path)


def test_a_text_file_named_wav_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "text.wav"
    path.write_text("this is not audio at all, whatever its name may say")
    with pytest.raises(AudioDecodeError, match="not readable as audio"):
        inspect_audio(path)


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: None])
def test_a_folder_and_a_missing_file_are_errors(tmp_path: Path, make: object) -> None:
    path = tmp_path / "x.wav"
    make(path)  # type: ignore[operator]
    with pytest.raises(AudioDecodeError, match="expected an audio file"):
        inspect_audio(path)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
@pytest.mark.parametrize("kept", [0.9, 0.5, 0.1])
def test_a_file_that_is_cut_off_is_an_error(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"noise.{suffix}"
    soundfile.write(path, np.random.default_rng(0).uniform(-0.5, 0.5, 32_000), 16_000)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(AudioDecodeError, match="cut off|broke off|not readable"):
        load_waveform(AudioRef(path), sample_rate_hz=16_000)


def test_a_header_without_frames_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "none.wav"
    soundfile.write(path, np.zeros(0), 16_000)
    with pytest.raises(AudioDecodeError, match="0 frames"):
        inspect_audio(path)


def _patch(path: Path, offset: int, value: int) -> None:
    content = bytearray(path.read_bytes())
    content[offset : offset + 4] = struct.pack("<I", value)
    path.write_bytes(content)


@pytest.mark.parametrize("rate_hz", [8_000, 15_999, 48_000])
def test_a_wrong_rate_in_a_wav_header_is_an_error(tmp_path: Path, rate_hz: int) -> None:
    path = write_tone(tmp_path / "tone.wav")
    _patch(path, 24, rate_hz)
    with pytest.raises(
        AudioDecodeError, match=rf"the header says {rate_hz} Hz, but 32000 bytes per second .* 16000 Hz"
    ):
        inspect_audio(path)


@pytest.mark.parametrize("rate_hz", [1, 999, 4_000_000])
def test_an_impossible_rate_is_an_error(tmp_path: Path, rate_hz: int) -> None:
    path = write_tone(tmp_path / "tone.wav")
    _patch(path, 24, rate_hz)
    _patch(path, 28, 2 * rate_hz)  # consistent, and still impossible
    with pytest.raises(AudioDecodeError, match=rf"the header says {rate_hz} Hz, expected 1000 to 768000 Hz"):
        inspect_audio(path)


def test_a_wav_of_unknown_length_as_pipes_write_it_is_read(tmp_path: Path) -> None:
    path = write_tone(tmp_path / "tone.wav")
    _patch(path, 4, 0xFFFFFFFF)
    _patch(path, path.read_bytes().index(b"data") + 4, 0xFFFFFFFF)
    assert load_waveform(AudioRef(path), sample_rate_hz=16_000).size == 8_000


@pytest.mark.parametrize("kept", range(1, 44, 3))
def test_a_wav_cut_inside_its_header_is_an_error(tmp_path: Path, kept: int) -> None:
    path = write_tone(tmp_path / "tone.wav")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(AudioDecodeError, match="cut off|not readable|0 frames"):
        inspect_audio(path)


def test_a_raw_file_has_no_header_to_read(tmp_path: Path) -> None:
    path = tmp_path / "x.raw"
    path.write_bytes(b"\0" * 1000)
    with pytest.raises(AudioDecodeError, match="not readable as audio"):
        inspect_audio(path)


def test_a_flac_whose_header_leaves_out_the_length_is_an_error(tmp_path: Path) -> None:
    path = write_tone(tmp_path / "tone.flac", duration_s=0.5)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # the lower 36 bits of STREAMINFO's eight bytes from 18 are the number of frames
    content[22:26] = bytes(4)
    path.write_bytes(content)
    with pytest.raises(AudioDecodeError, match="the header leaves out how long the audio is"):
        inspect_audio(path)


def test_a_span_without_a_frame_is_an_error(tmp_path: Path) -> None:
    path = write_tone(tmp_path / "tone.wav")
    with pytest.raises(AudioDecodeError, match="holds not one frame"):
        load_waveform(AudioRef(path, duration_s=0.00001), sample_rate_hz=16_000)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_values_that_are_no_numbers_are_an_error(tmp_path: Path, value: float) -> None:
    path = tmp_path / "nan.wav"
    soundfile.write(path, np.array([0.0, value, 0.0]), 16_000, subtype="FLOAT")
    with pytest.raises(AudioDecodeError, match="not finite"):
        load_waveform(AudioRef(path), sample_rate_hz=16_000)


@pytest.mark.parametrize("num_frames", [1, 2, 5])
def test_a_few_frames_at_a_higher_rate_are_never_nothing(tmp_path: Path, num_frames: int) -> None:
    soundfile.write(tmp_path / "short.wav", np.full(num_frames, 0.5), 96_000)
    assert load_waveform(AudioRef(tmp_path / "short.wav"), sample_rate_hz=16_000).shape == (1,)
