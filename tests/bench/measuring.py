"""Pairs of measurements, their medians, and the table that they end up in."""

import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
CLOCK = "OTOSCOPE_BENCH_CLOCK"  # "cpu": seconds of CPU time; peers read it too


class PeerError(Exception):
    """A side of a comparison could not be run; says which one, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line says."""

    corpora: Path  # real recordings
    checkpoints: Path
    peers: Path  # the environment of the peers
    num_pairs: int = 3  # of the rows that take long; short ones take more
    num_clips: int = 40
    num_log_samples: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Aim:
    """What a ratio should be: our time in the other's, or how many times as fast."""

    kind: Literal["at most", "at least", "none"]
    value: float = 1.0
    why_not: str = ""  # it does not apply here

    def __str__(self) -> str:
        if self.kind == "none":
            return "–"
        return f"≤ {self.value:g}" if self.kind == "at most" else f"≥ {self.value:g} × as fast"

    def verdict(self, time_ratio: float) -> str:
        """Return whether it is met by a ratio of our time to the other's."""
        if self.why_not:
            return f"not applicable: {self.why_not}"
        if self.kind == "none":
            return "–"
        is_met = time_ratio <= self.value if self.kind == "at most" else 1 / time_ratio >= self.value
        return "met" if is_met else "missed"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: one comparison that was made, or that could not be."""

    row: str  # as --only names it
    what: str
    peer: str
    ours_s: float | None = None  # median; None: not measured
    theirs_s: float | None = None  # median
    time_ratio: float | None = None  # median of the pairs' ours / theirs
    num_pairs: int = 0
    aim: Aim = field(default_factory=lambda: Aim("none"))
    outcome: str = ""  # "": what the aim says of the ratio
    notes: Sequence[str] = ()
    error: str = ""  # why a side could not be run

    @property
    def verdict(self) -> str:
        if self.error:
            return "NOT RUN"
        return self.outcome or ("–" if self.time_ratio is None else self.aim.verdict(self.time_ratio))

    @property
    def shown_ratio(self) -> str:
        if self.time_ratio is None:
            return "–"
        return f"{1 / self.time_ratio:.2f} × as fast" if self.aim.kind == "at least" else f"{self.time_ratio:.3f}"


Row = Callable[[Settings], Iterator[Line]]


def seconds(action: Callable[[], object]) -> float:
    """Return how long a call takes; with --cpu-time what it takes of the CPU, in all threads of this process."""
    now = time.process_time if os.environ.get(CLOCK) == "cpu" else time.perf_counter
    started = now()
    action()
    return now() - started


@dataclass(slots=True)
class Times:
    """What sides that took turns measured, in seconds, round by round."""

    of: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[str, str] = field(default_factory=dict)  # of the sides that could not be run

    def line(self, row: str, what: str, peer: str, *, ours: str, theirs: str, **rest: object) -> Line:
        """Return the comparison of two of them; one that could not be run is an error of the line."""
        errors = "; ".join(self.errors[side] for side in (ours, theirs) if side in self.errors)
        if errors:
            return Line(row, what, peer, error=errors, **rest)  # type: ignore[arg-type]
        pairs = list(zip(self.of[ours], self.of[theirs], strict=True))
        return Line(
            row,
            what,
            peer,
            statistics.median(self.of[ours]),
            statistics.median(self.of[theirs]),
            statistics.median(one / other for one, other in pairs),
            len(pairs),
            **rest,  # type: ignore[arg-type]
        )


def take_turns(sides: Mapping[str, Callable[[], float]], num_rounds: int) -> Times:
    """Measure every side once a round, every other round in the opposite order.

    Args:
        sides: Each measures itself and returns seconds. One that raises is out; the others go on.
        num_rounds: How often.
    """
    times = Times()
    for number in range(num_rounds):
        for name in list(sides) if number % 2 == 0 else reversed(list(sides)):
            if name in times.errors:
                continue
            try:
                times.of[name].append(sides[name]())
            except Exception as error:  # whatever a peer throws: the line says so, the others are measured
                times.errors[name] = described(error)
    return times


def described(error: Exception) -> str:
    """Return what went wrong in one line."""
    kind = "" if isinstance(error, PeerError) else f"{type(error).__name__}: "
    return " ".join(f"{kind}{error}".split())


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer measured, and what it found."""

    seconds: float
    value: object


