"""The shape of a Qwen-Audio checkpoint, as its `config.json` gives it."""

import json
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from evaluate.errors import ModelLoadError

DEFAULT_MAX_NEW_TOKENS = 512  # of the released generation configuration


@dataclass(frozen=True, kw_only=True)
class AudioConfig:
    """The audio tower; key `audio` of the file. Nobody can guess its sizes, so they must be there."""

    n_mels: int  # bins of the log-mel
    n_ctx: int  # positions after the convolutions, 20 ms each
    n_state: int  # width
    n_head: int
    n_layer: int
    output_dim: int  # width of what the language model is given
    avg_pool: bool = True
    add_audio_bos_eos_token: bool = True
    audio_start_id: int  # the end tag's id is the next one

    @property
    def audio_end_id(self) -> int:
        """Id of the tag after a clip."""
        return self.audio_start_id + 1

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.n_state // self.n_head


@dataclass(frozen=True, kw_only=True)
class QwenAudioConfig:
    """Language model and audio tower. What has a default here has the same one in the released configuration class."""

    audio: AudioConfig
    seq_length: int  # beyond it, NTK and logn change attention
    vocab_size: int = 151936  # rows of both embeddings; the tokenizer has fewer ids
    hidden_size: int = 4096
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    kv_channels: int = 128  # width of one attention head
    intermediate_size: int = 22016  # twice the width of the MLP
    layer_norm_epsilon: float = 1e-6
    rotary_pct: float = 1.0
    rotary_emb_base: float = 10000.0
    use_dynamic_ntk: bool = True
    use_logn_attn: bool = True
    no_bias: bool = True  # on all projections but the one to query, key and value
    tie_word_embeddings: bool = False

    @property
    def mlp_width(self) -> int:
        """Width between the two layers of an MLP."""
        return self.intermediate_size // 2

    @property
    def rotary_dim(self) -> int:
        """How many of a head's values are rotated."""
        return int(self.kv_channels * self.rotary_pct)

    def write(self, folder: Path) -> None:
        """Write the `config.json` of a checkpoint."""
        content = {"architectures": ["QWenLMHeadModel"], "model_type": "qwen", **asdict(self)}
        (folder / "config.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def from_folder(cls, folder: Path) -> Self:
        """Read the `config.json` of a checkpoint.

        Raises:
            ModelLoadError: It is absent, not JSON, lacks a key, or its keys contradict each other.
        """
        path = folder / "config.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ModelLoadError(
                f"{path}: cannot be read ({error.strerror}), expected a checkpoint's folder"
            ) from error
        except ValueError as error:
            raise ModelLoadError(f"{path}: not valid JSON ({error}); get the checkpoint again") from error
        return cls.from_dict(content, where=str(path))

    @classmethod
    def from_dict(cls, content: object, *, where: str = "config.json") -> Self:
        """Return the configuration that a decoded `config.json` describes; keys of other uses are passed over.

        Args:
            content: The decoded file.
            where: How errors name it.

        Raises:
            ModelLoadError: A key is missing or impossible, or keys contradict each other.
        """
        values = _values(cls, content, where)
        config = cls(**{**values, "audio": AudioConfig(**_values(AudioConfig, values["audio"], f"{where}: audio"))})
        for fault in _contradictions(config):
            raise ModelLoadError(f"{where}: {fault}; is this a checkpoint of Qwen-Audio?")
        return config


def _values(record: type, content: object, where: str) -> dict[str, Any]:
    """Return a record's fields out of a decoded file, each of its own type."""
    if not isinstance(content, Mapping):
        raise ModelLoadError(f"{where}: found {type(content).__name__}, expected an object with keys")
    missing = [one.name for one in fields(record) if one.name not in content and one.default is MISSING]
    if missing:
        raise ModelLoadError(f"{where}: no {', '.join(missing)} in it; is this a checkpoint of Qwen-Audio?")
    return {one.name: _value(one, content[one.name], where) for one in fields(record) if one.name in content}


def _value(field: Field[Any], value: object, where: str) -> object:
    if field.type is bool and isinstance(value, bool):
        return value
    if field.type in (int, float) and isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        if field.type is float:
            return float(value)
        if isinstance(value, int):
            return value
    if field.type not in (bool, int, float):
        return value  # the nested object, read by itself
    expected = {bool: "true or false", int: "a whole number above 0", float: "a number above 0"}[field.type]
    raise ModelLoadError(f"{where}: {field.name} is {value!r}, expected {expected}")


def _contradictions(config: QwenAudioConfig) -> list[str]:
    """Return what no Qwen-Audio can be, each as the part of a sentence."""
    audio = config.audio
    heads_width = config.num_attention_heads * config.kv_channels
    return [
        fault
        for holds, fault in (
            (
                config.hidden_size == heads_width,
                f"hidden_size is {config.hidden_size}, expected num_attention_heads x kv_channels = {heads_width}",
            ),
            (
                audio.output_dim == config.hidden_size,
                f"audio.output_dim is {audio.output_dim}, expected hidden_size = {config.hidden_size}",
            ),
            (
                audio.n_state % audio.n_head == 0,
                f"audio.n_state is {audio.n_state}, expected a multiple of audio.n_head = {audio.n_head}",
            ),
            (
                config.intermediate_size % 2 == 0,
                f"intermediate_size is {config.intermediate_size}, expected an even number",
            ),
            (
                config.rotary_pct <= 1 and config.rotary_dim % 2 == 0 and config.rotary_dim > 2,
                f"rotary_pct is {config.rotary_pct} of {config.kv_channels} values, expected an even number above 2",
            ),
            (config.seq_length > 1, f"seq_length is {config.seq_length}, expected at least 2"),
            (
                audio.audio_end_id < config.vocab_size,
                f"audio.audio_start_id is {audio.audio_start_id}, expected room for two tags below vocab_size "
                f"= {config.vocab_size}",
            ),
            (audio.avg_pool, "audio.avg_pool is false, expected true: audio tokens are counted after pooling"),
            (audio.add_audio_bos_eos_token, "audio.add_audio_bos_eos_token is false, expected true"),
        )
        if not holds
    ]
