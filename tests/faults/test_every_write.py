"""A fault at every single write of a run: whatever comes, the same command goes on and ends with the same scores."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evaluate.errors import OtoscopeError

ROOT = Path(__file__).resolve().parents[2]
NUM_SAMPLES, NUM_FAILED = 5, 1


def faults(fault: str, folder: Path, step: int) -> list[dict[str, Any]]:
    command = [sys.executable, str(Path(__file__).with_name("stop_at.py")), fault, str(folder), str(step)]
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # a process of several must not fork
    environment = {**os.environ, **one_thread, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines() if line.startswith('{"at"')]


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key not in ("created", "run_dir")}


EVERYDAY = [("kill", 1), ("full", 3), ("interrupt", 6), ("interrupt twice", 5), ("terminate", 6)]
ALL = [(fault, 1) for fault, step in EVERYDAY if step > 1]


@pytest.mark.parametrize(("fault", "step"), [*EVERYDAY, *(pytest.param(*one, marks=pytest.mark.slow) for one in ALL)])
def test_a_fault_at_every_write_changes_nothing_in_the_result(fault: str, step: int, tmp_path: Path) -> None:
    *disturbed, undisturbed = faults(fault, tmp_path, step)
    assert len(disturbed) > 40 // step, "fewer writes than a run makes: they are not watched"
    expected = comparable(undisturbed["document"])
    assert undisturbed["status"] == 0
    assert (expected["n_total"], expected["n_scored"], expected["n_failed"]) == (NUM_SAMPLES, 4, NUM_FAILED)
    for found in disturbed:
        [where] = [line for line in found["stderr"].splitlines() if line.startswith("the fault came at")] or ["a kill"]
        place = f"write {found['at']}: {where}\n{found['stderr']}"
        check_stopped(fault, found, place)
        assert found["resumed"] == 0, place + found["resumed_stderr"]
        assert comparable(found["document"]) == expected, place
        assert [line["id"] for line in found["after"]] == [f"s{number}" for number in range(NUM_SAMPLES)], place
        answered = [line for line in found["before"] if line["error"] is None]
        assert [line for line in answered if line not in found["after"]] == [], place  # in the log, stays in the log
        assert "damaged" not in found["resumed_stderr"], place  # a torn last line at most
        assert found["record"]["sessions"][-1]["end"], place
        assert found["num_page_data"] == 1, place


def check_stopped(fault: str, found: dict[str, Any], place: str) -> None:
    """Check how the command ended that the fault came to."""
    assert "Traceback" not in found["stderr"], place
    if fault == "kill":
        assert found["status"] == 137, place
    elif fault == "full" and found["status"] == 0:  # what is kept for later, outside the run, may fail
        assert found["record"]["sessions"][-1]["end"], place
    elif fault == "full":
        assert found["status"] == OtoscopeError.exit_code, place
        said = [line for line in found["stderr"].splitlines() if line.startswith("error: ")]
        assert len(said) == 1, place
        assert "No space left on device; mend it and run the same command again" in said[0], place
    else:
        assert found["status"] == (143 if fault == "terminate" else 130), place
