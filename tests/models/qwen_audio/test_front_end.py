"""Log-mel against transformers' own extractor, counts against those of the published code."""

from collections.abc import Callable

import numpy as np
import pytest

from evaluate.errors import ClipRejectedError
from models.qwen_audio.front_end import clip_lengths, log_mel, tower_input

Clip = Callable[..., np.ndarray]


@pytest.mark.parametrize(
    ("num_frames", "mel_len", "after_cnn", "tokens", "span"),
    [  # from runs of the published code, the last three by its formulas
        (16_000, 100, 50, 25, 27),
        (480_000, 3000, 1500, 750, 752),
        (93_680, 585, 293, 146, 148),
        (133_120, 832, 416, 208, 210),
        (480, 3, 2, 1, 3),
        (960, 6, 3, 1, 3),
        (16_000 * 96, 3000, 1500, 750, 752),
    ],
)
def test_lengths_are_those_of_the_published_code(
    num_frames: int, mel_len: int, after_cnn: int, tokens: int, span: int
) -> None:
    lengths = clip_lengths(num_frames)

    assert (lengths.mel_len, lengths.after_cnn, lengths.tokens, lengths.tokens + 2) == (
        mel_len,
        after_cnn,
        tokens,
        span,
    )


@pytest.mark.parametrize("num_frames", [0, 100, 479])
def test_a_clip_without_a_token_is_rejected_with_its_length(num_frames: int) -> None:
    with pytest.raises(ClipRejectedError, match=rf"the clip has {num_frames} frames .*expected at least 480"):
        clip_lengths(num_frames)


@pytest.mark.parametrize("num_mels", [80, 128])
@pytest.mark.parametrize("num_frames", [1, 150, 480, 5_000, 16_001, 93_680, 479_700, 479_999, 480_000, 500_000])
def test_log_mel_is_that_of_the_whisper_extractor(clip: Clip, num_frames: int, num_mels: int) -> None:
    from transformers import WhisperFeatureExtractor

    waveform = clip(num_frames)
    extractor = WhisperFeatureExtractor(feature_size=num_mels)
    expected = extractor(waveform, sampling_rate=16_000, return_tensors="np").input_features[0]

    found = log_mel(waveform, num_mels=num_mels).numpy()

    assert found.shape == (num_mels, 3000)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_digital_silence_and_nothing_at_all_are_the_lowest_value() -> None:
    for waveform in (np.zeros(20_000, np.float32), np.zeros(0, np.float32)):
        assert log_mel(waveform).unique().tolist() == [-1.5]  # (log10(1e-10) + 4) / 4


def test_a_loud_instant_raises_the_floor_of_the_silence_after_the_clip() -> None:
    waveform = np.zeros(1000, np.float32)
    waveform[500] = 1.0

    found = log_mel(waveform)

    assert found[:, -1].unique().item() == pytest.approx(float(found.max()) - 2.0)  # 8 / 4


@pytest.mark.parametrize("num_frames", [480, 960, 1_119, 16_001, 93_680, 480_000])
def test_the_tower_hears_the_start_of_the_log_mel(clip: Clip, num_frames: int) -> None:
    waveform = clip(num_frames)

    heard = tower_input(waveform)

    assert heard.shape[1] == 2 * clip_lengths(num_frames).after_cnn
    assert heard.equal(log_mel(waveform)[:, : heard.shape[1]])


def test_a_short_clip_is_not_padded_before_its_spectra(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    seen = []
    whole = torch.stft
    monkeypatch.setattr(
        torch, "stft", lambda x, *args, **settings: seen.append(x.numel()) or whole(x, *args, **settings)
    )

    tower_input(clip(16_000))

    assert seen[0] < 17_000
