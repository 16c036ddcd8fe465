"""Texts that would do something: answers, references, ids, names and groups of a whole run, in everything it leaves."""

import csv
import json
import re
import shutil
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from evaluate.compare import compare_runs
from evaluate.evaluation import Evaluation, EvaluationSettings
from evaluate.lines import escape_obeyed
from evaluate.manifest_task import ManifestTask
from evaluate.report.cells import csv_cell
from evaluate.report.compare_page import comparison_page
from evaluate.report.sample_page.static import write_static_page
from evaluate.report.writing import write_report
from evaluate.results import RunDirectory, write_json
from evaluate.selection import Selection
from evaluate.tables import print_comparison, print_scores
from evaluate.testing import ScriptedModel, write_tone

HOSTILE = {
    "surrogates": "\ud800 lone \udfff",
    "nul": "nul \0 nul",
    "ansi": "\x1b[2J\x1b]0;owned\x07\x1b]8;;http://e.vil\x1b\\x\x9b31m\x1bP1$r\x1b\\\r\x08",
    "html": "</script><script>alert(1)</script><img src=x onerror=alert(2)><svg/onload=alert(3)>'\"",
    "formula": "=cmd|' /C calc'!A0",
    "wide formula": "＝cmd|' /C calc'!A0",
    "sum": "@SUM(1+1)*cmd|' /C calc'!A0",
    "new line": "\n=1+1",
    "latex": "\\input{/etc/passwd}\\write18{id}\\end{tabular} $x$ % # & ~ ^ _ {",
    "bidi": "\u202egnp.exe\u2066 a \u2069",
    "markdown": "[x](javascript:alert(1)) ![y](http://e.vil/z) | <b>c</b> `d` *e* ~~f~~ &lt; <javascript:1>",
    "template": "{{ 7 * 7 }} ${7 * 7} {% raw %} [red]rich[/red] %s %(x)s {0}",
    "lines": "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg",
    "words": "word " * 60_000,
}
# What a terminal obeys, and what turns round the writing beside it; a line feed is between lines.
OBEYED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
MODEL = " ".join(text for name, text in HOSTILE.items() if name != "words")
OTHER = HOSTILE["formula"] + HOSTILE["bidi"] + HOSTILE["html"]


