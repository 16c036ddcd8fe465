"""`otoscope eval`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from evaluate.commands import options
from evaluate.commands.shared import (
    Command,
    dataset_spec,
    generation_options,
    judge_of,
    notice,
    notice_all,
    report_scores,
    written_lines,
)
from evaluate.errors import RequestError
from evaluate.types import PROBES

if TYPE_CHECKING:
    from evaluate.engines import Engine
    from evaluate.model import ModelAdapter
    from models import ModelMaker

_NO_MODEL = (
    "MODEL: none was named, so nano answers, a small model that comes with Otoscope; it knows Otoscope's own samples "
    "only. --model (make: MODEL=) names another, see otoscope models"
)


@click.command("eval", cls=Command)
@click.argument("unnamed", nargs=-1, metavar="", is_eager=True, expose_value=False, callback=options.refuse_unnamed)
@click.option(
    "--task",
    "task_specs",
    type=options.TaskSpecs(),
    required=True,
    help="NAME[:SPLIT][,…], a task file, all or all:SPLIT; where no SPLIT is named, samples stand in for an absent "
    "corpus.",
)
@click.option(
    "--model",
    "model_spec",
    help="FAMILY:WHERE or a short name, see otoscope models; default: nano, which comes with Otoscope and knows only "
    "its own samples.",
)
@options.DATA_DIR
@options.RESULTS_DIR
@options.TASKS_DIR
@options.MANIFEST
@options.DATASET
@options.DATASET_ARGUMENTS
@options.PROTOCOL
@options.COMPLETE
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N samples of each split.")
@options.DEVICE
@click.option(
    "--devices", help="A process with a copy of the model on each, e.g. 0,1 for two GPUs; they share the samples."
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="ray: copies of the model on the machines of a Ray cluster share the samples; needs the extra ray.",
)
@click.option("--ray-address", help="HOST:PORT of the cluster, or auto; default: RAY_ADDRESS, else this machine alone.")
@click.option("--ray-models", type=click.IntRange(min=1), help="Copies; default: as many as the cluster has room for.")
@click.option(
    "--ray-gpus-per-model",
    type=click.FloatRange(min=0),
    help="That each copy takes, fractions allowed; default: 1 where the model runs on GPUs and there are any, else 0.",
)
@options.DTYPE
@options.MAX_BATCH_SECONDS
@click.option(
    "--decode-workers", type=click.IntRange(min=1), default=2, show_default=True, help="Threads that read audio."
)
@click.option(
    "--long-clips",
    type=click.Choice(["keep", "truncate", "chunk", "reject"]),
    help="What is done with clips over --max-clip-seconds; default: keep, the model gets them whole.",
)
@click.option("--max-clip-seconds", type=float, help="How long a clip may be; default: 30.")
@click.option(
    "--short-clips",
    type=click.Choice(["keep", "pad", "reject"]),
    help="What is done with clips under --min-clip-seconds; default: keep.",
)
@click.option("--min-clip-seconds", type=float, help="How short a clip may be; default: 0.03.")
@options.MODEL_ARGUMENTS
@options.GENERATION
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="For sampling, intervals and baseline:random.",
)
@options.PTB
@options.SPICE_SCORES
@options.JUDGE
@options.JUDGE_ARGUMENTS
@options.JUDGE_GENERATION
@options.RUBRIC
@click.option(
    "--probe",
    type=click.Choice(PROBES),
    help="Replace the audio, by silence or another sample's: does the model listen? The report shows the gap.",
)
@click.option("--fresh", is_flag=True, help="Start over instead of going on.")
@click.option("--keep-failed", is_flag=True, help="Do not try failed samples again.")
@options.ALLOW_FAILURES
@click.option("--report", "with_report", is_flag=True, help="Write the report as well, as otoscope report does.")
@options.JSON
def eval_command(
    task_specs: str,
    model_spec: str | None,
    data_dir: Path,
    results_dir: Path,
    tasks_dir: Path | None,
    manifest: Path | None,
    dataset: str | None,
    dataset_arguments: dict[str, str],
    protocol: str,
    require_complete: bool,
    limit: int | None,
    device: str,
    devices: str | None,
    engine: Literal["local", "ray"],
    ray_address: str | None,
    ray_models: int | None,
    ray_gpus_per_model: float | None,
    dtype: str,
    max_batch_seconds: float,
    decode_workers: int,
    long_clips: Literal["keep", "truncate", "chunk", "reject"] | None,
    max_clip_seconds: float | None,
    short_clips: Literal["keep", "pad", "reject"] | None,
    min_clip_seconds: float | None,
    model_arguments: dict[str, str],
    generation: dict[str, str],
    seed: int,
    ptb: Literal["python", "java"],
    spice_scores: Path | None,
    judge_spec: str | None,
    judge_arguments: dict[str, str],
    judge_generation: dict[str, str],
    rubric: str,
    probe: str | None,
    fresh: bool,
    keep_failed: bool,
    allow_failures: int,
    with_report: bool,
    as_json: bool,
) -> int:
    """Evaluate a model on tasks: run, score, print the scores. The same command goes on where it was stopped.

    \b
    Examples:
      otoscope eval --task aishell1
      otoscope eval --task librispeech,aishell1:dev --model whisper:openai/whisper-base --data-dir /corpora
      otoscope eval --task airbench_chat --model qwen-audio-chat --judge chat-api:gpt-4o
    """
    from evaluate.clips import ClipOptions
    from evaluate.evaluation import Evaluation, EvaluationSettings
    from evaluate.runner import RunnerSettings
    from evaluate.scoring import ScoringOptions
    from evaluate.selection import SelectionSettings, describe_stand_ins, select_tasks
    from models import DEFAULT, model_maker

    judge = judge_of(judge_spec, judge_arguments, judge_generation, rubric)
    settings = EvaluationSettings(
        results_dir=results_dir,
        limit=limit,
        fresh=fresh,
        keep_failed=keep_failed,
        seed=seed,
        generation=generation_options(generation),
        clips=ClipOptions(long_clips, max_clip_seconds, short_clips, min_clip_seconds),
        scoring=ScoringOptions(
            ptb=ptb, spice_scores=spice_scores, judge=judge, rubric=rubric, max_unjudged=allow_failures
        ),
        runner=RunnerSettings(max_batch_seconds=max_batch_seconds, decode_workers=decode_workers),
        model_arguments=model_arguments,
        probe=probe or "",
    )
    make = partial(
        model_maker,
        DEFAULT if model_spec is None else model_spec,
        dtype=dtype,
        arguments=model_arguments,
        seed=seed,
    )
    if engine == "ray":
        model, where = _in_ray(make, device, devices, ray_address, ray_models, ray_gpus_per_model)
    else:
        of_ray = {"address": ray_address, "models": ray_models, "gpus-per-model": ray_gpus_per_model}
        if given := [f"--ray-{name}" for name, value in of_ray.items() if value is not None]:
            raise RequestError(f"{given[0]} says more about --engine ray; name that")
        model, where = _here(make, device, devices)
    source = SelectionSettings(
        data_dir,
        tasks_dir,
        manifest,
        limit,
        require_complete,
        dataset=dataset_spec(dataset, dataset_arguments, limit),
        protocol=protocol,
        has_judge=judge is not None,
        or_samples=True,
    )
    said: list[str] = []  # held back: that samples stand in for corpora comes first
    try:
        selections = select_tasks(task_specs, model, source, said.append)
    except BaseException:
        notice_all(said)
        raise
    stand_ins = describe_stand_ins(selections)
    if model_spec is None:
        said.insert(0, _NO_MODEL)
    notice_all([*stand_ins, *said])
    documents = Evaluation(model, settings, notice, where).run(selections)
    status = report_scores(documents, as_json=as_json, allow_failures=allow_failures)
    try:
        if with_report and documents:
            _print_report(results_dir, as_json=as_json)
    finally:
        notice_all([*([_NO_MODEL] if model_spec is None else []), *stand_ins])
    return status


def _here(make: "Callable[..., ModelMaker]", device: str, devices: str | None) -> "tuple[ModelAdapter, Engine]":
    """Return the model, and what runs it on this machine."""
    from evaluate.engines import LocalEngine
    from evaluate.engines.processes import ProcessEngine, parse_devices

    if devices is not None and device != "auto":
        raise RequestError(f"--device {device} and --devices {devices} both say where; leave one out")
    named = parse_devices(devices) if devices is not None else [device]
    makers = [(name, make(device=name)) for name in named]
    model = makers[0][1]()
    return model, ProcessEngine(model, makers) if len(makers) > 1 else LocalEngine(model)


def _in_ray(
    make: "Callable[..., ModelMaker]",
    device: str,
    devices: str | None,
    address: str | None,
    num_models: int | None,
    gpus_per_model: float | None,
) -> "tuple[ModelAdapter, Engine]":
    """Return the model, and what runs it in a Ray cluster."""
    from evaluate.engines.ray_engine import RayEngine, RayOptions

    if devices is not None:
        raise RequestError(f"--devices {devices} names GPUs of this machine; with --engine ray say --ray-models")
    if device not in ("auto", "cpu", "cuda"):
        raise RequestError(f"--device {device}: with --engine ray, Ray says which; expected auto, cpu or cuda")
    maker = make(device=device)
    model = maker()
    wants_gpu = maker.takes_device and device != "cpu"
    return model, RayEngine(
        model,
        maker,
        RayOptions(address, num_models, gpus_per_model),
        notice,
        wants_gpu=wants_gpu,
        takes_device=maker.takes_device,
    )


def _print_report(results_dir: Path, *, as_json: bool) -> None:
    """Write the report to its usual place and name its files; on stderr where stdout is one JSON document."""
    from evaluate.report.writing import write_report

    out = results_dir / "report"
    for line in written_lines(write_report(results_dir, out, notice=notice), out):
        click.echo(line, err=as_json)
