"""What the sample page of a run reads: its samples as scripts, kept in the user's cache (`OTOSCOPE_PAGES`).

Not in the run's own folder: a results folder may come from somebody else, and these files are run by a browser.

A page that is opened from disk cannot fetch, it can only add `<script>` elements. So the data are scripts, each one
call with a JSON value: `index.js` holds what all samples are listed, sorted and filtered by, in columns; `0000.js` and
so on hold the texts of some hundred samples each. `made_from.json` says which state of the run's files they show.

Texts of models and corpora are values and never keys, since `__proto__` as a key would be a command to a script.
"""

import json
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import count, islice
from pathlib import Path
from typing import Any

from evaluate.digests import digest
from evaluate.folders import forget_gone_runs, home_or_cache, note_run, place_of_run
from evaluate.prediction_log import NOT_A_RECORD, index_log, records_at
from evaluate.report.sample_page.columns import Columns, groups_of, json_bytes
from evaluate.results import RunDirectory

SCHEMA = 1
CHUNK_SAMPLES = 250
MADE_FROM = "made_from.json"
_HALF_WRITTEN = re.compile(r"[0-9a-f]{32}\.\d+\.tmp")  # as `write_page_data` names them; other folders are not ours
_LONGEST_S = 86_400.0  # that writing the data of a run can take


def ensure_page_data(run: RunDirectory) -> Path:
    """Return the folder of a run's page data, made anew where it is missing or older than the run's files.

    Raises:
        OSError: There is no log, or the cache cannot be written.
    """
    folder = page_folder(run)
    if has_page_data(run):
        return folder
    _drop_leftovers(folder.parent)
    return write_page_data(run, folder)


def _drop_leftovers(cache: Path) -> None:
    """Remove the data of runs that are gone, and what was half written when a process was killed."""
    for half in cache.glob("*.tmp"):
        with suppress(OSError):  # another process removed it
            is_old = abs(time.time() - half.stat().st_mtime) > _LONGEST_S  # else another process may be writing it
            if is_old and _HALF_WRITTEN.fullmatch(half.name):
                shutil.rmtree(half, ignore_errors=True)
    forget_gone_runs(cache)


def has_page_data(run: RunDirectory) -> bool:
    """Whether a run's page data are there and show its files as they are."""
    return is_made_from(page_folder(run), made_from(run))


def page_folder(run: RunDirectory) -> Path:
    """Return the folder of a run's page data, one for each place that a run is at."""
    return place_of_run(home_or_cache("OTOSCOPE_PAGES", "pages"), run.path)


def made_from(run: RunDirectory) -> dict[str, Any]:
    """Return the state of a run's files: size and time of change of each that is there."""
    files = {}
    for path in (run.predictions, run.sample_scores):
        if path.exists():
            status = path.stat()
            files[path.name] = [status.st_size, status.st_mtime_ns]
    return {"schema": SCHEMA, "files": files}


def is_made_from(folder: Path, state: dict[str, Any]) -> bool:
    """Whether the page data in a folder show that state of their run."""
    try:
        return bool(json.loads((folder / MADE_FROM).read_bytes()) == state)
    except (OSError, ValueError):
        return False


