"""Which lines of a manifest or rows of a dataset are of a split: none is lost without a word, or taken for another."""

import json
from pathlib import Path
from typing import Any

import pytest

from evaluate.errors import CorpusAbsentError, ManifestError
from evaluate.task import Split
from evaluate.testing import write_tone
from tasks import find_task_class


def read(folder: Path, task: str, split: str, *lines: dict[str, Any]) -> Split:
    for line in lines:
        write_tone(folder / str(line["audio"]), duration_s=0.1)
    manifest = folder / "list.jsonl"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return find_task_class(task, tasks_dir=None)(folder, manifest).read_split(split)


def listed(source: str, audio: str = "", gt: str = "x") -> dict[str, Any]:
    return {"audio": audio or f"{source}.wav", "gt": gt, "source": source}


def own(split: str, reference: str = "x") -> dict[str, Any]:
    return {"id": f"of-{split}", "audio": f"{split}.wav", "references": [reference], "split": split}


SOURCES = [
    ("librispeech", "test-clean", ["librispeech_test_clean"], ["librispeech_test_other", "librispeech_dev_clean"]),
    ("covost2", "en-zh", ["covost_en_zh_test", "covost2_en_zh"], ["covost_en_zh_dev", "covost_en_de_test"]),
    ("covost2", "en-zh-dev", ["covost_en_zh_dev"], ["covost_en_zh_test"]),
    ("aishell2", "ios", ["aishell2_ios_test", "ios"], ["aishell2_ios_dev", "aishell2_mic_test"]),
    ("fleurs", "zh", ["fleurs_zh_test", "fleurs_zh"], ["fleurs_zh_dev"]),
    ("common_voice", "en", ["cv15_en_test", "cv15_en"], ["cv15_fr_test", "cv15_en_train"]),
    ("clothoaqa", "val", ["clothoaqa_val"], ["clothoaqa_test"]),
]


@pytest.mark.parametrize(("task", "split", "of_it", "of_others"), SOURCES)
def test_a_source_holds_the_name_of_its_split_and_of_no_other_part(
    tmp_path: Path, task: str, split: str, of_it: list[str], of_others: list[str]
) -> None:
    found = read(tmp_path, task, split, *(listed(source, gt="x") for source in (*of_it, *of_others)))
    assert [sample.audio[0].path.stem for sample in found.samples] == of_it


def test_a_line_s_own_split_is_that_and_nothing_like_it(tmp_path: Path) -> None:
    lines = [own("ios"), own("ios-dev"), own("IOS_")]
    assert [one.id for one in read(tmp_path, "aishell2", "ios", *lines).samples] == ["of-ios", "of-IOS_"]
    with pytest.raises(CorpusAbsentError, match="fleurs:zh: the manifest has no line of it"):
        read(tmp_path, "fleurs", "zh", own("de"))
    emotions = read(tmp_path, "meld", "test", own("test", "joy"), own("test-sentiment", "neutral"))
    assert [one.id for one in emotions.samples] == ["of-test"]


def test_lines_of_no_known_split_are_counted_and_named(tmp_path: Path) -> None:
    split = read(tmp_path, "common_voice", "en", listed("cv15_en_test"), listed("cv15en"), listed("english"))
    assert len(split.samples) == 1
    assert split.coverage.unassigned == ("cv15en", "english")
    assert "of no known split 2: cv15en, english" in split.coverage.describe()


def test_a_source_that_names_no_part_at_all_is_of_the_one_split_that_papers_report(tmp_path: Path) -> None:
    split = read(tmp_path, "vocalsound", "test", listed("vocalsound", "a.wav", "cough"))
    assert ([one.id for one in split.samples], split.coverage.unassigned) == (["a"], ())


def test_an_id_may_stand_in_several_splits_but_once_in_each(tmp_path: Path) -> None:
    both = [listed("covost_en_de_test", "c.wav", "ja"), listed("covost_en_zh_test", "c.wav", "是")]
    assert read(tmp_path, "covost2", "en-zh", *both).samples[0].references == ("是",)
    with pytest.raises(ManifestError, match=r"list\.jsonl:3: id 'c' stands already in .*list\.jsonl:2"):
        read(tmp_path, "covost2", "en-zh", *both, both[1])


