"""A stand-in for Java: a short Python program under its name."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SAYS_ITS_VERSION = """\
import sys
if "-version" in sys.argv:
    sys.exit(print('openjdk version "1.8.0_392"', file=sys.stderr))
"""


@pytest.fixture
def stub_java(tmp_path: Path) -> Callable[[str], Path]:
    """Make a `bin/java` that says it is Java 8 and otherwise does as told."""

    def make(body: str) -> Path:
        java = tmp_path / "jdk" / "bin" / "java"
        java.parent.mkdir(parents=True, exist_ok=True)
        java.write_text(f"#!{sys.executable}\n{SAYS_ITS_VERSION}{body}\n")
        java.chmod(0o755)
        return java

    return make
