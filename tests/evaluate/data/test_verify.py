from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from evaluate.task import Split
from evaluate.testing import write_tone
from tasks import registry
from tasks.librispeech import LibriSpeech

Command = Callable[..., Any]


@pytest.fixture
def verify(otoscope: Command, librispeech: Path) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Verify test-clean; returns the exit status and the report."""

    def run(*options: object) -> tuple[int, dict[str, Any]]:
        result = otoscope("data", "verify", "librispeech:test-clean", "--data-dir", librispeech, "--json", *options)
        [report] = result.json
        return result.status, report

    return run


Verify = Callable[..., tuple[int, dict[str, Any]]]


def kinds(report: dict[str, Any]) -> list[str]:
    return [problem["kind"] for problem in report["problems"]]


def flac(data: Path, utterance: str = "11-22-0000") -> Path:
    return next(data.rglob(f"{utterance}.flac"))


def test_a_partial_split_in_good_order_is_no_damage(verify: Verify) -> None:
    assert verify("--decode") == (
        0,
        {
            "task": "librispeech",
            "split": "test-clean",
            "state": "partial",
            "found": 3,
            "official": 2620,
            "n_files": 3,
            "n_untranscribed": 0,
            "problems": [],
            "note": "3 of 2620 official samples are here",
        },
    )


def test_a_whole_split_is_whole(verify: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LibriSpeech, "official_sizes", {**LibriSpeech.official_sizes, "test-clean": 3})
    status, report = verify()
    assert (status, report["state"], report["note"]) == (0, "whole", "")


def test_a_listed_utterance_without_audio_is_damage(verify: Verify, librispeech: Path) -> None:
    flac(librispeech).unlink()
    status, report = verify()
    assert (status, report["state"]) == (3, "damaged")
    assert report["problems"] == [
        {"kind": "missing audio", "where": "11-22-0000", "message": "it is listed, and has no audio"}
    ]


def test_audio_without_a_transcript_is_told_and_no_damage(verify: Verify, librispeech: Path) -> None:
    write_tone(flac(librispeech).with_name("11-22-0009.flac"))
    status, report = verify()
    assert (status, report["n_untranscribed"], report["problems"]) == (0, 1, [])
    assert "no transcript for 1: 11-22-0009" in report["note"]


def test_an_empty_file_is_damage(verify: Verify, librispeech: Path) -> None:
    flac(librispeech).write_bytes(b"")
    status, report = verify()
    assert (status, kinds(report)) == (3, ["unreadable audio"])
    assert "the file has 0 bytes" in report["problems"][0]["message"]


def test_a_file_that_is_no_audio_is_damage(verify: Verify, librispeech: Path) -> None:
    flac(librispeech).write_text("<html>")
    assert verify()[0] == 3


def test_only_decoding_finds_a_file_that_is_cut_off_behind_its_header(verify: Verify, librispeech: Path) -> None:
    noise = np.random.default_rng(0).uniform(-1, 1, 16_000)
    soundfile.write(flac(librispeech), noise, 16_000)
    content = flac(librispeech).read_bytes()
    flac(librispeech).write_bytes(content[: len(content) // 2])
    assert verify()[0] == 0
    status, report = verify("--decode")
    assert (status, kinds(report)) == (3, ["unreadable audio"])


@pytest.mark.parametrize("num_frames", [10, 4_000_000])
def test_an_impossible_duration_is_damage(verify: Verify, librispeech: Path, num_frames: int) -> None:
    soundfile.write(flac(librispeech), np.zeros(num_frames), 16_000 if num_frames < 100 else 1_000)
    status, report = verify()
    assert (status, kinds(report)) == (3, ["impossible duration"])
    assert "expected 0.01 to 3600 s" in report["problems"][0]["message"]


def test_lists_that_cannot_be_read_are_damage(verify: Verify, librispeech: Path) -> None:
    next(librispeech.rglob("11-22.trans.txt")).write_bytes(b"\xff\xff")
    status, report = verify()
    assert (status, report["state"], kinds(report)) == (3, "damaged", ["unreadable list"])


def test_an_id_that_comes_twice_is_damage(verify: Verify, monkeypatch: pytest.MonkeyPatch) -> None:
    read = LibriSpeech.read_split

    def doubled(task: LibriSpeech, name: str) -> Split:
        split = read(task, name)
        return replace(split, samples=(*split.samples, split.samples[0]))

    monkeypatch.setattr(LibriSpeech, "read_split", doubled)
    status, report = verify()
    assert (status, report["problems"]) == (
        3,
        [{"kind": "doubled id", "where": "11-22-0000", "message": "comes 2 times"}],
    )


def write_task(folder: Path, *lines: str) -> None:
    (folder / "mine.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "mine.yaml").write_text(
        "name: mine\nkind: asr\nlanguage: en\nmanifest: mine.jsonl\nmetrics: [wer]\nprompt: Write it down.\n"
    )


def test_a_span_beyond_its_file_is_damage_and_a_file_is_looked_into_once(otoscope: Command, tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav", duration_s=1.0)
    write_task(
        tmp_path,
        '{"id": "1", "audio": "a.wav", "start_s": 0, "duration_s": 0.5, "references": ["x"]}',
        '{"id": "2", "audio": "a.wav", "start_s": 0.5, "duration_s": 40, "references": ["x"]}',
    )
    result = otoscope("data", "verify", "mine", "--tasks-dir", tmp_path, "--data-dir", tmp_path, "--json")
    [report] = result.json
    assert (result.status, report["n_files"], kinds(report)) == (3, 1, ["unreadable audio"])
    assert "the span ends at 40.5 s, after the file's 1.00 s" in report["problems"][0]["message"]


def test_without_a_name_all_that_is_here_is_looked_into(otoscope: Command, librispeech: Path) -> None:
    flac(librispeech, "55-66-0000").write_bytes(b"")
    result = otoscope("data", "verify", "--data-dir", librispeech, "--json")
    assert result.status == 3
    assert {report["split"]: report["state"] for report in result.json if report["task"] == "librispeech"} == {
        "test-clean": "partial",
        "test-other": "damaged",
    }


def test_a_plug_in_that_does_not_load_is_named_and_hides_no_other(
    otoscope: Command, librispeech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.targets(), "broken", "nosuchmodule:Task")
    for command, status in (("verify", 3), ("status", 0)):
        result = otoscope("data", command, "--data-dir", librispeech, "--json")
        assert result.status == status
        assert {row["split"] for row in result.json if row["task"] == "librispeech"} >= {"test-clean", "test-other"}
        assert [row["state"] for row in result.json if row["task"] == "broken"] == ["damaged"]
        assert "nosuchmodule:Task cannot be imported" in result.stdout


def test_nothing_here_is_no_damage_unless_it_was_named(otoscope: Command, tmp_path: Path) -> None:
    result = otoscope("data", "verify", "--data-dir", tmp_path, "--json")
    assert (result.status, [report for report in result.json if report["task"] == "librispeech"]) == (0, [])
    for name in ("librispeech", "librispeech:test-clean"):
        result = otoscope("data", "verify", name, "--data-dir", tmp_path)
        assert result.status == 2
        [line] = result.stderr.splitlines()
        assert "is not here" in line


def test_the_table_counts_problems_and_names_them(otoscope: Command, librispeech: Path) -> None:
    flac(librispeech).write_bytes(b"")
    flac(librispeech, "33-44-0000").unlink()
    result = otoscope("data", "verify", "librispeech:test-clean", "--data-dir", librispeech)
    assert result.status == 3
    assert "1 missing audio, 1" in result.stdout
    assert "librispeech:test-clean: missing audio: 33-44-0000: it is listed, and has no audio" in result.stdout
    assert "the file has 0 bytes" in result.stdout


def test_many_problems_are_cut_in_the_table_and_whole_in_json(otoscope: Command, librispeech: Path) -> None:
    lines = [f"11-22-{number:04} TEXT" for number in range(100, 130)]
    path = next(librispeech.rglob("11-22.trans.txt"))
    path.write_text(path.read_text() + "\n".join(lines) + "\n")
    result = otoscope("data", "verify", "librispeech:test-clean", "--data-dir", librispeech)
    assert "librispeech:test-clean: 10 more; --json has them all" in result.stdout
    result = otoscope("data", "verify", "librispeech:test-clean", "--data-dir", librispeech, "--json")
    assert len(result.json[0]["problems"]) == 30


def test_a_data_folder_that_is_not_there_is_a_wrong_request(otoscope: Command, tmp_path: Path) -> None:
    result = otoscope("data", "verify", "--data-dir", tmp_path / "typo")
    assert (result.status, "typo: no such folder, expected --data-dir" in result.stderr) == (2, True)
