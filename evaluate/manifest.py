"""Reading JSONL lists: manifests of samples, references files, predictions files. Nothing is repaired or dropped.

Three forms of manifest are read:

    {"id": "k-1", "audio": "clips/1.wav", "references": ["kettle"]}       this project's own
    {"audio": "clips/1.wav", "gt": "kettle", "source": "kitchen_test"}    that of the Qwen-Audio evaluations
    {"id": 7, "audio": "clips/1.wav", "query": "What boils?"}             that of Qwen2-Audio's chat evaluation

In the own form `audio` may be a list or absent, and `start_s`, `duration_s`, `language`, `question`, `source_text`,
`split` and `groups` may be given; other fields are the user's own. A conversation has `turns` in place of `audio` and
`question`: `{"role": "user", "text": "…", "audio": "clips/1.wav"}` each, the last one the user's, which is answered. In
the Qwen-Audio form the id is the file's name without its suffix and `source` says the split; in that of the chat
evaluation there is no reference.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from evaluate.errors import ManifestError
from evaluate.types import AudioRef, Failure, Turn, primary_subtag

_AUDIO_SLOT = re.compile(r"^\s*(?:Audio \d+:\s*)?<\|audio_bos\|><\|AUDIO\|><\|audio_eos\|>")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a manifest, checked; what the task adds (prompt, kind) is not in it yet."""

    where: str  # "file:line", for messages
    id: str
    audio: tuple[AudioRef, ...]
    references: tuple[str, ...]
    language: str = ""
    question: str = ""
    source_text: str = ""  # what is said, where the references are its translation
    split: str = ""  # as the line names it, "" if it does not
    groups: Mapping[str, str] = field(default_factory=dict)
    turns: tuple[Turn, ...] = ()  # of a conversation, before the question
    fields: Mapping[str, Any] = field(default_factory=dict)  # the line's other fields, as they came

    @property
    def has_audio(self) -> bool:
        """Whether every file is there."""
        return all(_exists(ref.path) for ref in self.audio)


