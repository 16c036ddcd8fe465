"""Unpacking: what is genuine comes out byte for byte, what is hostile or damaged never looks like a corpus."""

import errno
import gzip
import io
import random
import shutil
import stat
import struct
import sys
import tarfile
import unicodedata
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from evaluate.data import archives, members
from evaluate.data.archives import unpack
from evaluate.errors import ArchiveError, MachineError

CONTENT = {
    "corpus/a.txt": b"one line\n",
    "corpus/wav/Straße 1 (é).bin": bytes(range(256)) * 20,
    "corpus/wav/空.bin": b"",
}
FAR = 10_000_000
TAR_MODES = {".tar": "w", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "deep" / "out"
    folder.mkdir(parents=True)
    return folder


def make_tar(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as opened:  # type: ignore[call-overload]
        for member, content in members:
            member.size = len(content)
            opened.addfile(member, io.BytesIO(content))
    return path


def make_zip(path: Path, content: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as opened:
        opened.mkdir("corpus/empty")
        for name, data in content.items():
            opened.writestr(name, data)
    return path


def make_7z(path: Path, content: dict[str, bytes], *, plain_header: bool = False) -> Path:
    py7zr = pytest.importorskip("py7zr")
    with py7zr.SevenZipFile(path, "w") as opened:
        opened.set_encoded_header_mode(not plain_header)
        for name, data in content.items():
            opened.writef(io.BytesIO(data), name)
    return path


def rename_in_7z(path: Path, name: str, to: str) -> None:
    """Give a member a name that py7zr would not write, with the checksums of the header mended."""
    raw = bytearray(path.read_bytes().replace(name.encode("utf-16-le"), to.encode("utf-16-le")))
    offset, size = struct.unpack_from("<2Q", raw, 12)
    struct.pack_into("<L", raw, 28, zlib.crc32(raw[32 + offset : 32 + offset + size]))
    struct.pack_into("<L", raw, 8, zlib.crc32(raw[12:32]))
    path.write_bytes(raw)


@pytest.mark.parametrize("suffix", TAR_MODES)
def test_a_tar_comes_out_byte_for_byte(tmp_path: Path, out: Path, suffix: str) -> None:
    members = [(tarfile.TarInfo(name), content) for name, content in CONTENT.items()]
    unpack([make_tar(tmp_path / f"x{suffix}", members, TAR_MODES[suffix])], out, max_bytes=FAR)
    assert tree(out) == CONTENT


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_comes_out_byte_for_byte(tmp_path: Path, out: Path, method: int) -> None:
    unpack([make_zip(tmp_path / "x.zip", CONTENT, method)], out, max_bytes=FAR)
    assert tree(out) == CONTENT
    assert (out / "corpus" / "empty").is_dir()


def test_a_7z_comes_out_byte_for_byte(tmp_path: Path, out: Path) -> None:
    unpack([make_7z(tmp_path / "x.7z", CONTENT)], out, max_bytes=FAR)
    assert tree(out) == CONTENT


def test_names_in_utf_8_without_the_flag_are_read_as_linux_programs_wrote_them(tmp_path: Path, out: Path) -> None:
    path = make_zip(tmp_path / "x.zip", {"é.wav": b"x"})
    raw = path.read_bytes()
    flagged = zipfile.ZipFile(path).getinfo("é.wav").flag_bits
    assert flagged & archives.UTF8_FLAG
    path.write_bytes(raw.replace(flagged.to_bytes(2, "little") + b"\x08\x00", b"\x00\x00\x08\x00"))
    assert "é.wav" not in zipfile.ZipFile(path).namelist()
    unpack([path], out, max_bytes=FAR)
    assert tree(out) == {"é.wav": b"x"}


def test_a_name_that_is_really_in_code_page_437_stays(tmp_path: Path, out: Path) -> None:
    path = make_zip(tmp_path / "x.zip", {"é.wav": b"x"})
    raw = path.read_bytes().replace("é".encode(), "é".encode("cp437") + b"_")
    path.write_bytes(raw.replace(b"\x00\x08\x08\x00", b"\x00\x00\x08\x00"))
    unpack([path], out, max_bytes=FAR)
    assert tree(out) == {"é_.wav": b"x"}


BAD_NAMES = {
    "/etc/cron.d/x": "an absolute path",
    "../../outside": "a path with",
    "a/../../../outside": "a path with",
    "C:/x": "an absolute path",
    "..\\..\\outside": "a (backslash|path with)",
    "a\nb": "a control character|control character",
    "x" * 300: "more than 255 bytes",
}


@pytest.mark.parametrize(("name", "message"), BAD_NAMES.items())
@pytest.mark.parametrize("kind", ["tar", "zip", "7z"])
def test_a_member_that_leads_out_or_has_no_legal_name_is_refused(
    tmp_path: Path, out: Path, kind: str, name: str, message: str
) -> None:
    path = tmp_path / f"x.{kind}"
    if kind == "tar":
        make_tar(path, [(tarfile.TarInfo("good"), b""), (tarfile.TarInfo(name), b"x")])
    elif kind == "zip":
        make_zip(path, {"good": b"", name: b"x"})
    else:
        rename_in_7z(make_7z(path, {"q" * len(name): b"x"}, plain_header=True), "q" * len(name), name)
    with pytest.raises(ArchiveError, match=rf"member .* has .*{message}"):
        unpack([path], out, max_bytes=FAR)
    assert not list(tmp_path.rglob("outside"))


def test_a_name_that_is_no_utf_8_is_refused(tmp_path: Path, out: Path) -> None:
    make_tar(tmp_path / "x.tar", [(tarfile.TarInfo("\udcff.wav"), b"x")])
    with pytest.raises(ArchiveError, match="has a name that is not UTF-8; refused"):
        unpack([tmp_path / "x.tar"], out, max_bytes=FAR)


def test_a_member_without_a_name_is_refused(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched, zipfile.ZipFile(tmp_path / "x.zip", "w") as opened:
        patched.setattr(zipfile.ZipInfo, "is_dir", lambda member: False)  # which fails for it
        opened.writestr(zipfile.ZipInfo(""), b"x")
    with pytest.raises(ArchiveError, match="member '' has an empty name"):
        unpack([tmp_path / "x.zip"], out, max_bytes=FAR)


def special(kind: bytes, name: str = "special", linkname: str = "") -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, linkname
    return member, b""


@pytest.mark.parametrize(
    ("kind", "linkname", "message"),
    [
        (tarfile.SYMTYPE, "/etc/passwd", "a link to '/etc/passwd', which is no file of the archive"),
        (tarfile.SYMTYPE, "../../outside", "a link to"),
        (tarfile.LNKTYPE, "../outside", "a link to"),
        (tarfile.SYMTYPE, "special", "a link to"),
        (tarfile.CHRTYPE, "", "a device, a pipe"),
        (tarfile.BLKTYPE, "", "a device, a pipe"),
        (tarfile.FIFOTYPE, "", "a device, a pipe"),
    ],
)
def test_links_that_lead_out_devices_and_pipes_are_refused(
    tmp_path: Path, out: Path, kind: bytes, linkname: str, message: str
) -> None:
    (tmp_path / "deep" / "outside").write_text("secret")
    make_tar(tmp_path / "x.tar", [special(kind, linkname=linkname)])
    with pytest.raises(ArchiveError, match=f"member 'special' is {message}"):
        unpack([tmp_path / "x.tar"], out, max_bytes=FAR)


def test_writing_through_a_link_is_impossible(tmp_path: Path, out: Path) -> None:
    members = [special(tarfile.SYMTYPE, "door", str(tmp_path)), (tarfile.TarInfo("door/outside"), b"x")]
    make_tar(tmp_path / "x.tar", members)
    with pytest.raises(ArchiveError, match="member 'door' is a link"):
        unpack([tmp_path / "x.tar"], out, max_bytes=FAR)
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_a_link_inside_the_archive_becomes_a_copy(tmp_path: Path, out: Path, kind: bytes) -> None:
    link = special(kind, "d/link.txt", "a.txt" if kind == tarfile.SYMTYPE else "d/a.txt")
    make_tar(tmp_path / "x.tgz", [(tarfile.TarInfo("d/a.txt"), b"text"), link], "w:gz")
    unpack([tmp_path / "x.tgz"], out, max_bytes=FAR)
    assert tree(out) == {"d/a.txt": b"text", "d/link.txt": b"text"}
    assert not (out / "d" / "link.txt").is_symlink()


@pytest.mark.parametrize(("mode", "what"), [(stat.S_IFLNK, "a link"), (stat.S_IFIFO, "a device or a pipe")])
def test_a_link_or_pipe_in_a_zip_is_refused(tmp_path: Path, out: Path, mode: int, what: str) -> None:
    member = zipfile.ZipInfo("special")
    member.external_attr = (mode | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as opened:
        opened.writestr(member, "/etc/passwd")
    with pytest.raises(ArchiveError, match=f"member 'special' is {what}"):
        unpack([tmp_path / "x.zip"], out, max_bytes=FAR)


def test_a_link_in_a_7z_is_refused(tmp_path: Path, out: Path) -> None:
    py7zr = pytest.importorskip("py7zr")
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to("real")
    with py7zr.SevenZipFile(tmp_path / "x.7z", "w") as opened:
        opened.write(tmp_path / "link", "link")
    with pytest.raises(ArchiveError, match="member 'link' is a link"):
        unpack([tmp_path / "x.7z"], out, max_bytes=FAR)


@pytest.mark.parametrize("mode", [stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFLNK])
def test_a_device_or_pipe_in_a_7z_is_refused(tmp_path: Path, out: Path, mode: int) -> None:
    py7zr = pytest.importorskip("py7zr")
    with py7zr.SevenZipFile(tmp_path / "x.7z", "w") as opened:
        opened.writef(io.BytesIO(b"x"), "special")
        unix_extension = 0x8000
        opened.header.files_info.files[-1]["attributes"] = unix_extension | (mode | 0o644) << 16
    with pytest.raises(ArchiveError, match="member 'special' is a link, a device or a pipe"):
        unpack([tmp_path / "x.7z"], out, max_bytes=FAR)
    assert tree(out) == {}


def pack_any(path: Path, content: dict[str, bytes]) -> Path:
    if path.suffix == ".tar":
        return make_tar(path, [(tarfile.TarInfo(name), data) for name, data in content.items()])
    return make_zip(path, content) if path.suffix == ".zip" else make_7z(path, content)


COLLIDING = [("a/Clip.wav", "a/clip.wav"), ("é.wav", "e\u0301.wav"), ("Straße", "STRASSE")]


@pytest.mark.parametrize(("first", "second"), COLLIDING)
@pytest.mark.parametrize("kind", ["tar", "zip", "7z"])
def test_names_that_differ_in_case_alone_come_out_as_two(
    tmp_path: Path, out: Path, kind: str, first: str, second: str
) -> None:
    unpack([pack_any(tmp_path / f"x.{kind}", {first: b"1", second: b"2"})], out, max_bytes=FAR)
    assert tree(out) == {first: b"1", second: b"2"}


@pytest.mark.parametrize(("first", "second"), COLLIDING)
@pytest.mark.parametrize("kind", ["tar", "zip", "7z"])
def test_where_the_disk_takes_them_for_one_the_archive_is_refused_and_nothing_written_over(
    tmp_path: Path, out: Path, kind: str, first: str, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Path.open

    def folded(path: Path) -> str:
        return unicodedata.normalize("NFC", str(path)).casefold()

    def open_folded(self: Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if mode == "xb" and folded(self) in map(folded, self.parent.iterdir()):  # as macOS and Windows do
            raise FileExistsError(errno.EEXIST, "File exists", str(self))
        return original(self, mode, *arguments, **named)

    path = pack_any(tmp_path / f"x.{kind}", {first: b"1", second: b"2"})
    monkeypatch.setattr(Path, "open", open_folded)
    with pytest.raises(ArchiveError, match="comes twice, or is file and folder at once"):
        unpack([path], out, max_bytes=FAR)
    assert list(tree(out).values()) == [b"1"]


@pytest.mark.parametrize("kind", ["tar.gz", "zip", "7z"])
def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, out: Path, kind: str) -> None:
    path, zeros = tmp_path / f"x.{kind}", {"zeros": bytes(3_000_000)}
    if kind == "tar.gz":
        make_tar(path, [(tarfile.TarInfo("zeros"), zeros["zeros"])], "w:gz")
    else:
        make_zip(path, zeros) if kind == "zip" else make_7z(path, zeros)
    assert path.stat().st_size < 100_000
    with pytest.raises(ArchiveError, match="unpacks to 3 MB or more, expected 2 MB at most|unpacks to 2 MB or more"):
        unpack([path], out, max_bytes=2_000_000)
    assert tree(out) == {} or kind == "tar.gz"  # which does not say beforehand
    assert sum(len(content) for content in tree(out).values()) <= 2_000_000


def test_what_follows_the_end_of_a_tar_counts_too(tmp_path: Path, out: Path) -> None:
    path = make_tar(tmp_path / "x.tar", [(tarfile.TarInfo("a"), b"x")])
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress(path.read_bytes() + bytes(3_000_000)))
    with pytest.raises(ArchiveError, match="unpacks to 3 MB or more"):
        unpack([tmp_path / "x.tar.gz"], out, max_bytes=2_500_000)


def test_the_checksum_at_the_end_of_a_gzip_is_looked_at(tmp_path: Path, out: Path) -> None:
    path = make_tar(tmp_path / "x.tar.gz", [(tarfile.TarInfo("a"), b"x")], "w:gz")
    raw = bytearray(path.read_bytes())
    raw[-8] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ArchiveError, match="CRC check failed"):
        unpack([path], out, max_bytes=FAR)


def test_a_7z_of_which_a_member_was_not_given_is_damaged(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_7z(tmp_path / "x.7z", {"a": b"x"})
    py7zr = pytest.importorskip("py7zr")
    monkeypatch.setattr(py7zr.SevenZipFile, "extractall", lambda *_, **__: None)
    with pytest.raises(ArchiveError, match="1 members were not given, e.g. 'a'"):
        unpack([path], out, max_bytes=FAR)


def test_a_bomb_of_links_is_refused(tmp_path: Path, out: Path) -> None:
    links = [special(tarfile.LNKTYPE, f"link{number}", "big") for number in range(30)]
    make_tar(tmp_path / "x.tar", [(tarfile.TarInfo("big"), bytes(100_000)), *links])
    with pytest.raises(ArchiveError, match="unpacks to 1 MB or more"):
        unpack([tmp_path / "x.tar"], out, max_bytes=1_000_000)


def test_more_than_a_zip_s_directory_announces_is_never_written(tmp_path: Path, out: Path) -> None:
    path = make_zip(tmp_path / "x.zip", {"zeros": bytes(50_000)})
    size = (50_000).to_bytes(4, "little")
    assert path.read_bytes().count(size) == 2
    path.write_bytes(path.read_bytes().replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        unpack([path], out, max_bytes=FAR)
    assert len(tree(out)["zeros"]) <= 10


@pytest.mark.parametrize(("first", "second"), [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a", ".")])
def test_a_member_that_comes_twice_is_refused(tmp_path: Path, out: Path, first: str, second: str) -> None:
    make_tar(tmp_path / "x.tar", [(tarfile.TarInfo(first), b"1"), (tarfile.TarInfo(second), b"2")])
    with pytest.raises(ArchiveError, match="comes twice, or is file and folder at once"):
        unpack([tmp_path / "x.tar"], out, max_bytes=FAR)


def test_a_member_of_a_7z_that_comes_twice_is_refused(tmp_path: Path, out: Path) -> None:
    rename_in_7z(make_7z(tmp_path / "x.7z", {"a": b"1", "b": b"2"}, plain_header=True), "a", "b")
    with pytest.raises(ArchiveError, match="member 'b' comes twice"):
        unpack([tmp_path / "x.7z"], out, max_bytes=FAR)


def plain_tar() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as opened:
        for number in range(4):
            member = tarfile.TarInfo(f"{'long' * 30}/é{number}.bin")  # with extended headers
            member.size = 700
            opened.addfile(member, io.BytesIO(bytes([number]) * 700))
    return content.getvalue()


@pytest.mark.parametrize("block", range(21))
def test_a_tar_that_ends_early_is_found_wherever_it_was_cut(tmp_path: Path, out: Path, block: int) -> None:
    whole = plain_tar()
    (tmp_path / "x.tar").write_bytes(whole[: 512 * block])
    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        unpack([tmp_path / "x.tar"], out, max_bytes=FAR)


def test_a_garbled_header_is_not_taken_for_the_end(tmp_path: Path, out: Path) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as opened:
        for name in "abc":
            opened.addfile(tarfile.TarInfo(name))
    damaged = bytearray(content.getvalue())
    damaged[512 + 150] ^= 0xFF
    (tmp_path / "x.tar").write_bytes(damaged)
    with tarfile.open(tmp_path / "x.tar") as opened:
        assert opened.getnames() == ["a"]  # tarfile itself says nothing
    with pytest.raises(ArchiveError, match="bad checksum at byte 512|invalid header|cannot be unpacked"):
        unpack([tmp_path / "x.tar"], out, max_bytes=FAR)


@pytest.mark.parametrize("kind", ["tar.gz", "tar.xz", "tar.bz2", "zip", "7z"])
def test_a_damaged_archive_is_refused_or_comes_out_whole(tmp_path: Path, kind: str) -> None:
    path, rng = tmp_path / f"x.{kind}", random.Random(kind)
    content = {**CONTENT, "corpus/noise.bin": rng.randbytes(3000)}
    if kind.startswith("tar"):
        members = [(tarfile.TarInfo(name), data) for name, data in content.items()]
        make_tar(path, members, f"w:{kind.removeprefix('tar.')}")
    else:
        make_zip(path, content) if kind == "zip" else make_7z(path, content)
    whole, num_refused = path.read_bytes(), 0
    for attempt in range(60):
        damaged = bytearray(whole[: rng.randrange(len(whole))] if attempt % 2 else whole)
        for _ in range(3 * (not attempt % 2)):
            damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        folder = tmp_path / f"out{attempt}"
        folder.mkdir()
        try:
            unpack([path], folder, max_bytes=FAR)
        except MachineError:  # ArchiveError, or a size that no disk has room for
            num_refused += 1
        else:
            # what no checksum of the format covers: names, and bytes that nothing reads
            assert sorted(map(len, tree(folder).values())) == sorted(map(len, content.values()))
    assert num_refused > 40


def test_a_web_page_in_place_of_an_archive_is_said_to_be_one(tmp_path: Path, out: Path) -> None:
    (tmp_path / "x.zip").write_text("<!DOCTYPE html><html>gone</html>")
    with pytest.raises(ArchiveError, match="it is a web page: the address gives no archive any more"):
        unpack([tmp_path / "x.zip"], out, max_bytes=FAR)


def test_an_encrypted_zip_is_refused_in_one_line(tmp_path: Path, out: Path) -> None:
    path = make_zip(tmp_path / "x.zip", {"a": b"x"})
    raw = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.rindex(signature) + offset] |= 1
    path.write_bytes(raw)
    with pytest.raises(ArchiveError, match="encrypted, password required"):
        unpack([path], out, max_bytes=FAR)


def test_a_file_of_another_kind_is_refused_by_its_name(tmp_path: Path, out: Path) -> None:
    with pytest.raises(ArchiveError, match=r"x\.rar: no archive by its name, expected one of \.tar, "):
        unpack([tmp_path / "x.rar"], out, max_bytes=FAR)


@pytest.mark.parametrize("kind", ["zip", "7z"])
def test_a_disk_that_is_too_small_is_found_before_anything_is_written(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = make_zip(tmp_path / "x.zip", CONTENT) if kind == "zip" else make_7z(tmp_path / "x.7z", CONTENT)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=100))
    with pytest.raises(MachineError, match="free some, or name another folder"):
        unpack([path], out, max_bytes=FAR)
    assert tree(out) == {}


def test_a_disk_that_fills_up_is_the_disk_s_error_and_not_the_archive_s(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    make_tar(tmp_path / "x.tar", [(tarfile.TarInfo("a"), b"x")])
    monkeypatch.setattr(members.Writer, "write", full)
    with pytest.raises(OSError, match="No space left"):
        unpack([tmp_path / "x.tar"], out, max_bytes=FAR)


def test_without_py7zr_a_7z_says_what_to_install(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "evaluate.data.sevenzip", raising=False)
    monkeypatch.setitem(sys.modules, "py7zr", None)
    with pytest.raises(MachineError, match=r"a 7z archive needs py7zr .*pip install 'otoscope\[7z\]'"):
        unpack([tmp_path / "x.7z"], out, max_bytes=FAR)
