"""What is asked of a server of chat completions, what counts as an answer, and whether it hears."""

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from evaluate.errors import ModelLoadError, ModelOutputError, RequestError, ServerError
from evaluate.types import AudioRef, GenerationOptions, Output, Request, Sample, Turn
from models import create_model
from models.servers.chat import ChatApi
from tasks.librispeech import LibriSpeech

GREEDY = GenerationOptions()
CLIP = AudioRef(Path("a.wav"))


def tone(seconds: float = 0.1, frequency_hz: float = 300.0) -> Any:
    return (np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * 16_000)) / 16_000) / 2).astype(np.float32)


def request(*clips: Any, prompt: str = "What is said?", **fields: Any) -> Request:
    return Request(Sample(fields.pop("id", "a"), (), prompt, (), **fields), clips)


def chat(server: Any, **settings: Any) -> ChatApi:
    return ChatApi("tiny", base_url=server.url, **{"max_retries": 0, "check_audio": False, **settings})


def ask(model: ChatApi, *batch: Request, options: GenerationOptions = GREEDY) -> list[Output]:
    return list(model.generate(batch, options))


def sent(server: Any, *clips: Any, options: GenerationOptions = GREEDY, **settings: Any) -> dict[str, Any]:
    """The body that the server got."""
    ask(chat(server, **settings), request(*clips), options=options)
    body = server.runs[-1].body
    assert isinstance(body, dict)
    return body


def test_a_clip_is_a_wav_before_the_text_and_decoding_is_greedy(server: Any) -> None:
    body = sent(server, tone())
    [message] = body.pop("messages")
    assert body == {"model": "tiny", "temperature": 0.0}
    assert message["role"] == "user"
    audio, text = message["content"]
    assert (audio["type"], audio["input_audio"]["format"]) == ("input_audio", "wav")
    assert text == {"type": "text", "text": "What is said?"}


@pytest.mark.parametrize("audio_format", ["wav", "flac"])
@pytest.mark.parametrize("audio_part", ["input_audio", "audio_url"])
def test_what_was_recorded_in_16_bits_arrives_bit_for_bit(server: Any, audio_part: str, audio_format: str) -> None:
    recorded = np.array([0, 1, -1, 1000, 32767, -32768, 12345], dtype=np.int16)
    body = sent(server, recorded.astype(np.float32) / 32768, audio_part=audio_part, audio_format=audio_format)
    [clip] = server.runs[-1].clips
    frames, rate_hz = soundfile.read(io.BytesIO(clip), dtype="int16")
    assert rate_hz == 16_000
    assert frames.tolist() == recorded.tolist()
    part = body["messages"][0]["content"][0]
    assert part["type"] == audio_part
    if audio_part == "audio_url":
        assert part["audio_url"]["url"].startswith(f"data:audio/{audio_format};base64,")


def test_a_clip_beyond_full_scale_is_clipped_and_an_empty_one_is_sent(server: Any) -> None:
    sent(server, np.array([2.0, -2.0], dtype=np.float32))
    frames, _ = soundfile.read(io.BytesIO(server.runs[-1].clips[0]), dtype="int16")
    assert frames.tolist() == [32767, -32768]
    sent(server, np.zeros(0, dtype=np.float32))
    assert soundfile.info(io.BytesIO(server.runs[-1].clips[0])).frames == 0


def test_a_question_without_a_clip_is_plain_text(server: Any) -> None:
    judged = request(prompt="Which is better?", kind="chat")
    server.react = lambda asked: server.chat("[[A]]", usage={"prompt_tokens": 9, "completion_tokens": 1})
    [output] = ask(chat(server, check_audio=True), judged, options=GenerationOptions(max_new_tokens=7))
    body = server.runs[0].body
    assert body["messages"] == [{"role": "user", "content": "Which is better?"}]
    assert (body["max_tokens"], body["temperature"]) == (7, 0.0)
    assert (output.text, output.usage) == ("[[A]]", {"prompt_tokens": 9, "completion_tokens": 1})
    assert len(server.asked) == 1  # nothing to hear: nothing is tried out


def test_a_conversation_keeps_its_roles_and_each_turn_its_clips(server: Any) -> None:
    turns = (Turn("system", "Be short."), Turn("user", "First?", 1), Turn("assistant", "Yes."))
    asked = request(tone(0.1), tone(0.2), prompt="", kind="chat", turns=turns)
    ask(chat(server, system="You listen."), asked)
    messages = server.runs[0].body["messages"]
    assert [message["role"] for message in messages] == ["system", "system", "user", "assistant", "user"]
    assert [messages[0]["content"], messages[1]["content"], messages[3]["content"]] == [
        "You listen.",
        "Be short.",
        "Yes.",
    ]
    assert [part["type"] for part in messages[2]["content"]] == ["input_audio", "text"]
    assert [part["type"] for part in messages[4]["content"]] == ["input_audio"]  # no empty text beside it
    assert [soundfile.info(io.BytesIO(clip)).frames for clip in server.runs[0].clips] == [1600, 3200]


