"""COMET: how good a translation is, by a trained regressor over XLM-R that reads source, hypothesis and reference.

unbabel-comet, up to 2.2.7, its latest release, asks for transformers < 5 and NumPy < 2. It cannot be installed beside
Otoscope, so its command runs as a program of an environment of its own:

    python3 -m venv comet && comet/bin/pip install unbabel-comet==2.2.7 'setuptools<81'
    export OTOSCOPE_COMET=$PWD/comet/bin/comet-score

Without the second requirement it does not start: a dependency imports pkg_resources, which newer setuptools lack. The
model is fetched from the hub by that program, or is a local checkpoint, `checkpoints/model.ckpt` with `hparams.yaml`
above it; it also fetches its encoder's configuration and vocabulary (for wmt22-comet-da those of xlm-roberta-large).

The command computes in half precision, on a CPU too: a score between 0.5 and 1 is a multiple of 1/2048, and what the
package's Python interface gives, in full precision, differs from it accordingly.

Source: Rei et al. 2020, "COMET: A Neural Framework for MT Evaluation"; Rei et al. 2022, "COMET-22: Unbabel-IST 2022
Submission for the Metrics Shared Task"; https://github.com/Unbabel/COMET, comet/cli/score.py of 2.2.7.
"""

import json
import math
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.errors import MetricUnavailableError

DEFAULT_MODEL = "Unbabel/wmt22-comet-da"
_INSTALL = "install unbabel-comet 2.2.7 and 'setuptools<81' into an environment of their own"
# Of the environment that Otoscope runs in: they would lead the other interpreter to our packages.
_OUR_PYTHON = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP")


def find_comet() -> Path:
    """Return the program: what `OTOSCOPE_COMET` names, else `comet-score` on the search path.

    Raises:
        MetricUnavailableError: There is none, or it cannot be executed.
    """
    if named := os.environ.get("OTOSCOPE_COMET"):
        if found := shutil.which(os.path.expanduser(named)):
            return Path(found)
        raise MetricUnavailableError(f"OTOSCOPE_COMET: {named} is no program; expected the path of comet-score")
    if found := shutil.which("comet-score"):
        return Path(found)
    raise MetricUnavailableError(
        f"comet-score is not on the search path; {_INSTALL}, and name its comet-score in OTOSCOPE_COMET"
    )


def comet_scores(
    *,
    sources: Sequence[str],
    hypotheses: Sequence[str],
    references: Sequence[str],
    model: str | Path = DEFAULT_MODEL,
    program: Path,
    gpus: int = 0,
    timeout_s: float | None = None,
) -> NDArray[np.float64]:
    """Return COMET's score of each translation.

    An empty hypothesis has a score too, and not always a low one: whoever calls decides what it is worth.

    Args:
        sources: What was translated, as text. White space is folded here, as in all three: a segment is one line.
        hypotheses: The translations.
        references: One true translation each.
        model: Name on the hub, a `.ckpt` file, or a folder with `checkpoints/model.ckpt`.
        program: `comet-score`, see `find_comet`.
        gpus: Number of GPUs; 0 is the CPU.
        timeout_s: Seconds after which the program is stopped; None: never.

    Returns:
        Shape (samples,), higher is better; for wmt22-comet-da about in [0, 1].

    Raises:
        ValueError: The numbers of texts differ.
        MetricUnavailableError: The program fails, takes too long, or gives something else than one score per segment.
    """
    if not len(sources) == len(hypotheses) == len(references):
        raise ValueError(f"{len(sources)} sources, {len(hypotheses)} hypotheses, {len(references)} references")
    if not sources:  # the program divides by their number
        return np.zeros(0)
    with tempfile.TemporaryDirectory(prefix="otoscope-comet-") as name:
        folder = Path(name)
        for file_name, texts in (("src.txt", sources), ("hyp.txt", hypotheses), ("ref.txt", references)):
            _write_lines(folder / file_name, texts)
        options = ["-s", "src.txt", "-t", "hyp.txt", "-r", "ref.txt", "--to_json", "scores.json"]
        options += ["--model", _absolute_if_local(model), "--gpus", str(gpus), "--quiet", "--only_system"]
        _run(program, options, folder=folder, timeout_s=timeout_s)
        return _read_scores(folder / "scores.json", program, expected=len(sources))


def _write_lines(path: Path, texts: Sequence[str]) -> None:
    # The program takes every line, an empty one as the empty text. A lone surrogate has no encoding.
    lines = "".join(" ".join(text.split()) + "\n" for text in texts)
    path.write_text(lines, encoding="utf-8", errors="replace")


def _absolute_if_local(model: str | Path) -> str:
    path = Path(os.path.expanduser(model))
    if path.is_dir():
        path = path / "checkpoints" / "model.ckpt"
    # Links are kept: in the hub's cache they lead to files without suffix, which the program takes for names.
    return str(path.absolute()) if path.is_file() else str(model)


def _run(program: Path, options: list[str], *, folder: Path, timeout_s: float | None) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in _OUR_PYTHON}
    try:
        finished = subprocess.run(
            [program.absolute(), *options],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MetricUnavailableError(f"{program}: not done after {timeout_s:g} s; allow more, or use a GPU") from error
    except OSError as error:
        raise MetricUnavailableError(f"{program}: it cannot be started ({error.strerror})") from error
    if finished.returncode != 0:
        last = next(
            (line.strip() for line in reversed(finished.stderr.splitlines()) if line.strip()), "it says nothing"
        )
        advice = f"; {_INSTALL}" if "pkg_resources" in last else ""
        raise MetricUnavailableError(f"{program}: exit status {finished.returncode}: {last[:300]}{advice}")


def _read_scores(path: Path, program: Path, *, expected: int) -> NDArray[np.float64]:
    """Read `{hypothesis file: [{"src": …, "mt": …, "ref": …, "COMET": score}, …]}`."""
    try:
        document: dict[str, list[dict[str, Any]]] = json.loads(path.read_text(encoding="utf-8"))
        (segments,) = document.values()
        scores = [float(segment["COMET"]) for segment in segments]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise MetricUnavailableError(f"{program}: it wrote no scores in the form of 2.2.7 ({reason})") from error
    if len(scores) != expected:
        raise MetricUnavailableError(f"{program}: it wrote {len(scores)} scores for {expected} segments")
    for number, score in enumerate(scores):
        if not math.isfinite(score):
            raise MetricUnavailableError(
                f"{program}: segment {number} has the score {score}; half precision overflows?"
            )
    return np.array(scores, dtype=np.float64)
