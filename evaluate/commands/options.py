"""Options that several commands have, under one name and with one meaning."""

from pathlib import Path

import click


def parse_pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Return the pairs of a repeatable option KEY=VALUE; for click's `callback`."""
    pairs = {}
    for value in values:
        key, equals, content = value.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"found {value!r}, expected KEY=VALUE", context, parameter)
        pairs[key] = content
    return pairs


def parse_seconds(context: click.Context, parameter: click.Parameter, value: float) -> float:
    """Return a number above 0 as it is; for click's `callback`, since a range lets nan pass."""
    if not value > 0:
        raise click.BadParameter(f"found {value}, expected a number above 0", context, parameter)
    return value


class TaskSpecs(click.types.StringParamType):
    """The text of `--task` where one must be named."""

    def get_missing_message(self, param: click.Parameter, ctx: click.Context | None) -> str:
        """Return what is said where none is."""
        del param, ctx
        return "Name a task, e.g. --task aishell1; otoscope tasks lists all"


def refuse_unnamed(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> None:
    """Refuse what stands without an option; for click's `callback`."""
    del parameter
    if values:
        raise click.UsageError(
            f"unexpected: {' '.join(values)}; tasks are named with --task, models with --model", context
        )


RESULTS_DIR = click.option(
    "--results-dir",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Where runs live.",
)
DATA_DIR = click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    default=Path("data"),
    show_default=True,
    help="Folder that holds the corpora's own top folders (LibriSpeech/, data_aishell/, …).",
)
TASKS_DIR = click.option(
    "--tasks-dir", type=click.Path(path_type=Path), help="Folder with tasks of your own (.yaml, .py)."
)
JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document to stdout and nothing else.")
MANIFEST = click.option(
    "--manifest", type=click.Path(path_type=Path), help="JSONL list to read instead of the corpus's own layout."
)
DATASET = click.option(
    "--dataset",
    help="Hugging Face dataset (id or local folder) to read instead of the corpus's own layout; audio inside of it is "
    "put into OTOSCOPE_DATASETS, by default in the user's cache folder.",
)
DATASET_ARGUMENTS = click.option(
    "--dataset-arg",
    "dataset_arguments",
    multiple=True,
    callback=parse_pairs,
    help="KEY=VALUE for it: config, split, revision, streaming=true, or a column's name for id, audio, references, …",
)
PROTOCOL = click.option(
    "--protocol", default="", help="Ask and score as a published evaluation did: qwen-audio, qwen2-audio or mmau."
)
MODEL_ARGUMENTS = click.option(
    "--model-arg", "model_arguments", multiple=True, callback=parse_pairs, help="KEY=VALUE for the model."
)
GENERATION = click.option("--gen", "generation", multiple=True, callback=parse_pairs, help="KEY=VALUE for generation.")
DEVICE = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, …")
DTYPE = click.option("--dtype", default="auto", show_default=True, help="auto, float32, float16 or bfloat16.")
MAX_BATCH_SECONDS = click.option(
    "--max-batch-seconds",
    type=click.FloatRange(min=0, min_open=True, max=1e6),
    default=240.0,
    show_default=True,
    callback=parse_seconds,
    help="Audio per batch, padding included.",
)
PTB = click.option(
    "--ptb",
    type=click.Choice(["python", "java"]),
    default="python",
    show_default=True,
    help="Tokeniser of the caption metrics: this project's, or the Java one that it is held to.",
)
SPICE_SCORES = click.option(
    "--spice-scores",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="SPICE's own output from another machine, for spice and spider.",
)
JUDGE = click.option(
    "--judge",
    "judge_spec",
    help="Model that scores open answers (metric judge), as --model names one; it gets text only.",
)
JUDGE_ARGUMENTS = click.option(
    "--judge-arg", "judge_arguments", multiple=True, callback=parse_pairs, help="KEY=VALUE for the judge."
)
JUDGE_GENERATION = click.option(
    "--judge-gen",
    "judge_generation",
    multiple=True,
    callback=parse_pairs,
    help="KEY=VALUE for what it generates; default: greedy, max_new_tokens=1024.",
)
RUBRIC = click.option(
    "--rubric", default="", help="What the judge is asked: a name (otoscope metrics judge) or a YAML file."
)
ALLOW_FAILURES = click.option(
    "--allow-failures", type=click.IntRange(min=0), default=0, show_default=True, help="More of them: exit 3."
)
COMPLETE = click.option("--require-complete", is_flag=True, help="A partial corpus is an error.")