class Hostile(ManifestTask):
    """Names itself as badly as it can."""

    version, kind, language = "1", "asr", "en"
    name = OTHER
    splits = default_splits = (OTHER,)
    metrics = ("wer", "cer")


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Two runs in which everything that can be named is named so."""
    return evaluate(tmp_path_factory.mktemp("hostile"), HOSTILE)


def evaluate(folder: Path, texts: dict[str, str]) -> list[dict[str, Any]]:
    write_tone(folder / "tone.wav", duration_s=0.1)
    lines = [
        {
            "id": f"{text[:200]} {number}",
            "audio": "tone.wav",
            "references": [f"kettle {text[:200]}"],
            "groups": {"speaker": text[:200], text[:200]: text[:200]},
        }
        for number, text in enumerate(texts.values())
    ]
    (folder / "m.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    task = type("Named", (Hostile,), {"manifests": {OTHER: folder / "m.jsonl"}})(folder)
    split = task.read_split(OTHER)
    answers = dict(zip((sample.id for sample in split.samples), texts.values(), strict=True))
    found = []
    for name, scripted in ((MODEL, answers), (OTHER, dict.fromkeys(answers, HOSTILE["ansi"] + HOSTILE["html"]))):
        evaluation = Evaluation(ScriptedModel(scripted, name=name), EvaluationSettings(folder / "results"), print)
        found += evaluation.run([Selection(task, split, split.samples)])
    return found


@pytest.fixture(scope="module")
def report(documents: list[dict[str, Any]]) -> Path:
    folder = Path(documents[0]["run_dir"]).parents[4]
    write_report(folder, folder / "report")
    return folder / "report"


def folders(documents: list[dict[str, Any]]) -> list[RunDirectory]:
    return [RunDirectory(Path(document["run_dir"])) for document in documents]


def test_every_answer_is_logged_as_it_came(documents: list[dict[str, Any]]) -> None:
    run, _ = folders(documents)
    lines = [json.loads(line) for line in run.predictions.read_bytes().splitlines()]
    assert {line["hypothesis"] for line in lines} == set(HOSTILE.values())
    assert {line["groups"]["speaker"] for line in lines} == {text[:200] for text in HOSTILE.values()}
    assert json.loads(run.run_json.read_text())["model"] == MODEL
    assert json.loads(run.scores.read_text())["n_scored"] == len(HOSTILE)


def test_files_of_a_run_hold_nothing_that_a_terminal_obeys(documents: list[dict[str, Any]]) -> None:
    for run in folders(documents):
        for path in (run.predictions, run.scores, run.run_json, run.sample_scores):
            assert not OBEYED.search(path.read_text(encoding="utf-8")), path
        num_lines = run.predictions.read_bytes().count(b"\n")  # programs that split lines as Python does see as many
        assert num_lines == len(run.predictions.read_text(encoding="utf-8").splitlines()) == len(HOSTILE)


@pytest.mark.parametrize("character", ["\x7f", "\x9b", "\u2028", "\u202e", "\u2069"])
def test_json_that_is_escaped_has_the_same_value(character: str) -> None:
    value = {f"a{character}\\": [character, "é\\u202e\\\\" + character]}
    escaped = escape_obeyed(json.dumps(value, ensure_ascii=False))
    assert json.loads(escaped) == value
    assert character not in escaped
    assert "é" in escaped


def test_the_terminal_is_told_nothing_that_it_would_obey(
    documents: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    print_scores(documents)
    print_comparison(compare_runs(*(run.path for run in folders(documents))))
    shown = capsys.readouterr().out
    assert "gnp.exe" in shown
    assert "[red]rich[/red]" in shown
    assert not OBEYED.search(shown)


def test_a_terminal_with_colours_obeys_nothing_either(
    documents: list[dict[str, Any]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    print_scores(documents)
    shown = capsys.readouterr().out
    assert "\x1b[1m" in shown  # the head is bold
    assert not OBEYED.search(re.sub(r"\x1b\[[0-9;]*m", "", shown))


def test_no_cell_of_the_csv_is_a_formula(report: Path) -> None:
    content = (report / "leaderboard.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(content.splitlines(keepends=True)))
    assert len({len(row) for row in rows}) == 1
    texts = [cell for row in rows for cell in row]
    assert any(cell.startswith("'=cmd|") for cell in texts)
    for cell in texts:
        assert not re.match(r"[=+@\t\r\n＝＋－＠]|-(?!\d+(\.\d+)?(e-?\d+)?$)", cell), cell
    assert not OBEYED.search(content)


@pytest.mark.parametrize("begin", "=+-@\t\r\n＝＋－＠")
def test_a_cell_that_begins_as_formulas_do_is_quoted(begin: str) -> None:
    assert csv_cell(f"{begin}cmd|' /C calc'!A0") == f"'{begin}cmd|' /C calc'!A0"


# What evaluate/report/leaderboard/latex.py itself writes.
LATEX_COMMANDS = {
    *("begin", "end", "centering", "caption", "toprule", "midrule", "bottomrule", "footnotesize", "scriptsize"),
    *("textbf", "textit", "multicolumn", "linewidth", "approx", "uparrow", "downarrow"),
    *("textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar"),
}


def test_latex_holds_no_command_of_others(report: Path) -> None:
    text = (report / "leaderboard.tex").read_text(encoding="utf-8")
    own = re.sub(r"(?m)^%.*$", "", text)
    assert set(re.findall(r"\\([A-Za-z]+)", own)) <= LATEX_COMMANDS
    assert "textbackslash{}input" in own
    assert not OBEYED.search(text)


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="no pdflatex here")
@pytest.mark.slow
def test_latex_of_hostile_names_is_set_and_runs_nothing(report: Path, tmp_path: Path) -> None:
    shutil.copy(report / "leaderboard.tex", tmp_path)
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\\usepackage{booktabs}"
        "\\DeclareUnicodeCharacter{FFFD}{?}\\DeclareUnicodeCharacter{FF1D}{=}"
        "\\newenvironment{adjustbox}[1]{}{}\\begin{document}\\input{leaderboard}\\end{document}"
    )
    done = subprocess.run(
        ["pdflatex", "-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert "uid=" not in done.stdout
    assert "/etc/passwd" not in done.stdout


class Elements(HTMLParser):
    """What a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def elements(html: str) -> Elements:
    parser = Elements()
    parser.feed(html)
    return parser


