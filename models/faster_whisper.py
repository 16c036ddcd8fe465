"""Whisper by CTranslate2 through faster-whisper: fast on CPU and GPU, in float or int8; the extra `faster-whisper`.

`faster-whisper:base` (or another size) and hub ids are fetched, a folder must hold what CTranslate2's converter wrote.
`--dtype` says how it computes (by default float32 on a CPU, float16 on CUDA); `--model-arg compute_type=int8` and the
like say it in CTranslate2's words, and what the device cannot do is refused, where CTranslate2 itself would quietly
take another.

Language and task are always told. Decoding is greedy, or by beams, and repeatable: no fall-back to sampling, no voice
activity filter, no text carried from window to window. Clips of up to 30 s go together, without timestamps, and get
what `WhisperModel.transcribe` gives each; a longer recording is transcribed whole, window after window. Answers may
differ from those of `whisper:` with the same weights (of ten real clips four did, one still after normalising): what
fills a clip up to its window is zero here after the logarithm, and before it there.

A window gives at most 224 tokens, or `--gen max_new_tokens`. CTranslate2 halves the limit that it is given; that is
made up for.
"""

import importlib.util
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from evaluate.errors import MachineError, ModelLoadError, RequestError
from evaluate.types import GenerationOptions, Output, Request
from models.checkpoint import Checkpoint, check_dtype, resolve_device
from models.conventions import family_of
from models.whisper_shared import MULTILINGUAL_VOCABULARY, AnyWhisper, WhisperFacts

MAX_LENGTH = 448  # of prompt and answer together, as faster-whisper has it for every size
COMPUTE_TYPES = (
    *("float32", "float16", "bfloat16", "int16"),
    *("int8", "int8_float32", "int8_float16", "int8_bfloat16"),
)


