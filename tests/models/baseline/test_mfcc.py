"""A classifier of MFCC statistics: what it computes, what it learns from, and what it refuses."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from evaluate.testing import write_tone
from models.baseline import features
from models.baseline.features import clip_features, deltas, mel_filters, mfcc
from tasks import find_task_class

Command = Callable[..., Any]
Evaluate = Callable[..., Any]
TASK = """\
name: pitch
kind: classification
manifest: {train: train.jsonl, dev: dev.jsonl, test: test.jsonl}
prompt: "High or low? {choices}"
choices: [high, low]
metrics: [accuracy]
"""


def noise(num_frames: int) -> Any:
    return np.random.default_rng(0).normal(0, 0.1, num_frames).astype(np.float32)


def test_coefficients_equal_those_of_an_independent_implementation() -> None:
    audio_utils = pytest.importorskip("transformers.audio_utils")
    from scipy.fft import dct

    filters = audio_utils.mel_filter_bank(257, 40, 20.0, 8000.0, 16_000, norm=None, mel_scale="htk")
    assert mel_filters() == pytest.approx(filters, abs=1e-12)
    logs = audio_utils.spectrogram(
        noise(8_000),
        window=audio_utils.window_function(400, "hann", periodic=True),
        **{"frame_length": 400, "hop_length": 160, "fft_length": 512, "power": 2.0, "center": False},
        **{"mel_filters": filters, "mel_floor": 1e-10, "log_mel": "log", "dtype": np.float64},
    )  # (40, frames)
    assert mfcc(noise(8_000)) == pytest.approx(dct(logs, type=2, norm="ortho", axis=0)[:20].T, abs=1e-4)


def test_deltas_are_slopes() -> None:
    # 0 1 2 3 4 with ends repeated; at the first frame (1·(1-0) + 2·(2-0)) / 10, by hand
    assert deltas(np.arange(5.0)[:, None])[:, 0] == pytest.approx([0.5, 0.8, 1.0, 0.8, 0.5])


@pytest.mark.parametrize("num_frames", [1, 399, 400, 401, 16_000])
def test_any_clip_has_features(num_frames: int) -> None:
    for waveform in (noise(num_frames), np.zeros(num_frames, np.float32)):
        found = clip_features(waveform)
        assert found.shape == (80,)
        assert np.isfinite(found).all()


def test_a_long_clip_is_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = mfcc(noise(16_000))
    monkeypatch.setattr(features, "_FRAMES_AT_ONCE", 7)
    assert mfcc(noise(16_000)) == pytest.approx(whole, abs=1e-12)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A task of high and low tones, six of each to learn from."""
    for split, number in (("train", 6), ("dev", 1), ("test", 2)):
        lines = []
        for label, base_hz in (("high", 2_000), ("low", 200)):
            for n in range(number):
                name = f"{split}_{label}_{n}.wav"
                write_tone(tmp_path / name, frequency_hz=base_hz * (1 + 0.05 * n + 0.01 * len(split)))
                lines.append({"id": name, "audio": name, "references": [label]})
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "pitch.yaml").write_text(TASK)
    return tmp_path


@pytest.fixture
def evaluate(otoscope: Command, corpus: Path) -> Evaluate:
    def run(*options: object, task: str = "", data_dir: Path = corpus) -> Any:
        where = ("--results-dir", corpus / "results", "--data-dir", data_dir)
        spec = ("--task", task or f"{corpus / 'pitch.yaml'}", "--model", "baseline:mfcc")
        return otoscope("eval", *spec, *where, *options)

    return run


