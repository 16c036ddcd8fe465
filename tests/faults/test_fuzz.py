"""Readers, given what nobody would write: each takes it or says in one line why not, and none takes for ever."""

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def _load_readers() -> ModuleType:
    """Return the module beside this one: tests are no package, so that none is taken for `evaluate`."""
    spec = importlib.util.spec_from_file_location("fault_readers", Path(__file__).with_name("readers.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


readers = _load_readers()
HERE = Path(__file__).parent
LONGEST_S = 5.0  # of an example: these take milliseconds, machines are noisy
ANY_EXAMPLES = int(os.environ.get("OTOSCOPE_TEST_EXAMPLES", "2000"))  # of the slow tests
NUMBERS = st.sampled_from([0, -1, 1e308, -0.0, float("nan"), float("inf"), 10**400, 2**63, True])
TEXTS = st.text(max_size=20) | st.sampled_from(["\ud800", "\0", "../x", "/", "a" * 300, "\x1b[2J", "\u202e", ""])
VALUES = st.recursive(
    st.none() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
quick = settings(max_examples=100, suppress_health_check=list(HealthCheck))
thorough = settings(max_examples=ANY_EXAMPLES, suppress_health_check=list(HealthCheck))


def read(name: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        started_s = time.perf_counter()
        readers.READERS[name](content, Path(folder))
        assert time.perf_counter() - started_s < LONGEST_S


@cache  # and no fixture: hypothesis prints what a failing test was given, and stumbles over much
def seed(name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        content: bytes = readers.seed(name, Path(folder))
    return content


@st.composite
def garbled(draw: st.DrawFn, content: bytes) -> bytes:
    """Draw what a few faults make of a file: bytes changed, taken out, doubled, put in, or the end cut off."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(0, len(content) - 1)))
        size = draw(st.sampled_from([1, 1, 2, 4, 8, 64]))
        before, part, after = content[:start], content[start : start + size], content[start + size :]
        content = draw(
            st.sampled_from(
                [
                    before + bytes(255 - byte for byte in part) + after,
                    before + b"\xff" * len(part) + after,
                    before + b"\0" * len(part) + after,
                    before + after,
                    before + part + part + after,
                    before,
                ]
            )
            | st.binary(min_size=1, max_size=8).map(lambda new, b=before, a=after: b + new + a)  # type: ignore[misc]
        )
    return content


@st.composite
def altered(draw: st.DrawFn, lines: list[dict[str, Any]]) -> bytes:
    """Draw lines in which some fields, at any depth, hold anything or are not there."""
    lines = json.loads(json.dumps(lines))
    for _ in range(draw(st.integers(1, 3))):
        at: Any = draw(st.sampled_from(lines))
        while True:
            key = draw(st.sampled_from(list(at) if isinstance(at, dict) else list(range(len(at)))))
            inner = at[key]
            if not (isinstance(inner, dict | list) and inner and draw(st.booleans())):
                break
            at = inner
        if isinstance(at, dict) and draw(st.integers(0, 4)) == 0:
            del at[key]
            if not at:
                break
        else:
            at[key] = draw(NUMBERS | VALUES)  # numbers often: most faults are in fields that hold some
        lines = [line for line in lines if line]
        if not lines:
            break
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


@pytest.mark.parametrize("name", readers.READERS)
def test_what_is_good_is_read(name: str) -> None:
    read(name, seed(name))


@pytest.mark.parametrize("name", readers.READERS)
@given(data=st.data())
@quick
def test_garbled_files_are_read_or_refused(name: str, data: st.DataObject) -> None:
    read(name, data.draw(garbled(seed(name))))


@pytest.mark.parametrize("name", readers.GOOD_LINES)
@given(data=st.data())
@quick
def test_any_value_in_any_field_is_read_or_refused(name: str, data: st.DataObject) -> None:
    read(name, data.draw(altered(readers.GOOD_LINES[name])))


@pytest.mark.parametrize("name", readers.READERS)
@given(content=st.binary(max_size=200))
@quick
def test_any_bytes_are_read_or_refused(name: str, content: bytes) -> None:
    read(name, content)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", readers.READERS)
@given(data=st.data())
@thorough
def test_very_many_garbled_files_are_read_or_refused(name: str, data: st.DataObject) -> None:
    read(name, data.draw(garbled(seed(name))))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", readers.GOOD_LINES)
@given(data=st.data())
@thorough
def test_very_many_values_in_any_field_are_read_or_refused(name: str, data: st.DataObject) -> None:
    read(name, data.draw(altered(readers.GOOD_LINES[name])))


@pytest.mark.slow
@pytest.mark.parametrize("name", readers.READERS)
def test_inputs_that_are_led_by_coverage_are_read_or_refused(name: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="Atheris is not installed: pip install atheris")
    done = subprocess.run(
        [sys.executable, str(HERE / "guided.py"), name, "-max_total_time=20"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
