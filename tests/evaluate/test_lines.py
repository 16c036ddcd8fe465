import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.digests import file_digest
from evaluate.lines import one_line

Command = Callable[..., Any]
Write = Callable[..., Path]


def test_a_line_is_one_line_that_a_terminal_does_not_obey() -> None:
    assert one_line("a\nerror: fake\x1b[31m\x07 b\u202e\ud800") == "a error: fake�[31m� b��"
    assert one_line("x" * 3000).endswith("x … (3000 characters)")


def test_a_hostile_id_does_not_forge_a_message(otoscope: Command, write_jsonl: Write, tmp_path: Path) -> None:
    line = {"id": "a\x1b]0;pwn\x07\nerror: fake", "audio": "gone.wav", "references": ["x"]}
    manifest = write_jsonl("m.jsonl", line)
    command = ("eval", "--task", "librispeech:test-clean", "--manifest", manifest, "--model", "baseline:empty")
    shown = otoscope(*command, "--results-dir", tmp_path / "r").stderr
    assert "\x1b" not in shown
    assert "\nerror:" not in shown


def test_what_is_no_file_has_no_digest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert [file_digest(path) for path in (tmp_path, tmp_path / "pipe", tmp_path / "a\0b", tmp_path / "none")] == [
        None
    ] * 4


@pytest.mark.parametrize("name", ["all", "new", "librispeech"])
def test_a_name_that_means_something_else_is_refused(otoscope: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / "t.yaml").write_text(f"name: {name}\nkind: asr\nmanifest: m.jsonl\nmetrics: [wer]\n")
    result = otoscope("tasks", tmp_path / "t.yaml")
    assert result.status == 2
    assert "choose another" in result.stderr or "is taken by" in result.stderr
