"""From answers to a scores document; no model is called, no audio read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from evaluate.answers import create_extractor
from evaluate.errors import ManifestError, RequestError
from evaluate.judgement_log import LoggedJudge
from evaluate.manifest import ReferenceRow, read_hypotheses, read_references
from evaluate.metrics import create_metric
from evaluate.metrics import registry as metric_registry
from evaluate.metrics.base import Judge, Judged, Metric, MetricSettings, State
from evaluate.normalizers import create_normalizer
from evaluate.prediction_log import index_log, read_predictions
from evaluate.results import SCHEMA, RunDirectory
from evaluate.sample_scores import write_sample_scores
from evaluate.scores import count_samples, score_rows
from evaluate.statistics import Bootstrap
from evaluate.task import Split, Task
from evaluate.types import Failure, Prediction, Sample

SPICE_METRICS = frozenset({"spice", "spider", "spider_fl"})


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """What a user may say about scoring; everything else is the task's or the metric's."""

    seed: int = 0  # of the intervals
    ptb: Literal["python", "java"] = "python"
    spice_scores: Path | None = None
    spice_input: Path | None = None
    judge: Judge | None = None

    def refuse_idle(self, metrics: Iterable[str]) -> None:
        """Raise where an option is given that none of the metrics looks at.

        Raises:
            RequestError: With the option's name.
        """
        for option, value in (("--spice-scores", self.spice_scores), ("--spice-input", self.spice_input)):
            if value is not None and not SPICE_METRICS & set(metrics):
                raise RequestError(f"{option} is for {', '.join(sorted(SPICE_METRICS))}, none of which is asked for")

    def complete(self, settings: MetricSettings, judgements: Path | None = None) -> MetricSettings:
        """Return a metric's settings with the user's own among them.

        Args:
            settings: What the task says.
            judgements: Where the judge's answers are kept; None: nowhere.
        """
        judge = LoggedJudge(self.judge, judgements) if self.judge and judgements else self.judge
        return replace(
            settings, ptb=self.ptb, spice_scores=self.spice_scores, spice_input=self.spice_input, judge=judge
        )


@dataclass(frozen=True, slots=True)
class GivenSettings:
    """What a task says of its metrics, said by the user where there is no task."""

    language: str | None = None  # None: what the references file says
    normalizer: str | None = None  # None: the default of metric and language
    choices: tuple[str, ...] = ()  # (): every label among the references
    protocol: str = ""
    extractor: str | None = None  # None: the whole text is the answer


def score_log(task: Task, split: Split, run: RunDirectory, options: ScoringOptions) -> dict[str, Any]:
    """Score a finished log, which has a line for each sample of the split, and write what was counted per sample.

    Returns:
        The counts and metrics of a scores document.
    """
    index = index_log(run.predictions)
    ids = [sample.id for sample in split.samples]

    def items() -> Iterator[Judged]:
        for sample, prediction in zip(split.samples, read_predictions(run.predictions, index, ids), strict=True):
            yield _judge(task, sample, prediction)

    metrics = [
        create_metric(name, options.complete(settings, run.judgements))
        for name, settings in task.metric_settings(split.name).items()
    ]
    counted = count_samples(metrics, items)
    write_sample_scores(run.sample_scores, items(), metrics, counted.rows)
    scope = "|".join(filter(None, [_extractor_part(task.answer_extractor), f"task:{task.name}@{task.version}"]))
    return {"primary": task.primary, **score_rows(metrics, items(), counted, Bootstrap(seed=options.seed), scope=scope)}


def score_files(
    references: Path,
    predictions: Path,
    *,
    metrics: Sequence[str],
    given: GivenSettings,
    options: ScoringOptions,
    samples: Path | None = None,
) -> dict[str, Any]:
    """Score a predictions file against a references file; no task, no run.

    Args:
        references: JSONL of `{"id", "references"}`.
        predictions: JSONL of `{"id", "hypothesis"}`, the same ids.
        metrics: Names of metrics.
        given: What a task would say.
        options: What the user says.
        samples: Where to write a line per sample, as a run has them in sample_scores.jsonl; None: nowhere.

    Returns:
        A scores document without task, split and model.

    Raises:
        RequestError: A line is wrong, the ids differ, a name is unknown, or the lines name several languages.
    """
    truth, answers = read_references(references), read_hypotheses(predictions)
    for sample_id in truth:
        if sample_id not in answers:
            raise ManifestError(
                f"{predictions}: no line for id {sample_id!r} of {references}; every id must be answered"
            )
    for sample_id in answers:
        if sample_id not in truth:
            raise ManifestError(f"{predictions}: id {sample_id!r} is unknown, it is not in {references}")
    options.refuse_idle(metrics)
    if samples is not None:
        _refuse_unwritable(samples, references, predictions)
    language = _language_of_file(references, truth, given)
    labels = _labels(references, truth, given, language)
    if any(metric_registry.get(name).needs_choices for name in metrics):
        _refuse_merged(truth, given, language)
    scorers = [_scorer_of_file(name, given, options, language, labels) for name in metrics]
    extract = create_extractor(given.extractor) if given.extractor else None

    def items() -> Iterator[Judged]:
        for sample_id, row in truth.items():
            answer = answers[sample_id]
            judged = partial(
                Judged,
                sample_id,
                row.references,
                groups=row.groups,
                question=row.question,
                source_text=row.source_text,
            )
            if isinstance(answer, Failure):
                yield judged(None, "failed")
            else:
                extracted = extract(answer, labels) if extract else answer
                yield judged(extracted, _state(extracted))

    counted = count_samples(scorers, items)
    if samples is not None:
        write_sample_scores(samples, items(), scorers, counted.rows)
    return {
        "schema": SCHEMA,
        "task": None,
        "split": None,
        "model": None,
        "references": str(references),
        "predictions": str(predictions),
        "primary": scorers[0].name,
        **score_rows(
            scorers,
            items(),
            counted,
            Bootstrap(seed=options.seed),
            scope=_extractor_part(given.extractor or ""),
        ),
    }


def _refuse_unwritable(samples: Path, *inputs: Path) -> None:
    if not samples.parent.is_dir():
        raise RequestError(f"{samples}: there is no folder {samples.parent}; make it, or name another file")
    if any(samples.exists() and one.exists() and samples.samefile(one) for one in inputs):
        raise RequestError(f"{samples}: is one of the files that are read; name another file for --samples")


def _language_of_file(path: Path, truth: Mapping[str, ReferenceRow], given: GivenSettings) -> str:
    languages = {row.language for row in truth.values() if row.language}
    if given.language is None and len(languages) > 1:
        raise RequestError(
            f"{path}: lines name several languages ({', '.join(sorted(languages))}), each with a normaliser; "
            "score them apart, or give one --language"
        )
    return given.language or next(iter(languages), "")


def _labels(path: Path, truth: Mapping[str, ReferenceRow], given: GivenSettings, language: str) -> tuple[str, ...]:
    """Return the label set: what was given, or else the references, those that are one label but for spelling once."""
    form = create_normalizer(given.normalizer or ("none" if given.protocol else "basic"), language=language)
    found = {form(text): text for row in truth.values() for text in row.references if text}
    if not given.choices:
        return tuple(found[key] for key in sorted(found))
    known = {form(label) for label in given.choices}
    strange = next((text for key, text in found.items() if key not in known), None)
    if strange is not None:
        raise RequestError(f"{path}: reference {strange!r} is none of the choices: {', '.join(given.choices)}")
    return given.choices


def _refuse_merged(truth: Mapping[str, ReferenceRow], given: GivenSettings, language: str) -> None:
    """Raise where two references that differ in more than case and marks around them become one label."""
    if given.choices or given.protocol:
        return  # the metric itself holds given labels apart, and a protocol normalises nothing
    form = create_normalizer(given.normalizer or "basic", language=language)
    first_with: dict[str, str] = {}
    for text in dict.fromkeys(text for row in truth.values() for text in row.references):
        first = first_with.setdefault(form(text), text)
        if _core(first) != _core(text):
            raise RequestError(
                f"references {first!r} and {text!r} are one label after normalising with {form.name!r}; "
                "give --normalizer none, or the labels with --choices"
            )


def _core(text: str) -> str:
    return " ".join(text.casefold().split()).strip(".,;:!?\"' ")


def _scorer_of_file(
    name: str, given: GivenSettings, options: ScoringOptions, language: str, labels: tuple[str, ...]
) -> Metric:
    kind: type[Metric] = metric_registry.get(name)
    if given.extractor and not kind.over_labels:
        raise RequestError(f"--extractor reads labels, which are nothing to metric {name!r}; leave one of them out")
    choices = labels if kind.needs_choices else given.choices
    return create_metric(name, options.complete(MetricSettings(language, given.normalizer, choices, given.protocol)))


def _judge(task: Task, sample: Sample, prediction: Prediction) -> Judged:
    judged = partial(
        Judged,
        sample.id,
        prediction.references,
        groups=sample.groups,  # as the corpus names them now: they are no part of what was answered
        question=prediction.prompt,
        source_text=sample.source_text,
    )
    if prediction.hypothesis is None:
        return judged(None, "failed")
    answer = task.extract_answer(sample, prediction.hypothesis)
    return judged(answer, _state(answer))


def _extractor_part(name: str) -> str:
    """Return how answers were read out, for the signature; "" where the whole text is the answer."""
    return f"extractor:{name}" if name else ""


def _state(answer: str | None) -> State:
    return "unparsed" if answer is None else "scored"
