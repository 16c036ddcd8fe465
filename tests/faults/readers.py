"""Readers of what strangers wrote, each as a function of bytes that raises nothing but what it says."""

import io
import json
import math
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evaluate.answer_files import read_hypotheses, read_references
from evaluate.audio import inspect_audio, load_waveform
from evaluate.data.archives import unpack
from evaluate.errors import ArchiveError, AudioDecodeError, ManifestError, RequestError, RunDamagedError
from evaluate.imports.document import load_document
from evaluate.manifest import read_manifest
from evaluate.prediction_log import compact, index_log, mend_tail, read_all, read_predictions
from evaluate.results import read_scores
from evaluate.task_file import load_task_class
from evaluate.testing import write_tone
from evaluate.types import AudioRef

MAX_BYTES = 1 << 20  # that may come out of an archive
MAX_FRAMES = 1 << 24  # that are decoded: more would be a test of memory
CONTAINERS = {  # codec of each, and options: what FFmpeg reads
    "mp4": ("aac", {}),
    "mkv": ("flac", {}),
    "webm": ("libopus", {}),
    "avi": ("pcm_s16le", {}),
    "wma": ("wmav2", {}),
    "untagged.mp3": ("libmp3lame", {"write_xing": "0", "id3v2_version": "0"}),
}
Reader = Callable[[bytes, Path], None]


def manifest(content: bytes, folder: Path) -> None:
    path = folder / "m.jsonl"
    path.write_bytes(content)
    try:
        for row in read_manifest(path, data_dir=folder):
            assert row.id or "query" in row.fields or content
            assert all(math.isfinite(ref.start_s) for ref in row.audio)
    except ManifestError as error:
        assert_one_line(error)


def references(content: bytes, folder: Path) -> None:
    path = folder / "r.jsonl"
    path.write_bytes(content)
    try:
        read_references(path)
    except ManifestError as error:
        assert_one_line(error)


def predictions(content: bytes, folder: Path) -> None:
    path = folder / "p.jsonl"
    path.write_bytes(content)
    for read in (read_hypotheses, load_document):
        try:
            read(path)
        except (ManifestError, RequestError) as error:
            assert_one_line(error)


def log(content: bytes, folder: Path) -> None:
    path = folder / "predictions.jsonl"
    path.write_bytes(content)
    mend_tail(path)
    index = index_log(path)
    found = list(read_all(path, index))
    ids = [one.id for one in found]
    assert len(index.offsets) == len(set(ids)) == len(ids)
    json.dumps([one.to_json() for one in found], allow_nan=False)  # so that what is made of them can be written
    compact(path, index, ids)
    again = index_log(path)
    assert list(read_predictions(path, again, ids)) == found
    assert not again.damaged


def scores(content: bytes, folder: Path) -> None:
    path = folder / "scores.json"
    path.write_bytes(content)
    try:
        read_scores(path)
    except RunDamagedError as error:
        assert_one_line(error)


def task_file(content: bytes, folder: Path) -> None:
    path = folder / "t.yaml"
    path.write_bytes(content)
    try:
        load_task_class(path)
    except RequestError as error:
        assert_one_line(error)


def _archive(suffix: str) -> Reader:
    def read(content: bytes, folder: Path) -> None:
        path, out = folder / f"x{suffix}", folder / "in" / "out"
        path.write_bytes(content)
        out.mkdir(parents=True)
        try:
            unpack([path], out, max_bytes=MAX_BYTES)
        except ArchiveError as error:
            assert_one_line(error)
        assert sorted(folder.iterdir()) == sorted([path, out.parent])
        assert list(out.parent.iterdir()) == [out]
        inside = list(out.rglob("*"))
        assert not any(one.is_symlink() or not (one.is_file() or one.is_dir()) for one in inside)
        assert sum(one.stat().st_size for one in inside if one.is_file()) <= MAX_BYTES

    return read


def _audio(suffix: str) -> Reader:
    def read(content: bytes, folder: Path) -> None:
        path = folder / f"x{suffix}"
        path.write_bytes(content)
        try:
            info = inspect_audio(path)
            if info.num_frames * info.num_channels <= MAX_FRAMES:
                assert load_waveform(AudioRef(path), sample_rate_hz=16_000).size
        except AudioDecodeError as error:
            assert_one_line(error)

    return read


