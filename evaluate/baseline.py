"""The file that the regression check compares with, and what was counted per sample beside it.

    {"schema": 1, "scores": [{"task", "split", "model", "model_arguments", "limit", "generation", "metric", "value",
                              "higher_is_better", "n_total", "n_failed", "corpus_fingerprint", "signature",
                              "tolerance", "clip_policy" where clips were not all kept,
                              "samples": {"file", "digest"}}]}

`tolerance` is the drop that is allowed, in the metric's own unit (0.005 of a rate is half a point); null: none is
stated; not there: 0. The samples of `NAME.json` lie in `NAME.samples/`, one file per score, so that a reviewer sees in
a diff which ones moved: a line that names the columns, then a line per sample in the task's order.

    {"columns": ["substitutions", "deletions", …]}
    {"id": "1089-134686-0000", "counted": [1, 0, …], "groups": {"speaker": "1089"}}

Both are written by `otoscope regression --update`. What `otoscope eval --json` prints is a baseline too, without
samples and with no drop allowed.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from evaluate.digests import digest
from evaluate.errors import RequestError
from evaluate.jsonl import groups_field, read_jsonl, refuse_doubled, shown, text_field
from evaluate.paired import metric_of
from evaluate.prediction_log import encode_line
from evaluate.results import SCHEMA, RunDirectory, comparable_signature, find_scores, slug, write_json
from evaluate.sample_scores import read_sample_scores
from evaluate.statistics import RESAMPLED_GROUPS
from evaluate.types import Rows
from evaluate.whole_files import replacing

NO_DROP = 0.0  # what is allowed where an entry does not have the field
MAX_BASELINE_BYTES = 64 * 2**20
MAX_SAMPLES_BYTES = 512 * 2**20
_LARGEST_EXACT = 2**53  # larger whole numbers are no counts; as an integer one would have up to 309 digits
_FIELDS: dict[str, tuple[tuple[type, ...], str]] = {  # their types, and how people are told of them
    **dict.fromkeys(("task", "split", "model", "metric", "signature", "corpus_fingerprint"), ((str,), "a string")),
    **dict.fromkeys(("value", "tolerance"), ((int, float, type(None)), "a number or null")),
    **dict.fromkeys(("n_total", "n_failed"), ((int,), "a whole number")),
    **dict.fromkeys(("generation", "model_arguments"), ((dict,), "an object")),
    **dict.fromkeys(("clip_policy", "samples"), ((dict, type(None)), "an object")),
    "higher_is_better": ((bool,), "true or false"),
    "limit": ((int, type(None)), "a whole number or null"),
}
_DEFAULTS = {"tolerance": NO_DROP, "clip_policy": None, "samples": None}

RunKey = tuple[str, str, str, str]  # task, split, model, and limit with all options as JSON


@dataclass(frozen=True, slots=True)
class Samples:
    """What a baseline knows of each sample of a score."""

    ids: list[str]
    groups: list[dict[str, str]]
    columns: list[str]
    rows: Rows  # (samples, columns)


@dataclass(frozen=True, slots=True)
class Update:
    """What an update did to a baseline; scores are named for people."""

    num_written: int
    added: list[str]
    removed: list[str]  # those without a run


def run_key(record: Mapping[str, Any]) -> RunKey:
    """Return what a scores document and an entry of a baseline must share to be compared."""
    settings = [record["limit"], record["generation"], record["model_arguments"], record.get("clip_policy") or {}]
    options = json.dumps(settings, sort_keys=True)
    return record["task"], record["split"], record["model"], options


def newest_scores(results_dir: Path) -> dict[RunKey, dict[str, Any]]:
    """Return the newest scores document of every model, task, split, limit and set of options."""
    return {run_key(document): document for document in find_scores(results_dir)}  # oldest first: the newest stays


def read_baseline(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a baseline, each field of its type.

    Raises:
        RequestError: The file is missing or not of the expected form.
    """
    document = _read_document(path)
    if isinstance(document, dict) and "metrics" in document:
        document = [document]
    if isinstance(document, list) and all(isinstance(one, dict) and "metrics" in one for one in document):
        try:
            document = {"schema": SCHEMA, "scores": [_entry_of(scores) for scores in document]}
        except (KeyError, TypeError, AttributeError) as error:
            raise RequestError(f"{path}: a scores document in it lacks {error}") from error
    is_baseline = isinstance(document, dict) and document.get("schema") == SCHEMA
    if not is_baseline or not isinstance(document.get("scores"), list) or not document["scores"]:
        raise RequestError(f'{path}: expected {{"schema": {SCHEMA}, "scores": […]}} with at least one score')
    entries = [_checked_entry(path, number, entry) for number, entry in enumerate(document["scores"], start=1)]
    numbers: dict[tuple[str, ...], int] = {}
    for number, entry in enumerate(entries, start=1):
        first = numbers.setdefault((*run_key(entry), entry["metric"]), number)
        if first != number:
            raise RequestError(f"{path}: scores {first} and {number} are of the same run and metric; remove one")
    return entries


