"""A test prompt, asked before any data is: whether audio reaches the model at all.

Some processors drop an argument that they do not know, and some models ignore inputs that they do not name. Then every
sample gets the same answer, and a score that looks like one. So the prompt is asked with noise and with silence.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from evaluate.errors import ModelLoadError
from evaluate.types import AudioRef, Request, Sample
from models.pretrained import reason_of

TEST_S = 2.0
LONG_S = 61.0  # two windows of Whisper's and a second: what cuts a clip without notice cuts there
Prepare = Callable[[Sequence[Request]], dict[str, Any]]


def prove_hearing(model: Any, prepare: Prepare, sample_rate_hz: int, where: str) -> None:
    """Raise unless what a model writes depends on what it hears.

    Args:
        model: With `generate` of transformers.
        prepare: Makes the model's inputs of requests.
        sample_rate_hz: Of the clips.
        where: The checkpoint, for messages.

    Raises:
        ModelLoadError: The processor gives no audio features or the same for any clip, the model does not use them, or
            it cannot be asked at all.
    """
    import torch

    noise = np.random.default_rng(0).normal(0, 0.1, round(TEST_S * sample_rate_hz)).astype(np.float32)
    with _one_line(where):
        heard = prepare([_request(noise)])
        silent = prepare([_request(np.zeros_like(noise))])
        features = [name for name, value in heard.items() if value.is_floating_point()]
        if not features:
            raise ModelLoadError(f"{where}: its processor makes no features of audio, only {', '.join(heard)}")
        if all(torch.equal(heard[name], silent[name]) for name in features):
            raise ModelLoadError(f"{where}: its processor makes the same of noise and of silence: audio is dropped")
        first, second = _first_logits(model, heard), _first_logits(model, silent)
    if bool(torch.isnan(first).any()):
        raise ModelLoadError(f"{where}: a test prompt gives no numbers in this dtype; try --dtype float32 or bfloat16")
    if torch.equal(first, second):
        raise ModelLoadError(
            f"{where}: audio does not reach the model: it makes the same of a prompt with noise and with silence"
        )


def prove_whole(prepare: Prepare, sample_rate_hz: int, heard_s: float, where: str) -> None:
    """Raise where the processor cuts a clip that should be heard whole: then its last half second changes nothing.

    Args:
        prepare: Makes the model's inputs of requests.
        sample_rate_hz: Of the clips.
        heard_s: How long a clip should be heard, in seconds.
        where: The checkpoint, for messages.

    Raises:
        ModelLoadError: It does.
    """
    import torch

    length_s = min(heard_s, LONG_S)
    noise = np.random.default_rng(0).normal(0, 0.1, round(length_s * sample_rate_hz)).astype(np.float32)
    ends_silent = noise.copy()
    ends_silent[-sample_rate_hz // 2 :] = 0.0
    with _one_line(where):
        first, second = prepare([_request(noise)]), prepare([_request(ends_silent)])
    if all(torch.equal(value, second[name]) for name, value in first.items() if value.is_floating_point()):
        raise ModelLoadError(
            f"{where}: its processor cuts a clip of {length_s:g} s without notice, expected to keep it whole; take the "
            "release of transformers that the checkpoint is made for"
        )


@contextmanager
def _one_line(where: str) -> Iterator[None]:
    try:
        yield
    except ModelLoadError:
        raise
    except Exception as error:  # whatever a processor or a model raises
        raise ModelLoadError(f"{where}: a test prompt cannot be asked ({reason_of(error)})") from error


def _request(waveform: Any) -> Request:
    return Request(Sample("test", (AudioRef(Path()),), "What is heard?", ("",), language="en"), (waveform,))


def _first_logits(model: Any, inputs: dict[str, Any]) -> Any:
    """Return the logits of the first new token, shape (tokens,), by the very way that answers take."""
    import torch

    with torch.inference_mode():
        made = model.generate(
            **inputs, max_new_tokens=1, do_sample=False, return_dict_in_generate=True, output_logits=True
        )
    return made.logits[0][0]
