"""Reading manifests: JSONL lists of samples. Nothing is repaired or dropped.

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

import difflib
import json
import os
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from evaluate.errors import ManifestError
from evaluate.jsonl import (
    groups_field,
    read_jsonl_lines,
    references_field,
    refuse_doubled,
    seconds_field,
    shown,
    text_field,
)
from evaluate.types import AudioRef, Turn, primary_subtag

_AUDIO_SLOT = re.compile(r"^\s*(?:Audio \d+:\s*)?<\|audio_bos\|><\|AUDIO\|><\|audio_eos\|>")


class _Found(tuple[AudioRef, ...]):
    """Clips that were seen to be there: a look costs as much as a line."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a manifest, checked; what the task adds (prompt, kind) is not in it yet."""

    where: str  # "file:line", for messages, or the file alone where `line` is given
    id: str
    audio: tuple[AudioRef, ...]
    references: tuple[str, ...]
    language: str = ""
    question: str = ""
    source_text: str = ""  # what is said, where the references are its translation
    split: str = ""  # as the line names it, "" if it does not
    source: str = ""  # where that evaluation's list says that it is from, e.g. "librispeech_test_clean"
    groups: Mapping[str, str] = field(default_factory=dict)
    turns: tuple[Turn, ...] = ()  # of a conversation, before the question
    choices: tuple[str, ...] = ()  # that this question alone offers
    fields: Mapping[str, Any] = field(default_factory=dict)  # the line's other fields, as they came
    line: int = 0  # from 1; a number takes less than a text, and there may be a million

    @property
    def place(self) -> str:
        """Where it stands, "file:line", for messages."""
        return f"{self.where}:{self.line}" if self.line else self.where

    @property
    def has_audio(self) -> bool:
        """Whether every file is there."""
        return isinstance(self.audio, _Found) or all(is_there(ref.file) for ref in self.audio)


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
    seen: dict[str, Row] = {}
    place_of = attrgetter("place")
    reading = _Reading(str(path), (str(path.parent), str(data_dir)))
    for number, _, record in read_jsonl_lines(path):
        if reference_fields and "references" not in record:
            field = next((field for field in reference_fields if record.get(field) is not None), None)
            if field is not None:
                record["references"] = list(as_texts(record[field])) or ([""] if multilabel else [])
        row = _row(number, record, reading)
        if not doubled:
            refuse_doubled(seen, row.id, row, place_of)
        rows.append(row)
    if not rows:
        raise ManifestError(f"{path}: holds no lines, expected one JSON object per sample")
    return rows


_OWN_FIELDS = frozenset(
    {"id", "audio", "references", "start_s", "duration_s", "language", "question", "source_text", "split", "groups"}
)
# What other programs call a field whose name here is not much like that.
_CALLED_ELSEWHERE = dict.fromkeys(("wav", "path", "file", "audio_path", "audio_file", "audio_filepath"), "audio") | {
    "lang": "language",
    "start": "start_s",
}
_NO_FIELDS: Mapping[str, Any] = MappingProxyType({})  # one for all lines: there may be a million


def misnamed_fields(rows: Iterable[Row], read: Container[str] = ()) -> list[str]:
    """Return a line for each field that looks like one of the own form that its line lacks, and so counts for nothing.

    Args:
        rows: Of manifests.
        read: Other fields that the task reads.
    """
    found: dict[tuple[str, str], str] = {}
    for row in rows:
        for name in () if row.source else row.fields:
            meant = _meant_by(name)
            if meant and (row.where, name) not in found and name not in read and not _holds(row, meant):
                found[row.where, name] = meant
    return [
        f"{Path(where).name}: field {name!r} is not one that is read; did you mean {meant!r}?"
        for (where, name), meant in found.items()
    ]


@lru_cache(maxsize=1000)  # lines mostly have the same fields
def _meant_by(name: str) -> str:
    """Return the field of the own form that a name is nearly, "" where it is none."""
    near = difflib.get_close_matches(name.casefold(), _OWN_FIELDS, n=1, cutoff=0.85)  # not `question_id`
    return _CALLED_ELSEWHERE.get(name.casefold()) or (near[0] if near and name not in _OWN_FIELDS else "")


def _holds(row: Row, field: str) -> bool:
    """Whether a row has a field of the own form."""
    if field in ("start_s", "duration_s"):
        return any(getattr(clip, field) for clip in row.audio)
    return bool(getattr(row, field)) or (bool(row.turns) and field in ("audio", "question"))


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the lines of a list share."""

    path: str
    folders: tuple[str, ...]  # where audio is looked for
    known_groups: dict[Any, Mapping[str, str]] = field(default_factory=dict)

    def clips(
        self, paths: Sequence[str], start_s: float = 0.0, duration_s: float | None = None
    ) -> tuple[AudioRef, ...]:
        """Return a row's `audio`, each file in the first place where it is or else could be."""
        files = [self._find(path) for path in paths]
        audio = [AudioRef(file, start_s, duration_s) for file, _ in files]
        return _Found(audio) if all(there for _, there in files) else tuple(audio)

    def _find(self, path: str) -> tuple[str, bool]:
        """Return where a file is, or could be, and whether it is there."""
        for folder in self.folders:
            # As text: path objects would cost more than all else in a line. An absolute path stays what it is.
            file = os.path.join(folder, path)  # noqa: PTH118
            if is_there(file):
                return file, True
        return os.path.join(self.folders[0], path), False  # noqa: PTH118

    def groups(self, where: str, record: Mapping[str, Any]) -> Mapping[str, str]:
        """Return the groups that a line names; equal ones are one object."""
        groups = groups_field(where, record)
        return self.known_groups.setdefault(tuple(groups.items()), groups)