def assert_harmless(page: Elements, *, scripts: int | None = None) -> None:
    assert not {"svg", "iframe", "object", "embed", "base"} & set(page.tags)
    pictures = [value for name, value in page.attributes if name == "src"]
    assert page.tags.count("img") <= len(pictures)
    assert all(picture.startswith("data:image/") or picture == "page/index.js" for picture in pictures)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not [value for name, value in page.attributes if name in ("href", "src") and "javascript:" in value.lower()]
    if scripts is not None:
        assert page.tags.count("script") == scripts


def test_pages_hold_no_element_of_others(documents: list[dict[str, Any]], report: Path, tmp_path: Path) -> None:
    compared = tmp_path / "compare.html"
    compared.write_text(
        comparison_page(compare_runs(*(run.path for run in folders(documents)))),
        encoding="utf-8",
        errors="backslashreplace",
    )
    site, _ = write_static_page(folders(documents)[0], tmp_path / "site")
    pages = [*report.rglob("*.html"), compared, site]
    assert len(pages) >= 5
    for path in pages:
        content = path.read_text(encoding="utf-8")
        assert_harmless(elements(content))
        assert "<script>alert" not in content
    for path in [*report.rglob("*.js"), *site.parent.rglob("*.js")]:
        assert "</script" not in path.read_text(encoding="utf-8")


def test_markdown_shows_names_and_makes_nothing_of_them(report: Path) -> None:
    text = (report / "leaderboard.md").read_text(encoding="utf-8")
    page = elements(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text))
    assert_harmless(page, scripts=0)
    assert not {"a", "b", "s"} & set(page.tags) - {"a"}
    assert not [value for name, value in page.attributes if name in ("href", "src") and "e.vil" in value]
    assert not OBEYED.search(text)


def test_charts_are_pictures_and_nothing_else(report: Path) -> None:
    drawn = list(report.glob("*.svg"))
    assert drawn
    for path in drawn:
        tags = {element.tag.rpartition("}")[2] for element in ElementTree.parse(path).iter()}
        assert not {"script", "a", "foreignObject", "image"} & tags
        assert "alert(" not in re.sub(r"<!--.*?-->", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_a_run_of_hostile_names_lies_in_its_results(documents: list[dict[str, Any]]) -> None:
    folder = Path(documents[0]["run_dir"]).parents[4]
    for document in documents:
        for part in Path(document["run_dir"]).relative_to(folder).parts:
            assert re.fullmatch(r"[A-Za-z0-9._-]{1,100}", part)


def test_what_write_json_cannot_say_in_utf_8_is_escaped(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", HOSTILE)
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == HOSTILE


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_an_answer_of_10_mb_is_scored_shown_and_kept(tmp_path: Path) -> None:
    started = time.monotonic()
    [document, _] = evaluate(tmp_path, {"large": "word " * 2_000_000, "small": "kettle"})
    assert document["n_scored"] == 2
    write_report(tmp_path / "results", tmp_path / "report")
    print(f"an answer of 10 MB: {time.monotonic() - started:.0f} s")
    run, *_ = folders([document])
    lines = run.predictions.read_bytes().splitlines()
    assert max(len(json.loads(line)["hypothesis"]) for line in lines) == 10_000_000
    assert all(path.stat().st_size < 1_000_000 for path in (tmp_path / "report").rglob("*.html"))
