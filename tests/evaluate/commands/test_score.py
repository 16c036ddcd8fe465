"""`otoscope score`: files without a task, and the answers of an outside system as a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
Write = Callable[..., Path]


def test_one_sample_has_bounds_for_programs_and_a_dash_for_people(otoscope: Command, write_jsonl: Write) -> None:
    references = write_jsonl("r.jsonl", {"id": "a", "references": ["one two"]})
    predictions = write_jsonl("p.jsonl", {"id": "a", "hypothesis": "one"})
    files = ("score", "--references", references, "--predictions", predictions, "--metrics", "wer")
    wer = otoscope(*files, "--json").json["metrics"]["wer"]
    assert (wer["value"], wer["ci"]) == (0.5, [0.5, 0.5])
    assert "one sample" in wer["ci_note"]
    assert "50.00 – 50.00" not in otoscope(*files).stdout


def test_files_are_scored_without_a_task(otoscope: Command, write_jsonl: Write) -> None:
    references = write_jsonl(
        "r.jsonl", {"id": "a", "references": ["the cat sat"]}, {"id": "b", "references": ["hello"], "language": "en"}
    )
    predictions = write_jsonl("p.jsonl", {"id": "b", "hypothesis": "Hello."}, {"id": "a", "hypothesis": "the cat"})
    files = ("score", "--references", references, "--predictions", predictions)
    document = otoscope(*files, "--metrics", "wer,cer", "--json").json
    assert document["metrics"]["wer"]["value"] == pytest.approx(1 / 4)
    assert document["metrics"]["wer"]["signature"].startswith("wer|norm:whisper-en@1")
    assert (document["task"], document["n_total"], document["primary"]) == (None, 2, "wer")
    plain = otoscope(*files, "--metrics", "wer", "--normalizer", "none", "--json").json
    assert plain["metrics"]["wer"]["value"] == pytest.approx(2 / 4)
    assert "25.00 %" in otoscope(*files, "--metrics", "wer").stdout


@pytest.mark.parametrize(
    ("references", "predictions", "message"),
    [
        ([{"id": "a", "references": ["x"]}], [{"id": "b", "hypothesis": "x"}], "no line for id 'a'"),
        (
            [{"id": "a", "references": ["x"]}],
            [{"id": "a", "hypothesis": "x"}, {"id": "b", "hypothesis": "x"}],
            "id 'b' is unknown",
        ),
        (
            [{"id": "a", "references": ["x"], "language": "en"}, {"id": "b", "references": ["x"], "language": "zh"}],
            [{"id": "a", "hypothesis": "x"}, {"id": "b", "hypothesis": "x"}],
            "lines name several languages (en, zh)",
        ),
    ],
)
def test_files_that_do_not_fit_are_errors(
    otoscope: Command, write_jsonl: Write, references: list[Any], predictions: list[Any], message: str
) -> None:
    files = (write_jsonl("r.jsonl", *references), "--predictions", write_jsonl("p.jsonl", *predictions))
    result = otoscope("score", "--references", *files, "--metrics", "wer")
    assert result.status == 2
    assert message in result.stderr


def test_an_outside_system_is_scored_as_a_run_of_a_task(
    otoscope: Command, librispeech: Path, write_jsonl: Write, tmp_path: Path
) -> None:
    lines = [{"id": name, "hypothesis": "a tone"} for name in ("11-22-0000", "11-22-0001", "33-44-0000")]
    common = ("--data-dir", librispeech, "--results-dir", tmp_path / "r", "--model-name", "../my asr!")
    predictions = write_jsonl("p.jsonl", *lines)
    result = otoscope("score", "--task", "librispeech:test-clean", "--predictions", predictions, *common, "--json")
    assert result.status == 0
    assert result.json["model"] == "../my asr!"
    assert Path(result.json["run_dir"]).parts[-4:-1] == ("my_asr", "librispeech", "test-clean")
    several = otoscope("score", "--task", "librispeech", "--predictions", predictions, *common)
    assert several.status == 2
    assert "has several splits (test-clean, test-other); name the one" in several.stderr


def test_a_language_that_is_no_code_is_an_error(otoscope: Command, write_jsonl: Write) -> None:
    files = (write_jsonl("r.jsonl", {"id": "a", "references": ["x"]}), "--predictions")
    predictions = write_jsonl("p.jsonl", {"id": "a", "hypothesis": "x"})
    result = otoscope("score", "--references", *files, predictions, "--metrics", "wer", "--language", "english")
    assert result.status == 2
    assert "language 'english': expected an ISO 639 code like en, zh or yue" in result.stderr


def test_failed_predictions_of_files_exit_3(otoscope: Command, write_jsonl: Write) -> None:
    references = write_jsonl(
        "r.jsonl", {"id": "a", "references": ["", "one two three"]}, {"id": "b", "references": ["x"]}
    )
    failed = {"id": "a", "hypothesis": None, "error": {"type": "E", "message": "m"}}
    predictions = write_jsonl("p.jsonl", failed, {"id": "b", "hypothesis": "x"})
    files = ("score", "--references", references, "--predictions", predictions, "--metrics", "wer", "--json")
    result = otoscope(*files)
    assert (result.status, result.json["n_failed"]) == (3, 1)
    assert result.json["metrics"]["wer"]["value"] == pytest.approx(3 / 4)  # the longest reference is deleted
    assert result.json["metrics"]["wer"]["value_without_failed"] == 0
    assert otoscope(*files, "--allow-failures", 1).status == 0
