"""The runner: takes the samples that are not done, decodes ahead of the model, and logs what it answers.

It knows `Task` and `ModelAdapter` and no concrete one. It alone catches what a sample or a model throws, and turns it
into a failure in the log; whatever it does not catch (Ctrl-C, a full disk, a server that is gone) ends the run with all
finished batches kept.
Several copies of a model share the batches, each driven by a thread; one copy is driven by the caller's own.
"""

import sys
import sysconfig
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path

from evaluate.audio import AudioInfo, inspect_audio, span_seconds
from evaluate.batching import BatchPlanner
from evaluate.clips import ClipPolicy, Part, join_outputs
from evaluate.engines.decoding import read_request
from evaluate.errors import AudioDecodeError, ClipRejectedError, MachineError, ModelOutputError, Terminated
from evaluate.model import ModelAdapter
from evaluate.prediction_log import LogWriter
from evaluate.secrets import hide_secrets
from evaluate.types import Failure, GenerationOptions, Output, Prediction, Request, Sample

ROUNDING_S = 0.01  # a resampler's; less than a frame of features
RUN_ON_S = 1.0  # decoded beyond what a model hears: no value within it then depends on where a resampler ended
_PACKAGES = Path(__file__).resolve().parents[1]
# What is Otoscope's, Python's or a library's; the rest is a user's own.
_NOT_OWN = (
    *(_PACKAGES / name for name in ("evaluate", "models", "tasks")),
    *map(Path, {*sysconfig.get_paths().values(), sys.base_prefix + "/lib"}),
)
_INSTALLED = {"site-packages", "dist-packages"}  # also of the user, and of other environments
BATCHES_AHEAD = 2  # decoded for each copy of the model while it works on the one before; bounds memory


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """How the work is cut up; none of it changes an answer."""

    max_batch_seconds: float = 240.0
    decode_workers: int = 2


@dataclass(slots=True)
class RunnerReport:
    """What a run did, for run.json and the screen."""

    num_done: int = 0
    num_failed: int = 0
    audio_seconds: float = 0.0
    model_seconds: float = 0.0  # in calls of the model, of all its copies
    decode_seconds: float = 0.0  # reading and resampling, of all threads
    given_seconds: float = 0.0  # of audio, that the model was given; what was tried again counts again
    padded_seconds: float = 0.0  # the same with the padding to the longest of each batch
    sample_rates_hz: Counter[int] = field(default_factory=Counter)  # rate in the header → number of files
    num_out_of_memory: int = 0  # batches that did not fit and were halved
    largest_batch: int = 0  # samples, or chunks of them, that the model was given together
    usage: Counter[str] = field(default_factory=Counter)  # sums of what the answers cost, see Output.usage

    @property
    def padding_share(self) -> float | None:
        """How much of what the model was given was padding, from 0 to 1; None where it was given no audio."""
        return 1 - self.given_seconds / self.padded_seconds if self.padded_seconds > 0 else None


Advance = Callable[[int, float], None]  # number of samples done, their audio seconds


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A part of a sample, ready for the model."""

    part: Part
    request: Request


@dataclass(slots=True)
class _Awaited:
    """What a sample's parts have given so far; they may be in different batches."""

    outputs: dict[int, Output] = field(default_factory=dict)  # by the part's number
    latency_s: float = 0.0


