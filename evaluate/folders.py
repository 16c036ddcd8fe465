"""Where things are kept outside of runs: metric programs and models, audio of datasets, and what is made of runs."""

import os
from pathlib import Path

from evaluate.digests import digest


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
