"""AIR-Bench chat: open questions about speech, sounds and music, scored by a judge, a split per kind of audio.

The form of an item; its clip lies in a folder named by task and source:

    AIR-Bench-Dataset/Chat/speech_QA_common_voice_13.0_en/….wav
    AIR-Bench-Dataset/Chat/Chat_meta.json:
        [{"uniq_id": …, "task_name": "speech_QA", "dataset_name": "common_voice_13.0_en", "path": "….wav",
          "question": "…", "answer_gt": "…", "meta_info": "what the clip holds, in words", …}, …]

Source: Yang et al. 2024, "AIR-Bench: Benchmarking Large Audio-Language Models via Generative Comprehension";
https://github.com/OFA-Sys/AIR-Bench. The list of the Qwen2-Audio evaluation (`airbench_level_3_eval.jsonl`) holds
no answers, and nothing to judge by; which kind of audio a question is about is told by the folder of its clip.
"""

from pathlib import Path

from evaluate.corpus import CorpusRows, find_folder, read_json
from evaluate.corpus_task import CorpusTask
from evaluate.errors import ManifestError
from evaluate.manifest import Row
from evaluate.protocols import Protocol
from evaluate.types import AudioRef

FIELDS = ("task_name", "dataset_name", "path", "question", "answer_gt")


class AirBenchChat(CorpusTask):
    """The judge's score per kind of audio."""

    name, version, kind, language = "airbench_chat", "1", "chat", "en"
    description = "open questions about speech, sounds, music and mixtures"
    source = "https://huggingface.co/datasets/qyang1021/AIR-Bench-Dataset"
    splits = ("speech", "sound", "music", "mixed")
    default_splits = splits
    metrics = ("judge",)
    prompt = "{question}"
    rubric = "air-bench"
    protocols = {"qwen2-audio": Protocol("{question}", 256, ("judge",))}
    top_folders = ("AIR-Bench-Dataset", "AIR-Bench", "airbench")
    evaluation_lists = ("airbench_level_3_eval.jsonl", "airbench-level-3.jsonl")
    reference_fields = ("answer_gt",)
    context_field = "meta_info"  # only the judge gets it
    id_fields = ("uniq_id",)

    def corpus_splits(self) -> tuple[str, ...]:
        return self.splits if self._meta.is_file() else ()

    @property
    def _meta(self) -> Path:
        return find_folder(self.root, ["Chat", "."]) / "Chat_meta.json"

    def prepared(self, rows: list[Row], split: str) -> list[Row]:
        """Return the rows of a split, whose kind of audio the name of the clip's folder tells."""
        kinds = [_kind_of_audio(row.audio[0].path.parent.name) if row.audio else "" for row in rows]
        return [row for row, kind in zip(rows, kinds, strict=True) if kind == split or kind not in self.splits]

    def read_corpus(self, split: str) -> CorpusRows:
        items = read_json(self._meta)
        rows = []
        for number, item in enumerate(items if isinstance(items, list) else [items]):
            where = f"{self._meta}: item {number}"
            if not isinstance(item, dict) or not all(isinstance(item.get(field), str) for field in FIELDS):
                raise ManifestError(f"{where}: expected an object with {', '.join(FIELDS)}, as the benchmark has it")
            if _kind_of_audio(item["task_name"]) == split:
                folder = f"{item['task_name']}_{item['dataset_name']}"
                rows.append(
                    Row(
                        where=where,
                        id=str(item.get("uniq_id", number)),
                        audio=(AudioRef(self._meta.parent / folder / item["path"]),),
                        references=(item["answer_gt"],),
                        question=item["question"],
                        fields={self.context_field: item.get(self.context_field)},
                        groups={"task": item["task_name"]},
                    )
                )
        return CorpusRows(rows)


def _kind_of_audio(task: str) -> str:
    """Return the split of a task: `speech_and_music_QA` is of mixtures, `music_QA` of music."""
    first, second, *_ = [*task.split("_"), ""]
    return "mixed" if second == "and" else first
