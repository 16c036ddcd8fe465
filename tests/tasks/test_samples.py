"""The split `sample` of every task: whole, heard, true, and taken where a corpus is not here."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.audio import inspect_audio, load_waveform
from evaluate.corpus_task import samples_dir
from evaluate.task import Split
from tasks import BUILTIN, find_task_class
from tasks.synthesis.corpora import WRITERS
from tasks.synthesis.listening import make_sound
from tasks.synthesis.notes import make_note
from tasks.synthesis.parts import Part, clip_generator
from tasks.synthesis.sentences import LANGUAGES, all_meanings, is_held_out
from tasks.synthesis.vocal import make_vocal

Command = Callable[..., Any]

MAX_BYTES = 4_700_000  # in git and in the wheel
SPEECH = {"librispeech": "en", "aishell1": "zh", "aishell2": "zh", "fleurs": "zh", "common_voice": "fr"}


def read(name: str) -> Split:
    return find_task_class(name, tasks_dir=None)(Path("nowhere")).read_split("sample")


@pytest.fixture(params=BUILTIN)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_task_has_samples_and_all_of_them_are_here(name: str) -> None:
    split = read(name)
    assert len(split.samples) >= 24
    assert len({sample.id for sample in split.samples}) == len(split.samples)
    assert split.coverage.is_complete
    assert split.coverage.official == len(split.samples)
    assert all(sample.prompt or name == "voicebench" for sample in split.samples)  # that asks aloud alone
    assert all(sample.audio for sample in split.samples)


def test_every_sample_is_heard_and_short(name: str) -> None:
    for path in {ref.path for sample in read(name).samples for ref in sample.audio}:
        assert 0.5 < inspect_audio(path).duration_s < 6.5
        [ref] = {ref for sample in read(name).samples for ref in sample.audio if ref.path == path} or [None]
        waveform = load_waveform(ref, sample_rate_hz=16_000)
        assert 0.001 < float((waveform**2).mean()) ** 0.5 < 0.7, path


def test_every_label_has_as_many_samples(name: str) -> None:
    split = read(name)
    task = find_task_class(name, tasks_dir=None)(Path())
    choices = task.choices_of(split.asks_as)
    if not choices:
        pytest.skip("has no labels")
    counts = Counter(sample.references[0] for sample in split.samples)
    assert counts.keys() == set(choices)
    assert len(set(counts.values())) == 1


def test_what_ships_is_small_and_nothing_else_ships() -> None:
    files = [path for path in samples_dir().rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MAX_BYTES
    assert {path.suffix for path in files} <= {".ogg", ".txt", ".tsv", ".csv", ".json", ".jsonl", ".scp"}
    assert WRITERS.keys() == BUILTIN.keys()
    heard = {ref.path for task in BUILTIN for sample in read(task).samples for ref in sample.audio}
    assert {path for path in files if path.suffix == ".ogg"} == heard


@pytest.mark.parametrize("task", SPEECH)
def test_what_is_said_is_held_out_from_training(task: str) -> None:
    language = SPEECH[task]
    sentences = {True: set[str](), False: set[str]()}
    for meaning in all_meanings():
        sentences[is_held_out(meaning)].add(_letters(meaning.words(language)))
    said = {_letters(sample.references[0]) for sample in read(task).samples}
    assert said <= sentences[True]
    assert not said & sentences[False]


def test_translations_are_those_of_the_grammar() -> None:
    known = {
        (meaning.written(language), meaning.written("en"))
        for meaning in all_meanings()
        if is_held_out(meaning)
        for language in LANGUAGES
    }
    split = read("covost2")
    assert {(sample.source_text, sample.references[0]) for sample in split.samples} <= known
    assert Counter(sample.language for sample in split.samples) == dict.fromkeys(("de", "zh", "es", "fr", "it"), 6)
    assert "Translate the German speech into English." in split.samples[0].prompt


def test_labels_are_those_that_the_generator_made() -> None:
    vocal = [make_vocal(Part.SAMPLE, index).label for index in range(24)]
    by_number = {int(sample.id[1:5]): sample.references[0] for sample in read("vocalsound").samples}
    assert [by_number[index] for index in range(24)] == vocal
    notes = json.loads((samples_dir() / "nsynth-test" / "examples.json").read_text())
    for note in (make_note(Part.SAMPLE, index) for index in range(33)):
        assert notes[note.name]["qualities_str"] == list(note.qualities)
        assert (notes[note.name]["pitch"], notes[note.name]["velocity"]) == (note.pitch, note.velocity)


def test_captions_and_answers_are_those_that_the_generator_made() -> None:
    captions = [sample.references for sample in read("clotho").samples]
    assert captions == [make_sound(Part.SAMPLE, index).captions() for index in range(24)]
    asked = {(sample.question, sample.references) for sample in read("clothoaqa").samples}
    for index in range(24):
        questions = make_sound(Part.SAMPLE, index).questions(clip_generator("questions", Part.SAMPLE, index))
        assert {(one.text, (one.answer,) * 3) for one in questions} <= asked
    answers = Counter(sample.references[0] for sample in read("clothoaqa").samples)
    assert 8 <= answers["yes"] <= 16 or 8 <= answers["no"] <= 16


def test_the_baseline_runs_on_every_task(otoscope: Command, tmp_path: Path) -> None:
    tasks = ",".join(f"{name}:sample" for name in BUILTIN)
    result = otoscope("eval", "--task", tasks, "--model", "baseline:majority", "--results-dir", tmp_path, "--json")
    assert result.status == 0, result.stderr
    assert [(one["task"], one["split"]) for one in result.json] == [(name, "sample") for name in BUILTIN]
    assert all(one["coverage"]["complete"] and one["n_failed"] == 0 for one in result.json)
    unscored = [one["task"] for one in result.json if one["metrics"][one["primary"]]["value"] is None]
    assert unscored == ["airbench_chat", "chat"]
    assert "SAMPLE: " not in result.stderr  # they were asked for


def test_all_samples_are_asked_for_whatever_corpora_are_here(
    otoscope: Command, librispeech: Path, tmp_path: Path
) -> None:
    command = ("eval", "--model", "baseline:majority", "--results-dir", tmp_path, "--data-dir", librispeech, "--json")
    result = otoscope(*command, "--task", "all:sample", "--limit", "1", "--report")
    judged = ["airbench_chat", "chat"]
    assert [one["task"] for one in result.json] == [name for name in BUILTIN if name not in judged]
    assert all(f"SKIPPED: {name}:sample needs a judge" in result.stderr for name in judged)
    assert (result.status, str(tmp_path / "report" / "leaderboard.html") in result.stderr) == (0, True)
    assert (tmp_path / "report" / "radar.png").is_file()
    assert len(list((tmp_path / "report" / "runs").rglob("index.html"))) == len(BUILTIN) - len(judged)
    other = otoscope(*command, "--task", "all:test-clean")
    assert [one["task"] for one in other.json] == ["librispeech"]
    assert "SKIPPED" not in other.stderr
    mixed = otoscope(*command, "--task", "all:test-clean,meld:sample", "--limit", "1")
    assert [one["task"] for one in mixed.json] == ["librispeech", "meld"]


def test_samples_stand_in_for_a_corpus_that_is_not_here(otoscope: Command, tmp_path: Path) -> None:
    command = ("eval", "--model", "baseline:majority", "--results-dir", tmp_path, "--data-dir", tmp_path / "nowhere")
    result = otoscope(*command, "--task", "aishell1", "--json")
    assert (result.status, [one["split"] for one in result.json]) == (0, ["sample"])
    lines = result.stderr.strip().splitlines()
    for line in (lines[0], lines[-1]):
        assert line.startswith(
            "SAMPLE: no benchmark figures but those of clips that come with Otoscope: aishell1:sample"
        )
        assert "otoscope data fetch aishell1:test" in line
    several = otoscope(*command, "--task", "aishell1,meld").stderr.strip().splitlines()
    assert "aishell1:sample (24 clips), meld:sample (28 clips), since 2 corpora are not here" in several[0]
    assert several[-1] == several[0]


@pytest.mark.parametrize("arguments", [("--task", "aishell1:test"), ("--task", "aishell1", "--require-complete")])
def test_a_split_that_is_named_and_absent_is_an_error(
    otoscope: Command, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    result = otoscope("eval", *arguments, "--model", "baseline:empty", "--data-dir", tmp_path / "d")
    assert result.status == 2
    assert "error: aishell1:test is not here" in result.stderr


def test_a_corpus_that_is_here_is_taken_and_its_samples_when_they_are_named(
    otoscope: Command, librispeech: Path, tmp_path: Path
) -> None:
    command = ("eval", "--model", "baseline:empty", "--results-dir", tmp_path, "--data-dir", librispeech, "--json")
    assert [one["split"] for one in otoscope(*command, "--task", "librispeech").json] == ["test-clean", "test-other"]
    assert [one["split"] for one in otoscope(*command, "--task", "librispeech:sample").json] == ["sample"]


def test_answers_of_an_outside_system_are_not_scored_against_samples_by_surprise(
    otoscope: Command, tmp_path: Path
) -> None:
    answers = tmp_path / "answers.jsonl"
    answers.write_text('{"id": "x", "hypothesis": "y"}\n')
    result = otoscope(
        *("score", "--task", "aishell1", "--predictions", answers, "--model-name", "m", "--data-dir", tmp_path / "d")
    )
    assert (result.status, "aishell1:test is not here" in result.stderr) == (2, True)


def test_samples_are_told_of_and_looked_into(otoscope: Command, tmp_path: Path) -> None:
    assert otoscope("tasks", "meld", "--json").json["splits"][-1] == "sample"
    [row] = otoscope("data", "status", "meld:sample", "--data-dir", tmp_path, "--json").json
    assert (row["state"], row["found"], row["official"]) == ("present", 28, 28)
    unknown = otoscope("eval", "--task", "meld:sampel", "--model", "baseline:empty", "--data-dir", samples_dir())
    assert (unknown.status, "did you mean 'sample'" in unknown.stderr) == (2, True)


def test_a_protocol_asks_samples_in_its_own_prompt(otoscope: Command, tmp_path: Path) -> None:
    command = ("--model", "baseline:empty", "--results-dir", tmp_path, "--protocol", "qwen-audio", "--json")
    [document] = otoscope("eval", "--task", "covost2:sample", *command).json
    record = json.loads((Path(document["run_dir"]) / "run.json").read_text())
    assert "<|startoftranscript|><|it|><|translate|><|en|><|notimestamps|><|itn|>" in record["prompts"]


def test_a_task_of_ones_own_may_have_a_split_of_that_name(otoscope: Command, tmp_path: Path) -> None:
    task = find_task_class("librispeech", tasks_dir=None)
    own = type("Own", (task,), {"splits": ("sample",), "default_splits": ("sample",)})
    assert not own.has_samples()


def _letters(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalpha())
