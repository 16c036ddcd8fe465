import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.types import KINDS

Command = Callable[..., Any]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_task_of_every_kind_runs_as_it_is(otoscope: Command, kind: str) -> None:
    written = otoscope("tasks", "new", "mine", "--kind", kind, "--json")
    assert (written.status, written.json[:2]) == (0, ["mine/mine.yaml", "mine/mine.jsonl"])
    result = otoscope("eval", "--task", "mine/mine.yaml", "--model", "baseline:majority", "--json")
    assert result.status == 0
    [document] = result.json
    assert (document["task"], document["n_scored"]) == ("mine", 3)
    assert (document["metrics"][document["primary"]]["value"] is None) == (kind == "chat")  # there is no judge


def test_the_prompt_of_a_new_task_is_rendered(otoscope: Command) -> None:
    otoscope("tasks", "new", "mine", "--kind", "translation")
    shown = otoscope("tasks", "mine/mine.yaml", "--model", "baseline:empty", "--json").json
    assert shown["prompt_in_words"] == "Translate the English speech into German."


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["new"], r"expected otoscope tasks new NEW_NAME --kind KIND; kinds: asr"),
        (["new", "x"], r"expected otoscope tasks new NEW_NAME --kind KIND"),
        (["new", "a/b", "--kind", "asr"], r"task name 'a/b': expected letters, digits, .* as in 'a_b'"),
        (["new", "there", "--kind", "asr"], "there: is there already; choose another name"),
        (["librispeech", "x"], "--kind and a second name are for: otoscope tasks new"),
        (["librispeech", "--kind", "asr"], "--kind and a second name are for"),
    ],
)
def test_half_a_request_is_one_line(otoscope: Command, arguments: list[str], message: str) -> None:
    Path("there").mkdir()
    result = otoscope("tasks", *arguments)
    assert result.status == 2
    assert len(result.stderr.splitlines()) == 1
    assert re.search(message, result.stderr)
