"""Logs that other programs really wrote, with the scores that they published."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


@pytest.fixture
def audiobench(corpora: Path) -> Path:
    folder = corpora / "results" / "audiobench"
    if not folder.is_dir():
        pytest.skip(f"no logs in {folder}")
    return folder


# AudioLLMs/AudioBench at e991641d, log_for_all_models: word error rate of the whole log as it stands in the file
@pytest.mark.parametrize(
    ("log", "published", "num_samples"),
    [
        ("Qwen-Audio-Chat.librispeech_test_clean", 0.020258799562379748, 2617),
        ("Qwen2-Audio-7B-Instruct.aishell_asr_zh_test", 0.09260359129694522, 6920),
        ("Qwen2-Audio-7B-Instruct.librispeech_test_clean", 0.035141660693401744, 2617),
        ("SALMONN_7B.librispeech_test_clean", 0.10270871845172973, 2617),
        ("whisper_large_v3.librispeech_test_clean", 0.01878749009695552, 2617),
        ("Qwen2-Audio-7B-Instruct.common_voice_15_en_test", 0.11438872500819404, 16348),
    ],
)
def test_audiobench_error_rates_are_met(
    otoscope: Command, audiobench: Path, log: str, published: float, num_samples: int
) -> None:
    result = otoscope("score", "--format", "audiobench", audiobench / f"{log}_wer_score.json", "--json")
    assert result.status == 0
    assert result.json["n_total"] == num_samples
    assert result.json["metrics"]["wer"]["value"] == pytest.approx(published, abs=1e-12)


def test_every_audiobench_log_is_read_or_says_why_not(otoscope: Command, audiobench: Path) -> None:
    for path in sorted(audiobench.glob("*_judge_score.json")):
        result = otoscope("score", "--format", "audiobench", path, "--metrics", "rouge_l", "--json")
        assert (result.status, result.json["n_total"]) == (0, 20)  # the file was cut to its first 20
        assert "it was cut, and scores are of what is left" in result.stderr
    for path in [*audiobench.glob("*_meteor_score.json"), *audiobench.glob("*_bleu_score.json")]:
        result = otoscope("score", "--format", "audiobench", path)
        assert result.status == 2
        assert "holds scores alone" in result.stderr


def test_an_audiobench_log_is_matched_to_utterances_by_their_references(
    otoscope: Command, audiobench: Path, corpora: Path, write_jsonl: Callable[..., Path], tmp_path: Path
) -> None:
    lines = (
        (corpora / "results" / "fbai_is21_deep_bias" / "test-clean.ref.tsv").read_text(encoding="utf-8").splitlines()
    )
    names = dict(line.split("\t") for line in lines)  # id to lower-case text, all 2620 utterances
    once = {text for text, count in Counter(names.values()).items() if count == 1}
    document = json.loads((audiobench / "whisper_large_v3.librispeech_test_clean_wer_score.json").read_text())
    kept = [item for item in document["sample_wer"] if item["reference"] in once]
    assert len(kept) > 1000  # the others, AudioBench's normalisation changed
    truth = {item["reference"] for item in kept}
    rows = [
        {"id": name, "audio": f"{name}.flac", "references": [text.upper()]}
        for name, text in names.items()
        if text in truth
    ]
    log = tmp_path / "librispeech_test_clean_wer_score.json"
    log.write_text(json.dumps({"wer": 0.0, "sample_wer": kept}))
    task = ("--task", "librispeech:test-clean", "--manifest", write_jsonl("m.jsonl", *rows), "--model-name", "w")
    result = otoscope("score", "--format", "audiobench", log, *task, "--results-dir", tmp_path / "r", "--json")
    assert result.status == 0, result.stderr
    assert f"{len(kept)} answers are matched to librispeech:test-clean by reference" in result.stderr
    predictions = (Path(result.json["run_dir"]) / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    said = {item["reference"]: item["prediction"] for item in kept}
    for line in map(json.loads, predictions):
        assert line["hypothesis"] == said[names[line["id"]]]
