"""What is here of the tasks' splits, whatever state it is in; only lists and file names are read, no audio."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from evaluate.errors import CorpusAbsentError, OtoscopeError, RequestError
from evaluate.task import Coverage, Split, Task
from evaluate.types import SAMPLE_SPLIT
from tasks import find_task_class, parse_task_spec, task_registry


@dataclass(frozen=True, slots=True)
class Finding:
    """A split as it was found: read, not here, or not readable."""

    task: str
    name: str  # of the split; "" where the task itself cannot be had
    official: int | None = None  # utterances; None: not known
    source: str = ""  # where the corpus comes from, as its task says
    split: Split | None = None
    is_absent: bool = False
    is_default: bool = False  # one of those that papers report
    error: str = ""  # why it could not be read, in one line

    @property
    def state(self) -> str:
        """One of present, partial, absent, damaged."""
        if self.split is None:
            return "absent" if self.is_absent else "damaged"
        return "present" if is_whole(self.split.coverage) else "partial"


def is_whole(coverage: Coverage) -> bool:
    """Whether every official utterance is here with its audio.

    Audio without a transcript does not count against it: AISHELL-1 as published has some.
    """
    return not coverage.missing_audio and coverage.official in (None, coverage.found)


def survey(spec: str | None, data_dir: Path, *, tasks_dir: Path | None = None) -> list[Finding]:
    """Read the splits of one task or of all.

    Args:
        spec: `NAME[:SPLIT]`; without a split, the official ones and whatever else is here; None: all tasks.
        data_dir: Where corpora live.
        tasks_dir: A folder with more tasks.

    Returns:
        One finding per split, whatever a damaged corpus raises.

    Raises:
        RequestError: There is no task or split of that name.
    """
    if spec is None:
        return list(_survey_all(data_dir, tasks_dir))
    name, split = parse_task_spec(spec)
    task = find_task_class(name, tasks_dir=tasks_dir)(data_dir)
    every = _every_split(task)
    if split is not None and split not in every and not (split == SAMPLE_SPLIT and task.has_samples()):
        raise task.unknown_split(split, tuple(every))
    return [_find(task, one) for one in ([split] if split else every)]


def _survey_all(data_dir: Path, tasks_dir: Path | None) -> Iterator[Finding]:
    registry = task_registry(tasks_dir)
    for name in registry.names():
        try:
            task: Task = registry.get(name)(data_dir)
        except RequestError as error:  # a plug-in that is broken must not hide the others
            yield Finding(name, "", error=str(error))
        else:
            for split in _every_split(task):
                yield _find(task, split)


def _find(task: Task, name: str) -> Finding:
    asked = Finding(task.name, name, task.official_sizes.get(name), task.source, is_default=name in task.default_splits)
    try:
        return replace(asked, split=task.read_split(name))
    except CorpusAbsentError as error:
        return replace(asked, is_absent=True, error=str(error))
    except Exception as error:  # one corpus that breaks its reader must not hide the others; its row says so
        return replace(asked, error=_describe(error))


def _every_split(task: Task) -> Sequence[str]:
    """Return the official splits and those that are here beside them."""
    try:
        present = task.present_splits()
    except Exception:  # reading a split says what is wrong, in its row
        present = ()
    return list(dict.fromkeys([*task.splits, *present]))


def _describe(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if isinstance(error, OtoscopeError) else f"{type(error).__name__}: {text}"
