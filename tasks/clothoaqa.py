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
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path, PurePosixPath

from evaluate.corpus import AUDIO_SUFFIXES, CorpusRows, canonical, merged, read_table
from evaluate.corpus_task import CorpusTask
from evaluate.manifest import Row
from evaluate.metrics.agreement import YES_NO
from evaluate.protocols import Protocol
from evaluate.types import AudioRef, Sample

_STARTS_YES_NO = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)


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
        named = (replace(row, id=_question_id(row), audio=tuple(map(self._found, row.audio))) for row in rows)
        return merged(named, lambda one, other: replace(one, references=one.references + other.references))

    def groups_of(self, row: Row) -> dict[str, str]:
        return {"recording": row.audio[0].path.name}

    def extract_answer(self, sample: Sample, text: str) -> str | None:
        """Return yes or no where the answer to such a question starts so ("No, only one."); else the whole text."""
        is_yes_no = not YES_NO.isdisjoint(reference.lower() for reference in sample.references)
        first = _STARTS_YES_NO.match(text) if is_yes_no and not self.protocol else None
        return first[1].lower() if first else text

    def _found(self, audio: AudioRef) -> AudioRef:
        """Return the clip where it is, whatever became of the punctuation of its name."""
        if audio.path.is_file():
            return audio
        return replace(audio, path=self._clips.get(canonical(audio.path.stem), audio.path))

    @cached_property
    def _clips(self) -> dict[str, Path]:
        """Every clip of this corpus and of Clotho by the letters and digits of its name."""
        folders: Iterable[Path] = (self.root, self.data_dir / "clotho" / "clotho_audio_files")
        clips = (path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix in AUDIO_SUFFIXES)
        return {canonical(path.stem): path for path in clips}


def _question_id(row: Row) -> str:
    """Return clip and question where an id names the clip at most: the corpus has none for its questions."""
    clip = PurePosixPath(row.audio[0].path.name).stem if row.audio else ""
    return f"{clip}: {row.question.strip()}" if row.id in ("", clip) else row.id
