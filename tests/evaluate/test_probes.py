import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluate.audio import load_waveform
from evaluate.errors import RequestError
from evaluate.probes import probe_samples
from evaluate.report.leaderboard.probes import LISTENS, NO_RUN, NOT_SHOWN, make_probe_lines
from evaluate.testing import write_tone
from evaluate.types import AudioRef, Sample

Command = Callable[..., Any]

HEARS = """
import numpy as np
from evaluate.model import ModelAdapter
from evaluate.types import Output


class Level(ModelAdapter):
    '''Says whether it hears anything.'''

    name = "level"

    def generate(self, batch, options):
        for request in batch:
            heard = request.waveforms[0]
            yield Output(request.sample.id, text="ONE TONE" if np.abs(heard).max() > 0.1 else f"nothing {heard.size}")
"""


def sample(name: str, *paths: str) -> Sample:
    return Sample(name, tuple(AudioRef(Path(path)) for path in paths), "p", ("r",))


def test_silence_is_as_long_as_the_span_at_the_model_s_rate(tmp_path: Path) -> None:
    path = write_tone(tmp_path / "t.wav", duration_s=2, sample_rate_hz=8_000)
    for ref in (AudioRef(path), AudioRef(path, start_s=0.5, duration_s=1.25)):
        [probed] = probe_samples([Sample("a", (ref,), "p", ("r",))], "silence", seed=0)
        heard, silent = (load_waveform(one, sample_rate_hz=16_000) for one in (ref, probed.audio[0]))
        assert silent.dtype == heard.dtype
        assert abs(silent.size - heard.size) <= 1
        assert not silent.any()
        assert np.abs(heard).max() > 0.4


@given(
    st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=2), min_size=2, max_size=12), st.integers(0, 9)
)
def test_shuffled_nobody_hears_its_own_recording_and_each_recording_is_heard(clips: list[list[str]], seed: int) -> None:
    samples = [sample(str(number), *paths) for number, paths in enumerate(clips)]
    try:
        probed = probe_samples(samples, "shuffle", seed=seed)
    except RequestError:
        assert all(len({one.audio for one in samples if len(one.audio) == number}) <= 1 for number in (1, 2))
        return
    for number in (1, 2):
        pairs = {
            (one.audio, other.audio) for one, other in zip(samples, probed, strict=True) if len(one.audio) == number
        }
        own, others = {own for own, _ in pairs}, {other for _, other in pairs}
        assert own == others
        assert len(own) == len(pairs)  # samples of one recording share what they hear instead
        assert len(own) == 1 or all(one != other for one, other in pairs)
    assert [one.id for one in probed] == [one.id for one in samples]


def test_a_shuffle_is_the_same_for_a_seed_whatever_the_order_of_samples() -> None:
    samples = [sample(name, name) for name in "abcdefgh"]
    heard = {one.id: one.audio for one in probe_samples(samples, "shuffle", seed=3)}
    assert {one.id: one.audio for one in probe_samples(samples[::-1], "shuffle", seed=3)} == heard
    assert {one.id: one.audio for one in probe_samples(samples, "shuffle", seed=4)} != heard


def test_samples_of_one_recording_cannot_be_shuffled() -> None:
    with pytest.raises(RequestError, match="all have the same; try silence"):
        probe_samples([sample("q1", "x"), sample("q2", "x")], "shuffle", seed=0)


@pytest.fixture
def run(otoscope: Command, librispeech: Path, tmp_path: Path) -> Command:
    """Evaluate a model that hears whether there is a sound; returns the scores document."""
    (tmp_path / "level.py").write_text(HEARS)

    def evaluate(*options: str, model: object = tmp_path / "level.py") -> Any:
        arguments = ("--data-dir", librispeech, "--results-dir", tmp_path / "results", "--json")
        return otoscope("eval", "--task", "librispeech:test-clean", "--model", model, *arguments, *options)

    return evaluate


def test_a_probe_is_a_run_of_its_own_on_the_same_samples(run: Command) -> None:
    [plain], [silent], [shuffled] = (
        run(*options).json for options in ((), ("--probe", "silence"), ("--probe", "shuffle"))
    )
    assert "probe" not in plain
    assert (silent["probe"], shuffled["probe"], shuffled["probe_seed"]) == ("silence", "shuffle", 0)
    assert len({one["run_dir"] for one in (plain, silent, shuffled)}) == 3
    assert len({one["corpus_fingerprint"] for one in (plain, silent, shuffled)}) == 1
    log = [json.loads(line) for line in (Path(silent["run_dir"]) / "predictions.jsonl").read_text().splitlines()]
    assert all(line["hypothesis"].startswith("nothing ") for line in log)
    assert json.loads((Path(silent["run_dir"]) / "run.json").read_text())["probe"] == "silence"


