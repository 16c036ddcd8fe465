"""What adapters of transformers checkpoints share: loading with what can go wrong, greedy decoding, seeds.

A checkpoint's own generation config does not decide how text is searched for: decoding is greedy unless `--gen` says
otherwise, and every setting of the search is passed on, since a repetition penalty or a temperature in that file would
else be part of a score without standing in its record. Vocabulary (end, start and suppressed tokens) stays its own.
"""

import re
from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from evaluate.errors import ModelLoadError, RequestError
from evaluate.model import ModelAdapter
from evaluate.types import GenerationOptions, Output, Request
from models.checkpoint import Checkpoint, check_dtype, resolve_device
from models.conventions import family_of
from models.memory import refuse_too_large
from models.onednn import speed_up_linear_layers

_MISSING_LIBRARY = re.compile(r"requires the (\S+) library")  # as transformers says it
# What a checkpoint's generation_config.json may say of decoding, and is not asked: what was used stands in run.json.
SEARCH_SETTINGS = (
    *("do_sample", "num_beams", "num_beam_groups", "num_return_sequences", "early_stopping", "diversity_penalty"),
    *("temperature", "top_k", "top_p", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff", "penalty_alpha"),
    *("repetition_penalty", "encoder_repetition_penalty", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size"),
    *("length_penalty", "exponential_decay_length_penalty", "min_length", "min_new_tokens", "max_time", "stop_strings"),
    *("guidance_scale", "dola_layers", "sequence_bias", "bad_words_ids", "prompt_lookup_num_tokens"),
)
DTYPE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


class Pretrained(ModelAdapter):
    """A transformers checkpoint, from a folder or the hub.

    Args:
        where: Folder or hub id.
        device: "auto", "cpu", "cuda", "cuda:1", …
        dtype: "auto" is float32 on a CPU and the checkpoint's own elsewhere.
        revision: Branch, tag or commit of a hub id.
    """

    family: str
    idle_weights: tuple[str, ...] = ()  # parts of names: weights that only training uses, and that may be missing

    def __init__(self, where: str, *, device: str = "auto", dtype: str = "auto", revision: str = "main") -> None:
        self._checkpoint = Checkpoint(where, revision=revision)
        self._asked_device, self._asked_dtype = device, check_dtype(dtype)
        self.name = f"{self.family}:{self._checkpoint.name}"
        self._model: Any = None
        self._processor: Any = None
        if self._checkpoint.folder:
            self._check_type()  # a folder is looked into at once, the hub only when there is something to ask a model

    @abstractmethod
    def accepts(self, model_type: str) -> bool:
        """Return whether this calling convention is that of a model type, as config.json names it."""

    @cached_property
    def _config(self) -> dict[str, Any]:
        """What config.json says.

        Raises:
            ModelLoadError: The hub cannot be reached, or the file is damaged.
        """
        return self._checkpoint.read_config("config.json")

    def _check_type(self) -> None:
        """Raise `RequestError` where the checkpoint is of another calling convention."""
        model_type = self._config.get("model_type")
        if not self.accepts(str(model_type)):
            right = family_of(str(model_type))
            raise RequestError(
                f"{self._checkpoint.where}: config.json says model_type {model_type!r}, which is not called the way of "
                f"{self.family}:; " + (f"its family is {right}:" if right else "see otoscope models for other families")
            )

    def identity(self) -> dict[str, Any]:
        self._check_type()
        return {"revision": self._checkpoint.commit(), "dtype": self._dtype()}

    @property
    def device(self) -> str:
        return resolve_device(self._asked_device)

    def _dtype(self) -> str:
        if self._asked_dtype != "auto":
            return self._asked_dtype
        if self.device == "cpu":
            return "float32"
        parts = (self._config, *(part for part in self._config.values() if isinstance(part, dict)))
        own = next(filter(None, (part.get("dtype") or part.get("torch_dtype") for part in parts)), "float32")
        return str(own).removeprefix("torch.")

    def _load(
        self,
        model_class: Any,
        processor_class: Any,
        *,
        model_settings: Mapping[str, Any] | None = None,
        **processor_settings: Any,
    ) -> None:
        """Load processor and weights.

        Args:
            model_class: Of transformers, with `from_pretrained`.
            processor_class: The same.
            model_settings: For the model.
            processor_settings: For the processor.

        Raises:
            ModelLoadError: A file is missing or damaged, weights are missing, a library that the model needs is, or
                there is too little memory.
        """
        import torch
        from transformers.utils import logging

        logging.set_verbosity_error()  # its advice is for people who call generate themselves
        logging.disable_progress_bar()
        where = self._checkpoint.where
        placement = refuse_too_large(
            self._checkpoint, self.device, DTYPE_BYTES[self._dtype()], may_split=self._asked_device == "auto"
        )
        self._processor = self._load_part(processor_class, **processor_settings)
        model, report = self._load_part(
            model_class,
            dtype=getattr(torch, self._dtype()),
            output_loading_info=True,
            **placement,
            **(model_settings or {}),
        )
        missing = sorted(name for name in report["missing_keys"] if not any(part in name for part in self.idle_weights))
        if missing:
            raise ModelLoadError(
                f"{where}: {len(missing)} weights are missing, first {missing[0]!r}; they would be random, get it again"
            )
        for setting in SEARCH_SETTINGS:
            if hasattr(model, "generation_config"):
                setattr(model.generation_config, setting, None)
        try:
            self._model = (model if placement else model.to(self.device)).eval()
        except (RuntimeError, AssertionError) as error:  # an absent device, or one without room
            reason = " ".join(str(error).split())[:300]
            raise ModelLoadError(f"{where}: the checkpoint does not fit on {self.device} ({reason})") from error
        if self.device == "cpu" and self._dtype() == "float32":
            speed_up_linear_layers(self._model)

    def _load_part(self, part_class: Any, **settings: Any) -> Any:
        """Return what `from_pretrained` of a class makes of the checkpoint.

        Raises:
            ModelLoadError: A file is missing or damaged, or a library that is needed is.
        """
        where = self._checkpoint.where
        if not self._checkpoint.folder:
            settings["revision"] = self._checkpoint.revision
        try:
            # Said, since transformers would otherwise ask at the terminal whether to run the code of a checkpoint.
            return part_class.from_pretrained(where, trust_remote_code=False, **settings)
        except Exception as error:  # transformers raises whatever its parts raise
            raise ModelLoadError(f"{where}: the checkpoint does not load ({reason_of(error)})") from error

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        import torch

        # Sampled, each answer draws from a seed of its own, or it would depend on its neighbours in the batch.
        batches = [[request] for request in batch] if options.temperature > 0 else [list(batch)]
        with torch.inference_mode():
            for together in batches:
                torch.manual_seed(options.sample_seed(together[0].sample.id))
                yield from self._answer(together, options)

    @abstractmethod
    def _answer(self, batch: Sequence[Request], options: GenerationOptions) -> Iterator[Output]:
        """Yield an output per request; called without gradients, and seeded."""

    def release_memory(self) -> None:
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def reason_of(error: Exception) -> str:
    """Return what went wrong in transformers as one short line; where a library is missing, what to install."""
    text = " ".join(str(error).split())
    library = _MISSING_LIBRARY.search(text) if isinstance(error, ImportError) else None
    if library:
        return f"it needs {library[1]}, which is not installed; pip install {library[1].lower()}"
    return f"{type(error).__name__}: {text[:300]}"


def search_settings(options: GenerationOptions) -> dict[str, Any]:
    """Return how text is searched for, as `generate` of transformers names it, whatever the checkpoint's own say."""
    drawn = {"temperature": options.temperature, "top_p": options.top_p, "top_k": 0} if options.temperature > 0 else {}
    return {
        "num_beams": options.num_beams,
        "num_return_sequences": 1,
        "do_sample": bool(drawn),
        **drawn,  # without a draw they mean nothing, except to Whisper, which draws wherever a temperature is given
        "min_new_tokens": options.min_new_tokens or None,
        "repetition_penalty": options.repetition_penalty,
        "length_penalty": options.length_penalty,
        "no_repeat_ngram_size": 0,
    }


def is_truncated(new_ids: Any, end_ids: Iterable[int], limit: int) -> bool:
    """Return whether the token limit ended an answer.

    Args:
        new_ids: What was generated, padding after the end included; shape (tokens,).
        end_ids: Tokens that end an answer.
        limit: In tokens.
    """
    return len(new_ids) >= limit and not set(end_ids).intersection(new_ids.tolist())


def end_ids_of(generation_config: Any) -> tuple[int, ...]:
    """Return the tokens that end an answer, of a generation config that may hold one, several or none."""
    end = generation_config.eos_token_id
    return () if end is None else (end,) if isinstance(end, int) else tuple(end)


def in_groups(batch: Sequence[Request], key: Callable[[Request], Hashable]) -> list[list[Request]]:
    """Return the requests in groups of one key each, in the order of the first of each: what goes through together.

    Batching must not change an answer. Most models hear padding: a group normalisation over time, or a convolution
    without a mask, mixes the zeros behind a short clip into its last frames or into all of them. Such a model is given
    clips of one length together and no others; the rest are padded. Which is which was measured, see `ctc` and
    `seq2seq`.
    """
    groups: dict[Hashable, list[Request]] = {}
    for request in batch:
        groups.setdefault(key(request), []).append(request)
    return list(groups.values())
