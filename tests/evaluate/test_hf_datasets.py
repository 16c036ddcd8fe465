"""Datasets in Hugging Face's form, made here of tones; the hub itself is never asked."""

import gc
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.errors import CorpusAbsentError, MachineError, ManifestError, RequestError
from evaluate.hf_datasets import DatasetSpec, parse_dataset_spec, read_dataset
from evaluate.manifest import Row
from evaluate.testing import write_tone

IDS = ["11-22-0000", "11-22-0001"]
TEXTS = ["ONE TONE", "ANOTHER TONE"]
Make = Callable[..., Path]
# Up to 5.0 at least the library leaves it to be collected.
LEAVES_CSV_OPEN = pytest.mark.filterwarnings(
    "ignore:.*unclosed file:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)


@pytest.fixture(autouse=True)
def _own_library_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "library")
    datasets.disable_progress_bars()


@pytest.fixture
def tones(tmp_path: Path) -> list[Path]:
    return [
        write_tone(tmp_path / "tones" / f"{name}.flac", duration_s=0.1, frequency_hz=440 + i)
        for i, name in enumerate(IDS)
    ]


def embedded(path: Path) -> dict[str, Any]:
    return {"bytes": path.read_bytes(), "path": path.name}


def dataset(columns: dict[str, list[Any]], audio: str = "audio", **features: Any) -> Any:
    """A dataset whose audio column is declared as audio, without torchcodec."""
    import datasets

    made = datasets.Dataset.from_dict(columns)
    features = {**({audio: datasets.Audio(decode=False)} if audio else {}), **features}
    return made.cast(datasets.Features({**made.features, **features}))


def parquet(folder: Path, columns: dict[str, list[Any]], *, split: str = "test", **keywords: Any) -> Path:
    (folder / "data").mkdir(parents=True, exist_ok=True)
    dataset(columns, **keywords).to_parquet(str(folder / "data" / f"{split}-00000-of-00001.parquet"))
    return folder


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., list[Row]]:
    def _read(where: Path | str, *, wanted: str = "test", references: tuple[str, ...] = (), **spec: Any) -> list[Row]:
        return read_dataset(
            DatasetSpec(str(where), **spec),
            wanted_split=wanted,
            reference_columns=references,
            cache_dir=tmp_path / "cache",
        )

    return _read


Read = Callable[..., list[Row]]


# Where the rows come from: every common shape gives the same ids, texts and bytes.


def _parquet(folder: Path, tones: list[Path]) -> None:
    parquet(folder, {"audio": [embedded(tone) for tone in tones], "text": TEXTS})


def _arrow(folder: Path, tones: list[Path]) -> None:
    write_arrow(folder, {"audio": [embedded(tone) for tone in tones], "text": TEXTS})


def write_arrow(folder: Path, columns: dict[str, list[Any]]) -> None:
    import datasets

    made = dataset(columns)
    folder.mkdir()
    with datasets.arrow_writer.ArrowWriter(path=str(folder / "test.arrow"), features=made.features) as writer:
        writer.write_table(made.data.table)
        writer.finalize()


def _saved(folder: Path, tones: list[Path]) -> None:
    dataset({"audio": [embedded(tone) for tone in tones], "text": TEXTS}).save_to_disk(str(folder))


def _saved_with_splits(folder: Path, tones: list[Path]) -> None:
    import datasets

    made = dataset({"audio": [embedded(tone) for tone in tones], "text": TEXTS})
    datasets.DatasetDict({"train": made.select([0]), "test": made}).save_to_disk(str(folder))


