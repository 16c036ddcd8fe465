"""What is here of a task's splits, whatever state it is in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evaluate.errors import CorpusAbsentError
from evaluate.task import Coverage, Split, Task


@dataclass(frozen=True, slots=True)
class Finding:
    """A split as it was found: read, not here, or not readable."""

    task: Task
    name: str
    split: Split | None = None
    is_absent: bool = False
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


def survey(task: Task, splits: Sequence[str] | None = None) -> Iterator[Finding]:
    """Read splits of a task without touching their audio.

    Args:
        task: Whose splits.
        splits: Their names; None: the official ones and whatever else is here.

    Yields:
        One finding per split, whatever a damaged corpus or a plug-in's task raises.
    """
    for name in every_split(task) if splits is None else splits:
        try:
            yield Finding(task, name, split=task.read_split(name))
        except CorpusAbsentError as error:
            yield Finding(task, name, is_absent=True, error=str(error))
        except Exception as error:  # one corpus that breaks its reader must not hide the others; its row says so
            yield Finding(task, name, error=_describe(error))


def every_split(task: Task) -> Sequence[str]:
    """Return the official splits and those that are here beside them."""
    try:
        present = task.present_splits()
    except Exception:  # reading a split says what is wrong, in its row
        present = ()
    return list(dict.fromkeys([*task.splits, *present]))


def _describe(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if hasattr(error, "exit_code") else f"{type(error).__name__}: {text}"
