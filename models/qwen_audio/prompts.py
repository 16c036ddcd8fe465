"""What the two models are asked, as token ids: the special-token prompts of the base model and the chat model's ChatML.

A prompt is a list of parts in order: a waveform; a `str`, which we wrote and in which special tokens count; `Data`,
which a data set wrote and in which nothing does. Audio is never text: its tags come from waveforms alone, so
that no string can open, close or fake a clip, and the path of a file plays no part.

    base   <audio>…</audio><|startoftranscript|><|en|><|transcribe|><|en|><|notimestamps|><|wo_itn|>
    chat   <|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n
           <|im_start|>user\\nAudio 1: <audio>…</audio>\\nWhat is this?<|im_end|>\\n<|im_start|>assistant\\n

In a conversation a `str` is `Said`: as in the released tokenizer its timestamps and languages are special tokens, marks
of turns are not; unlike there, audio tags are not either. What a data set makes the user say is `Data`.

Source: QwenLM/Qwen-Audio at b50fb958, eval_audio/*.py; qwen_generation_utils.py of the released chat checkpoint.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, groupby
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evaluate.errors import RequestError
from evaluate.model import sample_turns
from evaluate.protocols import ASR, TRANSLATION, prompt_pieces
from evaluate.task import Task
from evaluate.types import Sample, primary_subtag
from models.qwen_audio.prompt import PreparedPrompt
from models.qwen_audio.tokenizer import LANGUAGES, QwenTokenizer

PROTOCOL = "qwen-audio"
SYSTEM = "You are a helpful assistant."
CHAT_WINDOW = 6144  # tokens of the system's and the earlier turns; `max_window_size` of the chat checkpoint


@dataclass(frozen=True, slots=True)
class Data:
    """Text that a data set wrote: nothing in it is a special token."""

    text: str


@dataclass(frozen=True, slots=True)
class Said:
    """Text of a conversation: timestamps, languages and tasks in it are special tokens, marks of turns are not."""

    text: str


Waveform: TypeAlias = NDArray[np.float32]  # (num_frames,) at 16 kHz
Part: TypeAlias = str | Data | Said | Waveform
CountAudioTokens: TypeAlias = Callable[[Waveform], int]  # how many rows a clip gives, the two of its tags not counted


def encode_prompt(
    tokenizer: QwenTokenizer, parts: Iterable[Part], num_audio_tokens: CountAudioTokens
) -> PreparedPrompt:
    """Return a prompt as ids and clips; neighbouring texts of one type are encoded as one."""
    prompt = PreparedPrompt()
    for part_type, run in groupby(parts, key=type):
        same: list[Any] = list(run)
        if issubclass(part_type, str):
            prompt += PreparedPrompt(tuple(tokenizer.encode_template("".join(same))))
        elif part_type is Data:
            prompt += PreparedPrompt(tuple(tokenizer.encode_ordinary("".join(data.text for data in same))))
        elif part_type is Said:
            prompt += PreparedPrompt(tuple(tokenizer.encode_chat("".join(said.text for said in same))))
        else:
            for waveform in same:
                prompt += PreparedPrompt(_audio_ids(tokenizer, num_audio_tokens(waveform)), (waveform,))
    return prompt


def _audio_ids(tokenizer: QwenTokenizer, num_tokens: int) -> tuple[int, ...]:
    return (tokenizer.audio_start_id, *[tokenizer.audio_placeholder_id] * num_tokens, tokenizer.audio_end_id)


# --- The base model: one template for each kind of task -------------------------------------------------------------

# For tasks that no published evaluation covers. Slots: start, language of the audio, task, language of the text, time
# stamps, style. What a classification asks for is in no template: only published tasks name their own.
_TEMPLATES: Mapping[str, str] = {
    "asr": ASR[PROTOCOL].prompt,
    "translation": TRANSLATION[PROTOCOL].prompt,
    "timestamps": "<|startoftranscript|><|{language}|><|transcribe|><|{language}|><|timestamps|><|0.00|>",
    "captioning": "<|startofanalysis|><|unknown|><|caption|><|{answer_language}|><|notimestamps|><|caption_plain|>",
    "question-answering": "<|startofanalysis|><|{language}|><|question|>{question}<|answer|>",
}


def base_template(task: Task) -> str:
    """Return what the base model is asked for a task, with its places open; it stands behind the audio.

    Raises:
        RequestError: It was trained on no prompt for such a task.
    """
    if task.multiple_choice:
        raise RequestError(
            f"the base model knows no prompt for {task.name}, whose questions have options of their own; "
            "qwen-audio-chat can be asked in words"
        )
    if PROTOCOL in task.protocols:
        return task.protocols[PROTOCOL].prompt
    if task.kind not in _TEMPLATES:
        raise RequestError(
            f"the base model knows no prompt for {task.name}, a task of kind {task.kind}; qwen-audio-chat can be asked "
            "in words"
        )
    return _TEMPLATES[task.kind]


def base_prompt(template: str, sample: Sample) -> list[Part]:
    """Return the text that stands behind a sample's audio; what the data set says is `Data`.

    Raises:
        RequestError: The model has no token for a language that the template names, or the sample asks nothing.
    """
    return [_filled(place, text, sample) for place, text in prompt_pieces(template, sample) if place or text]


def _filled(place: str, text: str, sample: Sample) -> str | Data:
    if place in ("question", "choices", "options"):
        if not text:
            raise RequestError(f"sample {sample.id!r}: it has no {place}, and the prompt asks for it")
        return Data(text)
    if place in ("language", "answer_language"):
        return _language_code(text)
    return text


def _language_code(language: str) -> str:
    """Return the code in a language's token; anything else would be split into letters, which mean nothing."""
    if not language:
        raise RequestError("no language is named, and Qwen-Audio is always told it; add `language` to the task")
    if (code := primary_subtag(language)) not in LANGUAGES:
        raise RequestError(f"Qwen-Audio has no token for the language {language!r}, only for {', '.join(LANGUAGES)}")
    return code