def _jsonl(folder: Path, tones: list[Path]) -> None:
    _copy(folder / "clips", tones)
    lines = [{"audio": f"clips/{tone.name}", "text": text} for tone, text in zip(tones, TEXTS, strict=True)]
    (folder / "test.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def _csv(folder: Path, tones: list[Path]) -> None:
    _copy(folder / "clips", tones)
    lines = [f"clips/{tone.name},{text}\n" for tone, text in zip(tones, TEXTS, strict=True)]
    (folder / "test.csv").write_text("path,text\n" + "".join(lines))


def _audiofolder_csv(folder: Path, tones: list[Path]) -> None:
    _copy(folder / "clips", tones)
    lines = [f"clips/{tone.name},{text}\n" for tone, text in zip(tones, TEXTS, strict=True)]
    (folder / "metadata.csv").write_text("file_name,text\n" + "".join(lines))


def _audiofolder_jsonl(folder: Path, tones: list[Path]) -> None:
    _copy(folder, tones)
    lines = [{"file_name": tone.name, "text": text} for tone, text in zip(tones, TEXTS, strict=True)]
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def _webdataset(folder: Path, tones: list[Path]) -> None:
    folder.mkdir()
    with tarfile.open(folder / "test.tar", "w") as archive:
        for tone, text in zip(tones, TEXTS, strict=True):
            archive.add(tone, f"part/{tone.name}")
            member = tarfile.TarInfo(f"part/{tone.stem}.text")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))


def _copy(folder: Path, tones: list[Path]) -> None:
    folder.mkdir(parents=True)
    for tone in tones:
        (folder / tone.name).write_bytes(tone.read_bytes())


SHAPES = [
    *(_parquet, _arrow, _saved, _saved_with_splits),
    *(_jsonl, _csv, _audiofolder_csv, _audiofolder_jsonl),
]


# The library leaves `metadata.csv` open.
LEAVES_OPEN = pytest.mark.filterwarnings("ignore::ResourceWarning")


@LEAVES_OPEN
@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_of_a_local_copy_gives_the_same_rows(
    read: Read, tones: list[Path], tmp_path: Path, shape: Callable[..., None], streaming: bool
) -> None:
    shape(tmp_path / "copy", tones)
    rows = read(tmp_path / "copy", streaming=streaming)
    assert [row.id for row in rows] == IDS
    assert [row.references for row in rows] == [(text,) for text in TEXTS]
    assert [row.audio[0].path.read_bytes() for row in rows] == [tone.read_bytes() for tone in tones]
    assert [row.audio[0].path.name for row in rows] == [tone.name for tone in tones]
    if shape is _audiofolder_csv:
        gc.collect()


def test_a_folder_of_tars_is_read(read: Read, tones: list[Path], tmp_path: Path) -> None:
    _webdataset(tmp_path / "copy", tones)
    rows = read(tmp_path / "copy", columns={"references": "text"})
    assert [row.id for row in rows] == IDS
    assert rows[0].audio[0].path.read_bytes() == tones[0].read_bytes()


def test_ids_and_texts_equal_those_of_the_own_layout(read: Read, librispeech: Path, tmp_path: Path) -> None:
    from tasks.librispeech import LibriSpeech

    samples = LibriSpeech(librispeech).read_split("test-clean").samples
    columns = {
        "audio": [embedded(sample.audio[0].path) for sample in samples],
        "text": [sample.references[0] for sample in samples],
    }
    rows = read(parquet(tmp_path / "copy", columns, split="test.clean"), wanted="test-clean")
    assert [(row.id, row.references) for row in rows] == [(sample.id, sample.references) for sample in samples]
    assert {row.split for row in rows} == {"test-clean"}


