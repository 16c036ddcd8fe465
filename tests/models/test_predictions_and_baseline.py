from collections.abc import Callable
from pathlib import Path

import pytest

from evaluate.errors import ManifestError, UnknownNameError
from evaluate.types import GenerationOptions, Request
from models.baseline.adapter import Baseline
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


@pytest.mark.parametrize(("kind", "answer"), [("empty", ""), ("majority", "A THIRD ONE")])
def test_baselines_answer_without_listening(librispeech: Path, kind: str, answer: str) -> None:
    model, task = Baseline(kind), LibriSpeech(librispeech)
    split = task.read_split("test-clean")
    model.begin(task, split, split.samples)  # all references differ: the first in the alphabet is taken
    assert {output.text for output in model.generate([Request(split.samples[0], ())], GenerationOptions())} == {answer}


def test_another_most_frequent_reference_is_another_baseline(librispeech: Path) -> None:
    task = LibriSpeech(librispeech)
    identities = []
    for name in ("test-clean", "test-other"):
        model, split = Baseline("majority"), task.read_split(name)
        model.begin(task, split, split.samples[:1])
        identities.append(model.identity())
    assert identities == [{"answer": "A THIRD ONE"}, {"answer": "THE LAST"}]


def test_an_unknown_baseline_gets_near_matches() -> None:
    with pytest.raises(UnknownNameError, match="unknown baseline 'majorty'; did you mean 'majority'"):
        Baseline("majorty")
