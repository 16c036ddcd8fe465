import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest

from evaluate.report.leaderboard.board import Board, make_boards
from evaluate.report.leaderboard.csv_table import to_csv
from evaluate.report.leaderboard.latex import to_latex
from evaluate.report.leaderboard.markdown import to_markdown
from evaluate.report.leaderboard.page import to_html
from evaluate.report.published import load_published, published_dir

PUBLISHED = load_published(published_dir(Path("nowhere")))


def score(**changes: Any) -> dict[str, Any]:
    plain = {
        "value": 0.05,
        "ci": [0.04, 0.06],
        "higher_is_better": False,
        "is_rate": True,
        "signature": "wer|norm:x@1|v:0.1.0",
    }
    return {**plain, **changes}


def document(**changes: Any) -> dict[str, Any]:
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
        "metrics": {"wer": score()},
        "run_dir": "runs/x",
    }
    return {**plain, **changes}


def wer(model: str, value: float | None, half: float = 0.0, **changes: Any) -> dict[str, Any]:
    interval = None if value is None else [value - half, value + half]
    return document(model=model, metrics={"wer": score(value=value, ci=interval)}, **changes)


def board(*documents: dict[str, Any]) -> Board:
    [only] = make_boards(documents, PUBLISHED)
    return only


def markdown(*documents: dict[str, Any]) -> str:
    return to_markdown(make_boards(documents, PUBLISHED))


def standings(*documents: dict[str, Any]) -> dict[str, str]:
    return {line.name: cell.standing for line in board(*documents).runs if (cell := line.cells[0])}


def test_models_stand_against_splits_with_intervals_and_published_figures() -> None:
    text = markdown(document(), document(split="test-other"), document(model="other"))
    assert "| model | librispeech:test-clean wer ↓ | librispeech:test-other wer ↓ |" in text
    assert "| mine | **5.00** ≈ (4.00–6.00) | 5.00 (4.00–6.00) |" in text
    assert "| other | **5.00** ≈ (4.00–6.00) | – |" in text
    assert "| *Qwen-Audio* [1] | *2.00* | *4.20* |" in text
    assert "[1] published, protocol qwen-audio: Qwen-Audio README" in text


def test_what_is_no_rate_is_not_shown_in_per_cent() -> None:
    text = markdown(document(metrics={"wer": score(value=51.5, ci=[50.0, 53.0], is_rate=False)}))
    assert "| mine | 51.50 (50.00–53.00) |" in text


def test_the_best_run_is_marked_and_what_the_intervals_decide_is_no_tie() -> None:
    assert standings(wer("a", 0.05, 0.001), wer("b", 0.06, 0.001), wer("c", 0.07, 0.001)) == {
        "a": "best",
        "b": "",
        "c": "",
    }


def test_a_difference_that_the_intervals_do_not_decide_is_a_tie() -> None:
    # Independent halves of 3 and 4 points make one of 5: a difference of 5 is open, one of 5.1 is not.
    assert standings(wer("a", 0.10, 0.03), wer("b", 0.15, 0.04)) == {"a": "tied", "b": "tied"}
    assert standings(wer("a", 0.10, 0.03), wer("b", 0.151, 0.04)) == {"a": "best", "b": ""}


def test_of_a_lopsided_interval_the_half_that_faces_the_other_counts() -> None:
    wide = document(model="a", metrics={"wer": score(value=0.10, ci=[0.01, 0.11])})  # its upper half faces b
    assert standings(wide, wer("b", 0.15, 0.01)) == {"a": "best", "b": ""}
    wide = document(model="a", metrics={"wer": score(value=0.10, ci=[0.09, 0.2])})
    assert standings(wide, wer("b", 0.15, 0.01)) == {"a": "tied", "b": "tied"}
    up = {"higher_is_better": True}
    low = document(model="a", metrics={"wer": score(value=0.10, ci=[0.05, 0.11], **up)})
    high = document(model="b", metrics={"wer": score(value=0.15, ci=[0.14, 0.3], **up)})
    assert standings(low, high) == {"b": "best", "a": ""}


