"""Clotho-AQA: questions about everyday sounds, each answered by three people: yes, no, or one word.

One item, as the corpus has it: a line per annotator, so that three lines are one question here.

    ClothoAQA/audio_files/Munich Cathedral.wav
    ClothoAQA/clotho_aqa_val.csv:
        Munich Cathedral.wav,Can people be heard talking?,yes,…   (file_name, QuestionText, answer, confidence)

Source: Lipping et al. 2022, "Clotho-AQA: A Crowdsourced Dataset for Audio Question Answering";
https://zenodo.org/records/6473207. Clips are those of Clotho, which is looked into as well; some names differ between
the lists and the archive in punctuation or case, so files are found by their letters and digits. Annotators disagree,
so the first metric, that of papers, stays below 1; in `accuracy` an answer that any of them gave is right.
"""

import re
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from evaluate.corpus import AUDIO_SUFFIXES, CorpusRows, canonical, find_folder, merged, read_table
from evaluate.corpus_task import CorpusTask
from evaluate.errors import ManifestError
from evaluate.manifest import Row, is_there
from evaluate.protocols import Protocol
from evaluate.types import AudioRef, Sample

_YES_NO = re.compile(r"\b(yes|no)\b", re.IGNORECASE)
_EXPLAINED = re.compile(r"\W*(?:yes|no)\b\s*(?:[^\w\s]|$)", re.IGNORECASE)  # "no idea" is no "no"


class ClothoAQA(CorpusTask):
    """Accuracy by what any, each, most or all of the annotators say; yes/no questions also by themselves."""

    name, version, kind, language = "clothoaqa", "1", "question-answering", "en"
    description = "questions about everyday sounds, three annotators"
    source = "https://zenodo.org/records/6473207"
    splits = ("test", "val", "train")
    official_sizes = {"test": 2838, "val": 2064, "train": 7043}  # questions; train asks one of its 7,044 twice
    default_splits = ("test",)
    metrics = ("annotator_accuracy", "binary_accuracy", "majority_accuracy", "unanimous_accuracy", "accuracy")
    prompt = "{question} Answer with yes or no, or with a single word."
    protocols = {
        "qwen-audio": Protocol(
            "<|startofanalysis|><|en|><|question|>{question}<|answer|>", 4, ("annotator_accuracy", "binary_accuracy")
        )
    }
    top_folders = ("ClothoAQA", "clotho_aqa", "Clotho-AQA")
    reference_fields = ("answer",)
    merges_rows = True

    def corpus_splits(self) -> tuple[str, ...]:
        prefix = "clotho_aqa_"
        return tuple(sorted(path.stem.removeprefix(prefix) for path in self.root.glob(f"{prefix}*.csv")))

    def read_corpus(self, split: str) -> CorpusRows:
        path = self.root / f"clotho_aqa_{split}.csv"
        rows = [
            Row(
                where=where,
                id="",
                audio=(AudioRef(self.root / "audio_files" / cells["file_name"]),),
                references=(cells["answer"],),
                question=cells["QuestionText"],
            )
            for where, cells in read_table(path, columns=["file_name", "QuestionText", "answer"])
        ]
        return CorpusRows(self.prepared(rows, split))

    def prepared(self, rows: list[Row], split: str) -> list[Row]:
        """Return one row per clip and question, with the answers of all annotators."""
        listed = {ref.path.name for row in rows for ref in row.audio}
        named = (
            replace(row, id=_question_id(row), audio=tuple(self._found(ref, listed) for ref in row.audio))
            for row in rows
        )
        return merged(named, _with_answers_of)

    def groups_of(self, row: Row) -> dict[str, str]:
        return {"recording": row.audio[0].path.name}

    def extract_answer(self, sample: Sample, text: str) -> str | None:
        """Return yes or no where an answer is that and an explanation ("No, only one."), else the whole text.

        An answer that says both is none.
        """
        del sample
        said = {word.lower() for word in _YES_NO.findall(text)}
        if self.protocol or not said:
            return text
        if len(said) > 1:
            return None
        return said.pop() if _EXPLAINED.match(text) else text

    def _found(self, audio: AudioRef, listed: set[str]) -> AudioRef:
        """Return the clip where it is, whatever became of the punctuation of its name.

        It is taken for another spelling only if there is one such clip, and the lists do not name that one too:
        "RainGutter.wav" is not "rain.gutter.wav".
        """
        if is_there(audio.path):
            return audio
        found = self._clips.get(canonical(audio.path.stem), [])
        same = [path for path in found if path.name == audio.path.name]
        names = {path.name for path in found}
        chosen = same or (found if len(names) == 1 and names.isdisjoint(listed) else [])
        return replace(audio, file=chosen[0]) if chosen else audio

    @cached_property
    def _clips(self) -> dict[str, list[Path]]:
        """The clips of this corpus and of Clotho by the letters and digits of their names."""
        clips: dict[str, list[Path]] = {}
        for folder in (self.root, find_folder(self.data_dir, ["clotho", "clotho_v2.1"])):
            for path in sorted(folder.rglob("*")):
                if path.suffix in AUDIO_SUFFIXES:
                    clips.setdefault(canonical(path.stem), []).append(path)
        return clips


def _with_answers_of(one: Row, other: Row) -> Row:
    """Return a question with another annotator's answer to it.

    Raises:
        ManifestError: It is another question, under the same id.
    """
    if (one.audio, one.question) != (other.audio, other.question):
        raise ManifestError(
            f"{other.place}: id {other.id!r} stands already in {one.place}, for another clip or question"
        )
    return replace(one, references=one.references + other.references)


def _question_id(row: Row) -> str:
    """Return clip and question where an id names the clip at most: the corpus has none for its questions."""
    clip = PurePosixPath(row.audio[0].path.name).stem if row.audio else ""
    return f"{clip}: {row.question.strip()}" if row.id in ("", clip) else row.id
