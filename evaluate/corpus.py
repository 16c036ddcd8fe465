"""What readers of speech corpora share: transcript files, and audio paired with transcripts."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from evaluate.errors import CorpusAbsentError, CorpusError, ManifestError
from evaluate.manifest import Row
from evaluate.task import Coverage, Split, Task
from evaluate.types import AudioRef, Sample


def read_transcripts(paths: Sequence[Path]) -> dict[str, str]:
    """Read `UTTERANCE-ID text` lines, the form of LibriSpeech, AISHELL and Kaldi; returns id to text.

    Raises:
        ManifestError: A file is missing or not UTF-8, or an id comes twice.
    """
    transcripts: dict[str, str] = {}
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8-sig").split("\n")  # some editors add a byte order mark
        except UnicodeDecodeError as error:
            raise ManifestError(f"{path}: not UTF-8 ({error.reason}); restore the corpus's own file") from error
        except OSError as error:
            raise ManifestError(f"{path}: cannot be read ({error.strerror}), expected transcripts") from error
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            utterance, *text = line.split(None, 1)
            if utterance in transcripts:
                raise ManifestError(f"{path}:{number}: utterance {utterance!r} has a transcript already")
            transcripts[utterance] = text[0].strip() if text else ""
    return transcripts


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


def paired_split(
    name: str,
    *,
    audio: Mapping[str, Path],
    transcripts: Mapping[str, str],
    official: int | None,
    make_sample: Callable[[str, AudioRef, str], Sample],
) -> Split:
    """Pair audio files with transcripts by utterance id; what lacks its other half is counted, not an error.

    Args:
        name: Of the split.
        audio: Utterance id to file.
        transcripts: Utterance id to text, only of this split.
        official: How many utterances the published split has, None if unknown.
        make_sample: Makes a sample of utterance id, audio and transcript.
    """
    found = sorted(audio.keys() & transcripts.keys())  # sorted: the order is part of the run
    return Split(
        name,
        tuple(make_sample(utterance, AudioRef(audio[utterance]), transcripts[utterance]) for utterance in found),
        Coverage(
            found=len(found),
            official=official,
            missing_audio=tuple(sorted(transcripts.keys() - audio.keys())),
            untranscribed=tuple(sorted(audio.keys() - transcripts.keys())),
        ),
    )


def rows_of_split(rows: Sequence[Row], split: str) -> list[Row]:
    """Return the rows whose own `split` or `source` names a split, e.g. `librispeech_test_clean` for `test-clean`."""
    wanted = f"-{_canonical(split)}-"
    return [row for row in rows if wanted in f"-{_canonical(row.split)}-"]


def name_no_split(rows: Sequence[Row]) -> bool:
    """Whether no row says of which split it is: then all are of the one that is asked for."""
    return not any(row.split for row in rows)


def manifest_split(task: Task, split: str, rows: Sequence[Row], make_sample: Callable[[Row], Sample]) -> Split:
    """Make a split of manifest rows; rows whose audio is not there are counted, not an error.

    Args:
        task: Whose split it is.
        split: Its name.
        rows: All of one split.
        make_sample: Makes a sample of a row.

    Raises:
        CorpusAbsentError: There are no rows, or none has its audio.
        ManifestError: A row is in another language than the task.
    """
    for row in rows:
        if task.language and row.language not in ("", task.language):
            raise ManifestError(
                f"{row.where}: sample {row.id!r}: language is {row.language!r}, but it would be scored by the task's, "
                f"{task.language!r}; make it a task of its own"
            )
    found = [row for row in rows if row.has_audio]
    if not found:
        first = f" (first: {rows[0].audio[0].path})" if rows and rows[0].audio else ""
        what = (
            f"none of the manifest's {len(rows)} audio files is there{first}"
            if rows
            else "the manifest has no line of it"
        )
        raise CorpusAbsentError(
            f"{task.name}:{split}: {what}; paths are taken relative to the manifest or to --data-dir, and splits from "
            "the lines' own `split` or `source`"
        )
    missing = tuple(row.id for row in rows if not row.has_audio)
    official = task.official_sizes.get(split)
    return Split(split, tuple(make_sample(row) for row in found), Coverage(len(found), official, missing))


def _canonical(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
