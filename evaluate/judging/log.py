"""What judges replied, kept beside the prediction log: `judgements.jsonl`, a line per reply, appended as they come.

    {"key", "judge_id", "judge", "rubric", "sample", "order", "prompt", "reply", "truncated", "usage", "details"}

The key is a hash of what the judge was shown, `judge_id` one of the judge with all its settings: another answer, prompt
or judge is judged anew, and a run that is scored again asks nothing twice. The scores are read out of the replies each
time. A call that failed leaves no line, so that it is made again.
"""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluate.errors import RunDamagedError
from evaluate.prediction_log import NOT_A_RECORD, encode_line


@dataclass(frozen=True, slots=True)
class Reply:
    """What a judge said."""

    text: str
    truncated: bool | None = None  # the token limit ended it: its last number may be a part of one
    usage: Mapping[str, float] = field(default_factory=dict)  # tokens, cost; where a server says it
    details: Mapping[str, str] = field(default_factory=dict)  # what a server said besides: the model it is


class ReplyLog:
    """The replies of all judges of one run.

    Args:
        path: The file; None: they are remembered only as long as the process lives.

    Raises:
        RunDamagedError: A line of the file is no reply; a torn last line is cut off.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._replies: dict[str, dict[str, Reply]] = {}  # by judge, by key
        self.judges: dict[str, str] = {}  # id of each that replied here, to its name
        if path and path.exists():
            self._read(path)

    def find(self, judge_id: str, key: str) -> Reply | None:
        """Return what a judge said to a question, None where it was not asked or did not reply."""
        return self._replies.get(judge_id, {}).get(key)

    def append(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Remember replies, and write them down in one go."""
        encoded = b""
        for line in lines:
            self._remember(line)
            encoded += encode_line(dict(line))
        if self._path and encoded:
            with self._path.open("ab") as file:
                file.write(encoded)
                file.flush()
                os.fsync(file.fileno())

    def _remember(self, line: Mapping[str, Any]) -> None:
        judge_id, judge, key, text, truncated = (line[x] for x in ("judge_id", "judge", "key", "reply", "truncated"))
        if not all(isinstance(value, str) for value in (judge_id, judge, key, text)):
            raise TypeError("judge_id, judge, key and reply must be strings")
        if truncated not in (None, True, False):
            raise TypeError("truncated must be true, false or null")
        usage, details = line.get("usage") or {}, line.get("details") or {}
        if not isinstance(usage, dict) or not all(isinstance(value, int | float) for value in usage.values()):
            raise TypeError("usage must be an object of numbers")
        if not isinstance(details, dict) or not all(isinstance(value, str) for value in details.values()):
            raise TypeError("details must be an object of strings")
        self.judges[judge_id] = judge
        self._replies.setdefault(judge_id, {})[key] = Reply(text, truncated, usage, details)

    def _read(self, path: Path) -> None:
        content = path.read_bytes()
        whole, newline, torn = content.rpartition(b"\n")
        if torn:
            with path.open("r+b") as file:
                file.truncate(len(whole) + len(newline))
        for number, line in enumerate(whole.split(b"\n") if whole else [], start=1):
            try:
                self._remember(json.loads(line))
            except NOT_A_RECORD as error:
                raise RunDamagedError(
                    f"{path}:{number}: is no reply of a judge ({type(error).__name__}: {error}); move the file away to "
                    "judge anew"
                ) from error
