import os
import shutil
import subprocess
import sys
from pathlib import Path

import otoscope


def test_another_distribution_named_evaluate_is_one_line_and_exit_2(tmp_path: Path) -> None:
    other = tmp_path / "evaluate"
    other.mkdir()
    (other / "__init__.py").write_text("raise ImportError('this must not even be imported')\n")
    shutil.copy(Path(otoscope.__file__), tmp_path)
    done = subprocess.run(
        [sys.executable, str(tmp_path / "otoscope.py"), "tasks"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("error: `import evaluate` finds ")
    assert "which is not Otoscope's" in line


def test_files_of_the_other_one_among_ours_are_one_line_too(tmp_path: Path) -> None:
    for folder in ("evaluate", "tasks", "models"):
        (tmp_path / folder).symlink_to(Path(otoscope.__file__).parent / folder)
    shutil.copy(Path(otoscope.__file__), tmp_path)
    command = [sys.executable, str(tmp_path / "otoscope.py"), "--version"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    (tmp_path / "evaluate-0.4.6.dist-info").mkdir()
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"error: Hugging Face's package evaluate is installed into {tmp_path} too")


def test_a_folder_of_that_name_where_one_stands_is_one_line_too(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").touch()
    command = [sys.executable, "-m", "evaluate", "models"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"error: `import models` finds {tmp_path}/models/__init__.py, which is not Otoscope's")


def test_the_launcher_starts_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "otoscope", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("otoscope, version ")
