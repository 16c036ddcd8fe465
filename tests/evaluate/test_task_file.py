import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.errors import CorpusAbsentError, ManifestError, OtoscopeError, RequestError
from evaluate.task_file import load_task_class, task_files
from evaluate.testing import write_tone

Command = Callable[..., Any]
Write = Callable[..., Path]

KITCHEN = """\
name: kitchen-sounds
kind: classification
language: en
manifest: kitchen.jsonl
prompt: "Which kitchen sound is this? {choices}"
choices: [kettle, tap, knife]
metrics: [accuracy, macro_f1]
"""


@pytest.fixture
def kitchen(tmp_path: Path) -> Path:
    (tmp_path / "kitchen.yaml").write_text(KITCHEN)
    rows = [("k-1", "kettle"), ("k-2", "tap"), ("k-3", "kettle")]
    lines = [json.dumps({"id": name, "audio": f"clips/{name}.wav", "references": [label]}) for name, label in rows]
    (tmp_path / "kitchen.jsonl").write_text("\n".join(lines))
    for name, _ in rows:
        write_tone(tmp_path / "clips" / f"{name}.wav")
    return tmp_path / "kitchen.yaml"


def test_a_yaml_task_is_read(kitchen: Path) -> None:
    task = load_task_class(kitchen)(Path())
    split = task.read_split("test")
    assert (task.name, task.metrics[0], task.default_splits) == ("kitchen-sounds", "accuracy", ("test",))
    assert [sample.id for sample in split.samples] == ["k-1", "k-2", "k-3"]
    assert split.samples[0].prompt == "Which kitchen sound is this? kettle, tap, knife"
    assert split.coverage.is_complete
    assert task.extract_answer(split.samples[0], "It's the Tap!") == "tap"
    assert task.extract_answer(split.samples[0], "a spoon") is None


def test_a_yaml_task_is_evaluated_like_any_other(
    kitchen: Path, tmp_path: Path, otoscope: Callable[..., object]
) -> None:
    result = otoscope(
        "eval", "--task", kitchen, "--model", "baseline:majority", "--results-dir", tmp_path / "r", "--json"
    )
    [document] = result.json  # type: ignore[attr-defined]
    assert document["metrics"]["accuracy"]["value"] == pytest.approx(2 / 3)
    assert document["metrics"]["macro_f1"]["value"] == pytest.approx((0.8 + 0 + 0) / 3)  # kettle: 2·2/(2·2+1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("kind: classification", "kind: clasification"), "did you mean 'classification'"),
        (("metrics: [accuracy, macro_f1]", "metrics: [acuracy]"), "did you mean 'accuracy'"),
        (("metrics: [accuracy, macro_f1]", "metrics: accuracy"), "'metrics' is 'accuracy', expected a list"),
        (("choices:", "choises:"), "'choises'; did you mean 'choices'"),
        (("name: kitchen-sounds\n", ""), "field 'name' is missing"),
        (("choices: [kettle, tap, knife]", "choices: [yes, no]"), "holds True, expected text; put it in quotes"),
        (("name:", "name: ["), "not valid YAML"),
        (("language: en", "language: [en]"), "field 'language' is ['en'], expected text".replace("[", r"\[")),
        (("language: en", "normalizer: 2026-13-45"), "not valid YAML"),
        (("language: en", "official_sizes: 5"), "'official_sizes' is 5, expected split: number of samples"),
        (("language: en", "official_sizes: {test: many}"), "'official_sizes' holds 'many', expected split: number"),
        (("language: en", "version: '2'\nversion: '3'"), r"yaml:4: field 'version' stands in line 3 already"),
        (("language: en", "extractor: nearest"), r"yaml:3: field 'extractor': unknown extractor 'nearest'"),
        (("language: en", "aliases: [pot]"), r"yaml:3: field 'aliases' is \['pot'\], expected choice"),
        (("language: en", "aliases: {kettel: [pot]}"), r"yaml:3: field 'aliases': 'kettel'; did you mean 'kettle'"),
        (("language: en", "aliases: {kettle: pot}"), r"yaml:3: field 'aliases' is 'pot', expected a list"),
        (("{choices}", "{choice}"), r"kitchen\.yaml:5: field 'prompt': 'choice'; did you mean 'choices'"),
        (("language: en", "aliases: {kettle: [Tap]}"), r"yaml:3: field 'aliases': 'Tap' of 'kettle' is another choice"),
        (("language: en", "version: [1]"), r"yaml:3: field 'version' is \[1\], expected a number or text"),
        (("language: en", "official_sizes: {test: -1}"), r"yaml:3: field 'official_sizes' holds -1"),
        (("name: kitchen-sounds", "name: off"), r"yaml:1: field 'name' is False, expected text"),
        (("name: kitchen-sounds", "name: a/b"), r"yaml:1: field 'name' is 'a/b', expected letters"),
        (("[kettle, tap, knife]", "[kettle, tap, 3]"), r"kitchen\.yaml:6: field 'choices' holds 3, expected text"),
    ],
)
def test_a_wrong_field_is_an_error_that_names_it(kitchen: Path, change: tuple[str, str], message: str) -> None:
    kitchen.write_text(KITCHEN.replace(*change))
    with pytest.raises(OtoscopeError, match=message):
        load_task_class(kitchen)


