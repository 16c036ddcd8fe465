"""What each reader takes, and what it says that it could not map."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.errors import ManifestError, RequestError
from evaluate.imports import BUILTIN, read_log
from evaluate.imports.base import ForeignLog, choose_part
from evaluate.types import Failure

Write = Callable[..., Path]
Records = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def read(write_log: Write) -> Callable[[str, list[dict[str, Any]]], ForeignLog]:
    return lambda name, lines: read_log(write_log(name, lines), name)


Read = Callable[[str, list[dict[str, Any]]], ForeignLog]


def told(log: ForeignLog) -> str:
    return "\n".join(log.notices)


def test_lmms_eval_keeps_what_the_model_said_before_filters(read: Read, records: Records) -> None:
    lines = records("lmms-eval")
    lines[1] |= {"resps": [["Another stone."]], "filtered_resps": ["stone"]}
    lines[2] |= {"filtered_resps": [["A third one.", "a second try"]]}  # so where resps was the same and left out
    log = read("lmms-eval", lines)
    assert [one.hypothesis for one in log.answers] == ["One tone.", "Another stone.", "A third one."]
    assert (log.metrics, log.language) == (("wer",), "en")
    assert "of 1 answers the text before lmms-eval's filters is taken" in told(log)
    assert "of 1 samples with several answers only the first is taken" in told(log)
    assert "not mapped, the fields doc_hash, wer:" in told(log)


def test_lmms_eval_reads_a_list_that_python_wrote_as_text(read: Read, records: Records) -> None:
    lines = records("lmms-eval")
    lines[0]["target"] = "['a bell', \"it's a bell\"]"
    lines[1]["target"] = r"['\d', __import__('os')]"
    lines[2]["target"] = "[" * 5000 + "]" * 5000
    targets = [one.references for one in read("lmms-eval", lines).answers]
    assert targets == [("a bell", "it's a bell"), (lines[1]["target"],), (lines[2]["target"],)]


def test_lmms_eval_counts_an_answer_once_whatever_the_filters(read: Read, records: Records) -> None:
    lines = [{**line, "resps": [line["filtered_resps"]]} for line in records("lmms-eval")]
    both = [{**line, "filter": name, "filtered_resps": [name]} for name in ("strict", "loose") for line in lines]
    log = read("lmms-eval", both)
    assert [one.hypothesis for one in log.answers] == ["One tone.", "Another stone.", "A third one."]
    assert "3 lines repeat an answer for another filter" in told(log)


def test_lmms_eval_takes_a_file_name_where_doc_has_one(read: Read, records: Records) -> None:
    lines = records("lmms-eval")
    for line, doc in zip(lines, ({"audio": {"path": "a.wav"}}, {"file": "b.wav"}, {"source": "x"}), strict=True):
        line["doc"] = doc
    assert [one.audio for one in read("lmms-eval", lines).answers] == [("a.wav",), ("b.wav",), ()]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"filtered_resps": [["-0.5", "True"], ["-1.5", "False"]], "resps": [[["-0.5", "True"]]]}, "likelihoods"),
        ({"filtered_resps": None}, r":2: 'filtered_resps' is null, expected a list of texts"),
        ({"doc_id": -1}, r":2: 'doc_id' is -1, expected a whole number from 0"),
        ({"doc_id": 0}, r":2: doc_id 0 stands already in .*:1, expected each once"),
        ({"target": None}, r":2: 'target' is null, expected the true text"),
    ],
)
def test_lmms_eval_refuses_what_it_does_not_know(
    read: Read, records: Records, change: dict[str, Any], message: str
) -> None:
    lines = records("lmms-eval")
    lines[1] |= change
    with pytest.raises(ManifestError, match=message):
        read("lmms-eval", lines)


def test_kimi_evalkit_marks_what_was_passed_over(read: Read, records: Records) -> None:
    lines = records("kimi-evalkit")
    lines[0] |= {"prediction": "null", "real_prompt": ""}
    lines[1] |= {"prediction": "null"}  # with a prompt: the model wrote that
    lines[2] |= {"prediction": 42, "answer": 42}  # as pandas leaves a text of digits
    log = read("kimi-evalkit", lines)
    first, second, third = log.answers
    assert isinstance(first.hypothesis, Failure)
    assert (second.hypothesis, third.hypothesis, third.references) == ("null", "42", ("42",))
    assert "1 samples have no prediction: failed here" in told(log)
    assert (log.metrics, log.language, list(log.parts)) == (("wer",), "en", ["test_clean"])


def test_kimi_evalkit_of_open_questions_names_no_references(read: Read, records: Records) -> None:
    log = read("kimi-evalkit", [{**line, "answer": ""} for line in records("kimi-evalkit")])
    assert {one.references for one in log.answers} == {()}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prediction": ["a"]}, r":2: 'prediction' is \[\"a\"\], expected a text"),
        ({"prediction": None}, r":2: 'prediction' is null"),
        ({"audio_path": None}, r":2: 'audio_path' is null"),
        ({"answer": float("nan")}, r":2: 'answer' is NaN, expected the true text"),
        ({"answer": []}, r":2: 'answer' is \[\]"),
        ({"answer": True}, r":2: 'answer' is true"),
        ({"index": 0}, r":2: index 0 stands already"),
        ({"subset": {}}, r":2: 'subset' is {}"),
    ],
)
def test_kimi_evalkit_refuses_what_it_does_not_know(
    read: Read, records: Records, change: dict[str, Any], message: str
) -> None:
    lines = records("kimi-evalkit")
    lines[1] |= change
    with pytest.raises(ManifestError, match=message):
        read("kimi-evalkit", lines)


def test_ultraeval_tells_failures_from_answers(read: Read, records: Records) -> None:
    lines = [line for line in records("ultraeval") if line["id"] != 0]
    trace = "Traceback (most recent call last):\n  File …\nRuntimeError: out of\x1b[31m memory"
    lines += [
        {"type": "error", "id": 0, "data": {"info": trace}},
        {"type": "prompt", "id": 3, "data": {"content": "transcribe"}},
        {"type": "prompt", "id": 4, "data": {"content": "transcribe"}},
        {"type": "inference", "id": 4, "data": {"content": '{"audio": "/tmp/a.wav", "text": "spoken"}'}},
        {"type": "error", "id": 4, "data": {"info": "ValueError: in the evaluator"}},
        {"type": "timing", "id": 4, "data": {}},
    ]
    log = read("ultraeval", lines)
    said = [one.hypothesis for one in log.answers]
    assert said[0] == Failure("Error", "RuntimeError: out of\x1b[31m memory")
    assert said[1:3] == ["Another stone.", "A third one."]
    assert isinstance(said[3], Failure)
    assert said[4] == "spoken"
    for line in (
        "of 2 answers the text before UltraEval-Audio's post-processing is taken",
        "1 answers were spoken",
        "1 answers whose scoring failed in UltraEval-Audio are scored here",
        "2 samples have no answer: failed here",
        "lines of the types 'timing' (1)",
        "UltraEval-Audio's scores wer%",
    ):
        assert line in told(log)
    assert (log.answers[1].audio, log.answers[1].question) == (("raw/11-22-0001.flac",), "transcribe")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"type": "inference", "id": 0, "data": {"content": "twice"}}, "'inference' of id 0 stands already in .*:6"),
        ({"type": "inference", "id": 9, "data": {"content": ["a"]}}, "'content' of the inference is .*expected a text"),
        ({"type": "inference", "id": 9, "data": {}}, "'content' of the inference is missing"),
        ({"type": "eval", "id": 9, "data": {"ref": "x"}}, "id 9 has a line 'eval' but none of 'inference' or 'error'"),
        ({"type": ["a"], "id": 9, "data": {}}, "expected {'type', 'id', 'data'}"),
    ],
)
def test_ultraeval_refuses_what_it_does_not_know(
    read: Read, records: Records, line: dict[str, Any], message: str
) -> None:
    with pytest.raises(ManifestError, match=message):
        read("ultraeval", [*records("ultraeval"), line])


def test_audiobench_reads_old_names_of_fields_too(read: Read, records: Records) -> None:
    old = {"reference": "answer", "instruction": "text"}
    lines = [{old.get(key, key): value for key, value in line.items()} for line in records("audiobench")]
    log = read("audiobench", lines)
    assert (log.answers[0].references, log.answers[0].question, log.metrics) == (("ONE TONE",), "Transcribe.", ("wer",))


def test_audiobench_scores_are_normalised_and_may_be_cut(tmp_path: Path) -> None:
    path = tmp_path / "librispeech_test_clean_wer_score.json"
    items = [{"reference": "one tone", "prediction": "empty", "wer": 1.0}]
    path.write_text(json.dumps({"wer": 1.0, "sample_wer": items}))  # on one line as well
    log = read_log(path, "audiobench")
    assert (log.normalizer, log.metrics) == ("none", ("wer",))
    assert "what the model wrote is gone" in told(log)
    assert '1 samples have the text "empty"' in told(log)
    judged = {"question": "q", "reference": "r", "model_prediction": "p", "rate_score": 4.0, "success": 1}
    for score, is_cut in ((80.0, False), (50.9, True)):
        path.write_text(json.dumps({"llama3_70b_judge": {"judge_score": score}, "details": [judged]}, indent=4))
        log = read_log(path, "audiobench")
        assert ("it was cut" in told(log)) == is_cut
        assert (log.normalizer, log.answers[0].hypothesis, log.answers[0].question) == (None, "p", "q")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"meteor": 0.2}', r"holds scores alone \({\"meteor\": 0.2}\), expected the answers"),
        ('{"wer": 1, "sample_wer": []}', r"'sample_wer' is \[\], expected a list"),
        ('{"wer": 1, "sample_wer": ["a"]}', r"sample_wer\[0\]: found \"a\", expected a JSON object"),
        ('[{"model_prediction": "a"}]', r":1: 'reference' is missing"),
        ('[{"model_prediction": null, "reference": "a"}]', r":1: 'model_prediction' is null"),
    ],
)
def test_audiobench_refuses_what_it_does_not_know(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(ManifestError, match=message):
        read_log(path, "audiobench")


def test_audiobench_tells_what_it_is_for_by_task_and_name(tmp_path: Path) -> None:
    for name, task, metrics, language in (
        ("aishell_asr_zh_test", "ASR", ("cer",), "zh"),
        ("covost2_en_zh_test", "ST", ("bleu",), "zh"),
        ("covost2_zh_en_test", "ST", ("bleu",), "en"),
        ("gigaspeech2_thai", "ASR", (), ""),
        ("clotho_aqa_test", "ASQA", (), ""),
    ):
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps([{"reference": "a", "model_prediction": "b", "task_type": task}]))
        log = read_log(path, "audiobench")
        assert (log.metrics, log.language) == (metrics, language)


def test_open_asr_tells_raw_texts_from_normalised_ones(read: Read, records: Records) -> None:
    plain = read("open-asr", records("open-asr"))
    assert (plain.normalizer, plain.language, plain.answers[2].index) == ("none", "en", 2)
    assert "the references and answers are normalised already" in told(plain)
    raw = read("open-asr", [{**line, "pred_text": "One tone."} for line in records("open-asr")])
    assert raw.normalizer is None
    assert "the references are normalised already" in told(raw)
    assert "runs over an API leave failed samples out" in told(raw)


def test_open_asr_names_language_and_null_answers(tmp_path: Path) -> None:
    path = tmp_path / "MODEL_x_DATASET_nithinraok-asr-leaderboard-datasets_fleurs_de_test.jsonl"
    path.write_text('{"audio_filepath": "clips/7.wav", "text": "Guten Tag.", "pred_text": null}\n')
    log = read_log(path, "open-asr")
    assert (log.language, log.answers[0].audio, log.answers[0].index) == ("de", ("clips/7.wav",), None)
    assert isinstance(log.answers[0].hypothesis, Failure)


def test_open_asr_joins_chunks(read: Read) -> None:
    def chunk(number: int, said: str | None, parent: str = "talk") -> dict[str, Any]:
        return {
            "audio_filepath": f"sample_{number}",
            "text": "the whole talk",
            "pred_text": said,
            "parent_id": parent,
            "chunk_index": number,
        }

    log = read("open-asr", [chunk(1, " talk"), chunk(0, "the whole "), chunk(0, None, "other")])
    assert log.answers[0].hypothesis == "the whole talk"
    assert isinstance(log.answers[1].hypothesis, Failure)
    assert "3 chunks are joined into 2 recordings" in told(log)
    with pytest.raises(ManifestError, match="chunk 0 of 'talk' is missing"):
        read("open-asr", [chunk(1, "talk")])
    with pytest.raises(ManifestError, match="chunk 1 of 'talk' stands already in"):
        read("open-asr", [chunk(1, "talk"), chunk(1, "talk")])


@pytest.mark.parametrize("text", ['[["a", "b"], ["c"]]', [["a", "b"], ["c"]]])
def test_open_asr_refuses_a_lattice(read: Read, text: Any) -> None:
    with pytest.raises(ManifestError, match=r"'text' is \[\[|a lattice of spellings"):
        read("open-asr", [{"audio_filepath": "sample_0", "text": text, "pred_text": "a c"}])


def test_qwen_audio_keeps_special_tokens_and_lists_of_captions(tmp_path: Path) -> None:
    path = tmp_path / "clotho_240101000000.json"
    row = {"gt": ["a bell", "bells"], "response": "<|en|>a bell", "source": "clotho_eval", "audio_path": "a.wav"}
    path.write_text(json.dumps([row]))
    log = read_log(path, "qwen-audio")
    assert (log.answers[0].references, log.answers[0].hypothesis) == (("a bell", "bells"), "<|en|>a bell")
    assert "1 answers hold special tokens" in told(log)
    assert log.metrics[0] == "cider"


@pytest.mark.parametrize(
    ("name", "metrics", "language"),
    [("covost2", ("bleu",), "zh"), ("cv15_yue", ("cer",), "yue"), ("meld", ("accuracy",), "en"), ("other", (), "")],
)
def test_qwen_audio_tells_what_it_is_for_by_the_file_name(
    tmp_path: Path, name: str, metrics: tuple[str, ...], language: str
) -> None:
    path = tmp_path / f"{name}_240101000000.json"
    path.write_text(json.dumps([{"gt": "a", "response": "b", "source": "covost_en_zh_test", "audio_path": "a.wav"}]))
    log = read_log(path, "qwen-audio")
    assert (log.metrics, log.language) == (metrics, language)


def test_qwen_audio_of_the_chat_evaluation_has_ids_and_no_truth(tmp_path: Path) -> None:
    path = tmp_path / "airbench_level3_240101000000.json"
    path.write_text(json.dumps([{"idx": 7, "response": "It is.", "audio_path": "/x/7.wav"}]))
    [answer] = read_log(path, "qwen-audio").answers
    assert (answer.id, answer.references, answer.part) == ("7", (), "")


def test_qwen_audio_refuses_an_answer_without_a_file(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps([{"gt": "a", "response": "b", "source": "s", "audio_path": ""}]))
    with pytest.raises(ManifestError, match=":1: 'audio_path' is \"\", expected a path"):
        read_log(path, "qwen-audio")


@pytest.mark.parametrize("name", BUILTIN)
def test_no_reader_takes_the_log_of_another(write_log: Write, name: str) -> None:
    path = write_log(name)
    for other in BUILTIN:
        if other != name:
            with pytest.raises(ManifestError, match=f"--format {name} reads such a file"):
                read_log(path, other)


def test_a_part_that_is_called_all_is_that_part(read: Read, records: Records) -> None:
    lines = records("kimi-evalkit")
    lines[0]["subset"] = "all"
    log = read("kimi-evalkit", lines)
    assert len(choose_part(log, "all").answers) == 1
    with pytest.raises(RequestError, match=r"unknown part 'tset_clean'; did you mean 'test_clean'"):
        choose_part(log, "tset_clean")
