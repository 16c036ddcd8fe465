"""Rows of a benchmark from a dataset in Hugging Face's form: a hub id, or a local copy of any shape.

A local copy is what `save_to_disk` wrote, or a folder of parquet, arrow, jsonl, csv or tar files, or an `audiofolder`.
It is read where it lies. A hub dataset is downloaded whole and kept where the `datasets` library keeps such things, so
that it is there without a network too; with `streaming`, only the rows of the split that is wanted are fetched.
Which column is what: `columns`; what becomes of audio inside of a dataset: `audio`.

The library encodes and decodes audio only where torchcodec is installed. Here neither is asked of it: files and bytes
are handed on as they are, and soundfile reads them later.
"""

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from evaluate.corpus import canonical
from evaluate.digests import digest
from evaluate.errors import CorpusAbsentError, CorpusError, MachineError, RequestError
from evaluate.hf_datasets.audio import AudioFolder
from evaluate.hf_datasets.columns import ROLES, RowReader
from evaluate.manifest import Row
from evaluate.registry import unknown_name
from evaluate.results import slug

ARGUMENTS = ("config", "split", "revision", "streaming", *ROLES)
DEFAULT_REVISION = "main"
_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_MAX_REASON = 300  # characters of the library's own words in a message


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """Which dataset to read, and how."""

    where: str  # hub id `owner/name`, or a local folder
    config: str = ""  # of the dataset, where it has several
    split: str = ""  # of the dataset; "": the one that fits the task's split
    revision: str = DEFAULT_REVISION  # of a hub dataset: branch, tag or commit
    streaming: bool = False  # fetch only the rows of the split that is wanted; a local folder is always read like that
    limit: int | None = None  # rows to read at most; when streaming, no more than these are fetched
    columns: Mapping[str, str] = field(default_factory=dict)  # role to column, where the usual names do not fit


def parse_dataset_spec(where: str, arguments: Mapping[str, str], *, limit: int | None = None) -> DatasetSpec:
    """Return the dataset that a command names.

    Args:
        where: Hub id or local folder.
        arguments: KEY to VALUE as typed: config, split, revision, streaming, and a column for each role.
        limit: Rows to read at most.

    Raises:
        RequestError: A key is unknown, or a value is none of those that it may have.
    """
    for name in arguments:
        if name not in ARGUMENTS:
            raise unknown_name("dataset argument", name, ARGUMENTS, listing=f"There are: {', '.join(ARGUMENTS)}")
    streaming = arguments.get("streaming", "false")
    if streaming not in ("true", "false"):
        raise RequestError(f"dataset argument streaming is {streaming!r}, expected true or false")
    return DatasetSpec(
        where=where,
        config=arguments.get("config", ""),
        split=arguments.get("split", ""),
        revision=arguments.get("revision", DEFAULT_REVISION),
        streaming=streaming == "true",
        limit=limit,
        columns={role: arguments[role] for role in ROLES if role in arguments},
    )


def read_dataset(
    spec: DatasetSpec,
    *,
    wanted_split: str,
    split_names: Sequence[str] = (),
    reference_columns: Sequence[str] = (),
    id_columns: Sequence[str] = (),
    multilabel: bool = False,
    cache_dir: Path,
) -> list[Row]:
    """Read the rows of one split, and put audio that is inside the dataset into files.

    Args:
        spec: Which dataset.
        wanted_split: Name of the split as the task has it, e.g. "test-clean".
        split_names: What else it may be called, those that fit best first.
        reference_columns: Columns that may hold the references, those that count most first; the usual names follow.
        id_columns: Columns whose values are ids even where they are numbers.
        multilabel: Whether no reference at all is a truth, which is then the one reference "".
        cache_dir: Where audio goes that is no file yet; what is there already is not written again.

    Returns:
        The rows in the dataset's order. Their `split` is what a column says, else `wanted_split` where the dataset's
        own split has that name, else "": the dataset does not say. An id may come several times.

    Raises:
        RequestError: The dataset, configuration, split or a column is not there, or a row is wrong.
        MachineError: The hub cannot be reached, or the disk is full.
    """
    root = _local_folder(spec.where)
    with _library_errors(spec):
        split, stream = _open(spec, root, (wanted_split, *split_names))
        features = stream.features
    reader = RowReader(
        place=f"{spec.where}:{split}" if split else spec.where,
        columns=spec.columns,
        reference_columns=reference_columns,
        features=features or {},
        id_columns=id_columns,
        multilabel=multilabel,
        split=wanted_split if any(_is_named(split, name) for name in (wanted_split, *split_names)) else "",
        audio=AudioFolder(_audio_folder(spec, split, cache_dir), root=root),
    )
    rows = []
    for number, record in enumerate(_records(spec, stream), start=1):
        with _library_errors(spec):  # audio may be fetched
            rows.append(reader.read(number, record))
    if not rows:
        raise CorpusAbsentError(f"{spec.where}: split {split!r} holds no rows, expected one per sample")
    return rows


