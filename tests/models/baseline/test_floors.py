"""Floors that hear nothing, and how the command is asked for them."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluate.errors import RequestError
from evaluate.task import Coverage, Split, Task
from evaluate.task_file import load_task_class
from evaluate.types import GenerationOptions, Request, Sample
from models.baseline.adapter import Baseline
from tasks import BUILTIN, find_task_class
from tasks.librispeech import LibriSpeech

Command = Callable[..., Any]
Write = Callable[..., Path]
CHOICES = ("kettle", "tap", "knife")


def split_of(number: int, *, choices: tuple[str, ...] = ()) -> Split:
    samples = tuple(
        Sample(f"s{n}", (), "", (f"text {n}", f"other text {n}") if not choices else (choices[0],), choices=choices)
        for n in range(number)
    )
    return Split("test", samples, Coverage(number, None))


def answers(task: Task, split: Split, *, asked: int | None = None, backwards: bool = False, seed: int = 0) -> list[str]:
    model = Baseline("random", seed=seed)
    samples = split.samples[:asked]
    shown = replace(split, samples=split.samples[::-1]) if backwards else split
    model.begin(task, shown, samples)
    outputs = model.generate([Request(sample, ()) for sample in samples], GenerationOptions())
    return [output.text or "" for output in outputs]


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return LibriSpeech(tmp_path)


@pytest.mark.parametrize("choices", [(), CHOICES])
def test_a_random_answer_depends_on_seed_and_id_and_on_nothing_else(task: Task, choices: tuple[str, ...]) -> None:
    split = split_of(50, choices=choices)
    first = answers(task, split)
    assert answers(task, split) == answers(task, split, backwards=True) == first
    assert answers(task, split, asked=10) == first[:10]
    assert answers(task, split, seed=1) != first


def test_a_random_text_is_never_the_sample_s_own(task: Task) -> None:
    for seed in range(200):
        for number, text in enumerate(answers(task, split_of(3), seed=seed)):
            assert text.rpartition(" ")[2] != str(number)


def test_a_random_text_may_be_any_reference_of_any_other_sample(task: Task) -> None:
    drawn = Counter(answers(task, split_of(3), seed=seed)[1] for seed in range(400))
    assert drawn.keys() == {"text 0", "other text 0", "text 2", "other text 2"}
    assert min(drawn.values()) > 60  # of 100 expected; 60 is 4.6 standard deviations below


def test_random_labels_are_as_likely_one_as_another(task: Task) -> None:
    drawn = Counter(answers(task, split_of(3000, choices=CHOICES)))
    assert drawn.keys() == set(CHOICES)
    assert all(abs(count - 1000) < 130 for count in drawn.values())  # 5 standard deviations


def test_each_sample_s_own_choices_are_drawn_from(task: Task) -> None:
    samples = (Sample("a", (), "", ("x",), choices=("x", "y")), Sample("b", (), "", ("z",), choices=("z", "w")))
    drawn = [answers(task, Split("test", samples, Coverage(2, None)), seed=seed) for seed in range(40)]
    assert {one[0] for one in drawn} == {"x", "y"}
    assert {one[1] for one in drawn} == {"z", "w"}


def test_another_seed_or_another_pool_is_another_baseline(task: Task) -> None:
    def identity(number: int, seed: int) -> dict[str, Any]:
        model, split = Baseline("random", seed=seed), split_of(number)
        model.begin(task, split, split.samples[:2])
        return model.identity()

    assert identity(5, 0) == identity(5, 0)
    assert identity(5, 1)["revision"] == "seed-1"
    assert identity(5, 0)["pool"] != identity(6, 0)["pool"]


def test_one_sample_has_no_other_to_take_a_reference_of(task: Task) -> None:
    with pytest.raises(RequestError, match="librispeech:test has one sample only; baseline:random answers with"):
        answers(task, split_of(1))


@pytest.mark.parametrize("name", [name for name in BUILTIN if find_task_class(name, tasks_dir=None).has_samples()])
def test_random_labels_are_read_by_every_task(name: str, tmp_path: Path) -> None:
    task = find_task_class(name, tasks_dir=None)(tmp_path)
    split = task.read_split("sample")
    for sample, said in zip(split.samples, answers(task, split), strict=True):
        if sample.choices:
            assert task.extract_answer(sample, said) == said
        assert said in sample.choices or not sample.choices


@pytest.mark.parametrize("kind", ["random", "majority"])
def test_letters_are_answered_where_letters_are_read(kind: str, tmp_path: Path, write_jsonl: Write) -> None:
    lines = [{"id": str(n), "audio": "x.wav", "references": [CHOICES[n % 2]]} for n in range(3)]
    write_jsonl("m.jsonl", *lines)
    path = tmp_path / "letters.yaml"
    path.write_text(
        "name: letters\nkind: question-answering\nmanifest: m.jsonl\nchoices: [kettle, tap, knife]\n"
        "extractor: letter\nmetrics: [accuracy]\n"
    )
    task = load_task_class(path)(tmp_path, labels_only=True)
    split = task.read_split("test")
    model = Baseline(kind)
    model.begin(task, split, split.samples)
    for output in model.generate([Request(sample, ()) for sample in split.samples], GenerationOptions()):
        assert output.text in ("A", "B", "C")
        assert task.extract_answer(split.samples[0], output.text) in CHOICES


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("baseline:constant",), "none is given; expected --model-arg text=…"),
        (("baseline:majority", "text=x"), "baseline:majority has no setting 'text'; it has none"),
        (("baseline:constant", "train_split=x"), "baseline:constant has no setting 'train_split'; it has text"),
        (("baseline:random", "seed=-1"), "seed is -1, expected a whole number from 0"),
        (("baseline:random", "seed=x"), "seed is 'x', expected a whole number from 0"),
    ],
)
def test_a_floor_that_is_asked_for_wrongly_is_one_line(
    otoscope: Command, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    model, *settings = arguments
    given = [word for setting in settings for word in ("--model-arg", setting)]
    result = otoscope("eval", "--task", "vocalsound:sample", "--model", model, "--results-dir", tmp_path, *given)
    assert result.status == 2
    assert message in result.stderr


@pytest.mark.parametrize("text", ["yes", "", "0.50", "a: b", "[x", "# no comment", "</script>\x1b[2J"])
def test_a_constant_text_is_answered_as_it_was_typed(otoscope: Command, tmp_path: Path, text: str) -> None:
    given = ("--model-arg", f"text={text}", "--results-dir", tmp_path, "--json")
    result = otoscope("eval", "--task", "vocalsound:sample", "--model", "baseline:constant", *given)
    assert result.status == 0
    [document] = result.json
    log = Path(document["run_dir"], "predictions.jsonl").read_text().splitlines()
    assert {json.loads(line)["hypothesis"] for line in log} == {text}


def test_the_command_s_seed_is_that_of_random_and_a_resumed_run_draws_the_same(
    otoscope: Command, tmp_path: Path
) -> None:
    def hypotheses(*options: object) -> tuple[str, list[str]]:
        where = ("--model", "baseline:random", "--results-dir", tmp_path, "--json")
        [document] = otoscope("eval", "--task", "vocalsound:sample", *where, *options).json
        log = Path(document["run_dir"], "predictions.jsonl").read_text().splitlines()
        return document["run_dir"], [json.loads(line)["hypothesis"] for line in log]

    run_dir, drawn = hypotheses()
    assert hypotheses("--seed", 1)[0] != run_dir
    log = Path(run_dir, "predictions.jsonl")
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:2]))
    assert hypotheses() == (run_dir, drawn)


@pytest.mark.parametrize("kind", ["majority", "constant", "empty"])
def test_nobody_is_told_that_a_floor_of_one_answer_answers_alike(otoscope: Command, tmp_path: Path, kind: str) -> None:
    text = ("--model-arg", "text=cough") if kind == "constant" else ()
    where = ("--results-dir", tmp_path, "--model", f"baseline:{kind}", *text)
    result = otoscope("eval", "--task", "vocalsound:sample", *where)
    assert result.status == 0
    assert "are the same" not in result.stdout


def test_floors_stand_in_the_report_beside_models(otoscope: Command, tmp_path: Path) -> None:
    for model in ("baseline:majority", "baseline:random", "nano"):
        tasks = "vocalsound:sample,tut2017:sample,meld:sample"
        assert otoscope("eval", "--task", tasks, "--limit", 4, "--model", model, "--results-dir", tmp_path).status == 0
    assert otoscope("report", "--results-dir", tmp_path).status == 0
    radar = (tmp_path / "report" / "radar.svg").read_text()
    leaderboard = (tmp_path / "report" / "leaderboard.md").read_text()
    for name in ("baseline:majority", "baseline:random", "nano"):
        assert f"| {name} | " in leaderboard
        assert name in radar
