"""Cells of tables that other programs open: text of users and models, made safe for each."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as CSV with a head; a column that a row lacks is empty there."""
    target = io.StringIO()
    # Every text is quoted: Python 3.11 would leave one with a lone carriage return bare, which parts the row.
    writer = csv.DictWriter(target, columns, lineterminator="\n", restval="", quoting=csv.QUOTE_NONNUMERIC)
    writer.writeheader()
    writer.writerows({column: csv_cell(value) for column, value in row.items()} for row in rows)
    return target.getvalue()


def csv_cell(value: Any) -> Any:
    """Return a cell that a spreadsheet does not run as a formula, and a terminal does not obey."""
    if isinstance(value, str):
        value = _COMMANDS.sub("\ufffd", value)
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def escape_latex(text: str) -> str:
    """Return text that LaTeX shows as it is, in one line; control characters, which no font has, as U+FFFD."""
    text = "".join(character if character.isprintable() else "\ufffd" for character in " ".join(text.split()))
    return "".join(_LATEX.get(character, character) for character in text)


# Controls, but for tabs and ends of lines, and what turns the direction of writing round.
_COMMANDS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # the wide ones count where input is Japanese
_LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "–": "--",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "≈": r"$\approx$",
}
