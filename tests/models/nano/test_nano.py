"""The model that comes with the project: it is a Qwen-Audio, it hears, and without its audio it does not."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.nano.adapter import CHECKPOINT, Nano

Command = Callable[..., Any]

MAX_BYTES = 8_000_000
# The twelve of Qwen-Audio's evaluation; a sample of each comes with the project.
BENCHMARKS = (
    *("librispeech", "aishell1", "aishell2", "covost2", "clotho", "clothoaqa"),
    *("cochlscene", "tut2017", "meld", "vocalsound", "nsynth", "srwt"),
)
Scores = dict[str, dict[str, Any]]  # the primary metric of each benchmark


def test_it_is_small_and_of_the_classes_of_qwen_audio() -> None:
    from models.qwen_audio import QwenAudio
    from models.qwen_audio.model import QwenAudioModel

    assert sum(path.stat().st_size for path in CHECKPOINT.iterdir()) <= MAX_BYTES
    loaded = QwenAudio.from_pretrained(CHECKPOINT)
    assert type(loaded.model) is QwenAudioModel
    assert 1e6 <= sum(one.numel() for one in loaded.model.parameters()) <= 3e6
    assert loaded.model.config.audio.n_ctx == 1500  # hears 30 s, as the released ones


def test_its_name_tells_no_path_and_its_weights_tell_themselves() -> None:
    nano = Nano()
    assert nano.name == "nano"
    assert len(nano.identity()["revision"]) == 16


def test_it_answers_where_no_model_is_named_and_says_so_first_and_last(otoscope: Command, tmp_path: Path) -> None:
    result = otoscope("eval", "--task", "aishell1", "--data-dir", tmp_path, "--results-dir", tmp_path)
    lines = result.stderr.splitlines()
    assert lines[0].startswith("SAMPLE: no benchmark figures")
    assert lines[1].startswith("MODEL: none was named, so nano answers")
    assert lines[-2:] == [lines[1], lines[0]]
    [scores] = tmp_path.glob("runs/nano/aishell1/sample/*/scores.json")
    assert json.loads(scores.read_text())["metrics"]["cer"]["value"] <= 0.20


def test_a_model_that_is_named_is_not_spoken_of(otoscope: Command, tmp_path: Path) -> None:
    named = ("--model", "baseline:empty", "--data-dir", tmp_path, "--results-dir", tmp_path)
    assert "MODEL:" not in otoscope("eval", "--task", "aishell1", *named).stderr


@pytest.fixture(scope="module")
def scores_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Scores]:
    """Return what a model scores on the samples of the twelve benchmarks."""
    from click.testing import CliRunner

    from evaluate.cli import cli

    def score(model: str, *options: str) -> Scores:
        tasks = ",".join(f"{name}:sample" for name in BENCHMARKS)
        where = str(tmp_path_factory.mktemp("results"))
        arguments = ["eval", "--task", tasks, "--model", model, "--results-dir", where, "--json", *options]
        documents = json.loads(CliRunner().invoke(cli, arguments).stdout)
        return {one["task"]: one["metrics"][one["primary"]] for one in documents}

    return score


@pytest.mark.slow
def test_it_hears_in_every_benchmark_and_without_audio_in_none(scores_of: Callable[..., Scores]) -> None:
    heard, deaf, majority = scores_of("nano"), scores_of("nano", "--probe", "silence"), scores_of("baseline:majority")
    assert heard.keys() == deaf.keys() == majority.keys() == set(BENCHMARKS)
    for task in BENCHMARKS:
        floor = majority[task]
        worst_heard, best_floor, best_deaf = (
            _worst(heard[task]),
            _best(floor),
            _best(deaf[task]),
        )
        assert _is_better(floor, worst_heard, best_floor), task
        assert _is_better(floor, worst_heard, best_deaf), task
        # Silence leaves what the words of the prompt tell, which is no more than the commonest answer does.
        assert not _is_better(floor, _worst(deaf[task]), best_floor), task


def _worst(score: dict[str, Any]) -> float:
    return float(score["ci"][0 if score["higher_is_better"] else 1])


def _best(score: dict[str, Any]) -> float:
    return float(score["ci"][1 if score["higher_is_better"] else 0])


def _is_better(score: dict[str, Any], one: float, other: float) -> bool:
    return one > other if score["higher_is_better"] else one < other
