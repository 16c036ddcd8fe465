"""Tasks from outside the package: a YAML file that describes one, or a Python file with a class.

    name: kitchen-sounds
    kind: classification
    language: en
    manifest: kitchen.jsonl           # or one file per split: {dev: dev.jsonl, test: test.jsonl}
    prompt: "Which kitchen sound is this? {choices}"
    choices: [kettle, tap, knife]
    metrics: [accuracy, macro_f1]

Optional: `version` (default "1"), `normalizer`, `description`, `source`, `official_sizes` (split to number of samples).
"""

import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

import yaml

from evaluate.answers import extract_choice, match_choice
from evaluate.corpus import manifest_split, rows_of_split, split_labels
from evaluate.errors import CorpusAbsentError, ManifestError, RequestError
from evaluate.manifest import Row, read_manifest
from evaluate.metrics import registry as metric_registry
from evaluate.registry import unknown_name
from evaluate.task import Split, Task
from evaluate.types import KINDS, Sample

TASK_SUFFIXES = (".yaml", ".yml", ".py")
_REQUIRED = ("name", "kind", "manifest", "metrics")
_OPTIONAL = ("language", "prompt", "choices", "version", "normalizer", "description", "source", "official_sizes")
_TEXTS = ("name", "language", "prompt", "normalizer", "description", "source")
_PYTHON_FACTS = ("name", "version", "kind", "splits", "default_splits", "metrics")
_SINGLE_SPLIT = "test"


def load_task_class(path: Path) -> type[Task]:
    """Return the task class that a YAML or Python file describes.

    Raises:
        RequestError: The file is missing, or does not describe a task.
    """
    if not path.is_file():
        raise RequestError(f"{path}: no such file, expected a task as .yaml or .py")
    return _class_of_python(path) if path.suffix == ".py" else _class_of_yaml(path)


def task_files(folder: Path) -> dict[str, type[Task]]:
    """Return the tasks in a folder's YAML and Python files, by name.

    Raises:
        RequestError: There is no such folder, a file does not describe a task, or two have one name.
    """
    if not folder.is_dir():
        raise RequestError(f"{folder}: no such folder, expected --tasks-dir with .yaml or .py tasks")
    found: dict[str, type[Task]] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in TASK_SUFFIXES and not path.name.startswith(("_", ".")):
            task = load_task_class(path)
            if task.name in found:
                raise RequestError(f"{path}: task {task.name!r} stands in another file of {folder} already; rename one")
            found[task.name] = task
    return found


class ManifestTask(Task):
    """A task whose samples stand in a manifest per split; made by `load_task_class` from a YAML file."""

    manifests: dict[str, Path]

    def present_splits(self) -> tuple[str, ...]:
        return tuple(split for split, path in self.manifests.items() if self.manifest or path.is_file())

    def read_split(self, split: str) -> Split:
        if split not in self.manifests:
            raise self.unknown_split(split, ())
        path = self.manifest or self.manifests[split]
        rows = self._rows(path, split)
        read = manifest_split(split, rows, official=self.official_sizes.get(split, len(rows)), make_sample=self._sample)
        if not read.samples:
            raise CorpusAbsentError(
                f"{self.name}:{split}: none of the audio that {path} names is there; paths are relative to it"
            )
        return read

    def _rows(self, path: Path, split: str) -> list[Row]:
        """Return a split's rows: all of a file that is one split's own, else those that name the split."""
        rows = read_manifest(path, data_dir=self.data_dir)
        labels = split_labels(rows)
        is_shared = list(self.manifests.values()).count(path) > 1 or self.manifest is not None
        if not is_shared or labels == [""]:
            return rows
        chosen = rows_of_split(rows, split)
        if not chosen:
            raise CorpusAbsentError(
                f"{self.name}:{split}: no line of {path} is of this split; labels: {', '.join(labels)}"
            )
        return chosen

    def extract_answer(self, sample: Sample, text: str) -> str | None:
        return extract_choice(text, self.choices) if self.choices else text

    def _sample(self, row: Row) -> Sample:
        return Sample(
            id=row.id,
            audio=row.audio,
            prompt=self.prompt.replace("{choices}", ", ".join(self.choices)).replace("{question}", row.question),
            references=tuple(self._label(row, text) for text in row.references) if self.choices else row.references,
            kind=self.kind,
            language=row.language or self.language,
            groups=row.groups,
            choices=self.choices,
        )

    def _label(self, row: Row, reference: str) -> str:
        """Return the choice that a reference is."""
        choice = match_choice(reference, self.choices)
        if choice is None:
            raise ManifestError(
                f"{row.where}: sample {row.id!r}: reference {reference!r} is none of the choices: "
                f"{', '.join(self.choices)}"
            )
        return choice


