"""Copies of a model in processes of their own, one for each device: `--devices 0,1`.

All share one queue of batches and one log. A process that dies takes its batch with it; it is started anew, and what it
was asked is asked again in halves, so that the sample at fault fails alone.
"""

import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, TypeVar

from evaluate.engines import Engine
from evaluate.engines.remote import Answer, Factory, ModelCopy, ModelHost, checked, dumps
from evaluate.errors import ModelDiedError, ModelLoadError, RequestError
from evaluate.model import ModelAdapter
from evaluate.types import GenerationOptions, Output, Request, Sample

if TYPE_CHECKING:
    from evaluate.task import Split, Task

Result = TypeVar("Result")
CLOSING_S = 5.0  # how long a process may take to end by itself


def parse_devices(text: str) -> list[str]:
    """Return the devices that `--devices` names: a number is that of a GPU.

    Raises:
        RequestError: One is empty.
    """
    names = [name.strip() for name in text.split(",")]
    if "" in names:
        raise RequestError(f"--devices {text!r} names an empty device, expected e.g. 0,1 or cuda:0,cuda:1")
    return [f"cuda:{name}" if name.isdecimal() else name for name in names]


class ProcessEngine(Engine):
    """One process for each device.

    Args:
        model: The model as it stands here, not loaded: it says what needs no weights.
        factories: By device, what makes a copy of it.
    """

    def __init__(self, model: ModelAdapter, factories: Sequence[tuple[str, Factory]]) -> None:
        num_threads = max(1, (os.cpu_count() or 1) // len(factories))
        self._is_loaded = False
        self._devices = [device for device, _ in factories]
        self._copies = [ModelProcess(model, factory, num_threads=num_threads) for _, factory in factories]

    @property
    def models(self) -> "Sequence[ModelProcess]":
        return self._copies

    @property
    def device(self) -> str:
        return ",".join(self._devices)

    def load(self) -> None:
        if not self._is_loaded:
            self._all(lambda copy: copy.load())
            self._is_loaded = True

    def begin(self, task: "Task", split: "Split", asked: Sequence[Sample]) -> dict[str, Any]:
        self._all(lambda copy: copy.begin(task, split, asked))
        first, *_ = self._all(lambda copy: copy.prepare())
        return first  # all of them say the same

    def close(self) -> None:
        for copy in self._copies:
            copy.close()

    def _all(self, do: Callable[["ModelProcess"], Result]) -> list[Result]:
        with ThreadPoolExecutor(len(self._copies)) as threads:
            working = [threads.submit(do, copy) for copy in self._copies]
            try:
                return [done.result() for done in working]
            except BaseException:  # a fault, or the end of the run: the others would be waited for
                for copy in self._copies:
                    copy.stop()
                raise


class ModelProcess(ModelCopy):
    """A copy of a model in a process of its own.

    Args:
        model: What it is a copy of; answers what needs no weights.
        factory: Makes the copy, there.
        num_threads: That it may compute with on a CPU.
    """

    def __init__(self, model: ModelAdapter, factory: Factory, *, num_threads: int) -> None:
        super().__init__(model)
        self._made_by = dumps(factory)
        self._num_threads = num_threads
        self._process: Any = None
        self._connection: Connection | None = None
        self._begun: tuple[Any, ...] = ()  # what the last begin() said
        self._is_stopped = False

    def load(self) -> None:
        self._start()
        try:
            self._call("load")
            self.learn_rate()
        except ModelDiedError as error:
            raise ModelLoadError(f"{self.name}: while loading, {error.args[0]}") from error

    def begin(self, task: "Task", split: "Split", asked: Sequence[Sample]) -> None:
        self._begun = (task, split, asked)
        self._call("begin", *self._begun)

    def prepare(self) -> dict[str, Any]:
        facts: dict[str, Any] = self._call("prepare")
        return facts

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        if not self._process.is_alive() and not self._is_stopped:
            self.load()
            self._call("begin", *self._begun)
            self.prepare()
        self._send("generate", batch, options)
        try:
            while (answer := self._receive())[0] == "output":
                yield answer[1]
        except GeneratorExit:  # not read to its end: the rest must not pass for answers to the next batch
            with suppress(Exception):
                while self._receive()[0] == "output":
                    pass
            raise

    def release_memory(self) -> None:
        if self._process.is_alive():
            self._call("release_memory")

    def stop(self) -> None:
        self._is_stopped = True
        if self._process is not None:
            self._process.kill()

    def close(self) -> None:
        """End the process; one that is busy is not waited for."""
        if self._connection is not None:
            self._connection.close()  # which it reads as the end
        if self._process is not None:
            self._process.join(CLOSING_S)
            self._process.kill()
            self._process.join()

    def _start(self) -> None:
        spawning = multiprocessing.get_context("spawn")  # a fork would inherit threads, and what CUDA cannot share
        self._connection, theirs = spawning.Pipe()
        arguments = (theirs, self._made_by, self._num_threads)
        self._process = spawning.Process(target=_serve, args=arguments, daemon=True, name="otoscope-model")
        self._process.start()
        theirs.close()  # so that its end is seen here

    def _call(self, method: str, *arguments: Any) -> Any:
        self._send(method, *arguments)
        return self._receive()[1]

    def _send(self, method: str, *arguments: Any) -> None:
        assert self._connection is not None, "load() comes first"
        try:
            self._connection.send_bytes(dumps((method, arguments)))
        except OSError as error:
            raise self._died() from error

    def _receive(self) -> Answer:
        """Return "output" and the next one, or "done" and what was returned.

        Raises:
            Exception: What was raised there.
            ModelDiedError: The process is gone.
        """
        assert self._connection is not None
        try:
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            raise self._died() from error
        return checked(answer)

    def _died(self) -> ModelDiedError:
        self._process.join(CLOSING_S)
        code = self._process.exitcode
        how = f"by signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"with status {code}"
        return ModelDiedError(f"the model's process ended {how}; was it out of memory?")


def _serve(connection: Connection, made_by: bytes, num_threads: int) -> None:
    """Do what comes over the connection until it closes; the other end ends this process on Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault("OMP_NUM_THREADS", str(num_threads))  # read when torch is imported
    host = ModelHost(made_by)
    while True:
        try:
            method, arguments = pickle.loads(connection.recv_bytes())
        except (EOFError, OSError):
            return
        try:
            for answer in host.answers(method, arguments):
                connection.send(answer)
        except OSError:
            return
