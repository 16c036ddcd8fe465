import builtins
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.data.status import corpus_status
from tasks import registry
from tasks.aishell1 import Aishell1
from tasks.librispeech import LibriSpeech

Command = Callable[..., Any]


def by_split(rows: list[dict[str, Any]], task: str) -> dict[str, dict[str, Any]]:
    return {row["split"]: row for row in rows if row["task"] == task}


def test_every_task_has_rows_and_none_of_an_empty_folder_is_present(otoscope: Command, tmp_path: Path) -> None:
    result = otoscope("data", "status", "--data-dir", tmp_path, "--json")
    assert (result.status, result.stderr) == (0, "")
    assert {row["task"] for row in result.json} == set(registry.names())
    assert {row["state"] for row in by_split(result.json, "librispeech").values()} == {"absent"}


def test_a_row_says_how_much_is_here_and_how_to_get_the_rest(otoscope: Command, librispeech: Path) -> None:
    rows = by_split(otoscope("data", "status", "--data-dir", librispeech, "--json").json, "librispeech")
    assert rows["test-clean"] == {
        "task": "librispeech",
        "split": "test-clean",
        "state": "partial",
        "found": 3,
        "official": 2620,
        "licence": "CC BY 4.0",
        "how_to_get": "get it with: otoscope data fetch librispeech:test-clean",
        "is_default": True,
        "detail": "3 of 2620 official samples are here",
    }
    assert (rows["dev-clean"]["state"], rows["dev-clean"]["found"]) == ("absent", 0)


def test_a_split_of_the_official_size_is_present(
    otoscope: Command, librispeech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LibriSpeech, "official_sizes", {**LibriSpeech.official_sizes, "test-clean": 3})
    [row] = otoscope("data", "status", "librispeech:test-clean", "--data-dir", librispeech, "--json").json
    assert (row["state"], row["detail"]) == ("present", "")


def test_the_official_number_with_audio_missing_is_partial(
    otoscope: Command, librispeech: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LibriSpeech, "official_sizes", {**LibriSpeech.official_sizes, "test-clean": 2})
    next(librispeech.rglob("11-22-0000.flac")).unlink()
    [row] = otoscope("data", "status", "librispeech:test-clean", "--data-dir", librispeech, "--json").json
    assert (row["state"], row["found"], row["official"]) == ("partial", 2, 2)
    assert row["detail"] == "audio missing for 1: 11-22-0000"


def test_a_damaged_corpus_is_a_row_and_hides_no_other(otoscope: Command, librispeech: Path) -> None:
    next(librispeech.rglob("11-22.trans.txt")).write_bytes(b"\xff\xff")
    result = otoscope("data", "status", "--data-dir", librispeech, "--json")
    rows = by_split(result.json, "librispeech")
    assert result.status == 0
    assert (rows["test-clean"]["state"], rows["test-other"]["state"]) == ("damaged", "partial")
    assert "11-22.trans.txt: not UTF-8" in rows["test-clean"]["detail"]
    table = otoscope("data", "status", "--data-dir", librispeech).stdout
    assert "librispeech:test-clean: " in table
    assert "not UTF-8" in table


@pytest.mark.parametrize("broken", ["read_split", "present_splits"])
def test_a_reader_that_breaks_in_any_way_is_a_row(
    librispeech: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Aishell1, broken, fail)
    rows = corpus_status(None, librispeech)
    assert by_split(rows, "librispeech")["test-other"]["found"] == 2
    if broken == "read_split":
        assert by_split(rows, "aishell1")["test"]["detail"] == "ZeroDivisionError: a bug"
    assert set(by_split(rows, "aishell1")) == {"dev", "test"}


def test_no_audio_is_opened(librispeech: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = io.open

    def watch(file: Any, *arguments: Any, **named: Any) -> Any:
        opened.append(str(file))
        return real(file, *arguments, **named)

    monkeypatch.setattr(builtins, "open", watch)
    monkeypatch.setattr(io, "open", watch)
    corpus_status("librispeech", librispeech)
    assert any(name.endswith(".trans.txt") for name in opened)
    assert not any(name.endswith(".flac") for name in opened)


def test_a_task_of_one_s_own_has_a_row_too(otoscope: Command, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "name: mine\nkind: asr\nlanguage: en\nmanifest: mine.jsonl\nmetrics: [wer]\nprompt: Write it down.\n"
    )
    result = otoscope("data", "status", "--tasks-dir", tmp_path, "--data-dir", tmp_path, "--json")
    assert result.status == 0
    assert {row["state"] for row in by_split(result.json, "mine").values()} <= {"absent", "damaged"}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("librispech", "unknown task 'librispech'; did you mean 'librispeech'?"),
        ("librispeech:test-claen", "unknown split of librispeech 'test-claen'; did you mean 'test-clean'"),
    ],
)
@pytest.mark.parametrize("command", ["status", "verify"])
def test_an_unknown_name_is_one_line_and_exit_2(
    otoscope: Command, librispeech: Path, command: str, spec: str, message: str
) -> None:
    result = otoscope("data", command, spec, "--data-dir", librispeech)
    [line] = result.stderr.splitlines()
    assert (result.status, message in line) == (2, True)


@pytest.mark.parametrize("command", ["status", "fetch", "verify"])
def test_the_command_helps_with_an_example(otoscope: Command, command: str) -> None:
    result = otoscope("data", command, "--help")
    assert result.status == 0
    assert f"otoscope data {command} librispeech" in result.stdout.split("Example")[1]


def test_the_table_shows_what_to_do(otoscope: Command, librispeech: Path) -> None:
    table = otoscope("data", "status", "librispeech", "--data-dir", librispeech).stdout
    assert "CC BY 4.0" in table
    assert "otoscope data fetch" in table
    assert "librispeech:test-clean: 3 of 2620 official samples are here" in table
    assert "get it with: otoscope data fetch librispeech:dev-clean" in table  # with a name, absent ones too