def test_a_hub_dataset_is_prepared_by_the_library_unless_it_is_streamed(
    read: Read, tones: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    folder = parquet(tmp_path / "copy", {"audio": [embedded(tone) for tone in tones], "text": TEXTS})
    builder = datasets.load_dataset_builder(str(folder), cache_dir=str(tmp_path / "library"))
    asked: list[Any] = []

    def load(where: str, config: str | None, **options: Any) -> Any:
        asked.append((where, config, options))
        return builder

    monkeypatch.setattr(datasets, "load_dataset_builder", load)
    streamed = read("owner/name", config="clean", revision="v1", streaming=True)
    assert not list((tmp_path / "library").rglob("*.arrow"))
    prepared = read("owner/name", config="clean", revision="v1")
    assert list((tmp_path / "library").rglob("*.arrow"))
    assert [row.id for row in streamed] == [row.id for row in prepared] == IDS
    assert {(where, config, options["revision"]) for where, config, options in asked} == {("owner/name", "clean", "v1")}


# Audio.


def test_files_that_are_there_are_pointed_at(read: Read, tones: list[Path], tmp_path: Path) -> None:
    _jsonl(tmp_path / "copy", tones)
    rows = read(tmp_path / "copy")
    assert [row.audio[0].path for row in rows] == [tmp_path / "copy" / "clips" / tone.name for tone in tones]
    assert not (tmp_path / "cache").exists()


def test_paths_inside_a_dataset_are_pointed_at(read: Read, tones: list[Path], tmp_path: Path) -> None:
    write_arrow(tmp_path / "copy", {"audio": [{"bytes": None, "path": str(tone)} for tone in tones], "text": TEXTS})
    assert [row.audio[0].path for row in read(tmp_path / "copy")] == tones


def test_a_file_that_is_not_there_is_left_for_the_task_to_count(read: Read, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "test.jsonl").write_text('{"audio": "gone.wav", "text": "x"}\n')
    assert [row.has_audio for row in read(tmp_path / "copy")] == [False]


def test_a_second_call_writes_nothing(read: Read, tones: list[Path], tmp_path: Path) -> None:
    arrays = {"array": [0.0, 0.5, -0.5], "sampling_rate": 16_000}
    folder = parquet(tmp_path / "copy", {"id": IDS, "audio": [embedded(tone) for tone in tones], "text": TEXTS})
    (tmp_path / "arrays").mkdir()
    (tmp_path / "arrays" / "test.jsonl").write_text(json.dumps({"id": "a", "audio": arrays, "text": "x"}) + "\n")

    def written() -> dict[str, int]:
        read(folder), read(tmp_path / "arrays")
        return {str(path): path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*") if path.is_file()}

    first = written()
    assert len(first) == 3
    assert written() == first


def test_rows_with_one_id_and_different_audio_keep_each_their_own(
    read: Read, tones: list[Path], tmp_path: Path
) -> None:
    folder = parquet(tmp_path / "copy", {"id": ["x", "x"], "audio": [embedded(tone) for tone in tones], "text": TEXTS})
    rows = read(folder)
    assert [row.id for row in rows] == ["x", "x"]
    assert [row.audio[0].path.read_bytes() for row in rows] == [tone.read_bytes() for tone in tones]
    assert rows == read(folder)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3", ".aiff"])
def test_suffixes_follow_from_what_the_bytes_are(read: Read, tmp_path: Path, suffix: str) -> None:
    from evaluate.audio import load_waveform

    tone = write_tone(tmp_path / f"tone{suffix}")
    audio = {"bytes": tone.read_bytes(), "path": "x.bin"}
    rows = read(parquet(tmp_path / "copy", {"id": ["../x y"], "audio": [audio], "text": ["t"]}))
    path = rows[0].audio[0].path
    assert path.name == f"x_y{suffix}"
    assert path.parent.parent == tmp_path / "cache"
    assert len(load_waveform(rows[0].audio[0], sample_rate_hz=16_000)) > 4_000


def test_a_waveform_is_written_without_changing_a_value(read: Read, tmp_path: Path) -> None:
    import numpy as np

    from evaluate.audio import load_waveform

    waveform = [0.1, -1.5, 1e-6, 0.25] * 100
    columns = {"id": ["x"], "audio": [{"array": waveform, "sampling_rate": 8_000}], "text": ["t"]}
    rows = read(parquet(tmp_path / "copy", columns, audio=""))
    assert load_waveform(rows[0].audio[0], sample_rate_hz=8_000).tolist() == np.float32(waveform).tolist()


def test_a_list_of_audio_is_several(read: Read, tones: list[Path], tmp_path: Path) -> None:
    import datasets

    columns = {"id": ["x"], "clips": [[embedded(tone) for tone in tones]], "text": ["t"]}
    features = {"clips": datasets.List(datasets.Audio(decode=False))}
    rows = read(parquet(tmp_path / "copy", columns, audio="", **features))
    assert [ref.path.read_bytes() for ref in rows[0].audio] == [tone.read_bytes() for tone in tones]


def test_bare_bytes_are_audio_where_the_column_is_named(read: Read, tones: list[Path], tmp_path: Path) -> None:
    columns = {"id": IDS, "blob": [tone.read_bytes() for tone in tones], "text": TEXTS}
    rows = read(parquet(tmp_path / "copy", columns, audio=""), columns={"audio": "blob"})
    assert rows[1].audio[0].path.read_bytes() == tones[1].read_bytes()


def test_audio_at_an_address_is_fetched(read: Read, tones: list[Path], tmp_path: Path) -> None:
    import zipfile

    (tmp_path / "copy").mkdir()
    with zipfile.ZipFile(tmp_path / "audio.zip", "w") as archive:
        archive.write(tones[0], f"in/{tones[0].name}")
    line = {"audio": f"zip://in/{tones[0].name}::{tmp_path / 'audio.zip'}", "text": "x"}
    (tmp_path / "copy" / "test.jsonl").write_text(json.dumps(line) + "\n")
    rows = read(tmp_path / "copy")
    assert rows[0].id == IDS[0]
    assert rows[0].audio[0].path.read_bytes() == tones[0].read_bytes()


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (None, "audio is None, expected a path, bytes, or array"),
        ([], "audio is None, expected a path, bytes, or array"),
        ({"array": [1, 2], "sampling_rate": 8_000}, r"audio is an array of shape \(2,\) and int64 at 8000 Hz"),
    ],
)
def test_audio_that_is_none_is_named(read: Read, tmp_path: Path, audio: Any, message: str) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "test.jsonl").write_text(json.dumps({"id": "x", "audio": audio, "text": "t"}) + "\n")
    with pytest.raises(ManifestError, match=rf"copy:test:1: sample 'x': {message}"):
        read(tmp_path / "copy")


