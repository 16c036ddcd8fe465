import runpy
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from evaluate.errors import MachineError, ServerError
from evaluate.model import ModelAdapter
from evaluate.prediction_log import LogWriter, index_log, read_all
from evaluate.runner import BATCHES_AHEAD, Runner, RunnerReport, RunnerSettings, is_out_of_memory
from evaluate.testing import ScriptedModel, write_tone
from evaluate.types import AudioRef, GenerationOptions, Output, Prediction, Request, Sample


def make_samples(folder: Path, count: int) -> list[Sample]:
    return [
        Sample(
            f"s{number}", (AudioRef(write_tone(folder / f"{number}.wav", duration_s=0.1 * (number + 1))),), "p", ("r",)
        )
        for number in range(count)
    ]


def run(
    model: ModelAdapter, samples: Sequence[Sample], log: Path, settings: RunnerSettings | None = None
) -> tuple[RunnerReport, dict[str, Prediction]]:
    with LogWriter(log) as writer:
        runner = Runner([model], GenerationOptions(), settings or RunnerSettings(), writer, lambda *_: None)
        report = runner.run(samples)
    return report, {one.id: one for one in read_all(log, index_log(log))}


def test_every_sample_is_answered_and_logged_with_its_duration(tmp_path: Path) -> None:
    samples = make_samples(tmp_path, 5)
    report, done = run(ScriptedModel({s.id: f"text of {s.id}" for s in samples}), samples, tmp_path / "log")
    assert {one.id: one.hypothesis for one in done.values()} == {s.id: f"text of {s.id}" for s in samples}
    assert done["s4"].audio_seconds == pytest.approx(0.5)
    assert (report.num_done, report.num_failed) == (5, 0)
    assert report.audio_seconds == pytest.approx(1.5)


def test_the_log_says_which_span_of_a_file_was_heard(tmp_path: Path) -> None:
    [whole, part] = make_samples(tmp_path, 2)
    part = replace(part, audio=(AudioRef(part.audio[0].path, start_s=0.05, duration_s=0.1),))
    _, done = run(ScriptedModel({"s0": "x", "s1": "y"}), [whole, part], tmp_path / "log")
    assert (done["s0"].spans, done["s1"].spans) == ((), ((0.05, 0.1),))
    assert "spans" not in done["s0"].to_json()


def test_a_file_that_does_not_decode_fails_alone(tmp_path: Path) -> None:
    samples = make_samples(tmp_path, 3)
    samples[1].audio[0].path.write_bytes(b"")
    report, done = run(ScriptedModel({s.id: "x" for s in samples}), samples, tmp_path / "log")
    assert report.num_failed == 1
    assert done["s1"].hypothesis is None
    assert done["s1"].error is not None
    assert done["s1"].error.type == "AudioDecodeError"
    assert (done["s0"].hypothesis, done["s2"].hypothesis) == ("x", "x")


@pytest.mark.parametrize("name", ["x" * 300 + ".wav", "nul\0.wav", "folder"])
def test_a_file_name_that_no_file_can_have_fails_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    samples = [*make_samples(tmp_path, 1), Sample("odd", (AudioRef(tmp_path / name),), "p", ("r",))]
    _, done = run(ScriptedModel({"s0": "x"}), samples, tmp_path / "log")
    assert done["s0"].hypothesis == "x"
    assert done["odd"].error is not None


def test_the_sample_that_breaks_the_model_fails_alone(tmp_path: Path) -> None:
    samples = make_samples(tmp_path, 6)
    answers: dict[str, str | Exception] = {s.id: "x" for s in samples}
    answers["s3"] = ValueError("bad sample")
    report, done = run(ScriptedModel(answers), samples, tmp_path / "log")
    assert [one.id for one in done.values() if one.error] == ["s3"]
    assert report.num_failed == 1


