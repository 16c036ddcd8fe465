"""Where things are kept outside of runs: metric programs and models, audio of datasets, and what is made of runs."""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from evaluate.digests import digest

_RUN = "run.txt"  # in a place of a run: where the run is


def home_or_cache(variable: str, name: str) -> Path:
    """Return the folder that a variable names, or else `otoscope/<name>` in the user's cache folder."""
    if home := os.environ.get(variable):
        return Path(os.path.expanduser(home)).absolute()
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # The specification of XDG_CACHE_HOME: a relative path is to be ignored.
    base = Path(cache) if Path(cache).is_absolute() else Path.home() / ".cache"
    return base / "otoscope" / name


def place_of_run(folder: Path, run_dir: Path) -> Path:
    """Return where in such a folder that is which is made of a run, one place for each that a run is at."""
    return folder / digest(str(run_dir.resolve()))[:32]


def note_run(place: Path, run_dir: Path) -> None:
    """Write into a place of a run whose it is."""
    (place / _RUN).write_text(os.fspath(run_dir.resolve()), encoding="utf-8", errors="surrogateescape")


def forget_gone_runs(folder: Path) -> None:
    """Remove the places of runs that are gone."""
    for named in folder.glob(f"*/{_RUN}"):
        with suppress(OSError):  # another process removed it
            if not Path(named.read_text(encoding="utf-8", errors="surrogateescape")).is_dir():
                shutil.rmtree(named.parent, ignore_errors=True)