def read_samples(path: Path, entry: Mapping[str, Any]) -> Samples | None:
    """Return what an entry of a baseline knows of its samples, None where it names none.

    Raises:
        RequestError: The file that it names is missing, lies elsewhere, or is not what was written.
    """
    if entry["samples"] is None:
        return None
    file = _samples_path(path, entry["samples"]["file"])
    if file is None:
        raise RequestError(f"{path}: samples {shown(entry['samples']['file'])} lie outside of the baseline's folder")
    _refuse_unreadable(file, MAX_SAMPLES_BYTES, f"restore it, or write {path} anew with --update")
    lines = list(read_jsonl(file))
    found, written = _digest_of([record for _, record in lines]), entry["samples"]["digest"]
    if found != written:
        raise RequestError(
            f"{file}: digest {found}, {path} expects {shown(written)}; restore both, or write them anew with --update"
        )
    return _parse_samples(file, lines)


def update_baseline(path: Path, results_dir: Path, *, tolerance: float | None = None) -> Update:
    """Write the newest runs' primary metrics, with their samples, into a baseline; stated tolerances in it are kept.

    Args:
        path: The baseline, which need not exist.
        results_dir: Where the runs are.
        tolerance: Stated for scores that have none yet; None: none.

    Raises:
        RequestError: There are no runs, or the file there is no baseline.
        RunDamagedError: A run lacks its sample scores.
    """
    newest = newest_scores(results_dir)
    if not newest:
        raise RequestError(f"{results_dir}/runs: no scored runs there to write into {path}")
    before = {(*run_key(entry), entry["metric"]): entry for entry in read_baseline(path)} if path.exists() else {}
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = {}
    for key, document in sorted(newest.items()):
        entry = _entry_of(document)
        known = before.get((*key, entry["metric"]), {"tolerance": None})
        entry["tolerance"] = tolerance if known["tolerance"] is None else known["tolerance"]
        if entry["value"] is not None:
            entry["samples"] = _write_samples(path, document)
        entries[*key, entry["metric"]] = entry
    write_json(path, {"schema": SCHEMA, "scores": list(entries.values())})
    _remove_stale_samples(path, before.values(), entries.values())
    return Update(
        num_written=len(entries),
        added=[describe_run(entry) for key, entry in entries.items() if key not in before],
        removed=[describe_run(entry) for key, entry in before.items() if key not in entries],
    )


def describe_run(record: Mapping[str, Any]) -> str:
    """Return what a scores document or an entry is of, for people."""
    options = describe_options(record)
    return f"{record['task']}:{record['split']} {record['model']}{f' ({options})' if options else ''}"


def describe_options(record: Mapping[str, Any]) -> str:
    """Return limit and options of a run for people, "" where there are none."""
    limit = {} if record["limit"] is None else {"limit": record["limit"]}
    policy = record.get("clip_policy") or {}
    options = {**limit, **record["model_arguments"], **record["generation"], **policy}
    return ", ".join(f"{name}={value}" for name, value in sorted(options.items()))


def _read_document(path: Path) -> Any:
    _refuse_unreadable(path, MAX_BASELINE_BYTES, "write one with --update")
    try:
        return json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise RequestError(f"{path}: cannot be read ({error.strerror}); write one with --update") from error
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{path}: not valid JSON ({error}); mend it, or remove it and --update") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _refuse_unreadable(path: Path, max_bytes: int, remedy: str) -> None:
    """Raise for what is no file, and for one that is too large to be meant."""
    if not path.is_file():
        raise RequestError(f"{path}: cannot be read (no such file); {remedy}")
    size = path.stat().st_size
    if size > max_bytes:
        raise RequestError(f"{path}: {size / 2**20:.0f} MiB, expected at most {max_bytes // 2**20}; {remedy}")


