"""One table of names: lazy built-ins, then what installed packages bring; a name that is taken raises."""

import difflib
import importlib
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from typing import Any

from evaluate.errors import RequestError, UnknownNameError


def unknown_name(kind: str, name: str, known: Iterable[str], *, listing: str) -> UnknownNameError:
    """Return the error for a name that is in no table, with near matches and where the whole list is."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    near = near or [one for one in names if one.casefold() == name.casefold()]
    if near:
        return UnknownNameError(f"unknown {kind} {name!r}; did you mean {' or '.join(map(repr, near))}? {listing}")
    return UnknownNameError(f"unknown {kind} {name!r}; {listing[0].lower()}{listing[1:]}")


def is_misspelt(name: str, known: Iterable[str]) -> bool:
    """Whether a name is so near a known one that it hardly means another: `testclean`, not `train-clean`."""
    return bool(difflib.get_close_matches(name.casefold(), [one.casefold() for one in known], n=1, cutoff=0.85))


class Registry:
    """Names and what they stand for.

    Args:
        kind: What the names are of, for messages: "task", "model family", …
        builtin: Name to target, `"module:attribute"`, imported only when asked for.
        group: Entry point group in which installed packages add names.
        listing: Where the whole list is, for messages, e.g. "All names: otoscope tasks".
    """

    def __init__(self, kind: str, builtin: Mapping[str, str], *, group: str, listing: str) -> None:
        self.kind = kind
        self._builtin = dict(builtin)
        self._group = group
        self._listing = listing
        self._targets: dict[str, str] | None = None
        self._objects: dict[str, Any] = {}

    def add(self, name: str, target: Any, *, origin: str) -> None:
        """Add an object that is loaded already, or the error that kept it from that, which `get` then raises.

        Raises:
            RequestError: The name is taken.
        """
        self.refuse_taken(name, origin=origin)
        self.targets()[name] = origin
        self._objects[name] = target

    def refuse_taken(self, name: str, *, origin: str) -> None:
        """Raise where a table holds a name already: its results would be taken for those of another.

        Raises:
            RequestError: The name is taken.
        """
        targets = self.targets()
        if name in targets:
            raise RequestError(f"{self.kind} {name!r} of {origin} is taken by {targets[name]}; rename it")

    def targets(self) -> dict[str, str]:
        """Return every name with its target, or with where an object that was added comes from.

        Raises:
            RequestError: An installed package claims a name that is taken.
        """
        if self._targets is None:
            self._targets = dict(self._builtin)
            for entry in entry_points(group=self._group):
                if entry.name in self._targets:
                    raise RequestError(
                        f"{self.kind} {entry.name!r} of {entry.value} is taken by {self._targets[entry.name]}; "
                        "uninstall one of the two packages, or rename it"
                    )
                self._targets[entry.name] = entry.value
        return self._targets

    def names(self) -> list[str]:
        """Return every name, built-ins first in the order of their table."""
        return list(self.targets())

    def get(self, name: str) -> Any:
        """Import and return what a name stands for.

        Raises:
            UnknownNameError: No table holds the name.
            RequestError: It comes from an installed package that is broken, or is an error itself.
        """
        targets = self.targets()
        if name not in targets:
            unread = {one: error for one, error in self._objects.items() if isinstance(error, RequestError)}
            read = [one for one in targets if one not in unread]
            listing = "; not read: ".join([self._listing, *map(str, unread.values())])
            raise unknown_name(self.kind, name, read, listing=listing)
        if name in self._objects:
            if isinstance(self._objects[name], RequestError):
                raise self._objects[name]
            return self._objects[name]
        module, _, attribute = targets[name].partition(":")
        try:
            return getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            if name in self._builtin:
                raise
            raise RequestError(
                f"{self.kind} {name!r}: {targets[name]} cannot be imported ({error}); mend or uninstall its package"
            ) from error
