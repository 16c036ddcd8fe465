"""`otoscope check-batching`: whether a model's answers depend on their neighbours in a batch."""

from pathlib import Path

import click

from evaluate.commands import options
from evaluate.commands.shared import (
    CHECK_FAILED,
    TOO_MANY_FAILED,
    Command,
    generation_options,
    notice,
    notice_all,
    print_json,
)


@click.command("check-batching", cls=Command)
@click.option("--task", "task_specs", type=options.TaskSpecs(), required=True, help="NAME[:SPLIT][,…] or a task file.")
@click.option("--model", "model_spec", required=True, help="FAMILY:WHERE or a short name, see otoscope models.")
@options.DATA_DIR
@options.TASKS_DIR
@options.PROTOCOL
@click.option(
    "--limit", type=click.IntRange(min=2), default=64, show_default=True, help="Only the first N samples of each split."
)
@options.DEVICE
@options.DTYPE
@options.MAX_BATCH_SECONDS
@options.MODEL_ARGUMENTS
@options.GENERATION
@options.JSON
def check_batching_command(
    task_specs: str,
    model_spec: str,
    data_dir: Path,
    tasks_dir: Path | None,
    protocol: str,
    limit: int,
    device: str,
    dtype: str,
    max_batch_seconds: float,
    model_arguments: dict[str, str],
    generation: dict[str, str],
    as_json: bool,
) -> int:
    """Compare a model's answers one sample at a time with those in the batches of a run; exit 1 where they differ.

    Samples that fail both ways cannot be compared: exit 3.

    \b
    Example:
      otoscope check-batching --task librispeech:test-clean --model whisper:openai/whisper-base --data-dir /corpora
    """
    from evaluate.batching_check import check_batching
    from evaluate.evaluation import EvaluationSettings
    from evaluate.runner import RunnerSettings
    from evaluate.selection import SelectionSettings, describe_stand_ins, select_tasks
    from evaluate.tables import print_batching
    from models import create_model

    model = create_model(model_spec, device=device, dtype=dtype, arguments=model_arguments)
    source = SelectionSettings(data_dir, tasks_dir, limit=limit, protocol=protocol, or_samples=True)
    selections = select_tasks(task_specs, model, source, notice)
    notice_all(describe_stand_ins(selections))
    settings = EvaluationSettings(
        results_dir=Path(),
        limit=limit,
        generation=generation_options(generation),
        runner=RunnerSettings(max_batch_seconds=max_batch_seconds),
        model_arguments=model_arguments,
    )
    checked = check_batching(model, selections, settings, notice)
    if as_json:
        print_json(checked)
    else:
        for one in checked:
            print_batching(one)
    if any(one["n_different"] for one in checked):
        return CHECK_FAILED
    return TOO_MANY_FAILED if any(any(one["n_failed"].values()) for one in checked) else 0  # nothing was compared