def _audio_folder(spec: DatasetSpec, split: str, cache_dir: Path) -> Path:
    """Return the folder for the audio of a split; other configurations and revisions have others."""
    whole = digest([spec.where, spec.config, split, spec.revision])
    return cache_dir / f"{slug(spec.where)}-{whole[:8]}"


def _local_folder(where: str) -> Path | None:
    """Return the folder that is meant, None for a hub id.

    Raises:
        CorpusAbsentError: It is neither.
    """
    path = Path(where).expanduser()
    if path.is_dir():
        return path.resolve()
    if path.exists() or not _HUB_ID.fullmatch(where):
        found = "a file" if path.exists() else "not there"
        raise CorpusAbsentError(f"dataset {where!r} is {found}, expected a folder or a hub id like owner/name")
    return None


def _open(spec: DatasetSpec, root: Path | None, wanted: Sequence[str]) -> tuple[str, Any]:
    """Return the name of the dataset's split and its rows, with audio as it is stored."""
    datasets = _library()
    if root is not None and any((root / name).is_file() for name in ("state.json", "dataset_dict.json")):
        split, rows = _saved_split(spec, datasets.load_from_disk(str(root)), wanted)
        return split, _undecoded(rows.to_iterable_dataset())
    builder = _builder(spec, root)
    split = _choose_split(spec, [str(name) for name in builder.config.data_files or builder.info.splits or ()], wanted)
    # Of folders with audio files and of tars, the library makes its own copy only with torchcodec.
    if spec.streaming or root is not None or isinstance(builder, datasets.GeneratorBasedBuilder):
        options = _reading_options(builder, split)
        if options:
            builder = _builder(spec, root, **options)
        return split, _undecoded(builder.as_streaming_dataset(split=split))
    builder.download_and_prepare()
    return split, _undecoded(builder.as_dataset(split=split).to_iterable_dataset())


def _saved_split(spec: DatasetSpec, saved: Any, wanted: Sequence[str]) -> tuple[str, Any]:
    """Return the split of what `save_to_disk` wrote, a dataset or several by name."""
    if isinstance(saved, dict):
        split = _choose_split(spec, list(saved), wanted)
        return split, saved[split]
    if saved.split is None and not spec.split:
        return "", saved  # it has no name
    return _choose_split(spec, [str(saved.split)] if saved.split else [], wanted), saved


def _builder(spec: DatasetSpec, root: Path | None, **options: Any) -> Any:
    """Return the library's reader of a dataset.

    Raises:
        MachineError: Another revision than the one in the library's own cache is wanted, and there is no network.
    """
    builder = _library().load_dataset_builder(
        spec.where if root is None else str(root),
        spec.config or None,
        revision=spec.revision if root is None else None,
        **options,
    )
    # Without a network the library takes what it has, whatever the revision.
    is_cached = type(builder).__name__ == "Cache"
    if is_cached and spec.revision not in (DEFAULT_REVISION, builder.hash):
        raise MachineError(
            f"{spec.where}: the hub cannot be reached, and the copy that is here is of revision {builder.hash}, not "
            f"{spec.revision}; connect, or name that one"
        )
    return builder


def _reading_options(builder: Any, split: str) -> dict[str, Any]:
    """Return what a reader must be told that is to read rows as they stand, without holding them all."""
    from pyarrow.dataset import ParquetFragmentScanOptions

    if builder.name == "parquet":  # what it buffers ahead it keeps, up to the whole file
        return {"fragment_scan_options": ParquetFragmentScanOptions(pre_buffer=False)}
    if builder.info.features is not None:  # types that were published
        return {}
    files = [str(file) for file in (builder.config.data_files or {}).get(split, ())]
    if builder.name == "csv":
        return {"features": _text_columns(files[0], sep=builder.config.sep), "keep_default_na": False}
    metadata = [file for file in files if PurePosixPath(file).name == "metadata.csv"]
    if builder.name == "audiofolder" and metadata:
        columns = _text_columns(metadata[0])
        if columns.pop("file_name", None):  # the library's reader makes `audio` of it
            columns["audio"] = _library().Audio()
        return {"features": columns}
    return {}


def _text_columns(file: str, *, sep: str = ",") -> Any:
    """Return features by which cells of a CSV file stay text; else "007" would be read as 7, and "NA" as nothing."""
    import pandas

    datasets = _library()
    names = pandas.read_csv(file, nrows=0, sep=sep).columns
    return datasets.Features({name: datasets.Value("string") for name in names})


