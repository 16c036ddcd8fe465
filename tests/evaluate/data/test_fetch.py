"""Fetching small made-up corpora, in the real layouts, from a server on loopback; no network is used."""

import errno
import hashlib
import io
import json
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

from evaluate.data import archives, members, sources
from evaluate.data.fetch import fetch_corpus
from evaluate.data.sources import read_sources
from evaluate.errors import RequestError
from evaluate.testing import write_tone
from tasks import registry
from tasks.aishell1 import Aishell1
from tasks.librispeech import LibriSpeech

Command = Callable[..., Any]
Server = Any  # tests/conftest.py's FileServer
TEST_CLEAN = "/test-clean.tar.gz"


def pack(folder: Path, *names: str) -> bytes:
    """Return folders or files as .tar.gz."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as opened:
        for name in names:
            opened.add(folder / name, name)
    return content.getvalue()


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) if folder.exists() else []


@pytest.fixture
def publish(file_server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let a source hold some archives, given as for downloads.yaml with `{url}` for the server."""

    def publish(name: str, *archives: dict[str, Any], **fields: Any) -> None:
        source = {"licence": "test", "page": "its page", "archives": list(archives), **fields}
        text = yaml.safe_dump({name: source}).replace("{url}", file_server.url)
        monkeypatch.setattr(sources, "shipped_text", lambda: text)

    return publish


@pytest.fixture
def server(
    file_server: Server, publish: Callable[..., None], librispeech: Path, monkeypatch: pytest.MonkeyPatch
) -> Server:
    """Serves a LibriSpeech of test-clean and test-other, whose official sizes are those of the made-up one."""
    root = librispeech / "LibriSpeech"
    (root / "README.TXT").write_text("read me")
    (root / "test-clean" / "noise.bin").write_bytes(os.urandom(3 << 20))  # of some length, so that it can be broken off
    checksums = {}
    for split in ("test-clean", "test-other"):
        content = pack(librispeech, "LibriSpeech/README.TXT", f"LibriSpeech/{split}")
        file_server.files[f"/{split}.tar.gz"] = content
        checksums[f"{split}.tar.gz"] = f"sha256:{hashlib.sha256(content).hexdigest()}"
    shutil.rmtree(root)
    monkeypatch.setattr(LibriSpeech, "official_sizes", {**LibriSpeech.official_sizes, "test-clean": 3, "test-other": 2})
    publish("librispeech", *(archive(split) for split in ("test-clean", "test-other")), checksums=checksums)
    return file_server


def archive(split: str) -> dict[str, Any]:
    return {"urls": [f"{{url}}/{split}.tar.gz"], "splits": [split], "into": "LibriSpeech", "holds": [split]}


