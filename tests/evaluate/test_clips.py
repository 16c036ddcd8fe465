import json
import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from evaluate.audio import AudioInfo, load_waveform
from evaluate.baseline import update_baseline
from evaluate.clips import ClipOptions, ClipPolicy, count_changes, join_outputs
from evaluate.errors import RequestError
from evaluate.evaluation import Evaluation, EvaluationSettings
from evaluate.model import ModelAdapter
from evaluate.prediction_log import LogWriter, index_log, read_all
from evaluate.regression import check_baseline
from evaluate.runner import Runner, RunnerReport, RunnerSettings
from evaluate.selection import Selection
from evaluate.task import Coverage, Split, Task
from evaluate.testing import ScriptedModel, write_tone
from evaluate.types import AudioRef, Failure, GenerationOptions, Output, Prediction, Request, Sample
from tasks.librispeech import LibriSpeech


class Listening(ModelAdapter):
    """Answers with the number of frames of each clip; fails, or runs out of memory, as told."""

    name = "listening"

    def __init__(self, *, fails: str = "", fits: int = 10**9, stops_after: int = 10**9) -> None:
        self.heard: dict[str, np.ndarray[Any, Any]] = {}
        self.batches: list[list[str]] = []
        self.num_loads = 0
        self._fails, self._fits, self._stops_after = fails, fits, stops_after

    def load(self) -> None:
        self.num_loads += 1

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        if len(self.batches) == self._stops_after:
            raise KeyboardInterrupt
        self.batches.append([request.sample.id for request in batch])
        if len(batch) > self._fits:
            raise MemoryError
        if self._fails in self.batches[-1]:
            raise ValueError("told to fail")
        for request in batch:
            self.heard[request.sample.id] = np.concatenate(request.waveforms)
            yield Output(request.sample.id, text="+".join(str(wave.size) for wave in request.waveforms))


def noise(path: Path, seconds: float, *, rate_hz: int = 16_000) -> AudioRef:
    values = np.random.default_rng(0).uniform(-0.5, 0.5, round(seconds * rate_hz))
    soundfile.write(path, values, rate_hz, subtype="FLOAT")
    return AudioRef(path)


def sample(*clips: AudioRef, name: str = "s", language: str = "en") -> Sample:
    return Sample(name, clips, "p", ("r",), language=language)


def run(
    model: ModelAdapter, samples: Sequence[Sample], log: Path, policy: ClipPolicy, *, max_batch_seconds: float = 240
) -> tuple[RunnerReport, dict[str, Prediction]]:
    with LogWriter(log) as writer:
        settings = RunnerSettings(max_batch_seconds=max_batch_seconds)
        report = Runner([model], GenerationOptions(), settings, writer, lambda *_: None, clips=policy).run(samples)
    return report, {one.id: one for one in read_all(log, index_log(log))}


def test_by_default_a_clip_of_any_length_reaches_the_model_whole(tmp_path: Path) -> None:
    samples = [sample(noise(tmp_path / "long.wav", 31.0), name="long"), sample(noise(tmp_path / "s.wav", 0.01))]
    _, done = run(Listening(), samples, tmp_path / "log", ClipPolicy())
    assert {one.id: (one.hypothesis, one.clips) for one in done.values()} == {
        "long": ("496000", ()),
        "s": ("160", ()),
    }


def test_a_long_clip_is_truncated_and_the_log_says_so(tmp_path: Path) -> None:
    samples = [sample(noise(tmp_path / "a.wav", 1.5), name="long"), sample(noise(tmp_path / "b.wav", 1.0))]
    model = Listening()
    _, done = run(model, samples, tmp_path / "log", ClipPolicy("truncate", max_s=1.0))
    assert done["long"].hypothesis == done["s"].hypothesis == "16000"
    assert (done["long"].clips, done["s"].clips) == (("truncated",), ())
    assert done["long"].audio_seconds == pytest.approx(1.5)  # of the corpus, not what was heard
    whole = load_waveform(samples[0].audio[0], sample_rate_hz=16_000)
    np.testing.assert_array_equal(model.heard["long"], whole[:16_000])


def test_a_short_clip_is_padded_with_zeros(tmp_path: Path) -> None:
    model = Listening()
    _, done = run(model, [sample(noise(tmp_path / "a.wav", 0.01))], tmp_path / "log", ClipPolicy(short="pad"))
    assert (done["s"].hypothesis, done["s"].clips) == ("480", ("padded",))
    assert not model.heard["s"][160:].any()


