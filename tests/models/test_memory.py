"""Room for a checkpoint, told before it is loaded."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from evaluate.errors import ModelLoadError
from models import memory
from models.checkpoint import Checkpoint

NUM_WEIGHTS = 1_000_000


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    """A million weights in two files."""
    (tmp_path / "config.json").write_text("{}")
    for number in range(2):
        weights = {"layer": np.zeros((500, 1000), np.float16)}
        save_file(weights, tmp_path / f"model-{number}.safetensors")
    return Checkpoint(str(tmp_path))


def test_weights_are_counted_without_loading_them(checkpoint: Checkpoint) -> None:
    assert checkpoint.num_weights() == NUM_WEIGHTS


def test_weights_that_are_there_twice_are_counted_once(checkpoint: Checkpoint, tmp_path: Path) -> None:
    # as Voxtral's, whose own form lies beside that of transformers
    save_file({"all": np.zeros(NUM_WEIGHTS, np.float16)}, tmp_path / "consolidated.safetensors")
    files = {f"layer{number}": f"model-{number}.safetensors" for number in range(2)}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))
    assert checkpoint.num_weights() == NUM_WEIGHTS


def test_weights_that_cannot_be_counted_are_left_to_loading(checkpoint: Checkpoint, tmp_path: Path) -> None:
    (tmp_path / "model-1.safetensors").write_bytes(b"no safetensors")
    assert checkpoint.num_weights() is None
    assert memory.refuse_too_large(checkpoint, "cpu", 4, may_split=False) == {}


def test_what_has_room_goes_to_its_one_device(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: [5_000_000, 5_000_000])
    assert memory.refuse_too_large(checkpoint, "cuda", 4, may_split=True) == {}


def test_what_has_no_room_is_refused_in_one_line(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: [3_000_000])
    with pytest.raises(ModelLoadError, match=r"need 0\.0 GiB, cpu has 0\.0 GiB free; take a smaller dtype"):
        memory.refuse_too_large(checkpoint, "cpu", 4, may_split=True)
    assert memory.refuse_too_large(checkpoint, "cpu", 2, may_split=True) == {}


def test_what_fits_on_several_gpus_only_is_spread_by_accelerate(
    checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: [3_000_000, 3_000_000])
    pytest.importorskip("accelerate")
    assert memory.refuse_too_large(checkpoint, "cuda", 4, may_split=True) == {"device_map": "auto"}
    with pytest.raises(ModelLoadError, match="all 2 GPUs have"):  # a device was named: it is not spread
        memory.refuse_too_large(checkpoint, "cuda:0", 4, may_split=False)
    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ModelLoadError, match=r'pip install "otoscope\[accelerate\]" spreads it'):
        memory.refuse_too_large(checkpoint, "cuda", 4, may_split=True)


def test_a_cpu_has_the_memory_that_is_available() -> None:
    [free] = memory.free_bytes("cpu")
    assert free > 0
