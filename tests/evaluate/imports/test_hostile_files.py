"""Whatever a file holds: one line of error with its place, or an answer; never a traceback."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluate.errors import ManifestError, RequestError
from evaluate.imports import BUILTIN, read_log
from evaluate.imports.document import load_document
from evaluate.jsonl import shown

Command = Callable[..., Any]
Write = Callable[..., Path]
Records = Callable[[str], list[dict[str, Any]]]

DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", ": holds nothing, expected the log"),
        (b" \n\n ", ": holds nothing, expected the log"),
        (b"[]", ": holds an empty list"),
        (b"null", ":1: found null, expected a JSON object"),
        (b'"text"', ':1: found "text", expected a JSON object'),
        (b"[1]", ":1: found 1, expected a JSON object"),
        (b'[{"a": 1},\n\n 2]', ":3: found 2, expected a JSON object"),
        (b'[{"a": 1},\n]', ":2: not valid JSON"),
        (b'[{"a": 1}\n{"a": 1}]', r":2: not valid JSON \(Expecting ',' or '\]'\)"),
        (b'[{"a": 1}', r":1: not valid JSON \(Expecting ',' or '\]'\)"),
        (b'[{"a": 1}]\n[]', ":1: not valid JSON \\(after the end of the list comes"),
        (b'{"a": 1}\n{"a": \n', ":2: not valid JSON"),
        (b'{"a": 1}\n7\n', ":2: found 7, expected a JSON object"),
        (b'{\n "a": 1,\n b}', ":3: not valid JSON"),
        (b'{"a": "\xff"}', ":1: not UTF-8"),
        (b'{"a": 1}\n{"a": "\xff"}', ":2: not UTF-8"),
        (b'{"a": 1}\n' + DEEP.encode(), ":2: not valid JSON"),
        (DEEP.encode(), ":1: not valid JSON"),
        (b'{"a": ' + DEEP.encode() + b"}", ":1: not valid JSON"),
        (b'{"a": ' + b"9" * 10_000 + b"}", ":1: not valid JSON"),
        (b"[" + b"9" * 10_000 + b"]", ":1: not valid JSON"),
    ],
)
def test_damage_is_named_with_its_line(otoscope: Command, tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(content)
    with pytest.raises(ManifestError, match=message):
        load_document(path)
    result = otoscope("score", "--format", "lmms-eval", path)
    assert (result.status, len(result.stderr.splitlines())) == (2, 1)
    assert result.stderr.startswith("error: ")


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(ManifestError, match="cannot be read"):
            load_document(path)


@pytest.mark.parametrize("name", BUILTIN)
def test_marks_of_windows_editors_change_nothing(write_log: Write, name: str) -> None:
    path = write_log(name)
    plain = read_log(path, name)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\r\n")
    marked = read_log(path, name)
    assert marked.answers == plain.answers


def test_line_separators_within_a_text_end_no_line(write_log: Write, records: Records) -> None:
    lines = records("lmms-eval")
    text = "one\u2028two\x85three"
    lines[0]["filtered_resps"] = [text]
    path = write_log("lmms-eval")
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8", newline="\n")
    assert read_log(path, "lmms-eval").answers[0].hypothesis == text


@pytest.mark.parametrize("name", BUILTIN)
def test_texts_that_have_no_utf_8_form_are_scored_and_logged(
    otoscope: Command, librispeech: Path, write_log: Write, tmp_path: Path, name: str
) -> None:
    path = write_log(name)
    path.write_text(path.read_text().replace("nother stone", "nother \\ud800\\u0000\\u001b[31m tone"))
    alone = otoscope(
        "score", "--format", name, path, "--metrics", "wer,cer", "--samples", tmp_path / "s.jsonl", "--json"
    )
    assert alone.status == 0, alone.stderr
    task = ("--task", "librispeech:test-clean", "--model-name", "x", "--data-dir", librispeech)
    assert otoscope("score", "--format", name, path, *task, "--results-dir", tmp_path / "r").status == 0


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**19) | st.floats() | st.text(max_size=8) | st.just("[['a'"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.parametrize("name", BUILTIN)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_in_any_field_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, records: Records, name: str, data: st.DataObject
) -> None:
    lines = records(name)
    line = data.draw(st.sampled_from(lines))
    line[data.draw(st.sampled_from(list(line)))] = data.draw(VALUES)
    path = tmp_path_factory.mktemp("log") / "x.log"
    path.write_text(json.dumps(lines) if name in ("audiobench", "qwen-audio") else "\n".join(map(json.dumps, lines)))
    refused = ""
    try:
        read_log(path, name)
    except RequestError as error:
        refused = str(error)
    assert not refused or str(path) in refused


def test_a_value_that_is_nested_too_deeply_is_named_by_its_type() -> None:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    assert shown(value) == "a deeply nested list"
