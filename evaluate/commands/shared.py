"""What commands share: how they speak, and what they make of options that several have."""

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evaluate.errors import RequestError, RunDamagedError
from evaluate.lines import one_line

if TYPE_CHECKING:
    from evaluate.hf_datasets import DatasetSpec
    from evaluate.judging.model_judge import ModelJudge

CHECK_FAILED = 1
TOO_MANY_FAILED = 3
MAX_SHOWN_ERROR = 200  # characters; the log has all


class Command(click.Command):
    """A command that refuses a second task or model: it would forget the first. Other options may be overruled."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for name, instead in (("--task", "name several with commas between"), ("--model", "run the command for each")):
            if sum(name in option.opts for option in given) > 1:
                raise click.UsageError(f"{name} was given twice; {instead}", ctx)
        return super().parse_args(ctx, args)


def notice(line: str) -> None:
    """Tell people something, on stderr."""
    click.echo(one_line(without_known_secrets(line)), err=True)


def without_known_secrets(text: str) -> str:
    """Return a text as people may see it, whatever a library quoted in it."""
    from evaluate.secrets import hide_secrets

    return hide_secrets(text)


def notice_all(lines: Iterable[str]) -> None:
    """Tell people several things."""
    for line in lines:
        notice(line)


def run_folder(run: Path, results_dir: Path) -> Path:
    """Return the folder that a RUN argument names: itself, or that of this name among the runs of a results folder.

    Of a split's folder, the newest run in it whose audio was not replaced by a probe.

    Raises:
        RequestError: There is no such folder.
    """
    from evaluate.results import read_scores

    inside = results_dir / "runs" / run
    folder = inside if not run.exists() and inside.is_dir() else run
    if not folder.exists():
        raise RequestError(
            f"{run}: no such folder, nor is there one in {results_dir / 'runs'}; expected a run's folder"
        )
    runs = []
    for path in folder.glob("*/scores.json") if not (folder / "scores.json").exists() else ():
        with suppress(RunDamagedError, OSError):  # it is not what is asked for; report names it
            runs.append(read_scores(path))
    runs = [one for one in runs if not one.get("probe")]
    if not runs:
        return folder
    newest = Path(max(runs, key=lambda one: str(one["created"]))["run_dir"])
    if len(runs) > 1:
        notice(f"{folder}: holds {len(runs)} runs, this is about the newest: {newest.name}")
    return newest


def print_json(document: Any) -> None:
    """Print the one document that `--json` promises."""
    click.echo(json.dumps(document, indent=2))


def dataset_spec(where: str | None, arguments: dict[str, str], limit: int | None = None) -> "DatasetSpec | None":
    """Return the data set that a command names, None where there is none."""
    if where is None:
        if arguments:
            raise RequestError("--dataset-arg says more about --dataset; name one")
        return None
    from evaluate.hf_datasets import parse_dataset_spec

    return parse_dataset_spec(where, arguments, limit=limit)


def generation_options(pairs: dict[str, str], *, option: str = "--gen") -> dict[str, Any]:
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


def judge_of(
    spec: str | None, arguments: dict[str, str], generation: dict[str, str], rubric: str
) -> "ModelJudge | None":
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
        spec, arguments=arguments, generation=generation_options(generation, option="--judge-gen"), notice=notice
    )


def report_scores(documents: list[dict[str, Any]], *, as_json: bool, allow_failures: int, one: bool = False) -> int:
    """Print scores, as JSON a list of documents or the `one` document itself; return the exit status they deserve."""
    from evaluate.tables import print_scores

    if as_json:
        print_json(documents[0] if one else documents)
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
                f"{allow_failures} are allowed{_commonest_error(document)}{log}"
            )
    return status


def _commonest_error(document: dict[str, Any]) -> str:
    """Return which error most samples failed by, with what one of them said; "" where no log tells."""
    if "run_dir" not in document or not document.get("failures"):
        return ""
    from evaluate.prediction_log import index_log, read_all

    kind, count = next(iter(document["failures"].items()))
    log = Path(document["run_dir"]) / "predictions.jsonl"
    errors = (one.error for one in read_all(log, index_log(log)) if one.error is not None)
    message = next((error.message for error in errors if error.type == kind), "")
    return f": {count} by {kind}: {message[:MAX_SHOWN_ERROR]}"


def written_lines(written: Sequence[Path], out: Path) -> list[str]:
    """Return the files of a report, its sample pages as one."""
    pages = [path for path in written if path.name == "index.html"]
    lines = [str(path) for path in written[: len(written) - len(pages)]]
    return [*lines, f"{out / 'runs'}: sample pages of {len(pages)} runs"] if pages else lines
