"""Files that are written whole or not at all, whatever ends the process, and whatever the disk holds."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Open a file beside `path` that takes its place when the block ends; where the block fails, all stays as it was.

    Raises:
        OSError: The disk is full, or the folder cannot be written.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # else a power cut could leave an empty file of the new name
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):  # a disk that is full should get its room back
            temporary.unlink(missing_ok=True)
        raise


def write_whole(path: Path, text: str) -> None:
    """Write a text file as UTF-8, line ends as they are; a lone surrogate, which has no such form, is escaped."""
    with replacing(path) as file:
        file.write(text.encode("utf-8", errors="backslashreplace"))
