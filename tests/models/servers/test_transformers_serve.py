"""A real server in a process of its own: `transformers serve` with tiny models of random weights, made here."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

Otoscope = Callable[..., Any]
NEEDED = ("fastapi", "uvicorn", "openai", "python_multipart")
START_S = 240.0


def byte_tokenizer(*special: str) -> Any:
    """A tokenizer whose vocabulary is the bytes and some special tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {token: n for n, token in enumerate([*sorted(pre_tokenizers.ByteLevel.alphabet()), *special])}
    backend = Tokenizer(models.BPE(vocabulary, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(list(special))
    return backend


def make_qwen2_audio(folder: Path) -> None:
    import torch
    from transformers import (
        PreTrainedTokenizerFast,
        Qwen2AudioConfig,
        Qwen2AudioForConditionalGeneration,
        Qwen2AudioProcessor,
        WhisperFeatureExtractor,
    )

    special = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=byte_tokenizer(*special), eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    encoder = {"d_model": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 32}
    text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2}
    torch.manual_seed(0)
    config = Qwen2AudioConfig(
        audio_config={"model_type": "qwen2_audio_encoder", "num_mel_bins": 128, **encoder},
        text_config={"model_type": "qwen2", "vocab_size": len(tokenizer), "intermediate_size": 32, **text},
        audio_token_index=tokenizer.convert_tokens_to_ids("<|AUDIO|>"),
    )
    model = Qwen2AudioForConditionalGeneration(config)
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim > 1:
                weights *= 10  # as they are drawn, hardly anything of what is heard would show
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(folder)
    Qwen2AudioProcessor(WhisperFeatureExtractor(feature_size=128), tokenizer).save_pretrained(folder)


def make_whisper(folder: Path) -> None:
    import torch
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperProcessor,
        WhisperTokenizer,
    )

    special = ("<|endoftext|>", "<|startoftranscript|>", "<|notimestamps|>")
    folder.mkdir()
    byte_tokenizer(*special).save(str(folder / "tokenizer.json"))
    tokenizer = WhisperTokenizer(tokenizer_file=str(folder / "tokenizer.json"))
    end, start, no_timestamps = (tokenizer.convert_tokens_to_ids(token) for token in special)
    torch.manual_seed(0)
    sizes = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
    tokens = {"decoder_start_token_id": start, "bos_token_id": end, "eos_token_id": end, "pad_token_id": end}
    config = WhisperConfig(
        vocab_size=len(tokenizer),
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        max_target_positions=32,
        **sizes,
        **tokens,
    )
    model = WhisperForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        max_length=32,
        is_multilingual=False,
        no_timestamps_token_id=no_timestamps,
        suppress_tokens=[end, start, no_timestamps],
        begin_suppress_tokens=[end],
        return_timestamps=False,
        **tokens,
    )
    model.save_pretrained(folder)
    WhisperProcessor(WhisperFeatureExtractor(feature_size=80), tokenizer).save_pretrained(folder)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address of a server, and the folder of the checkpoints that it serves by their paths."""
    for name in NEEDED:
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"transformers serve needs {name}: pip install 'transformers[serving]' python-multipart")
    folder = tmp_path_factory.mktemp("served")
    make_qwen2_audio(folder / "qwen2-audio")
    make_whisper(folder / "whisper")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "home"), "NO_PROXY": "127.0.0.1"}
    start = "from transformers.cli.transformers import main; main()"
    arguments = ["serve", "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", start, *arguments], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            deadline = time.monotonic() + START_S
            while not answers(f"http://127.0.0.1:{port}/health"):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/v1", folder
        finally:
            process.terminate()
            process.wait(timeout=30)


def answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def evaluate(otoscope: Otoscope, served: tuple[str, Path], spec: str, results: Path, *more: object) -> Any:
    url, folder = served
    family, _, name = spec.partition(":")
    return otoscope(
        *("eval", "--task", "librispeech:sample", "--json", "--model", f"{family}:{folder / name}"),
        *("--model-arg", f"base_url={url}", "--model-arg", "concurrency=2", "--results-dir", results, *more),
    )


@pytest.mark.parametrize("audio_part", ["input_audio", "audio_url"])
def test_an_audio_language_model_is_evaluated_over_chat_completions(
    served: tuple[str, Path], otoscope: Otoscope, tmp_path: Path, audio_part: str
) -> None:
    more = ("--gen", "max_new_tokens=12", "--limit", 4, "--model-arg", f"audio_part={audio_part}")
    logs = []
    for results in ("first", "again"):
        result = evaluate(otoscope, served, "chat-api:qwen2-audio", tmp_path / results, *more)
        assert result.status == 0, result.stderr
        assert result.json[0]["n_scored"] == 4
        [log] = (tmp_path / results).rglob("predictions.jsonl")
        logs.append([json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()])
    first, again = logs
    assert [line["hypothesis"] for line in first] == [line["hypothesis"] for line in again]  # greedy
    assert len({line["hypothesis"] for line in first}) > 1  # random weights, but they hear
    for line in first:
        # 25 tokens per second of audio, besides the prompt: the audio is in.
        assert line["usage"]["prompt_tokens"] > 24 * line["audio_seconds"]
        assert line["truncated"] == (line["usage"]["completion_tokens"] >= 12)
        assert line["details"]["finish_reason"] in ("length", "stop")
    [record] = (tmp_path / "first").rglob("run.json")
    assert json.loads(record.read_text())["sessions"][0].get("model_remarks") is None  # and that was checked


def test_a_speech_recogniser_is_evaluated_over_transcriptions(
    served: tuple[str, Path], otoscope: Otoscope, tmp_path: Path
) -> None:
    result = evaluate(otoscope, served, "transcription-api:whisper", tmp_path, "--limit", 4)
    assert result.status == 0, result.stderr
    assert result.json[0]["n_scored"] == 4


def test_a_recogniser_asked_for_chat_is_an_error_before_the_run(
    served: tuple[str, Path], otoscope: Otoscope, tmp_path: Path
) -> None:
    result = evaluate(otoscope, served, "chat-api:whisper", tmp_path, "--model-arg", "max_retries=0")
    assert result.status == 4
    assert "a request with audio, tried before the run, failed: HTTP 500" in result.stderr
    assert not list(tmp_path.rglob("scores.json"))
