"""Coverage-guided fuzzing of a reader with Atheris, for which hypothesis has no like.

    pip install atheris
    python tests/faults/guided.py manifest -max_total_time=600

The readers are those of readers.py; what comes after the name is libFuzzer's. It ends with a traceback, and the bytes
that led there in a file `crash-…`, where a reader raises anything but what it says.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["evaluate"]):
    import readers


def main() -> None:
    """Fuzz the reader that the command line names."""
    name, *arguments = sys.argv[1:]
    read = readers.READERS[name]

    def once(content: bytes) -> None:
        with tempfile.TemporaryDirectory() as folder:
            read(content, Path(folder))

    with tempfile.TemporaryDirectory() as seeds:
        (Path(seeds) / "seed").write_bytes(readers.seed(name, Path(seeds)))
        limits = ["-timeout=20", "-rss_limit_mb=4096"]
        atheris.Setup([sys.argv[0], seeds, *limits, *arguments], once)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