def write_page_data(run: RunDirectory, folder: Path) -> Path:
    """Write the page data of a run, whole or not at all, into a folder, and return it.

    New files replace old ones, which are never written into: a report may share them by hard links.
    """
    state = made_from(run)  # before reading: what is appended meanwhile makes the data stale
    temporary = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        index = index_log(run.predictions)
        samples, columns = _samples(run, index.offsets.in_order()), Columns()
        number = 0
        while part := list(islice(samples, CHUNK_SAMPLES)):
            write_script(temporary / _chunk_name(number), "chunk", number, _chunk(part))
            for record, scored in part:
                columns.add(record, scored)
            number += 1
        about = {"chunk_samples": CHUNK_SAMPLES, "num_damaged": len(index.damaged)}
        with (temporary / "index.js").open("wb") as file:
            file.write(b"otoscope.index(")
            file.writelines(piece.replace(b"<", b"\\u003c") for piece in columns.json_pieces(about))
            file.write(b");\n")
        note_run(temporary, run.path)
        (temporary / MADE_FROM).write_text(json.dumps(state), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def read_samples(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the texts of all samples, in the order of their numbers."""
    for number in count():
        if not (folder / _chunk_name(number)).exists():
            return
        yield from _read_chunk(folder, number)


def read_sample(folder: Path, number: int) -> dict[str, Any]:
    """Return the texts of one sample.

    Raises:
        LookupError: There is no such sample.
    """
    try:
        return _read_chunk(folder, number // CHUNK_SAMPLES)[number % CHUNK_SAMPLES]
    except (OSError, IndexError) as error:
        raise LookupError(f"{folder}: there is no sample {number}") from error


def _read_chunk(folder: Path, number: int) -> list[dict[str, Any]]:
    text = (folder / _chunk_name(number)).read_text(encoding="utf-8")
    samples: list[dict[str, Any]] = json.loads(text[text.index(",") + 1 : text.rindex(")")])["samples"]
    return samples


def stamp(state: dict[str, Any]) -> str:
    """Return a short name of a state of a run's files, so that a browser keeps no script of an older one."""
    return digest(state)[:12]


def _chunk_name(number: int) -> str:
    return f"{number:04}.js"


def write_script(path: Path, function: str, *values: Any) -> None:
    """Write a script that hands values to the page."""
    told = b",".join(map(json_bytes, values)).replace(b"<", b"\\u003c")  # in JSON `<` is in strings only
    path.write_bytes(f"otoscope.{function}(".encode() + told + b");\n")


def _samples(run: RunDirectory, offsets: Iterable[int]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each sample's newest record in the log and its scores, {} where it has none."""
    lines = _ScoreLines(run.sample_scores)
    for record in records_at(run.predictions, offsets):
        yield record, lines.of(record["id"])


class _ScoreLines:
    """Lines of `sample_scores.jsonl`; as they mostly come in the order that they are asked for, few are held."""

    def __init__(self, path: Path) -> None:
        self._rest = _records(path)
        self._passed: dict[str, dict[str, Any]] = {}

    def of(self, sample_id: str) -> dict[str, Any]:
        """Return the line of a sample, {} where there is none."""
        while sample_id not in self._passed and (line := next(self._rest, None)) is not None:
            self._passed[line["id"]] = line
        return self._passed.pop(sample_id, {})


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines that are records with an id; a run that was written by hand may have no such file."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            try:
                record = json.loads(line)
            except NOT_A_RECORD:
                continue
            if _is_score_line(record):
                yield record


def _is_score_line(record: Any) -> bool:
    """Whether a line of `sample_scores.jsonl` is what was written there."""
    if not isinstance(record, dict) or not isinstance(record.get("id"), str):
        return False
    values, groups, counted = (record.get(key) or {} for key in ("values", "groups", "counted"))
    return (
        all(isinstance(one, dict) for one in (values, groups, counted))
        and isinstance(record.get("answer"), str | None)
        and all(isinstance(label, str) for label in groups.values())
        and all(isinstance(row, list) and all(isinstance(one, int | float) for one in row) for row in counted.values())
        and _is_alignment(record.get("alignment"))
    )


def _is_alignment(value: Any) -> bool:
    if value is None:
        return True
    edits = value.get("edits") if isinstance(value, dict) and value.get("unit") in ("word", "char") else None
    return isinstance(edits, list) and all(
        isinstance(edit, list) and len(edit) == 3 and all(isinstance(part, str) for part in edit) for edit in edits
    )


def _chunk(part: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, Any]:
    """Return the texts of some samples; a prompt that many share stands there once."""
    prompts: dict[str, int] = {}
    samples = []
    for record, scored in part:
        error = record["error"]
        samples.append(
            {
                "hypothesis": record["hypothesis"],
                "error": None if error is None else [error["type"], error["message"]],
                "references": record["references"],
                "prompt": prompts.setdefault(record.get("prompt", ""), len(prompts)),
                "groups": list(groups_of(record, scored).items()),
                "audio": record.get("audio") or [],
                "spans": record.get("spans") or [],
                "clips": record.get("clips") or [],
                "latency_s": record["latency_seconds"],
                "answer": scored.get("answer"),
                "counted": list((scored.get("counted") or {}).items()),
                "alignment": scored.get("alignment"),
            }
        )
    return {"prompts": list(prompts), "samples": samples}
