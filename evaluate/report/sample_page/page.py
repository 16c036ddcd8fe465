"""The sample page of a run: every sample with its audio, texts, difference and score, in one file beside its data.

The page itself is made of `scores.json` and `run.json` alone; what it lists comes from `data.py` beside this file.
"""

import json
import math
import os
import shutil
from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from markupsafe import Markup

from evaluate.errors import RequestError, RunDamagedError
from evaluate.report.html import ASSETS, render
from evaluate.report.sample_page.data import MADE_FROM, ensure_page_data, is_made_from, made_from, stamp
from evaluate.results import RunDirectory
from evaluate.scores_schema import complete_scores
from evaluate.tables import describe_same_answers, describe_truncated, format_interval, format_value
from evaluate.whole_files import write_whole

STYLES = ("base.css", "difference.css", "samples.css")
SCRIPTS = (
    *("page_parts.js", "difference.js", "samples_data.js", "samples_list.js", "spectrogram.js"),
    *("samples_audio.js", "samples_detail.js", "samples_summary.js", "samples.js"),
)
AudioPlace = Literal["served", "static", "place"]


def write_sample_page(run_dir: Path, target_dir: Path) -> Path:
    """Write the sample page of a run into a folder of its own, for a report; audio stays in its place.

    The page's data are shared with the run's folder by hard links where the file system allows it, and left alone where
    they are there already.

    Returns:
        The page.

    Raises:
        RunDamagedError: A file of the run is not what it should be.
    """
    run = RunDirectory(run_dir)
    source, target = ensure_page_data(run), target_dir / "page"
    if not is_made_from(target, made_from(run)):
        _share(source, target)
    page = target_dir / "index.html"
    write_whole(page, sample_page(run, audio="place"))
    return page


