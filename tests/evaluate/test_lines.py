from collections.abc import Callable
from pathlib import Path
from typing import Any

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
