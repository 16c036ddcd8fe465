"""The contract, line by line: names, commands and files that users, CI jobs and other programs rely on.

In the order in which it is written down: top level, make, commands, exit statuses, models, files, names of metrics and
normalisers, a user's own task, samples. What stands here are the plain facts; how each part behaves in detail is held
by the tests of that part.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import evaluate.__main__
import otoscope as launcher
from evaluate.cli import cli
from evaluate.metrics import create_metric
from evaluate.metrics.settings import MetricSettings
from evaluate.normalizers import BUILTIN as NORMALIZERS
from evaluate.normalizers import create_normalizer
from evaluate.results import RunDirectory
from evaluate.testing import write_tone
from evaluate.types import KINDS
from models import FAMILIES, SHORT_NAMES
from models import registry as model_registry
from tasks import BUILTIN as TASKS
from tasks import registry as task_registry

Command = Callable[..., Any]
Write = Callable[..., Path]
ROOT = Path(__file__).resolve().parents[1]

LISTENER = """\
import os, signal
from evaluate.errors import ModelLoadError
from evaluate.model import ModelAdapter
from evaluate.types import Output


class Listener(ModelAdapter):
    '''Says how long a clip is; from the second sample on it does as it is told.'''

    name = "listener"

    def __init__(self, where="", *, act=""):
        self._act, self._num_answered = act, 0

    def refusal(self, task, asked):
        return "it was told to refuse" if self._act == "refuse" else None

    def load(self):
        assert self._act != "refuse", "loaded all the same"
        if self._act == "load":
            raise ModelLoadError("there is no such checkpoint; name another")

    def generate(self, batch, options):
        for request in batch:
            if self._num_answered:
                self._misbehave()
            self._num_answered += 1
            yield Output(request.sample.id, text=f"{request.waveforms[0].size} frames")

    def _misbehave(self):
        if self._act == "fail":
            raise ValueError("told to fail")
        if self._act == "interrupt":
            raise KeyboardInterrupt
        if self._act == "terminate":
            os.kill(os.getpid(), signal.SIGTERM)
