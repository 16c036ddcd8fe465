"""The benchmarks: one file each, and here the table of their names."""

from pathlib import Path

from evaluate.errors import RequestError
from evaluate.registry import Registry
from evaluate.task import Task
from evaluate.task_file import TASK_SUFFIXES, load_task_class, task_files

BUILTIN = {
    "librispeech": "tasks.librispeech:LibriSpeech",
    "aishell1": "tasks.aishell1:Aishell1",
    "aishell2": "tasks.aishell2:Aishell2",
    "covost2": "tasks.covost2:CoVoST2",
    "clotho": "tasks.clotho:Clotho",
    "clothoaqa": "tasks.clothoaqa:ClothoAQA",
    "cochlscene": "tasks.cochlscene:CochlScene",
    "tut2017": "tasks.tut2017:TUT2017",
    "meld": "tasks.meld:Meld",
    "vocalsound": "tasks.vocalsound:VocalSound",
    "nsynth": "tasks.nsynth:NSynth",
    "srwt": "tasks.srwt:Srwt",
    "common_voice": "tasks.common_voice:CommonVoice",
    "fleurs": "tasks.fleurs:Fleurs",
    "airbench_chat": "tasks.airbench_chat:AirBenchChat",
    "chat": "tasks.chat:Chat",
    "mmau": "tasks.mmau:MMAU",
    "mmar": "tasks.mmar:MMAR",
    "airbench_foundation": "tasks.airbench_foundation:AirBenchFoundation",
    "voicebench": "tasks.voicebench:VoiceBench",
}
LISTING = "All names: otoscope tasks"

registry = Registry("task", BUILTIN, group="otoscope.tasks", listing=LISTING)


def task_registry(tasks_dir: Path | None) -> Registry:
    """Return the table of names, those of a folder of task files included.

    Raises:
        RequestError: A file claims a name that is taken.
    """
    if tasks_dir is None:
        return registry
    merged = Registry("task", BUILTIN, group="otoscope.tasks", listing=LISTING)
    for name, task in task_files(tasks_dir).items():
        merged.add(name, task, origin=str(tasks_dir))
    return merged


def parse_task_spec(spec: str) -> tuple[str, str | None]:
    """Return name (or file) and split of `NAME[:SPLIT]`; None where no split is named.

    Raises:
        RequestError: The name or the split is empty.
    """
    name, colon, split = spec.strip().partition(":")
    if not name or (colon and not split):
        raise RequestError(f"task {spec!r}: expected NAME or NAME:SPLIT, e.g. librispeech:test-clean")
    return name, split or None


def find_task_class(name: str, *, tasks_dir: Path | None) -> type[Task]:
    """Return the task class of a name, or of a YAML or Python file.

    Raises:
        UnknownNameError: No table holds the name.
        RequestError: The file does not describe a task.
    """
    if name.endswith(TASK_SUFFIXES):
        own = load_task_class(Path(name))
        task_registry(tasks_dir).refuse_taken(own.name, origin=name)
        return own
    task: type[Task] = task_registry(tasks_dir).get(name)
    return task
