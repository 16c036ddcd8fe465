"""Text to text, before words or characters are counted: one table of named, versioned normalisers.

A normaliser is applied to reference and hypothesis alike, by the metric, never by the model. Its name and version
stand in the signature of every score.
"""

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

registry = Registry("normaliser", BUILTIN, group="otoscope.normalizers", listing="All names: otoscope metrics")


def create_normalizer(name: str | None, *, language: str) -> Normalizer:
    """Return the normaliser of a name, or a language's default for None.

    Raises:
        UnknownNameError: No normaliser has the name.
    """
    factory = registry.get(name or DEFAULT_BY_LANGUAGE.get(language, "basic"))
    normalizer: Normalizer = factory(language)
    return normalizer
