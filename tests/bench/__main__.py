"""Measures the rows and prints the table.

    make bench                                         # all of them
    make bench ARGS="--only wer --only start-up"
    make bench ARGS="--json build/bench.json --strict"

Real recordings are looked for in OTOSCOPE_TEST_CORPORA, Whisper checkpoints in OTOSCOPE_TEST_CHECKPOINTS. A row that
cannot be run is named on stderr and makes the exit status 1; an aim that is missed does so with --strict.
"""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.measuring import CLOCK, ROOT, Line, Row, Settings, machine, run_rows, show, status_of, write_json

ROWS = {  # name → module and function
    "whole-run": ("speech", "whole_run"),
    "mixed": ("batching", "mixed_durations"),
    "wer": ("scoring", "word_error_rate"),
    "captions": ("scoring", "captions"),
    "start-up": ("commands", "start_up"),
    "ray": ("commands", "ray_workers"),
    "resume": ("commands", "resume"),
    "large-log": ("scoring", "large_log"),
}


def row_of(name: str) -> Row:
    """Return what measures a row; modules are imported when it is its turn, since some bring torch."""
    module, function = ROWS[name]

    def measure(settings: Settings) -> Iterator[Line]:
        return getattr(importlib.import_module(f"tests.bench.{module}"), function)(settings)

    return measure


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", action="append", choices=ROWS, help="a row; may be given several times")
    parser.add_argument("--json", type=Path, help="write the table to this file as well")
    parser.add_argument("--strict", action="store_true", help="exit 1 where an aim is missed too")
    parser.add_argument("--peers", type=Path, default=ROOT / ".venv-peers", help="the environment of the peers")
    parser.add_argument("--pairs", type=int, default=3, help="of the rows that take long (default: 3)")
    parser.add_argument("--clips", type=int, default=40, help="recordings of the whole run (default: 40)")
    parser.add_argument("--log-samples", type=int, default=1_000_000, help="of the large log (default: 1,000,000)")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="count CPU seconds where both sides are one process each: for a busy machine, with OMP_NUM_THREADS=1",
    )
    given = parser.parse_args(arguments)
    os.environ[CLOCK] = "cpu" if given.cpu_time else "wall"
    settings = Settings(
        corpora=Path(os.environ.get("OTOSCOPE_TEST_CORPORA", ROOT.parent / "shared" / "data")),
        checkpoints=Path(os.environ.get("OTOSCOPE_TEST_CHECKPOINTS", ROOT / "build" / "checkpoints")),
        peers=given.peers.absolute(),
        num_pairs=given.pairs,
        num_clips=given.clips,
        num_log_samples=given.log_samples,
    )

    def tell(line: Line) -> None:
        print(f"{line.row}: {line.what} / {line.peer}: {line.shown_ratio} {line.verdict}", file=sys.stderr, flush=True)

    started = time.monotonic()
    lines = run_rows({name: row_of(name) for name in given.only or ROWS}, settings, tell)
    show(lines)
    print(
        f"{time.strftime('%Y-%m-%d')}, {machine()}, {(time.monotonic() - started) / 60:.0f} minutes; medians of pairs"
    )
    if given.json:
        write_json(lines, given.json)
    return status_of(lines, strict=given.strict)


if __name__ == "__main__":
    sys.exit(main())
