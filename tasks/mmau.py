"""MMAU: questions about sounds, music and speech that ask for expert knowledge and reasoning, with options.

One item, as the benchmark has it:

    MMAU/test-mini-audios/3fe64f3d-282c-4bc8-a753-68f8f6c35652.wav
    MMAU/mmau-test-mini.json:
        [{"id": "3fe64f3d-282c-4bc8-a753-68f8f6c35652",
          "audio_id": "./test-mini-audios/3fe64f3d-282c-4bc8-a753-68f8f6c35652.wav",
          "question": "Based on the given audio, identify the source of the speaking voice.",
          "choices": ["Man", "Woman", "Child", "Robot"], "answer": "Man", "dataset": "AudioSet", "task": "sound",
          "split": "test-mini", "category": "Reasoning", "sub-category": "Acoustic Source Inference",
          "difficulty": "medium"}, …]

or as the hub has it, where the list is not here: one file `MMAU/test_mini.parquet`, whose `other_attributes` hold the
rest as JSON, and whose choices begin with "(A) ". Both are looked for in folders of the hub's names too.

Source: Sakshi et al. 2024, "MMAU: A Massive Multi-Task Audio Understanding and Reasoning Benchmark";
https://github.com/Sakshi113/MMAU. A quarter of the questions was revised in the version that its keepers call
v05.15.25: which one is here shows in the corpus fingerprint alone, and scores of the two do not compare. The answers of
`test` are not public: it is run without a score, and predictions.jsonl holds what its keepers' page scores. Some
revisions offer one text twice (it is one answer then) or an answer that they do not offer (said when it is run).

Published are the share of right answers by domain and, as average, over all questions, which `accuracy` and its groups
are. The published script takes the whole text and holds its words against those of the options (`evaluate.answers`,
`words`): `--protocol mmau` repeats that with its faults, so that a letter is no answer, and C major is C# major. It
asks for the option's words in a prompt of ours: the script asks nothing, and papers ask in ways of their own. By
default letters count too, and marks.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluate.corpus import CorpusRows
from evaluate.errors import ManifestError
from evaluate.manifest import Row, as_texts
from evaluate.multiple_choice import MultipleChoiceTask, clip_at, items_of
from evaluate.protocols import Protocol
from evaluate.types import AudioRef

STRING_MATCH = Protocol(
    "{question}\nChoose the right answer and repeat it word for word: {choices}",
    256,
    ("accuracy",),
    max_clip_s=None,
    extractor="words",
)
_AUDIO = {"test-mini": "test-mini-audios", "test": "test-audios"}


class MMAU(MultipleChoiceTask):
    """Accuracy over all questions, and by domain, difficulty and skill."""

    name, version = "mmau", "1"
    description = "expert questions on sounds, music and speech, with options"
    source = "https://github.com/Sakshi113/MMAU"
    splits = ("test-mini", "test")
    official_sizes = {"test-mini": 1000, "test": 9000}
    default_splits = ("test-mini",)
    protocols = {"mmau": STRING_MATCH}
    categories = ("task", "difficulty", "sub-category")
    top_folders = ("MMAU", "MMAU-test-mini", "MMAU-test")
    reference_fields = ("answer",)
    split_names = {"test-mini": ("test_mini",)}
    group_fields = {
        "task": "task",
        "difficulty": "difficulty",
        "category": "category",
        "sub-category": "sub-category",
    }

    def corpus_splits(self) -> tuple[str, ...]:
        return tuple(split for split in self.splits if self._list(split) or self._parquet(split))

    def read_corpus(self, split: str) -> CorpusRows:
        if path := self._list(split):
            rows = [self._row(split, path, number, item) for number, item in items_of(path, ("id", "question"))]
        else:
            rows = list(self._rows_of_parquet(split))
        return CorpusRows(self.prepared(rows, split))

    def prepared(self, rows: list[Row], split: str) -> list[Row]:
        return super().prepared([_with_attributes(row) for row in rows], split)

    def why_unscored(self, split: str) -> str:
        if split != "test":
            return ""
        return "the answers of this split are not public; its keepers' page scores predictions, see otoscope tasks mmau"

    def _list(self, split: str) -> Path | None:
        path = self.root / f"mmau-{split}.json"
        return path if path.is_file() else None

    def _parquet(self, split: str) -> Path | None:
        path = self.root / f"{split.replace('-', '_')}.parquet"
        return path if path.is_file() else None

    def _row(self, split: str, path: Path, number: int, item: Mapping[str, Any]) -> Row:
        audio = str(item.get("audio_id") or f"{_AUDIO[split]}/{item['id']}.wav")
        return Row(
            where=f"{path}: item {number}",
            id=str(item["id"]),
            audio=(AudioRef(clip_at(path.parent, audio)),),
            references=as_texts(item.get("answer") or ""),
            question=str(item["question"]),
            fields=item,
        )

    def _rows_of_parquet(self, split: str) -> Iterator[Row]:
        from evaluate.hf_datasets.parquet import audio_folder, read_parquet

        path = self._parquet(split)
        assert path is not None, "only splits that are here are read"
        folder = audio_folder(path)
        for number, (where, item) in enumerate(read_parquet(path), start=1):
            if not {"context", "instruction", "choices"} <= item.keys():
                raise ManifestError(f"{where}: lacks context, instruction or choices; is it the benchmark's own file?")
            fields = {**item, **attributes_of(where, item)}
            item_id = str(fields.get("id") or number)
            yield Row(
                where=where,
                id=item_id,
                audio=(folder.refer(where, item_id, fields.pop("context")),),
                references=as_texts(fields.get("answer") or ""),
                question=str(fields["instruction"]),
                fields=fields,
            )


def attributes_of(where: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the hub's copy keeps as JSON in one column, {} where there is no such column.

    Raises:
        ManifestError: It is no JSON object.
    """
    text = item.get("other_attributes")
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise ManifestError(f"{where}: other_attributes are not valid JSON ({error})") from error
    if not isinstance(found, dict):
        raise ManifestError(f"{where}: other_attributes are {found!r:.60}, expected an object")
    return found


def _with_attributes(row: Row) -> Row:
    """Return a row of the hub's copy with its question and its attributes among its fields."""
    question = row.question or row.fields.get("instruction")
    fields = {**row.fields, **attributes_of(row.place, row.fields)}
    return replace(row, question=question if isinstance(question, str) else "", fields=fields)
