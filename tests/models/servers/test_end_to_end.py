"""The command with a model behind a server: scores, faults, a kill, a planted key, and how much concurrency gains."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from evaluate.testing import write_tone

KEY = "sk-planted-0123456789abcdef"
ROOT = Path(__file__).resolve().parents[3]
Otoscope = Callable[..., Any]


def tones(folder: Path, number: int) -> Path:
    """A LibriSpeech of many tones, each another; the folder to name as --data-dir."""
    place = folder / "data" / "LibriSpeech" / "test-clean" / "1" / "2"
    for n in range(number):
        write_tone(place / f"1-2-{n:04}.flac", duration_s=0.1 + 0.001 * n, frequency_hz=200 + 10 * n)
    (place / "1-2.trans.txt").write_text("\n".join(f"1-2-{n:04} A B {n}" for n in range(number)))
    return folder / "data"


def evaluation(server: Any, folder: Path, *more: object, model: str = "chat-api:tiny") -> list[object]:
    return [
        *("eval", "--model", model, "--model-arg", f"base_url={server.url}", "--results-dir", folder / "results"),
        *more,
    ]


def one_run(folder: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """run.json and the predictions of the only run."""
    [path] = (folder / "results").rglob("run.json")
    lines = map(json.loads, path.with_name("predictions.jsonl").read_text(encoding="utf-8").splitlines())
    return json.loads(path.read_text()), {line["id"]: line for line in lines}


@pytest.mark.parametrize("model", ["chat-api:tiny", "transcription-api:tiny"])
def test_a_task_is_evaluated_and_everything_the_server_said_is_on_record(
    server: Any, otoscope: Otoscope, tmp_path: Path, model: str
) -> None:
    prices = ("--model-arg", "price_input=1", "--model-arg", "concurrency=3") if model.startswith("chat") else ()
    result = otoscope(*evaluation(server, tmp_path, "--task", "librispeech:sample", "--json", *prices, model=model))
    assert result.status == 0, result.stderr
    [scores] = result.json
    assert scores["n_scored"] == scores["n_total"] == len(server.runs)
    record, lines = one_run(tmp_path)
    assert record["model"] == model
    assert record["model_server"] == server.url
    [session] = record["sessions"]
    assert session["device"] == server.url
    assert {line["hypothesis"] for line in lines.values()} == {
        server.words_of(b"".join(asked.clips)) for asked in server.runs
    }
    assert all(0 < line["latency_seconds"] < 30 for line in lines.values())
    if prices:
        assert record["model_arguments"] == {"base_url": server.url}
        assert session["model_settings"] == {"price_input": "1", "concurrency": "3"}
        used = [line["usage"] for line in lines.values()]
        assert session["usage"]["prompt_tokens"] == sum(one["prompt_tokens"] for one in used)
        assert session["usage"]["cost_usd"] == pytest.approx(sum(one["cost_usd"] for one in used))
        assert {line["details"]["finish_reason"] for line in lines.values()} == {"stop"}
        assert {line["truncated"] for line in lines.values()} == {False}


def test_settings_that_do_not_bear_on_an_answer_make_no_other_run(
    server: Any, otoscope: Otoscope, tmp_path: Path
) -> None:
    for more, num_runs in (
        ((), 1),
        (("--model-arg", "concurrency=2", "--model-arg", "timeout_s=9", "--model-arg", "price_input=3"), 1),
        (("--model-arg", "system=Listen."), 2),
        (("--gen", "max_new_tokens=9"), 3),
    ):
        result = otoscope(*evaluation(server, tmp_path, "--task", "librispeech:sample", "--limit", 1, *more))
        assert result.status == 0, result.stderr
        assert len(server.runs) == num_runs
        assert len(list((tmp_path / "results").rglob("run.json"))) == num_runs


def test_options_that_no_server_knows_are_refused_before_anything(
    server: Any, otoscope: Otoscope, tmp_path: Path
) -> None:
    result = otoscope(*evaluation(server, tmp_path, "--task", "librispeech:sample", "--gen", "num_beams=4"))
    assert result.status == 2
    assert result.stderr.splitlines()[-1].startswith(
        "error: librispeech:sample: chat-api:tiny cannot be told num_beams: OpenAI's interface has none; leave it at 1"
    )
    assert server.asked == []
    assert not (tmp_path / "results").exists()


def test_audio_that_does_not_arrive_is_an_error_never_a_score(server: Any, otoscope: Otoscope, tmp_path: Path) -> None:
    server.react_to_trial = lambda asked: server.chat("2", usage={"prompt_tokens": 20})
    result = otoscope(*evaluation(server, tmp_path, "--task", "librispeech:sample"))
    assert result.status == 4
    assert "error: " in result.stderr
    assert "audio does not reach the model: a prompt is 20 tokens with 5 s of audio and 20 without" in result.stderr
    assert server.runs == []
    assert not list((tmp_path / "results").rglob("scores.json"))


def test_what_could_not_be_checked_is_said_and_on_record(server: Any, otoscope: Otoscope, tmp_path: Path) -> None:
    server.react_to_trial = lambda asked: server.chat("2")
    result = otoscope(*evaluation(server, tmp_path, "--task", "librispeech:sample", "--limit", 1))
    assert result.status == 0
    assert "NOTE: chat-api:tiny: the server counts no tokens" in result.stderr
    record, _ = one_run(tmp_path)
    assert "counts no tokens" in record["sessions"][0]["model_remarks"][0]


def test_a_server_that_dies_ends_the_run_which_goes_on_later(server: Any, otoscope: Otoscope, tmp_path: Path) -> None:
    number = count()
    server.react = lambda asked: server.answer(asked, fault="" if next(number) < 10 else "reset")
    settings = ("--model-arg", "max_retries=1", "--data-dir", tones(tmp_path, 60))
    command = evaluation(server, tmp_path, "--task", "librispeech:test-clean", "--json", *settings)
    result = otoscope(*command)
    assert result.status == 4
    *_, said, error = result.stderr.splitlines()
    assert re.search(r"interrupted; 1\d samples are kept in .* The same command goes on from there\.", said)
    assert error.startswith(
        f"error: {server.url}: 5 requests in a row were not served, with all their tries; last: the"
    )
    assert len(server.runs) < 40  # sixty samples were not burnt through
    server.react = server.answer
    server.asked.clear()
    result = otoscope(*command)
    assert result.status == 0, result.stderr
    assert [result.json[0]["n_scored"], result.json[0]["n_failed"]] == [60, 0]
    # By clip: a request that the first command gave up may reach the server's list only now.
    assert len({asked.clips[0] for asked in server.runs}) == 50


def test_a_key_shows_nowhere_whatever_goes_wrong(
    server: Any, otoscope: Otoscope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    faults = [
        lambda asked: server.send({"error": {"message": f"headers: {asked.headers}"}}, status=500),
        lambda asked: server.send(f"you sent {KEY}".encode(), status=400),
        lambda asked: server.answer(asked, fault="reset"),
        lambda asked: server.answer(asked, fault="half"),
        lambda asked: server.send(f"<html>{KEY}".encode(), content_type="text/html"),
        lambda asked: server.chat(f"I heard {KEY}", id=KEY, model=KEY),
    ]
    number = count()
    server.react = lambda asked: faults[next(number) % len(faults)](asked)
    said = []
    settings = ("--model-arg", "max_retries=0", "--data-dir", tones(tmp_path, 12))
    command = evaluation(server, tmp_path, "--task", "librispeech:test-clean", *settings)
    for stage in ("faults", "refused", "refused at once"):
        if stage == "refused":
            server.react = lambda asked: server.send({"error": {"message": f"Incorrect key: {KEY}"}}, status=401)
        if stage == "refused at once":
            server.react_to_trial = server.react
        result = otoscope(*command)
        said.append(result.stdout + result.stderr)
        assert result.status == (3 if stage == "faults" else 4), said
    assert all(asked.headers["Authorization"] == f"Bearer {KEY}" for asked in server.asked)
    assert sum("Incorrect key: ***" in one for one in said) == 2
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"***" in path.read_bytes() for path in files)
    assert not [path for path in files if b"planted" in path.read_bytes()]
    assert "planted" not in "".join(said)


def test_eight_requests_at_once_take_about_an_eighth_of_the_time(server: Any) -> None:
    from evaluate.types import GenerationOptions, Request, Sample
    from models.servers.chat import ChatApi

    server.react = lambda asked: server.answer(asked, delay_s=0.2)
    batch = [Request(Sample(f"s{n}", (), f"Question {n}", (), kind="chat"), ()) for n in range(32)]

    def seconds(concurrency: int, part: list[Request]) -> float:
        model = ChatApi("tiny", base_url=server.url, concurrency=concurrency)
        started = time.monotonic()
        assert len(list(model.generate(part, GenerationOptions()))) == len(part)
        return time.monotonic() - started

    ratio = seconds(8, batch) / (seconds(1, batch[:8]) * 4)
    print(f"wall time with 8 at once: {ratio:.3f} of one after another")
    assert ratio < 0.3  # 0.13 on an idle machine


def start(command: list[object], folder: Path) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-m", "evaluate", *map(str, command)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(
        arguments,
        cwd=folder,
        env=environment,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # see tests/test_kill_and_resume.py
        **pipes,
    )


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_goes_on_where_it_was(server: Any, tmp_path: Path, sent: signal.Signals) -> None:
    reached = threading.Event()

    def react(asked: Any) -> Any:
        if len(server.runs) > 20:
            reached.set()
            return server.answer(asked, delay_s=20.0)
        return server.answer(asked)

    server.react = react
    command = evaluation(
        server, tmp_path, "--task", "librispeech:test-clean", "--json", "--data-dir", tones(tmp_path, 40)
    )
    process = start(command, tmp_path)
    assert reached.wait(60), process.communicate()
    deadline = time.monotonic() + 30  # for the other answers, which are under way or being logged
    while sum(log.read_bytes().count(b"\n") for log in tmp_path.rglob("predictions.jsonl")) < 20:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    asked_at = time.monotonic()
    process.send_signal(sent)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == (130 if sent is signal.SIGINT else -sent)
    if sent is signal.SIGINT:
        assert time.monotonic() - asked_at < 15  # nobody waited for the answers under way
        assert "The same command goes on from there." in stderr
        assert "Traceback" not in stderr
    _, before = one_run(tmp_path)
    assert len(before) == 20
    server.react = server.answer
    server.asked.clear()
    process = start(command, tmp_path)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    [scores] = json.loads(stdout)
    assert (scores["n_scored"], scores["n_failed"]) == (40, 0)
    assert len({asked.clips[0] for asked in server.runs}) == 20
    _, after = one_run(tmp_path)
    assert {name: after[name] for name in before} == before
