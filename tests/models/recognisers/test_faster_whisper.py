"""Whisper by CTranslate2: on real checkpoints where they are, and what is refused without one."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluate.audio import load_waveform
from evaluate.errors import MachineError, ModelLoadError, RequestError
from evaluate.types import AudioRef, GenerationOptions, Request, Sample
from models.faster_whisper import FasterWhisper
from tasks.aishell1 import Aishell1
from tasks.clotho import Clotho
from tasks.librispeech import LibriSpeech

needs_the_library = pytest.mark.skipif(
    importlib.util.find_spec("faster_whisper") is None, reason="faster-whisper is not installed"
)
CLIP = (AudioRef(Path("x")),)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a converted multilingual checkpoint looks like from outside: no weights that load."""
    folder = tmp_path / "whisper-none"
    folder.mkdir()
    (folder / "model.bin").write_bytes(b"not weights")
    (folder / "config.json").write_text("{}")
    (folder / "vocabulary.txt").write_text("token\n" * 51865)
    tokens = [{"content": token} for token in ("<|en|>", "<|zh|>", "<|yue|>", "<|notimestamps|>")]
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": tokens}))
    return folder


@pytest.fixture
def converted(checkpoint: Callable[[str], Path]) -> Callable[[str], Path]:
    """Real checkpoints in CTranslate2's format, by size, beside those of Hugging Face."""

    def find(size: str) -> Path:
        pytest.importorskip("faster_whisper")
        folder = checkpoint(size).parent / f"ct2-{size}"
        if not folder.is_dir():
            pytest.skip(f"no checkpoint {folder}; convert whisper-{size} with ct2-transformers-converter")
        return folder

    return find


def test_a_missing_library_is_one_line_before_anything_is_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelLoadError, match=r'pip install "otoscope\[faster-whisper\]"'):
        FasterWhisper(str(folder)).refusal(LibriSpeech(Path()), [Sample("a", CLIP, "", ("",), language="en")])


def test_what_is_no_converted_checkpoint_is_refused_at_once(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no checkpoint named"):
        FasterWhisper("")
    with pytest.raises(RequestError, match="no such folder"):
        FasterWhisper("/no/such/folder")
    (folder / "model.bin").unlink()
    with pytest.raises(
        RequestError, match="no model.bin in it, expected a Whisper that CTranslate2's converter wrote$"
    ):
        FasterWhisper(str(folder))
    (folder / "config.json").write_text('{"model_type": "whisper"}')
    with pytest.raises(RequestError, match="as it is, its family is whisper:$"):
        FasterWhisper(str(folder))


@needs_the_library
def test_a_size_that_there_is_not_is_one_line() -> None:
    with pytest.raises(RequestError, match="'bsae' is neither a folder nor a size; sizes are tiny.en, tiny, base.en"):
        FasterWhisper("bsae").identity()


@needs_the_library
@pytest.mark.parametrize("where", ["base", "nobody/no-such-model"])
def test_a_hub_that_cannot_be_reached_is_one_line(where: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelLoadError, match=f"{where}: the hub does not give it") as caught:
        FasterWhisper(where).identity()
    assert "\n" not in str(caught.value)


@needs_the_library
def test_weights_that_do_not_load_are_one_line(folder: Path) -> None:
    with pytest.raises(ModelLoadError, match="the checkpoint does not load"):
        FasterWhisper(str(folder), device="cpu").load()


@needs_the_library
def test_how_it_computes_is_chosen_checked_and_recorded(folder: Path) -> None:
    def dtype(**settings: Any) -> str:
        return str(FasterWhisper(str(folder), device="cpu", **settings).identity()["dtype"])

    assert (dtype(), dtype(compute_type="int8")) == ("float32", "int8")
    with pytest.raises(MachineError, match="float16 cannot be computed on cpu here; possible are .*float32"):
        dtype(dtype="float16")
    with pytest.raises(RequestError, match="unknown compute_type 'int3'; expected one of float32"):
        dtype(compute_type="int3")
    with pytest.raises(RequestError, match="say the same thing"):
        dtype(compute_type="int8", dtype="float32")
    with pytest.raises(RequestError, match="cpu_threads=-1: expected a whole number from 0"):
        dtype(cpu_threads=-1)


@needs_the_library
def test_another_checkpoint_is_another_revision(folder: Path) -> None:
    before = FasterWhisper(str(folder), device="cpu").identity()
    (folder / "model.bin").write_bytes(b"other weights")
    assert FasterWhisper(str(folder), device="cpu").identity()["revision"] != before["revision"]


@needs_the_library
def test_what_it_cannot_do_is_found_before_loading(folder: Path) -> None:
    model = FasterWhisper(str(folder))

    def refusal(language: str, *, num_clips: int = 1) -> str:
        return str(model.refusal(LibriSpeech(Path()), [Sample("a", CLIP * num_clips, "", ("",), language=language)]))

    assert refusal("yue") == "None"
    assert refusal("xx") == "the checkpoint has no language token for 'xx'"
    assert "no language is named" in refusal("")
    assert refusal("en", num_clips=2) == "it hears one clip, sample 'a' has 2"
    assert model.refusal(Clotho(Path()), []) == "a Whisper checkpoint transcribes, it does not do captioning"
    (folder / "vocabulary.txt").write_text("token\n" * 51864)
    english = FasterWhisper(str(folder))
    assert "English-only" in str(english.refusal(Aishell1(Path()), [Sample("a", CLIP, "", ("",), language="zh")]))


@needs_the_library
def test_damaged_lists_are_one_line(folder: Path) -> None:
    asked = [Sample("a", CLIP, "", ("",), language="en")]
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelLoadError, match="tokenizer.json: not a tokenizer"):
        FasterWhisper(str(folder)).refusal(LibriSpeech(Path()), asked)
    (folder / "vocabulary.txt").unlink()
    with pytest.raises(ModelLoadError, match="no vocabulary.json or vocabulary.txt"):
        FasterWhisper(str(folder)).refusal(LibriSpeech(Path()), asked)
    (folder / "vocabulary.json").write_text("[")
    with pytest.raises(ModelLoadError, match="vocabulary.json: not valid JSON"):
        FasterWhisper(str(folder)).refusal(LibriSpeech(Path()), asked)


