"""Whisper: any checkpoint of the architecture in Hugging Face format, from a folder or the hub.

Language and task are always set from the task: left to guess, multilingual checkpoints skip tokens and loop on current
transformers releases. Its suppress lists and its length limit are the checkpoint's own; whatever else its configuration
says of decoding is not heeded. That is greedy unless asked otherwise, without timestamps for clips of up to 30 s; a
longer recording is transcribed whole, window after window, which needs timestamps and goes one recording at a time.
There `max_new_tokens` limits each window.

Source: Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision".
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from evaluate.types import GenerationOptions, Output, Request
from models.pretrained import Pretrained, search_settings
from models.whisper_shared import MULTILINGUAL_VOCABULARY, SAMPLE_RATE_HZ, AnyWhisper, WhisperFacts


class Whisper(AnyWhisper, Pretrained):
    """A Whisper checkpoint."""

    family = "whisper"

    def accepts(self, model_type: str) -> bool:
        return model_type == "whisper"

    @cached_property
    def _facts(self) -> WhisperFacts:
        """What the checkpoint's configuration says."""
        self._check_type()
        config = self._config
        generation = self._checkpoint.read_config("generation_config.json")
        return WhisperFacts(
            # Older conversions lack the flag; English-only vocabularies are one token shorter.
            is_multilingual=bool(
                generation.get(
                    "is_multilingual", config.get("vocab_size", MULTILINGUAL_VOCABULARY) >= MULTILINGUAL_VOCABULARY
                )
            ),
            languages=frozenset(token.strip("<|>") for token in generation.get("lang_to_id", {})),
            max_length=int(generation.get("max_length") or config.get("max_target_positions") or 448),
        )

    def load(self) -> None:
        from transformers import WhisperForConditionalGeneration, WhisperProcessor

        self._load(WhisperForConditionalGeneration, WhisperProcessor)

    def token_limit(self, options: GenerationOptions) -> int:
        room = self._facts.max_length - self._facts.prompt_length
        return min(options.max_new_tokens or room, room)

    def _answer(self, batch: Sequence[Request], options: GenerationOptions) -> Iterator[Output]:
        return self._transcribe(batch, options)

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

    def _transcribe_long(self, request: Request, options: GenerationOptions) -> Output:
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
        return Output(request.sample.id, text=text, truncated=is_cut)

    def _prompt(self, batch: Sequence[Request]) -> dict[str, Any]:
        """Return languages and task; an English-only checkpoint refuses to be told either."""
        if not self._facts.is_multilingual:
            return {}
        return {"language": [request.sample.language for request in batch], "task": "transcribe"}

    def _limit(self, options: GenerationOptions) -> dict[str, int]:
        """Return the token limit, no larger than what the decoder has positions for; by default the checkpoint's."""
        return {} if options.max_new_tokens is None else {"max_new_tokens": self.token_limit(options)}
