"""The command, from runs to a folder that is complete by itself."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.report import writing
from evaluate.report.sample_page.data import page_folder, write_page_data
from evaluate.results import RunDirectory

Command = Callable[..., Any]


@pytest.fixture
def results(otoscope: Command, librispeech: Path, tmp_path: Path) -> Path:
    """Results of one model on two splits."""
    folder = tmp_path / "results"
    arguments = ("--data-dir", librispeech, "--results-dir", folder)
    assert otoscope("eval", "--task", "librispeech", "--model", "baseline:empty", *arguments).status == 0
    return folder


def test_a_report_is_leaderboard_charts_and_a_page_for_each_run(
    otoscope: Command, results: Path, tmp_path: Path
) -> None:
    out = tmp_path / "site"
    written = otoscope("report", "--results-dir", results, "--out", out, "--json").json
    pages = [Path(path) for path in written if path.endswith("index.html")]
    top = {Path(path).name for path in written if Path(path).parent == out}
    assert {f"leaderboard.{form}" for form in ("md", "csv", "html", "tex")} | {"radar.png", "radar.svg"} <= top
    assert len(pages) == 2
    assert all(Path(path).is_file() for path in written)
    leaderboard = (out / "leaderboard.html").read_text(encoding="utf-8")
    assert all(f'href="{path.relative_to(out).as_posix()}"' in leaderboard for path in pages)
    assert "baseline:empty" in (out / "leaderboard.md").read_text(encoding="utf-8")


def test_a_report_stands_without_the_results_it_is_of(otoscope: Command, results: Path, tmp_path: Path) -> None:
    out = tmp_path / "site"
    otoscope("report", "--results-dir", results, "--out", out)
    shutil.rmtree(results)
    [page, _] = sorted(out.glob("runs/*/*/*/*/index.html"))
    assert "11-22-0000" in (page.parent / "page" / "index.js").read_text(encoding="utf-8")


def test_by_default_it_lies_in_the_results_and_its_files_are_named(otoscope: Command, results: Path) -> None:
    result = otoscope("report", "--results-dir", results)
    assert result.status == 0
    assert str(results / "report" / "radar.png") in result.stdout.splitlines()
    assert f"{results / 'report' / 'runs'}: sample pages of 2 runs" in result.stdout


def test_logs_are_not_read_where_scoring_left_what_pages_need(
    otoscope: Command, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "MADE_UP_BYTES", 0)
    result = otoscope("report", "--results-dir", results)
    assert "sample pages of 2 runs" in result.stdout
    assert result.stderr == ""


def test_pages_of_runs_that_were_scored_by_an_earlier_version_are_made_some_at_a_time(
    otoscope: Command, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = sorted(results.glob("runs/*/*/*/*/predictions.jsonl"))
    for log in logs:
        shutil.rmtree(page_folder(RunDirectory(log.parent)))
    monkeypatch.setattr(writing, "MADE_UP_BYTES", max(log.stat().st_size for log in logs))
    result = otoscope("report", "--results-dir", results)
    assert "sample pages of 1 runs" in result.stdout
    assert "no sample page yet of 1 runs" in result.stderr
    assert "sample pages of 2 runs" in otoscope("report", "--results-dir", results).stdout


def test_charts_of_an_earlier_report_do_not_stand_among_those_of_this(otoscope: Command, results: Path) -> None:
    out = results / "report"
    out.mkdir()
    for name in ("confusion.png", "confusion.svg", "of-my-own.png"):
        (out / name).write_bytes(b"old")
    otoscope("report", "--results-dir", results)
    assert not (out / "confusion.png").exists()
    assert (out / "of-my-own.png").exists()


def test_names_that_no_font_can_write_are_told_once(
    otoscope: Command, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacks = "charts: no installed font has 2 characters"
    monkeypatch.setattr("evaluate.report.figures.missing_glyphs", lambda _: lacks)
    assert otoscope("report", "--results-dir", results).stderr == f"{lacks}\n"
    radar = ("report", "--radar", "qwen-audio", "--results-dir", results)
    assert otoscope(*radar).stderr == f"{lacks}\n"


def test_scripts_that_come_with_a_run_are_neither_run_nor_copied(
    otoscope: Command, results: Path, tmp_path: Path
) -> None:
    [log] = results.glob("runs/*/*/test-clean/*/predictions.jsonl")
    made = page_folder(RunDirectory(log.parent))
    shutil.copytree(made, log.parent / "page")  # as a stranger would hand it over, with the right times
    (log.parent / "page" / "index.js").write_text("window.pwned = 1")
    otoscope("report", "--results-dir", results, "--out", tmp_path / "site")
    assert not any("pwned" in path.read_text() for path in (tmp_path / "site").rglob("*.js"))


def test_pages_that_cannot_be_written_cost_no_leaderboard(
    otoscope: Command, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("OTOSCOPE_PAGES", str(tmp_path / "file"))
    result = otoscope("report", "--results-dir", results)
    assert result.status == 0
    assert "no sample page of 2 runs" in result.stderr
    assert (results / "report" / "leaderboard.html").is_file()


def test_data_of_runs_that_are_gone_leave_the_cache(otoscope: Command, results: Path, librispeech: Path) -> None:
    folders = [page_folder(RunDirectory(path.parent)) for path in results.glob("runs/*/*/*/*/run.json")]
    assert all(folder.is_dir() for folder in folders)
    shutil.rmtree(results)
    arguments = ("--data-dir", librispeech, "--results-dir", results.with_name("other"))
    otoscope("eval", "--task", "librispeech:test-clean", "--model", "baseline:empty", *arguments)
    assert not any(folder.exists() for folder in folders)


def test_a_run_whose_log_is_gone_has_scores_and_no_page(otoscope: Command, results: Path) -> None:
    for log in results.glob("runs/*/*/test-clean/*/predictions.jsonl"):
        log.unlink()
    assert "sample pages of 1 runs" in otoscope("report", "--results-dir", results).stdout


def test_no_runs_are_a_wrong_request(otoscope: Command, tmp_path: Path) -> None:
    result = otoscope("report", "--results-dir", tmp_path)
    assert result.status == 2
    assert "no scored runs there; otoscope eval makes them" in result.stderr


@pytest.mark.slow
def test_50_models_on_12_tasks_take_under_10_s_and_no_longer_for_longer_logs(results: Path, tmp_path: Path) -> None:
    [run] = [RunDirectory(path.parent) for path in results.glob("runs/*/*/test-clean/*/run.json")]
    scores = json.loads(run.scores.read_text(encoding="utf-8"))
    many = tmp_path / "many"
    for model in range(50):
        for task in range(12):
            folder = many / "runs" / f"m{model}" / f"t{task}" / "test" / "0"
            shutil.copytree(run.path, folder)
            write_page_data(RunDirectory(folder), page_folder(RunDirectory(folder)))
            changed = {**scores, "model": f"model {model}", "task": f"task{task}", "split": "test"}
            (folder / "scores.json").write_text(json.dumps(changed), encoding="utf-8")

    def seconds() -> float:
        start = time.perf_counter()
        command = [sys.executable, "-m", "evaluate", "report", "--results-dir", str(many)]
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - start

    short = min(seconds(), seconds())
    assert short < 10
    for log in many.glob("runs/*/*/*/*/predictions.jsonl"):
        log.write_bytes(1_000 * log.read_bytes())
        made = page_folder(RunDirectory(log.parent)) / "made_from.json"
        state = json.loads(made.read_text())
        state["files"]["predictions.jsonl"] = [log.stat().st_size, log.stat().st_mtime_ns]
        made.write_text(json.dumps(state))  # as scoring leaves it
    assert min(seconds(), seconds()) < 2 * short
