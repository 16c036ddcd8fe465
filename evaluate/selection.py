"""From the names on a command line to splits that are read, whole or known not to be, and within the model's reach.

Everything that can be wrong with a request is found here, before a model is loaded or a sample decoded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from evaluate.errors import CorpusAbsentError, CorpusError, RequestError
from evaluate.metrics import create_metric
from evaluate.model import ModelAdapter
from evaluate.task import Split, Task, require_complete
from evaluate.types import Sample

Notice = Callable[[str], None]  # takes one line for people
ALL = "all"


@dataclass(frozen=True, slots=True)
class SelectionSettings:
    """Where samples come from, and how many of them are wanted."""

    data_dir: Path  # holds the corpora's own top folders
    tasks_dir: Path | None = None  # a folder with more tasks
    manifest: Path | None = None  # a list to read in place of the corpus's own layout; for one task only
    limit: int | None = None  # samples of each split, None for all
    require_complete: bool = False  # whether a partial corpus is an error


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
        task_specs: `NAME[:SPLIT][,…]`, or "all": every task that the model can do and whose corpus is here.
        model: Asked what it cannot do.
        settings: See there.
        notice: Gets a line for whatever is partial or skipped.

    Returns:
        One selection per task and split; with "all" perhaps none.

    Raises:
        RequestError: A name is unknown, a corpus is not here, or the model cannot do a task that was named.
    """
    from tasks import find_task_class, parse_task_spec, task_registry

    specs = task_registry(settings.tasks_dir).names() if task_specs == ALL else task_specs.split(",")
    if settings.manifest and len(specs) != 1:
        raise RequestError(f"--manifest is a list of one task, found {len(specs)} tasks; name one with --task")
    parsed = [parse_task_spec(spec) for spec in specs]
    tasks = [find_task_class(name, tasks_dir=settings.tasks_dir) for name, _ in parsed]
    selections: dict[tuple[str, str], Selection] = {}
    for task_class, (_, split_name) in zip(tasks, parsed, strict=True):
        task = task_class(settings.data_dir, settings.manifest)
        try:
            chosen = _select(task, split_name, model, settings, notice)
        except (_CannotBeDoneError, CorpusAbsentError) as error:
            if task_specs != ALL:
                raise
            notice(f"SKIPPED: {error}")
            continue
        for selection in chosen:
            key = (task.name, selection.split.name)
            if key in selections and not isinstance(selections[key].task, type(task)):
                raise RequestError(f"two tasks are called {task.name!r} and have a split {key[1]!r}; rename one")
            selections.setdefault(key, selection)
    return list(selections.values())


class _CannotBeDoneError(RequestError):
    """A model cannot do a task."""


def _select(
    task: Task, split_name: str | None, model: ModelAdapter, settings: SelectionSettings, notice: Notice
) -> list[Selection]:
    """Read the splits of a task that were asked for, and say how much of them is here."""
    splits = [task.read_split(split_name)] if split_name else task.read_default_splits()
    for split in splits:
        if split.name not in (*task.splits, *task.present_splits()):
            raise task.unknown_split(split.name, task.present_splits())
    # Asked after reading, since a model on a hub is slower to ask than a folder.
    if reason := model.refusal(task):
        raise _CannotBeDoneError(f"{model.name} cannot do {task.name}: {reason}; see otoscope models")
    for name in task.default_splits if not split_name else ():
        if name not in {split.name for split in splits}:
            notice(f"PARTIAL: {task.name}:{name} is not here and is left out")
    for split in splits:
        for metric, metric_settings in task.metric_settings(split.name).items():
            create_metric(metric, metric_settings)  # raises now what would otherwise show when all samples are done
        _refuse_doubled_ids(task, split)
        if settings.require_complete:
            require_complete(task, split)
        if text := split.coverage.describe():
            notice(f"PARTIAL: {task.name}:{split.name}: {text}")
    return [Selection(task, split, split.samples[: settings.limit]) for split in splits]


def _refuse_doubled_ids(task: Task, split: Split) -> None:
    seen: set[str] = set()
    for sample in split.samples:
        if sample.id in seen:
            raise CorpusError(f"{task.name}:{split.name}: sample id {sample.id!r} comes twice, expected each id once")
        seen.add(sample.id)
