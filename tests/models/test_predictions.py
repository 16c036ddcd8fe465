"""Answers that are replayed from a file."""

import json
import os
import pty
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.errors import MachineError, ManifestError
from evaluate.types import GenerationOptions, Request
from models.predictions import Predictions
from tasks.librispeech import LibriSpeech

Write = Callable[..., Path]
IDS = ("11-22-0000", "11-22-0001", "33-44-0000")


def lines(*ids: str) -> list[dict[str, str]]:
    return [{"id": name, "hypothesis": f"text of {name}"} for name in ids]


def test_a_predictions_file_is_replayed(librispeech: Path, write_jsonl: Write) -> None:
    model = Predictions(str(write_jsonl("p.jsonl", *lines(*IDS))))
    task = LibriSpeech(librispeech)
    split = task.read_split("test-clean")
    model.begin(task, split, split.samples)
    outputs = model.generate([Request(sample, ()) for sample in split.samples], GenerationOptions())
    assert [output.text for output in outputs] == [f"text of {name}" for name in IDS]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (IDS[:2], "has no line for id '33-44-0000' of librispeech:test-clean"),
        ((*IDS, "x"), "has a line for the unknown id 'x'"),
        ((*IDS, IDS[0]), "id '11-22-0000' stands already in"),
    ],
)
def test_an_id_that_is_missing_unknown_or_doubled_is_an_error_that_names_it(
    librispeech: Path, write_jsonl: Write, ids: tuple[str, ...], message: str
) -> None:
    path = write_jsonl("p.jsonl", *lines(*ids))
    task = LibriSpeech(librispeech)
    split = task.read_split("test-clean")
    with pytest.raises(ManifestError, match=message):
        Predictions(str(path)).begin(task, split, split.samples)


def test_another_file_is_another_model(write_jsonl: Write) -> None:
    one = Predictions(str(write_jsonl("p.jsonl", {"id": "a", "hypothesis": "x"}))).identity()
    other = Predictions(str(write_jsonl("p.jsonl", {"id": "a", "hypothesis": "y"}))).identity()
    assert one != other


def test_the_order_of_the_lines_makes_no_other_model_and_whose_line_it_is_does(write_jsonl: Write) -> None:
    first, second = {"id": "a", "hypothesis": "x"}, {"id": "b", "hypothesis": "y"}
    one = Predictions(str(write_jsonl("p.jsonl", first, second))).identity()
    assert Predictions(str(write_jsonl("p.jsonl", second, first))).identity() == one
    swapped = write_jsonl("p.jsonl", {"id": "a", "hypothesis": "y"}, {"id": "b", "hypothesis": "x"})
    assert Predictions(str(swapped)).identity() != one


@pytest.mark.parametrize("edit", ["other ids", "other text"])
def test_a_file_that_is_changed_meanwhile_is_an_error(librispeech: Path, write_jsonl: Write, edit: str) -> None:
    path = write_jsonl("p.jsonl", *lines(*IDS))
    model = Predictions(str(path))
    task = LibriSpeech(librispeech)
    split = task.read_split("test-clean")
    model.begin(task, split, split.samples)
    edited = lines(*reversed(IDS)) if edit == "other ids" else [{**one, "hypothesis": "z"} for one in lines(*IDS)]
    write_jsonl("p.jsonl", *edited)
    with pytest.raises(MachineError, match=r"p\.jsonl: was changed while it was read; start the command again"):
        list(model.generate([Request(sample, ()) for sample in split.samples], GenerationOptions()))


def test_another_file_in_its_place_is_not_looked_at(librispeech: Path, write_jsonl: Write) -> None:
    path = write_jsonl("p.jsonl", *lines(*IDS))
    time_ns = path.stat().st_mtime_ns
    model = Predictions(str(path))
    other = write_jsonl("other.jsonl", *({**one, "hypothesis": one["hypothesis"].upper()} for one in lines(*IDS)))
    os.utime(other, ns=(time_ns, time_ns))
    other.replace(path)
    split = LibriSpeech(librispeech).read_split("test-clean")
    outputs = model.generate([Request(sample, ()) for sample in split.samples], GenerationOptions())
    assert [output.text for output in outputs] == [f"text of {name}" for name in IDS]


def test_a_run_whose_file_is_changed_ends_without_a_score(
    otoscope: Callable[..., Any], librispeech: Path, write_jsonl: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = write_jsonl("p.jsonl", *lines(*IDS))
    generate = Predictions.generate

    def touched(self: Predictions, *asked: Any) -> Any:
        os.utime(path, ns=(0, 0))
        return generate(self, *asked)

    command = ("eval", "--task", "librispeech:test-clean", "--data-dir", librispeech, "--model", f"predictions:{path}")
    with monkeypatch.context() as patch:
        patch.setattr(Predictions, "generate", touched)
        result = otoscope(*command, "--results-dir", tmp_path / "results")
    assert (result.status, "was changed while it was read" in result.stderr) == (4, True)
    assert not list((tmp_path / "results").rglob("scores.json"))
    assert otoscope(*command, "--results-dir", tmp_path / "results").status == 0  # the content is the same: it goes on


def test_a_terminal_is_read_once(librispeech: Path) -> None:
    ours, theirs = pty.openpty()
    content = "".join(json.dumps(one) + "\n" for one in lines(*IDS))
    os.write(ours, content.encode() + b"\x04")  # Ctrl-D
    model = Predictions(os.ttyname(theirs))
    split = LibriSpeech(librispeech).read_split("test-clean")
    outputs = model.generate([Request(sample, ()) for sample in split.samples], GenerationOptions())
    assert [output.text for output in outputs] == [f"text of {name}" for name in IDS]
    os.close(ours)
    os.close(theirs)


def test_a_pipe_is_replayed_though_it_can_be_read_once(librispeech: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = "".join(json.dumps(one) + "\n" for one in lines(*IDS))
    writing = threading.Thread(target=pipe.write_text, args=(content,))
    writing.start()
    model = Predictions(str(pipe))
    writing.join()
    task = LibriSpeech(librispeech)
    split = task.read_split("test-clean")
    model.begin(task, split, split.samples)
    outputs = model.generate([Request(sample, ()) for sample in split.samples], GenerationOptions())
    assert [output.text for output in outputs] == [f"text of {name}" for name in IDS]
