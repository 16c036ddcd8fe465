"""Copies of a model on the machines of a Ray cluster: `--engine ray`.

Each copy is an actor; the runner's threads borrow whichever is free, so that one that is lost is missed by nobody. What
it was asked is asked of another, and a new actor is started wherever the cluster has room. A batch that has cost
MAX_DEATHS actors is taken to be at fault: it is halved until the sample at fault fails alone.

Audio is decoded by tasks on the cluster's nodes where these see the files, and goes from there to the model without
passing through this process; else it is decoded here and sent. How much is under way is bounded by the runner, which
decodes a few batches ahead for each copy.
"""

import logging
import os
import pickle
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluate import __version__
from evaluate.clips import ClipPolicy
from evaluate.decoding import read_request
from evaluate.engine import Engine
from evaluate.errors import (
    AudioDecodeError,
    MachineError,
    ModelDiedError,
    ModelLoadError,
    OtoscopeError,
    RequestError,
)
from evaluate.model import ModelAdapter
from evaluate.remote import Answer, Factory, ModelCopy, ModelHost, checked, dumps
from evaluate.types import GenerationOptions, Output, Request, Sample

if TYPE_CHECKING:
    from evaluate.task import Split, Task

MAX_DEATHS = 3  # actors that a batch may cost before the fault is looked for in the batch; also of one start
PLACE_S = 30.0  # how long the copies that run wait for others that the cluster has no room for
WAIT_S = 600.0  # how long a run without a copy waits for one
CONNECT_S = 10.0
# What is claimed of a node's CPUs leaves some to decoding on a node that models have filled: without it they would wait
# for each other.
MODEL_CPUS = 0.99
READER_CPUS = 0.01
CLOSING_S = 5.0

Notice = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RayOptions:
    """What the command says of the cluster."""

    address: str | None = None  # HOST:PORT, "auto" or "local"; None: RAY_ADDRESS, else a cluster of this machine alone
    num_models: int | None = None  # None: as many as there is room for
    gpus_per_model: float | None = None  # None: one where the model takes it and the cluster has any

    def __post_init__(self) -> None:
        gpus = self.gpus_per_model
        if gpus is not None and not (0 <= gpus <= 1 or gpus % 1 == 0):  # also nan
            raise RequestError(f"--ray-gpus-per-model is {gpus:g}, expected a fraction of one GPU or a whole number")


def sees_file(path: Path, num_bytes: int) -> bool:
    """Whether a file is here, as far as its size tells."""
    try:
        return path.is_file() and path.stat().st_size == num_bytes
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return False


@dataclass(frozen=True, slots=True)
class _SentRequest(Request):
    """A request whose waveforms lie somewhere in the cluster."""

    audio: Any = None  # reference to them; None: there are none