def edit(corpus: Path, split: str, change: Callable[[list[dict[str, Any]]], object]) -> None:
    path = corpus / f"{split}.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    change(lines)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_labels_are_learned_from_the_train_split(evaluate: Evaluate) -> None:
    result = evaluate("--json")
    assert result.status == 0
    [document] = result.json
    assert (document["split"], document["metrics"]["accuracy"]["value"]) == ("test", 1.0)
    record = json.loads(Path(document["run_dir"], "run.json").read_text())
    assert (record["model_revision"], record["model_train_split"]) == ("mfcc-1", "train")
    prepared = record["sessions"][0]["prepared"]
    assert 0 < prepared.pop("num_iterations") < 2_000
    assert prepared == {"train_split": "pitch:train", "num_samples": 12, "num_failed": 0, "num_labels": 2}
    assert "scikit-learn" in record["sessions"][0]["packages"]
    assert "baseline:mfcc learns from pitch:train" in result.stderr


def test_a_finished_run_is_scored_again_without_learning(evaluate: Evaluate) -> None:
    [first] = evaluate("--json").json
    again = evaluate("--json")
    assert again.json[0]["run_dir"] == first["run_dir"]
    assert "learns from" not in again.stderr


def test_splits_of_one_task_learn_once(evaluate: Evaluate, corpus: Path) -> None:
    result = evaluate(task=f"{corpus}/pitch.yaml:dev,{corpus}/pitch.yaml:test")
    assert result.status == 0
    assert result.stderr.count("baseline:mfcc learns from") == 1


def test_other_audio_to_learn_from_is_another_run(evaluate: Evaluate, corpus: Path) -> None:
    [first] = evaluate("--json").json
    write_tone(corpus / "train_low_0.wav", frequency_hz=333)
    [second] = evaluate("--json").json
    assert first["run_dir"] != second["run_dir"]
    assert first["model_revision"] == second["model_revision"]  # one row of the leaderboard for all tasks


def test_another_train_split_can_be_named(evaluate: Evaluate) -> None:
    [document] = evaluate("--json", "--model-arg", "train_split=dev").json
    record = json.loads(Path(document["run_dir"], "run.json").read_text())
    assert record["sessions"][0]["prepared"]["train_split"] == "pitch:dev"


def test_clips_that_cannot_be_read_are_counted_and_said(evaluate: Evaluate, corpus: Path) -> None:
    (corpus / "train_low_3.wav").write_bytes(b"no audio")
    result = evaluate("--json")
    assert result.status == 0
    assert "1 of 12 clips of pitch:train were not read, first 'train_low_3.wav': " in result.stderr
    record = json.loads(Path(result.json[0]["run_dir"], "run.json").read_text())
    assert record["sessions"][0]["prepared"]["num_failed"] == 1


def test_a_train_split_of_which_nothing_can_be_read_is_one_line(evaluate: Evaluate, corpus: Path) -> None:
    for path in corpus.glob("train_low_*.wav"):
        path.write_bytes(b"no audio")
    result = evaluate()
    assert result.status == 2
    assert "error: baseline:mfcc: of pitch:train clips of 1 labels could be read, expected 2 or more" in result.stderr