@pytest.mark.parametrize(
    ("settings", "options", "expected"),
    [
        ({}, {"max_new_tokens": 5}, {"temperature": 0.0, "max_tokens": 5}),
        ({"limit_name": "max_completion_tokens"}, {"max_new_tokens": 5}, {"max_completion_tokens": 5}),
        ({"send_temperature": False}, {}, {}),
        ({"extra_body": {"top_k": 1, "temperature": 0.5}}, {}, {"top_k": 1, "temperature": 0.5}),
        ({}, {"temperature": 0.7, "top_p": 0.9}, {"temperature": 0.7, "top_p": 0.9}),
    ],
    ids=str,
)
def test_options_are_sent_under_the_servers_names(
    server: Any, settings: dict[str, Any], options: dict[str, Any], expected: dict[str, Any]
) -> None:
    body = sent(server, options=GenerationOptions(**options), **settings)
    assert expected.items() <= body.items()
    assert ("temperature" in body) == settings.get("send_temperature", True)


def test_openai_itself_gets_the_newer_name_of_the_limit() -> None:
    body = ChatApi("x", base_url="https://api.openai.com/v1")._body(request(), GenerationOptions(max_new_tokens=5))
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body


def test_sampled_answers_have_a_seed_of_their_own_that_is_the_same_again(server: Any) -> None:
    sampled = GenerationOptions(temperature=1.0, seed=3)
    model = chat(server, concurrency=1)
    for _ in range(2):
        ask(model, request(id="a"), request(id="b"), options=sampled)
    first, second, *again = [asked.body["seed"] for asked in server.runs]
    assert first != second
    assert again == [first, second]
    ask(model, request(id="a"), options=replace(sampled, seed=4))
    assert server.runs[-1].body["seed"] != first
    assert "seed" not in sent(server)


@pytest.mark.parametrize(
    ("settings", "options", "reason"),
    [
        ({}, {"num_beams": 4}, "cannot be told num_beams: OpenAI's interface has none; leave it at 1"),
        ({}, {"min_new_tokens": 1}, "cannot be told min_new_tokens"),
        ({}, {"repetition_penalty": 1.1}, "put the server's own name for it into --model-arg extra_body"),
        ({"send_temperature": False}, {"temperature": 1.0}, "is sent no temperature"),
        ({"limit_name": "none"}, {"max_new_tokens": 5}, "is sent no token limit"),
    ],
)
def test_what_the_server_cannot_be_told_is_refused(
    server: Any, settings: dict[str, Any], options: dict[str, Any], reason: str
) -> None:
    model = chat(server, **settings)
    assert reason in str(model.option_refusal(GenerationOptions(**options)))
    with pytest.raises(RequestError, match=reason.split(":")[0]):
        ask(model, request(), options=GenerationOptions(**options))
    assert server.asked == []


@pytest.mark.parametrize(
    ("text", "more", "expected", "truncated"),
    [
        ("hello", {}, "hello", False),
        ("", {}, "", False),  # an empty answer is one
        ("cut", {"finish_reason": "length"}, "cut", True),
        ("hello", {"finish_reason": None}, "hello", None),
        ("said so", {"finish_reason": "tool_calls"}, "said so", False),
        (None, {"message": {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}}, "ab", False),
        ("yes", {"message": {"reasoning_content": "hm", "reasoning": "hm"}}, "yes", False),
        ("<think>\nhm\n</think>\n\nyes", {}, "yes", False),
        ("I <think>hm</think> so", {}, "I <think>hm</think> so", False),
        ("<think>never done", {"finish_reason": "length"}, "", True),
        ("lone \ud800", {}, "lone \ud800", False),
    ],
    ids=str,
)
def test_what_is_an_answer(
    server: Any, text: str | None, more: dict[str, Any], expected: str, truncated: bool | None
) -> None:
    server.react = lambda asked: server.chat(text, **more)
    [output] = ask(chat(server), request())
    assert (output.text, output.truncated) == (expected, truncated)
    assert ("left_out" in output.details) == (text is not None and text.startswith("<think>"))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"choices": []}, "has no message among its choices"),
        ({"choices": [{"text": "old"}]}, "has no message among its choices"),
        ({"choices": "x"}, "has no message among its choices"),
        ({"text": "a transcription"}, "has no message among its choices"),
        ({"choices": [{"message": {"content": None}, "finish_reason": "length"}]}, "no text (finished with 'length')"),
        ({"choices": [{"message": {"content": 5}}]}, "no text (finished with None)"),
        ({"choices": [{"message": {"content": []}}]}, "no text (finished with None)"),
        ({"choices": [{"message": {"content": None, "refusal": "I cannot"}}]}, "but refused: I cannot"),
        ({"choices": [{"message": {"content": "ha"}, "finish_reason": "content_filter"}]}, "with 'content_filter'"),
        ({"choices": [{"message": {"content": "ha"}, "finish_reason": "abort"}]}, "with 'abort'"),
        ({"choices": [{"message": {"tool_calls": [{}]}, "finish_reason": "tool_calls"}]}, "with 'tool_calls'"),
        ({"choices": [{"message": {"content": "ha"}, "finish_reason": ["odd"]}]}, ""),
    ],
    ids=str,
)
def test_what_is_no_answer_is_a_failure_never_an_empty_text(
    server: Any, document: dict[str, Any], message: str
) -> None:
    server.react = lambda asked: server.send({**document, "usage": {"prompt_tokens": 5}})
    [output] = ask(chat(server), request())
    if not message:  # a reason of another type is no reason to lose an answer
        assert output.text == "ha"
        return
    assert output.error is not None
    assert output.error.type == ModelOutputError.__name__
    assert message in output.error.message
    assert output.usage == {"prompt_tokens": 5}  # it was paid for


