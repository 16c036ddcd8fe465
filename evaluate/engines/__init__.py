"""Where a model runs: in this process, or as several copies elsewhere. The runner gets copies that are ready."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evaluate.clips import ClipPolicy
from evaluate.engines.decoding import read_request
from evaluate.model import ModelAdapter
from evaluate.types import Request, Sample

if TYPE_CHECKING:
    from evaluate.task import Split, Task


class Engine(ABC):
    """Copies of one model, made ready when the first sample has to be answered."""

    @property
    @abstractmethod
    def models(self) -> Sequence[ModelAdapter]:
        """The copies; each may be driven by a thread of its own."""

    @property
    @abstractmethod
    def device(self) -> str:
        """Where they run, for the record."""

    @abstractmethod
    def load(self) -> None:
        """Load every copy, unless that has been done.

        Raises:
            ModelLoadError: A checkpoint is missing, damaged or does not fit.
        """

    @abstractmethod
    def begin(self, task: "Task", split: "Split", asked: Sequence[Sample]) -> dict[str, Any]:
        """Make every copy ready for the split that comes next; see `begin` and `prepare` of `ModelAdapter`."""

    @property
    def num_readers(self) -> int:
        """On how many machines audio is decoded; each takes as many threads as the command names."""
        return 1

    def decode(self, sample: Sample, *, sample_rate_hz: int | None, clips: ClipPolicy) -> Request:
        """Return a sample with its audio, for `generate` of these copies; threads of the runner call it.

        Raises:
            AudioDecodeError: A file is unreadable, or a span lies beyond it.
        """
        return read_request(sample, sample_rate_hz=sample_rate_hz, clips=clips)

    def close(self) -> None:
        """Give back what was taken; called in any case."""


class LocalEngine(Engine):
    """The model itself, in this process.

    Args:
        model: It has been told which split comes next before its engine is.
    """

    def __init__(self, model: ModelAdapter) -> None:
        self._model = model
        self._is_loaded = False

    @property
    def models(self) -> Sequence[ModelAdapter]:
        return [self._model]

    @property
    def device(self) -> str:
        return self._model.device

    def load(self) -> None:
        if not self._is_loaded:
            self._model.load()
            self._is_loaded = True

    def begin(self, task: "Task", split: "Split", asked: Sequence[Sample]) -> dict[str, Any]:
        return self._model.prepare()
