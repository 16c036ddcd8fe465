"""Where corpora come from: `tasks/downloads.yaml`, read and checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from evaluate.errors import RequestError

SPLIT = "{split}"
CHECKSUM = re.compile(r"(md5:[0-9a-f]{32}|sha1:[0-9a-f]{40}|sha256:[0-9a-f]{64})")
SOURCE_KEYS = {"licence", "page", "archives", "instruction", "checksums", "sizes", "names"}
ARCHIVE_KEYS = {"urls", "splits", "into", "holds", "nested"}


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file to download."""

    url: str
    name: str  # what it is called here
    checksum: str | None  # `md5:…` or the like; None: not known
    size: int | None  # in bytes


@dataclass(frozen=True, slots=True)
class Archive:
    """Files that make up one archive, or one list, and where what they hold belongs."""

    files: tuple[RemoteFile, ...]  # several: the parts of a split zip, `.zip` last
    into: PurePosixPath  # folder under the data folder
    splits: tuple[str, ...] = ()  # those it serves; (): all
    holds: tuple[str, ...] = ()  # patterns; the folder of the archive in which one of them stands becomes `into`
    nested: str = ""  # pattern, under `into`, of archives in the archive: unpacked where they lie, and removed


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of how to get a corpus."""

    name: str
    licence: str
    page: str
    archives: tuple[Archive, ...] = ()
    instruction: str = ""  # what people must do themselves, in words
    names: Mapping[str, str] = field(default_factory=dict)  # split to what `{split}` stands for, where that differs

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that archives name; (): all that the task has."""
        return tuple(dict.fromkeys(split for archive in self.archives for split in archive.splits))

    def how_to_get(self, split: str) -> str:
        """Return what somebody does to have a split, in one line."""
        if self.serving(split):
            return f"get it with: otoscope data fetch {self.name}:{split}"
        return self.instruction or f"see {self.page}"

    def serving(self, split: str) -> tuple[Archive, ...]:
        """Return the archives that a split needs, `{split}` in them replaced."""
        direction, _, part = split.rpartition("-")
        name = self.names.get(split) or self.names.get(direction if part in ("dev", "train") else "", split)
        return tuple(
            _of_split(archive, name) for archive in self.archives if not archive.splits or split in archive.splits
        )


def read_sources() -> Mapping[str, Source]:
    """Return the sources by task."""
    return _parse_sources(shipped_text())


@cache  # a list of tasks asks once for each of them
def _parse_sources(text: str) -> Mapping[str, Source]:
    return {name: _parse_source(name, fields) for name, fields in yaml.safe_load(text).items()}


@cache
def shipped_text() -> str:
    """Return `tasks/downloads.yaml`."""
    return (files("tasks") / "downloads.yaml").read_text(encoding="utf-8")


def _parse_source(name: str, fields: dict[str, Any]) -> Source:
    """Make a source; a field that is not known is an error of ours, or of whoever adds a corpus."""
    _require(name, fields.keys() <= SOURCE_KEYS, f"fields are {', '.join(sorted(SOURCE_KEYS))}")
    checksums, sizes = fields.get("checksums", {}), fields.get("sizes", {})
    for file, checksum in checksums.items():
        _require(name, CHECKSUM.fullmatch(checksum) is not None, f"checksum of {file}")
    archives = tuple(_parse_archive(name, one, checksums, sizes) for one in fields.get("archives", ()))
    instruction = " ".join(fields.get("instruction", "").split())
    _require(name, bool(archives or instruction), "archives or an instruction")
    return Source(name, fields["licence"], fields["page"], archives, instruction, fields.get("names", {}))


def _parse_archive(name: str, fields: dict[str, Any], checksums: dict[str, str], sizes: dict[str, int]) -> Archive:
    _require(name, fields.keys() <= ARCHIVE_KEYS, f"fields of an archive are {', '.join(sorted(ARCHIVE_KEYS))}")
    into = PurePosixPath(fields["into"])
    _require(name, not into.is_absolute() and ".." not in into.parts, "`into` below the data folder")
    remote = []
    for url in fields["urls"]:
        file = unquote(PurePosixPath(urlsplit(url).path).name)
        shown = f"{SPLIT}-{file}" if SPLIT in url and SPLIT not in file else file
        remote.append(RemoteFile(url, shown, checksums.get(file), sizes.get(file)))
    holds = fields.get("holds", ())
    return Archive(tuple(remote), into, tuple(fields.get("splits", ())), tuple(holds), fields.get("nested", ""))


def _of_split(archive: Archive, split: str) -> Archive:
    remote = tuple(
        RemoteFile(one.url.replace(SPLIT, split), one.name.replace(SPLIT, split), one.checksum, one.size)
        for one in archive.files
    )
    into = PurePosixPath(str(archive.into).replace(SPLIT, split))
    return Archive(remote, into, archive.splits, archive.holds, archive.nested)


def _require(name: str, holds: bool, expected: str) -> None:
    if not holds:
        raise RequestError(f"downloads.yaml: {name}: expected {expected}")