def _checked_entry(path: Path, number: int, entry: Any) -> dict[str, Any]:
    """Return an entry of a baseline whose fields have their types, with the defaults of those that may be left out.

    Raises:
        RequestError: A field is missing, or of another type, or no number is meant by it.
    """
    if not isinstance(entry, dict):
        raise RequestError(f"{path}: score {number} is {type(entry).__name__}, expected an object")
    checked = {**_DEFAULTS, **entry}
    for field, (kinds, expected) in _FIELDS.items():
        if field not in checked:
            raise RequestError(f"{path}: score {number} lacks {field}; write the file with --update")
        value = checked[field]
        is_number = isinstance(value, int | float) and kinds != (bool,)
        if not isinstance(value, kinds) or (is_number and not _is_number(value)):
            raise RequestError(f"{path}: score {number}: {field} is {shown(value)}, expected {expected}")
    if checked["tolerance"] is not None and checked["tolerance"] < 0:
        raise RequestError(f"{path}: score {number}: tolerance is {checked['tolerance']}, expected 0 or more, or null")
    samples = checked["samples"]
    if samples is not None and not all(isinstance(samples.get(field), str) for field in ("file", "digest")):
        raise RequestError(f'{path}: score {number}: samples is {shown(samples)}, expected {{"file", "digest"}}')
    return checked


def _is_number(value: Any) -> bool:
    """Whether a value is a number that a float can hold; true and false are none."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer of several hundred digits
        return False


def _entry_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a scores document's primary metric as an entry of a baseline."""
    metric = document["primary"]
    score = document["metrics"][metric]
    copied = (
        *("task", "split", "model", "model_arguments", "limit", "generation"),
        *("n_total", "n_failed", "corpus_fingerprint"),
    )
    return {
        **{field: document[field] for field in copied},
        **({"clip_policy": policy} if (policy := document.get("clip_policy")) else {}),
        "metric": metric,
        "value": score["value"],
        "higher_is_better": score["higher_is_better"],
        "signature": comparable_signature(score["signature"]),
    }


def _samples_path(path: Path, name: str) -> Path | None:
    """Return a samples file by its name in a baseline, None where that leads out of the baseline's folder."""
    try:
        file = path.parent / name
        return file if file.resolve().is_relative_to(path.parent.resolve()) else None
    except (OSError, RuntimeError, ValueError):  # a loop of links (RuntimeError before Python 3.13), a NUL
        return None


def _digest_of(lines: Sequence[Mapping[str, Any]]) -> str:
    return digest(lines)[:16]  # of what the lines say: git may turn their ends into those of Windows


def _parse_samples(file: Path, lines: Sequence[tuple[str, dict[str, Any]]]) -> Samples:
    columns = lines[0][1].get("columns") if lines else None
    if not isinstance(columns, list) or not columns or not all(isinstance(column, str) for column in columns):
        raise RequestError(f'{file}: the first line is not {{"columns": […]}}; write the baseline anew with --update')
    seen: dict[str, str] = {}
    groups, rows = [], []
    for where, record in lines[1:]:
        refuse_doubled(seen, text_field(where, record, "id"), where, str)
        row = record.get("counted")
        if not isinstance(row, list) or len(row) != len(columns) or not all(map(_is_number, row)):
            raise RequestError(f"{where}: 'counted' is {shown(row)}, expected {len(columns)} numbers")
        groups.append(groups_field(where, record))
        rows.append(row)
    return Samples(list(seen), groups, columns, np.array(rows, dtype=np.float64).reshape(len(rows), len(columns)))


def _write_samples(path: Path, document: Mapping[str, Any]) -> dict[str, str]:
    """Write the samples of a run's primary metric beside a baseline; return how the baseline names them."""
    metric = document["primary"]
    columns = metric_of(metric, document["metrics"][metric], document["run_dir"]).columns
    samples, rows = read_sample_scores(RunDirectory(Path(document["run_dir"])).sample_scores, [metric])
    lines: list[dict[str, Any]] = [{"columns": list(columns)}]
    for sample, row in zip(samples, rows[metric].tolist(), strict=True):
        groups = {kind: label for kind, label in sample.get("groups", {}).items() if kind in RESAMPLED_GROUPS}
        line = {"id": sample["id"], "counted": [_plain(number) for number in row]}
        lines.append({**line, **({"groups": groups} if groups else {})})
    key = run_key(document)
    name = f"{slug('.'.join(key[:3]))}.{digest([*key, metric])[:8]}.jsonl"  # options tell runs of one model apart
    file = path.with_name(f"{path.stem}.samples") / name
    file.parent.mkdir(exist_ok=True)
    with replacing(file) as content:
        content.writelines(map(encode_line, lines))
    return {"file": f"{file.parent.name}/{name}", "digest": _digest_of(lines)}


def _plain(number: float) -> int | float:
    """Return a number as it reads best in a diff: a count without its point."""
    return int(number) if number.is_integer() and abs(number) < _LARGEST_EXACT else number


def _remove_stale_samples(path: Path, before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> None:
    """Remove the files that only the baseline before an update named."""
    old, new = ({one["samples"]["file"] for one in entries if one.get("samples")} for entries in (before, after))
    for name in old - new:
        file = _samples_path(path, name)
        if file is not None and file.suffix == ".jsonl":
            file.unlink(missing_ok=True)