def test_a_batch_that_runs_out_of_memory_is_halved_and_the_size_remembered(tmp_path: Path) -> None:
    samples = [
        Sample(f"s{number}", (AudioRef(write_tone(tmp_path / "one.wav", duration_s=1.0)),), "p", ("r",))
        for number in range(24)
    ]
    model = ScriptedModel({s.id: "x" for s in samples}, fits=3)
    report, done = run(model, samples, tmp_path / "log", RunnerSettings(max_batch_seconds=12))
    assert len(done) == 24
    assert report.num_failed == 0
    assert report.num_out_of_memory == 2  # 12 and 6; the batches decoded ahead are cut before they are tried
    assert all(len(batch) <= 3 for batch in model.batches[2:])


def test_the_report_says_how_much_was_padding(tmp_path: Path) -> None:
    samples = make_samples(tmp_path, 3)  # of 0.1, 0.2 and 0.3 s
    model = ScriptedModel({s.id: "x" for s in samples})
    report, _ = run(model, samples, tmp_path / "together")
    assert report.padding_share == pytest.approx(1 / 3)  # 0.6 s heard in 3 x 0.3 s
    assert report.decode_seconds > 0
    report, _ = run(model, samples, tmp_path / "alone", RunnerSettings(max_batch_seconds=0.1))
    assert report.padding_share == pytest.approx(0)
    assert RunnerReport().padding_share is None


def test_one_sample_that_never_fits_fails_and_the_rest_keep_their_batches(tmp_path: Path) -> None:
    samples = make_samples(tmp_path, 1)
    report, done = run(ScriptedModel({"s0": "x"}, fits=0), samples, tmp_path / "log")
    assert done["s0"].error is not None
    assert done["s0"].error.type == "MemoryError"
    assert report.num_failed == 1


class _Forgetful(ModelAdapter):
    name = "forgetful"

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        return [Output(request.sample.id, text="x") for request in batch if request.sample.id != "s1"]


class _Confused(ModelAdapter):
    name = "confused"

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        return [Output("s0", text="x") for _ in batch]


def test_a_sample_without_an_output_is_a_failure_not_an_empty_text(tmp_path: Path) -> None:
    _, done = run(_Forgetful(), make_samples(tmp_path, 3), tmp_path / "log")
    assert done["s1"].hypothesis is None
    assert done["s1"].error is not None
    assert "returned nothing" in done["s1"].error.message


def test_outputs_for_other_samples_put_the_whole_batch_in_doubt(tmp_path: Path) -> None:
    _, done = run(_Confused(), make_samples(tmp_path, 3), tmp_path / "log")
    assert {one.id for one in done.values() if one.error is None} == {"s0"}


def test_ctrl_c_keeps_finished_batches(tmp_path: Path) -> None:
    samples = make_samples(tmp_path, 4)

    class Interrupted(ScriptedModel):
        def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
            if len(self.batches) == 2:
                raise KeyboardInterrupt
            return super().generate(batch, options)

    with pytest.raises(KeyboardInterrupt):
        run(Interrupted({s.id: "x" for s in samples}), samples, tmp_path / "log", RunnerSettings(max_batch_seconds=0.1))
    assert [one.id for one in read_all(tmp_path / "log", index_log(tmp_path / "log"))] == ["s3", "s2"]


def test_decoding_runs_ahead_but_not_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import evaluate.engines.decoding as module

    decoded: list[str] = []
    lock = threading.Lock()
    original = module.load_waveform

    def counting(ref: AudioRef, *, sample_rate_hz: int) -> object:
        with lock:
            decoded.append(str(ref.path))
        return original(ref, sample_rate_hz=sample_rate_hz)

    monkeypatch.setattr(module, "load_waveform", counting)
    most_ahead = 0

    class Watching(ScriptedModel):
        def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
            nonlocal most_ahead
            answered = sum(map(len, self.batches)) + len(batch)
            most_ahead = max(most_ahead, len(decoded) - answered)
            return super().generate(batch, options)

    samples = make_samples(tmp_path, 20)
    run(Watching({s.id: "x" for s in samples}), samples, tmp_path / "log", RunnerSettings(max_batch_seconds=0.1))
    assert len(decoded) == 20
    assert most_ahead <= BATCHES_AHEAD  # batches of one clip each


