"""Rows of Parquet files as they lie in a benchmark's own folder, where its publishers give nothing else."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evaluate.digests import digest
from evaluate.errors import ManifestError
from evaluate.folders import home_or_cache
from evaluate.hf_datasets.audio import AudioFolder
from evaluate.results import slug

_ROWS_AT_ONCE = 16  # a row holds its audio


def read_parquet(path: Path, *, columns: Sequence[str] | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each row's place, `file:row`, and its cells by column.

    Args:
        path: The file.
        columns: Those that are wanted, as far as they are there; None: all.

    Raises:
        ManifestError: The file is damaged, or none.
    """
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    number = 0
    try:
        with ParquetFile(path) as file:
            there = file.schema_arrow.names
            wanted = None if columns is None else [name for name in columns if name in there]
            for batch in file.iter_batches(batch_size=_ROWS_AT_ONCE, columns=wanted):
                for record in batch.to_pylist():
                    number += 1
                    yield f"{path}:{number}", record
    except (ArrowException, OSError) as error:
        raise ManifestError(
            f"{path}: cannot be read ({' '.join(str(error).split())[:200]}); download it again"
        ) from error


def audio_folder(path: Path) -> AudioFolder:
    """Return where the audio inside of a Parquet file is put: a folder of its own among those of datasets."""
    whole = digest([str(path.resolve())])
    return AudioFolder(
        home_or_cache("OTOSCOPE_DATASETS", "datasets") / f"{slug(path.stem)}-{whole[:8]}", root=path.parent
    )
