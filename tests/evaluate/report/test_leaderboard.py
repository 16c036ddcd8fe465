import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evaluate.report.leaderboard import Leaderboard
from evaluate.report.published import load_published, published_dir

Command = Callable[..., Any]


def document(**changes: Any) -> dict[str, Any]:
    score = {
        "value": 0.05,
        "ci": [0.04, 0.06],
        "higher_is_better": False,
        "is_rate": True,
        "signature": "wer|norm:x@1|v:0.1.0",
    }
    plain: dict[str, Any] = {
        "task": "librispeech",
        "task_version": "1",
        "split": "test-clean",
        "model": "mine",
        "primary": "wer",
        "created": "2026-01-01",
        "corpus_fingerprint": "abcdef0123456789",
        "model_arguments": {},
        "generation": {},
        "n_total": 2620,
        "n_unparsed": 0,
        "n_failed": 0,
        "coverage": {"complete": True, "found": 2620, "official": 2620},
        "metrics": {"wer": score},
        "run_dir": "runs/x",
    }
    return {**plain, **changes}


def markdown(*documents: dict[str, Any]) -> str:
    return Leaderboard(documents, load_published(published_dir(Path("nowhere"))), Path("results")).to_markdown()


def test_models_stand_against_splits_with_intervals_and_published_figures() -> None:
    text = markdown(document(), document(split="test-other"), document(model="other"))
    assert "## librispeech: wer ↓" in text
    assert "| model | test-clean | test-other |" in text
    assert "| mine | 5.00 (4.00–6.00) | 5.00 (4.00–6.00) |" in text
    assert "| other | 5.00 (4.00–6.00) | – |" in text
    assert "| *Qwen-Audio* [1] | *2.00* | *4.20* |" in text
    assert "[1] published, protocol qwen-audio: Qwen-Audio README" in text


def test_what_is_no_rate_is_not_shown_in_per_cent() -> None:
    metric = {**document()["metrics"]["wer"], "value": 51.5, "ci": [50.0, 53.0], "is_rate": False}
    assert "| mine | 51.50 (50.00–53.00) |" in markdown(document(metrics={"wer": metric}))


def test_scores_made_in_different_ways_never_share_a_table() -> None:
    other = document(metrics={"wer": {**document()["metrics"]["wer"], "signature": "wer|norm:none@1|v:0.1.0"}})
    text = markdown(document(), other)
    assert text.count("## librispeech: wer") == 2
    assert "Scores of this task made in another way stand in a table of their own." in text
    assert "Qwen-Audio" not in text  # which of the two tables it belongs to cannot be said


def test_task_versions_never_share_a_table() -> None:
    assert markdown(document(), document(task_version="2")).count("## librispeech: wer") == 2


def test_releases_of_the_harness_share_a_table() -> None:
    other = document(
        model="other", metrics={"wer": {**document()["metrics"]["wer"], "signature": "wer|norm:x@1|v:0.2.0"}}
    )
    assert markdown(document(), other).count("## librispeech: wer") == 1


def test_partial_corpora_and_failures_are_marked() -> None:
    partial = {"complete": False, "found": 50, "official": 2620}
    text = markdown(document(n_total=20, n_failed=3, coverage=partial))
    assert "partial: 20 of 2620 samples" in text
    assert "3 samples failed and count at their worst" in text


def test_of_several_runs_on_the_same_samples_the_newest_is_shown() -> None:
    newer = document(created="2026-02-01", metrics={"wer": {**document()["metrics"]["wer"], "value": 0.07}})
    text = markdown(document(), newer)
    assert "| mine | 7.00 (4.00–6.00) |" in text
    assert "5.00 (4.00–6.00)" not in text


def test_scores_on_other_samples_stand_in_a_column_of_their_own() -> None:
    few = document(
        n_total=10, corpus_fingerprint="f" * 16, metrics={"wer": {**document()["metrics"]["wer"], "value": 0.9}}
    )
    text = markdown(few, document())
    assert "| model | test-clean (2620 samples, abcdef) | test-clean (10 samples, ffffff) |" in text
    assert "| mine | 5.00 (4.00–6.00) | 90.00 (4.00–6.00) [1] |" in text
    assert "| *Qwen-Audio* [2] | *2.00* | – |" in text


def test_published_figures_stand_beside_scores_of_their_protocol() -> None:
    score = document()["metrics"]["wer"]
    published = document(metrics={"wer": {**score, "signature": "wer|norm:x@1|protocol:qwen-audio|v:0.1.0"}})
    text = markdown(document(), published)
    ours, theirs = sorted(text.split("## librispeech: wer")[1:], key=lambda table: "protocol:qwen-audio" in table)
    assert "*Qwen-Audio*" in theirs
    assert "*Qwen2-Audio (original)*" not in theirs  # of another protocol, which has no table
    assert "*Qwen2-Audio (original)*" in ours
    assert "*Qwen-Audio*" not in ours


def test_systems_of_one_name_that_differ_have_rows_of_their_own() -> None:
    beams = document(generation={"num_beams": 4}, metrics={"wer": {**document()["metrics"]["wer"], "value": 0.03}})
    text = markdown(document(), beams)
    assert "| mine | 5.00 (4.00–6.00) |" in text
    assert "| mine (num\\_beams=4) | 3.00 (4.00–6.00) |" in text
    text = markdown(document(model_arguments={"x": "1"}), document(model_arguments={"x": "2"}))
    assert "| mine (x=1) |" in text
    assert "| mine (x=2) |" in text
    text = markdown(document(model_revision="a" * 16), document(model_revision="b" * 16))
    assert "| mine @aaaaaaaa |" in text
    assert "| mine @bbbbbbbb |" in text


def test_hostile_names_stay_text() -> None:
    text = markdown(document(model="a|b <script>x</script>\n# *x*"))
    assert r"| a\|b \<script\>x\</script\> # \*x\* |" in text
    table = Leaderboard([document(model="=cmd|'/c calc'!A1")], [], Path()).to_csv()
    [row] = csv.DictReader(io.StringIO(table))
    assert row["model"].startswith("'=")


def test_the_csv_holds_every_metric_unrounded_and_published_figures_as_fractions() -> None:
    board = Leaderboard([document()], load_published(published_dir(Path("nowhere"))), Path())
    rows = list(csv.DictReader(io.StringIO(board.to_csv())))
    assert rows[0]["value"] == "0.05"
    assert rows[0]["complete"] == "True"
    [figure] = [row for row in rows if (row["model"], row["split"]) == ("Qwen-Audio", "test-other")]
    assert (figure["origin"], figure["value"], figure["protocol"]) == ("published", "0.042", "qwen-audio")


def test_no_runs_are_a_wrong_request(otoscope: Command, tmp_path: Path) -> None:
    result = otoscope("report", "--results-dir", tmp_path)
    assert result.status == 2
    assert "no scored runs there; otoscope eval makes them" in result.stderr


def test_the_report_is_written_where_it_is_asked_for(otoscope: Command, librispeech: Path, tmp_path: Path) -> None:
    folders = ("--results-dir", tmp_path / "r")
    otoscope("eval", "--task", "librispeech", "--model", "baseline:empty", "--data-dir", librispeech, *folders)
    written = otoscope("report", *folders, "--out", tmp_path / "site", "--json").json
    assert [Path(path).name for path in written] == ["leaderboard.md", "leaderboard.csv"]
    assert "baseline:empty" in (tmp_path / "site" / "leaderboard.md").read_text(encoding="utf-8")


# Sums of the cells of each table, added by hand from the two READMEs: a mistyped cell shows.