class RayEngine(Engine):
    """One actor for each copy of a model.

    Args:
        model: The model as it stands here, not loaded: it says what needs no weights.
        factory: Makes a copy of it, on another machine.
        options: See there.
        notice: Gets what people should know, a line at a time.
        wants_gpu: Whether a copy is given a GPU, where the options do not say and the cluster has one.
        takes_device: Whether it computes on the machine where it is; one copy of a model that does not is enough.
        sees: Whether a node sees a file of so many bytes; another is for tests.
    """

    def __init__(
        self,
        model: ModelAdapter,
        factory: Factory,
        options: RayOptions,
        notice: Notice,
        *,
        wants_gpu: bool = False,
        takes_device: bool = True,
        sees: Callable[[Path, int], bool] = sees_file,
    ) -> None:
        _import_ray()  # so that its absence shows before anything else is done
        self._model = model
        self._made_by = dumps(factory)
        self._options = options
        self._notice = notice
        self._wants_gpu, self._takes_device = wants_gpu, takes_device
        self._sees = dumps(sees)
        self._models: list[RayModel] = []
        self._copies: _Copies | None = None
        self._read: Any = None  # the task that decodes
        self._num_nodes = 1
        self._is_connected_here = False  # False: whoever runs this process has connected it before
        self._has_readers = True  # whether a node has CPUs
        self._is_shared = True  # whether nodes are taken to see the files
        self._device = ""
        self._reading = threading.Condition()  # guards the next two
        self._num_reading = 0
        self._is_closed = False

    @property
    def models(self) -> "Sequence[RayModel]":
        return self._models

    @property
    def device(self) -> str:
        return self._device

    @property
    def num_readers(self) -> int:
        return self._num_nodes

    def load(self) -> None:
        if self._models:
            return
        ray = _import_ray()
        if not ray.is_initialized():
            _connect(ray, self._options.address)
            self._is_connected_here = True
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        num_computing = sum(node.get("CPU", 0) >= 1 for node in nodes)
        self._num_nodes = max(1, num_computing)
        self._has_readers = num_computing > 0
        num_gpus = self._options.gpus_per_model
        if num_gpus is None:
            num_gpus = float(self._wants_gpu and any(node.get("GPU") for node in nodes))
        num_models = self._options.num_models or self._room(nodes, num_gpus)
        num_cpus = 0 if num_gpus else MODEL_CPUS
        self._read = ray.remote(num_cpus=READER_CPUS, num_returns=2, scheduling_strategy="SPREAD")(_read)
        # Workers take seconds to start: they do while the models load.
        for _ in range(2 * num_computing):
            self._read.remote(None, self._sees)
        actor = ray.remote(num_cpus=num_cpus, num_gpus=num_gpus, scheduling_strategy="SPREAD")(_Actor)
        arguments = (self._made_by, _num_threads(nodes, num_models), str(Path.cwd()))
        self._copies = _Copies(ray, lambda: actor.remote(*arguments), self._notice)
        self._copies.start(num_models, claim=f"{num_gpus:g} GPU" if num_gpus else "1 CPU")
        self._models = [RayModel(self._model, self._copies) for _ in range(num_models)]
        for model in self._models:
            model.learn_rate()
        claimed = f", {num_gpus:g} GPU each" if num_gpus else ""
        self._device = f"ray: {num_models} × {self._models[0].place()}{claimed}"

    def begin(self, task: "Task", split: "Split", asked: Sequence[Sample]) -> dict[str, Any]:
        assert self._copies is not None, "load() comes first"
        self._is_shared = self._has_readers
        return self._copies.begin(task, split, asked)

    def decode(self, sample: Sample, *, sample_rate_hz: int | None, clips: ClipPolicy) -> Request:
        if sample_rate_hz is None or not sample.audio:
            return _SentRequest(sample, ())
        with self._reading:
            if self._is_closed:
                raise AudioDecodeError("the run was broken off")
            self._num_reading += 1
        try:
            return self._decoded(sample, sample_rate_hz, clips)
        finally:
            with self._reading:
                self._num_reading -= 1
                self._reading.notify_all()

    def _decoded(self, sample: Sample, sample_rate_hz: int, clips: ClipPolicy) -> Request:
        ray = _import_ray()
        if self._is_shared:
            refs = tuple(replace(ref, file=ref.path.absolute()) for ref in sample.audio)
            sizes = [ref.path.stat().st_size for ref in refs]
            packed = dumps((replace(sample, audio=refs), sample_rate_hz, clips, sizes))
            outcome, audio = self._read.remote(packed, self._sees)
            try:
                what, value = checked(ray.get(outcome))
            except ray.exceptions.RayError as error:  # tried elsewhere by Ray itself before this
                raise AudioDecodeError(f"{refs[0].path}: the process that read it ended: {_reason(error)}") from error
            if what == "done":
                return _SentRequest(sample, (), audio)
            if self._is_shared:
                self._is_shared = False
                self._notice(f"{value}: not seen by every node of the cluster: audio is decoded here and sent there")
        request = read_request(sample, sample_rate_hz=sample_rate_hz, clips=clips)
        return _SentRequest(sample, (), ray.put(request.waveforms))

    def close(self) -> None:
        if self._copies is not None:
            self._copies.close()
        with self._reading:
            self._is_closed = True
            self._reading.wait_for(lambda: self._num_reading == 0, CLOSING_S)
        if self._is_connected_here:
            _import_ray().shutdown()

    def _room(self, nodes: Sequence[dict[str, float]], num_gpus: float) -> int:
        """Return for how many copies the nodes have room, one on each where the model computes on CPUs.

        Raises:
            MachineError: There is none.
        """
        if not self._takes_device:
            return 1
        if not num_gpus:
            return self._num_nodes
        on_one = int(1 / num_gpus + 1e-6)  # a fraction is of one GPU
        room = sum(int(node.get("GPU", 0) * on_one if on_one else node.get("GPU", 0) / num_gpus) for node in nodes)
        if room == 0:
            raise MachineError(
                f"no node of the Ray cluster has {num_gpus:g} GPUs, which --ray-gpus-per-model asks for; "
                "name fewer, or name --ray-models to wait for nodes that are added"
            )
        return room


