"""Cells of tables that other programs open."""

from typing import Any


def csv_cell(value: Any) -> Any:
    """Return a cell that a spreadsheet does not run as a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
