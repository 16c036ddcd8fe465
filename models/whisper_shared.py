"""What both adapters of Whisper share: what is refused, what is told, and windows of 30 s."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from evaluate.model import ModelAdapter, several_clips
from evaluate.task import Task
from evaluate.types import GenerationOptions, Output, Request, Sample

WINDOW_S = 30.0
SAMPLE_RATE_HZ = 16_000
WINDOW_FRAMES = int(WINDOW_S * SAMPLE_RATE_HZ)
MULTILINGUAL_VOCABULARY = 51_865  # tokens, or more; English-only ones have one less


@dataclass(frozen=True, slots=True)
class WhisperFacts:
    """What is known of a checkpoint before it is loaded."""

    is_multilingual: bool
    languages: frozenset[str]  # that it has a token for; empty: not said
    max_length: int  # tokens of prompt and answer

    @property
    def prompt_length(self) -> int:
        """Tokens before the first new one: start, language, task and "no timestamps"; English-only has two of them."""
        return 4 if self.is_multilingual else 2


class AnyWhisper(ModelAdapter):
    """A Whisper checkpoint, whatever runs it."""

    sample_rate_hz = SAMPLE_RATE_HZ

    @property
    @abstractmethod
    def _facts(self) -> WhisperFacts:
        """What the checkpoint's files say of it."""

    def refusal(self, task: Task, asked: Sequence[Sample]) -> str | None:
        if task.kind != "asr":
            return f"a Whisper checkpoint transcribes, it does not do {task.kind}"
        languages = sorted({sample.language for sample in asked})  # a manifest's lines may each name their own
        return several_clips(asked) or next(filter(None, map(self._language_refusal, languages)), None)

    def _language_refusal(self, language: str) -> str | None:
        if not self._facts.is_multilingual:
            return None if language == "en" else f"the checkpoint is English-only, the speech is in {language!r}"
        if not language:
            return "no language is named, and Whisper is always told it; add `language` to the task or the manifest"
        if self._facts.languages and language not in self._facts.languages:
            return f"the checkpoint has no language token for {language!r}"
        return None

    def shown_prompt(self, sample: Sample) -> str:
        told = f"<|{sample.language}|><|transcribe|>" if self._facts.is_multilingual else ""
        return f"<|startoftranscript|>{told}<|notimestamps|>"  # over 30 s without the last one

    def padded_seconds(self, duration_s: float) -> float:
        return max(duration_s, WINDOW_S)  # every clip is padded to a whole window

    def _transcribe(self, batch: Sequence[Request], options: GenerationOptions) -> Iterator[Output]:
        """Answer clips of up to a window together, and each longer recording by itself."""
        short = [request for request in batch if request.waveforms[0].size <= WINDOW_FRAMES]
        if short:
            yield from self._transcribe_short(short, options)
        for request in batch:
            if request.waveforms[0].size > WINDOW_FRAMES:
                yield self._transcribe_long(request, options)

    @abstractmethod
    def _transcribe_short(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]: ...

    @abstractmethod
    def _transcribe_long(self, request: Request, options: GenerationOptions) -> Output: ...
