"""Where runs live and what stands in them.

A run is the folder `runs/<model>/<task>/<split>/<run-id>/` with run.json, predictions.jsonl, scores.json and, for each
sample, what was counted in sample_scores.jsonl. The run id is a hash of everything that determines the answers, so the
same command finds its own run again, and another model, prompt, option or corpus is another run.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evaluate.digests import digest
from evaluate.errors import RunDamagedError, RunLockedError
from evaluate.lines import escape_obeyed, one_line
from evaluate.scores_schema import complete_scores
from evaluate.types import Notice
from evaluate.whole_files import write_whole

SCHEMA = 1
_MAX_SLUG = 100


class RunDirectory:
    """The folder of one run.

    Args:
        path: The folder itself; made when the run starts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run_json = path / "run.json"
        self.predictions = path / "predictions.jsonl"
        self.scores = path / "scores.json"
        self.sample_scores = path / "sample_scores.jsonl"
        self.judgements = path / "judgements.jsonl"
        self.asked = path / "asked.jsonl"  # digests of the samples that the run was begun with

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder and hold it against other processes; the hold ends with the process, however it ends.

        Raises:
            RunLockedError: Another process holds it.
        """
        from filelock import FileLock, Timeout

        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise RunLockedError(
                f"{self.path}: another process is writing this run; wait until it ends, or stop it"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def read_record(self) -> dict[str, Any]:
        """Return run.json.

        Raises:
            RunDamagedError: It is not JSON, or lacks its sessions.
        """
        record = read_json(self.run_json)
        if not isinstance(record, dict) or not isinstance(record.get("sessions"), list):
            raise RunDamagedError(f"{self.run_json}: has no list of sessions; start over with --fresh")
        return record

    def set_aside(self) -> None:
        """Move what an earlier start left into `previous/<n>/`, so that the run begins anew and nothing is lost."""
        files = (self.run_json, self.predictions, self.scores, self.sample_scores, self.asked)
        there = [file for file in files if file.exists()]
        if not there:
            return
        earlier = self.path / "previous"
        number = 1 + sum(1 for _ in earlier.glob("*")) if earlier.exists() else 1
        target = earlier / str(number)
        target.mkdir(parents=True)
        for file in there:
            file.replace(target / file.name)


def run_directory(results_dir: Path, *, model: str, task: str, split: str, run_id: str) -> RunDirectory:
    """Return the folder of a run; nothing is made yet."""
    return RunDirectory(results_dir / "runs" / slug(model) / slug(task) / slug(split) / run_id)


def slug(name: str) -> str:
    """Return a name as a safe folder name: letters, digits, dot, dash and underscore, at most 100 of them.

    Different names can give one slug; the name itself stands in run.json, and run ids differ.
    """
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._")
    if safe and len(safe) <= _MAX_SLUG:
        return safe
    tail = digest(name)[:8]
    return f"{safe[: _MAX_SLUG - 9]}-{tail}" if safe else tail


def write_json(path: Path, document: Any) -> None:
    """Write a JSON file whole or not at all."""
    write_whole(path, escape_obeyed(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file of a run.

    Raises:
        RunDamagedError: It is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise RunDamagedError(
            f"{path}: not valid JSON ({error}); move the run away or start over with --fresh"
        ) from error


def find_scores(
    results_dir: Path, *, probes: bool | None = False, damaged: Notice | None = None
) -> list[dict[str, Any]]:
    """Return every scores document under a results folder, with its `run_dir`, oldest first.

    Args:
        results_dir: Where runs live.
        probes: Whether to return those of probes (`evaluate.probes`), which are no scores of a model, and none else;
            None: all.
        damaged: Gets what is wrong with a document that is then left out; None: that is an error.

    Raises:
        RunDamagedError: A document is not JSON, of another schema, or not what it should be.
    """
    found = []
    for path in sorted((results_dir / "runs").glob("*/*/*/*/scores.json")):
        try:
            found.append(read_scores(path))
        except RunDamagedError as error:
            if damaged is None:
                raise
            damaged(str(error))
    return sorted(
        (document for document in found if probes is None or bool(document["probe"]) == probes),
        key=lambda document: str(document["created"]),
    )


def read_scores(path: Path) -> dict[str, Any]:
    """Read one scores document, completed where it holds only what other programs rely on, and add its `run_dir`.

    Raises:
        RunDamagedError: The document is not JSON, of another schema, or not what it should be.
    """
    document = read_json(path)
    schema = document.get("schema", SCHEMA) if isinstance(document, dict) else None
    if not isinstance(document, dict) or schema != SCHEMA:
        raise RunDamagedError(f"{path}: schema {schema!r}, expected {SCHEMA}; score the run again with this version")
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="microseconds")
    try:
        return {**complete_scores({"created": written, **document}), "run_dir": str(path.parent)}
    except ValueError as error:
        raise RunDamagedError(f"{path}: {one_line(str(error))}; score the run again") from error


def comparable_signature(signature: str) -> str:
    """Return a metric's signature without the harness's own version, which alone is no other way of scoring."""
    return re.sub(r"\|v:[^|]*$", "", signature)
