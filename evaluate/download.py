"""Downloading a file whose checksum is known: checked before it counts, going on where it was broken off.

pooch checks and puts in place; it cannot go on with a part of a file, which `ResumingDownloader` adds.
"""

import logging
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from evaluate.errors import MachineError

CHUNK_BYTES = 1 << 16  # a chunk that a break leaves open is lost
TIMEOUT_S = 60.0  # without any byte
SHA1 = re.compile(r"\s*([0-9a-f]{40})\b")


def download(url: str, path: Path, *, known_hash: str | None, known_size: int | None = None) -> None:
    """Download a file, or go on with it; a file that is there and has this checksum is left.

    Args:
        url: Where it is.
        path: Where it goes; while it is not whole, its part lies beside it as `<name>.part`.
        known_hash: `sha1:…`, `sha256:…` or `md5:…`; None: not known, a file that is there is believed.
        known_size: In bytes; None: not known.

    Raises:
        MachineError: The server or the network fails, the disk is too small, or checksum or size differ.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.WARNING)  # the bar says the rest
    part = path.with_name(f"{path.name}.part")
    try:
        pooch.retrieve(
            url, known_hash, fname=path.name, path=path.parent, downloader=ResumingDownloader(part, known_size)
        )
    except requests.HTTPError as error:  # the server has spoken: trying again will hardly help
        raise MachineError(
            f"{url}: cannot be downloaded ({_reason(error)}); if you can get the file elsewhere, put it at {path}"
        ) from error
    except requests.RequestException as error:
        raise MachineError(
            f"{url}: cannot be downloaded ({_reason(error)}); what has come is kept, the same command goes on with it, "
            f"or put the file at {path} yourself"
        ) from error
    except _WrongFileError as error:
        raise MachineError(f"{url}: {error}; run the same command again") from error
    except ValueError as error:  # pooch's word for a checksum that differs; it has removed the file
        raise MachineError(f"{url}: has not the checksum {known_hash}; run the same command again") from error
    size = path.stat().st_size
    if known_size is not None and size != known_size:
        path.unlink()
        raise MachineError(f"{url}: has {size} bytes, expected {known_size}; run the same command again")


def published_sha1(url: str) -> str:
    """Return the checksum that a Maven repository publishes beside a file, as `sha1:…`.

    It guards against damage on the way, not against a repository that lies.

    Raises:
        MachineError: There is none.
    """
    text = _get(f"{url}.sha1").text
    found = SHA1.match(text)
    if found is None:
        raise MachineError(f"{url}.sha1: found {text[:60]!r}, expected 40 hexadecimal digits")
    return f"sha1:{found[1]}"


def published_files(url: str) -> dict[str, tuple[str, int]]:
    """Return name to checksum and size of the files of a Zenodo record, as Zenodo publishes them.

    Args:
        url: Of the record, as the API has it: `https://zenodo.org/api/records/<number>`.

    Raises:
        MachineError: It cannot be had, or has another form.
    """
    try:
        files = _get(url).json()["files"]
        return {file["key"]: (str(file["checksum"]), int(file["size"])) for file in files}
    except (ValueError, KeyError, TypeError) as error:  # requests' JSON error is a ValueError
        raise MachineError(
            f"{url}: expected a Zenodo record whose files have key, checksum and size ({type(error).__name__}: {error})"
        ) from error


def remote_size(url: str) -> int | None:
    """Return how large a file is before it is downloaded, in bytes; None where the server does not say."""
    import requests

    try:
        answer = requests.head(url, allow_redirects=True, timeout=TIMEOUT_S, headers={"Accept-Encoding": "identity"})
    except (requests.RequestException, ValueError):
        return None  # the download itself will say what is wrong
    return _content_length(answer) if answer.ok else None


def _content_length(answer: Any) -> int | None:
    """Return how many bytes an answer says that it has; None where it does not, or not in a number."""
    said = answer.headers.get("Content-Length", "")
    return int(said) if said.isascii() and said.isdigit() else None


def _get(url: str) -> Any:
    """Return an answer that is no error.

    Raises:
        MachineError: There is none.
    """
    import requests

    try:
        answer = requests.get(url, timeout=TIMEOUT_S)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise MachineError(f"{url}: cannot be downloaded ({_reason(error)})") from error
    return answer


class _WrongFileError(Exception):
    """What a server gives is not the file."""


class ResumingDownloader:
    """A downloader for pooch that keeps what has come in a file of its own and asks only for the rest.

    Args:
        part: That file; it goes on from its end, whoever wrote it: the checksum decides.
        known_size: Of the whole file, in bytes; what comes beyond it is not written. None: not known.
    """

    def __init__(self, part: Path, known_size: int | None = None) -> None:
        self._part = part
        self._known_size = known_size

    def __call__(self, url: str, output_file: str, _pooch: Any) -> None:
        """Download into `part`, then move it to `output_file`."""
        import requests

        start = self._part.stat().st_size if self._part.exists() else 0
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
        try:
            opened = requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S)
        except ValueError as error:  # requests' own are ValueErrors too
            if isinstance(error, requests.RequestException):
                raise
            raise _WrongFileError(f"cannot be downloaded, the server leads to no address ({error})") from error
        with opened as answer:
            if answer.status_code != requests.codes.requested_range_not_satisfiable:  # that is: there is no rest
                answer.raise_for_status()
                resumed = answer.status_code == requests.codes.partial_content
                self._write(answer, start if resumed else 0)
        self._part.replace(output_file)

    def _write(self, answer: Any, start: int) -> None:
        """Write an answer's body from byte `start` of the file on."""
        rest = _content_length(answer)
        require_space(self._part.parent, rest or 0)
        title = self._part.name.removesuffix(".part")
        total = None if rest is None else start + rest
        with (
            byte_bar(title, total=total, completed=start) as advance,
            self._part.open("r+b" if start else "wb") as file,
        ):
            file.seek(start)
            for chunk in answer.iter_content(CHUNK_BYTES):
                file.write(chunk)
                advance(len(chunk))
                if self._known_size is not None and file.tell() > self._known_size:
                    self._part.unlink()
                    raise _WrongFileError(f"has more bytes than expected, which is {self._known_size}")


@contextmanager
def byte_bar(title: str, *, total: int | None, completed: int = 0) -> Iterator[Callable[[int], None]]:
    """Show a bar of bytes on stderr while the block runs; yields the function that moves it on.

    Args:
        title: What is written.
        total: Bytes at the end; None: not known.
        completed: Bytes at the start.
    """
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        bar = progress.add_task(title, total=total, completed=completed)
        yield lambda num_bytes: progress.advance(bar, num_bytes)


def require_space(folder: Path, num_bytes: int) -> None:
    """Raise where a disk is too small for what is to come, before any of it is written.

    Raises:
        MachineError: Less than `num_bytes` are free where `folder` is.
    """
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        raise MachineError(
            f"{folder}: {num_bytes / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free; "
            "free some, or name another folder"
        )


def _reason(error: Any) -> str:
    """Return what went wrong without the chain of wrapped errors that a failed connection has."""
    import requests

    if error.response is not None:
        return f"{error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.ConnectionError):
        return "no connection to the server"
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
