import json
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
        "--language",
        "en",
    )
    result = otoscope(*command)
    assert (result.status, "the task says metrics, language" in result.stderr) == (2, True)


def test_very_many_groups_are_not_listed_but_still_drawn(score: Command) -> None:
    lines = [("a", "a", {"groups": {"speaker": f"s{number // 2}"}}) for number in range(402)]
    metric = score(lines, "--metrics", "ser").json["metrics"]["ser"]
    assert metric["by"] == {"speaker": {}}
    assert metric["ci_method"]["n_units"] == 201


def test_references_that_normalising_makes_one_label_are_one_and_those_it_empties_none(score: Command) -> None:
    lines = [("[music]", "[noise]"), ("[noise]", "[music]")]
    assert score(lines, "--metrics", "accuracy").json["metrics"]["accuracy"]["value"] == 0
    result = score(lines, "--metrics", "macro_f1")
    assert (result.status, "references '[music]' and '[noise]' are one label after" in result.stderr) == (2, True)
    result = score([("C++", "C#"), ("C#", "C#")], "--metrics", "map")
    assert (result.status, "references 'C++' and 'C#' are one label after normalising" in result.stderr) == (2, True)
    result = score([("♪", ""), ("tap", "tap")], "--metrics", "macro_f1")
    assert (result.status, "the choice '♪' is nothing after normalising" in result.stderr) == (2, True)
    lines = [("Happy", "happy"), ("happy", "happy")]  # two labels as coded there
    metric = score(lines, "--metrics", "macro_f1", "--protocol", "qwen-audio").json["metrics"]["macro_f1"]
    assert metric["settings"]["choices"] == ["Happy", "happy"]
    lines = [("Dog", "dog."), ("dog", "DOG")]
    assert score(lines, "--metrics", "macro_f1").json["metrics"]["macro_f1"]["value"] == 1


def test_no_label_is_a_legal_reference_of_average_precision(score: Command) -> None:
    lines = [("", "bright"), ("bright", "bright"), (["bright", "dark"], "dark, bright")]
    for options in ((), ("--choices", "bright,dark,reverb")):
        metric = score(lines, "--metrics", "map", *options).json["metrics"]["map"]
        assert "" not in metric["settings"]["choices"]
        assert metric["value"] == pytest.approx((2 / 3 + 1) / 2)


def test_settings_hold_no_choices_where_there_are_no_labels(score: Command) -> None:
    metrics = score([("a b", "a b"), ("c", "c")], "--metrics", "wer,accuracy").json["metrics"]
    assert [metric["settings"]["choices"] for metric in metrics.values()] == [[], []]


def test_an_extractor_is_nothing_to_a_metric_of_texts(score: Command) -> None:
    result = score([("a", "a")], "--metrics", "accuracy,wer", "--extractor", "named")
    assert (result.status, "--extractor reads labels, which are nothing to metric 'wer'" in result.stderr) == (2, True)


def test_an_option_that_no_metric_looks_at_is_an_error(score: Command, tmp_path: Path) -> None:
    result = score([("a", "a")], "--metrics", "cider", "--spice-input", tmp_path / "in.json")
    assert (result.status, "--spice-input is for spice, spider, spider_fl" in result.stderr) == (2, True)
    result = score([("a", "a")], "--metrics", "spice", "--spice-input", tmp_path / "no" / "in.json")
    assert (result.status, "cannot be written" in result.stderr) == (2, True)