# Ids.


@pytest.fixture
def lines(tmp_path: Path) -> Make:
    """A folder with one JSONL file, `test.jsonl`, of the records."""

    def make(*records: dict[str, Any]) -> Path:
        (tmp_path / "copy").mkdir(exist_ok=True)
        text = "".join(json.dumps({"text": "t", **record}) + "\n" for record in records)
        (tmp_path / "copy" / "test.jsonl").write_text(text)
        return tmp_path / "copy"

    return make


@pytest.mark.parametrize("column", ["id", "ID", "uniq_id", "utterance_id", "segment_id", "key"])
def test_a_column_of_ids_is_taken(read: Read, lines: Make, column: str) -> None:
    assert read(lines({column: "u-1", "audio": "a/x.wav"}))[0].id == "u-1"


@pytest.mark.parametrize("number", [17, "17"])
def test_a_bare_number_gives_way_to_the_name_of_the_audio(read: Read, lines: Make, number: Any) -> None:
    assert read(lines({"id": number, "audio": "a/1089-134686-0000.wav"}))[0].id == "1089-134686-0000"


def test_a_bare_number_is_the_id_where_it_was_named_or_the_audio_has_no_name(read: Read, lines: Make) -> None:
    assert read(lines({"id": 17, "audio": "a/x.wav"}), columns={"id": "id"})[0].id == "17"
    assert read(lines({"id": 18, "audio": {"array": [0.5], "sampling_rate": 8_000}}))[0].id == "18"


def test_a_column_with_the_file_names_the_audio_that_has_no_name(read: Read, lines: Make) -> None:
    audio = {"array": [0.5], "sampling_rate": 8_000}
    assert read(lines({"audio": audio, "file": "/old/place/84-121123-0000.flac"}))[0].id == "84-121123-0000"


