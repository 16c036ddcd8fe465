"""The regression check: the newest runs against a baseline file.

    {"schema": 1, "scores": [{"task", "split", "model", "model_arguments", "limit", "generation", "metric", "value",
                              "higher_is_better", "n_total", "n_failed", "corpus_fingerprint", "signature",
                              "tolerance", "clip_policy" where clips were not all kept}]}

A score of the baseline is held against the newest run of the same model, task, split, limit and options. It regresses
where it is worse by more than its tolerance. A run that is missing, on another corpus, with more failures, or scored in
another way fails too: a comparison that cannot be made must not pass. A baseline is written by
`otoscope regression --update`; what `otoscope eval --json` prints is one too, without tolerances.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from evaluate.errors import RequestError
from evaluate.results import SCHEMA, comparable_signature, find_scores, write_json

DEFAULT_TOLERANCE = 0.0
_FIELDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("task", "split", "model", "metric", "signature", "corpus_fingerprint"), (str,)),
    "value": (int, float, type(None)),
    "higher_is_better": (bool,),
    "n_total": (int,),
    "n_failed": (int,),
    "limit": (int, type(None)),
    "generation": (dict,),
    "model_arguments": (dict,),
    "tolerance": (int, float),
}
_RunKey = tuple[str, str, str, str]  # task, split, model, and limit with all options as JSON
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome for one score of the baseline."""

    task: str
    split: str
    model: str
    metric: str
    expected: float | None
    found: float | None
    is_rate: bool  # whether people are shown it in per cent
    problem: str = ""  # "" where all is well

    @property
    def passed(self) -> bool:
        """Whether the score holds."""
        return not self.problem

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as a JSON-ready row."""
        return {**asdict(self), "passed": self.passed}


def check_baseline(baseline: Path, results_dir: Path) -> list[Check]:
    """Compare the newest run of every model, task and split in a baseline with it.

    Raises:
        RequestError: The baseline is missing or not of the expected form.
    """
    newest = _newest_scores(results_dir)
    return [_check(expected, newest) for expected in _read_baseline(baseline)]


def update_baseline(baseline: Path, results_dir: Path) -> int:
    """Write the newest runs' primary metrics into a baseline; tolerances that stand in it are kept.

    Returns:
        How many scores were written.

    Raises:
        RequestError: There are no runs.
    """
    newest = _newest_scores(results_dir)
    if not newest:
        raise RequestError(f"{results_dir}/runs: no scored runs there to write into {baseline}")
    kept = {}
    if baseline.exists():
        kept = {(*_key(entry), entry["metric"]): entry["tolerance"] for entry in _read_baseline(baseline)}
    scores = []
    for key, document in sorted(newest.items()):
        entry = _entry_of(document)
        scores.append({**entry, "tolerance": kept.get((*key, entry["metric"]), DEFAULT_TOLERANCE)})
    baseline.parent.mkdir(parents=True, exist_ok=True)
    write_json(baseline, {"schema": SCHEMA, "scores": scores})
    return len(scores)


def write_junit(path: Path, checks: Sequence[Check]) -> None:
    """Write the outcome as JUnit XML, one test case per score."""
    failures = sum(not check.passed for check in checks)
    suite = ElementTree.Element("testsuite", name="otoscope regression", tests=str(len(checks)), failures=str(failures))
    for check in checks:
        case = ElementTree.SubElement(
            suite, "testcase", classname=_xml(f"{check.task}.{check.split}"), name=_xml(f"{check.model} {check.metric}")
        )
        if check.problem:
            ElementTree.SubElement(case, "failure", message=_xml(check.problem))
    path.parent.mkdir(parents=True, exist_ok=True)
    ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def _check(expected: dict[str, Any], newest: dict[_RunKey, dict[str, Any]]) -> Check:
    document = newest.get(_key(expected))
    score = document["metrics"].get(expected["metric"]) if document else None
    return Check(
        **{field: expected[field] for field in ("task", "split", "model", "metric")},
        expected=expected["value"],
        found=score["value"] if score else None,
        is_rate=bool(score and score["is_rate"]),
        problem=_problem(expected, document, score),
    )


def _problem(expected: dict[str, Any], document: dict[str, Any] | None, score: dict[str, Any] | None) -> str:
    """Return what is wrong, "" if nothing is."""
    if document is None:
        return "no run of this model on this task and split with these options"
    if score is None:
        return f"the run has no metric {expected['metric']!r}"
    signature, signature_before = (comparable_signature(one["signature"]) for one in (score, expected))
    if signature != signature_before:
        return f"scored as {signature}, the baseline as {signature_before}"
    if document["n_total"] != expected["n_total"]:
        return f"{document['n_total']} samples, the baseline has {expected['n_total']}"
    if document["corpus_fingerprint"] != expected["corpus_fingerprint"]:
        return f"corpus {document['corpus_fingerprint']}, the baseline's is {expected['corpus_fingerprint']}"
    if document["n_failed"] > expected["n_failed"]:
        return f"{document['n_failed']} samples failed, the baseline has {expected['n_failed']}"
    value, before, tolerance = score["value"], expected["value"], expected["tolerance"]
    if (value is None) != (before is None):
        return f"value is {value}, the baseline's {before}"
    if value is not None:
        worse_by = before - value if expected["higher_is_better"] else value - before
        if worse_by > tolerance + 1e-12:
            return f"worse by {worse_by:.6f}, allowed are {tolerance:.6f}"
    return ""


def _newest_scores(results_dir: Path) -> dict[_RunKey, dict[str, Any]]:
    return {_key(document): document for document in find_scores(results_dir)}  # oldest first: the newest stays


def _key(record: dict[str, Any]) -> _RunKey:
    settings = [record["limit"], record["generation"], record["model_arguments"], record.get("clip_policy") or {}]
    options = json.dumps(settings, sort_keys=True)
    return record["task"], record["split"], record["model"], options


def _xml(text: str) -> str:
    """Return text without the characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def _entry_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return a scores document's primary metric as an entry of a baseline."""
    metric = document["primary"]
    score = document["metrics"][metric]
    copied = (
        "task",
        "split",
        "model",
        "model_arguments",
        "limit",
        "generation",
        "n_total",
        "n_failed",
        "corpus_fingerprint",
    )
    return {
        **{field: document[field] for field in copied},
        **({"clip_policy": policy} if (policy := document.get("clip_policy")) else {}),
        "metric": metric,
        "value": score["value"],
        "higher_is_better": score["higher_is_better"],
        "signature": comparable_signature(score["signature"]),
    }


