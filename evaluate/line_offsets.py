"""Where the lines of a file begin, by id, in little memory: there may be a million."""

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

_SALT = os.urandom(8).hex()  # Python's own hash is the same in every process where PYTHONHASHSEED says so


class LineOffsets:
    """Where the newest line of each id begins: 16 bytes an id, as much again while they are sorted.

    Of an id only its hash is kept. It has 64 bits and is another in every process, so that the chance of two equal ones
    among a million ids is 1 in 37 million, and nobody can choose them: whoever reads a line checks whose it is.
    """

    def __init__(self) -> None:
        self._hashes, self._offsets = array("q"), array("q")
        self._num_sorted = 0  # of these, the first so many are sorted by hash, each hash once

    def add(self, line_id: str, offset: int) -> None:
        """Note a line, which is newer than those before it."""
        self._hashes.append(hash(_SALT + line_id))
        self._offsets.append(offset)

    def find(self, ids: Iterable[str]) -> NDArray[np.int64]:
        """Return the offset of each id's newest line, -1 where there is none; shape (ids,)."""
        self._sort()
        wanted = np.fromiter((hash(_SALT + one) for one in ids), dtype=np.int64)
        if not self._hashes:
            return np.full(wanted.shape, -1)
        hashes, offsets = (np.frombuffer(one, dtype=np.int64) for one in (self._hashes, self._offsets))
        places = np.searchsorted(hashes, wanted).clip(max=len(hashes) - 1)
        return np.where(hashes[places] == wanted, offsets[places], -1)

    def of(self, ids: Iterable[str]) -> NDArray[np.int64]:
        """Return the offset of each id's newest line, shape (ids,).

        Raises:
            KeyError: An id has no line.
        """
        wanted = list(ids)
        found = self.find(wanted)
        if (found < 0).any():
            raise KeyError(wanted[int(np.argmin(found))])
        return found

    def in_order(self) -> NDArray[np.int64]:
        """Return the offsets of the newest lines of all ids, as they come in the file."""
        self._sort()
        return np.sort(np.frombuffer(self._offsets, dtype=np.int64)) if self._offsets else np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        self._sort()
        return len(self._hashes)

    def __contains__(self, line_id: object) -> bool:
        if not isinstance(line_id, str):
            return False
        self._sort()
        wanted = hash(_SALT + line_id)
        place = bisect_left(self._hashes, wanted)
        return place < len(self._hashes) and self._hashes[place] == wanted

    def _sort(self) -> None:
        if self._num_sorted == len(self._hashes):
            return
        hashes, offsets = (np.frombuffer(one, dtype=np.int64) for one in (self._hashes, self._offsets))
        order = np.argsort(hashes, kind="stable")  # equal ones stay as they came: the last of them is the newest
        hashes, offsets = hashes[order], offsets[order]
        is_newest = np.append(hashes[1:] != hashes[:-1], True)
        self._hashes, self._offsets = array("q", hashes[is_newest].tobytes()), array("q", offsets[is_newest].tobytes())
        self._num_sorted = len(self._hashes)


def lines_at(file: BinaryIO, offsets: Iterable[int]) -> Iterator[bytes]:
    """Yield the lines of a file that begin at these offsets."""
    position = file.tell()
    for offset in offsets:
        if offset != position:
            file.seek(offset)
        line = file.readline()
        position = offset + len(line)
        yield line
