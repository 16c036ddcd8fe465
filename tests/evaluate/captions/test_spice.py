"""The runner of SPICE against a Java that writes what SPICE writes, or misbehaves; scores brought from elsewhere.

The program itself is not run here: nobody ships the CoreNLP models that it needs.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluate.captions import spice
from evaluate.captions.programs import SpicePrograms
from evaluate.captions.spice import read_spice_scores, spice_scores, write_spice_input
from evaluate.errors import ManifestError, MetricUnavailableError

StubJava = Callable[[str], Path]
Write = Callable[..., Path]

PROGRAMS = SpicePrograms(Path("/s/spice-1.0.jar"), Path("/s/c.jar"), Path("/s/m.jar"), (Path("/s/lib/fst.jar"),))
SAMPLES: dict[str, Any] = {
    "ids": ["a/1.wav", "ü"],
    "hypotheses": ["a dog barks", "rain falls"],
    "references": [["a dog barks loudly"], ["it rains", "rain on a roof"]],
}
RUN = {"ids": SAMPLES["ids"], "hypotheses": [["A dog barks.", "a dog barks"], ["Rain falls!", "rain falls"]]}

# The shape is that of SpiceStats.toJSONArray and Evaluation.toJSONString in spice-1.0.jar: the tuples' counts beside
# f, precision and recall, and null where -subset finds no tuple of a kind. A caption's score here: its words / 10.
SPICE = """\
import json
source, target = sys.argv[-5], sys.argv[-3]
def counts(f):
    return {"tp": 1, "fp": 0, "fn": 1, "f": f, "pr": f, "re": f, "numImages": 1}
items = json.load(open(source))
out = [{"image_id": one["image_id"], "scores": {"All": counts(len(one["test"].split()) / 10), "Color": counts(None)}}
       for one in items]