"""


@pytest.fixture(autouse=True)
def _not_on_github(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def listener(tmp_path: Path) -> Path:
    path = tmp_path / "listener.py"
    path.write_text(LISTENER)
    return path


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results"


@pytest.fixture
def evaluated(otoscope: Command, librispeech: Path, listener: Path, results: Path) -> Command:
    """Run `otoscope eval` with the listener, on LibriSpeech test-clean where nothing else is named."""

    def run(*arguments: object, task: str = "librispeech:test-clean") -> Any:
        where = ("--data-dir", librispeech, "--results-dir", results)
        return otoscope("eval", "--task", task, "--model", listener, *where, *arguments)

    return run


# Names, and the top level


def test_the_distribution_and_its_command_are_called_otoscope() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (project["name"], project["scripts"]) == ("otoscope", {"otoscope": "otoscope:main"})
    assert project["requires-python"] == ">=3.11"
    assert evaluate.__main__.main is launcher.main  # `python -m evaluate` is the same program


@pytest.mark.parametrize(
    "name",
    [
        *("evaluate", "tasks", "models", "results/published", "results/baselines", "tests", "pyproject.toml"),
        *("Makefile", "README.md", ".ci/run"),
    ],
)
def test_what_the_top_level_holds(name: str) -> None:
    if not (ROOT / ".git").exists() and name.startswith("."):
        pytest.skip("no clone: a source distribution leaves out what is for CI")
    assert (ROOT / name).exists()


@pytest.mark.parametrize(
    ("path", "ignored"),
    [("results/runs/m/t/s/r/run.json", True), ("results/published/x.yaml", False), ("results/baselines/x.json", False)],
)
def test_of_the_results_git_keeps_published_figures_and_baselines(path: str, ignored: bool) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no clone")
    done = subprocess.run(["git", "check-ignore", "--quiet", path], cwd=ROOT)
    if done.returncode == 128:
        pytest.skip("git refuses to look into this clone")
    assert (done.returncode == 0) == ignored


# Make targets. The environment's programs are stand-ins that say how they were called: nothing is installed.

NOT_FOR_MAKE = ("CI", "PYTHON", "PYTEST_ARGS", "MAKEFLAGS", "MFLAGS", "TASK", "MODEL", "SPLIT", "LIMIT", "ARGS")


@pytest.fixture
def make(tmp_path: Path) -> Command:
    """Run make in a folder whose environment is ready; programs whose arguments match `failing` exit with 1."""
    if shutil.which("make") is None:
        pytest.skip("no make here")
    clone = tmp_path / "clone"
    programs = {clone / ".venv" / "bin" / name for name in ("otoscope", "python", "ruff", "mypy")}
    for path in programs | {clone / ".venv-peers" / "bin" / "python"}:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text('#!/bin/sh\necho "${0##*/} $*"\ncase "$*" in $FAILING) exit 1;; esac\n')
        path.chmod(0o755)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, clone)
    for name in (".venv", ".venv-peers"):
        (clone / name / ".ready").touch()

    def run(*arguments: str, failing: str = "-", **environment: str) -> "subprocess.CompletedProcess[str]":
        own = {name: text for name, text in os.environ.items() if name not in NOT_FOR_MAKE}
        return subprocess.run(
            ["make", "--no-print-directory", *arguments],
            cwd=clone,
            env={**own, "FAILING": failing, **environment},
            capture_output=True,
            text=True,
        )

    return run


def called(done: "subprocess.CompletedProcess[str]") -> list[str]:
    """Return the lines that the programs said, without those in which make says what it does."""
    return [line for line in done.stdout.splitlines() if not line.startswith(".")]


@pytest.mark.parametrize(
    ("variables", "arguments"),
    [
        (["TASK=aishell1"], "--task aishell1"),
        (["TASK=aishell1", "MODEL=whisper:/models/base"], "--task aishell1 --model whisper:/models/base"),
        (["TASK=aishell1", "SPLIT=dev", "LIMIT=3"], "--task aishell1:dev --limit 3"),
        (["TASK=aishell1", "ARGS=--seed 1 --json"], "--task aishell1 --seed 1 --json"),
        (["TASK=all"], "--task all --report"),
    ],
)
def test_make_eval_evaluates(make: Command, variables: list[str], arguments: str) -> None:
    done = make("eval", *variables)
    assert (done.returncode, called(done)) == (0, [f"otoscope eval {arguments}"])


def test_make_eval_without_a_task_is_one_line(make: Command) -> None:
    done = make("eval")
    assert (done.returncode, called(done)) == (2, [])
    assert done.stderr.startswith("error: no task named; make eval TASK=")


def test_make_report_writes_the_report(make: Command) -> None:
    assert called(make("report")) == ["otoscope report"]


def test_make_regression_evaluates_the_embedded_model_and_compares_and_its_status_is_2(make: Command) -> None:
    evaluation, comparison = called(make("regression"))
    assert evaluation.startswith("otoscope eval --results-dir build/regression --task all:sample --model nano ")
    assert comparison.startswith("otoscope regression --results-dir build/regression --baseline results/baselines/")
    assert (ROOT / comparison.split()[-1]).is_file()
    assert make("regression", failing="regression *").returncode == 2


def test_make_test_is_lint_types_and_tests(make: Command) -> None:
    programs = [line.split()[0] if "pytest" not in line else "pytest" for line in called(make("test"))]
    assert programs == ["ruff", "ruff", "mypy", "pytest"]
    assert all(make("test", failing=failing).returncode == 2 for failing in ("check .", "", "-m pytest*"))


def test_make_test_leaves_out_slow_tests_except_in_ci(make: Command) -> None:
    assert called(make("test"))[-1] == "python -m pytest -m not slow"
    assert called(make("test", CI="true"))[-1] == "python -m pytest"


def test_make_bench_measures(make: Command) -> None:
    assert called(make("bench", "ARGS=--only wer"))[-1] == "python -m tests.bench --only wer"


@pytest.mark.parametrize("target", ["eval", "report", "regression", "setup", "test", "bench"])
def test_every_target_makes_the_environment_once(make: Command, tmp_path: Path, target: str) -> None:
    ready = make("--dry-run", target, "TASK=aishell1")
    assert "-m venv" not in ready.stdout
    shutil.rmtree(tmp_path / "clone" / ".venv")
    fresh = make("--dry-run", target, "TASK=aishell1")
    assert fresh.returncode == 0
    assert "python3 -m venv" in fresh.stdout
    assert ".venv/bin/python -m pip install" in fresh.stdout


def test_a_python_that_is_too_old_is_one_line(make: Command, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "clone" / ".venv")
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.1\nexit 1\n')
    old.chmod(0o755)
    done = make("setup", f"PYTHON={old}")
    assert done.returncode == 2
    assert done.stderr.startswith("error: Python 3.9.1 found, expected Python 3.11 or newer")


# Commands and their options

OPTIONS = {
    "eval": (
        "--task --model --data-dir --results-dir --limit --device --dtype --engine --max-batch-seconds --model-arg "
        "--fresh --keep-failed --allow-failures --protocol --probe --seed --gen --devices --tasks-dir --json"
    ),
    "score": "--task --predictions --model-name --references --metrics --language --normalizer --results-dir --json",
    "tasks": "--json",
    "models": "--json",
    "metrics": "--json",
    "data status": "--data-dir --json",
    "data fetch": "--data-dir",
    "data verify": "--data-dir --json",
    "report": "--out --results-dir --json",
    "view": "--results-dir",
    "compare": "--results-dir --json",
    "regression": "--baseline --junit --results-dir --json",
}


def every_command(group: click.Group = cli, *path: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command by its whole name."""
    for name, command in group.commands.items():
        yield " ".join((*path, name)), command
        if isinstance(command, click.Group):
            yield from every_command(command, *path, name)


