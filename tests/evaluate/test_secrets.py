import pytest

from evaluate.secrets import redact, without_secrets


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("api_key=s3cret", "api_key=***"),
        ("--model-arg=token=s3cret", "--model-arg=token=***"),
        ("--api-key=s3cret", "--api-key=***"),
        ("base_url=https://me:s3cret@host/v1?key=s3cret&n=1", "base_url=https://***@host/v1?key=***&n=1"),
        ("api_key_env=sk-s3cret", "api_key_env=***"),
        ("--judge-arg=api_key_env=sk-s3cret", "--judge-arg=api_key_env=***"),
        (f"api_key_env={'K' * 60}", "api_key_env=***"),  # no name of a variable is so long
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
