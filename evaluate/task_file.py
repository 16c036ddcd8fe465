"""Tasks from outside the package: a YAML file that describes one, or a Python file with a class.

    name: kitchen-sounds
    kind: classification
    language: en
    manifest: kitchen.jsonl           # or one file per split: {dev: dev.jsonl, test: test.jsonl}
    prompt: "Which kitchen sound is this? {choices}"
    choices: [kettle, tap, knife]
    metrics: [accuracy, macro_f1]

Optional: `answer_language` (of the references, where it is not that of the speech), `aliases` (choice to a list of
other ways of saying it), `extractor` (how a choice is read out of a text: exact, normalized, letter, named, closest;
default named), `version` (default "1"), `normalizer`, `description`, `source`, `official_sizes` (split to number of
samples).
"""

from pathlib import Path
from typing import Any

import yaml

from evaluate.answers import create_extractor
from evaluate.errors import RequestError
from evaluate.manifest_task import ManifestTask
from evaluate.metrics import registry as metric_registry
from evaluate.python_file import class_in
from evaluate.registry import unknown_name
from evaluate.task import Task
from evaluate.types import KINDS, primary_subtag

TASK_SUFFIXES = (".yaml", ".yml", ".py")
_REQUIRED = ("name", "kind", "manifest", "metrics")
_OPTIONAL = (
    "language",
    "answer_language",
    "prompt",
    "choices",
    "version",
    "normalizer",
    "description",
    "source",
    "official_sizes",
    "extractor",
    "aliases",
)
_TEXTS = ("name", "language", "answer_language", "prompt", "normalizer", "description", "source", "extractor")
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


def _class_of_yaml(path: Path) -> type[Task]:
    facts = _read_facts(path)
    manifests = facts["manifest"] if isinstance(facts["manifest"], dict) else {_SINGLE_SPLIT: facts["manifest"]}
    splits = tuple(str(split) for split in manifests)
    attributes = {
        **{field: facts[field] for field in (*_TEXTS, "kind") if field in facts},
        "language": primary_subtag(facts.get("language", "")),
        "answer_language": primary_subtag(facts.get("answer_language", "")),
        "version": str(facts.get("version", "1")),
        "splits": splits,
        "default_splits": (_SINGLE_SPLIT,) if _SINGLE_SPLIT in splits else splits,
        "metrics": _strings(path, "metrics", facts["metrics"]),
        "choices": _strings(path, "choices", facts.get("choices", [])),
        "aliases": _aliases(path, facts),
        "official_sizes": {str(split): size for split, size in facts.get("official_sizes", {}).items()},
        "manifests": {str(split): path.parent / str(file) for split, file in manifests.items()},
        "__doc__": f"The task of {path}.",
        "__module__": ManifestTask.__module__,
    }
    if facts.get("extractor"):
        create_extractor(facts["extractor"])  # raises now what would otherwise show when all samples are done
    for name in attributes["metrics"]:
        metric_registry.get(name)
    return type("ManifestTask", (ManifestTask,), attributes)


def _read_facts(path: Path) -> dict[str, Any]:
    """Return the fields of a YAML file, each known and of its type.

    Raises:
        RequestError: One is missing, unknown, or of another type.
    """
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
    for field in _TEXTS:
        if not isinstance(facts.get(field, ""), str):
            raise RequestError(f"{path}: field {field!r} is {facts[field]!r}, expected text; put it in quotes")
    sizes = facts.get("official_sizes", {})
    if not isinstance(sizes, dict) or not all(isinstance(size, int) for size in sizes.values()):
        raise RequestError(f"{path}: field 'official_sizes' is {sizes!r}, expected split: number of samples")
    return facts


def _strings(path: Path, field: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise RequestError(f"{path}: field {field!r} is {value!r}, expected a list like [a, b]")
    odd = [item for item in value if not isinstance(item, str)]
    if odd:  # YAML reads a bare yes, no or 1 as something else than text
        raise RequestError(f"{path}: field {field!r} holds {odd[0]!r}, expected text; put it in quotes")
    return tuple(value)


def _aliases(path: Path, facts: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return choice to other ways of saying it."""
    aliases = facts.get("aliases", {})
    if not isinstance(aliases, dict):
        raise RequestError(f"{path}: field 'aliases' is {aliases!r}, expected choice: [other name, …]")
    for choice in aliases:
        if choice not in facts.get("choices", []):
            known = [one for one in facts.get("choices", []) if isinstance(one, str)]
            raise unknown_name(
                f"choice in 'aliases' of {path}:", str(choice), known, listing=f"choices: {', '.join(known)}"
            )
    return {choice: _strings(path, f"aliases: {choice}", names) for choice, names in aliases.items()}


def _class_of_python(path: Path) -> type[Task]:
    task: type[Task] = class_in(path, Task)
    missing = [fact for fact in _PYTHON_FACTS if not getattr(task, fact, None)]
    if missing:
        raise RequestError(f"{path}: class {task.__name__} lacks {', '.join(missing)}; set them as class attributes")
    return task
