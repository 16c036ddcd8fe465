"""Names and shapes of the released weights, loading from all kinds of files, what is refused, and memory."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from evaluate.errors import ModelLoadError, RequestError
from models.qwen_audio.config import AudioConfig, QwenAudioConfig
from models.qwen_audio.loading import build_empty, fetch, load_checkpoint, resolve_dtype
from models.qwen_audio.prompt import PreparedPrompt
from models.qwen_audio.tiny import TINY_CONFIG, write_checkpoint

PROMPT = PreparedPrompt((1, 2, 3), ())


def released_shapes() -> dict[str, list[int]]:
    """The table of the protocol file: H, I, V of the decoder, S, C, M of the tower."""
    h, i, v, s, c, m = 4096, 11008, 155947, 1280, 1500, 80
    shapes = {"transformer.wte.weight": [v, h], "transformer.ln_f.weight": [h], "lm_head.weight": [v, h]}
    for layer in range(32):
        block = f"transformer.h.{layer}."
        shapes |= {block + "ln_1.weight": [h], block + "ln_2.weight": [h]}
        shapes |= {block + "attn.c_attn.weight": [3 * h, h], block + "attn.c_attn.bias": [3 * h]}
        shapes |= {block + "attn.c_proj.weight": [h, h], block + "mlp.c_proj.weight": [h, i]}
        shapes |= {block + "mlp.w1.weight": [i, h], block + "mlp.w2.weight": [i, h]}
    tower = "transformer.audio."
    shapes |= {tower + "positional_embedding": [c, s], tower + "audio_bos_eos_token.weight": [2, h]}
    shapes |= {tower + "conv1.weight": [s, m, 3], tower + "conv1.bias": [s]}
    shapes |= {tower + "conv2.weight": [s, s, 3], tower + "conv2.bias": [s]}
    shapes |= {tower + "ln_post.weight": [s], tower + "ln_post.bias": [s]}
    shapes |= {tower + "proj.weight": [h, s], tower + "proj.bias": [h]}
    for layer in range(32):
        block = f"{tower}blocks.{layer}."
        shapes[block + "attn.key.weight"] = [s, s]
        for name in ("query", "value", "out"):
            shapes |= {f"{block}attn.{name}.weight": [s, s], f"{block}attn.{name}.bias": [s]}
        for name in ("attn_ln", "mlp_ln"):
            shapes |= {f"{block}{name}.weight": [s], f"{block}{name}.bias": [s]}
        shapes |= {block + "mlp.0.weight": [4 * s, s], block + "mlp.0.bias": [4 * s]}
        shapes |= {block + "mlp.2.weight": [s, 4 * s], block + "mlp.2.bias": [s]}
    return shapes


def test_the_released_shape_has_the_released_names_and_shapes(released_config: QwenAudioConfig) -> None:
    model = build_empty(released_config)

    assert {name: list(tensor.shape) for name, tensor in model.state_dict().items()} == released_shapes()
    counts = {name: one.numel() for name, one in model.named_parameters()}
    assert sum(counts.values()) == 8_394_302_464  # as published
    assert sum(count for name, count in counts.items() if ".audio." in name) == 640_119_808
    assert all(tensor.is_meta for tensor in model.state_dict().values())


def rewrite(
    folder: Path, where: Path, *, keep: Any = lambda name: True, add: dict[str, torch.Tensor] | None = None
) -> Path:
    """Copy a checkpoint, some of its weights left out and some added."""
    where.mkdir(parents=True)
    shutil.copy(folder / "config.json", where)
    weights = {name: one for name, one in load_file(folder / "model.safetensors").items() if keep(name)}
    save_file({**weights, **(add or {})}, where / "model.safetensors")
    return where


def in_shards(folder: Path, where: Path, *, suffix: str) -> Path:
    """Copy a checkpoint as two shards with their index."""
    where.mkdir(parents=True)
    shutil.copy(folder / "config.json", where)
    weights = load_file(folder / "model.safetensors")
    names = sorted(weights)
    stem = "model" if suffix == "safetensors" else "pytorch_model"
    weight_map = {}
    for number, own in enumerate((names[::2], names[1::2]), start=1):
        shard = f"{stem}-0000{number}-of-00002.{suffix}"
        part = {name: weights[name] for name in own}
        save_file(part, where / shard) if suffix == "safetensors" else torch.save(part, where / shard)
        weight_map |= dict.fromkeys(own, shard)
    (where / f"{stem}.{suffix}.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return where


def single_bin(folder: Path, where: Path, **how: bool) -> Path:
    where.mkdir(parents=True)
    shutil.copy(folder / "config.json", where)
    torch.save(load_file(folder / "model.safetensors"), where / "pytorch_model.bin", **how)
    return where


def test_every_weight_of_the_files_is_in_the_model(tiny_checkpoint: Path, tmp_path: Path) -> None:
    expected = load_file(tiny_checkpoint / "model.safetensors")
    folders = [
        tiny_checkpoint,
        in_shards(tiny_checkpoint, tmp_path / "a", suffix="safetensors"),
        in_shards(tiny_checkpoint, tmp_path / "b", suffix="bin"),
        single_bin(tiny_checkpoint, tmp_path / "c"),
        single_bin(tiny_checkpoint, tmp_path / "d", _use_new_zipfile_serialization=False),
    ]

    for folder in folders:
        state = load_checkpoint(folder, dtype=torch.float32).state_dict()

        assert state.keys() == expected.keys()
        assert all(state[name].equal(one) for name, one in expected.items())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_are_converted_to_the_asked_dtype(tiny_checkpoint: Path, dtype: torch.dtype) -> None:
    expected = load_file(tiny_checkpoint / "model.safetensors")

    model = load_checkpoint(tiny_checkpoint, dtype=dtype)

    assert all(one.equal(expected[name].to(dtype)) for name, one in model.state_dict().items())
    assert not model.training
    assert not any(one.requires_grad for one in model.parameters())


def test_masked_bias_of_old_shards_is_passed_over(tiny_checkpoint: Path, tmp_path: Path) -> None:
    old = {f"transformer.h.{layer}.attn.masked_bias": torch.tensor(-10000.0) for layer in range(2)}

    model = load_checkpoint(rewrite(tiny_checkpoint, tmp_path / "old", add=old), dtype=torch.float32)

    assert not any("masked_bias" in name for name in model.state_dict())


def test_tied_embeddings_need_no_head_in_the_file(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a", replace(TINY_CONFIG, tie_word_embeddings=True))
    folder = rewrite(tmp_path / "a", tmp_path / "b", keep=lambda name: name != "lm_head.weight")

    model = load_checkpoint(folder, dtype=torch.float32)

    assert model.lm_head.weight is model.transformer.wte.weight
    assert not model.logits([PROMPT])[0].isnan().any()


def test_missing_unexpected_and_misshapen_weights_are_listed(tiny_checkpoint: Path, tmp_path: Path) -> None:
    folder = rewrite(
        tiny_checkpoint,
        tmp_path / "odd",
        keep=lambda name: "ln_post" not in name,
        add={"transformer.visual.proj": torch.zeros(2), "transformer.ln_f.weight": torch.zeros(31)},
    )

    with pytest.raises(ModelLoadError) as info:
        load_checkpoint(folder, dtype=torch.float32)

    assert str(info.value) == (
        f"{folder}: the weights are not those of its config.json; "
        "2 missing: transformer.audio.ln_post.weight, transformer.audio.ln_post.bias; "
        "1 unexpected: transformer.visual.proj; "
        "1 of another shape: transformer.ln_f.weight [31] instead of [32]"
    )


def test_a_long_list_of_missing_weights_is_cut(tiny_checkpoint: Path, tmp_path: Path) -> None:
    folder = rewrite(tiny_checkpoint, tmp_path / "odd", keep=lambda name: ".audio." not in name)

    with pytest.raises(ModelLoadError, match=r"\d\d missing: transformer.audio.* and \d\d more$"):
        load_checkpoint(folder, dtype=torch.float32)


def test_a_folder_without_weights_is_named(tiny_checkpoint: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_checkpoint / "config.json", tmp_path)

    with pytest.raises(ModelLoadError, match="no weights in it, expected one of model.safetensors.index.json"):
        load_checkpoint(tmp_path, dtype=torch.float32)


def test_shards_that_are_absent_are_named(tiny_checkpoint: Path, tmp_path: Path) -> None:
    folder = in_shards(tiny_checkpoint, tmp_path / "a", suffix="safetensors")
    (folder / "model-00002-of-00002.safetensors").unlink()

    with pytest.raises(ModelLoadError, match="index.json: names model-00002-of-00002.safetensors, not in the folder"):
        load_checkpoint(folder, dtype=torch.float32)


def test_a_damaged_index_is_named(tiny_checkpoint: Path, tmp_path: Path) -> None:
    folder = in_shards(tiny_checkpoint, tmp_path / "a", suffix="safetensors")
    for content in ("{", "[]", "{}"):
        (folder / "model.safetensors.index.json").write_text(content)
        with pytest.raises(ModelLoadError, match="model.safetensors.index.json: no index of shards"):
            load_checkpoint(folder, dtype=torch.float32)


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_file_that_is_cut_off_is_named(tiny_checkpoint: Path, tmp_path: Path, name: str) -> None:
    folder = single_bin(tiny_checkpoint, tmp_path / "a")
    if name == "model.safetensors":
        shutil.copy(tiny_checkpoint / name, folder)
    path = folder / name
    path.write_bytes(path.read_bytes()[:-5000])

    with pytest.raises(ModelLoadError, match=rf"{name}: cannot be loaded .*is the file whole"):
        load_checkpoint(folder, dtype=torch.float32)


def test_a_file_of_something_else_than_weights_is_named(tiny_checkpoint: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_checkpoint / "config.json", tmp_path)
    torch.save({"state_dict": {"transformer.ln_f.weight": torch.zeros(32)}}, tmp_path / "pytorch_model.bin")

    with pytest.raises(ModelLoadError, match="pytorch_model.bin: cannot be loaded"):
        load_checkpoint(tmp_path, dtype=torch.float32)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the hub; what is fetched of it lands in `cache` beside it."""
    import huggingface_hub

    def snapshot_download(hub_id: str, *, revision: str, allow_patterns: list[str]) -> str:
        if (hub_id, revision) != ("qwen/audio", "v1"):
            raise ValueError("no such\nrepository")
        for path in (tmp_path / "hub").iterdir():
            if any(path.match(pattern) for pattern in allow_patterns):
                (tmp_path / "cache").mkdir(exist_ok=True)
                shutil.copy(path, tmp_path / "cache")
        return str(tmp_path / "cache")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return tmp_path / "hub"


