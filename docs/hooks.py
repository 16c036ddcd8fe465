"""Pages that describe what the code says of itself: a page per task, models, metrics, commands; and the changelog.

mkdocs calls what is named `on_…` (https://www.mkdocs.org/dev-guide/plugins/#events).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from evaluate.catalogue import describe_metric_or_normalizer, describe_model, describe_task
from evaluate.cli import cli
from evaluate.metrics import registry as metrics
from evaluate.normalizers import registry as normalizers
from evaluate.task import Task
from models import SHORT_NAMES
from models import registry as models
from tasks import BUILTIN, find_task_class

ROOT = Path(__file__).resolve().parents[1]
TASKS = "reference/tasks/"  # what stands in the navigation of mkdocs.yml for all of them


def on_config(config: MkDocsConfig) -> None:
    """Put the pages of the tasks into the navigation."""
    pages = [{"All tasks": f"{TASKS}index.md"}, *({name: f"{TASKS}{name}.md"} for name in BUILTIN)]
    for section in config.nav or []:
        for [(title, entries)] in (list(section.items()),):
            if isinstance(entries, list):
                section[title] = [{"Tasks": pages} if TASKS in entry.values() else entry for entry in entries]


def on_files(files: Files, *, config: MkDocsConfig) -> None:
    """Add the pages that are written from the code."""
    for path, content in _pages():
        files.append(File.generated(config, path, content=content))


def _pages() -> Iterator[tuple[str, str]]:
    classes = {name: find_task_class(name, tasks_dir=None) for name in BUILTIN}
    yield f"{TASKS}index.md", _task_list(classes)
    for name, task in classes.items():
        yield f"{TASKS}{name}.md", _task_page(task)
    yield "reference/models.md", _models_page()
    yield "reference/metrics.md", _metrics_page()
    yield "reference/commands.md", _commands_page()
    yield "changelog.md", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def _task_list(classes: dict[str, type[Task]]) -> str:
    rows = []
    for name, task in classes.items():
        said = describe_task(task)
        rows.append(
            [f"[{name}]({name}.md)", said["description"], ", ".join(said["default_splits"]), f"`{said['primary']}`"]
        )
    return "# Tasks\n\n" + _table(["task", "what", "default splits", "primary metric"], rows)


def _task_page(task: type[Task]) -> str:
    said = describe_task(task)
    facts = [
        ("kind", said["kind"]),
        ("languages", ", ".join(said["languages"])),
        ("splits", ", ".join(f"`{split}`" for split in said["splits"])),
        ("default", ", ".join(f"`{split}`" for split in said["default_splits"])),
        ("official sizes", ", ".join(f"{split} {size:,}" for split, size in said["official_sizes"].items())),
        ("primary metric", f"`{said['primary']}`"),
        ("metrics", ", ".join(f"`{name}`" for name in said["metrics"])),
        ("labels", ", ".join(said["choices"])),
        ("rubric", said.get("rubric", "")),
        ("source", said["source"]),
        ("licence of the corpus", said["licence"]),
        ("version of the task", said["version"]),
    ]
    parts = [f"# {task.name}\n", _table(facts[0], [fact for fact in facts[1:] if fact[1]])]
    parts.append("## Corpus and scoring\n\n" + said["about"] + "\n")
    parts.append(
        f"## Prompts\n\nIn words, for any model:\n\n```text\n{task.prompt or '(each sample has its own)'}\n```\n"
    )
    for name, protocol in task.protocols.items():
        limit = f"at most {protocol.max_new_tokens} new tokens, at least {protocol.min_new_tokens}"
        heard = "clips heard whole" if protocol.max_clip_s is None else f"the first {protocol.max_clip_s:g} s of a clip"
        scored = f"; scored by {', '.join(f'`{one}`' for one in protocol.metrics)}" if protocol.metrics else ""
        parts.append(f"`--protocol {name}` ({limit}; {heard}{scored}):\n\n```text\n{protocol.prompt}\n```\n")
    return "\n".join(parts)


def _models_page() -> str:
    parts = ["# Models\n", "What each family takes as `--model-arg`. Short names:\n"]
    parts.append(_table(["name", "stands for"], [[f"`{name}`", f"`{spec}`"] for name, spec in SHORT_NAMES.items()]))
    for family in models.names():
        said = describe_model(f"{family}:")
        parts.append(f"## {family}\n\n{said['description']}\n\n```text\n{said['about']}\n```\n")
    return "\n".join(parts)


def _metrics_page() -> str:
    """Return metrics and normalisers, those of one module together under its text."""
    parts = ["# Metrics and normalisers\n"]
    for title, names in (("Metrics", metrics.names()), ("Normalisers", normalizers.names())):
        parts.append(f"## {title}\n")
        described = [describe_metric_or_normalizer(name) for name in names]
        columns = ["name", "better", "what"] if title == "Metrics" else ["name", "what"]
        rows = [[f"`{one['name']}`", one["better"], one["description"]] for one in described]
        parts.append(_table(columns, rows if title == "Metrics" else [[row[0], row[2]] for row in rows]))
        for about in dict.fromkeys(one["about"] for one in described if one["about"]):
            together = ", ".join(one["name"] for one in described if one["about"] == about)
            parts.append(f"### {together}\n\n{about}\n")
    return "\n".join(parts)


def _commands_page() -> str:
    parts = ["# Commands\n"]
    for path, command in _commands(cli, ("otoscope",)):
        with click.Context(command, info_name=" ".join(path), terminal_width=100) as context:
            parts.append(f"## {' '.join(path)}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def _commands(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        for name, inner in sorted(command.commands.items()):
            yield from _commands(inner, (*path, name))
    else:
        yield path, command
