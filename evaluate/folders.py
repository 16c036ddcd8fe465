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
    return folder / _name_of(str(run_dir.resolve()))


def note_run(place: Path, run_dir: Path) -> None:
    """Write into a place of a run whose it is."""
    (place / _RUN).write_bytes(os.fsencode(run_dir.resolve()))


def forget_gone_runs(folder: Path) -> None:
    """Remove the places of runs that are gone, and nothing else that is in the folder."""
    for named in folder.glob(f"*/{_RUN}"):
        with suppress(OSError):  # another process removed it
            place = named.parent
            if place.is_symlink() or not named.is_file():  # not a pipe: it would be waited for
                continue
            run = os.fsdecode(named.read_bytes())
            if place.name == _name_of(run) and not Path(run).is_dir():
                shutil.rmtree(place, ignore_errors=True)


def _name_of(run: str) -> str:
    return digest(run)[:32]
