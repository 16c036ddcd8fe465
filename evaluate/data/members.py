"""Writing what an archive holds, whatever its format: safe names, files and folders only, no more than was said."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from evaluate.download import require_space
from evaluate.errors import ArchiveError

CHUNK_BYTES = 1 << 20
MAX_NAME_BYTES = 255  # of one component, on every common file system
Advance = Callable[[int], None]  # told how many more bytes were written
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:")


def member_path(archive: Path, name: str) -> PurePosixPath:
    """Return where a member goes, relative to the folder.

    Raises:
        ArchiveError: The name leads out of the folder, or is none that every file system can hold.
    """
    path = PurePosixPath(name)
    try:
        lengths = [len(part.encode()) for part in path.parts]
    except UnicodeEncodeError:  # bytes that were not UTF-8, which tarfile smuggles through
        raise ArchiveError(f"{archive}: member {name!r} has a name that is not UTF-8; refused") from None
    problem = ""
    if path.is_absolute() or _DRIVE.match(name):
        problem = "an absolute path"
    elif ".." in path.parts:
        problem = "a path with .."
    elif "\\" in name or _CONTROL.search(name):
        problem = "a backslash or control character in its name"
    elif not name or max(lengths, default=0) > MAX_NAME_BYTES:
        problem = f"an empty name, or one of more than {MAX_NAME_BYTES} bytes"
    if problem:
        raise ArchiveError(f"{archive}: member {name!r} has {problem}; nothing was unpacked into the corpus")
    return path


@dataclass
class Writer:
    """Writes members into a folder and counts what comes out."""

    archive: Path
    folder: Path
    max_bytes: int
    advance: Advance
    num_written: int = 0

    def announce(self, sizes: Iterable[int]) -> None:
        """Hold the announced sizes against the limit and the disk."""
        total = sum(sizes)
        self._check(total)
        require_space(self.folder, total)

    def make_folder(self, name: str) -> None:
        """Make a folder, and those above it."""
        try:
            (self.folder / member_path(self.archive, name)).mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise self._twice(name) from None

    def create(self, name: str) -> IO[bytes]:
        """Open a new file."""
        path = self.folder / member_path(self.archive, name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("xb")
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise self._twice(name) from None

    def write(self, file: IO[bytes], chunk: bytes) -> None:
        """Write a part of a file, if the limit lets it."""
        self.count(len(chunk))
        file.write(chunk)
        self.advance(len(chunk))

    def count(self, num_bytes: int) -> None:
        """Count what came out."""
        self.num_written += num_bytes
        self._check(self.num_written)

    def copy(self, name: str, packed: IO[bytes], size: int | None) -> None:
        """Write a file from a stream that must give `size` bytes; None: whatever it gives."""
        with self.create(name) as file:
            while chunk := packed.read(CHUNK_BYTES):
                self.write(file, chunk)
            if size is not None and file.tell() != size:
                raise ArchiveError(
                    f"{self.archive}: member {name!r} gave {file.tell()} bytes, {size} were announced: it is damaged"
                )

    def _check(self, num_bytes: int) -> None:
        if num_bytes > self.max_bytes:
            raise ArchiveError(
                f"{self.archive}: unpacks to {num_bytes / 1e6:.0f} MB or more, expected {self.max_bytes / 1e6:.0f} MB "
                "at most for an archive of its size; refused"
            )

    def _twice(self, name: str) -> ArchiveError:
        return ArchiveError(f"{self.archive}: member {name!r} comes twice, or is file and folder at once; refused")


def refused(archive: Path, name: str, what: str) -> ArchiveError:
    """Return the error for a member that is neither folder nor file."""
    return ArchiveError(f"{archive}: member {name!r} is {what}, expected files and folders only; refused")