def test_samples_are_written_where_asked(score: Command, tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    score([("a b", "a x"), ("", "")], "--metrics", "wer,ser", "--normalizer", "none", "--samples", path)
    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert (first["id"], first["answer"], first["values"]) == ("0", "a x", {"wer": 0.5, "ser": 1})
    assert second["values"] == {"wer": None, "ser": 0}


def test_samples_that_name_no_speaker_are_drawn_by_themselves(score: Command) -> None:
    lines = [("a", "b" if number < 6 else "a", {"groups": {"speaker": f"s{number // 3}"}}) for number in range(12)]
    whole = score(lines, "--metrics", "ser", "--normalizer", "none").json["metrics"]["ser"]
    part = score([*lines, ("a", "a")], "--metrics", "ser", "--normalizer", "none").json["metrics"]["ser"]
    assert (part["ci_method"]["unit"], part["ci_method"]["n_units"]) == ("speaker", 5)
    assert "1 samples name no speaker and are drawn by themselves" in part["ci_note"]
    assert (list(whole["by"]), list(part["by"])) == (["speaker"], [])
    assert part["ci"][1] - part["ci"][0] > 0.5  # by sample it would be less


def test_intervals_of_a_part_draw_its_speakers(score: Command) -> None:
    lines = [
        (
            "a",
            "b" if number % 40 < 20 else "a",
            {"groups": {"speaker": f"s{number // 10}", "domain": f"d{number // 40}"}},
        )
        for number in range(80)
    ]
    by = score(lines, "--metrics", "ser", "--normalizer", "none").json["metrics"]["ser"]["by"]["domain"]
    assert by["d0"]["value"] == 0.5
    assert by["d0"]["ci"] == [0, 1]  # four speakers, two of them always wrong; by sample it would be [0.35, 0.65]
    assert (by["d0"]["n"], by["d0"]["n_total"], by["d0"]["n_failed"]) == (40, 40, 0)


def test_what_cannot_be_read_at_all_is_said(otoscope: Command, score: Command, tmp_path: Path) -> None:
    lines = [("tap", "It is a tap."), ("kettle", "A kettle, surely.")]
    document = score(lines, "--metrics", "accuracy", "--extractor", "exact").json
    assert "no answer could be read" in document["metrics"]["accuracy"]["note"]
    files = ("--references", tmp_path / "r.jsonl", "--predictions", tmp_path / "p.jsonl")
    shown = otoscope("score", *files, "--metrics", "accuracy", "--extractor", "exact").stdout
    assert "no answer could be read" in shown


def test_likely_slips_of_language_are_said(score: Command) -> None:
    lines = [("他昨天在东京买了三本书。", "他昨天在东京买了两本书。")]
    assert "give the language, zh or ja" in score(lines, "--metrics", "bleu").json["metrics"]["bleu"]["note"]
    assert "note" not in score(lines, "--metrics", "bleu", "--language", "zh").json["metrics"]["bleu"]
    assert "see cer and mer" in score(lines, "--metrics", "wer", "--language", "zh").json["metrics"]["wer"]["note"]


def test_the_published_word_error_rate_of_chinese_counts_characters(score: Command) -> None:
    lines = [("今天天气好", "今天天气坏")]
    options = ("--language", "zh", "--protocol", "qwen-audio")
    metrics = score(lines, "--metrics", "wer,cer", *options).json["metrics"]
    assert metrics["wer"]["value"] == metrics["cer"]["value"] == pytest.approx(0.2)
    assert "|unit:char|" in metrics["wer"]["signature"]


def test_texts_are_tokenised_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from evaluate.captions import ptb
    from evaluate.testing import value_of

    seen = []

    def once(text: str) -> list[str]:
        seen.append(text)
        return [f"{word}!" for word in text.split()]  # tokens that are no texts

    monkeypatch.setattr(ptb, "tokenize", once)
    value_of("cider", [["a dog", "rain"]], ["a dog"])
    assert seen == ["a dog", "a dog", "rain"]


def test_groups_are_those_that_the_manifest_names_now(otoscope: Command, write_jsonl: Write, tmp_path: Path) -> None:
    task = tmp_path / "t.yaml"
    task.write_text("name: t\nkind: asr\nmanifest: t.jsonl\nmetrics: [wer]\n")
    answers = write_jsonl("p.jsonl", *({"id": str(number), "hypothesis": "a"} for number in range(4)))
    command = (
        "score",
        "--task",
        task,
        "--predictions",
        answers,
        "--model-name",
        "m",
        "--results-dir",
        tmp_path,
        "--json",
    )
    units = []
    for groups in (False, True):
        speakers = [{"groups": {"speaker": str(number // 2)}} if groups else {} for number in range(4)]
        lines = ({"id": str(number), "references": ["a"], **speaker} for number, speaker in enumerate(speakers))
        write_jsonl("t.jsonl", *lines)
        units.append(otoscope(*command).json["metrics"]["wer"]["ci_method"]["unit"])
    assert units == ["sample", "speaker"]


def test_labels_given_twice_or_empty_are_an_error(score: Command) -> None:
    for choices, message in (("a,a,b", "the choices 'a' and 'a' are one"), ("a,b,", "holds an empty label")):
        result = score([("a", "a"), ("b", "b")], "--metrics", "macro_f1", "--choices", choices)
        assert (result.status, message in result.stderr) == (2, True)


def test_a_metric_asked_for_twice_is_computed_once(score: Command) -> None:
    lines = [("a", "a"), ("b", "c")]
    assert list(score(lines, "--metrics", "wer,wer, cer").json["metrics"]) == ["wer", "cer"]


def test_samples_are_not_written_over_what_is_read(score: Command, tmp_path: Path) -> None:
    for name, message in (("r.jsonl", "is one of the files that are read"), ("no/s.jsonl", "there is no folder")):
        result = score([("a", "a")], "--metrics", "wer", "--samples", tmp_path / name)
        assert (result.status, message in result.stderr) == (2, True)


def test_the_order_of_lines_moves_no_interval(score: Command) -> None:
    lines = [("a", "b" if number % 7 < 3 else "a", {"groups": {"speaker": f"s{number // 4}"}}) for number in range(60)]
    found = [score(order, "--metrics", "ser").json["metrics"]["ser"] for order in (lines, lines[::-1])]
    assert found[0]["ci"] == found[1]["ci"]
