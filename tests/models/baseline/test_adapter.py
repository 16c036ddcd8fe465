"""Baselines that answer without listening."""

from pathlib import Path

import pytest

from evaluate.errors import UnknownNameError
from evaluate.types import GenerationOptions, Request
from models.baseline.adapter import Baseline
from tasks.librispeech import LibriSpeech


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