class RayModel(ModelCopy):
    """Puts batches to whichever copy is free, as the runner's threads drive one each.

    Args:
        model: What they are copies of; answers what needs no weights.
        copies: All of them.
    """

    def __init__(self, model: ModelAdapter, copies: "_Copies") -> None:
        super().__init__(model)
        self._copies = copies

    def place(self) -> str:
        """Return where a copy computes."""
        device: str = self._call("device")
        return device

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        left = {request.sample.id: request for request in batch}
        num_deaths = 0
        while True:
            try:
                with self._copies.borrowed() as copy:
                    outputs: Iterable[Output] = self._copies.generate(copy, list(left.values()), options)
                    if not self.answers_singly:
                        outputs = list(outputs)  # held back: where the copy is lost, all of the batch is asked again
                    for output in outputs:
                        left.pop(output.sample_id, None)
                        yield output
                    return
            except _LostError as error:
                num_deaths += 1
                # Where the run is broken off, borrowing says so.
                if self._copies.is_given_up(left, num_deaths):
                    raise ModelDiedError(f"the model died over this {num_deaths} times, at last so: {error}") from error

    def release_memory(self) -> None:
        self._copies.release_memory()

    def stop(self) -> None:
        self._copies.stop()

    def _call(self, method: str, *arguments: Any) -> Any:
        while True:
            with suppress(_LostError), self._copies.borrowed() as copy:
                return self._copies.call(copy, method, *arguments)


class _LostError(Exception):
    """A copy of the model is gone, or out of reach; says how."""


@dataclass(slots=True)
class _Copy:
    """A copy that has been loaded."""

    actor: Any
    split_number: int = 0  # which split it was made ready for last