def test_the_bounds_hold_for_each_clip_of_a_sample(tmp_path: Path) -> None:
    clips = [noise(tmp_path / f"{seconds}.wav", seconds) for seconds in (0.5, 2.0, 0.1)]
    policy = ClipPolicy("truncate", max_s=1.0, short="pad", min_s=0.2)
    _, done = run(Listening(), [sample(*clips)], tmp_path / "log", policy)
    assert done["s"].hypothesis == "8000+16000+3200"
    assert done["s"].clips == ("truncated", "padded")


@pytest.mark.parametrize(
    ("policy", "seconds", "message"),
    [
        (ClipPolicy("reject", max_s=1.0), 1.5, "the clip lasts 1.5 s, --long-clips reject takes at most 1 s"),
        (ClipPolicy(short="reject"), 0.02, "the clip lasts 0.02 s, --short-clips reject takes at least 0.03 s"),
    ],
)
def test_a_rejected_clip_is_a_failure_of_its_own_class(
    tmp_path: Path, policy: ClipPolicy, seconds: float, message: str
) -> None:
    ref = noise(tmp_path / "a.wav", seconds)
    report, done = run(Listening(), [sample(ref)], tmp_path / "log", policy)
    assert done["s"].error == Failure("ClipRejectedError", f"{ref.path}: {message}")
    assert (done["s"].clips, done["s"].audio_seconds, report.num_failed) == (("rejected",), seconds, 1)


def test_a_clip_at_its_bound_is_left_alone(tmp_path: Path) -> None:
    refs = [noise(tmp_path / "a.wav", 1.0, rate_hz=44_100), noise(tmp_path / "b.wav", 0.03, rate_hz=44_100)]
    policy = ClipPolicy("reject", max_s=1.0, short="reject")
    _, done = run(Listening(), [sample(*refs)], tmp_path / "log", policy)
    assert (done["s"].hypothesis, done["s"].clips) == ("16000+480", ())


@pytest.mark.parametrize("max_batch_seconds", [0.1, 1.2, 100])
def test_chunks_hold_every_frame_once_whatever_the_batches(tmp_path: Path, max_batch_seconds: float) -> None:
    files = [noise(tmp_path / f"{number}.wav", 1.0 + 0.3 * number) for number in range(4)]
    samples = [sample(ref, name=f"s{number}") for number, ref in enumerate(files)]
    model = Listening()
    _, done = run(model, samples, tmp_path / "log", ClipPolicy("chunk", max_s=0.5), max_batch_seconds=max_batch_seconds)
    assert done["s1"].hypothesis == "6933 6933 6934"  # of 20 800 frames, in three chunks of at most 8 000
    assert all(one.clips == ("chunked",) for one in done.values())
    for one in samples:
        chunks = sorted(key for key in model.heard if key.startswith(f"{one.id}#"))
        heard = np.concatenate([model.heard[key] for key in chunks])
        np.testing.assert_array_equal(heard, load_waveform(one.audio[0], sample_rate_hz=16_000))


@given(
    num_frames=st.integers(1, 200_000),
    start=st.integers(0, 1_000),
    rate_hz=st.sampled_from([8_000, 11_025, 16_000, 44_100]),
    max_s=st.floats(0.01, 5),
)
def test_chunks_are_adjacent_nearly_equal_and_within_the_bound(
    num_frames: int, start: int, rate_hz: int, max_s: float
) -> None:
    ref = AudioRef(Path("x"), start_s=start / rate_hz)
    info = AudioInfo(start + num_frames, rate_hz, 1)
    parts = ClipPolicy("chunk", max_s=max_s, short="keep").parts(sample(ref), [info])
    spans = [(one.start_s, one.duration_s) for part in parts for one in part.sample.audio]
    if len(parts) == 1:
        assert spans == [(ref.start_s, None)] or parts[0].changes == ("chunked",)
        return
    edges = [round(begin * rate_hz) for begin, _ in spans] + [start + num_frames]
    sizes = [round((length or 0) * rate_hz) for _, length in spans]
    assert edges[0] == start
    assert [end - begin for begin, end in pairwise(edges)] == sizes
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= max_s * rate_hz + 0.1


def test_chunks_survive_the_halving_of_batches(tmp_path: Path) -> None:
    samples = [sample(noise(tmp_path / f"{number}.wav", 1.0), name=f"s{number}") for number in range(4)]
    model = Listening(fits=1)
    report, done = run(model, samples, tmp_path / "log", ClipPolicy("chunk", max_s=0.5))
    assert {one.hypothesis for one in done.values()} == {"8000 8000"}
    assert report.num_out_of_memory > 0