def test_without_any_id_the_columns_are_listed(read: Read, lines: Make) -> None:
    with pytest.raises(
        ManifestError, match="no column of the id .* columns: text, audio, n; .*--dataset-arg id=COLUMN"
    ):
        read(lines({"audio": {"array": [0.5], "sampling_rate": 8_000}, "n": 1}))


def test_an_id_that_is_null_is_named(read: Read, lines: Make) -> None:
    with pytest.raises(ManifestError, match=r"copy:test:2: id \('id'\) is None, expected a name"):
        read(lines({"id": "a", "audio": "x.wav"}, {"id": None, "audio": "y.wav"}))


# References and other roles.


@pytest.mark.parametrize(
    ("record", "preferred", "references"),
    [
        ({"Emotion": "joy"}, ("Emotion",), ("joy",)),  # before the usual `text`
        ({"references": ["a", "b"]}, (), ("a", "b")),
        ({"caption_10": "j", "caption_2": "b"}, ("caption",), ("b", "j")),
        ({"pitch": 60}, ("pitch",), ("60",)),
        ({"gt": "g"}, ("missing", "gt"), ("g",)),
        ({}, ("missing",), ("t",)),
    ],
)
def test_references_are_what_the_task_names_or_the_usual_column(
    read: Read, lines: Make, record: dict[str, Any], preferred: tuple[str, ...], references: tuple[str, ...]
) -> None:
    assert read(lines({"audio": "x.wav", **record}), references=preferred)[0].references == references


def test_a_column_of_references_that_was_told_comes_first(read: Read, lines: Make) -> None:
    rows = read(lines({"audio": "x.wav", "a": "A", "gt": "G"}), references=("gt",), columns={"references": "a"})
    assert rows[0].references == ("A",)


@pytest.mark.parametrize("streaming", [False, True])
def test_numbers_of_class_labels_become_their_names(
    read: Read, tones: list[Path], tmp_path: Path, streaming: bool
) -> None:
    import datasets

    label = datasets.ClassLabel(names=["bus", "park"])
    columns = {"audio": [embedded(tone) for tone in tones], "label": [1, 0], "tags": [[0, 1], []]}
    folder = parquet(tmp_path / "copy", columns, label=label, tags=datasets.List(label))
    rows = read(folder, streaming=streaming)
    assert [row.references for row in rows] == [("park",), ("bus",)]
    assert [row.fields["tags"] for row in rows] == [["bus", "park"], []]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "reference .'text'. is null, expected text"),
        ({"en": "x"}, "reference .'text'. is {'en': 'x'}"),
        ([], "the list of references is empty"),
    ],
)
def test_a_row_without_a_reference_is_named(read: Read, lines: Make, value: Any, message: str) -> None:
    with pytest.raises(ManifestError, match=f"copy:test:1: sample 'x': {message}"):
        read(lines({"audio": "x.wav", "text": value}))


def test_without_any_column_of_references_the_columns_are_listed(read: Read, tones: list[Path], tmp_path: Path) -> None:
    folder = parquet(tmp_path / "copy", {"audio": [embedded(tone) for tone in tones], "said": TEXTS})
    with pytest.raises(ManifestError, match="no column of the references .* columns: audio, said; "):
        read(folder)


@LEAVES_CSV_OPEN
def test_cells_of_csv_files_stay_text(read: Read, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "test.csv").write_text("id,audio,text,n\na,a.wav,007,1\nb,b.wav,NA,2\nc,c.wav,,3\n")
    rows = read(tmp_path / "copy")
    assert [row.references for row in rows] == [("007",), ("NA",), ("",)]
    assert rows[0].fields == {"id": "a", "text": "007", "n": "1"}


@LEAVES_OPEN
def test_cells_of_the_metadata_of_an_audiofolder_stay_text(read: Read, tones: list[Path], tmp_path: Path) -> None:
    _copy(tmp_path / "copy", tones)
    (tmp_path / "copy" / "metadata.csv").write_text(f"file_name,text\n{tones[0].name},007\n{tones[1].name},08\n")
    assert [row.references for row in read(tmp_path / "copy")] == [("007",), ("08",)]
    gc.collect()


