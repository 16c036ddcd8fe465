"""A task that is all in a manifest: what a YAML file describes."""

from dataclasses import replace
from pathlib import Path

from evaluate.answers import match_choice
from evaluate.corpus import manifest_split, name_no_split, rows_of_split
from evaluate.errors import ManifestError
from evaluate.manifest import Row, read_manifest
from evaluate.task import Split, Task
from evaluate.types import Sample


class ManifestTask(Task):
    """A task whose samples stand in a manifest per split; with the same prompt for all."""

    manifests: dict[str, Path]

    def present_splits(self) -> tuple[str, ...]:
        return tuple(split for split, path in self.manifests.items() if self.manifest or path.is_file())

    def read_split(self, split: str) -> Split:
        if split not in self.manifests:
            raise self.unknown_split(split, ())
        path = self.manifest or self.manifests[split]
        rows = read_manifest(path, data_dir=self.data_dir)
        if self._is_shared(path) and not name_no_split(rows):
            rows = rows_of_split(rows, split)
        read = manifest_split(self, split, rows, self._sample)
        coverage = replace(read.coverage, official=read.coverage.official or len(rows))
        return replace(read, coverage=coverage)

    def _is_shared(self, path: Path) -> bool:
        """Whether a file may hold other splits too; all rows of a file that is one split's own are of that split."""
        return path == self.manifest or list(self.manifests.values()).count(path) > 1

    def _sample(self, row: Row) -> Sample:
        return Sample(
            id=row.id,
            audio=row.audio,
            prompt=self._prompt(row),
            references=tuple(self._label(row, text) for text in row.references) if self.choices else row.references,
            kind=self.kind,
            language=self.language or row.language,
            groups=row.groups,
            choices=self.choices,
            source_text=row.source_text,
        )

    def _prompt(self, row: Row) -> str:
        """Return what is asked of a row; its question stands where the prompt says so, else behind it."""
        prompt = self.prompt.replace("{choices}", ", ".join(self.choices))
        if "{question}" in prompt or not row.question:
            return prompt.replace("{question}", row.question)
        return f"{prompt}\n{row.question}" if prompt else row.question

    def _label(self, row: Row, reference: str) -> str:
        """Return the choice that a reference is."""
        choice = match_choice(reference, self.choices)
        if choice is None:
            raise ManifestError(
                f"{row.where}: sample {row.id!r}: reference {reference!r} is none of the choices: "
                f"{', '.join(self.choices)}"
            )
        return choice
