"""`otoscope score --format`, alone and with a task."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.commands.score import LOG_FORMATS
from evaluate.imports import BUILTIN, registry

Command = Callable[..., Any]
Write = Callable[..., Path]
Records = Callable[[str], list[dict[str, Any]]]


@pytest.mark.parametrize("name", BUILTIN)
def test_a_log_is_scored_against_its_own_references(otoscope: Command, write_log: Write, name: str) -> None:
    more = {"ultraeval": ("--language", "en")}.get(name, ())
    result = otoscope("score", "--format", name, write_log(name), *more, "--json")
    assert result.status == 0, result.stderr
    document = result.json
    assert (document["format"], document["task"], document["n_total"]) == (name, None, 3)
    assert document["metrics"]["wer"]["value"] == pytest.approx(1 / 7)  # one word of 2 + 2 + 3
    assert all(f"{name}: {line}" in result.stderr for line in document["notices"])
    assert "not mapped" in result.stderr or name == "qwen-audio"  # whose every field is


@pytest.mark.parametrize("name", BUILTIN)
def test_a_log_becomes_a_run_of_a_task(
    otoscope: Command, librispeech: Path, write_log: Write, tmp_path: Path, name: str
) -> None:
    command = ("score", "--task", "librispeech:test-clean", "--model-name", "theirs", "--data-dir", librispeech)
    command = (*command, "--results-dir", tmp_path / "r", "--format", name, "--predictions", write_log(name), "--json")
    result = otoscope(*command)
    assert result.status == 0, result.stderr
    assert result.json["metrics"]["wer"]["value"] == pytest.approx(1 / 7)
    assert f"{name}: 3 answers are matched to librispeech:test-clean by " in result.stderr
    assert result.json["model_log_format"] == name
    run_dir = Path(result.json["run_dir"])
    assert json.loads((run_dir / "run.json").read_text())["model_log_format"] == name
    lines = [json.loads(line) for line in (run_dir / "predictions.jsonl").read_text().splitlines()]
    said = {line["id"]: line["hypothesis"] for line in lines}
    assert said["11-22-0001"] in ("Another stone.", "another stone")  # raw, where the log is
    assert otoscope(*command).json["run_dir"] == str(run_dir)  # the same log is the same run


def test_eval_replays_a_log_too(otoscope: Command, librispeech: Path, write_log: Write, tmp_path: Path) -> None:
    spec = ("--model", f"predictions:{write_log('kimi-evalkit')}", "--model-arg", "format=kimi-evalkit")
    places = ("--data-dir", librispeech, "--results-dir", tmp_path / "r")
    result = otoscope("eval", "--task", "librispeech:test-clean", *spec, *places, "--json")
    assert result.status == 0, result.stderr
    assert "kimi-evalkit: 3 answers are matched to librispeech:test-clean by audio file" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("FILE", "--predictions", "other.jsonl", "--format", "ultraeval"), "which say the same; give one"),
        (("--format", "ultraeval"), "expected a file of answers: FILE or --predictions"),
        (("FILE",), "expected --task, --references or --format"),
        (("FILE", "--part", "x", "--references", "r.jsonl"), "--part is of another program's log"),
        (("FILE", "--format", "ultraeval", "--references", "r.jsonl"), "the log holds the references"),
        (("FILE", "--references", "r.jsonl", "--task", "librispeech"), "one of --task and --references"),
        (("FILE", "--format", "ultraeval", "--model-name", "x"), "--model-name is for a run of a task"),
        (
            ("FILE", "--format", "ultraval"),
            "unknown log format 'ultraval'; did you mean 'ultraeval'? All formats: lmms-",
        ),
        (("FILE", "--format", "lmms-eval"), "expected lmms-eval's samples JSONL: doc_id, target, filtered_resps, …; "),
        (("FILE", "--format", "lmms-eval"), "--format ultraeval reads such a file"),
        (("FILE", "--format", "ultraeval", "--part", "tset"), "unknown part 'tset'; the log holds (unnamed) (3)"),
    ],
)
def test_requests_that_make_no_sense_are_refused(
    otoscope: Command, write_log: Write, arguments: tuple[str, ...], message: str
) -> None:
    path = str(write_log("ultraeval"))
    result = otoscope("score", *(path if one == "FILE" else one for one in arguments))
    assert result.status == 2
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_the_formats_stand_in_the_help(otoscope: Command) -> None:
    assert tuple(BUILTIN) == LOG_FORMATS
    text = " ".join(otoscope("score", "--help").stdout.split())
    assert ", ".join(BUILTIN) in text


@pytest.mark.parametrize("name", BUILTIN)
def test_every_reader_names_itself_and_shows_a_line(name: str) -> None:
    import sys

    reader = registry.get(name)
    assert reader.name == name
    about = sys.modules[reader.__module__].__doc__
    assert about is not None
    assert "Source: " in about
    assert "\n    {" in about or "\n    [{" in about


def test_files_of_this_project_are_told_apart(otoscope: Command, write_jsonl: Write) -> None:
    path = write_jsonl("p.jsonl", {"id": "a", "hypothesis": "x"})
    result = otoscope("score", "--format", "open-asr", path)
    assert (result.status, "leave --format out" in result.stderr) == (2, True)


def test_parts_are_not_pooled_unasked(
    otoscope: Command, librispeech: Path, write_log: Write, records: Records, tmp_path: Path
) -> None:
    lines = records("kimi-evalkit")
    other = {"index": 3, "audio_path": "/x/55-66-0000.flac", "answer": "TWO TONES", "subset": "test_other"}
    path = write_log("kimi-evalkit", [*lines, {**lines[0], **other, "prediction": "two tones"}])
    command = ("score", "--format", "kimi-evalkit", path)
    refused = otoscope(*command)
    assert refused.status == 2
    assert "holds several parts: test_clean (3), test_other (1); name one with --part" in refused.stderr
    assert otoscope(*command, "--part", "test_other", "--json").json["metrics"]["wer"]["value"] == 0
    pooled = otoscope(*command, "--part", "all", "--json").json
    assert (pooled["n_total"], pooled["part"]) == (4, "all")
    assert pooled["metrics"]["wer"]["value"] == pytest.approx(1 / 9)
    task = ("--task", "librispeech:test-clean", "--model-name", "x", "--data-dir", librispeech)
    task = (*task, "--results-dir", tmp_path / "r")
    assert otoscope(*command, "--part", "test_clean", *task).status == 0
    stranger = otoscope(*command, "--part", "all", *task)
    assert (
        "audio '/x/55-66-0000.flac' is of no sample of librispeech:test-clean (1 such answers of 4)" in stranger.stderr
    )


def test_a_log_of_part_of_a_split_is_an_error_that_names_what_is_missing(
    otoscope: Command, librispeech: Path, write_log: Write, records: Records, tmp_path: Path
) -> None:
    path = write_log("ultraeval", [line for line in records("ultraeval") if line["id"] < 2])
    task = ("--task", "librispeech:test-clean", "--model-name", "x", "--data-dir", librispeech)
    result = otoscope("score", "--format", "ultraeval", path, *task, "--results-dir", tmp_path / "r")
    assert result.status == 2
    assert "has no line for id '33-44-0000' of librispeech:test-clean (1 such ids)" in result.stderr


def test_what_a_log_does_not_tell_is_asked_for(otoscope: Command, write_log: Write, records: Records) -> None:
    lines = [{key: value for key, value in line.items() if key != "wer"} for line in records("lmms-eval")]
    path = write_log("lmms-eval", lines)
    result = otoscope("score", "--format", "lmms-eval", path)
    assert "does not tell what it is scored by; name it with --metrics" in result.stderr
    document = otoscope(
        "score", "--format", "lmms-eval", path, "--metrics", "wer,cer", "--language", "en", "--json"
    ).json
    assert list(document["metrics"]) == ["wer", "cer"]


def test_samples_are_named_by_what_the_log_has(otoscope: Command, write_log: Write, tmp_path: Path) -> None:
    for name, first in (("kimi-evalkit", "11-22-0000"), ("audiobench", "0")):
        out = tmp_path / f"{name}.samples.jsonl"
        assert otoscope("score", "--format", name, write_log(name), "--samples", out).status == 0
        assert json.loads(out.read_text().splitlines()[0])["id"] == first
    path = write_log("audiobench")
    result = otoscope("score", "--format", "audiobench", path, "--samples", path)
    assert "is one of the files that are read" in result.stderr


def test_answers_on_one_recording_are_drawn_together(otoscope: Command, write_log: Write, records: Records) -> None:
    lines = records("kimi-evalkit")
    alone = otoscope("score", "--format", "kimi-evalkit", write_log("kimi-evalkit", lines), "--json").json
    assert "recording" not in alone["metrics"]["wer"]["by"]
    lines[1]["audio_path"] = lines[0]["audio_path"]
    shared = otoscope("score", "--format", "kimi-evalkit", write_log("kimi-evalkit", lines), "--json").json
    assert shared["metrics"]["wer"]["ci_method"]["unit"] == "recording"


def test_failed_samples_of_a_log_exit_3(otoscope: Command, write_log: Write, records: Records) -> None:
    lines = records("kimi-evalkit")
    lines[0] |= {"prediction": "null", "real_prompt": ""}
    path = write_log("kimi-evalkit", lines)
    result = otoscope("score", "--format", "kimi-evalkit", path, "--json")
    assert (result.status, result.json["n_failed"]) == (3, 1)
    assert result.json["metrics"]["wer"]["value"] == pytest.approx(3 / 7)  # its two words are deleted
    assert otoscope("score", "--format", "kimi-evalkit", path, "--allow-failures", 1).status == 0


def test_answers_without_a_reference_need_a_task(
    otoscope: Command, librispeech: Path, write_log: Write, records: Records, tmp_path: Path
) -> None:
    lines = [line for line in records("ultraeval") if line["id"] != 1]
    path = write_log("ultraeval", [*lines, {"type": "error", "id": 1, "data": {"info": "RuntimeError: boom"}}])
    alone = otoscope("score", "--format", "ultraeval", path)
    assert alone.status == 2
    assert "the log has no reference for 1 of 3 answers, this the first; score it as a run of its task" in alone.stderr
    task = ("--task", "librispeech:test-clean", "--model-name", "x", "--data-dir", librispeech)
    result = otoscope("score", "--format", "ultraeval", path, *task, "--results-dir", tmp_path / "r", "--json")
    assert (result.status, result.json["n_failed"]) == (3, 1)
    assert "by position" in result.stderr  # the failed sample has no prompt, and so no file, in this log


def test_texts_that_another_normaliser_left_are_scored_as_they_stand(otoscope: Command, write_log: Write) -> None:
    path = write_log("open-asr", [{"audio_filepath": "sample_0", "text": "mister x", "pred_text": "mr x"}])
    command = ("score", "--format", "open-asr", path)
    plain = otoscope(*command, "--json").json["metrics"]["wer"]
    assert (plain["value"], plain["signature"].split("|")[1]) == (0.5, "norm:none@1")
    for more in (("--language", "en"), ("--normalizer", "whisper-en")):
        again = otoscope(*command, *more, "--json").json["metrics"]["wer"]
        assert (again["value"], again["signature"].split("|")[1]) == (0, "norm:whisper-en@1")
    kept = otoscope("score", "--format", "qwen-audio", write_log("qwen-audio"), "--protocol", "qwen-audio", "--json")
    assert "qwen-audio" in kept.json["metrics"]["wer"]["signature"]
