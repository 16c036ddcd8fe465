"""Models behind servers of `/audio/transcriptions`: OpenAI's own, vLLM, transformers serve and others.

Each clip is sent as a file, with the language of its speech and temperature 0; such a server only transcribes, says
nothing of a token limit, and takes none.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from evaluate.errors import ModelOutputError, RequestError
from evaluate.model import several_clips
from evaluate.task import Task
from evaluate.types import GenerationOptions, Request, Sample, primary_subtag
from models.servers.adapter import (
    Prices,
    ServerAdapter,
    audio_file,
    counted,
    is_long_enough,
)
from models.servers.connection import Body, Exchange, Reply
from models.servers.settings import CONNECTION_SETTINGS, ConnectionSettings, price, switch


class TranscriptionApi(ServerAdapter):
    """A model behind a server of transcriptions.

    Args:
        where: The model's name, as the server knows it.
        base_url: Of the server, mostly ending in /v1; default: OPENAI_BASE_URL from the environment, or OpenAI's own.
        api_key_env: Name of the environment variable that holds the key.
        concurrency: Requests under way at once.
        timeout_s: For one try, in seconds.
        max_retries: Tries after the first.
        max_wait_s: Longest wait between two tries, in seconds; a server that asks for more ends the run.
        requests_per_minute: At most; 0: no limit but the server's.
        audio_format: "wav" or "flac", which is about half as large: OpenAI takes files of up to 25 MB.
        send_language: false: let the model guess the language.
        prompt: Text that leads the transcript's style; "": none.
        send_temperature: false for a model that takes none.
        extra_body: JSON object with more fields for the server.
        price_input: USD per million input tokens.
        price_output: USD per million output tokens.
        price_per_minute: USD per minute of audio.
    """

    family = "transcription-api"
    description = "A model behind an OpenAI-compatible server of transcriptions"
    neutral_settings = CONNECTION_SETTINGS | {"price_input", "price_output", "price_per_minute"}
    reserved = ("model", "file", "stream", "response_format")

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
        audio_format: str = "wav",
        send_language: bool = True,
        prompt: str = "",
        send_temperature: bool = True,
        extra_body: dict[str, Any] | None = None,
        price_input: float | None = None,
        price_output: float | None = None,
        price_per_minute: float | None = None,
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
                per_minute=price("price_per_minute", price_per_minute),
            ),
        )
        for name, value in self._extra_body.items():
            if not isinstance(value, str | int | float):
                raise RequestError(f"extra_body holds {name!r} that is no text or number: it is sent as a form's field")
        self._sends_language = switch("send_language", send_language)
        self._prompt = prompt

    def refusal(self, task: Task, asked: Sequence[Sample]) -> str | None:
        if task.kind != "asr":
            return f"a server of transcriptions transcribes, it does not do {task.kind}"
        return several_clips(asked)

    def option_refusal(self, options: GenerationOptions) -> str | None:
        own = GenerationOptions()
        for name in options.chosen():
            if name not in ("temperature", "seed"):
                return f"cannot be told {name}: transcriptions have none; leave it at {getattr(own, name)}"
        return super().option_refusal(options)

    def shown_prompt(self, sample: Sample) -> str:
        told = [f"language={language}"] if (language := self._language(sample)) else []
        return " ".join([*told, *([f"prompt={self._prompt}"] if self._prompt else [])])

    def _language(self, sample: Sample) -> str:
        return primary_subtag(sample.language) if self._sends_language else ""

    async def _ask(self, exchange: Exchange, request: Request, options: GenerationOptions) -> Reply:
        return await exchange.ask("POST", "audio/transcriptions", lambda: self._form(request, options))

    def _form(self, request: Request, options: GenerationOptions) -> Body:
        """Return the fields and the file of a request."""
        [waveform] = request.waveforms
        language = self._language(request.sample)
        fields = {
            "model": self._model,
            "response_format": "json",
            **({"temperature": f"{options.temperature:g}"} if self._sends_temperature else {}),
            **({"language": language} if language else {}),
            **({"prompt": self._prompt} if self._prompt else {}),
            **{name: str(value) for name, value in self._extra_body.items()},
        }
        content = audio_file(waveform, self._audio_format)
        file = (f"audio.{self._audio_format}", content, f"audio/{self._audio_format}")
        return {"data": fields, "files": {"file": file}}

    def _read(self, answer: Mapping[str, Any], request: Request) -> tuple[str, bool | None]:
        text = answer.get("text")
        if not isinstance(text, str):
            raise ModelOutputError("the answer has no text, expected a transcription")
        used = self._used(answer)
        if is_long_enough(request) and 0 in (used.get("audio_tokens"), used.get("audio_s")):
            raise ModelOutputError("the server says that it got no audio: the model cannot have heard the clip")
        return text, None

    def _used(self, answer: Mapping[str, Any]) -> dict[str, float]:
        usage = answer.get("usage")  # of tokens or of seconds
        if not isinstance(usage, dict):
            return {}
        return {
            **counted(usage, prompt_tokens="input_tokens", completion_tokens="output_tokens"),
            **counted(usage, audio_s="seconds", cost_usd="cost"),
            **counted(usage.get("input_token_details"), audio_tokens="audio_tokens"),
        }

    def _details(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        return {"language": answer.get("language")}