def _read_baseline(path: Path) -> list[dict[str, Any]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"{path}: cannot be read ({error.strerror}); write one with --update") from error
    except ValueError as error:
        raise RequestError(f"{path}: not valid JSON ({error})") from error
    if isinstance(document, dict) and "metrics" in document:
        document = [document]
    if isinstance(document, list) and all(isinstance(one, dict) and "metrics" in one for one in document):
        try:
            document = {"schema": SCHEMA, "scores": [_entry_of(scores) for scores in document]}
        except (KeyError, TypeError) as error:
            raise RequestError(f"{path}: a scores document in it lacks {error}") from error
    is_baseline = isinstance(document, dict) and document.get("schema") == SCHEMA
    if not is_baseline or not isinstance(document.get("scores"), list) or not document["scores"]:
        raise RequestError(f'{path}: expected {{"schema": {SCHEMA}, "scores": […]}} with at least one score')
    return [_checked_entry(path, number, entry) for number, entry in enumerate(document["scores"], start=1)]


def _checked_entry(path: Path, number: int, entry: Any) -> dict[str, Any]:
    """Return an entry of a baseline whose fields have their types; a tolerance that is not given is 0.

    Raises:
        RequestError: A field is missing, or of another type.
    """
    if not isinstance(entry, dict):
        raise RequestError(f"{path}: score {number} is {type(entry).__name__}, expected an object")
    entry = {"tolerance": DEFAULT_TOLERANCE, **entry}
    for field, kinds in _FIELDS.items():
        if field not in entry:
            raise RequestError(f"{path}: score {number} lacks {field}; write the file with --update")
        if not isinstance(entry[field], kinds):
            raise RequestError(f"{path}: score {number}: {field} is {entry[field]!r}, of the wrong type")
    checked: dict[str, Any] = entry
    return checked