class Runner:
    """Evaluates samples with a loaded model and appends the answers to a log.

    Args:
        models: Loaded; equal copies of one model, if there are several.
        options: How text is generated.
        settings: See there.
        log: Where answers go.
        advance: Told of what is done.
        clips: What is done with clips that are too long or too short.
        text_language: Of the answers; "": the language that each sample's speech is in.
        decode: Reads a sample's audio, see `Engine.decode`; default: here.
    """

    def __init__(
        self,
        models: Sequence[ModelAdapter],
        options: GenerationOptions,
        settings: RunnerSettings,
        log: LogWriter,
        advance: Advance,
        *,
        clips: ClipPolicy | None = None,
        text_language: str = "",
        decode: Callable[..., Request] = read_request,
    ) -> None:
        self._models = models
        self._model = models[0]
        self._options = options
        self._settings = settings
        self._log = log
        self._advance = advance
        self._clips = clips or ClipPolicy()
        self._text_language = text_language
        self._read_request = decode
        self._durations: dict[str, float] = {}
        self._awaited: dict[str, _Awaited] = {}  # by the sample's id; texts only, of the few samples under way
        self._lock = threading.RLock()  # guards all of the above, the log and the report
        self._decode_lock = threading.Lock()  # of its own: the other one is held while decoding is waited for
        self._is_stopped = False
        self.report = RunnerReport()

    def run(self, samples: Sequence[Sample]) -> RunnerReport:
        """Evaluate every sample once; each ends in the log, answered or failed."""
        pool = ThreadPoolExecutor(self._settings.decode_workers, thread_name_prefix="decode")
        try:
            planner = BatchPlanner(
                self._measure(pool, samples),
                seconds=attrgetter("seconds"),
                max_batch_seconds=self._settings.max_batch_seconds,
                padded_seconds=self._model.padded_seconds,
            )
            self._answer_all(self._decoded_batches(pool, planner), planner)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return self.report

    def _answer_all(self, batches: Iterator[list[_Decoded]], planner: BatchPlanner[Part]) -> None:
        """Put the batches to the copies of the model, each as soon as it is free."""
        if len(self._models) == 1:
            for batch in batches:
                self._answer(self._model, batch, planner)
            return

        def work(model: ModelAdapter) -> None:
            while True:
                with self._lock:
                    batch = None if self._is_stopped else next(batches, None)
                if batch is None:
                    return
                self._answer(model, batch, planner)

        threads = ThreadPoolExecutor(len(self._models), thread_name_prefix="model")
        try:
            working = [threads.submit(work, model) for model in self._models]
            wait(working, return_when=FIRST_EXCEPTION)
            for one in working:
                if one.done():
                    one.result()
        except BaseException:
            self._is_stopped = True
            for model in self._models:
                model.stop()
            raise
        finally:
            threads.shutdown(wait=True)

    def _measure(self, pool: ThreadPoolExecutor, samples: Sequence[Sample]) -> list[Part]:
        """Return what goes to the model, measured; what has no readable header, or is rejected, fails here."""
        if self._model.sample_rate_hz is None:
            return [Part(sample, sample, 0.0) for sample in samples]
        measured = []
        for sample, headers in zip(samples, pool.map(_headers, samples), strict=True):
            if isinstance(headers, Failure):
                self._record([self._prediction(sample, Output(sample.id, error=headers), 0.0)])
                continue
            self.report.sample_rates_hz.update(info.sample_rate_hz for info in headers)
            self._durations[sample.id] = sum(map(span_seconds, sample.audio, headers))
            try:
                measured += [self._as_heard(part, headers) for part in self._clips.parts(sample, headers)]
            except ClipRejectedError as error:
                rejected = Output(sample.id, error=_failure(error))
                self._record([self._prediction(sample, rejected, 0.0, clips=("rejected",))])
        return measured

    def _as_heard(self, part: Part, headers: Sequence[AudioInfo]) -> Part:
        """Return a part marked as truncated, where the model itself cuts a clip of it.

        Of such clips little more is decoded than is heard, as a recording of hours takes gigabytes of memory.
        """
        heard_s = self._model.heard_s
        spans = [(ref, span_seconds(ref, info)) for ref, info in zip(part.sample.audio, headers, strict=True)]
        if heard_s is None or all(length_s <= heard_s + ROUNDING_S for _, length_s in spans):
            return part
        decoded_s = heard_s + RUN_ON_S
        audio = tuple(replace(ref, duration_s=decoded_s) if length_s > decoded_s else ref for ref, length_s in spans)
        return replace(part, sample=replace(part.sample, audio=audio), changes=(*part.changes, "truncated"))

    def _decoded_batches(self, pool: ThreadPoolExecutor, planner: BatchPlanner[Part]) -> Iterator[list[_Decoded]]:
        """Yield batches ready for the model, a few of them decoded ahead; what does not decode has failed."""
        ahead: deque[list[tuple[Part, Future[Request]]]] = deque()
        while True:
            while len(ahead) <= BATCHES_AHEAD * len(self._models) and (batch := planner.next_batch()):
                ahead.append([(part, pool.submit(self._decode, part.sample)) for part in batch])
            if not ahead:
                return
            decoded = []
            for part, future in ahead.popleft():
                try:
                    decoded.append(_Decoded(part, future.result()))
                except Exception as error:  # whatever a decoder throws at a broken file: the sample fails alone
                    self._finish([(part, Output(part.sample.id, error=_failure(error)))], 0.0)
            yield decoded

    def _decode(self, sample: Sample) -> Request:
        started = time.perf_counter()
        try:
            return self._read_request(sample, sample_rate_hz=self._model.sample_rate_hz, clips=self._clips)
        except SystemExit as error:  # of a library: passed on, it would end the run, perhaps with status 0
            raise AudioDecodeError(f"sample {sample.id!r}: what decodes it called exit ({error.code})") from error
        finally:
            with self._decode_lock:
                self.report.decode_seconds += time.perf_counter() - started

    def _answer(self, model: ModelAdapter, batch: list[_Decoded], planner: BatchPlanner[Part]) -> None:
        """Put a batch to the model; a batch that fails is halved until the request at fault stands alone."""
        if not batch:
            return
        durations = [one.part.seconds for one in batch]
        if not planner.fits(durations):  # planned before the budget shrank
            self._answer_halves(model, batch, planner)
            return
        started = time.perf_counter()
        failure: Failure | None = None
        out_of_memory = False
        left = {one.request.sample.id: one for one in batch}
        answered: list[tuple[Part, Output]] = []
        try:
            with _closed(model.generate([one.request for one in batch], self._options)) as outputs:
                for output in outputs:
                    one = _asked(left, output, batch)
                    answered.append((one.part, output))
                    if model.answers_singly:
                        self._finish(answered, time.perf_counter() - started)
                        answered = []
        except MachineError:  # no fault of these samples: a server that is gone, a copy that cannot be started again
            raise
        except Terminated:
            raise
        except (Exception, SystemExit) as error:  # any model, any fault: the boundary that turns it into a failure
            if self._is_stopped:  # most likely because it was stopped; what it was asked is left for the next session
                return
            failure, out_of_memory = _failure(error), is_out_of_memory(error)
        latency_s = time.perf_counter() - started
        with self._lock:
            self.report.model_seconds += latency_s
            self.report.given_seconds += sum(durations)
            self.report.padded_seconds += model.padded_seconds(max(durations)) * len(batch)
            self.report.largest_batch = max(self.report.largest_batch, len(batch))
            self.report.num_out_of_memory += out_of_memory
        if out_of_memory:  # handled here, where the exception no longer holds the frames that hold the memory
            model.release_memory()
        if failure is None:
            nothing = Failure(ModelOutputError.__name__, "the model returned nothing for this sample")
            answered += [(one.part, Output(sample_id, error=nothing)) for sample_id, one in left.items()]
            self._finish(answered, latency_s)
            return
        rest = list(left.values()) if model.answers_singly else batch  # else they may stand with the wrong samples
        if len(batch) == 1:
            self._finish([(one.part, Output(one.request.sample.id, error=failure)) for one in rest], latency_s)
            return
        if out_of_memory:
            with self._lock:
                planner.halve_budget(durations)
        self._answer_halves(model, rest, planner)

    def _answer_halves(self, model: ModelAdapter, batch: list[_Decoded], planner: BatchPlanner[Part]) -> None:
        middle = (len(batch) + 1) // 2
        self._answer(model, batch[:middle], planner)
        self._answer(model, batch[middle:], planner)

    def _finish(self, answered: Sequence[tuple[Part, Output]], latency_s: float) -> None:
        """Log the samples whose last part has been answered; what the others gave so far is kept."""
        with self._lock:
            for part, output in answered:
                awaited = self._awaited.setdefault(part.whole.id, _Awaited())
                awaited.outputs[part.number] = output
                if output.latency_s is not None:
                    awaited.latency_s += output.latency_s
            finished = []
            for part, in_batch in _parts_by_sample(answered):
                sample, awaited = part.whole, self._awaited[part.whole.id]
                if any(output.latency_s is None for output in in_batch):
                    awaited.latency_s += latency_s
                if len(awaited.outputs) == part.num_parts:
                    del self._awaited[sample.id]
                    in_order = [awaited.outputs[number] for number in range(part.num_parts)]
                    output = join_outputs(sample, in_order, language=self._text_language or sample.language)
                    finished.append(self._prediction(sample, output, awaited.latency_s, clips=part.changes))
            self._record(finished)

    def _prediction(
        self, sample: Sample, output: Output, latency_s: float, *, clips: tuple[str, ...] = ()
    ) -> Prediction:
        return Prediction(
            id=sample.id,
            hypothesis=output.text,
            error=output.error,
            references=sample.references,
            audio_seconds=self._durations.get(sample.id),
            latency_seconds=round(latency_s, 6),
            truncated=output.truncated,
            prompt=sample.prompt,
            groups=sample.groups,
            audio=tuple(str(ref.path.absolute()) for ref in sample.audio),  # pages find it from wherever they are made
            spans=_spans(sample),
            clips=clips,
            usage=output.usage,
            details=output.details,
        )

    def _record(self, predictions: list[Prediction]) -> None:
        self._log.append(predictions)
        seconds = sum(prediction.audio_seconds or 0.0 for prediction in predictions)
        self.report.num_done += len(predictions)
        self.report.num_failed += sum(prediction.error is not None for prediction in predictions)
        self.report.audio_seconds += seconds
        for prediction in predictions:
            self.report.usage.update(prediction.usage)  # a Counter adds fractions too
        self._advance(len(predictions), seconds)


