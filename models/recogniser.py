"""What families of speech recognisers share: what they refuse, and what turns audio into features."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from evaluate.errors import ModelOutputError
from evaluate.model import several_clips
from evaluate.task import Task
from evaluate.types import Sample
from models.conventions import MODEL_TYPES
from models.pretrained import Pretrained


class Recogniser(Pretrained):
    """A checkpoint that writes down what is said in one clip."""

    sample_rate_hz = 16_000
    kinds: frozenset[str] = frozenset({"asr"})  # of tasks that it does

    def accepts(self, model_type: str) -> bool:
        return model_type in MODEL_TYPES[self.family]

    @property
    def _model_type(self) -> str:
        return str(self._config.get("model_type"))

    def refusal(self, task: Task, asked: Sequence[Sample]) -> str | None:
        if self._checkpoint.folder is None:
            self._check_type()  # a hub id; a folder was looked into at once
        if task.kind not in self.kinds:
            return f"{self._what()} transcribes, it does not do {task.kind}"
        return several_clips(asked) or next(filter(None, map(self._language_refusal, languages_of(asked))), None)

    def _what(self) -> str:
        return f"a checkpoint of {self.family}:"

    def _language_refusal(self, languages: tuple[str, str]) -> str | None:
        """Return why speech in one language cannot be written down in another, or None."""
        return None

    def shown_prompt(self, sample: Sample) -> str:
        return ""  # no words are sent

    def _moved(self, inputs: Any) -> dict[str, Any]:
        """Return the tensors of a processor's output on the model's device, numbers in its dtype.

        Raises:
            ModelOutputError: A clip is so short, or so broken, that its features are not finite: what a model makes
                of them is no answer.
        """
        import torch

        moved = {}
        for name, value in inputs.items():
            if not isinstance(value, torch.Tensor):
                moved[name] = value
            elif value.is_floating_point():
                if not torch.isfinite(value).all():
                    raise ModelOutputError("the clip gives no finite features: it is too short, or not finite itself")
                moved[name] = value.to(self._model.device, self._model.dtype)
            else:
                moved[name] = value.to(self._model.device)
        return moved


@dataclass(frozen=True, slots=True)
class FrontEndAndTokenizer:
    """What turns audio into features, and symbols into text, without the processor around them.

    The processor of a checkpoint that brings a language model needs that model's libraries, even where only the
    acoustic model is asked.
    """

    feature_extractor: Any
    tokenizer: Any

    @classmethod
    def from_pretrained(
        cls, where: str, *, revision: str = "main", trust_remote_code: bool = False, **tokenizer_settings: Any
    ) -> "FrontEndAndTokenizer":
        """Load both from a folder or the hub."""
        from transformers import AutoFeatureExtractor, AutoTokenizer

        common = {"revision": revision, "trust_remote_code": trust_remote_code}
        return cls(
            AutoFeatureExtractor.from_pretrained(where, **common),
            AutoTokenizer.from_pretrained(where, **common, **tokenizer_settings),
        )


def languages_of(samples: Iterable[Sample]) -> list[tuple[str, str]]:
    """Return every pair of languages that occurs: of the speech, and of what is written down."""
    return sorted({language_pair(sample) for sample in samples})


def language_pair(sample: Sample) -> tuple[str, str]:
    """Return the language of a sample's speech, and that of its references."""
    return sample.language, sample.answer_language or sample.language
