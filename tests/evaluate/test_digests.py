import os
from pathlib import Path

from evaluate.digests import checkpoint_digest, file_digest


def test_files_of_a_checkpoint_are_told_by_names_and_contents_not_by_their_place(tmp_path: Path) -> None:
    found = []
    for folder, content in (("a", b"weights"), ("b", b"weights"), ("c", b"others!")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "model.bin").write_bytes(content)
        found.append(checkpoint_digest([tmp_path / folder / "model.bin"]))
    assert found[0] == found[1] != found[2]


def test_what_is_no_file_has_no_digest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert [file_digest(path) for path in (tmp_path, tmp_path / "pipe", tmp_path / "a\0b", tmp_path / "none")] == [
        None
    ] * 4
