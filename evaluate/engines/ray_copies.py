"""The copies of a model in a Ray cluster: started, lent to the runner's threads, and replaced when they are lost."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from evaluate import __version__
from evaluate.engines.remote import Answer, ModelCopy, checked, dumps
from evaluate.errors import MachineError, ModelDiedError, ModelLoadError, OtoscopeError
from evaluate.model import ModelAdapter
from evaluate.types import GenerationOptions, Notice, Output, Request

MAX_DEATHS = 3  # actors that a batch may cost before the fault is looked for in the batch; also of one start
PLACE_S = 30.0  # how long the copies that run wait for others that the cluster has no room for
WAIT_S = 600.0  # how long a run without a copy waits for one
CLOSING_S = 5.0


@dataclass(frozen=True, slots=True)
class SentRequest(Request):
    """A request whose waveforms lie somewhere in the cluster."""

    audio: Any = None  # reference to them; None: there are none


class RayModel(ModelCopy):
    """Puts batches to whichever copy is free, as the runner's threads drive one each.

    Args:
        model: What they are copies of; answers what needs no weights.
        copies: All of them.
    """

    def __init__(self, model: ModelAdapter, copies: "Copies") -> None:
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
            except LostError as error:
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
            with suppress(LostError), self._copies.borrowed() as copy:
                return self._copies.call(copy, method, *arguments)


class LostError(Exception):
    """A copy of the model is gone, or out of reach; says how."""


@dataclass(slots=True)
class Copy:
    """A copy that has been loaded."""

    actor: Any
    split_number: int = 0  # which split it was made ready for last


class Copies:
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
        self._idle: deque[Copy] = deque()
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
            with suppress(LostError), self.borrowed():
                return self._prepared

    @contextmanager
    def borrowed(self) -> Iterator[Copy]:
        """Take a copy that is free and ready for the split; one that is lost meanwhile is replaced.

        Raises:
            LostError: It is lost.
            MachineError: None is left, and none comes.
        """
        copy = self._take()
        lost = ""
        try:
            self._make_ready(copy)
            yield copy
        except self._ray.exceptions.RayError as error:
            lost = reason_of(error)
            raise LostError(lost) from error
        finally:
            with self._changed:
                if lost:
                    self._replace(copy, lost)
                else:
                    self._idle.append(copy)
                self._changed.notify_all()

    def call(self, copy: Copy, method: str, *arguments: Any) -> Any:
        """Return what a method of a copy returns."""
        return self._result(copy, dumps((method, arguments)))

    def _result(self, copy: Copy, packed: Any) -> Any:
        for what, value in self._answers(copy.actor, packed):
            if what == "done":
                return value
        raise AssertionError("an actor says at last how it ended")

    def generate(self, copy: Copy, batch: Sequence[Request], options: GenerationOptions) -> Iterator[Output]:
        """Yield what a copy answers to a batch."""
        sent = [request.audio if isinstance(request, SentRequest) else request.waveforms for request in batch]
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

    def _make_ready(self, copy: Copy) -> None:
        number = self._split_number
        if copy.split_number == number:
            return
        try:
            self._result(copy, self._begun)
            self._prepared = self.call(copy, "prepare")
        except (OtoscopeError, self._ray.exceptions.RayError):
            raise
        except Exception as error:  # not a sample's fault: the run ends
            raise ModelLoadError(f"a copy of the model cannot be made ready: {failure_line(error)}") from error
        copy.split_number = number

    def _answers(self, actor: Any, packed: Any, sent: Sequence[Any] = ()) -> Iterator[Answer]:
        for answer in actor.serve.options(num_returns="streaming").remote(packed, *sent):
            yield checked(self._ray.get(answer))

    def _take(self) -> Copy:
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

    def _replace(self, copy: Copy, reason: str) -> None:
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
                self.call(Copy(actor), "load")
            except self._ray.exceptions.RayError as error:
                failure = ModelLoadError(f"a copy of the model cannot be started: {reason_of(error)}")
            except OtoscopeError as error:
                failure = error
                break
            except Exception as error:
                failure = ModelLoadError(f"a copy of the model cannot be loaded: {failure_line(error)}")
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
                self._idle.append(Copy(actor))
            else:
                self._failure = failure
                if self._num_ready:  # else whoever waits for one raises it
                    self._notice(f"{failure}; the others go on")
            self._changed.notify_all()


def reason_of(error: BaseException) -> str:
    """Return what an error of Ray's says, without its ids and advice."""
    lines = [line.strip() for line in str(error).splitlines() if not line.startswith("\t")]
    return " ".join(lines).partition(" Some common causes")[0][:400] or type(error).__name__


def failure_line(error: BaseException) -> str:
    """Return an exception in a line, with its class."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"