def test_samples_that_lack_of_a_list_of_one_s_own_are_not_called_official(kitchen: Path) -> None:
    kitchen.with_name("clips").joinpath("k-2.wav").unlink()
    assert load_task_class(kitchen)(Path()).read_split("test").coverage.describe() == (
        "2 of 3 listed samples are here; audio missing for 1: k-2"
    )
    kitchen.write_text(KITCHEN + "official_sizes: {test: 3}\n")
    assert "2 of 3 official samples" in load_task_class(kitchen)(Path()).read_split("test").coverage.describe()


@pytest.mark.parametrize("model", ["nano", "hearing.py"])  # the one refuses the task, the other is refused
def test_a_field_that_is_nearly_audio_is_told_before_the_sample_without_a_clip(
    kitchen: Path, otoscope: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hearing.py").write_text(
        "from evaluate.model import ModelAdapter\n\n\nclass Hearing(ModelAdapter):\n    name = 'hearing'\n\n"
        "    def generate(self, batch, options): ...\n"
    )
    kitchen.write_text(KITCHEN.replace("classification", "asr").replace("[accuracy, macro_f1]", "[wer]"))
    manifest = kitchen.with_name("kitchen.jsonl")
    manifest.write_text(manifest.read_text().replace("audio", "audio_path"))
    result = otoscope("eval", "--task", kitchen, "--model", model, "--results-dir", tmp_path / "r")
    said = "NOTE: kitchen-sounds:test: kitchen.jsonl: field 'audio_path' is not one that is read; did you mean 'audio'?"
    assert (result.status, result.stderr.count(said)) == (2, 1)
    assert result.stderr.index(said) < result.stderr.index("sample 'k-1' has no ")


def test_a_reference_that_is_no_choice_is_an_error_at_load(kitchen: Path) -> None:
    manifest = kitchen.with_name("kitchen.jsonl")
    manifest.write_text(json.dumps({"id": "k-1", "audio": "clips/k-1.wav", "references": ["spoon"]}))
    with pytest.raises(
        ManifestError, match=r"kitchen\.jsonl:1: sample 'k-1': reference 'spoon' is none of the choices"
    ):
        load_task_class(kitchen)(Path()).read_split("test")


def test_a_file_that_is_one_split_s_own_loses_no_row_to_its_labels(kitchen: Path) -> None:
    manifest = kitchen.with_name("kitchen.jsonl")
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    manifest.write_text("\n".join(json.dumps({**row, "split": "validation"}) for row in rows))
    assert len(load_task_class(kitchen)(Path()).read_split("test").samples) == 3


