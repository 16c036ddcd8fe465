"""Questions with options of their own: what is asked, what is read out of an answer, what the scores say."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.errors import ManifestError
from evaluate.task import Task
from evaluate.testing import write_tone
from tasks import find_task_class

Command = Callable[..., Any]
WriteSmall = Callable[[str], Path]


def make(name: str, data: Path, **settings: Any) -> Task:
    task: Task = find_task_class(name, tasks_dir=None)(data, **settings)
    return task


def write_list(data: Path, items: list[dict[str, Any]]) -> Path:
    (data / "MMAU").mkdir(parents=True, exist_ok=True)
    (data / "MMAU" / "mmau-test-mini.json").write_text(json.dumps(items))
    for item in items:
        write_tone(data / "MMAU" / f"{item['id']}.wav")
    return data


def item(name: str, **fields: Any) -> dict[str, Any]:
    common = {"question": "What is it?", "choices": ["dog", "cat"], "answer": "cat", "audio_id": f"{name}.wav"}
    return {"id": name, **common, **fields}


def score(otoscope: Command, data: Path, task: str, answers: dict[str, str], *arguments: object) -> Any:
    path = data / "answers.jsonl"
    path.write_text("".join(json.dumps({"id": one, "hypothesis": text}) + "\n" for one, text in answers.items()))
    return otoscope(
        *("score", "--task", task, "--predictions", path, "--model-name", "m", "--data-dir", data),
        *("--results-dir", data / "results", *arguments),
    )


ANSWERS = {"3fe64f3d": "(A) Man", "72fb5481": "The key is C major.", "a9166dfa": "six"}


def test_letters_and_words_count_and_categories_have_a_table(
    otoscope: Command, write_small: WriteSmall, tmp_path: Path
) -> None:
    data = write_small("mmau")
    document = score(otoscope, data, "mmau:test-mini", ANSWERS, "--json").json
    accuracy = document["metrics"]["accuracy"]
    assert (accuracy["value"], accuracy["n_unparsed"], accuracy["correct"]) == (2 / 3, 1, 2)
    assert {label: one["value"] for label, one in accuracy["by"]["task"].items()} == {
        "sound": 1.0,
        "music": 0.0,
        "speech": 1.0,
    }
    assert "extractor:option|task:mmau@1" in accuracy["signature"]
    assert document["categories"] == ["task", "difficulty", "sub-category"]
    shown = score(otoscope, data, "mmau:test-mini", ANSWERS).stdout
    assert "mmau:test-mini by category" in shown
    assert "difficulty" in shown
    assert "sub-category" not in shown  # only one of the items names it


def test_the_published_rule_is_a_protocol(otoscope: Command, write_small: WriteSmall) -> None:
    data = write_small("mmau")
    said = {"3fe64f3d": "(A) Man", "72fb5481": "It is C major", "a9166dfa": "C"}
    by_words = score(otoscope, data, "mmau:test-mini", said, "--protocol", "mmau", "--json").json
    accuracy = by_words["metrics"]["accuracy"]
    assert (accuracy["correct"], accuracy["n_unparsed"]) == (2, 1)  # to it C is C#, and a letter no answer
    assert "|extractor:words|" in by_words["metrics"]["accuracy"]["signature"]
    assert "|protocol:mmau|" in by_words["metrics"]["accuracy"]["signature"]
    record = json.loads((Path(by_words["run_dir"]) / "run.json").read_text())
    assert record["prompts"][0] == (
        "Who speaks?\nChoose the right answer and repeat it word for word: Man, Woman, Child, Robot"
    )
    assert "clip_policy" not in record  # nothing is cut


def test_an_answer_that_is_not_offered_is_told_of_and_never_right(otoscope: Command, tmp_path: Path) -> None:
    data = write_list(tmp_path, [item("one"), item("two", answer="cow")])
    result = score(otoscope, data, "mmau:test-mini", {"one": "cat", "two": "cow"}, "--json")
    assert (result.json["metrics"]["accuracy"]["value"], result.json["n_unparsed"]) == (0.5, 1)
    assert (
        "NOTE: mmau:test-mini: 1 questions do not offer their own answer, so that none is right: two" in result.stderr
    )


def test_the_published_rule_knows_answers_that_are_not_offered(otoscope: Command, tmp_path: Path) -> None:
    data = write_list(tmp_path, [item("one", answer="cow"), item("two", answer="cow")])
    result = score(otoscope, data, "mmau:test-mini", {"one": "a cow", "two": "dog"}, "--protocol", "mmau", "--json")
    assert result.json["metrics"]["accuracy"]["value"] == 0.5


def test_answers_that_are_kept_back_give_no_score(otoscope: Command, tmp_path: Path) -> None:
    (tmp_path / "MMAU").mkdir()
    items = [item("one", answer=""), item("two", answer="")]
    (tmp_path / "MMAU" / "mmau-test.json").write_text(json.dumps(items))
    for one in items:
        write_tone(tmp_path / "MMAU" / f"{one['id']}.wav")
    result = score(otoscope, tmp_path, "mmau:test", {"one": "cat", "two": "dog"}, "--json")
    accuracy = result.json["metrics"]["accuracy"]
    assert (accuracy["value"], accuracy["ci"], result.status) == (None, None, 0)
    assert accuracy["reason"].startswith("the answers of this split are not public")
    assert (result.json["n_total"], result.json["n_scored"]) == (2, 2)
    assert "mmau:test: accuracy has no value: the answers of this split are not public" in (
        score(otoscope, tmp_path, "mmau:test", {"one": "cat", "two": "dog"}).stdout
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"choices": "dog"}, 'choices are "dog", expected a list of texts'),
        ({"choices": ["dog"]}, "1 choices, expected 2 to 26"),
        ({"choices": ["dog", 3]}, "expected a list of texts"),
        ({"choices": ["dog", " "]}, "expected a list of texts"),
        ({"choices": None}, "0 choices, expected 2 to 26"),
        ({"choices": [str(number) for number in range(27)]}, "27 choices"),
        ({"question": None}, "item 1: expected an object with id, question"),
    ],
)
def test_an_item_without_options_is_an_error_that_names_it(
    tmp_path: Path, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(ManifestError, match=message):
        make("mmau", write_list(tmp_path, [item("one", **fields)])).read_split("test-mini")


def test_a_clip_may_be_named_by_what_no_file_can_have(tmp_path: Path) -> None:
    items = [item("one"), item("two", audio_id="a\x00b.wav"), item("three", audio_id="..")]
    data = write_list(tmp_path, items)
    split = make("mmau", data).read_split("test-mini")
    assert split.coverage.missing_audio == ("two",)


def test_the_copy_of_the_hub_is_read_with_its_labels_taken_off(
    write_small: WriteSmall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pyarrow
    from pyarrow import parquet

    monkeypatch.setenv("OTOSCOPE_DATASETS", str(tmp_path / "cache"))
    data = write_small("mmau")
    expected = make("mmau", data).read_split("test-mini").samples
    items = json.loads((data / "MMAU" / "mmau-test-mini.json").read_text())
    rows = [
        {
            "context": {"bytes": sample.audio[0].path.read_bytes(), "path": None},
            "instruction": one["question"],
            "choices": [f"({letter}) {choice}" for letter, choice in zip("ABCD", one["choices"], strict=False)],
            "answer": f"({'ABCD'[one['choices'].index(one['answer'])]}) {one['answer']}",
            "other_attributes": json.dumps({key: one[key] for key in ("id", "task", "difficulty")}),
        }
        for sample, one in zip(expected, items, strict=True)
    ]
    hub = tmp_path / "hub" / "MMAU-test-mini"
    hub.mkdir(parents=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), hub / "test_mini.parquet")
    read = make("mmau", tmp_path / "hub").read_split("test-mini").samples
    assert [(one.id, one.prompt, one.choices, one.references) for one in read] == [
        (one.id, one.prompt, one.choices, one.references) for one in expected
    ]
    assert read[0].groups == {"task": "sound", "difficulty": "medium"}
    assert [one.audio[0].path.read_bytes() for one in read] == [one.audio[0].path.read_bytes() for one in expected]

    parquet.write_table(pyarrow.table({"a": [1]}), hub / "test_mini.parquet")
    with pytest.raises(ManifestError, match="lacks context, instruction or choices"):
        make("mmau", tmp_path / "hub").read_split("test-mini")
    for attributes, message in (("{", "not valid JSON"), ("[1]", "expected an object")):
        odd = [{**rows[0], "other_attributes": attributes}]
        parquet.write_table(pyarrow.Table.from_pylist(odd), hub / "test_mini.parquet")
        with pytest.raises(ManifestError, match=message):
            make("mmau", tmp_path / "hub").read_split("test-mini")
    (hub / "test_mini.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(ManifestError, match=r"test_mini.parquet: cannot be read .*download it again"):
        make("mmau", tmp_path / "hub").read_split("test-mini")


def test_the_list_of_the_repository_may_be_lines(write_small: WriteSmall) -> None:
    data = write_small("mmar")
    expected = make("mmar", data).read_split("test").samples
    path = data / "MMAR" / "MMAR-meta.json"
    items = json.loads(path.read_text())
    path.with_suffix(".jsonl").write_text("".join(json.dumps(one) + "\n" for one in items))
    path.unlink()
    assert make("mmar", data).read_split("test").samples == expected
    assert expected[0].groups == {
        "modality": "mix-sound-music-speech",
        "category": "Semantic Layer",
        "sub-category": "Content Analysis",
    }


def test_skills_count_alike_and_are_of_three_kinds_of_audio(otoscope: Command, write_small: WriteSmall) -> None:
    data = write_small("airbench_foundation")
    split = make("airbench_foundation", data).read_split("test")
    assert [sample.groups["audio"] for sample in split.samples] == ["speech", "sound"]
    assert [len(sample.choices) for sample in split.samples] == [4, 2]  # an option that is null is not offered
    assert split.coverage.is_complete
    document = score(otoscope, data, "airbench_foundation:test", {"5973": "B", "7": "A"}, "--json").json
    assert document["primary"] == "macro_accuracy"
    assert document["metrics"]["macro_accuracy"]["value"] == 0.5
    assert "|over:task|" in document["metrics"]["macro_accuracy"]["signature"]


def test_what_is_asked_aloud_is_not_told_in_words(write_small: WriteSmall) -> None:
    [first, _] = make("voicebench", write_small("voicebench")).read_split("openbookqa").samples
    assert (first.prompt, first.question, first.choices) == ("", "", ("A", "B", "C", "D"))
    assert first.source_text == "Which is a fruit? A: tin, B: fig."


def test_reasoning_is_answered_by_yes_and_no_or_by_letter(otoscope: Command, write_small: WriteSmall) -> None:
    data = write_small("voicebench")
    samples = make("voicebench", data).read_split("bbh").samples
    assert [(one.choices, one.groups) for one in samples] == [
        (("yes", "no"), {"kind": "navigate"}),
        (("A", "B"), {"kind": "hyperbaton"}),
    ]
    answers = {"navigate_1": "No, you do not return.", "hyperbaton_2": "The right one is option B."}
    document = score(otoscope, data, "voicebench:bbh", answers, "--json").json
    assert document["metrics"]["accuracy"]["value"] == 1.0


@pytest.mark.parametrize(("split", "expected"), [("bbh", r"yes, no, \(a\) or \(b\)"), ("openbookqa", "a letter")])
def test_a_truth_of_another_form_is_an_error(tmp_path: Path, split: str, expected: str) -> None:
    folder = tmp_path / "voicebench" / split
    write_tone(folder / "x.wav")
    (folder / "metadata.jsonl").write_text('{"file_name": "x.wav", "prompt": "?", "reference": "maybe"}\n')
    with pytest.raises(ManifestError, match=f"reference is 'maybe', expected {expected}"):
        make("voicebench", tmp_path).read_split(split)


def test_open_requests_have_no_truth_and_are_refused_or_judged(otoscope: Command, tmp_path: Path) -> None:
    for split in ("advbench", "wildvoice"):
        folder = tmp_path / "voicebench" / split
        write_tone(folder / "x.wav")
        (folder / "metadata.jsonl").write_text('{"file_name": "x.wav", "prompt": "Do it.", "output": "…"}\n')
    task = make("voicebench", tmp_path)
    assert task.present_splits() == ("advbench", "wildvoice")
    assert task.read_split("wildvoice").samples[0].references == ("",)
    assert task.metrics_of("wildvoice") == ("judge",)
    document = score(otoscope, tmp_path, "voicebench:advbench", {"x": "I'm sorry, no."}, "--json").json
    assert (document["primary"], document["metrics"]["refusal_rate"]["value"]) == ("refusal_rate", 1.0)


def test_parts_of_a_subset_are_files_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow
    from pyarrow import parquet

    monkeypatch.setenv("OTOSCOPE_DATASETS", str(tmp_path / "cache"))
    clip = write_tone(tmp_path / "x.wav").read_bytes()

    def write(name: str, prompts: list[str], **more: str) -> None:
        path = tmp_path / "voicebench" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [{"audio": {"bytes": clip, "path": None}, "prompt": prompt, "reference": "B"} for prompt in prompts]
        rows = [{**row, **{key: value.format(n) for key, value in more.items()}} for n, row in enumerate(rows)]
        parquet.write_table(pyarrow.Table.from_pylist(rows), path)

    write("mmsu/law-00000-of-00001.parquet", ["1", "2"])
    write("mmsu/physics-00000-of-00002.parquet", ["3"])
    write("mmsu/physics-00001-of-00002.parquet", ["4"])
    write("sd-qa/usa-00000-of-00001.parquet", ["5"])
    write("sd-qa/aus-00000-of-00001.parquet", ["6"], id="q{}")
    task = make("voicebench", tmp_path)
    assert task.present_splits() == ("mmsu", "sd-qa", "sd-qa-aus")
    samples = task.read_split("mmsu").samples
    assert [(one.id, one.source_text, one.groups) for one in samples] == [
        ("law-00001", "1", {"part": "law"}),
        ("law-00002", "2", {"part": "law"}),
        ("physics-00001", "3", {"part": "physics"}),
        ("physics-00002", "4", {"part": "physics"}),
    ]
    assert all(one.audio[0].path.read_bytes() == clip for one in samples)
    [american], [australian] = (task.read_split(name).samples for name in ("sd-qa", "sd-qa-aus"))
    assert (american.source_text, american.references, american.choices) == ("5", ("B",), ())
    assert (australian.id, australian.source_text) == ("q0", "6")


def test_the_base_model_cannot_be_asked_and_says_why(otoscope: Command, tmp_path: Path) -> None:
    result = otoscope("eval", "--task", "mmau:sample", "--model", "nano", "--results-dir", tmp_path)
    assert result.status == 2
    assert "nano cannot do mmau:sample: the base model knows no prompt for mmau, whose questions have options" in (
        result.stderr
    )
