"""FLEURS: sentences of Wikipedia read in 102 languages, a split per language.

The form of an item (tabs between the columns, no header; the second text is the normalised one):

    fleurs/data/cmn_hans_cn/audio/test/….wav
    fleurs/data/cmn_hans_cn/test.tsv:
        <sentence>  <file>  这并不是告别。这是一个篇章的结束，…  <normalised>  <characters>  166080  <gender>

The split `zh` is the one that papers report with Qwen2-Audio; `en`, `yue`, `de`, `fr`, `ja`, … name a language by its
code, `es_419` and the like by the corpus's own, and `zh-dev` another part. Sentences are read by up to three people.

Source: Conneau et al. 2022, "FLEURS: Few-shot Learning Evaluation of Universal Representations of Speech";
https://huggingface.co/datasets/google/fleurs.
"""

from evaluate.corpus import CorpusRows, find_folder, read_table, subfolders
from evaluate.manifest import Row
from evaluate.protocols import ASR
from evaluate.speech_task import SpeechTask
from evaluate.types import AudioRef

COLUMNS = ("sentence", "file", "raw", "normalised", "characters", "num_frames", "gender")
CODES = {"cmn": "zh"}  # where the corpus's code of a language is not the field's
PARTS = {"test": "", "dev": "-dev", "train": "-train"}


class Fleurs(SpeechTask):
    """Corpus WER or CER per language, against the normalised transcript."""

    name, version = "fleurs", "1"
    description = "sentences of Wikipedia, read in 102 languages"
    source = "https://huggingface.co/datasets/google/fleurs"
    languages = ("zh",)
    splits = ("zh",)
    default_splits = splits
    official_sizes = {"zh": 945}
    protocols = {"qwen2-audio": ASR["qwen2-audio"]}
    top_folders = ("fleurs", "google_fleurs")
    evaluation_lists = ("fleurs_asr_zh_eval.jsonl",)
    reference_fields = ("transcription",)

    def language_of(self, split: str) -> str:
        language = split.partition("-")[0].partition("_")[0]
        return CODES.get(language, language)

    def dataset_splits(self, split: str) -> tuple[str, ...]:
        part = split.partition("-")[2] or "test"
        return ("dev", "validation") if part == "dev" else (part,)

    def corpus_splits(self) -> tuple[str, ...]:
        return tuple(self._lists())

    def _lists(self) -> dict[str, tuple[str, str]]:
        """Return the splits that are here, each with its folder and part; a language has one code or its own names."""
        data = find_folder(self.root, ["data", "."])
        found = {}
        for folder in subfolders(data):
            for part, suffix in PARTS.items():
                if (data / folder / f"{part}.tsv").is_file():
                    found[folder + suffix] = found[self.language_of(folder) + suffix] = (folder, part)
        return found

    def read_corpus(self, split: str) -> CorpusRows:
        name, part = self._lists()[split]
        folder = find_folder(self.root, ["data", "."]) / name
        audio = folder / "audio" / part
        rows = [
            Row(
                where=where,
                id=cells["file"].removesuffix(".wav"),
                audio=(AudioRef(audio / cells["file"]),),
                references=(cells["normalised"],),
                groups={"gender": cells["gender"].lower()},
            )
            for where, cells in read_table(folder / f"{part}.tsv", columns=COLUMNS[:4], delimiter="\t", header=COLUMNS)
        ]
        self.require_audio(split, audio, any(row.has_audio for row in rows))
        return CorpusRows(rows)