def test_a_sample_fails_where_one_of_its_chunks_does(tmp_path: Path) -> None:
    samples = [sample(noise(tmp_path / f"{name}.wav", 1.5), name=name) for name in "ab"]
    report, done = run(Listening(fails="a#2/3"), samples, tmp_path / "log", ClipPolicy("chunk", max_s=0.5))
    assert done["a"].error == Failure("ValueError", "chunk 2 of 3: told to fail (test_clips.py:51)")
    assert done["b"].hypothesis == "8000 8000 8000"
    assert (report.num_done, report.num_failed) == (2, 1)


def test_a_sample_whose_chunk_does_not_decode_fails(tmp_path: Path) -> None:
    ref = noise(tmp_path / "a.wav", 1.0)
    values, _ = soundfile.read(ref.path)
    values[12_000] = math.nan
    soundfile.write(ref.path, values, 16_000, subtype="FLOAT")
    _, done = run(Listening(), [sample(ref)], tmp_path / "log", ClipPolicy("chunk", max_s=0.5))
    assert done["s"].error is not None
    assert done["s"].error.message.startswith("chunk 2 of 2: ")


def test_a_sample_of_which_only_some_chunks_were_answered_is_not_in_the_log(tmp_path: Path) -> None:
    samples = [sample(noise(tmp_path / f"{name}.wav", 1.0), name=name) for name in "ab"]
    policy = ClipPolicy("chunk", max_s=0.5)
    with pytest.raises(KeyboardInterrupt):
        run(Listening(stops_after=3), samples, tmp_path / "log", policy, max_batch_seconds=0.1)
    assert [one.id for one in read_all(tmp_path / "log", index_log(tmp_path / "log"))] == ["a"]
    _, done = run(Listening(), samples[1:], tmp_path / "log", policy)
    assert done["a"].hypothesis == done["b"].hypothesis == "8000 8000"


def test_chunks_of_all_samples_are_not_held_at_once(tmp_path: Path) -> None:
    samples = [sample(noise(tmp_path / f"{number}.wav", 1.0), name=f"s{number}") for number in range(6)]
    model = Listening()
    run(model, samples, tmp_path / "log", ClipPolicy("chunk", max_s=0.5), max_batch_seconds=0.1)
    assert [one.partition("#")[0] for [one] in model.batches] == [f"s{number // 2}" for number in range(12)]


def outputs(*texts: str, truncated: Sequence[bool | None] = (None, None)) -> list[Output]:
    return [Output("x", text, truncated=flag) for text, flag in zip(texts, truncated, strict=True)]


@pytest.mark.parametrize(
    ("language", "joined"), [("en", "one two"), ("", "one two"), ("zh-CN", "onetwo"), ("ja", "onetwo")]
)
def test_texts_are_joined_with_a_space_where_the_language_has_spaces(language: str, joined: str) -> None:
    assert join_outputs(sample(), outputs(" one", "two "), language=language).text == joined


def test_an_empty_chunk_adds_no_space() -> None:
    assert join_outputs(sample(), outputs("", "two"), language="en").text == "two"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [((False, True), True), ((None, True), True), ((False, False), False), ((False, None), None)],
)
def test_a_text_is_truncated_where_one_of_its_chunks_is(
    flags: tuple[bool | None, bool | None], expected: bool | None
) -> None:
    assert join_outputs(sample(), outputs("a", "b", truncated=flags), language="en").truncated is expected


