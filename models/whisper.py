"""Whisper: any checkpoint of the architecture in Hugging Face format, from a folder or the hub.

Language and task are always set from the task: left to guess, multilingual checkpoints skip tokens and loop on current
transformers releases. Its suppress lists and its length limit are the checkpoint's own; whatever else its configuration
says of decoding is not heeded. That is greedy unless asked otherwise, without timestamps for clips of up to 30 s; a
longer recording is transcribed whole, window after window, which needs timestamps and goes one recording at a time.
There `max_new_tokens` limits each window.

Source: Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from evaluate.task import Task
from evaluate.types import GenerationOptions, Output, Request, Sample
from models.pretrained import Pretrained, search_settings

WINDOW_S = 30.0
SAMPLE_RATE_HZ = 16_000
WINDOW_FRAMES = int(WINDOW_S * SAMPLE_RATE_HZ)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a checkpoint's configuration says of it."""

    is_multilingual: bool
    languages: frozenset[str]  # that it has a token for; empty: not said
    max_length: int  # tokens of prompt and answer


class Whisper(Pretrained):
    """A Whisper checkpoint."""

    family = "whisper"
    sample_rate_hz = SAMPLE_RATE_HZ

    def accepts(self, model_type: str) -> bool:
        return model_type == "whisper"

    @cached_property
    def _facts(self) -> "_Facts":
        """What the checkpoint's configuration says."""
        self._check_type()
        config = self._config
        generation = self._checkpoint.read_config("generation_config.json")
        return _Facts(
            # Older conversions lack the flag; English-only vocabularies are one token shorter.
            is_multilingual=bool(generation.get("is_multilingual", config.get("vocab_size", 51865) >= 51865)),
            languages=frozenset(token.strip("<|>") for token in generation.get("lang_to_id", {})),
            max_length=int(generation.get("max_length") or config.get("max_target_positions") or 448),
        )

    def refusal(self, task: Task, asked: Sequence[Sample]) -> str | None:
        if task.kind != "asr":
            return f"a Whisper checkpoint transcribes, it does not do {task.kind}"
        for sample in asked:
            if len(sample.audio) != 1:
                return f"it hears one clip, sample {sample.id!r} has {len(sample.audio)}"
        languages = sorted({sample.language for sample in asked})  # a manifest's lines may each name their own
        return next(filter(None, map(self._language_refusal, languages)), None)

    def shown_prompt(self, sample: Sample) -> str:
        told = f"<|{sample.language}|><|transcribe|>" if self._facts.is_multilingual else ""
        return f"<|startoftranscript|>{told}<|notimestamps|>"  # from 30 s on without the last one

    def _language_refusal(self, language: str) -> str | None:
        if not self._facts.is_multilingual:
            return None if language == "en" else f"the checkpoint is English-only, the speech is in {language!r}"
        if not language:
            return "no language is named, and Whisper is always told it; add `language` to the task or the manifest"
        if self._facts.languages and language not in self._facts.languages:
            return f"the checkpoint has no language token for {language!r}"
        return None

    def load(self) -> None:
        from transformers import WhisperForConditionalGeneration, WhisperProcessor

        self._load(WhisperForConditionalGeneration, WhisperProcessor)

    def token_limit(self, options: GenerationOptions) -> int:
        room = self._room_for_new_tokens()
        return min(options.max_new_tokens or room, room)

    def padded_seconds(self, duration_s: float) -> float:
        return max(duration_s, WINDOW_S)  # every clip is padded to a whole window

    def _answer(self, batch: Sequence[Request], options: GenerationOptions) -> Iterator[Output]:
        short = [request for request in batch if request.waveforms[0].size <= WINDOW_FRAMES]
        if short:
            yield from self._transcribe_short(short, options)
        for request in batch:
            if request.waveforms[0].size > WINDOW_FRAMES:
                yield from self._transcribe_long(request, options)

    def _transcribe_short(self, batch: Sequence[Request], options: GenerationOptions) -> Iterator[Output]:
        features = self._processor.feature_extractor(
            [request.waveforms[0] for request in batch], sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt"
        ).input_features  # (batch, mel bins, 3000)
        ids = self._model.generate(
            features.to(self._model.device, self._model.dtype),
            **self._prompt(batch),
            **self._limit(options),
            **search_settings(options),
        )  # (batch, new tokens), padded with the end token
        limit = self.token_limit(options)
        for request, row in zip(batch, ids, strict=True):
            num_new = int((row != self._model.generation_config.eos_token_id).sum())
            text = self._processor.decode(row, skip_special_tokens=True)
            yield Output(request.sample.id, text=text, truncated=num_new >= limit)

    def _transcribe_long(self, request: Request, options: GenerationOptions) -> Iterator[Output]:
        inputs = self._processor.feature_extractor(
            request.waveforms[0],
            sampling_rate=SAMPLE_RATE_HZ,
            truncation=False,
            padding="longest",
            return_attention_mask=True,
            return_tensors="pt",
        )
        answer = self._model.generate(
            inputs.input_features.to(self._model.device, self._model.dtype),  # (1, mel bins, frames)
            attention_mask=inputs.attention_mask.to(self._model.device),
            return_timestamps=True,
            return_segments=True,
            **self._prompt([request]),
            **self._limit(options),
            **search_settings(options),
        )
        text = self._processor.decode(answer["sequences"][0], skip_special_tokens=True)
        limit = self.token_limit(options)
        is_cut = any(len(segment["result"]) >= limit for segment in answer["segments"][0])  # of the segment's window
        yield Output(request.sample.id, text=text, truncated=is_cut)

    def _prompt(self, batch: Sequence[Request]) -> dict[str, Any]:
        """Return languages and task; an English-only checkpoint refuses to be told either."""
        if not self._facts.is_multilingual:
            return {}
        return {"language": [request.sample.language for request in batch], "task": "transcribe"}

    def _limit(self, options: GenerationOptions) -> dict[str, int]:
        """Return the token limit, no larger than what the decoder has positions for; by default the checkpoint's."""
        return {} if options.max_new_tokens is None else {"max_new_tokens": self.token_limit(options)}

    def _room_for_new_tokens(self) -> int:
        # Start, language, task and "no timestamps" stand before the first new token; English-only has two of them.
        prompt_length = 4 if self._facts.is_multilingual else 2
        return self._facts.max_length - prompt_length
