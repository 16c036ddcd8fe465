"""AIR-Bench foundation: nineteen skills of hearing, from the gender of a speaker to the mood of music, with options.

One item, as the benchmark has it; its clip lies in a folder named by skill and source:

    AIR-Bench-Dataset/Foundation/Speaker_Age_Prediction_common_voice_13.0_en/….mp3
    AIR-Bench-Dataset/Foundation/Foundation_meta.json:
        [{"uniq_id": 5973, "task_name": "Speaker_Age_Prediction", "dataset_name": "common_voice_13.0_en",
          "path": "….mp3", "question": "Which age range do you believe best matches the speaker's voice?",
          "choice_a": "teens to twenties", "choice_b": "thirties to fourties", "choice_c": "fifties to sixties",
          "choice_d": "seventies to eighties", "answer_gt": "thirties to fourties"}, …]

Some questions offer two or three options. The clips of Audio_Grounding are FLAC where the list says WAV.

Source: Yang et al. 2024, "AIR-Bench: Benchmarking Large Audio-Language Models via Generative Comprehension";
https://github.com/OFA-Sys/AIR-Bench, whose prompt this is (Inference_Foundation.py), but that letters stand in brackets
and options which are not there are not offered as "None". How many questions there are is what the list holds; about 25
thousand were released.

Published is the accuracy of each skill, and as average the mean over skills: `macro_accuracy`. Here a skill is one of
the nineteen task names; the script prints each of their sources apart. That script takes the first character of an
answer as its letter, or the last but one, and leaves answers out where neither is one; before that, GPT-3.5 maps what
is no letter to an option, at random where none fits. Here nothing is guessed: what names no option is wrong.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evaluate.corpus import CorpusRows, find_folder
from evaluate.manifest import Row, as_texts
from evaluate.metrics.settings import MetricSettings
from evaluate.multiple_choice import MultipleChoiceTask, clip_at, items_of
from evaluate.types import AudioRef

SOUND = ("Acoustic_Scene_Classification", "Audio_Grounding", "Sound_AQA", "vocal_sound_classification")
FIELDS = ("task_name", "dataset_name", "path", "question", "choice_a", "choice_b", "answer_gt")


class AirBenchFoundation(MultipleChoiceTask):
    """Accuracy averaged over nineteen skills, by skill, and by speech, sound and music."""

    name, version = "airbench_foundation", "1"
    description = "nineteen skills on speech, sound and music, with options"
    source = "https://huggingface.co/datasets/qyang1021/AIR-Bench-Dataset"
    splits = ("test",)
    default_splits = ("test",)
    metrics = ("macro_accuracy", "accuracy")
    prompt = (
        "Choose the most suitable answer from options A, B, C, and D to respond the question in next line, you may "
        "only choose A or B or C or D.\n{question}\n{options}"
    )
    categories = ("audio", "task")
    top_folders = ("AIR-Bench-Dataset", "AIR-Bench", "airbench")
    reference_fields = ("answer_gt",)
    id_fields = ("uniq_id",)
    group_fields = {"task": "task_name", "dataset": "dataset_name"}

    def corpus_splits(self) -> tuple[str, ...]:
        return self.splits if self._meta.is_file() else ()

    @property
    def _meta(self) -> Path:
        return find_folder(self.root, ["Foundation", "."]) / "Foundation_meta.json"

    def official_size(self, split: str, rows: Sequence[Row]) -> int | None:
        return len(rows)

    def groups_of(self, row: Row) -> dict[str, str]:
        found = super().groups_of(row)
        return {**found, "audio": kind_of_audio(found["task"])} if "task" in found else found

    def metric_settings(self, split: str) -> dict[str, MetricSettings]:
        found = super().metric_settings(split)
        return {**found, "macro_accuracy": replace(found["macro_accuracy"], group="task")}

    def read_corpus(self, split: str) -> CorpusRows:
        rows = []
        for number, item in items_of(self._meta, FIELDS):
            folder = find_folder(self._meta.parent, [f"{item['task_name']}_{item['dataset_name']}"])
            rows.append(
                Row(
                    where=f"{self._meta}: item {number}",
                    id=str(item.get("uniq_id", number)),
                    audio=(AudioRef(clip_at(folder, str(item["path"]))),),
                    references=as_texts(item["answer_gt"]),
                    question=str(item["question"]),
                    fields=item,
                )
            )
        return CorpusRows(self.prepared(rows, split))


def kind_of_audio(skill: str) -> str:
    """Return what a skill listens to: all that is neither one of four on sounds nor called music is speech."""
    return "sound" if skill in SOUND else "music" if skill.startswith("Music") else "speech"
