"""How a peer answers: a task on the first line of stdin, then a measurement for each line, each a line of JSON."""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any


def serve(packages: list[str], prepare: Callable[[Any], Callable[[], object]]) -> None:
    """Measure as often as asked.

    Args:
        packages: Whose versions are told.
        prepare: Gets the task, returns what is measured; what it takes itself is not.
    """
    out, sys.stdout = sys.stdout, sys.stderr  # what the libraries print is no answer

    now = time.process_time if os.environ.get("OTOSCOPE_BENCH_CLOCK") == "cpu" else time.perf_counter

    def say(seconds: float, value: object) -> None:
        print(json.dumps({"seconds": seconds, "value": value}), file=out, flush=True)

    measured = prepare(json.loads(sys.stdin.readline()))
    say(0.0, ", ".join(f"{name} {version(name)}" for name in packages))
    for _ in sys.stdin:
        started = now()
        value = measured()
        say(now() - started, value)