def test_equal_values_are_a_tie_and_a_run_alone_is_no_best() -> None:
    assert standings(wer("a", 0.05), wer("b", 0.05)) == {"a": "tied", "b": "tied"}
    assert standings(wer("a", 0.05)) == {"a": ""}
    assert standings(wer("a", 0.05), wer("b", None)) == {"a": "", "b": ""}


def test_without_an_interval_nothing_is_decided() -> None:
    runs = [
        document(model=name, metrics={"wer": score(value=value, ci=None)}) for name, value in (("a", 0.1), ("b", 0.2))
    ]
    assert standings(*runs) == {"a": "tied", "b": "tied"}
    one_sample = [wer("a", 0.1, n_total=1), wer("b", 0.2, n_total=1)]
    assert standings(*one_sample) == {"a": "tied", "b": "tied"}


def test_clips_of_the_project_rank_nothing() -> None:
    runs = [wer(name, value, 0.001, split="sample") for name, value in (("b", 0.1), ("a", 0.2))]
    assert standings(*runs) == {"a": "", "b": ""}
    assert [line.name for line in board(*runs).runs] == ["a", "b"]


def test_runs_stand_in_the_order_of_their_mean_win_rate() -> None:
    # test-clean: a 3/3, b 2/3, c 1/3, d 0; test-other: c 1, a 0. Means: b 2/3, c (1/3 + 1) / 2, a (1 + 0) / 2, d 0.
    runs = [wer("a", 0.01), wer("b", 0.02), wer("c", 0.03), wer("c", 0.01, split="test-other")]
    runs += [wer("a", 0.02, split="test-other"), wer("d", 0.04), wer("nothing", None)]
    assert [line.name for line in board(*runs).runs] == ["b", "c", "a", "d", "nothing"]
    up = {"higher_is_better": True}
    high, low = (document(model=name, metrics={"wer": score(value=v, **up)}) for name, v in (("z", 0.9), ("a", 0.1)))
    assert [line.name for line in board(low, high).runs] == ["z", "a"]


def test_a_run_without_a_scored_sample_is_behind_one_that_answered_however_bad() -> None:
    failed = wer("failed", 1.0, 0.0, n_total=5, n_failed=5)
    unread = wer("unread", 0.9, 0.0, n_total=5, n_failed=2, n_unparsed=3)
    bad, worse = wer("mine", 2.0, 0.0, n_total=5), wer("other", 2.5, 0.0, n_total=5)
    assert standings(failed, unread, bad, worse) == {"mine": "best", "other": "", "failed": "", "unread": ""}
    assert [line.name for line in board(failed, unread, bad, worse).runs] == ["mine", "other", "failed", "unread"]
    assert standings(failed, bad) == {"mine": "", "failed": ""}
    assert standings(failed, unread) == {"failed": "", "unread": ""}
    text = markdown(failed, bad)
    assert "| failed | 100.00 (100.00–100.00) [1] [2] [3] |" in text
    assert "[3] no sample was scored" in text


def test_such_a_run_wins_nothing_on_other_columns_either() -> None:
    runs = [wer("a", 1.0, n_failed=2620), wer("z", 2.0), wer("a", 0.3, split="b"), wer("z", 0.3, split="b")]
    assert [line.name for line in board(*runs).runs] == ["z", "a"]  # z: (1 + 1/2) / 2, a: (0 + 1/2) / 2
    alone = [wer("a", 1.0, n_failed=2620), wer("z", 1.0, split="b")]
    assert [line.name for line in board(*alone).runs] == ["z", "a"]


def test_on_a_page_such_a_run_has_no_value_to_sort_by() -> None:
    page = to_html(make_boards([wer("failed", 1.0, n_failed=2620), wer("mine", 2.0)], []), pages={})
    assert re.findall(r'data-value="([^"]*)"', page) == ["2.0", ""]


def test_answers_that_only_the_metric_could_not_read_are_not_scored_either() -> None:
    unread = document(model="a", metrics={"wer": score(n_unparsed=2620)})
    assert standings(unread, wer("b", 0.9), wer("c", 0.95)) == {"a": "", "b": "best", "c": ""}


