"""SPICE: the F score of each caption's scene graph, from the program itself or from a file of another machine.

A score is the F1 of tuples (objects, attributes, relations) that a parser finds in the hypothesis and in all references
together; WordNet synonyms match. Range 0 to 1, higher is better; the score of a corpus is the mean over its captions.
A caption in which the program finds no tuple scores 0, so does one whose references have none.

Source: Anderson, Fernando, Johnson and Gould, "SPICE: Semantic Propositional Image Caption Evaluation", ECCV 2016, and
spice-1.0.jar as pycocoevalcap 1.2 ships it, with CoreNLP 3.6.0. The texts are given as they come: the official pipeline
gives PTB-tokenised ones. Difference from pycocoevalcap: no cache of parses, which Java 16 and later do not allow; a
score that is no number is an error, where it became NaN and the mean with it.

To score on a machine that has the models, write the input here, run the program there, read its output here:

    java -Xmx8G -Dfile.encoding=UTF-8 -jar spice-1.0.jar input.json -out scores.json -subset -silent

That output repeats each `image_id` and holds no text. The `image_id` that is written here is therefore
`<id>#<first 16 hex digits of the SHA-256 of the hypothesis>`, and a score is taken only where that fits the caption of
the run. The machine needs a Java from 8 to 14: SPICE lays out its output with the JavaScript engine of Java itself,
which later ones do not have; it would fail after all the work.
"""

import hashlib
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.captions.programs import SpicePrograms, check_spice_java, why_ended
from evaluate.errors import ManifestError, MetricUnavailableError, RequestError
from evaluate.jsonl import read_jsonl

DIGEST_LENGTH = 16
_TAGGED_ID = re.compile(rf"(?s)(.*)#([0-9a-f]{{{DIGEST_LENGTH}}})")
_MEMINFO = Path("/proc/meminfo")


@dataclass(frozen=True, slots=True)
class _Record:
    """One score of a file, with what the file says of the caption that it is of."""

    where: str
    id: str
    score: float
    digest: str


def spice_scores(
    *,
    references: Sequence[Sequence[str]],
    hypotheses: Sequence[str],
    ids: Sequence[str],
    programs: SpicePrograms,
    java: Path,
    timeout_s: float | None = None,
    heap_gib: int = 8,
) -> NDArray[np.float64]:
    """Run SPICE once over all samples, in a temporary folder of its own.

    Args:
        references: For each sample its references, at least one.
        hypotheses: For each sample the text.
        ids: For each sample its id, each once.
        programs: From `find_spice()`.
        java: From `find_java()`; up to Java 14, see `check_spice_java`.
        timeout_s: Limit for the whole run, in seconds; default: 900 and 1 per text.
        heap_gib: Memory that Java may take, in GiB; the parser needs much.

    Returns:
        Shape (samples,), in [0, 1].

    Raises:
        MetricUnavailableError: Java is too new, memory is short, or the program failed, took too long, or gave no
            score for a sample.
    """
    if not hypotheses:
        return np.zeros(0)
    check_spice_java(java, programs)
    _check_memory(heap_gib)
    if timeout_s is None:
        timeout_s = 900 + len(hypotheses) + sum(map(len, references))
    with tempfile.TemporaryDirectory(prefix="otoscope-spice-") as name:
        folder = Path(name)
        write_spice_input(folder / "in.json", references=references, hypotheses=hypotheses, ids=ids)
        _run(folder, programs, java, timeout_s, heap_gib)
        try:
            return read_spice_scores(folder / "out.json", ids=ids, hypotheses=[(text,) for text in hypotheses])
        except ManifestError as error:
            raise MetricUnavailableError(f"SPICE ended well, but its scores are not usable: {error}") from error


def write_spice_input(
    path: Path, *, references: Sequence[Sequence[str]], hypotheses: Sequence[str], ids: Sequence[str]
) -> None:
    """Write the JSON list that SPICE reads; ASCII only, as it reads in the encoding of its machine."""
    items = [
        {"image_id": f"{sample_id}#{_digest(text)}", "test": text, "refs": list(refs)}
        for sample_id, text, refs in zip(ids, hypotheses, references, strict=True)
    ]
    try:
        path.write_text(json.dumps(items, indent=1) + "\n", encoding="ascii")
    except OSError as error:
        raise RequestError(
            f"{path}: cannot be written ({error.strerror}); name a file in a folder that is there"
        ) from error


def read_spice_scores(path: Path, *, ids: Sequence[str], hypotheses: Sequence[Sequence[str]]) -> NDArray[np.float64]:
    """Read scores that SPICE gave to these very captions, maybe on another machine.

    Args:
        path: SPICE's own output for what `write_spice_input` wrote, or that list with the `test` of each item added to
            it, or JSONL of `{"id", "spice", "hypothesis"}`.
        ids: For each sample its id.
        hypotheses: For each sample its text, in the forms in which it may have been scored (as the model gave it, as
            tokens); white space aside, the scored one must be among them.

    Returns:
        Shape (samples,), in [0, 1], in the order of `ids`.

    Raises:
        ManifestError: The file cannot be read, an id is missing, doubled or unknown, a score is no number from 0 to 1,
            or it is of another caption, or of one that the file does not tell.
    """
    records: dict[str, _Record] = {}
    known = set(ids)
    for record in _read_records(path):
        if record.id not in known:
            raise ManifestError(f"{record.where}: id {record.id!r} is unknown, expected the ids of the run")
        if record.id in records:
            raise ManifestError(f"{record.where}: id {record.id!r} stands already in {records[record.id].where}")
        records[record.id] = record
    scores = [_score_of(path, records, one, text) for one, text in zip(ids, hypotheses, strict=True)]
    return np.array(scores, dtype=np.float64)


