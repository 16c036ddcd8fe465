"""The runner: takes the samples that are not done, decodes ahead of the model, and logs what it answers.

It knows `Task` and `ModelAdapter` and no concrete one. It alone catches what a sample or a model throws, and turns it
into a failure in the log; whatever it does not catch (Ctrl-C, a full disk) ends the run with all finished batches kept.
"""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from evaluate.audio import AudioInfo, inspect_audio, load_waveform, span_seconds
from evaluate.batching import BatchPlanner
from evaluate.clips import ClipPolicy, Part, join_outputs
from evaluate.errors import ClipRejectedError, ModelOutputError
from evaluate.model import ModelAdapter
from evaluate.prediction_log import LogWriter
from evaluate.types import Failure, GenerationOptions, Output, Prediction, Request, Sample

BATCHES_AHEAD = 2  # decoded while the model works on the one before; bounds memory


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
    model_seconds: float = 0.0
    sample_rates_hz: Counter[int] = field(default_factory=Counter)  # rate in the header → number of files
    num_out_of_memory: int = 0  # batches that did not fit and were halved


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
        model: Loaded.
        options: How text is generated.
        settings: See there.
        log: Where answers go.
        advance: Told of what is done.
        clips: What is done with clips that are too long or too short.
        text_language: Of the answers; "": the language that each sample's speech is in.
    """

    def __init__(
        self,
        model: ModelAdapter,
        options: GenerationOptions,
        settings: RunnerSettings,
        log: LogWriter,
        advance: Advance,
        *,
        clips: ClipPolicy | None = None,
        text_language: str = "",
    ) -> None:
        self._model = model
        self._options = options
        self._settings = settings
        self._log = log
        self._advance = advance
        self._clips = clips or ClipPolicy()
        self._text_language = text_language
        self._durations: dict[str, float] = {}
        self._awaited: dict[str, _Awaited] = {}  # by the sample's id; texts only, of the few samples under way
        self.report = RunnerReport()

    def run(self, samples: Sequence[Sample]) -> RunnerReport:
        """Evaluate every sample once; each ends in the log, answered or failed."""
        pool = ThreadPoolExecutor(self._settings.decode_workers, thread_name_prefix="decode")
        try:
            planner = BatchPlanner(
                self._measure(pool, samples),
                max_batch_seconds=self._settings.max_batch_seconds,
                padded_seconds=self._model.padded_seconds,
            )
            for batch in self._decoded_batches(pool, planner):
                if batch:
                    self._answer(batch, planner)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return self.report

    def _measure(self, pool: ThreadPoolExecutor, samples: Sequence[Sample]) -> list[tuple[Part, float]]:
        """Return what goes to the model, with durations; what has no readable header, or is rejected, fails here."""
        if self._model.sample_rate_hz is None:
            return [(Part(sample, sample, 0.0), 0.0) for sample in samples]
        measured = []
        for sample, headers in zip(samples, pool.map(_headers, samples), strict=True):
            if isinstance(headers, Failure):
                self._record([self._prediction(sample, Output(sample.id, error=headers), 0.0)])
                continue
            self.report.sample_rates_hz.update(info.sample_rate_hz for info in headers)
            self._durations[sample.id] = sum(map(span_seconds, sample.audio, headers))
            try:
                measured += [(part, part.seconds) for part in self._clips.parts(sample, headers)]
            except ClipRejectedError as error:
                rejected = Output(sample.id, error=_failure(error))
                self._record([self._prediction(sample, rejected, 0.0, clips=("rejected",))])
        return measured

    def _decoded_batches(self, pool: ThreadPoolExecutor, planner: BatchPlanner[Part]) -> Iterator[list[_Decoded]]:
        """Yield batches ready for the model, a few of them decoded ahead; what does not decode has failed."""
        ahead: deque[list[tuple[Part, Future[Request]]]] = deque()
        while True:
            while len(ahead) <= BATCHES_AHEAD and (batch := planner.next_batch()):
                ahead.append([(part, pool.submit(self._decode, part.sample)) for part in batch])
            if not ahead:
                return
            decoded = []
            for part, future in ahead.popleft():
                try:
                    decoded.append(_Decoded(part, future.result()))
                except Exception as error:  # whatever a decoder throws at a broken file: the sample fails alone
                    self._finish([part], [Output(part.sample.id, error=_failure(error))], 0.0)
            yield decoded

    def _decode(self, sample: Sample) -> Request:
        rate = self._model.sample_rate_hz
        if rate is None:
            return Request(sample, ())
        waveforms = (load_waveform(ref, sample_rate_hz=rate) for ref in sample.audio)
        return Request(sample, tuple(self._clips.pad(waveform, sample_rate_hz=rate) for waveform in waveforms))

    def _answer(self, batch: list[_Decoded], planner: BatchPlanner[Part]) -> None:
        """Put a batch to the model; a batch that fails is halved until the request at fault stands alone."""
        durations = [one.part.seconds for one in batch]
        if not planner.fits(durations):  # planned before the budget shrank
            self._answer_halves(batch, planner)
            return
        requests = [one.request for one in batch]
        started = time.perf_counter()
        failed = out_of_memory = False
        try:
            outputs = _matched(requests, self._model.generate(requests, self._options))
        except Exception as error:  # any model, any fault: the boundary that turns it into a failure in the log
            failed, out_of_memory = True, is_out_of_memory(error)
            outputs = [Output(requests[0].sample.id, error=_failure(error))]
        latency_s = time.perf_counter() - started
        self.report.model_seconds += latency_s
        if out_of_memory:  # handled here, where the exception no longer holds the frames that hold the memory
            self.report.num_out_of_memory += 1
            self._model.release_memory()
        if failed and len(batch) > 1:
            if out_of_memory:
                planner.halve_budget(durations)
            self._answer_halves(batch, planner)
            return
        self._finish([one.part for one in batch], outputs, latency_s)

    def _answer_halves(self, batch: list[_Decoded], planner: BatchPlanner[Part]) -> None:
        middle = len(batch) // 2
        self._answer(batch[:middle], planner)
        self._answer(batch[middle:], planner)

    def _finish(self, parts: Sequence[Part], outputs: Sequence[Output], latency_s: float) -> None:
        """Log the samples whose last part is in a batch; what the others gave so far is kept."""
        for part, output in zip(parts, outputs, strict=True):
            self._awaited.setdefault(part.whole.id, _Awaited()).outputs[part.number] = output
        finished = []
        for part in {part.whole.id: part for part in parts}.values():
            sample, awaited = part.whole, self._awaited[part.whole.id]
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
        )

    def _record(self, predictions: list[Prediction]) -> None:
        self._log.append(predictions)
        seconds = sum(prediction.audio_seconds or 0.0 for prediction in predictions)
        self.report.num_done += len(predictions)
        self.report.num_failed += sum(prediction.error is not None for prediction in predictions)
        self.report.audio_seconds += seconds
        self._advance(len(predictions), seconds)


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
    return Failure(type(error).__name__, " ".join(str(error).split()) or "no message")


def _matched(requests: Sequence[Request], outputs: Iterable[Output]) -> list[Output]:
    """Return one output per request, in the order of the requests.

    A request without an output is a failure. An output for a sample that was not asked for, or a second one for the
    same sample, means that answers may stand with the wrong samples, so the whole batch is in doubt.

    Raises:
        ModelOutputError: An id was not asked for, or came twice.
    """
    by_id: dict[str, Output] = {}
    asked = {request.sample.id for request in requests}
    for output in outputs:
        if output.sample_id not in asked or output.sample_id in by_id:
            what = "answered twice" if output.sample_id in by_id else "was not in the batch"
            raise ModelOutputError(f"the model's answers do not fit its batch: sample {output.sample_id!r} {what}")
        by_id[output.sample_id] = output
    missing = Failure(ModelOutputError.__name__, "the model returned nothing for this sample")
    return [by_id.get(request.sample.id) or Output(request.sample.id, error=missing) for request in requests]