def test_a_corpus_is_fetched_and_loads_with_its_task(otoscope: Command, server: Server, tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    result = otoscope("data", "fetch", "librispeech", "--data-dir", data)
    assert result.status == 0
    assert "librispeech: from its page, licence: test" in result.stderr
    assert "librispeech:test-clean: 3 utterances are here, whole" in result.stderr
    assert [sample.references for sample in LibriSpeech(data).read_split("test-other").samples] == [
        ("TWO TONES",),
        ("THE LAST",),
    ]
    assert sorted(path.name for path in data.iterdir()) == ["LibriSpeech", "downloads"]
    assert files_in(data / "downloads") in ([], ["librispeech.lock"])
    assert otoscope("data", "verify", "librispeech", "--data-dir", data, "--decode").status == 0


def test_only_the_split_that_is_named_is_fetched_and_archives_stay_where_asked(
    otoscope: Command, server: Server, tmp_path: Path
) -> None:
    result = otoscope("data", "fetch", "librispeech:test-other", "--data-dir", tmp_path / "d", "--keep-archives")
    assert result.status == 0
    assert LibriSpeech(tmp_path / "d").present_splits() == ("test-other",)
    kept = tmp_path / "d" / "downloads" / "librispeech" / "test-other.tar.gz"
    assert kept.read_bytes() == server.files["/test-other.tar.gz"]
    shutil.rmtree(tmp_path / "d" / "LibriSpeech")
    assert otoscope("data", "fetch", "librispeech:test-other", "--data-dir", tmp_path / "d").status == 0
    assert len(server.ranges) == 1  # the archive that was kept is used
    assert not kept.exists()


def test_what_is_here_and_whole_is_left_alone(otoscope: Command, server: Server, tmp_path: Path) -> None:
    assert otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d").status == 0
    result = otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d")
    assert (result.status, len(server.ranges)) == (0, 1)
    assert result.stderr == "librispeech:test-clean: 3 utterances are here and whole already\n"


def test_a_partial_split_is_fetched_again_and_what_is_beside_it_stays(
    otoscope: Command, server: Server, tmp_path: Path
) -> None:
    assert otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d").status == 0
    gone = next((tmp_path / "d").rglob("11-22-0000.flac"))
    mine = gone.with_name("mine.txt")
    mine.write_text("a note")
    gone.unlink()
    result = otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d")
    assert result.status == 0
    assert "is partial and is fetched again: 2 of 3 official samples are here; audio missing for 1" in result.stderr
    assert gone.exists()
    assert mine.read_text() == "a note"


def test_a_split_whose_lists_are_damaged_is_fetched_again(otoscope: Command, server: Server, tmp_path: Path) -> None:
    assert otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d").status == 0
    next((tmp_path / "d").rglob("11-22.trans.txt")).write_bytes(b"\xff\xfe\xff")
    result = otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d")
    assert result.status == 0
    assert "librispeech:test-clean is damaged and is fetched again" in result.stderr
    assert "3 utterances are here, whole" in result.stderr


def test_less_than_the_official_number_is_said(
    otoscope: Command, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LibriSpeech, "official_sizes", {**LibriSpeech.official_sizes, "test-clean": 2620})
    result = otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d")
    assert result.status == 0
    assert "3 utterances are here, PARTIAL: 3 of 2620 official samples are here" in result.stderr


def make_aishell(folder: Path) -> bytes:
    """Return data_aishell.tgz as OpenSLR has it: an archive per speaker in wav/, which holds <split>/<speaker>/."""
    root = folder / "data_aishell"
    (root / "transcript").mkdir(parents=True)
    lines = []
    for split, speaker in (("dev", "S0724"), ("test", "S0764"), ("test", "S0901")):
        utterance = f"BAC009{speaker}W0121"
        write_tone(folder / "speaker" / split / speaker / f"{utterance}.wav")
        (root / "wav").mkdir(exist_ok=True)
        (root / "wav" / f"{speaker}.tar.gz").write_bytes(pack(folder / "speaker", split))
        shutil.rmtree(folder / "speaker")
        lines.append(f"{utterance} 甚至 出现\n")
    (root / "transcript" / "aishell_transcript_v0.8.txt").write_text("".join(lines), encoding="utf-8")
    return pack(folder, "data_aishell")


def test_the_archives_inside_an_archive_are_unpacked_too(
    otoscope: Command, file_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [shipped] = read_sources()["aishell1"].archives  # what the project ships, but for the address
    text = sources.shipped_text().replace("https://www.openslr.org/resources/33", file_server.url)
    text = text.replace("data_aishell.tgz: md5:2f494334227864a8a8fec932999db9d8", "other.tgz: md5:" + "0" * 32)
    monkeypatch.setattr(sources, "shipped_text", lambda: text)
    file_server.files["/data_aishell.tgz"] = make_aishell(tmp_path / "made")
    result = otoscope("data", "fetch", "aishell1", "--data-dir", tmp_path / "d")
    assert (result.status, shipped.nested) == (0, "wav/*.tar.gz")
    split = Aishell1(tmp_path / "d").read_split("test")
    assert [sample.id for sample in split.samples] == ["BAC009S0764W0121", "BAC009S0901W0121"]
    assert split.samples[0].references == ("甚至 出现",)
    assert Aishell1(tmp_path / "d").present_splits() == ("dev", "test")
    assert not list((tmp_path / "d").rglob("*.tar.gz"))
    assert "no checksum is known of data_aishell.tgz: only sizes and the archives' own checks were" in result.stderr


def test_a_download_that_broke_off_goes_on(otoscope: Command, server: Server, tmp_path: Path) -> None:
    server.break_off_after = 2 << 20
    first = otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d")
    assert first.status == 4
    assert "what has come is kept, the same command goes on with it" in first.stderr.splitlines()[-1]
    assert not (tmp_path / "d" / "LibriSpeech").exists()
    server.break_off_after = None
    assert otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d").status == 0
    assert server.ranges == [None, f"bytes={2 << 20}-"]
    assert len(LibriSpeech(tmp_path / "d").read_split("test-clean").samples) == 3


def test_a_server_that_knows_no_ranges_sends_all_again(otoscope: Command, server: Server, tmp_path: Path) -> None:
    server.break_off_after, server.knows_ranges = 2 << 20, False
    assert otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d").status == 4
    server.break_off_after = None
    assert otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d").status == 0
    assert len(LibriSpeech(tmp_path / "d").read_split("test-clean").samples) == 3


def test_a_wrong_checksum_stops_before_anything_is_unpacked(otoscope: Command, server: Server, tmp_path: Path) -> None:
    server.files[TEST_CLEAN] = server.files[TEST_CLEAN][:-1] + b"?"
    result = otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d")
    assert result.status == 4
    assert f"{TEST_CLEAN}: has not the checksum sha256:" in result.stderr
    assert not (tmp_path / "d" / "LibriSpeech").exists()


def zenodo(server: Server, name: str, *, checksum: str = "", size: int | None = None) -> dict[str, Any]:
    """Let a file of the server be one of a Zenodo record; returns the archive's fields."""
    content = server.files[f"/{name}"]
    server.files[f"/records/77/files/{name}"] = content
    file = {
        "key": name,
        "size": len(content) if size is None else size,
        "checksum": checksum or f"md5:{hashlib.md5(content).hexdigest()}",
    }
    server.files["/api/records/77"] = json.dumps({"files": [file]}).encode()
    return {**archive("test-clean"), "urls": [f"{{url}}/records/77/files/{name}"]}


def test_checksum_and_size_come_from_zenodo_s_record(
    otoscope: Command, server: Server, publish: Callable[..., None], tmp_path: Path
) -> None:
    publish("librispeech", zenodo(server, "test-clean.tar.gz"))
    result = otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d")
    assert result.status == 0
    assert f"md5:{hashlib.md5(server.files[TEST_CLEAN]).hexdigest()}, as published" in result.stderr


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"checksum": "md5:" + "0" * 32}, "has not the checksum md5:0000"),
        ({"size": 5}, "more bytes than expected, which is 5; run the"),
    ],
)
def test_a_file_that_is_not_what_zenodo_published_is_refused(
    otoscope: Command,
    server: Server,
    publish: Callable[..., None],
    tmp_path: Path,
    given: dict[str, Any],
    message: str,
) -> None:
    publish("librispeech", zenodo(server, "test-clean.tar.gz", **given))
    result = otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d")
    assert (result.status, message in result.stderr) == (4, True)
    assert not (tmp_path / "d" / "LibriSpeech").exists()


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (b'{"files": []}', "the record holds no files, expected test-clean.tar.gz"),
        (b"<html>", "expected a Zenodo record whose files have key, checksum and size"),
        (None, "/api/records/77: cannot be downloaded (404 Not Found)"),
    ],
)
def test_a_record_without_the_file_is_an_error(
    otoscope: Command,
    server: Server,
    publish: Callable[..., None],
    tmp_path: Path,
    record: bytes | None,
    message: str,
) -> None:
    publish("librispeech", zenodo(server, "test-clean.tar.gz"))
    del server.files["/api/records/77"]
    if record is not None:
        server.files["/api/records/77"] = record
    result = otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d")
    assert (result.status, message in result.stderr) == (4, True)


