"""The regression check: the newest runs against a baseline (`evaluate.baseline`).

A score of the baseline is held against the newest run of the same model, task, split, limit and options, sample by
sample. It regresses where

- the 95 % interval of the paired difference lies wholly on the bad side of zero: the drop is no accident of which
  samples the corpus holds; or
- the drop exceeds the tolerance that the baseline states. One of 0 allows no drop at all, which suits recorded answers
  that are scored anew: there nothing is left to chance.

Where there is no interval (the baseline holds no samples, or only one) and no tolerance, no drop is allowed. Each
interval is at 95 % and none is corrected for their number: of forty scores of an unchanged, sampling model one is
expected to fail. A run that is missing, on another corpus, with more failures, or scored in another way fails too: a
comparison that cannot be made must not pass. A score that is better, with an interval that excludes zero, is named.
"""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from evaluate.baseline import (
    NO_DROP,
    RunKey,
    Samples,
    describe_options,
    newest_scores,
    read_baseline,
    read_samples,
    run_key,
)
from evaluate.errors import RequestError
from evaluate.metrics import is_rate
from evaluate.paired import match_ids, metric_of, paired_difference, shared_units
from evaluate.results import RunDirectory, comparable_signature
from evaluate.sample_scores import read_sample_scores
from evaluate.tables import format_amount, format_interval, format_value

Outcome = Literal["passed", "improved", "new", "regressed", "more-failures", "changed", "missing"]
ROUNDING = 1e-9  # relative: what sums in another order may differ by, on another machine
_SAME_VALUE = 1e-6  # relative: more, and a baseline's value is not that of its samples
NOT_PAIRED = "not paired: baseline holds no samples"


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome for one score."""

    task: str
    split: str
    model: str
    metric: str
    outcome: Outcome
    expected: float | None
    found: float | None
    higher_is_better: bool
    is_rate: bool  # whether people are shown it in per cent
    difference: float | None = None  # found less expected
    ci: tuple[float, float] | None = None  # 95 % interval of the difference
    p_value: float | None = None  # of a permutation test
    paired: bool = False  # whether the difference was made sample by sample
    tolerance: float | None = None  # the drop that the baseline allows; None: it states none
    options: str = ""  # tells runs of one model apart where the baseline holds several
    problem: str = ""  # what is wrong, "" where all is well
    note: str = ""  # what else a reader should know
    duration_s: float = 0.0  # of the comparison

    @property
    def passed(self) -> bool:
        """Whether the score holds."""
        return not self.problem

    @property
    def system(self) -> str:
        """The model, with options where they tell it from others."""
        return f"{self.model} ({self.options})" if self.options else self.model

    @property
    def arrow(self) -> str:
        """Which way is better."""
        return "↑" if self.higher_is_better else "↓"

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as a JSON-ready row."""
        return {**asdict(self), "passed": self.passed}


class _NotComparableError(Exception):
    """A score of the baseline has no like in the runs."""

    def __init__(self, outcome: Outcome, problem: str) -> None:
        super().__init__(problem)
        self.outcome = outcome


def check_baseline(baseline: Path, results_dir: Path) -> list[Check]:
    """Compare the newest run of every model, task and split in a baseline with it.

    Returns:
        The outcomes in the order of the baseline, then runs that it does not hold, as new.

    Raises:
        RequestError: The baseline is missing or not of the expected form, or its samples are.
        RunDamagedError: A file of a run is not what it should be.
    """
    newest = newest_scores(results_dir)
    entries = read_baseline(baseline)
    samples = [read_samples(baseline, entry) for entry in entries]
    checks = [_check(entry, of_entry, newest) for entry, of_entry in zip(entries, samples, strict=True)]
    known = {run_key(entry) for entry in entries}
    added = {key: document for key, document in newest.items() if key not in known}
    checks += map(_new, added.values())
    return _told_apart(checks, [*entries, *added.values()])


def _told_apart(checks: Sequence[Check], records: Sequence[Mapping[str, Any]]) -> list[Check]:
    """Return the checks, with their options where another is of the same model, task and metric."""
    same = Counter((check.task, check.split, check.model, check.metric) for check in checks)
    return [
        replace(check, options=describe_options(record) or "default options")
        if same[check.task, check.split, check.model, check.metric] > 1
        else check
        for check, record in zip(checks, records, strict=True)
    ]


def _new(document: Mapping[str, Any]) -> Check:
    metric = document["primary"]
    score = document["metrics"][metric]
    return Check(
        **{field: document[field] for field in ("task", "split", "model")},
        metric=metric,
        outcome="new",
        expected=None,
        found=score["value"],
        higher_is_better=score["higher_is_better"],
        is_rate=score["is_rate"],
        note="not in the baseline; --update adds it",
    )


def _check(entry: Mapping[str, Any], samples: Samples | None, newest: Mapping[RunKey, dict[str, Any]]) -> Check:
    started = time.perf_counter()
    document = newest.get(run_key(entry))
    score = document["metrics"].get(entry["metric"]) if document else None
    check = Check(
        **{field: entry[field] for field in ("task", "split", "model", "metric", "tolerance", "higher_is_better")},
        outcome="passed",
        expected=entry["value"],
        found=score["value"] if score else None,
        is_rate=score["is_rate"] if score else is_rate(entry["metric"]),
    )
    try:
        document, score = _comparable(entry, document, score)
        check = _judged(check, _difference(entry, samples, document, score))
        if document["n_failed"] > entry["n_failed"]:
            problem = f"{document['n_failed']} samples failed, the baseline has {entry['n_failed']}"
            worse = f"; {check.problem}" if check.problem else ""
            check = replace(check, outcome="more-failures", problem=problem + worse)
    except _NotComparableError as error:
        check = replace(check, outcome=error.outcome, problem=str(error))
    return replace(check, duration_s=time.perf_counter() - started)


