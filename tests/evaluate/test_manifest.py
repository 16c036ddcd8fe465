from collections.abc import Callable
from pathlib import Path

import pytest

from evaluate.answer_files import read_hypotheses, read_references
from evaluate.errors import ManifestError
from evaluate.manifest import misnamed_fields, read_manifest
from evaluate.types import Failure

GOOD = {"id": "a", "audio": "a.wav", "references": ["x"]}
Write = Callable[..., Path]


def test_both_forms_are_read(write_jsonl: Write, tmp_path: Path) -> None:
    path = write_jsonl(
        "m.jsonl",
        {"id": "k-1", "audio": ["a.wav", "b.wav"], "references": ["x", ""], "start_s": 1, "duration_s": 2.5},
        "",
        {"audio": "clips/one.two.wav", "gt": "y", "source": "kitchen_test"},
    )
    own, converted = read_manifest(path, data_dir=tmp_path)
    assert [(ref.path, ref.start_s, ref.duration_s) for ref in own.audio] == [
        (tmp_path / "a.wav", 1.0, 2.5),
        (tmp_path / "b.wav", 1.0, 2.5),
    ]
    assert own.references == ("x", "")
    assert (converted.id, converted.references, converted.source) == ("one.two", ("y",), "kitchen_test")


def test_audio_is_looked_for_beside_the_manifest_and_then_in_the_data_folder(
    write_jsonl: Write, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "far.wav").touch()
    (tmp_path / "near.wav").touch()
    path = write_jsonl(
        "m.jsonl",
        {"id": "n", "audio": "near.wav", "references": ["x"]},
        {"id": "f", "audio": "far.wav", "references": ["x"]},
    )
    near, far = read_manifest(path, data_dir=data)
    assert (near.audio[0].path, far.audio[0].path) == (tmp_path / "near.wav", data / "far.wav")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "a", ', r"m\.jsonl:2: not valid JSON \([^():]*, column 12\), expected"),
        ('{"id": "a" "audio"}', r"m\.jsonl:2: not valid JSON \(Expecting ',' delimiter, column 12\), expected"),
        ("[1, 2]", r"m\.jsonl:2: found list, expected a JSON object"),
        ({**GOOD, "id": "first"}, r"m\.jsonl:2: id 'first' stands already in .*m\.jsonl:1"),
        ({**GOOD, "id": 7}, r"m\.jsonl:2: 'id' is 7, expected a string"),
        ({**GOOD, "id": ""}, r"m\.jsonl:2: 'id' is empty"),
        ({"id": "a", "audio": "a.wav"}, r"m\.jsonl:2: 'references' is missing, expected a list of strings"),
        (
            {"id": "a", "reference": ["x"]},
            r"m\.jsonl:2: 'references' is missing \(there is 'reference'\), expected a list",
        ),
        ({"ids": "a", "references": ["x"]}, r"m\.jsonl:2: 'id' is missing \(there is 'ids'\), expected a string"),
        ({**GOOD, "references": None}, r"m\.jsonl:2: 'references' is null, expected a list .* null is not"),
        ({**GOOD, "references": [None]}, r"m\.jsonl:2: 'references' is \[null\]"),
        ({**GOOD, "references": "x"}, r"m\.jsonl:2: 'references' is \"x\", expected a list"),
        ({**GOOD, "references": []}, r"m\.jsonl:2: 'references' is \[\]"),
        ({**GOOD, "audio": 3}, r"m\.jsonl:2: 'audio' is 3, expected a path"),
        ({**GOOD, "duration_s": -0.5}, r"m\.jsonl:2: sample 'a': duration_s is -0\.5, expected > 0"),
        ({**GOOD, "start_s": float("inf")}, r"m\.jsonl:2: sample 'a': start_s is Infinity, expected >= 0"),
        ({**GOOD, "duration_s": 10**400}, r"m\.jsonl:2: sample 'a': duration_s is 10*\.\.\., expected > 0"),
        ({**GOOD, "start_s": "1"}, r"m\.jsonl:2: sample 'a': start_s is \"1\", expected >= 0"),
        ({"audio": "a.wav", "gt": None, "source": "s"}, r"m\.jsonl:2: 'gt' is \[null\]"),
        ({"audio": "a.wav", "gt": "x"}, r"m\.jsonl:2: 'source' is missing"),
    ],
)
def test_a_wrong_line_is_an_error_that_names_file_and_line(
    write_jsonl: Write, tmp_path: Path, line: object, message: str
) -> None:
    path = write_jsonl("m.jsonl", {**GOOD, "id": "first"}, line)
    with pytest.raises(ManifestError, match=message):
        read_manifest(path, data_dir=tmp_path)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("langauge", "language"), ("Language", "language"), ("lang", "language"), ("group", "groups")),
        *(
            ("audio_path", "audio"),
            ("wav", "audio"),
            ("Audio", "audio"),
            ("duration", "duration_s"),
            ("start", "start_s"),
        ),
    ],
)
def test_a_field_that_is_nearly_one_that_the_line_lacks_is_named_once(
    write_jsonl: Write, tmp_path: Path, name: str, meant: str
) -> None:
    lines = [{"id": one, "references": ["x"], name: "de"} for one in "ab"]
    rows = read_manifest(write_jsonl("m.jsonl", *lines), data_dir=tmp_path)
    assert misnamed_fields(rows) == [f"m.jsonl: field {name!r} is not one that is read; did you mean {meant!r}?"]
    assert misnamed_fields(rows, {name}) == []


