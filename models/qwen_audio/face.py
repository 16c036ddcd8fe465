"""The model with its tokenizer: from prompts of text and audio to answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from evaluate.errors import ModelLoadError, RequestError
from evaluate.types import GenerationOptions
from models.checkpoint import Checkpoint, resolve_device
from models.qwen_audio import front_end
from models.qwen_audio.config import DEFAULT_MAX_NEW_TOKENS
from models.qwen_audio.generation import Vocabulary, generate
from models.qwen_audio.loading import fetch, load_checkpoint, resolve_dtype
from models.qwen_audio.model import QwenAudioModel
from models.qwen_audio.prompt import PreparedPrompt
from models.qwen_audio.prompts import Part, chat_prompt, chat_stop_ids, encode_prompt
from models.qwen_audio.tokenizer import QwenTokenizer

VOCABULARY_FILE = "qwen.tiktoken"


class QwenAudio:
    """Qwen-Audio or Qwen-Audio-Chat.

    A prompt is a list of parts in order: text, in which special tokens count but for those of audio; `prompts.Data`, in
    which none does; and waveforms, shape (num_frames,), float32 at 16 kHz.

    Args:
        model: Loaded.
        tokenizer: Of the same checkpoint.

    Raises:
        ModelLoadError: Model and tokenizer do not belong together.
    """

    def __init__(self, model: QwenAudioModel, tokenizer: QwenTokenizer) -> None:
        started = model.config.audio.audio_start_id
        if started != tokenizer.audio_start_id or tokenizer.num_ids > model.config.vocab_size:
            raise ModelLoadError(
                f"config.json has audio_start_id {started} and vocab_size {model.config.vocab_size}, "
                f"{VOCABULARY_FILE} gives {tokenizer.audio_start_id} and {tokenizer.num_ids} ids; expected files of "
                "one checkpoint"
            )
        self.model = model
        self.tokenizer = tokenizer

    @classmethod
    def from_pretrained(
        cls, where: str | Path, *, dtype: str | torch.dtype = "auto", device: str = "auto", revision: str = "main"
    ) -> Self:
        """Load a checkpoint from its folder, or from the hub.

        Args:
            where: Folder with config.json, qwen.tiktoken and weights, or a hub id.
            dtype: "auto", "float32", "float16", "bfloat16", or torch's own; "auto" is float32 on a CPU.
            device: "auto", "cpu", "cuda", …
            revision: Of a hub id.

        Raises:
            RequestError: There is no such folder, or no checkpoint in it, or the dtype or device is none.
            ModelLoadError: A file is missing or damaged, or the weights are not of that shape.
        """
        on = resolve_device(device)
        checkpoint = Checkpoint(str(where), revision=revision)
        folder = checkpoint.folder or fetch(checkpoint.where, revision=revision)
        tokenizer = QwenTokenizer.from_file(folder / VOCABULARY_FILE)  # first: the weights take minutes
        return cls(load_checkpoint(folder, dtype=resolve_dtype(dtype, on), device=on), tokenizer)

    def log_mel(self, waveform: NDArray[np.float32]) -> Tensor:
        """Return a clip's log-mel, cut or padded with silence to 30 s: (num_frames,) to (80, 3000), float32."""
        return front_end.log_mel(_waveform(waveform), num_mels=self.model.config.audio.n_mels)

    def encode_audio(self, waveforms: Sequence[NDArray[np.float32]]) -> list[Tensor]:
        """Return what the language model gets of each clip, shape (span, hidden_size), the two tags included."""
        return self.model.encode_audio([_waveform(waveform) for waveform in waveforms])

    def num_audio_tokens(self, waveform: NDArray[np.float32]) -> int:
        """Return how many tokens a clip takes between its tags.

        Raises:
            RequestError: The waveform is not of the form that is promised.
            ClipRejectedError: It is too short for a token.
        """
        return front_end.clip_lengths(_waveform(waveform).size).tokens

    def prepare(self, prompt: Iterable[Part]) -> PreparedPrompt:
        """Return a prompt as ids and clips."""
        return encode_prompt(self.tokenizer, prompt, self.num_audio_tokens)

    def prompt_ids(self, prompt: Iterable[Part]) -> list[int]:
        """Return a prompt as ids; a clip is its start tag, a placeholder per token, its end tag."""
        return list(self.prepare(prompt).ids)

    def logits(self, prompts: Sequence[Iterable[Part]]) -> list[Tensor]:
        """Return what follows each id of each prompt, shape (length, vocab_size), float32; no row is masked."""
        return self.model.logits([self.prepare(prompt) for prompt in prompts])

    def generate(
        self, prompts: Sequence[Iterable[Part]], max_new_tokens: int = DEFAULT_MAX_NEW_TOKENS, **options: Any
    ) -> list[list[int]]:
        """Return the new ids of each prompt without end and padding; greedy unless asked otherwise.

        Args:
            prompts: In one batch.
            max_new_tokens: Of each answer.
            options: Other fields of `GenerationOptions`.
        """
        chosen = GenerationOptions(max_new_tokens=max_new_tokens, **options)
        return self.answer([self.prepare(prompt) for prompt in prompts], chosen, stop_ids=[self.tokenizer.eod_id])

    def answer(
        self,
        prompts: Sequence[PreparedPrompt],
        options: GenerationOptions,
        *,
        stop_ids: Iterable[int],
        seeds: Sequence[int] | None = None,
    ) -> list[list[int]]:
        """Return the new ids of prepared prompts; see `generation.generate`."""
        vocabulary = Vocabulary(self.tokenizer.num_ids, frozenset(stop_ids))
        return generate(self.model, prompts, options, vocabulary, seeds=seeds)

    def chat(
        self,
        messages: Iterable[tuple[str, Any] | Mapping[str, Any]],
        *,
        system: str | None = None,
        max_new_tokens: int = DEFAULT_MAX_NEW_TOKENS,
        **options: Any,
    ) -> str:
        """Return the chat model's next answer in a conversation.

        Args:
            messages: Role and parts of each turn, the user's last; no text in them opens a turn or a clip.
            system: What the system says; None: as in training.
            max_new_tokens: Of the answer.
            options: Other fields of `GenerationOptions`, `api_numbering` and `window` of `prompts.chat_prompt`.
        """
        own = {key: options.pop(key) for key in ("api_numbering", "window") if key in options}
        prompt = chat_prompt(self.tokenizer, messages, self.num_audio_tokens, system=system, **own)
        chosen = replace(GenerationOptions(**options), max_new_tokens=max_new_tokens)
        [ids] = self.answer([prompt], chosen, stop_ids=chat_stop_ids(self.tokenizer))
        return self.tokenizer.decode(ids).strip()  # timestamps and their like are part of an answer

    def release_memory(self) -> None:
        """Give back what a batch that did not fit has left behind."""
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _waveform(part: Any) -> NDArray[np.float32]:
    """Return a clip as an array; numbers that are no waveform would be heard as something else.

    Raises:
        RequestError: It is not one row of finite floats.
    """
    waveform = np.asarray(part)
    if waveform.ndim != 1 or waveform.dtype.kind != "f" or not np.isfinite(waveform).all():
        raise RequestError(
            f"a clip has shape {waveform.shape} and type {waveform.dtype}, expected (num_frames,) of finite floats in "
            "[-1, 1] at 16 kHz"
        )
    return waveform.astype(np.float32, copy=False)
