"""Published radar charts: the values on their axes, worked out by hand from the tables."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.errors import RequestError, RunDamagedError
from evaluate.report.charts.radar import scales_of
from evaluate.report.published import load_radar, published_dir

PUBLISHED = published_dir(Path("nowhere"))
Command = Callable[..., Any]

# 18.6, 27.1, 33.1, 12.3, 27.9, 25.2 and 25.9 are the best of the other systems by pair
BEST_EARLIER = (0.049, 0.019, 0.040, 170.1 / 7, 0.416, 0.669, 0.353, 0.542, 0.645, 0.6035, 0.3860, 0.5007)
QWEN_AUDIO = (0.042, 0.013, 0.033, 230.4 / 7, 0.441, 0.795, 0.649, 0.557, 0.749, 0.9289, 0.4742, 0.7882)


def test_the_twelve_axes_of_qwen_audio() -> None:
    radar = load_radar(PUBLISHED, "qwen-audio")
    assert [one.name for one in radar.series] == ["previous best", "Qwen-Audio"]
    assert radar.series[0].values == pytest.approx(BEST_EARLIER)
    assert radar.series[1].values == pytest.approx(QWEN_AUDIO)
    assert [axis.label.split("\n")[0] for axis in radar.axes] == [
        "LibriSpeech", "AISHELL-1", "AISHELL-2", "CoVoST 2", "Clotho", "CochlScene", "TUT 2017", "MELD", "ClothoAQA",
        "VocalSound", "NSynth", "NSynth",
    ]  # fmt: skip
    assert [axis.higher_is_better for axis in radar.axes] == [False] * 3 + [True] * 9
    assert "librispeech:test-other" in radar.splits
    assert "librispeech:test-clean" not in radar.splits
    assert "CoVoST 2 mean of 7: previous best takes the best system of each split." in radar.notes


def test_the_ten_axes_of_qwen2_audio_take_rows_that_its_readme_repeats() -> None:
    radar = load_radar(PUBLISHED, "qwen2-audio")
    best, first, second = (one.values for one in radar.series)
    assert best == pytest.approx((0.044, 0.040, 170.1 / 7, 0.542, 0.6035, 0.077, 6.97, 6.28, 5.95, 6.08))
    assert second == pytest.approx((0.036, 0.029, 249.5 / 7, 0.553, 0.9392, 0.075, 7.18, 6.99, 6.79, 6.77))
    assert first[5] is None  # Qwen-Audio reports no FLEURS
    assert [value for value in first if value is not None] == pytest.approx(
        [0.042, 0.033, 230.4 / 7, 0.557, 0.9289, 6.47, 6.95, 5.52, 6.08]
    )


@pytest.mark.parametrize("name", ["qwen-audio", "qwen2-audio"])
def test_axes_are_drawn_between_the_ends_of_the_paper(name: str) -> None:
    radar = load_radar(PUBLISHED, name)
    for axis, scale in zip(radar.axes, scales_of(radar.axes, radar.series), strict=True):
        assert scale is not None
        assert axis.ends is not None
        factor = 100 if axis.is_rate else 1
        assert (scale.centre, scale.outer) == pytest.approx((factor * axis.ends[0], factor * axis.ends[1]))


def test_the_command_redraws_a_chart_without_any_runs(otoscope: Command, tmp_path: Path) -> None:
    result = otoscope("report", "--radar", "qwen-audio", "--results-dir", tmp_path, "--out", tmp_path / "out", "--json")
    assert result.status == 0
    assert result.json == [str(tmp_path / "out" / "radar.png"), str(tmp_path / "out" / "radar.svg")]
    assert all(Path(path).stat().st_size for path in result.json)


def test_an_unknown_chart_gets_near_matches(otoscope: Command, tmp_path: Path) -> None:
    result = otoscope("report", "--radar", "qwen-audoi", "--results-dir", tmp_path)
    assert result.status == 2
    assert "unknown published radar chart 'qwen-audoi'; did you mean 'qwen-audio'" in result.stderr


def test_a_folder_without_charts_says_so(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no published radar chart there; restore the folder"):
        load_radar(tmp_path, "qwen-audio")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("splits: [android], ends", "splits: [andriod], ends"),
        ("ends: [0.30, 0.58]", "ends: [0.30]"),
        ("rows: [Qwen-Audio]", "x: 1"),
    ],
)
def test_a_damaged_chart_is_named(tmp_path: Path, before: str, after: str) -> None:
    shutil.copytree(PUBLISHED, tmp_path / "published")
    path = tmp_path / "published" / "qwen-audio.yaml"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(RunDamagedError, match="not a radar chart of its cells"):
        load_radar(tmp_path / "published", "qwen-audio")