# --- The chat model: ChatML -----------------------------------------------------------------------------------------


class Message(NamedTuple):
    """One turn of a conversation. Its strings are `Said`."""

    role: str  # "system", "user" or "assistant"
    parts: Sequence[Part]


def sample_messages(sample: Sample, waveforms: Iterable[Waveform]) -> list[Message]:
    """Return a sample as a conversation; `waveforms` are its clips, and each turn's stand before its text."""
    turns = sample_turns(sample, waveforms)
    return [Message(role, [*clips, text if role == "assistant" else Data(text)]) for role, clips, text in turns]


def chat_prompt(
    tokenizer: QwenTokenizer,
    messages: Iterable[tuple[str, Any] | Mapping[str, Any]],
    num_audio_tokens: CountAudioTokens,
    *,
    system: str | None = None,
    api_numbering: bool = False,
    window: int = CHAT_WINDOW,
) -> PreparedPrompt:
    """Return a conversation as the chat model reads it, up to where the assistant begins to answer.

    Earlier turns that do not fit into the window are left out whole, the oldest first, and with them their clips.

    Args:
        tokenizer: The checkpoint's.
        messages: Pairs or mappings of role and parts; the system's may come first, the user's last one is answered.
        num_audio_tokens: How many tokens a clip takes between its tags.
        system: What the system says where no message does; None: `SYSTEM`.
        api_numbering: Write "Audio 1:" and count from 1 in every turn, as the released `from_list_format`; otherwise
            "Audio 1: " with a space, counted through the conversation, as in training.
        window: Tokens of the system's and the earlier turns; they must stay below.

    Raises:
        RequestError: The roles are in no order that the model knows, or somebody else than the user brings audio.
    """
    told, *turns = _in_order([_as_message(message) for message in messages], system)
    encoder = _ChatEncoder(tokenizer, num_audio_tokens, api_numbering)
    opening = encoder.block(told)
    newline = encoder.text("\n")
    # Encoded from the oldest on, since that is how clips are numbered, and kept from the newest on.
    *earlier, query = [(message.role, encoder.block(message)) for message in turns]
    kept = PreparedPrompt()
    for turn in reversed(_exchanges(earlier, newline)):
        if len(opening.ids) + len(turn.ids) + len(kept.ids) >= window:
            break
        kept = turn + kept
    start = PreparedPrompt((tokenizer.im_start_id,))
    return opening + kept + newline + query[1] + newline + start + encoder.text("assistant") + newline


