"""Laying SPICE together: from the user's jars, from the zip, and from a server that breaks off; no network is used."""

import hashlib
import io
import os
import random
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate import download as downloading
from evaluate.captions import fetch
from evaluate.captions.fetch import CONTENTS, SPICE_SHA256, ZIP, CoreNlpSource, fetch_spice
from evaluate.captions.programs import (
    CORENLP_JAR,
    MODELS_JAR,
    SPICE_JAR,
    SPICE_LIBRARIES,
    SpicePrograms,
    find_packaged_spice,
    find_spice,
    read_spice_folder,
)
from evaluate.errors import MachineError, MetricUnavailableError, RequestError

Command = Callable[..., Any]
Server = Any  # tests/conftest.py's FileServer


def jar_bytes(name: str) -> bytes:
    """Return a jar that holds what one of that name must hold."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as jar:
        jar.writestr(CONTENTS[name], os.urandom(3 << 20))  # of some length, so that it can be broken off
    return content.getvalue()


@pytest.fixture(autouse=True)
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for the folder of pycocoevalcap; SPICE_HOME is where tests make SPICE."""
    folder = tmp_path / "packaged"
    (folder / "lib").mkdir(parents=True)
    for name in (SPICE_JAR, *(f"lib/{name}" for name in SPICE_LIBRARIES)):
        (folder / name).write_bytes(b"a jar")
    monkeypatch.setattr(fetch, "find_packaged_spice", lambda: folder)
    monkeypatch.setattr(fetch, "SPICE_SHA256", hashlib.sha256(b"a jar").hexdigest())
    monkeypatch.setenv("SPICE_HOME", str(tmp_path / "home" / "spice"))
    return folder


@pytest.fixture
def jars(tmp_path: Path) -> dict[str, Path]:
    paths = {name: tmp_path / f"my-{name}" for name in CONTENTS}
    for name, path in paths.items():
        path.write_bytes(jar_bytes(name))
    return paths


@pytest.fixture
def archive(tmp_path: Path, jars: dict[str, Path]) -> Path:
    """The zip, with a path that would leave the folder."""
    path = tmp_path / ZIP
    with zipfile.ZipFile(path, "w") as opened:
        opened.write(jars[CORENLP_JAR], f"../../outside/{CORENLP_JAR}")
        opened.write(jars[MODELS_JAR], f"stanford-corenlp-full-2015-12-09/{MODELS_JAR}")
        opened.writestr("stanford-corenlp-full-2015-12-09/other.jar", "x")
    return path


