"""TUT Acoustic Scenes 2017: which of fifteen scenes a clip of 10 s was recorded in.

One item, as the evaluation set has it (a tab between file and label):

    TUT-acoustic-scenes-2017-evaluation/audio/1.wav
    TUT-acoustic-scenes-2017-evaluation/meta.txt:    audio/1.wav	cafe/restaurant

Source: Mesaros et al. 2016, "TUT database for acoustic scene classification and sound event detection", and DCASE 2017,
task 1; https://zenodo.org/records/1040168. Labels are spelt with underscores and a slash (`cafe/restaurant`,
`residential_area`); they are asked for and read in words. The development set of the same challenge, if it is here, is
the split `development`.
"""

from evaluate.corpus import CorpusRows, find_folder, read_table
from evaluate.corpus_task import CorpusTask
from evaluate.manifest import Row
from evaluate.protocols import SCENE
from evaluate.types import AudioRef

FOLDER = "TUT-acoustic-scenes-2017-{}"
LISTS = ("meta.txt", "evaluation_setup/evaluate.txt")


class TUT2017(CorpusTask):
    """Accuracy over fifteen scenes."""

    name, version, kind, language = "tut2017", "1", "classification", "en"
    description = "acoustic scenes, DCASE 2017"
    source = "https://zenodo.org/records/1040168"
    splits = ("evaluation", "development")
    official_sizes = {"evaluation": 1620, "development": 4680}
    default_splits = ("evaluation",)
    metrics = ("accuracy", "macro_f1")
    choices = (
        *("beach", "bus", "cafe or restaurant", "car", "city center", "forest path", "grocery store", "home"),
        *("library", "metro station", "office", "park", "residential area", "train", "tram"),
    )
    aliases = {
        "cafe or restaurant": ("cafe/restaurant", "cafe", "café", "restaurant"),
        "city center": ("city centre",),
        "grocery store": ("supermarket",),
        "metro station": ("metro", "subway station"),
    }
    prompt = "Which acoustic scene was this recorded in? Answer with one of: {choices}."
    protocols = SCENE
    top_folders = (FOLDER.format("evaluation"), "TUT2017")
    split_names = {"evaluation": ("eval", "test"), "development": ("dev",)}

    def train_split_of(self, split: str) -> str:
        return "development"

    def corpus_splits(self) -> tuple[str, ...]:
        here = {split: find_folder(self.data_dir, [FOLDER.format(split)]) for split in self.splits}
        return tuple(split for split, folder in here.items() if folder.is_dir())

    def read_corpus(self, split: str) -> CorpusRows:
        folder = find_folder(self.data_dir, [FOLDER.format(split)])
        path = next((folder / name for name in LISTS if (folder / name).is_file()), folder / LISTS[0])
        columns = ("file", "scene", "recording")
        rows = [
            Row(
                where=where,
                id=cells["file"].removeprefix("audio/").removesuffix(".wav"),
                audio=(AudioRef(folder / cells["file"]),),
                references=(cells["scene"],),
                groups={"recording": cells["recording"]} if cells["recording"] else {},
            )
            for where, cells in read_table(path, columns=columns[:2], delimiter="\t", header=columns)
        ]
        return CorpusRows(rows)
