"""Classes from a Python file of the user's own, outside any package."""

import importlib.util
import inspect
import sys
from pathlib import Path
from typing import Any

from evaluate.errors import RequestError

USER_MODULE = "otoscope_user_"  # begins the name of every module that a path of the user's was imported as


class NoClassError(RequestError):
    """A Python file is sound, but about something else."""


def _import(path: Path) -> Any:
    """Import a Python file by its path.

    Raises:
        RequestError: The file does not run.
    """
    spec = importlib.util.spec_from_file_location(f"{USER_MODULE}{path.stem}", path)
    if spec is None or spec.loader is None:
        raise RequestError(f"{path}: not importable, expected a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise RequestError(f"{path}: importing it failed with {type(error).__name__}: {error}") from error
    return module


def class_in(path: Path, base: type[Any]) -> type[Any]:
    """Return the one concrete subclass of `base` that a Python file defines.

    Raises:
        NoClassError: There is no subclass.
        RequestError: The file does not run, there is more than one, or the only one lacks methods.
    """
    module = _import(path)
    classes: list[type[Any]] = [
        value
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, base) and value.__module__ == module.__name__
    ]
    concrete = [one for one in classes if not inspect.isabstract(one)]
    if len(concrete) == 1:
        return concrete[0]
    if classes and not concrete:
        lacking = ", ".join(sorted(classes[-1].__abstractmethods__))
        raise RequestError(f"{path}: class {classes[-1].__name__} lacks {lacking}, which a {base.__name__} must have")
    error = RequestError if concrete else NoClassError
    raise error(f"{path}: {len(concrete)} subclasses of {base.__name__} in it, expected exactly one")
