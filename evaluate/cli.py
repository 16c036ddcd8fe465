"""The `otoscope` command: parses arguments, looks names up, calls.

Heavy imports happen in the commands that need them, so that `--help` is there at once.
"""

import json
import os
import signal
import sys
import textwrap
import traceback
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import click

from evaluate import __version__
from evaluate.errors import OtoscopeError, RequestError, Terminated
from evaluate.lines import one_line
from evaluate.types import KINDS

if TYPE_CHECKING:
    from evaluate.engine import Engine
    from evaluate.hf_datasets import DatasetSpec
    from evaluate.judging.model_judge import ModelJudge
    from evaluate.model import ModelAdapter
    from models import ModelMaker

INTERRUPTED = 130
TERMINATED = 143
CHECK_FAILED = 1
TOO_MANY_FAILED = 3
DAMAGED = 3
LOG_FORMATS = ("lmms-eval", "kimi-evalkit", "ultraeval", "audiobench", "open-asr", "qwen-audio")
EXPORTS = ("model-index", "open-asr", "lm-eval")  # named here: what writes them is imported only where it is asked for


def notice(line: str) -> None:
    """Tell people something, on stderr."""
    click.echo(one_line(line), err=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status; errors are one line on stderr."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        status = cli.main(args=arguments, prog_name="otoscope", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        status = RequestError.exit_code
    except click.ClickException as error:
        status = _fail(error.format_message(), RequestError.exit_code)
    except OtoscopeError as error:
        status = _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        signal.signal(signal.SIGINT, _leave)  # what is left is waiting, e.g. for a file that is being decoded
        notice("interrupted")
        status = INTERRUPTED
    except Terminated:
        status = TERMINATED
    except SystemExit as stop:
        # click ends so, with 1, where the reader of a pipe has gone; 1 would say that a check failed
        if stop.code != 1:
            notice(f"error: a library ended the command (exit {stop.code}); what was done is kept")
        status = OtoscopeError.exit_code
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        status = _fail(
            f"{where}{error.strerror or error}; mend it and run the same command again", OtoscopeError.exit_code
        )
    except MemoryError:
        status = _fail(
            "out of memory; lower --max-batch-seconds or free some, and run the same command again: it goes on",
            OtoscopeError.exit_code,
        )
    except Exception as error:  # a bug: whoever mends it needs the traceback, CI needs a status that says so
        traceback.print_exc()
        status = _fail(f"internal error ({type(error).__name__}: {error}); please report it", OtoscopeError.exit_code)
    sys.exit(status if isinstance(status, int) else 0)


def _terminate(*_: object) -> NoReturn:
    raise Terminated(TERMINATED)


def _leave(*_: object) -> NoReturn:
    os._exit(INTERRUPTED)


def _fail(message: str, status: int) -> int:
    click.echo(f"error: {one_line(message)}", err=True)
    return status


def _print_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=2))


def _parse_pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for value in values:
        key, equals, content = value.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"found {value!r}, expected KEY=VALUE", context, parameter)
        pairs[key] = content
    return pairs


_RESULTS_DIR = click.option(
    "--results-dir",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Where runs live.",
)
_DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    default=Path("data"),
    show_default=True,
    help="Folder that holds the corpora's own top folders (LibriSpeech/, data_aishell/, …).",
)
_TASKS_DIR = click.option(
    "--tasks-dir", type=click.Path(path_type=Path), help="Folder with tasks of your own (.yaml, .py)."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout and nothing else.")
_MANIFEST = click.option(
    "--manifest", type=click.Path(path_type=Path), help="JSONL list to read instead of the corpus's own layout."
)
_DATASET = click.option(
    "--dataset",
    help="Hugging Face dataset (id or local folder) to read instead of the corpus's own layout; audio inside of it is "
    "put into OTOSCOPE_DATASETS, by default in the user's cache folder.",
)
_DATASET_ARGUMENTS = click.option(
    "--dataset-arg",
    "dataset_arguments",
    multiple=True,
    callback=_parse_pairs,
    help="KEY=VALUE for it: config, split, revision, streaming=true, or a column's name for id, audio, references, …",
)
_PROTOCOL = click.option(
    "--protocol", default="", help="Ask and score as a published evaluation did: qwen-audio, qwen2-audio or mmau."
)
_MAX_BATCH_SECONDS = click.option(
    "--max-batch-seconds",
    type=click.FloatRange(min=0, min_open=True, max=1e6),
    default=240.0,
    show_default=True,
    help="Audio per batch, padding included.",
)
_PTB = click.option(
    "--ptb",
    type=click.Choice(["python", "java"]),
    default="python",
    show_default=True,
    help="Tokeniser of the caption metrics: this project's, or the Java one that it is held to.",
)
_SPICE_SCORES = click.option(
    "--spice-scores",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="SPICE's own output from another machine, for spice and spider.",
)
_JUDGE = click.option(
    "--judge",
    "judge_spec",
    help="Model that scores open answers (metric judge), as --model names one; it gets text only.",
)
_JUDGE_ARGUMENTS = click.option(
    "--judge-arg", "judge_arguments", multiple=True, callback=_parse_pairs, help="KEY=VALUE for the judge."
)
_JUDGE_GENERATION = click.option(
    "--judge-gen",
    "judge_generation",
    multiple=True,
    callback=_parse_pairs,
    help="KEY=VALUE for what it generates; default: greedy, max_new_tokens=1024.",
)
_RUBRIC = click.option(
    "--rubric", default="", help="What the judge is asked: a name (otoscope metrics judge) or a YAML file."
)
_COMPLETE = click.option("--require-complete", is_flag=True, help="A partial corpus is an error.")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="otoscope")
def cli() -> None:
    """Hearing tests for audio-language models.

    \b
    Example:
      otoscope eval --task librispeech:test-clean --model whisper:openai/whisper-base
    """