def test_question_language_and_source_text_are_found(read: Read, lines: Make) -> None:
    record = {"audio": "x.wav", "QuestionText": "Who?", "locale": "zh-CN", "sentence": "你好", "translation": "Hello"}
    row = read(lines(record), references=("translation",))[0]
    assert (row.question, row.language, row.source_text, row.references) == ("Who?", "zh", "你好", ("Hello",))


def test_a_language_that_is_no_tag_is_left_to_the_fields(read: Read, lines: Make) -> None:
    record = {"audio": "x.wav", "language": "Mandarin Chinese"}
    row = read(lines(record))[0]
    assert (row.language, row.fields["language"]) == ("", "Mandarin Chinese")
    with pytest.raises(ManifestError, match=r"language \('language'\) is 'Mandarin Chinese', expected a tag like zh"):
        read(lines(record), columns={"language": "language"})


def test_other_columns_are_in_the_fields_without_bytes(read: Read, tones: list[Path], tmp_path: Path) -> None:
    columns = {"audio": [embedded(tone) for tone in tones], "text": TEXTS, "pitch": [60, 61], "raw": [b"x", b"y"]}
    rows = read(parquet(tmp_path / "copy", columns))
    assert rows[1].fields == {"text": TEXTS[1], "pitch": 61}


def test_a_column_that_was_told_must_be_there(read: Read, lines: Make) -> None:
    with pytest.raises(RequestError, match="unknown references column of .*'txt'; did you mean 'text'.*Columns: "):
        read(lines({"audio": "x.wav"}), columns={"references": "txt"})


def test_one_of_several_columns_of_audio_must_be_told(read: Read, tones: list[Path], tmp_path: Path) -> None:
    import datasets

    columns = {"one": [embedded(tones[0])], "two": [embedded(tones[1])], "text": ["t"]}
    folder = parquet(tmp_path / "copy", columns, audio="one", two=datasets.Audio(decode=False))
    with pytest.raises(ManifestError, match="several hold audio: one, two.*--dataset-arg audio=COLUMN"):
        read(folder)
    assert read(folder, columns={"audio": "two"})[0].id == IDS[1]


# Splits.


@pytest.fixture
def splits(tmp_path: Path) -> Make:
    """A folder with a split of one row for each name."""

    def make(*names: str, **record: Any) -> Path:
        (tmp_path / "copy").mkdir()
        configs = [{"split": name, "path": f"{number}.jsonl"} for number, name in enumerate(names)]
        for number, name in enumerate(names):
            line = {"audio": f"{name}.wav", "text": "t", **record}
            (tmp_path / "copy" / f"{number}.jsonl").write_text(json.dumps(line) + "\n")
        card = json.dumps({"configs": [{"config_name": "default", "data_files": configs}]})  # JSON is YAML
        (tmp_path / "copy" / "README.md").write_text(f"---\n{card}\n---\n")
        return tmp_path / "copy"

    return make


@pytest.mark.parametrize("name", ["test.clean", "test_clean", "testClean"])
def test_a_split_is_found_by_letters_and_digits(read: Read, splits: Make, name: str) -> None:
    rows = read(splits("train", name, "test.other"), wanted="test-clean")
    assert [(row.id, row.split) for row in rows] == [(Path(f"{name}.wav").stem, "test-clean")]


def test_the_only_split_is_taken_without_saying_which_it_is(read: Read, splits: Make) -> None:
    assert [row.split for row in read(splits("train"), wanted="test-clean")] == [""]


def test_a_split_that_was_named_is_taken(read: Read, splits: Make) -> None:
    rows = read(splits("validation", "test"), wanted="test-clean", split="validation")
    assert [(row.id, row.split) for row in rows] == [("validation", "")]


