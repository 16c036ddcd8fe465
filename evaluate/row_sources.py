"""Where a task's rows come from if not from its corpus's own folders: a manifest, or a Hugging Face dataset."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from evaluate.corpus import CorpusRows, is_of_split, name_no_split
from evaluate.folders import home_or_cache
from evaluate.manifest import Row, read_manifest

if TYPE_CHECKING:
    from evaluate.hf_datasets import DatasetSpec


@dataclass(frozen=True)
class ManifestRows:
    """The lines of one or several lists, whatever splits they are of.

    Args:
        paths: The lists.
        data_dir: Where audio is looked for that is not beside its list.
        reference_fields: Fields that may hold the truth.
        multilabel: Whether none of the labels may be true.
    """

    paths: Sequence[Path]
    data_dir: Path
    reference_fields: Sequence[str]
    multilabel: bool
    what = "manifest"

    def rows(self, split: str) -> list[Row]:
        """Return all rows; whoever asks chooses those of the split."""
        del split
        return self._all

    @cached_property
    def _all(self) -> list[Row]:
        return [
            row
            for path in self.paths
            for row in read_manifest(
                path,
                data_dir=self.data_dir,
                reference_fields=self.reference_fields,
                doubled=True,  # an id may stand in several splits: it is unique in each
                multilabel=self.multilabel,
            )
        ]


@dataclass(frozen=True)
class DatasetRows:
    """The rows of a dataset.

    Args:
        spec: Which dataset.
        split_names: Returns what the dataset may call a split beside its own name.
        reference_fields: Returns the columns that may hold the truth of a split.
        id_fields: Columns whose values are ids though they are numbers.
        multilabel: Whether none of the labels may be true.
    """

    spec: "DatasetSpec"
    split_names: Callable[[str], Sequence[str]]
    reference_fields: Callable[[str], Sequence[str]]
    id_fields: Sequence[str]
    multilabel: bool
    what = "dataset"
    _read_before: dict[str, list[Row]] = field(default_factory=dict)  # reading may fetch

    def rows(self, split: str) -> list[Row]:
        """Return the rows of the part that a split is of."""
        from evaluate.hf_datasets import read_dataset

        if split not in self._read_before:
            self._read_before[split] = read_dataset(
                self.spec,
                wanted_split=split,
                split_names=self.split_names(split),
                reference_columns=self.reference_fields(split),
                id_columns=self.id_fields,
                multilabel=self.multilabel,
                cache_dir=home_or_cache("OTOSCOPE_DATASETS", "datasets"),
            )
        return self._read_before[split]


def choose_rows(rows: Sequence[Row], split: str, names: Mapping[str, Sequence[str]], *, is_default: bool) -> CorpusRows:
    """Return the rows of a split, and the ids of those that are of no split at all.

    Args:
        rows: Of any splits.
        split: The one that is wanted.
        names: Every split that is known, that one too, to what it may be called.
        is_default: Whether it is the one split that papers report: rows whose source names no part at all are of it.
    """
    if name_no_split(rows):
        return CorpusRows(rows)
    of_split = {
        one: [row for row in rows if is_of_split(row, called, names.keys() - {one})] for one, called in names.items()
    }
    assigned = {id(row) for found in of_split.values() for row in found}
    if is_default and not assigned and not any(row.split for row in rows):
        return CorpusRows(rows)
    unassigned = tuple(row.id for row in rows if id(row) not in assigned)
    return CorpusRows(of_split[split], unassigned=unassigned)
