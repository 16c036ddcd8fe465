"""Speech recognition: what LibriSpeech, AISHELL, Common Voice and their like share."""

from collections.abc import Mapping

from evaluate.corpus_task import CorpusTask
from evaluate.protocols import ASR, Protocol
from evaluate.types import SPACELESS


class SpeechTask(CorpusTask):
    """Corpus word error rate, or character error rate where words are not set apart by spaces."""

    kind = "asr"
    metrics: tuple[str, ...] = ("wer", "cer", "ser")
    prompt = "Transcribe the {language_name} speech."
    protocols: Mapping[str, Protocol] = ASR

    def metrics_of(self, split: str) -> tuple[str, ...]:
        metrics = super().metrics_of(split)
        return tuple(name for name in metrics if name != "wer") if self.language_of(split) in SPACELESS else metrics