def test_a_file_that_splits_share_is_divided_by_its_labels(kitchen: Path) -> None:
    kitchen.write_text(KITCHEN.replace("kitchen.jsonl", "{dev: kitchen.jsonl, test: kitchen.jsonl, x: kitchen.jsonl}"))
    manifest = kitchen.with_name("kitchen.jsonl")
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    labels = ("dev", "test", "dev")
    manifest.write_text("\n".join(json.dumps({**r, "split": s}) for r, s in zip(rows, labels, strict=True)))
    task = load_task_class(kitchen)(Path())
    assert [len(task.read_split(name).samples) for name in ("dev", "test")] == [2, 1]
    with pytest.raises(CorpusAbsentError, match="kitchen-sounds:x: the manifest has no line of it"):
        task.read_split("x")


def test_a_row_in_another_language_than_the_task_is_an_error(kitchen: Path) -> None:
    manifest = kitchen.with_name("kitchen.jsonl")
    manifest.write_text(json.dumps({"id": "a", "references": ["tap"], "language": "zh"}))
    with pytest.raises(
        ManifestError,
        match=r"kitchen\.jsonl:1: sample 'a': language is 'zh', but it would be scored by the task's, 'en'",
    ):
        load_task_class(kitchen)(Path()).read_split("test")


@pytest.mark.parametrize(
    ("prompt", "asked"),
    [("", "What is it?"), ("Listen.", "Listen.\nWhat is it?"), ("Q: {question} A:", "Q: What is it? A:")],
)
def test_a_row_s_question_reaches_the_prompt(kitchen: Path, prompt: str, asked: str) -> None:
    kitchen.write_text(KITCHEN.replace('"Which kitchen sound is this? {choices}"', f'"{prompt}"'))
    manifest = kitchen.with_name("kitchen.jsonl")
    manifest.write_text(json.dumps({"id": "a", "references": ["tap"], "question": "What is it?"}))
    assert load_task_class(kitchen)(Path()).read_split("test").samples[0].prompt == asked


def test_a_python_task_may_use_dataclasses(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom evaluate.task import Task\n\n\n"
        "@dataclass\nclass Row:\n    name: str\n\n\nclass Mine(Task):\n    def read_split(self, split): ...\n"
    )
    with pytest.raises(RequestError, match="class Mine lacks name, version, kind, splits, default_splits, metrics"):
        load_task_class(path)


