"""Where things are kept that belong to no run: metric programs and models, audio of datasets."""

import os
from pathlib import Path


def home_or_cache(variable: str, name: str) -> Path:
    """Return the folder that a variable names, or else `otoscope/<name>` in the user's cache folder."""
    if home := os.environ.get(variable):
        return Path(os.path.expanduser(home)).absolute()
    cache = os.environ.get("XDG_CACHE_HOME", "")
    # The specification of XDG_CACHE_HOME: a relative path is to be ignored.
    base = Path(cache) if Path(cache).is_absolute() else Path.home() / ".cache"
    return base / "otoscope" / name