def test_what_a_user_says_goes_before_a_policy_given_from_elsewhere() -> None:
    protocol = ClipPolicy("truncate", max_s=20.0)
    assert ClipOptions().before(protocol) == protocol
    assert ClipOptions(max_s=10.0).before(protocol) == ClipPolicy("truncate", max_s=10.0)
    assert ClipOptions("keep").before(protocol).to_json() == {}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"max_s": 20.0}, "--max-clip-seconds 20 bounds nothing where --long-clips is keep; add --long-clips truncate"),
        ({"min_s": 1.0}, "--min-clip-seconds 1 bounds nothing where --short-clips is keep; add --short-clips pad or"),
        ({"long": "chunk", "max_s": math.nan}, "--max-clip-seconds is nan, expected a length above 0 s"),
        ({"long": "reject", "max_s": 0.0}, "--max-clip-seconds is 0, expected a length above 0 s"),
        ({"short": "pad", "min_s": math.inf}, "--min-clip-seconds is inf"),
        ({"long": "reject", "short": "pad", "min_s": 31.0}, "--min-clip-seconds 31 is above --max-clip-seconds 30"),
    ],
)
def test_a_policy_that_makes_no_sense_is_a_wrong_request(said: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        ClipOptions(**said).before(ClipPolicy())


def test_changes_are_counted_by_sample() -> None:
    def prediction(*clips: str) -> Prediction:
        return Prediction("x", "text", None, ("r",), 1.0, 0.0, clips=clips)

    counts = count_changes([prediction("truncated", "padded"), prediction(), prediction("truncated")])
    assert counts == {"truncated": 2, "chunked": 0, "padded": 1, "rejected": 0}


def test_a_line_without_clips_is_read_and_a_line_says_what_was_done_to_them() -> None:
    plain = Prediction("x", "text", None, ("r",), 1.0, 0.0)
    assert "clips" not in plain.to_json()
    assert Prediction.from_json({**plain.to_json(), "clips": None}) == plain
    changed = Prediction("x", "text", None, ("r",), 1.0, 0.0, clips=("truncated",))
    assert changed.to_json()["clips"] == ["truncated"]
    assert Prediction.from_json(changed.to_json()) == changed
    with pytest.raises(TypeError, match="clips must be a list of strings"):
        Prediction.from_json({**plain.to_json(), "clips": "truncated"})


@pytest.fixture
def selection(librispeech: Path) -> Selection:
    task = LibriSpeech(librispeech)  # test-clean: tones of 0.3, 0.4 and 0.5 s
    split = task.read_split("test-clean")
    return Selection(task, split, split.samples)


def evaluate(
    selection: Selection, results_dir: Path, policy: ClipOptions, model: ModelAdapter | None = None
) -> dict[str, Any]:
    settings = EvaluationSettings(results_dir=results_dir, clips=policy)
    [document] = Evaluation(model or Listening(), settings, lambda _: None).run([selection])
    return document


def test_scores_count_what_was_changed_also_of_a_run_that_was_gone_on_with(
    selection: Selection, tmp_path: Path
) -> None:
    policy = ClipOptions("reject", max_s=0.45, short="pad", min_s=0.35)
    settings = EvaluationSettings(results_dir=tmp_path, clips=policy)
    interrupted = Evaluation(Listening(stops_after=0), settings, lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        interrupted.run([selection])
    document = evaluate(selection, tmp_path, policy)
    assert document["clip_counts"] == {"truncated": 0, "chunked": 0, "padded": 1, "rejected": 1}
    assert document["clip_policy"] == {
        "long_clips": "reject",
        "max_clip_seconds": 0.45,
        "short_clips": "pad",
        "min_clip_seconds": 0.35,
    }
    assert (document["n_failed"], document["n_scored"]) == (1, 2)


def test_a_rejected_sample_is_not_tried_again(selection: Selection, tmp_path: Path) -> None:
    model = Listening()
    first = evaluate(selection, tmp_path, ClipOptions("reject", max_s=0.45), model)
    again = evaluate(selection, tmp_path, ClipOptions("reject", max_s=0.45), model)
    assert model.num_loads == 1
    assert again["clip_counts"] == first["clip_counts"]
    assert again["n_failed"] == 1


def test_another_policy_is_another_run_and_keeping_all_is_the_run_it_always_was(
    selection: Selection, tmp_path: Path
) -> None:
    kept = evaluate(selection, tmp_path, ClipOptions("keep"))
    assert kept["clip_policy"] == kept["clip_counts"] == {}
    assert kept["run_dir"] == evaluate(selection, tmp_path, ClipOptions())["run_dir"]
    others = [ClipOptions("truncate"), ClipOptions("truncate", max_s=10.0), ClipOptions(short="pad")]
    folders = {evaluate(selection, tmp_path, policy)["run_dir"] for policy in others}
    assert len({kept["run_dir"], *folders}) == 4


class Made(Task):
    name, version, splits, default_splits, metrics = "made", "1", ("test",), ("test",), ("cer",)

    def read_split(self, split: str) -> Split:
        raise NotImplementedError


def made_selection(kind: str, *clips: AudioRef, text_language: str = "") -> Selection:
    task = Made(Path())
    task.kind, task.language = kind, text_language
    samples = (sample(*clips, language="en"),)
    return Selection(task, Split("test", samples, Coverage(1, 1)), samples)


def test_a_policy_has_scores_of_its_own_in_a_baseline(selection: Selection, tmp_path: Path) -> None:
    evaluate(selection, tmp_path, ClipOptions())
    evaluate(selection, tmp_path, ClipOptions("truncate", max_s=0.4))
    assert update_baseline(tmp_path / "baseline.json", tmp_path).num_written == 2
    assert all(check.passed for check in check_baseline(tmp_path / "baseline.json", tmp_path))
    written = json.loads((tmp_path / "baseline.json").read_text())["scores"]
    assert [one.get("clip_policy") for one in written] == [{"long_clips": "truncate", "max_clip_seconds": 0.4}, None]


@pytest.mark.parametrize(
    ("kind", "text_language", "hypothesis"), [("asr", "zh", "8000 8000"), ("translation", "zh", "80008000")]
)
def test_a_transcript_is_joined_as_its_speech_and_a_translation_as_its_target(
    tmp_path: Path, kind: str, text_language: str, hypothesis: str
) -> None:
    ref = noise(tmp_path / "a.wav", 1.0)
    selection = made_selection(kind, ref, text_language=text_language)
    document = evaluate(selection, tmp_path, ClipOptions("chunk", max_s=0.5))
    log = Path(document["run_dir"], "predictions.jsonl")
    assert json.loads(log.read_text())["hypothesis"] == hypothesis


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            made_selection("captioning", AudioRef(Path("x"))),
            "made: --long-clips chunk joins texts, which asr and translation give, this",
        ),
        (
            made_selection("asr", *[AudioRef(Path("x"))] * 2),
            "made: --long-clips chunk needs samples of one clip, sample 's' has 2",
        ),
    ],
)
def test_what_cannot_be_cut_into_chunks_is_found_before_anything_is_loaded(
    selection: Selection, tmp_path: Path, wrong: Selection, message: str
) -> None:
    model = Listening()
    settings = EvaluationSettings(results_dir=tmp_path, clips=ClipOptions("chunk"))
    with pytest.raises(RequestError, match=message):
        Evaluation(model, settings, lambda _: None).run([selection, wrong])
    assert model.num_loads == 0


