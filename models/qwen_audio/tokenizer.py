"""Text to token ids and back, as the checkpoints of Qwen-Audio do it.

Byte pairs are merged by tiktoken in the order of the checkpoint's `qwen.tiktoken`; the special tokens, which stand in
no file, follow behind its ranks. What text may name them is the caller's choice: `encode` takes all of them, as the
released tokenizer does, `encode_template` all but those of audio, `encode_ordinary` none. A prompt is put together in
`models.qwen_audio.prompts`, where audio is never text.

Source: tokenization_qwen.py of the released checkpoints.
"""

import base64
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from tiktoken import Encoding

from evaluate.errors import ModelLoadError, ModelOutputError, SampleError

AUDIO_START, AUDIO_END, AUDIO_PLACEHOLDER = "<audio>", "</audio>", "[[[AUDIO:modality]]]"
AUDIO_TOKENS = frozenset({AUDIO_START, AUDIO_END, AUDIO_PLACEHOLDER})
LANGUAGES = ("en", "zh", "de", "es", "ko", "fr", "ja", "it")

# Contractions; words with the mark before them; digits one by one; marks; line ends; other white space.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TOO_MUCH_SPACE = re.compile(r"\s{100000}")  # at ten times that the pattern overflows its stack, and tiktoken panics


def _tags(*names: str) -> tuple[str, ...]:
    return tuple(f"<|{name}|>" for name in names)


# In the order of their ids; the first one's id is the number of ranks.
SPECIAL_TOKENS: tuple[str, ...] = (
    *_tags("endoftext", "im_start", "im_end"),
    *_tags(*(f"extra_{number}" for number in range(205))),
    AUDIO_PLACEHOLDER,
    *_tags("startoftranscript", "startofanalysis"),
    *_tags("translate", "transcribe", "caption", "keyword"),
    *_tags("unknown", *LANGUAGES, "zh_tr"),
    *_tags("notimestamps", "sil", "timestamps"),
    *_tags(*(f"{hundredths / 100:.2f}" for hundredths in range(3001))),  # seconds
    *_tags("caption_audiocaps", "caption_clotho", "audioset_ontology", "caption_plain"),
    *_tags("itn", "wo_itn"),
    *_tags("startofentityvalue", "endofentityvalue", "startofentitytype", "endofentitytype"),
    *_tags("named_entity_recognition", "audio_grounding"),
    *_tags("startofword", "endofword", "delim"),
    *_tags("emotion_recognition", "music_description", "note_analysis"),
    *_tags("pitch", *(f"midi_pitch_{number}" for number in range(128))),
    *_tags("velocity", *(f"midi_velocity_{number}" for number in range(128))),
    *_tags("sonic", "instrument", "speaker_meta", "song_meta"),
    *_tags("question", "answer", "choice", "scene", "event", "vocal_classification"),
    *_tags("speech_understanding", "scenario", "action", "entities", "speech_edit"),
    AUDIO_START,
    AUDIO_END,
)
TEMPLATE_TOKENS = frozenset(SPECIAL_TOKENS) - AUDIO_TOKENS
# What is said in a chat may hold timestamps, languages and tasks, but not what sets turns and texts apart.
CHAT_TOKENS = TEMPLATE_TOKENS - frozenset(_tags("endoftext", "im_start", "im_end", *(f"extra_{n}" for n in range(205))))


