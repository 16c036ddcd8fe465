"""The progress bar: samples done, audio seconds per second, time left; on stderr, so that stdout stays clean."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from evaluate.runner import Advance


@contextmanager
def progress_bar(title: str, *, num_samples: int) -> Iterator[Advance]:
    """Show a bar while the block runs; yields the function that moves it on."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    started, heard_s = time.monotonic(), 0.0
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task(title, total=num_samples, rate="")

        def advance(num_done: int, audio_seconds: float) -> None:
            nonlocal heard_s
            heard_s += audio_seconds
            elapsed_s = max(time.monotonic() - started, 1e-6)
            rate = (
                f"{heard_s / elapsed_s:.1f} audio s/s"
                if heard_s
                else f"{progress.tasks[bar].completed / elapsed_s:.0f}/s"
            )
            progress.update(bar, advance=num_done, rate=rate)

        yield advance
