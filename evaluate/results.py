"""Where runs live and what stands in them.

A run is the folder `runs/<model>/<task>/<split>/<run-id>/` with run.json, predictions.jsonl, scores.json and, for each
sample, what was counted in sample_scores.jsonl. The run id is a hash of everything that determines the answers, so the
same command finds its own run again, and another model, prompt, option or corpus is another run.
"""

import hashlib
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from stat import S_ISREG
from typing import Any

from evaluate import __version__
from evaluate.errors import RunDamagedError, RunLockedError
from evaluate.lines import escape_obeyed, one_line
from evaluate.scores_schema import complete_scores
from evaluate.types import Sample
from evaluate.whole_files import write_whole

SCHEMA = 1
RECORDED_PACKAGES = (
    *("torch", "transformers", "tokenizers", "numpy", "huggingface-hub", "datasets"),
    *("soundfile", "soxr", "av", "rapidfuzz", "sacrebleu", "wetext", "zhconv", "num2words", "whisper-normalizer"),
    *("scipy", "scikit-learn", "faster-whisper", "ctranslate2", "accelerate", "peft", "torchaudio", "torchvision"),
    *("mistral-common", "sentencepiece", "httpx2", "ray"),
)
# Whole words of a name: `api_key` and `token` are secrets, `max_tokens`, `tokenizer` and `keyframes` are not.
_SECRET_NAME = re.compile(
    r"(?:^|[_-])(?:key|apikey|token|secret|password|passwd|passphrase|auth|authorization|credentials?)$", re.IGNORECASE
)
_URL_PASSWORD = re.compile(r"(?<=://)[^/@\s]+@")
_URL_SETTING = re.compile(r"(?<=[?&])([^=&\s]+)=([^&\s]*)")
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")  # of the environment; what else stands there may be the key itself
_HIDDEN = "***"
_MIN_SECRET = 12  # characters; what is shorter may be a word, like "EMPTY"
_MAX_SLUG = 100
_LAST_YEAR = 9000  # a time beyond is none, and little could be added to it
_BLOCK_BYTES = 4096
# Opening a pipe waits for its other end unless told not to; Windows has neither pipes like that nor the flag.
_READ_ONLY = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_ITEMS_AT_ONCE = 1000