def test_a_model_that_hears_nothing_takes_no_policy(selection: Selection, tmp_path: Path) -> None:
    model = ScriptedModel({})
    model.sample_rate_hz = None
    with pytest.raises(RequestError, match="the model gets no audio from here: --long-clips and --short-clips have"):
        evaluate(selection, tmp_path, ClipOptions("truncate"), model)


@pytest.fixture
def long_tone(librispeech: Path) -> Path:
    path = librispeech / "LibriSpeech" / "test-clean" / "11" / "22" / "11-22-0000.flac"
    return write_tone(path, duration_s=2.0)


def test_the_command_says_what_was_changed(otoscope: Any, librispeech: Path, long_tone: Path, tmp_path: Path) -> None:
    arguments = ["--task", "librispeech:test-clean", "--model", tmp_path / "model.py", "--data-dir", librispeech]
    (tmp_path / "model.py").write_text(
        "from evaluate.model import ModelAdapter\n"
        "from evaluate.types import Output\n\n\n"
        "class Deaf(ModelAdapter):\n"
        '    name = "deaf"\n\n'
        "    def __init__(self, where=''):\n"
        "        pass\n\n"
        "    def generate(self, batch, options):\n"
        "        return [Output(request.sample.id, text='one') for request in batch]\n"
    )
    options = ["--long-clips", "truncate", "--max-clip-seconds", 1]
    result = otoscope("eval", *arguments, *options, "--results-dir", tmp_path / "results")
    assert result.status == 0
    line = "librispeech:test-clean: samples with clips truncated: 1 (long clips truncate, max clip seconds 1.0)"
    assert line in result.stdout
    assert otoscope("eval", *arguments, "--results-dir", tmp_path / "results").status == 0
    report = otoscope("report", "--results-dir", tmp_path / "results", "--out", tmp_path / "report")
    assert report.status == 0
    leaderboard = (tmp_path / "report" / "leaderboard.md").read_text()
    assert "deaf (long\\_clips=truncate, max\\_clip\\_seconds=1.0)" in leaderboard
    assert "samples with clips truncated: 1" in leaderboard


def test_a_bound_without_a_policy_is_a_wrong_request(otoscope: Any, librispeech: Path, tmp_path: Path) -> None:
    result = otoscope(
        *("eval", "--task", "librispeech", "--model", "baseline:empty", "--data-dir", librispeech),
        *("--results-dir", tmp_path, "--max-clip-seconds", 20),
    )
    assert result.status == 2
    assert "--max-clip-seconds 20 bounds nothing" in result.stderr