def test_learning_that_is_stopped_early_is_said(evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.baseline.mfcc.MAX_ITERATIONS", 1)
    result = evaluate()
    assert result.status == 0
    assert "baseline:mfcc: learning from pitch:train was stopped after 1 iterations" in result.stderr


def test_a_train_split_whose_audio_is_not_here_is_one_line(evaluate: Evaluate, corpus: Path) -> None:
    for path in corpus.glob("train_*.wav"):
        path.unlink()
    result = evaluate()
    assert result.status == 2
    assert result.stderr.startswith(
        "error: baseline:mfcc cannot do pitch:test: it learns from the split 'train': pitch"
    )


def test_a_partial_train_split_is_said(evaluate: Evaluate, corpus: Path) -> None:
    (corpus / "train_low_3.wav").unlink()
    assert "baseline:mfcc: PARTIAL: learns from pitch:train: " in evaluate().stderr


def test_clips_shorter_than_a_frame_are_learned_and_answered(evaluate: Evaluate, corpus: Path) -> None:
    for name in ("train_low_0.wav", "test_low_0.wav"):
        soundfile.write(str(corpus / name), np.full(40, 0.1), 16_000)
    result = evaluate("--json")
    assert (result.status, result.json[0]["n_failed"]) == (0, 0)


@pytest.mark.parametrize(
    ("split", "change", "message"),
    [
        (
            "train",
            lambda lines: lines[0].update(audio="test_low_0.wav"),
            "1 of the 12 samples of pitch:train are clips",
        ),
        ("train", lambda lines: lines[0].update(references=["high", "low"]), "has 2 labels, expected one"),
        ("train", lambda lines: lines.__setitem__(slice(6, None), []), "pitch:train has one label only"),
        ("test", lambda lines: lines[0].update(references=["high", "low"]), "there may be several or none"),
        ("test", lambda lines: lines[0].update(question="Why?"), "each sample asks something of its own"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(
    evaluate: Evaluate, corpus: Path, split: str, change: Callable[[list[dict[str, Any]]], object], message: str
) -> None:
    edit(corpus, split, change)
    result = evaluate()
    assert result.status == 2
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


def test_the_split_under_evaluation_is_not_learned_from(evaluate: Evaluate, corpus: Path) -> None:
    for task, options in (("pitch.yaml:train", ()), ("pitch.yaml:test", ("--model-arg", "train_split=test"))):
        result = evaluate(*options, task=f"{corpus}/{task}")
        assert result.status == 2
        assert "the split under evaluation; evaluate another, or name one to learn from" in result.stderr


def test_a_list_that_names_no_splits_is_not_learned_from(evaluate: Evaluate, corpus: Path) -> None:
    result = evaluate("--manifest", corpus / "test.jsonl")
    assert result.status == 2
    assert "of the 4 samples of pitch:train are clips of test too" in result.stderr


def test_a_missing_train_split_is_named(evaluate: Evaluate, corpus: Path) -> None:
    (corpus / "pitch.yaml").write_text(TASK.replace("train: train.jsonl, ", ""))
    result = evaluate()
    assert result.status == 2
    assert (
        "learns from the split 'train', which is not here (splits here: dev, test); get it, or name another with "
        "--model-arg train_split=NAME" in result.stderr
    )


def test_samples_that_come_with_the_project_have_no_train_split(evaluate: Evaluate) -> None:
    result = evaluate(task="cochlscene")
    assert result.status == 2
    assert "learns from the split 'train', which is not here (no split is)" in result.stderr


@pytest.mark.parametrize(("task", "kind"), [("librispeech", "asr"), ("clothoaqa", "question-answering")])
def test_other_tasks_are_refused(evaluate: Evaluate, task: str, kind: str) -> None:
    result = evaluate(task=f"{task}:sample")
    assert result.status == 2
    assert f"it learns the labels of a classification, and this is {kind}" in result.stderr


def test_all_tasks_are_those_that_it_can_do(evaluate: Evaluate, corpus: Path) -> None:
    result = evaluate("--tasks-dir", corpus, "--json", task="all")
    assert result.status == 0
    assert [document["task"] for document in result.json] == ["pitch"]
    assert "SKIPPED: baseline:mfcc cannot do librispeech:sample" in result.stderr


def test_without_scikit_learn_the_extra_is_named(evaluate: Evaluate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    result = evaluate()
    assert result.status == 4
    assert (
        'error: baseline:mfcc needs scikit-learn, which is not installed; pip install "otoscope[mfcc]"' in result.stderr
    )


@pytest.mark.parametrize(
    ("task", "split", "train"),
    [
        ("cochlscene", "test", "train"),
        ("tut2017", "evaluation", "development"),
        ("meld", "dev-sentiment", "train-sentiment"),
        ("meld", "test", "train"),
        ("nsynth", "valid-velocity", "train-velocity"),
        ("nsynth", "test", "train"),
        ("vocalsound", "test", "train"),
    ],
)
def test_a_task_says_what_may_be_learned_from(tmp_path: Path, task: str, split: str, train: str) -> None:
    found = find_task_class(task, tasks_dir=None)(tmp_path)
    assert found.train_split_of(split) == train
    assert train in found.splits
    assert found.choices_of(train) == found.choices_of(split)
