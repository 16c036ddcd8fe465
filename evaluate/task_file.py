"""Tasks from outside the package: a YAML file that describes one, or a Python file with a class.

    name: kitchen-sounds
    kind: classification
    language: en
    manifest: kitchen.jsonl           # or one file per split: {dev: dev.jsonl, test: test.jsonl}
    prompt: "Which kitchen sound is this? {choices}"
    choices: [kettle, tap, knife]
    metrics: [accuracy, macro_f1]

Optional: `answer_language` (of the references, where it is not that of the speech), `aliases` (choice to a list of
other ways of saying it), `extractor` (how a choice is read out of a text: exact, normalized, letter, option, words,
named, closest; default named), `version` (default "1"), `normalizer`, `rubric` (by which a judge scores: a name, or a
YAML file of one's own, see evaluate.judging.rubric), `description`, `source`, `official_sizes` (split to number of
samples).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from evaluate.answers import create_extractor, match_choice
from evaluate.errors import RequestError
from evaluate.judging.rubric import load_rubric
from evaluate.manifest_task import ManifestTask
from evaluate.metrics import registry as metric_registry
from evaluate.protocols import PLACE, PLACES
from evaluate.python_file import NoClassError, class_in
from evaluate.registry import unknown_name
from evaluate.results import slug
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
    "rubric",
    "description",
    "source",
    "official_sizes",
    "extractor",
    "aliases",
)
_TEXTS = ("name", "language", "answer_language", "prompt", "normalizer", "description", "source", "extractor")
_PYTHON_FACTS = ("name", "version", "kind", "splits", "default_splits", "metrics")
_SINGLE_SPLIT = "test"
_RESERVED = ("all", "new")  # words of the command line


def load_task_class(path: Path) -> type[Task]:
    """Return the task class that a YAML or Python file describes.

    Raises:
        RequestError: The file is missing, or does not describe a task.
    """
    if not path.is_file():
        raise RequestError(f"{path}: no such file, expected a task as .yaml or .py")
    return _class_of_python(path) if path.suffix == ".py" else _class_of_yaml(path)


def task_files(folder: Path) -> dict[str, type[Task] | RequestError]:
    """Return the tasks in a folder's YAML and Python files, by name; Python files without a task are passed over.

    A file that cannot be read must not hide the others: its error stands under its path.

    Raises:
        RequestError: There is no such folder, or two tasks have one name.
    """
    if not folder.is_dir():
        raise RequestError(f"{folder}: no such folder, expected --tasks-dir with .yaml or .py tasks")
    found: dict[str, type[Task] | RequestError] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix in TASK_SUFFIXES and not path.name.startswith(("_", ".")):
            try:
                task = load_task_class(path)
            except NoClassError:
                continue
            except RequestError as error:
                found[str(path)] = error
                continue
            if task.name in found:
                raise RequestError(f"{path}: task {task.name!r} stands in another file of {folder} already; rename one")
            found[task.name] = task
    return found


@dataclass(frozen=True, slots=True)
class _Facts:
    """The fields of a YAML file, and where each stands."""

    path: Path
    values: Mapping[str, Any]
    lines: Mapping[str, int]  # field to the line of its name

    def where(self, field: str) -> str:
        """Return file and line of a field, for messages."""
        return f"{self.path}:{self.lines.get(field, 1)}: field {field!r}"

    def text(self, field: str) -> str:
        """Return a text, "" where the field is not there."""
        value = self.values.get(field, "")
        if not isinstance(value, str):
            raise RequestError(f"{self.where(field)} is {value!r}, expected text; put it in quotes")
        return value

    def texts(self, field: str) -> tuple[str, ...]:
        """Return a list of texts, () where the field is not there."""
        return self.list_of_texts(field, self.values.get(field, []))

    def list_of_texts(self, field: str, value: Any) -> tuple[str, ...]:
        """Return a value of a field as a list of texts."""
        if not isinstance(value, list):
            raise RequestError(f"{self.where(field)} is {value!r}, expected a list like [a, b]")
        odd = [item for item in value if not isinstance(item, str)]
        if odd:  # YAML reads a bare yes, no or 1 as something else than text
            raise RequestError(f"{self.where(field)} holds {odd[0]!r}, expected text; put it in quotes")
        return tuple(value)

    def mapping(self, field: str, expected: str) -> dict[str, Any]:
        """Return a mapping, {} where the field is not there."""
        value = self.values.get(field, {})
        if not isinstance(value, dict):
            raise RequestError(f"{self.where(field)} is {value!r}, expected {expected}")
        return {str(key): one for key, one in value.items()}


def _class_of_yaml(path: Path) -> type[Task]:
    facts = _read_facts(path)
    is_one = not isinstance(facts.values["manifest"], dict)
    manifests = {_SINGLE_SPLIT: facts.text("manifest")} if is_one else facts.mapping("manifest", "split: file")
    splits = tuple(manifests)
    sizes = facts.mapping("official_sizes", "split: number of samples")
    for size in sizes.values():
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise RequestError(f"{facts.where('official_sizes')} holds {size!r}, expected split: number of samples")
    attributes = {
        **{field: facts.text(field) for field in (*_TEXTS, "kind") if field in facts.values},
        "language": primary_subtag(facts.text("language")),
        "answer_language": primary_subtag(facts.text("answer_language")),
        "version": _version(facts),
        **({"rubric": _rubric(facts)} if "rubric" in facts.values else {}),
        "splits": splits,
        "default_splits": (_SINGLE_SPLIT,) if _SINGLE_SPLIT in splits else splits,
        "metrics": facts.texts("metrics"),
        "choices": facts.texts("choices"),
        "aliases": _aliases(facts),
        "official_sizes": sizes,
        "manifests": {split: path.parent / str(file) for split, file in manifests.items()},
        "__doc__": f"The task of {path}.",
        "__module__": ManifestTask.__module__,
    }
    for field, look_up in (("extractor", create_extractor), ("metrics", metric_registry.get)):
        for name in facts.texts(field) if field == "metrics" else filter(None, [facts.text(field)]):
            _known(facts, field, name, look_up)
    return type("ManifestTask", (ManifestTask,), attributes)


def _rubric(facts: _Facts) -> str:
    """Return the name of a rubric, or its file's path, which is taken relative to the task's file."""
    name = facts.text("rubric")
    rubric = str(facts.path.parent / name) if name.endswith((".yaml", ".yml")) else name
    _known(facts, "rubric", rubric, load_rubric)
    return rubric


def _version(facts: _Facts) -> str:
    value = facts.values.get("version", "1")
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        raise RequestError(f"{facts.where('version')} is {value!r}, expected a number or text")
    return str(value)


def _known(facts: _Facts, field: str, name: str, look_up: Callable[[str], Any]) -> None:
    """Look a name up now; else its error would show when all samples are done."""
    try:
        look_up(name)
    except RequestError as error:
        raise type(error)(f"{facts.where(field)}: {error}") from error


def _read_facts(path: Path) -> _Facts:
    """Return the fields of a YAML file, each known, and the required ones there.

    Raises:
        RequestError: One is missing, unknown, or comes twice.
    """
    try:
        text = path.read_text(encoding="utf-8")
        values, tree = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: no UTF-8, or a date like 2026-13-45
        raise RequestError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from error
    if not isinstance(values, dict) or not isinstance(tree, yaml.MappingNode):
        raise RequestError(f"{path}: expected fields like name and kind, found {type(values).__name__}")
    lines: dict[str, int] = {}
    for node, _ in tree.value:
        line = node.start_mark.line + 1
        if node.value in lines:
            raise RequestError(f"{path}:{line}: field {node.value!r} stands in line {lines[node.value]} already")
        lines[str(node.value)] = line
    known = (*_REQUIRED, *_OPTIONAL)
    for field in values:
        if field not in known:
            where = f"field of {path}:{lines.get(str(field), 1)}"
            raise unknown_name(where, str(field), known, listing=f"fields: {', '.join(known)}")
    for field in _REQUIRED:
        if values.get(field) in (None, "", [], {}):
            raise RequestError(f"{path}: field {field!r} is missing; required: {', '.join(_REQUIRED)}")
    facts = _Facts(path, values, lines)
    for place in PLACE.findall(facts.text("prompt")):
        if place not in PLACES:
            where = f"place in {facts.where('prompt')}:"
            raise unknown_name(where, place, PLACES, listing=f"places: {', '.join(PLACES)}")
    if facts.values["name"] in _RESERVED:
        raise RequestError(f"{facts.where('name')} is {values['name']!r}, which means something else; choose another")
    if slug(facts.text("name")) != facts.values["name"]:
        raise RequestError(
            f"{facts.where('name')} is {values['name']!r}, expected letters, digits, dot, dash, underscore"
        )
    if facts.values["kind"] not in KINDS:
        where = f"kind in {path}:{lines['kind']}:"
        raise unknown_name(where, str(facts.values["kind"]), KINDS, listing=f"kinds: {', '.join(KINDS)}")
    return facts


def _aliases(facts: _Facts) -> dict[str, tuple[str, ...]]:
    """Return choice to other ways of saying it."""
    choices = facts.texts("choices")
    aliases = facts.mapping("aliases", "choice: [other name, …]")
    for choice in aliases:
        if choice not in choices:
            listing = f"choices: {', '.join(choices)}"
            raise unknown_name(f"choice in {facts.where('aliases')}:", choice, choices, listing=listing)
    found = {choice: facts.list_of_texts("aliases", names) for choice, names in aliases.items()}
    for choice, names in found.items():
        if taken := [name for name in names if match_choice(name, choices) not in (None, choice)]:
            raise RequestError(f"{facts.where('aliases')}: {taken[0]!r} of {choice!r} is another choice")
    return found


def _class_of_python(path: Path) -> type[Task]:
    task: type[Task] = class_in(path, Task)
    missing = [fact for fact in _PYTHON_FACTS if not getattr(task, fact, None)]
    if missing:
        raise RequestError(f"{path}: class {task.__name__} lacks {', '.join(missing)}; set them as class attributes")
    return task
