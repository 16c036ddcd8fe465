"""Audio language models of transformers: Qwen2-Audio, Omni thinkers, Voxtral, Granite Speech, Flamingos, and more.

A prompt is what the checkpoint's own chat template makes of the turns and clips of a sample; a base model without one
is asked in raw text behind its clips; a model that transcribes and does little else gets its processor's transcription
request. `--model-arg prompt=chat|raw|transcription` says otherwise. Special tokens in a conversation are plain text: no
question of a data set can open a turn, or claim a clip. Raw prompts are sent as they are, as published evaluations did.

Prompts of a batch are padded on the left. Decoding is greedy unless asked otherwise, whatever the checkpoint's own
generation config says; only its end tokens count. Before anything is decoded, a test prompt shows that audio reaches
the model. A clip that is longer than the model hears fails, with what to do; it is never cut without notice.
"""

from collections.abc import Hashable, Iterator, Sequence
from functools import cached_property
from typing import Any, Literal, get_args

from evaluate.errors import ClipRejectedError, ModelLoadError, RequestError
from evaluate.task import Split, Task
from evaluate.types import Failure, GenerationOptions, Output, Request, Sample, primary_subtag
from models.audio_llm.conventions import CONVENTIONS, Convention
from models.audio_llm.hearing import prove_hearing, prove_whole
from models.audio_llm.prompts import Mode, Prompter
from models.pretrained import Pretrained, end_ids_of, in_groups, is_truncated, reason_of, search_settings