def test_an_archive_in_parts_and_a_plain_list_are_put_in_place(
    otoscope: Command, server: Server, publish: Callable[..., None], tmp_path: Path
) -> None:
    with tarfile.open(fileobj=io.BytesIO(server.files[TEST_CLEAN])) as opened, io.BytesIO() as packed:
        with zipfile.ZipFile(packed, "w") as zipped:
            for member in opened.getmembers():
                if member.isfile() and "noise" not in member.name:
                    zipped.writestr(member.name.removeprefix("LibriSpeech/"), opened.extractfile(member).read())  # type: ignore[union-attr]
        whole = packed.getvalue()
    # members all in the first part, the directory in the last
    start = whole.index(b"PK\x01\x02")
    end = bytearray(whole[start:])
    end[end.rindex(b"PK\x05\x06") + 4 : end.rindex(b"PK\x05\x06") + 8] = b"\x01\x00\x01\x00"
    offset = end.rindex(b"PK\x05\x06") + 16
    end[offset : offset + 4] = bytes(4)
    server.files |= {"/x.z01": whole[:start], "/x.zip": bytes(end), "/list.csv": b"a,b\n"}
    parts = {**archive("test-clean"), "urls": ["{url}/x.z01", "{url}/x.zip"]}
    publish("librispeech", parts, {"urls": ["{url}/list.csv"], "into": "LibriSpeech/lists"})
    assert otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d").status == 0
    assert len(LibriSpeech(tmp_path / "d").read_split("test-clean").samples) == 3
    assert (tmp_path / "d" / "LibriSpeech" / "lists" / "list.csv").read_text() == "a,b\n"


