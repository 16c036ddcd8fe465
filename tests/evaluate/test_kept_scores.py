"""Scores of a finished run are made once; whatever they depend on, changed, makes them anew."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate import kept_scores, scoring
from evaluate.folders import home_or_cache, place_of_run

Command = Callable[..., Any]

TASK = """\
name: toy
kind: classification
language: en
manifest: toy.jsonl
prompt: Which?
choices: [kettle, tap]
metrics: [accuracy]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "toy.yaml").write_text(TASK)
    lines = [{"id": f"k-{n}", "audio": f"{n}.wav", "references": [["kettle", "tap"][n % 3 % 2]]} for n in range(6)]
    (tmp_path / "toy.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


@pytest.fixture
def scored(otoscope: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, bool]]:
    """Run the same command again; returns its scores document, and whether metrics counted anything for it."""
    counted: list[int] = []
    count_samples = scoring.count_samples

    def counting(*arguments: Any) -> Any:
        counted.append(1)
        return count_samples(*arguments)

    monkeypatch.setattr(scoring, "count_samples", counting)

    def run(*arguments: object) -> tuple[Any, bool]:
        counted.clear()
        command = ("eval", "--task", folder / "toy.yaml", "--model", "baseline:majority", "--json")
        [document] = otoscope(*command, "--results-dir", folder / "results", *arguments).json
        return {key: value for key, value in document.items() if key != "created"}, bool(counted)

    return run


def test_a_finished_run_is_scored_once(scored: Callable[..., Any]) -> None:
    first, was_counted = scored()
    assert was_counted
    assert scored() == (first, False)


def test_another_seed_scores_anew(scored: Callable[..., Any]) -> None:
    scored()
    assert scored("--seed", 1)[1]
    assert scored()[1]  # only the last scoring is kept


def test_a_file_of_the_run_that_was_touched_up_scores_anew(scored: Callable[..., Any]) -> None:
    first, _ = scored()
    for name in ("sample_scores.jsonl", "predictions.jsonl"):
        path = Path(first["run_dir"], name)
        before = path.stat()
        path.write_bytes(path.read_bytes().replace(b"kettle", b"kettla", 1))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert scored()[1], name


def test_other_groups_in_the_corpus_score_anew(scored: Callable[..., Any], folder: Path) -> None:
    first, _ = scored()
    lines = [json.loads(line) for line in (folder / "toy.jsonl").read_text().splitlines()]
    texts = [json.dumps({**line, "groups": {"room": str(number % 2)}}) for number, line in enumerate(lines)]
    (folder / "toy.jsonl").write_text("\n".join(texts))
    second, was_counted = scored()
    assert was_counted
    assert second["run_id"] == first["run_id"]
    assert set(second["metrics"]["accuracy"]["by"]) == {"room"}


@pytest.mark.parametrize("what", ["aliases: {tap: [faucet]}", "extractor: exact"])
def test_another_way_to_read_answers_scores_anew(what: str, scored: Callable[..., Any], folder: Path) -> None:
    scored()
    (folder / "toy.yaml").write_text(f"{TASK}{what}\n")
    assert scored()[1]


@pytest.mark.parametrize("name", ["_state_of_code", "package_versions"])
def test_another_program_scores_anew(name: str, scored: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    scored()
    monkeypatch.setattr(kept_scores, name, lambda: {"x": "other"})
    assert scored()[1]


def test_what_was_kept_and_is_damaged_is_made_anew(
    scored: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTOSCOPE_SCORED", str(tmp_path / "scored"))
    scored()
    [kept] = (tmp_path / "scored").glob("*/scores.json")
    for text in ("", "[]", "{}", '{"key": 1}'):
        kept.write_text(text)
        assert scored()[1]
    assert not scored()[1]


def test_without_a_cache_all_is_scored(
    scored: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OTOSCOPE_SCORED", str(tmp_path / "file"))
    first, _ = scored()
    assert scored() == (first, True)


def test_scores_of_runs_that_are_gone_leave_the_cache(scored: Callable[..., Any], folder: Path) -> None:
    first, _ = scored()
    kept = place_of_run(home_or_cache("OTOSCOPE_SCORED", "scored"), Path(first["run_dir"]))
    assert sorted(path.name for path in kept.iterdir()) == ["run.txt", "scores.json"]
    shutil.rmtree(folder / "results")
    scored("--results-dir", folder / "elsewhere")
    assert not kept.exists()


def test_what_is_not_a_run_s_stays_in_the_cache(
    scored: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, gone = tmp_path / "scored", "/no/such/run"
    monkeypatch.setenv("OTOSCOPE_SCORED", str(cache))
    for name in ("mine", "piped"):
        (cache / name).mkdir(parents=True)
    (cache / "mine" / "run.txt").write_text(gone)
    os.mkfifo(cache / "piped" / "run.txt")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "run.txt").write_text(gone)
    place_of_run(cache, Path(gone)).symlink_to(theirs)
    scored()
    assert (theirs / "run.txt").exists()
    assert {"mine", "piped"} <= {path.name for path in cache.iterdir()}
