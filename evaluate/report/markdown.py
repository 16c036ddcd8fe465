"""Markdown that shows names as they are, whatever they hold: they come from users and checkpoints."""

import re
from collections.abc import Sequence

from evaluate.lines import one_line


def escape(text: str) -> str:
    """Return text that Markdown shows as it is, on one line, without what a terminal would obey."""
    text = one_line(text)
    return re.sub(r"([\\|`*_\[\]<>&~$])", r"\\\1", text) if not set(text) <= set("-:") else text


def table_row(cells: Sequence[str], *, escaped: int = 0) -> str:
    """Return a row of a table; the last `escaped` cells are Markdown already."""
    plain = len(cells) - escaped
    return "| " + " | ".join([*(escape(cell) for cell in cells[:plain]), *cells[plain:]]) + " |"
