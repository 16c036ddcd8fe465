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
import signal
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluate.clips import ClipPolicy
from evaluate.engines import Engine
from evaluate.engines.decoding import read_request
from evaluate.engines.ray_copies import CLOSING_S, Copies, RayModel, SentRequest, failure_line, reason_of
from evaluate.engines.ray_workers import Actor, read_audio
from evaluate.engines.remote import Factory, checked, dumps
from evaluate.errors import AudioDecodeError, MachineError, RequestError
from evaluate.model import ModelAdapter
from evaluate.types import Notice, Request, Sample

if TYPE_CHECKING:
    from evaluate.task import Split, Task

CONNECT_S = 10.0
# What is claimed of a node's CPUs leaves some to decoding on a node that models have filled: without it they would wait
# for each other.
MODEL_CPUS = 0.99
READER_CPUS = 0.01


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
        self._copies: Copies | None = None
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
        self._read = ray.remote(num_cpus=READER_CPUS, num_returns=2, scheduling_strategy="SPREAD")(read_audio)
        # Workers take seconds to start: they do while the models load.
        for _ in range(2 * num_computing):
            self._read.remote(None, self._sees)
        actor = ray.remote(num_cpus=num_cpus, num_gpus=num_gpus, scheduling_strategy="SPREAD")(Actor)
        arguments = (self._made_by, _num_threads(nodes, num_models), str(Path.cwd()))
        self._copies = Copies(ray, lambda: actor.remote(*arguments), self._notice)
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
            return SentRequest(sample, ())
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
                raise AudioDecodeError(f"{refs[0].path}: the process that read it ended: {reason_of(error)}") from error
            if what == "done":
                return SentRequest(sample, (), audio)
            if self._is_shared:
                self._is_shared = False
                self._notice(f"{value}: not seen by every node of the cluster: audio is decoded here and sent there")
        request = read_request(sample, sample_rate_hz=sample_rate_hz, clips=clips)
        return SentRequest(sample, (), ray.put(request.waveforms))

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
            f"Ray at {where}: {failure_line(error)}; is it the same version of Ray, with the same RAY_AUTH_MODE?"
        ) from error
    finally:
        if threading.current_thread() is threading.main_thread() and handler is not None:
            signal.signal(signal.SIGTERM, handler)  # Ray puts its own in its place


def _num_threads(nodes: Sequence[dict[str, float]], num_models: int) -> int:
    """Return with how many threads a copy computes where it computes on a CPU."""
    computing = [int(node["CPU"]) for node in nodes if node.get("CPU", 0) >= 1]
    per_node = -(-num_models // len(computing)) if computing else 1
    return max(1, min(computing, default=1) // per_node)