def _choose_split(spec: DatasetSpec, names: Sequence[str], wanted: Sequence[str]) -> str:
    """Return which of a dataset's splits to read.

    Raises:
        RequestError: None is it for certain.
    """
    if spec.split:
        if spec.split in names:
            return spec.split
        raise unknown_name(f"split of {spec.where}", spec.split, names, listing=f"Splits: {', '.join(names) or 'none'}")
    same = next(filter(None, ([name for name in names if _is_named(name, one)] for one in wanted)), [])
    if len(same or names) == 1:
        return (same or names)[0]
    raise RequestError(
        f"{spec.where}: which split is {wanted[0]!r} cannot be told, there are: {', '.join(same or names) or 'none'}; "
        "name one with --dataset-arg split=NAME"
    )


def _is_named(split: str, wanted: str) -> bool:
    """Whether two names of a split are one, but for punctuation and case: `test.clean` and `test-clean`."""
    return canonical(split) == canonical(wanted)


def _records(spec: DatasetSpec, stream: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows as the library gives them, as many as are wanted."""
    with _library_errors(spec):
        yield from islice(stream, spec.limit)


def _undecoded(stream: Any) -> Any:
    """Return rows with audio as it is stored, path and bytes; pictures and videos likewise."""
    return stream if stream.features is None else stream.cast(_stored(stream.features))


def _stored(feature: Any) -> Any:
    """Return a feature under which nothing is encoded or decoded."""
    datasets = _library()
    if isinstance(feature, datasets.Audio):
        return _stored_audio()(decode=False)
    if isinstance(feature, dict):
        return type(feature)({name: _stored(inner) for name, inner in feature.items()})
    if isinstance(feature, datasets.List | datasets.LargeList):
        return dataclasses.replace(feature, feature=_stored(feature.feature))
    if hasattr(feature, "decode_example"):
        return {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
    return feature


@functools.cache
def _stored_audio() -> type:
    """Return the library's feature for audio, without its need of torchcodec for what needs no encoding."""

    class StoredAudio(_library().Audio):  # type: ignore[misc] # the library has no types
        def encode_example(self, value: Any) -> Any:
            return value if isinstance(value, dict) else {"bytes": None, "path": str(value)}

    return StoredAudio


@functools.cache
def _library() -> Any:
    """Import the library, silent and without counting what is loaded."""
    import datasets
    import huggingface_hub

    datasets.disable_progress_bars()
    datasets.logging.set_verbosity_error()
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    huggingface_hub.utils.disable_progress_bars()
    huggingface_hub.logging.set_verbosity_error()
    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True
    return datasets


@contextmanager
def _library_errors(spec: DatasetSpec) -> Iterator[None]:
    """Turn what the library raises into errors of one line, by who can act."""
    _library()
    from datasets.exceptions import DatasetGenerationError, DatasetNotFoundError
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import httpx
    from pyarrow import ArrowException

    try:
        yield
    except DatasetNotFoundError as error:
        raise CorpusAbsentError(
            f"{_reason(error)}; check the id and revision, or ask for access and log in with `hf auth login`"
        ) from error
    except FileNotFoundError as error:
        raise CorpusAbsentError(f"{spec.where}: {_reason(error)}") from error
    except (ConnectionError, TimeoutError, HfHubHTTPError, httpx.HTTPError) as error:
        raise MachineError(
            f"{spec.where}: {_reason(error)}; connect to the hub, or name a local folder (there is none of that name)"
        ) from error
    except DatasetGenerationError as error:  # its cause says what happened
        if isinstance(error.__cause__, OSError):
            raise MachineError(f"{spec.where}: {_reason(error.__cause__)}") from error
        raise CorpusError(f"{spec.where}: cannot be read ({_reason(error.__cause__ or error)})") from error
    except IndexError as error:  # what the library makes of a copy without rows
        raise CorpusAbsentError(f"{spec.where}: holds no rows, expected one per sample") from error
    except (ValueError, RuntimeError, ArrowException) as error:
        raise RequestError(f"{spec.where}: {_advice(_reason(error))}") from error
    except OSError as error:
        raise MachineError(f"{spec.where}: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """Return the library's words in one line."""
    line = " ".join(str(error).partition("\nExample of usage")[0].split()).rstrip(".") or type(error).__name__
    return line if len(line) <= _MAX_REASON else f"{line[: _MAX_REASON - 3]}..."


def _advice(reason: str) -> str:
    """Return the library's words with what a user of this program can do."""
    if "onfig" in reason and "vailable" in reason:
        return f"{reason}; name one with --dataset-arg config=NAME"
    if "scripts are no longer supported" in reason:
        return f"{reason}; the hub's own conversion may help: --dataset-arg revision=refs/convert/parquet"
    return reason
