"""Stage 1: byte pairs for the texts of the lessons, as a `qwen.tiktoken`.

Pairs are merged inside of words only, also in Chinese, where the list sets words apart: almost every word of the
lessons is one token.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

from evaluate.types import primary_subtag
from models.nano.training.lessons import TaughtClip
from models.qwen_audio.tokenizer import PATTERN

MAX_TOKENS = 4096
SPECIAL_TOKEN = re.compile(r"<\|[^|]*\|>")


def write_vocabulary(path: Path, clips: Iterable[TaughtClip]) -> None:
    """Write the vocabulary of all texts that are said, asked or answered."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"), pre_tokenizers.ByteLevel(False, use_regex=False)]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=MAX_TOKENS, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(_texts(clips), trainer)
    bytes_of = _bytes_of_symbols()
    learnt = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])[len(alphabet) :]
    tokens = [bytes([byte]) for byte in range(256)]
    tokens += [bytes(bytes_of[symbol] for symbol in token) for token, _ in learnt]
    lines = (f"{base64.b64encode(token).decode()} {rank}\n" for rank, token in enumerate(tokens))
    path.write_text("".join(lines), encoding="ascii")


def _texts(clips: Iterable[TaughtClip]) -> Iterator[str]:
    """Yield what merges are counted in: Chinese words and their characters one by one, everything else as it stands."""
    for clip in clips:
        for lesson in clip.lessons:
            answer = SPECIAL_TOKEN.sub(" ", lesson.answer)
            if primary_subtag(lesson.answer_language or lesson.language) == "zh":
                yield from clip.words.split()
                yield from answer.replace(" ", "")
            else:
                yield from (lesson.question, answer)


def _bytes_of_symbols() -> dict[str, int]:
    """Return the byte that each symbol of the byte-level alphabet stands for: bytes that print stand for themselves."""
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(others)}
