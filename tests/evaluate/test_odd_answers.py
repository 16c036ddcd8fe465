"""What people are told of answers that the token limit ended, and of answers that are nearly all one."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.evaluation import Evaluation, EvaluationSettings
from evaluate.report.sample_page.page import sample_page
from evaluate.report.writing import write_report
from evaluate.results import RunDirectory
from evaluate.selection import Selection
from evaluate.tables import print_scores
from evaluate.testing import ScriptedModel
from tasks.vocalsound import VocalSound

Run = Callable[..., dict[str, Any]]
HOSTILE = "</script><img src=x onerror=alert(1)> | [x](javascript:1) \x1b[2J"
NAMES = ("laughter", "sigh", "cough", "throatclearing", "sneeze", "sniff")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Evaluate answers, by their numbers, to the samples of VocalSound that come with the project, up to 12 of them."""

    def evaluate(answer: Callable[[int], str | Exception], **settings: Any) -> dict[str, Any]:
        task = VocalSound(tmp_path)
        split = task.read_split("sample")
        ids = [sample.id for sample in split.samples]
        cut = settings.pop("cut", None)
        model = ScriptedModel(
            {name: answer(number) for number, name in enumerate(ids)},
            truncated=None if cut is None else {ids[number] for number in cut},
        )
        evaluation = Evaluation(model, EvaluationSettings(tmp_path / "results", **settings), lambda _: None)
        [document] = evaluation.run([Selection(task, split, split.samples)])
        return document

    return evaluate


def everywhere(document: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what the terminal, the leaderboard as Markdown and HTML, and the sample page say."""
    capsys.readouterr()
    print_scores([document])
    out = tmp_path / "report"
    write_report(tmp_path / "results", out)
    texts = [(out / f"leaderboard.{form}").read_text() for form in ("md", "html")]
    return [capsys.readouterr().out, *texts, sample_page(RunDirectory(Path(document["run_dir"])), audio="place")]


def test_the_rate_of_answers_that_the_token_limit_ended_is_told_everywhere(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = run(lambda n: NAMES[n % 6] if n else OSError("told to fail"), cut=[1, 2])
    size = document["n_total"] - 1
    said = f"2 of {size} answers ({200 / size:.1f} %) ended at the token limit"
    texts = everywhere(document, tmp_path, capsys)
    assert [said in text for text in texts] == [True] * 4
    assert f"vocalsound:sample: {said}; --gen max_new_tokens=N sets another" in texts[0]
    table = (tmp_path / "report" / "leaderboard.csv").read_text()
    assert {row["n_truncated"] for row in csv.DictReader(table.splitlines()) if row["origin"] == "run"} == {"2"}


@pytest.mark.parametrize("cut", [None, ()])
def test_nothing_is_told_where_no_answer_was_cut_or_none_can_tell(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], cut: tuple[int, ...] | None
) -> None:
    texts = everywhere(run(lambda n: NAMES[n % 6], cut=cut), tmp_path, capsys)
    assert not any("token limit</p>" in text or "ended at the token limit" in text for text in texts)
    assert not any("are the same" in text for text in texts)


@pytest.mark.parametrize(("text", "shown"), [("", "empty"), ("Cough.", "'cough'"), (HOSTILE, "</script>")])
def test_answers_that_are_nearly_all_one_are_told_everywhere(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, shown: str
) -> None:
    document = run(lambda n: text if n else "sigh")
    texts = everywhere(document, tmp_path, capsys)
    said = f"{document['n_total'] - 1} of {document['n_total']} answers are the same"
    assert [said in one for one in texts] == [True] * 4
    assert "\x1b[2J" not in "".join(texts)
    if text == HOSTILE:
        assert r"\<img src=x onerror=alert(1)\> \| \[x\](javascript:1)" in texts[1]  # Markdown shows it as it is
        assert "<img src=x" not in "".join(texts[2:])
    else:
        assert f"{said}: {shown}; does the model listen? --probe silence tells" in texts[0]


def test_a_page_of_scores_that_are_damaged_warns_of_nothing(run: Run) -> None:
    document = run(lambda n: "")
    folder = RunDirectory(Path(document["run_dir"]))
    folder.scores.write_text('{"same_answers": 3, "n_truncated": [], "metrics": {}}')
    assert "are the same" not in sample_page(folder, audio="place")


def test_the_token_limit_that_held_stands_in_the_record(run: Run) -> None:
    document = run(lambda n: "sigh", generation={"max_new_tokens": 7})
    [session] = RunDirectory(Path(document["run_dir"])).read_record()["sessions"]
    assert session["token_limit"] == 7
