"""The models: one file per calling convention, and here the tables of names.

A spec is `FAMILY:WHERE`, a short name that stands for one, or `path/to/model.py[:WHERE]` with a class of one's own.
"""

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from evaluate.errors import RequestError
from evaluate.model import ModelAdapter
from evaluate.python_file import class_in
from evaluate.registry import Registry, unknown_name

FAMILIES = {
    "nano": "models.nano.adapter:Nano",
    "whisper": "models.whisper:Whisper",
    "ctc": "models.ctc:Ctc",
    "seq2seq": "models.seq2seq:Seq2Seq",
    "transducer": "models.transducer:Transducer",
    "faster-whisper": "models.faster_whisper:FasterWhisper",
    "qwen-audio": "models.qwen_audio.adapter:QwenAudioBase",
    "qwen-audio-chat": "models.qwen_audio.adapter:QwenAudioChat",
    "audio-llm": "models.audio_llm.adapter:AudioLlm",
    "chat-api": "models.servers.chat:ChatApi",
    "transcription-api": "models.servers.transcription:TranscriptionApi",
    "predictions": "models.predictions:Predictions",
    "baseline": "models.baseline.adapter:Baseline",
}
DEFAULT = "nano"  # comes with the project
SHORT_NAMES = {
    "nano": "nano:",
    "qwen-audio": "qwen-audio:Qwen/Qwen-Audio",
    "qwen-audio-chat": "qwen-audio-chat:Qwen/Qwen-Audio-Chat",
    "qwen2-audio": "audio-llm:Qwen/Qwen2-Audio-7B",
    "qwen2-audio-instruct": "audio-llm:Qwen/Qwen2-Audio-7B-Instruct",
    "qwen2.5-omni": "audio-llm:Qwen/Qwen2.5-Omni-7B",
    "qwen3-omni": "audio-llm:Qwen/Qwen3-Omni-30B-A3B-Instruct",
    "qwen3-asr": "audio-llm:Qwen/Qwen3-ASR-1.7B-hf",
    "voxtral-mini": "audio-llm:mistralai/Voxtral-Mini-3B-2507",
    "granite-speech": "audio-llm:ibm-granite/granite-speech-3.3-2b",
    "audio-flamingo-3": "audio-llm:nvidia/audio-flamingo-3-hf",
    "music-flamingo": "audio-llm:nvidia/music-flamingo-2601-hf",
    "glm-asr": "audio-llm:zai-org/GLM-ASR-Nano-2512",
    "gemma-4": "audio-llm:google/gemma-4-E2B-it",
} | {
    f"whisper-{size}": f"whisper:openai/whisper-{size}"
    for size in (
        *("tiny", "tiny.en", "base", "base.en", "small", "small.en", "medium", "medium.en"),
        *("large", "large-v2", "large-v3", "large-v3-turbo"),
    )
}
_TEXTS = (str, str | None, "str", "str | None")  # a module may keep its annotations as text
LISTING = "All names: otoscope models"

registry = Registry("model family", FAMILIES, group="otoscope.models", listing=LISTING)


def create_model(spec: str, *, device: str, dtype: str, arguments: Mapping[str, str], seed: int = 0) -> ModelAdapter:
    """Return the adapter for a model spec; nothing large is loaded yet.

    Args:
        spec: `FAMILY:WHERE`, a short name, or a Python file with an adapter class.
        device: "auto", "cpu", "cuda", "cuda:1", …
        dtype: "auto", "float32", "float16" or "bfloat16".
        arguments: The adapter's own settings by name, as typed.
        seed: For an adapter that asks for it (`takes_seed`); a setting of that name goes before it.

    Raises:
        RequestError: No such name, file or setting.
    """
    return model_maker(spec, device=device, dtype=dtype, arguments=arguments, seed=seed)()


@dataclass(frozen=True, slots=True)
class ModelMaker:
    """Makes equal adapters, also on another machine: it holds what is to be called, not where that was found."""

    adapter_class: type[ModelAdapter]
    where: str
    settings: Mapping[str, Any]
    source_hash: str = ""

    @property
    def takes_device(self) -> bool:
        """Whether the model computes somewhere that a user may choose."""
        return "device" in self.settings

    def __call__(self) -> ModelAdapter:
        """Return a new adapter; nothing large is loaded yet."""
        adapter = self.adapter_class(self.where, **self.settings)
        if self.source_hash:
            adapter.source_hash = self.source_hash
        return adapter


def model_maker(spec: str, *, device: str, dtype: str, arguments: Mapping[str, str], seed: int = 0) -> ModelMaker:
    """Return what makes the adapter for a model spec; see `create_model`."""
    full = SHORT_NAMES.get(spec, spec)
    family, colon, where = full.partition(":")
    if family.endswith(".py"):
        path = Path(family)
        if not path.is_file():
            raise RequestError(f"{path}: no such file, expected a Python file with a ModelAdapter in it")
        adapter_class = class_in(path, ModelAdapter)
    elif not colon:
        known = [*SHORT_NAMES, *(f"{name}:" for name in registry.names())]
        expected = "Expected a name that otoscope models lists, or FAMILY:WHERE, e.g. whisper:openai/whisper-base"
        raise unknown_name("model", spec, known, listing=expected)
    else:
        adapter_class = registry.get(family)
    settings = _settings(adapter_class, spec, arguments)
    accepted = inspect.signature(adapter_class).parameters
    for name, value in (("device", device), ("dtype", dtype)):
        if name in accepted:
            settings[name] = value
    if adapter_class.takes_seed:
        settings.setdefault("seed", seed)
    is_file = family.endswith(".py")
    # What follows the colon tells models of one file apart as the file's own content does.
    source = Path(family).read_bytes() + (b"\0" + where.encode() if where else b"") if is_file else b""
    return ModelMaker(adapter_class, where, settings, hashlib.sha256(source).hexdigest()[:16] if is_file else "")


def _settings(adapter_class: type[ModelAdapter], spec: str, arguments: Mapping[str, str]) -> dict[str, Any]:
    """Return `--model-arg` values for an adapter's keyword-only parameters.

    They are typed as YAML reads them, but as they stand where the parameter is a text: `no` may be Norwegian.
    """
    own = {
        one.name: one.annotation in _TEXTS
        for one in inspect.signature(adapter_class).parameters.values()
        if one.kind is inspect.Parameter.KEYWORD_ONLY and one.name not in ("device", "dtype")
    }
    for name in arguments:
        if name not in own:
            has = f"it has {', '.join(own)}" if own else "it has none"
            raise unknown_name(f"setting of model {spec!r}:", name, own, listing=has)
    try:
        return {name: value if own[name] else yaml.safe_load(value) for name, value in arguments.items()}
    except (yaml.YAMLError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise RequestError(f"a setting of model {spec!r} cannot be read ({reason}); put it in quotes") from error
