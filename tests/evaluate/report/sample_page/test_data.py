import json
import os
from pathlib import Path
from typing import Any

import pytest

from evaluate.report.sample_page.data import (
    ensure_page_data,
    is_made_from,
    made_from,
    page_folder,
    read_sample,
    read_samples,
    write_page_data,
)
from evaluate.results import RunDirectory

LINE: dict[str, Any] = {
    "hypothesis": "one",
    "error": None,
    "references": ["one"],
    "audio_seconds": 1.0,
    "latency_seconds": 0.5,
    "audio": ["a.wav"],
}


def run_of(folder: Path, *lines: dict[str, Any] | bytes, scored: list[dict[str, Any]] | None = None) -> RunDirectory:
    records = [line if isinstance(line, bytes) else json.dumps({**LINE, **line}).encode() for line in lines]
    (folder / "predictions.jsonl").write_bytes(b"".join(record + b"\n" for record in records))
    if scored is not None:
        (folder / "sample_scores.jsonl").write_text("".join(json.dumps(line) + "\n" for line in scored))
    return RunDirectory(folder)


def index_of(folder: Path) -> dict[str, Any]:
    text = (folder / "index.js").read_text(encoding="utf-8")
    index: dict[str, Any] = json.loads(text.removeprefix("otoscope.index(").removesuffix(");\n"))
    return index


def test_columns_hold_what_is_sorted_and_filtered_by(tmp_path: Path) -> None:
    run = run_of(
        tmp_path,
        {"id": "a", "truncated": True, "groups": {"speaker": "s1"}},
        {"id": "b", "hypothesis": None, "error": {"type": "T", "message": "m"}},
        {"id": "c", "hypothesis": "  many\nwords " * 20, "clips": ["padded"], "groups": {"speaker": "s2"}},
        scored=[
            {"id": "a", "state": "scored", "values": {"wer": 1 / 3}},
            {"id": "b", "state": "failed", "values": {"wer": 1.0}},
            {"id": "c", "state": "unparsed", "values": {"wer": 1.0, "cer": None}, "groups": {"speaker": "s3"}},
        ],
    )
    index = index_of(ensure_page_data(run))
    assert index["ids"] == ["a", "b", "c"]
    assert index["states"] == "sfu"
    assert dict(zip(index["metrics"], index["values"], strict=True)) == {
        "wer": [0.3333, 1.0, 1.0],
        "cer": [None, None, None],
    }
    assert (index["truncated"], index["changed"]) == ([0], [2])
    assert index["starts"][2].startswith("many words many")
    assert index["groups"] == [{"kind": "speaker", "labels": ["s1", "s3"], "of": [0, -1, 1]}]


def test_a_run_without_sample_scores_has_no_values(tmp_path: Path) -> None:
    folder = ensure_page_data(run_of(tmp_path, {"id": "a"}))
    assert index_of(folder)["metrics"] == []
    assert read_sample(folder, 0)["answer"] is None


def test_scores_in_another_order_find_their_samples(tmp_path: Path) -> None:
    scored = [{"id": name, "answer": name} for name in "xcba"]
    folder = ensure_page_data(run_of(tmp_path, {"id": "a"}, {"id": "b"}, {"id": "c"}, {"id": "d"}, scored=scored))
    assert [sample["answer"] for sample in read_samples(folder)] == ["a", "b", "c", None]


def test_the_newest_line_counts_and_damaged_ones_do_not(tmp_path: Path) -> None:
    run = run_of(tmp_path, {"id": "a", "hypothesis": "old"}, b"{damaged", {"id": "b"}, {"id": "a", "hypothesis": "new"})
    (tmp_path / "sample_scores.jsonl").write_bytes(b'{damaged\n[1]\n{"id": "a", "answer": "new"}\n')
    folder = ensure_page_data(run)
    assert [sample["hypothesis"] for sample in read_samples(folder)] == ["one", "new"]  # as the lines that count come
    assert read_sample(folder, 1)["answer"] == "new"


def test_data_are_made_anew_when_files_of_the_run_change(tmp_path: Path) -> None:
    run = run_of(tmp_path, {"id": "a"})
    folder = ensure_page_data(run)
    before = (folder / "index.js").stat().st_ino
    assert (ensure_page_data(run) / "index.js").stat().st_ino == before
    run_of(tmp_path, {"id": "a"}, scored=[{"id": "a", "values": {"wer": 0.5}}])
    assert not is_made_from(folder, made_from(run))
    assert index_of(ensure_page_data(run))["metrics"] == ["wer"]
    (folder / "made_from.json").write_text("{broken")
    assert not is_made_from(folder, made_from(run))


def test_shared_files_are_replaced_and_never_written_into(tmp_path: Path) -> None:
    run = run_of(tmp_path, {"id": "a"})
    folder = ensure_page_data(run)
    os.link(folder / "index.js", tmp_path / "shared.js")
    shared = (tmp_path / "shared.js").read_bytes()
    run_of(tmp_path, {"id": "a"}, {"id": "b"})
    assert len(index_of(ensure_page_data(run))["ids"]) == 2
    assert (tmp_path / "shared.js").read_bytes() == shared


def test_any_text_of_a_log_stays_one_value_of_a_script(tmp_path: Path) -> None:
    text = "</script><!-- \u2028 \ud800 \x00 \\u003c \U0001f600"
    line = {"id": text, "hypothesis": text, "groups": {"__proto__": text}, "audio_seconds": None}
    folder = ensure_page_data(run_of(tmp_path, line, scored=[{"id": text, "answer": text}]))
    for path in folder.glob("*.js"):
        assert b"<" not in path.read_bytes()
    sample = read_sample(folder, 0)
    assert (sample["hypothesis"], sample["answer"]) == (text, text)
    assert sample["groups"] == [["__proto__", text]]
    assert index_of(folder)["seconds"] == [None]


def test_kinds_of_very_many_groups_are_no_choice(tmp_path: Path) -> None:
    run = run_of(tmp_path, *({"id": str(number), "groups": {"recording": str(number)}} for number in range(300)))
    folder = ensure_page_data(run)
    assert index_of(folder)["groups"] == []
    assert read_sample(folder, 299)["groups"] == [["recording", "299"]]  # of the second chunk
    with pytest.raises(LookupError, match="there is no sample 300"):
        read_sample(folder, 300)
    with pytest.raises(LookupError, match="there is no sample 5000"):
        read_sample(folder, 5000)


def test_what_breaks_off_leaves_the_old_data_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(tmp_path, {"id": "a"})
    folder = ensure_page_data(run)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("evaluate.report.sample_page.data.write_script", full)
    with pytest.raises(OSError, match="No space left"):
        write_page_data(run, folder)
    assert index_of(folder)["ids"] == ["a"]
    assert not list(folder.parent.glob("*.tmp"))


def test_what_a_killed_process_left_half_written_is_removed_a_day_later(tmp_path: Path) -> None:
    run = run_of(tmp_path, {"id": "a"})
    place = page_folder(run)
    half, young, other = (place.with_name(f"{name}.tmp") for name in (f"{place.name}.1", f"{place.name}.2", "thesis"))
    for folder in (half, young, other):
        folder.mkdir(parents=True)
        os.utime(folder, None if folder == young else (0, 0))
    ensure_page_data(run)
    assert not half.exists()
    assert young.exists()
    assert other.exists()  # it is not ours