class QwenTokenizer:
    """The tokenizer of a checkpoint; see `from_file`.

    Args:
        ranks: Bytes of each ordinary token to its rank; ranks count up from 0 and every single byte has one.
    """

    def __init__(self, ranks: dict[bytes, int]) -> None:
        self.num_ranks = len(ranks)  # ids of ordinary tokens lie below, those of special tokens from here on
        self._special_ids = {token: self.num_ranks + index for index, token in enumerate(SPECIAL_TOKENS)}
        self._encoding = Encoding(
            "qwen-audio", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens=self._special_ids
        )
        self.num_ids = self.num_ranks + len(SPECIAL_TOKENS)  # rows of the model behind these are untrained padding
        self.eod_id = self.special_id("<|endoftext|>")  # ends an answer, separates texts and pads
        self.im_start_id = self.special_id("<|im_start|>")
        self.im_end_id = self.special_id("<|im_end|>")
        self.audio_start_id = self.special_id(AUDIO_START)
        self.audio_end_id = self.special_id(AUDIO_END)
        self.audio_placeholder_id = self.special_id(AUDIO_PLACEHOLDER)

    @classmethod
    def from_file(cls, path: str | Path) -> "QwenTokenizer":
        """Read a vocabulary: one token a line, its bytes in base64 and its rank, in the order of the ranks.

        Raises:
            ModelLoadError: The file is absent, or damaged; the message names the line.
        """
        return cls(_read_ranks(Path(path)))

    def special_id(self, token: str) -> int:
        """Return the id of a special token, written as in `SPECIAL_TOKENS`.

        Raises:
            KeyError: There is none of that name.
        """
        return self._special_ids[token]

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text in which every special token is one, those of audio included."""
        return self._encode(text, frozenset(SPECIAL_TOKENS))

    def encode_template(self, text: str) -> list[int]:
        """Return the ids of a text in which every special token is one, except those that stand around audio."""
        return self._encode(text, TEMPLATE_TOKENS)

    def encode_chat(self, text: str) -> list[int]:
        """Return the ids of what is said in a chat: special tokens count, but for those of audio and of the turns."""
        return self._encode(text, CHAT_TOKENS)

    def encode_ordinary(self, text: str) -> list[int]:
        """Return the ids of a text in which nothing is a special token: what a user or a data set says."""
        return self._encode(text, frozenset())

    def decode(self, ids: Iterable[int], skip_special_tokens: bool = False) -> str:
        """Return the text of ids; bytes that are no UTF-8 become U+FFFD.

        Args:
            ids: From 0 to `num_ids` - 1.
            skip_special_tokens: Leave all special tokens out, timestamps and languages as well.

        Raises:
            ModelOutputError: An id is no token's.
        """
        ids = [int(token) for token in ids]
        strange = next((token for token in ids if not 0 <= token < self.num_ids), None)
        if strange is not None:
            raise ModelOutputError(
                f"token id {strange} is outside the vocabulary, expected 0 to {self.num_ids - 1}; "
                "the model's rows behind it are untrained and must be masked"
            )
        return self._encoding.decode([token for token in ids if token < self.num_ranks or not skip_special_tokens])

    def _encode(self, text: str, allowed: frozenset[str]) -> list[int]:
        if TOO_MUCH_SPACE.search(text):
            raise SampleError("a text has 100000 white-space characters in a row, expected fewer; shorten it")
        text = unicodedata.normalize("NFC", text)
        return self._encoding.encode(text, allowed_special=allowed, disallowed_special=())


def _read_ranks(path: Path) -> dict[bytes, int]:
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ModelLoadError(
            f"{path}: not readable ({error.strerror}), expected the checkpoint's vocabulary"
        ) from error
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(lines, start=1):
        token = _read_line(f"{path}:{number}", line, rank=number - 1)
        if token in ranks:
            raise ModelLoadError(f"{path}:{number}: token {line.decode()!r} stood in line {ranks[token] + 1} already")
        ranks[token] = number - 1
    lacking = [byte for byte in range(256) if bytes([byte]) not in ranks]
    if lacking:
        raise ModelLoadError(
            f"{path}: no token for the byte 0x{lacking[0]:02x} in {len(lines)} lines, expected one for each of the "
            "256; get the checkpoint again"
        )
    return ranks


def _read_line(where: str, line: bytes, *, rank: int) -> bytes:
    """Return a line's token; a rank that does not count on betrays lines that are lost, doubled or cut."""
    try:
        encoded, given = line.split()
        token = base64.b64decode(encoded, validate=True)
        if token and int(given) == rank:
            return token
    except ValueError:
        pass
    shown = line[:60].decode("utf-8", "backslashreplace")
    raise ModelLoadError(
        f"{where}: {shown!r}, expected a token in base64 and the rank {rank}; get the checkpoint again"
    )