def test_out_of_memory_is_told_by_name() -> None:
    torch_like = type("OutOfMemoryError", (RuntimeError,), {})
    assert is_out_of_memory(torch_like("x"))
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(RuntimeError("CUDA error: out of memory"))
    assert not is_out_of_memory(ValueError("out of memory"))


class Singly(ModelAdapter):
    """Answers one after another, as a server does, and breaks off where it is told to."""

    name = "singly"
    answers_singly = True

    def __init__(self, *, breaks_at: str = "", log: Path | None = None) -> None:
        self._breaks_at, self._log = breaks_at, log
        self.seen_in_log: list[int] = []
        self.asked: list[str] = []

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        for request in batch:
            self.asked.append(request.sample.id)
            if self._log is not None:
                self.seen_in_log.append(len(self._log.read_bytes().splitlines()))
            if request.sample.id == self._breaks_at:
                raise ConnectionError("gone")
            yield Output(
                request.sample.id,
                text="x",
                latency_s=0.25,
                usage={"tokens": 3, "cost_usd": 0.5},
                details={"finish_reason": "stop"},
            )


def test_what_answers_singly_is_logged_before_its_batch_is_done(tmp_path: Path) -> None:
    model = Singly(log=tmp_path / "log")
    report, done = run(model, make_samples(tmp_path, 4), tmp_path / "log")
    assert model.seen_in_log == [0, 1, 2, 3]
    assert {one.latency_seconds for one in done.values()} == {0.25}
    assert done["s0"].details == {"finish_reason": "stop"}
    assert dict(report.usage) == {"tokens": 12, "cost_usd": 2.0}


def test_what_has_been_answered_singly_is_not_asked_again_when_the_batch_breaks(tmp_path: Path) -> None:
    model = Singly(breaks_at="s1")
    report, done = run(model, make_samples(tmp_path, 4), tmp_path / "log")
    assert [one.id for one in done.values() if one.error] == ["s1"]
    assert model.asked.count("s3") == 1  # the longest goes first
    assert report.num_done == 4


class Copy(ModelAdapter):
    """One of several copies; each waits for the others once, so that none can do all the work."""

    name = "copy"

    def __init__(self, barrier: threading.Barrier, *, fails: bool = False) -> None:
        self._barrier, self._fails = barrier, fails
        self.did: list[str] = []

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        if not self.did:
            self._barrier.wait(timeout=30)
        self.did += [request.sample.id for request in batch]
        if self._fails:
            raise RuntimeError("this copy is broken")
        return [Output(request.sample.id, text=f"of {request.sample.id}") for request in batch]


def test_several_copies_share_the_work_and_each_sample_is_answered_once(tmp_path: Path) -> None:
    barrier = threading.Barrier(3)
    copies = [Copy(barrier) for _ in range(3)]
    samples = make_samples(tmp_path, 30)
    with LogWriter(tmp_path / "log") as writer:
        settings = RunnerSettings(max_batch_seconds=1.0)
        report = Runner(copies, GenerationOptions(), settings, writer, lambda *_: None).run(samples)
    assert all(copy.did for copy in copies)
    assert sorted(id for copy in copies for id in copy.did) == sorted(sample.id for sample in samples)
    assert len((tmp_path / "log").read_bytes().splitlines()) == report.num_done == 30


