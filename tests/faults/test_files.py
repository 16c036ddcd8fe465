"""Files of a run that are damaged, lost, edited or another's: what the same command then says and does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.prediction_log import LogWriter
from evaluate.results import RunDirectory
from evaluate.testing import write_tone

Command = Callable[..., Any]
NUM_SAMPLES = 6
MODEL = """\
from evaluate.model import ModelAdapter
from evaluate.types import Output


class Mine(ModelAdapter):
    name = "mine"

    def generate(self, batch, options):
        for request in batch:
            yield Output(request.sample.id, text=f"text {request.waveforms[0].size}")
"""


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MODEL)
    (tmp_path / "tones.yaml").write_text(
        "name: tones\nkind: asr\nlanguage: en\nmanifest: m.jsonl\nprompt: 'Say it. {question}'\nmetrics: [wer]\n"
    )
    for number in range(NUM_SAMPLES):
        write_tone(tmp_path / f"{number}.wav", duration_s=0.1 + 0.01 * number)
    path = tmp_path / "m.jsonl"
    write(path, [{"id": f"s{n}", "audio": f"{n}.wav", "references": [f"text {n}"]} for n in range(NUM_SAMPLES)])
    return path


@pytest.fixture
def evaluate(otoscope: Command, manifest: Path, tmp_path: Path) -> Command:
    def run(*arguments: object) -> Any:
        task, model = tmp_path / "tones.yaml", tmp_path / "mine.py"
        common = ("--results-dir", tmp_path / "results", "--max-batch-seconds", "0.3", "--json")
        return otoscope("eval", "--task", task, "--model", model, *common, *arguments)

    return run


@pytest.fixture
def run(evaluate: Command) -> RunDirectory:
    """A run that is finished."""
    [document] = evaluate().json
    return RunDirectory(Path(document["run_dir"]))


@pytest.fixture
def begun(evaluate: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RunDirectory:
    """A run that was interrupted after its first batch."""
    append = LogWriter.append

    def append_once(log: LogWriter, predictions: Any) -> None:
        append(log, predictions)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(LogWriter, "append", append_once)
        assert evaluate().status == 130
    [log] = (tmp_path / "results").rglob("predictions.jsonl")
    assert 0 < len(log.read_bytes().splitlines()) < NUM_SAMPLES
    return RunDirectory(log.parent)


def write(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def metrics(result: Any) -> Any:
    assert result.status == 0, result.stderr
    [document] = result.json
    assert document["n_total"] == document["n_scored"] + document["n_unparsed"] + document["n_failed"] == NUM_SAMPLES
    return document["metrics"]


def test_a_torn_last_line_garbage_inside_and_a_doubled_id_change_no_score(evaluate: Command, run: RunDirectory) -> None:
    expected, lines = metrics(evaluate()), run.predictions.read_bytes().splitlines(keepends=True)
    garbage = bytes(range(256)).replace(b"\n", b"") + b"\n"
    run.predictions.write_bytes(b"".join([lines[0], garbage, *lines[1:4], lines[2], lines[4], lines[5][:-20]]))
    result = evaluate()
    assert metrics(result) == expected
    assert "the log ended in a torn line" in result.stderr
    assert "1 lines of the log are damaged; they are kept in predictions.damaged" in result.stderr
    assert [line["id"] for line in read(run.predictions)] == [f"s{number}" for number in range(NUM_SAMPLES)]
    assert run.predictions.read_bytes().splitlines(keepends=True)[:5] == lines[:5]  # what was whole is as it was
    assert run.predictions.with_suffix(".damaged").read_bytes() == garbage


@pytest.mark.parametrize("content", [None, b"", b'{"schema": 1, "sess', b"[]", b"\xff\xfe", b'{"sessions": 1}'])
@pytest.mark.parametrize("state", ["run", "begun"])
def test_a_record_that_is_lost_or_torn_is_made_anew_and_the_log_is_kept(
    state: str, content: bytes | None, evaluate: Command, request: pytest.FixtureRequest
) -> None:
    run: RunDirectory = request.getfixturevalue(state)
    before, log = json.loads(run.run_json.read_text()), read(run.predictions)
    if content is None:
        run.run_json.unlink()
    else:
        run.run_json.write_bytes(content)
    result = evaluate()
    metrics(result)
    assert f"run.json is {'missing' if content is None else 'damaged'}; it is" in result.stderr
    assert [line for line in log if line not in read(run.predictions)] == []
    after = json.loads(run.run_json.read_text())
    assert {key: value for key, value in after.items() if key != "sessions"} == {
        key: value for key, value in before.items() if key != "sessions"
    }
    assert len(after["sessions"]) == (1 if state == "begun" else 0)
    assert (run.path / "run.damaged").exists() == (content is not None)


def test_scores_of_an_older_schema_are_named_by_the_report_and_made_anew_by_the_command(
    evaluate: Command, run: RunDirectory, otoscope: Command, tmp_path: Path
) -> None:
    expected = metrics(evaluate())
    document = json.loads(run.scores.read_text())
    run.scores.write_text(json.dumps({**document, "schema": 0}))
    report = ("report", "--results-dir", tmp_path / "results", "--out", tmp_path / "report")
    result = otoscope(*report)
    assert result.status == 4
    assert "schema 0, expected 1; score the run again with this version" in result.stderr
    assert metrics(evaluate()) == expected
    assert otoscope(*report).status == 0


def edit(field: str, value: Any) -> Callable[[list[dict[str, Any]]], None]:
    def change(lines: list[dict[str, Any]]) -> None:
        lines[1][field] = value

    return change


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (edit("references", ["another text"]), "other references: 's1'"),
        (edit("question", "What rings?"), "other question: 's1'"),
        (edit("audio", "2.wav"), "other audio: 's1'"),
        (edit("id", "x\n"), "new: 'x\\n'; gone: 's1'"),
        (lambda lines: lines.append({**lines[0], "id": "s9"}), "new: 's9'"),
        (lambda lines: lines.clear() or lines.append({"id": "a", "references": ["b"], "audio": "1.wav"}), "and 3 more"),
        (lambda lines: lines.reverse(), "their order"),
    ],
)
def test_a_manifest_that_was_edited_before_a_run_goes_on_is_refused_with_what_is_different(
    change: Callable[[list[dict[str, Any]]], None],
    difference: str,
    evaluate: Command,
    begun: RunDirectory,
    manifest: Path,
) -> None:
    whole, log = manifest.read_text(), begun.predictions.read_bytes()
    change(lines := read(manifest))
    write(manifest, lines)
    result = evaluate()
    assert result.status == 2
    [line] = result.stderr.splitlines()
    assert line.startswith(f"error: {begun.path}: has answers to ")
    assert difference in line
    assert "Put them back as they were to go on, or take --fresh" in line
    assert begun.predictions.read_bytes() == log
    manifest.write_text(whole)
    metrics(evaluate())


def test_a_sound_file_that_was_edited_before_a_run_goes_on_is_named(
    evaluate: Command, begun: RunDirectory, tmp_path: Path
) -> None:
    write_tone(tmp_path / "3.wav", duration_s=0.13, frequency_hz=1000)
    assert "other audio: 's3'. Put them back" in evaluate().stderr


def test_an_edited_manifest_is_another_run_with_fresh_and_that_one_goes_on(
    evaluate: Command, begun: RunDirectory, manifest: Path
) -> None:
    write(manifest, read(manifest)[:4])
    [document] = evaluate("--fresh").json
    assert document["n_total"] == 4
    assert document["run_dir"] != str(begun.path)
    assert evaluate().json[0]["run_dir"] == document["run_dir"]


def test_a_finished_run_does_not_keep_an_edited_manifest_from_a_run_of_its_own(
    evaluate: Command, run: RunDirectory, manifest: Path
) -> None:
    write(manifest, read(manifest)[:4])
    [document] = evaluate().json
    assert document["run_dir"] != str(run.path)


def test_a_run_of_which_nobody_noted_the_samples_is_refused_too(
    evaluate: Command, begun: RunDirectory, manifest: Path
) -> None:
    begun.asked.write_bytes(b'{"id": \n')
    write(manifest, read(manifest)[:4])
    result = evaluate()
    assert result.status == 2
    assert "an earlier version of this program did not note how" in result.stderr


def test_answers_to_another_version_of_the_corpus_are_refused(evaluate: Command, run: RunDirectory) -> None:
    lines = read(run.predictions)
    lines[2]["references"] = ["an older truth"]
    write(run.predictions, lines)
    result = evaluate()
    assert result.status == 4
    [line] = result.stderr.splitlines()
    assert "sample 's2' was answered for the references ['an older truth'], the corpus has ['text 2']" in line


def test_ids_that_the_corpus_does_not_have_are_told_and_not_scored(evaluate: Command, run: RunDirectory) -> None:
    expected = metrics(evaluate())
    write(run.predictions, [*read(run.predictions), {**read(run.predictions)[0], "id": "stranger"}])
    result = evaluate()
    assert metrics(result) == expected
    assert "the log holds 1 ids that are not in the corpus; they are not scored" in result.stderr
