"""README and docs: their examples are run as they stand, other commands are at least ones that exist.

Blocks with a title become files; in blocks marked `console` every line is a command and is run; in all others each
command of ours is held against its options, each target of make against the Makefile.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from evaluate.cli import cli
from evaluate.testing import write_tone

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OURS = re.compile(r"(?:^|[\s(])((?:otoscope|make) [^\n|>&;`)#]*)", re.MULTILINE)


def blocks_of(page: Path) -> list[tuple[str, str, str]]:
    """Return language, title and content of each block."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_example_works_as_written(
    otoscope: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for number, frequency_hz in enumerate((900, 300, 2000), start=1):
        write_tone(tmp_path / "clips" / f"{number}.wav", frequency_hz=frequency_hz)
        write_tone(tmp_path / "data" / "Birds" / "test" / ("robin" if number == 1 else "wren") / f"{number}.wav")
    num_commands = 0
    for language, file_name, content in blocks_of(page):
        if file_name:
            (tmp_path / file_name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file_name).write_text(content, encoding="utf-8")
        for line in content.splitlines() if language == "console" else ():
            program, *arguments = shlex.split(line.removeprefix("$ "))
            assert program == "otoscope"
            result = otoscope(*(path for argument in arguments for path in expanded(argument)))
            assert result.status == 0, f"{line}\n{result.stderr}"
            num_commands += 1
    if page.stem in ("README", "tutorial"):
        assert num_commands >= 6


def expanded(argument: str) -> list[str]:
    """Return what a shell makes of `*` in an argument."""
    return [str(path) for path in Path().glob(argument)] if "*" in argument else [argument]


def commands_of(page: Path) -> Iterator[str]:
    for language, _, content in blocks_of(page):
        if language not in ("console", "python", "json", "text"):
            yield from (one.strip() for one in OURS.findall(content.replace("\\\n", " ")))


@pytest.mark.parametrize(
    ("page", "command"),
    [pytest.param(page, command, id=f"{page.stem}: {command[:60]}") for page in PAGES for command in commands_of(page)],
)
def test_commands_that_are_not_run_exist_with_their_options(page: Path, command: str) -> None:
    program, *words = shlex.split(command)
    if program == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert [word for word in words if "=" not in word and word not in targets] == []
        return
    described: click.Command = cli
    while isinstance(described, click.Group) and words:
        described = described.commands[words.pop(0)]
    known = {name for option in described.params for name in option.opts}
    used = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert used <= known, f"{page.name}: {command}"


def test_a_task_is_added_in_under_25_lines() -> None:
    blocks = {name: content for _, name, content in blocks_of(ROOT / "docs" / "own-task.md")}
    for name in ("kitchen.yaml", "birds.py"):
        assert len(blocks[name].splitlines()) < 25


def test_every_task_and_model_family_stands_in_the_readme() -> None:
    from evaluate.data.sources import read_sources
    from models import FAMILIES, SHORT_NAMES
    from tasks import BUILTIN

    text = README.read_text(encoding="utf-8")
    rows = {name: next(line for line in text.splitlines() if line.startswith(f"| `{name}` |")) for name in BUILTIN}
    sources = read_sources()
    assert [name for name, row in rows.items() if not row.endswith(f"| {sources[name].licence} |")] == []
    families = {family for family in FAMILIES if f"{family}:" not in SHORT_NAMES.values()}  # the others are one model
    assert all(f"`{family}:" in text for family in families)
    assert all(f"| `{family}` |" in text for family in FAMILIES.keys() - families)


def test_every_metric_and_normaliser_stands_in_the_readme() -> None:
    from evaluate.metrics import BUILTIN as METRICS
    from evaluate.normalizers import BUILTIN as NORMALIZERS

    text = README.read_text(encoding="utf-8").replace("`bleu_1` … `bleu_4`", "`bleu_1` `bleu_2` `bleu_3` `bleu_4`")
    assert [name for name in (*METRICS, *NORMALIZERS) if f"`{name}`" not in text] == []


def test_every_field_that_a_run_writes_is_described(otoscope: Callable[..., Any], tmp_path: Path) -> None:
    import json

    [scores] = otoscope("eval", "--task", "aishell1:sample", "--results-dir", tmp_path, "--limit", 4, "--json").json
    run = json.loads(Path(scores["run_dir"], "run.json").read_text())
    [metric, *_] = scores["metrics"].values()
    lines = [
        json.loads(Path(scores["run_dir"], name).read_text().splitlines()[0])
        for name in ("predictions.jsonl", "sample_scores.jsonl")
    ]
    text = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    written = [*run, *run["sessions"][0], *scores, *metric, *(field for line in lines for field in line)]
    assert [field for field in written if f"`{field}`" not in text and field != "run_dir"] == []
