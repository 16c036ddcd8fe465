"""What there is, as JSON-ready rows: tasks, model families, metrics, normalisers, each from its own class."""

import inspect
from typing import Any

from evaluate.metrics.base import Metric
from evaluate.model import ModelAdapter
from evaluate.normalizers import Normalizer
from evaluate.task import Task


def describe_task(task: type[Task]) -> dict[str, Any]:
    """Return everything about a task."""
    return {
        "name": task.name,
        "kind": task.kind,
        "languages": [task.language] if task.language else [],
        "splits": list(task.splits),
        "default_splits": list(task.default_splits),
        "primary": task.metrics[0],
        "metrics": list(task.metrics),
        "version": task.version,
        "official_sizes": dict(task.official_sizes),
        "choices": list(task.choices),
        "prompt": task.prompt,
        "source": task.source,
        "description": task.description or _first_line(task),
    }


def describe_family(name: str, adapter: type[ModelAdapter]) -> dict[str, Any]:
    """Return everything about a model family."""
    parameters = inspect.signature(adapter).parameters.values()
    settings = [one.name for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY]
    return {
        "name": f"{name}:",
        "stands_for": f"{name}:WHERE",
        "settings": settings,
        "description": _first_line(inspect.getmodule(adapter) or adapter),
    }


def describe_short_name(name: str, spec: str) -> dict[str, Any]:
    """Return what a short name stands for."""
    return {"name": name, "stands_for": spec, "settings": [], "description": ""}


def describe_metric(name: str, metric: type[Metric]) -> dict[str, Any]:
    """Return everything about a metric."""
    better = "higher" if metric.higher_is_better else "lower"
    return {"name": name, "what": "metric", "better": better, "description": _first_line(metric)}


def describe_normalizer(name: str, normalizer: type[Normalizer]) -> dict[str, Any]:
    """Return everything about a normaliser."""
    return {"name": name, "what": "normaliser", "better": "", "description": _first_line(normalizer)}


def _first_line(documented: Any) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]
