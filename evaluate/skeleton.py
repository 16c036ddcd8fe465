"""A task to start from: a YAML file, its manifest and clips, which runs as it is and is then made one's own."""

import json
import math
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from evaluate.errors import RequestError
from evaluate.registry import unknown_name
from evaluate.results import slug
from evaluate.types import KINDS

_HINT = """\
# Places in the prompt: {question} {choices} {options} {language_name} {answer_language_name}. More fields:
# answer_language, aliases, extractor, normalizer, official_sizes, version (raise it when a score could move). The
# manifest may be one file per split: {dev: dev.jsonl, test: test.jsonl}."""
_TONES_HZ = (220.0, 440.0, 880.0)
_RATE_HZ = 16_000


@dataclass(frozen=True, slots=True)
class _Example:
    """What a task of one kind says, and three lines of its manifest."""

    prompt: str
    metrics: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]
    facts: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, Any] = field(default_factory=dict)  # the same in each line


_LABELS = ("low", "middle", "high")
_EXAMPLES = {
    "asr": _Example(
        "Transcribe the {language_name} speech.", ("wer", "cer"), (("one",), ("two",), ("three words here",))
    ),
    "translation": _Example(
        "Translate the {language_name} speech into {answer_language_name}.",
        ("bleu", "chrf"),
        (("eins",), ("zwei",), ("drei Wörter hier",)),
        {"answer_language": "de"},
        {"source_text": "what is said"},
    ),
    "captioning": _Example(
        "Describe what can be heard, in one sentence.",
        ("cider", "rouge_l"),
        (("a low tone sounds", "a deep hum"), ("a tone sounds", "a hum"), ("a high tone sounds", "a whistle")),
    ),
    "classification": _Example(
        "How high is this tone? Answer with one of: {choices}.",
        ("accuracy", "macro_f1"),
        tuple((label,) for label in _LABELS),
        {"choices": list(_LABELS), "aliases": {"low": ["deep"]}},
    ),
    "question-answering": _Example(
        "{question} Answer with yes or no.",
        ("accuracy",),
        (("no",), ("no",), ("yes",)),
        {"choices": ["yes", "no"]},
        {"question": "Is this tone above 500 Hz?"},
    ),
    "timestamps": _Example(
        "Transcribe the {language_name} speech word by word, with a time in seconds before each word and after the "
        "last, in this form: <|0.00|>word<|0.54|>word<|0.86|>",
        ("aas", "boundary_accuracy"),
        tuple((f"<|0.00|>{word}<|0.50|>",) for word in ("one", "two", "three")),
    ),
    "chat": _Example(
        "{question}",
        ("judge",),
        (("A low tone.",), ("A tone.",), ("A high tone.",)),
        {},
        {"question": "What do you hear?"},
    ),
}


def write_skeleton(name: str, kind: str, folder: Path) -> list[Path]:
    """Write a task of a kind that runs as it is: `<name>.yaml`, `<name>.jsonl`, and three tones in `clips/`.

    Args:
        name: Of the task.
        kind: One of `KINDS`.
        folder: Where the task's own folder, `<name>/`, is made.

    Returns:
        The files, the task first.

    Raises:
        RequestError: There is no such kind, the name is no file name, or its folder is there already.
    """
    if kind not in KINDS:
        raise unknown_name("kind", kind, KINDS, listing=f"kinds: {', '.join(KINDS)}")
    if slug(name) != name:
        raise RequestError(
            f"task name {name!r}: expected letters, digits, dot, dash and underscore, as in {slug(name)!r}"
        )
    home = folder / name
    if home.exists():
        raise RequestError(f"{home}: is there already; choose another name, or move it away")
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".{name}-") as made:
        files = _write(name, kind, Path(made) / name)
        (Path(made) / name).replace(home)
    return [home / file.relative_to(Path(made) / name) for file in files]


def _write(name: str, kind: str, home: Path) -> list[Path]:
    example = _EXAMPLES[kind]
    clips = [_write_tone(home / "clips" / f"{number}.wav", hz) for number, hz in enumerate(_TONES_HZ, start=1)]
    manifest, task = home / f"{name}.jsonl", home / f"{name}.yaml"
    lines = [
        {"id": f"{name}-{clip.stem}", "audio": f"clips/{clip.name}", "references": list(references), **example.lines}
        for clip, references in zip(clips, example.references, strict=True)
    ]
    manifest.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    task.write_text(_yaml(name, kind, example), encoding="utf-8")
    return [task, manifest, *clips]


def _yaml(name: str, kind: str, example: _Example) -> str:
    facts = {
        "name": name,
        "kind": kind,
        "language": "en",
        "description": "what it tests, in a few words",
        "source": "where the clips come from, and under which licence",
        "manifest": f"{name}.jsonl",
        "prompt": example.prompt,
        "metrics": list(example.metrics),
        **example.facts,
    }
    # JSON is YAML: what may need quotes has them.
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in facts.items()]
    return "\n".join([_HINT, *lines]) + "\n"


def _write_tone(path: Path, frequency_hz: float) -> Path:
    from scipy.io import wavfile

    path.parent.mkdir(parents=True, exist_ok=True)
    wave = 0.3 * np.sin(2 * math.pi * frequency_hz * np.arange(_RATE_HZ) / _RATE_HZ)
    wavfile.write(path, _RATE_HZ, np.round(32767 * wave).astype(np.int16))
    return path
