"""What models behind servers have in common: how a batch is put to one, sound as a file, and what an answer cost."""

import io
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.errors import ModelLoadError, ModelOutputError, RequestError, ServerError
from evaluate.model import ModelAdapter
from evaluate.types import Failure, GenerationOptions, Output, Request
from models.servers.connection import Connection, Exchange, Reply
from models.servers.settings import ConnectionSettings, checked_extra_body, switch

SAMPLE_RATE_HZ = 16_000
AUDIO_FORMATS = ("wav", "flac")
WAVES = 4  # how often a batch of 30 s clips fills all connections: the last ones of a batch leave some idle
MAX_COUNT = 1e15  # of what a server says that it used: anything above is no count


@dataclass(frozen=True, slots=True)
class Prices:
    """What a server's owner asks for, in USD; None: not known. What the server itself says of a cost counts more."""

    input: float | None = None  # per million tokens
    output: float | None = None
    audio: float | None = None  # per million of the input tokens that are audio; None: as other input
    per_minute: float | None = None  # of audio

    def of(self, used: Mapping[str, float], *, audio_s: float) -> float | None:
        """Return what an answer cost, None where no price or no count is known."""
        cost = None
        if self.per_minute is not None:
            cost = self.per_minute * audio_s / 60
        if self.input is not None and "prompt_tokens" in used:
            audio_tokens = min(used.get("audio_tokens", 0.0), used["prompt_tokens"]) if self.audio is not None else 0.0
            cost = (cost or 0.0) + self.input * (used["prompt_tokens"] - audio_tokens) / 1e6
            cost += (self.audio or 0.0) * audio_tokens / 1e6
        if self.output is not None and "completion_tokens" in used:
            cost = (cost or 0.0) + self.output * used["completion_tokens"] / 1e6
        return cost


