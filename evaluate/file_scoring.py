"""Scoring without a task to say how and without a run to leave.

Either two files, references and predictions, or the log of another program, which holds both.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from evaluate.answer_files import ReferenceRow, read_hypotheses, read_references
from evaluate.answers import create_extractor
from evaluate.errors import ManifestError, RequestError
from evaluate.imports.base import ForeignLog
from evaluate.imports.matching import clip_names
from evaluate.metrics import create_metric
from evaluate.metrics import registry as metric_registry
from evaluate.metrics.base import Judged, Metric, MetricSettings
from evaluate.normalizers import create_normalizer
from evaluate.results import SCHEMA
from evaluate.sample_scores import write_sample_scores
from evaluate.scores import count_samples, score_rows
from evaluate.scoring import ScoringOptions, extractor_part, state_of
from evaluate.statistics import Bootstrap
from evaluate.types import Failure


@dataclass(frozen=True, slots=True)
class GivenSettings:
    """What a task says of its metrics, said by the user where there is no task."""

    language: str | None = None  # None: what the references file says
    normalizer: str | None = None  # None: the default of metric and language
    choices: tuple[str, ...] = ()  # (): every label among the references
    protocol: str = ""
    extractor: str | None = None  # None: the whole text is the answer


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
        samples: Where to write a line per sample, as a run has them in sample_scores.jsonl; None: nowhere. What a judge
            replies is kept in a file beside it, `<samples>.judgements.jsonl`.

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
    if samples is not None:
        _refuse_unwritable(samples, references, predictions)
    files = {"references": str(references), "predictions": str(predictions)}
    return files | _score(references, truth, answers, metrics=metrics, given=given, options=options, samples=samples)


def score_foreign_log(
    log: ForeignLog,
    *,
    metrics: Sequence[str],
    given: GivenSettings,
    options: ScoringOptions,
    samples: Path | None = None,
) -> dict[str, Any]:
    """Score the answers of another program's log against the references in it; no task, no run.

    Args:
        log: One part of it.
        metrics: Names of metrics; (): those that the log is for.
        given: What a task would say; what is not given is taken from the log.
        options: What the user says.
        samples: Where to write a line per sample; None: nowhere.

    Returns:
        A scores document without task, split and model, with `format`, `part` and `notices`: what was not mapped.

    Raises:
        RequestError: The log does not tell what it is for, or names no reference of a sample.
    """
    metrics = metrics or log.metrics
    if not metrics:
        raise RequestError(
            f"{log.path}: does not tell what it is scored by; name it with --metrics, e.g. wer or accuracy, "
            "see otoscope metrics"
        )
    bare = [answer for answer in log.answers if not answer.references]
    if bare:
        raise ManifestError(
            f"{bare[0].where}: the log has no reference for {len(bare)} of {len(log.answers)} answers, this the first; "
            "score it as a run of its task, with --task and --model-name"
        )
    if given.language is None:
        by_log = None if given.protocol else log.normalizer
        given = replace(given, language=log.language or None, normalizer=given.normalizer or by_log)
    if samples is not None:
        _refuse_unwritable(samples, log.path)
    names = _names(log)
    truth = {
        name: ReferenceRow(answer.references, question=answer.question, groups=groups)
        for name, answer, groups in zip(names, log.answers, _recordings(log), strict=True)
    }
    answers = {name: answer.hypothesis for name, answer in zip(names, log.answers, strict=True)}
    scores = _score(log.path, truth, answers, metrics=metrics, given=given, options=options, samples=samples)
    origin = {"format": log.format_name, "part": log.part or None, "notices": list(log.notices)}
    return {"references": str(log.path), "predictions": str(log.path), **origin, **scores}


def _recordings(log: ForeignLog) -> list[dict[str, str]]:
    """Return the recording of each answer as its group where some share one, so that intervals draw them together."""
    named = ["+".join(answer.audio) for answer in log.answers]
    is_shared = max(Counter(filter(None, named)).values(), default=1) > 1
    return [{"recording": name} if is_shared and name else {} for name in named]


def _names(log: ForeignLog) -> list[str]:
    """Return what tells the samples of a log apart: id, file name or place."""
    stems = ["+".join(clip_names(answer.audio)) for answer in log.answers]
    for names in ([answer.id for answer in log.answers], stems):
        if all(names) and max(Counter(names).values()) == 1:
            return names
    return [str(number) for number in range(len(log.answers))]


def _score(
    references: Path,
    truth: Mapping[str, ReferenceRow],
    answers: Mapping[str, str | Failure],
    *,
    metrics: Sequence[str],
    given: GivenSettings,
    options: ScoringOptions,
    samples: Path | None,
) -> dict[str, Any]:
    options.refuse_idle(metrics)
    language = _language_of_file(references, truth, given)
    kinds: dict[str, type[Metric]] = {name: metric_registry.get(name) for name in metrics}
    if given.extractor:
        _refuse_texts(kinds)
    needs_labels = given.choices or given.extractor or any(kind.needs_choices for kind in kinds.values())
    labels = _labels(references, truth, given, language) if needs_labels else ()
    judgements = samples.with_name(f"{samples.name}.judgements.jsonl") if samples else None
    scorers = []
    for name, kind in kinds.items():
        choices = labels if kind.needs_choices else given.choices
        settings = MetricSettings(language, given.normalizer, choices, given.protocol)
        scorers.append(create_metric(name, options.complete(settings, judgements)))
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
                context=row.context,
            )
            if isinstance(answer, Failure):
                yield judged(None, "failed", error_type=answer.type)
            else:
                extracted = extract(answer, labels) if extract else answer
                yield judged(extracted, state_of(extracted), unread=answer if extracted is None else None)

    counted = count_samples(scorers, items)
    if samples is not None:
        write_sample_scores(samples, items(), scorers, counted.rows)
    return {
        "schema": SCHEMA,
        "task": None,
        "split": None,
        "model": None,
        "primary": scorers[0].name,
        **score_rows(
            scorers,
            items(),
            counted,
            Bootstrap(seed=options.seed),
            scope=extractor_part(given.extractor or ""),
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


def _refuse_texts(kinds: Mapping[str, type[Metric]]) -> None:
    for name, kind in kinds.items():
        if not kind.over_labels:
            raise RequestError(f"--extractor reads labels, which are nothing to metric {name!r}; leave one of them out")


def _labels(path: Path, truth: Mapping[str, ReferenceRow], given: GivenSettings, language: str) -> tuple[str, ...]:
    """Return the label set: what was given, or else the references, each once whatever its case and marks.

    Raises:
        RequestError: A reference is none of the given labels, or two that are not spelt alike become one.
    """
    form = create_normalizer(given.normalizer or ("none" if given.protocol else "basic"), language=language)
    texts = dict.fromkeys(text for row in truth.values() for text in row.references if text)
    if given.choices:
        known = {form(label) for label in given.choices}
        strange = next((text for text in texts if form(text) not in known), None)
        if strange is not None:
            raise RequestError(f"{path}: reference {strange!r} is none of the choices: {', '.join(given.choices)}")
        return given.choices
    first_with: dict[str, str] = {}
    for text in texts:
        first = first_with.setdefault(form(text), text)
        if _core(first) != _core(text):
            raise RequestError(
                f"references {first!r} and {text!r} are one label after normalising with {form.name!r}; "
                "give --normalizer none, or the labels with --choices"
            )
    return tuple(first_with[key] for key in sorted(first_with))


def _core(text: str) -> str:
    return " ".join(text.casefold().split()).strip(".,;:!?\"' ")
