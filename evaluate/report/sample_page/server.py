"""The server behind `otoscope view`: the sample page of one run and its audio, for a browser on this machine.

It listens on loopback only. The address holds a random token, as other users of the machine reach loopback too, and a
request must name a loopback host, so that no page from the network can reach it under a name of its own. It gives out
the page, its data, and the clips that the run's log names; a clip's address is its number and never a path.
"""

import re
import secrets
import sys
import webbrowser
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any, BinaryIO

from evaluate.errors import AudioDecodeError, OtoscopeError, RequestError
from evaluate.lines import one_line
from evaluate.report.sample_page.clips import clip_refs, open_clip
from evaluate.report.sample_page.data import ensure_page_data, is_made_from, made_from, read_sample, write_page_data
from evaluate.report.sample_page.page import sample_page
from evaluate.results import RunDirectory
from evaluate.types import Notice

_HOSTS = ("127.0.0.1", "localhost")
_DATA = re.compile(r"page/(index|\d{4,9})\.js", re.ASCII)
_CLIP = re.compile(r"audio/(\d{1,9})/(\d{1,4})", re.ASCII)
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_BLOCK_BYTES = 1 << 16


def serve(run: RunDirectory, *, port: int, opens: bool, say: Notice) -> None:
    """Serve the page of a run until the process is interrupted.

    Args:
        run: Its folder; where it cannot be written, the page's data are kept elsewhere as long as they are needed.
        port: See `ViewerServer`.
        opens: Whether a browser is sent there.
        say: Gets the address.

    Raises:
        RequestError: The port is taken, or not for this user.
    """
    with TemporaryDirectory(prefix="otoscope-") as elsewhere:
        try:
            data = ensure_page_data(run)
        except OSError:
            data = write_page_data(run, Path(elsewhere) / "page")
        try:
            server = ViewerServer(run, data, port=port)
        except OSError as error:
            raise RequestError(f"port {port}: {error.strerror}; name another --port, or none") from error
        with server:
            say(server.url)
            if opens:
                webbrowser.open(server.url)
            server.serve_forever()


class ViewerServer(ThreadingHTTPServer):
    """Serves one run.

    Args:
        run: Its folder.
        data: Folder of its page data.
        port: Where to listen; 0: where there is room.
    """

    daemon_threads = True

    def __init__(self, run: RunDirectory, data: Path, *, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Request)
        self.run = run
        self.data = data
        self.token = secrets.token_urlsafe(16)
        self._refreshing = Lock()

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"

    def page(self) -> str:
        """Return the page; its data are made anew where the run has changed, as it does while it goes on."""
        with self._refreshing:
            if not is_made_from(self.data, made_from(self.run)):
                write_page_data(self.run, self.data)
        return sample_page(self.run, audio="served")

    def open_clip(self, sample: int, clip: int) -> tuple[str, BinaryIO]:
        """Return media type and bytes of a clip, both by number.

        Raises:
            AudioDecodeError: The run has no such clip, or it cannot be read.
        """
        try:
            ref = clip_refs(read_sample(self.data, sample))[clip]
        except LookupError as error:
            raise AudioDecodeError("the run has no such clip") from error
        return open_clip(ref, "WAV")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a player that has heard enough and closes its connection: nothing is at fault."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Request(BaseHTTPRequestHandler):
    """One connection, kept open, as players ask for a file in parts."""

    server: ViewerServer
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds without a word, then the connection ends

    def do_GET(self) -> None:
        """Answer with one of the few things that there are."""
        host = self.headers.get("Host", "").partition(":")[0]
        token, slash, rest = self.path.partition("?")[0].removeprefix("/").partition("/")
        if host not in _HOSTS or not slash or not secrets.compare_digest(token.encode(), self.server.token.encode()):
            self._refuse(HTTPStatus.FORBIDDEN, "open the address that the command printed")
        elif rest == "":
            self._send_page()
        elif match := _DATA.fullmatch(rest):
            self._send_data(f"{match[1]}.js")
        elif match := _CLIP.fullmatch(rest):
            self._send_clip(int(match[1]), int(match[2]))
        else:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such thing here")

    do_HEAD = do_GET  # noqa: N815 - as http.server calls it; to any other method it answers that it has none

    def _send_page(self) -> None:
        try:
            page = self.server.page()
        except (OtoscopeError, OSError) as error:
            return self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, one_line(str(error)))
        headers = {"Cache-Control": "no-store", "Content-Security-Policy": "frame-ancestors 'none'"}
        return self._send(HTTPStatus.OK, "text/html", page.encode(errors="backslashreplace"), **headers)

    def _send_data(self, name: str) -> None:
        try:
            content = (self.server.data / name).read_bytes()
        except OSError:
            return self._refuse(HTTPStatus.NOT_FOUND, "there are no such data")
        return self._send(HTTPStatus.OK, "text/javascript", content)

    def _send_clip(self, sample: int, clip: int) -> None:
        try:
            media_type, file = self.server.open_clip(sample, clip)
        except AudioDecodeError as error:
            self._refuse(HTTPStatus.NOT_FOUND, one_line(str(error)))
            return
        with file:
            size = file.seek(0, 2)
            part = _part(self.headers.get("Range", ""), size)
            if part is None:
                status, part, headers = HTTPStatus.OK, range(size), {"Accept-Ranges": "bytes"}
            elif part:
                where = f"bytes {part.start}-{part.stop - 1}/{size}"
                status, headers = HTTPStatus.PARTIAL_CONTENT, {"Accept-Ranges": "bytes", "Content-Range": where}
            else:
                where = f"bytes */{size}"
                status, headers = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, {"Content-Range": where}
            self._head(status, media_type, len(part), headers)
            if self.command != "HEAD":
                self._copy(file, part)

    def _copy(self, file: BinaryIO, part: range) -> None:
        file.seek(part.start)
        rest = len(part)
        while rest and (block := file.read(min(rest, _BLOCK_BYTES))):
            self.wfile.write(block)
            rest -= len(block)
        self.close_connection |= rest > 0  # the file became shorter: what is missing must not be waited for

    def _refuse(self, status: HTTPStatus, line: str, **headers: str) -> None:
        self._send(status, "text/plain", line.encode(errors="replace"), **headers)

    def _send(self, status: HTTPStatus, media_type: str, content: bytes, **headers: str) -> None:
        self._head(status, f"{media_type}; charset=utf-8", len(content), headers)
        if self.command != "HEAD":
            self.wfile.write(content)

    def _head(self, status: HTTPStatus, media_type: str, size: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        cached = (
            "private, max-age=3600" if status < HTTPStatus.BAD_REQUEST else "no-store"
        )  # addresses change with what they name
        always = {
            "Content-Type": media_type,
            "Content-Length": str(size),
            "Cache-Control": cached,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        for name, value in {**always, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def version_string(self) -> str:
        """Return what the server calls itself."""
        return "otoscope"

    def log_message(self, *_: Any) -> None:
        """Keep the terminal for people."""


def _part(wanted: str, size: int) -> range | None:
    """Return the bytes that a Range header asks for, none of them beyond the end; None where it asks for no one part.

    A header that makes no sense counts as none, as RFC 9110 has it; so do several parts.
    """
    match = _RANGE.fullmatch(wanted.strip())
    if not match or match[1] == match[2] == "":
        return None
    if not match[1]:
        return range(max(0, size - int(match[2])), size)
    first, last = int(match[1]), int(match[2]) if match[2] else size - 1
    if match[2] and last < first:
        return None
    return range(first, min(last + 1, size))