@pytest.mark.parametrize("suffix", ["safetensors", "bin"])
def test_a_hub_checkpoint_is_fetched_with_one_kind_of_weights(tiny_checkpoint: Path, hub: Path, suffix: str) -> None:
    in_shards(tiny_checkpoint, hub, suffix=suffix)
    (hub / "qwen.tiktoken").touch()
    (hub / ("pytorch_model.bin" if suffix == "safetensors" else "other.safetensors")).touch()
    (hub / "README.md").touch()

    folder = fetch("qwen/audio", revision="v1")

    stem = "model" if suffix == "safetensors" else "pytorch_model"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [
            "config.json",
            "qwen.tiktoken",
            f"{stem}.{suffix}.index.json",
            f"{stem}-00001-of-00002.{suffix}",
            f"{stem}-00002-of-00002.{suffix}",
        ]
    )
    load_checkpoint(folder, dtype=torch.float32)


def test_a_hub_checkpoint_of_one_file_is_fetched(tiny_checkpoint: Path, hub: Path) -> None:
    single_bin(tiny_checkpoint, hub)

    folder = fetch("qwen/audio", revision="v1")

    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "pytorch_model.bin"]


def test_a_checkpoint_that_the_hub_does_not_give_is_an_error(hub: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"^qwen/video: the hub does not give it \(no such repository\); is"):
        fetch("qwen/video")