def read_jsonl(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each line's place, `file:line`, and its object; empty lines are passed over.

    Raises:
        ManifestError: The file is missing or not UTF-8, or a line is no JSON object.
    """
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                where = f"{path}:{number}"
                if not raw.strip():
                    continue
                try:
                    record = json.loads(raw)
                except UnicodeDecodeError as error:
                    raise ManifestError(f"{where}: not UTF-8 ({error.reason}); save the file as UTF-8") from error
                except (ValueError, RecursionError) as error:
                    raise ManifestError(f"{where}: not valid JSON ({error}), expected one object per line") from error
                if not isinstance(record, dict):
                    raise ManifestError(f"{where}: found {type(record).__name__}, expected a JSON object")
                yield where, record
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read ({error.strerror}); expected a JSONL file") from error


def read_manifest(
    path: Path,
    *,
    data_dir: Path,
    reference_fields: Sequence[str] = (),
    doubled: bool = False,
    multilabel: bool = False,
) -> list[Row]:
    """Read a manifest of any form.

    Args:
        path: The file.
        data_dir: Where audio is looked for that is not in the manifest's own folder.
        reference_fields: Fields that hold the truth where a line has no `references`, in order of preference.
        doubled: Whether an id may come twice, since the task makes one sample of such lines.
        multilabel: Whether an empty one of these fields is a truth, which is then the one reference "".

    Raises:
        ManifestError: A line is wrong, or an id comes twice.
    """
    rows: list[Row] = []
    seen: dict[str, str] = {}
    for where, record in read_jsonl(path):
        field = next((field for field in reference_fields if record.get(field) is not None), None)
        if field is not None and "references" not in record:
            texts = as_texts(record[field])
            record["references"] = list(texts) or ([""] if multilabel else [])
        row = _row(where, record, (path.parent, data_dir))
        if not doubled:
            _refuse_doubled(seen, row.id, where)
        rows.append(row)
    if not rows:
        raise ManifestError(f"{path}: holds no lines, expected one JSON object per sample")
    return rows


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """One line of a references file."""

    references: tuple[str, ...]
    language: str = ""  # as the line names it, "" if it does not
    question: str = ""
    source_text: str = ""
    groups: Mapping[str, str] = field(default_factory=dict)


def read_references(path: Path) -> dict[str, ReferenceRow]:
    """Read a references file: id to its line.

    Raises:
        ManifestError: A line is wrong, or an id comes twice.
    """
    found: dict[str, ReferenceRow] = {}
    seen: dict[str, str] = {}
    for where, record in read_jsonl(path):
        sample_id = _string(where, record, "id")
        _refuse_doubled(seen, sample_id, where)
        found[sample_id] = ReferenceRow(
            references=_references(where, record, "references"),
            language=_string(where, record, "language", default=""),
            question=_string(where, record, "question", default=""),
            source_text=_string(where, record, "source_text", default=""),
            groups=_groups(where, record),
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
        sample_id = _string(where, record, "id")
        _refuse_doubled(seen, sample_id, where)
        error = record.get("error")
        if isinstance(error, dict) and record.get("hypothesis") is None:
            found[sample_id] = Failure(str(error.get("type", "Error")), str(error.get("message", "no message")))
        elif record.get("hypothesis", "") is None:
            raise ManifestError(
                f"{where}: 'hypothesis' is null, expected the text, empty if the answer was, or beside it for a failed "
                'sample "error": {"type": …, "message": …}'
            )
        else:
            found[sample_id] = _string(where, record, "hypothesis")
    if not found:
        raise ManifestError(f"{path}: holds no lines, expected {{'id', 'hypothesis'}} objects")
    return found


_OWN_FIELDS = frozenset(
    {"id", "audio", "references", "start_s", "duration_s", "language", "question", "source_text", "split", "groups"}
)


def _row(where: str, record: dict[str, Any], folders: tuple[Path, ...]) -> Row:
    if "gt" in record:
        return _qwen_row(where, record, folders)
    if "query" in record and "references" not in record:
        return _query_row(where, record, folders)
    return _own_row(where, record, folders)


def as_texts(value: Any) -> tuple[str, ...]:
    """Return a field that holds the truth as references, one for each item of a list."""
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(one if isinstance(one, str) else json.dumps(one) for one in values)


def _own_row(where: str, record: dict[str, Any], folders: tuple[Path, ...]) -> Row:
    start_s = _seconds(where, record, "start_s", minimum=0.0)
    duration_s = _seconds(where, record, "duration_s", minimum=None)
    turns = _conversation(where, record)
    paths = [path for turn in turns for path in _paths(where, turn)] if turns else _paths(where, record)
    return Row(
        where=where,
        id=_string(where, record, "id"),
        audio=tuple(AudioRef(_resolve(one, folders), start_s or 0.0, duration_s) for one in paths),
        references=_references(where, record, "references"),
        language=primary_subtag(_string(where, record, "language", default="")),
        question=_string(where, turns[-1] if turns else record, "text" if turns else "question", default=""),
        source_text=_string(where, record, "source_text", default=""),
        split=_string(where, record, "split", default=""),
        groups=_groups(where, record),
        turns=tuple(Turn(turn["role"], turn["text"], len(_paths(where, turn))) for turn in turns[:-1]),
        fields={key: value for key, value in record.items() if key not in _OWN_FIELDS},
    )


def _paths(where: str, record: Mapping[str, Any]) -> list[str]:
    audio = record.get("audio", [])
    paths = [audio] if isinstance(audio, str) else audio
    if not isinstance(paths, list) or not all(isinstance(one, str) and one for one in paths):
        raise ManifestError(f"{where}: 'audio' is {_shown(audio)}, expected a path or a list of paths")
    return paths


def _conversation(where: str, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the turns of a conversation, checked; [] where the line is a single question."""
    turns = record.get("turns")
    if turns is None:
        return []
    expected = 'expected a list of {"role": "user", "text": "…", "audio": …}, the last one the user\'s'
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, dict) for turn in turns):
        raise ManifestError(f"{where}: 'turns' is {_shown(turns)}, {expected}")
    for turn in turns:
        if turn.get("role") not in ("system", "user", "assistant") or not isinstance(turn.get("text"), str):
            raise ManifestError(f"{where}: a turn is {_shown(turn)}, {expected}")
    if turns[-1]["role"] != "user":
        raise ManifestError(f"{where}: the last turn is the {turns[-1]['role']}'s, {expected}")
    for beside in ("audio", "question"):
        if beside in record:
            raise ManifestError(f"{where}: has 'turns' and {beside!r} beside it; give it in its turn")
    return turns


