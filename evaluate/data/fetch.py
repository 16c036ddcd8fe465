"""Getting a corpus: download what is not here, check it, unpack it aside, move it into place."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from evaluate.data.archives import is_archive
from evaluate.data.placing import lay_out, merge
from evaluate.data.sources import Archive, RemoteFile, Source, read_sources
from evaluate.data.survey import is_whole
from evaluate.download import download, published_files, remote_size, require_space
from evaluate.errors import ArchiveError, CorpusAbsentError, CorpusError, MachineError, RequestError, RunLockedError
from evaluate.registry import unknown_name
from evaluate.task import Task
from tasks import find_task_class, parse_task_spec, task_registry

DOWNLOADS = "downloads"  # folder in the data folder where archives wait, and stay with --keep-archives
OTHER_NAMES = ("spice",)  # what `data fetch` gets beside corpora
GROWTH = 1.5  # by which audio grows when unpacked, about; what an archive says of itself is checked too
ZENODO = re.compile(r"(https?://[^/]+)/records/(\d+)/files/[^/]+")

Say = Callable[[str], None]


def fetch_corpus(spec: str, data_dir: Path, *, keep_archives: bool, say: Say) -> None:
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
        done: set[Archive] = set()
        for one in missing:
            _fetch_split(source.serving(one), done, downloads, data_dir, say)
        if not keep_archives:
            _remove(downloads, done)
    _report(task, missing, source, say)


def _splits_to_fetch(task: Task, source: Source, split: str | None) -> Sequence[str]:
    known = list(dict.fromkeys([*task.splits, *source.splits]))
    if split is not None and split not in known:
        raise unknown_name(f"split of {task.name}", split, known, listing=f"splits: {', '.join(known)}")
    chosen = [split] if split else list(task.default_splits)
    for one in chosen:
        if not source.serving(one):
            raise RequestError(f"{task.name}:{one}: no archive is known for it; see {source.page}")
    return chosen


def _is_here(task: Task, split: str, say: Say) -> bool:
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
    finally:
        lock.release()


def _fetch_split(archives: Sequence[Archive], done: set[Archive], downloads: Path, data_dir: Path, say: Say) -> None:
    """Download and unpack what a split needs; it appears in the data folder when all of it is unpacked."""
    wanted = [archive for archive in archives if archive not in done]
    described = [replace(one, files=_describe(one.files)) for one in wanted]
    _require_space_for(described, downloads)
    for archive in described:
        for file in archive.files:
            _download(file, downloads, say)
    tree = data_dir / f".{downloads.name}-unpacking"
    shutil.rmtree(tree, ignore_errors=True)  # of a process that was killed; the lock says that it is gone
    try:
        for archive in described:
            say(f"{archive.files[-1].name}: unpacking into {data_dir / archive.into}")
            _lay_out(archive, downloads, tree)
        merge(tree, data_dir)
    finally:
        shutil.rmtree(tree, ignore_errors=True)
    done.update(wanted)


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
    for file in (file for archive in archives for file in archive.files):
        path = downloads / file.name
        here = path if path.exists() else path.with_name(f"{path.name}.part")
        there = here.stat().st_size if here.exists() else 0
        size = there if here == path else file.size or remote_size(file.url) or 0
        needed += max(0, size - there) + size * (GROWTH if is_archive(archives[0].files[-1].name) else 1)
    require_space(downloads, round(needed))


def _download(file: RemoteFile, downloads: Path, say: Say) -> None:
    path = downloads / file.name
    download(file.url, path, known_hash=file.checksum, known_size=file.size)
    if file.checksum:
        say(f"{file.name}: {file.checksum}, as published")
    else:
        say(f"{file.name}: no checksum is known; only its size and the archive's own checks are used")


def _lay_out(archive: Archive, downloads: Path, tree: Path) -> None:
    paths = [downloads / file.name for file in archive.files]
    try:
        lay_out(archive, paths, tree)
    except ArchiveError:
        for path, file in zip(paths, archive.files, strict=True):
            if file.checksum is None:  # nothing says that it came whole: the next call must not take it for that
                path.unlink(missing_ok=True)
        raise


def _remove(downloads: Path, done: set[Archive]) -> None:
    for file in (file for archive in done for file in archive.files):
        (downloads / file.name).unlink(missing_ok=True)
    if not any(downloads.iterdir()):
        downloads.rmdir()


def _report(task: Task, splits: Sequence[str], source: Source, say: Say) -> None:
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