def test_the_legend_says_in_which_order_clips_of_the_project_stand() -> None:
    assert "those on clips that come with the project in that of their names" in markdown(document(split="sample"))


def test_published_figures_take_no_part_in_the_ranking() -> None:
    text = markdown(wer("a", 0.3, 0.01), wer("b", 0.4, 0.01))
    assert "| a | **30.00** (29.00–31.00) |" in text
    assert "| *Qwen-Audio* [1] | *2.00* |" in text


def test_scores_made_in_different_ways_never_share_a_column() -> None:
    other = document(metrics={"wer": score(signature="wer|norm:none@1|v:0.1.0")})
    made = board(document(), other)
    assert [column.qualifier for column in made.columns] == ["scoring 1", "scoring 2"]
    assert made.column_notes == (
        "librispeech:test-clean stands in 2 columns: scored in different ways; not comparable.",
    )
    assert len(made.lines) == 1  # which of the two columns a published figure belongs to cannot be said


def test_task_versions_and_samples_have_columns_of_their_own_with_the_reason() -> None:
    made = board(document(), document(task_version="2"))
    assert [column.qualifier for column in made.columns] == ["task version 1", "task version 2"]
    assert "of several versions of the task" in made.column_notes[0]
    few = wer("mine", 0.9, n_total=10, corpus_fingerprint="f" * 16)
    text = markdown(few, document())
    heads = ["(2620 samples, abcdef) wer ↓", "(10 samples, ffffff) wer ↓"]
    assert "| model | " + " | ".join(f"librispeech:test-clean {head}" for head in heads) + " |" in text
    assert "| mine | 5.00 (4.00–6.00) | 90.00 (90.00–90.00) [1] |" in text
    assert "| *Qwen-Audio* [2] | *2.00* | – |" in text
    assert "on different samples; not comparable." in text


def test_releases_of_the_harness_share_a_column() -> None:
    other = document(model="other", metrics={"wer": score(signature="wer|norm:x@1|v:0.2.0")})
    assert len(board(document(), other).columns) == 1


def test_clips_that_come_with_the_project_stand_in_a_table_of_their_own() -> None:
    real, sample = make_boards([document(), document(split="sample", task="meld")], PUBLISHED)
    assert [column.split for column in real.columns] == ["test-clean"]
    assert ([column.task for column in sample.columns], sample.is_sample) == (["meld"], True)
    assert "## Clips that come with the project" in to_markdown([real, sample])
    assert not any(line.is_published for line in sample.lines)


def test_partial_corpora_and_failures_are_marked() -> None:
    partial = {"complete": False, "found": 50, "official": 2620}
    text = markdown(document(n_total=20, n_failed=3, coverage=partial))
    assert "partial: 20 of 2620 samples" in text
    assert "3 samples failed and count at their worst" in text
    assert "no value: nothing to divide" in markdown(
        document(metrics={"wer": score(value=None, ci=None, reason="nothing to divide")})
    )


def test_of_several_runs_on_the_same_samples_the_newest_is_shown() -> None:
    newer = wer("mine", 0.07, created="2026-02-01")
    text = markdown(document(), newer)
    assert "| mine | 7.00 (7.00–7.00) |" in text
    assert "5.00 (4.00–6.00)" not in text
    assert [row["value"] for row in rows_of([document(), newer])] == ["0.07"]


def test_published_figures_stand_beside_scores_of_their_protocol() -> None:
    published = document(metrics={"wer": score(signature="wer|norm:x@1|protocol:qwen-audio|v:0.1.0")})
    made = board(document(), published)
    assert [column.qualifier for column in made.columns] == ["no protocol", "protocol qwen-audio"]
    lines = {line.name: line.cells for line in made.lines}
    assert [cell and cell.value for cell in lines["Qwen-Audio"]] == [None, pytest.approx(0.02)]
    assert [cell and cell.value for cell in lines["Qwen2-Audio (original)"]] == [pytest.approx(0.016), None]


