"""From selected splits to scored runs: each is run, or gone on with, and scored.

The model is loaded once, and only if a sample is left to evaluate.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from evaluate.clips import ClipOptions, ClipPolicy, count_changes
from evaluate.continuing import note_samples, refuse_other_samples, same_corpus_check
from evaluate.digests import corpus_fingerprint, digest
from evaluate.engines import Engine, LocalEngine
from evaluate.environment import command_line, environment, now, peak_memory
from evaluate.errors import CorpusError, RequestError, RunDamagedError, ServerError
from evaluate.model import ModelAdapter
from evaluate.prediction_log import LogIndex, LogWriter, compact, index_log, mend_tail, read_predictions
from evaluate.probes import probe_samples
from evaluate.progress import progress_bar
from evaluate.report.sample_page.data import ensure_page_data
from evaluate.results import SCHEMA, RunDirectory, read_json, run_directory, write_json
from evaluate.runner import Runner, RunnerReport, RunnerSettings
from evaluate.scoring import ScoringOptions, kept_scores, score_log
from evaluate.secrets import without_secrets
from evaluate.selection import Selection
from evaluate.task import Split, Task
from evaluate.types import GenerationOptions, Notice, Sample

MAX_RECORDED_PROMPTS = 20


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """What a run depends on besides its task and model."""

    results_dir: Path
    limit: int | None = None
    fresh: bool = False
    keep_failed: bool = False
    seed: int = 0
    generation: dict[str, Any] = field(default_factory=dict)  # overrides the task's own options
    clips: ClipOptions = field(default_factory=ClipOptions)
    scoring: ScoringOptions = field(default_factory=ScoringOptions)
    runner: RunnerSettings = field(default_factory=RunnerSettings)
    model_arguments: dict[str, str] = field(default_factory=dict)  # as typed
    probe: str = ""  # one of evaluate.types.PROBES; "": the samples are heard as they are


class Evaluation:
    """Runs a model over selected splits.

    Args:
        model: Not yet loaded.
        settings: See there.
        notice: Gets what people should know, a line at a time.
        engine: Where the model runs; default: here.
    """

    def __init__(
        self, model: ModelAdapter, settings: EvaluationSettings, notice: Notice, engine: Engine | None = None
    ) -> None:
        self._model = model
        self._engine = engine or LocalEngine(model)
        self._remarked: set[str] = set()  # what has been said already
        self._settings = settings
        self._notice = notice

    def run(self, selections: Sequence[Selection]) -> list[dict[str, Any]]:
        """Evaluate and score every selection; returns their scores documents, each with its `run_dir`."""
        if self._settings.probe and self._model.sample_rate_hz is None:
            raise RequestError(
                f"--probe {self._settings.probe}: {self._model.name} hears nothing, so that taking its audio away "
                "tells nothing; leave the option out"
            )
        for name in sorted(self._model.idle_options.intersection(self._settings.generation)):
            raise RequestError(
                f"--gen {name}: {self._model.name} does not generate text in a way that has such an option"
            )
        for selection in selections:
            if reason := self._model.option_refusal(self._options(selection.task)):
                raise RequestError(f"{selection.title}: {self._model.name} {reason}")
            self._clips(selection.task).refuse_chunks(selection.task, selection.samples)
            self._require_audio(selection)
        names = {name for one in selections for name in one.task.metric_settings(one.split.asks_as)}
        self._settings.scoring.refuse_idle(names)
        try:
            return [self._run_one(selection) for selection in selections]
        finally:
            self._engine.close()

    def _run_one(self, selection: Selection) -> dict[str, Any]:
        task, split = selection.task, selection.split
        self._model.begin(task, split, selection.samples)
        self._notice_remarks(self._model)
        facts = self._determinants(selection)
        if self._settings.probe:
            heard = probe_samples(selection.samples, self._settings.probe, seed=self._settings.seed)
            selection = replace(selection, samples=heard)
        run = run_directory(
            self._settings.results_dir,
            model=self._model.name,
            task=task.name,
            split=split.name,
            run_id=digest(facts)[:12],
        )
        if not self._settings.fresh:
            refuse_other_samples(run, facts, selection.samples)
        with run.locked(), _named_in_errors(run):
            if self._settings.fresh:
                run.set_aside()
            record = self._record(run, facts, selection)
            kept = kept_scores(task, self._judged(selection), run, self._scoring_options())
            report = RunnerReport()
            if kept is None or (kept["n_failed"] and not self._settings.keep_failed):
                report = self._answer_rest(run, record, selection)
                self._notice_rates(task, report)
            else:  # that log was whole, so it need not be read to know what is left
                self._notice_done(selection, num_left=0)
            if not run.run_json.exists():
                write_json(run.run_json, record)
            started = time.perf_counter()
            scores = self._score(run, record, selection, None if report.num_done else kept)
            if report.num_done:
                self._record_scoring(run, time.perf_counter() - started)
            return scores

    def _determinants(self, selection: Selection) -> dict[str, Any]:
        """Return everything that determines the answers; the run id is its hash."""
        policy = self._clips(selection.task).to_json()
        return {
            "task": selection.task.name,
            "task_version": selection.task.version,
            "split": selection.split.name,
            "limit": self._settings.limit,
            **({"protocol": selection.task.protocol_name} if selection.task.protocol_name else {}),
            "corpus_fingerprint": corpus_fingerprint(selection.samples),
            "model": self._model.name,
            **{f"model_{key}": value for key, value in self._model.identity().items()},
            "model_source": self._model.source_hash,
            "model_arguments": self._model_arguments(neutral=False),
            "generation": self._options(selection.task).chosen(),
            **({"clip_policy": policy} if policy else {}),
            **self._probe_facts(),
        }

    def _model_arguments(self, *, neutral: bool) -> dict[str, Any]:
        """Return the model's settings as typed: those that bear on an answer, or those that do not."""
        settings = without_secrets(self._settings.model_arguments)
        return {name: value for name, value in settings.items() if (name in self._model.neutral_settings) == neutral}

    def _probe_facts(self) -> dict[str, Any]:
        """Return the probe, with the seed where it draws; {} where there is none."""
        probe = self._settings.probe
        seed = {"probe_seed": self._settings.seed} if probe == "shuffle" else {}
        return {"probe": probe, **seed} if probe else {}

    def _require_audio(self, selection: Selection) -> None:
        """Raise where a model that hears gets a sample without a clip; only a chat may do without."""
        if self._model.sample_rate_hz is None or selection.task.kind == "chat":
            return
        for sample in selection.samples:
            if not sample.audio:
                raise CorpusError(
                    f"{selection.title}: sample {sample.id!r} has no audio, expected a clip to hear (field 'audio')"
                )

    def _clips(self, task: Task) -> ClipPolicy:
        return self._settings.clips.policy(task, hears=self._model.sample_rate_hz is not None)

    def _options(self, task: Task) -> GenerationOptions:
        options = replace(task.generation_options(), **self._settings.generation)
        if options.max_new_tokens is not None and options.min_new_tokens > options.max_new_tokens:
            raise RequestError(
                f"{task.name}: min_new_tokens is {options.min_new_tokens}, above max_new_tokens "
                f"{options.max_new_tokens}; lower the one or raise the other"
            )
        if idle := [name for name in self._settings.generation if name in options.idle()]:
            needs = "temperature above 0" if idle[0] == "top_p" else "num_beams above 1"
            raise RequestError(f"--gen {idle[0]} means nothing without a {needs}; leave it out, or set that too")
        # Greedy answers do not depend on the seed: another one must not make another run.
        return replace(options, seed=self._settings.seed) if options.temperature > 0 else options

    def _record(self, run: RunDirectory, facts: dict[str, Any], selection: Selection) -> dict[str, Any]:
        """Return run.json as it stands before this command adds a session to it."""
        before = self._record_before(run, selection.title)
        prompts = list(dict.fromkeys(sample.prompt for sample in selection.samples))
        return {
            "schema": SCHEMA,
            "run_id": run.path.name,
            **facts,
            "generation": asdict(self._options(selection.task)),  # whole, also what is at its default
            "kind": selection.task.kind,
            "num_samples": len(selection.samples),
            "coverage": selection.split.coverage.to_json(),
            "prompts": prompts[:MAX_RECORDED_PROMPTS],
            "num_prompts": len(prompts),
            "seed": self._settings.seed,
            **({"judges": judges} if (judges := _judges(before)) else {}),
            "sessions": before.get("sessions", []),
        }

    def _record_before(self, run: RunDirectory, title: str) -> dict[str, Any]:
        """Return run.json as it is; {} where it is lost, since all but the history is said by the command as well."""
        if not run.run_json.exists():
            if run.predictions.exists():
                self._notice(f"{title}: run.json is missing; it is made anew, without the sessions before this one")
            return {}
        try:
            return run.read_record()
        except RunDamagedError:
            run.run_json.replace(aside := run.run_json.with_suffix(".damaged"))
            self._notice(
                f"{title}: run.json is damaged; it is kept as {aside.name} and made anew, without the sessions before "
                "this one"
            )
            return {}

    def _new_session(self, sessions: Sequence[dict[str, Any]]) -> dict[str, Any]:
        return {
            "command": command_line(),
            "start": now(after=_times(sessions)),
            "end": None,  # stays None where the process is killed
            "device": self._engine.device,
            "max_batch_seconds": self._settings.runner.max_batch_seconds,
            **({"model_settings": neutral} if (neutral := self._model_arguments(neutral=True)) else {}),
            **({"model_remarks": remarks} if (remarks := list(self._engine.models[0].remarks())) else {}),
            **environment(),
        }

    def _answer_rest(self, run: RunDirectory, record: dict[str, Any], selection: Selection) -> RunnerReport:
        """Evaluate what the log does not hold yet, and compact it when it is whole."""
        title = selection.title
        if mend_tail(run.predictions):
            self._notice(
                f"{title}: the log ended in a torn line, from a process that was killed; its sample runs again"
            )
        index = index_log(run.predictions, check=same_corpus_check(run.predictions, selection.samples))
        if index.damaged:
            self._notice(
                f"{title}: {len(index.damaged)} lines of the log are damaged; they are kept in predictions.damaged, "
                "their samples run again"
            )
        is_there = index.offsets.find(sample.id for sample in selection.samples) >= 0
        rest = self._left(index, selection.samples, is_there)
        self._notice_done(selection, num_left=len(rest))
        if num_strangers := len(index.offsets) - int(is_there.sum()):
            self._notice(f"{title}: the log holds {num_strangers} ids that are not in the corpus; they are not scored")
        report = RunnerReport()
        if rest:
            left = replace(selection, samples=tuple(rest))
            report = self._run_samples(run, record, left, asked=selection.samples)
            index = index_log(run.predictions)
        if rest or index.damaged or index.num_lines > len(index.offsets):
            compact(run.predictions, index, [sample.id for sample in selection.samples])
        return report

    def _notice_done(self, selection: Selection, *, num_left: int) -> None:
        total = len(selection.samples)
        if num_left < total:
            self._notice(f"{selection.title}: {total - num_left} of {total} are in the log already")

    def _left(self, index: LogIndex, samples: Sequence[Sample], is_there: Iterable[bool]) -> list[Sample]:
        retried = set() if self._settings.keep_failed else index.failed
        return [one for one, there in zip(samples, is_there, strict=True) if not there or one.id in retried]

    def _run_samples(
        self, run: RunDirectory, record: dict[str, Any], rest: Selection, asked: Sequence[Sample]
    ) -> RunnerReport:
        with self._said_how_to_go_on(run, rest.title):
            self._engine.load()
            prepared = self._engine.begin(rest.task, rest.split, rest.samples)
            options = GenerationOptions(**record["generation"])
            self._notice_remarks(self._engine.models[0])
            session = self._new_session(record["sessions"]) | {
                "token_limit": self._engine.models[0].token_limit(options)
            }
            session |= {"prepared": prepared} if prepared else {}
            record["sessions"].append(session)
            note_samples(run, asked)
            write_json(run.run_json, record)
            return self._run_session(run, record, session, rest)

    def _notice_remarks(self, model: ModelAdapter) -> None:
        for remark in model.remarks():
            if remark not in self._remarked:
                self._remarked.add(remark)
                self._notice(f"NOTE: {self._model.name}: {remark}")

    def _run_session(
        self, run: RunDirectory, record: dict[str, Any], session: dict[str, Any], rest: Selection
    ) -> RunnerReport:
        with (
            LogWriter(run.predictions) as log,
            progress_bar(rest.title, num_samples=len(rest.samples)) as advance,
        ):
            options = GenerationOptions(**record["generation"])
            clips, language = self._clips(rest.task), _text_language(rest.task, rest.split)
            settings = self._settings.runner
            runner = Runner(
                self._engine.models,
                options,
                replace(settings, decode_workers=settings.decode_workers * self._engine.num_readers),
                log,
                advance,
                clips=clips,
                text_language=language,
                decode=self._engine.decode,
            )
            started = time.perf_counter()
            try:
                runner.run(rest.samples)
            finally:
                share, wall_seconds = runner.report.padding_share, time.perf_counter() - started
                session |= {
                    "end": now(after=[_later(session["start"], wall_seconds)]),
                    "num_done": runner.report.num_done,
                    "num_failed": runner.report.num_failed,
                    "audio_seconds": round(runner.report.audio_seconds, 3),
                    "wall_seconds": round(wall_seconds, 3),
                    "audio_seconds_per_second": round(runner.report.audio_seconds / wall_seconds, 2),
                    "model_seconds": round(runner.report.model_seconds, 3),
                    "decode_seconds": round(runner.report.decode_seconds, 3),
                    "padding_share": None if share is None else round(share, 4),
                    "largest_batch": runner.report.largest_batch,
                    "num_out_of_memory": runner.report.num_out_of_memory,
                    **({"usage": dict(runner.report.usage)} if runner.report.usage else {}),
                    **peak_memory(),
                }
                write_json(run.run_json, record)
        return runner.report

    @contextmanager
    def _said_how_to_go_on(self, run: RunDirectory, title: str) -> Iterator[None]:
        try:
            yield
        except (KeyboardInterrupt, SystemExit, ServerError):
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

    def _judged(self, selection: Selection) -> Split:
        """Return a split of those samples that are asked for."""
        return replace(selection.split, samples=selection.samples)

    def _scoring_options(self) -> ScoringOptions:
        return replace(self._settings.scoring, seed=self._settings.seed)

    def _score(
        self, run: RunDirectory, record: dict[str, Any], selection: Selection, kept: dict[str, Any] | None
    ) -> dict[str, Any]:
        """Write and return the scores document; `kept` is what scoring the same log gave before, None if it did not."""
        log_keys = ("model_log_format", "model_log_part")  # where the answers are from another program's log
        origin: dict[str, Any] = {key: record[key] for key in log_keys if key in record}
        scores = {
            "schema": SCHEMA,
            "task": record["task"],
            "task_version": record["task_version"],
            "split": record["split"],
            "model": record["model"],
            "model_revision": record.get("model_revision"),
            "model_dtype": record.get("model_dtype"),
            **origin,
            "model_arguments": record["model_arguments"],
            "generation": self._changed_options(selection.task, record["generation"]),
            "run_id": record["run_id"],
            "created": now(after=_scored_before(run)),
            "limit": record["limit"],
            "protocol": selection.task.protocol_name,
            "corpus_fingerprint": record["corpus_fingerprint"],
            "coverage": record["coverage"],
            **({"categories": list(selection.task.categories)} if selection.task.categories else {}),
            **self._clip_facts(run, selection),
            **self._probe_facts(),
            **(kept or score_log(selection.task, self._judged(selection), run, self._scoring_options())),
        }
        if self._model.answers_alike:
            scores.pop("same_answers", None)
        self._record_judges(run, scores["metrics"])
        write_json(run.scores, scores)
        with suppress(OSError):  # a cache that cannot be written: whoever asks for the page hears of it
            ensure_page_data(run)
        return {**scores, "run_dir": str(run.path)}

    def _record_scoring(self, run: RunDirectory, seconds: float) -> None:
        """Add to run.json how long scoring took, page data included, and the memory that the whole command needed."""
        record = run.read_record()
        record["sessions"][-1] |= {"scoring_seconds": round(seconds, 3), **peak_memory()}
        write_json(run.run_json, record)

    def _record_judges(self, run: RunDirectory, metrics: dict[str, Any]) -> None:
        """Add the judge that has scored a run to run.json, with its rubric; several may, one after another."""
        fields = ("judge", "rubric", "rubric_digest", "judge_models")
        for score in metrics.values():
            if score.get("judge") and run.run_json.exists():
                record, judge = run.read_record(), {field: score[field] for field in fields if field in score}
                earlier = [one for one in _judges(record) if one != judge]
                write_json(run.run_json, {**record, "judges": [*earlier, judge]})

    def _clip_facts(self, run: RunDirectory, selection: Selection) -> dict[str, Any]:
        """Return the policy for clips and how many samples it or the model changed, {} where all clips are kept."""
        policy = self._clips(selection.task).to_json()
        if not policy and self._model.heard_s is None:
            return {"clip_policy": {}, "clip_counts": {}}
        ids = [sample.id for sample in selection.samples]
        counts = count_changes(read_predictions(run.predictions, index_log(run.predictions), ids))
        return {"clip_policy": policy, "clip_counts": counts if policy or any(counts.values()) else {}}

    def _changed_options(self, task: Task, used: dict[str, Any]) -> dict[str, Any]:
        """Return the generation options that differ from the task's own: they make another system of a model."""
        own = asdict(task.generation_options())
        return {name: value for name, value in used.items() if value != own[name]}


