"""Scores in the forms that other tools and sites read; what a form cannot carry honestly is left out and named."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluate.errors import RequestError
from evaluate.report.exports.lm_eval import write_lm_eval
from evaluate.report.exports.model_index import write_model_index
from evaluate.report.exports.open_asr import write_open_asr
from evaluate.report.systems import newest_runs
from evaluate.types import Notice

WRITERS = {"model-index": write_model_index, "open-asr": write_open_asr, "lm-eval": write_lm_eval}


def write_exports(
    documents: Sequence[Mapping[str, Any]], formats: Sequence[str], out: Path, notice: Notice
) -> list[Path]:
    """Write scores into `exports/` of a folder.

    Args:
        documents: Scores documents, oldest first, each with its `run_dir`.
        formats: Names of `WRITERS`.
        out: The report's folder.
        notice: Gets what was left out, a line at a time.

    Returns:
        The files written.

    Raises:
        RequestError: A format is unknown.
        RunDamagedError: A run.json, or a time in a document, cannot be read.
    """
    unknown = [name for name in formats if name not in WRITERS]
    if unknown:
        raise RequestError(f"unknown export {unknown[0]!r}, expected one of: {', '.join(WRITERS)}")
    runs = newest_runs(documents)
    return [path for name in dict.fromkeys(formats) for path in WRITERS[name](runs, out / "exports", notice)]
