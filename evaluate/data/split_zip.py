"""Zip archives in several parts (`x.z01`, `x.z02`, …, `x.zip`), which zipfile does not read, seen as one.

In such an archive the directory stands at the end of the last part and says of each member in which part it begins and
at which byte of that part. Here the parts are put end to end without copying them, and the directory is written anew in
memory with places that count from the first byte of all, as in an archive of one part; zipfile reads the rest.

Source: PKWARE's APPNOTE.TXT, sections 4.3.12 (directory), 4.3.14 to 4.3.16 (its end), 4.5.3 (ZIP64), 8 (splitting).
"""

import bisect
import io
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO
from zipfile import BadZipFile

# Names and places of fields are APPNOTE's.
ENTRY = struct.Struct("<4s6H3L5H2L")  # central directory header, 46 bytes
END = struct.Struct("<4s4H2LH")  # end of central directory record, 22 bytes
END64 = struct.Struct("<4sQ2H2L4Q")  # ZIP64 end of central directory record, 56 bytes
LOCATOR = struct.Struct("<4sLQL")  # ZIP64 end of central directory locator, 20 bytes
MAX_COMMENT = 1 << 16
MAX_DIRECTORY_BYTES = 1 << 30
FULL_16, FULL_32 = 0xFFFF, 0xFFFFFFFF  # "see the ZIP64 field"
ZIP64 = 1  # id of the extra field
CSIZE, SIZE, NAME_LENGTH, EXTRA_LENGTH, COMMENT_LENGTH, DISK, OFFSET = 8, 9, 10, 11, 12, 13, 16  # in an entry


@contextmanager
def join_parts(parts: Sequence[Path]) -> Iterator[IO[bytes]]:
    """Open a zip of one or several parts for `zipfile.ZipFile`.

    Args:
        parts: In order, `.zip` last.

    Raises:
        BadZipFile: The directory is damaged, or names a part that is not there.
    """
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("rb")) for path in parts]
        if len(files) == 1:
            yield files[0]
            return
        joined = Joined(files)
        directory = find_directory(joined)
        tail = io.BytesIO(rewrite_directory(joined, directory))
        # the old directory may have been cut, too: parts that hold nothing else are left out
        before = [file for file, start in zip(files, joined.starts, strict=True) if start < directory.start]
        yield io.BufferedReader(Joined([*before, tail], cut=directory.start), buffer_size=1 << 16)


