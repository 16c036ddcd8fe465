"""Getting a corpus: download what is not here, check it, unpack it aside, move it into place."""

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from evaluate.data.archives import is_archive
from evaluate.data.placing import TREE, lay_out, merge
from evaluate.data.sources import Archive, RemoteFile, Source, read_sources
from evaluate.data.survey import is_whole
from evaluate.download import byte_bar, download, published_files, remote_size, require_space
from evaluate.errors import ArchiveError, CorpusAbsentError, CorpusError, MachineError, RequestError, RunLockedError
from evaluate.registry import unknown_name
from evaluate.task import Task
from evaluate.types import Notice
from tasks import find_task_class, parse_task_spec, task_registry

DOWNLOADS = "downloads"  # folder in the data folder where archives wait, and stay with --keep-archives
OTHER_NAMES = ("spice",)  # what `data fetch` gets beside corpora
GROWTH = 1.5  # by which audio grows when unpacked, about; what an archive says of itself is checked too
ZENODO = re.compile(r"(https?://[^/]+)/records/(\d+)/files/[^/]+")


def fetch_corpus(spec: str, data_dir: Path, *, keep_archives: bool, say: Notice) -> None:
    """Get the splits of a corpus that are not here or not whole.

    Args:
        spec: `NAME[:SPLIT]`; without a split, those that papers report.
        data_dir: Where corpora live.
        keep_archives: Whether archives stay in `downloads/` when they are unpacked.
        say: Told what is done.

    Raises:
        RequestError: There is no such corpus or split, or it must be got by hand: the message says how.
        MachineError: The network, the disk or an archive failed; the same command goes on.
    """
    name, split = parse_task_spec(spec)
    known = [*task_registry(None).names(), *OTHER_NAMES]
    if name not in known:
        raise unknown_name("data", name, known, listing=f"All names: {', '.join(known)}")
    task = find_task_class(name, tasks_dir=None)(data_dir)
    source = read_sources().get(name)
    if source is None:
        raise RequestError(f"{name}: nothing is known of how to download it; it comes from {task.source}")
    if not source.archives:
        raise RequestError(f"{name} cannot be fetched: {source.instruction} (licence: {source.licence}; {source.page})")
    missing = [one for one in _splits_to_fetch(task, source, split) if not _is_here(task, one, say)]
    if not missing:
        return
    say(f"{name}: from {source.page}, licence: {source.licence}")
    data_dir.mkdir(parents=True, exist_ok=True)
    with _locked(data_dir / DOWNLOADS / name) as downloads:
        done: dict[Archive, Archive] = {}  # as listed, and with what their keepers publish of them
        for one in missing:
            wanted = [archive for archive in source.serving(one) if archive not in done]
            done |= zip(wanted, _fetch_archives(wanted, downloads, data_dir, say), strict=True)
            if not keep_archives:
                _remove(downloads, wanted)
    unchecked = [file.name for archive in done.values() for file in archive.files if file.checksum is None]
    if unchecked:
        say(f"no checksum is known of {', '.join(unchecked)}: only sizes and the archives' own checks were used")
    _report(task, missing, source, say)


def _splits_to_fetch(task: Task, source: Source, split: str | None) -> Sequence[str]:
    known = list(dict.fromkeys([*task.splits, *source.splits, *source.names]))
    if (
        split is not None
        and split not in known
        and split.removesuffix("-dev").removesuffix("-train") not in source.names
    ):
        raise unknown_name(f"split of {task.name}", split, known, listing=f"splits: {', '.join(known)}")
    chosen = [split] if split else list(task.default_splits)
    for one in chosen:
        if not source.serving(one):
            raise RequestError(f"{task.name}:{one}: no archive is known for it; see {source.page}")
    return chosen


def _is_here(task: Task, split: str, say: Notice) -> bool:
    """Whether a split is here and whole; one that cannot be read is fetched again, which is said."""
    try:
        coverage = task.read_split(split).coverage
    except CorpusAbsentError:
        return False
    except RequestError as error:
        say(f"{task.name}:{split} is damaged and is fetched again: {error}")
        return False
    if is_whole(coverage):
        say(f"{task.name}:{split}: {coverage.found} utterances are here and whole already")
        return True
    say(f"{task.name}:{split} is partial and is fetched again: {coverage.describe()}")
    return False


@contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    """Make a folder for downloads and hold it against other processes."""
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.with_name(f"{folder.name}.lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise RunLockedError(f"{folder}: another process is fetching this corpus; wait until it ends") from error
    try:
        yield folder
        if not any(folder.iterdir()):
            folder.rmdir()
    finally:
        lock.release()


def _fetch_archives(archives: Sequence[Archive], downloads: Path, data_dir: Path, say: Notice) -> list[Archive]:
    """Download and unpack what a split needs; it appears in the data folder when all of it is unpacked.

    Returns:
        The archives with what their keepers publish of them.
    """
    described = [replace(one, files=_describe(one.files)) for one in archives]
    _require_space_for(described, downloads)
    for file in (file for archive in described for file in archive.files):
        download(file.url, downloads / file.name, known_hash=file.checksum, known_size=file.size)
        if file.checksum:
            say(f"{file.name}: {file.checksum}, as published")
    work = data_dir / f".{downloads.name}-unpacking"
    shutil.rmtree(work, ignore_errors=True)  # of a process that was killed; the lock says that it is gone
    try:
        for archive in described:
            _lay_out(archive, downloads, work)
        merge(work / TREE, data_dir)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return described


def _describe(remote: Sequence[RemoteFile]) -> tuple[RemoteFile, ...]:
    """Add checksum and size where the keeper of a file publishes them."""
    described = []
    for file in remote:
        record = ZENODO.match(file.url)
        if record and file.checksum is None:
            published = published_files(f"{record[1]}/api/records/{record[2]}")
            if file.name not in published:
                held = ", ".join(published) or "no files"
                raise MachineError(f"{file.url}: the record holds {held}, expected {file.name}")
            checksum, size = published[file.name]
            file = replace(file, checksum=checksum, size=size)
        described.append(file)
    return tuple(described)


def _require_space_for(archives: Sequence[Archive], downloads: Path) -> None:
    """Raise where the disk cannot take what is to be downloaded and unpacked, as far as sizes are known."""
    needed = 0.0
    for archive in archives:
        growth = GROWTH if is_archive(archive.files[-1].name) else 1
        for file in archive.files:
            size, here = _sizes(file, downloads / file.name)
            needed += max(0, size - here) + size * growth
    require_space(downloads, round(needed))


def _sizes(file: RemoteFile, path: Path) -> tuple[int, int]:
    """Return how large a file is, 0 where nobody says, and how much of it is here, in bytes."""
    if path.exists():
        return path.stat().st_size, path.stat().st_size
    part = path.with_name(f"{path.name}.part")
    return file.size or remote_size(file.url) or 0, part.stat().st_size if part.exists() else 0


def _lay_out(archive: Archive, downloads: Path, work: Path) -> None:
    paths = [downloads / file.name for file in archive.files]
    try:
        with byte_bar(f"{archive.files[-1].name} → {archive.into}", total=None) as advance:
            lay_out(archive, paths, work, advance=advance)
    except ArchiveError:
        for path, file in zip(paths, archive.files, strict=True):
            if file.checksum is None:  # nothing says that it came whole: the next call must not take it for that
                path.unlink(missing_ok=True)
        raise


def _remove(downloads: Path, archives: Iterable[Archive]) -> None:
    for file in (file for archive in archives for file in archive.files):
        (downloads / file.name).unlink(missing_ok=True)


def _report(task: Task, splits: Sequence[str], source: Source, say: Notice) -> None:
    """Say what is here now.

    Raises:
        RequestError: People must add something.
        MachineError: The task does not find what was fetched.
    """
    if source.instruction:
        raise RequestError(f"{source.instruction} (licence: {source.licence}; {source.page})")
    for split in splits:
        try:
            coverage = type(task)(task.data_dir).read_split(split).coverage
        except CorpusError as error:
            raise MachineError(f"{task.name}:{split} was fetched, but: {error}") from error
        whole = "whole" if is_whole(coverage) else f"PARTIAL: {coverage.describe()}"
        say(f"{task.name}:{split}: {coverage.found} utterances are here, {whole}")
