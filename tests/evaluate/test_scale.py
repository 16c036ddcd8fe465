"""A run of a million samples: what each sample takes of memory and time, on splits that are small enough for a test."""

import gc
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate import evaluation, scoring, statistics
from evaluate.digests import corpus_fingerprint
from evaluate.prediction_log import LogWriter
from evaluate.report.sample_page.data import write_page_data
from evaluate.results import RunDirectory
from evaluate.scoring import ScoringOptions, score_log
from evaluate.task import Split, Task
from evaluate.task_file import load_task_class
from evaluate.testing import write_tone
from evaluate.types import Prediction
from models.predictions import Predictions

TASK = """\
name: many
kind: asr
language: en
manifest: many.jsonl
prompt: Transcribe.
metrics: [wer]
normalizer: none
"""
TEXT = "a sentence of ninety characters, as people read them out where speech is collected, {:08}"


def many(folder: Path, num_samples: int) -> Task:
    """Return a task with that many samples, all of one clip, of a speaker for every fifty."""
    folder.mkdir(exist_ok=True)
    write_tone(folder / "tone.wav", duration_s=0.01)
    (folder / "many.yaml").write_text(TASK)
    with (folder / "many.jsonl").open("w") as file:
        for number in range(num_samples):
            groups = {"speaker": f"s{number // 50}", "room": "ab"[number % 2]}
            line = {"id": f"u-{number:07}", "audio": "tone.wav", "references": [TEXT.format(number)], "groups": groups}
            file.write(json.dumps(line) + "\n")
    return load_task_class(folder / "many.yaml")(folder)


def finished(folder: Path, split: Split) -> RunDirectory:
    """Return a run whose log has an answer to every sample; one in ten is wrong in one word."""
    run = RunDirectory(folder / "run")
    run.path.mkdir(exist_ok=True)
    with LogWriter(run.predictions) as log:
        log.append(
            Prediction(
                id=sample.id,
                hypothesis=sample.references[0].replace("people", "they" if number % 10 == 0 else "people"),
                error=None,
                references=sample.references,
                audio_seconds=0.01,
                latency_seconds=0.01,
                prompt=sample.prompt,
                groups=sample.groups,
                audio=tuple(str(ref.path) for ref in sample.audio),
            )
            for number, sample in enumerate(split.samples)
        )
    return run


def traced(action: Callable[[], object]) -> tuple[int, int]:
    """Return the bytes that are still held after an action, its result among them, and the most that were."""
    gc.collect()
    tracemalloc.start()
    try:
        result = action()
        gc.collect()
        held, peak = tracemalloc.get_traced_memory()
        del result
        return held, peak
    finally:
        tracemalloc.stop()


def growth(action: Callable[[int], object], fewer: int, more: int) -> float:
    """Return how many bytes the peak of an action grows by for each sample more; what all runs take is not in it."""
    return (traced(lambda: action(more))[1] - traced(lambda: action(fewer))[1]) / (more - fewer)


def test_a_split_is_read_in_the_memory_of_its_texts_and_half_a_kilobyte_a_sample(tmp_path: Path) -> None:
    num_samples = 5_000
    task = many(tmp_path, num_samples)
    task.read_split("test")  # imports, caches
    held, peak = traced(lambda: task.read_split("test"))
    texts = len(TEXT.format(0)) + len("u-0000000") + len(str(tmp_path / "tone.wav"))
    assert held / num_samples < 500 + texts
    assert peak / num_samples < 700 + texts


def test_scores_and_pages_are_made_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "read_kept", lambda *_: None)
    # As few samples as a test has are drawn in parts, as a million are: what these take is not of the samples.
    monkeypatch.setattr(statistics, "_CELLS_AT_ONCE", 100_000)
    tasks = {number: many(tmp_path / str(number), number) for number in (1_000, 3_000)}
    splits = {number: task.read_split("test") for number, task in tasks.items()}
    runs = {number: finished(tmp_path / str(number), split) for number, split in splits.items()}

    def score(number: int) -> object:
        return score_log(tasks[number], splits[number], runs[number], ScoringOptions())

    score(1_000)  # imports, caches
    assert growth(score, 1_000, 3_000) < 180  # beside the samples
    assert growth(lambda number: write_page_data(runs[number], tmp_path / "page"), 1_000, 3_000) < 200


def test_the_answers_of_a_file_stay_there(tmp_path: Path) -> None:
    num_samples = 5_000
    split = many(tmp_path, num_samples).read_split("test")
    lines = (json.dumps({"id": one.id, "hypothesis": one.references[0]}) for one in split.samples)
    path = tmp_path / "answers.jsonl"
    path.write_text("\n".join(lines))
    held, _ = traced(lambda: Predictions(str(path)))
    assert held / num_samples < 30


def test_time_grows_as_the_number_of_samples(tmp_path: Path, cpu_s: Callable[..., float]) -> None:
    tasks = {number: many(tmp_path / str(number), number) for number in (1_000, 8_000)}

    def read(number: int) -> object:
        return corpus_fingerprint(tasks[number].read_split("test").samples)

    assert cpu_s(lambda: read(8_000)) < 16 * cpu_s(lambda: read(1_000)) + 0.1
    splits = {number: task.read_split("test") for number, task in tasks.items()}
    runs = {number: finished(tmp_path / str(number), split) for number, split in splits.items()}

    def page(number: int) -> object:
        return write_page_data(runs[number], tmp_path / "page")

    assert cpu_s(lambda: page(8_000)) < 16 * cpu_s(lambda: page(1_000)) + 0.1


def test_the_log_of_a_finished_run_is_not_read_again(
    otoscope: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(tmp_path, 20)
    command = ("eval", "--task", tmp_path / "many.yaml", "--model", "baseline:majority", "--json")
    results = ("--results-dir", tmp_path / "results")
    [first] = otoscope(*command, *results).json

    def read(_: Path) -> None:
        raise AssertionError("read")

    with monkeypatch.context() as unread:
        unread.setattr(evaluation, "index_log", read)
        again = otoscope(*command, *results)
        assert "20 of 20 are in the log already" in again.stderr
        assert {**again.json[0], "created": ""} == {**first, "created": ""}
    log = Path(first["run_dir"]) / "predictions.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-1]))  # a log that has changed is read
    assert "19 of 20 are in the log already" in otoscope(*command, *results).stderr


def test_failed_samples_of_a_finished_run_are_tried_again(
    otoscope: Callable[..., Any], write_jsonl: Callable[..., Path], tmp_path: Path
) -> None:
    many(tmp_path, 2)
    failed = {"id": "u-0000001", "hypothesis": None, "error": {"type": "Lost", "message": "no answer"}}
    answers = write_jsonl("answers.jsonl", {"id": "u-0000000", "hypothesis": "a sentence"}, failed)
    command = ("eval", "--task", tmp_path / "many.yaml", "--model", f"predictions:{answers}")
    results = ("--results-dir", tmp_path / "results")
    otoscope(*command, *results)
    assert "1 of 2 are in the log already" in otoscope(*command, *results).stderr
    assert "2 of 2 are in the log already" in otoscope(*command, *results, "--keep-failed").stderr