class Joined(io.RawIOBase):
    """Files end to end, for reading.

    Args:
        files: In order.
        cut: Byte at which the last file but one is left for the last; None: nowhere.
    """

    def __init__(self, files: Sequence[BinaryIO | IO[bytes]], cut: int | None = None) -> None:
        self._files = files
        self.starts, self.size = [], 0
        for number, file in enumerate(files):
            if cut is not None and number == len(files) - 1:
                self.size = cut
            self.starts.append(self.size)
            self.size += file.seek(0, os.SEEK_END)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise BadZipFile(f"a place before the first byte: {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        """Read from the file that holds the position, at most to its end."""
        if self._position >= self.size:
            return 0
        number = bisect.bisect_right(self.starts, self._position) - 1
        end = self.starts[number + 1] if number + 1 < len(self.starts) else self.size
        wanted = min(len(buffer), end - self._position)
        self._files[number].seek(self._position - self.starts[number])
        content = self._files[number].read(wanted)
        buffer[: len(content)] = content
        self._position += len(content)
        return len(content)

    def read_at(self, start: int, size: int) -> bytes:
        """Return exactly `size` bytes.

        Raises:
            BadZipFile: They are not all there.
        """
        self.seek(start)
        content = b""
        while len(content) < size and (piece := self.read(size - len(content))):
            content += piece
        if len(content) != size:
            raise BadZipFile(f"{size} bytes are expected at byte {start}, the archive is cut off")
        return content


@dataclass(frozen=True, slots=True)
class Directory:
    """Where the central directory stands, counted from the first byte of all parts."""

    start: int
    size: int
    num_entries: int


def find_directory(joined: Joined) -> Directory:
    """Read the end of the last part.

    Raises:
        BadZipFile: There is no end record, or it points outside.
    """
    tail_start = max(0, joined.size - MAX_COMMENT - END.size)
    tail = joined.read_at(tail_start, joined.size - tail_start)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or place + END.size > len(tail):
        raise BadZipFile("no end of a zip archive; is it the last part?")
    _, disk, directory_disk, _, num_entries, size, offset, _ = END.unpack_from(tail, place)
    if FULL_16 in (disk, directory_disk, num_entries) or FULL_32 in (size, offset):
        directory_disk, num_entries, size, offset = _read_end64(joined, tail_start + place)
    else:
        _check_count(joined, disk + 1)
    if size > MAX_DIRECTORY_BYTES:
        raise BadZipFile(f"the directory is said to have {size} bytes")
    return Directory(absolute(joined, directory_disk, offset), size, num_entries)


def _check_count(joined: Joined, expected: int) -> None:
    if expected != len(joined.starts):
        raise BadZipFile(f"it is the last of {expected} parts, {len(joined.starts)} are given; get all of them")


def _read_end64(joined: Joined, end_start: int) -> tuple[int, int, int, int]:
    """Return the disk of the directory, its entries, size and offset from the ZIP64 end record."""
    signature, disk, offset, num_disks = LOCATOR.unpack(joined.read_at(max(0, end_start - LOCATOR.size), LOCATOR.size))
    if signature != b"PK\x06\x07":
        raise BadZipFile("the ZIP64 end of the archive is missing")
    _check_count(joined, num_disks)
    fields = END64.unpack(joined.read_at(absolute(joined, disk, offset), END64.size))
    if fields[0] != b"PK\x06\x06":
        raise BadZipFile("the ZIP64 end of the archive is not where it is said to be")
    return fields[5], fields[7], fields[8], fields[9]


def absolute(joined: Joined, disk: int, offset: int) -> int:
    """Return the byte, counted from the first of all, of a byte of one part.

    Raises:
        BadZipFile: There is no such part or byte.
    """
    if disk >= len(joined.starts) or joined.starts[disk] + offset > joined.size:
        raise BadZipFile(f"it points to byte {offset} of part {disk + 1}, which is not there")
    return joined.starts[disk] + offset


def rewrite_directory(joined: Joined, directory: Directory) -> bytes:
    """Return the central directory and its end as they would be in an archive of one part.

    Raises:
        BadZipFile: An entry is damaged.
    """
    raw = joined.read_at(directory.start, directory.size)
    entries, place = [], 0
    for _ in range(directory.num_entries):
        if place + ENTRY.size > len(raw):
            raise BadZipFile("the directory is cut off")
        fields = list(ENTRY.unpack_from(raw, place))
        if fields[0] != b"PK\x01\x02":
            raise BadZipFile(f"no entry at byte {place} of the directory")
        names = place + ENTRY.size
        extras = names + fields[NAME_LENGTH]
        comment = extras + fields[EXTRA_LENGTH]
        place = comment + fields[COMMENT_LENGTH]
        extra = _rewrite_entry(joined, fields, raw[extras:comment])
        entries.append(ENTRY.pack(*fields) + raw[names:extras] + extra + raw[comment:place])
    written = b"".join(entries)
    end64 = END64.pack(
        b"PK\x06\x06", END64.size - 12, 45, 45, 0, 0, len(entries), len(entries), len(written), directory.start
    )
    locator = LOCATOR.pack(b"PK\x06\x07", 0, directory.start + len(written), 1)
    end = END.pack(b"PK\x05\x06", 0, 0, FULL_16, FULL_16, FULL_32, FULL_32, 0)
    return written + end64 + locator + end


def _rewrite_entry(joined: Joined, fields: list[int], extra: bytes) -> bytes:
    """Make an entry's place absolute, in `fields` and the returned extra field; sizes stay."""
    others, zip64 = _split_extra(extra)
    values = {}
    for name, full in ((SIZE, FULL_32), (CSIZE, FULL_32), (OFFSET, FULL_32), (DISK, FULL_16)):
        values[name] = fields[name]
        if fields[name] == full:  # the real ones stand in the ZIP64 field, in this order
            width = 4 if name == DISK else 8
            if len(zip64) < width:
                raise BadZipFile("a ZIP64 field is too short")
            values[name], zip64 = int.from_bytes(zip64[:width], "little"), zip64[width:]
    values[OFFSET] = absolute(joined, values[DISK], values[OFFSET])
    fields[DISK] = 0
    large = b""
    for name in (SIZE, CSIZE, OFFSET):
        fields[name] = min(values[name], FULL_32)
        if values[name] >= FULL_32:
            large += struct.pack("<Q", values[name])
    rewritten = others + (struct.pack("<2H", ZIP64, len(large)) + large if large else b"")
    if len(rewritten) > FULL_16:
        raise BadZipFile("an extra field is too long")
    fields[EXTRA_LENGTH] = len(rewritten)
    return rewritten


def _split_extra(extra: bytes) -> tuple[bytes, bytes]:
    """Return the extra fields other than ZIP64's, and the content of that."""
    others, zip64, place = b"", b"", 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, place)
        end = place + 4 + length
        if kind == ZIP64:
            zip64 = extra[place + 4 : end]
        else:
            others += extra[place:end]
        place = end
    return others + extra[place:], zip64
