"""A checkpoint's front end and tokenizer without the processor around them.

The processor of a checkpoint that brings a language model needs that model's libraries, even where only the acoustic
model is asked.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FrontEndAndTokenizer:
    """What turns audio into features, and symbols into text."""

    feature_extractor: Any
    tokenizer: Any

    @classmethod
    def from_pretrained(
        cls, where: str, *, revision: str = "main", trust_remote_code: bool = False, **tokenizer_settings: Any
    ) -> "FrontEndAndTokenizer":
        """Load both from a folder or the hub."""
        from transformers import AutoFeatureExtractor, AutoTokenizer

        common = {"revision": revision, "trust_remote_code": trust_remote_code}
        return cls(
            AutoFeatureExtractor.from_pretrained(where, **common),
            AutoTokenizer.from_pretrained(where, **common, **tokenizer_settings),
        )
