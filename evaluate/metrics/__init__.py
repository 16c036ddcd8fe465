"""One file per metric family; here the table of their names."""

from dataclasses import replace
from typing import TYPE_CHECKING

from evaluate.errors import RequestError
from evaluate.metrics.settings import PROTOCOLS, MetricSettings
from evaluate.registry import Registry, unknown_name
from evaluate.types import primary_subtag

if TYPE_CHECKING:
    from evaluate.metrics.base import Metric

BUILTIN = {
    "wer": "evaluate.metrics.error_rate:WordErrorRate",
    "cer": "evaluate.metrics.error_rate:CharacterErrorRate",
    "mer": "evaluate.metrics.error_rate:MixedErrorRate",
    "ser": "evaluate.metrics.error_rate:SentenceErrorRate",
    "accuracy": "evaluate.metrics.classification:Accuracy",
    "macro_f1": "evaluate.metrics.classification:MacroF1",
    "macro_accuracy": "evaluate.metrics.categories:MacroAccuracy",
    "weighted_f1": "evaluate.metrics.classification:WeightedF1",
    "balanced_accuracy": "evaluate.metrics.classification:BalancedAccuracy",
    "bleu_1": "evaluate.metrics.captioning:Bleu1",
    "bleu_2": "evaluate.metrics.captioning:Bleu2",
    "bleu_3": "evaluate.metrics.captioning:Bleu3",
    "bleu_4": "evaluate.metrics.captioning:Bleu4",
    "rouge_l": "evaluate.metrics.captioning:RougeL",
    "cider": "evaluate.metrics.spider:Cider",
    "meteor": "evaluate.metrics.captioning:Meteor",
    "spice": "evaluate.metrics.spider:Spice",
    "spider": "evaluate.metrics.spider:Spider",
    "spider_fl": "evaluate.metrics.spider:SpiderFl",
    "fense": "evaluate.metrics.spider:Fense",
    "bleu": "evaluate.metrics.translation:Bleu",
    "chrf": "evaluate.metrics.translation:Chrf",
    "ter": "evaluate.metrics.translation:Ter",
    "comet": "evaluate.metrics.translation:Comet",
    "map": "evaluate.metrics.average_precision:MeanAveragePrecision",
    "annotator_accuracy": "evaluate.metrics.agreement:AnnotatorAccuracy",
    "binary_accuracy": "evaluate.metrics.agreement:BinaryAccuracy",
    "majority_accuracy": "evaluate.metrics.agreement:MajorityAccuracy",
    "unanimous_accuracy": "evaluate.metrics.agreement:UnanimousAccuracy",
    "pitch_accuracy": "evaluate.metrics.notes:PitchAccuracy",
    "chroma_accuracy": "evaluate.metrics.notes:ChromaAccuracy",
    "aas": "evaluate.metrics.timestamps:AccumulatedAverageShift",
    "boundary_accuracy": "evaluate.metrics.timestamps:BoundaryAccuracy",
    "refusal_rate": "evaluate.metrics.refusal:RefusalRate",
    "judge": "evaluate.metrics.judge:JudgeScore",
}

registry = Registry("metric", BUILTIN, group="otoscope.metrics", listing="All names: otoscope metrics")


def create_metric(name: str, settings: MetricSettings | None = None) -> "Metric":
    """Return the metric of a name; of a language tag like zh-CN the first part counts.

    Raises:
        UnknownNameError: No metric, normaliser or protocol has the name.
        RequestError: The language is no ISO 639 code, such as "english" for "en".
    """
    settings = settings or MetricSettings()
    code = primary_subtag(settings.language)
    if code and not (code.isalpha() and len(code) in (2, 3)):
        raise RequestError(f"language {settings.language!r}: expected an ISO 639 code like en, zh or yue")
    if settings.protocol and settings.protocol not in PROTOCOLS:
        raise unknown_name("protocol", settings.protocol, PROTOCOLS, listing=f"protocols: {', '.join(PROTOCOLS)}")
    metric: Metric = registry.get(name)(replace(settings, language=code))
    return metric


def is_rate(name: str) -> bool:
    """Whether people are shown a metric in per cent, where no score says so; one that nobody here knows is not."""
    try:
        return bool(registry.get(name).is_rate)
    except RequestError:  # of a task of one's own
        return False
