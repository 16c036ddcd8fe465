"""Unpacking archives that others made: nothing lands outside the folder, nothing is taken for whole that is not.

Read are tar (plain, gzip, bzip2, xz), zip, zip in several parts, and 7z (with py7zr). Members are written by the code
below, never by the archive libraries, so that only folders and regular files can come of them: links become copies of
what they point to inside the archive, permissions and owners are left out, devices and pipes are refused.
"""

import errno
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from evaluate.data.members import CHUNK_BYTES, Advance, Writer, refused
from evaluate.data.split_zip import join_parts
from evaluate.errors import ArchiveError, MachineError

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
SUFFIXES = (*TAR_SUFFIXES, ".zip", ".7z")
# What zipfile and tarfile raise for an archive that is cut off, garbled, encrypted, or packed in an unknown way.
DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, UnicodeDecodeError, RuntimeError, NotImplementedError, ValueError),
)
UTF8_FLAG = 0x800  # of a zip's member


def is_archive(name: str) -> bool:
    """Whether a file of this name would be unpacked."""
    return name.lower().endswith(SUFFIXES)


def unpack(parts: Sequence[Path], folder: Path, *, max_bytes: int, advance: Advance = lambda _: None) -> None:
    """Unpack an archive into an empty folder.

    Args:
        parts: The archive; of a zip in several parts all of them, `.z01` first and `.zip` last.
        folder: Where to; exists and is empty. What is in it after an error is to be thrown away.
        max_bytes: Most that may come out: an archive that announces or gives more is refused.
        advance: Told of every part that is written.

    Raises:
        ArchiveError: It is damaged, or holds what must not be unpacked.
        MachineError: The disk is too small, or py7zr is needed and not installed.
    """
    name = parts[-1].name.lower()
    writer = Writer(parts[-1], folder, max_bytes, advance)
    with _one_line(parts[-1]):
        if name.endswith(".zip"):
            _unpack_zip(parts, writer)
        elif name.endswith(".7z"):
            _unpack_7z(parts[-1], writer)
        elif name.endswith(TAR_SUFFIXES):
            _unpack_tar(parts[-1], writer)
        else:
            raise ArchiveError(f"{parts[-1]}: no archive by its name, expected one of {', '.join(SUFFIXES)}")


@contextmanager
def _one_line(archive: Path) -> Iterator[None]:
    """Turn what the libraries raise for a damaged archive into one error; what the disk raises passes."""
    try:
        yield
    except DAMAGED as error:
        raise _damaged(archive, error) from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # bzip2 gives none, a place outside the file EINVAL; else the disk
            raise
        raise _damaged(archive, error) from error


def _damaged(archive: Path, error: Exception) -> ArchiveError:
    with archive.open("rb") as file:
        head = file.read(16).lstrip().lower()
    page = "; it is a web page: the address gives no archive any more" if head.startswith((b"<!doc", b"<html")) else ""
    return ArchiveError(f"{archive}: cannot be unpacked ({' '.join(str(error).split()) or type(error).__name__}){page}")


class _StrictTarInfo(tarfile.TarInfo):
    """A header that is checked: tarfile takes a garbled or cut-off one for the end of the archive."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> "_StrictTarInfo":
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.HeaderError as error:
            if type(error).__name__ == "EOFHeaderError":  # the zeros at the end; the class has no public name
                raise
            raise tarfile.ReadError(f"{error} at byte {tarfile_.offset}") from error


def _unpack_tar(archive: Path, writer: Writer) -> None:
    with tarfile.open(archive, "r:*", tarinfo=_StrictTarInfo) as opened:
        for member in opened:
            if member.isdir():
                writer.make_folder(member.name)
            elif member.isreg():
                with _content(opened, member) as packed:
                    writer.copy(member.name, packed, member.size)
            elif member.issym() or member.islnk():
                with _link_content(archive, opened, member) as packed:
                    writer.copy(member.name, packed, None)
            else:
                raise refused(archive, member.name, "a device, a pipe or of an unknown type")
        while rest := opened.fileobj.read(CHUNK_BYTES):  # the checksum stands at its end
            writer.count(len(rest))


def _content(opened: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = opened.extractfile(member)
    if content is None:
        raise tarfile.ReadError(f"member {member.name!r} has no content")
    return content


def _link_content(archive: Path, opened: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    """Open what a link points to inside the archive; no link is ever made on disk."""
    try:
        content = opened.extractfile(member)
    except (KeyError, RecursionError):
        content = None
    if content is None:
        raise refused(archive, member.name, f"a link to {member.linkname!r}, which is no file of the archive")
    return content


def _unpack_zip(parts: Sequence[Path], writer: Writer) -> None:
    archive = parts[-1]
    with join_parts(parts) as joined, zipfile.ZipFile(joined) as opened:
        members = opened.infolist()
        writer.announce(member.file_size for member in members)
        for member in members:
            kind = stat.S_IFMT(member.external_attr >> 16)  # 0 where the system that packed knows no such thing
            name = _zip_name(member)
            if name.endswith("/"):
                writer.make_folder(name)
            elif kind in (0, stat.S_IFREG):
                with opened.open(member) as packed:
                    writer.copy(name, packed, member.file_size)
            else:
                raise refused(archive, name, "a link" if stat.S_ISLNK(kind) else "a device or a pipe")


def _zip_name(member: zipfile.ZipInfo) -> str:
    """Return a member's name as UTF-8 where its bytes are that.

    zipfile takes names without the UTF-8 flag for code page 437, but Linux programs write UTF-8 without the flag, and
    corpora list their files by the right names.
    """
    if member.flag_bits & UTF8_FLAG:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return member.filename


def _unpack_7z(archive: Path, writer: Writer) -> None:
    try:
        from evaluate.data.sevenzip import read_7z
    except ImportError as error:
        raise MachineError(
            f"{archive}: a 7z archive needs py7zr ({error}); install the extra: pip install 'otoscope[7z]', or unpack "
            "it yourself"
        ) from error
    read_7z(archive, writer)