class RunDirectory:
    """The folder of one run.

    Args:
        path: The folder itself; made when the run starts.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run_json = path / "run.json"
        self.predictions = path / "predictions.jsonl"
        self.scores = path / "scores.json"
        self.sample_scores = path / "sample_scores.jsonl"
        self.judgements = path / "judgements.jsonl"
        self.asked = path / "asked.jsonl"  # digests of the samples that the run was begun with

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder and hold it against other processes; the hold ends with the process, however it ends.

        Raises:
            RunLockedError: Another process holds it.
        """
        from filelock import FileLock, Timeout

        self.path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise RunLockedError(
                f"{self.path}: another process is writing this run; wait until it ends, or stop it"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def read_record(self) -> dict[str, Any]:
        """Return run.json.

        Raises:
            RunDamagedError: It is not JSON, or lacks its sessions.
        """
        record = read_json(self.run_json)
        if not isinstance(record, dict) or not isinstance(record.get("sessions"), list):
            raise RunDamagedError(f"{self.run_json}: has no list of sessions; start over with --fresh")
        return record

    def set_aside(self) -> None:
        """Move what an earlier start left into `previous/<n>/`, so that the run begins anew and nothing is lost."""
        files = (self.run_json, self.predictions, self.scores, self.sample_scores, self.asked)
        there = [file for file in files if file.exists()]
        if not there:
            return
        earlier = self.path / "previous"
        number = 1 + sum(1 for _ in earlier.glob("*")) if earlier.exists() else 1
        target = earlier / str(number)
        target.mkdir(parents=True)
        for file in there:
            file.replace(target / file.name)


def run_directory(results_dir: Path, *, model: str, task: str, split: str, run_id: str) -> RunDirectory:
    """Return the folder of a run; nothing is made yet."""
    return RunDirectory(results_dir / "runs" / slug(model) / slug(task) / slug(split) / run_id)


def slug(name: str) -> str:
    """Return a name as a safe folder name: letters, digits, dot, dash and underscore, at most 100 of them.

    Different names can give one slug; the name itself stands in run.json, and run ids differ.
    """
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._")
    if safe and len(safe) <= _MAX_SLUG:
        return safe
    tail = digest(name)[:8]
    return f"{safe[: _MAX_SLUG - 9]}-{tail}" if safe else tail


def digest(value: Any) -> str:
    """Return a hash of a JSON-ready value, the same on every machine."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_items(items: Mapping[str, Any]) -> str:
    """Return the `digest` of a mapping, without a text of the whole in memory."""
    running = hashlib.sha256(b"{")
    names = iter(sorted(items))
    between = b""
    while part := {name: items[name] for name in islice(names, _ITEMS_AT_ONCE)}:
        running.update(between + json.dumps(part, separators=(",", ":"), default=str)[1:-1].encode())
        between = b","
    running.update(b"}")
    return running.hexdigest()


def corpus_fingerprint(samples: Sequence[Sample]) -> str:
    """Return a hash of ids, prompts, references, and spans, sizes and excerpts of the audio, in order.

    An excerpt is a block from the start, the middle and the end of a file: reading every byte of a corpus before each
    start would cost more than it tells. The hash is the same wherever the corpus lies.
    """
    running = hashlib.sha256()
    for sample in samples:
        audio = [(file_digest(ref.file), ref.start_s, ref.duration_s) for ref in sample.audio]
        item = [sample.id, sample.prompt, sample.references, sample.choices, sample.language, audio]
        if sample.turns:
            item.append([(turn.role, turn.text, turn.num_clips) for turn in sample.turns])
        running.update(json.dumps(item).encode())
    return running.hexdigest()[:16]


def file_digest(path: str | Path, *, num_blocks: int = 3) -> str | None:
    """Return a hash of a file's size and of blocks spread evenly over it; None for what is no file, or unreadable."""
    running = hashlib.sha256()
    try:
        descriptor = os.open(path, _READ_ONLY)
        try:
            status = os.fstat(descriptor)
            if not S_ISREG(status.st_mode):
                return None
            running.update(str(status.st_size).encode())
            last = max(0, status.st_size - _BLOCK_BYTES)
            numbers = range(num_blocks) if last else (0,)
            for offset in sorted({last * number // max(1, num_blocks - 1) for number in numbers}):
                running.update(os.pread(descriptor, _BLOCK_BYTES, offset))
        finally:
            os.close(descriptor)
    except (OSError, ValueError):  # ValueError: a name with a NUL
        return None
    return running.hexdigest()[:16]


def write_json(path: Path, document: Any) -> None:
    """Write a JSON file whole or not at all."""
    write_whole(path, escape_obeyed(json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file of a run.

    Raises:
        RunDamagedError: It is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise RunDamagedError(
            f"{path}: not valid JSON ({error}); move the run away or start over with --fresh"
        ) from error


def find_scores(
    results_dir: Path, *, probes: bool | None = False, damaged: Callable[[str], None] | None = None
) -> list[dict[str, Any]]:
    """Return every scores document under a results folder, with its `run_dir`, oldest first.

    Args:
        results_dir: Where runs live.
        probes: Whether to return those of probes (`evaluate.probes`), which are no scores of a model, and none else;
            None: all.
        damaged: Gets what is wrong with a document that is then left out; None: that is an error.

    Raises:
        RunDamagedError: A document is not JSON, of another schema, or not what it should be.
    """
    found = []
    for path in sorted((results_dir / "runs").glob("*/*/*/*/scores.json")):
        try:
            found.append(read_scores(path))
        except RunDamagedError as error:
            if damaged is None:
                raise
            damaged(str(error))
    return sorted(
        (document for document in found if probes is None or bool(document["probe"]) == probes),
        key=lambda document: str(document["created"]),
    )


def read_scores(path: Path) -> dict[str, Any]:
    """Read one scores document, completed where it holds only what other programs rely on, and add its `run_dir`.

    Raises:
        RunDamagedError: The document is not JSON, of another schema, or not what it should be.
    """
    document = read_json(path)
    schema = document.get("schema", SCHEMA) if isinstance(document, dict) else None
    if not isinstance(document, dict) or schema != SCHEMA:
        raise RunDamagedError(f"{path}: schema {schema!r}, expected {SCHEMA}; score the run again with this version")
    written = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="microseconds")
    try:
        return {**complete_scores({"created": written, **document}), "run_dir": str(path.parent)}
    except ValueError as error:
        raise RunDamagedError(f"{path}: {one_line(str(error))}; score the run again") from error


def comparable_signature(signature: str) -> str:
    """Return a metric's signature without the harness's own version, which alone is no other way of scoring."""
    return re.sub(r"\|v:[^|]*$", "", signature)


def environment() -> dict[str, Any]:
    """Return what the machine and its packages are, for run.json."""
    import soundfile

    return {
        "otoscope": __version__,
        "git_commit": _git_commit(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": package_versions(),
        "libsndfile": soundfile.__libsndfile_version__,  # which decodes; wheels bring their own, others the system's
    }


@cache
def package_versions() -> dict[str, str]:
    """Return the versions of the packages that answers and scores depend on, those that are installed."""
    packages = {}
    for name in RECORDED_PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return packages


def _git_commit() -> str | None:
    """Return the commit of the checkout that this code runs from, None for an installed package."""
    root = Path(__file__).resolve().parent.parent
    if not (root / ".git").exists():
        return None
    try:
        answer = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def now(after: Iterable[str] = ()) -> str:
    """Return the time in UTC, to the microsecond, as ISO 8601.

    Args:
        after: Times that it must be later than, also where the clock has been set back since; what is no time is passed
            over.
    """
    moment = datetime.now(UTC)
    for text in after:
        with suppress(ValueError, TypeError, OverflowError):
            given = datetime.fromisoformat(text).astimezone(UTC)
            if given.year < _LAST_YEAR:
                moment = max(moment, given + timedelta(microseconds=1))
    return moment.isoformat(timespec="microseconds")


def command_line() -> list[str]:
    """Return the command as typed, with what looks like a secret replaced."""
    return [redact(word) for word in ["otoscope", *sys.argv[1:]]]


def redact(word: str) -> str:
    """Return a word of a command line without the secrets in it.

    The value of `KEY=VALUE` and `--option=KEY=VALUE` is hidden where the key names a secret; so are user, password and
    secret settings of URLs.
    """
    option, equals, setting = word.partition("=") if word.startswith("-") else ("", "", word)
    if is_secret(option.lstrip("-")):
        return f"{option}={_HIDDEN}"
    name, _, _ = setting.partition("=")
    names_a_variable = name.endswith("_env") and _VARIABLE.fullmatch(setting.partition("=")[2])
    if name != setting and (is_secret(name) or (name.endswith("key_env") and not names_a_variable)):
        return f"{option}{equals}{name}={_HIDDEN}"
    return f"{option}{equals}{redact_url(setting)}"


def is_secret(name: str) -> bool:
    """Whether a setting of this name holds a secret."""
    return bool(_SECRET_NAME.search(name))


def redact_url(text: str) -> str:
    """Return a text with user, password and secret settings of the URLs in it hidden."""
    text = _URL_PASSWORD.sub(f"{_HIDDEN}@", text)
    return _URL_SETTING.sub(lambda match: f"{match[1]}={_HIDDEN}" if is_secret(match[1]) else match[0], text)


def hide_secrets(text: str) -> str:
    """Return a text without the secrets that are known here: variables of the environment named as such, and in URLs.

    What a library raises may quote them, and ends in logs and on screens.
    """
    secrets = [value for name, value in os.environ.items() if is_secret(name) and len(value) >= _MIN_SECRET]
    for secret in sorted(secrets, key=len, reverse=True):  # one may begin with another
        text = text.replace(secret, _HIDDEN)
    return redact_url(text)


def without_secrets(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that may be written down; secrets do not determine an answer and are left out."""
    return {
        name: redact_url(value) if isinstance(value, str) else value
        for name, value in settings.items()
        if not is_secret(name)
    }
