"""A task that is all in a manifest: what a YAML file describes."""

from collections.abc import Sequence
from pathlib import Path

from evaluate.corpus import CorpusRows
from evaluate.corpus_task import CorpusTask
from evaluate.manifest import Row, read_manifest
from evaluate.task import Split


class ManifestTask(CorpusTask):
    """A task whose samples stand in a manifest per split; with the same prompt for all."""

    manifests: dict[str, Path]
    evaluation_lists = ("",)  # none: the task names its own

    is_listed = True

    @property
    def root(self) -> Path:
        """The folder of the task's own file."""
        return next(iter(self.manifests.values())).parent

    @classmethod
    def has_samples(cls) -> bool:
        return False

    def corpus_splits(self) -> tuple[str, ...]:
        return tuple(self.manifests)

    def present_splits(self) -> tuple[str, ...]:
        if self.manifest or self.dataset:
            return tuple(self.manifests)
        return tuple(split for split, path in self.manifests.items() if path.is_file())

    def read_split(self, split: str) -> Split:
        if split not in self.manifests:
            raise self.unknown_split(split)
        return super().read_split(split)

    def official_size(self, split: str, rows: Sequence[Row]) -> int | None:
        return super().official_size(split, rows) or len(rows)

    def read_corpus(self, split: str) -> CorpusRows:
        rows = read_manifest(self.manifests[split], data_dir=self.data_dir, doubled=True)
        is_shared = list(self.manifests.values()).count(self.manifests[split]) > 1
        return self._chosen(rows, split) if is_shared else CorpusRows(rows)
