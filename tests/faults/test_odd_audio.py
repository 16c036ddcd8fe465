"""Every kind of broken and unusual audio in one run: the broken fail alone, with a line that says why."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from evaluate.audio import inspect_audio, load_waveform
from evaluate.clips import ClipPolicy
from evaluate.engines.decoding import read_request
from evaluate.errors import AudioDecodeError
from evaluate.prediction_log import LogWriter
from evaluate.results import RunDirectory
from evaluate.runner import Runner, RunnerSettings
from evaluate.testing import ScriptedModel, write_tone
from evaluate.types import AudioRef, GenerationOptions, Output, Request, Sample

Otoscope = Callable[..., Any]
ROOT = Path(__file__).resolve().parents[2]
LONGEST = "声" * 83 + "ab.wav"  # 255 bytes
NAMES = (
    "中文 文件.wav",
    "two\nlines\r.wav",
    "\x1b[31mred\x1b[0m.wav",
    "x" * 251 + ".wav",
    LONGEST,
    "-rf.wav",
    "a:b.wav",
)
SUBTYPES = ("PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
BROKEN = {
    "zero_bytes.wav": "the file has 0 bytes",
    "header_only.wav": "the header promises 16000 bytes of audio, 0 are there",
    "cut.wav": "the header promises 16000 bytes of audio, 7000 are there",
    "cut.flac": "broke off|cut off|not readable",
    "no_frames.wav": "holds 0 frames of audio",
    "nan.wav": "values that are not finite",
    "inf.wav": "values that are not finite",
    "folder.wav": "a folder, expected an audio file",
    "pipe.wav": "not a regular file, expected an audio file",
    "device.wav": "not a regular file, expected an audio file",
    "forbidden.wav": r"cannot be read \(Permission denied\)",
    "text.wav": "not readable as audio",
}
ABSENT = ("dangling.wav", "loop.wav", "nowhere.wav", "nul\0.wav", "y" * 300 + ".wav")


EAR = """
from evaluate.model import ModelAdapter
from evaluate.types import Output

class Ear(ModelAdapter):
    name = "ear"
    sample_rate_hz = 16_000

    def __init__(self, where):
        pass

    def generate(self, batch, options):
        for request in batch:
            assert len(request.waveforms[0])
            yield Output(request.sample.id, text="kettle")
