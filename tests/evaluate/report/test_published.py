"""The figures of papers: every cell against the tables of the protocol file, and sums that were added by hand."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from evaluate.metrics import registry as metrics
from evaluate.report.published import load_published, published_dir
from tasks import find_task_class

FIGURES = load_published(published_dir(Path("nowhere")))
PUBLISHED_SUMS = [
    ("qwen-audio", "librispeech", "wer", 2.1 + 5.5 + 2.4 + 5.8 + 30.7 + 2.6 + 5.0 + 2.1 + 4.9 + 1.8 + 4.0 + 2.0 + 4.2),
    ("qwen-audio", "aishell1", "cer", 2.0 + 2.1 + 1.6 + 1.9 + 2.0 + 1.2 + 1.3),
    ("qwen-audio", "aishell2", "cer", 12.4 + 2.9 + 9.7),
    ("qwen-audio", "covost2", "bleu", 51.7 + 118.4 + 14.1 + 230.4),
    ("qwen2-audio", "librispeech", "wer", 6.5 + 9.9 + 11.0),
    ("qwen2-audio", "covost2", "bleu", 249.5 + 243.9),
]


@pytest.mark.parametrize(("protocol", "task", "metric", "total"), PUBLISHED_SUMS)
def test_published_tables_add_up(protocol: str, task: str, metric: str, total: float) -> None:
    figures = load_published(published_dir(Path("nowhere")))
    cells = [one.value for one in figures if (one.protocol, one.task, one.metric) == (protocol, task, metric)]
    scale = 1 if metric == "bleu" else 100
    assert scale * sum(cells) == pytest.approx(total)


def test_means_that_were_computed_elsewhere_are_those_of_the_table() -> None:
    means = {"Qwen-Audio": 32.91, "Qwen2-Audio (original)": 35.64, "Qwen2-Audio (HF)": 34.84}
    for model, mean in means.items():
        cells = [one.value for one in FIGURES if one.task == "covost2" and one.model == model]
        assert sum(cells) / 7 == pytest.approx(mean, abs=0.005)


def test_every_figure_is_of_a_split_and_metric_that_the_task_has_and_says_which_way_is_better() -> None:
    for one in FIGURES:
        task = find_task_class(one.task, tasks_dir=None)(Path())
        assert one.split in task.splits
        assert one.metric in task.metric_settings(one.split)
        assert metrics.get(one.metric).higher_is_better == one.higher_is_better
        assert one.source


def printed(section: str) -> Iterator[tuple[str, list[str]]]:
    """Yield model and numbers of each row of a section's tables, and of its lists of values."""
    for line in section.splitlines():
        if line.startswith("|"):
            cells = [cell.strip(" *") for cell in line.strip("|").split("|")]
            values = [cell for cell in cells if re.match(r"[\d–]", cell)]
            words = [cell for cell in cells if cell and cell not in values]
            numbers = [number for cell in values for number in re.findall(r"\d+\.\d+", cell) if number not in COMPUTED]
            yield (words[-1] if words else ""), numbers
        elif line.startswith(("SER —", "VSC —")) and ": " in line:
            for part in line.split(": ", 1)[1].split(" · "):
                name = re.sub(r"\*", "", part)
                yield name.rsplit(" ", 1)[0], re.findall(r"\d\.\d+", name)


NAMES = {  # as that file writes them
    "Qwen2-Audio orig": "Qwen2-Audio (original)",
    **dict.fromkeys(("Qwen2-Audio HF", "HF"), "Qwen2-Audio (HF)"),
    'SALMONN (spelt "SALMMON")': "SALMONN",
    "CochlScene (baseline)": "CochlScene baseline",
    "ClothoAQA (baseline)": "ClothoAQA baseline",
    'PandaGPT ("Pandagpt")': "PandaGPT",
    'NExT-GPT ("Next-gpt")': "NExT-GPT",
    "Qwen-Audio(-Chat)": "Qwen-Audio-Chat",
}
COMPUTED = {"32.91", "35.64", "34.84"}  # means that stand beside the cells


def cells_of(protocol: str) -> dict[str, Counter[str]]:
    """Return model to its figures, as printed, of one of our files."""
    found: dict[str, Counter[str]] = {}
    for one in FIGURES:
        if one.protocol == protocol:
            scale = 100 if one.metric in ("wer", "cer") else 1
            found.setdefault(one.model, Counter())[f"{scale * one.value:.4f}"] += 1
    return found


@pytest.mark.parametrize(
    ("protocol", "heading", "earlier"), [("qwen-audio", "## 2.1", ""), ("qwen2-audio", "## 2.2", "qwen-audio")]
)
def test_every_cell_is_that_of_the_protocol_file(corpora: Path, protocol: str, heading: str, earlier: str) -> None:
    text = (corpora.parent / "reference" / "qwen-audio-protocol.md").read_text(encoding="utf-8")
    section = text.partition(heading)[2].partition("\n## ")[0].partition("Independent reproductions")[0]
    theirs: dict[str, Counter[str]] = {}
    for model, numbers in printed(section):
        theirs.setdefault(NAMES.get(model, model), Counter()).update(f"{float(number):.4f}" for number in numbers)
    repeated = cells_of(earlier)  # rows that the second README repeats from the first stand in one file only
    for model, cells in cells_of(protocol).items():
        assert theirs[model] - repeated.get(model, Counter()) == cells, model
