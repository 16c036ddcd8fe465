"""VocalSound: which of six vocal sounds a clip holds.

One item, as the 16-kHz release has it, the label being a class of AudioSet:

    vs_release_16k/audio_16k/f0003_0_laughter.wav
    vs_release_16k/datafiles/te.json:
        {"data": [{"wav": "…/audio_16k/f0003_0_laughter.wav", "labels": "/m/01j3sz"}, …]}

Source: Gong, Yu and Glass 2022, "VocalSound: A Dataset for Improving Human Vocal Sounds Recognition";
https://github.com/YuanGongND/vocalsound. Paths in the lists are those of their authors' machine; only names are used.
"""

from pathlib import PurePosixPath
from typing import Any

from evaluate.corpus import CorpusRows, find_folder, read_json
from evaluate.corpus_task import CorpusTask
from evaluate.errors import ManifestError
from evaluate.manifest import Row
from evaluate.protocols import Protocol
from evaluate.types import AudioRef

CLASSES = {
    "/m/01j3sz": "laughter",
    "/m/07plz5l": "sigh",
    "/m/01b_21": "cough",
    "/m/0dl9sf8": "throat clearing",
    "/m/01hsr_": "sneeze",
    "/m/07ppn3j": "sniff",
}
LISTS = {"test": "te.json", "val": "val.json", "train": "tr.json"}


class VocalSound(CorpusTask):
    """Accuracy over six vocal sounds."""

    name, version, kind, language = "vocalsound", "1", "classification", "en"
    description = "vocal sounds"
    source = "https://github.com/YuanGongND/vocalsound"
    splits = tuple(LISTS)
    official_sizes = {"test": 3594, "val": 1860, "train": 15570}
    default_splits = ("test",)
    metrics = ("accuracy", "macro_f1")
    choices = tuple(CLASSES.values())
    aliases = {
        "laughter": ("laughing", "laugh", "laughs"),
        "sigh": ("sighing", "sighs"),
        "cough": ("coughing", "coughs"),
        "throat clearing": ("throatclearing", "clearing throat", "clearing his throat", "clearing her throat"),
        "sneeze": ("sneezing", "sneezes"),
        "sniff": ("sniffing", "sniffs"),
    }
    prompt = "Which vocal sound is this? Answer with one of: {choices}."
    protocols = {
        "qwen-audio": Protocol(
            "<|startofanalysis|><|en|><|keyword|><|en|><|notimestamps|><|vocal_classification|>", 4, ("accuracy",)
        ),
        "qwen2-audio": Protocol("Classify the human vocal sound to VocalSound in English:", 256, ("accuracy",)),
    }
    top_folders = ("vs_release_16k", "vocalsound", "VocalSound_release_16k")

    def corpus_splits(self) -> tuple[str, ...]:
        return tuple(split for split, name in LISTS.items() if (self.root / "datafiles" / name).is_file())

    def read_corpus(self, split: str) -> CorpusRows:
        path = self.root / "datafiles" / LISTS[split]
        clips = find_folder(self.root, ["audio_16k", "data_16k", "audio"])
        listed = read_json(path)
        items = listed.get("data") if isinstance(listed, dict) else None
        if not isinstance(items, list):
            raise ManifestError(f'{path}: expected {{"data": [{{"wav": …, "labels": …}}, …]}}, as the corpus has it')
        return CorpusRows(sorted((self._row(f"{path}:{n}", clips, item) for n, item in enumerate(items)), key=_by_id))

    def _row(self, where: str, clips: Any, item: Any) -> Row:
        try:
            name, label = PurePosixPath(item["wav"]).name, CLASSES[item["labels"]]
        except (KeyError, TypeError) as error:
            raise ManifestError(
                f"{where}: found {item!r}, expected wav and one of the labels {list(CLASSES)}"
            ) from error
        return Row(where=where, id=PurePosixPath(name).stem, audio=(AudioRef(clips / name),), references=(label,))

    def groups_of(self, row: Row) -> dict[str, str]:
        speaker = row.id.partition("_")[0]  # f0003_0_laughter
        return {"speaker": speaker, "sex": {"f": "female", "m": "male"}.get(speaker[:1], "unknown")}


def _by_id(row: Row) -> str:
    return row.id