def chat_stop_ids(tokenizer: QwenTokenizer) -> tuple[int, ...]:
    """Return the ids that end an answer of the chat model; the base model's is `eod_id` alone."""
    return (tokenizer.eod_id, tokenizer.im_start_id, tokenizer.im_end_id)


class _ChatEncoder:
    """Encodes messages and numbers their clips as they come."""

    def __init__(self, tokenizer: QwenTokenizer, num_audio_tokens: CountAudioTokens, api_numbering: bool) -> None:
        self._tokenizer, self._num_audio_tokens, self._api_numbering = tokenizer, num_audio_tokens, api_numbering
        self._numbers = count(1)

    def text(self, text: str) -> PreparedPrompt:
        return PreparedPrompt(tuple(self._tokenizer.encode_ordinary(text)))

    def block(self, message: Message) -> PreparedPrompt:
        """Return one message between its two marks; the line ends around it are the caller's."""
        start, end = PreparedPrompt((self._tokenizer.im_start_id,)), PreparedPrompt((self._tokenizer.im_end_id,))
        content = encode_prompt(self._tokenizer, self._content(message), self._num_audio_tokens)
        return start + self.text(message.role) + self.text("\n") + content + end

    def _content(self, message: Message) -> Iterable[Part]:
        numbers = count(1) if self._api_numbering else self._numbers
        # Of the text's own kind: "\n" and the words behind it are encoded as one, as released.
        around = Data if any(isinstance(part, Data) for part in message.parts) else Said
        for part in message.parts:
            if isinstance(part, str | Data | Said):
                yield Said(part) if isinstance(part, str) else part
            elif message.role != "user":
                raise RequestError(
                    f"a message of the {message.role} holds audio, expected text; only users bring clips"
                )
            else:
                yield around(f"Audio {next(numbers)}:" + " " * (not self._api_numbering))
                yield part
                yield around("\n")


def _as_message(message: tuple[str, Any] | Mapping[str, Any]) -> Message:
    try:
        role, parts = (message["role"], message["parts"]) if isinstance(message, Mapping) else message
    except (KeyError, TypeError, ValueError) as error:
        raise RequestError("a message lacks its role or its parts, expected ('user', [waveform, 'text'])") from error
    return Message(role, parts if isinstance(parts, list | tuple) else [parts])


def _in_order(messages: Sequence[Message], system: str | None) -> list[Message]:
    """Return the messages with the system's first, held to the order that the model was trained on."""
    if messages and messages[0].role == "system":
        if system is not None:
            raise RequestError("the system speaks twice, as an option and as a message; give one of them")
        told, turns = messages[0], messages[1:]
    else:
        told, turns = Message("system", [SYSTEM if system is None else system]), messages
    before = "system"
    for number, (role, _) in enumerate(turns, start=1 + len(messages) - len(turns)):
        if role != "user" and (role, before) != ("assistant", "user"):
            raise RequestError(
                f"message {number} is of role {role!r}, expected the system's first, then the user's, and the "
                "assistant's each behind one of the user's"
            )
        before = role
    if before != "user":
        raise RequestError(f"the last message is of role {before!r}, expected the user's")
    return [told, *turns]


def _exchanges(blocks: Sequence[tuple[str, PreparedPrompt]], newline: PreparedPrompt) -> list[PreparedPrompt]:
    """Return each of the user's messages with the answer to it, both behind their line ends.

    A message without an answer has the line end of the absent one all the same, as released.
    """
    exchanges: list[PreparedPrompt] = []
    for role, block in blocks:
        if role == "user":
            exchanges.append(newline + block + newline)
        else:
            exchanges[-1] += block
    return exchanges
