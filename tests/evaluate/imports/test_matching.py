"""Which answer is of which sample, where a log does not name the samples."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.errors import ManifestError
from evaluate.imports.base import LoggedAnswer
from evaluate.imports.matching import Matched, clip_names, match_answers
from evaluate.types import AudioRef, Failure, Sample


def sample(name: str, *references: str, audio: str = "", question: str = "", language: str = "en") -> Sample:
    refs = (AudioRef(Path(audio)),) if audio else ()
    return Sample(name, refs, "", references or (f"text of {name}",), question=question, language=language)


def answer(said: str | Failure, *references: str, **more: Any) -> LoggedAnswer:
    return LoggedAnswer(f"log:{said}", said, references, **more)


def matched(answers: list[LoggedAnswer], samples: list[Sample]) -> Matched:
    return match_answers(answers, samples, path="log", title="t:test")


def pairs(found: Matched) -> dict[str, Any]:
    return {name: one.hypothesis for name, one in found.answers.items()}


SAMPLES = [sample("a"), sample("b"), sample("c")]


def test_ids_come_first() -> None:
    found = matched([answer("1", "text of c", id="c", audio=("b.wav",)), answer("2", "text of a", id="a")], SAMPLES)
    assert (pairs(found), found.how, found.differing) == ({"c": "1", "a": "2"}, "id", ())


@pytest.mark.parametrize(
    "path", ["/x/b.flac", "C:\\x\\b.wav", "https://host/x/b.wav?token=a/c.wav", "b", "b.tar.gz/b.mp3"]
)
def test_a_file_name_is_an_id_without_its_suffix(path: str) -> None:
    found = matched([answer("1", audio=(path,))], SAMPLES)
    assert (pairs(found), found.how) == ({"b": "1"}, "audio file")


def test_a_file_name_is_that_of_the_samples_own_file() -> None:
    samples = [sample("row-1", audio="clips/x.1.wav"), sample("row-2", audio="clips/y.wav")]
    assert pairs(matched([answer("1", audio=("/other/x.1.flac",))], samples)) == {"row-1": "1"}


def test_of_files_of_one_name_the_longest_common_path_counts() -> None:
    samples = [sample("1", audio="c/test/dogs/1.wav"), sample("2", audio="c/test/cats/1.wav")]
    assert pairs(matched([answer("meow", audio=("/data/cats/1.wav",))], samples)) == {"2": "meow"}


def test_of_several_questions_on_a_clip_references_and_questions_decide() -> None:
    samples = [
        sample("1", "yes", audio="a.wav", question="Is it a bell?"),
        sample("2", "no", audio="a.wav", question="Is it a drum?"),
        sample("3", "no", audio="a.wav", question="Is it loud?"),
    ]
    by_truth = answer("1", "Yes.", audio=("a.wav",))
    by_question = answer("2", "no", audio=("a.wav",), question="Is it loud? Answer with one word.")
    assert pairs(matched([by_truth, by_question], samples)) == {"1": "1", "3": "2"}
    with pytest.raises(ManifestError, match=r"log:x: audio 'a.wav' could be of samples '2', '3' of t:test \(1 such"):
        matched([answer("x", "no", audio=("a.wav",))], samples)


@pytest.mark.parametrize("key", [{"id": "z"}, {"audio": ("z.wav",)}])
def test_an_answer_of_no_sample_is_an_error_that_counts_them(key: dict[str, Any]) -> None:
    known = {"id": "a"} if "id" in key else {"audio": ("a.wav",)}
    with pytest.raises(ManifestError, match=r"log:2: .*'z.*' is of no sample of t:test \(1 such answers of 2\)"):
        matched([answer("1", **known), answer("2", **key)], SAMPLES)


def test_two_answers_of_a_sample_are_an_error() -> None:
    with pytest.raises(ManifestError, match="log:2: is of sample 'a', which log:1 is of already"):
        matched([answer("1", audio=("x/a.wav",)), answer("2", audio=("y/a.wav",))], SAMPLES)


def test_places_count_where_every_reference_agrees() -> None:
    same = [sample("a", "dog"), sample("b", "cat"), sample("c", "dog")]
    logged = [answer("1", "Dog.", index=0), answer(Failure("E", "m"), index=1), answer("3", "DOG", index=2)]
    found = matched(logged, same)
    assert found.how.startswith("position")
    assert list(pairs(found)) == ["a", "b", "c"]


def test_a_place_is_not_believed_where_the_question_is_another() -> None:
    samples = [sample("1", "yes", question="Is it a bell?"), sample("2", "yes", question="Is it loud?")]
    logged = [
        answer("1", "yes", index=0, question="Is it loud? yes or no"),
        answer("2", "yes", index=1, question="Is it a bell? yes or no"),
    ]
    found = matched(logged, samples)
    assert (pairs(found), found.how) == ({"1": "2", "2": "1"}, "reference")


def test_references_count_in_any_order_and_normalised_by_the_program() -> None:
    samples = [sample("1", "MISTER SMITH, HELLO"), sample("2", "twenty one"), sample("3", "甚至出现", language="zh")]
    logged = [answer("c", "甚 至 出 现", index=0), answer("b", "21", index=1), answer("a", "mr smith hello", index=9)]
    found = matched(logged, samples)
    assert (pairs(found), found.how) == ({"3": "c", "2": "b", "1": "a"}, "reference")


def test_samples_of_one_reference_are_ambiguous_unless_the_answers_are_the_same() -> None:
    samples = [sample("1", "yes"), sample("2", "yes"), sample("3", "no")]
    third = answer("no", "no", index=0)
    found = matched([third, answer("Yes", "yes", index=1), answer("Yes", "yes", index=2)], samples)
    assert pairs(found) == {"3": "no", "1": "Yes", "2": "Yes"}
    message = r"the answer to 'yes' could be of samples '1', '2' of t:test \(2 such answers of 3\)"
    with pytest.raises(ManifestError, match=message):
        matched([third, answer("Yes", "yes", index=1), answer("Yeah", "yes", index=2)], samples)


def test_a_reference_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ManifestError, match="the answer to 'other' is of no sample"):
        matched([answer("1", "text of a", index=5), answer("2", "other", index=6)], SAMPLES)


def test_a_log_without_anything_to_match_by_is_an_error() -> None:
    with pytest.raises(ManifestError, match="its answers have no id, audio file or reference of t:test"):
        matched([answer("1", audio=("q.wav",), index=0)], SAMPLES)


def test_other_references_are_told_and_refused_where_they_are_most() -> None:
    logged = [answer(name, f"text of {name}", id=name) for name in "ab"]
    found = matched([*logged, answer("c", "another text", id="c")], SAMPLES)
    assert found.differing == ("c",)
    wrong = [answer(name, "another text", id=name) for name in "abc"]
    with pytest.raises(ManifestError, match="log:a: 3 of 3 references differ from those of t:test, the first 'another"):
        matched(wrong, SAMPLES)


@pytest.mark.parametrize("path", ["", "/", ".wav", "..", "a" * 100_000, "\x00", "\ud800.wav"])
def test_any_name_of_a_file_can_be_asked_for(path: str) -> None:
    assert len(clip_names([path])) == 1
    with pytest.raises(ManifestError):
        matched([answer("1", audio=(path,))], SAMPLES)


def test_differing_references_are_told_with_the_run(
    otoscope: Callable[..., Any],
    librispeech: Path,
    write_log: Callable[..., Path],
    records: Callable[[str], list[dict[str, Any]]],
    tmp_path: Path,
) -> None:
    lines = records("kimi-evalkit")
    lines[0]["answer"] = "ANOTHER TEXT"
    command = ("score", "--task", "librispeech:test-clean", "--model-name", "x", "--data-dir", librispeech)
    result = otoscope(
        *command, "--results-dir", tmp_path / "r", "--format", "kimi-evalkit", write_log("kimi-evalkit", lines)
    )
    assert result.status == 0
    line = "of 1 samples the log has another reference than the corpus, the first '11-22-0000'; the corpus's counts"
    assert line in result.stderr