"""
WRITE = "json.dump(out, open(target, 'w', encoding='utf-8'), ensure_ascii=False)"


@pytest.fixture(autouse=True)
def much_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spice, "available_memory", lambda: 64 * 2**30)


def test_scores_are_those_of_all_tuples_in_the_order_of_the_samples(stub_java: StubJava) -> None:
    java = stub_java(SPICE + "out.reverse()\n" + WRITE)
    assert spice_scores(**SAMPLES, programs=PROGRAMS, java=java).tolist() == [0.3, 0.2]


def test_the_command_is_the_official_one_without_a_cache(stub_java: StubJava, tmp_path: Path) -> None:
    record = f"json.dump([sys.argv[1:], items], open({str(tmp_path / 'seen')!r}, 'w'))\n"
    spice_scores(**SAMPLES, programs=PROGRAMS, java=stub_java(SPICE + record + WRITE), heap_gib=3)
    arguments, items = json.loads((tmp_path / "seen").read_text())
    assert arguments[0] == "-Xmx3G"
    assert arguments[-7:] == [
        *("/s/spice-1.0.jar:/s/c.jar:/s/m.jar:/s/lib/fst.jar", "edu.anu.spice.SpiceScorer"),
        *("in.json", "-out", "out.json", "-subset", "-silent"),
    ]
    [folder] = [one.partition("=")[2] for one in arguments if one.startswith("-Djava.io.tmpdir=")]
    assert not Path(folder).exists()  # the temporary folder is gone
    assert [(one["test"], one["refs"]) for one in items] == list(
        zip(SAMPLES["hypotheses"], SAMPLES["references"], strict=True)
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (SPICE + "del out[0]\n" + WRITE, "no score for id 'a/1.wav'"),
        (SPICE + "out.append(out[0])\n" + WRITE, "id 'a/1.wav' stands already in"),
        (SPICE + "out[1]['image_id'] = 'x#0123456789abcdef'\n" + WRITE, "id 'x' is unknown"),
        (
            SPICE + "out[1]['scores']['All']['f'] = float('nan')\n" + WRITE,
            "id 'ü': the score is nan, expected a number",
        ),
        (SPICE + "out[1]['scores']['All']['f'] = None\n" + WRITE, "id 'ü': the score is None, expected a number"),
        (SPICE + "out[1]['scores']['All']['f'] = '0,5'\n" + WRITE, "id 'ü': the score is '0,5', expected a number"),
        (SPICE + "out[1]['scores'] = {}\n" + WRITE, "id 'ü': the score is None"),
        (SPICE + "open(target, 'w').write('[')", "not valid JSON"),
        ("pass", r"out\.json: cannot be read"),
        (
            "sys.exit('Error: Could not score batched file input:\\njava.lang.NullPointerException: x\\n\\tat y')",
            r"SPICE ended with 1: java\.lang\.NullPointerException: x$",
        ),
        ("import os; os.kill(os.getpid(), 9)", r"SPICE was killed by signal 9 \(out of memory\?\)"),
        ("import time; time.sleep(60)", "SPICE took more than 2 s and was stopped"),
    ],
)
def test_a_run_without_all_scores_is_an_error(stub_java: StubJava, body: str, message: str) -> None:
    with pytest.raises(MetricUnavailableError, match=message):
        spice_scores(**SAMPLES, programs=PROGRAMS, java=stub_java(body), timeout_s=2)


def test_a_java_that_does_not_start_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spice, "check_spice_java", lambda java, programs: None)
    with pytest.raises(MetricUnavailableError, match="java does not start"):
        spice_scores(**SAMPLES, programs=PROGRAMS, java=tmp_path / "java")


def test_too_little_memory_is_said_before_the_start(stub_java: StubJava, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spice, "available_memory", lambda: 5 * 2**30)
    with pytest.raises(MetricUnavailableError, match=r"may take 8 GiB of memory, 5\.0 GiB are free"):
        spice_scores(**SAMPLES, programs=PROGRAMS, java=stub_java("pass"))


def test_free_memory_is_read_where_the_system_tells_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(spice, "_MEMINFO", tmp_path / "meminfo")
    assert spice.available_memory() is None
    (tmp_path / "meminfo").write_text("MemTotal:       2048 kB\nMemAvailable:   1024 kB\nHugePages_Total:       0\n")
    assert spice.available_memory() == 2**20


def test_no_samples_start_no_java() -> None:
    nothing: dict[str, Any] = {"ids": [], "hypotheses": [], "references": []}
    assert spice_scores(**nothing, programs=PROGRAMS, java=Path("nowhere")).shape == (0,)


def test_scores_of_another_machine_are_taken_for_the_captions_that_were_written(tmp_path: Path) -> None:
    write_spice_input(tmp_path / "in.json", **SAMPLES)
    items = json.loads((tmp_path / "in.json").read_text(encoding="ascii"))
    out = [{"image_id": item["image_id"], "scores": {"All": {"f": 0.25}}} for item in items]
    (tmp_path / "out.json").write_text(json.dumps(out))
    found = read_spice_scores(tmp_path / "out.json", **RUN)
    assert (found.dtype, found.tolist()) == (np.float64, [0.25, 0.25])
    changed = {**RUN, "hypotheses": [["a dog barks"], ["rain fell"]]}
    with pytest.raises(ManifestError, match=r"out\.json: item 1: id 'ü': the score is of another caption than .*fell"):
        read_spice_scores(tmp_path / "out.json", **changed)


def test_items_may_tell_the_caption_itself(tmp_path: Path) -> None:
    items = [
        {"image_id": sample_id, "test": f" {forms[-1]} ", "scores": {"All": {"f": 1}}}
        for sample_id, forms in zip(*RUN.values(), strict=True)
    ]
    (tmp_path / "out.json").write_text(json.dumps(items))
    assert read_spice_scores(tmp_path / "out.json", **RUN).tolist() == [1, 1]


def test_scores_without_their_caption_are_not_taken(tmp_path: Path) -> None:
    items = [{"image_id": sample_id, "scores": {"All": {"f": 0.5}}} for sample_id in RUN["ids"]]
    (tmp_path / "out.json").write_text(json.dumps(items))
    with pytest.raises(ManifestError, match=r"item 0: id 'a/1\.wav': does not tell which caption was scored"):
        read_spice_scores(tmp_path / "out.json", **RUN)


def test_a_plain_list_of_scores_is_read(write_jsonl: Write) -> None:
    path = write_jsonl(
        "s.jsonl",
        {"id": "ü", "spice": 0, "hypothesis": "rain falls"},
        {"id": "a/1.wav", "spice": 0.5, "hypothesis": "a dog barks"},
    )
    assert read_spice_scores(path, **RUN).tolist() == [0.5, 0]


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"id": "a/1.wav", "spice": 0.5, "hypothesis": "a cat"}, r"s\.jsonl:1: id 'a/1\.wav': the score is of another"),
        ({"id": "a/1.wav", "spice": 0.5}, "s.jsonl:1: id 'a/1.wav': expected strings 'id' and 'hypothesis'"),
        ({"id": "a/1.wav", "hypothesis": "a dog barks"}, "s.jsonl:1: id 'a/1.wav': the score is None"),
        ({"id": "a/1.wav", "spice": True, "hypothesis": "a dog barks"}, "the score is True, expected a number"),
        ({"id": "a/1.wav", "spice": 50, "hypothesis": "a dog barks"}, "the score is 50, expected a number from 0 to 1"),
        ({"id": "b", "spice": 0.5, "hypothesis": "a dog barks"}, "s.jsonl:1: id 'b' is unknown"),
        ("{", r"s\.jsonl:1: not valid JSON"),
        ({"id": "a/1.wav", "spice": 0.5, "hypothesis": "a dog barks"}, "s.jsonl: no score for id 'ü'"),
    ],
)
def test_a_list_of_scores_that_does_not_fit_is_an_error(write_jsonl: Write, record: Any, message: str) -> None:
    with pytest.raises(ManifestError, match=message):
        read_spice_scores(write_jsonl("s.jsonl", record), **RUN)


def test_a_file_of_scores_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"none\.json: cannot be read \(No such file"):
        read_spice_scores(tmp_path / "none.json", **RUN)


def test_items_that_are_no_scores_are_errors(tmp_path: Path) -> None:
    (tmp_path / "out.json").write_text('[{"image_id": 3}]')
    with pytest.raises(ManifestError, match="item 0: expected an object with 'image_id', a string, and 'scores'"):
        read_spice_scores(tmp_path / "out.json", **RUN)