@pytest.mark.parametrize("prefix", ["", "one/more/folder/"])
def test_a_folder_more_or_less_around_the_corpus_does_not_matter(
    otoscope: Command, server: Server, publish: Callable[..., None], tmp_path: Path, prefix: str
) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(server.files[TEST_CLEAN])) as opened, zipfile.ZipFile(content, "w") as zipped:
        zipped.writestr("__MACOSX/LibriSpeech/test-clean/._x", "x")
        for member in opened.getmembers():
            if member.isfile():
                name = prefix + member.name.removeprefix("LibriSpeech/")
                zipped.writestr(name, opened.extractfile(member).read())  # type: ignore[union-attr]
    server.files["/x.zip"] = content.getvalue()
    publish("librispeech", {**archive("test-clean"), "urls": ["{url}/x.zip"]})
    assert otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d").status == 0
    assert len(LibriSpeech(tmp_path / "d").read_split("test-clean").samples) == 3


def test_another_archive_than_the_expected_one_is_refused(
    otoscope: Command, server: Server, publish: Callable[..., None], tmp_path: Path
) -> None:
    publish("librispeech", {**archive("test-clean"), "urls": ["{url}/test-other.tar.gz"]})
    result = otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d")
    assert result.status == 4
    assert "test-other.tar.gz: holds no test-clean; expected the archive of LibriSpeech" in result.stderr
    assert not (tmp_path / "d" / "LibriSpeech").exists()