def real_requests(corpora: Path, count: int) -> list[Request]:
    samples = LibriSpeech(corpora).read_split("test-other").samples[:count]
    return [Request(sample, (load_waveform(sample.audio[0], sample_rate_hz=16_000),)) for sample in samples]


def test_real_answers_equal_those_of_transcribe_whatever_the_batch(
    corpora: Path, converted: Callable[[str], Path]
) -> None:
    model = FasterWhisper(str(converted("tiny.en")), device="cpu")
    model.load()
    requests = real_requests(corpora, 6)
    expected = []
    for request in requests:
        segments, _ = model._model.transcribe(
            request.waveforms[0], language="en", beam_size=1, temperature=0.0, without_timestamps=True
        )
        expected.append("".join(segment.text for segment in segments))
    together = list(model.generate(requests, GenerationOptions()))
    alone = [output for request in requests for output in model.generate([request], GenerationOptions())]
    assert together == alone
    assert [output.text for output in together] == expected
    assert not any(output.truncated for output in together)


def test_the_token_limit_is_what_was_asked_and_recorded(corpora: Path, converted: Callable[[str], Path]) -> None:
    model = FasterWhisper(str(converted("tiny.en")), device="cpu")
    model.load()
    [request] = real_requests(corpora, 1)
    for limit in (1, 2, 5, 12):
        [output] = model.generate([request], GenerationOptions(max_new_tokens=limit))
        assert output.truncated
        assert len(model._model.hf_tokenizer.encode(output.text or "", add_special_tokens=False).ids) == limit


def test_a_real_recording_over_30_s_is_transcribed_whole(corpora: Path, converted: Callable[[str], Path]) -> None:
    model = FasterWhisper(str(converted("tiny.en")), device="cpu", compute_type="int8")
    model.load()
    requests = real_requests(corpora, 8)
    waveform = np.concatenate([request.waveforms[0] for request in requests])
    assert waveform.size > 40 * 16_000
    long = Request(Sample("long", CLIP, "", ("",), language="en"), (waveform,))
    by_id = {one.sample_id: one.text or "" for one in model.generate([long, requests[1]], GenerationOptions())}
    words = sum(len(request.sample.references[0].split()) for request in requests)
    assert 0.8 * words < len(by_id["long"].split()) < 1.2 * words
    for limit, is_cut in ((None, False), (5, True)):  # of each window
        [output] = model.generate([long], GenerationOptions(max_new_tokens=limit))
        assert output.truncated == is_cut
    assert by_id[requests[1].sample.id]