def test_a_sample_that_cannot_even_be_sent_fails_alone(server: Any) -> None:
    broken = request(np.array(["no sound"]), id="broken")
    outputs = {output.sample_id: output for output in ask(chat(server), request(tone(), id="a"), broken)}
    assert outputs["a"].text
    assert outputs["broken"].error is not None


def test_usage_cost_and_what_the_server_says_of_itself_are_kept(server: Any) -> None:
    usage = {
        **{"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
        "prompt_tokens_details": {"audio_tokens": 800, "cached_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 60},
    }
    server.react = lambda asked: server.chat("x", usage=usage, system_fingerprint="fp")
    [output] = ask(chat(server, price_input=2, price_output=10, price_audio=40), request(tone()))
    assert output.usage == {
        **{"prompt_tokens": 1000, "completion_tokens": 100, "audio_tokens": 800, "cached_tokens": 10},
        **{"reasoning_tokens": 60, "cost_usd": pytest.approx((2 * 200 + 40 * 800 + 10 * 100) / 1e6)},
    }
    assert output.details == {
        **{"finish_reason": "stop", "model": "tiny-2026", "id": "chatcmpl-1", "system_fingerprint": "fp"}
    }
    assert output.latency_s is not None
    assert 0 < output.latency_s < 5
    usage["cost"] = 0.5  # what the server says it took counts more than a price list
    [output] = ask(chat(server, price_input=2), request(tone()))
    assert output.usage["cost_usd"] == 0.5


@pytest.mark.parametrize(
    "usage",
    [
        *(None, 5, [], {}, {"prompt_tokens": "9"}, {"prompt_tokens": -1}, {"prompt_tokens": True}),
        *({"prompt_tokens": 10**400}, {"prompt_tokens": 1e300}, {"prompt_tokens_details": [1]}),
    ],
    ids=lambda usage: str(usage)[:40],
)
def test_usage_that_is_none_is_left_out(server: Any, usage: Any) -> None:
    server.react = lambda asked: server.chat("x", usage=usage)
    [output] = ask(chat(server, price_input=2), request())
    assert (output.text, output.usage) == ("x", {})


def load(model: ChatApi, *, hears: bool = True) -> None:
    """As an evaluation does it."""
    sample = Sample("a", (CLIP,) if hears else (), "", ())
    model.begin(LibriSpeech(Path()), None, [sample])  # type: ignore[arg-type]
    model.load()


def tokens_of_trials(server: Any, *, with_audio: int | None, without: int | None, audio: int | None = None) -> None:
    def react(asked: Any) -> Any:
        if asked.path.endswith("models"):
            return server.answer(asked)
        count = with_audio if asked.clips else without
        details = {} if audio is None else {"prompt_tokens_details": {"audio_tokens": audio}}
        return server.chat("3", usage={"prompt_tokens": count, **details})

    server.react_to_trial = react


@pytest.mark.parametrize("same", [20, 23])
def test_a_server_that_drops_the_audio_is_an_error_before_anything_is_run(server: Any, same: int) -> None:
    tokens_of_trials(server, with_audio=same, without=20)
    model = chat(server, check_audio=True)
    with pytest.raises(ModelLoadError, match=rf"audio does not reach the model: a prompt is {same} tokens with 5 s of"):
        load(model)


def test_a_server_that_drops_the_audio_is_an_error_also_where_nobody_loaded_it(server: Any) -> None:
    tokens_of_trials(server, with_audio=20, without=20, audio=0)
    with pytest.raises(ServerError, match="audio_part=audio_url"):
        ask(chat(server, check_audio=True), request(tone()))
    assert server.runs == []


def test_a_server_that_hears_is_tried_once(server: Any) -> None:
    model = chat(server, check_audio=True)
    load(model)
    ask(model, request(tone()))
    ask(model, request(tone()))
    assert model.remarks() == []
    assert [len(asked.clips) for asked in server.asked if asked.is_trial and "chat" in asked.path] == [1, 0]
    assert len(server.runs) == 2


def test_the_trial_is_made_as_the_run_will_be(server: Any) -> None:
    model = chat(server, check_audio=True, extra_body={"top_k": 1}, limit_name="none", send_temperature=False)
    load(model)
    trial = next(asked.body for asked in server.asked if "chat" in asked.path)
    assert trial.keys() == {"model", "messages", "top_k"}


@pytest.mark.parametrize(
    ("tokens", "remark"),
    [
        ({"with_audio": None, "without": None}, "the server counts no tokens, so that audio reaches the model could"),
        ({"with_audio": 0, "without": 0}, "the server counts no tokens"),
        ({"with_audio": 90, "without": None}, "could not be checked: without audio, it counts no tokens there"),
    ],
)
def test_where_it_cannot_be_checked_that_is_said(server: Any, tokens: dict[str, Any], remark: str) -> None:
    tokens_of_trials(server, **tokens)
    model = chat(server, check_audio=True)
    load(model)
    [said] = model.remarks()
    assert remark in said


def test_a_server_that_takes_no_text_alone_is_not_held_against_one(server: Any) -> None:
    def react(asked: Any) -> Any:
        is_text = "chat" in asked.path and not asked.clips
        return server.send({"error": "needs audio"}, status=400) if is_text else server.answer(asked)

    server.react_to_trial = react
    model = chat(server, check_audio=True)
    load(model)
    assert "without audio, HTTP 400: needs audio" in model.remarks()[0]


def test_a_server_that_takes_no_audio_is_an_error_in_its_own_words(server: Any) -> None:
    server.react_to_trial = lambda asked: server.send({"error": {"message": "not multimodal"}}, status=400)
    with pytest.raises(ModelLoadError, match=r"tried before the run, failed: HTTP 400: not multimodal; another form"):
        load(chat(server, check_audio=True))


def test_a_model_that_gets_no_audio_or_is_not_checked_is_not_tried_out(server: Any) -> None:
    load(chat(server, check_audio=True), hears=False)
    load(chat(server))
    assert {asked.path for asked in server.asked} == {"/v1/models"}


def test_a_clip_that_was_not_counted_though_others_are_is_a_failure(server: Any) -> None:
    server.counts_audio = True
    model = chat(server, check_audio=True)
    load(model)
    assert [len(asked.clips) for asked in server.asked if "chat" in asked.path] == [1]  # it says so itself
    server.react = lambda asked: server.chat("made up", usage={"prompt_tokens_details": {"audio_tokens": 0}})
    outputs = ask(model, request(tone(2.0), id="long"), request(tone(0.1), id="short"), request(id="none"))
    failed = {output.sample_id: output.error is not None for output in outputs}
    assert failed == {"long": True, "short": False, "none": False}  # of a short one nothing may round to nothing


def test_what_is_sent_can_be_shown() -> None:
    sample = Sample("a", (CLIP, CLIP), "And now?", (), turns=(Turn("user", "Then?", 1), Turn("assistant", "So.")))
    shown = ChatApi("x", base_url="http://h/v1", system="Listen.").shown_prompt(sample)
    assert shown.splitlines() == [
        "system: Listen.",
        "user: <audio>…</audio>Then?",
        "assistant: So.",
        "user: <audio>…</audio>And now?",
    ]


def test_settings_on_a_command_line_are_typed(server: Any) -> None:
    arguments = {"base_url": server.url, "extra_body": json.dumps({"a": [1, {"b": None}]}), "concurrency": "3"}
    model = create_model("chat-api:org/tiny", device="cpu", dtype="auto", arguments=arguments)
    assert isinstance(model, ChatApi)
    assert model.name == "chat-api:org/tiny"
    assert model._extra_body == {"a": [1, {"b": None}]}
    assert model.device == server.url


def test_no_setting_that_bears_on_an_answer_is_called_neutral() -> None:
    neutral: Sequence[str] = sorted(ChatApi.neutral_settings)
    assert neutral == [
        *("api_key_env", "check_audio", "concurrency", "max_retries", "max_wait_s", "price_audio", "price_input"),
        *("price_output", "requests_per_minute", "timeout_s"),
    ]
