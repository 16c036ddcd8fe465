"""What runs on the nodes of a Ray cluster: a copy of a model, and the reading of audio."""

import os
import pickle
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from evaluate import __version__
from evaluate.engines.decoding import read_request
from evaluate.engines.remote import Answer, ModelHost
from evaluate.errors import OtoscopeError
from evaluate.types import Request


class Actor:
    """What runs in the cluster.

    Args:
        made_by: What makes the model, pickled.
        num_threads: That it may compute with on a CPU.
        folder: Where relative paths begin, if it is there.
    """

    def __init__(self, made_by: bytes, num_threads: int, folder: str) -> None:
        os.environ["OMP_NUM_THREADS"] = str(num_threads)  # read when torch is imported; Ray has put 1
        with suppress(OSError):
            os.chdir(folder)
        self._host = ModelHost(made_by)

    def place(self) -> tuple[str, str]:
        """Return the version of Otoscope here, and the machine's name."""
        return __version__, socket.gethostname()

    def serve(self, packed: bytes, *sent: tuple[Any, ...] | None) -> Iterator[Answer]:
        """Do what is asked; yield each answer as it comes."""
        method, arguments = pickle.loads(packed)
        if method == "generate":
            samples, options = arguments
            # Copies, since what comes from Ray's store is read-only, and a model may work in place.
            waveforms = [tuple(waveform.copy() for waveform in one or ()) for one in sent]
            arguments = ([Request(*one) for one in zip(samples, waveforms, strict=True)], options)
        yield from self._host.answers(method, arguments)


def read_audio(packed: bytes | None, sees: bytes) -> tuple[Answer, tuple[Any, ...]]:
    """Decode a sample in the cluster, if there is one; how that ended, and the waveforms."""
    if packed is None:
        return ("done", None), ()
    sample, sample_rate_hz, clips, sizes = pickle.loads(packed)
    for ref, num_bytes in zip(sample.audio, sizes, strict=True):
        if not pickle.loads(sees)(ref.path, num_bytes):
            return ("unseen", str(ref.path)), ()
    try:
        request = read_request(sample, sample_rate_hz=sample_rate_hz, clips=clips)
    except OtoscopeError as error:
        return ("raised", error), ()
    except Exception as error:  # whatever a decoder throws at a broken file
        return ("failed", (type(error).__name__, str(error))), ()
    return ("done", None), request.waveforms
