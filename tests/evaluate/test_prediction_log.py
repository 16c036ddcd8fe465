from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluate.errors import RunDamagedError
from evaluate.prediction_log import LogWriter, compact, encode_line, index_log, mend_tail, read_all, read_predictions
from evaluate.types import Failure, Prediction


def prediction(sample_id: str, text: str | None = "text") -> Prediction:
    error = Failure("Boom", "it broke") if text is None else None
    return Prediction(sample_id, text, error, ("ref",), 1.5, 0.1, False, "prompt", {"speaker": "s"}, ("a.wav",))


def write(path: Path, predictions: Iterable[Prediction]) -> None:
    with LogWriter(path) as log:
        log.append(predictions)


def test_a_log_that_is_changed_after_it_was_indexed_is_said(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    write(path, [prediction("a", "short"), prediction("a", "a longer text"), prediction("b"), prediction("c")])
    index = index_log(path)
    compact(path, index_log(path), ["c", "b", "a"])
    for ids in ("a", "b", "c", "abc"):
        with pytest.raises(RunDamagedError, match="was the log changed meanwhile"):
            list(read_predictions(path, index, ids))


def logged_ids(path: Path) -> list[str]:
    return [one.id for one in read_all(path, index_log(path))]


@given(st.text(), st.lists(st.text(), min_size=1))
def test_a_prediction_survives_the_log_whatever_its_text(text: str, references: list[str]) -> None:
    import json

    record = Prediction("id", text, None, tuple(references), 1.0, 0.5)
    assert Prediction.from_json(json.loads(encode_line(record.to_json()))) == record


def test_a_lone_surrogate_survives_the_log(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    write(path, [prediction("a", "broken \ud83d emoji")])
    index = index_log(path)
    assert next(read_predictions(path, index, ["a"])).hypothesis == "broken \ud83d emoji"


def test_the_newest_line_of_an_id_counts(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    write(path, [prediction("a", None), prediction("b", None)])
    write(path, [prediction("a", "now it works")])
    index = index_log(path)
    assert index.failed == {"b"}
    assert [one.hypothesis for one in read_predictions(path, index, ["b", "a"])] == [None, "now it works"]


@pytest.mark.parametrize("cut", [1, 2, 30])
def test_a_torn_last_line_is_cut_off_and_only_it(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "log.jsonl"
    write(path, [prediction("a"), prediction("b")])
    path.write_bytes(path.read_bytes()[:-cut])
    whole_but_for_its_line_feed = cut == 1
    assert mend_tail(path) is not whole_but_for_its_line_feed
    assert logged_ids(path) == (["a", "b"] if whole_but_for_its_line_feed else ["a"])
    write(path, [prediction("c")])
    assert logged_ids(path)[-1] == "c"


@given(st.integers(min_value=0, max_value=600))
def test_a_log_cut_anywhere_goes_on_with_whole_lines(tmp_path_factory: pytest.TempPathFactory, kept: int) -> None:
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    write(path, [prediction(name) for name in "abc"])
    path.write_bytes(path.read_bytes()[:kept])
    mend_tail(path)
    before = logged_ids(path)
    write(path, [prediction("z")])
    index = index_log(path)
    assert logged_ids(path) == [*before, "z"]
    assert not index.damaged


def test_a_long_torn_line_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    write(path, [prediction("a"), prediction("b", "x" * 200_000)])
    path.write_bytes(path.read_bytes()[:-10])
    assert mend_tail(path)
    assert logged_ids(path) == ["a"]


def test_garbage_inside_is_set_aside_and_its_neighbours_stay(tmp_path: Path) -> None:
    path = tmp_path / "predictions.jsonl"
    write(path, [prediction("a")])
    with path.open("ab") as file:
        file.write(b"\x00\xff garbage\n" + b'{"id": "x"}\n')
    write(path, [prediction("b")])
    index = index_log(path)
    assert logged_ids(path) == ["a", "b"]
    compact(path, index, ["b", "a"])
    assert logged_ids(path) == ["b", "a"]
    assert (tmp_path / "predictions.damaged").read_bytes() == b'\x00\xff garbage\n{"id": "x"}\n'


@pytest.mark.parametrize(
    "change",
    [
        {"references": "abc"},
        {"references": []},
        {"references": [None]},
        {"groups": None},
        {"hypothesis": None},
        {"id": 1},
        {"audio": ["x.wav"], "spans": [[0.0, 1.0], [1.0, 1.0]]},
        {"audio": ["x.wav"], "spans": [[0.0]]},
        {"audio": ["x.wav"], "spans": [["a", 1.0]]},
        {"audio": ["x.wav"], "spans": [[0.0, float("inf")]]},
        {"audio_seconds": float("nan")},
        {"latency_seconds": 10**400},
        {"usage": {"cost": float("inf")}},
        {"truncated": "no"},
        {"prompt": 1},
        {"hypothesis": None, "error": {"type": "E", "message": 1}},
    ],
)
def test_a_line_edited_into_nonsense_counts_as_damaged(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(encode_line({**prediction("a").to_json(), **change}))
    index = index_log(path)
    assert not len(index.offsets)
    assert len(index.damaged) == 1


def test_compacting_leaves_one_line_per_id(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    write(path, [prediction("a", "old"), prediction("b"), prediction("a", "new")])
    compact(path, index_log(path), ["a", "b"])
    index = index_log(path)
    assert index.num_lines == 2
    assert [one.hypothesis for one in read_predictions(path, index, ["a", "b"])] == ["new", "text"]


def test_a_missing_log_is_an_empty_one(tmp_path: Path) -> None:
    assert not mend_tail(tmp_path / "no.jsonl")
    assert not len(index_log(tmp_path / "no.jsonl").offsets)
