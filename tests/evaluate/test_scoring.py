from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]
Write = Callable[..., Path]


@pytest.fixture
def score(otoscope: Command, write_jsonl: Write) -> Command:
    """Score answers against references given as (references, answer[, more fields]); returns the command's result."""

    def run(lines: list[tuple[Any, ...]], *options: object) -> Any:
        truth, answers = [], []
        for number, (references, answer, *more) in enumerate(lines):
            texts = [references] if isinstance(references, str) else references
            truth.append({"id": str(number), "references": texts, **(more[0] if more else {})})
            answers.append({"id": str(number), "hypothesis": answer})
        files = ("--references", write_jsonl("r.jsonl", *truth), "--predictions", write_jsonl("p.jsonl", *answers))
        return otoscope("score", *files, "--json", *options)

    return run


def test_the_interval_is_resampled_by_speaker_where_lines_name_speakers(score: Command) -> None:
    lines = [
        ("a b", "a x" if number < 6 else "a b", {"groups": {"speaker": f"s{number // 3}"}}) for number in range(12)
    ]
    by_speaker = score(lines, "--metrics", "wer", "--normalizer", "none").json["metrics"]["wer"]
    by_sample = score([line[:2] for line in lines], "--metrics", "wer", "--normalizer", "none").json["metrics"]["wer"]
    assert by_speaker["value"] == by_sample["value"] == 0.25
    assert (by_speaker["ci_method"]["unit"], by_speaker["ci_method"]["n_units"]) == ("speaker", 4)
    assert by_speaker["ci_note"] == "only 4 speakers: the interval is rough"
    assert by_sample["ci_method"]["unit"] == "sample"
    width = [score["ci"][1] - score["ci"][0] for score in (by_speaker, by_sample)]
    assert width[0] > width[1]
    first = by_speaker["by"]["speaker"]["s0"]
    assert (first["value"], first["n"], first["ci"]) == (0.5, 3, [0.5, 0.5])


def test_the_table_says_what_an_interval_lacks(otoscope: Command, score: Command, tmp_path: Path) -> None:
    score([("a", "a", {"groups": {"speaker": "x"}}), ("b", "c", {"groups": {"speaker": "x"}})], "--metrics", "wer")
    files = ("--references", tmp_path / "r.jsonl", "--predictions", tmp_path / "p.jsonl")
    shown = " ".join(otoscope("score", *files, "--metrics", "wer").stdout.split())
    assert "95 % interval: all samples are of one speaker" in shown


def test_answers_are_read_out_by_the_extractor_that_is_named(score: Command) -> None:
    lines = [("kettle", "It must be a kettle."), ("tap", "B"), ("tap", "a knife or a tap")]
    found = {
        extractor: score(lines, "--metrics", "accuracy", "--choices", "kettle,tap,knife", "--extractor", extractor).json
        for extractor in ("exact", "named", "letter")
    }
    counts = {name: (document["n_scored"], document["n_unparsed"]) for name, document in found.items()}
    assert counts == {"exact": (0, 3), "named": (1, 2), "letter": (1, 2)}
    assert "|extractor:letter|" in found["letter"]["metrics"]["accuracy"]["signature"]
    values = {name: document["metrics"]["accuracy"]["value"] for name, document in found.items()}
    assert values == {"exact": 0, "named": pytest.approx(1 / 3), "letter": pytest.approx(1 / 3)}


def test_classes_may_be_more_than_those_that_occur(score: Command) -> None:
    lines = [("kettle", "kettle"), ("tap", "kettle"), ("tap", "a spoon")]
    metric = score(lines, "--metrics", "macro_f1", "--choices", "kettle,tap,knife").json["metrics"]["macro_f1"]
    assert metric["value"] == pytest.approx(2 / 3 / 3)  # kettle: precision 1/2, recall 1; the others 0
    assert metric["confusion"] == {
        "labels": ["kettle", "tap", "knife"],
        "matrix": [[1, 0, 0], [1, 0, 0], [0, 0, 0]],
        "unparsed": [0, 1, 0],
    }
    assert metric["per_class"]["kettle"] == {
        "precision": 0.5,
        "recall": 1.0,
        "f1": pytest.approx(2 / 3),
        "support": 1,
        "predicted": 2,
    }
    assert (metric["n_scored"], metric["n_unparsed"]) == (2, 1)  # this metric's own count
    result = score(lines, "--metrics", "macro_f1", "--choices", "kettle,knife")
    assert (result.status, "reference 'tap' is none of the choices: kettle, knife" in result.stderr) == (2, True)


def test_any_right_answer_of_several_counts_for_its_class(score: Command) -> None:
    lines = [(["kettle", "pot"], "pot"), (["kettle"], "tap"), (["tap"], "tap")]
    metric = score(lines, "--metrics", "macro_f1").json["metrics"]["macro_f1"]
    assert metric["confusion"]["matrix"] == [[0, 0, 1], [0, 1, 0], [0, 0, 1]]  # kettle, pot, tap


def test_a_protocol_scores_as_the_published_evaluation_did(score: Command) -> None:
    lines = [("hello world", "Hello, world.")]
    sound = score(lines, "--metrics", "wer", "--language", "en").json["metrics"]["wer"]
    published = score(lines, "--metrics", "wer", "--language", "en", "--protocol", "qwen-audio").json["metrics"]["wer"]
    assert (sound["value"], published["value"]) == (0, 1)
    assert "|protocol:qwen-audio|" in published["signature"]
    assert "protocol" not in sound["signature"]
    result = score(lines, "--metrics", "wer", "--protocol", "qwen")
    assert (result.status, "unknown protocol 'qwen'" in result.stderr) == (2, True)


def test_options_of_scoring_two_files_are_not_those_of_a_task(otoscope: Command, write_jsonl: Write) -> None:
    answers = write_jsonl("p.jsonl", {"id": "1", "hypothesis": "a"})
    command = (
        "score",
        "--task",
        "librispeech",
        "--predictions",
        answers,
        "--model-name",
        "m",
        "--protocol",
        "qwen-audio",
    )
    result = otoscope(*command)
    assert (result.status, "the task says metrics, language" in result.stderr) == (2, True)


def test_very_many_groups_are_not_listed_but_still_drawn(score: Command) -> None:
    lines = [("a", "a", {"groups": {"speaker": f"s{number // 2}"}}) for number in range(402)]
    metric = score(lines, "--metrics", "ser").json["metrics"]["ser"]
    assert metric["by"] == {"speaker": {}}
    assert metric["ci_method"]["n_units"] == 201
