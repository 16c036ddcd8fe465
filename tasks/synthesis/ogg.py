"""Clips as Ogg/Opus files, the same bytes for the same clip.

libsndfile gives each file a random serial number; here it is zero. Ogg allows any, one stream to a file.
"""

import io
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from tasks.synthesis.sound import SAMPLE_RATE_HZ

COMPRESSION = 0.92  # of libsndfile's scale; about 20 kbit/s
_CAPTURE = b"OggS"
_SERIAL, _CHECKSUM, _SEGMENTS = 14, 22, 26  # offsets in a page's header
_POLYNOMIAL = 0x04C11DB7


def write_opus(path: Path, waveform: NDArray[np.float32]) -> None:
    """Write a clip of 16 kHz."""
    encoded = io.BytesIO()
    soundfile.write(encoded, waveform, SAMPLE_RATE_HZ, format="OGG", subtype="OPUS", compression_level=COMPRESSION)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(with_serial_zero(encoded.getvalue()))


def with_serial_zero(content: bytes) -> bytes:
    """Return an Ogg file with the serial number 0 in each of its pages."""
    pages = bytearray(content)
    start = 0
    while start < len(pages):
        assert pages[start : start + 4] == _CAPTURE, "a page begins where the last one ended"
        count = pages[start + _SEGMENTS]
        sizes = pages[start + _SEGMENTS + 1 : start + _SEGMENTS + 1 + count]
        end = start + _SEGMENTS + 1 + count + sum(sizes)
        pages[start + _SERIAL : start + _SERIAL + 4] = bytes(4)
        pages[start + _CHECKSUM : start + _CHECKSUM + 4] = bytes(4)
        checksum = _crc(bytes(pages[start:end]))
        pages[start + _CHECKSUM : start + _CHECKSUM + 4] = checksum.to_bytes(4, "little")
        start = end
    return bytes(pages)


def _crc(content: bytes) -> int:
    """Return Ogg's checksum, which no library of Python has: that of zip files runs the other way."""
    value = 0
    for byte in content:
        value = ((value << 8) & 0xFFFFFFFF) ^ _TABLE[(value >> 24) ^ byte]
    return value


def _table_entry(byte: int) -> int:
    value = byte << 24
    for _ in range(8):
        value = ((value << 1) & 0xFFFFFFFF) ^ (_POLYNOMIAL if value & 0x80000000 else 0)
    return value


_TABLE = [_table_entry(byte) for byte in range(256)]