@cli.command("eval")
@click.option(
    "--task",
    "task_specs",
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
@_DATA_DIR
@_RESULTS_DIR
@_TASKS_DIR
@_MANIFEST
@_DATASET
@_DATASET_ARGUMENTS
@_PROTOCOL
@_COMPLETE
@click.option("--limit", type=click.IntRange(min=1), help="Only the first N samples of each split.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, …")
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
@click.option("--dtype", default="auto", show_default=True, help="auto, float32, float16 or bfloat16.")
@_MAX_BATCH_SECONDS
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
@click.option("--model-arg", "model_arguments", multiple=True, callback=_parse_pairs, help="KEY=VALUE for the model.")
@click.option("--gen", "generation", multiple=True, callback=_parse_pairs, help="KEY=VALUE for generation.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="For sampling, intervals and baseline:random.",
)
@_PTB
@_SPICE_SCORES
@_JUDGE
@_JUDGE_ARGUMENTS
@_JUDGE_GENERATION
@_RUBRIC
@click.option(
    "--probe",
    type=click.Choice(["silence", "shuffle"]),
    help="Replace the audio, by silence or another sample's: does the model listen? The report shows the gap.",
)
@click.option("--fresh", is_flag=True, help="Start over instead of going on.")
@click.option("--keep-failed", is_flag=True, help="Do not try failed samples again.")
@click.option(
    "--allow-failures", type=click.IntRange(min=0), default=0, show_default=True, help="More of them: exit 3."
)
@click.option("--report", "with_report", is_flag=True, help="Write the report as well, as otoscope report does.")
@_JSON
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

    if not max_batch_seconds > 0:  # nan, which a range lets pass
        raise RequestError(f"--max-batch-seconds is {max_batch_seconds}, expected a number above 0")
    judge = _judge(judge_spec, judge_arguments, judge_generation, rubric)
    settings = EvaluationSettings(
        results_dir=results_dir,
        limit=limit,
        fresh=fresh,
        keep_failed=keep_failed,
        seed=seed,
        generation=_generation(generation),
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
        options = {"address": ray_address, "models": ray_models, "gpus-per-model": ray_gpus_per_model}
        if given := [f"--ray-{name}" for name, value in options.items() if value is not None]:
            raise RequestError(f"{given[0]} says more about --engine ray; name that")
        model, where = _here(make, device, devices)
    source = SelectionSettings(
        data_dir,
        tasks_dir,
        manifest,
        limit,
        require_complete,
        dataset=_dataset(dataset, dataset_arguments, limit),
        protocol=protocol,
        has_judge=judge is not None,
        or_samples=True,
    )
    said: list[str] = []  # held back: that samples stand in for corpora comes first
    try:
        selections = select_tasks(task_specs, model, source, said.append)
    except BaseException:
        _notice_all(said)
        raise
    stand_ins = describe_stand_ins(selections)
    if model_spec is None:
        said.insert(0, _NO_MODEL)
    _notice_all([*stand_ins, *said])
    documents = Evaluation(model, settings, notice, where).run(selections)
    status = _report_scores(documents, as_json=as_json, allow_failures=allow_failures)
    try:
        if with_report and documents:
            _print_report(results_dir, as_json=as_json)
    finally:
        _notice_all([*([_NO_MODEL] if model_spec is None else []), *stand_ins])
    return status


def _here(make: "Callable[..., ModelMaker]", device: str, devices: str | None) -> "tuple[ModelAdapter, Engine]":
    """Return the model, and what runs it on this machine."""
    from evaluate.engine import LocalEngine
    from evaluate.processes import ProcessEngine, parse_devices

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
    from evaluate.ray_engine import RayEngine, RayOptions

    if devices is not None:
        raise RequestError(f"--devices {devices} names GPUs of this machine; with --engine ray say --ray-models")
    if device not in ("auto", "cpu", "cuda"):
        raise RequestError(f"--device {device}: with --engine ray, Ray says which; expected auto, cpu or cuda")
    maker = make(device=device)
    model = maker()
    options = RayOptions(address, num_models, gpus_per_model)
    wants_gpu = maker.takes_device and device != "cpu"
    return model, RayEngine(model, maker, options, notice, wants_gpu=wants_gpu, takes_device=maker.takes_device)


def _judge(spec: str | None, arguments: dict[str, str], generation: dict[str, str], rubric: str) -> "ModelJudge | None":
    """Return the judge that a command names, None where there is none; the rubric must be one too."""
    if rubric:
        from evaluate.judging.rubric import load_rubric

        load_rubric(rubric)
    if spec is None:
        for option, given in (("--judge-arg", arguments), ("--judge-gen", generation), ("--rubric", rubric)):
            if given:
                raise RequestError(f"{option} says more about --judge; name one")
        return None
    from evaluate.judging.model_judge import create_judge

    return create_judge(
        spec, arguments=arguments, generation=_generation(generation, option="--judge-gen"), notice=notice
    )


_NO_MODEL = (
    "MODEL: none was named, so nano answers, a small model that comes with Otoscope; it knows Otoscope's own samples "
    "only. --model (make: MODEL=) names another, see otoscope models"
)


def _print_report(results_dir: Path, *, as_json: bool) -> None:
    """Write the report to its usual place and name its files; on stderr where stdout is one JSON document."""
    from evaluate.report import write_report

    out = results_dir / "report"
    for line in _written_lines(write_report(results_dir, out, notice=notice), out):
        click.echo(line, err=as_json)


def _written_lines(written: Sequence[Path], out: Path) -> list[str]:
    """Return the files of a report, its sample pages as one."""
    pages = [path for path in written if path.name == "index.html"]
    lines = [str(path) for path in written[: len(written) - len(pages)]]
    return [*lines, f"{out / 'runs'}: sample pages of {len(pages)} runs"] if pages else lines


def _notice_all(lines: Iterable[str]) -> None:
    for line in lines:
        notice(line)


def _dataset(where: str | None, arguments: dict[str, str], limit: int | None = None) -> "DatasetSpec | None":
    if where is None:
        if arguments:
            raise RequestError("--dataset-arg says more about --dataset; name one")
        return None
    from evaluate.hf_datasets import parse_dataset_spec

    return parse_dataset_spec(where, arguments, limit=limit)


def _report_scores(documents: list[dict[str, Any]], *, as_json: bool, allow_failures: int, one: bool = False) -> int:
    """Print scores, as JSON a list of documents or the `one` document itself; return the exit status they deserve."""
    from evaluate.tables import print_scores

    if as_json:
        _print_json(documents[0] if one else documents)
    elif documents:
        print_scores(documents)
        for document in documents:
            if "run_dir" in document:
                click.echo(f"{document['task']}:{document['split']}: {document['run_dir']}")
    status = 0
    for document in documents:
        of = f" of {document['task']}:{document['split']}" if document["task"] else ""
        num_unjudged = max((score.get("n_unjudged", 0) for score in document["metrics"].values()), default=0)
        if num_unjudged > allow_failures:
            status = TOO_MANY_FAILED
            notice(
                f"FAILED: the judge failed on {num_unjudged} of {document['n_total']} answers{of}, {allow_failures} "
                "are allowed; the same command asks it again, about these alone"
            )
        if document["n_failed"] > allow_failures:
            status = TOO_MANY_FAILED
            log = f"; the errors stand in {document['run_dir']}/predictions.jsonl" if "run_dir" in document else ""
            notice(
                f"FAILED: {document['n_failed']} of {document['n_total']} samples{of} failed, "
                f"{allow_failures} are allowed{log}"
            )
    return status


def _generation(pairs: dict[str, str], *, option: str = "--gen") -> dict[str, Any]:
    """Return an option's pairs as values of GenerationOptions.

    Raises:
        RequestError: There is no such option, or the value is out of its range.
    """
    from evaluate.registry import unknown_name
    from evaluate.types import GENERATION_RANGES

    options: dict[str, Any] = {}
    for key, text in pairs.items():
        if key not in GENERATION_RANGES:
            raise unknown_name(
                "generation option", key, GENERATION_RANGES, listing=f"options: {', '.join(GENERATION_RANGES)}"
            )
        kind, low, high = GENERATION_RANGES[key]
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            whole = "a whole number" if kind is int else "a number"
            raise RequestError(f"{option} {key}={text}: expected {whole} from {low:g} to {high:g}")
        options[key] = value
    return options


@cli.command("check-batching")
@click.option("--task", "task_specs", required=True, help="NAME[:SPLIT][,…] or a task file.")
@click.option("--model", "model_spec", required=True, help="FAMILY:WHERE or a short name, see otoscope models.")
@_DATA_DIR
@_TASKS_DIR
@_PROTOCOL
@click.option(
    "--limit", type=click.IntRange(min=2), default=64, show_default=True, help="Only the first N samples of each split."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, …")
@click.option("--dtype", default="auto", show_default=True, help="auto, float32, float16 or bfloat16.")
@_MAX_BATCH_SECONDS
@click.option("--model-arg", "model_arguments", multiple=True, callback=_parse_pairs, help="KEY=VALUE for the model.")
@click.option("--gen", "generation", multiple=True, callback=_parse_pairs, help="KEY=VALUE for generation.")
@_JSON
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
    _notice_all(describe_stand_ins(selections))
    settings = EvaluationSettings(
        results_dir=Path(),
        limit=limit,
        generation=_generation(generation),
        runner=RunnerSettings(max_batch_seconds=max_batch_seconds),
        model_arguments=model_arguments,
    )
    checked = check_batching(model, selections, settings, notice)
    if as_json:
        _print_json(checked)
    else:
        for one in checked:
            print_batching(one)
    return CHECK_FAILED if any(one["n_different"] for one in checked) else 0


@cli.command("score")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--task", "task_spec", help="NAME[:SPLIT] whose samples the predictions are of.")
@click.option(
    "--references", type=click.Path(path_type=Path), help='JSONL of {"id", "references": ["…"]}; no task needed.'
)
@click.option(
    "--predictions", type=click.Path(path_type=Path), help='JSONL of {"id", "hypothesis"}; FILE says the same.'
)
@click.option(
    "--format",
    "format_name",
    help=f"The file is the log of another program: {', '.join(LOG_FORMATS)}. Without --task it is scored against the "
    "references in it.",
)
@click.option("--part", help="Which split or subset of such a log, where it holds several; all: as one.")
@click.option("--model-name", help="What the system is called (with --task).")
@click.option("--metrics", help="Comma-separated names (without --task); see otoscope metrics.")
@click.option("--language", help="ISO 639-1 (without --task); chooses the normaliser.")
@click.option("--normalizer", help="Name of a normaliser (without --task).")
@click.option("--choices", help="Comma-separated label set (without --task); default: the references, each once.")
@click.option(
    "--extractor",
    help="How a choice is read out: exact, normalized, letter, option, words, named or closest; needs labels.",
)
@_PROTOCOL
@_PTB
@_SPICE_SCORES
@click.option(
    "--spice-input",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what SPICE reads, to score it on another machine.",
)
@_JUDGE
@_JUDGE_ARGUMENTS
@_JUDGE_GENERATION
@_RUBRIC
@click.option(
    "--samples",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a line per sample (without --task); a judge's replies are kept beside it.",
)
@_DATA_DIR
@_RESULTS_DIR
@_TASKS_DIR
@_MANIFEST
@_DATASET
@_DATASET_ARGUMENTS
@_COMPLETE
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="For intervals.")
@click.option(
    "--allow-failures", type=click.IntRange(min=0), default=0, show_default=True, help="More of them: exit 3."
)
@_JSON
def score_command(
    file: Path | None,
    task_spec: str | None,
    references: Path | None,
    predictions: Path | None,
    format_name: str | None,
    part: str | None,
    model_name: str | None,
    metrics: str | None,
    language: str | None,
    normalizer: str | None,
    choices: str | None,
    extractor: str | None,
    protocol: str,
    ptb: Literal["python", "java"],
    spice_scores: Path | None,
    spice_input: Path | None,
    judge_spec: str | None,
    judge_arguments: dict[str, str],
    judge_generation: dict[str, str],
    rubric: str,
    samples: Path | None,
    data_dir: Path,
    results_dir: Path,
    tasks_dir: Path | None,
    manifest: Path | None,
    dataset: str | None,
    dataset_arguments: dict[str, str],
    require_complete: bool,
    seed: int,
    allow_failures: int,
    as_json: bool,
) -> int:
    """Score the answers of an outside system, in FILE: as a run of a task, or against a file of references.

    With --format, FILE is what another evaluation program logged; what of it cannot be mapped is said on stderr.

    \b
    Examples:
      otoscope score --task aishell1:test --predictions answers.jsonl --model-name my-asr
      otoscope score --references truth.jsonl --predictions answers.jsonl --metrics wer,cer --language en
      otoscope score --format open-asr MODEL_x_DATASET_librispeech_test.clean.jsonl
      otoscope score --format kimi-evalkit --part test_clean --task librispeech:test-clean --model-name x FILE
    """
    from evaluate.evaluation import Evaluation, EvaluationSettings
    from evaluate.file_scoring import GivenSettings, score_files, score_foreign_log
    from evaluate.imports import read_log
    from evaluate.imports.base import choose_part
    from evaluate.scoring import ScoringOptions
    from evaluate.selection import SelectionSettings, select_tasks
    from models.predictions import Predictions

    if file is not None and predictions is not None:
        raise RequestError(
            f"found FILE {str(file)!r} and --predictions {str(predictions)!r}, which say the same; give one"
        )
    answers = file or predictions
    if answers is None:
        raise RequestError("expected a file of answers: FILE or --predictions, see otoscope score --help")
    if part is not None and not format_name:
        raise RequestError("--part is of another program's log; name its --format, or leave it out")
    if format_name and references is not None:
        raise RequestError("with --format the log holds the references; leave --references out, or name a --task")
    if task_spec is not None and references is not None:
        raise RequestError("expected one of --task and --references, see otoscope score --help")
    if task_spec is None and references is None and not format_name:
        raise RequestError("expected --task, --references or --format, see otoscope score --help")
    judge = _judge(judge_spec, judge_arguments, judge_generation, rubric)
    options = ScoringOptions(seed, ptb, spice_scores, spice_input, judge, rubric, allow_failures)
    if task_spec is None:
        if references is not None and not metrics:
            raise RequestError("with --references, expected --metrics, e.g. wer,cer; see otoscope metrics")
        if model_name:
            raise RequestError("--model-name is for a run of a task (--task); leave it out, or name a --task")
        labels = tuple(label.strip() for label in choices.split(",")) if choices else ()
        if "" in labels:
            raise RequestError(f"--choices {choices!r} holds an empty label, expected e.g. kettle,tap,knife")
        given = GivenSettings(language, normalizer, labels, protocol, extractor)
        names = list(dict.fromkeys(name.strip() for name in metrics.split(","))) if metrics else []
        if references is not None:
            document = score_files(references, answers, metrics=names, given=given, options=options, samples=samples)
        else:
            log = choose_part(read_log(answers, format_name or ""), part)
            document = score_foreign_log(log, metrics=names, given=given, options=options, samples=samples)
            _notice_all(f"{log.format_name}: {line}" for line in log.notices)
        return _report_scores([document], as_json=as_json, allow_failures=allow_failures, one=True)
    if metrics or language or normalizer or choices or extractor or samples:
        raise RequestError(
            "with --task the task says metrics, language, normaliser, choices and extractor, and the run holds its "
            "samples; leave these options out"
        )
    if not model_name:
        raise RequestError("with --task, expected --model-name: what the system is called in results")
    model = Predictions(str(answers), name=model_name, format=format_name or "", part=part or "")
    source = SelectionSettings(
        data_dir,
        tasks_dir,
        manifest,
        require_complete=require_complete,
        dataset=_dataset(dataset, dataset_arguments),
        protocol=protocol,
        has_judge=judge is not None,
    )
    selections = select_tasks(task_spec or "", model, source, notice)
    if len(selections) > 1:
        splits = ", ".join(selection.split.name for selection in selections)
        raise RequestError(f"{task_spec} has several splits ({splits}); name the one that the predictions are of")
    documents = Evaluation(model, EvaluationSettings(results_dir=results_dir, seed=seed, scoring=options), notice).run(
        selections
    )
    return _report_scores(documents, as_json=as_json, allow_failures=allow_failures, one=True)


@cli.command("tasks")
@click.argument("name", required=False)
@click.argument("new_name", required=False)
@click.option("--kind", type=click.Choice(KINDS), help="Of the task that `tasks new NEW_NAME` writes.")
@click.option("--model", "model_spec", help="Show what this model would be sent for the first sample of NAME[:SPLIT].")
@click.option("--model-arg", "model_arguments", multiple=True, callback=_parse_pairs, help="KEY=VALUE for the model.")
@_PROTOCOL
@_DATA_DIR
@_MANIFEST
@_DATASET
@_DATASET_ARGUMENTS
@_TASKS_DIR
@_JSON
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
            dataset=_dataset(dataset, dataset_arguments, 1),
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
        _print_json(written)
        return
    for path in written:
        click.echo(path)
    notice(f"try it: otoscope eval --task {written[0]} --model baseline:majority")


@cli.command("models")
@click.argument("name", required=False)
@_JSON
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


@cli.command("metrics")
@click.argument("name", required=False)
@_JSON
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


def _print_catalogue(
    title: str, described: list[dict[str, Any]], columns: Sequence[str], name: str | None, as_json: bool
) -> None:
    """Print a list as a table, or the one thing that was named with all its fields."""
    if as_json:
        _print_json(described[0] if name else described)
        return
    if name:
        for key, value in described[0].items():
            if value in ("", [], {}):
                continue
            shown = _shown(value)
            click.echo(f"{key}:\n{textwrap.indent(shown, '  ')}" if "\n" in shown else f"{key}: {shown}")
        return
    from evaluate.tables import print_table

    print_table(title, columns, [[_shown(row.get(column, "")) for column in columns] for row in described])


def _shown(value: Any) -> str:
    """Return a field for people: lists and tables of numbers without their brackets."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {content}" for key, content in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@cli.command("report")
@_RESULTS_DIR
@click.option("--out", type=click.Path(path_type=Path), help="Where to write; default: report/ in the results folder.")
@click.option(
    "--models",
    help="Comma-separated parts of the names that stand in the radar chart and others for a few; default: the runs and "
    "published figures with most columns.",
)
@click.option(
    "--export",
    "exports",
    multiple=True,
    type=click.Choice(EXPORTS),
    help="Also write the scores as others read them, into exports/ (repeatable).",
)
@click.option(
    "--radar",
    metavar="NAME",
    help="Only redraw a paper's radar chart, such as qwen-audio, with the runs of --models on its axes; needs no runs.",
)
@_JSON
def report_command(
    results_dir: Path, out: Path | None, models: str | None, exports: tuple[str, ...], radar: str | None, as_json: bool
) -> None:
    """Write leaderboard, charts and a sample page for each run, published figures beside them.

    Leaderboard: leaderboard.html, .md, .csv and .tex. Charts, each .png and .svg: radar, bars and, where runs have
    them, durations, errors and confusion. Sample pages: runs/…/index.html.

    \b
    Examples:
      otoscope report --out site --models whisper,qwen --export model-index
      otoscope report --radar qwen-audio --out figure
    """
    from evaluate.report import write_published_radar, write_report

    out = out or results_dir / "report"
    names = [name.strip() for name in (models or "").split(",") if name.strip()]
    if radar is not None:
        if exports:
            raise RequestError("--radar draws one chart; leave --export out, or --radar")
        written = write_published_radar(results_dir, out, radar, models=names, notice=notice)
    else:
        written = write_report(results_dir, out, models=names, exports=exports, notice=notice)
    if as_json:
        _print_json([str(path) for path in written])
        return
    for line in _written_lines(written, out):
        click.echo(line)


@cli.command("view")
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--static", "folder", type=click.Path(path_type=Path), help="Write the page and its audio into this folder instead."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=0,
    show_default=True,
    help="Where to listen; 0: where there is room.",
)
@click.option("--open/--no-open", "opens", default=False, show_default=True, help="Open the page in a browser.")
def view_command(run_dir: Path, folder: Path | None, port: int, opens: bool) -> None:
    """Show the samples of a run, its folder, in a browser: audio, texts, differences and scores.

    The page is served on this machine only, at the address that is printed, until Ctrl-C. With --static it becomes a
    folder with everything in it, audio too, that opens by double click and can be given to others.

    \b
    Examples:
      otoscope view results/runs/whisper_base/aishell1/test/0123456789ab
      otoscope view results/runs/whisper_base/aishell1/test/0123456789ab --static site
    """
    from evaluate.report.sample_page.page import require_run

    run = require_run(run_dir)
    if folder is None:
        from evaluate.report.sample_page.server import serve

        serve(run, port=port, opens=opens, say=click.echo)
    else:
        from evaluate.report.sample_page.static import write_static_page

        page, num_absent = write_static_page(run, folder)
        click.echo(str(page))
        if num_absent:
            notice(f"{num_absent} clips are not here, or no audio; the page says so where they belong")


@cli.command("compare")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="For resamples and permutations."
)
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write a page: the samples that changed, side by side with their differences and audio.",
)
@_JSON
def compare_command(first: Path, second: Path, seed: int, page: Path | None, as_json: bool) -> None:
    """Compare two runs (their folders) on the same samples: paired difference, interval, p-value, changed samples.

    \b
    Example:
      otoscope compare results/runs/old/aishell1/test/0123456789ab results/runs/new/aishell1/test/ba9876543210
    """
    from evaluate.compare import NUM_CHANGED, compare_runs
    from evaluate.report.compare_page import MAX_CHANGED, comparison_page
    from evaluate.tables import print_comparison

    comparison = compare_runs(first, second, seed=seed, num_changed=MAX_CHANGED if page else NUM_CHANGED)
    if page:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(comparison_page(comparison), encoding="utf-8", errors="backslashreplace")
        notice(f"page: {page}")
    comparison = {**comparison, "changed": comparison["changed"][:NUM_CHANGED]}
    if as_json:
        _print_json(comparison)
    else:
        print_comparison(comparison)


@cli.command("regression")
@click.option("--baseline", type=click.Path(path_type=Path), required=True, help="JSON file to compare with.")
@click.option("--junit", type=click.Path(path_type=Path), help="Write the outcome as JUnit XML too.")
@click.option("--summary", type=click.Path(path_type=Path), help="Write it as Markdown for a pull request too.")
@click.option(
    "--update",
    is_flag=True,
    help="Write the newest runs, with what was counted per sample, into the baseline instead of comparing.",
)
@click.option(
    "--tolerance",
    type=float,
    help="With --update: the drop allowed for scores that state none yet, in the metric's own unit (0.005 of a rate is "
    "half a point; 0 allows none). Default: none stated, the interval alone decides.",
)
@_RESULTS_DIR
@_JSON
def regression_command(
    baseline: Path,
    junit: Path | None,
    summary: Path | None,
    update: bool,
    tolerance: float | None,
    results_dir: Path,
    as_json: bool,
) -> int:
    """Compare the newest runs with a baseline; exit 1 where a score regressed, a run is missing or a setting moved.

    A score regresses where the 95 % interval of the paired difference lies wholly on the bad side of zero, or the drop
    exceeds the tolerance that the baseline states. Where the baseline holds no samples there is no interval: then only
    the tolerance decides, and without one any drop fails. Intervals are not corrected for their number.

    On GitHub (GITHUB_ACTIONS, GITHUB_STEP_SUMMARY) failures become annotations and the summary that of the job.

    \b
    Examples:
      otoscope regression --baseline results/baselines/nano.json --junit regression.xml --summary regression.md
      otoscope regression --baseline baseline.json --update --tolerance 0.005
    """
    if update:
        if junit or summary:
            raise RequestError("--update compares nothing; leave --junit and --summary out, or --update")
        return _update_baseline(baseline, results_dir, tolerance, as_json)
    if tolerance is not None:
        raise RequestError("--tolerance is stated when a baseline is written; add --update, or edit the file")
    from evaluate.regression import check_baseline
    from evaluate.report.regression.github import annotations, append_summary, is_github, without_commands
    from evaluate.report.regression.junit import write_junit
    from evaluate.report.regression.pull_request import summarize_checks
    from evaluate.report.regression.table import print_checks

    checks = check_baseline(baseline, results_dir)
    if as_json:
        _print_json([check.to_json() for check in checks])
    else:
        with without_commands(click.echo):
            print_checks(checks)
    if is_github():
        for line in annotations(checks):
            click.echo(line, err=as_json)
    text = summarize_checks(checks)
    if junit:
        write_junit(junit, checks, baseline=baseline)
    if summary:
        summary.parent.mkdir(parents=True, exist_ok=True)
        summary.write_text(text, encoding="utf-8", errors="backslashreplace")
    append_summary(text)
    return int(any(not check.passed for check in checks))


def _update_baseline(baseline: Path, results_dir: Path, tolerance: float | None, as_json: bool) -> int:
    from evaluate.baseline import update_baseline

    if tolerance is not None and not 0 <= tolerance < float("inf"):
        raise RequestError(f"--tolerance is {tolerance}, expected 0 or more")
    done = update_baseline(baseline, results_dir, tolerance=tolerance)
    for name in done.removed:
        notice(f"{baseline}: left out, for there is no run of it: {name}")
    if as_json:
        _print_json(
            {"baseline": str(baseline), "scores": done.num_written, "added": done.added, "removed": done.removed}
        )
    else:
        click.echo(f"{baseline}: {done.num_written} scores written, {len(done.added)} of them new")
    return 0


@cli.group("data")
def data_group() -> None:
    """See which corpora are here, get them, and check them.

    \b
    Examples:
      otoscope data status
      otoscope data fetch librispeech:test-clean
      otoscope data fetch spice --download
      otoscope data verify librispeech --decode
    """


@data_group.command("status")
@click.argument("name", required=False)
@_DATA_DIR
@_TASKS_DIR
@_JSON
def status_command(name: str | None, data_dir: Path, tasks_dir: Path | None, as_json: bool) -> None:
    """Show which corpora are here; with NAME[:SPLIT], everything about one.

    A split is present, partial, absent or damaged (its lists cannot be read). No audio is opened: that is verify's.

    \b
    Example:
      otoscope data status librispeech --data-dir /corpora
    """
    from evaluate.data.status import corpus_status, print_status

    rows = corpus_status(name, data_dir, tasks_dir=tasks_dir)
    if as_json:
        _print_json(rows)
    else:
        print_status(rows, details=name is not None)


@data_group.command("fetch")
@click.argument("name")
@_DATA_DIR
@click.option("--keep-archives", is_flag=True, help="Leave archives in downloads/ when they are unpacked.")
@click.option("--corenlp-jar", type=click.Path(path_type=Path), help="stanford-corenlp-3.6.0.jar (spice).")
@click.option("--models-jar", type=click.Path(path_type=Path), help="stanford-corenlp-3.6.0-models.jar (spice).")
@click.option("--corenlp-zip", type=click.Path(path_type=Path), help="The zip that holds the two (spice).")
@click.option("--download", is_flag=True, help="Get the two from Maven Central (spice).")
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), help="Folder to make (spice); default: where it is looked for."
)
def fetch_command(
    name: str,
    data_dir: Path,
    keep_archives: bool,
    corenlp_jar: Path | None,
    models_jar: Path | None,
    corenlp_zip: Path | None,
    download: bool,
    folder: Path | None,
) -> None:
    """Get a corpus, NAME[:SPLIT], into the data folder; or NAME spice, the caption metric's programs.

    Without a split, those that papers report. What is here and whole is left alone; the same command goes on with a
    download that broke off. A corpus behind a form or a licence is not fetched: the message says what to do, exit 2.

    \b
    Examples:
      otoscope data fetch librispeech:test-clean --data-dir /corpora
      otoscope data fetch spice --corenlp-zip stanford-corenlp-full-2015-12-09.zip
      otoscope data fetch spice --download
    """
    from evaluate.captions.fetch import CoreNlpSource, fetch_spice
    from evaluate.data.fetch import fetch_corpus

    source = CoreNlpSource(corenlp_jar, models_jar, corenlp_zip, download)
    if name == "spice":
        fetch_spice(source, say=notice, folder=folder)
    elif source != CoreNlpSource() or folder:
        raise RequestError(f"--corenlp-…, --models-jar, --download and --to are for spice; leave them out for {name}")
    else:
        fetch_corpus(name, data_dir, keep_archives=keep_archives, say=notice)


@data_group.command("verify")
@click.argument("name", required=False)
@_DATA_DIR
@_TASKS_DIR
@click.option("--decode", is_flag=True, help="Decode every file to its end, not only its header.")
@_JSON
def verify_command(name: str | None, data_dir: Path, tasks_dir: Path | None, decode: bool, as_json: bool) -> int:
    """Check the corpora that are here, or NAME[:SPLIT], against their own lists, and look into every audio file.

    Damage, exit 3: a listed utterance without audio, a file that is empty or cannot be decoded, an impossible
    duration, a span beyond its file, an id that comes twice, a list that cannot be read. No damage: a split of which
    only a part is here (partial), audio without a transcript, a split that is not here. Exit 2: an unknown name, or
    nothing of what was named is here.

    \b
    Example:
      otoscope data verify librispeech:test-clean --decode --data-dir /corpora
    """
    from evaluate.data.verify import is_damaged, print_reports, verify_corpora

    reports = verify_corpora(name, data_dir, decode=decode, tasks_dir=tasks_dir)
    if as_json:
        _print_json([report.to_json() for report in reports])
    else:
        print_reports(reports)
    return DAMAGED if is_damaged(reports) else 0
