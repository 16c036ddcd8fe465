"""Qwen-Audio and Qwen-Audio-Chat, the released weights on current transformers and PyTorch, without their own code.

`qwen-audio:` is the base model, asked in the special tokens that it was trained on, whatever the task's own words are;
`qwen-audio-chat:` is asked in the task's words. A clip is heard for 30 s, as in the released code: --long-clips says
what becomes of the rest. Decoding is greedy unless asked otherwise.

Source: Chu et al. 2023, "Qwen-Audio: Advancing Universal Audio Understanding via Unified Large-Scale Audio-Language
Models"; https://github.com/QwenLM/Qwen-Audio.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

from evaluate.clips import HEARD_S
from evaluate.errors import RequestError
from evaluate.model import ModelAdapter, sample_turns
from evaluate.protocols import render_prompt
from evaluate.task import Split, Task
from evaluate.types import GenerationOptions, Output, Request, Sample
from models.checkpoint import Checkpoint, check_dtype, resolve_device
from models.qwen_audio.config import DEFAULT_MAX_NEW_TOKENS
from models.qwen_audio.prompts import (
    PROTOCOL,
    SYSTEM,
    base_prompt,
    base_template,
    chat_prompt,
    chat_stop_ids,
    sample_messages,
)

if TYPE_CHECKING:
    from models.qwen_audio.face import QwenAudio
    from models.qwen_audio.prompt import PreparedPrompt


class _QwenAudioAdapter(ModelAdapter):
    """What both have in common.

    Args:
        where: Folder or hub id.
        device: "auto", "cpu", "cuda", "cuda:1", …
        dtype: "auto" is float32 on a CPU, bfloat16 or float16 elsewhere.
        revision: Branch, tag or commit of a hub id.
    """

    family: str
    sample_rate_hz = 16_000
    heard_s: float = HEARD_S  # as in the released code
    _max_new_tokens = DEFAULT_MAX_NEW_TOKENS

    def __init__(self, where: str, *, device: str = "auto", dtype: str = "auto", revision: str = "main") -> None:
        self._checkpoint = Checkpoint(where, revision=revision)
        self._asked_device, self._asked_dtype = device, check_dtype(dtype)
        self.name = f"{self.family}:{self._checkpoint.name}"
        self._loaded: QwenAudio | None = None

    def identity(self) -> dict[str, Any]:
        from models.qwen_audio.loading import resolve_dtype

        dtype = str(resolve_dtype(self._asked_dtype, self.device)).removeprefix("torch.")
        return {"revision": self._checkpoint.commit(), "dtype": dtype}

    @property
    def device(self) -> str:
        return resolve_device(self._asked_device)

    def token_limit(self, options: GenerationOptions) -> int:
        return options.max_new_tokens or self._max_new_tokens

    def padded_seconds(self, duration_s: float) -> float:
        return min(duration_s, self.heard_s)

    def load(self) -> None:
        from models.qwen_audio.face import QwenAudio

        where = self._checkpoint.folder or self._checkpoint.where
        revision = self._checkpoint.revision
        self._loaded = QwenAudio.from_pretrained(where, dtype=self._asked_dtype, device=self.device, revision=revision)

    def release_memory(self) -> None:
        self._model.release_memory()

    @property
    def _model(self) -> "QwenAudio":
        assert self._loaded is not None, "load() comes first"
        return self._loaded

    def _answers(
        self,
        batch: Sequence[Request],
        prompts: "Sequence[PreparedPrompt]",
        options: GenerationOptions,
        *,
        stop_ids: Iterable[int],
        skip_special_tokens: bool,
    ) -> Iterable[Output]:
        seeds = [options.sample_seed(request.sample.id) for request in batch]
        for request, ids in zip(
            batch, self._model.answer(prompts, options, stop_ids=stop_ids, seeds=seeds), strict=True
        ):
            text = self._model.tokenizer.decode(ids, skip_special_tokens=skip_special_tokens)
            yield Output(request.sample.id, text=text, truncated=len(ids) == options.max_new_tokens)


class QwenAudioBase(_QwenAudioAdapter):
    """The base model, in the prompts of its training."""

    family = "qwen-audio"
    description = "Qwen-Audio, the base model: native, asked in the special tokens of its training"
    _template = ""
    _keeps_special_tokens = True

    def refusal(self, task: Task, asked: Sequence[Sample]) -> str | None:
        try:
            template = base_template(task)
            for sample in asked:
                base_prompt(template, sample)
        except RequestError as error:
            return str(error)
        if task.protocol_name not in ("", PROTOCOL):
            return f"it was never asked by the protocol {task.protocol_name!r}, only by {PROTOCOL!r}"
        return next((f"sample {sample.id!r} has no clip to hear" for sample in asked if not sample.audio), None)

    def begin(self, task: Task, split: Split, asked: Sequence[Sample]) -> None:
        if PROTOCOL in task.protocols and not task.covers(split.asks_as):
            raise RequestError(
                f"{self.name}: its prompt for {task.name} does not ask for {task.name}:{split.name}; "
                "qwen-audio-chat can be asked in words"
            )
        self._template = base_template(task)
        published = task.protocols.get(PROTOCOL)
        self._max_new_tokens = published.max_new_tokens if published else DEFAULT_MAX_NEW_TOKENS
        # Where a special token is the answer, and where a published evaluation scores them as text.
        in_answer = task.kind == "timestamps" or "<|note_analysis|>" in self._template
        self._keeps_special_tokens = bool(task.protocol_name) or in_answer

    def identity(self) -> dict[str, Any]:
        return {**super().identity(), "prompt": self._template}

    def shown_prompt(self, sample: Sample) -> str:
        return f"{'<audio>…</audio>' * len(sample.audio)}{render_prompt(self._template, sample)}"

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        model = self._model
        prompts = [
            model.prepare([*request.waveforms, *base_prompt(self._template, request.sample)]) for request in batch
        ]
        limited = replace(options, max_new_tokens=self.token_limit(options))
        stop_ids, skip = [model.tokenizer.eod_id], not self._keeps_special_tokens
        return self._answers(batch, prompts, limited, stop_ids=stop_ids, skip_special_tokens=skip)


class QwenAudioChat(_QwenAudioAdapter):
    """The chat model, in the task's own words."""

    family = "qwen-audio-chat"
    description = "Qwen-Audio-Chat: native, asked in words; several turns and clips"

    def shown_prompt(self, sample: Sample) -> str:
        numbers = count(1)
        lines = [f"<|im_start|>system\n{SYSTEM}<|im_end|>"]
        for role, clips, text in sample_turns(sample, sample.audio):
            heard = "".join(f"Audio {next(numbers)}: <audio>…</audio>\n" for _ in clips)
            lines.append(f"<|im_start|>{role}\n{heard}{text}<|im_end|>")
        return "\n".join([*lines, "<|im_start|>assistant\n"])

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        model = self._model
        prompts = [
            chat_prompt(model.tokenizer, sample_messages(request.sample, request.waveforms), model.num_audio_tokens)
            for request in batch
        ]
        limited = replace(options, max_new_tokens=self.token_limit(options))
        stop_ids = chat_stop_ids(model.tokenizer)
        return self._answers(batch, prompts, limited, stop_ids=stop_ids, skip_special_tokens=False)
