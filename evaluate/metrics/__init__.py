"""One file per metric family; here the table of their names."""

from dataclasses import replace

from evaluate.errors import RequestError
from evaluate.metrics.base import PROTOCOLS, Metric, MetricSettings
from evaluate.registry import Registry, unknown_name
from evaluate.types import primary_subtag

BUILTIN = {
    "wer": "evaluate.metrics.error_rate:WordErrorRate",
    "cer": "evaluate.metrics.error_rate:CharacterErrorRate",
    "mer": "evaluate.metrics.error_rate:MixedErrorRate",
    "ser": "evaluate.metrics.error_rate:SentenceErrorRate",
    "accuracy": "evaluate.metrics.classification:Accuracy",
    "macro_f1": "evaluate.metrics.classification:MacroF1",
    "weighted_f1": "evaluate.metrics.classification:WeightedF1",
    "balanced_accuracy": "evaluate.metrics.classification:BalancedAccuracy",
}

registry = Registry("metric", BUILTIN, group="otoscope.metrics", listing="All names: otoscope metrics")


def create_metric(name: str, settings: MetricSettings | None = None) -> Metric:
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