class _Copies:
    """The copies that are ready, and those that will be.

    Args:
        ray: The module.
        create: Starts an actor, which is placed when there is room.
        notice: Gets what people should know.
    """

    def __init__(self, ray: Any, create: Callable[[], Any], notice: Notice) -> None:
        self._ray = ray
        self._create = create
        self._notice = notice
        self._changed = threading.Condition()  # guards all of the below
        self._idle: deque[_Copy] = deque()
        self._actors: list[Any] = []  # all that are not known to be gone
        self._num_ready = 0  # idle or borrowed
        self._num_starting = 0
        self._starting: list[threading.Thread] = []
        self._num_unplaced = 0  # of these, those that the cluster has not found room for
        self._failure: OtoscopeError | None = None  # why the last start came to nothing
        self._split_number = 0
        self._begun: Any = None  # what the last begin() said, in the cluster
        self._prepared: dict[str, Any] = {}
        self._suspects: set[str] = set()  # samples of batches that have cost MAX_DEATHS actors
        self._is_stopped = False

    def start(self, number: int, *, claim: str) -> None:
        """Start copies, and wait until all that the cluster has room for are ready.

        Args:
            number: Of copies.
            claim: What each takes of its node, for people.

        Raises:
            ModelLoadError: One does not load.
            MachineError: The cluster has room for none.
        """
        started_s = time.monotonic()
        with self._changed:
            for _ in range(number):
                self._start_one()
            while self._num_starting and not self._failure:
                waited_s = time.monotonic() - started_s
                if self._num_starting == self._num_unplaced and waited_s > (PLACE_S if self._num_ready else WAIT_S):
                    room = (
                        f"the Ray cluster has room for {self._num_ready} of {number} copies of the model ({claim} each)"
                    )
                    if not self._num_ready:
                        raise MachineError(f"{room}, also after {WAIT_S:g} s; free some, or claim less")
                    self._notice(f"{room}; the others join when it has more")
                    return
                self._changed.wait(1.0)
            if self._failure:
                raise self._failure

    def begin(self, *arguments: Any) -> dict[str, Any]:
        """Have copies make themselves ready for a split; returns what one would have kept of it in run.json.

        The others do so when they are given their first batch of it.
        """
        with self._changed:
            self._begun = self._ray.put(dumps(("begin", arguments)))
            self._split_number += 1
            self._suspects = set()
        while True:
            with suppress(_LostError), self.borrowed():
                return self._prepared

    @contextmanager
    def borrowed(self) -> Iterator[_Copy]:
        """Take a copy that is free and ready for the split; one that is lost meanwhile is replaced.

        Raises:
            _LostError: It is lost.
            MachineError: None is left, and none comes.
        """
        copy = self._take()
        lost = ""
        try:
            self._make_ready(copy)
            yield copy
        except self._ray.exceptions.RayError as error:
            lost = _reason(error)
            raise _LostError(lost) from error
        finally:
            with self._changed:
                if lost:
                    self._replace(copy, lost)
                else:
                    self._idle.append(copy)
                self._changed.notify_all()

    def call(self, copy: _Copy, method: str, *arguments: Any) -> Any:
        """Return what a method of a copy returns."""
        return self._result(copy, dumps((method, arguments)))

    def _result(self, copy: _Copy, packed: Any) -> Any:
        for what, value in self._answers(copy.actor, packed):
            if what == "done":
                return value
        raise AssertionError("an actor says at last how it ended")

    def generate(self, copy: _Copy, batch: Sequence[Request], options: GenerationOptions) -> Iterator[Output]:
        """Yield what a copy answers to a batch."""
        sent = [request.audio if isinstance(request, _SentRequest) else request.waveforms for request in batch]
        samples = [request.sample for request in batch]
        for what, value in self._answers(copy.actor, dumps(("generate", (samples, options))), sent):
            if what == "output":
                yield value

    def is_given_up(self, ids: Iterable[str], num_deaths: int) -> bool:
        """Whether a batch that has cost so many actors is at fault, so that it is to be halved.

        A part of a batch that was halved so gets one try, unless it is a sample alone: that one is judged by it.
        """
        asked = set(ids)
        with self._changed:
            most = 1 if len(asked) > 1 and asked <= self._suspects else MAX_DEATHS
            if num_deaths < most or self._is_stopped:
                return False
            self._suspects |= asked
            return True

    def release_memory(self) -> None:
        """Have all copies that are there give back what a failed batch may have left; nobody waits for that."""
        with self._changed:
            for actor in self._actors:
                actor.serve.remote(dumps(("release_memory", ())))

    def stop(self) -> None:
        """End all copies, busy or not."""
        with self._changed:
            self._is_stopped = True
            for actor in self._actors:
                self._ray.kill(actor)
            self._actors.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """End all copies, and wait for the threads that start some: they must not outlive the connection."""
        self.stop()
        for thread in self._starting:
            thread.join(CLOSING_S)

    def _make_ready(self, copy: _Copy) -> None:
        number = self._split_number
        if copy.split_number == number:
            return
        try:
            self._result(copy, self._begun)
            self._prepared = self.call(copy, "prepare")
        except (OtoscopeError, self._ray.exceptions.RayError):
            raise
        except Exception as error:  # not a sample's fault: the run ends
            raise ModelLoadError(f"a copy of the model cannot be made ready: {_failure_line(error)}") from error
        copy.split_number = number

    def _answers(self, actor: Any, packed: Any, sent: Sequence[Any] = ()) -> Iterator[Answer]:
        for answer in actor.serve.options(num_returns="streaming").remote(packed, *sent):
            yield checked(self._ray.get(answer))

    def _take(self) -> _Copy:
        with self._changed:
            alone_s = time.monotonic()  # since when there was none
            is_said = False
            while not self._idle:
                if self._is_stopped:
                    raise MachineError("the run was broken off")  # no failure of a sample's
                if self._num_ready:
                    alone_s = time.monotonic()
                elif not self._num_starting:
                    raise self._failure or MachineError("no copy of the model is left")
                elif (waited_s := time.monotonic() - alone_s) > WAIT_S:
                    raise MachineError(f"the Ray cluster has had no room for a copy of the model for {WAIT_S:g} s")
                elif waited_s > PLACE_S and not is_said:
                    is_said = True
                    self._notice("no copy of the model is left; waiting until the cluster has room for one")
                self._changed.wait(1.0)
            return self._idle.popleft()

    def _replace(self, copy: _Copy, reason: str) -> None:
        self._num_ready -= 1
        if self._is_stopped:
            return
        self._notice(f"a copy of the model is lost, another is started: {reason}")
        self._end(copy.actor)
        self._start_one()

    def _end(self, actor: Any) -> None:
        if actor in self._actors:
            self._actors.remove(actor)
        self._ray.kill(actor)  # one that is only out of reach must not come back

    def _start_one(self) -> None:
        self._num_starting += 1
        self._num_unplaced += 1
        thread = threading.Thread(target=self._started, name="ray-model", daemon=True)
        self._starting = [one for one in self._starting if one.is_alive()] + [thread]
        thread.start()

    def _started(self) -> None:
        """Start a copy and load it; in a thread of its own."""
        failure: OtoscopeError | None = None
        is_placed = False
        for _ in range(MAX_DEATHS):
            actor: Any = None
            try:
                with self._changed:
                    if self._is_stopped:
                        return
                    actor = self._create()
                    self._actors.append(actor)
                place = self._ray.get(actor.place.remote())
                with self._changed:
                    self._num_unplaced -= not is_placed
                    is_placed = True
                    self._changed.notify_all()
                if place[0] != __version__:
                    raise MachineError(f"node {place[1]} has Otoscope {place[0]}, this is {__version__}; install one")
                self.call(_Copy(actor), "load")
            except self._ray.exceptions.RayError as error:
                failure = ModelLoadError(f"a copy of the model cannot be started: {_reason(error)}")
            except OtoscopeError as error:
                failure = error
                break
            except Exception as error:
                failure = ModelLoadError(f"a copy of the model cannot be loaded: {_failure_line(error)}")
                break
            else:
                failure = None
                break
            finally:
                if failure is not None and actor is not None:
                    with self._changed:
                        self._end(actor)
        with self._changed:
            self._num_starting -= 1
            self._num_unplaced -= not is_placed
            if failure is None:
                self._num_ready += 1
                self._idle.append(_Copy(actor))
            else:
                self._failure = failure
                if self._num_ready:  # else whoever waits for one raises it
                    self._notice(f"{failure}; the others go on")
            self._changed.notify_all()


