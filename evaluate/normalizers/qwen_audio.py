"""The normalisation of the published Qwen-Audio evaluation, as coded there.

Source: QwenLM/Qwen-Audio, eval_audio/evaluate_asr.py at b50fb958. It folds spaces and case only: punctuation, numbers,
full-width forms and traditional characters all count, so a model that writes "Hello, world." for "hello world" scores
a word error rate of 1. Offered so that published scores can be reproduced, not as a sound default.
"""

import re

_SPECIAL_TOKEN = re.compile(r"<\|.*?\|>")
_SPACE_BEFORE_MARK = re.compile(r" ?([!,.?;:])")


def remove_special_tokens(text: str, *, language: str) -> str:
    """Return the text as `remove_sp` of the official script leaves it: no `<|…|>` tokens, folded spaces.

    For Chinese all white space goes.
    """
    text = "\n".join(_drop_special_tokens(line) for line in text.split("\n"))
    text = re.sub(r"\s+", " ", text)
    text = _SPACE_BEFORE_MARK.sub(r"\1", text)
    text = text.lstrip(" ")
    return re.sub(r"\s+", "", text) if language == "zh" else text


def _drop_special_tokens(line: str) -> str:
    """Return one line with each token as a space, in linear time."""
    end = line.rfind("|>") + len("|>")
    # Beyond the last "|>" the pattern would look from each "<|" to the end of the line.
    return _SPECIAL_TOKEN.sub(" ", line[:end]) + line[end:]


class QwenAudio:
    """Qwen-Audio's `remove_sp` and lower case, nothing else."""

    name, version = "qwen-audio", "1"

    def __init__(self, language: str = "en") -> None:
        self._language = language

    def __call__(self, text: str) -> str:
        return remove_special_tokens(text, language=self._language).lower()