def test_splits_are_listed_where_none_fits(read: Read, splits: Make) -> None:
    folder = splits("validation", "test")
    with pytest.raises(RequestError, match="which split is 'test-clean' cannot be told, there are: validation, test; "):
        read(folder, wanted="test-clean")
    with pytest.raises(RequestError, match="unknown split of .*'tset'; did you mean 'test'.*Splits: validation, test"):
        read(folder, split="tset")


@pytest.mark.parametrize(
    ("source", "said"),
    [("librispeech_test_clean", ("", "librispeech_test_clean")), ("audiobook", ("test", "")), ("latest", ("test", ""))],
)
def test_a_column_that_names_a_split_counts_before_the_split_itself(
    read: Read, splits: Make, source: str, said: tuple[str, str]
) -> None:
    [row] = read(splits("test", source=source))
    assert (row.split, row.source) == said


def test_a_configuration_that_is_needed_or_unknown_is_answered_with_those_there_are(read: Read, lines: Make) -> None:
    folder = lines({"audio": "x.wav"})
    configs = [{"config_name": name, "data_files": "test.jsonl"} for name in ("clean", "other")]
    (folder / "README.md").write_text(f"---\n{json.dumps({'configs': configs})}\n---\n")
    with pytest.raises(
        RequestError, match=r"Config name is missing.*\['clean', 'other'\]; .*--dataset-arg config=NAME"
    ):
        read(folder)
    with pytest.raises(RequestError, match=r"'dirty' not found.*\['clean', 'other'\]; .*--dataset-arg config=NAME"):
        read(folder, config="dirty")
    assert len(read(folder, config="other")) == 1


@pytest.mark.parametrize("streaming", [False, True])
def test_no_more_rows_than_asked_for_are_fetched(
    read: Read, tones: list[Path], tmp_path: Path, streaming: bool
) -> None:
    folder = parquet(tmp_path / "copy", {"audio": [embedded(tone) for tone in tones], "text": TEXTS})
    assert [row.id for row in read(folder, limit=1, streaming=streaming)] == IDS[:1]
    assert [path.stem for path in (tmp_path / "cache").rglob("*.flac")] == IDS[:1]


# What can go wrong outside.


def test_what_is_neither_folder_nor_id_is_said(read: Read, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CorpusAbsentError, match="is a file, expected a folder or a hub id"):
        read(tmp_path / "file")
    with pytest.raises(CorpusAbsentError, match="is not there, expected a folder or a hub id"):
        read(tmp_path / "gone")


def test_a_folder_without_data_is_said(read: Read, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    with pytest.raises(CorpusAbsentError, match="copy"):
        read(tmp_path / "copy")


@LEAVES_CSV_OPEN
def test_a_split_without_rows_is_said(read: Read, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "test.csv").write_text("audio,text\n")
    with pytest.raises(CorpusAbsentError, match="copy: split 'test' holds no rows"):
        read(tmp_path / "copy")


def test_a_damaged_file_is_one_line(read: Read, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "test.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(RequestError, match=r"copy: [^\n]*$"):
        read(tmp_path / "copy")


@pytest.mark.usefixtures("offline")
def test_without_a_network_the_hub_is_named(read: Read) -> None:
    with pytest.raises(MachineError, match=r"owner/name: Couldn't reach .*OfflineMode.*; connect to the hub, or name"):
        read("owner/name")


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        ("DatasetNotFoundError", CorpusAbsentError, "gated dataset.*`hf auth login`"),
        ("RuntimeError", RequestError, "scripts are no longer supported.*revision=refs/convert/parquet"),
        ("OSError", MachineError, "No space left"),
        ("ConnectTimeout", MachineError, "connect to the hub"),
    ],
)
def test_errors_of_the_library_are_sorted_by_who_can_act(
    read: Read, monkeypatch: pytest.MonkeyPatch, error: str, kind: type[Exception], message: str
) -> None:
    import datasets
    from huggingface_hub.utils import httpx

    raised = {
        "DatasetNotFoundError": datasets.exceptions.DatasetNotFoundError(
            "'owner/name' is a gated dataset\non the Hub."
        ),
        "RuntimeError": RuntimeError("Dataset scripts are no longer supported, but found name.py"),
        "OSError": OSError("No space left on device"),
        "ConnectTimeout": httpx.ConnectTimeout("timed out"),
    }[error]

    def load(*_: Any, **__: Any) -> Any:
        raise raised

    monkeypatch.setattr(datasets, "load_dataset_builder", load)
    with pytest.raises(kind, match=message):
        read("owner/name")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets
    import huggingface_hub

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)


