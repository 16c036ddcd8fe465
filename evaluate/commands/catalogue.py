"""`otoscope tasks`, `models` and `metrics`: what there is."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from evaluate.commands import options
from evaluate.commands.shared import Command, dataset_spec, notice, print_json
from evaluate.errors import RequestError
from evaluate.types import KINDS


@click.command("tasks", cls=Command)
@click.argument("name", required=False)
@click.argument("new_name", required=False)
@click.option("--kind", type=click.Choice(KINDS), help="Of the task that `tasks new NEW_NAME` writes.")
@click.option("--model", "model_spec", help="Show what this model would be sent for the first sample of NAME[:SPLIT].")
@options.MODEL_ARGUMENTS
@options.PROTOCOL
@options.DATA_DIR
@options.MANIFEST
@options.DATASET
@options.DATASET_ARGUMENTS
@options.TASKS_DIR
@options.JSON
def tasks_command(
    name: str | None,
    new_name: str | None,
    kind: str | None,
    model_spec: str | None,
    model_arguments: dict[str, str],
    protocol: str,
    data_dir: Path,
    manifest: Path | None,
    dataset: str | None,
    dataset_arguments: dict[str, str],
    tasks_dir: Path | None,
    as_json: bool,
) -> None:
    """List the tasks; with a NAME, everything about one; with a model too, what it would be sent.

    `tasks new NEW_NAME --kind KIND` writes a task of your own to start from, which runs as it is.

    \b
    Examples:
      otoscope tasks librispeech
      otoscope tasks librispeech --model whisper:openai/whisper-base --data-dir /corpora
      otoscope tasks new kitchen-sounds --kind classification
    """
    if name == "new":
        _write_task(new_name, kind, as_json)
        return
    if new_name or kind:
        raise RequestError("--kind and a second name are for: otoscope tasks new NEW_NAME --kind KIND")
    from evaluate.catalogue import describe_each, describe_first_sample, describe_task
    from models import create_model
    from tasks import find_task_class, parse_task_spec, task_registry

    if model_spec is not None:
        if name is None:
            raise RequestError("--model shows what is sent for a task; name one, e.g. otoscope tasks librispeech")
        task_name, split = parse_task_spec(name)
        task = find_task_class(task_name, tasks_dir=tasks_dir)(
            data_dir,
            manifest,
            dataset=dataset_spec(dataset, dataset_arguments, 1),
            protocol=protocol,
            labels_only=True,
        )
        model = create_model(model_spec, device="cpu", dtype="auto", arguments=model_arguments)
        _print_catalogue("", [describe_first_sample(task, model, split)], (), name, as_json)
        return
    names = [parse_task_spec(name)[0]] if name else task_registry(tasks_dir).names()
    rows = describe_each(names, lambda one: describe_task(find_task_class(one, tasks_dir=tasks_dir)), strict=bool(name))
    _print_catalogue(
        "tasks", rows, ("name", "kind", "languages", "default_splits", "primary", "description"), name, as_json
    )


def _write_task(name: str | None, kind: str | None, as_json: bool) -> None:
    from evaluate.skeleton import write_skeleton
    from tasks import registry

    if not name or not kind:
        raise RequestError(f"expected otoscope tasks new NEW_NAME --kind KIND; kinds: {', '.join(KINDS)}")
    registry.refuse_taken(name, origin="the new task")
    written = [str(path) for path in write_skeleton(name, kind, Path())]
    if as_json:
        print_json(written)
        return
    for path in written:
        click.echo(path)
    notice(f"try it: otoscope eval --task {written[0]} --model baseline:majority")


@click.command("models", cls=Command)
@click.argument("name", required=False)
@options.JSON
def models_command(name: str | None, as_json: bool) -> None:
    """List the model families and short names; with a NAME, everything about one.

    \b
    Example:
      otoscope models whisper
    """
    from evaluate.catalogue import describe_each, describe_model
    from models import SHORT_NAMES, registry

    families = (f"{family}:" for family in registry.names())
    # A family of one model is listed by that model's name.
    names = [name] if name else [*(one for one in families if one not in SHORT_NAMES.values()), *SHORT_NAMES]
    rows = describe_each(names, describe_model, strict=bool(name))
    _print_catalogue("models", rows, ("name", "stands_for", "settings", "description"), name, as_json)


@click.command("metrics", cls=Command)
@click.argument("name", required=False)
@options.JSON
def metrics_command(name: str | None, as_json: bool) -> None:
    """List metrics and normalisers; with a NAME, everything about one.

    \b
    Example:
      otoscope metrics wer
    """
    from evaluate.catalogue import describe_each, describe_metric_or_normalizer
    from evaluate.metrics import registry as metrics
    from evaluate.normalizers import registry as normalizers

    names = [name] if name else [*metrics.names(), *normalizers.names()]
    rows = describe_each(names, describe_metric_or_normalizer, strict=bool(name))
    _print_catalogue("metrics and normalisers", rows, ("name", "what", "better", "description"), name, as_json)


_PROSE = ("languages", "default_splits", "settings", "description")  # what may be wrapped


def _print_catalogue(
    title: str, described: list[dict[str, Any]], columns: Sequence[str], name: str | None, as_json: bool
) -> None:
    """Print a list as a table, or the one thing that was named with all its fields."""
    if as_json:
        print_json(described[0] if name else described)
        return
    if name:
        for key, value in described[0].items():
            if value in ("", [], {}):
                continue
            shown = _shown(value)
            click.echo(f"{key}:\n{textwrap.indent(shown, '  ')}" if "\n" in shown else f"{key}: {shown}")
        return
    from evaluate.tables import print_table

    cells = [[_shown(row.get(column, "")) for column in columns] for row in described]
    print_table(title, columns, cells, prose=_PROSE)


def _shown(value: Any) -> str:
    """Return a field for people: lists and tables of numbers without their brackets."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {content}" for key, content in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
