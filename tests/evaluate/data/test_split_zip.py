"""Zip in several parts: made by the zip program where there is one, and by hand with ZIP64 fields."""

import io
import shutil
import struct
import subprocess
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluate.data.archives import unpack
from evaluate.data.split_zip import join_parts
from evaluate.errors import ArchiveError

CONTENT = {f"Test/{name}/{number}.bin": bytes([number]) * 700 for number in range(5) for name in ("Bus", "空")}
FAR = 10_000_000


def make_parts(
    folder: Path, content: dict[str, bytes], cuts: list[int], *, zip64: bool = False, cut_directory: int = 0
) -> list[Path]:
    """Write a zip whose bytes are cut at some places, with a directory as APPNOTE has it for several parts.

    With `cut_directory`, another part begins at that byte of the directory.
    """
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as opened:
        for name, data in content.items():
            opened.writestr(name, data)
        members, directory_start = opened.infolist(), opened.start_dir
    raw = whole.getvalue()
    starts = [0, *sorted(min(cut, directory_start) for cut in cuts)]

    def place(offset: int) -> tuple[int, int]:
        disk = max(number for number, start in enumerate(starts) if start <= offset)
        return disk, offset - starts[disk]

    directory = b""
    for member in members:
        disk, offset = place(member.header_offset)
        name, size = member.filename.encode(), member.file_size
        fixed = [b"PK\x01\x02", 45, 45, 0x800, 0, 0, 33, member.CRC]
        extra, values = b"", (size, size, len(name), 0, 0, disk, 0, 0, offset)
        if zip64:
            extra = struct.pack("<4H", 0x5455, 4, 1, 1) + struct.pack("<2H3QL", 1, 28, size, size, offset, disk)
            values = (0xFFFFFFFF, 0xFFFFFFFF, len(name), len(extra), 0, 0xFFFF, 0, 0, 0xFFFFFFFF)
        directory += struct.pack("<4s6H3L5H2L", *fixed, *values) + name + extra
    first, offset = place(directory_start)
    last = first + bool(cut_directory)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", last, first, len(members), len(members), len(directory), offset, 0)
    if zip64:
        counts = (len(members), len(members), len(directory), offset)
        end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, last, first, *counts)
        end_offset = len(directory) - cut_directory + (0 if cut_directory else offset)
        locator = struct.pack("<4sLQL", b"PK\x06\x07", last, end_offset, last + 1)
        full = (0xFFFF, 0xFFFF, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
        end = end64 + locator + struct.pack("<4s4H2LH", b"PK\x05\x06", *full)
    pieces = [raw[start:stop] for start, stop in zip(starts, [*starts[1:], directory_start], strict=True)]
    *pieces, piece = pieces
    if cut_directory:
        pieces += [piece + directory[:cut_directory], directory[cut_directory:] + end]
    else:
        pieces += [piece + directory + end]
    paths = [folder / f"x.z{number:02}" for number in range(1, len(pieces))] + [folder / "x.zip"]
    for path, piece in zip(paths, pieces, strict=True):
        path.write_bytes(piece)
    return paths


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize("cuts", [[1], [700, 1500], [4, 2500, 2501, 7000], [100_000]])
def test_parts_come_out_as_one(tmp_path: Path, cuts: list[int], zip64: bool) -> None:
    parts = make_parts(tmp_path, CONTENT, cuts, zip64=zip64)
    (tmp_path / "out").mkdir()
    unpack(parts, tmp_path / "out", max_bytes=FAR)
    assert tree(tmp_path / "out") == CONTENT


@pytest.mark.parametrize("options", [(), ("-fz",), ("-0",)])
def test_what_the_zip_program_split_comes_out_as_one(tmp_path: Path, options: tuple[str, ...]) -> None:
    program = shutil.which("zip")
    if program is None:
        pytest.skip("no zip program here")
    source = tmp_path / "source"
    for number in range(4):
        (source / "Test" / f"é {number}").mkdir(parents=True)
        content = b"".join(bytes([number, byte % 251, byte % 7]) for byte in range(40_000))
        (source / "Test" / f"é {number}" / "a.bin").write_bytes(content)
    command = [program, "-q", "-r", "-0", *options, "-s", "64k", str(tmp_path / "x.zip"), "."]
    subprocess.run(command, cwd=source, check=True)
    parts = [*sorted(tmp_path.glob("x.z[0-9]*")), tmp_path / "x.zip"]
    assert len(parts) > 5
    (tmp_path / "out").mkdir()
    unpack(parts, tmp_path / "out", max_bytes=FAR)
    assert tree(tmp_path / "out") == tree(source)


@given(st.lists(st.integers(0, 9000), min_size=1, max_size=6), st.booleans(), st.integers(0, 600))
def test_wherever_it_was_cut_the_members_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], zip64: bool, cut_directory: int
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    parts = make_parts(folder, CONTENT, cuts, zip64=zip64, cut_directory=cut_directory)
    with join_parts(parts) as joined, zipfile.ZipFile(joined) as opened:
        assert {name: opened.read(name) for name in opened.namelist()} == CONTENT


def test_places_beyond_four_gigabytes_are_kept(tmp_path: Path) -> None:
    first, last = tmp_path / "x.z01", tmp_path / "x.zip"
    [part] = make_parts(tmp_path, {"a": b"text"}, [0])[1:]  # all of it in the second part
    assert part == last
    with first.open("wb") as file:
        file.truncate(5 << 30)  # a hole: takes no room on the disk
    with join_parts([first, last]) as joined, zipfile.ZipFile(joined) as opened:
        assert opened.getinfo("a").header_offset == 5 << 30
        assert opened.read("a") == b"text"


@pytest.mark.parametrize("zip64", [False, True])
def test_a_part_that_is_missing_is_said(tmp_path: Path, zip64: bool) -> None:
    parts = make_parts(tmp_path, CONTENT, [700, 1500], zip64=zip64)
    (tmp_path / "out").mkdir()
    with pytest.raises(ArchiveError, match=r"x\.zip: .*it is the last of 3 parts, 2 are given; get all"):
        unpack(parts[1:], tmp_path / "out", max_bytes=FAR)


@pytest.mark.parametrize("zip64", [False, True])
def test_parts_in_the_wrong_order_are_refused(tmp_path: Path, zip64: bool) -> None:
    parts = make_parts(tmp_path, CONTENT, [700, 1500], zip64=zip64)
    (tmp_path / "out").mkdir()
    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        unpack([parts[1], parts[0], parts[2]], tmp_path / "out", max_bytes=FAR)


@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize("cut", [1, 10, 30, 60, 90, 300, 900])
def test_a_last_part_that_is_cut_off_is_refused(tmp_path: Path, cut: int, zip64: bool) -> None:
    parts = make_parts(tmp_path, CONTENT, [700, 1500], zip64=zip64)
    parts[-1].write_bytes(parts[-1].read_bytes()[:-cut])
    (tmp_path / "out").mkdir()
    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        unpack(parts, tmp_path / "out", max_bytes=FAR)
