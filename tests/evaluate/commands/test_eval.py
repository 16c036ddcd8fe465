"""`otoscope eval` as people and CI jobs meet it: exit statuses, one-line errors, JSON on stdout and nothing else."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import soundfile

from evaluate.prediction_log import index_log
from evaluate.testing import write_tone
from tasks import BUILTIN

Command = Callable[..., Any]
Write = Callable[..., Path]

SLOW_MODEL = """\
import time
from evaluate.model import ModelAdapter
from evaluate.types import Output


class Slow(ModelAdapter):
    name = "slow"

    def __init__(self, where="", *, seconds=0.0, fail=""):
        self._seconds, self._fail = seconds, fail

    def generate(self, batch, options):
        time.sleep(self._seconds)
        for request in batch:
            if request.sample.id == self._fail:
                raise ValueError("told to fail")
            yield Output(request.sample.id, text=f"{request.sample.id} {request.waveforms[0].size}")
"""


BROKEN = """\
from evaluate.model import ModelAdapter


class Broken(ModelAdapter):
    name = "broken"

    def generate(self, batch, options):
        {}
"""


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "slow.py"
    path.write_text(SLOW_MODEL)
    return path


@pytest.fixture
def evaluate(otoscope: Command, librispeech: Path, model_file: Path, tmp_path: Path) -> Command:
    def run(*arguments: object, task: str = "librispeech") -> Any:
        return otoscope(
            *("eval", "--task", task, "--model", model_file, "--data-dir", librispeech),
            *("--results-dir", tmp_path / "results", *arguments),
        )

    return run


def test_json_is_one_document_on_stdout_and_nothing_else(evaluate: Command) -> None:
    result = evaluate("--json")
    assert result.status == 0
    assert [(one["task"], one["split"], one["n_total"]) for one in result.json] == [
        ("librispeech", "test-clean", 3),
        ("librispeech", "test-other", 2),
    ]
    assert "PARTIAL: librispeech:test-clean: 3 of 2620 official samples are here" in result.stderr


def test_a_scores_document_has_the_fields_that_other_programs_read(evaluate: Command) -> None:
    [document] = evaluate("--json", task="librispeech:test-clean").json
    run_dir = Path(document.pop("run_dir"))
    assert json.loads((run_dir / "scores.json").read_text()) == document
    assert {"n_total", "n_scored", "n_unparsed", "n_failed"} <= document.keys()
    assert document["primary"] == "wer"
    wer = document["metrics"]["wer"]
    assert wer["value"] == pytest.approx((wer["substitutions"] + wer["deletions"] + wer["insertions"]) / 7)
    assert wer["ci"][0] <= wer["value"] <= wer["ci"][1]
    assert wer["higher_is_better"] is False
    assert wer["signature"].startswith("wer|norm:whisper-en@1|unit:word|empty-ref:insertions|task:librispeech@1|v:")
    assert {name: one["n"] for name, one in wer["by"]["speaker"].items()} == {"11": 2, "33": 1}
    assert document["coverage"]["official"] == 2620


def test_run_json_says_what_is_needed_to_repeat_the_run(evaluate: Command) -> None:
    [document] = evaluate("--json", "--seed", 3, "--gen", "max_new_tokens=9", task="librispeech:test-clean").json
    record = json.loads(Path(document["run_dir"], "run.json").read_text())
    assert record["generation"]["max_new_tokens"] == 9
    assert (record["seed"], record["model"], record["task_version"]) == (3, "slow", "1")
    assert record["prompts"] == ["Transcribe the English speech."]
    [session] = record["sessions"]
    assert session["end"] >= session["start"]
    assert session["packages"]["numpy"]
    assert session["libsndfile"] == soundfile.__libsndfile_version__


def test_run_json_says_what_the_run_took(evaluate: Command, otoscope: Command, tmp_path: Path) -> None:
    [document] = evaluate("--json", "--model-arg", "seconds=0.2", task="librispeech:test-clean").json
    [session] = json.loads(Path(document["run_dir"], "run.json").read_text())["sessions"]
    assert session["wall_seconds"] >= session["model_seconds"] >= 0.2
    assert session["audio_seconds_per_second"] == pytest.approx(
        session["audio_seconds"] / session["wall_seconds"], abs=0.01, rel=0.01
    )
    assert session["decode_seconds"] > 0
    assert session["scoring_seconds"] > 0
    assert 0 <= session["padding_share"] < 1
    assert session["peak_memory_bytes"] > 1e7
    evaluate(
        "--json", "--model-arg", "seconds=0.2", task="librispeech:test-clean"
    )  # nothing is left to run: no other session
    [again] = json.loads(Path(document["run_dir"], "run.json").read_text())["sessions"]
    assert again == session
    assert otoscope("report", "--results-dir", tmp_path / "results").status == 0
    [page] = (tmp_path / "results" / "report" / "runs").rglob("index.html")
    assert "last session: " in page.read_text(encoding="utf-8")
    assert f"{session['padding_share']:.0%} padding" in page.read_text(encoding="utf-8")


def test_no_secret_reaches_the_record(evaluate: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    secrets = ["--model-arg", "api_key=hunter2", "--model-arg=token=hunter2", "--gen", "max_new_tokens=7"]
    url = "--model-arg=base_url=http://me:hunter2@host/v1?api_key=hunter2&x=y"
    monkeypatch.setattr(sys, "argv", ["otoscope", "eval", *secrets, url])
    [document] = evaluate("--json", task="librispeech:test-clean").json
    text = Path(document["run_dir"], "run.json").read_text()
    assert "hunter2" not in text
    assert "http://***@host/v1?api_key=***&x=y" in text
    assert "max_new_tokens=7" in text


def test_a_finished_run_is_scored_again_without_the_model(evaluate: Command) -> None:
    first = evaluate("--json", "--model-arg", "seconds=0").json
    log = Path(first[0]["run_dir"], "predictions.jsonl")
    before = log.read_bytes()
    again = evaluate("--json", "--model-arg", "seconds=0")
    assert "3 of 3 are in the log already" in again.stderr
    assert log.read_bytes() == before
    assert [one["metrics"] for one in again.json] == [one["metrics"] for one in first]


@pytest.mark.parametrize(
    "other",
    [
        ("--limit", 2),
        ("--gen", "max_new_tokens=3"),
        ("--gen", "min_new_tokens=1"),
        ("--model-arg", "seconds=0.001"),
        ("--gen", "temperature=1", "--seed", 1),
    ],
)
def test_another_option_is_another_run(evaluate: Command, other: tuple[object, ...]) -> None:
    [plain] = evaluate("--json", task="librispeech:test-clean").json
    [changed] = evaluate("--json", *other, task="librispeech:test-clean").json
    assert plain["run_dir"] != changed["run_dir"]


def test_an_option_at_its_default_makes_no_other_run_and_stands_in_the_record(evaluate: Command) -> None:
    [plain] = evaluate("--json", task="librispeech:test-clean").json
    [same] = evaluate("--json", "--gen", "min_new_tokens=0", task="librispeech:test-clean").json
    assert same["run_dir"] == plain["run_dir"]
    assert json.loads(Path(plain["run_dir"], "run.json").read_text())["generation"]["min_new_tokens"] == 0


def test_a_least_number_of_tokens_above_the_limit_is_a_wrong_request(evaluate: Command) -> None:
    result = evaluate("--gen", "min_new_tokens=5", "--gen", "max_new_tokens=4")
    assert result.status == 2
    assert "librispeech: min_new_tokens is 5, above max_new_tokens 4" in result.stderr


@pytest.mark.parametrize("option", ["top_p=0.9", "length_penalty=0.5"])
def test_an_option_that_means_nothing_without_another_is_a_wrong_request(evaluate: Command, option: str) -> None:
    result = evaluate("--gen", option)
    assert result.status == 2
    assert f"--gen {option.partition('=')[0]} means nothing without a" in result.stderr
    assert evaluate("--gen", option, "--gen", "temperature=1", "--gen", "num_beams=2").status == 0


def test_the_seed_of_the_intervals_makes_no_other_run(evaluate: Command) -> None:
    [plain] = evaluate("--json", task="librispeech:test-clean").json
    [changed] = evaluate("--json", "--seed", 1, task="librispeech:test-clean").json
    assert plain["run_dir"] == changed["run_dir"]
    assert [one["metrics"]["wer"]["ci_method"]["seed"] for one in (plain, changed)] == [0, 1]


def test_audio_of_the_same_size_and_another_content_is_another_run(evaluate: Command, librispeech: Path) -> None:
    path = write_tone(next(librispeech.rglob("11-22-0000.flac")).with_suffix(".wav"), frequency_hz=440)
    path.with_suffix(".flac").unlink()
    [before] = evaluate("--json", task="librispeech:test-clean").json
    write_tone(path, frequency_hz=441)
    [after] = evaluate("--json", task="librispeech:test-clean").json
    assert before["run_dir"] != after["run_dir"]


def test_an_edited_model_file_is_another_run(evaluate: Command, model_file: Path) -> None:
    [before] = evaluate("--json", task="librispeech:test-clean").json
    model_file.write_text(SLOW_MODEL.replace("request.sample.id} {", "request.sample.id}{"))
    [after] = evaluate("--json", task="librispeech:test-clean").json
    assert before["run_dir"] != after["run_dir"]


def test_another_corpus_is_another_run(evaluate: Command, librispeech: Path) -> None:
    [before] = evaluate("--json", task="librispeech:test-clean").json
    transcript = next(librispeech.rglob("11-22.trans.txt"))
    transcript.write_text(transcript.read_text().replace("ONE", "NO"))
    [after] = evaluate("--json", task="librispeech:test-clean").json
    assert before["run_dir"] != after["run_dir"]


def test_batch_size_and_workers_do_not_make_another_run(evaluate: Command) -> None:
    [one] = evaluate("--json", task="librispeech:test-clean").json
    [other] = evaluate("--json", "--max-batch-seconds", 0.1, "--decode-workers", 1, task="librispeech:test-clean").json
    assert one["run_dir"] == other["run_dir"]


def test_a_failed_sample_counts_at_its_worst_and_exits_3(evaluate: Command, librispeech: Path) -> None:
    next(librispeech.rglob("11-22-0001.flac")).write_bytes(b"")
    result = evaluate("--json", task="librispeech:test-clean")
    assert result.status == 3
    assert "FAILED: 1 of 3 samples of librispeech:test-clean failed, 0 are allowed" in result.stderr
    [document] = result.json
    assert (document["n_total"], document["n_scored"], document["n_failed"]) == (3, 2, 1)
    wer = document["metrics"]["wer"]
    assert wer["deletions"] >= 2  # ANOTHER TONE
    assert wer["value_without_failed"] != wer["value"]
    assert evaluate("--allow-failures", 1, task="librispeech:test-clean").status == 0


def test_a_failed_sample_is_tried_again_unless_told_not_to(evaluate: Command) -> None:
    once = ("--model-arg", "fail=11-22-0000", "--json")
    [failed] = evaluate(*once, task="librispeech:test-clean").json
    assert failed["n_failed"] == 1
    log = Path(failed["run_dir"], "predictions.jsonl")
    kept = evaluate(*once, "--keep-failed", task="librispeech:test-clean")
    assert "3 of 3 are in the log already" in kept.stderr
    assert index_log(log).failed == {"11-22-0000"}
    retried = evaluate(*once, task="librispeech:test-clean")
    assert "2 of 3 are in the log already" in retried.stderr
    assert index_log(log).num_lines == 3  # compacted


def test_fresh_starts_over_and_keeps_what_was(evaluate: Command) -> None:
    [first] = evaluate("--json", task="librispeech:test-clean").json
    [again] = evaluate("--json", "--fresh", task="librispeech:test-clean").json
    assert again["run_dir"] == first["run_dir"]
    assert Path(first["run_dir"], "previous", "1", "predictions.jsonl").exists()
    assert len(json.loads(Path(first["run_dir"], "run.json").read_text())["sessions"]) == 1


def test_a_partial_corpus_is_an_error_on_request(evaluate: Command) -> None:
    result = evaluate("--require-complete")
    assert result.status == 2
    assert "error: librispeech:test-clean is not complete: 3 of 2620 official samples are here" in result.stderr


def test_without_a_named_split_an_absent_standard_split_is_named_and_left_out(
    evaluate: Command, librispeech: Path
) -> None:
    import shutil

    shutil.rmtree(librispeech / "LibriSpeech" / "test-clean")
    for leftover in (None, librispeech / "LibriSpeech" / "test-clean"):
        if leftover:
            leftover.mkdir()  # an empty folder is as good as none
        result = evaluate("--json")
        assert [one["split"] for one in result.json] == ["test-other"]
    assert "librispeech:test-clean is not here and is left out" in result.stderr


def test_a_split_that_a_task_does_not_have_is_never_recorded(evaluate: Command, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from evaluate.task import Coverage, Split, Task\nfrom evaluate.types import Sample\n\n\n"
        "class Own(Task):\n"
        '    name, version, kind, metrics = "own", "1", "asr", ("wer",)\n'
        '    splits = default_splits = ("test",)\n\n'
        "    def read_split(self, split):\n"
        '        return Split(split, (Sample("a", (), "p", ("x",)),), Coverage(1, 1))\n'
    )
    result = evaluate(task=f"{tmp_path}/own.py:tset")
    assert result.status == 2
    assert "unknown split of own 'tset'; did you mean 'test'" in result.stderr


def test_all_tasks_skips_and_names_what_cannot_be_done(evaluate: Command) -> None:
    result = evaluate("--json", task="all")
    assert result.status == 0
    assert {one["split"] for one in result.json if one["task"] == "librispeech"} == {"test-clean", "test-other"}
    assert {one["split"] for one in result.json if one["task"] != "librispeech"} == {"sample"}
    assert "SKIPPED: chat:sample needs a judge" in result.stderr


def test_all_tasks_where_nothing_can_be_done_is_no_error(evaluate: Command, tmp_path: Path) -> None:
    result = evaluate("--json", "--require-complete", "--data-dir", tmp_path / "nothing", task="all")
    assert (result.status, result.json) == (0, [])
    assert result.stderr.count("SKIPPED: ") == len(BUILTIN)


def test_all_tasks_does_not_pass_over_a_wrong_list(evaluate: Command, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "t.yaml").write_text("name: own\nkind: asr\nmanifest: m.jsonl\nmetrics: [wer]\n")
    (tmp_path / "own" / "m.jsonl").write_text('{"id": "a", "references": [null]}\n')
    result = evaluate("--tasks-dir", tmp_path / "own", task="all")
    assert result.status == 2
    assert "m.jsonl:1: 'references' is [null]" in result.stderr


def test_two_tasks_of_one_name_are_an_error(evaluate: Command, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(f"name: kit\nkind: asr\nmanifest: {name}.jsonl\nmetrics: [wer]\n")
        (tmp_path / f"{name}.jsonl").write_text('{"id": "x", "references": ["y"]}\n')
    result = evaluate(task=f"{tmp_path}/a.yaml,{tmp_path}/b.yaml")
    assert result.status == 2
    assert "two tasks are called 'kit' and have a split 'test'; rename one" in result.stderr


def test_a_full_disk_is_exit_4_and_names_the_run(
    evaluate: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import errno

    from evaluate.prediction_log import LogWriter

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(LogWriter, "append", full)
    result = evaluate(task="librispeech:test-clean")
    assert result.status == 4
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"error: {tmp_path}/results/runs/slow/librispeech/test-clean/")
    assert "No space left on device" in last


def test_two_processes_on_one_run_the_second_stops(evaluate: Command) -> None:
    from evaluate.results import RunDirectory

    [document] = evaluate("--json", task="librispeech:test-clean").json
    with RunDirectory(Path(document["run_dir"])).locked():
        result = evaluate("--json", task="librispeech:test-clean")
    assert result.status == 4
    assert "another process is writing this run; wait until it ends" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--task", "librispech", "--model", "baseline:empty"),
            "unknown task 'librispech'; did you mean 'librispeech'",
        ),
        (
            ("--task", "librispeech", "--model", "baselin:empty"),
            "unknown model family 'baselin'; did you mean 'baseline'",
        ),
        (("--task", "librispeech", "--model", "nothing"), "unknown model 'nothing'"),
        (("--task", "librispeech", "--model", "nano:x"), "nano is one model, found 'x' behind its name"),
        (
            ("--task", "all:x", "--model", "baseline:empty"),
            "all:x: no task has such a split here",
        ),
        (("--task", "librispeech", "--model", ""), "unknown model ''"),
        (("--task", "librispeech:test-clean", "--model", "baseline:empty"), "LibriSpeech is no folder; get it with"),
        (("--task", "aishell1:test", "--model", "baseline:empty"), "get it with: otoscope data fetch aishell1:test"),
        (("--task", "x.yaml", "--model", "baseline:empty"), "x.yaml: no such file"),
        (("--task", "librispeech", "--model", "predictions:none.jsonl"), "none.jsonl: cannot be read"),
        (
            ("--task", "librispeech", "--model", "baseline:empty", "--gen", "beams=2"),
            "unknown generation option 'beams'",
        ),
        (
            ("--task", "librispeech", "--model", "baseline:empty", "--gen", "num_beams=x"),
            "expected a whole number from 1 to 1000",
        ),
        (
            ("--task", "librispeech", "--model", "baseline:empty", "--gen", "temperature=nan"),
            "expected a number from 0",
        ),
        (("--task", "librispeech", "--model", "baseline:empty", "--seed", "-1"), "-1 is not in the range x>=0"),
        (("--task", "librispeech", "--model", "predictions:x", "--model-arg", "name=["), "cannot be read"),
        (
            ("--task", "aishell1:test", "--model", "whisper-base"),
            "otoscope data fetch aishell1",
        ),  # before any hub is asked
        (("--task", "librispeech", "--model", "baseline:empty", "--limit", "0"), "0 is not in the range x>=1"),
        (("--task", "librispeech", "--model", "baseline:empty", "--model-arg", "x"), "found 'x', expected KEY=VALUE"),
        (("--task", "librispeech", "--model", "baseline:empty", "--wat"), "No such option"),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_2(
    otoscope: Command, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    result = otoscope("eval", *arguments, "--data-dir", tmp_path / "data", "--results-dir", tmp_path / "results")
    assert result.status == 2
    assert result.stdout == ""
    [line] = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert message in line


@pytest.mark.parametrize(
    ("name", "content"), [("scores.json", "[]"), ("scores.json", '{"schema": 1}'), ("scores.json", "{")]
)
def test_a_damaged_document_is_named_by_the_report(
    evaluate: Command, otoscope: Command, tmp_path: Path, name: str, content: str
) -> None:
    [document] = evaluate("--json", task="librispeech:test-clean").json
    Path(document["run_dir"], name).write_text(content)
    result = otoscope("report", "--results-dir", tmp_path / "results")
    assert result.status == 4
    [line] = result.stderr.splitlines()
    assert str(Path(document["run_dir"], name)) in line


def test_a_record_without_sessions_is_set_aside_and_made_anew(evaluate: Command) -> None:
    [document] = evaluate("--json", task="librispeech:test-clean").json
    Path(document["run_dir"], "run.json").write_text("{}")
    result = evaluate(task="librispeech:test-clean")
    assert result.status == 0
    assert "run.json is damaged; it is kept as run.damaged and made anew" in result.stderr
    assert Path(document["run_dir"], "run.damaged").read_text() == "{}"
    assert json.loads(Path(document["run_dir"], "run.json").read_text())["run_id"] == document["run_id"]


def test_a_metric_that_cannot_be_made_is_found_before_the_run(evaluate: Command, tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("name: t\nkind: asr\nmanifest: m.jsonl\nmetrics: [macro_f1]\n")
    (tmp_path / "m.jsonl").write_text('{"id": "a", "references": ["x"]}\n')
    result = evaluate(task=str(tmp_path / "t.yaml"))
    assert result.status == 2
    assert "'macro_f1' needs the task's label set" in result.stderr
    assert not (tmp_path / "results").exists()


def test_a_results_folder_that_cannot_be_written_is_exit_4(evaluate: Command, tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file where the folder should be")
    result = evaluate()
    assert result.status == 4
    assert result.stderr.splitlines()[-1].startswith("error: ")


@pytest.mark.parametrize(("option", "instead"), [("--task", "with commas between"), ("--model", "for each")])
def test_a_second_task_or_model_is_not_dropped_without_a_word(evaluate: Command, option: str, instead: str) -> None:
    result = evaluate(option, "baseline:empty")
    assert result.status == 2
    assert f"{option} was given twice; " in result.stderr
    assert instead in result.stderr
    assert evaluate("--seed", 1, "--seed", 2).status == 0  # the last one counts, as with other programs


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return [1 / 0]", "3 by ZeroDivisionError: division by zero (broken.py:8)"),
        (
            "return [one.sample.id for one in batch]",
            "3 by ModelOutputError: generate yielded a str, expected an Output",
        ),
        ("pass", "3 by ModelOutputError: generate returned None, expected an Output for each request"),
    ],
)
def test_why_a_model_of_ones_own_failed_is_on_the_screen(
    otoscope: Command, librispeech: Path, tmp_path: Path, body: str, said: str
) -> None:
    (tmp_path / "broken.py").write_text(BROKEN.format(body))
    command = ("eval", "--task", "librispeech:test-clean", "--model", tmp_path / "broken.py")
    result = otoscope(*command, "--data-dir", librispeech, "--results-dir", tmp_path / "results")
    assert result.status == 3
    assert f"FAILED: 3 of 3 samples of librispeech:test-clean failed, 0 are allowed: {said}" in result.stderr
