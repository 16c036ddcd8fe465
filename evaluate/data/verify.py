"""Whether the corpora that are here are whole: lists against audio, and every audio file looked into.

Damage is what would make a score wrong or a run fail without the user's doing: a listed utterance without its audio, a
file that cannot be decoded or is empty, an impossible duration, a span beyond its file, a list that cannot be read, an
id that comes twice. No damage, but reported: a split of which less than the official number is here (it is partial; the
scores say so too), and audio without a transcript (AISHELL-1 as published has some).
"""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from evaluate.audio import inspect_audio, load_waveform, span_seconds
from evaluate.data.survey import Finding, survey
from evaluate.errors import CorpusAbsentError, SampleError
from evaluate.progress import progress_bar
from evaluate.task import Split
from evaluate.types import AudioRef

MIN_DURATION_S = 0.01  # shorter is no recording: a file that was cut off behind its header
MAX_DURATION_S = 3600.0  # longer than any item of any benchmark here: a header that lies
MAX_THREADS = 8


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    kind: str  # missing, unreadable audio, impossible duration, doubled id, unreadable list or task
    where: str  # an id or a file
    message: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found of one split."""

    task: str
    split: str
    state: str  # whole, partial or damaged
    found: int = 0
    official: int | None = None
    num_files: int = 0  # looked into
    num_untranscribed: int = 0  # audio without a transcript: no damage
    problems: tuple[Problem, ...] = field(default=())
    note: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it with every problem."""
        return {
            "task": self.task,
            "split": self.split,
            "state": self.state,
            "found": self.found,
            "official": self.official,
            "n_files": self.num_files,
            "n_untranscribed": self.num_untranscribed,
            "problems": [{"kind": one.kind, "where": one.where, "message": one.message} for one in self.problems],
            "note": self.note,
        }


def verify_corpora(
    spec: str | None, data_dir: Path, *, decode: bool = False, tasks_dir: Path | None = None
) -> list[Report]:
    """Look into every corpus that is here, or into the one that is named.

    Args:
        spec: `NAME[:SPLIT]`; None: all tasks, those that are not here left out.
        data_dir: Where corpora live.
        decode: Whether every file is decoded to its end, beyond its header.
        tasks_dir: A folder with more tasks.

    Raises:
        RequestError: There is no task or split of that name, or nothing of it is here.
    """
    if not data_dir.is_dir():
        raise CorpusAbsentError(f"{data_dir}: no such folder, expected --data-dir with the corpora's own top folders")
    findings = survey(spec, data_dir, tasks_dir=tasks_dir)
    here = [finding for finding in findings if not finding.is_absent]
    if spec is not None and not here:
        raise CorpusAbsentError(findings[0].error if findings else f"{spec}: the task has no splits")
    return [_verify(finding, decode=decode) for finding in here]


def _verify(finding: Finding, *, decode: bool) -> Report:
    split = finding.split
    if split is None:
        problem = Problem("unreadable list" if finding.name else "unreadable task", finding.name, finding.error)
        return Report(finding.task, finding.name, "damaged", official=finding.official, problems=(problem,))
    coverage = split.coverage
    refs: dict[Path, list[AudioRef]] = {}
    for ref in (ref for sample in split.samples for ref in sample.audio):
        refs.setdefault(ref.path, []).append(ref)
    problems = [*_listing_problems(split), *_audio_problems(f"{finding.task}:{split.name}", refs, decode=decode)]
    return Report(
        task=finding.task,
        split=split.name,
        state="damaged" if problems else "partial" if finding.state == "partial" else "whole",
        found=coverage.found,
        official=coverage.official,
        num_files=len(refs),
        num_untranscribed=len(coverage.untranscribed),
        problems=tuple(problems),
        note=coverage.describe(),
    )


def _listing_problems(split: Split) -> Iterator[Problem]:
    for utterance in split.coverage.missing_audio:
        yield Problem("missing audio", utterance, "it is listed, and has no audio")
    for utterance, count in Counter(sample.id for sample in split.samples).items():
        if count > 1:
            yield Problem("doubled id", utterance, f"comes {count} times")


def _audio_problems(title: str, refs: dict[Path, list[AudioRef]], *, decode: bool) -> Iterator[Problem]:
    """Look into files, several at a time."""
    pool = ThreadPoolExecutor(min(MAX_THREADS, os.cpu_count() or 1))
    try:
        with progress_bar(title, num_samples=len(refs)) as advance:
            look = partial(_look_into, decode=decode)
            for duration_s, found in pool.map(look, refs.values()):
                advance(1, duration_s)
                yield from found
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C nothing more is begun


def _look_into(refs: Sequence[AudioRef], *, decode: bool) -> tuple[float, list[Problem]]:
    """Return a file's duration in seconds, 0 where it has none, and what is wrong with it."""
    path = refs[0].path
    try:
        info = inspect_audio(path)
        for ref in refs:
            span_seconds(ref, info)
        if not MIN_DURATION_S <= info.duration_s <= MAX_DURATION_S:
            message = f"{info.duration_s:g} s, expected {MIN_DURATION_S:g} to {MAX_DURATION_S:g} s"
            return info.duration_s, [Problem("impossible duration", str(path), message)]
        if decode:
            load_waveform(AudioRef(path), sample_rate_hz=info.sample_rate_hz)  # at its own rate: nothing to resample
    except (SampleError, OSError) as error:
        return 0.0, [Problem("unreadable audio", str(path), str(error))]
    return info.duration_s, []


def is_damaged(reports: Iterable[Report]) -> bool:
    """Whether any split is damaged."""
    return any(report.problems for report in reports)


def print_reports(reports: Sequence[Report], *, max_problems: int = 20) -> None:
    """Print a table of splits, and under it what is wrong."""
    from evaluate.tables import print_note, print_table

    columns = ("task", "split", "state", "utterances", "expected", "files", "problems")
    rows = [
        [
            report.task,
            report.split,
            report.state,
            str(report.found),
            "–" if report.official is None else str(report.official),
            str(report.num_files),
            ", ".join(f"{count} {kind}" for kind, count in Counter(one.kind for one in report.problems).items()),
        ]
        for report in reports
    ]
    print_table("Corpora", columns, rows, numeric=("utterances", "expected", "files"), prose=("problems",))
    for report in reports:
        if report.note:
            print_note(f"{report.task}:{report.split}: {report.note}")
        for problem in report.problems[:max_problems]:
            print_note(f"{report.task}:{report.split}: {problem.kind}: {problem.where}: {problem.message}")
        if len(report.problems) > max_problems:
            print_note(f"{report.task}:{report.split}: {len(report.problems) - max_problems} more; --json has them all")
