"""Whether batching changes answers: a task run one sample at a time, and again in the batches of a usual run.

Padding that leaks into an answer is a fault of the model, its processor or our adapter, and it costs accuracy without a
word of warning. In float32 on a CPU nothing should differ. In a smaller dtype, or on a GPU, sums are rounded in another
order for another batch, and now and then a near tie between two tokens falls the other way: the scores of both say what
that is worth.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evaluate.engines import LocalEngine
from evaluate.errors import RequestError
from evaluate.evaluation import Evaluation, EvaluationSettings
from evaluate.model import ModelAdapter
from evaluate.prediction_log import index_log, read_all
from evaluate.results import RunDirectory, read_json
from evaluate.runner import RunnerSettings
from evaluate.selection import Selection
from evaluate.types import Notice, Prediction

ALONE = RunnerSettings(max_batch_seconds=1e-9)  # a clip longer than the budget goes by itself


@dataclass(frozen=True, slots=True)
class _Pass:
    """One of the two runs."""

    scores: dict[str, Any]
    predictions: dict[str, Prediction]
    largest_batch: int


def check_batching(
    model: ModelAdapter, selections: Sequence[Selection], settings: EvaluationSettings, notice: Notice
) -> list[dict[str, Any]]:
    """Return, for each split, which answers differ between batches of one and the batches of a run.

    Args:
        model: Not yet loaded.
        selections: What it is asked.
        settings: Of the usual run; its results folder is not written to.
        notice: Gets what people should know.

    Raises:
        RequestError: The model is not asked in batches, or none holds more than one sample.
    """
    if model.answers_singly or model.sample_rate_hz is None:
        raise RequestError(f"{model.name} is not asked in batches of audio here, so that there is nothing to compare")
    engine = LocalEngine(model)
    checked = []
    with TemporaryDirectory(prefix="otoscope-") as scratch:
        passes = {}
        for name, runner in (("alone", ALONE), ("batched", settings.runner)):
            own = replace(settings, results_dir=Path(scratch) / name, runner=runner, fresh=False)
            documents = Evaluation(model, own, notice, engine).run(selections)
            passes[name] = [_read(document) for document in documents]
        for alone, batched in zip(passes["alone"], passes["batched"], strict=True):
            checked.append(_held_against(alone, batched))
    return checked


def _read(document: dict[str, Any]) -> _Pass:
    run = RunDirectory(Path(document["run_dir"]))
    predictions = {one.id: one for one in read_all(run.predictions, index_log(run.predictions))}
    return _Pass(document, predictions, read_json(run.run_json)["sessions"][-1]["largest_batch"])


def _held_against(alone: _Pass, batched: _Pass) -> dict[str, Any]:
    scores = alone.scores
    title = f"{scores['task']}:{scores['split']}"
    if batched.largest_batch < 2:
        raise RequestError(
            f"{title}: no batch holds more than one sample; raise --max-batch-seconds or --limit to have batches"
        )
    different = []
    for sample_id, first in alone.predictions.items():
        second = batched.predictions[sample_id]
        if (first.hypothesis, first.error is None) != (second.hypothesis, second.error is None):
            different.append(
                {
                    "id": sample_id,
                    "audio_seconds": first.audio_seconds,
                    "alone": _shown(first),
                    "batched": _shown(second),
                }
            )
    return {
        "task": scores["task"],
        "split": scores["split"],
        "model": scores["model"],
        "dtype": scores["model_dtype"],
        "n_total": len(alone.predictions),
        "n_different": len(different),
        "n_failed": {name: one.scores["n_failed"] for name, one in (("alone", alone), ("batched", batched))},
        "largest_batch": batched.largest_batch,
        "metrics": {
            name: {
                "alone": metric["value"],
                "batched": batched.scores["metrics"][name]["value"],
                "is_rate": metric["is_rate"],
            }
            for name, metric in scores["metrics"].items()
        },
        "different": different,
    }


def _shown(prediction: Prediction) -> str:
    if prediction.error is not None:
        return f"failed: {prediction.error.type}: {prediction.error.message}"
    return prediction.hypothesis or ""