def options_of(name: str) -> dict[str, click.Parameter]:
    return {text: one for one in dict(every_command())[name].params for text in one.opts}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_command_has_its_options(name: str) -> None:
    assert set(OPTIONS[name].split()) <= options_of(name).keys()


def test_options_take_what_was_promised() -> None:
    of_eval = options_of("eval")
    choices = {name: list(getattr(of_eval[name].type, "choices", ())) for name in ("--engine", "--probe")}
    assert choices == {"--engine": ["local", "ray"], "--probe": ["silence", "shuffle"]}
    assert all(of_eval[name].multiple for name in ("--model-arg", "--gen"))
    assert of_eval["--allow-failures"].default == 0
    assert (str(of_eval["--data-dir"].default), str(of_eval["--results-dir"].default)) == ("data", "results")
    assert not any(options_of(f"data {name}")["name"].required for name in ("status", "verify"))


@pytest.mark.parametrize("name", [name for name, _ in every_command()])
def test_every_command_helps_with_an_example(otoscope: Command, name: str) -> None:
    result = otoscope(*name.split(), "--help")
    assert result.status == 0
    assert f"\n    otoscope {name}" in result.stdout.split("Example")[1]  # on a line of its own
    assert "\\b" not in result.stdout


def test_the_names_of_the_tasks(otoscope: Command) -> None:
    names = [
        *("librispeech", "aishell1", "aishell2", "covost2", "clotho", "clothoaqa", "cochlscene", "tut2017", "meld"),
        *("vocalsound", "nsynth", "srwt", "common_voice", "fleurs", "airbench_chat", "chat"),
    ]
    rows = {row["name"]: row for row in otoscope("tasks", "--json").json}
    assert list(rows)[: len(names)] == names
    assert all({"name", "kind", "languages", "splits", "primary"} <= row.keys() for row in rows.values())
    assert all("sample" in row["splits"] for row in rows.values())


@pytest.mark.parametrize(
    ("name", "splits"),
    [
        ("librispeech", ["test-clean", "test-other"]),
        ("aishell1", ["test"]),
        ("aishell2", ["mic", "ios", "android"]),
        ("covost2", ["en-de", "de-en", "en-zh", "zh-en", "es-en", "fr-en", "it-en"]),
    ],
)
def test_the_default_split_is_the_standard_test_split_or_splits(name: str, splits: list[str]) -> None:
    assert list(task_registry.get(name).default_splits) == splits


def test_each_split_has_a_scores_document_of_its_own(evaluated: Command) -> None:
    documents = evaluated("--json", task="librispeech").json
    assert [(one["split"], one["n_total"]) for one in documents] == [("test-clean", 3), ("test-other", 2)]


@pytest.mark.parametrize(("command", "name"), [("tasks", "aishell1"), ("models", "whisper"), ("metrics", "wer")])
def test_a_catalogue_has_a_row_each_and_everything_about_a_name(otoscope: Command, command: str, name: str) -> None:
    row = next(row for row in otoscope(command, "--json").json if row["name"].rstrip(":") == name)
    whole = otoscope(command, name, "--json").json
    assert whole["description"] == row["description"]
    assert name in otoscope(command).stdout
    assert whole["description"] in otoscope(command, name).stdout


def test_with_json_stdout_is_one_document_whatever_the_command(
    otoscope: Command, evaluated: Command, librispeech: Path, results: Path, write_jsonl: Write, tmp_path: Path
) -> None:
    [first] = evaluated("--json").json
    predictions = write_jsonl("p.jsonl", *({"id": f"{one}", "hypothesis": "a tone"} for one in IDS))
    references = write_jsonl("r.jsonl", *({"id": f"{one}", "references": ["a tone"]} for one in IDS))
    where = ("--data-dir", librispeech, "--results-dir", results)
    task = ("--task", "librispeech:test-clean", "--model-name", "mine")
    second = otoscope("score", *task, "--predictions", predictions, *where, "--json").json
    assert second["model"] == "mine"
    files = ("--references", references, "--predictions", predictions, "--metrics", "wer,cer")
    assert otoscope("score", *files, "--json").json["metrics"].keys() == {"wer", "cer"}
    assert otoscope("compare", first["run_dir"], second["run_dir"], "--json").json["n_samples"] == len(IDS)
    baseline = ("--baseline", tmp_path / "b.json", "--results-dir", results)
    assert otoscope("regression", *baseline, "--update", "--json").json["scores"] == 2
    assert len(otoscope("regression", *baseline, "--json").json) == 2
    report = otoscope("report", "--results-dir", results, "--json").json
    assert str(results / "report" / "leaderboard.html") in report
    for command in ("status", "verify"):
        assert otoscope("data", command, "librispeech:test-clean", "--data-dir", librispeech, "--json").json