def _row(number: int, record: dict[str, Any], reading: _Reading) -> Row:
    if "gt" in record:
        return _qwen_row(number, record, reading)
    if "query" in record and "references" not in record:
        return _query_row(number, record, reading)
    return _own_row(number, record, reading)


def as_texts(value: Any) -> tuple[str, ...]:
    """Return a field that holds the truth as references, one for each item of a list."""
    values = value if isinstance(value, list | tuple) else [value]
    return tuple(one if isinstance(one, str) else json.dumps(one) for one in values)


def _own_row(number: int, record: dict[str, Any], reading: _Reading) -> Row:
    where = f"{reading.path}:{number}"
    start_s = seconds_field(where, record, "start_s", minimum=0.0)
    duration_s = seconds_field(where, record, "duration_s", minimum=None)
    turns = _conversation(where, record)
    paths = [path for turn in turns for path in _paths(where, turn)] if turns else _paths(where, record)
    return Row(
        where=reading.path,
        line=number,
        id=text_field(where, record, "id"),
        audio=reading.clips(paths, start_s or 0.0, duration_s),
        references=references_field(where, record, "references"),
        language=primary_subtag(text_field(where, record, "language", default="")),
        question=text_field(where, turns[-1] if turns else record, "text" if turns else "question", default=""),
        source_text=text_field(where, record, "source_text", default=""),
        split=text_field(where, record, "split", default=""),
        groups=reading.groups(where, record),
        turns=tuple(Turn(turn["role"], turn["text"], len(_paths(where, turn))) for turn in turns[:-1]) if turns else (),
        fields=(
            _NO_FIELDS
            if record.keys() <= _OWN_FIELDS
            else {key: value for key, value in record.items() if key not in _OWN_FIELDS}
        ),
    )


def _paths(where: str, record: Mapping[str, Any]) -> list[str]:
    audio = record.get("audio", [])
    if isinstance(audio, str) and audio:  # of most lines
        return [audio]
    if not isinstance(audio, list) or not all(isinstance(one, str) and one for one in audio):
        raise ManifestError(f"{where}: 'audio' is {shown(audio)}, expected a path or a list of paths")
    return audio


def _conversation(where: str, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the turns of a conversation, checked; [] where the line is a single question."""
    turns = record.get("turns")
    if turns is None:
        return []
    expected = 'expected a list of {"role": "user", "text": "…", "audio": …}, the last one the user\'s'
    if not isinstance(turns, list) or not turns or not all(isinstance(turn, dict) for turn in turns):
        raise ManifestError(f"{where}: 'turns' is {shown(turns)}, {expected}")
    for turn in turns:
        if turn.get("role") not in ("system", "user", "assistant") or not isinstance(turn.get("text"), str):
            raise ManifestError(f"{where}: a turn is {shown(turn)}, {expected}")
    if turns[-1]["role"] != "user":
        raise ManifestError(f"{where}: the last turn is the {turns[-1]['role']}'s, {expected}")
    for beside in ("audio", "question"):
        if beside in record:
            raise ManifestError(f"{where}: has 'turns' and {beside!r} beside it; give it in its turn")
    return turns


def _qwen_row(number: int, record: dict[str, Any], reading: _Reading) -> Row:
    where = f"{reading.path}:{number}"
    audio = text_field(where, record, "audio")
    if not audio:
        raise ManifestError(f"{where}: 'audio' is empty, expected a path")
    references = record["gt"] if isinstance(record["gt"], list) else [record["gt"]]
    return Row(
        where=reading.path,
        line=number,
        id=PurePosixPath(audio).stem,
        audio=reading.clips([audio]),
        references=references_field(where, {"gt": references}, "gt"),
        question=text_field(where, record, "question", default=""),
        source=text_field(where, record, "source"),
        fields={key: value for key, value in record.items() if key not in ("audio", "gt", "source", "question")},
    )


def _query_row(number: int, record: dict[str, Any], reading: _Reading) -> Row:
    """Return a row of the chat evaluation: its text holds the place of the audio, which is the model's business."""
    where = f"{reading.path}:{number}"
    text = _AUDIO_SLOT.sub("", text_field(where, record, "query"))
    return Row(
        where=reading.path,
        line=number,
        id=str(record.get("id", "")) or PurePosixPath(text_field(where, record, "audio")).stem,
        audio=reading.clips(_paths(where, record)),
        references=("",),
        question=text.strip(),
        source=text_field(where, record, "source", default=""),
        fields={key: value for key, value in record.items() if key not in ("id", "audio", "query", "source")},
    )


def is_there(path: str | Path) -> bool:
    """Whether there is a file or folder of that name, also for names that none can have."""
    return os.path.exists(path)  # noqa: PTH110  a path object's raises for some names
