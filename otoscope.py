"""The `otoscope` command: makes sure that `evaluate` is ours, then starts it.

Hugging Face publishes a distribution that is imported as `evaluate` too. Where both are installed, the one that
comes first on `sys.path` wins, so this launcher, whose own name is not contested, looks before it imports.
"""

import importlib.util
import sys
from pathlib import Path


def main() -> None:
    """Run the command line; exit 2 with one line where another `evaluate` would be imported."""
    spec = importlib.util.find_spec("evaluate")
    origin = Path(spec.origin) if spec and spec.origin else None
    if origin is None or "Otoscope" not in origin.read_text(encoding="utf-8", errors="replace"):
        print(
            f"error: `import evaluate` finds {origin or 'nothing'}, which is not Otoscope's; another distribution "
            "named evaluate hides it: pip uninstall evaluate, or install otoscope in an environment of its own",
            file=sys.stderr,
        )
        raise SystemExit(2)

    from evaluate.cli import main as run_command

    run_command()


if __name__ == "__main__":
    main()
