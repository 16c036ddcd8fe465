"""Speech of espeak-ng, by its C interface, the same for the same request.

The library keeps state from one utterance to the next (phases, random numbers), so that what it says would depend on
what it said before. It is therefore loaded anew for each, which takes 10 ms.
"""

import ctypes
import threading
from _ctypes import dlclose
from dataclasses import dataclass
from typing import Any

import numpy as np
import soxr

from evaluate.errors import RequestError
from tasks.synthesis.sound import SAMPLE_RATE_HZ, Waveform

_SYNCHRONOUS = 2  # audio is handed to a callback
_PHONEME_EVENTS = 1
_UTF8 = 1
_RATE, _PITCH, _RANGE = 1, 3, 4
_END, _PHONEME = 0, 7
_PAUSE = "_:"  # behind a sentence
_SEED = 1
_ONE_AT_A_TIME = threading.Lock()


class _Name(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_ms", ctypes.c_int),
        ("frame", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Name),
    ]


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, slots=True)
class Said:
    """What was said, without the silence around it."""

    waveform: Waveform  # (num_frames,) at 16 kHz, in [-1, 1]
    phonemes: tuple[tuple[str, float], ...]  # as espeak-ng writes them, `_|` between words, each with its start in s
    end_s: float  # of the last one


def say(text: str, voice: str, *, words_per_minute: int = 160, pitch: int = 50, pitch_range: int = 50) -> Said:
    """Say a sentence.

    Args:
        text: Without markup.
        voice: As espeak-ng names it: a language, and perhaps a variant, e.g. `en-us+f2`.
        words_per_minute: Speed, 80 to 450.
        pitch: 0 to 99.
        pitch_range: How lively, 0 to 99.

    Raises:
        RequestError: espeak-ng is not installed, or has no such voice.
    """
    with _ONE_AT_A_TIME:
        library = _load()
        try:
            return _say(library, text, voice, {_RATE: words_per_minute, _PITCH: pitch, _RANGE: pitch_range})
        finally:
            library.espeak_Terminate()
            dlclose(library._handle)


def _load() -> Any:
    try:
        import espeakng_loader
    except ImportError as error:
        raise RequestError(
            "espeak-ng is not here, it speaks in the samples; install it with: pip install 'otoscope[samples]'"
        ) from error
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_Synth.argtypes = [
        *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint),
        *(ctypes.c_void_p, ctypes.c_void_p),
    ]
    library.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), _PHONEME_EVENTS)
    library.espeak_ng_SetRandSeed(ctypes.c_long(_SEED))
    return library


def _say(library: Any, text: str, voice: str, parameters: dict[int, int]) -> Said:
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise RequestError(f"espeak-ng has no voice {voice!r}, expected e.g. en-us+f2")
    for parameter, value in parameters.items():
        library.espeak_SetParameter(parameter, value, 0)
    pieces: list[Any] = []
    phonemes: list[tuple[str, int]] = []  # and the frame at which they start

    def take(frames: Any, count: int, events: Any) -> int:
        if frames:
            pieces.append(np.ctypeslib.as_array(frames, (count,)).copy())
        number = 0
        while events[number].type != _END:
            event = events[number]
            if event.type == _PHONEME:
                phonemes.append((event.id.string.decode(), event.frame))
            number += 1
        return 0

    callback = _CALLBACK(take)  # kept in a name: the library holds no reference to it
    library.espeak_SetSynthCallback(callback)
    encoded = text.encode()
    library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    spoken = np.concatenate(pieces) / 32768
    loud = np.flatnonzero(np.abs(spoken) > 0.002)
    first, last = int(loud[0]), int(loud[-1]) + 1
    end = min([last, *(frame for symbol, frame in phonemes if symbol == _PAUSE)])
    rate_hz = library.espeak_ng_GetSampleRate()
    return Said(
        waveform=soxr.resample(spoken[first:last], rate_hz, SAMPLE_RATE_HZ, quality="VHQ"),
        phonemes=tuple((symbol, max(0, frame - first) / rate_hz) for symbol, frame in phonemes if frame < end),
        end_s=(end - first) / rate_hz,
    )