@contextmanager
def _closed(outputs: Iterable[Output]) -> Iterator[Iterable[Output]]:
    """End a generator with the block, not when it is collected: what it has under way, like requests, ends with it."""
    if not isinstance(outputs, Iterable):
        raise ModelOutputError(f"generate returned {outputs!r:.60}, expected an Output for each request of its batch")
    try:
        yield outputs
    finally:
        if isinstance(outputs, Generator):
            outputs.close()


def _parts_by_sample(answered: Sequence[tuple[Part, Output]]) -> list[tuple[Part, list[Output]]]:
    """Return a part of each sample with the outputs of all of its parts that were answered together."""
    together: dict[str, tuple[Part, list[Output]]] = {}
    for part, output in answered:
        together.setdefault(part.whole.id, (part, []))[1].append(output)
    return list(together.values())


def _headers(sample: Sample) -> list[AudioInfo] | Failure:
    """Return what the header of each clip of a sample says; a span that it cannot have is a failure."""
    headers = []
    try:
        for ref in sample.audio:
            headers.append(inspect_audio(ref.path))
            span_seconds(ref, headers[-1])
    except Exception as error:  # whatever a broken header makes a library throw: the sample fails alone
        return _failure(error)
    return headers


def _spans(sample: Sample) -> tuple[tuple[float, float | None], ...]:
    """Return start and duration of each clip, () where all are whole files."""
    spans = tuple((ref.start_s, ref.duration_s) for ref in sample.audio)
    return () if all(span == (0.0, None) for span in spans) else spans


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that a smaller batch could work; told by name, so that torch is not imported here."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"OutOfMemoryError", "MemoryError"}) or (
        isinstance(error, RuntimeError) and "out of memory" in str(error).lower()
    )


