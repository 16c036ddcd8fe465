"""Asking a server many things at once: within its limits, again where that can help, and never saying its key.

Asked again, after a wait that grows, is what never got an answer (a connection that fails or breaks off), and what the
server says will pass: 408, 409, 425, 429, 502, 503, 504 and 529. Where it says for how long (Retry-After, in seconds or
as a date), everything waits for as long. What the server has looked at and failed on, 500 and its like, an answer that
is no JSON object or none within the time-out, is asked for again twice. Nothing else is: 400 and its like concern one
sample, which fails with the server's own words; 401, 402, 404, a redirection and a certificate that does not fit
concern all of them, and end the run, as do several requests in a row that the server never served.

Every request has a connection of its own: a server that sends too much, or late, cannot be taken to answer another.
"""

import os
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

from evaluate import __version__
from evaluate.errors import ModelLoadError, ServerError
from evaluate.lines import one_line
from evaluate.secrets import HIDDEN, MIN_SECRET, VARIABLE, redact_url
from models.servers.answers import error_code, parsed, tls_problem, wait_asked_for, without_text, words_of
from models.servers.settings import OPENAI_HOST, ConnectionSettings

if TYPE_CHECKING:
    import httpx2
    import tenacity

FIRST_WAIT_S = 1.0  # doubled with every try: six tries outlast a limit per minute
JITTER_S = 1.0
SHORT_TIMEOUT_S = 30.0  # for a connection, and for what costs a server nothing
FAILED_ANSWERS = 3  # of one request before it fails: each may have cost a whole answer, and most fail for good
UNSERVED_IN_A_ROW = 5  # requests, each with all its tries: the server is gone, and the rest would fail as they did
MAX_ANSWER_BYTES = 32 << 20
MAX_SHOWN = 300  # characters of a server's own words

PASSING = frozenset({408, 409, 425, 429, 502, 503, 504, 529})  # the server did not serve, and may later
FOR_ALL = frozenset({401, 402, 404, 405, 407})  # of one request, and of every other

