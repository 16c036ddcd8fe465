"""Requests of noise, and tokenizers made here: what tests of recognisers share."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluate.types import AudioRef, GenerationOptions, Request, Sample

Ask = Callable[..., list[str | None]]


@pytest.fixture
def request_of() -> Callable[..., Request]:
    """Noise that swells and fades in a way of its own: `request_of(number, seconds)`."""

    def make(number: int, seconds: float, *, language: str = "en", answer_language: str = "") -> Request:
        draw = np.random.default_rng(number)
        time = np.linspace(0, 1, round(seconds * 16_000))
        swell = 0.1 + np.abs(np.sin(2 * np.pi * (1 + number) * time))
        waveform = (0.1 * swell * draw.normal(0, 1, time.size)).astype(np.float32)
        sample = Sample(
            f"s{number}",
            (AudioRef(Path("x")),),
            "",
            ("",),
            language=language,
            answer_language=answer_language,
            kind="translation" if answer_language else "asr",
        )
        return Request(sample, (waveform,))

    return make


@pytest.fixture
def ask() -> Ask:
    """Texts of a batch, in its order: `ask(model, requests, **options)`."""

    def texts(model: Any, batch: Sequence[Request], **options: Any) -> list[str | None]:
        by_id = {output.sample_id: output.text for output in model.generate(batch, GenerationOptions(**options))}
        return [by_id[request.sample.id] for request in batch]

    return texts


@pytest.fixture
def batching_changes_nothing(request_of: Callable[..., Request], ask: Ask) -> Callable[[Any], None]:
    """Hold a loaded model to: six clips of five lengths together give what each gives alone, and no constant."""

    def check(model: Any, **of_the_sample: str) -> None:
        lengths = [1.3, 0.61, 2.0, 0.61, 1.37, 0.9]
        batch = [request_of(number, seconds, **of_the_sample) for number, seconds in enumerate(lengths)]
        alone = [ask(model, [one])[0] for one in batch]
        assert len(set(alone)) > 2  # the answers depend on the audio
        assert sum(map(bool, alone)) > 3
        assert ask(model, batch) == alone
        assert ask(model, batch[::-1]) == alone[::-1]

    return check


@pytest.fixture
def byte_tokenizer() -> Callable[..., Any]:
    """A tokenizer of single bytes and some special tokens: `byte_tokenizer(path, special, **settings)`."""

    def make(folder: Path, special: Sequence[str], tokenizer_class: Any = None, **settings: Any) -> Any:
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers
        from transformers import PreTrainedTokenizerFast

        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        backend = Tokenizer(models.BPE({token: number for number, token in enumerate([*special, *alphabet])}, []))
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = decoders.ByteLevel()
        backend.add_special_tokens(list(special))
        file = folder.parent / "tokenizer.json"
        backend.save(str(file))
        return (tokenizer_class or PreTrainedTokenizerFast)(tokenizer_file=str(file), **settings)

    return make
