"""Whisper: any checkpoint of the architecture in Hugging Face format, from a folder or the hub.

Language and task are always set from the task: left to guess, multilingual checkpoints skip tokens and loop on current
transformers releases. Its suppress lists and its length limit are the checkpoint's own; whatever else its configuration
says of decoding is not heeded. That is greedy unless asked otherwise, without timestamps for clips of up to 30 s; a
longer recording is transcribed whole, window after window, which needs timestamps and goes one recording at a time.
There `max_new_tokens` limits each window.

Source: Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision".
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from evaluate.errors import ModelLoadError, RequestError
from evaluate.model import ModelAdapter
from evaluate.results import digest
from evaluate.task import Task
from evaluate.types import GenerationOptions, Output, Request, Sample
from models.checkpoint import Checkpoint, check_dtype, resolve_device

WINDOW_S = 30.0
SAMPLE_RATE_HZ = 16_000
WINDOW_FRAMES = int(WINDOW_S * SAMPLE_RATE_HZ)
# What a checkpoint's generation_config.json may say of decoding, and is not asked: what was used stands in run.json.
_DECODING_SETTINGS = (
    *("do_sample", "num_beams", "num_beam_groups", "num_return_sequences", "early_stopping", "diversity_penalty"),
    *("temperature", "top_k", "top_p", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff", "penalty_alpha"),
    *("repetition_penalty", "encoder_repetition_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size"),
    *("length_penalty", "exponential_decay_length_penalty", "min_length", "min_new_tokens", "max_time", "stop_strings"),
    *("guidance_scale", "dola_layers", "sequence_bias", "bad_words_ids", "prompt_lookup_num_tokens"),
)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a checkpoint's configuration says of it."""

    is_multilingual: bool
    languages: frozenset[str]  # that it has a token for; empty: not said
    dtype: str  # of its weights
    max_length: int  # tokens of prompt and answer


class Whisper(ModelAdapter):
    """A Whisper checkpoint.

    Args:
        where: Folder or hub id.
        device: "auto", "cpu", "cuda", "cuda:1", …
        dtype: "auto" is float32 on a CPU and the checkpoint's own elsewhere.
        revision: Branch, tag or commit of a hub id.
    """

    sample_rate_hz = SAMPLE_RATE_HZ

    def __init__(self, where: str, *, device: str = "auto", dtype: str = "auto", revision: str = "main") -> None:
        self._checkpoint = Checkpoint(where, revision=revision)
        self._asked_device, self._asked_dtype = device, check_dtype(dtype)
        self.name = f"whisper:{self._checkpoint.name}"
        self._model: Any = None
        self._processor: Any = None
        if self._checkpoint.folder:
            _ = self._facts  # a folder is looked into at once, the hub only when there is something to ask a model

    @cached_property
    def _facts(self) -> "_Facts":
        """What the checkpoint's configuration says.

        Raises:
            RequestError: It is no Whisper.
            ModelLoadError: The hub cannot be reached.
        """
        config = self._checkpoint.read_config("config.json")
        if config.get("model_type") != "whisper":
            raise RequestError(
                f"{self._checkpoint.where}: config.json says model_type {config.get('model_type')!r}, expected "
                "'whisper'; see otoscope models for other families"
            )
        generation = self._checkpoint.read_config("generation_config.json")
        return _Facts(
            # Older conversions lack the flag; English-only vocabularies are one token shorter.
            is_multilingual=bool(generation.get("is_multilingual", config.get("vocab_size", 51865) >= 51865)),
            languages=frozenset(token.strip("<|>") for token in generation.get("lang_to_id", {})),
            dtype=str(config.get("dtype") or config.get("torch_dtype") or "float32"),
            max_length=int(generation.get("max_length") or config.get("max_target_positions") or 448),
        )

    def identity(self) -> dict[str, Any]:
        return {"revision": self._checkpoint.commit(), "dtype": self._dtype()}

    @property
    def device(self) -> str:
        return resolve_device(self._asked_device)

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
        import torch
        from transformers import WhisperForConditionalGeneration, WhisperProcessor
        from transformers.utils import logging

        logging.set_verbosity_error()  # its advice is for people who call generate themselves
        logging.disable_progress_bar()
        where = self._checkpoint.where
        settings = {} if self._checkpoint.folder else {"revision": self._checkpoint.revision}
        try:
            self._processor = WhisperProcessor.from_pretrained(where, **settings)
            model, report = WhisperForConditionalGeneration.from_pretrained(
                where, dtype=getattr(torch, self._dtype()), output_loading_info=True, **settings
            )
        except Exception as error:  # transformers raises whatever its parts raise
            reason = " ".join(str(error).split())[:300]
            raise ModelLoadError(f"{where}: the checkpoint does not load ({type(error).__name__}: {reason})") from error
        if report["missing_keys"]:
            missing = sorted(report["missing_keys"])
            raise ModelLoadError(
                f"{where}: {len(missing)} weights are missing, first {missing[0]!r}; they would be random, get it again"
            )
        try:
            for setting in _DECODING_SETTINGS:
                setattr(model.generation_config, setting, None)
            self._model = model.to(self.device).eval()
        except (RuntimeError, AssertionError) as error:  # an absent device, or one without room
            reason = " ".join(str(error).split())[:300]
            raise ModelLoadError(f"{where}: the checkpoint does not fit on {self.device} ({reason})") from error

    def token_limit(self, options: GenerationOptions) -> int:
        room = self._room_for_new_tokens()
        return min(options.max_new_tokens or room, room)

    def padded_seconds(self, duration_s: float) -> float:
        return max(duration_s, WINDOW_S)  # every clip is padded to a whole window

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        import torch

        # Sampled, each answer draws from a seed of its own, or it would depend on its neighbours in the batch.
        batches = [[request] for request in batch] if options.temperature > 0 else [list(batch)]
        with torch.inference_mode():
            for together in batches:
                torch.manual_seed(_seed(options, together[0]))
                yield from self._transcribe(together, options)

    def release_memory(self) -> None:
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _transcribe(self, batch: Sequence[Request], options: GenerationOptions) -> Iterator[Output]:
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
            **_decoding(options),
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
        ids = self._model.generate(
            inputs.input_features.to(self._model.device, self._model.dtype),  # (1, mel bins, frames)
            attention_mask=inputs.attention_mask.to(self._model.device),
            return_timestamps=True,
            **self._prompt([request]),
            **self._limit(options),
            **_decoding(options),
        )
        yield Output(request.sample.id, text=self._processor.decode(ids[0], skip_special_tokens=True))

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

    def _dtype(self) -> str:
        if self._asked_dtype != "auto":
            return self._asked_dtype
        return "float32" if self.device == "cpu" else self._facts.dtype


def _seed(options: GenerationOptions, request: Request) -> int:
    return int(digest([options.seed, request.sample.id])[:15], 16)


def _decoding(options: GenerationOptions) -> dict[str, Any]:
    """Return the options as `generate` of transformers names them; greedy, whatever the checkpoint's own say."""
    chosen: dict[str, Any] = {"num_beams": options.num_beams, "do_sample": options.temperature > 0}
    if options.temperature > 0:
        # By itself transformers draws from the 50 likeliest tokens only, which no option here says.
        chosen |= {"temperature": options.temperature, "top_p": options.top_p, "top_k": 0}
    if options.min_new_tokens > 0:
        chosen["min_new_tokens"] = options.min_new_tokens
    if options.repetition_penalty != 1.0:
        chosen["repetition_penalty"] = options.repetition_penalty
    if options.length_penalty != 1.0:
        chosen["length_penalty"] = options.length_penalty
    return chosen