def test_systems_of_one_name_that_differ_have_rows_of_their_own() -> None:
    text = markdown(document(), wer("mine", 0.03, generation={"num_beams": 4}))
    assert re.search(r"^\| mine \| .*5\.00", text, re.MULTILINE)
    assert re.search(r"^\| mine \(num\\_beams=4\) \| .*3\.00", text, re.MULTILINE)
    text = markdown(document(model_arguments={"x": "1"}), document(model_arguments={"x": "2"}))
    assert "| mine (x=1) |" in text
    assert "| mine (x=2) |" in text
    text = markdown(document(model_revision="a" * 16), document(model_revision="b" * 16))
    assert "| mine @aaaaaaaa |" in text
    assert "| mine @bbbbbbbb |" in text


def test_columns_stand_in_the_order_of_the_tasks() -> None:
    documents = [document(task=name) for name in ("zoo", "aishell1", "librispeech")]
    [made] = make_boards(documents, [], ["librispeech", "aishell1"])
    assert [column.task for column in made.columns] == ["librispeech", "aishell1", "zoo"]


HOSTILE = "a|b <script>x</script>\n# *x* \\end{table} & 100% $x$"


def test_a_row_of_latex_is_no_argument_of_the_one_before() -> None:
    text = to_latex(make_boards([wer("[x]", 0.1), wer("*y", 0.2)], []))
    assert "\n{}[x] & " in text
    assert "\n{}*y & " in text


def test_a_signature_stays_on_its_line_in_markdown() -> None:
    text = markdown(document(metrics={"wer": score(signature="x`\n\n<script>alert(1)</script>\n\n# y")}))
    assert "`x <script>alert(1)</script> # y`" in text


def test_what_a_terminal_would_obey_is_shown() -> None:
    boards = make_boards([document(model="\x1b[31mred\x1b]0;title\x07")], [])
    assert "\x1b" not in to_markdown(boards) + to_latex(boards) + to_csv([document(model="\x1b[31m")], [])


def test_hostile_names_stay_text_in_markdown() -> None:
    assert r"| a\|b \<script\>x\</script\> # \*x\* " in markdown(document(model=HOSTILE))


def test_hostile_names_stay_text_in_a_page() -> None:
    page = to_html(make_boards([document(model=HOSTILE, task=HOSTILE, split=HOSTILE)], []), pages={})
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert page.count("<script>") == 1


def test_hostile_names_stay_text_in_latex() -> None:
    text = to_latex(make_boards([document(model=HOSTILE + "\x00\u202e~^")], []))
    assert r"\textbackslash{}end\{table\} \& 100\% \$x\$" in text
    assert "\ufffd\ufffd" + r"\textasciitilde{}\textasciicircum{}" in text
    assert text.count(r"\end{table}") == 1


def test_a_wide_board_is_several_latex_tables_with_their_own_notes() -> None:
    partial = {"complete": False, "found": 50, "official": 2620}
    documents = [document(task=f"task_{number}") for number in range(5)]
    text = to_latex(make_boards([*documents, document(task="task_5", coverage=partial)], []))
    assert text.count(r"\begin{table}") == 2
    first, second = text.split(r"\end{table}")[:2]
    assert "partial" not in first
    assert "$^{1}$partial: 2620 of 2620 samples" in second or "$^{1}$partial" in second
    assert r"5.00 {\scriptsize [4.00, 6.00]}$^{1}$" in second


def rows_of(documents: list[dict[str, Any]]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(documents, []), newline="")))


def test_the_csv_holds_every_metric_unrounded_and_published_figures_as_fractions() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv([document()], PUBLISHED))))
    assert (rows[0]["value"], rows[0]["is_primary"]) == ("0.05", "True")
    assert rows[0]["complete"] == "True"
    [figure] = [row for row in rows if (row["model"], row["split"]) == ("Qwen-Audio", "test-other")]
    assert (figure["origin"], figure["value"], figure["protocol"]) == ("published", "0.042", "qwen-audio")
    assert figure["higher_is_better"] == "False"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_a_spreadsheet_would_run_gets_an_apostrophe(start: str) -> None:
    [row] = rows_of([document(model=f"{start}cmd|'/c calc'!A1")])
    assert row["model"] == f"'{start}cmd|'/c calc'!A1"
