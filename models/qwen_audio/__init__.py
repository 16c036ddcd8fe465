"""Qwen-Audio and Qwen-Audio-Chat in plain PyTorch: the released weights, none of the released code.

tokenizer.py      text and ids                    config.py          the checkpoint's shape
prompts.py        what is asked, as ids           front_end.py       waveform to log-mel
generation.py     from prompts to new ids         audio_tower.py     log-mel to vectors
loading.py        weights from their files        language_model.py  ids and vectors to hidden states
face.py           all of it, from Python          model.py           tower and decoder in one
adapter.py        all of it, for the runner       tiny.py            random weights for tests
"""

from typing import TYPE_CHECKING, Any

from models.qwen_audio.tokenizer import QwenTokenizer

if TYPE_CHECKING:
    from models.qwen_audio.face import QwenAudio

__all__ = ["QwenAudio", "QwenTokenizer"]


def __getattr__(name: str) -> Any:
    """Import the model when it is first asked for: torch takes seconds, and listing models needs none of it."""
    if name != "QwenAudio":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from models.qwen_audio.face import QwenAudio

    return QwenAudio
