"""Which column of a dataset plays which role, and what a row of it is as a row of a manifest.

A role is found by its column's usual names, compared by letters and digits only, or told (`columns`). The rules:

id          A column with a usual name. Where it holds bare numbers (rows counted, or a sentence that several people
            read) and the audio has a name, the stem of the audio's name is the id, as in corpora that name a file by
            its utterance. So it is where there is no such column. A column that was told is taken as it is.
audio       The one column that the dataset declares as audio, or one with a usual name that holds a path, bytes, or
            an array with its rate; a list holds several.
references  What the task names, else the usual names. A number of a ClassLabel becomes its name, other numbers text; a
            list, or columns numbered like caption_1 … caption_5, are several references.
language    Only where the value is a tag like "zh-CN".
split       A column `split` or `source`, where the value names a split, e.g. "librispeech_test_clean".

All columns but the audio and other bytes are in `Row.fields`, under their own names.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluate.corpus import canonical
from evaluate.errors import ManifestError
from evaluate.hf_datasets.audio import AudioFolder, path_of
from evaluate.manifest import Row
from evaluate.registry import unknown_name
from evaluate.types import primary_subtag

# Role to the usual names of its column, those that count most first, by letters and digits only.
ROLES = {
    "id": (
        *("id", "uniqid", "uttid", "uttrid", "utteranceid", "segmentid", "sampleid", "audioid", "questionid"),
        *("clipid", "fileid", "uid", "uuid", "key", "notestr"),
    ),
    "audio": (
        *("audio", "audios", "speech", "sound", "wav", "flac", "mp3", "audiopath", "audiofile", "wavpath"),
        *("filename", "filenames", "file", "path", "context"),
    ),
    "references": (
        *("references", "reference", "text", "transcript", "transcription", "sentence", "normalizedtext", "answer"),
        *("answers", "gt", "label", "labels", "caption", "captions", "translation", "target"),
    ),
    "question": ("question", "questiontext", "query"),
    "language": ("language", "locale", "lang"),
    "source_text": ("sourcetext", "srctext"),
}
_SPLIT_COLUMNS = ("split", "source")
_FILE_COLUMNS = ("file", "path", "filename", "audiopath", "audiofile", "audiofilename")
_SPLIT_WORD = re.compile(
    r"(?:^|[\W_])(?:train|dev|val|valid|validation|test|eval|evaluation)(?:$|[\W_])", re.IGNORECASE
)
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)*")
_NUMBERED = re.compile(r"(.*[^0-9_])_?([0-9]+)")


@dataclass(frozen=True, slots=True)
class _Columns:
    """Which column plays which role, None where there is none."""

    id: str | None  # None: the stem of the audio's name
    audio: str
    references: tuple[str, ...]  # several: one reference each
    question: str | None
    language: str | None
    source_text: str | None
    splits: tuple[str, ...]
    files: tuple[str, ...]  # that may name the audio where it does not do so itself


class RowReader:
    """Turns rows of a dataset into rows of a manifest.

    Args:
        place: Dataset and split, for messages.
        columns: Role to column, as told.
        reference_columns: That the task would take references from, those that count most first.
        features: Column to its feature as the `datasets` library has it; empty where it does not know.
        split: Name of the split where rows do not say, "" if that is not known.
        audio: Where audio goes that is no file.
        id_columns: Whose values are ids even where they are numbers.
        multilabel: Whether an empty list of references is a truth.
    """

    def __init__(
        self,
        *,
        place: str,
        columns: Mapping[str, str],
        reference_columns: Sequence[str],
        features: Mapping[str, Any],
        split: str,
        audio: AudioFolder,
        id_columns: Sequence[str] = (),
        multilabel: bool = False,
    ) -> None:
        self._place = place
        self._told = columns
        self._reference_columns = reference_columns
        self._features = features
        self._split = split
        self._audio = audio
        self._id_columns = id_columns
        self._multilabel = multilabel
        self._columns: _Columns | None = None

    def read(self, number: int, record: Mapping[str, Any]) -> Row:
        """Return one row; from the first one is seen which column is what.

        Args:
            number: Of the row, from 1.
            record: Column to value.

        Raises:
            UnknownNameError: A column that was told is not there.
            ManifestError: A role has no column, or a value is not what its role needs.
        """
        where = f"{self._place}:{number}"
        if self._columns is None:
            self._columns = self._find_columns(record)
        columns = self._columns
        record = {name: _named(self._features.get(name), value) for name, value in record.items()}
        sample_id = self._id(where, record)
        audio = record[columns.audio]
        source = next((value for name in columns.splits if _names_split(value := record[name])), "")
        return Row(
            where=where,
            id=sample_id,
            audio=tuple(self._audio.refer(where, sample_id, one) for one in _as_list(audio) or [None]),
            references=self._references(where, sample_id, record),
            language=self._language(where, record),
            question=self._text(where, record, columns.question),
            source_text=self._text(where, record, columns.source_text),
            split="" if source else self._split,
            source=source,
            fields={name: value for name, value in record.items() if name != columns.audio and not _is_media(value)},
        )

    def _find_columns(self, first: Mapping[str, Any]) -> _Columns:
        names = list(first)
        for role, name in self._told.items():
            if name not in names:
                kind = f"{role} column of {self._place}"
                raise unknown_name(kind, name, names, listing=f"Columns: {', '.join(names)}")
        audio = self._audio_column(first)
        references = self._reference_columns_of(names)
        source_text = self._find("source_text", names)
        if source_text is None and references != ("sentence",) and "sentence" in names:
            source_text = "sentence"  # as in CoVoST 2, beside `translation`
        return _Columns(
            id=self._id_column(first, audio),
            audio=audio,
            references=references,
            question=self._find("question", names),
            language=self._find("language", names),
            source_text=source_text,
            splits=tuple(_matching(_SPLIT_COLUMNS, names)),
            files=tuple(_matching(_FILE_COLUMNS, names)),
        )

    def _find(self, role: str, names: Iterable[str]) -> str | None:
        """Return the column of a role, None if there is none."""
        return self._told.get(role) or next(_matching(ROLES[role], names), None)

    def _missing(self, role: str, names: Iterable[str], *, found: str = "none has a usual name") -> ManifestError:
        return ManifestError(
            f"{self._place}: no column of the {role} could be told ({found}); columns: {', '.join(names)}; "
            f"name one with --dataset-arg {role}=COLUMN"
        )

    def _audio_column(self, first: Mapping[str, Any]) -> str:
        if "audio" in self._told:
            return self._told["audio"]
        declared = [name for name in first if _is_audio(self._features.get(name))]
        if len(declared) == 1:
            return declared[0]
        column = self._find("audio", declared or first)
        if column is None:
            found = f"several hold audio: {', '.join(declared)}" if declared else "none has a usual name"
            raise self._missing("audio", first, found=found)
        return column

    def _id_column(self, first: Mapping[str, Any], audio: str) -> str | None:
        """Return the column of ids, None if the audio's name is the id."""
        if "id" in self._told:
            return self._told["id"]
        if (sure := next((name for name in self._id_columns if name in first), None)) is not None:
            return sure
        column = self._find("id", [name for name in first if name != audio])
        has_name = _audio_stem(first, audio, tuple(_matching(_FILE_COLUMNS, first))) is not None
        if has_name and (column is None or str(first[column]).isdecimal()):
            return None
        if column is None:
            raise self._missing("id", first, found="none has a usual name, and the audio has none either")
        return column

    def _reference_columns_of(self, names: Sequence[str]) -> tuple[str, ...]:
        if "references" in self._told:
            return (self._told["references"],)
        wanted = (*map(canonical, self._reference_columns), *ROLES["references"])
        numbered = [(match[1], int(match[2]), name) for name in names if (match := _NUMBERED.fullmatch(name))]
        for usual in wanted:
            if (column := next(_matching((usual,), names), None)) is not None:
                return (column,)
            if several := sorted((number, name) for stem, number, name in numbered if canonical(stem) == usual):
                return tuple(name for _, name in several)
        raise self._missing("references", names)

    def _id(self, where: str, record: Mapping[str, Any]) -> str:
        assert self._columns is not None
        if self._columns.id is None:
            value = _audio_stem(record, self._columns.audio, self._columns.files)
            if value is None:
                raise ManifestError(
                    f"{where}: the audio has no name to be the id; --dataset-arg id=COLUMN names another"
                )
            return value
        value = record[self._columns.id]
        if not isinstance(value, str | int) or isinstance(value, bool) or value == "":
            raise ManifestError(f"{where}: id ({self._columns.id!r}) is {value!r}, expected a name")
        return str(value)

    def _references(self, where: str, sample_id: str, record: Mapping[str, Any]) -> tuple[str, ...]:
        assert self._columns is not None
        found: list[str] = []
        for name in self._columns.references:
            for value in _as_list(record[name]):
                if not isinstance(value, str | int | float) or isinstance(value, bool) or value != value:
                    shown = "null" if value is None else repr(value)[:60]
                    raise ManifestError(
                        f"{where}: sample {sample_id!r}: reference ({name!r}) is {shown}, expected text, a number or a "
                        "list of them; name another column with --dataset-arg references=COLUMN"
                    )
                found.append(str(value))
        if not found and self._multilabel:
            return ("",)
        if not found:
            raise ManifestError(
                f"{where}: sample {sample_id!r}: the list of references is empty, expected at least one"
            )
        return tuple(found)

    def _language(self, where: str, record: Mapping[str, Any]) -> str:
        assert self._columns is not None
        language = self._text(where, record, self._columns.language)
        if _LANGUAGE_TAG.fullmatch(language):
            return primary_subtag(language)
        if language and "language" in self._told:
            raise ManifestError(
                f"{where}: language ({self._columns.language!r}) is {language!r}, expected a tag like zh"
            )
        return ""  # a name like "Mandarin Chinese" is another thing; it stands in the fields

    def _text(self, where: str, record: Mapping[str, Any], column: str | None) -> str:
        """Return a text that need not be there."""
        value = None if column is None else record[column]
        if value is None:
            return ""
        if not isinstance(value, str):
            raise ManifestError(f"{where}: {column!r} is {value!r:.60}, expected text")
        return value


