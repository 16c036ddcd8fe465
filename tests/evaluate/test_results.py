import pytest

from evaluate.results import slug


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
