import os
from pathlib import Path

import pytest

from evaluate.digests import file_digest
from evaluate.results import slug
from evaluate.secrets import redact, without_secrets


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("whisper:openai/whisper-base", "whisper_openai_whisper-base"),
        ("../../etc", "etc"),
        ("a b\n", "a_b"),
        ("model_1.5-x", "model_1.5-x"),
    ],
)
def test_a_name_becomes_a_safe_folder(name: str, safe: str) -> None:
    assert slug(name) == safe


@pytest.mark.parametrize("name", ["", "..", "/", "模型", "\ud800", "x" * 300])
def test_any_name_has_a_folder_of_its_own(name: str) -> None:
    safe = slug(name)
    assert 0 < len(safe) <= 100
    assert set(safe) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert safe not in (".", "..")
    assert slug(name + "y") != safe


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("api_key=s3cret", "api_key=***"),
        ("--model-arg=token=s3cret", "--model-arg=token=***"),
        ("--api-key=s3cret", "--api-key=***"),
        ("base_url=https://me:s3cret@host/v1?key=s3cret&n=1", "base_url=https://***@host/v1?key=***&n=1"),
        ("api_key_env=sk-s3cret", "api_key_env=***"),
        ("--judge-arg=api_key_env=sk-s3cret", "--judge-arg=api_key_env=***"),
        ("api_key_env=MY_KEY", "api_key_env=MY_KEY"),
        ("max_new_tokens=20", "max_new_tokens=20"),
        ("tokenizer=own", "tokenizer=own"),
        ("--task", "--task"),
        ("data/a=b.jsonl", "data/a=b.jsonl"),
    ],
)
def test_secrets_are_hidden_and_nothing_else(word: str, shown: str) -> None:
    assert redact(word) == shown


def test_secrets_do_not_determine_a_run() -> None:
    assert without_secrets({"api_key": "x", "max_tokens": "9", "url": "http://a:b@c"}) == {
        "max_tokens": "9",
        "url": "http://***@c",
    }


def test_a_pipe_has_no_digest_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert file_digest(tmp_path / "pipe") is None
