"""What a scores document must be before anything is made of it; runs may come from other programs, or from strangers.

Required is what other programs rely on; what else this version writes is completed where it is absent, as of a whole
corpus scored by nobody knows which settings. A field of another type is damage, named with its place.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from evaluate.metrics import is_rate

_LARGEST = 1e15  # beyond, a number is no score of anything
_EDITS = ("substitutions", "deletions", "insertions")  # of an error rate, and its reference_length
_Test = Callable[[Any], bool]


def complete_scores(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a scores document with every field that this version reads.

    Raises:
        ValueError: A field is missing, or not what it should be.
    """
    scores = dict(document)
    for field, (test, expected) in _REQUIRED.items():
        _require(field, scores.get(field), test, expected)
    size = scores["n_total"]
    absent = {**_ABSENT, "coverage": {"complete": True, "found": size, "official": size}}
    scores = {**absent, **scores}
    for field, (test, expected) in _OPTIONAL.items():
        _require(field, scores[field], test, expected)
    scores["metrics"] = {name: _complete_metric(name, score) for name, score in scores["metrics"].items()}
    if scores["primary"] not in scores["metrics"]:
        raise ValueError(f"primary is {scores['primary']!r}, expected one of its metrics")
    return scores


def _complete_metric(name: str, given: Any) -> dict[str, Any]:
    where = f"metrics.{name}"
    _require(where, given, _is_object, "an object")
    score: dict[str, Any] = {"ci": None, "signature": name, "by": {}, **given}
    score.setdefault("is_rate", is_rate(name))
    for field, (test, expected) in _METRIC.items():
        _require(f"{where}.{field}", score.get(field), test, expected)
    if any(field in score for field in _EDITS):
        for field in (*_EDITS, "reference_length"):
            _require(f"{where}.{field}", score.get(field), _is_count, "a count")
    for kind, groups in score["by"].items():
        _require(f"{where}.by.{kind}", groups, _is_object, "an object")
        for label, group in groups.items():
            place = f"{where}.by.{kind}.{label}"
            _require(place, group, _is_object, "an object")
            _require(f"{place}.value", group.get("value"), _is_value, _VALUE)
            _require(f"{place}.ci", group.get("ci"), _is_interval, _INTERVAL)
            _require(f"{place}.n", group.get("n"), _is_count, "a count")
    if "confusion" in score:
        _require(f"{where}.confusion", score["confusion"], _is_confusion, "labels, a square matrix and unparsed")
    return score


def _require(where: str, value: Any, test: _Test, expected: str) -> None:
    if not test(value):
        raise ValueError(f"{where} is {_shown(value)}, expected {expected}")


def _shown(value: Any) -> str:
    text = repr(value) if not isinstance(value, dict | list) else f"{type(value).__name__} {str(value)[:60]}"
    return text if len(text) <= 80 else f"{text[:80]}…"


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST


def _is_number(value: Any) -> bool:
    is_one = isinstance(value, int | float) and not isinstance(value, bool)
    return is_one and -_LARGEST <= value <= _LARGEST and math.isfinite(value)


def _is_value(value: Any) -> bool:
    return value is None or _is_number(value)


def _is_interval(value: Any) -> bool:
    return value is None or (isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)))


def _is_coverage(value: Any) -> bool:
    sizes = (value.get("found"), value.get("official") or 0) if isinstance(value, dict) else (None,)
    return all(map(_is_count, sizes)) and _is_flag(value.get("complete"))


def _is_same_answers(value: Any) -> bool:
    return value is None or (_is_object(value) and _is_text(value.get("text")) and _is_count(value.get("count")))


def _is_confusion(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    labels, matrix, unparsed = (value.get(key) for key in ("labels", "matrix", "unparsed"))
    rows = [*matrix, unparsed] if isinstance(matrix, list) else [None]
    return (
        isinstance(labels, list)
        and all(map(_is_text, labels))
        and len(rows) == len(labels) + 1
        and all(isinstance(row, list) and len(row) == len(labels) and all(map(_is_count, row)) for row in rows)
    )


_VALUE, _INTERVAL = "a number or null", "[low, high] or null"
_REQUIRED: dict[str, tuple[_Test, str]] = {
    **dict.fromkeys(("task", "split", "model", "primary"), (_is_name, "a name")),
    **dict.fromkeys(("n_total", "n_scored", "n_unparsed", "n_failed"), (_is_count, "a count")),
    "metrics": (_is_object, "an object"),
}
_METRIC: dict[str, tuple[_Test, str]] = {
    "value": (_is_value, _VALUE),
    "ci": (_is_interval, _INTERVAL),
    **dict.fromkeys(("higher_is_better", "is_rate"), (_is_flag, "true or false")),
    "signature": (_is_text, "a text"),
    "by": (_is_object, "an object"),
}
_ABSENT: dict[str, Any] = {
    **dict.fromkeys(("task_version", "created", "corpus_fingerprint", "protocol", "probe"), ""),
    **{field: {} for field in ("model_arguments", "generation", "clip_policy", "clip_counts")},
    **dict.fromkeys(("limit", "model_revision", "model_dtype", "n_truncated", "same_answers"), None),
}
_OPTIONAL: dict[str, tuple[_Test, str]] = {
    **dict.fromkeys(("task_version", "created", "corpus_fingerprint", "protocol", "probe"), (_is_text, "a text")),
    **dict.fromkeys(("model_arguments", "generation", "clip_policy"), (_is_object, "an object")),
    "clip_counts": (lambda value: _is_object(value) and all(map(_is_count, value.values())), "an object of counts"),
    "limit": (lambda value: value is None or _is_count(value), "a count or null"),
    **dict.fromkeys(
        ("model_revision", "model_dtype"), (lambda value: value is None or _is_text(value), "a text or null")
    ),
    "n_truncated": (lambda value: value is None or _is_count(value), "a count or null"),
    "same_answers": (_is_same_answers, "null, or an object with text and count"),
    "coverage": (_is_coverage, "an object with complete, found and official"),
}
