"""Floors to hold scores against: empty, constant, majority, random; and mfcc, a classifier trained on MFCC statistics.

See `models.baseline` for what each answers.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from evaluate.errors import RequestError
from evaluate.model import ModelAdapter
from evaluate.registry import unknown_name
from evaluate.task import Split, Task
from evaluate.types import GenerationOptions, Output, Request, Sample
from models.baseline.floors import Constant, Floor, Majority, Random
from models.baseline.mfcc import Mfcc

SETTING_OF = {"constant": "text", "random": "seed", "mfcc": "train_split"}  # floor to the one setting that it has
KINDS = ("empty", "constant", "majority", "random", "mfcc")


class Baseline(ModelAdapter):
    """A floor.

    Args:
        where: One of `KINDS`.
        seed: Of random, whose answer to a sample follows from it and the sample's id.
        text: Of constant, which has no other answer.
        train_split: Of mfcc: the split to learn from; "": the one that the task names.
    """

    takes_seed = True

    def __init__(self, where: str, *, seed: int = 0, text: str | None = None, train_split: str = "") -> None:
        if where not in KINDS:
            raise unknown_name("baseline", where, KINDS, listing=f"baselines: {', '.join(KINDS)}")
        self.name = f"baseline:{where}"
        for setting, is_given in (("text", text is not None), ("train_split", bool(train_split))):
            if is_given and SETTING_OF.get(where) != setting:
                own = f"it has {SETTING_OF[where]}" if where in SETTING_OF else "it has none"
                raise RequestError(f"{self.name} has no setting {setting!r}; {own}")
        if where == "constant" and text is None:
            raise RequestError("baseline:constant answers one text, and none is given; expected --model-arg text=…")
        if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
            raise RequestError(f"baseline:random: seed is {seed!r}, expected a whole number from 0")
        floors: dict[str, Callable[[], Floor]] = {
            "empty": lambda: Constant(""),
            "constant": lambda: Constant(text or ""),
            "majority": Majority,
            "random": lambda: Random(seed),
            "mfcc": lambda: Mfcc(self.name, train_split),
        }
        self._floor = floors[where]()
        self.sample_rate_hz = self._floor.sample_rate_hz
        self.answers_alike = where in ("empty", "constant", "majority")

    def identity(self) -> dict[str, Any]:
        return self._floor.identity()

    def refusal(self, task: Task, asked: Sequence[Sample]) -> str | None:
        return self._floor.refusal(task, asked)

    def shown_prompt(self, sample: Sample) -> str:
        return ""

    def load(self) -> None:
        self._floor.load()

    def begin(self, task: Task, split: Split, asked: Sequence[Sample]) -> None:
        self._floor.begin(task, split)

    def prepare(self) -> dict[str, Any]:
        return self._floor.prepare()

    def remarks(self) -> Sequence[str]:
        return self._floor.remarks

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        return [Output(request.sample.id, text=self._floor.answer(request)) for request in batch]
