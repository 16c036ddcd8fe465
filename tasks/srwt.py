"""SRWT: speech recognition with word timestamps, from a list of one's own.

The set of the published figures is closed; the evaluation's own form of list is read (`industrial_srwt_eval.jsonl` in
the data folder or in its `srwt/`, or any with --manifest), timestamps in seconds with words between them:

    {"audio": "001001.wav", "gt": "<|0.00|><|sil|><|0.54|>面<|0.86|>条<|1.17|>机<|1.46|><|sil|><|2.01|>",
     "source": "aishell2"}

Source: QwenLM/Qwen-Audio, EVALUATION.md, and arXiv:2305.11013, whose industrial data it is. The text by itself is
scored by `cer`, with the timestamps taken out by the published recipe.
"""

from dataclasses import replace

from evaluate.corpus import CorpusRows
from evaluate.corpus_task import CorpusTask
from evaluate.manifest import Row
from evaluate.metrics.settings import MetricSettings
from evaluate.protocols import Protocol


class Srwt(CorpusTask):
    """Accumulated average shift of the word boundaries, and what was recognised."""

    name, version, kind, language = "srwt", "1", "timestamps", "zh"
    description = "Mandarin speech with word timestamps, from a list"
    source = "a list of one's own (the published set, arXiv:2305.11013, is closed)"
    splits = ("test",)
    default_splits = splits
    metrics = ("aas", "boundary_accuracy", "cer")
    prompt = (
        "Transcribe the {language_name} speech word by word, with a time in seconds before each word and after the "
        "last, in this form: <|0.00|>word<|0.54|>word<|0.86|>"
    )
    protocols = {
        "qwen-audio": Protocol(
            "<|startoftranscript|><|{language}|><|transcribe|><|{language}|><|timestamps|><|0.00|>", 256, ("aas", "cer")
        )
    }
    top_folders = ("srwt",)
    evaluation_lists = ("industrial_srwt_eval.jsonl", "srwt_eval.jsonl")

    def corpus_splits(self) -> tuple[str, ...]:
        return ()

    def read_corpus(self, split: str) -> CorpusRows:
        raise self.not_here(split, "there is no corpus of it")

    def groups_of(self, row: Row) -> dict[str, str]:
        return {"source": row.source} if row.source else {}  # as that evaluation, which scores each by itself

    def metric_settings(self, split: str) -> dict[str, MetricSettings]:
        settings = super().metric_settings(split)
        return settings | {"cer": replace(settings["cer"], normalizer="qwen-audio")}  # takes <|…|> out
