"""Common Voice 15: read sentences of volunteers, a split per language.

The form of an item (tabs between the columns; quotation marks are characters like any other):

    cv-corpus-15.0-2023-09-08/fr/clips/common_voice_fr_….mp3
    cv-corpus-15.0-2023-09-08/fr/test.tsv:   client_id  path  sentence  up_votes  …

`en`, `zh`, `yue` and `fr` are those that papers report, each the test part of its language; any other folder of the
release can be named (`de`, `zh-HK`), and other parts as `fr-dev`.

Source: Ardila et al. 2020, "Common Voice: A Massively-Multilingual Speech Corpus"; https://commonvoice.mozilla.org.
Clips are MP3, decoded from the file by libsndfile.
"""

from evaluate.corpus import CorpusRows, read_table, subfolders
from evaluate.manifest import Row
from evaluate.protocols import ASR
from evaluate.speech_task import SpeechTask
from evaluate.types import AudioRef, primary_subtag

FOLDERS = {"en": "en", "zh": "zh-CN", "yue": "yue", "fr": "fr"}
PARTS = ("dev", "train", "validated", "other")


class CommonVoice(SpeechTask):
    """Corpus WER or CER per language."""

    name, version = "common_voice", "1"
    description = "read sentences of volunteers, release 15"
    source = "https://commonvoice.mozilla.org"
    languages = tuple(FOLDERS)
    splits = tuple(FOLDERS)
    default_splits = splits
    protocols = {"qwen2-audio": ASR["qwen2-audio"]}
    top_folders = ("cv-corpus-15.0-2023-09-08", "cv-corpus-15.0", "common_voice_15_0", "CommonVoice15")
    evaluation_lists = tuple(f"cv15_asr_{language}_eval.jsonl" for language in FOLDERS)
    reference_fields = ("sentence",)

    def language_of(self, split: str) -> str:
        return primary_subtag(split)

    def dataset_splits(self, split: str) -> tuple[str, ...]:
        return (_language_and_part(split)[1],)

    def corpus_splits(self) -> tuple[str, ...]:
        names = {folder: split for split, folder in FOLDERS.items()}
        folders = {names.get(folder, folder): folder for folder in subfolders(self.root)}
        parts = {"test": "", **{part: f"-{part}" for part in PARTS}}
        return tuple(
            split + suffix
            for part, suffix in parts.items()
            for split, folder in folders.items()
            if (self.root / folder / f"{part}.tsv").is_file()
        )

    def read_corpus(self, split: str) -> CorpusRows:
        language, part = _language_and_part(split)
        folder = self.root / FOLDERS.get(language, language)
        rows = [
            Row(
                where=where,
                id=cells["path"].removesuffix(".mp3"),
                audio=(AudioRef(folder / "clips" / cells["path"]),),
                references=(cells["sentence"],),
                groups={"speaker": cells["client_id"]},
            )
            for where, cells in read_table(
                folder / f"{part}.tsv", columns=["client_id", "path", "sentence"], delimiter="\t"
            )
        ]
        return CorpusRows(rows)


def _language_and_part(split: str) -> tuple[str, str]:
    """Return both of a split: `fr-dev`, or `zh-HK`, whose part is test."""
    language, _, part = split.rpartition("-")
    return (language, part) if part in PARTS else (split, "test")
