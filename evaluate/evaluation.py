"""From a request to scored runs: the tasks and the model are looked up, each split is run and scored.

What can be wrong with the request is found before the model is loaded; the model is loaded once, and only if a sample
is left to evaluate.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from evaluate.errors import CorpusError, RequestError
from evaluate.model import ModelAdapter
from evaluate.prediction_log import LogIndex, LogWriter, compact, index_log, mend_tail
from evaluate.progress import progress_bar
from evaluate.results import (
    SCHEMA,
    RunDirectory,
    command_line,
    corpus_fingerprint,
    digest,
    environment,
    now,
    read_json,
    redact_values,
    run_directory,
    write_json,
)
from evaluate.runner import Runner, RunnerReport, RunnerSettings
from evaluate.scoring import score_log
from evaluate.statistics import Bootstrap
from evaluate.task import Split, Task, require_complete
from evaluate.types import GenerationOptions, Sample

MAX_RECORDED_PROMPTS = 20
Notice = Callable[[str], None]  # takes one line for people


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """What a run depends on besides its task and model."""

    results_dir: Path
    limit: int | None = None
    fresh: bool = False
    keep_failed: bool = False
    seed: int = 0
    generation: dict[str, Any] | None = None  # overrides the task's own options
    runner: RunnerSettings = field(default_factory=RunnerSettings)
    model_arguments: dict[str, str] | None = None  # as typed, for the record


@dataclass(frozen=True, slots=True)
class Selection:
    """One split of one task, ready to run."""

    task: Task
    split: Split  # whole
    samples: tuple[Sample, ...]  # those asked for


class Evaluation:
    """Runs a model over selected splits.

    Args:
        model: Not yet loaded.
        settings: See there.
        notice: Gets what people should know, a line at a time.
    """

    def __init__(self, model: ModelAdapter, settings: EvaluationSettings, notice: Notice) -> None:
        self._model = model
        self._settings = settings
        self._notice = notice
        self._is_loaded = False

    def run(self, selections: Sequence[Selection]) -> list[dict[str, Any]]:
        """Evaluate and score every selection; returns their scores documents, each with its `run_dir`."""
        return [self._run_one(selection) for selection in selections]

    def _run_one(self, selection: Selection) -> dict[str, Any]:
        task, split = selection.task, selection.split
        self._model.begin(task, split, selection.samples)
        facts = self._determinants(selection)
        run = run_directory(
            self._settings.results_dir,
            model=self._model.name,
            task=task.name,
            split=split.name,
            run_id=digest(facts)[:12],
        )
        with run.locked():
            if self._settings.fresh:
                run.set_aside()
            record = self._record(run, facts, selection)
            report = self._answer_rest(run, record, selection)
            self._notice_rates(task, report)
            return self._score(run, record, selection)

    def _determinants(self, selection: Selection) -> dict[str, Any]:
        """Return everything that determines the answers; the run id is its hash."""
        return {
            "task": selection.task.name,
            "task_version": selection.task.version,
            "split": selection.split.name,
            "limit": self._settings.limit,
            "corpus_fingerprint": corpus_fingerprint(selection.samples),
            "model": self._model.name,
            **{f"model_{key}": value for key, value in self._model.identity().items()},
            "model_source": self._model.source_hash,
            "model_arguments": redact_values(self._settings.model_arguments or {}),
            "generation": asdict(self._options(selection.task)),
        }

    def _options(self, task: Task) -> GenerationOptions:
        options = replace(task.generation_options(), seed=self._settings.seed)
        return replace(options, **(self._settings.generation or {}))

    def _record(self, run: RunDirectory, facts: dict[str, Any], selection: Selection) -> dict[str, Any]:
        """Return run.json as it stands before this command adds a session to it."""
        earlier = read_json(run.run_json)["sessions"] if run.run_json.exists() else []
        prompts = list(dict.fromkeys(sample.prompt for sample in selection.samples))
        return {
            "schema": SCHEMA,
            "run_id": run.path.name,
            **facts,
            "kind": selection.task.kind,
            "num_samples": len(selection.samples),
            "coverage": selection.split.coverage.to_json(),
            "prompts": prompts[:MAX_RECORDED_PROMPTS],
            "num_prompts": len(prompts),
            "seed": self._settings.seed,
            "sessions": earlier,
        }

    def _new_session(self) -> dict[str, Any]:
        return {
            "command": command_line(),
            "start": now(),
            "end": None,  # stays None where the process is killed
            "device": self._model.device,
            "max_batch_seconds": self._settings.runner.max_batch_seconds,
            **environment(),
        }

    def _answer_rest(self, run: RunDirectory, record: dict[str, Any], selection: Selection) -> RunnerReport:
        """Evaluate what the log does not hold yet, and compact it when it is whole."""
        title = f"{selection.task.name}:{selection.split.name}"
        if mend_tail(run.predictions):
            self._notice(
                f"{title}: the log ended in a torn line, from a process that was killed; its sample runs again"
            )
        index = index_log(run.predictions)
        if index.damaged:
            self._notice(
                f"{title}: {len(index.damaged)} lines of the log are damaged; they are kept in predictions.damaged, "
                "their samples run again"
            )
        rest = self._left(index, selection.samples)
        if len(rest) < len(selection.samples):
            self._notice(
                f"{title}: {len(selection.samples) - len(rest)} of {len(selection.samples)} are in the log already"
            )
        report = RunnerReport()
        if rest:
            report = self._run_samples(run, record, rest, title)
            index = index_log(run.predictions)
        if rest or index.damaged or index.num_lines > len(index.offsets):
            compact(run.predictions, index, [sample.id for sample in selection.samples])
        return report

    def _left(self, index: LogIndex, samples: Sequence[Sample]) -> list[Sample]:
        retried = set() if self._settings.keep_failed else index.failed
        return [sample for sample in samples if sample.id not in index.offsets or sample.id in retried]

    def _run_samples(
        self, run: RunDirectory, record: dict[str, Any], samples: Sequence[Sample], title: str
    ) -> RunnerReport:
        if not self._is_loaded:
            self._model.load()
            self._is_loaded = True
        session = self._new_session()
        record["sessions"].append(session)
        write_json(run.run_json, record)
        with (
            self._said_how_to_go_on(run, title),
            LogWriter(run.predictions) as log,
            progress_bar(title, num_samples=len(samples)) as advance,
        ):
            options = GenerationOptions(**record["generation"])
            runner = Runner(self._model, options, self._settings.runner, log, advance)
            try:
                runner.run(samples)
            finally:
                session |= {
                    "end": now(),
                    "num_done": runner.report.num_done,
                    "num_failed": runner.report.num_failed,
                    "audio_seconds": round(runner.report.audio_seconds, 3),
                    "model_seconds": round(runner.report.model_seconds, 3),
                    "num_out_of_memory": runner.report.num_out_of_memory,
                }
                write_json(run.run_json, record)
        return runner.report

    @contextmanager
    def _said_how_to_go_on(self, run: RunDirectory, title: str) -> Iterator[None]:
        try:
            yield
        except (KeyboardInterrupt, SystemExit):
            done = len(index_log(run.predictions).offsets)
            self._notice(
                f"{title}: interrupted; {done} samples are kept in {run.path}. The same command goes on from there."
            )
            raise

    def _notice_rates(self, task: Task, report: RunnerReport) -> None:
        rates = report.sample_rates_hz
        if len(rates) > 1:
            shown = ", ".join(f"{count} at {rate} Hz" for rate, count in rates.most_common())
            self._notice(f"{task.name}: the files differ in sampling rate: {shown}")

    def _score(self, run: RunDirectory, record: dict[str, Any], selection: Selection) -> dict[str, Any]:
        judged = replace(selection.split, samples=selection.samples)
        scores = {
            "schema": SCHEMA,
            "task": record["task"],
            "task_version": record["task_version"],
            "split": record["split"],
            "model": record["model"],
            "model_revision": record.get("model_revision"),
            "run_id": record["run_id"],
            "created": now(),
            "limit": record["limit"],
            "corpus_fingerprint": record["corpus_fingerprint"],
            "coverage": record["coverage"],
            **score_log(selection.task, judged, run.predictions, Bootstrap(seed=self._settings.seed)),
        }
        write_json(run.scores, scores)
        return {**scores, "run_dir": str(run.path)}


def select_tasks(
    task_specs: str,
    model: ModelAdapter,
    *,
    data_dir: Path,
    tasks_dir: Path | None,
    manifest: Path | None,
    limit: int | None,
    complete: bool,
    notice: Notice,
) -> list[Selection]:
    """Return the splits that a command names, read and held against what the model can do.

    Args:
        task_specs: `NAME[:SPLIT][,…]`, or "all": every task that the model can do and whose corpus is here.
        model: Asked what it cannot do.
        data_dir: The folder that holds the corpora's own top folders.
        tasks_dir: A folder with more tasks.
        manifest: A list to read in place of the corpus's own layout; for one task only.
        limit: How many samples of each split to evaluate, None for all.
        complete: Whether a partial corpus is an error.
        notice: Gets a line for whatever is partial or skipped.

    Raises:
        RequestError: A name is unknown, a corpus is not here, or the model cannot do a task that was named.
    """
    from tasks import find_task_class, parse_task_spec, task_registry

    skips_impossible = task_specs == "all"
    specs = task_registry(tasks_dir).names() if skips_impossible else task_specs.split(",")
    if manifest and len(specs) != 1:
        raise RequestError(f"--manifest is a list of one task, found {len(specs)} tasks; name one with --task")
    parsed = [parse_task_spec(spec) for spec in specs]
    tasks = [find_task_class(name, tasks_dir=tasks_dir)(data_dir, manifest) for name, _ in parsed]
    selections: dict[tuple[str, str], Selection] = {}
    for task, (_, split_name) in zip(tasks, parsed, strict=True):
        try:
            _refuse_impossible(task, model)
            chosen = _select(task, split_name, limit=limit, complete=complete, notice=notice)
        except RequestError as error:
            if not skips_impossible:
                raise
            notice(f"SKIPPED: {task.name}: {error}")
            continue
        for selection in chosen:
            selections.setdefault((task.name, selection.split.name), selection)
    if not selections:
        raise RequestError(f"nothing to evaluate: all {len(specs)} tasks were skipped, see above")
    return list(selections.values())


def _select(
    task: Task, split_name: str | None, *, limit: int | None, complete: bool, notice: Notice
) -> list[Selection]:
    """Read the splits of a task that were asked for, and say how much of them is here.

    Args:
        task: What to read.
        split_name: One split; None: those that papers report.
        limit: How many samples of each split to evaluate, None for all.
        complete: Whether a partial corpus is an error.
        notice: Gets a line for each split that is not complete.

    Raises:
        CorpusError: A split is not here, or not complete though that was asked.
        UnknownNameError: There is no such split.
    """
    splits = [task.read_split(split_name)] if split_name else task.read_default_splits()
    for name in task.default_splits if not split_name else ():
        if name not in {split.name for split in splits}:
            notice(f"PARTIAL: {task.name}:{name} is not here and is left out")
    for split in splits:
        _refuse_doubled_ids(task, split)
        if complete:
            require_complete(task, split)
        if text := split.coverage.describe():
            notice(f"PARTIAL: {task.name}:{split.name}: {text}")
    return [Selection(task, split, split.samples[:limit]) for split in splits]


def _refuse_doubled_ids(task: Task, split: Split) -> None:
    seen: set[str] = set()
    for sample in split.samples:
        if sample.id in seen:
            raise CorpusError(f"{task.name}:{split.name}: sample id {sample.id!r} comes twice, expected each id once")
        seen.add(sample.id)


def _refuse_impossible(task: Task, model: ModelAdapter) -> None:
    """Raise where a model cannot do a task.

    Raises:
        RequestError: It cannot; the message says why.
    """
    if reason := model.refusal(task):
        raise RequestError(f"{model.name} cannot do {task.name}: {reason}; see otoscope models")
