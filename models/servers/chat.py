"""Models behind servers of chat completions that hear: OpenAI, Gemini, vLLM, SGLang, transformers serve and others.

Each clip is a part of the user's message, before the text: `input_audio`, or `audio_url` with a data URL for servers
that want that. Decoding is greedy: temperature 0 is always sent, unless `send_temperature=false` for models that take
none. What a model thinks before it answers is no part of the answer.

Before a run, five seconds of noise are sent with and without the text around them: a server whose count of prompt
tokens is the same either way has not heard them. That is an error, as is an answer later on for which the server
counts no audio though it did before. A server that counts nothing cannot be checked, which is said.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.errors import ModelOutputError, RequestError, ServerError
from evaluate.model import sample_turns
from evaluate.task import Split, Task
from evaluate.types import GenerationOptions, Request, Sample
from models.servers.adapter import (
    SAMPLE_RATE_HZ,
    Prices,
    ServerAdapter,
    audio_file,
    counted,
    is_long_enough,
)
from models.servers.connection import Exchange, Reply
from models.servers.settings import CONNECTION_SETTINGS, ConnectionSettings, price, switch

AUDIO_PARTS = ("input_audio", "audio_url")
LIMIT_NAMES = ("max_tokens", "max_completion_tokens", "none")
# Reasons to finish that leave no whole answer, whatever text is there.
FAILED = ("content_filter", "abort", "error")
TRIAL_QUESTION = "How many sounds are there? Answer with a number."
TRIAL_S = 5.0
TRIAL_TOKENS = 16
MIN_HEARD_TOKENS = 4  # that five seconds take at least; less is what stands around a clip that was dropped
_THOUGHT = re.compile(r"\s*<think>.*?(?:</think>\s*|\Z)", re.DOTALL)  # one that was not finished is no answer either


class ChatApi(ServerAdapter):
    """A model behind a server of chat completions.

    Args:
        where: The model's name, as the server knows it.
        base_url: Of the server, mostly ending in /v1; default: OPENAI_BASE_URL from the environment, or OpenAI's own.
        api_key_env: Name of the environment variable that holds the key.
        concurrency: Requests under way at once.
        timeout_s: For one try, in seconds.
        max_retries: Tries after the first.
        max_wait_s: Longest wait between two tries, in seconds; a server that asks for more ends the run.
        requests_per_minute: At most; 0: no limit but the server's.
        audio_part: How a clip is sent: "input_audio" or "audio_url".
        audio_format: "wav" or "flac".
        system: What the system says first; "": nothing.
        limit_name: What the server calls the token limit: "max_tokens", "max_completion_tokens", or "none" for one
            that takes none; default: the second at OpenAI, the first elsewhere.
        send_temperature: false for a model that takes none.
        extra_body: JSON object with more settings for the server.
        price_input: USD per million input tokens.
        price_output: USD per million output tokens.
        price_audio: USD per million input tokens that are audio; default: as other input.
        check_audio: false: do not find out whether the server hears.
    """

    family = "chat-api"
    description = "A model behind an OpenAI-compatible server of chat completions, with audio"
    neutral_settings = CONNECTION_SETTINGS | {"price_input", "price_output", "price_audio", "check_audio"}
    reserved = ("model", "messages", "stream", "n")

    def __init__(
        self,
        where: str,
        *,
        base_url: str = "",
        api_key_env: str = "OPENAI_API_KEY",
        concurrency: int = 8,
        timeout_s: float = 600.0,
        max_retries: int = 6,
        max_wait_s: float = 120.0,
        requests_per_minute: float = 0,
        audio_part: str = "input_audio",
        audio_format: str = "wav",
        system: str = "",
        limit_name: str = "",
        send_temperature: bool = True,
        extra_body: dict[str, Any] | None = None,
        price_input: float | None = None,
        price_output: float | None = None,
        price_audio: float | None = None,
        check_audio: bool = True,
    ) -> None:
        super().__init__(
            where,
            connection=ConnectionSettings(
                base_url=base_url,
                api_key_env=api_key_env,
                concurrency=concurrency,
                timeout_s=timeout_s,
                max_retries=max_retries,
                max_wait_s=max_wait_s,
                requests_per_minute=requests_per_minute,
            ),
            audio_format=audio_format,
            send_temperature=send_temperature,
            extra_body=extra_body,
            prices=Prices(
                price("price_input", price_input),
                price("price_output", price_output),
                price("price_audio", price_audio),
            ),
        )
        for name, value, known in (("audio_part", audio_part, AUDIO_PARTS), ("limit_name", limit_name, LIMIT_NAMES)):
            if value not in (*known, "") or (name == "audio_part" and not value):
                raise RequestError(f"{name} is {value!r}, expected {', '.join(known[:-1])} or {known[-1]}")
        self._audio_part = audio_part
        self._system = system
        self._limit_name = limit_name or ("max_completion_tokens" if self._connection.is_openai else "max_tokens")
        self._checks_audio = switch("check_audio", check_audio)
        self._will_hear = False  # whether a sample of what is asked has a clip
        self._counts_audio = False  # whether the server says how many tokens of a prompt are audio
        self._remarks: list[str] = []

    def begin(self, task: Task, split: Split, asked: Sequence[Sample]) -> None:
        self._will_hear = any(sample.audio for sample in asked)

    def remarks(self) -> Sequence[str]:
        return [*super().remarks(), *self._remarks]

    def option_refusal(self, options: GenerationOptions) -> str | None:
        own = GenerationOptions()
        for name in ("min_new_tokens", "num_beams", "repetition_penalty", "length_penalty"):
            if getattr(options, name) != getattr(own, name):
                return (
                    f"cannot be told {name}: OpenAI's interface has none; leave it at {getattr(own, name)}, or put the "
                    "server's own name for it into --model-arg extra_body"
                )
        if options.max_new_tokens is not None and self._limit_name == "none":
            return "is sent no token limit (limit_name=none), but max_new_tokens is asked for; leave out one of the two"
        return super().option_refusal(options)

    def shown_prompt(self, sample: Sample) -> str:
        lines = [f"system: {self._system}"] if self._system else []
        for role, clips, text in sample_turns(sample, sample.audio):
            lines.append(f"{role}: {'<audio>…</audio>' * len(clips)}{text}")
        return "\n".join(lines)

    async def _ask(self, exchange: Exchange, request: Request, options: GenerationOptions) -> Reply:
        return await exchange.ask("POST", "chat/completions", lambda: {"json": self._body(request, options)})

    def _body(self, request: Request, options: GenerationOptions) -> dict[str, Any]:
        """Return the JSON of a request."""
        system = [{"role": "system", "content": self._system}] if self._system else []
        turns = [
            {"role": role, "content": self._content(clips, text)}
            for role, clips, text in sample_turns(request.sample, request.waveforms)
        ]
        body: dict[str, Any] = {"model": self._model, "messages": [*system, *turns]}
        if self._sends_temperature:
            body["temperature"] = options.temperature
        if options.temperature > 0:
            body |= {"top_p": options.top_p, "seed": options.sample_seed(request.sample.id)}
        if options.max_new_tokens is not None:
            body[self._limit_name] = options.max_new_tokens
        return body | self._extra_body

    def _content(self, clips: Sequence[NDArray[np.float32]], text: str) -> str | list[dict[str, Any]]:
        """Return what one turn says: text alone is sent as such, which every server takes."""
        if not clips:
            return text
        parts = [self._part(clip) for clip in clips]
        return [*parts, {"type": "text", "text": text}] if text else parts

    def _part(self, clip: NDArray[np.float32]) -> dict[str, Any]:
        data = base64.b64encode(audio_file(clip, self._audio_format)).decode()
        if self._audio_part == "audio_url":
            return {"type": "audio_url", "audio_url": {"url": f"data:audio/{self._audio_format};base64,{data}"}}
        return {"type": "input_audio", "input_audio": {"data": data, "format": self._audio_format}}

    def _read(self, answer: Mapping[str, Any], request: Request) -> tuple[str, bool | None]:
        choice, message = _first_choice(answer)
        reason = choice.get("finish_reason")
        if reason in FAILED:
            raise ModelOutputError(f"the server gave no whole answer: it finished with {reason!r}")
        refusal = message.get("refusal")
        text = _text(message.get("content"))
        if text is None:
            why = f", but refused: {refusal}" if isinstance(refusal, str) and refusal else ""
            raise ModelOutputError(f"the answer has no text (finished with {reason!r}){why}")
        if self._counts_audio and is_long_enough(request) and not _audio_tokens(answer):
            raise ModelOutputError(
                "the server counts no tokens of audio for this request, it does for others: the model cannot have "
                "heard the clip"
            )
        return _THOUGHT.sub("", text, count=1) if _thinks(text) else text, _is_cut(reason)

    def _used(self, answer: Mapping[str, Any]) -> dict[str, float]:
        usage = answer.get("usage")
        if not isinstance(usage, dict):
            return {}
        return {
            **counted(usage, prompt_tokens="prompt_tokens", completion_tokens="completion_tokens", cost_usd="cost"),
            **counted(_prompt_details(answer), audio_tokens="audio_tokens", cached_tokens="cached_tokens"),
            **counted(usage.get("completion_tokens_details"), reasoning_tokens="reasoning_tokens"),
        }

    def _details(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        details = {name: answer.get(name) for name in ("model", "id", "system_fingerprint")}
        try:
            choice, message = _first_choice(answer)
        except ModelOutputError:
            return details
        text = _text(message.get("content")) or ""
        thought = {"left_out": "what the model thought first, between <think> and </think>"} if _thinks(text) else {}
        return {"finish_reason": choice.get("finish_reason"), **details, **thought}

    def _try_out(self) -> None:
        if self._will_hear:
            self._check_hearing()

    def _check_batch(self, batch: Sequence[Request]) -> None:
        if any(request.waveforms for request in batch):
            self._check_hearing()

    def _check_hearing(self) -> None:
        """Find out, once, whether audio reaches the model.

        Raises:
            ServerError: It does not, or the server takes none.
        """
        if not self._checks_audio:
            return
        where = self._connection.base_url
        noise = np.random.default_rng(0).normal(0, 0.05, round(TRIAL_S * SAMPLE_RATE_HZ)).astype(np.float32)
        reply = self._try_question((noise,))
        if reply.answer is None:
            raise ServerError(
                f"{where}: a request with audio, tried before the run, failed: {reply.problem}; another form may be "
                "taken, see audio_part, audio_format, limit_name and send_temperature in otoscope models chat-api:"
            )
        self._checks_audio = False  # tried: whatever comes out, it would again
        if _audio_tokens(reply.answer):
            self._counts_audio = True
            return
        with_audio = self._used(reply.answer).get("prompt_tokens")
        if not with_audio:
            self._remarks.append("the server counts no tokens, so that audio reaches the model could not be checked")
            return
        alone = self._try_question(())
        without = self._used(alone.answer).get("prompt_tokens") if alone.answer else None
        if not without:
            why = alone.problem or "it counts no tokens there"
            self._remarks.append(f"that audio reaches the model could not be checked: without audio, {why}")
        elif with_audio - without < MIN_HEARD_TOKENS:
            raise ServerError(
                f"{where}: audio does not reach the model: a prompt is {with_audio:g} tokens with {TRIAL_S:g} s of "
                f"audio and {without:g} without; try --model-arg audio_part="
                f"{next(part for part in AUDIO_PARTS if part != self._audio_part)}, or check_audio=false if its count "
                "leaves audio out"
            )

    def _try_question(self, clips: tuple[NDArray[np.float32], ...]) -> Reply:
        options = GenerationOptions(max_new_tokens=None if self._limit_name == "none" else TRIAL_TOKENS)
        request = Request(Sample("trial", (), TRIAL_QUESTION, (), kind="chat"), clips)

        async def ask(exchange: Exchange, request: Request) -> Reply:
            return await self._ask(exchange, request, options)

        [reply] = self._connection.run_each(ask, [request])
        return reply


def _first_choice(answer: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the only choice of an answer, and its message.

    Raises:
        ModelOutputError: There is none.
    """
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        raise ModelOutputError("the answer has no message among its choices, expected a chat completion")
    return choice, message


def _text(content: Any) -> str | None:
    """Return the text of a message, whole or in parts; None where there is none."""
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict) and part.get("type") == "text"]
        texts = [part for part in parts if isinstance(part, str)]
        return "".join(texts) if texts else None
    return content if isinstance(content, str) else None


def _thinks(text: str) -> bool:
    return _THOUGHT.match(text) is not None


def _is_cut(reason: Any) -> bool | None:
    return reason == "length" if isinstance(reason, str) else None


def _audio_tokens(answer: Mapping[str, Any]) -> float:
    """Return how many tokens of audio a server counted, 0 where it says none."""
    return counted(_prompt_details(answer), audio_tokens="audio_tokens").get("audio_tokens", 0.0)


def _prompt_details(answer: Mapping[str, Any]) -> Any:
    usage = answer.get("usage")
    return usage.get("prompt_tokens_details") if isinstance(usage, dict) else None
