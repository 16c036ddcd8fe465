"""The `otoscope` command: makes sure that `evaluate`, `tasks` and `models` are ours, then starts it.

Hugging Face publishes a distribution that is imported as `evaluate` too, and many projects have a folder `models`.
Where several are importable, the one that comes first on `sys.path` wins, so this launcher, whose own name is not
contested, looks before it imports.
"""

import importlib.util
import sys
from pathlib import Path
from typing import NoReturn

MARKS = {"evaluate": "Otoscope", "tasks": "find_task_class", "models": "create_model"}  # what stands in ours alone


def main() -> None:
    """Run the command line; exit 2 with one line where another package would be imported in place of ours."""
    for name, mark in MARKS.items():
        spec = importlib.util.find_spec(name)
        origin = Path(spec.origin) if spec and spec.origin else None
        if origin is None or mark not in origin.read_text(encoding="utf-8", errors="replace"):
            _refuse(
                f"`import {name}` finds {origin or 'nothing'}, which is not Otoscope's; another one hides it: "
                f"pip uninstall {name} and install otoscope again, start elsewhere, or give otoscope an environment of "
                "its own"
            )
        if next(origin.parents[1].glob("evaluate-*.dist-info"), None):  # the other's __init__ was overwritten by ours
            _refuse(
                f"Hugging Face's package evaluate is installed into {origin.parents[1]} too, so that files of both are "
                "mixed; give otoscope an environment of its own, or pip uninstall evaluate and pip install "
                "--force-reinstall otoscope"
            )

    from evaluate.cli import main as run_command

    run_command()


def _refuse(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    main()
