"""Speech recognition from a corpus's own folders or from a manifest: what LibriSpeech, AISHELL and their like share."""

from abc import abstractmethod
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from evaluate.corpus import manifest_split, name_no_split, paired_split, rows_of_split
from evaluate.errors import CorpusAbsentError, RequestError
from evaluate.manifest import Row, read_manifest
from evaluate.task import Split, Task
from evaluate.types import AudioRef, Sample


class SpeechTask(Task):
    """Speech recognition. A subclass says where the corpus keeps its splits, audio and transcripts."""

    kind = "asr"
    top_folder: str  # the corpus's own top folder, under `data_dir`
    how_to_get: str  # one clause: where from, which archive, which licence, where to unpack

    @property
    def root(self) -> Path:
        """The corpus's top folder."""
        return self.data_dir / self.top_folder

    @abstractmethod
    def split_folder(self, split: str) -> Path:
        """Return the folder that holds a split's audio."""

    @abstractmethod
    def find_audio(self, folder: Path) -> dict[str, Path]:
        """Return utterance id to audio file for a split's folder."""

    @abstractmethod
    def find_transcripts(self, split: str, audio: Mapping[str, Path]) -> dict[str, str]:
        """Return utterance id to transcript for the utterances that belong to a split."""

    def groups_of(self, utterance: str) -> dict[str, str]:
        """Return what an utterance id says of its origin, e.g. the speaker."""
        del utterance
        return {}

    def read_split(self, split: str) -> Split:
        if self._rows is not None:
            rows = self._rows if name_no_split(self._rows) else rows_of_split(self._rows, split)
            return manifest_split(self, split, rows, self._sample_of_row)
        folder = self.split_folder(split)
        if split not in self.present_splits():
            if self.root.is_dir() and split not in self.splits:
                raise self.unknown_split(split, self.present_splits())
            raise self._not_here(split, f"{folder} is no folder")
        audio = self.find_audio(folder)
        if not audio:
            raise self._not_here(split, f"{folder} holds no audio{_archives_hint(folder)}")
        read = paired_split(
            split,
            audio=audio,
            transcripts=self.find_transcripts(split, audio),
            official=self.official_sizes.get(split),
            make_sample=self._sample,
        )
        if not read.samples:
            raise self._not_here(split, f"none of the {len(audio)} audio files in {folder} has a transcript")
        return read

    def read_default_splits(self) -> list[Split]:
        if self._rows is not None and name_no_split(self._rows) and len(self.default_splits) > 1:
            raise RequestError(
                f"the manifest does not say which split of {self.name} it is of; name it, e.g. --task "
                f"{self.name}:{self.default_splits[0]}"
            )
        return super().read_default_splits()

    def present_splits(self) -> tuple[str, ...]:
        if self._rows is not None:
            if name_no_split(self._rows):
                return self.default_splits if len(self.default_splits) == 1 else ()
            return tuple(split for split in self.splits if rows_of_split(self._rows, split))
        parent = self.split_folder("x").parent
        folders = {path.name for path in parent.iterdir() if path.is_dir()} if parent.is_dir() else set()
        return (*(split for split in self.splits if split in folders), *sorted(folders - set(self.splits)))

    @cached_property
    def _rows(self) -> list[Row] | None:
        """The manifest's rows; None where the corpus is read from its own folders."""
        listed = self.data_dir / f"{self.name}_eval.jsonl"  # the name of the Qwen-Audio evaluation's list
        path = self.manifest or (listed if listed.is_file() and not self.root.is_dir() else None)
        return None if path is None else read_manifest(path, data_dir=self.data_dir)

    def _sample(self, utterance: str, audio: AudioRef, text: str) -> Sample:
        return Sample(
            id=utterance,
            audio=(audio,),
            prompt=self.prompt,
            references=(text,),
            kind=self.kind,
            language=self.language,
            groups=self.groups_of(utterance),
        )

    def _sample_of_row(self, row: Row) -> Sample:
        return Sample(
            id=row.id,
            audio=row.audio,
            prompt=self.prompt,
            references=row.references,
            kind=self.kind,
            language=self.language,
            groups={**self.groups_of(row.id), **row.groups},
        )

    def _not_here(self, split: str, found: str) -> CorpusAbsentError:
        is_inside = self.data_dir.resolve().name == self.top_folder or (self.data_dir / split).is_dir()
        inside = " (--data-dir is the folder above it)" if is_inside else ""
        return CorpusAbsentError(
            f"{self.name}:{split} is not here: {found}{inside}; {self.how_to_get}, "
            "or name the folder that holds it with --data-dir, or a list with --manifest"
        )


def _archives_hint(folder: Path) -> str:
    """Say so where the archives inside a corpus were not unpacked."""
    archives = sorted(folder.rglob("*.tar.gz")) or sorted(folder.parent.glob("*.tar.gz"))
    return f", but {len(archives)} .tar.gz archives such as {archives[0].name}: unpack them" if archives else ""
