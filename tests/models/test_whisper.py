"""The Whisper adapter: on tiny random checkpoints made here, and on real ones where they are."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluate.audio import load_waveform
from evaluate.errors import MachineError, ModelLoadError, RequestError
from evaluate.task import Task
from evaluate.types import AudioRef, GenerationOptions, Request, Sample
from models.whisper import Whisper
from tasks.aishell1 import Aishell1
from tasks.librispeech import LibriSpeech

Checkpoint = Callable[[str], Path]


@pytest.fixture(scope="module")
def random_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A multilingual Whisper of random weights that writes single bytes and no special token."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperProcessor,
        WhisperTokenizer,
    )

    folder = tmp_path_factory.mktemp("whisper") / "whisper-random"
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|zh|>", "<|transcribe|>", "<|notimestamps|>"]
    vocabulary = {token: number for number, token in enumerate([*alphabet, *special])}
    backend = Tokenizer(models.BPE(vocabulary, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(special)
    tokenizer_file = folder.parent / "tokenizer.json"
    backend.save(str(tokenizer_file))
    tokenizer = WhisperTokenizer(tokenizer_file=str(tokenizer_file))
    torch.manual_seed(0)
    end = vocabulary["<|endoftext|>"]
    config = WhisperConfig(
        vocab_size=len(vocabulary),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_target_positions=32,
        decoder_start_token_id=vocabulary["<|startoftranscript|>"],
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
    )
    model = WhisperForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        decoder_start_token_id=config.decoder_start_token_id,
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        max_length=32,
        is_multilingual=True,
        lang_to_id={"<|en|>": vocabulary["<|en|>"], "<|zh|>": vocabulary["<|zh|>"]},
        task_to_id={"transcribe": vocabulary["<|transcribe|>"]},
        no_timestamps_token_id=vocabulary["<|notimestamps|>"],
        suppress_tokens=[vocabulary[token] for token in special],
        begin_suppress_tokens=[end],
        return_timestamps=False,
    )
    model.save_pretrained(folder)
    WhisperProcessor(WhisperFeatureExtractor(feature_size=80), tokenizer).save_pretrained(folder)
    return folder


def request(number: int, seconds: float, *, language: str = "en") -> Request:
    waveform = np.random.default_rng(number).normal(0, 0.1, round(seconds * 16_000)).astype(np.float32)
    return Request(Sample(f"s{number}", (AudioRef(Path("x")),), "", ("",), language=language), (waveform,))


def texts(model: Whisper, batch: Sequence[Request], **options: Any) -> list[str | None]:
    return [output.text for output in model.generate(batch, GenerationOptions(**options))]


def test_a_batch_gives_what_its_samples_give_alone(random_checkpoint: Path) -> None:
    model = Whisper(str(random_checkpoint), device="cpu")
    model.load()
    batch = [request(number, seconds) for number, seconds in enumerate([0.3, 12.0, 29.9, 4.0])]
    assert texts(model, batch) == [texts(model, [one])[0] for one in batch]


def test_a_sampled_answer_does_not_depend_on_its_neighbours(random_checkpoint: Path) -> None:
    model = Whisper(str(random_checkpoint), device="cpu")
    model.load()
    batch = [request(number, 2.0) for number in range(4)]
    together = texts(model, batch, temperature=1.0, seed=7)
    assert together == [texts(model, [one], temperature=1.0, seed=7)[0] for one in batch]
    assert together != texts(model, batch, temperature=1.0, seed=8)


def test_the_checkpoint_s_suppress_list_is_honoured(copied_checkpoint: Path) -> None:
    def answer() -> str:
        model = Whisper(str(copied_checkpoint), device="cpu")
        model.load()
        return texts(model, [request(0, 1.0)], max_new_tokens=8)[0] or ""

    tokens = json.loads((copied_checkpoint / "tokenizer.json").read_text())["model"]["vocab"]
    for allowed in ("x", "y"):
        suppressed = [number for token, number in tokens.items() if token != allowed]
        edit_config(copied_checkpoint, "generation_config.json", suppress_tokens=suppressed, begin_suppress_tokens=None)
        assert answer() == 8 * allowed


def test_decoding_is_greedy_whatever_the_checkpoint_says_of_it(copied_checkpoint: Path) -> None:
    tokens = json.loads((copied_checkpoint / "tokenizer.json").read_text())["model"]["vocab"]
    others = [number for token, number in tokens.items() if token != "x"]
    says = {
        **{"do_sample": True, "temperature": 3.0, "top_k": 5, "num_beams": 3, "length_penalty": 2.0},
        **{"repetition_penalty": 9.0, "no_repeat_ngram_size": 1, "num_return_sequences": 2, "early_stopping": True},
    }
    edit_config(copied_checkpoint, "generation_config.json", suppress_tokens=others, begin_suppress_tokens=None, **says)
    model = Whisper(str(copied_checkpoint), device="cpu")
    model.load()
    assert texts(model, [request(0, 1.0)], max_new_tokens=8) == ["xxxxxxxx"]


def test_sampling_draws_from_all_tokens(random_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Whisper(str(random_checkpoint), device="cpu")
    model.load()
    asked: list[dict[str, Any]] = []
    own = model._model.generate
    monkeypatch.setattr(model._model, "generate", lambda *inputs, **how: asked.append(how) or own(*inputs, **how))
    texts(model, [request(0, 1.0)], temperature=1.0)
    assert (asked[0]["do_sample"], asked[0]["top_k"]) == (True, 0)


def test_the_token_limit_is_recorded(random_checkpoint: Path) -> None:
    model = Whisper(str(random_checkpoint), device="cpu")
    model.load()
    [short] = model.generate([request(0, 1.0)], GenerationOptions(max_new_tokens=2))
    assert short.truncated
    assert len(short.text or "") <= 2
    # of 32 positions the prompt takes four: start, language, task, no timestamps
    limits = [model.token_limit(GenerationOptions(max_new_tokens=number)) for number in (None, 2, 99)]
    assert limits == [28, 2, 28]


def test_a_least_number_of_tokens_forbids_an_empty_answer(copied_checkpoint: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    tokens = json.loads((copied_checkpoint / "tokenizer.json").read_text())["model"]["vocab"]
    end = tokens["<|endoftext|>"]
    others = [number for token, number in tokens.items() if token not in ("x", "<|endoftext|>")]
    edit_config(copied_checkpoint, "generation_config.json", suppress_tokens=others, begin_suppress_tokens=None)
    weights = load_file(copied_checkpoint / "model.safetensors")
    # The last normalisation gives ones, which the end token's embedding likes best: the model would always stop.
    weights["model.decoder.layer_norm.weight"].zero_()
    weights["model.decoder.layer_norm.bias"].fill_(1.0)
    weights["model.decoder.embed_tokens.weight"][end] = torch.ones(16)
    save_file(weights, copied_checkpoint / "model.safetensors", metadata={"format": "pt"})
    model = Whisper(str(copied_checkpoint), device="cpu")
    model.load()
    assert texts(model, [request(0, 1.0)]) == [""]
    assert texts(model, [request(0, 1.0)], min_new_tokens=3) == ["xxx"]


def test_another_checkpoint_is_another_revision(random_checkpoint: Path, tmp_path: Path) -> None:
    import shutil

    other = tmp_path / "other"
    shutil.copytree(random_checkpoint, other)
    assert Whisper(str(other)).identity() == Whisper(str(random_checkpoint)).identity()
    weights = other / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    assert Whisper(str(other)).identity()["revision"] != Whisper(str(random_checkpoint)).identity()["revision"]


def test_dtype_and_device_are_chosen_and_recorded(random_checkpoint: Path) -> None:
    model = Whisper(str(random_checkpoint), device="cpu", dtype="bfloat16")
    assert (model.device, model.identity()["dtype"]) == ("cpu", "bfloat16")
    assert Whisper(str(random_checkpoint), device="cpu").identity()["dtype"] == "float32"
    with pytest.raises(RequestError, match="unknown dtype 'int3'"):
        Whisper(str(random_checkpoint), dtype="int3")
    with pytest.raises(RequestError, match="unknown device 'gpuu'"):
        _ = Whisper(str(random_checkpoint), device="gpuu").device


def test_cuda_that_is_not_there_is_one_line(random_checkpoint: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device here")
    with pytest.raises(MachineError, match="sees no CUDA device here"):
        _ = Whisper(str(random_checkpoint), device="cuda").device


def edit_config(folder: Path, name: str, **changes: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


@pytest.fixture
def copied_checkpoint(random_checkpoint: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(random_checkpoint, tmp_path / "copy"))


def one_clip(language: str) -> Sample:
    return Sample("a", (AudioRef(Path("x")),), "", ("",), language=language)


def test_a_model_that_cannot_do_a_task_says_so_before_loading(copied_checkpoint: Path) -> None:
    english_only = edit_config(copied_checkpoint, "generation_config.json", is_multilingual=False)
    model = Whisper(str(english_only))
    assert model.refusal(LibriSpeech(Path()), [one_clip("en")]) is None
    assert model.refusal(Aishell1(Path()), [one_clip("zh")]) == "the checkpoint is English-only, the speech is in 'zh'"


@pytest.mark.parametrize(("language", "reason"), [("", "no language is named"), ("xx", "no language token for 'xx'")])
def test_a_language_that_whisper_cannot_be_told_is_found_before_loading(
    random_checkpoint: Path, language: str, reason: str
) -> None:
    refusal = Whisper(str(random_checkpoint)).refusal(LibriSpeech(Path()), [one_clip("en"), one_clip(language)])
    assert reason in str(refusal)


@pytest.mark.parametrize("num_clips", [0, 2])
def test_samples_of_another_number_of_clips_than_one_are_found_before_loading(
    random_checkpoint: Path, num_clips: int
) -> None:
    sample = Sample("a", (AudioRef(Path("x")),) * num_clips, "", ("",), language="en")
    refusal = Whisper(str(random_checkpoint)).refusal(LibriSpeech(Path()), [sample])
    assert refusal == f"it hears one clip, sample 'a' has {num_clips}"


def test_folders_that_hold_no_whisper_are_errors(copied_checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no such folder, expected a checkpoint's folder or a hub id"):
        Whisper("/no/such/folder")
    with pytest.raises(RequestError, match="no checkpoint named"):
        Whisper("")
    with pytest.raises(RequestError, match="no config.json in it"):
        Whisper(str(tmp_path))
    with pytest.raises(RequestError, match="model_type 'qwen2', which is not called the way of whisper:"):
        Whisper(str(edit_config(copied_checkpoint, "config.json", model_type="qwen2")))


def test_a_damaged_checkpoint_is_one_line(copied_checkpoint: Path) -> None:
    (copied_checkpoint / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelLoadError, match="the checkpoint does not load"):
        Whisper(str(copied_checkpoint), device="cpu").load()


def test_missing_weights_are_never_random_ones(copied_checkpoint: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(copied_checkpoint / "model.safetensors")
    del weights["model.encoder.conv1.weight"]
    save_file(weights, copied_checkpoint / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelLoadError, match=r"1 weights are missing, first 'model\.encoder\.conv1\.weight'"):
        Whisper(str(copied_checkpoint), device="cpu").load()


def test_a_hub_id_that_cannot_be_had_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(
        ModelLoadError,
        match="nobody/no-such-model: no such folder here, not in the hub's local cache, and the hub cannot be",
    ):
        Whisper("nobody/no-such-model").refusal(LibriSpeech(Path()), [one_clip("en")])


def plain_loop(folder: Path, samples: Sequence[Sample], **prompt: str) -> list[str]:
    """What a user would write: one file at a time, float32, greedy."""
    import torch
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    processor = WhisperProcessor.from_pretrained(folder)
    model = WhisperForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    found = []
    for sample in samples:
        waveform = load_waveform(sample.audio[0], sample_rate_hz=16_000)
        features = processor(waveform, sampling_rate=16_000, return_tensors="pt").input_features
        with torch.inference_mode():
            ids = model.generate(features, do_sample=False, num_beams=1, **prompt)
        found.append(processor.batch_decode(ids, skip_special_tokens=True)[0])
    return found


@pytest.mark.parametrize(
    ("size", "task_class", "split", "count", "prompt"),
    [
        ("tiny.en", LibriSpeech, "test-other", 12, {}),
        pytest.param(
            "base", LibriSpeech, "test-other", 50, {"language": "en", "task": "transcribe"}, marks=pytest.mark.slow
        ),
        pytest.param("base", Aishell1, "train", 140, {"language": "zh", "task": "transcribe"}, marks=pytest.mark.slow),
    ],
)
@pytest.mark.timeout(3600)
def test_real_answers_equal_a_plain_loop_whatever_the_batch(
    corpora: Path,
    checkpoint: Checkpoint,
    otoscope: Callable[..., Any],
    tmp_path: Path,
    size: str,
    task_class: type[Task],
    split: str,
    count: int,
    prompt: dict[str, str],
) -> None:
    folder = checkpoint(size)
    samples = task_class(corpora).read_split(split).samples[:count]
    expected = dict(zip([sample.id for sample in samples], plain_loop(folder, samples, **prompt), strict=True))
    for seconds in (30, 90, 480) if count < 50 else (240,):
        result = otoscope(
            *("eval", "--task", f"{task_class.name}:{split}", "--model", f"whisper:{folder}", "--data-dir", corpora),
            *("--limit", count, "--device", "cpu", "--max-batch-seconds", seconds, "--json"),
            *("--results-dir", tmp_path / str(seconds)),
        )
        assert result.status == 0
        [document] = result.json
        log = Path(document["run_dir"], "predictions.jsonl").read_text(encoding="utf-8").splitlines()
        assert {line["id"]: line["hypothesis"] for line in map(json.loads, log)} == expected
        assert document["n_failed"] == 0


def test_a_real_recording_over_30_s_is_transcribed_whole(corpora: Path, checkpoint: Checkpoint) -> None:
    samples = LibriSpeech(corpora).read_split("test-other").samples[:8]
    waveform = np.concatenate([load_waveform(s.audio[0], sample_rate_hz=16_000) for s in samples])
    assert waveform.size > 40 * 16_000
    model = Whisper(str(checkpoint("tiny.en")), device="cpu")
    model.load()
    long = Request(Sample("long", samples[0].audio, "", ("",), language="en"), (waveform,))
    short = Request(samples[1], (load_waveform(samples[1].audio[0], sample_rate_hz=16_000),))
    by_id = {output.sample_id: output.text or "" for output in model.generate([long, short], GenerationOptions())}
    words = sum(len(sample.references[0].split()) for sample in samples)
    assert 0.8 * words < len(by_id["long"].split()) < 1.2 * words
    assert by_id[samples[1].id] == texts(model, [short])[0]
    for limit, is_cut in ((None, False), (5, True)):  # of each window
        [output] = model.generate([long], GenerationOptions(max_new_tokens=limit))
        assert output.truncated == is_cut


def test_a_model_that_is_placed_by_a_map_answers_as_one_that_is_not(
    random_checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("accelerate")
    batch = [request(0, 1.0), request(1, 2.5)]
    whole = Whisper(str(random_checkpoint), device="cpu")
    whole.load()
    placed = {"model.encoder": "cpu", "model.decoder": "cpu", "proj_out": "cpu"}
    monkeypatch.setattr("models.pretrained.refuse_too_large", lambda *_, **__: {"device_map": placed})
    placed_model = Whisper(str(random_checkpoint), device="cpu")
    placed_model.load()
    # With one device transformers keeps no map; with several GPUs this has not been run.
    assert texts(placed_model, batch, max_new_tokens=8) == texts(whole, batch, max_new_tokens=8)
