from collections.abc import Callable
from pathlib import Path

import pytest

from evaluate.errors import CorpusAbsentError, CorpusError, ManifestError, RequestError, UnknownNameError
from evaluate.testing import write_tone
from tasks.librispeech import LibriSpeech

Write = Callable[..., Path]


def test_the_official_layout_is_read_in_order(librispeech: Path) -> None:
    split = LibriSpeech(librispeech).read_split("test-clean")
    assert [(s.id, s.references, s.language, s.groups["speaker"]) for s in split.samples] == [
        ("11-22-0000", ("ONE TONE",), "en", "11"),
        ("11-22-0001", ("ANOTHER TONE",), "en", "11"),
        ("33-44-0000", ("A THIRD ONE",), "en", "33"),
    ]


def test_a_partial_split_says_so(librispeech: Path) -> None:
    folder = librispeech / "LibriSpeech" / "test-clean" / "11" / "22"
    (folder / "11-22-0001.flac").unlink()
    write_tone(folder / "11-22-0009.flac")
    split = LibriSpeech(librispeech).read_split("test-clean")
    assert split.coverage.to_json() == {
        "found": 2,
        "official": 2620,
        "complete": False,
        "n_missing_audio": 1,
        "missing_audio": ["11-22-0001"],
        "n_untranscribed": 1,
        "untranscribed": ["11-22-0009"],
        "labels_only": False,
        "n_unassigned": 0,
        "unassigned": [],
    }
    assert split.coverage.describe() == (
        "2 of 2620 official samples are here; audio missing for 1: 11-22-0001; no transcript for 1: 11-22-0009"
    )


def test_any_other_split_folder_can_be_named(librispeech: Path) -> None:
    folder = librispeech / "LibriSpeech" / "train-mine" / "1" / "2"
    write_tone(folder / "1-2-0000.wav")
    (folder / "1-2.trans.txt").write_text("1-2-0000 HELLO\n")
    split = LibriSpeech(librispeech).read_split("train-mine")
    assert [s.id for s in split.samples] == ["1-2-0000"]
    assert split.coverage.official is None


def test_a_missing_corpus_says_where_it_looked_and_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(
        CorpusError,
        match=r"LibriSpeech is no folder; get it with: otoscope data fetch librispeech:test-clean; .*--data-dir",
    ):
        LibriSpeech(tmp_path / "data").read_split("test-clean")


def test_the_corpus_s_own_folder_as_data_dir_gets_a_hint(librispeech: Path) -> None:
    with pytest.raises(CorpusError, match="--data-dir is the folder above it"):
        LibriSpeech(librispeech / "LibriSpeech").read_split("test-clean")


