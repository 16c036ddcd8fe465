"""Reading `config.json`: defaults of the published class, and what is refused."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from evaluate.errors import ModelLoadError
from models.qwen_audio.config import QwenAudioConfig
from models.qwen_audio.tiny import TINY_CONFIG

RELEASED_FILE: dict[str, Any] = {  # the keys of the released file that matter; others are passed over
    "architectures": ["QWenLMHeadModel"],
    "model_type": "qwen",
    "vocab_size": 155947,
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "kv_channels": 128,
    "intermediate_size": 22016,
    "layer_norm_epsilon": 1e-05,
    "seq_length": 2048,
    "rotary_pct": 1.0,
    "rotary_emb_base": 10000,
    "use_dynamic_ntk": True,
    "use_logn_attn": True,
    "no_bias": True,
    "tie_word_embeddings": False,
    "audio": {
        "n_mels": 80,
        "n_ctx": 1500,
        "n_state": 1280,
        "n_head": 20,
        "n_layer": 32,
        "output_dim": 4096,
        "avg_pool": True,
        "add_audio_bos_eos_token": True,
        "audio_start_id": 155163,
    },
}


def test_the_released_file_is_the_released_configuration(tmp_path: Path, released_config: QwenAudioConfig) -> None:
    (tmp_path / "config.json").write_text(json.dumps(RELEASED_FILE))

    assert QwenAudioConfig.from_folder(tmp_path) == released_config


def test_a_configuration_survives_writing_and_reading() -> None:
    assert QwenAudioConfig.from_dict(json.loads(json.dumps(asdict(TINY_CONFIG)))) == TINY_CONFIG


def test_keys_that_are_left_out_have_the_published_defaults() -> None:
    config = QwenAudioConfig.from_dict({"seq_length": 2048, "vocab_size": 155947, "audio": RELEASED_FILE["audio"]})

    assert config.layer_norm_epsilon == 1e-6
    assert config.hidden_size == 4096


@pytest.mark.parametrize("key", ["seq_length", "audio"])
def test_a_key_without_a_default_must_be_there(key: str) -> None:
    content = {name: value for name, value in RELEASED_FILE.items() if name != key}

    with pytest.raises(ModelLoadError, match=rf"config.json: no {key} in it; is this a checkpoint of Qwen-Audio\?"):
        QwenAudioConfig.from_dict(content)


@pytest.mark.parametrize("key", sorted(RELEASED_FILE["audio"].keys() - {"avg_pool", "add_audio_bos_eos_token"}))
def test_every_size_of_the_tower_must_be_there(key: str) -> None:
    audio = {name: value for name, value in RELEASED_FILE["audio"].items() if name != key}

    with pytest.raises(ModelLoadError, match=f"config.json: audio: no {key} in it"):
        QwenAudioConfig.from_dict({**RELEASED_FILE, "audio": audio})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kv_channels": 64}, r"hidden_size is 4096, expected num_attention_heads x kv_channels = 2048"),
        ({"intermediate_size": 7}, "intermediate_size is 7, expected an even number"),
        ({"rotary_pct": 0.01}, "rotary_pct is 0.01 of 128 values, expected an even number above 2"),
        ({"seq_length": 1}, "seq_length is 1, expected at least 2"),
        ({"vocab_size": 155164}, "audio_start_id is 155163, expected room for two tags below vocab_size"),
        ({"hidden_size": "4096"}, "hidden_size is '4096', expected a whole number above 0"),
        ({"hidden_size": 4096.5}, "hidden_size is 4096.5, expected a whole number above 0"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0, expected a whole number above 0"),
        ({"layer_norm_epsilon": None}, "layer_norm_epsilon is None, expected a number above 0"),
        ({"no_bias": 1}, "no_bias is 1, expected true or false"),
        ({"audio": [1]}, "audio: found list, expected an object with keys"),
    ],
)
def test_impossible_values_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelLoadError, match=message):
        QwenAudioConfig.from_dict({**RELEASED_FILE, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"output_dim": 8}, "audio.output_dim is 8, expected hidden_size = 4096"),
        ({"n_head": 3}, "audio.n_state is 1280, expected a multiple of audio.n_head = 3"),
        ({"avg_pool": False}, "audio.avg_pool is false, expected true"),
        ({"add_audio_bos_eos_token": False}, "audio.add_audio_bos_eos_token is false, expected true"),
    ],
)
def test_impossible_values_of_the_tower_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelLoadError, match=message):
        QwenAudioConfig.from_dict({**RELEASED_FILE, "audio": {**RELEASED_FILE["audio"], **changes}})


def test_a_file_that_is_absent_or_damaged_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"config.json: cannot be read \(No such file or directory\)"):
        QwenAudioConfig.from_folder(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelLoadError, match="config.json: not valid JSON"):
        QwenAudioConfig.from_folder(tmp_path)
