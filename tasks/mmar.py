"""MMAR: questions that take several steps of reasoning about sound, music, speech and their mixtures, with options.

One item, as the benchmark has it (the question is of an item, the other values show the form):

    MMAR/audio/BV1KN4y1j7zE_00-00-28_00-00-50.wav
    MMAR/MMAR-meta.json:
        [{"id": "BV1KN4y1j7zE_00-00-28_00-00-50", "audio_path": "./audio/BV1KN4y1j7zE_00-00-28_00-00-50.wav",
          "question": "What story is related to the content in the audio",
          "choices": ["Snow White", "Little Red Riding Hood", "Cinderella", "Sleeping Beauty"], "answer": "Snow White",
          "modality": "mix-sound-music-speech", "category": "Semantic Layer", "sub-category": "Content Analysis",
          "language": "…", "source": "…", "url": "…", "timestamp": "…"}, …]

Source: Ma et al. 2025, "MMAR: A Challenging Benchmark for Deep Reasoning in Speech, Audio, Music, and Their Mix";
https://github.com/ddlBoJack/MMAR. A thousand questions: sound 165, music 206, speech 294, mix-sound-music 11,
mix-sound-speech 218, mix-music-speech 82, mix-sound-music-speech 24; questions and options may be in Chinese and other
languages. The list of the repository is JSONL, that of the hub JSON: both are read.

Published are the share of right answers by modality, category and sub-category, and over all questions, which
`accuracy` and its groups are. The published script is MMAU's: `--protocol mmau` repeats it, see otoscope tasks mmau.
"""

from pathlib import Path

from evaluate.corpus import CorpusRows
from evaluate.manifest import Row, as_texts
from evaluate.multiple_choice import MultipleChoiceTask, clip_at, items_of
from evaluate.types import AudioRef
from tasks.mmau import STRING_MATCH

LISTS = ("MMAR-meta.json", "MMAR-meta.jsonl")


class MMAR(MultipleChoiceTask):
    """Accuracy over all questions, and by modality and layer."""

    name, version = "mmar", "1"
    description = "reasoning about sound, music, speech and mixtures, with options"
    source = "https://github.com/ddlBoJack/MMAR"
    splits = ("test",)
    official_sizes = {"test": 1000}
    default_splits = ("test",)
    protocols = {"mmau": STRING_MATCH}
    categories = ("modality", "category", "sub-category")
    top_folders = ("MMAR",)
    reference_fields = ("answer",)
    group_fields = {"modality": "modality", "category": "category", "sub-category": "sub-category"}

    def corpus_splits(self) -> tuple[str, ...]:
        return self.splits if self._list else ()

    @property
    def _list(self) -> Path | None:
        return next((path for name in LISTS if (path := self.root / name).is_file()), None)

    def read_corpus(self, split: str) -> CorpusRows:
        path = self._list
        assert path is not None, "only splits that are here are read"
        rows = [
            Row(
                where=f"{path}: item {number}",
                id=str(item["id"]),
                audio=(AudioRef(clip_at(path.parent, str(item["audio_path"]))),),
                references=as_texts(item["answer"]),
                question=str(item["question"]),
                fields=item,
            )
            for number, item in items_of(path, ("id", "audio_path", "question", "answer"))
        ]
        return CorpusRows(self.prepared(rows, split))
