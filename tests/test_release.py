"""What is released: a wheel that holds the samples and the model that come along, and works away from the sources."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(*command: object, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel, unpacked into `site`; skips where hatchling cannot be had."""
    folder = tmp_path_factory.mktemp("release")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode != 0 and "hatchling" in built.stderr:
        pytest.skip("hatchling, which builds the wheel, cannot be had here")
    assert built.returncode == 0, built.stderr[-2000:]
    [wheel] = folder.glob("otoscope-*.whl")
    run("-m", "pip", "install", "--quiet", "--no-deps", "--target", folder / "site", wheel, folder=folder)
    return folder


def test_the_command_and_an_evaluation_work_from_the_wheel(released: Path) -> None:
    site = str(released / "site")
    origin = run("-c", "import evaluate; print(evaluate.__file__)", folder=released, PYTHONPATH=site)
    assert origin.startswith(site)
    assert "otoscope, version" in run("-m", "otoscope", "--version", folder=released, PYTHONPATH=site)
    shown = run("-m", "otoscope", "eval", "--task", "aishell1", "--report", folder=released, PYTHONPATH=site)
    assert "aishell1:sample" in shown
    assert (released / "results" / "report" / "radar.png").is_file()
    published = run("-m", "otoscope", "report", "--radar", "qwen-audio", folder=released, PYTHONPATH=site)
    assert "radar.png" in published


def test_the_source_distribution_holds_what_building_and_testing_need(released: Path) -> None:
    pytest.importorskip("hatchling")
    build = "import sys; from hatchling.build import build_sdist; print(build_sdist(sys.argv[1]))"
    name = run("-c", build, released, folder=ROOT).split()[-1]
    with tarfile.open(released / name) as archive:
        paths = {path.partition("/")[2] for path in archive.getnames()}
    wanted = {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", "Makefile", "constraints.txt", "mkdocs.yml"}
    wanted |= {"docs/architecture.md", "tests/conftest.py", "evaluate/cli.py", "models/nano/checkpoint/README.md"}
    assert wanted - paths == set()