def test_a_fault_of_the_log_ends_all_copies(tmp_path: Path) -> None:
    barrier = threading.Barrier(2)

    class FullDisk(LogWriter):
        def append(self, predictions: Iterable[Prediction]) -> None:
            raise OSError(28, "No space left on device")

    with FullDisk(tmp_path / "log") as writer, pytest.raises(OSError, match="No space"):
        Runner(
            [Copy(barrier), Copy(barrier)],
            GenerationOptions(),
            RunnerSettings(max_batch_seconds=1.0),
            writer,
            lambda *_: None,
        ).run(make_samples(tmp_path, 30))


class Dying(ModelAdapter):
    """Answers singly, until its server is gone."""

    name = "dying"
    answers_singly = True

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.num_ended = 0

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        try:
            for number, request in enumerate(batch):
                if number == 2:
                    raise self.error
                yield Output(request.sample.id, text="x")
        finally:
            self.num_ended += 1


def test_a_server_that_is_gone_ends_the_run_and_what_it_answered_is_kept(tmp_path: Path) -> None:
    samples = make_samples(tmp_path, 5)
    with pytest.raises(ServerError, match="gone"):
        run(Dying(ServerError("gone")), samples, tmp_path / "log")
    assert len(index_log(tmp_path / "log").offsets) == 2


def test_a_generator_ends_with_its_batch_also_where_the_log_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise KeyboardInterrupt

    model = Dying(ServerError("gone"))
    monkeypatch.setattr(LogWriter, "append", full)
    with pytest.raises(KeyboardInterrupt):
        run(model, make_samples(tmp_path, 2), tmp_path / "log")
    assert model.num_ended == 1


def test_what_a_stopped_copy_was_asked_is_not_logged_as_failed(tmp_path: Path) -> None:
    stopped, busy = threading.Event(), threading.Event()

    class Gone(ModelAdapter):
        name = "gone"

        def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
            busy.wait(timeout=30)
            raise MachineError("the server is gone")

    class Busy(ModelAdapter):
        name = "busy"

        def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
            busy.set()
            assert stopped.wait(timeout=30)
            raise RuntimeError("broken off")

        def stop(self) -> None:
            stopped.set()

    samples, settings = make_samples(tmp_path, 9), RunnerSettings(max_batch_seconds=1.0)
    with LogWriter(tmp_path / "log") as writer, pytest.raises(MachineError, match="gone"):
        Runner([Gone(), Busy()], GenerationOptions(), settings, writer, lambda *_: None).run(samples)
    assert (tmp_path / "log").read_bytes() == b""


def test_a_clip_that_the_model_cuts_is_logged_as_truncated(tmp_path: Path) -> None:
    samples = make_samples(tmp_path, 3)  # of 0.1, 0.2 and 0.3 s
    model = ScriptedModel({s.id: "x" for s in samples})
    model.heard_s = 0.2
    _, done = run(model, samples, tmp_path / "log")
    assert {one.id: one.clips for one in done.values()} == {"s0": (), "s1": (), "s2": ("truncated",)}


def test_usage_that_is_no_number_fails_its_sample(tmp_path: Path) -> None:
    class Miser(ScriptedModel):
        def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
            for request in batch:
                yield Output(request.sample.id, text="x", usage={"cost": float("nan")})

    _, done = run(Miser({}), make_samples(tmp_path, 1), tmp_path / "log")
    error = done["s0"].error
    assert error is not None
    assert error.message.startswith("output of sample 's0' has usage {'cost': nan}, expected numbers (test_runner.py:")


def test_the_line_at_fault_is_the_user_s_own_and_no_library_s(tmp_path: Path) -> None:
    library = tmp_path / "site-packages" / "library.py"  # not in the folders of this Python: as of `pip install --user`
    library.parent.mkdir()
    library.write_text("def fail():\n    raise RuntimeError('shapes')\n")
    fail = runpy.run_path(str(library))["fail"]

    class Failing(ScriptedModel):
        def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
            fail()
            yield from ()

    _, done = run(Failing({}), make_samples(tmp_path, 1), tmp_path / "log")
    error = done["s0"].error
    assert error is not None
    assert error.message.startswith("shapes (test_runner.py:")