def test_without_json_a_table_is_printed(evaluated: Command) -> None:
    shown = evaluated().stdout
    assert "librispeech:test-clean" in shown
    assert "wer ↓" in shown


def test_data_fetch_without_a_name_says_what_to_name(otoscope: Command) -> None:
    result = otoscope("data", "fetch")
    assert (result.status, result.stdout) == (2, "")
    assert result.stderr == (
        "error: no corpus named; otoscope data fetch NAME[:SPLIT] gets one, otoscope data status lists them\n"
    )


def test_the_report_has_its_files_and_a_page_for_each_run(otoscope: Command, evaluated: Command, results: Path) -> None:
    [document] = evaluated("--json").json
    assert otoscope("report", "--results-dir", results).status == 0
    report = results / "report"
    names = {path.name for path in report.iterdir()}
    assert {*(f"leaderboard.{form}" for form in ("md", "csv", "html", "tex")), "radar.png", "radar.svg"} <= names
    inside = Path(document["run_dir"]).relative_to(results)
    assert (report / inside / "index.html").is_file()


def test_a_run_is_named_by_its_folder_or_by_its_place_in_the_results(
    otoscope: Command, evaluated: Command, results: Path, tmp_path: Path
) -> None:
    [document] = evaluated("--json").json
    run = Path(document["run_dir"])
    inside = run.relative_to(results / "runs")
    assert otoscope("compare", run, run, "--json").status == 0
    assert otoscope("compare", inside, inside, "--results-dir", results, "--json").json["n_samples"] == 3
    viewed = otoscope("view", inside, "--results-dir", results, "--static", tmp_path / "page")
    assert (viewed.status, (tmp_path / "page" / "index.html").is_file()) == (0, True)
    absent = otoscope("compare", inside, inside)
    assert (absent.status, "nor is there one in results/runs; expected a run's folder" in absent.stderr) == (2, True)


# Exit statuses


@pytest.mark.parametrize(
    ("act", "status", "said"),
    [
        ("", 0, ""),
        ("refuse", 2, "error: listener cannot do librispeech:test-clean: it was told to refuse"),
        ("fail", 3, "FAILED: 2 of 3 samples of librispeech:test-clean failed, 0 are allowed"),
        ("load", 4, "error: there is no such checkpoint; name another"),
        ("interrupt", 130, "The same command goes on from there."),
        ("terminate", 143, "The same command goes on from there."),
    ],
)
def test_how_an_evaluation_ends(evaluated: Command, results: Path, act: str, status: int, said: str) -> None:
    result = evaluated("--model-arg", f"act={act}", "--max-batch-seconds", "0.1")
    assert result.status == status
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    logs = list(results.rglob("predictions.jsonl"))
    num_lines = sum(len(log.read_text().splitlines()) for log in logs)
    assert num_lines == (0 if act in ("refuse", "load") else 1 if status > 100 else 3)  # what was done is kept


def test_failures_that_are_allowed_are_no_failure(evaluated: Command) -> None:
    fail = ("--model-arg", "act=fail", "--max-batch-seconds", "0.1", "--allow-failures")
    assert [evaluated(*fail, allowed).status for allowed in (1, 2)] == [3, 0]


def test_a_regression_is_1_and_junit_is_written(
    otoscope: Command, evaluated: Command, results: Path, tmp_path: Path
) -> None:
    evaluated()
    baseline = tmp_path / "b.json"
    check = ("regression", "--baseline", baseline, "--results-dir", results, "--junit", tmp_path / "junit.xml")
    otoscope("regression", "--baseline", baseline, "--results-dir", results, "--update")
    assert otoscope(*check).status == 0
    document = json.loads(baseline.read_text())
    document["scores"].append({**document["scores"][0], "split": "test-other"})
    baseline.write_text(json.dumps(document))
    assert otoscope(*check).status == 1  # a run that is missing
    assert "<failure" in (tmp_path / "junit.xml").read_text()