def test_dtypes_by_name() -> None:
    assert resolve_dtype("bfloat16", "cuda") == torch.bfloat16
    assert resolve_dtype("auto", "cpu") == resolve_dtype(torch.float32, "cpu") == torch.float32
    assert resolve_dtype("bf16", "cpu") == torch.bfloat16
    with pytest.raises(RequestError, match="int8"):
        resolve_dtype("int8", "cpu")


LARGE_CONFIG = QwenAudioConfig(
    audio=AudioConfig(
        n_mels=80,
        n_ctx=1500,
        n_state=256,
        n_head=4,
        n_layer=2,
        output_dim=1024,
        audio_start_id=3776,
    ),
    seq_length=2048,
    vocab_size=8000,
    hidden_size=1024,
    num_hidden_layers=3,
    num_attention_heads=8,
    kv_channels=128,
    intermediate_size=8192,
)
MEASURE = """\
import sys
from pathlib import Path
import torch
import models.qwen_audio.loading as loading
from models.qwen_audio.prompt import PreparedPrompt
from models.qwen_audio.tiny import write_checkpoint
write_checkpoint(Path(sys.argv[2]))  # imports what any loading imports
loading.load_checkpoint(Path(sys.argv[2]), dtype=torch.float32).logits([PreparedPrompt((1, 2), ())])
def peak():  # in KiB; getrusage would also count the test runner that this process was forked from
    return Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
before = peak()
model = loading.load_checkpoint(Path(sys.argv[1]), dtype=getattr(torch, sys.argv[3]))
loaded = peak()
model.logits([PreparedPrompt((1, 2), ())])  # now every weight has been read
print(before, loaded, peak())
"""


@pytest.fixture(scope="module")
def large_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some 250 MB in float32."""
    folder = tmp_path_factory.mktemp("qwen-audio") / "large"
    write_checkpoint(folder, LARGE_CONFIG)
    return folder


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("kind", ["safetensors", "bin"])
@pytest.mark.parametrize(("dtype", "share"), [("float32", 1.0), ("bfloat16", 0.5)])
def test_no_second_copy_is_in_memory_while_a_checkpoint_is_loaded_and_used(
    large_checkpoint: Path, tmp_path: Path, kind: str, dtype: str, share: float
) -> None:
    folder = large_checkpoint if kind == "safetensors" else single_bin(large_checkpoint, tmp_path / "bin")
    size = sum(path.stat().st_size for path in folder.glob("*.*")) / 1024  # KiB
    command = [sys.executable, "-c", MEASURE, str(folder), str(tmp_path / "tiny"), dtype]

    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])

    before, loaded, used = map(int, result.stdout.split())
    assert size > 200_000
    assert loaded - before < (share + 0.2) * size  # a conversion has one tensor twice for a moment
    assert used - before < (share + 0.2) * size
