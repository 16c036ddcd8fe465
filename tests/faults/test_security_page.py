"""What docs/security.md promises, it names the tests of."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_promise_names_tests_that_are_there() -> None:
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)`", text)
    assert len(set(named)) > 8
    assert [name for name in named if not (ROOT / name).is_file()] == []
    rows = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert all("`tests/" in row for row in rows)