def test_the_report_shows_the_gap_and_keeps_probes_out_of_the_ranking(
    run: Command, otoscope: Command, tmp_path: Path
) -> None:
    run(), run("--probe", "silence")
    result = otoscope("report", "--results-dir", tmp_path / "results", "--out", tmp_path / "site")
    assert result.status == 0
    text = (tmp_path / "site" / "leaderboard.md").read_text(encoding="utf-8")
    assert len([line for line in text.splitlines() if line.startswith("| level ")]) == 2  # ranked once, probed once
    assert "## Probes: does the model listen?" in text
    assert "| level | librispeech:test-clean wer ↓ | silence |" in text
    page = (tmp_path / "site" / "leaderboard.html").read_text(encoding="utf-8")
    assert "Probes: does the model listen?" in page
    assert "sample pages of 2 runs" in result.stdout


def test_a_run_and_its_probe_can_be_compared(run: Command, otoscope: Command) -> None:
    [plain], [silent] = run().json, run("--probe", "silence").json
    found = otoscope("compare", plain["run_dir"], silent["run_dir"], "--json").json
    assert [one["name"] for one in found["runs"]] == ["level", "level (probe silence)"]


def test_a_baseline_holds_no_probes(run: Command, otoscope: Command, tmp_path: Path) -> None:
    run(), run("--probe", "silence")
    arguments = ("--baseline", tmp_path / "b.json", "--results-dir", tmp_path / "results")
    assert otoscope("regression", *arguments, "--update", "--json").json["scores"] == 1


def test_a_model_that_does_not_hear_is_not_probed(run: Command) -> None:
    result = run("--probe", "silence", model="baseline:empty")
    assert result.status == 2
    assert "baseline:empty hears nothing" in result.stderr


def scores(value: float | None, half: float, *, up: bool, probe: str = "", **more: Any) -> dict[str, Any]:
    interval = None if value is None else [value - half, value + half]
    score = {"value": value, "ci": interval, "higher_is_better": up, "is_rate": True, "signature": "m|v:1"}
    plain = {
        **{"task": "t", "task_version": "1", "split": "s", "model": "m", "primary": "m", "corpus_fingerprint": "f"},
        **{
            "model_arguments": {},
            "generation": {},
            "n_total": 9,
            "n_unparsed": 0,
            "n_failed": 0,
            "run_dir": probe or "plain",
        },
        "coverage": {"complete": True, "found": 9, "official": 9},
        "metrics": {"m": score},
    }
    return {**plain, **({"probe": probe} if probe else {}), **more}


@pytest.mark.parametrize(
    ("plain", "probed", "up", "gap", "verdict"),
    [
        (0.1, 0.9, False, 0.8, LISTENS),
        (0.9, 0.1, True, 0.8, LISTENS),
        (0.9, 0.1, False, -0.8, NOT_SHOWN),
        (0.50, 0.47, True, 0.03, NOT_SHOWN),  # halves of 3 and 3 points make one of 4.2
        (0.50, 0.45, True, 0.05, LISTENS),
        (None, 0.1, True, None, NO_RUN),
    ],
)
def test_a_gap_counts_where_the_intervals_do_not_leave_it_open(
    plain: float | None, probed: float, up: bool, gap: float | None, verdict: str
) -> None:
    [line] = make_probe_lines([scores(plain, 0.03, up=up)], [scores(probed, 0.03, up=up, probe="silence")])
    assert line.gap == (None if gap is None else pytest.approx(gap))
    assert line.verdict == verdict


def test_a_probe_without_a_run_on_the_same_samples_says_so() -> None:
    probe = scores(0.1, 0.01, up=True, probe="silence")
    [line] = make_probe_lines([scores(0.9, 0.01, up=True, corpus_fingerprint="g")], [probe])
    assert (line.score, line.verdict) == (None, NO_RUN)
    assert make_probe_lines([], [probe])[0].verdict == NO_RUN
