"""What was counted for each sample: `sample_scores.jsonl`, which comparisons and sample pages read.

{"id", "state", "answer", "groups", "values": {metric: number or null}, "counted": {metric: row},
 "alignment": {"unit": "word" or "char", "edits": [["=", "the cat", "the cat"], ["s", "sat", "sit"], …]}}

The alignment is that of the first error rate among the metrics, on the texts as it compared them; it is left out where
there is none.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from evaluate.errors import RunDamagedError
from evaluate.metrics.base import Judged, Metric, finite_or_none
from evaluate.prediction_log import encode_line
from evaluate.types import Rows
from evaluate.whole_files import replacing


def write_sample_scores(
    path: Path, items: Iterable[Judged], metrics: Sequence[Metric], rows: Mapping[str, Rows]
) -> None:
    """Write a line per sample: the answer that was extracted, what each metric says of it alone and counted for it."""
    values = {one.name: one.sample_values(rows[one.name]) for one in metrics if one.name in rows}
    aligning = next((one for one in metrics if one.aligns and one.name in rows), None)
    with replacing(path) as file:
        for number, item in enumerate(items):
            line = {
                "id": item.sample_id,
                "state": item.state,
                "answer": item.answer,
                "groups": dict(item.groups),
                "values": {name: finite_or_none(of_metric[number]) for name, of_metric in values.items()},
                "counted": {name: of_metric[number].tolist() for name, of_metric in rows.items()},
            }
            if aligning:
                alignment = aligning.alignment(references=item.references, answer=item.answer)
                line["alignment"] = alignment.to_json()
            file.write(encode_line(line))


def read_sample_scores(path: Path, metrics: Sequence[str]) -> tuple[list[dict[str, Any]], dict[str, Rows]]:
    """Read what was counted per sample.

    Returns:
        The samples' `id`, `state`, `answer` and `groups`, and by the metric's name its rows, shape (samples, columns).

    Raises:
        RunDamagedError: The file is missing or of another form.
    """
    try:
        lines = [json.loads(line) for line in path.read_bytes().splitlines()]
        counted = [line.pop("counted") for line in lines]
        rows = {name: np.array([one[name] for one in counted], dtype=np.float64) for name in metrics}
    except (OSError, ValueError, KeyError, TypeError) as error:
        names = ", ".join(metrics)
        raise RunDamagedError(f"{path}: no sample scores of {names} in it ({error}); score the run again") from error
    return lines, rows
