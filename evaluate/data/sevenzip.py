"""Reading 7z with py7zr, which is an extra: this module is imported only where an archive is a 7z."""

import stat
from collections import Counter
from pathlib import Path, PurePath

import py7zr
from py7zr.exceptions import ArchiveError as Py7zrError
from py7zr.io import Py7zIO, WriterFactory

from evaluate.data.members import Writer, member_path, refused
from evaluate.errors import ArchiveError

_FILES_AND_FOLDERS = (None, 0, stat.S_IFREG, stat.S_IFDIR)  # None, 0: of a system that knows no such thing


def read_7z(archive: Path, writer: Writer) -> None:
    """Give all members of an archive to a writer, which checks their names and counts their bytes.

    Raises:
        ArchiveError: It is damaged or encrypted, or holds links or devices.
    """
    outputs = _Outputs(writer)
    try:
        # given the open file, py7zr does not read in several threads, for which the writer is not made
        with archive.open("rb") as file, py7zr.SevenZipFile(file) as opened:
            members = list(opened.files)
            writer.announce(member.uncompressed for member in members)
            names = [str(member_path(archive, member.filename)) for member in members]
            if doubled := [name for name, count in Counter(names).items() if count > 1]:
                raise ArchiveError(f"{archive}: member {doubled[0]!r} comes twice; refused")  # py7zr would rename one
            for member in members:
                if member.is_symlink or member.is_junction or member.st_fmt not in _FILES_AND_FOLDERS:
                    raise refused(archive, member.filename, "a link, a device or a pipe")
                if member.is_directory:
                    writer.make_folder(member.filename)
            opened.extractall(outputs.folder, factory=outputs)
    except (Py7zrError, TypeError, IndexError, AssertionError, MemoryError) as error:  # what py7zr raises for garbage
        raise ArchiveError(f"{archive}: cannot be unpacked ({type(error).__name__}: {error})") from error
    finally:
        outputs.close()
    expected = {name for name, member in zip(names, members, strict=True) if not member.is_directory}
    if missing := expected - outputs.names:
        raise ArchiveError(f"{archive}: {len(missing)} members were not given, e.g. {min(missing)!r}: it is damaged")


class _Outputs(WriterFactory):
    """Opens a file for each member that py7zr asks for."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._last: _Output | None = None
        self.folder = writer.folder.absolute()
        self.names: set[str] = set()

    def create(self, filename: str) -> "_Output":
        self.close()  # py7zr writes one file after the other
        name = str(PurePath(filename).relative_to(self.folder))
        self.names.add(name)
        self._last = _Output(self._writer, name)
        return self._last

    def close(self) -> None:
        """Close the file that was written last: py7zr leaves it open where it fails."""
        if self._last:
            self._last.close()


class _Output(Py7zIO):
    """One file as py7zr writes it."""

    def __init__(self, writer: Writer, name: str) -> None:
        self._writer = writer
        self._file = writer.create(name)

    def write(self, s: bytes | bytearray) -> int:
        self._writer.write(self._file, bytes(s))
        return len(s)

    def read(self, size: int | None = None) -> bytes:
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def flush(self) -> None:
        self._file.flush()

    def size(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