def test_an_unknown_split_gets_near_matches(librispeech: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown split of librispeech 'test-claen'; did you mean 'test-clean'"):
        LibriSpeech(librispeech).read_split("test-claen")


def test_a_task_whose_source_is_not_known_asks_for_the_folder_alone(tmp_path: Path) -> None:
    class Birds(LibriSpeech):
        name, source, top_folders = "birds", "", ("Birds",)

    with pytest.raises(CorpusAbsentError, match=r"Birds is no folder; name the folder that holds it with --data-dir"):
        Birds(tmp_path).read_split("test-clean")


@pytest.mark.parametrize("split", ["testclean", "TEST-CLEAN", "test-claen"])
def test_a_misspelt_split_gets_near_matches_before_its_corpus_is_looked_for(tmp_path: Path, split: str) -> None:
    with pytest.raises(UnknownNameError, match=f"split of librispeech '{split}'; did you mean 'test-clean'"):
        LibriSpeech(tmp_path).read_split(split)


@pytest.mark.parametrize("split", ["train-clean-100", "train-mine"])
def test_a_split_that_is_not_official_is_no_misspelt_one(tmp_path: Path, split: str) -> None:
    with pytest.raises(CorpusAbsentError, match=f"librispeech:{split} is not here: .* is no folder"):
        LibriSpeech(tmp_path).read_split(split)


@pytest.mark.parametrize("split", ["test-clean/", "../LibriSpeech/test-clean", ".", "11"])
def test_a_path_is_no_split(librispeech: Path, split: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown split of librispeech"):
        LibriSpeech(librispeech).read_split(split)


def test_two_files_of_one_utterance_are_an_error(librispeech: Path) -> None:
    write_tone(next(librispeech.rglob("11-22-0000.flac")).with_suffix(".wav"))
    with pytest.raises(CorpusError, match="utterance '11-22-0000' has audio already in .*flac; keep one"):
        LibriSpeech(librispeech).read_split("test-clean")


def test_a_byte_order_mark_and_tabs_are_read_over(librispeech: Path) -> None:
    path = next(librispeech.rglob("11-22.trans.txt"))
    path.write_text(path.read_text().replace("0000 ", "0000\t"), encoding="utf-8-sig")
    assert LibriSpeech(librispeech).read_split("test-clean").samples[0].references == ("ONE TONE",)


def test_a_list_that_names_no_split_is_scored_as_the_one_that_is_named_only(
    librispeech: Path, write_jsonl: Write
) -> None:
    flac = str(next(librispeech.rglob("*.flac")))
    task = LibriSpeech(librispeech, write_jsonl("list.jsonl", {"id": "a", "audio": flac, "references": ["X"]}))
    with pytest.raises(RequestError, match="does not say which split of librispeech it is of; name it"):
        task.read_default_splits()
    assert len(task.read_split("dev-clean").samples) == 1


def test_a_doubled_transcript_is_an_error(librispeech: Path) -> None:
    path = librispeech / "LibriSpeech" / "test-clean" / "11" / "22" / "11-22.trans.txt"
    path.write_text(path.read_text() + "11-22-0000 AGAIN\n")
    with pytest.raises(ManifestError, match=r"11-22\.trans\.txt:3: utterance '11-22-0000' has a transcript already"):
        LibriSpeech(librispeech).read_split("test-clean")


def test_manifests_of_both_forms_give_the_samples_of_the_folders(librispeech: Path, write_jsonl: Write) -> None:
    own, converted = [], []
    expected = LibriSpeech(librispeech).read_split("test-clean").samples
    for sample in expected:
        audio = str(sample.audio[0].path)
        own.append({"id": sample.id, "audio": audio, "references": list(sample.references)})
        converted.append({"audio": audio, "gt": sample.references[0], "source": "librispeech_test_clean"})
    converted.append({"audio": "elsewhere.flac", "gt": "X", "source": "librispeech_test_other"})
    for records in (own, converted):
        manifest = write_jsonl("list.jsonl", *records)
        assert LibriSpeech(librispeech, manifest).read_split("test-clean").samples == expected


def test_the_evaluation_s_own_list_in_the_data_folder_is_found(
    librispeech: Path, tmp_path: Path, write_jsonl: Write
) -> None:
    flac = next(librispeech.rglob("*.flac"))
    write_jsonl("librispeech_eval.jsonl", {"audio": str(flac), "gt": "ONE TONE", "source": "librispeech_dev_other"})
    task = LibriSpeech(tmp_path)
    assert task.present_splits() == ("dev-other",)
    assert [s.id for s in task.read_split("dev-other").samples] == [flac.stem]


def test_manifest_audio_that_is_not_there_makes_the_split_partial(librispeech: Path, write_jsonl: Write) -> None:
    flac = next(librispeech.rglob("*.flac"))
    manifest = write_jsonl(
        "list.jsonl",
        {"id": "here", "audio": str(flac), "references": ["X"]},
        {"id": "gone", "audio": "no/such.flac", "references": ["Y"]},
    )
    coverage = LibriSpeech(librispeech, manifest).read_split("test-clean").coverage
    assert (coverage.found, coverage.missing_audio) == (1, ("gone",))


def test_real_recordings_load_with_their_true_transcripts(corpora: Path) -> None:
    task = LibriSpeech(corpora)
    assert {name: len(task.read_split(name).samples) for name in task.present_splits()} == {
        "dev-clean": 1,
        "test-clean": 2,
        "test-other": 50,
    }
    sample = task.read_split("test-clean").samples[0]
    assert sample.id == "1089-134686-0000"
    assert sample.references[0].startswith("HE HOPED THERE WOULD BE STEW FOR DINNER")
