"""CoVoST 2: speech translation of Common Voice recordings, a split per direction, scored by corpus BLEU.

One item: the clip and its sentence as Common Voice 4 has them, the translation as CoVoST 2 has it (tabs between):

    cv-corpus-4-2019-12-10/en/clips/common_voice_en_699711.mp3
    cv-corpus-4-2019-12-10/en/validated.tsv:   … common_voice_en_699711.mp3   "She'll be all right."   …
    covost2/covost_v2.en_zh-CN.tsv:            common_voice_en_699711.mp3   她会没事的。   test

Also read: one file per split with the sentence in it (`covost_v2.en_zh-CN.test.tsv`), and everything in one folder per
direction (`covost2_en_zh/`). A split is a direction such as `en-de` (its test part), or `ja-en-dev` for another part.

Source: Wang et al. 2020, "CoVoST 2 and Massively Multilingual Speech-to-Text Translation";
https://github.com/facebookresearch/covost. It is defined on Common Voice 4; later releases lack clips, and a score on
what is left is not that of the paper: read the coverage. Clips are MP3, decoded from the file by libsndfile, which
keeps to the length that the encoder noted; other decoders may add some milliseconds in front.
"""

import re
from pathlib import Path
from typing import NamedTuple

from evaluate.corpus import CorpusRows, find_folder, read_table, subfolders
from evaluate.corpus_task import CorpusTask
from evaluate.manifest import Row, is_there
from evaluate.protocols import TRANSLATION
from evaluate.types import AudioRef, primary_subtag

PARTS = ("test", "dev", "train")
_LIST = re.compile(r"covost_v2\.(?P<speech>[A-Za-z-]+)_(?P<text>[A-Za-z-]+)(?:\.(?P<part>test|dev|train))?\.tsv")
_COMMON_VOICE = ("cv-corpus-4-2019-12-10", "cv-corpus-4", "CommonVoice4", "common_voice")


class _List(NamedTuple):
    """A list of translations, and what of a split it holds."""

    path: Path
    speech: str  # the language as Common Voice names it, e.g. zh-CN
    part: str


class CoVoST2(CorpusTask):
    """Corpus BLEU per direction, tokenised as the target language needs it."""

    name, version, kind = "covost2", "1", "translation"
    description = "speech translation, Common Voice"
    source = "https://github.com/facebookresearch/covost"
    languages = ("de", "en", "es", "fr", "it", "zh")
    splits = ("en-de", "de-en", "en-zh", "zh-en", "es-en", "fr-en", "it-en")
    default_splits = splits
    official_sizes = dict(zip(splits, (15531, 13511, 15531, 4898, 13221, 14760, 8951), strict=True))
    metrics = ("bleu", "chrf", "comet")
    prompt = "Translate the {language_name} speech into {answer_language_name}. Answer with the translation only."
    protocols = TRANSLATION
    top_folders = ("covost2",)
    reference_fields = ("translation",)

    def language_of(self, split: str) -> str:
        return split.split("-")[1] if "-" in split else ""

    def spoken_language(self, split: str) -> str:
        return split.split("-")[0]

    def dataset_splits(self, split: str) -> tuple[str, ...]:
        part = (*split.split("-"), "test")[2]
        return ("dev", "validation") if part == "dev" else (part,)

    def corpus_splits(self) -> tuple[str, ...]:
        return tuple(self._lists())

    def _lists(self) -> dict[str, _List]:
        """Return the splits that a list is here of; a list of all parts may lack one."""
        found = {}
        folders = [self.data_dir / name for name in subfolders(self.data_dir) if "covost" in name.lower()]
        for path in sorted(path for folder in folders for path in folder.rglob("covost_v2.*.tsv")):
            if match := _LIST.fullmatch(path.name):
                direction = f"{primary_subtag(match['speech'])}-{primary_subtag(match['text'])}"
                for part in [match["part"]] if match["part"] else PARTS:
                    found[direction if part == "test" else f"{direction}-{part}"] = _List(path, match["speech"], part)
        return found

    def read_corpus(self, split: str) -> CorpusRows:
        path, speech, part = self._lists()[split]
        folder = find_folder(find_folder(self.data_dir, _COMMON_VOICE), [speech])
        folders = [path.parent / "clips", path.parent, folder / "clips", path.parent / speech / "clips"]
        said = _sentences([*folder.glob("*.tsv"), *(path.parent / f"{one}.tsv" for one in (*PARTS, "validated"))])
        rows = []
        for where, cells in read_table(path, columns=["path", "translation"], delimiter="\t"):
            if cells.get("split", part) == part:
                clip = cells["path"]
                audio = next((one / clip for one in folders if is_there(one / clip)), folders[0] / clip)
                sentence, speaker = said.get(clip, (cells.get("sentence", ""), cells.get("client_id", "")))
                rows.append(
                    Row(
                        where=where,
                        id=Path(clip).stem,
                        audio=(AudioRef(audio),),
                        references=(cells["translation"],),
                        source_text=sentence,
                        groups={"speaker": speaker} if speaker else {},
                    )
                )
        return CorpusRows(rows)


def _sentences(paths: list[Path]) -> dict[str, tuple[str, str]]:
    """Return clip to sentence and speaker, of Common Voice's own lists."""
    return {
        cells["path"]: (cells["sentence"], cells["client_id"])
        for path in paths
        if path.is_file()
        for _, cells in read_table(path, columns=["client_id", "path"], delimiter="\t")
        if "sentence" in cells
    }