READERS: dict[str, Reader] = {
    "manifest": manifest,
    "references": references,
    "predictions": predictions,
    "log": log,
    "scores": scores,
    "task_file": task_file,
    **{f"archive{suffix}": _archive(suffix) for suffix in (".tar", ".tar.gz", ".zip", ".7z")},
    **{f"audio{suffix}": _audio(suffix) for suffix in (".wav", ".flac", ".ogg", ".mp3")},
    **{f"audio.{suffix}": _audio(f".{suffix}") for suffix in CONTAINERS},
}


def assert_one_line(error: Exception) -> None:
    assert str(error)
    assert "Traceback" not in str(error)


GOOD_LINES: dict[str, list[dict[str, Any]]] = {
    "manifest": [
        {
            **{"id": "a", "audio": ["a.wav"], "references": ["x"], "start_s": 1, "duration_s": 0.5, "language": "en"},
            **{"question": "q", "source_text": "s", "split": "test", "groups": {"speaker": "s"}},
        },
        {"id": "b", "turns": [{"role": "user", "text": "t", "audio": "a.wav"}], "references": ["x"]},
        {"audio": "c.wav", "gt": "x", "source": "s"},
        {"id": 7, "audio": "d.wav", "query": "What boils?"},
    ],
    "references": [{"id": "a", "references": ["x"], "language": "en", "question": "", "groups": {"s": "t"}}],
    "predictions": [{"id": "a", "hypothesis": "x"}, {"id": "b", "error": {"type": "E", "message": "m"}}],
    "log": [
        {
            **{"id": "a", "hypothesis": "x", "error": None, "references": ["x"], "audio_seconds": 1.0, "prompt": "p"},
            **{"latency_seconds": 0.5, "truncated": None, "groups": {"s": "t"}, "audio": ["/a.wav"], "clips": ["c"]},
            **{"spans": [[0.0, None]], "usage": {"tokens": 3}, "details": {"finish": "stop"}},
        },
        {
            **{"id": "b", "hypothesis": None, "error": {"type": "E", "message": "m"}, "references": ["x"]},
            **{"audio_seconds": None, "latency_seconds": 0.5},
        },
    ],
    "scores": [
        {
            **{"task": "t", "split": "s", "model": "m", "n_total": 1, "n_scored": 1, "n_unparsed": 0, "n_failed": 0},
            "primary": "wer",
            "metrics": {"wer": {"value": 0.5, "ci": [0.1, 0.6], "higher_is_better": False, "signature": "wer"}},
        }
    ],
    "task_file": [
        {
            **{"name": "n", "kind": "classification", "language": "en", "manifest": "m.jsonl", "prompt": "p {choices}"},
            **{"choices": ["a", "b"], "metrics": ["accuracy"], "aliases": {"a": ["c"]}, "extractor": "named"},
            **{"official_sizes": {"test": 3}, "version": "1"},
        }
    ],
}


def seed(name: str, folder: Path) -> bytes:
    """Return what a reader reads without a fault."""
    kind, _, suffix = name.partition(".")
    if kind == "audio":
        if suffix in CONTAINERS:
            return _contained(folder / f"seed.{suffix}", *CONTAINERS[suffix])
        return write_tone(folder / f"seed.{suffix}", duration_s=0.3).read_bytes()
    if kind == "archive":
        return _packed(f".{suffix}", folder)
    return b"".join(json.dumps(line).encode() + b"\n" for line in GOOD_LINES[name])


def _contained(path: Path, codec: str, options: dict[str, str]) -> bytes:
    import av
    import numpy as np

    with av.open(str(path), "w", options=options) as file:
        stream = file.add_stream(codec, rate=48_000, layout="mono", bit_rate=64_000)
        noise = np.random.default_rng(0).integers(-9_999, 9_999, (1, 2048), dtype=np.int16)
        frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
        frame.sample_rate = 48_000
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    return path.read_bytes()


def _packed(suffix: str, folder: Path) -> bytes:
    path = folder / f"seed{suffix}"
    content = {"c/a.txt": b"one line\n" * 30, "c/b.bin": bytes(range(256)), "c/empty": b""}
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
            for name, data in content.items():
                opened.writestr(name, data)
    elif suffix == ".7z":
        import py7zr

        with py7zr.SevenZipFile(path, "w") as packed:
            for name, data in content.items():
                packed.writef(io.BytesIO(data), name)
    else:
        with tarfile.open(path, "w:gz" if suffix.endswith("gz") else "w") as tar:
            for name, data in content.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
            for kind, target in ((tarfile.SYMTYPE, "a.txt"), (tarfile.LNKTYPE, "c/b.bin")):
                member = tarfile.TarInfo(f"c/{target.replace('/', '-')}.link")
                member.type, member.linkname = kind, target
                tar.addfile(member)
    return path.read_bytes()
