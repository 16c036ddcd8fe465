"""From a downloaded archive to a folder laid out as the corpus's own, which then moves into place."""

import fnmatch
import shutil
from collections.abc import Sequence
from pathlib import Path

from evaluate.data.archives import is_archive, unpack
from evaluate.data.members import Advance
from evaluate.data.sources import Archive
from evaluate.errors import ArchiveError, RequestError

# An archive of audio hardly shrinks; one that unpacks to more than this is none, or meant to fill the disk.
MAX_GROWTH = 40
MIN_ALLOWED_BYTES = 100_000_000
IGNORED = "__MACOSX"  # what macOS adds to a zip beside what was packed


TREE = "tree"  # in the folder where work is done: what is laid out as the data folder is


def lay_out(archive: Archive, files: Sequence[Path], work: Path, *, advance: Advance) -> None:
    """Unpack a downloaded archive into `work / TREE`, laid out as the data folder is.

    Args:
        archive: What it is.
        files: It, as downloaded, in the order of `archive.files`.
        work: A folder of ours; the same for all archives of a split.
        advance: Told how many more bytes were written.

    Raises:
        ArchiveError: It is damaged, hostile, or not what was expected.
        MachineError: The disk is too small.
    """
    target = work / TREE / archive.into
    if not is_archive(files[-1].name):
        target.mkdir(parents=True, exist_ok=True)
        for path in files:
            shutil.copyfile(path, target / path.name)
        return
    staging = work / "archive"
    try:
        _unpack_fresh(files, staging, advance)
        root = _find_root(staging, archive, files[-1])
        for nested in sorted(root.glob(archive.nested)) if archive.nested else ():
            _unpack_in_place(nested, work / "inner", advance)
        merge(root, target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _unpack_in_place(nested: Path, folder: Path, advance: Advance) -> None:
    """Put what an archive holds where the archive lies, and remove that."""
    try:
        _unpack_fresh([nested], folder, advance)
        nested.unlink()
        merge(folder, nested.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack_fresh(files: Sequence[Path], folder: Path, advance: Advance) -> None:
    folder.mkdir(parents=True)
    packed = sum(path.stat().st_size for path in files)
    unpack(files, folder, max_bytes=max(packed * MAX_GROWTH, MIN_ALLOWED_BYTES), advance=advance)


def _find_root(folder: Path, archive: Archive, file: Path) -> Path:
    """Return the shallowest folder in which one of the expected things stands."""
    level = [folder]
    while level:
        for candidate in level:
            if not archive.holds or any(
                fnmatch.fnmatchcase(path.name, pattern) for path in candidate.iterdir() for pattern in archive.holds
            ):
                return candidate
        below = (path for candidate in level for path in candidate.iterdir() if path.name != IGNORED)
        level = sorted(path for path in below if path.is_dir())
    raise ArchiveError(f"{file}: holds no {' or '.join(archive.holds)}; expected the archive of {archive.into}")


def merge(source: Path, target: Path) -> None:
    """Move what a folder holds into another: what is not there by renaming, files that are there are replaced.

    Raises:
        RequestError: A file is where a folder belongs, or the other way about.
    """
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.iterdir()):
        place = target / path.name
        if place.exists() and place.is_dir() != path.is_dir():
            what, expected = ("a folder", "a file") if place.is_dir() else ("a file", "a folder")
            raise RequestError(f"{place}: is {what}, expected {expected} or nothing; move it away")
        if place.is_dir():
            merge(path, place)
        else:
            shutil.move(path, place)  # across file systems too, where the corpus's folder is a link to another disk
