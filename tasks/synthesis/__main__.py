"""`python -m tasks.synthesis [FOLDER]`: write the samples anew, by default those that ship."""

import shutil
import sys
from pathlib import Path

from evaluate.errors import RequestError
from tasks.synthesis.corpora import write_samples
from tasks.synthesis.espeak import say

SHIPPED = Path(__file__).parents[1] / "samples"


def main(arguments: list[str]) -> int:
    """Write them; what a shipped corpus held before is removed."""
    folder = Path(arguments[0]) if arguments else SHIPPED
    try:
        say("Hello.", "en-us")  # before anything is removed
    except RequestError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    if folder == SHIPPED and folder.is_dir():
        shutil.rmtree(folder)
    write_samples(folder)
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    print(f"{folder}: {len(sizes)} files, {sum(sizes) / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
