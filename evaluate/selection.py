"""From the names on a command line to splits that are read, whole or known not to be, and within the model's reach.

Where no split is named and the corpus is not here, `otoscope eval` takes the clips that come with the project instead.
Everything that can be wrong with a request is found here, before a model is loaded or a sample decoded.
"""

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from evaluate.errors import CorpusAbsentError, CorpusError, ProtocolError, RequestError
from evaluate.metrics import create_metric
from evaluate.model import ModelAdapter
from evaluate.task import Split, Task, require_complete
from evaluate.types import SAMPLE_SPLIT, Notice, Sample

if TYPE_CHECKING:
    from evaluate.hf_datasets import DatasetSpec

ALL = "all"


@dataclass(frozen=True, slots=True)
class SelectionSettings:
    """Where samples come from, and how many of them are wanted."""

    data_dir: Path  # holds the corpora's own top folders
    tasks_dir: Path | None = None  # a folder with more tasks
    manifest: Path | None = None  # a list to read in place of the corpus's own layout; for one task only
    limit: int | None = None  # samples of each split, None for all
    require_complete: bool = False  # whether a partial corpus is an error
    dataset: "DatasetSpec | None" = None  # one in Hugging Face form to read instead; for one task only
    protocol: str = ""  # a published evaluation to repeat
    has_judge: bool = False  # whether open answers can be scored
    or_samples: bool = False  # whether the clips that come with the project stand in for a corpus that is not here


@dataclass(frozen=True, slots=True)
class Selection:
    """One split of one task, ready to run."""

    task: Task
    split: Split  # whole
    samples: tuple[Sample, ...]  # those asked for

    @property
    def title(self) -> str:
        """Its name in messages."""
        return f"{self.task.name}:{self.split.name}"


def select_tasks(task_specs: str, model: ModelAdapter, settings: SelectionSettings, notice: Notice) -> list[Selection]:
    """Return the splits that a command names, read and held against what the model can do.

    Args:
        task_specs: `NAME[:SPLIT][,…]`; or "all", every task that the model can do and whose corpus or samples
            are here; or "all:SPLIT", those of them that have such a split.
        model: Asked what it cannot do.
        settings: See there.
        notice: Gets a line for whatever is partial or skipped.

    Returns:
        One selection per task and split; with "all" perhaps none.

    Raises:
        RequestError: A name is unknown, a corpus is not here, or the model cannot do a task that was named.
    """
    asked = list(_asked(task_specs, settings))
    for option, given in (("--manifest", settings.manifest), ("--dataset", settings.dataset)):
        if given and (len(asked) != 1 or (settings.manifest and settings.dataset)):
            raise RequestError(
                f"{option} is of one task and the only source, found {task_specs!r}; name one with --task"
            )
    selections: dict[tuple[str, str], Selection] = {}
    has_split = False
    for one in asked:
        skipping = partial(_skipping, notice, of_all=one.of_all)
        splits: list[Split] = []
        with skipping():
            task = _task(one.task_class, model, settings)
            if one.of_all and one.split_name and one.split_name not in task.known_splits():
                continue
            with _uncollected():
                splits = _read(task, one.split_name, settings, notice)
        has_split = has_split or bool(splits)
        for split in splits:
            key = (task.name, split.name)
            if key in selections and not isinstance(selections[key].task, one.task_class):
                raise RequestError(f"two tasks are called {task.name!r} and have a split {split.name!r}; rename one")
            with skipping():
                samples = split.samples[: settings.limit]
                for remark in task.remarks(split.asks_as):  # first: it may say why a model cannot do the split
                    notice(f"NOTE: {task.name}:{split.name}: {remark}")
                _refuse(task, split, samples, model, needs_judge=one.of_all and not settings.has_judge)
                _check(task, split, settings, notice)
                selections.setdefault(key, Selection(task, split, samples))
    if not has_split and any(one.split_name for one in asked):
        raise RequestError(f"{task_specs}: no task has such a split here; see otoscope tasks")
    return list(selections.values())


