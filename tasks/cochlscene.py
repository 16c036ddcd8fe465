"""CochlScene: which of thirteen scenes a clip of 10 s was recorded in.

One item, as the corpus has it, the folder being the label:

    CochlScene/Test/Park/Park_user0807_14976869_001.wav

Source: Jeong and Park 2022, "CochlScene: Acquisition of acoustic scene data using crowdsourcing";
https://zenodo.org/records/7080122. The archive holds Train, Val and Test; published scores are of Test alone.
"""

from evaluate.corpus import CorpusRows, audio_files, find_folder, subfolders
from evaluate.corpus_task import CorpusTask
from evaluate.manifest import Row
from evaluate.protocols import SCENE
from evaluate.types import AudioRef


class CochlScene(CorpusTask):
    """Accuracy over thirteen scenes."""

    name, version, kind, language = "cochlscene", "1", "classification", "en"
    description = "acoustic scenes, crowdsourced"
    source = "https://zenodo.org/records/7080122"
    splits = ("test", "val", "train")
    official_sizes = {"test": 7687, "val": 7573, "train": 60855}
    default_splits = ("test",)
    metrics = ("accuracy", "macro_f1")
    choices = (
        *("bus", "cafe", "car", "crowded indoor", "elevator", "kitchen", "park", "residential area", "restaurant"),
        *("restroom", "street", "subway", "subway station"),
    )
    aliases = {
        "cafe": ("café", "coffee shop"),
        "crowded indoor": ("CrowdedIndoor",),  # how the corpus spells it
        "elevator": ("lift",),
        "residential area": ("ResidentialArea",),
        "restroom": ("bathroom", "toilet"),
        "subway": ("metro",),
        "subway station": ("SubwayStation", "metro station"),
    }
    prompt = "Which acoustic scene was this recorded in? Answer with one of: {choices}."
    protocols = SCENE
    top_folders = ("CochlScene",)

    def corpus_splits(self) -> tuple[str, ...]:
        return tuple(name.lower() for name in subfolders(self.root))

    def read_corpus(self, split: str) -> CorpusRows:
        folder = find_folder(self.root, [split.capitalize()])
        clips = audio_files(folder, "*/*")
        return CorpusRows(
            [
                Row(where=str(path), id=name, audio=(AudioRef(path),), references=(path.parent.name,))
                for name, path in clips.items()
            ]
        )

    def groups_of(self, row: Row) -> dict[str, str]:
        scene, _, rest = row.id.partition("_")  # class, user, recording, number of the clip in it
        return {"recording": rest.rsplit("_", 1)[0]} if scene and rest.count("_") == 2 else {}
