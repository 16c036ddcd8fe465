"""Results in the form of the Language Model Evaluation Harness: `results_<time>.json`.

Source of the form: lm_eval 0.4.13, `result_schema.py`, `evaluator.py` and `loggers/evaluation_tracker.py`; fields that
say nothing of a listening model (tokenizer, chat template) are null or absent. A task is a split:
`librispeech_test-clean`.

- Values are those of scores.json, rates as fractions, under the filter `none`. A metric without a value is left out.
- `…_stderr` is half the bootstrap interval over the quantile of the normal distribution that belongs to its level
  (1.96 for 95 %): exact only as far as the resampled values are normal. "N/A", as in lm_eval, where there is no
  interval or one sample. The interval itself stands in `configs[task]["metadata"]`, with signatures and counts.
- `n-samples` tells partial corpora: `original` is the split's official size where one is known, `effective` what was
  scored. Failed samples are among these, and count at their worst.
- Nothing is taken from the clock: `date` and `start_time` are the start of the first session, `end_time` the end of
  the last (seconds since 1970), `total_evaluation_time_seconds` the sum of the sessions, and the file is named by the
  newest document.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import NormalDist
from typing import Any

from evaluate.errors import RunDamagedError
from evaluate.report.systems import (
    System,
    file_names,
    interval_of,
    run_record,
    value_of,
    way_of_scoring,
    whole_size,
)
from evaluate.results import slug, write_json
from evaluate.types import SAMPLE_SPLIT, Notice

NOT_AVAILABLE = "N/A"


def write_lm_eval(runs: Mapping[System, Sequence[Mapping[str, Any]]], folder: Path, notice: Notice) -> list[Path]:
    """Write `lm-eval/<model>/results_<time>.json` of each system; returns the files.

    Clips that come with the project stand beside no real split: they are left out where there is one.
    """
    written = []
    for system, name in file_names(runs).items():
        documents = [document for document in runs[system] if document["split"] != SAMPLE_SPLIT] or runs[system]
        if len(documents) < len(runs[system]):
            notice(f"lm-eval: {system.label(runs)}: runs on the embedded samples are left out beside real splits")
        newest = max(_time(document["created"], document) for document in documents)
        stamp = newest.replace(tzinfo=None).isoformat(timespec="microseconds").replace(":", "-")
        path = folder / "lm-eval" / name / f"results_{stamp}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {**_results(documents), **_identity(system.label(runs), name)})
        written.append(path)
    return written


def _results(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return everything but the model's names."""
    tasks = _task_ids(documents)
    records = [run_record(document) for document in documents]
    return {
        "results": {task: _metrics(task, document) for task, document in tasks.items()},
        "group_subtasks": {},
        "configs": {
            task: _task_config(task, document, record)
            for (task, document), record in zip(tasks.items(), records, strict=True)
        },
        "versions": {task: document["task_version"] for task, document in tasks.items()},
        "n-shot": dict.fromkeys(tasks, 0),
        "higher_is_better": {
            task: {metric: score["higher_is_better"] for metric, score in document["metrics"].items()}
            for task, document in tasks.items()
        },
        "n-samples": {
            task: {
                "original": whole_size(document),
                "effective": document["n_total"],
            }
            for task, document in tasks.items()
        },
        **_circumstances(documents, records),
        "task_hashes": {task: document["corpus_fingerprint"] for task, document in tasks.items()},
    }


