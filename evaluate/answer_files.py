"""Reading what is scored without a task: a references file, and a predictions file, which tasks take too."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evaluate.errors import ManifestError
from evaluate.jsonl import groups_field, read_jsonl, references_field, refuse_doubled, text_field
from evaluate.types import Failure


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """One line of a references file."""

    references: tuple[str, ...]
    language: str = ""  # as the line names it, "" if it does not
    question: str = ""
    source_text: str = ""
    context: str = ""  # what the audio holds, for a judge
    groups: Mapping[str, str] = field(default_factory=dict)


def read_references(path: Path) -> dict[str, ReferenceRow]:
    """Read a references file: id to its line.

    Raises:
        ManifestError: A line is wrong, or an id comes twice.
    """
    found: dict[str, ReferenceRow] = {}
    seen: dict[str, str] = {}
    for where, record in read_jsonl(path):
        sample_id = text_field(where, record, "id")
        refuse_doubled(seen, sample_id, where)
        found[sample_id] = ReferenceRow(
            references=references_field(where, record, "references"),
            language=text_field(where, record, "language", default=""),
            question=text_field(where, record, "question", default=""),
            source_text=text_field(where, record, "source_text", default=""),
            context=text_field(where, record, "context", default=""),
            groups=groups_field(where, record),
        )
    if not found:
        raise ManifestError(f"{path}: holds no lines, expected {{'id', 'references'}} objects")
    return found


def read_hypotheses(path: Path) -> dict[str, str | Failure]:
    """Read a predictions file: id to text, or to the failure where a line of a run's log says `error`.

    Raises:
        ManifestError: A line is wrong, or an id comes twice.
    """
    found: dict[str, str | Failure] = {}
    seen: dict[str, str] = {}
    for where, record in read_jsonl(path):
        sample_id = text_field(where, record, "id")
        refuse_doubled(seen, sample_id, where)
        error = record.get("error")
        if isinstance(error, dict) and record.get("hypothesis") is None:
            found[sample_id] = Failure(str(error.get("type", "Error")), str(error.get("message", "no message")))
        elif record.get("hypothesis", "") is None:
            raise ManifestError(
                f"{where}: 'hypothesis' is null, expected the text, empty if the answer was, or beside it for a failed "
                'sample "error": {"type": …, "message": …}'
            )
        else:
            found[sample_id] = text_field(where, record, "hypothesis")
    if not found:
        raise ManifestError(f"{path}: holds no lines, expected {{'id', 'hypothesis'}} objects")
    return found