@pytest.fixture
def server(file_server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A Maven repository on loopback that has both jars and their SHA-1."""
    for name in CONTENTS:
        content = jar_bytes(name)
        file_server.files[f"/{name}"] = content
        file_server.files[f"/{name}.sha1"] = hashlib.sha1(content).hexdigest().encode() + b"\n"
    monkeypatch.setattr(fetch, "MAVEN", file_server.url)
    return file_server


def leftovers(folder: Path) -> list[str]:
    """Return what lies where SPICE was to be made."""
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_two_jars_of_the_user_make_spice_whole(otoscope: Command, jars: dict[str, Path], tmp_path: Path) -> None:
    given = ("--corenlp-jar", jars[CORENLP_JAR], "--models-jar", jars[MODELS_JAR])
    result = otoscope("data", "fetch", "spice", *given)
    assert result.status == 0
    assert "SPICE is whole; it needs a Java from 8 to 14" in result.stderr
    assert "this project knows none to compare it with" in result.stderr
    assert find_spice().models_jar.read_bytes() == jars[MODELS_JAR].read_bytes()
    assert leftovers(tmp_path / "home") == ["spice"]


def test_only_the_two_jars_are_taken_out_of_the_zip(otoscope: Command, archive: Path, tmp_path: Path) -> None:
    result = otoscope("data", "fetch", "spice", "--corenlp-zip", archive, "--to", tmp_path / "home" / "x" / "there")
    assert result.status == 0
    assert f"it is found with SPICE_HOME={tmp_path / 'home' / 'x' / 'there'}" in result.stderr
    assert isinstance(read_spice_folder(tmp_path / "home" / "x" / "there"), SpicePrograms)
    assert not list(tmp_path.rglob("outside"))
    assert not list(tmp_path.rglob("other.jar"))


def test_a_download_is_checked_with_what_maven_publishes(otoscope: Command, server: Server, tmp_path: Path) -> None:
    result = otoscope("data", "fetch", "spice", "--download")
    assert result.status == 0
    assert f"{MODELS_JAR}: sha1:" in result.stderr
    assert find_spice().models_jar.read_bytes() == server.files[f"/{MODELS_JAR}"]
    assert leftovers(tmp_path / "home") == ["spice"]


def test_a_download_that_broke_off_goes_on(otoscope: Command, server: Server, tmp_path: Path) -> None:
    server.break_off_after = 2 << 20
    first = otoscope("data", "fetch", "spice", "--download")
    assert first.status == 4
    assert "cannot be downloaded" in first.stderr.splitlines()[-1]
    with pytest.raises(MetricUnavailableError):
        find_spice()
    assert leftovers(tmp_path / "home") == ["spice-download"]
    server.break_off_after = None
    assert otoscope("data", "fetch", "spice", "--download").status == 0
    assert server.ranges == [None, f"bytes={2 << 20}-", None]
    assert find_spice().corenlp_jar.read_bytes() == server.files[f"/{CORENLP_JAR}"]


def test_a_server_that_knows_no_ranges_sends_all_again(server: Server, tmp_path: Path) -> None:
    server.knows_ranges = False
    content = server.files[f"/{CORENLP_JAR}"]
    (tmp_path / "x.jar.part").write_bytes(content[:1000])
    checksum = f"sha1:{hashlib.sha1(content).hexdigest()}"
    downloading.download(f"{fetch.MAVEN}/{CORENLP_JAR}", tmp_path / "x.jar", known_hash=checksum)
    assert (tmp_path / "x.jar").read_bytes() == content


def test_a_part_that_is_whole_already_is_taken(server: Server, tmp_path: Path) -> None:
    content = server.files[f"/{CORENLP_JAR}"]
    (tmp_path / "x.jar.part").write_bytes(content)
    checksum = f"sha1:{hashlib.sha1(content).hexdigest()}"
    downloading.download(f"{fetch.MAVEN}/{CORENLP_JAR}", tmp_path / "x.jar", known_hash=checksum)
    assert (tmp_path / "x.jar").read_bytes() == content
    downloading.download(f"{fetch.MAVEN}/{CORENLP_JAR}", tmp_path / "x.jar", known_hash=checksum)
    assert len(server.ranges) == 1  # a file that is there is not asked for


def test_damage_on_the_way_is_found(otoscope: Command, server: Server, tmp_path: Path) -> None:
    server.files[f"/{CORENLP_JAR}.sha1"] = b"0" * 40
    result = otoscope("data", "fetch", "spice", "--download")
    assert result.status == 4
    assert f"/{CORENLP_JAR}: has not the checksum sha1:000" in result.stderr
    assert not list((tmp_path / "home").rglob("*.jar*"))


@pytest.mark.parametrize(
    ("sha1", "message"),
    [
        (b"<html>", r"\.sha1: found '<html>', expected 40 hexadecimal digits"),
        (None, r"\.sha1: cannot be .*404 Not Found"),
    ],
)
def test_a_checksum_that_is_none_is_an_error(
    otoscope: Command, server: Server, sha1: bytes | None, message: str
) -> None:
    del server.files[f"/{CORENLP_JAR}.sha1"]
    if sha1 is not None:
        server.files[f"/{CORENLP_JAR}.sha1"] = sha1
    with pytest.raises(MachineError, match=message):
        fetch_spice(CoreNlpSource(download=True), say=print)


def test_no_network_is_one_line_and_exit_4(otoscope: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAVEN", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    result = otoscope("data", "fetch", "spice", "--download")
    assert result.status == 4
    [line] = result.stderr.splitlines()
    assert line.startswith(
        f"error: http://127.0.0.1:9/{CORENLP_JAR}.sha1: cannot be downloaded (no connection to the server)"
    )


@pytest.mark.parametrize(
    "given",
    [
        (),
        ("--corenlp-jar", "c.jar"),
        ("--models-jar", "m.jar", "--download"),
        ("--corenlp-zip", "c.zip", "--download"),
    ],
)
def test_without_one_source_the_command_says_what_to_give(otoscope: Command, given: tuple[str, ...]) -> None:
    result = otoscope("data", "fetch", "spice", *given)
    assert result.status == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("error: SPICE needs CoreNLP 3.6.0: expected one of --corenlp-jar")


def test_an_unknown_name_gets_near_matches(otoscope: Command) -> None:
    result = otoscope("data", "fetch", "spcie")
    assert result.status == 2
    assert "unknown data 'spcie'; did you mean 'spice'?" in result.stderr


@pytest.mark.parametrize("command", [("data",), ("data", "fetch")])
def test_the_command_helps_with_an_example(otoscope: Command, command: tuple[str, ...]) -> None:
    result = otoscope(*command, "--help")
    assert result.status == 0
    assert "\n    otoscope data fetch spice" in result.stdout.split("Example")[1]


def test_a_file_that_is_not_there_is_named(otoscope: Command, tmp_path: Path) -> None:
    result = otoscope("data", "fetch", "spice", "--corenlp-zip", tmp_path / "none.zip")
    assert (result.status, "none.zip: no such file" in result.stderr) == (2, True)


def test_swapped_jars_are_found(jars: dict[str, Path], tmp_path: Path) -> None:
    source = CoreNlpSource(jars[MODELS_JAR], jars[CORENLP_JAR])
    with pytest.raises(RequestError, match=r"my-stanford-corenlp-3\.6\.0-models\.jar: .* holds no edu/stanford"):
        fetch_spice(source, say=print)
    assert leftovers(tmp_path / "home") == []


def test_a_jar_that_is_none_is_found(jars: dict[str, Path]) -> None:
    jars[CORENLP_JAR].write_text("<html>not found</html>")
    with pytest.raises(RequestError, match=r"is no jar \(File is not a zip file\)"):
        fetch_spice(CoreNlpSource(jars[CORENLP_JAR], jars[MODELS_JAR]), say=print)


def test_another_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as opened:
        opened.writestr("stanford-corenlp-4.5.0.jar", "")
    with pytest.raises(RequestError, match=rf"x\.zip: holds 0 files {CORENLP_JAR}, expected one; is it {ZIP}"):
        fetch_spice(CoreNlpSource(archive=tmp_path / "x.zip"), say=print)
    (tmp_path / "y.zip").write_text("no zip")
    with pytest.raises(RequestError, match=r"y\.zip: cannot be unpacked \(File is not a zip file\)"):
        fetch_spice(CoreNlpSource(archive=tmp_path / "y.zip"), say=print)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_zip_is_refused_in_one_line(jars: dict[str, Path], tmp_path: Path, method: int) -> None:
    path = tmp_path / ZIP
    with zipfile.ZipFile(path, "w", method) as opened:
        for name, jar in jars.items():
            opened.writestr(f"é/{name}", jar.read_bytes())
    whole = path.read_bytes()
    rng = random.Random(method)
    num_refused = 0
    for _ in range(40):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        target = tmp_path / "target"
        target.mkdir(exist_ok=True)
        try:
            fetch._extract(path, target)
        except (RequestError, MachineError):  # the latter: a size that no disk has room for
            num_refused += 1
    assert num_refused > 5


def test_what_is_whole_is_left_alone_and_what_is_not_is_never_written_over(
    jars: dict[str, Path], tmp_path: Path
) -> None:
    source = CoreNlpSource(jars[CORENLP_JAR], jars[MODELS_JAR])
    folder = tmp_path / "home" / "spice"
    folder.mkdir(parents=True)  # an empty folder is taken
    said: list[str] = []
    first = fetch_spice(source, say=said.append)
    said.clear()
    assert fetch_spice(source, say=said.append) == first
    assert said == [f"{folder}: SPICE is here and whole already"]
    first.models_jar.unlink()
    with pytest.raises(RequestError, match=rf"exists and lacks {MODELS_JAR}; remove it, or name another folder"):
        fetch_spice(source, say=print)


def test_a_full_disk_is_found_before_anything_is_written(
    jars: dict[str, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(MachineError, match="6 MB are needed, 0 MB are free; free some"):
        fetch_spice(CoreNlpSource(jars[CORENLP_JAR], jars[MODELS_JAR]), say=print)
    assert leftovers(tmp_path / "home") == []


def test_another_spice_than_the_known_one_is_refused(jars: dict[str, Path], packaged: Path) -> None:
    (packaged / SPICE_JAR).write_bytes(b"another jar")
    with pytest.raises(MachineError, match=r"spice-1\.0\.jar: SHA-256 is .* expected"):
        fetch_spice(CoreNlpSource(jars[CORENLP_JAR], jars[MODELS_JAR]), say=print)


def test_the_packaged_spice_is_the_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    try:
        folder = find_packaged_spice()
    except MetricUnavailableError as error:
        pytest.skip(str(error))
    assert hashlib.sha256((folder / SPICE_JAR).read_bytes()).hexdigest() == SPICE_SHA256
    assert {path.name for path in (folder / "lib").glob("*.jar")} >= set(SPICE_LIBRARIES)
