"""What GitHub's runner reads from a step: workflow commands in its output, and the file of its summary.

The runner looks for commands in stdout and in stderr alike. Whatever else is printed there comes from users, models
and baselines, so it is printed between a command that stops the others and one, known to nobody else, that starts them.
"""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from evaluate.lines import one_line
from evaluate.regression import NOT_PAIRED, Check
from evaluate.types import Notice


def is_github() -> bool:
    """Whether this is a step of a GitHub job."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def annotations(checks: Sequence[Check]) -> Iterator[str]:
    """Yield the workflow commands of a regression check: an error per failure, a warning or notice for what to know.

    GitHub shows ten of each kind per step; the log and the summary have them all.
    """
    for check in checks:
        what = f"{check.task}:{check.split} {check.system} {check.metric}"
        if not check.passed:
            yield _command("error", f"{check.outcome.replace('-', ' ')}: {what}", check.problem)
        elif check.note == NOT_PAIRED:
            yield _command("warning", f"not paired: {what}", "the baseline holds no samples; --update writes them")
        elif check.outcome == "improved":
            yield _command("notice", f"improved: {what}", "better than the baseline; --update keeps it")


@contextmanager
def without_commands(say: Notice) -> Iterator[None]:
    """Let GitHub's runner obey nothing that is printed meanwhile; elsewhere, change nothing.

    Args:
        say: Prints a line to the stream that the runner reads.
    """
    if not is_github():
        yield
        return
    token = secrets.token_hex(16)
    say(f"::stop-commands::{token}")
    try:
        yield
    finally:
        say(f"::{token}::")


def append_summary(text: str) -> None:
    """Append Markdown to the summary of the step, where there is one."""
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)


def _command(kind: str, title: str, message: str) -> str:
    """Return a workflow command; the runner decodes the escapes of actions/toolkit."""
    escaped_title = _escape(title).replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} title={escaped_title}::{_escape(message)}"


def _escape(text: str) -> str:
    return one_line(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