def test_damage_is_3_and_a_run_that_another_process_holds_4(
    otoscope: Command, evaluated: Command, librispeech: Path
) -> None:
    [document] = evaluated("--json").json
    with RunDirectory(Path(document["run_dir"])).locked():
        assert evaluated().status == 4
    next(librispeech.rglob("11-22-0000.flac")).write_bytes(b"")
    assert otoscope("data", "verify", "librispeech:test-clean", "--data-dir", librispeech).status == 3


@pytest.mark.parametrize(
    "arguments",
    [
        *(["eval", "--task", "nosuch"], ["eval", "--task", "aishell1:nosuch"], ["eval", "--task", "aishell1:test"]),
        *(["eval"], ["eval", "--task", "nosuch.yaml"], ["eval", "--task", "aishell1", "--model", "nosuch:x"]),
        *(["eval", "--task", "aishell1", "--gen", "nosuch=1"], ["eval", "--task", "aishell1", "--model-arg", "x=1"]),
        *(["score"], ["score", "--references", "nosuch", "--predictions", "nosuch", "--metrics", "wer"]),
        *(["tasks", "nosuch"], ["models", "nosuch"], ["metrics", "nosuch"], ["data", "verify", "nosuch"]),
        *(["report"], ["view", "nosuch"], ["compare", "nosuch", "nosuch"], ["regression", "--baseline", "nosuch"]),
        *(["nosuch"], ["eval", "--nosuch"]),
    ],
    ids=" ".join,
)
def test_a_wrong_request_is_one_line_and_2(
    otoscope: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = otoscope(*arguments)
    assert (result.status, result.stdout) == (2, "")
    [line] = result.stderr.splitlines()
    assert line.startswith("error: ")


# Model specs


@pytest.mark.parametrize("name", ["nano", "qwen-audio", "qwen-audio-chat", "qwen2-audio", "whisper-large-v3"])
def test_a_registered_name_stands_for_a_model(name: str) -> None:
    family, colon, _ = SHORT_NAMES[name].partition(":")
    assert (family in FAMILIES, colon) == (True, ":")


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        *(("whisper", []), ("ctc", []), ("faster-whisper", []), ("qwen-audio", []), ("predictions", [])),
        *(("chat-api", ["base_url"]), ("transcription-api", ["base_url"]), ("baseline", [])),
    ],
)
def test_a_family_has_a_row_with_its_settings(otoscope: Command, family: str, settings: list[str]) -> None:
    assert set(settings) <= set(otoscope("models", family, "--json").json["settings"])


def test_what_a_model_cannot_do_is_skipped_where_all_tasks_were_asked_for(evaluated: Command) -> None:
    result = evaluated("--model-arg", "act=refuse", "--json", task="all")
    assert (result.status, result.json) == (0, [])
    assert all(f"SKIPPED: listener cannot do {name}:" in result.stderr for name in TASKS)


@pytest.mark.parametrize(("references", "answer"), [(["a b", "c", "c"], "c"), (["kettle", "kettle", "tap"], "kettle")])
def test_majority_answers_the_most_frequent_reference_of_texts_too(
    otoscope: Command, write_jsonl: Write, results: Path, tmp_path: Path, references: list[str], answer: str
) -> None:
    write_jsonl("m.jsonl", *({"id": f"s{n}", "references": [text]} for n, text in enumerate(references)))
    (tmp_path / "t.yaml").write_text("name: t\nkind: asr\nlanguage: en\nmanifest: m.jsonl\nmetrics: [wer]\n")
    model = ("--model", "baseline:majority", "--results-dir", results)
    [document] = otoscope("eval", "--task", tmp_path / "t.yaml", *model, "--json").json
    lines = Path(document["run_dir"], "predictions.jsonl").read_text().splitlines()
    assert [json.loads(line)["hypothesis"] for line in lines] == [answer] * 3


# Files

IDS = ("11-22-0000", "11-22-0001", "33-44-0000")


def test_a_run_lies_in_its_place_and_holds_three_files(evaluated: Command, results: Path) -> None:
    [document] = evaluated("--json").json
    run = Path(document["run_dir"])
    assert run.parent == results / "runs" / "listener" / "librispeech" / "test-clean"
    assert {"run.json", "predictions.jsonl", "scores.json"} <= {path.name for path in run.iterdir()}


def test_run_json_holds_everything_needed_to_repeat_the_run(evaluated: Command) -> None:
    [document] = evaluated("--json").json
    record = json.loads(Path(document["run_dir"], "run.json").read_text())
    [session] = record["sessions"]
    of_run = "schema task_version corpus_fingerprint model prompts generation seed"  # the revision: see nano below
    assert [field for field in of_run.split() if field not in record] == []
    of_session = "command packages device git_commit start end"
    assert [field for field in of_session.split() if field not in session] == []
    assert record["model"] == "listener"