def hostile() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as opened:
        for name in ("LibriSpeech/test-clean/1/2/1-2-0000.flac", "../../escaped"):
            opened.addfile(tarfile.TarInfo(name))
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (hostile(), "has a path with"),
        (b"<html>no such file</html>", "is a web page"),
        (hostile()[:40], "cannot be unpacked"),
    ],
    ids=["a path with ..", "a web page", "cut off"],  # of the bytes, which hold a time, each worker would make its own
)
def test_of_a_hostile_or_damaged_archive_nothing_stays(
    otoscope: Command,
    server: Server,
    publish: Callable[..., None],
    tmp_path: Path,
    content: bytes,
    message: str,
) -> None:
    server.files[TEST_CLEAN] = content
    publish("librispeech", archive("test-clean"))
    result = otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d")
    assert (result.status, message in result.stderr) == (4, True)
    assert not list(tmp_path.rglob("escaped"))
    # without a checksum, the archive must not be taken for whole by the next call
    assert [name for name in files_in(tmp_path / "d") if not name.endswith(".lock")] == [
        "downloads",
        "downloads/librispeech",
    ]


def test_a_disk_that_is_too_small_is_found_before_anything_is_downloaded(
    otoscope: Command, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    size = len(server.files[TEST_CLEAN])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2 * size))
    result = otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d")
    assert result.status == 4
    assert "8 MB are needed, 6 MB are free; free some, or name another folder" in result.stderr
    assert server.ranges == []