def _failure(error: BaseException) -> Failure:
    message = " ".join(hide_secrets(str(error)).split()) or "no message"
    return Failure(type(error).__name__, message + _place_in_own_code(error))


def _place_in_own_code(error: BaseException) -> str:
    """Return " (file:line)" of the line at fault in a user's own Python file, "" where there is none."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if _INSTALLED & set(file.parts) or any(file.is_relative_to(folder) for folder in _NOT_OWN):
            continue
        if file.is_file():
            return f" ({file.name}:{frame.lineno})"
    return ""


def _asked(left: dict[str, _Decoded], output: Output, batch: Sequence[_Decoded]) -> _Decoded:
    """Return, and take out of what is left, the request that an output answers.

    Raises:
        ModelOutputError: It was not asked for, or is answered already: answers may stand with the wrong samples.
    """
    if not isinstance(output, Output):
        raise ModelOutputError(
            f"generate yielded a {type(output).__name__}, expected an Output: Output(request.sample.id, text=…)"
        )
    one = left.pop(output.sample_id, None)
    if one is None:
        was_asked = any(other.request.sample.id == output.sample_id for other in batch)
        what = "answered twice" if was_asked else "was not in the batch"
        raise ModelOutputError(f"the model's answers do not fit its batch: sample {output.sample_id!r} {what}")
    return one