def test_a_line_of_the_log_holds_a_sample(evaluated: Command) -> None:
    failing = ("--model-arg", "act=fail", "--max-batch-seconds", "0.1")
    [document] = evaluated("--json", *failing).json
    lines = [json.loads(line) for line in Path(document["run_dir"], "predictions.jsonl").read_text().splitlines()]
    fields = {"id", "hypothesis", "error", "references", "audio_seconds", "latency_seconds"}
    assert all(fields <= line.keys() for line in lines)
    assert sorted(line["id"] for line in lines) == list(IDS)
    [answered] = [line for line in lines if line["error"] is None]
    assert re.fullmatch(r"\d+ frames", answered["hypothesis"])
    failed = [line for line in lines if line["error"]]
    assert [line["hypothesis"] for line in failed] == [None, None]  # never an empty text
    assert all(line["error"].keys() == {"type", "message"} for line in failed)


def test_scores_json_holds_counts_and_metrics(evaluated: Command) -> None:
    [document] = evaluated("--json", "--model-arg", "act=fail", "--max-batch-seconds", "0.1").json
    assert json.loads(Path(document.pop("run_dir"), "scores.json").read_text()) == document
    assert [document[field] for field in ("task", "split", "model", "primary")] == [
        *("librispeech", "test-clean", "listener", "wer")
    ]
    counts = [document[field] for field in ("n_total", "n_scored", "n_unparsed", "n_failed")]
    assert counts == [3, 1, 0, 2]
    wer = document["metrics"]["wer"]
    assert {"value", "ci", "higher_is_better", "signature", "value_without_failed"} <= wer.keys()
    assert len(wer["ci"]) == 2
    assert wer["higher_is_better"] is False
    assert (wer["deletions"], wer["substitutions"]) == (2 + 2 + 1, 2)  # the two failed samples are all deletions


REFERENCE, ANSWER = {"id": "a", "references": ["one two"]}, {"id": "a", "hypothesis": "one two"}


@pytest.mark.parametrize(
    ("references", "predictions", "named"),
    [
        ([REFERENCE], [{"id": "b", "hypothesis": "x"}], "'a'"),  # missing
        ([REFERENCE], [ANSWER, {"id": "b", "hypothesis": "x"}], "'b'"),  # unknown
        ([REFERENCE], [ANSWER, ANSWER], "'a'"),  # doubled
        ([REFERENCE, REFERENCE], [ANSWER], "'a'"),
        ([{"id": "a"}], [ANSWER], "'references'"),
        ([{"id": "a", "references": []}], [ANSWER], "'references'"),
        ([{"id": "a", "references": [None]}], [ANSWER], "'references'"),
        ([{"id": "a", "references": None}], [ANSWER], "'references'"),
    ],
)
def test_lines_that_do_not_fit_are_an_error_that_names_them(
    otoscope: Command, write_jsonl: Write, references: list[Any], predictions: list[Any], named: str
) -> None:
    files = ("--references", write_jsonl("r.jsonl", *references), "--predictions", write_jsonl("p.jsonl", *predictions))
    result = otoscope("score", *files, "--metrics", "wer")
    assert result.status == 2
    assert named in result.stderr


def test_insertions_of_an_empty_reference_count_and_are_reported(otoscope: Command, write_jsonl: Write) -> None:
    texts = {"a": ("", "two words"), "b": ("—!", "word"), "c": ("a b c d", "a b c d")}  # the second is emptied
    references = write_jsonl("r.jsonl", *({"id": id_, "references": [text]} for id_, (text, _) in texts.items()))
    predictions = write_jsonl("p.jsonl", *({"id": id_, "hypothesis": text} for id_, (_, text) in texts.items()))
    files = ("score", "--references", references, "--predictions", predictions, "--metrics", "wer", "--normalizer")
    wer = otoscope(*files, "basic", "--json").json["metrics"]["wer"]
    assert (wer["insertions"], wer["reference_length"], wer["value"]) == (3, 4, 3 / 4)
    assert wer["empty_references"] == 2


# Names of metrics and normalisers

METRICS = (
    "wer cer mer ser bleu_1 bleu_2 bleu_3 bleu_4 meteor rouge_l cider spice spider fense bleu chrf ter comet "
    "accuracy macro_f1 weighted_f1 balanced_accuracy map aas judge"
)


@pytest.mark.parametrize("name", [*METRICS.split(), *NORMALIZERS])
def test_metrics_and_normalisers_have_their_names(otoscope: Command, name: str) -> None:
    assert otoscope("metrics", name, "--json").json["name"] == name