Job = TypeVar("Job")
Result = TypeVar("Result")
Body = Mapping[str, Any]  # keywords of httpx2's request: json, or data and files


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a request, after all its tries."""

    answer: dict[str, Any] | None  # the JSON object that the server sent; None: there is none
    problem: str = ""  # why, in one line
    latency_s: float = 0.0  # of the last try
    retries: int = 0
    waited_s: float = 0.0  # between the tries


@dataclass(slots=True)
class _FaultError(Exception):
    """Why a try gave no answer.

    Args:
        text: For people, without the key.
        kind: "unserved": nobody looked at the request; "late": the server may be at it still; "error": it failed on it;
            "broken": its answer is none. In these cases another try may help. "refused": it will not do this one;
            "forbidden": nor perhaps any other.
        wait_s: How long the server asks to wait.
    """

    text: str
    kind: Literal["unserved", "late", "error", "broken", "refused", "forbidden"]
    wait_s: float | None = None


class Connection:
    """A server that may be asked.

    Args:
        settings: See there.

    Raises:
        RequestError: Its address is none, or holds what must not be written down.
    """

    def __init__(self, settings: ConnectionSettings) -> None:
        self.settings = settings
        self.base_url = settings.url()
        self.listed_models: tuple[str, ...] = ()  # that the server says it has; (): it does not say
        self.unserved_in_a_row = 0
        self.next_start = 0.0  # when the next try may begin, by the monotonic clock

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI's own."""
        return urlsplit(self.base_url).hostname == OPENAI_HOST

    @property
    def sends_key_unencrypted(self) -> bool:
        """Whether others on the network could read the key."""
        parts = urlsplit(self.base_url)
        is_here = parts.hostname in ("localhost", "::1") or (parts.hostname or "").startswith("127.")
        return parts.scheme == "http" and not is_here and bool(self.key)

    def check(self) -> None:
        """Find out whether the libraries and the key are there, and the server, and whether it takes the key.

        Raises:
            ModelLoadError: With what is missing.
        """
        try:
            import anyio  # noqa: F401
            import httpx2  # noqa: F401
            import tenacity  # noqa: F401
        except ImportError as error:
            raise ModelLoadError(
                f"models behind servers need {error.name}, which is not here: pip install 'otoscope[api]'"
            ) from error
        _ = self.key

        async def models(exchange: "Exchange", path: str) -> Reply:
            return await exchange.ask("GET", path, {}, max_retries=min(1, self.settings.max_retries), is_trial=True)

        [reply] = self.run_each(models, ["models"])
        listed = reply.answer.get("data") if reply.answer else None  # many servers have no such list
        if isinstance(listed, list):
            ids = (one.get("id") for one in listed if isinstance(one, dict))
            self.listed_models = tuple(one for one in ids if isinstance(one, str))

    def run_each(self, work: Callable[["Exchange", Job], Awaitable[Result]], jobs: Sequence[Job]) -> Iterator[Result]:
        """Do several jobs at once and yield what they give as they end; what is under way when this ends is cancelled.

        Raises:
            ServerError: The server can do no job at all.
        """
        from anyio.from_thread import start_blocking_portal

        # The loop has a thread of its own: the caller may have one already, and Ctrl-C finds the caller waiting.
        with (
            start_blocking_portal(name="server") as portal,
            portal.wrap_async_context_manager(Exchange(self)) as exchange,
        ):
            futures = [portal.start_task_soon(work, exchange, job) for job in jobs]
            left = set(futures)
            try:
                for future in as_completed(futures):
                    left.discard(future)
                    if isinstance(future.exception(), ServerError):  # what has come meanwhile is not lost with it
                        done = [other for other in left if other.done() and not other.exception()]
                        yield from (other.result() for other in done)
                    yield future.result()
            finally:
                exchange.refuse_more()  # else those that wait for their turn get it as others are cancelled
                for future in left:
                    future.cancel()

    def without_key(self, text: str) -> str:
        """Return a text of the server for people: one line, not too long, without the key and the secrets of URLs."""
        if self.key:  # before anything is cut, or half of it could stay
            text = text.replace(self.key, HIDDEN)
        text = one_line(redact_url(text[: 16 * MAX_SHOWN]))
        return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]} …"

    def clean(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return an answer without the key in its texts: a server may send back whatever it was sent."""
        if len(self.key) < MIN_SECRET:
            return answer
        return {name: without_text(value, self.key) for name, value in answer.items()}

    @cached_property
    def key(self) -> str:
        """The key, "" where there is none and none is needed.

        Raises:
            ModelLoadError: The variable that was named is not set, or holds no key. Its value is never shown, nor is
                a name that does not look like one: it may be the key itself.
        """
        name = self.settings.api_key_env
        shown = name if VARIABLE.fullmatch(name) else "that api_key_env names (not shown, it may be a key)"
        key = os.environ.get(name, "").strip()
        if not key:
            if name == "OPENAI_API_KEY" and not self.is_openai:
                return ""
            raise ModelLoadError(
                f"{self.base_url}: the environment variable {shown} is not set; put the key there, or name another "
                "with --model-arg api_key_env=NAME"
            )
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise ModelLoadError(
                f"{self.base_url}: the environment variable {shown} holds a space or a character that no key has; "
                "set it anew (its value is not shown)"
            )
        return key

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """What certificates are held against: the system's own, or what SSL_CERT_FILE in the environment names."""
        import httpx2

        return httpx2.create_ssl_context()


class Exchange:
    """The connections of a number of requests that are under way together.

    Args:
        connection: To the server.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._settings = connection.settings
        self._end_of_all: ServerError | None = None  # once one request has shown that none is of use

    async def __aenter__(self) -> "Exchange":
        import anyio
        import httpx2

        key = self._connection.key
        settings = self._settings
        self._under_way: anyio.Semaphore = anyio.Semaphore(settings.concurrency)
        self._client = httpx2.AsyncClient(
            headers={
                "User-Agent": f"otoscope/{__version__}",
                "Accept": "application/json",
                **({"Authorization": f"Bearer {key}"} if key else {}),
            },
            timeout=httpx2.Timeout(settings.timeout_s, connect=min(SHORT_TIMEOUT_S, settings.timeout_s), pool=None),
            limits=httpx2.Limits(max_keepalive_connections=0),
            verify=self._connection.tls,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def ask(
        self,
        method: str,
        path: str,
        body: Body | Callable[[], Body],
        *,
        max_retries: int | None = None,
        is_trial: bool = False,
    ) -> Reply:
        """Ask until there is an answer, or no hope of one.

        Args:
            method: "GET" or "POST".
            path: Behind the server's address.
            body: What is sent; made when its turn comes where it is large.
            max_retries: Other than the settings'.
            is_trial: Whether the server may not know the path at all: it is then no reason to end anything.

        Raises:
            ServerError: The server does not take this request nor any other.
        """
        import tenacity

        tries = self._settings.max_retries if max_retries is None else max_retries
        state = _Tries()
        async with self._under_way:
            if self._end_of_all:  # the others are about to be cancelled
                raise self._end_of_all
            made = body() if callable(body) else body
            try:
                async for attempt in tenacity.AsyncRetrying(
                    retry=tenacity.retry_if_exception(_may_pass),
                    stop=lambda call: call.attempt_number > tries or state.num_failed >= FAILED_ANSWERS,
                    wait=self._wait_s,
                    before_sleep=state.count_wait,
                    sleep=_sleep,
                    reraise=True,
                ):
                    with attempt:
                        await self._turn()
                        state.started = time.perf_counter()
                        try:
                            answer = await self._try(method, path, made, is_trial=is_trial)
                        except _FaultError as fault:
                            state.num_failed += fault.kind in ("late", "error", "broken")
                            raise
            except _FaultError as fault:
                self._count_unserved(fault, is_trial=is_trial)
                return state.reply(None, self._after(fault, state))
            self._connection.unserved_in_a_row = 0
            return state.reply(answer)

    async def _try(self, method: str, path: str, body: Body, *, is_trial: bool) -> dict[str, Any]:
        """Ask once.

        Raises:
            _FaultError: There is no answer.
            ServerError: There will be none to any request.
        """
        timeout_s = self._settings.timeout_s
        response, content = await self._send(
            method, path, body, min(timeout_s, SHORT_TIMEOUT_S) if is_trial else timeout_s
        )
        document = parsed(content)
        status = response.status_code
        if response.is_success:
            if document is None:
                kind = self._connection.without_key(response.headers.get("Content-Type", "unknown"))
                begins = self._connection.without_key(words_of(content, None)) or "empty"
                raise _FaultError(f"HTTP {status} without a JSON object (content type {kind}): {begins}", "broken")
            if not document.get("error"):
                return self._connection.clean(document)
            status = error_code(document)  # some send errors under a status of success
        words = self._connection.without_key(words_of(content, document))
        raise self._meaning(status, words, wait_asked_for(response.headers), is_trial=is_trial)

    async def _send(self, method: str, path: str, body: Body, timeout_s: float) -> tuple["httpx2.Response", bytes]:
        """Send a request and read all of its answer.

        Raises:
            _FaultError: It cannot be had.
            ServerError: The server is not the one that is meant.
        """
        import anyio
        import httpx2

        say = self._connection.without_key
        try:
            with anyio.fail_after(timeout_s):  # also where a server sends a byte now and then
                async with self._client.stream(method, f"{self._connection.base_url}/{path}", **body) as response:
                    return response, await _read(response)
        except (TimeoutError, httpx2.TimeoutException) as error:
            if isinstance(error, httpx2.ConnectTimeout):
                raise _FaultError(f"no connection within {min(SHORT_TIMEOUT_S, timeout_s):g} s", "unserved") from None
            raise _FaultError(f"no answer within {timeout_s:g} s", "late") from None
        except httpx2.DecodingError as error:
            raise _FaultError(f"its answer cannot be unpacked ({say(str(error))})", "broken") from None
        except httpx2.RequestError as error:
            if certificate := tls_problem(error):
                raise self._end(
                    f"no safe connection to it ({say(certificate)}); expected a certificate that fits its name"
                ) from None
            reason = say(str(error)) or type(error).__name__
            raise _FaultError(f"the connection failed or broke off ({reason})", "unserved") from None
        except _TooLongError:
            raise _FaultError(f"its answer is longer than {MAX_ANSWER_BYTES} bytes", "broken") from None

    def _meaning(self, status: int, words: str, wait_s: float | None, *, is_trial: bool) -> Exception:
        """Return what an HTTP status that is no success stands for: a fault of this try, or the end of the run."""
        said = f"HTTP {status}: {words or 'without a word'}"
        has_no_quota = status == 429 and "insufficient_quota" in words
        if status == 401 or has_no_quota or (status in FOR_ALL and not is_trial):
            return self._end(f"{said}{self._hint(status)}")
        if 300 <= status < 400 and not is_trial:
            return self._end(f"{said}; it sends elsewhere, which is not followed; mend base_url")
        if status in PASSING:
            longest_s = self._settings.max_wait_s
            if wait_s is not None and wait_s > longest_s:
                return self._end(
                    f"{said}; it asks to wait {wait_s:.0f} s, more than max_wait_s={longest_s:g}; try again then, or "
                    "raise it with --model-arg"
                )
            if wait_s is not None:  # others would be told the same
                self._connection.next_start = max(self._connection.next_start, time.monotonic() + wait_s)
            return _FaultError(said, "unserved", wait_s)
        if status >= 500:
            return _FaultError(said, "error", wait_s)
        return _FaultError(said, "forbidden" if status == 403 else "refused")

    def _hint(self, status: int) -> str:
        """Return what to do about a status that ends the run."""
        if status in (401, 402):
            return "; check the key in the environment variable that api_key_env names, and its account"
        if status in (404, 405):
            listed = ", ".join(map(repr, self._connection.listed_models[:5]))
            known = f"the server lists {self._connection.without_key(listed)}" if listed else "check the model's name"
            return f"; {known}, and whether base_url ends as it should, mostly in /v1"
        return ""

    def _end(self, reason: str) -> ServerError:
        self._end_of_all = ServerError(f"{self._connection.base_url}: {reason}")
        return self._end_of_all

    def _count_unserved(self, fault: _FaultError, *, is_trial: bool) -> None:
        """Raise where the server is gone: what is left would fail, request by request.

        Raises:
            ServerError: So many requests in a row were not served at all.
        """
        if is_trial:
            if fault.kind in ("unserved", "late") and not fault.text.startswith("HTTP"):
                raise self._end(f"{fault.text}; start the server, or mend base_url")
            return
        if fault.kind not in ("unserved", "late", "forbidden"):
            self._connection.unserved_in_a_row = 0
            return
        self._connection.unserved_in_a_row += 1
        if self._connection.unserved_in_a_row >= UNSERVED_IN_A_ROW:
            raise self._end(
                f"{UNSERVED_IN_A_ROW} requests in a row were not served, with all their tries; last: {fault.text}"
            )

    def refuse_more(self) -> None:
        """Let no further request begin."""
        if self._end_of_all is None:
            self._end("nobody waits for further answers")

    def _after(self, fault: _FaultError, state: "_Tries") -> str:
        return f"{fault.text} (after {state.retries + 1} tries)" if state.retries else fault.text

    async def _turn(self) -> None:
        """Wait until the next try may begin."""
        while (wait_s := self._connection.next_start - time.monotonic()) > 0:
            await _sleep(wait_s)
        if self._settings.requests_per_minute:
            self._connection.next_start = time.monotonic() + 60 / self._settings.requests_per_minute

    def _wait_s(self, call: "tenacity.RetryCallState") -> float:
        """Return how long to wait before another try: what the server asks for, else longer with every try."""
        import tenacity

        fault = call.outcome.exception() if call.outcome else None
        if isinstance(fault, _FaultError) and fault.wait_s is not None:
            return fault.wait_s
        growing = tenacity.wait_exponential(multiplier=FIRST_WAIT_S, max=self._settings.max_wait_s)
        return growing(call) + tenacity.wait_random(0, JITTER_S)(call)


@dataclass(slots=True)
class _Tries:
    """What the tries of a request have come to."""

    started: float = 0.0
    retries: int = 0
    waited_s: float = 0.0
    num_failed: int = 0  # that the server has looked at

    def count_wait(self, call: "tenacity.RetryCallState") -> None:
        self.retries += 1
        self.waited_s += call.upcoming_sleep

    def reply(self, answer: dict[str, Any] | None, problem: str = "") -> Reply:
        latency_s = time.perf_counter() - self.started
        return Reply(answer, problem, latency_s, self.retries, self.waited_s)


class _TooLongError(Exception):
    """An answer that does not end."""


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, _FaultError) and error.kind in ("unserved", "late", "error", "broken")


async def _sleep(seconds: float) -> None:
    import anyio

    await anyio.sleep(seconds)


async def _read(response: "httpx2.Response") -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():  # unpacked: a small answer may unpack to a large one
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            raise _TooLongError
    return bytes(content)