PROMPTS = ("auto", *get_args(Mode))
PROTOCOL = "qwen2-audio"
DEFAULT_MAX_NEW_TOKENS = 256
# What ends a turn of the templates in use, where the checkpoint's generation config forgets it.
TURN_ENDS = ("<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "<turn|>")
TOO_LONG_S = 0.01  # beyond what is heard: a resampler's rounding, less than a frame of features


class AudioLlm(Pretrained):
    """An audio-text-to-text model.

    Args:
        where: Folder or hub id.
        device: "auto", "cpu", "cuda", "cuda:1", …
        dtype: "auto" is float32 on a CPU and the checkpoint's own elsewhere.
        revision: Branch, tag or commit of a hub id.
        prompt: "chat", "raw", "transcription", or "auto" for what fits checkpoint and task.
        thinking: Let a model think aloud whose template can tell it to; its thoughts stand in the answer.
    """

    family = "audio-llm"
    description = "audio-text-to-text models of transformers, through processor and chat template"

    def __init__(
        self,
        where: str,
        *,
        device: str = "auto",
        dtype: str = "auto",
        revision: str = "main",
        prompt: Mode | Literal["auto"] = "auto",
        thinking: bool = False,
    ) -> None:
        if prompt not in PROMPTS:
            raise RequestError(f"unknown prompt {prompt!r}; expected one of {', '.join(PROMPTS)}")
        if not isinstance(thinking, bool):
            raise RequestError(f"thinking is {thinking!r}, expected true or false")
        self._asked_prompt, self._thinking = prompt, thinking
        self._prompter: Prompter | None = None
        self._modes: tuple[Mode, ...] = ()  # of the samples that are asked next
        self._proved: set[Mode] = set()  # modes in which audio was seen to reach the model
        super().__init__(where, device=device, dtype=dtype, revision=revision)

    def accepts(self, model_type: str) -> bool:
        return model_type in CONVENTIONS

    @cached_property
    def _convention(self) -> Convention:
        self._check_type()
        return CONVENTIONS[self._config["model_type"]]

    @property
    def sample_rate_hz(self) -> int:  # type: ignore[override]  # told by the checkpoint, which may be at the hub
        return self._rate_hz

    @cached_property
    def _rate_hz(self) -> int:
        for name in ("processor_config.json", "preprocessor_config.json"):
            config = self._checkpoint.read_config(name)
            parts = (config, *(part for part in config.values() if isinstance(part, dict)))
            for rate in (part.get("sampling_rate") for part in parts):
                if isinstance(rate, int):
                    return rate
        return self._convention.rate_hz

    @cached_property
    def _is_base(self) -> bool:
        """Whether the checkpoint is asked in raw text.

        The two releases of Qwen2-Audio have the same configuration, tokenizer and generation config: only the name, and
        the template that later revisions of the second bring, tell them apart.
        """
        if not self._convention.raw_clip:
            return False
        name = self._checkpoint.name.lower()
        return not ("instruct" in name or "chat" in name or self._checkpoint.has_chat_template())

    def _mode(self, sample: Sample) -> Mode:
        """Return how a sample is asked."""
        if self._asked_prompt != "auto":
            return self._asked_prompt
        convention = self._convention
        if convention.transcribes_only:
            return "transcription"
        if convention.transcription and convention.transcription.is_default and sample.kind == "asr":
            return "transcription"
        return "raw" if self._is_base else "chat"

    def identity(self) -> dict[str, Any]:
        prompt = ",".join(self._modes) or self._asked_prompt
        return {**super().identity(), "prompt": prompt, "default_max_new_tokens": DEFAULT_MAX_NEW_TOKENS}

    def refusal(self, task: Task, asked: Sequence[Sample]) -> str | None:
        if task.protocol_name and (task.protocol_name, self._config.get("model_type")) != (PROTOCOL, "qwen2_audio"):
            return f"it was never asked by the protocol {task.protocol_name!r}"
        if self._convention.transcribes_only and task.kind != "asr":
            return f"it transcribes, it does not do {task.kind}"
        return next(filter(None, map(self._sample_refusal, asked)), None)

    def _sample_refusal(self, sample: Sample) -> str | None:
        convention, mode = self._convention, self._mode(sample)
        request = convention.transcription
        if convention.max_clips is not None and len(sample.audio) > convention.max_clips:
            return f"it hears one clip in a prompt, sample {sample.id!r} has {len(sample.audio)}"
        if mode == "raw":
            if not convention.raw_clip:
                return "prompt=raw: no raw prompt is known for it; it is asked through its chat template"
            if sample.turns:
                return f"a raw prompt has no turns, sample {sample.id!r} has {len(sample.turns) + 1}"
        if mode == "transcription":
            if request is None:
                return "prompt=transcription: its processor knows no such request; it is asked in words"
            if len(sample.audio) != 1 or sample.turns:
                return f"it transcribes one clip, sample {sample.id!r} has {len(sample.audio)} or several turns"
            code = primary_subtag(sample.language)
            if request.languages and code and not request.can_be_told(code):
                return f"it cannot be told the language {sample.language!r}, only {request.languages}"
        return None

    def begin(self, task: Task, split: Split, asked: Sequence[Sample]) -> None:
        self._modes = tuple(sorted({self._mode(sample) for sample in asked}))
        if self._model is not None:
            self._prove_hearing()

    def padded_seconds(self, duration_s: float) -> float:
        window_s = self._convention.window_s
        return -(-duration_s // window_s) * window_s if window_s else duration_s

    # --- Loading ----------------------------------------------------------------------------------------------------

    def load(self) -> None:
        import transformers

        name = self._convention.model_class
        model_class = getattr(transformers, name, None)
        if model_class is None:
            raise ModelLoadError(f"{self._checkpoint.where}: transformers {transformers.__version__} has no {name}")
        self._require_peft()
        self._load(model_class, transformers.AutoProcessor)
        if self._convention.lora:
            self._load_lora(self._convention.lora)
        self._prompter = self._made_prompter()
        # Everything else in it would search for text in a way that no option of ours names.
        self._model.generation_config = transformers.GenerationConfig(
            bos_token_id=self._processor.tokenizer.bos_token_id,
            eos_token_id=self._end_ids(),
            pad_token_id=self._processor.tokenizer.pad_token_id,
        )
        self._prove_hearing()

    def _require_peft(self) -> None:
        """Raise where the part of a model that makes it listen needs peft: transformers goes on without it.

        Raises:
            ModelLoadError: It is not installed.
        """
        if self._config.get("has_lora_adapter") or self._convention.lora:
            try:
                import peft  # type: ignore[import-not-found, unused-ignore]  # noqa: F401
            except ImportError as error:
                where = self._checkpoint.where
                raise ModelLoadError(f"{where}: a part of it is a LoRA adapter; pip install peft") from error

    def _load_lora(self, folder: str) -> None:
        where, settings = self._checkpoint.where, {"subfolder": folder}
        if not self._checkpoint.folder:
            settings["revision"] = self._checkpoint.revision
        try:
            self._model.load_adapter(where, adapter_name="audio", adapter_kwargs=settings)
            self._model.set_adapter("audio")
        except Exception as error:  # whatever peft raises
            raise ModelLoadError(
                f"{where}: its adapter for audio, {folder}, does not load ({reason_of(error)})"
            ) from error

    def _made_prompter(self) -> Prompter:
        """Return what makes prompts with the processor that was loaded.

        Raises:
            ModelLoadError: It should think, and cannot be told to.
        """
        prompter = Prompter(
            self._processor,
            self._convention,
            sample_rate_hz=self.sample_rate_hz,
            model_id=self._checkpoint.name,
            thinking=self._thinking,
        )
        if self._thinking and not prompter.can_think:
            raise ModelLoadError(f"{self._checkpoint.where}: its chat template knows no enable_thinking; leave it out")
        return prompter

    def _end_ids(self) -> list[int]:
        tokenizer = self._processor.tokenizer
        ids = [*end_ids_of(self._model.generation_config), tokenizer.eos_token_id]
        vocabulary = tokenizer.get_vocab()
        ids += [vocabulary[token] for token in TURN_ENDS if token in vocabulary]
        return list(dict.fromkeys(number for number in ids if number is not None))

    def _prove_hearing(self) -> None:
        """Raise unless audio reaches the model in each mode that it is asked in next.

        Raises:
            ModelLoadError: It does not, or the model cannot be asked so at all.
        """
        for mode in self._modes or (self._mode(Sample("", (), "", ("",))),):
            if mode not in self._proved:
                self._prove_hearing_in(mode)
                self._proved.add(mode)

    def _prove_hearing_in(self, mode: Mode) -> None:
        def prepare(batch: Sequence[Request]) -> dict[str, Any]:
            return self._inputs(batch, mode)

        where = self._checkpoint.where
        prove_hearing(self._model, prepare, self.sample_rate_hz, where)
        prove_whole(prepare, self.sample_rate_hz, self._convention.heard_s(self._processor), where)

    def token_limit(self, options: GenerationOptions) -> int:
        return options.max_new_tokens or DEFAULT_MAX_NEW_TOKENS

    # --- Asking -----------------------------------------------------------------------------------------------------

    def shown_prompt(self, sample: Sample) -> str:
        if self._prompter is None:  # not loaded; the weights need not be, for that
            from transformers import AutoProcessor

            self._processor = self._load_part(AutoProcessor)
            self._prompter = self._made_prompter()
        return self._prompter.shown(sample, self._mode(sample))

    def _answer(self, batch: Sequence[Request], options: GenerationOptions) -> Iterator[Output]:
        heard_s = self._convention.heard_s(self._processor)
        whole = []
        for request in batch:
            longest_s = max((waveform.size for waveform in request.waveforms), default=0) / self.sample_rate_hz
            if longest_s > heard_s + TOO_LONG_S:
                reason = (
                    f"a clip lasts {longest_s:.6g} s, the model hears {heard_s:g} s; add --long-clips truncate (or "
                    f"chunk) --max-clip-seconds {heard_s:g}"
                )
                yield Output(request.sample.id, error=Failure(ClipRejectedError.__name__, reason))
            else:
                whole.append(request)
        for together in self._groups(whole):
            yield from self._answer_together(together, options)

    def _groups(self, batch: Sequence[Request]) -> list[list[Request]]:
        """Return batches of requests that do not change each other's answers.

        Prompts of one way of asking, and with clips or without: some processors take no mixture, and a LoRA adapter for
        clips must not meet text alone.
        """

        def key(request: Request) -> Hashable:
            lengths = tuple(waveform.size for waveform in request.waveforms)
            heard = lengths if self._convention.same_length else bool(lengths)
            return self._mode(request.sample), self._is_told_language(request.sample), heard

        return in_groups(batch, key)

    def _answer_together(self, batch: Sequence[Request], options: GenerationOptions) -> Iterator[Output]:
        assert self._prompter is not None, "load() comes first"
        inputs = self._inputs(batch, self._mode(batch[0].sample))
        prompt = inputs["input_ids"]  # (batch, tokens)
        self._prompter.refuse_misplaced(batch, inputs, num_beams=options.num_beams)
        limit = self.token_limit(options)
        ids = self._model.generate(**inputs, max_new_tokens=limit, **search_settings(options))
        if ids.shape[1] >= prompt.shape[1] and bool((ids[:, : prompt.shape[1]] == prompt).all()):
            ids = ids[:, prompt.shape[1] :]  # else the model returns new tokens alone
        ends = set(end_ids_of(self._model.generation_config))
        for request, row in zip(batch, ids.cpu(), strict=True):
            new = row.tolist()
            end = next((number for number, one in enumerate(new) if one in ends), len(new))
            text, details = self._read(new[:end], request.sample)
            yield Output(request.sample.id, text=text, truncated=is_truncated(row, ends, limit), details=details)

    def _read(self, ids: Sequence[int], sample: Sample) -> tuple[str, dict[str, str]]:
        """Return what the model wrote, and, where that is a structure around the text, the whole of it besides."""
        text = self._processor.tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        request = self._convention.transcription
        if request is None or self._mode(sample) != "transcription" or not request.structure:
            return text, {}
        if request.structure == "unless told the language" and self._is_told_language(sample):
            return text, {}
        return str(self._processor.extract_transcription(text)), {"written": text}

    def _is_told_language(self, sample: Sample) -> bool:
        request = self._convention.transcription
        return request is not None and request.can_be_told(primary_subtag(sample.language))

    def _inputs(self, batch: Sequence[Request], mode: Mode) -> dict[str, Any]:
        """Return what the model is given for requests that are asked in one way, on its device and in its dtype."""
        assert self._prompter is not None, "load() comes first"
        moved = {}
        for name, value in self._prompter.made(batch, mode).items():
            if hasattr(value, "is_floating_point"):
                dtype = self._model.dtype if value.is_floating_point() else value.dtype
                moved[name] = value.to(self._model.device, dtype)
        return moved
