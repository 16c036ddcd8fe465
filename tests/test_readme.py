"""The README's examples are run as they stand: named blocks become files, `$` lines are commands."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.testing import write_tone

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_every_example_works_as_written(
    otoscope: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, frequency_hz in enumerate((900, 300, 2000), start=1):
        write_tone(tmp_path / "clips" / f"{number}.wav", frequency_hz=frequency_hz)
        write_tone(tmp_path / "data" / "Birds" / "test" / ("robin" if number == 1 else "wren") / f"{number}.wav")
    num_files = num_commands = 0
    for language, file_name, content in BLOCK.findall(README.read_text(encoding="utf-8")):
        if file_name:
            (tmp_path / file_name).write_text(content, encoding="utf-8")
            num_files += 1
        for line in content.splitlines() if language == "console" else ():
            program, *arguments = shlex.split(line.removeprefix("$ "))
            assert program == "otoscope"
            result = otoscope(*arguments)
            assert result.status == 0, f"{line}\n{result.stderr}"
            num_commands += 1
    assert (num_files, num_commands) == (6, 7)
    assert "loudness" in (tmp_path / "results" / "report" / "leaderboard.md").read_text(encoding="utf-8")
    assert (tmp_path / "regression.xml").exists()


def test_a_task_is_added_in_under_25_lines() -> None:
    blocks = {name: content for _, name, content in BLOCK.findall(README.read_text(encoding="utf-8"))}
    for name in ("kitchen.yaml", "birds.py"):
        assert len(blocks[name].splitlines()) < 25


def test_every_task_and_model_family_stands_in_the_readme() -> None:
    from models import FAMILIES, SHORT_NAMES
    from tasks import BUILTIN

    text = README.read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in text for name in BUILTIN)
    families = {family for family in FAMILIES if f"{family}:" not in SHORT_NAMES.values()}  # the others are one model
    assert all(f"`{family}:" in text for family in families)
    assert all(f"| `{family}` |" in text for family in FAMILIES.keys() - families)


def test_every_metric_and_normaliser_stands_in_the_readme() -> None:
    from evaluate.metrics import BUILTIN as METRICS
    from evaluate.normalizers import BUILTIN as NORMALIZERS

    text = README.read_text(encoding="utf-8").replace("`bleu_1` … `bleu_4`", "`bleu_1` `bleu_2` `bleu_3` `bleu_4`")
    assert [name for name in (*METRICS, *NORMALIZERS) if f"`{name}`" not in text] == []