class Peer:
    """A program of `tests/bench/peers`, in the environment of the peers; started once, it measures as often as asked.

    Args:
        settings: Where that environment is.
        script: Its name; on stdin it gets a line for each measurement, and answers it with one line of JSON.
        task: Written as JSON into the first line.
    """

    def __init__(self, settings: Settings, script: str, task: object) -> None:
        self._name = script
        python = settings.peers / "bin" / "python"
        if not python.exists():
            raise PeerError(f"{script}: no environment in {settings.peers}; make {settings.peers.name}")
        self._said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [str(python), "-E", str(HERE / "peers" / f"{script}.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            encoding="utf-8",
        )
        self.versions = str(self._ask(task).value)

    def measure(self) -> Answer:
        """Return one measurement.

        Raises:
            PeerError: The program ended.
        """
        return self._ask("go")

    def _ask(self, what: object) -> Answer:
        process = self._process
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(json.dumps(what) + "\n")
            process.stdin.flush()
            reply = process.stdout.readline()
        except BrokenPipeError:
            reply = ""
        if not reply:
            status = process.wait()
            self._said.seek(0)
            lines = self._said.read().strip().splitlines() or ["it said nothing"]
            self.close()
            raise PeerError(f"{self._name}: the program ended with status {status}: {lines[-1]}")
        answer = json.loads(reply)
        return Answer(answer["seconds"], answer["value"])

    def close(self) -> None:
        """End the program."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._said):
            if pipe:
                with suppress(OSError):  # what was not yet written to a program that is gone
                    pipe.close()


def run_rows(rows: Mapping[str, Row], settings: Settings, tell: Callable[[Line], None]) -> list[Line]:
    """Measure every row; one that cannot be measured is a line that says so, and the others still run."""
    lines: list[Line] = []
    for name, row in rows.items():
        try:
            for line in row(settings):
                lines.append(line)
                tell(line)
        except Exception as error:  # whatever keeps a row from being measured must not keep the others
            lines.append(Line(name, name, "", error=described(error)))
            tell(lines[-1])
    return lines


def status_of(lines: Iterable[Line], *, strict: bool) -> int:
    """Return 1 where a side could not be run, with `strict` also where an aim is missed; else 0."""
    return int(any(line.error or (strict and line.verdict == "missed") for line in lines))


def show(lines: Sequence[Line]) -> None:
    """Print the table, and below it what was found."""
    table = Table(box=box.MARKDOWN)
    for header in ("what", "peer", "ours", "theirs", "ratio", "aim", ""):
        table.add_column(header, justify="right" if header in ("ours", "theirs", "ratio") else "left")
    for line in lines:
        times = ("–" if time_s is None else f"{time_s:.3g} s" for time_s in (line.ours_s, line.theirs_s))
        table.add_row(line.what, line.peer, *times, line.shown_ratio, str(line.aim), line.verdict)
    # Never cut to a screen's width: the table is meant to be copied.
    Console(markup=False, highlight=False, width=260).print(table)
    for line in lines:
        for note in line.notes:
            print(f"{line.row}: {note}")
    sys.stdout.flush()
    for line in lines:
        if line.error:
            print(f"error: {line.row}: could not be run: {line.error}", file=sys.stderr)


def write_json(lines: Iterable[Line], path: Path) -> None:
    """Write the table for programs."""
    documents = [asdict(line) | {"verdict": line.verdict} for line in lines]
    path.write_text(json.dumps(documents, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def machine() -> str:
    """Return what this ran on, in a line."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.is_file() else ""
    names = (line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{next(itertools.chain(names, [platform.machine()]))}, {cores} cores"


def cpu_flags() -> frozenset[str]:
    """Return what the CPU can do as Linux names it; nothing elsewhere."""
    info = Path("/proc/cpuinfo")
    text = info.read_text(encoding="utf-8") if info.is_file() else ""
    return frozenset(next((line.split() for line in text.splitlines() if line.startswith("flags")), []))
