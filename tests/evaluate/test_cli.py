"""How the command starts and ends, whichever of its parts is named."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


def test_a_bug_is_no_failed_check(otoscope: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    import evaluate.catalogue

    monkeypatch.delattr(evaluate.catalogue, "describe_task")
    result = otoscope("tasks")
    assert result.status == 4  # 1 would say that a regression was found
    assert result.stderr.splitlines()[-1].startswith("error: internal error (ImportError")


def test_a_reader_that_has_gone_is_no_failed_check(librispeech: Path) -> None:
    command = f"{sys.executable} -m evaluate tasks --json | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.returncode in (0, 4)  # 0: the pipe took it all before its reader went
    assert "Traceback" not in done.stderr


def test_catalogues_list_and_describe(otoscope: Command) -> None:
    tasks = otoscope("tasks", "--json").json
    assert {"name", "kind", "languages", "splits", "primary"} <= tasks[0].keys()
    assert otoscope("tasks", "aishell1", "--json").json["primary"] == "cer"
    assert "official_sizes" in otoscope("tasks", "librispeech").stdout
    assert otoscope("models", "whisper", "--json").json["settings"] == ["revision"]
    assert otoscope("models", "whisper-base", "--json").json["stands_for"] == "whisper:openai/whisper-base"
    assert {one["name"] for one in otoscope("metrics", "--json").json} >= {"wer", "cer", "whisper-en", "zh", "none"}
    for command in ("tasks", "models", "metrics"):
        assert otoscope(command, "wat").status == 2


@pytest.mark.parametrize("command", ["eval", "check-batching"])
def test_a_missing_task_says_how_one_is_named(otoscope: Command, command: str) -> None:
    result = otoscope(command, "--model", "nano")
    assert (result.status, result.stderr) == (
        2,
        "error: Missing option '--task'. Name a task, e.g. --task aishell1; otoscope tasks lists all\n",
    )


def test_what_stands_without_an_option_is_told_the_options(otoscope: Command) -> None:
    result = otoscope("eval", "vocalsound", "nano")
    assert (result.status, result.stderr) == (
        2,
        "error: unexpected: vocalsound nano; tasks are named with --task, models with --model\n",
    )


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("foo", "unknown model 'foo'; expected a name that otoscope models lists, or FAMILY:WHERE, e.g. "),
        ("nanoo", "did you mean 'nano' or 'nano:'? Expected a name that otoscope models lists, or FAMILY:WHERE, "),
    ],
)
def test_an_unknown_model_is_told_what_is_expected(otoscope: Command, model: str, message: str) -> None:
    result = otoscope("eval", "--task", "aishell1", "--model", model)
    assert (result.status, message in result.stderr) == (2, True), result.stderr


@pytest.mark.parametrize("command", ["eval", "check-batching"])
def test_no_number_of_seconds_is_no_batch(otoscope: Command, command: str) -> None:
    result = otoscope(command, "--task", "librispeech", "--model", "nano", "--max-batch-seconds", "nan")
    assert result.status == 2
    assert "found nan, expected a number above 0" in result.stderr


def test_a_shell_completes_words_without_an_error() -> None:
    asked = {"_OTOSCOPE_COMPLETE": "bash_complete", "COMP_WORDS": "otoscope ev", "COMP_CWORD": "1"}
    command = [sys.executable, "-m", "evaluate"]
    done = subprocess.run(command, env={**os.environ, **asked}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "plain,eval\n", "")
