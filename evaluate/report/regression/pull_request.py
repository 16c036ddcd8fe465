"""The outcome of a regression check as Markdown: a comment on a pull request, a summary of a GitHub job.

Names and messages come from users, runs and the baseline. They are shown as they are and do nothing: no markup, no
link, and nobody is notified because a model is called @somebody.
"""

import re
from collections.abc import Sequence

from evaluate.regression import Check
from evaluate.report.markdown import escape, table_row
from evaluate.report.regression.table import (
    CHECK_COLUMNS,
    NUM_NAMES,
    check_cells,
    check_notes,
    check_told,
    check_verdict,
)
from evaluate.tables import SAMPLES_APART, samples_apart

MAX_CHARACTERS = 60_000  # a comment on GitHub holds 65,536, a job's summary 1 MiB
FEW = 10  # scores that passed are folded away where there are more
_HEADINGS = (
    table_row(CHECK_COLUMNS),
    table_row(["---", "---", "---", *["---:"] * (len(CHECK_COLUMNS) - NUM_NAMES - 1), "---"]),
)
_NUMBERS = slice(NUM_NAMES, -1)
# What GitHub makes a link of without any markup: mentions, issues, addresses. An empty comment takes them apart.
_LINKS = re.compile(r"(?<=[@#])(?=\w)|(?<=:)(?=//)|(?<=www)(?=\.)", re.IGNORECASE)


def summarize_checks(checks: Sequence[Check]) -> str:
    """Return the outcome: failures first, then what passed."""
    failed = [check for check in checks if not check.passed]
    passed = sorted((check for check in checks if check.passed and check.outcome != "new"), key=_is_unremarkable)
    parts = [f"## Regression check {check_verdict(checks)}"]
    used = 0
    if failed:
        rows, used = _tables(failed, MAX_CHARACTERS)
        parts.append(rows)
    if passed:
        rows, _ = _tables(passed, MAX_CHARACTERS - used)
        is_long = len(passed) > FEW
        parts.append(f"<details><summary>{len(passed)} passed</summary>\n\n{rows}\n\n</details>" if is_long else rows)
    parts += [_shown(note) for note in check_notes(checks)]
    parts.append(
        "A difference is found less baseline, of rates in points. Intervals are paired, sample by sample, at 95 % "
        "each, without a correction for their number; *allowed* is the tolerance that the baseline states."
    )
    return "\n\n".join(parts) + "\n"


def _is_unremarkable(check: Check) -> bool:
    return check.outcome == "passed" and not check.note


def _tables(checks: Sequence[Check], room: int) -> tuple[str, int]:
    """Return tables of at most `room` characters, clips that come with the project apart, and how many they have."""
    tables: list[str] = []
    used = 0
    for group in samples_apart(checks, lambda check: check.split):
        table, length = _table(group, room - used)
        tables += [*([f"{SAMPLES_APART}:"] if tables else []), table]
        used += length
    return "\n\n".join(tables), used


def _table(checks: Sequence[Check], room: int) -> tuple[str, int]:
    """Return a table of at most `room` characters, its last line saying what was left out, and how many it has."""
    lines = [*_HEADINGS]
    used = sum(map(len, lines))
    for number, check in enumerate(checks):
        row = _row(check)
        if used + len(row) > room:
            lines += ["", f"{len(checks) - number} more are left out here: the log of the job shows them all."]
            break
        lines.append(row)
        used += len(row) + 1
    return "\n".join(lines), used


def _row(check: Check) -> str:
    cells = check_cells(check)
    shown = [_shown(cell) for cell in cells]
    shown[_NUMBERS] = cells[_NUMBERS]
    shown[-1] = _shown(check_told(check))
    if not check.passed:
        shown[-1] = f"**{cells[-1]}**{shown[-1].removeprefix(cells[-1])}"
    return table_row(shown, escaped=len(shown))


def _shown(text: str) -> str:
    return _LINKS.sub("<!-- -->", escape(text))