class _Actor:
    """What runs in the cluster.

    Args:
        made_by: What makes the model, pickled.
        num_threads: That it may compute with on a CPU.
        folder: Where relative paths begin, if it is there.
    """

    def __init__(self, made_by: bytes, num_threads: int, folder: str) -> None:
        os.environ["OMP_NUM_THREADS"] = str(num_threads)  # read when torch is imported; Ray has put 1
        with suppress(OSError):
            os.chdir(folder)
        self._host = ModelHost(made_by)

    def place(self) -> tuple[str, str]:
        """Return the version of Otoscope here, and the machine's name."""
        return __version__, socket.gethostname()

    def serve(self, packed: bytes, *sent: tuple[Any, ...] | None) -> Iterator[Answer]:
        """Do what is asked; yield each answer as it comes."""
        method, arguments = pickle.loads(packed)
        if method == "generate":
            samples, options = arguments
            # Copies, since what comes from Ray's store is read-only, and a model may work in place.
            waveforms = [tuple(waveform.copy() for waveform in one or ()) for one in sent]
            arguments = ([Request(*one) for one in zip(samples, waveforms, strict=True)], options)
        yield from self._host.answers(method, arguments)


def _read(packed: bytes | None, sees: bytes) -> tuple[Answer, tuple[Any, ...]]:
    """Decode a sample in the cluster, if there is one; how that ended, and the waveforms."""
    if packed is None:
        return ("done", None), ()
    sample, sample_rate_hz, clips, sizes = pickle.loads(packed)
    for ref, num_bytes in zip(sample.audio, sizes, strict=True):
        if not pickle.loads(sees)(ref.path, num_bytes):
            return ("unseen", str(ref.path)), ()
    try:
        request = read_request(sample, sample_rate_hz=sample_rate_hz, clips=clips)
    except OtoscopeError as error:
        return ("raised", error), ()
    except Exception as error:  # whatever a decoder throws at a broken file
        return ("failed", (type(error).__name__, str(error))), ()
    return ("done", None), request.waveforms


