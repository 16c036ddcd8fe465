"""What readers of corpora share: folders, transcript files, tables, and audio paired with what is said of it.

Every reader makes `Row`s, as a manifest does, so that a task turns a row into a sample in one place, wherever the row
comes from. What is not whole is counted, never repaired.
"""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from evaluate.errors import CorpusError, ManifestError
from evaluate.manifest import Row
from evaluate.types import AudioRef

_TEST_PARTS = frozenset({"test", "eval", "evaluation"})
_OTHER_PARTS = frozenset({"dev", "development", "train", "training", "val", "valid", "validation"})
MAX_CELL = 100_000  # characters; the limit of the csv module is whatever some library has set it to
AUDIO_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")


@dataclass(frozen=True, slots=True)
class CorpusRows:
    """One split of a corpus as its own files give it; rows whose audio is not there are among them."""

    rows: Sequence[Row]
    untranscribed: tuple[str, ...] = ()  # ids with audio that the corpus's lists say nothing of
    unassigned: tuple[str, ...] = ()  # ids of lines that are of no split


def find_folder(parent: Path, names: Sequence[str]) -> Path:
    """Return the folder that has one of the names, or else one that differs in case and punctuation only.

    Returns:
        Where it is, or `parent/names[0]` if there is none: where it was looked for.
    """
    for name in names:
        if (parent / name).is_dir():
            return parent / name
    wanted = {canonical(name) for name in names}
    there = sorted(path for path in parent.iterdir() if path.is_dir()) if parent.is_dir() else []
    return next((path for path in there if canonical(path.name) in wanted), parent / names[0])


def subfolders(folder: Path) -> tuple[str, ...]:
    """Return the names of a folder's own folders, sorted; () where it is not there."""
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir())) if folder.is_dir() else ()


def canonical(name: str) -> str:
    """Return a name's letters and digits, in lower case: what is left of it when systems rename files."""
    return re.sub(r"[\W_]+", "", name.casefold())


def read_transcripts(paths: Sequence[Path]) -> dict[str, str]:
    """Read `UTTERANCE-ID text` lines, the form of LibriSpeech, AISHELL and Kaldi; returns id to text.

    Raises:
        ManifestError: A file is missing or not UTF-8, or an id comes twice.
    """
    transcripts: dict[str, str] = {}
    for path in paths:
        for number, line in enumerate(read_text(path).split("\n"), start=1):
            if not line.strip():
                continue
            utterance, *text = line.split(None, 1)
            if utterance in transcripts:
                raise ManifestError(f"{path}:{number}: utterance {utterance!r} has a transcript already")
            transcripts[utterance] = text[0].strip() if text else ""
    return transcripts


def read_text(path: Path) -> str:
    """Read one of a corpus's own text files.

    Raises:
        ManifestError: It is missing or not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")  # some editors add a byte order mark
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: not UTF-8 ({error.reason}); restore the corpus's own file") from error
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read ({error.strerror}), expected a list of the corpus") from error


def read_json(path: Path) -> Any:
    """Read one of a corpus's own JSON files.

    Raises:
        ManifestError: It is missing, not UTF-8 or not JSON.
    """
    try:
        return json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{path}: not valid JSON ({error}); restore the corpus's own file") from error


def read_table(
    path: Path, *, columns: Sequence[str], delimiter: str = ",", header: Sequence[str] | None = None
) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each row's place, `file:line`, and its cells by column; empty lines are passed over.

    Args:
        path: The file.
        columns: Those that must be there.
        delimiter: Between the cells; with tabs a quotation mark is a character like any other.
        header: Names of the columns, for files that have none.

    Raises:
        ManifestError: The file cannot be read, lacks a column, or a row has too few cells, too many, or a quotation
            mark without its other.
    """
    lines = read_text(path).split("\n")  # not splitlines: U+2028 and its like stand inside of sentences
    quoting: Literal[0, 3] = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    reader: csv.DictReader[str] = csv.DictReader(
        (line + "\n" for line in lines),
        header and tuple(header),
        delimiter=delimiter,
        quoting=quoting,
        strict=True,  # else an unbalanced mark swallows the rows behind it
    )
    try:
        missing = [column for column in columns if column not in (reader.fieldnames or ())]
        if missing:
            raise ManifestError(
                f"{path}: lacks the column {missing[0]!r}, found {', '.join(reader.fieldnames or ['nothing'])[:200]}; "
                "is it the corpus's own file?"
            )
        for cells in reader:
            where = f"{path}:{reader.line_num}"
            short = [column for column in columns if cells[column] is None]
            if short:
                raise ManifestError(f"{where}: has no cell for {short[0]!r}, expected {', '.join(columns)}")
            longest = max((len(cell) for cell in cells.values() if isinstance(cell, str)), default=0)
            if longest > MAX_CELL:
                raise ManifestError(f"{where}: a cell holds {longest} characters; is a quotation mark missing?")
            if None in cells and header is None:
                raise ManifestError(f"{where}: has more cells than there are columns, {len(reader.fieldnames or ())}")
            yield where, {key: cell or "" for key, cell in cells.items() if isinstance(key, str)}
    except csv.Error as error:
        raise ManifestError(
            f"{path}:{reader.line_num}: cannot be read ({error}); restore the corpus's own file"
        ) from error