def _task_ids(documents: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Return the runs by task; where several share a name, each has the hash of its way of scoring behind it."""
    names = [f"{slug(document['task'])}_{slug(document['split'])}" for document in documents]
    counts = Counter(names)
    return {
        name if counts[name] == 1 else f"{name}_{way_of_scoring(document)}": document
        for name, document in zip(names, documents, strict=True)
    }


def _metrics(task: str, document: Mapping[str, Any]) -> dict[str, Any]:
    alias = f"{document['task']}:{document['split']}"
    metrics: dict[str, Any] = {"name": task, "alias": alias, "sample_len": document["n_total"]}
    for name, score in document["metrics"].items():
        if (value := value_of(score)) is not None:
            metrics[f"{name},none"] = value
            metrics[f"{name}_stderr,none"] = _standard_error(score, document["n_total"])
    return metrics


def _standard_error(score: Mapping[str, Any], num_samples: int) -> float | str:
    bounds = interval_of(score)
    if bounds is None or num_samples < 2:
        return NOT_AVAILABLE
    low, high = bounds
    level = score.get("ci_method", {}).get("level", 0.95)
    return float((high - low) / 2 / NormalDist().inv_cdf((1 + level) / 2))


def _task_config(task: str, document: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    scores = document["metrics"]
    return {
        "task": task,
        "task_alias": f"{document['task']}:{document['split']}",
        "dataset_path": document["task"],
        "test_split": document["split"],
        "output_type": "generate_until",
        "num_fewshot": 0,
        "generation_kwargs": record.get("generation", document["generation"]),
        "metric_list": [
            {"metric": name, "higher_is_better": score["higher_is_better"]} for name, score in scores.items()
        ],
        "metadata": {
            "version": document["task_version"],
            "kind": record.get("kind"),
            "protocol": document.get("protocol") or "",
            "primary": document["primary"],
            "signatures": {name: score["signature"] for name, score in scores.items()},
            "intervals": {name: interval_of(score) for name, score in scores.items()},
            "prompts": record.get("prompts", []),
            "clip_policy": document.get("clip_policy", {}),
            "coverage": document["coverage"],
            **{name: document[name] for name in ("limit", "n_total", "n_scored", "n_unparsed", "n_failed")},
        },
    }


def _circumstances(documents: Sequence[Mapping[str, Any]], records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how and when the runs were made; what differs between them is null here and stands with each task."""
    sessions = [
        (session, document)
        for document, record in zip(documents, records, strict=True)
        for session in record["sessions"]
    ]
    starts = [_time(session["start"], document) for session, document in sessions if session.get("start")]
    ends = [_time(session["end"], document) for session, document in sessions if session.get("end")]
    spans = [
        (_time(session["end"], document) - _time(session["start"], document)).total_seconds()
        for session, document in sessions
        if session.get("start") and session.get("end")
    ]
    first = documents[0]
    return {
        "config": {
            "model": first["model"],
            "model_args": first["model_arguments"],
            "model_dtype": first.get("model_dtype"),
            "model_revision": first.get("model_revision"),
            "batch_size": None,
            "batch_sizes": [],
            "device": _common([session.get("device") for session, _ in sessions]),
            "use_cache": None,
            "limit": _common([document["limit"] for document in documents]),
            "bootstrap_iters": _common(
                [
                    document["metrics"][document["primary"]].get("ci_method", {}).get("resamples")
                    for document in documents
                ]
            ),
            "gen_kwargs": first["generation"],
            "random_seed": _common([record.get("seed") for record in records]),
            **dict.fromkeys(("numpy_seed", "torch_seed", "fewshot_seed")),
        },
        "git_hash": _common([session.get("git_commit") for session, _ in sessions]),
        "date": min(starts).timestamp() if starts else None,
        "transformers_version": _common([session.get("packages", {}).get("transformers") for session, _ in sessions]),
        "otoscope_version": _common([session.get("otoscope") for session, _ in sessions]),
        "start_time": min(starts).timestamp() if starts else None,
        "end_time": max(ends).timestamp() if ends else None,
        "total_evaluation_time_seconds": str(sum(spans)) if spans else None,
    }


def _identity(label: str, name: str) -> dict[str, Any]:
    unused = ("system_instruction", "system_instruction_sha", "fewshot_as_multiturn", "chat_template")
    return {
        "model_source": "otoscope",
        "model_name": label,
        "model_name_sanitized": name,
        **dict.fromkeys((*unused, "chat_template_sha")),
    }


def _common(values: Sequence[Any]) -> Any:
    """Return what all share, None where they differ."""
    return values[0] if values and all(value == values[0] for value in values) else None


def _time(text: str, document: Mapping[str, Any]) -> datetime:
    """Read a time of a run, UTC where it names no zone.

    Raises:
        RunDamagedError: It is not ISO 8601.
    """
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise RunDamagedError(
            f"{document['run_dir']}: time {text!r}, expected one like 2026-01-31T12:00:00+00:00; score the run again"
        ) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
