"""Clotho: audio captioning, five captions per clip of 15 to 30 s.

One item, as the corpus has it (file names hold spaces, commas and brackets):

    clotho/clotho_audio_files/evaluation/Flipping Pages.wav
    clotho/clotho_captions_evaluation.csv:
        Flipping Pages.wav,A person is flipping several pages in a book,… (caption_1 to caption_5)

Source: Drossos et al. 2020, "Clotho: an Audio Captioning Dataset"; https://zenodo.org/records/4783391 (version 2.1; the
evaluation part is that of version 1). Scores of caption metrics depend on the set: never compare a part with the whole.
"""

from evaluate.corpus import CorpusRows, audio_files, find_folder, read_table
from evaluate.corpus_task import CorpusTask
from evaluate.manifest import Row
from evaluate.protocols import Protocol
from evaluate.types import AudioRef

CAPTIONS = tuple(f"caption_{number}" for number in range(1, 6))


class Clotho(CorpusTask):
    """SPIDEr, its two parts, and the other caption metrics."""

    name, version, kind, language = "clotho", "1", "captioning", "en"
    description = "captions of everyday sounds"
    source = "https://zenodo.org/records/4783391"
    splits = ("evaluation", "validation", "development")
    official_sizes = {"evaluation": 1045, "validation": 1045, "development": 3839}
    default_splits = ("evaluation",)
    metrics = ("cider", "spice", "spider", "fense", "meteor", "rouge_l", *(f"bleu_{n}" for n in (1, 2, 3, 4)))
    prompt = "Describe what can be heard, in one sentence."
    protocols = {
        "qwen-audio": Protocol(
            "<|startofanalysis|><|unknown|><|caption|><|en|><|notimestamps|><|caption_clotho|>",
            30,
            ("cider", "spice", "spider"),
        )
    }
    top_folders = ("clotho", "Clotho", "clotho_v2.1")
    split_names = {"evaluation": ("eval", "test"), "validation": ("val",), "development": ("dev", "train")}

    def corpus_splits(self) -> tuple[str, ...]:
        prefix = "clotho_captions_"
        return tuple(sorted(path.stem.removeprefix(prefix) for path in self.root.glob(f"{prefix}*.csv")))

    def read_corpus(self, split: str) -> CorpusRows:
        audio = find_folder(find_folder(self.root, ["clotho_audio_files", "."]), [split])
        rows = [
            Row(
                where=where,
                id=cells["file_name"].removesuffix(".wav"),
                audio=(AudioRef(audio / cells["file_name"]),),
                references=tuple(cells[caption] for caption in CAPTIONS),
            )
            for where, cells in read_table(self.root / f"clotho_captions_{split}.csv", columns=["file_name", *CAPTIONS])
        ]
        return CorpusRows(rows, tuple(sorted(audio_files(audio).keys() - {row.id for row in rows})))