def test_a_disk_that_fills_up_while_unpacking_leaves_no_half_corpus(
    otoscope: Command, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(members.Writer, "write", full)
        result = otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d")
        assert (result.status, "No space left on device" in result.stderr) == (4, True)
    assert [path.name for path in (tmp_path / "d").iterdir()] == ["downloads"]
    assert otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d").status == 0
    assert len(server.ranges) == 1  # the archive was whole


def test_what_a_killed_process_left_is_cleared_away(otoscope: Command, server: Server, tmp_path: Path) -> None:
    for folder in ("tree", "archive", "inner"):
        left = tmp_path / "d" / ".librispeech-unpacking" / folder / "LibriSpeech" / "test-clean" / "half.flac"
        left.parent.mkdir(parents=True)
        left.write_text("half")
    assert otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d").status == 0
    assert not list((tmp_path / "d").rglob("half.flac"))


def test_two_processes_do_not_fetch_the_same_corpus(otoscope: Command, server: Server, tmp_path: Path) -> None:
    (tmp_path / "d" / "downloads").mkdir(parents=True)
    with FileLock(tmp_path / "d" / "downloads" / "librispeech.lock"):
        result = otoscope("data", "fetch", "librispeech", "--data-dir", tmp_path / "d")
    assert (result.status, "another process is fetching this corpus" in result.stderr) == (4, True)


def test_a_file_where_a_folder_belongs_is_not_written_over(otoscope: Command, server: Server, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "LibriSpeech").write_text("mine")
    result = otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d")
    assert (result.status, "is a file, expected a folder or nothing; move it away" in result.stderr) == (2, True)
    assert (tmp_path / "d" / "LibriSpeech").read_text() == "mine"


def test_a_corpus_behind_a_form_gets_an_instruction(otoscope: Command, publish: Callable[..., None]) -> None:
    publish("librispeech", instruction="sign the form at example.org", archives=[])
    result = otoscope("data", "fetch", "librispeech")
    assert result.status == 2
    assert result.stderr == (
        "error: librispeech cannot be fetched: sign the form at example.org (licence: test; its page)\n"
    )


def test_what_can_be_fetched_is_and_the_rest_is_an_instruction(
    otoscope: Command, server: Server, publish: Callable[..., None], tmp_path: Path
) -> None:
    publish("librispeech", archive("test-clean"), instruction="add the audio yourself")
    result = otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d")
    assert result.status == 2
    assert result.stderr.splitlines()[-1] == "error: add the audio yourself (licence: test; its page)"
    assert (tmp_path / "d" / "LibriSpeech" / "test-clean").is_dir()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("librispech", "unknown data 'librispech'; did you mean 'librispeech'? All names: librispeech, aishell1"),
        ("librispeech:test-claen", "unknown split of librispeech 'test-claen'; did you mean 'test-clean'"),
        ("librispeech:dev-clean", "librispeech:dev-clean: no archive is known for it; see its page"),
        ("aishell1", "aishell1: nothing is known of how to download it; it comes from https://www.openslr.org/33"),
        ("librispeech:", "expected NAME or NAME:SPLIT"),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_2(
    otoscope: Command, server: Server, tmp_path: Path, spec: str, message: str
) -> None:
    result = otoscope("data", "fetch", spec, "--data-dir", tmp_path / "d")
    [line] = result.stderr.splitlines()
    assert (result.status, message in line) == (2, True)
    assert not (tmp_path / "d").exists()


def test_options_of_spice_are_refused_for_a_corpus(otoscope: Command) -> None:
    result = otoscope("data", "fetch", "librispeech", "--download")
    assert (result.status, "are for spice; leave them out for librispeech" in result.stderr) == (2, True)


def test_no_server_is_one_line_and_exit_4(
    otoscope: Command, publish: Callable[..., None], file_server: Server, tmp_path: Path
) -> None:
    publish("librispeech", {**archive("test-clean"), "urls": ["http://127.0.0.1:9/x.tar.gz"]})
    result = otoscope("data", "fetch", "librispeech:test-clean", "--data-dir", tmp_path / "d")
    assert result.status == 4
    assert result.stderr.splitlines()[-1].startswith(
        "error: http://127.0.0.1:9/x.tar.gz: cannot be downloaded (no connection to the server)"
    )


@pytest.mark.parametrize("name", registry.names())
def test_every_task_says_where_its_corpus_comes_from(name: str) -> None:
    source = read_sources()[name]
    task = registry.get(name)(Path())
    assert source.licence
    assert source.page.startswith("https://") or name == "chat"
    assert not source.archives or all(source.serving(split) for split in task.default_splits)
    assert set(source.splits) <= {*task.splits, *task.official_sizes}


def test_every_archive_that_is_shipped_has_an_address_and_a_place() -> None:
    for source in read_sources().values():
        for archive in source.archives:
            assert all(file.url.startswith(("https://", "http://")) for file in archive.files)
            assert all("/" not in file.name and "?" not in file.name for file in archive.files)
            assert archives.is_archive(archive.files[-1].name) == bool(archive.holds)


def test_what_stands_for_the_split_is_put_in(monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"urls": ["https://x/{split}/audio/test.tar.gz"], "into": "a/{split}", "holds": ["*.wav"]}
    fields = {"licence": "test", "page": "https://x", "archives": [one], "names": {"zh": "cmn_hans_cn"}}
    monkeypatch.setattr(sources, "shipped_text", lambda: yaml.safe_dump({"fleurs": fields}))
    [archive] = read_sources()["fleurs"].serving("zh")
    assert archive.files[0].url == "https://x/cmn_hans_cn/audio/test.tar.gz"
    assert archive.files[0].name == "cmn_hans_cn-test.tar.gz"  # unlike that of another language
    assert str(archive.into) == "a/cmn_hans_cn"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"archives": [{"urls": ["https://x/y.zip"], "into": "../x"}]}, "`into` below the data folder"),
        ({"archives": [{"urls": ["https://x/y.zip"], "into": "x", "unzip": True}]}, "fields of an archive are"),
        ({"archives": [], "checksums": {"y.zip": "md5:123"}}, "checksum of y.zip"),
        ({"archives": []}, "archives or an instruction"),
        ({"archive": []}, "fields are archives, checksums"),
    ],
)
def test_a_mistake_in_the_list_is_found(monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], message: str) -> None:
    text = yaml.safe_dump({"librispeech": {"licence": "test", "page": "https://x", **fields}})
    monkeypatch.setattr(sources, "shipped_text", lambda: text)
    with pytest.raises(RequestError, match=f"librispeech: expected {message}"):
        fetch_corpus("librispeech", Path("nowhere"), keep_archives=False, say=print)