"""


def write_broken(folder: Path) -> None:
    whole = write_tone(folder / "whole.wav").read_bytes()
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000)
    (folder / "zero_bytes.wav").touch()
    (folder / "header_only.wav").write_bytes(whole[:44])
    (folder / "cut.wav").write_bytes(whole[: 44 + 7_000])
    soundfile.write(folder / "cut.flac", noise, 16_000)
    (folder / "cut.flac").write_bytes((folder / "cut.flac").read_bytes()[:-9_000])
    soundfile.write(folder / "no_frames.wav", np.zeros(0), 16_000)
    soundfile.write(folder / "nan.wav", np.array([0.0, np.nan, 0.0]), 16_000, subtype="FLOAT")
    soundfile.write(folder / "inf.wav", np.array([0.0, -np.inf, 0.0]), 16_000, subtype="FLOAT")
    (folder / "folder.wav").mkdir()
    os.mkfifo(folder / "pipe.wav")
    (folder / "device.wav").symlink_to("/dev/zero")
    (folder / "text.wav").write_text("no audio at all, whatever the name says")
    (folder / "forbidden.wav").write_bytes(whole)
    (folder / "dangling.wav").symlink_to("nowhere.wav")
    (folder / "loop.wav").symlink_to("loop.wav")
    (folder / "whole.wav").unlink()


def write_unusual(folder: Path) -> list[str]:
    """Write what must be heard; returns the names."""
    for subtype in SUBTYPES:
        write_tone(folder / f"{subtype}.wav", subtype=subtype)
    write_tone(folder / "six.wav", num_channels=6)
    write_tone(folder / "96k.wav", sample_rate_hz=96_000)
    soundfile.write(folder / "one_frame.wav", np.full(1, 0.5), 16_000)
    write_tone(folder / "a.mp3").rename(folder / "mp3.wav")
    for name in NAMES:
        write_tone(folder / name)
    return [*(f"{subtype}.wav" for subtype in SUBTYPES), "six.wav", "96k.wav", "one_frame.wav", "mp3.wav", *NAMES]


@pytest.fixture
def forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to open what is called so: tests may run as root, whom no file's mode stops."""
    original = Path.open

    def refusing(self: Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if self.name == "forbidden.wav" and "r" in mode:
            raise PermissionError(13, "Permission denied", str(self))
        return original(self, mode, *arguments, **named)

    monkeypatch.setattr(Path, "open", refusing)


@pytest.mark.timeout(60)  # a pipe that is waited for never ends
@pytest.mark.usefixtures("forbid")
def test_the_broken_fail_alone_and_all_others_are_scored(tmp_path: Path, otoscope: Otoscope) -> None:
    clips = tmp_path / "clips"
    clips.mkdir()
    write_broken(clips)
    heard = write_unusual(clips)
    lines = [
        {"id": name, "audio": f"clips/{name}", "references": ["kettle" if number % 2 else "tap"]}
        for number, name in enumerate([*heard, *BROKEN, *ABSENT])
    ]
    (tmp_path / "odd.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "odd.yaml").write_text(
        "{name: odd, kind: classification, language: en, manifest: odd.jsonl, prompt: 'Which? {choices}', "
        "choices: [kettle, tap], metrics: [accuracy]}"
    )
    (tmp_path / "ear.py").write_text(EAR)
    results = ("--results-dir", tmp_path / "results")
    result = otoscope("eval", "--task", tmp_path / "odd.yaml", "--model", tmp_path / "ear.py", "--json", *results)
    assert result.status == 3, result.stderr
    [document] = result.json
    counts = {name: document[name] for name in ("n_total", "n_scored", "n_unparsed", "n_failed")}
    total = len(heard) + len(BROKEN)
    assert counts == {"n_total": total, "n_scored": len(heard), "n_unparsed": 0, "n_failed": len(BROKEN)}
    assert document["metrics"]["accuracy"]["value"] == len(heard) // 2 / total
    assert f"audio missing for {len(ABSENT)}: dangling.wav" in result.stderr
    assert "\x1b" not in result.stderr

    run = RunDirectory(Path(document["run_dir"]))
    logged = {line["id"]: line for line in map(json.loads, run.predictions.read_text().splitlines())}
    assert {name for name, line in logged.items() if line["error"]} == set(BROKEN)
    for name, reason in BROKEN.items():
        with pytest.raises(AudioDecodeError, match=reason):
            raise AudioDecodeError(logged[name]["error"]["message"])
        assert logged[name]["error"]["type"] == "AudioDecodeError"
        assert "\n" not in logged[name]["error"]["message"]
    assert otoscope("report", "--out", tmp_path / "report", *results).status == 0
    assert (
        f"{len(BROKEN)} samples failed and count at their worst" in (tmp_path / "report" / "leaderboard.md").read_text()
    )
    [page] = (tmp_path / "report" / "runs").rglob("index.html")
    assert "\x1b" not in page.read_text()


def test_no_name_of_a_file_reaches_the_terminal_as_it_is(
    tmp_path: Path, otoscope: Otoscope, write_jsonl: Callable[..., Path]
) -> None:
    names = [f"\x1b]0;owned\x07{number}\u202e\n.wav" for number in range(3)]
    for name in names[:2]:
        (tmp_path / name).write_text("no audio")
    manifest = write_jsonl(
        "m.jsonl", *({"id": name, "audio": name, "references": ["x"]} for name in [*names, "\x9bm.wav"])
    )
    (tmp_path / "t.yaml").write_text(f"{{name: t, kind: asr, language: en, manifest: {manifest.name}, metrics: [wer]}}")
    result = otoscope("eval", "--task", tmp_path / "t.yaml", "--model", "nano", "--results-dir", tmp_path / "results")
    assert result.status == 3
    assert not set("\x1b\x07\x9b\u202e") & set(result.stdout + result.stderr)


AS_NOBODY = """
import os, sys
from pathlib import Path
from evaluate.audio import inspect_audio
from evaluate.errors import AudioDecodeError
os.setuid(65534)
try:
    inspect_audio(Path(sys.argv[1]))
except AudioDecodeError as error:
    print(error)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_file_that_this_user_may_not_read_is_said() -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to others
        Path(folder).chmod(0o755)
        path = write_tone(Path(folder) / "tone.wav")
        path.chmod(0)
        done = subprocess.run([sys.executable, "-c", AS_NOBODY, path], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == f"{path}: cannot be read (Permission denied), expected a file that this user may read\n", (
        done.stderr
    )


def test_a_pipe_with_a_writer_is_not_read_either(tmp_path: Path) -> None:
    path = tmp_path / "pipe.wav"
    os.mkfifo(path)
    content = write_tone(tmp_path / "tone.wav").read_bytes()
    writer = threading.Thread(target=lambda: os.write(os.open(path, os.O_RDWR), content), daemon=True)
    writer.start()
    writer.join()
    with pytest.raises(AudioDecodeError, match="not a regular file"):
        load_waveform(AudioRef(path), sample_rate_hz=16_000)


LONG_S = 3 * 3600


@pytest.fixture(scope="module")
def three_hours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of three hours: nearly all of it a hole, which takes no room on disk."""
    path = tmp_path_factory.mktemp("long") / "long.wav"
    write_tone(path, duration_s=1.0)
    size = LONG_S * 16_000 * 2
    with path.open("r+b") as file:
        head = bytearray(file.read(44))
        head[4:8], head[40:44] = (36 + size).to_bytes(4, "little"), size.to_bytes(4, "little")
        file.seek(0)
        file.write(head)
        file.truncate(44 + size)
    return path


MEASURE = """
import resource, sys
from pathlib import Path
from evaluate.audio import inspect_audio
from evaluate.clips import ClipPolicy
from evaluate.engines.decoding import read_request
from evaluate.types import AudioRef, Sample
path, start_s, duration_s, bound_s = Path(sys.argv[1]), *map(float, sys.argv[2:])
policy = ClipPolicy(long="truncate", max_s=bound_s) if bound_s else ClipPolicy()
sample = Sample("s", (AudioRef(path, start_s, duration_s or None),), "", ("x",))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
[part] = policy.parts(sample, [inspect_audio(path)])
request = read_request(part.sample, sample_rate_hz=16_000, clips=policy)
print(request.waveforms[0].size, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def decoded_and_mib(path: Path, *, start_s: float = 0, duration_s: float = 0, bound_s: float = 0) -> tuple[int, float]:
    """Return how many frames a sample of a file has, and by how much reading it raised the peak of a new process."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), str(start_s), str(duration_s), str(bound_s)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        timeout=120,
    )
    frames, mib = done.stdout.split()
    return int(frames), float(mib)