def _times(sessions: Sequence[Any]) -> Iterator[str]:
    """Yield when sessions started and ended, as run.json has it."""
    for session in sessions:
        if isinstance(session, dict):
            yield from (session[key] for key in ("start", "end") if session.get(key))


def _later(start: str, seconds: float) -> str:
    return (datetime.fromisoformat(start) + timedelta(seconds=seconds)).isoformat()


def _scored_before(run: RunDirectory) -> Iterator[str]:
    """Yield when the runs were scored of which one is to be the newest: those of this model on this split."""
    for path in run.path.parent.glob("*/scores.json"):
        with suppress(RunDamagedError, OSError):
            document = read_json(path)
            if isinstance(document, dict):
                yield document.get("created", "")


def _judges(record: dict[str, Any]) -> list[Any]:
    """Return the judges that have scored a run, as run.json names them."""
    judges = record.get("judges")
    return judges if isinstance(judges, list) else []


def _text_language(task: Task, split: Split) -> str:
    """Return the language that a task's answers are in, "" where it is that of each sample's own speech."""
    return "" if task.kind == "asr" else task.language_of(split.asks_as)


@contextmanager
def _named_in_errors(run: RunDirectory) -> Iterator[None]:
    """Give the run's folder to errors of the system that name no file: a full disk shows in a write, not in a name."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(run.path)
        raise
