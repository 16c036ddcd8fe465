"""What a server does wrong, and what becomes of the samples, the run and the key."""

import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import count
from typing import Any

import numpy as np
import pytest

from evaluate.errors import ModelLoadError, RequestError, ServerError
from evaluate.types import GenerationOptions, Output, Request, Sample
from models import create_model
from models.servers.chat import ChatApi
from models.servers.connection import UNSERVED_IN_A_ROW, Connection

KEY = "sk-planted-0123456789abcdef"


def requests(number: int) -> list[Request]:
    """Samples with a short tone each, every one another."""
    times_s = np.arange(1600) / 16_000
    return [
        Request(
            Sample(f"s{n}", (), "What is said?", ()),
            (np.sin(2 * np.pi * (200 + 10 * n) * times_s).astype(np.float32) / 2,),
        )
        for n in range(number)
    ]


def chat(server: Any, **settings: Any) -> ChatApi:
    return ChatApi("tiny", base_url=server.url, **{"max_retries": 2, "check_audio": False, **settings})


def ask(model: ChatApi, batch: Sequence[Request], **options: Any) -> dict[str, Output]:
    return {output.sample_id: output for output in model.generate(batch, GenerationOptions(**options))}


def only(outputs: dict[str, Output]) -> Output:
    [output] = outputs.values()
    return output


def first_then_well(server: Any, *reactions: Any) -> None:
    """Let the server do these things first, and then be in good health."""
    number = count()
    server.react = lambda asked: reactions[i] if (i := next(number)) < len(reactions) else server.answer(asked)


@pytest.mark.parametrize(
    "fault",
    [
        {"fault": "close"},
        {"fault": "reset"},
        {"fault": "half"},
        {"status": 408},
        {"status": 409},
        {"status": 429},
        {"status": 500},
        {"status": 503},
        {"status": 529},
        {"body": b'{"choices": [{"mess'},
        {"body": b""},
        {"body": b"[1, 2]"},
        {"body": b'{"usage": NaN}'},
        {"body": b"[" * 100_000},
        {"body": b"<html>Log in</html>", "content_type": "text/html"},
        {"body": b"no gzip", "headers": {"Content-Encoding": "gzip"}},
        {"body": b'{"error": {"code": 502, "message": "upstream"}}'},
    ],
    ids=str,
)
def test_what_may_pass_is_asked_again(server: Any, fault: dict[str, Any]) -> None:
    first_then_well(server, server.send(fault.pop("body", b"{}"), **fault))
    output = only(ask(chat(server), requests(1)))
    assert output.text == server.words_of(server.runs[1].clips[0])
    assert output.usage["retries"] == 1
    assert len(server.runs) == 2
    assert server.runs[0].content == server.runs[1].content


@pytest.mark.parametrize(
    ("fault", "message", "num_asked"),
    [
        ({"status": 500, "body": b'{"error": {"message": "out of memory", "type": "oops"}}'}, "HTTP 500: out of m", 3),
        ({"status": 400, "body": b'{"error": {"message": "no audio please"}}'}, "HTTP 400: no audio please", 1),
        ({"status": 400, "body": b'{"object": "error", "message": "old vLLM"}'}, "HTTP 400: old vLLM", 1),
        ({"status": 422, "body": b'{"detail": [{"loc": ["body"]}]}'}, 'HTTP 422: {"detail": [{"loc": ["body"]}]}', 1),
        ({"status": 400, "body": b'{"error": "in a word"}'}, "HTTP 400: in a word", 1),
        ({"status": 413, "body": b"too\x1b[31m large"}, "HTTP 413: too\N{REPLACEMENT CHARACTER}[31m large", 1),
        ({"status": 418, "body": b""}, "HTTP 418: without a word", 1),
        ({"status": 403, "body": b"flagged"}, "HTTP 403: flagged", 1),
        ({"body": b'{"error": "odd"}'}, "HTTP 400: odd", 1),
        (
            {"body": b"{", "content_type": "text/plain"},
            "HTTP 200 without a JSON object (content type text/plain): {",
            3,
        ),
        ({"fault": "close"}, "the connection failed or broke off", 3),
    ],
    ids=str,
)
def test_what_does_not_pass_fails_the_sample_with_the_servers_words(
    server: Any, fault: dict[str, Any], message: str, num_asked: int
) -> None:
    reaction = server.send(fault.pop("body", b"{}"), **fault)
    server.react = lambda asked: reaction
    output = only(ask(chat(server), requests(1)))
    assert output.error is not None
    assert output.error.type == "ModelOutputError"
    assert message in output.error.message
    assert len(server.runs) == num_asked
    assert output.usage.get("retries", 0) == num_asked - 1
    assert ("after 3 tries" in output.error.message) == (num_asked == 3)