def _import_ray() -> Any:
    """Return the module.

    Raises:
        RequestError: It is not installed.
    """
    os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"  # a thread that is late must not start a cluster of its own
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise RequestError("--engine ray needs Ray; install it with the extra: pip install 'otoscope[ray]'") from error
    return ray


def _connect(ray: Any, address: str | None) -> None:
    """Connect to a cluster, or start one on this machine; Ray's own lines are kept from stdout.

    Raises:
        RequestError: It is an address of the Ray client.
        MachineError: Nobody answers, or not as expected.
    """
    where = address or os.environ.get("RAY_ADDRESS") or "local"
    if where.startswith("ray://"):
        raise RequestError(
            f"{where}: Ray's client mode is not supported; run the command on a node of the cluster, by "
            "--ray-address auto, or hand it over with ray job submit"
        )
    host, colon, port = where.rpartition(":")
    if colon and port.isdecimal():
        try:  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
        except (OSError, OverflowError, UnicodeError) as error:
            raise MachineError(f"no Ray cluster answers at {where} ({error}); is it running?") from error
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report to its makers
    from ray._private import worker

    worker._worker_logs_enabled = False  # log_to_driver leaves in what Ray's daemons say, and that goes to stdout
    handler = signal.getsignal(signal.SIGTERM)
    only_here = {"include_dashboard": False} if where == "local" else {}
    try:
        ray.init(address=where, log_to_driver=False, logging_level=logging.ERROR, **only_here)
    except Exception as error:  # no cluster at "auto", other versions, no room for its files: all kinds of classes
        raise MachineError(
            f"Ray at {where}: {_failure_line(error)}; is it the same version of Ray, with the same RAY_AUTH_MODE?"
        ) from error
    finally:
        if threading.current_thread() is threading.main_thread() and handler is not None:
            signal.signal(signal.SIGTERM, handler)  # Ray puts its own in its place


def _num_threads(nodes: Sequence[dict[str, float]], num_models: int) -> int:
    """Return with how many threads a copy computes where it computes on a CPU."""
    computing = [int(node["CPU"]) for node in nodes if node.get("CPU", 0) >= 1]
    per_node = -(-num_models // len(computing)) if computing else 1
    return max(1, min(computing, default=1) // per_node)


def _reason(error: BaseException) -> str:
    """Return what an error of Ray's says, without its ids and advice."""
    lines = [line.strip() for line in str(error).splitlines() if not line.startswith("\t")]
    return " ".join(lines).partition(" Some common causes")[0][:400] or type(error).__name__


def _failure_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
