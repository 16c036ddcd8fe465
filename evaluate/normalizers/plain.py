"""The normaliser that changes no character."""


class NoNormalizer:
    """Returns the text as it is; words are then what `str.split()` gives."""

    name, version = "none", "1"

    def __init__(self, language: str = "") -> None:
        del language  # the same for all

    def __call__(self, text: str) -> str:
        return text
