"""Real partial corpora, read by their tasks' own loaders; their truth is counted here by hand from their own files."""

import csv
from collections import Counter
from pathlib import Path

from evaluate.task import Split
from tasks import find_task_class


def read(name: str, split: str, data: Path) -> Split:
    return find_task_class(name, tasks_dir=None)(data, labels_only=True).read_split(split)


def test_clotho_has_its_five_captions_per_clip(corpora: Path) -> None:
    with (corpora / "clotho" / "clotho_captions_evaluation.csv").open(encoding="utf-8", newline="") as file:
        truth = {row["file_name"]: tuple(row[f"caption_{n}"] for n in range(1, 6)) for row in csv.DictReader(file)}
    samples = read("clotho", "evaluation", corpora).samples
    assert {sample.audio[0].path.name: sample.references for sample in samples} == truth
    assert len(samples) == 4


def test_clotho_aqa_has_three_answers_per_question(corpora: Path) -> None:
    split = read("clothoaqa", "val", corpora)
    assert len(split.samples) == 2064
    assert Counter(len(sample.references) for sample in split.samples) == {3: 2064}
    assert split.samples[0].id == "Munich Cathedral: Can people be heard talking?"
    assert split.samples[0].references == ("YES", "YES", "YES")
    assert len({sample.id for sample in read("clothoaqa", "train", corpora).samples}) == 12  # of clips that are here
    assert split.coverage.labels_only


def test_meld_has_its_emotions_and_sentiments(corpora: Path) -> None:
    with (corpora / "MELD" / "dev_sent_emo.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for split, field in (("dev", "Emotion"), ("dev-sentiment", "Sentiment")):
        truth = {f"dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}": (row[field],) for row in rows}
        assert {sample.id: sample.references for sample in read("meld", split, corpora).samples} == truth
        assert len(truth) == 1109


def test_nsynth_has_its_labels(corpora: Path) -> None:
    families = Counter(sample.references[0] for sample in read("nsynth", "test", corpora).samples)
    assert sum(families.values()) == 845
    [note] = [
        one for one in read("nsynth", "test-qualities", corpora).samples if one.id == "brass_acoustic_006-027-050"
    ]
    assert (note.references, note.groups) == (("reverb",), {"source": "acoustic"})
    pitches = read("nsynth", "test-pitch", corpora).samples
    assert all(sample.references[0] == str(int(sample.id.split("-")[-2])) for sample in pitches)


def test_notes_of_other_sets_in_the_form_of_nsynth_are_read_with_their_audio(corpora: Path, tmp_path: Path) -> None:
    (tmp_path / "nsynth-test").symlink_to(corpora / "instrument_notes_not_nsynth")
    split = find_task_class("nsynth", tasks_dir=None)(tmp_path).read_split("test")
    assert {sample.references[0] for sample in split.samples} >= {"string", "guitar", "reed"}
    assert all(sample.audio[0].path.is_file() for sample in split.samples)


def test_covost_has_its_translations_and_sentences(corpora: Path) -> None:
    split = read("covost2", "ja-en-dev", corpora)
    assert len(split.samples) == 635
    sample = split.samples[0]
    assert (sample.id, sample.references) == ("dev0001", ("She gave him a fleeting glance.",))
    assert (sample.source_text, sample.groups) == ("彼女は彼をちらりと見た。", {"speaker": "spk6"})
