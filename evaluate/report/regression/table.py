"""The outcome of a regression check as a table, whose rows and verdict the other forms show too."""

from collections import Counter
from collections.abc import Iterator, Sequence

from evaluate.lines import one_line, some_of
from evaluate.regression import Check
from evaluate.tables import (
    SAMPLES_APART,
    format_amount,
    format_difference,
    format_interval,
    format_value,
    print_note,
    print_table,
    samples_apart,
)

MAX_NEW = 10  # runs that are named where a baseline lacks them
MAX_FAILED = 3  # scores that the last line names
CHECK_COLUMNS = ("task", "model", "metric", "baseline", "found", "difference (95 % interval)", "allowed", "outcome")
NUM_NAMES = 3  # the first columns, which hold names; the last holds a word, those between numbers


def print_checks(checks: Sequence[Check]) -> None:
    """Print the outcome of a regression check: failures first, what is to be said of a row below its table."""
    compared = sorted((check for check in checks if check.outcome != "new"), key=lambda check: check.passed)
    title = "Regression check"
    for group in samples_apart(compared, lambda check: check.split) or [[]]:
        print_table(title, CHECK_COLUMNS, [check_cells(check) for check in group], numeric=CHECK_COLUMNS[NUM_NAMES:-1])
        title += f": {SAMPLES_APART}"
        for check in group:
            if (told := check_told(check)) != check_cells(check)[-1]:
                print_note(f"{_name(check)} {check.system}: {told}")
    for note in (*check_notes(checks), check_verdict(checks) + _failed_names(compared)):
        print_note(note)


def check_cells(check: Check) -> list[str]:
    """Return a check as a row of a table for people, whose last cell is the outcome in a word."""
    is_rate = check.is_rate
    difference = format_difference(check.difference, is_rate=is_rate).removesuffix(" points")
    interval = format_interval(check.ci, is_rate=is_rate, signed=True)
    return [
        one_line(f"{check.task}:{check.split}"),
        one_line(check.system),
        one_line(f"{check.metric} {check.arrow}"),
        format_value(check.expected, is_rate=is_rate),
        format_value(check.found, is_rate=is_rate),
        f"{difference}{f' ({interval})' if check.ci else ''}",
        "–" if check.tolerance is None else format_amount(check.tolerance, is_rate=is_rate),
        check.outcome.replace("-", " "),
    ]


def check_told(check: Check) -> str:
    """Return the outcome of a check with what is wrong, and what else a reader should know."""
    word = check.outcome.replace("-", " ")
    problem = f": {check.problem}" if check.problem and check.outcome != "regressed" else ""  # its numbers are cells
    return one_line(word + problem + (f" (note: {check.note})" if check.note else ""))


def check_notes(checks: Sequence[Check]) -> Iterator[str]:
    """Yield what stands beneath the table of a regression check: runs that are new."""
    added = [f"{check.task}:{check.split} {check.system}" for check in checks if check.outcome == "new"]
    if added:
        yield one_line(f"not in the baseline, --update adds them: {len(added)} ({some_of(added, MAX_NEW)})")


def check_verdict(checks: Sequence[Check]) -> str:
    """Return whether a regression check passed, and how many scores came out how."""
    compared = [check for check in checks if check.outcome != "new"]
    moved = sorted((check for check in compared if check.outcome != "passed"), key=lambda check: not check.passed)
    counts = Counter(check.outcome.replace("-", " ") for check in moved)  # what failed stands last, before the names
    verdict = "passed" if all(check.passed for check in checks) else "failed"
    return ", ".join(
        [
            f"{verdict}: {len(compared)} score{'s' * (len(compared) != 1)}",
            *(f"{n} {what}" for what, n in counts.items()),
        ]
    )


def _failed_names(compared: Sequence[Check]) -> str:
    """Return the first scores that failed, as they stand behind the verdict."""
    failed = [check for check in compared if not check.passed]
    with_system = len({check.system for check in compared}) > 1
    names = [_name(check) + (f" {check.system}" if with_system else "") for check in failed[:MAX_FAILED]]
    rest = f" and {len(failed) - MAX_FAILED} more" if len(failed) > MAX_FAILED else ""
    return f": {', '.join(names)}{rest}" if names else ""


def _name(check: Check) -> str:
    return f"{check.task}:{check.split} {check.metric}"