def test_fields_of_one_s_own_are_left_alone(write_jsonl: Write, tmp_path: Path) -> None:
    own = dict.fromkeys(("speaker", "source", "question_id", "audio_id", "text", "context", "audios"), "x")
    spans = {"language": "de", "langauge": "de", "start_s": 1, "start": 1, "duration_s": 1, "duration": 1}
    path = write_jsonl(
        "m.jsonl",
        {**GOOD, **own, **spans},
        {"audio": "b.wav", "gt": "x", "source": "s", "langauge": "de"},
        {"id": "c", "turns": [{"role": "user", "text": "?", "audio": "c.wav"}], "wav": "", "references": ["x"]},
    )
    assert misnamed_fields(read_manifest(path, data_dir=tmp_path)) == []


def test_json_nested_too_deep_is_an_error(write_jsonl: Write, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="not valid JSON"):
        read_manifest(write_jsonl("m.jsonl", "[" * 100_000), data_dir=tmp_path)


def test_a_file_name_that_no_file_can_have_is_missing_audio(write_jsonl: Write, tmp_path: Path) -> None:
    path = write_jsonl("m.jsonl", {**GOOD, "audio": "x" * 300}, {**GOOD, "id": "b", "audio": "nul\0"})
    assert [row.has_audio for row in read_manifest(path, data_dir=tmp_path)] == [False, False]


def test_bytes_that_are_no_utf8_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(b'{"id": "caf\xe9", "references": ["x"]}\n')
    with pytest.raises(ManifestError, match=r"m\.jsonl:1: not UTF-8"):
        read_manifest(path, data_dir=tmp_path)


@pytest.mark.parametrize("read", [read_references, read_hypotheses, lambda path: read_manifest(path, data_dir=path)])
def test_a_missing_and_an_empty_file_are_errors(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(ManifestError, match="cannot be read"):
        read(tmp_path / "no.jsonl")
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(ManifestError, match="holds no lines"):
        read(tmp_path / "empty.jsonl")


def test_a_hypothesis_that_is_null_is_an_error_unless_the_line_says_why(write_jsonl: Write) -> None:
    log_line = {"id": "b", "hypothesis": None, "error": {"type": "AudioDecodeError", "message": "cut off"}}
    assert read_hypotheses(write_jsonl("log.jsonl", {"id": "a", "hypothesis": ""}, log_line)) == {
        "a": "",
        "b": Failure("AudioDecodeError", "cut off"),
    }
    with pytest.raises(ManifestError, match=r"p\.jsonl:1: 'hypothesis' is null, expected the text"):
        read_hypotheses(write_jsonl("p.jsonl", {"id": "a", "hypothesis": None}))