def test_the_normalisers_are_these() -> None:
    names = "none basic whisper-en zh ja ko de fr es it qwen-audio qwen2-audio"
    assert set(names.split()) == NORMALIZERS.keys()


@pytest.mark.parametrize(
    ("language", "name"),
    [("en", "whisper-en"), *((code, code) for code in ("zh", "ja", "ko", "de", "fr", "es", "it")), ("pt", "basic")],
)
def test_the_language_chooses_the_normaliser(language: str, name: str) -> None:
    assert create_normalizer(None, language=language).name == name
    assert f"|norm:{name}@" in create_metric("wer", MetricSettings(language=language)).signature()


@pytest.mark.parametrize("name", ["bleu", "bleu_1", "bleu_4", "rouge_l", "cider", "meteor"])
def test_translations_and_captions_are_not_normalised(name: str) -> None:
    assert "|norm:none@" in create_metric(name, MetricSettings(language="en")).signature()


def test_the_normaliser_of_mandarin_folds_what_is_said_alike() -> None:
    normalizer = create_normalizer("zh", language="zh")
    assert normalizer("臺灣，ＯＰＥＮ！") == "台湾open"  # simplified, NFKC, lower case, no punctuation
    assert normalizer("一百二十三") == normalizer("123")


def test_none_changes_no_character_and_words_are_what_split_gives(otoscope: Command, write_jsonl: Write) -> None:
    text = " Don't—  STOP\u3000臺\u00a0ｘ。\n"
    assert create_normalizer("none", language="zh")(text) == text
    references = write_jsonl("r.jsonl", {"id": "a", "references": [text]})
    predictions = write_jsonl("p.jsonl", {"id": "a", "hypothesis": text.lower()})
    files = ("--references", references, "--predictions", predictions)
    wer = otoscope("score", *files, "--metrics", "wer", "--normalizer", "none", "--json").json["metrics"]["wer"]
    assert wer["reference_length"] == len(text.split())
    assert wer["substitutions"] == 2


def test_rates_are_fractions_and_bleu_is_of_a_hundred(otoscope: Command, write_jsonl: Write) -> None:
    text = "the cat sat on the mat"
    references = write_jsonl("r.jsonl", {"id": "a", "references": [text]})
    predictions = write_jsonl("p.jsonl", {"id": "a", "hypothesis": text})
    files = ("--references", references, "--predictions", predictions, "--language", "en")
    metrics = otoscope("score", *files, "--metrics", "bleu,bleu_4,accuracy", "--choices", text, "--json")
    assert {name: round(one["value"], 6) for name, one in metrics.json["metrics"].items()} == {
        **{"bleu": 100, "bleu_4": 1, "accuracy": 1}
    }


# A user's own task, model and metric

KITCHEN = """\
name: kitchen-sounds
kind: classification
language: en
manifest: kitchen.jsonl
prompt: "Which kitchen sound is this? {choices}"
choices: [kettle, tap, knife]
metrics: [accuracy, macro_f1]
"""


def test_the_kinds_of_tasks_are_these() -> None:
    kinds = {"asr", "translation", "captioning", "classification", "question-answering", "timestamps", "chat"}
    assert set(KINDS) == kinds


def test_a_task_of_ones_own_is_a_file_or_in_a_folder_of_tasks(
    otoscope: Command, listener: Path, write_jsonl: Write, results: Path, tmp_path: Path
) -> None:
    (tmp_path / "kitchen.yaml").write_text(KITCHEN)
    listener.rename(tmp_path / "listener.model")  # no task: not to be found among them
    clip = write_tone(tmp_path / "clips" / "1.wav").relative_to(tmp_path)
    write_jsonl(
        "kitchen.jsonl",
        {"id": "k-1", "audio": str(clip), "references": ["kettle"]},
        {"id": "k-2", "audio": [str(clip), str(clip)], "references": ["tap"], "question": "Which comes first?"},
    )
    model = ("--model", "baseline:majority", "--results-dir", results, "--json")
    [by_path] = otoscope("eval", "--task", tmp_path / "kitchen.yaml", *model).json
    [by_name] = otoscope("eval", "--task", "kitchen-sounds", "--tasks-dir", tmp_path, *model).json
    assert by_path["run_dir"] == by_name["run_dir"]
    assert by_path["metrics"]["accuracy"]["value"] == 0.5
    prompts = json.loads(Path(by_path["run_dir"], "run.json").read_text())["prompts"]
    assert "Which kitchen sound is this? kettle, tap, knife" in prompts[0]