def audio_by_stem(paths: Iterable[Path]) -> dict[str, Path]:
    """Return utterance id to file, for corpora that name a file by its utterance.

    Raises:
        CorpusError: Two files are of one utterance: which of them counts cannot be told.
    """
    found: dict[str, Path] = {}
    for path in sorted(paths):
        if path.stem in found:
            raise CorpusError(f"{path}: utterance {path.stem!r} has audio already in {found[path.stem]}; keep one")
        found[path.stem] = path
    return found


def audio_files(folder: Path, pattern: str = "*") -> dict[str, Path]:
    """Return utterance id to file for the audio in a folder."""
    return audio_by_stem(path for path in folder.glob(pattern) if path.suffix.lower() in AUDIO_SUFFIXES)


def paired_rows(
    folder: Path, *, audio: Mapping[str, Path], transcripts: Mapping[str, str], split: str = ""
) -> CorpusRows:
    """Pair audio files with transcripts by utterance id, in the order of the ids: it is part of the run.

    Args:
        folder: Where audio that is missing would be, for messages.
        audio: Utterance id to file.
        transcripts: Utterance id to text, only of this split.
        split: Its name.
    """
    rows = [
        Row(
            where=str(folder),
            id=utterance,
            audio=(AudioRef(audio.get(utterance, folder / utterance)),),
            references=(transcripts[utterance],),
            split=split,
        )
        for utterance in sorted(transcripts)
    ]
    return CorpusRows(rows, tuple(sorted(audio.keys() - transcripts.keys())))


def is_of_split(row: Row, names: Sequence[str], others: Iterable[str]) -> bool:
    """Whether a line of a list is of a split.

    A line's own `split` names it, but for case and marks. A `source` such as `librispeech_test_clean` holds the name as
    whole words, is not the name of another split, and names no other part beside it: `covost_en_zh_dev` is not of
    `en-zh`, whose part is the test part.

    Args:
        row: The line.
        names: What the split may be called.
        others: Names of the task's other splits.
    """
    if row.split:
        return canonical(row.split) in map(canonical, names)
    said = _words(row.source)
    if said in map(_words, names):
        return True
    return said not in map(_words, others) and any(_holds(said, _words(name)) for name in names)


def _holds(said: list[str], name: list[str]) -> bool:
    """Whether words hold those of a split's name, and beside them no part of a corpus that is another one."""
    places = [start for start in range(len(said) - len(name) + 1) if said[start : start + len(name)] == name]
    own_part = _TEST_PARTS if _OTHER_PARTS.isdisjoint(name) and _TEST_PARTS.isdisjoint(name) else frozenset()
    parts = _TEST_PARTS | _OTHER_PARTS
    return any(parts.intersection(said[:start] + said[start + len(name) :]) <= own_part for start in places)


def name_no_split(rows: Sequence[Row]) -> bool:
    """Whether no row says of which split it is: then all are of the one that is asked for."""
    return not any(row.split or row.source for row in rows)


def merged(rows: Iterable[Row], combine: Callable[[Row, Row], Row]) -> list[Row]:
    """Return one row per id, in the order in which ids first come, made of all rows with that id."""
    found: dict[str, Row] = {}
    for row in rows:
        found[row.id] = combine(found[row.id], row) if row.id in found else row
    return list(found.values())


def _words(name: str) -> list[str]:
    return re.sub(r"[\W_]+", " ", name.lower()).split()