def test_a_list_that_lies_in_two_places_is_read_once(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav")
    for folder in (tmp_path, tmp_path / "aqa"):
        folder.mkdir(exist_ok=True)
        line = {"audio": "a.wav", "gt": "yes", "question": "Is it?", "source": "clothoaqa_test"}
        (folder / "clothoaqa_eval.jsonl").write_text(json.dumps(line) + "\n")
    task = find_task_class("clothoaqa", tasks_dir=None)(tmp_path)
    assert task.read_split("test").samples[0].references == ("yes",)


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a task that reads a dataset of parts, name to rows."""
    from datasets import Dataset, DatasetDict

    from evaluate.hf_datasets import parse_dataset_spec

    monkeypatch.setenv("OTOSCOPE_DATASETS", str(tmp_path / "cache"))
    audio = str(write_tone(tmp_path / "a.wav"))

    def make(task: str, parts: dict[str, list[dict[str, Any]]], **arguments: str) -> Any:
        made = {name: Dataset.from_list([{"audio": audio, **row} for row in rows]) for name, rows in parts.items()}
        DatasetDict(made).save_to_disk(str(tmp_path / "copy"))
        spec = parse_dataset_spec(str(tmp_path / "copy"), arguments, limit=1)
        return find_task_class(task, tasks_dir=None)(tmp_path / "none", dataset=spec)

    return make


def test_rows_of_a_dataset_that_name_another_split_are_left_out(dataset: Any) -> None:
    sources = ("librispeech_test_clean", "librispeech_test_other")
    rows = [{"id": source, "text": "X", "source": source} for source in sources]
    task = dataset("librispeech", {"test": rows})
    assert [one.id for one in task.read_split("test-clean").samples] == ["librispeech_test_clean"]


def test_a_dataset_that_does_not_say_its_split_is_taken_with_a_word(dataset: Any) -> None:
    task = dataset("common_voice", {"train": [{"id": "x", "text": "X"}]})
    assert len(task.read_split("en").samples) == 1
    assert task.remarks("en") == ["the dataset does not say that its rows are of this split; they are taken for it"]
    named = dataset("common_voice", {"train": [{"id": "x", "text": "X"}]}, split="train")
    assert named.remarks("en") == []


def test_any_part_of_any_direction_is_found_in_a_dataset(dataset: Any) -> None:
    parts = {name: [{"id": name, "translation": name}] for name in ("validation", "test")}
    task = dataset("covost2", parts)
    assert task.read_split("ja-en-dev").samples[0].references == ("validation",)
    assert task.read_split("ja-en").samples[0].references == ("test",)


def test_answers_of_all_annotators_are_read_before_samples_are_counted(dataset: Any) -> None:
    rows = [{"question": "Is it?", "answer": answer} for answer in ("yes", "yes", "no")]
    [sample] = dataset("clothoaqa", {"test": rows}, streaming="true").read_split("test").samples
    assert sample.references == ("yes", "yes", "no")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": True}, "reference .* is True, expected text, a number or a list"),
        ({"text": float("nan")}, "reference .* is nan, expected text"),
        (
            {"text": "x", "audio": "file:///etc/hostname"},
            "audio is at 'file:///etc/hostname', expected a file of the dataset",
        ),
        ({"text": "x", "audio": "http://example.org/a.wav"}, "expected a file of the dataset; download it"),
    ],
)
def test_odd_cells_of_a_dataset_are_errors(dataset: Any, row: dict[str, Any], message: str) -> None:
    task = dataset("librispeech", {"test": [{"id": "x", **row}]})
    with pytest.raises(ManifestError, match=message):
        task.read_split("test-clean")


def test_a_dataset_without_rows_is_absent(dataset: Any) -> None:
    task = dataset("librispeech", {"test": [{"id": "x", "text": "x"}]})
    from datasets import load_from_disk

    where = Path(task.dataset.where)
    load_from_disk(str(where))["test"].select([]).save_to_disk(str(where.parent / "none"))
    empty = find_task_class("librispeech", tasks_dir=None)(
        where, dataset=type(task.dataset)(str(where.parent / "none"))
    )
    with pytest.raises(CorpusAbsentError, match="holds no rows"):
        empty.read_split("test-clean")
