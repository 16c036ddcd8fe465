"""What copies of a model elsewhere have in common: what goes there, what is done there, what comes back."""

import pickle
import sys
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cloudpickle

from evaluate.errors import OtoscopeError
from evaluate.model import ModelAdapter
from evaluate.python_file import USER_MODULE
from evaluate.types import GenerationOptions

Factory = Callable[[], ModelAdapter]
Answer = tuple[str, Any]  # "output" and an output; at last "done" and what was returned, or "raised" or "failed"


def dumps(value: Any) -> bytes:
    """Pickle a value that may hold classes of a user's own files, which another process cannot import."""
    for name, module in list(sys.modules.items()):
        if name.startswith(USER_MODULE):
            cloudpickle.register_pickle_by_value(module)
    dumped: bytes = cloudpickle.dumps(value)
    return dumped


class ModelHost:
    """The side where the model is: does what is asked of it, and lets nothing that it raises through.

    Args:
        made_by: What makes the model, pickled; made when the first thing is asked.
    """

    def __init__(self, made_by: bytes) -> None:
        self._made_by = made_by
        self._model: ModelAdapter | None = None

    def answers(self, method: str, arguments: Sequence[Any]) -> Iterator[Answer]:
        """Yield the outputs, where the method is `generate`, and then how it ended."""
        try:
            self._model = model = self._model or pickle.loads(self._made_by)()
            if method == "generate":
                for output in model.generate(*arguments):
                    yield "output", output
                answer: Answer = ("done", None)
            else:
                asked = getattr(model, method)
                answer = ("done", asked(*arguments) if callable(asked) else asked)
        except OtoscopeError as error:
            answer = ("raised", error)
        except Exception as error:  # whatever a model raises, by name: its class may be unknown, or slow to import
            answer = ("failed", (type(error).__name__, str(error)))
        yield answer


def checked(answer: Answer) -> Answer:
    """Return an answer that is an output or the end.

    Raises:
        Exception: What was raised there; its class has at least the name.
    """
    what, value = answer
    if what == "raised":
        raise value
    if what == "failed":
        name, message = value
        raise type(name, (RuntimeError,), {})(message)
    return answer


class ModelCopy(ModelAdapter):
    """What stands here for a copy of a model elsewhere.

    Args:
        model: What it is a copy of; answers what needs no weights.
    """

    def __init__(self, model: ModelAdapter) -> None:
        self.name = model.name
        self.sample_rate_hz, self.answers_singly = model.sample_rate_hz, model.answers_singly
        self.heard_s = model.heard_s
        self._model = model

    def learn_rate(self) -> None:
        """Ask the copy for the sampling rate that it wants, which some models know only when they are loaded."""
        self.sample_rate_hz = self._call("sample_rate_hz")

    def padded_seconds(self, duration_s: float) -> float:
        return self._model.padded_seconds(duration_s)

    def remarks(self) -> Sequence[str]:
        remarks: Sequence[str] = self._call("remarks")
        return remarks

    def token_limit(self, options: GenerationOptions) -> int | None:
        limit: int | None = self._call("token_limit", options)
        return limit

    @abstractmethod
    def _call(self, method: str, *arguments: Any) -> Any:
        """Return what a method of the copy returns, or an attribute of it."""
