"""VoiceBench: questions and requests that are spoken, to be answered as an assistant does; a split per subset.

One item, as the hub has it, a Parquet file with the audio inside per subset and part:

    voicebench/openbookqa/test-00000-of-00001.parquet:
        audio, prompt (what is said), reference ("A" to "D")
    voicebench/sd-qa/usa-00000-of-00001.parquet
    voicebench/mmsu/law-00000-of-00001.parquet, …            (twelve domains)

or unpacked, as the `datasets` library reads a folder of audio: `voicebench/openbookqa/metadata.jsonl`, with `file_name`
beside the columns. Audio inside of Parquet files is put where that of datasets is.

    openbookqa, mmsu            accuracy: the options are part of what is said, the answer is a letter
    bbh                         accuracy: yes or no, or a letter, by the kind of question
    advbench                    refusal_rate: every request is harmful
    alpacaeval, alpacaeval_full, commoneval, wildvoice     judge, 1 to 5; nothing is the true answer
    sd-qa, sd-qa-aus, …         judge, with the true answer; `sd-qa` is the part `usa`, the one of the leaderboard

The model gets the audio and no text, as there. Not here: `ifeval`, whose rules no library in good keeping checks;
`mtbench`, whose turns are several; `alpacaeval_speaker`, which no figure is published of.

Source: Chen et al. 2024, "VoiceBench: Benchmarking LLM-Based Voice Assistants";
https://github.com/MatthewCYM/VoiceBench. What differs: where its scripts find no letter or no yes and no, they draw one
at random; here that is wrong and counted as unparsed. They know hundreds of ways to say the answer, here rules decide
(`evaluate.answers`, `option`). Open answers are judged there by gpt-4o-mini at temperature 0.5, here by the judge that
is set up. For sd-qa, the leaderboard's figure is the mean of that judge's and of PEDANT, a trained matcher (package
qa-metrics), which is not repeated.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluate.corpus import CorpusRows, subfolders
from evaluate.corpus_task import CorpusTask
from evaluate.errors import ManifestError
from evaluate.jsonl import read_jsonl, text_field
from evaluate.manifest import Row
from evaluate.types import AudioRef

LETTERS = ("A", "B", "C", "D")
BY_LETTER = ("openbookqa", "mmsu")
JUDGED = ("alpacaeval", "alpacaeval_full", "commoneval", "wildvoice")
REGIONS = ("aus", "gbr", "ind_n", "ind_s", "irl", "kenya", "nga", "nzl", "phl", "zaf")  # beside usa
SD_QA = "sd-qa"
BBH_KINDS = ("sports_understanding", "hyperbaton", "navigate", "web_of_lies")
_SHARD = re.compile(r"(.+?)-\d{5}-of-\d{5}")
_LISTED = "metadata.jsonl"


class VoiceBench(CorpusTask):
    """Accuracy, refusals, and the judge's score, by subset."""

    name, version, kind, language = "voicebench", "1", "chat", "en"
    description = "spoken questions and requests to an assistant; without ifeval"
    source = "https://huggingface.co/datasets/hlt-lab/voicebench"
    splits = (
        *("openbookqa", "mmsu", "bbh", "advbench", "alpacaeval_full", "commoneval", "wildvoice", SD_QA, "alpacaeval"),
        *(f"{SD_QA}-{region}" for region in REGIONS),
    )
    default_splits = splits[:8]
    official_sizes = {
        **{"openbookqa": 455, "mmsu": 3074, "bbh": 1000, "advbench": 520, "alpacaeval": 199, "alpacaeval_full": 636},
        **{"commoneval": 200, "wildvoice": 1000, SD_QA: 553},
        **{f"{SD_QA}-{region}": 553 for region in REGIONS},
    }
    metrics = ("accuracy",)
    multiple_choice = True
    extractor = "option"
    normalizer = "none"
    categories = ("part", "kind")
    top_folders = ("voicebench",)

    def metrics_of(self, split: str) -> tuple[str, ...]:
        if split in (*BY_LETTER, "bbh"):
            return self.metrics
        return ("refusal_rate",) if split == "advbench" else ("judge",)

    def rubric_of(self, split: str) -> str:
        return "correctness" if _subset(split) == SD_QA else "voicebench"

    def choices_of(self, split: str) -> tuple[str, ...]:
        return LETTERS if split in BY_LETTER else ()

    def reference_field(self, split: str) -> str:
        return "prompt" if _has_no_truth(split) else "reference"  # a dataset must name one; it is not taken

    def dataset_splits(self, split: str) -> tuple[str, ...]:
        return (_part(split) or "test",)

    def corpus_splits(self) -> tuple[str, ...]:
        there = {subset: self._parts(subset) for subset in subfolders(self.root)}
        return tuple(split for split in self.splits if self._is_among(there.get(_subset(split), {}), split))

    @staticmethod
    def _is_among(parts: Mapping[str, object], split: str) -> bool:
        """Whether the parts of a subset that are here make up a split; "" is the one of an unpacked subset."""
        return bool(parts) and (_part(split) is None or _part(split) in parts or ("" in parts and split == SD_QA))

    def prepared(self, rows: list[Row], split: str) -> list[Row]:
        return [self._prepared(row, split) for row in rows]

    def groups_of(self, row: Row) -> dict[str, str]:
        kind = next((kind for kind in BBH_KINDS if kind in row.id), "")
        return {"kind": kind} if kind else {}

    def read_corpus(self, split: str) -> CorpusRows:
        folder = self.root / _subset(split)
        rows = self._listed(folder / _LISTED) if (folder / _LISTED).is_file() else self._packed(folder, split)
        return CorpusRows(self.prepared(list(rows), split))

    def _parts(self, subset: str) -> dict[str, list[Path]]:
        """Return the parts of a subset, each with its Parquet files."""
        folder = self.root / subset
        if (folder / _LISTED).is_file():
            return {"": []}
        found: dict[str, list[Path]] = {}
        for path in sorted(folder.glob("*.parquet")):
            if shard := _SHARD.fullmatch(path.stem):
                found.setdefault(shard[1], []).append(path)
        return found

    def _listed(self, path: Path) -> Iterator[Row]:
        for where, record in read_jsonl(path):
            name = text_field(where, record, "file_name")
            yield _row(where, record, str(record.get("id", Path(name).stem)), AudioRef(path.parent / name))

    def _packed(self, folder: Path, split: str) -> Iterator[Row]:
        from evaluate.hf_datasets.parquet import audio_folder, read_parquet

        parts = {part: paths for part, paths in self._parts(folder.name).items() if _part(split) in (None, part)}
        names = [
            record.get("id")
            for paths in parts.values()
            for path in paths
            for _, record in read_parquet(path, columns=["id", "prompt"])
        ]
        are_names = all(isinstance(name, str) and name for name in names) and len(set(names)) == len(names)
        for part, paths in parts.items():
            number = 0
            for path in paths:
                audio = audio_folder(path)
                for where, record in read_parquet(path):
                    number += 1
                    item_id = record["id"] if are_names else f"{part}-{number:05}"
                    row = _row(where, record, item_id, audio.refer(where, item_id, record.pop("audio", None)))
                    yield replace(row, groups={"part": part} if len(parts) > 1 else {})

    def _prepared(self, row: Row, split: str) -> Row:
        """Return a row whose question is only heard, with the options that its answer is one of."""
        said = row.source_text or row.fields.get("prompt")
        row = replace(row, question="", source_text=said if isinstance(said, str) else "")
        if _has_no_truth(split):
            return replace(row, references=("",))
        if split == SD_QA or _part(split):
            return row
        truths = tuple(text.strip().strip("()") for text in row.references)
        if all(text.upper() in LETTERS for text in truths):
            return replace(row, references=tuple(map(str.upper, truths)), choices=LETTERS[: 2 if split == "bbh" else 4])
        if split == "bbh" and all(text.lower() in ("yes", "no") for text in truths):
            return replace(row, references=tuple(map(str.lower, truths)), choices=("yes", "no"))
        expected = "yes, no, (a) or (b)" if split == "bbh" else "a letter from A to D"
        raise ManifestError(f"{row.place}: sample {row.id!r}: reference is {row.references[0]!r}, expected {expected}")


def _row(where: str, record: dict[str, Any], item_id: str, audio: AudioRef) -> Row:
    reference = record.get("reference")
    references = (reference,) if isinstance(reference, str) else ("",)
    return Row(where=where, id=item_id, audio=(audio,), references=references, fields=record)


def _subset(split: str) -> str:
    return SD_QA if split.startswith(SD_QA) else split


def _part(split: str) -> str | None:
    """Return which part of its subset a split is; None: all."""
    if split == SD_QA:
        return "usa"
    return split.removeprefix(f"{SD_QA}-") if split.startswith(SD_QA) else None


def _has_no_truth(split: str) -> bool:
    return split in JUDGED or split == "advbench"