class FasterWhisper(AnyWhisper):
    """A Whisper checkpoint in CTranslate2's format.

    Args:
        where: Size, hub id or folder.
        device: "auto", "cpu", "cuda", "cuda:1", …
        dtype: "auto", "float32", "float16" or "bfloat16".
        revision: Branch, tag or commit of a hub id.
        compute_type: As CTranslate2 names it; "": by the dtype.
        cpu_threads: 0: as many as torch takes, one for each core.
    """

    neutral_settings = frozenset({"cpu_threads"})
    idle_options = frozenset({"temperature", "top_p", "min_new_tokens"})  # it draws from no seed, and knows no least

    def __init__(
        self,
        where: str,
        *,
        device: str = "auto",
        dtype: str = "auto",
        revision: str = "main",
        compute_type: str = "",
        cpu_threads: int = 0,
    ) -> None:
        self._asked_device, self._asked_dtype = device, check_dtype(dtype)
        self._where = where
        is_path = where.startswith((".", "/", "~")) or Path(where).is_dir()
        if not where or is_path or "/" in where:
            self._checkpoint = Checkpoint(where, revision=revision)
            self.name = f"faster-whisper:{self._checkpoint.name}"
        else:
            self.name = f"faster-whisper:{where}"  # a size; which sizes there are the library knows
        self._revision = revision
        if compute_type and compute_type not in COMPUTE_TYPES:
            raise RequestError(f"unknown compute_type {compute_type!r}; expected one of {', '.join(COMPUTE_TYPES)}")
        if compute_type and dtype != "auto":
            raise RequestError("--dtype and --model-arg compute_type say the same thing; leave one out")
        if not isinstance(cpu_threads, int) or cpu_threads < 0:
            raise RequestError(f"--model-arg cpu_threads={cpu_threads}: expected a whole number from 0")
        self._asked_compute_type, self._cpu_threads = compute_type, cpu_threads
        self._model: Any = None
        if is_path:
            self._require_converted(Path(self._checkpoint.where))

    @staticmethod
    def _require_converted(folder: Path) -> None:
        """Raise `RequestError` where a folder holds no checkpoint that CTranslate2 reads."""
        if (folder / "model.bin").is_file():
            return
        try:
            model_type = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
        except (OSError, ValueError, AttributeError):
            model_type = None
        right = family_of(str(model_type))
        raise RequestError(
            f"{folder}: no model.bin in it, expected a Whisper that CTranslate2's converter wrote"
            + (f"; as it is, its family is {right}:" if right else "")
        )

    @cached_property
    def _folder(self) -> Path:
        """Where the files are, fetched if need be.

        Raises:
            RequestError: There is no such size.
            ModelLoadError: faster-whisper is not installed, or the hub does not give the checkpoint.
        """
        if importlib.util.find_spec("faster_whisper") is None:
            raise ModelLoadError(
                f'{self.name}: faster-whisper is not installed; pip install "otoscope[faster-whisper]"'
            )
        from faster_whisper import available_models, download_model

        if Path(self._where).expanduser().is_dir():
            return Path(self._where).expanduser()
        if "/" not in self._where and self._where not in available_models():
            raise RequestError(
                f"{self._where!r} is neither a folder nor a size; sizes are {', '.join(available_models())}"
            )
        try:
            folder = Path(download_model(self._where, revision=self._revision))
        except Exception as error:  # the hub's client raises whatever its parts raise
            reason = " ".join(str(error).split())[:200]
            raise ModelLoadError(
                f"{self._where}: the hub does not give it ({reason}); is the id right, is it gated, is there a network?"
            ) from error
        self._require_converted(folder)
        return folder

    @property
    def device(self) -> str:
        device = resolve_device(self._asked_device)
        if device.startswith("cuda"):
            import ctranslate2

            if not ctranslate2.get_cuda_device_count():
                raise MachineError(f"device {device!r}: CTranslate2 {ctranslate2.__version__} sees no CUDA device here")
        return device

    @property
    def _compute_type(self) -> str:
        """How it computes.

        Raises:
            MachineError: The device cannot.
        """
        import ctranslate2

        kind = self.device.partition(":")[0]
        default = "float16" if kind == "cuda" else "float32"
        dtype = default if self._asked_dtype == "auto" else self._asked_dtype
        wanted = self._asked_compute_type or dtype
        possible = ctranslate2.get_supported_compute_types(kind)
        if wanted not in possible:
            raise MachineError(
                f"{self.name}: {wanted} cannot be computed on {kind} here; possible are {', '.join(sorted(possible))}"
            )
        return wanted

    def identity(self) -> dict[str, Any]:
        folder = self._folder
        is_local = Path(self._where).expanduser().is_dir()
        revision = self._checkpoint.commit() if is_local else folder.name  # a snapshot's folder is its commit
        return {"revision": revision, "dtype": self._compute_type}

    # What it can be asked.

    @cached_property
    def _facts(self) -> WhisperFacts:
        return WhisperFacts(self._is_multilingual(), self._languages(), MAX_LENGTH)

    def _is_multilingual(self) -> bool:
        lists = [path for name in ("vocabulary.json", "vocabulary.txt") if (path := self._folder / name).is_file()]
        if not lists:
            raise ModelLoadError(f"{self._folder}: no vocabulary.json or vocabulary.txt in it; convert it again")
        text = lists[0].read_text(encoding="utf-8")
        try:
            size = len(json.loads(text)) if lists[0].suffix == ".json" else text.count("\n")
        except ValueError as error:
            raise ModelLoadError(f"{lists[0]}: not valid JSON ({error}); get the checkpoint again") from error
        return size >= MULTILINGUAL_VOCABULARY

    def _languages(self) -> frozenset[str]:
        file = self._folder / "tokenizer.json"
        try:
            added = json.loads(file.read_text(encoding="utf-8"))["added_tokens"] if file.is_file() else []
            tokens = {token["content"] for token in added}
        except (ValueError, KeyError, TypeError) as error:
            raise ModelLoadError(f"{file}: not a tokenizer ({error}); get the checkpoint again") from error
        return frozenset(token[2:-2] for token in tokens if 6 <= len(token) <= 7 and token.startswith("<|"))

    # Answering.

    def load(self) -> None:
        import torch
        from faster_whisper import WhisperModel

        kind, _, number = self.device.partition(":")
        try:
            self._model = WhisperModel(
                str(self._folder),
                device=kind,
                device_index=int(number or 0),
                compute_type=self._compute_type,
                cpu_threads=self._cpu_threads or torch.get_num_threads(),
            )
        except (RuntimeError, ValueError, OSError) as error:
            reason = " ".join(str(error).split())[:300]
            raise ModelLoadError(f"{self._where}: the checkpoint does not load ({reason})") from error

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterator[Output]:
        return self._transcribe(batch, options)

    def _transcribe_short(self, batch: Sequence[Request], options: GenerationOptions) -> Iterator[Output]:
        import ctranslate2
        import numpy as np
        from faster_whisper.audio import pad_or_trim
        from faster_whisper.transcribe import get_suppressed_tokens

        front_end, tokenizers = self._model.feature_extractor, [self._tokenizer(request) for request in batch]
        # The last frame is of the padding that the front end adds; `transcribe` leaves it out as well.
        features = np.stack([pad_or_trim(front_end(request.waveforms[0])[..., :-1]) for request in batch])
        prompts = [self._model.get_prompt(tokenizer, [], without_timestamps=True) for tokenizer in tokenizers]
        limit = self._limit(options, len(prompts[0]))
        results = self._model.model.generate(
            ctranslate2.StorageView.from_array(np.ascontiguousarray(features)),  # (clips, mel bins, 3000)
            prompts,
            max_length=max(2 * limit, limit + len(prompts[0])),
            suppress_tokens=list(get_suppressed_tokens(tokenizers[0], [-1])),
            **_search(options),
        )
        for request, tokenizer, result in zip(batch, tokenizers, results, strict=True):
            tokens = result.sequences_ids[0]  # without the one that ends it
            yield Output(request.sample.id, text=tokenizer.decode(tokens), truncated=len(tokens) >= limit)

    def _transcribe_long(self, request: Request, options: GenerationOptions) -> Output:
        prompt_length = self._facts.prompt_length - 1  # "no timestamps" is left out
        limit = self._limit(options, prompt_length)
        segments, _ = self._model.transcribe(
            request.waveforms[0],
            language=request.sample.language,
            task="transcribe",
            temperature=0.0,
            compression_ratio_threshold=None,  # no second try, and nothing dropped as silence
            log_prob_threshold=None,
            no_speech_threshold=None,
            condition_on_previous_text=False,
            max_new_tokens=max(2 * limit, limit + prompt_length) - prompt_length,
            **_search(options),
        )
        texts, num_tokens = [], Counter[int]()
        for segment in segments:
            texts.append(segment.text)
            num_tokens[segment.seek] += len(segment.tokens)  # of the window that begins there
        is_cut = max(num_tokens.values(), default=0) >= limit
        return Output(request.sample.id, text="".join(texts), truncated=is_cut)

    def token_limit(self, options: GenerationOptions) -> int:
        return self._limit(options, self._facts.prompt_length)

    def _tokenizer(self, request: Request) -> Any:
        from faster_whisper.tokenizer import Tokenizer

        return Tokenizer(
            self._model.hf_tokenizer, self._facts.is_multilingual, task="transcribe", language=request.sample.language
        )

    def _limit(self, options: GenerationOptions, prompt_length: int) -> int:
        most = min(MAX_LENGTH // 2, MAX_LENGTH - prompt_length)
        return most if options.max_new_tokens is None else min(options.max_new_tokens, most)


def _search(options: GenerationOptions) -> dict[str, Any]:
    """Return how text is searched for, as CTranslate2 and faster-whisper name it alike."""
    return {
        "beam_size": options.num_beams,
        "length_penalty": options.length_penalty,
        "repetition_penalty": options.repetition_penalty,
        "no_repeat_ngram_size": 0,
        "suppress_blank": True,
    }
