"""The server of a run's page, the page as a folder and in a report; how it looks and acts is tested in a browser."""

import http.client
import io
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import soundfile

from evaluate.errors import AudioDecodeError, RunDamagedError
from evaluate.report.sample_page.clips import clip_refs, open_clip
from evaluate.report.sample_page.data import ensure_page_data, is_made_from, made_from, page_folder, read_sample
from evaluate.report.sample_page.page import sample_page, write_sample_page
from evaluate.report.sample_page.server import ViewerServer, serve
from evaluate.results import RunDirectory
from evaluate.testing import write_tone
from evaluate.types import AudioRef

Command = Callable[..., Any]
Write = Callable[..., Path]


class Client:
    """Asks a server, with headers as given."""

    def __init__(self, server: ViewerServer) -> None:
        self.server = server

    def get(self, path: str, *, method: str = "GET", token: bool = True, **headers: str) -> tuple[int, Any, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=10)
        prefix = f"/{self.server.token}/" if token else ""
        connection.request(
            method, prefix + path, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content


@pytest.fixture
def served(write_run: Write, tmp_path: Path) -> Iterator[Client]:
    """A run of three clips: a file, a span of it, one that is gone; and one that is no audio."""
    tone = write_tone(tmp_path / "tone.wav", duration_s=1.0)
    secret = tmp_path / "secret.txt"
    secret.write_text("secret " * 100)
    run = write_run(
        {"id": "a", "audio": [str(tone), str(tone)], "spans": [[0, None], [0.25, 0.5]]},
        {"id": "b", "audio": [str(tmp_path / "gone.wav"), str(secret), "/dev/zero", "nul\x00"]},
        scores={"task": "toy", "split": "test", "model": "m", "primary": "wer", "metrics": {"wer": {"value": 0.5}}},
    )
    server = ViewerServer(RunDirectory(run), ensure_page_data(RunDirectory(run)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield Client(server)
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_page_and_its_data_are_served(served: Client) -> None:
    status, headers, page = served.get("")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"toy:test" in page
    for name in ("index", "0000"):
        status, headers, script = served.get(f"page/{name}.js?stamp")
        assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")
        assert script.startswith(b"otoscope.")
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=0-9", 206, (0, 10)),
        ("bytes=32000-", 206, (32_000, 32_044)),
        ("bytes=-44", 206, (32_000, 32_044)),
        ("bytes=-99999999", 206, (0, 32_044)),
        ("bytes=0-999999", 206, (0, 32_044)),
        ("bytes=32044-", 416, (0, 0)),
        ("bytes=-0", 416, (0, 0)),
        ("bytes=9-2", 200, (0, 32_044)),
        ("bytes=-", 200, (0, 32_044)),
        ("bytes=0-1,4-5", 200, (0, 32_044)),
        ("bytes=" + "9" * 5000 + "-", 200, (0, 32_044)),
        ("bytes=٣-", 200, (0, 32_044)),
        ("lines=0-9", 200, (0, 32_044)),
    ],
)
def test_audio_is_served_in_ranges(
    wanted: str, status: int, part: tuple[int, int], served: Client, tmp_path: Path
) -> None:
    whole = (tmp_path / "tone.wav").read_bytes()
    assert len(whole) == 32_044
    found, headers, content = served.get("audio/0/0", Range=wanted.encode().decode("latin-1"))
    assert found == status
    assert content == whole[slice(*part)]
    if status == 206:
        assert headers["Content-Range"] == f"bytes {part[0]}-{part[1] - 1}/32044"
    if status == 416:
        assert headers["Content-Range"] == "bytes */32044"
    else:
        assert (headers["Content-Type"], headers["Accept-Ranges"]) == ("audio/wav", "bytes")


def test_a_head_request_gets_no_body(served: Client) -> None:
    status, headers, content = served.get("audio/0/0", method="HEAD")
    assert (status, headers["Content-Length"], content) == (200, "32044", b"")


def test_a_span_is_cut_and_served_as_wav(served: Client) -> None:
    status, _, content = served.get("audio/0/1")
    waveform, rate_hz = soundfile.read(io.BytesIO(content))
    assert (status, len(waveform) / rate_hz) == (200, 0.5)


@pytest.mark.parametrize(
    "path", ["audio/1/0", "audio/1/1", "audio/1/2", "audio/1/3", "audio/1/4", "audio/2/0", "audio/999999999/0"]
)
def test_what_is_no_clip_of_the_run_is_not_served(path: str, served: Client) -> None:
    status, _, content = served.get(path)
    assert status == 404
    assert b"secret " not in content
    assert content.count(b"\n") == 0


@pytest.mark.parametrize(
    "path",
    [
        "../run.json",
        "page/../run.json",
        "page/%2e%2e/run.json",
        "page//etc/passwd",
        "run.json",
        "page/made_from.json",
        "audio/-1/0",
    ],
)
def test_nothing_else_of_the_disk_is_served(path: str, served: Client) -> None:
    assert served.get(path)[0] == 404


def test_only_who_knows_the_address_and_asks_this_machine_is_answered(served: Client) -> None:
    assert served.get("/", token=False)[0] == 403
    assert served.get("/wrong/audio/0/0", token=False)[0] == 403
    assert served.get(f"/{served.server.token}", token=False)[0] == 403
    port = served.server.server_port
    assert served.get("", Host=f"evil.example:{port}")[0] == 403
    assert served.get("", Host="127.0.0.1.evil.example")[0] == 403
    assert served.get("", Host=f"localhost:{port}")[0] == 200
    assert served.server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(method: str, served: Client) -> None:
    assert served.get("", method=method)[0] == 501


def test_slow_and_vanishing_clients_disturb_nobody(served: Client, capfd: pytest.CaptureFixture[str]) -> None:
    address = ("127.0.0.1", served.server.server_port)
    with socket.create_connection(address) as slow:
        slow.sendall(b"GET / HT")
        with socket.create_connection(address) as vanishing:
            vanishing.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # ends in a reset
            vanishing.sendall(f"GET /{served.server.token}/audio/0/0 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert served.get("")[0] == 200
    assert "Traceback" not in capfd.readouterr().err


def test_a_bug_in_the_server_is_not_hushed_up(
    served: Client, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("evaluate.report.sample_page.server.sample_page", broken)
    with pytest.raises(http.client.RemoteDisconnected, match="closed"):
        served.get("")
    assert "ZeroDivisionError: a bug" in capfd.readouterr().err


def test_a_run_that_goes_on_is_shown_as_it_stands(served: Client) -> None:
    log = served.server.run.predictions
    with log.open("a") as file:
        file.write(log.read_text().splitlines()[0].replace('"a"', '"new"') + "\n")
    assert b'"new"' not in served.get("page/index.js")[2]
    assert served.get("")[0] == 200
    assert b'"new"' in served.get("page/index.js")[2]
    log.unlink()
    status, _, content = served.get("")
    assert (status, b"No such file" in content) == (500, True)


def test_a_damaged_run_is_said_in_one_line(served: Client) -> None:
    served.server.run.scores.write_text("{broken")
    status, _, content = served.get("")
    assert status == 500
    assert b"scores.json: not valid JSON" in content
    served.server.run.scores.write_text("[]")
    with pytest.raises(RunDamagedError, match="found list, expected a JSON object"):
        sample_page(served.server.run, audio="served")


@pytest.mark.parametrize(
    ("name", "subtype", "media_type"),
    [
        ("a.wav", "PCM_24", "audio/wav"),
        ("a.flac", None, "audio/flac"),
        ("a.ogg", None, "audio/ogg"),
        ("a.mp3", None, "audio/mpeg"),
        ("a.wav", "GSM610", "decoded"),
        ("a.aiff", None, "decoded"),
        ("a.au", "ULAW", "decoded"),
    ],
)
def test_files_that_browsers_do_not_play_are_decoded(
    name: str, subtype: str | None, media_type: str, tmp_path: Path
) -> None:
    path = write_tone(tmp_path / name, duration_s=1.0, subtype=subtype)
    for kind, decoded_type in (("WAV", "audio/wav"), ("FLAC", "audio/flac")):
        found, file = open_clip(AudioRef(path), kind)  # type: ignore[arg-type]
        with file:
            assert found == (decoded_type if media_type == "decoded" else media_type)
            assert soundfile.info(file).duration == pytest.approx(1, abs=0.05)


def test_what_cannot_be_written_again_is_an_error(tmp_path: Path) -> None:
    path = write_tone(tmp_path / "a.aiff", sample_rate_hz=700_000, duration_s=0.01)
    with pytest.raises(AudioDecodeError, match="cannot be written as FLAC at 700000 Hz"):
        open_clip(AudioRef(path), "FLAC")


def test_clips_without_spans_are_whole_files() -> None:
    assert clip_refs({"audio": ["a.wav"], "spans": []}) == [AudioRef(Path("a.wav"))]


def test_a_report_shares_the_data_of_a_run(write_run: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run({"id": "a"})
    target = tmp_path / "report" / "toy"
    page = write_sample_page(run, target)
    assert page == target / "index.html"
    assert (target / "page" / "index.js").samefile(page_folder(RunDirectory(run)) / "index.js")
    marker = target / "page" / "left alone"
    marker.touch()
    write_sample_page(run, target)
    assert marker.exists()
    with (run / "predictions.jsonl").open("a") as log:
        log.write((run / "predictions.jsonl").read_text().replace('"a"', '"b"'))
    old = (target / "page" / "index.js").read_bytes()
    assert b'"b"' not in old

    def no_links(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr("os.link", no_links)
    write_sample_page(run, target)
    assert not marker.exists()
    assert b'"b"' in (target / "page" / "index.js").read_bytes()


def test_a_page_is_written_from_scores_alone(write_run: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(
        {"id": "a"},
        scores={"task": "toy", "split": "x", "limit": 3, "coverage": {"complete": False, "found": 1, "official": 9}},
    )
    write_sample_page(run, tmp_path / "first")

    def not_read(*_: object) -> None:
        raise AssertionError("the log was read")

    monkeypatch.setattr("evaluate.report.sample_page.data.index_log", not_read)
    page = write_sample_page(run, tmp_path / "second").read_text()
    assert "PARTIAL: 1 of 9 samples are here" in page
    assert "LIMITED to the first 3 samples" in page


def test_scoring_leaves_the_data_of_the_page(
    otoscope: Command, librispeech: Path, write_jsonl: Write, tmp_path: Path
) -> None:
    ids = ("11-22-0000", "11-22-0001", "33-44-0000")
    answers = write_jsonl("p.jsonl", *({"id": name, "hypothesis": "one tone"} for name in ids))
    result = otoscope(
        *("score", "--task", "librispeech:test-clean", "--predictions", answers, "--model-name", "mine", "--json"),
        *("--data-dir", librispeech, "--results-dir", tmp_path / "results"),
    )
    run = RunDirectory(Path(result.json["run_dir"]))
    assert is_made_from(page_folder(run), made_from(run))
    clip = clip_refs(read_sample(page_folder(run), 0))[0]
    assert clip.path.name == "11-22-0000.flac"


def test_view_needs_a_run(otoscope: Command, tmp_path: Path) -> None:
    result = otoscope("view", tmp_path)
    assert result.status == 2
    assert "no predictions.jsonl in it, expected the folder of a run" in result.stderr


def test_static_writes_a_folder_and_spares_others(otoscope: Command, write_run: Write, tmp_path: Path) -> None:
    tone = write_tone(tmp_path / "tone.flac")
    run = write_run({"id": "a", "audio": [str(tone)]}, {"id": "b", "audio": [str(tmp_path / "gone.wav")]})
    site = tmp_path / "site"
    result = otoscope("view", run, "--static", site)
    assert (result.status, result.stdout) == (0, f"{site / 'index.html'}\n")
    assert "1 clips are not here" in result.stderr
    scripts = {path.name: path.read_text() for path in (site / "audio").iterdir()}
    assert scripts["000000-0.js"].startswith('otoscope.audio("000000-0","audio/flac","ZkxhQ')
    assert scripts["000001-0.js"].startswith('otoscope.noAudio("000001-0",')
    (site / "audio" / "000007-0.js").touch()
    assert otoscope("view", run, "--static", site).status == 0  # its own folder, made anew
    assert not (site / "audio" / "000007-0.js").exists()
    result = otoscope("view", run, "--static", tmp_path)
    assert (result.status, "holds other files; name an empty folder" in result.stderr) == (2, True)
    result = otoscope("view", run, "--static", tone)
    assert (result.status, "holds other files" in result.stderr) == (2, True)


def test_a_taken_port_is_the_request_s_fault(otoscope: Command, served: Client, write_run: Write) -> None:
    run = write_run({"id": "a"}, name="other")
    result = otoscope("view", run, "--port", served.server.server_port)
    assert result.status == 2
    assert "Address already in use; name another --port" in result.stderr


def test_a_browser_is_sent_to_the_page_when_that_is_asked(write_run: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr(ViewerServer, "serve_forever", lambda server: None)
    run = RunDirectory(write_run({"id": "a"}))
    serve(run, port=0, opens=False, say=said.append)
    assert opened == []
    serve(run, port=0, opens=True, say=said.append)
    assert opened == said[1:]
    assert said[0].rsplit("/", 2)[1] != said[1].rsplit("/", 2)[1]  # a token of its own each time


@pytest.mark.parametrize(("stop", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_command_serves_until_it_is_stopped(stop: int, status: int, write_run: Write, tmp_path: Path) -> None:
    run = write_run({"id": "a"})
    (tmp_path / "file").write_text("in the way")
    process = subprocess.Popen(
        [sys.executable, "-m", "evaluate", "view", str(run)],
        env={**os.environ, "OTOSCOPE_PAGES": str(tmp_path / "file")},  # a cache that cannot be written
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell lets what it starts in the background ignore Ctrl-C, and tests may run there.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("GET", f"/{path}page/index.js")
    assert connection.getresponse().read().startswith(b"otoscope.index(")
    connection.close()
    process.send_signal(stop)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors.strip()) == (status, "interrupted" if stop == signal.SIGINT else "")


@pytest.mark.parametrize(
    "sessions",
    [
        None,
        3,
        [],
        ["x"],
        [{"end": None, "wall_seconds": 1}],
        [{"end": "t", "wall_seconds": "<b>", "decode_seconds": -1}],
    ],
)
def test_a_record_that_tells_no_speed_has_a_page_without(sessions: object, write_run: Write) -> None:
    run = write_run({"id": "a"}, run={"sessions": sessions})
    assert "last session" not in sample_page(RunDirectory(run), audio="static")
