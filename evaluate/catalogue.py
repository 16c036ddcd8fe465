"""What there is, as JSON-ready rows: tasks, models, metrics, normalisers, each described by its own class."""

import inspect
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from evaluate.data.sources import read_sources
from evaluate.errors import RequestError
from evaluate.judging.rubric import DEFAULT_RUBRIC
from evaluate.metrics import registry as metrics
from evaluate.model import ModelAdapter
from evaluate.normalizers import registry as normalizers
from evaluate.task import Task
from evaluate.types import SAMPLE_SPLIT

Description = dict[str, Any]

_FRAMES = ("evaluate.manifest_task",)  # what is written there is not about the one task


def describe_each(names: Iterable[str], describe: Callable[[str], Description], *, strict: bool) -> list[Description]:
    """Return a row per name.

    Args:
        names: What to describe.
        describe: Loads what a name stands for and returns its row.
        strict: Whether a name that does not load raises; otherwise its row says so, since a broken plug-in must not
            hide the others.

    Raises:
        RequestError: A name does not load, if strict.
    """
    rows = []
    for name in names:
        try:
            rows.append(describe(name))
        except RequestError as error:
            if strict:
                raise
            rows.append({"name": name, "description": f"broken: {error}"})
    return rows


def describe_task(task: type[Task]) -> Description:
    """Return everything about a task."""
    metrics = {split: task(Path()).metrics_of(split) for split in task.splits}
    return {
        "name": task.name,
        "kind": task.kind,
        "languages": list(task.languages or filter(None, [task.language])),
        "splits": [*task.splits, *([SAMPLE_SPLIT] if task.has_samples() else [])],
        "default_splits": list(task.default_splits),
        "primary": metrics[task.default_splits[0]][0],
        "metrics": list(dict.fromkeys(name for names in metrics.values() for name in names)),
        "version": task.version,
        **({"rubric": task.rubric or DEFAULT_RUBRIC} if task.kind == "chat" or task.rubric else {}),
        "official_sizes": dict(task.official_sizes),
        "choices": list(task.choices),
        "prompt": task.prompt,
        "protocols": list(task.protocols),
        "source": task.source,
        "licence": known.licence if (known := read_sources().get(task.name)) else "",
        "description": task.description or _first_line(task),
        "about": (inspect.getdoc(sys.modules.get(task.__module__)) or "") if task.__module__ not in _FRAMES else "",
    }


def describe_first_sample(task: Task, model: ModelAdapter, split_name: str | None) -> Description:
    """Return what a model would be asked for the first sample of a task; its audio need not be here.

    Raises:
        RequestError: The corpus is not here, or the model cannot do the task.
    """
    split = task.read_split(split_name) if split_name else task.read_default_splits()[0]
    first = split.samples[0]
    if reason := model.refusal(task, [first]):
        raise RequestError(f"{model.name} cannot do {task.name}:{split.name}: {reason}; see otoscope models")
    model.begin(task, split, [first])
    return {
        "split": split.name,
        "sample": first.id,
        "audio": [str(ref.path) for ref in first.audio],
        "references": list(first.references),
        "prompt_in_words": first.prompt,
        "protocol": task.protocol_name,
        "model": model.name,
        "sent": model.shown_prompt(first) or "nothing: the model takes no text",
    }


def describe_model(name: str) -> Description:
    """Return everything about a short name, a spec, or a family (`NAME:`, or a name that is neither).

    Its settings are what `--model-arg` takes.
    """
    from models import SHORT_NAMES, registry

    family, _, where = name.partition(":")
    stands_for = SHORT_NAMES.get(name, f"{family}:{where or 'WHERE'}")
    adapter = registry.get(stands_for.partition(":")[0])
    parameters = inspect.signature(adapter).parameters.values()
    keywords = [one.name for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY]
    return {
        "name": name if name in SHORT_NAMES else f"{family}:{where}",
        "stands_for": stands_for,
        "settings": [keyword for keyword in keywords if keyword not in ("device", "dtype")],
        "description": adapter.description or _first_line(inspect.getmodule(adapter)) or _first_line(adapter),
        "about": inspect.cleandoc(adapter.__doc__ or ""),  # what its settings are
    }


def describe_metric_or_normalizer(name: str) -> Description:
    """Return everything about a metric or a normaliser; `about` is its definition, source and conventions."""
    is_normalizer = name in normalizers.names()
    described = (normalizers if is_normalizer else metrics).get(name)
    better = "" if is_normalizer else ("higher" if described.higher_is_better else "lower")
    return {
        "name": name,
        "what": "normaliser" if is_normalizer else "metric",
        "better": better,
        "description": _first_line(described),
        "about": inspect.getdoc(inspect.getmodule(described)) or "",
    }


def _first_line(documented: Any) -> str:
    """Return the first line of what is written at a module or class itself, not at a base of it."""
    return inspect.cleandoc(getattr(documented, "__doc__", None) or "").partition("\n")[0]