def _matching(usual: Iterable[str], names: Iterable[str]) -> Iterator[str]:
    """Yield the columns that have one of the usual names, in the order of these."""
    bycanonical = {canonical(name): name for name in reversed(list(names)) if not name.startswith("__")}
    return (bycanonical[name] for name in usual if name in bycanonical)


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _named(feature: Any, value: Any) -> Any:
    """Return the names of a ClassLabel's numbers, other values as they are."""
    feature, several = getattr(feature, "feature", feature), isinstance(value, list)
    if not hasattr(feature, "int2str") or value is None:
        return value
    return [_named(feature, one) for one in value] if several else (feature.int2str(value) if value >= 0 else None)


def _is_audio(feature: Any) -> bool:
    """Whether a feature is declared as audio, or a list of it, or a waveform with its rate."""
    feature = getattr(feature, "feature", feature)
    if isinstance(feature, dict):
        return {"array", "sampling_rate"} <= feature.keys()
    return any(kind.__name__ == "Audio" for kind in type(feature).__mro__)


def _audio_stem(record: Mapping[str, Any], audio: str, files: Sequence[str]) -> str | None:
    """Return the stem of the name of a row's audio, None if it has none."""
    first = next(iter(_as_list(record[audio])), None)
    own = first.get("path") if isinstance(first, dict) else first
    for name in (own, *(record[column] for column in files)):
        if isinstance(name, str) and path_of(name).stem:
            return path_of(name).stem
    return None


def _names_split(value: Any) -> bool:
    return isinstance(value, str) and _SPLIT_WORD.search(value) is not None


def _is_media(value: Any) -> bool:
    """Whether a value is, or holds, bytes: another recording, a picture."""
    if isinstance(value, list):
        return any(_is_media(one) for one in value[:1])
    return isinstance(value, bytes) or (isinstance(value, dict) and not {"bytes", "array"}.isdisjoint(value))