@pytest.mark.parametrize("how", [{"start_s": 10_000.0, "duration_s": 30.0}, {"bound_s": 30.0}], ids=["span", "cut"])
def test_of_three_hours_no_more_is_in_memory_than_is_asked(three_hours: Path, how: dict[str, float]) -> None:
    frames, mib = decoded_and_mib(three_hours, **how)
    assert frames == 30 * 16_000
    assert mib < 60  # libraries and 30 s, of which there are 1.8 MiB; all of it would be 660


def test_what_a_model_cuts_of_three_hours_is_not_decoded(three_hours: Path, tmp_path: Path) -> None:
    class Short(ScriptedModel):
        heard_s = 30.0

        def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
            given.extend(batch)
            return super().generate(batch, options)

    given: list[Request] = []
    sample = Sample("s", (AudioRef(three_hours),), "", ("x",))
    with LogWriter(tmp_path / "log") as log:
        Runner([Short({"s": "x"})], GenerationOptions(), RunnerSettings(), log, lambda *_: None).run([sample])
    [line] = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert [line["audio_seconds"], line["clips"], line.get("spans")] == [LONG_S, ["truncated"], None]
    [[waveform]] = [request.waveforms for request in given]
    assert 30 * 16_000 < waveform.size <= 32 * 16_000
    first_30_s = load_waveform(AudioRef(three_hours, 0.0, 31.0), sample_rate_hz=16_000)[: 30 * 16_000]
    np.testing.assert_array_equal(waveform[: 30 * 16_000], first_30_s)


@pytest.mark.slow
def test_three_hours_that_are_asked_for_whole_take_two_copies_in_memory(three_hours: Path) -> None:
    frames, mib = decoded_and_mib(three_hours)
    assert frames == LONG_S * 16_000
    assert mib < 2.2 * frames * 4 / 2**20 + 60


def test_a_header_that_promises_more_than_any_memory_fails_its_sample(tmp_path: Path) -> None:
    path = write_tone(tmp_path / "tone.flac")
    content = bytearray(path.read_bytes())
    content[21] |= 0x0F  # the lower 36 bits of STREAMINFO's eight bytes from 18 are the number of frames
    content[22:26] = b"\xff" * 4
    path.write_bytes(content)
    assert inspect_audio(path).num_frames == 2**36 - 1
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises((AudioDecodeError, MemoryError), match="could be decoded|broke off|Unable to allocate"):
        read_request(Sample("s", (AudioRef(path),), "", ("x",)), sample_rate_hz=16_000, clips=ClipPolicy())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 << 10  # kB
