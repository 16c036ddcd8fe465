"""Scores that others published for real outputs of real models, met to the last digit from the outputs themselves."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Score = Callable[[dict[str, str], dict[str, str]], dict[str, Any]]


@pytest.fixture
def word_error_rate(otoscope: Callable[..., Any], write_jsonl: Callable[..., Path]) -> Score:
    def score(references: dict[str, str], hypotheses: dict[str, str]) -> dict[str, Any]:
        truth = write_jsonl("r.jsonl", *({"id": name, "references": [text]} for name, text in references.items()))
        answers = write_jsonl("p.jsonl", *({"id": name, "hypothesis": text} for name, text in hypotheses.items()))
        files = ("--references", truth, "--predictions", answers)
        result = otoscope("score", *files, "--metrics", "wer", "--normalizer", "none", "--json")
        assert result.status == 0
        metric = result.json["metrics"]["wer"]
        assert isinstance(metric, dict)
        return metric

    return score


def read_tsv(path: Path) -> dict[str, str]:
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return {row[0]: row[1] if len(row) > 1 else "" for row in rows}


# facebookresearch/fbai-speech at 43cdb3ca, is21_deep_bias/results: per cent over LibriSpeech test-clean
@pytest.mark.parametrize(
    ("system", "published"),
    [
        ("test-clean.b1.rnnt_baseline", 3.6537583688374924),
        ("test-clean.b2.b1+nnlm", 2.7902465003043213),
        ("test-clean.s1.b1+db-rnnt.biasing_100", 3.1059799147900184),
        ("test-clean.s5.s3+db-nnlm.biasing_100", 1.9818928788800974),
        ("test-clean.s5.s3+db-nnlm.biasing_1000", 2.1435636031649423),
    ],
)
def test_fbai_speech(corpora: Path, word_error_rate: Score, system: str, published: float) -> None:
    folder = corpora / "results" / "fbai_is21_deep_bias"
    score = word_error_rate(read_tsv(folder / "test-clean.ref.tsv"), read_tsv(folder / "hyp" / f"{system}.tsv"))
    assert 100 * score["value"] == pytest.approx(published, abs=1e-9)
    assert score["reference_length"] == 52_576
    assert score["ci"][0] < score["value"] < score["ci"][1]


# AudioLLMs/AudioBench at e991641d, log_for_all_models: texts as its own normalisation left them
@pytest.mark.parametrize(
    "log",
    [
        "Qwen-Audio-Chat.librispeech_test_clean",
        "Qwen2-Audio-7B-Instruct.librispeech_test_clean",
        "Qwen2-Audio-7B-Instruct.aishell_asr_zh_test",
        "SALMONN_7B.librispeech_test_clean",
        "whisper_large_v3.librispeech_test_clean",
    ],
)
def test_audiobench(corpora: Path, word_error_rate: Score, log: str) -> None:
    document = json.loads((corpora / "results" / "audiobench" / f"{log}_wer_score.json").read_text(encoding="utf-8"))
    [items] = [value for value in document.values() if isinstance(value, list)]
    references = {str(number): item["reference"] for number, item in enumerate(items)}
    score = word_error_rate(references, {str(number): item["prediction"] for number, item in enumerate(items)})
    assert score["value"] == pytest.approx(document["wer"], abs=1e-12)
