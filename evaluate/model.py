"""What the runner needs of a model: a name, what identifies it, and text for a batch of requests."""

from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from evaluate.types import GenerationOptions, Output, Request, Sample

if TYPE_CHECKING:
    from evaluate.task import Split, Task

Clip = TypeVar("Clip")


class ModelAdapter(ABC):
    """A model behind one calling convention. Only `name` and `generate` must be given.

    A subclass is made with `Adapter(where, *, …)`: `where` is what follows the colon of the model spec; keyword-only
    parameters named `device` and `dtype` get the command's options, all others are filled from `--model-arg`.
    """

    name: str  # as it stands in results and the leaderboard
    description = ""  # in a list of models; "": the first line of its module
    source_hash = ""  # of the Python file that a user's own adapter comes from: an edited file is another model
    takes_seed = False  # whether --seed fills its parameter `seed`; it must then stand in `identity`
    answers_alike = False  # whether one answer to most samples is what it is for, and nobody need be told
    sample_rate_hz: int | None = 16_000  # of the waveforms it wants; None: it does not hear, nothing is decoded
    idle_options: frozenset[str] = frozenset()  # of GenerationOptions that mean nothing to it: --gen must not name them
    heard_s: float | None = None  # what it hears of a clip; the rest is cut and counted as such. None: all, or it fails
    answers_singly = False  # True: each output is of its own request and logged as it comes, before its batch is done
    neutral_settings: frozenset[str] = frozenset()  # of its `--model-arg`s, those that do not bear on an answer

    def __init__(self, where: str = "") -> None:
        del where  # a model of one's own may need none

    def identity(self) -> dict[str, Any]:
        """Return what determines the answers besides the name: revision, dtype, …; known before loading."""
        return {}

    @property
    def answered(self) -> Container[str]:
        """Ids of the samples that it has answers for already: their audio need not be here."""
        return frozenset()

    @property
    def device(self) -> str:
        """Where it runs; recorded, but not what determines an answer."""
        return "cpu"

    def refusal(self, task: "Task", asked: Sequence[Sample]) -> str | None:
        """Return why this model cannot do a task, or some of its samples, or None; asked before anything is loaded."""
        return None

    def option_refusal(self, options: GenerationOptions) -> str | None:
        """Return why text cannot be generated so, or None; asked before anything is loaded."""
        return None

    def shown_prompt(self, sample: Sample) -> str:
        """Return the exact text that is sent for a sample, "" where none is; its audio stands where the model wants it.

        Raises:
            ModelLoadError: Something of the model is needed for that, and is not here.
        """
        return sample.prompt if self.sample_rate_hz else ""

    def load(self) -> None:
        """Load what is large. Called once, and only if there is something left to evaluate.

        Raises:
            ModelLoadError: The checkpoint is missing, damaged or does not fit.
        """

    def remarks(self) -> Sequence[str]:
        """Return what people should know of the model, and of its way with the split that it has begun, a line each.

        Asked after `begin`, and again after `load` and `prepare`; also recorded with the run.
        """
        return ()

    def begin(self, task: "Task", split: "Split", asked: Sequence[Sample]) -> None:
        """Learn which split comes next, and which of its samples will be asked, before its run is set up.

        Raises:
            RequestError: The model cannot answer this split.
        """

    def prepare(self) -> dict[str, Any]:
        """Get ready for the split that `begin` named, e.g. learn something; only if a sample of it is left to evaluate.

        Returns:
            What to keep of it in run.json, {} for nothing.
        """
        return {}

    def padded_seconds(self, duration_s: float) -> float:
        """Return how much audio a clip costs in a batch, in seconds, before padding to its longest neighbour."""
        return duration_s

    def token_limit(self, options: GenerationOptions) -> int | None:
        """Return how many new tokens an answer may have, also where the options leave that to the model; for run.json.

        Asked after `load`. None: the model has no such limit, or does not know it.
        """
        return options.max_new_tokens

    @abstractmethod
    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        """Return one output per request, in any order, with the text as the model gave it.

        Raises:
            ServerError: No other request would be answered either; the run ends, to go on later.
            Exception: Anything else; the runner halves the batch and, for a single sample, logs a failure.
        """

    def release_memory(self) -> None:
        """Give back what a failed batch may have left behind; called after running out of memory."""

    def stop(self) -> None:
        """Break off what `generate` is doing in another thread, if that can be done: the run ends early."""


def sample_turns(sample: Sample, clips: Iterable[Clip]) -> Iterator[tuple[str, list[Clip], str]]:
    """Yield role, clips and text of each turn of a sample, the one that is asked now last."""
    rest = iter(clips)
    for turn in sample.turns:
        yield turn.role, list(islice(rest, turn.num_clips)), turn.text
    yield "user", list(rest), sample.prompt


def several_clips(asked: Iterable[Sample]) -> str | None:
    """Return the refusal of a model that hears one clip a sample, None where each has one."""
    wrong = next((sample for sample in asked if len(sample.audio) != 1), None)
    return f"it hears one clip, sample {wrong.id!r} has {len(wrong.audio)}" if wrong else None