def _class_of_yaml(path: Path) -> type[Task]:
    try:
        facts = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError) as error:  # ValueError: no UTF-8, or something like the date 2026-13-45
        raise RequestError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from error
    if not isinstance(facts, dict):
        raise RequestError(f"{path}: expected fields like name and kind, found {type(facts).__name__}")
    for field in facts:
        if field not in (*_REQUIRED, *_OPTIONAL):
            known = ", ".join((*_REQUIRED, *_OPTIONAL))
            raise unknown_name(f"field of {path}", str(field), [*_REQUIRED, *_OPTIONAL], listing=f"fields: {known}")
    for field in _REQUIRED:
        if not facts.get(field):
            raise RequestError(f"{path}: field {field!r} is missing; required: {', '.join(_REQUIRED)}")
    if facts["kind"] not in KINDS:
        raise unknown_name(f"kind in {path}:", str(facts["kind"]), KINDS, listing=f"kinds: {', '.join(KINDS)}")
    choices = _strings(path, "choices", facts.get("choices", []))
    metrics = _strings(path, "metrics", facts["metrics"])
    for name in metrics:
        metric_registry.get(name)
    for field in _TEXTS:
        if not isinstance(facts.get(field, ""), str):
            raise RequestError(f"{path}: field {field!r} is {facts[field]!r}, expected text; put it in quotes")
    sizes = facts.get("official_sizes", {})
    if not isinstance(sizes, dict) or not all(isinstance(size, int) for size in sizes.values()):
        raise RequestError(f"{path}: field 'official_sizes' is {sizes!r}, expected split: number of samples")
    manifests = facts["manifest"] if isinstance(facts["manifest"], dict) else {_SINGLE_SPLIT: facts["manifest"]}
    splits = tuple(str(split) for split in manifests)
    return type(
        "ManifestTask",
        (ManifestTask,),
        {
            "name": str(facts["name"]),
            "version": str(facts.get("version", "1")),
            "kind": facts["kind"],
            "language": str(facts.get("language", "")),
            "splits": splits,
            "default_splits": (_SINGLE_SPLIT,) if _SINGLE_SPLIT in splits else splits,
            "metrics": metrics,
            "normalizer": facts.get("normalizer"),
            "choices": choices,
            "official_sizes": {str(split): size for split, size in sizes.items()},
            "prompt": str(facts.get("prompt", "")),
            "source": str(facts.get("source", "")),
            "description": str(facts.get("description", "")),
            "manifests": {str(split): path.parent / str(file) for split, file in manifests.items()},
            "__doc__": f"The task of {path}.",
        },
    )


def _strings(path: Path, field: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise RequestError(f"{path}: field {field!r} is {value!r}, expected a list like [a, b]")
    odd = [item for item in value if not isinstance(item, str)]
    if odd:  # YAML reads a bare yes, no or 1 as something else than text
        raise RequestError(f"{path}: field {field!r} holds {odd[0]!r}, expected text; put it in quotes")
    return tuple(value)


def load_python(path: Path) -> Any:
    """Import a Python file by its path.

    Raises:
        RequestError: The file does not run.
    """
    spec = importlib.util.spec_from_file_location(f"otoscope_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise RequestError(f"{path}: not importable, expected a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise RequestError(f"{path}: importing it failed with {type(error).__name__}: {error}") from error
    return module


def class_in(path: Path, base: type[Any]) -> type[Any]:
    """Return the one concrete subclass of `base` that a Python file defines.

    Raises:
        RequestError: There is none, or more than one.
    """
    module = load_python(path)
    classes = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, base)
        and value.__module__ == module.__name__
        and not inspect.isabstract(value)
    ]
    if len(classes) != 1:
        raise RequestError(f"{path}: {len(classes)} subclasses of {base.__name__} in it, expected exactly one")
    return classes[0]


def _class_of_python(path: Path) -> type[Task]:
    task: type[Task] = class_in(path, Task)
    missing = [fact for fact in _PYTHON_FACTS if not getattr(task, fact, None)]
    if missing:
        raise RequestError(f"{path}: class {task.__name__} lacks {', '.join(missing)}; set them as class attributes")
    return task
