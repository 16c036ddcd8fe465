"""Text to text, before words or characters are counted: one table of named, versioned normalisers.

A normaliser is applied to reference and hypothesis alike, by the metric, never by the model. Its name and version
stand in the signature of every score.
"""

from functools import cache, lru_cache
from typing import Protocol

from evaluate.registry import Registry


class Normalizer(Protocol):
    """What a metric needs of a normaliser."""

    name: str
    version: str  # goes up when any text could come out differently, libraries included

    def __call__(self, text: str) -> str:
        """Return the normalised text; never fails on a string."""
        ...


BUILTIN = {
    "none": "evaluate.normalizers.plain:NoNormalizer",
    "basic": "evaluate.normalizers.whisper:BasicNormalizer",
    "whisper-en": "evaluate.normalizers.whisper:WhisperEnglish",
    "zh": "evaluate.normalizers.mandarin:Mandarin",
    "ja": "evaluate.normalizers.japanese:Japanese",
    "ko": "evaluate.normalizers.korean:Korean",
    "de": "evaluate.normalizers.european:German",
    "fr": "evaluate.normalizers.european:French",
    "es": "evaluate.normalizers.european:Spanish",
    "it": "evaluate.normalizers.european:Italian",
    "qwen-audio": "evaluate.normalizers.qwen_audio:QwenAudio",
    "qwen2-audio": "evaluate.normalizers.qwen2_audio:Qwen2Audio",
}
DEFAULT_BY_LANGUAGE = {  # any other language: basic
    "en": "whisper-en",
    **{language: language for language in ("zh", "ja", "ko", "de", "fr", "es", "it")},
}

REMEMBERED_TEXTS = 4096  # more than the samples that metrics take at a time, with some references each
LONGEST_REMEMBERED = 10_000  # characters: of such texts not more than 80 MB are kept

registry = Registry("normaliser", BUILTIN, group="otoscope.normalizers", listing="All names: otoscope metrics")


def create_normalizer(name: str | None, *, language: str) -> Normalizer:
    """Return the normaliser of a name, or a language's default for None.

    Raises:
        UnknownNameError: No normaliser has the name.
    """
    return _create(name or DEFAULT_BY_LANGUAGE.get(language, "basic"), language)


@cache
def _create(name: str, language: str) -> Normalizer:
    """Return one normaliser for all metrics that ask for it, so that a text is normalised once for them."""
    normalizer: Normalizer = registry.get(name)(language)
    return normalizer if name == "none" else _Remembering(normalizer)


class _Remembering:
    """A normaliser that knows the last texts it saw: several metrics ask for the same ones in turn."""

    def __init__(self, normalizer: Normalizer) -> None:
        self.name, self.version = normalizer.name, normalizer.version
        self._normalizer = normalizer
        self._known = lru_cache(maxsize=REMEMBERED_TEXTS)(normalizer)

    def __call__(self, text: str) -> str:
        return self._known(text) if len(text) <= LONGEST_REMEMBERED else self._normalizer(text)
