"""The call of comet-score, with a stand-in program that writes what unbabel-comet 2.2.7 writes."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluate.comet import comet_scores, find_comet
from evaluate.errors import MetricUnavailableError

# Reads files and options, and writes scores, as comet/cli/score.py of unbabel-comet 2.2.7 does; a score is the number
# of words of the three texts, so that order and alignment show.
STAND_IN = """#!{python}
import argparse, json, os, sys, time
parser = argparse.ArgumentParser()
for option in ("-s", "-t", "-r", "--to_json", "--model"):
    parser.add_argument(option)
parser.add_argument("--gpus", type=int, default=1)
parser.add_argument("--quiet", action="store_true")
parser.add_argument("--only_system", action="store_true")
arguments = parser.parse_args()
def lines(name):
    with open(name, encoding="utf-8") as file:
        return [line.strip() for line in file.readlines()]
segments = [
    dict(src=s, mt=t, ref=r, COMET=100.0 * len(s.split()) + 10 * len(t.split()) + len(r.split()))
    for s, t, r in zip(lines(arguments.s), lines(arguments.t), lines(arguments.r))
]
print("progress", file=sys.stderr)
{spoil}
with open(arguments.to_json, "w") as file:
    json.dump({{arguments.t: segments}}, file)
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> Callable[..., Path]:
    def write(spoil: str = "") -> Path:
        program = tmp_path / "bin" / "comet-score"
        program.parent.mkdir(exist_ok=True)
        program.write_text(STAND_IN.format(python=sys.executable, spoil=spoil))
        program.chmod(0o755)
        return program

    return write


def score(program: Path, count: int = 1, **options: Any) -> np.ndarray[Any, Any]:
    texts = ["a b"] * count
    return comet_scores(sources=texts, hypotheses=texts, references=texts, program=program, **options)


def test_each_segment_has_its_own_score_whatever_white_space_it_holds(stand_in: Callable[..., Path]) -> None:
    scores = comet_scores(
        sources=["eins", "", "zwei\u2028 drei\n", "vier"],
        hypotheses=["one", "two\n\nthree", "", "\ud800"],
        references=["a", "b c d", " ", "e\r\nf\x0bg"],
        program=stand_in(),
    )
    assert scores.tolist() == [111, 23, 200, 113]


def test_the_program_is_told_model_and_gpus(stand_in: Callable[..., Path], tmp_path: Path) -> None:
    program = stand_in(f"open({str(tmp_path / 'seen')!r}, 'w').write(f'{{arguments.model}} {{arguments.gpus}}')")
    score(program)
    assert (tmp_path / "seen").read_text() == "Unbabel/wmt22-comet-da 0"
    score(program, model="Unbabel/wmt20-comet-da", gpus=1)
    assert (tmp_path / "seen").read_text() == "Unbabel/wmt20-comet-da 1"


def test_a_local_model_is_found_from_the_folder_that_the_program_runs_in(
    stand_in: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = stand_in(f"open({str(tmp_path / 'seen')!r}, 'w').write(arguments.model)")
    checkpoint = tmp_path / "comet" / "checkpoints" / "model.ckpt"
    checkpoint.parent.mkdir(parents=True)
    (tmp_path / "blob").touch()
    checkpoint.symlink_to(tmp_path / "blob")  # as the hub's cache has it
    monkeypatch.chdir(tmp_path)
    for model in ("comet", "comet/checkpoints/model.ckpt", checkpoint):
        score(program, model=model)
        assert (tmp_path / "seen").read_text() == str(checkpoint)


def test_the_program_does_not_see_our_packages(stand_in: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/ours")
    score(stand_in("assert 'PYTHONPATH' not in os.environ"))


def test_the_program_runs_in_a_folder_that_is_gone_afterwards(stand_in: Callable[..., Path], tmp_path: Path) -> None:
    score(stand_in(f"open({str(tmp_path / 'seen')!r}, 'w').write(os.getcwd())"))
    assert not Path((tmp_path / "seen").read_text()).exists()


def test_nothing_to_score_starts_no_program(tmp_path: Path) -> None:
    assert score(tmp_path / "absent", 0).shape == (0,)


def test_texts_must_be_as_many(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 sources, 2 hypotheses, 1 references"):
        comet_scores(sources=["a"], hypotheses=["a", "b"], references=["a"], program=tmp_path)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        ("sys.exit('KeyError: no such model\\n\\n')", "comet-score: exit status 1: KeyError: no such model$"),
        (
            "import pkg_resources_",
            "exit status 1: ModuleNotFoundError: .*; install unbabel-comet 2.2.7 and 'setuptools",
        ),
        ("sys.stderr.close(); os._exit(3)", "exit status 3: progress"),
        ("os._exit(0)", "it wrote no scores in the form of 2.2.7 .FileNotFoundError"),
        ("segments = 'text'", "it wrote no scores in the form of 2.2.7 .TypeError"),
        ("segments = [dict(score=1.0)]", "it wrote no scores in the form of 2.2.7 .KeyError: 'COMET'"),
        ("segments = segments[:1]", "it wrote 1 scores for 2 segments"),
        ("segments[0]['COMET'] = float('nan')", "segment 0 has the score nan"),
    ],
)
def test_each_failure_is_one_line(stand_in: Callable[..., Path], spoil: str, reason: str) -> None:
    with pytest.raises(MetricUnavailableError, match=reason) as failure:
        score(stand_in(spoil), 2)
    assert "\n" not in str(failure.value)


def test_a_program_that_takes_too_long_is_stopped(stand_in: Callable[..., Path]) -> None:
    with pytest.raises(MetricUnavailableError, match="not done after 0.5 s; allow more"):
        score(stand_in("time.sleep(60)"), timeout_s=0.5)


def test_a_program_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    program = tmp_path / "comet-score"
    program.write_text("no program")
    with pytest.raises(MetricUnavailableError, match="comet-score: it cannot be started .Permission denied"):
        score(program)


def test_the_program_is_found_where_the_environment_says(
    stand_in: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = stand_in()
    monkeypatch.setenv("OTOSCOPE_COMET", "")
    monkeypatch.setenv("PATH", str(program.parent))
    assert find_comet() == program
    monkeypatch.setenv("PATH", os.devnull)
    with pytest.raises(MetricUnavailableError, match="not on the search path; install unbabel-comet .* OTOSCOPE_COMET"):
        find_comet()
    monkeypatch.setenv("OTOSCOPE_COMET", str(program))
    assert find_comet() == program
    monkeypatch.setenv("OTOSCOPE_COMET", str(tmp_path))
    with pytest.raises(MetricUnavailableError, match="OTOSCOPE_COMET: .* is no program"):
        find_comet()
