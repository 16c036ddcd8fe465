"""Where a model runs: in this process, or as several copies elsewhere. The runner gets copies that are ready."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from evaluate.model import ModelAdapter
from evaluate.types import Sample

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
        """Load every copy. Called once.

        Raises:
            ModelLoadError: A checkpoint is missing, damaged or does not fit.
        """

    def begin(self, task: "Task", split: "Split", asked: Sequence[Sample]) -> None:
        """Tell every copy which split comes next, see `ModelAdapter.begin`."""

    def close(self) -> None:
        """Give back what was taken; called in any case."""


class LocalEngine(Engine):
    """The model itself, in this process.

    Args:
        model: It has been told which split comes next before its engine is.
    """

    def __init__(self, model: ModelAdapter) -> None:
        self._model = model

    @property
    def models(self) -> Sequence[ModelAdapter]:
        return [self._model]

    @property
    def device(self) -> str:
        return self._model.device

    def load(self) -> None:
        self._model.load()