def _score_of(path: Path, records: dict[str, _Record], sample_id: str, hypotheses: Sequence[str]) -> float:
    """Return the score of a caption, if it is really of that caption."""
    record = records.get(sample_id)
    if record is None:
        raise ManifestError(f"{path}: no score for id {sample_id!r}, expected one for each sample of the run")
    if record.digest not in map(_digest, hypotheses):
        raise ManifestError(
            f"{record.where}: id {sample_id!r}: the score is of another caption than the run's {hypotheses[0][:60]!r} "
            f"(SHA-256 {record.digest}, expected {_digest(hypotheses[0])}); score the captions of this run"
        )
    return record.score


def _read_records(path: Path) -> Iterator[_Record]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read ({error.strerror}); expected scores of SPICE") from error
    if content.lstrip().startswith(b"["):
        yield from _read_own_output(path, content)
        return
    for where, record in read_jsonl(path):
        sample_id, text = record.get("id"), record.get("hypothesis")
        if not isinstance(sample_id, str) or not isinstance(text, str):
            raise ManifestError(f"{where}: id {sample_id!r}: expected strings 'id' and 'hypothesis', the text scored")
        yield _Record(where, sample_id, _checked(where, sample_id, record.get("spice")), _digest(text))


def _read_own_output(path: Path, content: bytes) -> Iterator[_Record]:
    """Yield the items of SPICE's own JSON list."""
    try:
        items = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"{path}: not valid JSON ({error}), expected SPICE's list") from error
    for number, item in enumerate(items):
        where = f"{path}: item {number}"
        if not isinstance(item, dict) or not isinstance(item.get("image_id"), str):
            raise ManifestError(f"{where}: expected an object with 'image_id', a string, and 'scores'")
        name, text = item["image_id"], item.get("test")
        tagged = _TAGGED_ID.fullmatch(name)
        sample_id, digest = tagged.groups() if tagged else (name, _digest(text) if isinstance(text, str) else "")
        if not digest or (isinstance(text, str) and digest != _digest(text)):
            raise ManifestError(
                f"{where}: id {sample_id!r}: does not tell which caption was scored; let SPICE read the input file "
                'that this project writes, or give JSONL of {"id", "spice", "hypothesis"}'
            )
        overall = item["scores"].get("All") if isinstance(item.get("scores"), dict) else None
        score = overall.get("f") if isinstance(overall, dict) else None
        yield _Record(where, sample_id, _checked(where, sample_id, score), digest)


def _checked(where: str, sample_id: str, value: Any) -> float:
    """Return a score that is one: NaN would make a mean NaN, null taken for 0 would make it wrong."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= 1:  # NaN lies nowhere
        raise ManifestError(
            f"{where}: id {sample_id!r}: the score is {repr(value)[:40]}, expected a number from 0 to 1"
        )
    return float(value)


def _digest(text: str) -> str:
    folded = " ".join(text.split()).encode("utf-8", errors="surrogatepass")
    return hashlib.sha256(folded).hexdigest()[:DIGEST_LENGTH]


def _run(folder: Path, programs: SpicePrograms, java: Path, timeout_s: float, heap_gib: int) -> None:
    """Run SPICE from in.json to out.json in a folder."""
    # The locale is for numbers, the encoding for ids: SPICE writes in that of the machine.
    options = ("-Duser.language=en", "-Duser.country=US", "-Dfile.encoding=UTF-8", f"-Djava.io.tmpdir={folder}")
    program = ("-cp", programs.class_path, "edu.anu.spice.SpiceScorer")
    arguments = ("in.json", "-out", "out.json", "-subset", "-silent")
    command = [str(java), f"-Xmx{heap_gib}G", *options, *program, *arguments]
    try:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise MetricUnavailableError(f"SPICE took more than {timeout_s:g} s and was stopped") from error
    except OSError as error:
        raise MetricUnavailableError(f"SPICE: {java} does not start ({error.strerror})") from error
    if done.returncode != 0:
        raise MetricUnavailableError(f"SPICE {why_ended(done.returncode, done.stderr.decode(errors='replace'))}")


def _check_memory(heap_gib: int) -> None:
    """Raise where Java would ask for more memory than is free, and the system would kill it, or worse, others."""
    free = available_memory()
    if free is not None and free < heap_gib * 2**30:
        raise MetricUnavailableError(
            f"SPICE may take {heap_gib} GiB of memory, {free / 2**30:.1f} GiB are free; free some, or score on another "
            "machine and bring SPICE's output"
        )


def available_memory() -> int | None:
    """Return the memory that new programs can take, in bytes; None where the system does not tell."""
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    sizes = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(sizes["MemAvailable"].split()[0]) * 1024 if "MemAvailable" in sizes else None