def describe_stand_ins(selections: Sequence[Selection]) -> list[str]:
    """Return one line on the samples that nobody asked for, [] where there are none."""
    found = [one for one in selections if one.split.instead_of]
    if not found:
        return []
    which = ", ".join(f"{one.title} ({len(one.samples)} clips)" for one in found)
    why = found[0].split.instead_of
    if len(found) > 1:
        why = f"{len(found)} corpora are not here; otoscope data status NAME says how to get one"
    return [
        f"SAMPLE: no benchmark figures but those of clips that come with Otoscope: {which}, since {why} "
        "(--require-complete takes no such clips)"
    ]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one name on the command line stands for."""

    task_class: type[Task]
    split_name: str | None
    of_all: bool  # named as one of all: passed over where it cannot be done


def _asked(task_specs: str, settings: SelectionSettings) -> Iterator[_Asked]:
    from tasks import find_task_class, parse_task_spec, task_registry

    for spec in task_specs.split(","):
        name, split_name = parse_task_spec(spec)
        of_all = name == ALL
        for one in task_registry(settings.tasks_dir).names() if of_all else [name]:
            yield _Asked(find_task_class(one, tasks_dir=settings.tasks_dir), split_name, of_all)


class _CannotBeDoneError(RequestError):
    """A model cannot do a task."""


@contextmanager
def _skipping(notice: Notice, *, of_all: bool) -> Iterator[None]:
    """Where all tasks are asked for, pass over what cannot be done or is not here, and say so."""
    try:
        yield
    except (_CannotBeDoneError, CorpusAbsentError, ProtocolError) as error:
        if not of_all:
            raise
        notice(f"SKIPPED: {error}")


def _task(task_class: type[Task], model: ModelAdapter, settings: SelectionSettings) -> Task:
    return task_class(
        settings.data_dir,
        settings.manifest,
        dataset=settings.dataset,
        protocol=settings.protocol,
        labels_only=model.sample_rate_hz is None,
        answered=model.answered,
    )


def _read(task: Task, split_name: str | None, settings: SelectionSettings, notice: Notice) -> list[Split]:
    """Read the splits of a task that were asked for, and name those that are left out."""
    try:
        splits = [task.read_split(split_name)] if split_name else task.read_default_splits()
    except CorpusAbsentError as error:
        is_replaced = settings.or_samples and not (settings.manifest or settings.dataset or settings.require_complete)
        if split_name or not is_replaced or not task.has_samples():
            raise
        return [replace(task.read_split(SAMPLE_SPLIT), instead_of=str(error))]
    for split in splits if task.dataset is None else ():  # what a dataset holds is known when it is read
        if not split.stands_for and split.name not in (*task.splits, *task.present_splits()):
            raise task.unknown_split(split.name)
    for name in task.default_splits if not split_name else ():
        if name not in {split.name for split in splits}:
            notice(f"PARTIAL: {task.name}:{name} is not here and is left out")
    return splits


@contextmanager
def _uncollected() -> Iterator[None]:
    """Do without the collector of cyclic garbage while many records are made that will stay.

    It would look through all that are there already, again and again: a sixth of the time that a large split takes.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _refuse(task: Task, split: Split, asked: Sequence[Sample], model: ModelAdapter, *, needs_judge: bool) -> None:
    """Raise where a model cannot do a split; asked after reading, a model on a hub being slower than a folder.

    Raises:
        _CannotBeDoneError: With the reason.
    """
    if reason := model.refusal(task, asked):
        raise _CannotBeDoneError(f"{model.name} cannot do {task.name}:{split.name}: {reason}; see otoscope models")
    if needs_judge and task.metrics_of(split.asks_as)[0] == "judge":
        raise _CannotBeDoneError(f"{task.name}:{split.name} needs a judge, and there is none; --judge SPEC names one")


def _check(task: Task, split: Split, settings: SelectionSettings, notice: Notice) -> None:
    """Find what would otherwise show when all samples are done, and say how much of a split is here."""
    for metric, metric_settings in task.metric_settings(split.asks_as).items():
        create_metric(metric, metric_settings)
    _refuse_doubled_ids(task, split)
    if settings.require_complete:
        require_complete(task, split)
    if text := split.coverage.describe():
        notice(f"PARTIAL: {task.name}:{split.name}: {text}")


def _refuse_doubled_ids(task: Task, split: Split) -> None:
    seen: set[str] = set()
    for sample in split.samples:
        if sample.id in seen:
            raise CorpusError(f"{task.name}:{split.name}: sample id {sample.id!r} comes twice, expected each id once")
        seen.add(sample.id)
