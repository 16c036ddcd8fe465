"""One file per metric family; here the table of their names."""

from collections.abc import Sequence

from evaluate.errors import RequestError
from evaluate.metrics.base import Metric
from evaluate.registry import Registry
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


def create_metric(
    name: str, *, language: str = "", normalizer: str | None = None, choices: Sequence[str] = ()
) -> Metric:
    """Return the metric of a name, set up for a language; of a tag like zh-CN its first part counts.

    Raises:
        UnknownNameError: No metric or normaliser has the name.
        RequestError: The language is no ISO 639 code, such as "english" for "en".
    """
    code = primary_subtag(language)
    if code and not (code.isalpha() and len(code) in (2, 3)):
        raise RequestError(f"language {language!r}: expected an ISO 639 code like en, zh or yue")
    metric: Metric = registry.get(name)(language=code, normalizer=normalizer, choices=choices)
    return metric