@pytest.mark.parametrize("status", [200, 500])
def test_what_the_server_fails_on_is_asked_for_twice_more_however_many_tries_there_are(
    server: Any, status: int
) -> None:
    server.react = lambda asked: server.send(b"{", status=status)
    assert only(ask(chat(server, max_retries=50), requests(1))).error is not None
    assert len(server.runs) == 3


def test_a_server_that_is_slow_or_never_done_is_given_up(server: Any) -> None:
    server.react = lambda asked: server.answer(asked, delay_s=1.0)
    output = only(ask(chat(server, timeout_s=0.2, max_retries=50), requests(1)))
    assert output.error is not None
    assert output.error.message == "no answer within 0.2 s (after 3 tries)"
    server.react = lambda asked: server.answer(asked, fault="drip")  # bytes keep coming: no pause is ever long
    started = time.monotonic()
    assert only(ask(chat(server, timeout_s=0.5, max_retries=0), requests(1))).error is not None
    assert time.monotonic() - started < 3


def test_an_answer_without_end_is_cut_off(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.servers.connection.MAX_ANSWER_BYTES", 10_000)
    server.react = lambda asked: server.chat("x" * 20_000)
    output = only(ask(chat(server), requests(1)))
    assert output.error is not None
    assert "its answer is longer than 10000 bytes" in output.error.message


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_the_server_says_how_long_to_wait_and_all_requests_do(server: Any, form: str) -> None:
    until = (datetime.now(UTC) + timedelta(seconds=4)).replace(microsecond=0)
    until_s = time.monotonic() + (until - datetime.now(UTC)).total_seconds()
    said = "1" if form == "seconds" else format_datetime(until, usegmt=True)
    refused, number = server.send({}, status=429, headers={"Retry-After": said}), count()
    # Others take their time, so that the client has read the refusal before it would ask for more.
    server.react = lambda asked: refused if next(number) == 0 else server.answer(asked, delay_s=0.4)
    outputs = ask(chat(server, concurrency=2), requests(5))
    assert all(output.text is not None for output in outputs.values())
    first, *rest = server.runs
    due_s = first.at + 1 if form == "seconds" else until_s
    assert sum(output.usage.get("waited_s", 0) for output in outputs.values()) > (0.9 if form == "seconds" else 0.1)
    # One other was under way when the server said so; what came after has waited.
    assert sum(asked.at < due_s - 0.05 for asked in rest) <= 1


def test_a_wait_that_is_too_long_ends_the_run(server: Any) -> None:
    server.react = lambda asked: server.send({}, status=429, headers={"Retry-After": "3600"})
    with pytest.raises(ServerError, match=r"asks to wait 3600 s, more than max_wait_s=120"):
        ask(chat(server), requests(1))
    assert len(server.runs) == 1


@pytest.mark.parametrize("said", ["soon", "", "nan", "-5", "Sun, 99 Foo 2026 00:00:00 GMT"])
def test_a_wait_that_is_none_is_passed_over(server: Any, said: str) -> None:
    first_then_well(server, server.send({}, status=503, headers={"Retry-After": said}))
    assert only(ask(chat(server), requests(1))).text is not None


@pytest.mark.parametrize(
    ("reaction", "message"),
    [
        ({"status": 401}, "HTTP 401: .*check the key in the environment variable that api_key_env names"),
        ({"status": 402}, "HTTP 402: "),
        ({"status": 404}, "HTTP 404: .*; check the model's name, and whether base_url"),
        ({"status": 307, "headers": {"Location": "http://elsewhere/"}}, "sends elsewhere, which is not followed"),
        ({"status": 429, "document": {"error": {"message": "no more", "code": "insufficient_quota"}}}, "HTTP 429: no"),
    ],
    ids=str,
)
def test_what_holds_for_all_requests_ends_the_run(server: Any, reaction: dict[str, Any], message: str) -> None:
    answer = server.send(reaction.pop("document", {}), **reaction)
    server.react = lambda asked: answer
    with pytest.raises(ServerError, match=message):
        ask(chat(server, concurrency=1), requests(5))
    assert len(server.runs) == 1


def test_a_server_that_dies_ends_the_run_and_what_it_answered_is_kept(server: Any) -> None:
    number = count()
    server.react = lambda asked: server.answer(asked, fault="" if next(number) < 3 else "close")
    outputs: list[Output] = []
    with pytest.raises(ServerError, match="5 requests in a row were not served, with all their tries"):
        outputs.extend(chat(server, concurrency=1, max_retries=1).generate(requests(50), GenerationOptions()))
    assert [output.error is None for output in outputs] == [True] * 3 + [False] * (UNSERVED_IN_A_ROW - 1)
    assert len(server.runs) == 3 + 2 * UNSERVED_IN_A_ROW


def test_samples_that_the_server_fails_on_do_not_end_the_run(server: Any) -> None:
    server.react = lambda asked: server.send({}, status=500)
    assert all(output.error for output in ask(chat(server, max_retries=0), requests(20)).values())


def test_every_answer_finds_its_own_sample_in_whatever_order_they_come(server: Any) -> None:
    number = count()
    server.react = lambda asked: server.answer(asked, delay_s=0.4 - 0.05 * next(number))  # the last come first
    batch = requests(8)
    model = chat(server)
    outputs = list(model.generate(batch, GenerationOptions()))
    assert [output.sample_id for output in outputs] != [request.sample.id for request in batch]
    for output in outputs:
        request = batch[int(output.sample_id[1:])]
        [part] = model._body(request, GenerationOptions())["messages"][0]["content"][:1]
        [asked] = [one for one in server.runs if part["input_audio"]["data"].encode() in one.content]
        assert output.text == server.words_of(asked.clips[0])


def test_an_answer_that_nobody_asked_for_is_not_taken_for_the_next_one(server: Any) -> None:
    server.react = lambda asked: server.answer(asked, fault="twice")
    outputs = ask(chat(server, concurrency=1), requests(4))
    texts = [output.text for output in outputs.values()]
    assert "stray" not in texts
    assert texts == [server.words_of(asked.clips[0]) for asked in server.runs]


@pytest.mark.parametrize("concurrency", [1, 3, 8])
def test_no_more_requests_are_under_way_than_were_allowed(server: Any, concurrency: int) -> None:
    server.react = lambda asked: server.answer(asked, delay_s=0.03)
    ask(chat(server, concurrency=concurrency), requests(20))
    assert server.most_under_way <= concurrency
    assert server.most_under_way >= min(concurrency, 2)


def test_requests_per_minute_are_kept_to(server: Any) -> None:
    ask(chat(server, requests_per_minute=600), requests(6))
    starts = sorted(asked.at for asked in server.runs)
    assert starts[-1] - starts[0] > 0.4  # five gaps of 0.1 s


def test_requests_under_way_are_cancelled_when_nobody_wants_their_answers(server: Any) -> None:
    number = count()
    server.react = lambda asked: server.answer(asked, delay_s=0.0 if next(number) == 0 else 20.0)
    outputs = chat(server, concurrency=4).generate(requests(40), GenerationOptions())
    next(iter(outputs))
    started = time.monotonic()
    outputs.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 10
    assert len(server.runs) <= 5  # the first, its successor, and three that began beside it
    assert not [thread for thread in threading.enumerate() if thread.name == "server"]


@pytest.mark.parametrize(
    "echo",
    [
        lambda server: server.send({"error": {"message": f"bad key {KEY}"}}, status=400),
        lambda server: server.send(f"Authorization: Bearer {KEY}".encode(), status=500),
        lambda server: server.send({"headers": {"authorization": [f"Bearer {KEY}"]}}, status=400),
        lambda server: server.send(b'{"detail": ["sk\\u002dplanted-0123456789abcdef"]}', status=400),
        lambda server: server.send((" " * 4790 + KEY).encode(), status=400),
        lambda server: server.send(b"{", content_type=f"text/{KEY}"),
        lambda server: server.chat(f"the key is {KEY}", model=f"tiny {KEY}", id=KEY),
        lambda server: server.chat(None, finish_reason=KEY, message={"refusal": f"not with {KEY}"}),
    ],
)
def test_a_key_that_the_server_sends_back_is_taken_out(server: Any, monkeypatch: pytest.MonkeyPatch, echo: Any) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.react = lambda asked: echo(server)
    output = only(ask(chat(server, max_retries=0), requests(1)))
    assert server.runs[0].headers["Authorization"] == f"Bearer {KEY}"
    assert "planted" not in repr(output)
    assert "***" in repr(output) or output.error is not None


def test_a_word_that_is_the_key_of_a_server_without_keys_stays_in_answers(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    server.react = lambda asked: server.chat("EMPTY")
    assert only(ask(chat(server), requests(1))).text == "EMPTY"


def test_a_key_ends_no_run_in_a_message_that_shows_it(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    server.react = lambda asked: server.send({"error": {"message": f"no such key: {KEY}"}}, status=401)
    with pytest.raises(ServerError, match=r"no such key: \*\*\*") as caught:
        ask(chat(server, api_key_env="MY_KEY"), requests(1))
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("settings", "variables", "message"),
    [
        ({"base_url": "https://api.openai.com/v1"}, {}, "the environment variable OPENAI_API_KEY is not set"),
        ({"api_key_env": "GROQ_KEY"}, {}, "the environment variable GROQ_KEY is not set"),
        ({"api_key_env": "hf_planted"}, {}, r"that api_key_env names \(not shown, it may be a key\) is not set"),
        ({}, {"OPENAI_API_KEY": "sk-planted\nX: y"}, r"holds a space or a character .*\(its value is not shown\)"),
        ({}, {"OPENAI_API_KEY": "sk-plantéd"}, "holds a space or a character that no key has"),
    ],
)
def test_a_key_that_is_missing_or_none_is_one_line_that_does_not_show_it(
    server: Any,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    variables: dict[str, str],
    message: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    model = ChatApi("tiny", **{"base_url": server.url, **settings})
    with pytest.raises(ModelLoadError, match=message) as caught:
        model.load()
    assert "plant" not in str(caught.value)
    assert server.asked == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://user:planted@host/v1", "holds a user, a password"),
        ("http://host/v1?key=planted", "what follows a question mark"),
        ("http://host/v1#planted", "what follows a question mark"),
        ("ftp://planted/v1", "is no address of a server"),
        ("planted", "is no address of a server"),
        ("http://host:planted/v1", "is no address of a server"),
        ("http://[planted/v1", "is no address of a server"),
    ],
)
def test_an_address_that_is_none_or_holds_a_secret_is_refused_unseen(url: str, message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        ChatApi("tiny", base_url=url)
    assert "planted" not in str(caught.value)


def test_a_server_that_is_not_there_is_one_line_before_anything_is_run(server: Any) -> None:
    server.server_close()
    with pytest.raises(ModelLoadError, match=r"http://127.0.0.1:\d+/v1: the connection failed .*start the server, or"):
        chat(server).load()


def test_a_server_that_accepts_and_says_nothing_is_one_line(server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.servers.connection.SHORT_TIMEOUT_S", 0.2)
    server.react_to_trial = lambda asked: server.answer(asked, delay_s=1.0)
    with pytest.raises(ModelLoadError, match=r"no answer within 0.2 s; start the server, or mend base_url"):
        chat(server).load()


def test_a_key_that_the_server_refuses_is_one_line_before_anything_is_run(server: Any) -> None:
    server.react_to_trial = lambda asked: server.send({"error": {"message": "who are you"}}, status=401)
    with pytest.raises(ModelLoadError, match=r"HTTP 401: who are you; check the key"):
        chat(server).load()
    assert [asked.path for asked in server.asked] == ["/v1/models"]


@pytest.mark.parametrize("status", [403, 404, 405, 500, 503, 307])
def test_a_server_without_a_list_of_models_can_be_asked(server: Any, status: int) -> None:
    server.react_to_trial = lambda asked: server.send(b"", status=status)
    chat(server).load()
    assert only(ask(chat(server), requests(1))).text is not None


def test_a_model_that_the_server_does_not_know_is_named_beside_those_it_does(server: Any) -> None:
    server.react = lambda asked: server.send({"error": {"message": "no model 'tiny'"}}, status=404)
    model = chat(server)
    model.load()
    with pytest.raises(ServerError, match="HTTP 404: no model 'tiny'; the server lists 'tiny', 'other', and whether"):
        ask(model, requests(1))


def test_a_certificate_that_nobody_signed_is_one_line(tls_server: Any) -> None:
    model = ChatApi("tiny", base_url=tls_server.url.replace("http://127.0.0.1", "https://localhost"))
    with pytest.raises(ModelLoadError, match=r"no safe connection to it \(.*self.signed certificate"):
        model.load()
    assert tls_server.asked == []


def test_https_works_where_the_certificate_is_trusted(
    tls_server: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    url = tls_server.url.replace("http://127.0.0.1", "https://localhost")
    assert only(ask(ChatApi("tiny", base_url=url, check_audio=False), requests(1))).text is not None
    other_name = tls_server.url.replace("http://", "https://")  # the certificate is of another host
    with pytest.raises(ModelLoadError, match="no safe connection to it"):
        ChatApi("tiny", base_url=other_name, max_retries=0).load()


@pytest.mark.parametrize("name", ["httpx2", "tenacity", "anyio"])
def test_a_missing_library_is_one_line_that_names_the_extra(
    server: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModelLoadError, match=rf"need {name}, which is not here: pip install 'otoscope\[api\]'"):
        chat(server).load()


def test_a_key_over_a_network_in_the_clear_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    remarks = {url: ChatApi("x", base_url=url).remarks() for url in ("http://gpu7:8000/v1", "http://127.0.0.1/v1")}
    assert list(map(len, remarks.values())) == [1, 0]
    assert "unencrypted" in remarks["http://gpu7:8000/v1"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"concurrency": "0"}, "concurrency is 0, expected a whole number from 1 to 1024"),
        ({"concurrency": "true"}, "concurrency is True"),
        ({"timeout_s": "soon"}, "timeout_s is 'soon', expected a number"),
        ({"timeout_s": ".nan"}, "timeout_s is nan"),
        ({"max_retries": "1.5"}, "max_retries is 1.5, expected a whole number"),
        ({"price_input": "-1"}, "price_input is -1"),
        ({"audio_part": "video"}, "audio_part is 'video', expected input_audio or audio_url"),
        ({"audio_format": "mp3"}, "audio_format is 'mp3', expected wav or flac"),
        ({"limit_name": "tokens"}, "limit_name is 'tokens', expected max_tokens, max_completion_tokens or none"),
        ({"send_temperature": "maybe"}, "send_temperature is 'maybe', expected true or false"),
        ({"extra_body": "5"}, "extra_body is no JSON object"),
        ({"extra_body": "{a: 2020-01-01}"}, "extra_body is no JSON object"),
        ({"extra_body": '{"messages": []}'}, "extra_body holds 'messages', which is set from here"),
        ({"extra_body": '{"a": [{"api_key": "planted"}]}'}, "extra_body names 'api_key', which looks like a secret"),
        ({"api_key": "planted"}, "unknown setting of model 'chat-api:x': 'api_key'; did you mean 'api_key_env'"),
        ({"api_key_env": "A=planted"}, "api_key_env is no name of an environment variable"),
    ],
    ids=str,
)
def test_a_setting_that_is_wrong_is_one_line(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        create_model("chat-api:x", device="cpu", dtype="auto", arguments=arguments)
    assert "planted" not in str(caught.value)


def test_a_model_without_a_name_is_refused() -> None:
    with pytest.raises(RequestError, match="no model named; expected its name on the server after the colon"):
        create_model("transcription-api:", device="cpu", dtype="auto", arguments={})


def test_the_address_comes_from_the_environment_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1/")
    assert ChatApi("x").identity() == {"server": "http://127.0.0.1:9/v1"}
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert ChatApi("x").identity() == {"server": "https://api.openai.com/v1"}


def test_large_batches_keep_all_connections_busy() -> None:
    for concurrency in (1, 8, 64):
        model = ChatApi("x", base_url="http://h/v1", concurrency=concurrency)
        assert 240 // model.padded_seconds(30.0) == 4 * concurrency


def test_a_connection_is_made_without_asking_anything(server: Any) -> None:
    assert isinstance(chat(server)._connection, Connection)
    assert server.asked == []
