"""What a command imports before it has anything to do: starting is felt by everybody who types one."""

import subprocess
import sys

import pytest

FRAMEWORKS = ("torch", "transformers", "pandas", "sklearn", "scipy", "datasets")
HEAVY = (*FRAMEWORKS, "numpy", "soundfile", "soxr", "av", "matplotlib")


def imported_by(*arguments: str) -> set[str]:
    """Return all that a command has imported when it ends."""
    program = (
        "import sys; from evaluate.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally: print('IMPORTED', *sys.modules, file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)
    marker, *modules = ended.stderr.splitlines()[-1].split()
    assert marker == "IMPORTED"
    return set(modules)


@pytest.mark.parametrize(
    "arguments",
    [("--help",), ("eval", "--help"), ("tasks",), ("tasks", "--json"), ("tasks", "librispeech", "--json")],
)
def test_what_needs_no_audio_imports_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert not imported_by(*arguments) & set(HEAVY)


def test_the_list_of_models_imports_no_framework() -> None:
    assert not imported_by("models") & set(FRAMEWORKS)


@pytest.mark.parametrize("arguments", [("view", "x"), ("compare", "x", "y"), ("regression", "--baseline", "x")])
def test_what_draws_no_chart_imports_nothing_that_draws(arguments: tuple[str, ...]) -> None:
    assert not imported_by(*arguments) & {"matplotlib", *FRAMEWORKS}