def _comparable(
    entry: Mapping[str, Any], document: dict[str, Any] | None, score: dict[str, Any] | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a run and its score if they are of what the baseline is of.

    Raises:
        _NotComparableError: There is none, or samples or scoring are others.
    """
    if document is None:
        raise _NotComparableError("missing", "no run of this model on this task and split with these options")
    if score is None:
        raise _NotComparableError("missing", f"the run has no metric {entry['metric']!r}")
    signature, signature_before = (comparable_signature(one["signature"]) for one in (score, entry))
    if signature != signature_before:
        problem = f"scored as {signature}, the baseline as {signature_before}"
    elif score["higher_is_better"] != entry["higher_is_better"]:
        problem = f"higher_is_better is {score['higher_is_better']}, the baseline says {entry['higher_is_better']}"
    elif document["n_total"] != entry["n_total"]:
        problem = f"{document['n_total']} samples, the baseline has {entry['n_total']}"
    elif document["corpus_fingerprint"] != entry["corpus_fingerprint"]:
        problem = f"corpus {document['corpus_fingerprint']}, the baseline's is {entry['corpus_fingerprint']}"
    elif (score["value"] is None) != (entry["value"] is None):
        problem = f"value is {score['value']}, the baseline's {entry['value']}"
    else:
        return document, score
    raise _NotComparableError("changed", problem)


def _difference(
    entry: Mapping[str, Any], samples: Samples | None, document: Mapping[str, Any], score: Mapping[str, Any]
) -> dict[str, Any]:
    """Return found less expected, paired where the baseline holds samples.

    Raises:
        _NotComparableError: The baseline's samples are not those of the run, or not those of its value.
    """
    values = [entry["value"], score["value"]]
    if None in values:
        return {"note": f"no value, in the baseline neither: {score.get('reason', 'undefined')}"}
    if samples is None:
        return {"difference": values[1] - values[0], "note": NOT_PAIRED}
    name = entry["metric"]
    metric = metric_of(name, score, document["run_dir"])
    if samples.columns != list(metric.columns):
        counted = [", ".join(columns) for columns in (metric.columns, samples.columns)]
        raise _NotComparableError("changed", f"counted as {counted[0]}, the baseline as {counted[1]}; --update it")
    found, rows = read_sample_scores(RunDirectory(Path(document["run_dir"])).sample_scores, [name])
    try:
        order = match_ids(samples.ids, [one["id"] for one in found])
    except RequestError as error:
        raise _NotComparableError("changed", str(error)) from error
    for whose, of_samples, value, advice in (
        ("the baseline's", samples.rows, values[0], "--update it"),
        ("the run's", rows[name], values[1], "score it again"),
    ):
        given = float(metric.value(of_samples))
        if not abs(given - value) <= _SAME_VALUE * max(1, abs(value)):  # NaN is no value either
            raise _NotComparableError("changed", f"{whose} samples give {given}, its value is {value}; {advice}")
    units = shared_units(samples.groups, [found[number].get("groups", {}) for number in order])
    return {"paired": True, **paired_difference(metric, values, [samples.rows, rows[name][order]], units)}


def _judged(check: Check, found: Mapping[str, Any]) -> Check:
    """Return a check with the difference that was found, and what follows from it."""
    check = replace(
        check,
        difference=found.get("difference"),
        ci=tuple(found["ci"]) if found.get("ci") else None,
        p_value=found.get("p_value"),
        paired=found.get("paired", False),
        note=found.get("note") or found.get("ci_note") or "",
    )
    if check.difference is None or check.expected is None:
        return check
    sign = -1 if check.higher_is_better else 1  # from here on, more is worse
    drop = sign * check.difference
    low, high = sorted(sign * bound for bound in check.ci or (0.0, 0.0))
    noise = ROUNDING * max(1.0, abs(check.expected))
    allowed = NO_DROP if check.tolerance is None and check.ci is None else check.tolerance
    if low > noise or (allowed is not None and drop > allowed + noise):
        return replace(check, outcome="regressed", problem=_describe_drop(check, drop, allowed))
    if high < -noise:
        return replace(check, outcome="improved", note="; ".join(filter(None, ("--update keeps it", check.note))))
    return check


def _describe_drop(check: Check, drop: float, allowed: float | None) -> str:
    """Return by how much a score is worse, how sure that is and what was allowed, rates in points."""
    before, now = (format_value(value, is_rate=check.is_rate) for value in (check.expected, check.found))
    points = " points" if check.is_rate else ""
    interval = format_interval(check.ci, is_rate=check.is_rate, signed=True)
    return ", ".join(
        [
            f"worse by {format_amount(drop, is_rate=check.is_rate)}{points} ({before} → {now})",
            f"95 % interval {interval}" if check.ci else "no interval",
            *([] if allowed is None else [f"allowed {format_amount(allowed, is_rate=check.is_rate)}"]),
        ]
    )