def test_installed_packages_bring_tasks_models_and_metrics(
    otoscope: Command, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "theirs.py").write_text(
        "from evaluate.metrics.error_rate import WordErrorRate\n"
        "from evaluate.model import ModelAdapter\n"
        "from evaluate.task import Coverage, Split, Task\n"
        "from evaluate.types import Output, Sample\n\n\n"
        "class Words(WordErrorRate):\n    name = 'their-wer'\n\n\n"
        "class Test(Task):\n"
        "    name, version, kind, metrics = 'their-task', '1', 'asr', ('their-wer',)\n"
        "    splits = default_splits = ('test',)\n\n"
        "    def read_split(self, split):\n"
        "        return Split(split, (Sample('a', (), 'p', ('one two',)),), Coverage(1, 1))\n\n\n"
        "class Echo(ModelAdapter):\n"
        "    name, sample_rate_hz = 'echo', None\n\n"
        "    def generate(self, batch, options):\n"
        "        return [Output(one.sample.id, text='one') for one in batch]\n"
    )
    installed = tmp_path / "theirs-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1\n")
    (installed / "entry_points.txt").write_text(
        "[otoscope.tasks]\ntheir-task = theirs:Test\n[otoscope.models]\ntheir-model = theirs:Echo\n"
        "[otoscope.metrics]\ntheir-wer = theirs:Words\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    from evaluate.metrics import registry as metric_registry

    for registry in (task_registry, model_registry, metric_registry):
        monkeypatch.setattr(registry, "_targets", None)  # what was found before the package was there
    model = ("--model", "their-model:", "--results-dir", results, "--json")
    [document] = otoscope("eval", "--task", "their-task", *model).json
    assert (document["model"], document["metrics"]["their-wer"]["value"]) == ("echo", 0.5)
    for command, name in (("tasks", "their-task"), ("models", "their-model"), ("metrics", "their-wer")):
        assert otoscope(command, name).status == 0


# Samples


def test_where_nothing_is_named_nano_hears_samples_and_the_first_and_last_line_say_so(tmp_path: Path) -> None:
    where = ("--data-dir", tmp_path / "nosuch", "--results-dir", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "evaluate", "eval", "--task", "aishell1", "--limit", "1", *map(str, where)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert lines[0].startswith("SAMPLE: no benchmark figures")
    assert lines[-1] == lines[0]
    assert any(line.startswith("MODEL: none was named, so nano answers") for line in lines)
    [record] = (tmp_path / "runs" / "nano" / "aishell1" / "sample").glob("*/run.json")
    assert json.loads(record.read_text())["model_revision"]


def test_scores_of_samples_stand_in_no_table_with_others(
    otoscope: Command, evaluated: Command, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # no name is folded
    both = "librispeech:sample,librispeech:test-clean"
    limit = ("--limit", 2)
    assert splits_of_tables(evaluated(*limit, task=both).stdout, start="┏") == [{"test-clean"}, {"sample"}]
    assert evaluated("--probe", "silence", *limit, task=both).status == 0
    baseline = ("regression", "--baseline", tmp_path / "b.json", "--results-dir", results)
    otoscope(*baseline, "--update")
    printed = otoscope(*baseline, "--summary", tmp_path / "summary.md").stdout
    assert splits_of_tables(printed, start="┏") == [{"test-clean"}, {"sample"}]
    assert splits_of_tables((tmp_path / "summary.md").read_text()) == [{"test-clean"}, {"sample"}]
    otoscope("report", "--results-dir", results)
    report = results / "report"
    markdown = splits_of_tables((report / "leaderboard.md").read_text())
    assert markdown == [{"test-clean"}, {"sample"}, {"test-clean"}, {"sample"}]  # runs, then probes
    page = (report / "leaderboard.html").read_text().split("<table")[1:]
    assert [found_in(table) for table in page] == markdown
    assert splits_of_csv(report / "leaderboard-sample.csv") == {"sample"}
    assert "sample" not in splits_of_csv(report / "leaderboard.csv")
    shutil.rmtree(results / "runs" / "listener" / "librispeech" / "test-clean")
    otoscope("report", "--results-dir", results)
    assert splits_of_csv(report / "leaderboard.csv") == {"sample"}  # no published figures beside them
    assert not (report / "leaderboard-sample.csv").exists()


def found_in(text: str) -> set[str]:
    """Return the splits of LibriSpeech that a text names."""
    return set(re.findall(r"librispeech:(sample|test-clean)", text))


def splits_of_tables(text: str, *, start: str = "\n\n|") -> list[set[str]]:
    """Return the splits that each table of a text names: of a terminal, or of Markdown."""
    if start == "┏":
        return [found_in(part.partition("└")[0]) for part in text.split(start)[1:]]
    return [found_in(part.partition("\n\n")[0]) for part in text.split(start)[1:]]


def splits_of_csv(path: Path) -> set[str]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["split"] for row in csv.DictReader(file)}