class ServerAdapter(ModelAdapter):
    """A model behind a server.

    Args:
        where: The model's name, as the server knows it.
        connection: Where the server is and how it is asked.
        audio_format: "wav" or "flac", 16 bit either way.
        send_temperature: false for a model that takes none.
        extra_body: What is sent besides, as the server's own settings.
        prices: See there.
    """

    family: str
    sample_rate_hz = SAMPLE_RATE_HZ
    answers_singly = True
    reserved: tuple[str, ...]  # names in a request that are set here: another value would be another question

    def __init__(
        self,
        where: str,
        *,
        connection: ConnectionSettings,
        audio_format: str,
        send_temperature: bool,
        extra_body: Any,
        prices: Prices,
    ) -> None:
        if not where:
            raise RequestError(f"no model named; expected its name on the server after the colon, {self.family}:MODEL")
        if audio_format not in AUDIO_FORMATS:
            raise RequestError(f"audio_format is {audio_format!r}, expected {' or '.join(AUDIO_FORMATS)}")
        self.name = f"{self.family}:{where}"
        self._model = where
        self._connection = Connection(connection)
        self._audio_format = audio_format
        self._sends_temperature = switch("send_temperature", send_temperature)
        self._extra_body = checked_extra_body(extra_body, self.reserved)
        self._prices = prices

    def identity(self) -> dict[str, Any]:
        return {"server": self._connection.base_url}

    @property
    def device(self) -> str:
        return self._connection.base_url

    def option_refusal(self, options: GenerationOptions) -> str | None:
        if options.temperature > 0 and not self._sends_temperature:
            return (
                "is sent no temperature (send_temperature=false), but sampling is asked for; leave out one of the two"
            )
        return None

    def load(self) -> None:
        try:
            self._connection.check()
            self._try_out()
        except ServerError as error:  # nothing has been run yet: there is nothing to go on with
            raise ModelLoadError(str(error)) from error

    def remarks(self) -> Sequence[str]:
        if self._connection.sends_key_unencrypted:
            return ["the key goes to the server unencrypted; take an https address where others share the network"]
        return ()

    def padded_seconds(self, duration_s: float) -> float:
        # With the default of 240 s per batch, clips of 30 s fill the connections as often as WAVES says.
        return duration_s * 8 / (WAVES * self._connection.settings.concurrency)

    def generate(self, batch: Sequence[Request], options: GenerationOptions) -> Iterable[Output]:
        if reason := self.option_refusal(options):
            raise RequestError(f"{self.name} {reason}")
        self._check_batch(batch)

        async def answer(exchange: Exchange, request: Request) -> Output:
            try:
                return self._output(request, await self._ask(exchange, request, options))
            except ServerError:
                raise
            except Exception as error:  # let through, it would cancel the others, which may be paid for by now
                said = self._connection.without_key(str(error)) or "no message"
                return Output(request.sample.id, error=Failure(type(error).__name__, said))

        yield from self._connection.run_each(answer, batch)

    def _try_out(self) -> None:
        """Find out, before anything is run, whether the server does what is needed.

        Raises:
            ModelLoadError: It does not.
        """

    def _check_batch(self, batch: Sequence[Request]) -> None:
        """Find out what could not be found out before there were requests.

        Raises:
            ServerError: The server does not do what is needed.
        """

    @abstractmethod
    async def _ask(self, exchange: Exchange, request: Request, options: GenerationOptions) -> Reply:
        """Put a sample to the server."""

    @abstractmethod
    def _read(self, answer: Mapping[str, Any], request: Request) -> tuple[str, bool | None]:
        """Return the text of an answer, and whether the token limit cut it.

        Raises:
            ModelOutputError: It has no text.
        """

    @abstractmethod
    def _used(self, answer: Mapping[str, Any]) -> dict[str, float]:
        """Return what a server says that an answer took."""

    @abstractmethod
    def _details(self, answer: Mapping[str, Any]) -> dict[str, Any]:
        """Return what else it says of an answer; only texts are kept."""

    def _output(self, request: Request, reply: Reply) -> Output:
        sample_id = request.sample.id
        tries = {"retries": float(reply.retries), "waited_s": round(reply.waited_s, 3)} if reply.retries else {}
        if reply.answer is None:
            failure = Failure(ModelOutputError.__name__, reply.problem)
            return Output(sample_id, error=failure, latency_s=reply.latency_s, usage=tries)
        used = self._used(reply.answer)
        if "cost_usd" not in used:
            seconds = sum(waveform.size for waveform in request.waveforms) / SAMPLE_RATE_HZ
            cost = self._prices.of(used, audio_s=seconds)
            used |= {} if cost is None else {"cost_usd": cost}
        said = {name: value for name, value in self._details(reply.answer).items() if isinstance(value, str) and value}
        details = {name: self._connection.without_key(value) for name, value in said.items()}
        text, truncated, error = None, None, None
        try:
            text, truncated = self._read(reply.answer, request)
        except ModelOutputError as problem:
            error = Failure(ModelOutputError.__name__, self._connection.without_key(str(problem)))
        return Output(sample_id, text, error, truncated, reply.latency_s, used | tries, details)


def counted(place: Any, **names: str) -> dict[str, float]:
    """Return the numbers of a server's object under names of ours; what is no count is left out.

    Args:
        place: The object.
        **names: Ours = the server's.
    """
    if not isinstance(place, dict):
        return {}
    found = {}
    for ours, theirs in names.items():
        value = place.get(theirs)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MAX_COUNT:
            found[ours] = value
    return found


def is_long_enough(request: Request) -> bool:
    """Whether a request holds so much audio that none of it counted means none of it heard: no rounding explains it."""
    return sum(waveform.size for waveform in request.waveforms) > SAMPLE_RATE_HZ


def audio_file(waveform: NDArray[np.float32], audio_format: str) -> bytes:
    """Return a waveform as an audio file of 16 bits per frame: what was recorded so comes back bit for bit.

    Args:
        waveform: Shape (num_frames,), in [-1, 1], at `SAMPLE_RATE_HZ`.
        audio_format: "wav" or "flac".
    """
    import soundfile

    frames = np.clip(np.rint(waveform.astype(np.float64) * 32768), -32768, 32767).astype(np.int16)
    file = io.BytesIO()
    soundfile.write(file, frames, SAMPLE_RATE_HZ, format=audio_format.upper(), subtype="PCM_16")
    return file.getvalue()
