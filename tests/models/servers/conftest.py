"""A server on loopback that speaks OpenAI's interface and does wrong what it is told to, with real connections."""

import base64
import hashlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

MODEL_PROMPT_TOKENS = 20


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    content: bytes
    at: float  # monotonic

    @property
    def body(self) -> dict[str, Any]:
        document = json.loads(self.content)
        assert isinstance(document, dict)
        return document

    @property
    def clips(self) -> list[bytes]:
        """The audio files in it."""
        if self.path.endswith("transcriptions"):
            return [self.form["file"]]
        found = []
        for message in self.body["messages"]:
            for part in message["content"] if isinstance(message["content"], list) else []:
                if part["type"] == "input_audio":
                    found.append(base64.b64decode(part["input_audio"]["data"]))
                elif part["type"] == "audio_url":
                    found.append(base64.b64decode(part["audio_url"]["url"].partition("base64,")[2]))
        return found

    @property
    def form(self) -> dict[str, bytes]:
        """The fields of a multipart form, by name."""
        boundary = self.headers["Content-Type"].partition("boundary=")[2].encode()
        fields = {}
        for part in self.content.split(b"--" + boundary)[1:-1]:
            head, _, value = part.partition(b"\r\n\r\n")
            fields[head.partition(b'name="')[2].partition(b'"')[0].decode()] = value.removesuffix(b"\r\n")
        return fields

    @property
    def is_trial(self) -> bool:
        """Whether it only finds out what the server does."""
        return self.path.endswith("models") or b"How many sounds are there?" in self.content


@dataclass(frozen=True)
class Reaction:
    """What the server does with a request."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    delay_s: float = 0.0
    fault: str = ""  # "close" or "reset" without a word, "half" an answer, "drip" it, "twice"


React = Callable[[Asked], Reaction]


def words_of(clip: bytes) -> str:
    """What a clip says, to this server."""
    return " ".join(hashlib.sha256(clip).hexdigest()[:3])


def chat_answer(text: str | None, *, finish_reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, **more.pop("message", {})}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "tiny-2026",
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        **more,
    }


class FaultyServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[Asked] = []
        self.react: React = self.answer  # of all but trials
        self.react_to_trial: React = self.answer
        self.counts_audio = False  # whether it reports tokens of audio by themselves
        self.under_way = 0
        self.most_under_way = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    @property
    def runs(self) -> list[Asked]:
        """What it was asked, trials left out."""
        return [asked for asked in self.asked if not asked.is_trial]

    def answer(self, asked: Asked, **more: Any) -> Reaction:
        """What a server in good health does; more: fields of Reaction."""
        if asked.path.endswith("models"):
            document: dict[str, Any] = {"object": "list", "data": [{"id": "tiny"}, {"id": "other"}]}
        elif asked.path.endswith("transcriptions"):
            document = {"text": words_of(asked.clips[0])}
        else:
            audio_tokens = sum(len(clip) // 3200 for clip in asked.clips)
            details = {"prompt_tokens_details": {"audio_tokens": audio_tokens}} if self.counts_audio else {}
            usage = {"prompt_tokens": MODEL_PROMPT_TOKENS + audio_tokens, "completion_tokens": 3, **details}
            document = chat_answer(words_of(b"".join(asked.clips)), usage=usage)
        return self.send(document, **more)

    def send(self, document: Any, **more: Any) -> Reaction:
        return Reaction(document if isinstance(document, bytes) else json.dumps(document).encode(), **more)

    def chat(self, text: str | None, **more: Any) -> Reaction:
        """A chat completion; more: `finish_reason`, fields of its `message`, and of the answer itself."""
        return self.send(chat_answer(text, **more))

    @staticmethod
    def words_of(clip: bytes) -> str:
        return words_of(clip)

    def handle_error(self, *_: object) -> None:
        pass  # clients that went away


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyServer

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = Asked(self.path, dict(self.headers.items()), content, time.monotonic())
        with self.server.lock:
            self.server.asked.append(asked)
            self.server.under_way += 1
            self.server.most_under_way = max(self.server.most_under_way, self.server.under_way)
        try:
            reaction = (self.server.react_to_trial if asked.is_trial else self.server.react)(asked)
            time.sleep(reaction.delay_s)
        finally:
            with self.server.lock:
                self.server.under_way -= 1  # before it is answered: whoever has the answer may ask again at once
        self.send(reaction)

    def send(self, reaction: Reaction) -> None:
        if reaction.fault in ("close", "reset"):
            if reaction.fault == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close() if reaction.fault == "reset" else None
            return
        self.send_response(reaction.status)
        self.send_header("Content-Type", reaction.content_type)
        self.send_header("Content-Length", str(len(reaction.body)))
        for name, value in reaction.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if reaction.fault == "half":
            self.wfile.write(reaction.body[: len(reaction.body) // 2])
            self.close_connection = True
        elif reaction.fault == "drip":
            for byte in reaction.body:
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)
        elif reaction.fault == "twice":  # a second answer that nobody asked for, on the same connection
            stray = json.dumps(chat_answer("stray")).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(stray)}\r\n\r\n"
            self.wfile.write(reaction.body + head.encode() + stray)
        else:
            self.wfile.write(reaction.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """A server in good health, until its `react` is told otherwise; no key is set."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("models.servers.connection.FIRST_WAIT_S", 0.01)
    monkeypatch.setattr("models.servers.connection.JITTER_S", 0.01)
    running = FaultyServer()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def tls_server(server: FaultyServer, tmp_path: Any) -> FaultyServer:
    """The server with a certificate that nobody has signed but itself."""
    import shutil
    import subprocess

    if shutil.which("openssl") is None:
        pytest.skip("no openssl here to make a certificate")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return server