def _groups(where: str, record: Mapping[str, Any]) -> dict[str, str]:
    groups = record.get("groups", {})
    if not isinstance(groups, dict) or not all(isinstance(label, str) for label in groups.values()):
        raise ManifestError(f"{where}: 'groups' is {_shown(groups)}, expected an object of strings, e.g. a speaker")
    return groups


def _qwen_row(where: str, record: dict[str, Any], folders: tuple[Path, ...]) -> Row:
    audio = _string(where, record, "audio")
    if not audio:
        raise ManifestError(f"{where}: 'audio' is empty, expected a path")
    references = record["gt"] if isinstance(record["gt"], list) else [record["gt"]]
    return Row(
        where=where,
        id=PurePosixPath(audio).stem,
        audio=(AudioRef(_resolve(audio, folders)),),
        references=_references(where, {"gt": references}, "gt"),
        question=_string(where, record, "question", default=""),
        split=_string(where, record, "source"),
        fields={key: value for key, value in record.items() if key not in ("audio", "gt", "source", "question")},
    )


def _query_row(where: str, record: dict[str, Any], folders: tuple[Path, ...]) -> Row:
    """Return a row of the chat evaluation: its text holds the place of the audio, which is the model's business."""
    text = _AUDIO_SLOT.sub("", _string(where, record, "query"))
    return Row(
        where=where,
        id=str(record.get("id", "")) or PurePosixPath(_string(where, record, "audio")).stem,
        audio=tuple(AudioRef(_resolve(one, folders)) for one in _paths(where, record)),
        references=("",),
        question=text.strip(),
        split=_string(where, record, "source", default=""),
        fields={key: value for key, value in record.items() if key not in ("id", "audio", "query", "source")},
    )


def _resolve(path: str, folders: tuple[Path, ...]) -> Path:
    """Return the first place where the file is, or the first where it could be."""
    candidates = [folder / path for folder in folders]  # an absolute path stays what it is
    return next((candidate for candidate in candidates if _exists(candidate)), candidates[0])


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have: too long, or with a NUL
        return False


def _string(where: str, record: Mapping[str, Any], key: str, *, default: str | None = None) -> str:
    value = record.get(key, default)
    if not isinstance(value, str):
        found = _shown(value) if key in record else "missing"
        raise ManifestError(f"{where}: {key!r} is {found}, expected a string")
    if key == "id" and not value:
        raise ManifestError(f"{where}: 'id' is empty, expected a name that is unique in the file")
    return value


def _references(where: str, record: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = record.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(text, str) for text in value):
        found = _shown(value) if key in record else "missing"
        raise ManifestError(
            f'{where}: {key!r} is {found}, expected a list of strings like ["the true text"]; '
            "an empty string is a legal reference, null is not"
        )
    return tuple(value)


def _seconds(where: str, record: Mapping[str, Any], key: str, *, minimum: float | None) -> float | None:
    value = record.get(key)
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not (value >= minimum if minimum is not None else value > 0):
        bound = f">= {minimum:g}" if minimum is not None else "> 0"
        raise ManifestError(f"{where}: sample {record.get('id')!r}: {key} is {_shown(value)}, expected {bound}")
    return float(value)


def _refuse_doubled(seen: dict[str, str], sample_id: str, where: str) -> None:
    if sample_id in seen:
        raise ManifestError(f"{where}: id {sample_id!r} stands already in {seen[sample_id]}, expected each id once")
    seen[sample_id] = where


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "..."
