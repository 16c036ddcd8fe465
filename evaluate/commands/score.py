"""`otoscope score`: the answers of an outside system."""

from pathlib import Path
from typing import Literal

import click

from evaluate.commands import options
from evaluate.commands.shared import Command, dataset_spec, judge_of, notice, notice_all, report_scores
from evaluate.errors import RequestError

LOG_FORMATS = ("lmms-eval", "kimi-evalkit", "ultraeval", "audiobench", "open-asr", "qwen-audio")


@click.command("score", cls=Command)
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
@options.PROTOCOL
@options.PTB
@options.SPICE_SCORES
@click.option(
    "--spice-input",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what SPICE reads, to score it on another machine.",
)
@options.JUDGE
@options.JUDGE_ARGUMENTS
@options.JUDGE_GENERATION
@options.RUBRIC
@click.option(
    "--samples",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a line per sample (without --task); a judge's replies are kept beside it.",
)
@options.DATA_DIR
@options.RESULTS_DIR
@options.TASKS_DIR
@options.MANIFEST
@options.DATASET
@options.DATASET_ARGUMENTS
@options.COMPLETE
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="For intervals.")
@options.ALLOW_FAILURES
@options.JSON
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
    judge = judge_of(judge_spec, judge_arguments, judge_generation, rubric)
    scoring = ScoringOptions(seed, ptb, spice_scores, spice_input, judge, rubric, allow_failures)
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
            document = score_files(references, answers, metrics=names, given=given, options=scoring, samples=samples)
        else:
            log = choose_part(read_log(answers, format_name or ""), part)
            document = score_foreign_log(log, metrics=names, given=given, options=scoring, samples=samples)
            notice_all(f"{log.format_name}: {line}" for line in log.notices)
        return report_scores([document], as_json=as_json, allow_failures=allow_failures, one=True)
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
        dataset=dataset_spec(dataset, dataset_arguments),
        protocol=protocol,
        has_judge=judge is not None,
    )
    selections = select_tasks(task_spec or "", model, source, notice)
    if len(selections) > 1:
        splits = ", ".join(selection.split.name for selection in selections)
        raise RequestError(f"{task_spec} has several splits ({splits}); name the one that the predictions are of")
    documents = Evaluation(model, EvaluationSettings(results_dir=results_dir, seed=seed, scoring=scoring), notice).run(
        selections
    )
    return report_scores(documents, as_json=as_json, allow_failures=allow_failures, one=True)