def _share(source: Path, target: Path) -> None:
    """Make a folder whose files are those of another, by hard links or else copies."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    # The one that says of what state the others are comes last: a broken-off copy is no copy.
    for path in sorted(source.iterdir(), key=lambda path: path.name == MADE_FROM):
        try:
            os.link(path, target / path.name)
        except OSError:  # another disk, or a file system without links
            shutil.copy2(path, target / path.name)


def sample_page(run: RunDirectory, *, audio: AudioPlace) -> str:
    """Return the page of a run, as HTML.

    Args:
        run: Its folder; `scores.json` and `run.json` may be missing.
        audio: Where the page finds audio: from the server that gives out the page, in scripts beside it, or at the
            paths that the log names.

    Raises:
        RunDamagedError: A file of the run is not what it should be.
    """
    scores, record = _read(run.scores), _read(run.run_json)
    facts = {**(record or {}), **(scores or {})}
    script, style, policy = _inline()
    settings = {"audio": audio, "stamp": stamp(made_from(run))}
    if audio == "place":
        settings["working_dir"] = str(Path.cwd())  # which relative paths of a log start from
    return render(
        "samples.html",
        title=f"{facts.get('task', 'run')}:{facts.get('split', '?')}",
        model=str(facts.get("model", "")),
        counts=_counts(scores),
        speed=_speed(record),
        marks=[*_marks(facts), *_warnings(scores)],
        headline=_headline(scores),
        page={"settings": settings, "scores": scores, "run": record},
        script=script,
        style=style,
        policy=policy,
    )


def _read(path: Path) -> dict[str, Any] | None:
    """Return a document of a run, None where there is none; NaN, which scripts cannot read as JSON, as no number."""
    if not path.exists():
        return None
    try:
        document = json.loads(path.read_bytes(), parse_constant=lambda _: None)
    except ValueError as error:
        raise RunDamagedError(f"{path}: not valid JSON ({error}); score the run again") from error
    if not isinstance(document, dict):
        raise RunDamagedError(f"{path}: found {type(document).__name__}, expected a JSON object; score the run again")
    return document


def _counts(scores: dict[str, Any] | None) -> str:
    """Return the four counts in words, "" where the run is not scored."""
    if scores is None:
        return ""
    names = {"n_total": "samples", "n_scored": "scored", "n_unparsed": "unparsed", "n_failed": "failed"}
    return ", ".join(f"{scores[key]:,} {name}" for key, name in names.items() if isinstance(scores.get(key), int))


def _speed(record: dict[str, Any] | None) -> str:
    """Return in words what the last session that ran to its end took, "" where none tells."""
    sessions = (record or {}).get("sessions")
    whole = [one for one in sessions if isinstance(one, dict) and one.get("end")] if isinstance(sessions, list) else []
    if not whole:
        return ""

    def number(key: str) -> float | None:
        value = whole[-1].get(key)
        return float(value) if isinstance(value, int | float) and math.isfinite(value) and value >= 0 else None

    heard, wall = number("audio_seconds"), number("wall_seconds")
    parts = [f"{heard / wall:,.1f} s of audio per second"] if heard and wall else []
    for key, what in (("decode", "decoding (all threads)"), ("model", "in the model"), ("scoring", "scoring")):
        if (spent := number(f"{key}_seconds")) is not None:
            parts.append(f"{spent:,.1f} s {what}")
    if (share := number("padding_share")) is not None:
        parts.append(f"{share:.0%} padding")
    for key, what in (("peak_memory_bytes", "memory"), ("peak_gpu_memory_bytes", "on GPUs")):
        if (peak := number(key)) is not None:
            parts.append(f"{peak / 2**30:,.1f} GiB {what}")
    return ", ".join(parts)


def _marks(facts: dict[str, Any]) -> list[str]:
    """Return what nobody should overlook of a run: it is of a part of the corpus, or of its first samples."""
    coverage, limit = facts.get("coverage") or {}, facts.get("limit")
    marks = []
    if coverage.get("complete") is False:
        marks.append(f"PARTIAL: {coverage.get('found')} of {coverage.get('official')} samples are here")
    if probe := facts.get("probe"):
        marks.append(f"PROBE: what was heard is not the samples' audio ({probe})")
    if limit:
        marks.append(f"LIMITED to the first {limit} samples")
    return marks


def _warnings(scores: dict[str, Any] | None) -> list[str]:
    """Return what is odd about the answers; nothing of a document that is not what it should be."""
    try:
        document = complete_scores(scores or {})
    except ValueError:
        return []
    return list(filter(None, [describe_same_answers(document), describe_truncated(document)]))


def _headline(scores: dict[str, Any] | None) -> dict[str, str] | None:
    """Return name, value and interval of the primary metric."""
    name = (scores or {}).get("primary")
    score = (scores or {}).get("metrics", {}).get(name)
    if not score:
        return None
    is_rate = bool(score.get("is_rate"))
    interval = format_interval(score.get("ci"), is_rate=is_rate)
    return {
        "name": f"{name} {'↑' if score.get('higher_is_better') else '↓'}",
        "value": format_value(score.get("value"), is_rate=is_rate),
        "interval": f"({interval})" if score.get("ci") else "",
    }


@cache
def _inline() -> tuple[Markup, Markup, str]:
    """Return script and style, and the policy by which a browser runs these and nothing else.

    `file:` is for pages opened from disk, where 'self' may stand for nothing; a page from a server loads no files.
    """
    script, style = (_joined(names) for names in (SCRIPTS, STYLES))
    script = f'"use strict";\n{script}'
    hashes = [b64encode(sha256(text.encode()).digest()).decode() for text in (script, style)]
    policy = (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}' 'self' file:; style-src 'sha256-{hashes[1]}'; "
        "img-src data:; media-src 'self' blob: file:; connect-src 'self'; base-uri 'none'; form-action 'none'"
    )
    return Markup(script), Markup(style), policy


def _joined(names: tuple[str, ...]) -> str:
    return "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in names)


def require_run(folder: Path) -> RunDirectory:
    """Return the run in a folder.

    Raises:
        RequestError: There is none.
    """
    run = RunDirectory(folder)
    if not run.predictions.is_file():
        raise RequestError(f"{folder}: no predictions.jsonl in it, expected the folder of a run; see results/runs")
    return run