def test_a_python_task_is_its_one_class(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from evaluate.task import Coverage, Split, Task\n"
        "from evaluate.types import Sample\n\n\n"
        "class Mine(Task):\n"
        '    name, version, kind = "mine", "1", "asr"\n'
        '    splits = default_splits = ("test",)\n'
        '    metrics = ("wer",)\n\n'
        "    def read_split(self, split):\n"
        '        return Split(split, (Sample("a", (), "p", ("x",)),), Coverage(1, 1))\n'
    )
    assert load_task_class(path)(Path()).read_split("test").samples[0].id == "a"
    assert list(task_files(tmp_path)) == ["mine"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("x = 1\n", "0 subclasses of Task in it"),
        ("raise ValueError('oh')\n", "importing it failed with ValueError: oh"),
        ("from evaluate.task import Task\nclass Mine(Task):\n    pass\n", "class Mine lacks read_split, which a Task"),
    ],
)
def test_a_python_file_without_a_task_is_an_error(tmp_path: Path, code: str, message: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(code)
    with pytest.raises(RequestError, match=message):
        load_task_class(path)


@pytest.fixture
def mixed(kitchen: Path) -> Path:
    """A folder of tasks, with files in it that are none."""
    kitchen.with_name("model.py").write_text("class Mine:\n    pass\n")
    kitchen.with_name("broken.py").write_text("raise ValueError('oh')\n")
    kitchen.with_name("wrong.yaml").write_text("name: [\n")
    return kitchen.parent


def test_a_folder_s_other_files_do_not_hide_its_tasks(otoscope: Command, mixed: Path, tmp_path: Path) -> None:
    command = ("--task", "kitchen-sounds", "--tasks-dir", mixed, "--model", "baseline:majority", "--json")
    result = otoscope("eval", *command, "--results-dir", tmp_path / "r")
    assert result.status == 0, result.stderr
    assert result.json[0]["task"] == "kitchen-sounds"


def test_a_task_that_is_not_whole_is_no_other_file(otoscope: Command, kitchen: Path) -> None:
    kitchen.with_name("mine.py").write_text("from evaluate.task import Task\nclass Mine(Task):\n    name = 'mine'\n")
    for name in ("mine", "all"):
        result = otoscope("eval", "--task", name, "--tasks-dir", kitchen.parent, "--model", "baseline:majority")
        assert (result.status, "mine.py: class Mine lacks read_split" in result.stderr) == (2, True), result.stderr


def test_where_a_name_is_not_found_files_that_cannot_be_read_are_named(otoscope: Command, mixed: Path) -> None:
    result = otoscope("eval", "--task", "kitchen-sound", "--tasks-dir", mixed)
    assert result.status == 2
    assert "did you mean 'kitchen-sounds'? All names: otoscope tasks; not read: " in result.stderr
    assert "broken.py: importing it failed with ValueError: oh; not read: " in result.stderr
    assert "wrong.yaml: not valid YAML" in result.stderr
    assert "model.py" not in result.stderr  # there is no task in it, and nothing wrong with it


def test_a_list_of_tasks_says_which_files_cannot_be_read(otoscope: Command, mixed: Path) -> None:
    rows = {row["name"]: row for row in otoscope("tasks", "--tasks-dir", mixed, "--json").json}
    assert rows["kitchen-sounds"]["kind"] == "classification"
    assert "failed with ValueError: oh" in rows[str(mixed / "broken.py")]["description"]
    assert str(mixed / "model.py") not in rows
    assert "ValueError: oh" in otoscope("data", "status", "--tasks-dir", mixed, "--json").stdout


def test_missing_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no such file, expected a task"):
        load_task_class(tmp_path / "no.yaml")
    with pytest.raises(RequestError, match="no such folder, expected --tasks-dir"):
        task_files(tmp_path / "no")


def test_the_signature_says_how_answers_are_read_out(otoscope: Command, write_jsonl: Write, tmp_path: Path) -> None:
    write_jsonl("t.jsonl", {"id": "1", "references": ["tap"]})
    answers = write_jsonl("p.jsonl", {"id": "1", "hypothesis": "B"})
    task = tmp_path / "t.yaml"
    for extractor, value in (("letter", 1), ("exact", 0)):
        task.write_text(
            "name: t\nkind: classification\nmanifest: t.jsonl\nmetrics: [accuracy]\nchoices: [kettle, tap]\n"
            f"extractor: {extractor}\n"
        )
        command = ("score", "--task", task, "--predictions", answers, "--model-name", extractor, "--json")
        accuracy = otoscope(*command, "--results-dir", tmp_path / "r").json["metrics"]["accuracy"]
        assert accuracy["value"] == value
        assert f"|extractor:{extractor}|task:t@1|" in accuracy["signature"]
    task.write_text(task.read_text().replace("exact", "exakt"))
    result = otoscope("score", "--task", task, "--predictions", answers, "--model-name", "x")
    assert (result.status, "unknown extractor 'exakt'; did you mean 'exact'" in result.stderr) == (2, True)


def test_other_names_of_a_choice_are_read_as_it(kitchen: Path) -> None:
    kitchen.write_text(KITCHEN + "aliases: {kettle: [water boiler]}\n")
    task = load_task_class(kitchen)(Path())
    sample = task.read_split("test").samples[0]
    assert task.extract_answer(sample, "This is a water boiler.") == "kettle"
    assert task.extract_answer(sample, "a water boiler or a tap") is None


@pytest.mark.parametrize("name", ["all", "new", "librispeech"])
def test_a_name_that_means_something_else_is_refused(otoscope: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / "t.yaml").write_text(f"name: {name}\nkind: asr\nmanifest: m.jsonl\nmetrics: [wer]\n")
    result = otoscope("tasks", tmp_path / "t.yaml")
    assert result.status == 2
    assert "choose another" in result.stderr or "is taken by" in result.stderr