@pytest.fixture
def downloaded(tones: list[Path], tmp_path: Path) -> None:
    """A hub dataset `owner/name` at revision abc123, as the library keeps it once it was downloaded."""
    import datasets

    folder = parquet(tmp_path / "name", {"audio": [embedded(tone) for tone in tones], "text": TEXTS})
    library = tmp_path / "library"
    builder = datasets.load_dataset_builder(str(folder), cache_dir=str(library))
    builder.download_and_prepare()
    version = library / "owner___name" / "default" / "0.0.0"
    version.mkdir(parents=True)
    Path(builder.cache_dir).rename(version / "abc123")


@pytest.mark.usefixtures("downloaded", "offline")
@pytest.mark.parametrize("streaming", [False, True])
def test_what_was_downloaded_is_there_without_a_network(read: Read, streaming: bool) -> None:
    assert [row.id for row in read("owner/name", streaming=streaming)] == IDS
    assert [row.id for row in read("owner/name", streaming=streaming, revision="abc123")] == IDS


@pytest.mark.usefixtures("downloaded", "offline")
def test_a_downloaded_copy_of_another_revision_is_refused(read: Read) -> None:
    with pytest.raises(MachineError, match="the copy that is here is of revision abc123, not v2"):
        read("owner/name", revision="v2")


def test_nothing_is_written_to_the_screen(tones: list[Path], tmp_path: Path) -> None:
    folder = parquet(tmp_path / "copy", {"audio": [embedded(tone) for tone in tones], "text": TEXTS})
    code = (
        "import sys, datasets\n"
        "from pathlib import Path\n"
        "from evaluate.hf_datasets import DatasetSpec, read_dataset\n"
        "builder = datasets.load_dataset_builder(sys.argv[1], cache_dir=sys.argv[2])\n"
        "datasets.load_dataset_builder = lambda *_, **__: builder\n"
        "read_dataset(DatasetSpec('owner/name'), wanted_split='test', cache_dir=Path(sys.argv[2]))\n"
    )
    command = [sys.executable, "-c", code, str(folder), str(tmp_path / "library")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert list((tmp_path / "library").rglob("*.arrow"))
    assert (done.stdout, done.stderr) == ("", "")


def test_the_command_does_not_import_the_library() -> None:
    code = (
        "import sys, evaluate.cli, evaluate.hf_datasets\n"
        "print({'datasets', 'pyarrow', 'pandas', 'huggingface_hub', 'torchcodec'} & sys.modules.keys() or 'none')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "none\n"


# The command line's words.


def test_arguments_make_a_spec() -> None:
    arguments = {
        "config": "clean",
        "split": "test",
        "streaming": "true",
        "revision": "v1",
        "id": "n",
        "references": "gt",
    }
    assert parse_dataset_spec("owner/name", arguments, limit=3) == DatasetSpec(
        "owner/name", "clean", "test", "v1", streaming=True, limit=3, columns={"id": "n", "references": "gt"}
    )
    assert parse_dataset_spec("owner/name", {}) == DatasetSpec("owner/name")


def test_unknown_arguments_get_near_matches() -> None:
    with pytest.raises(RequestError, match="unknown dataset argument 'reference'; did you mean 'references'"):
        parse_dataset_spec("x", {"reference": "gt"})
    with pytest.raises(RequestError, match="streaming is 'yes', expected true or false"):
        parse_dataset_spec("x", {"streaming": "yes"})
