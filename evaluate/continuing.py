"""Going on with a run: its samples must be those that it was begun with.

The run id is a hash of the samples too, so a manifest that was edited in between makes another run, which is right for
one that is finished; answers of days that wait to be gone on with would be left lying without a word. So the command
stops there, and says what is different. `asked.jsonl` holds digests of each sample as it was:

    {"id": "k-1", "question": "1f0c…", "references": "9b1e…", "audio": "77aa…"}
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluate.digests import digest, file_digest, turns_of
from evaluate.errors import RequestError, RunDamagedError
from evaluate.prediction_log import NOT_A_RECORD, encode_line, index_log
from evaluate.results import RunDirectory
from evaluate.types import Sample
from evaluate.whole_files import replacing

_PARTS = ("question", "references", "audio")
_MAX_NAMED = 3  # ids in a message


def note_samples(run: RunDirectory, samples: Sequence[Sample]) -> None:
    """Write down what the samples are, unless that has been done."""
    if not run.asked.exists():
        with replacing(run.asked) as file:
            file.writelines(map(encode_line, _digests(samples)))


def refuse_other_samples(run: RunDirectory, facts: Mapping[str, Any], samples: Sequence[Sample]) -> None:
    """Raise where another run would be begun though only its samples are other than those of one that is not finished.

    Args:
        run: That would be begun.
        facts: What its id is the hash of.
        samples: All that it would be asked.

    Raises:
        RequestError: It says what is different.
    """
    if run.predictions.exists() or not run.path.parent.is_dir():
        return
    for folder in sorted(run.path.parent.iterdir()):
        begun = RunDirectory(folder)
        try:
            record = begun.read_record()
        except (RunDamagedError, OSError):  # no run, or one of which nothing can be told
            continue
        as_it_was = {**facts, "corpus_fingerprint": record.get("corpus_fingerprint")}
        if digest(as_it_was)[:12] != folder.name:
            continue
        num_asked, num_done = record.get("num_samples"), len(index_log(begun.predictions).offsets)
        if isinstance(num_asked, int) and 0 < num_done < num_asked:
            raise RequestError(
                f"{folder}: has answers to {num_done} of {num_asked} samples, and the samples are others now: "
                f"{_difference(begun.asked, samples)}. Put them back as they were to go on, or take --fresh for a run "
                "of what is there now"
            )


def same_corpus_check(log: Path, samples: Sequence[Sample]) -> Callable[[Mapping[str, Any]], None]:
    """Return a check of a log's records: those of another version of the corpus are no answers to this one.

    It raises `RunDamagedError` for one that was logged with other references.
    """
    references = {sample.id: sample.references for sample in samples}

    def check(record: Mapping[str, Any]) -> None:
        expected = references.get(record["id"])
        if expected is not None and record["references"] != list(expected):
            raise RunDamagedError(
                f"{log}: sample {record['id']!r} was answered for the references {record['references']}, the "
                f"corpus has {list(expected)}; put back the log of this corpus, or start over with --fresh"
            )

    return check


def _digests(samples: Sequence[Sample]) -> Iterator[dict[str, str]]:
    for one in samples:
        audio = [(file_digest(ref.path), ref.start_s, ref.duration_s) for ref in one.audio]
        parts = ([one.prompt, one.choices, one.language, turns_of(one)], one.references, audio)
        yield {"id": one.id, **{name: digest(part)[:12] for name, part in zip(_PARTS, parts, strict=True)}}


def _difference(asked: Path, samples: Sequence[Sample]) -> str:
    """Return what is different between the samples and those that were asked, for a message."""
    try:
        before = {record["id"]: record for record in map(json.loads, asked.read_bytes().splitlines())}
    except (OSError, *NOT_A_RECORD):
        return "an earlier version of this program did not note how"
    after = {record["id"]: record for record in _digests(samples)}
    differences = {
        "new": [one for one in after if one not in before],
        "gone": [one for one in before if one not in after],
        **{
            f"other {part}": [one for one in after if one in before and before[one].get(part) != after[one][part]]
            for part in _PARTS
        },
    }
    return "; ".join(f"{what}: {_named(ids)}" for what, ids in differences.items() if ids) or "their order"


def _named(ids: Sequence[str]) -> str:
    named = ", ".join(map(repr, ids[:_MAX_NAMED]))
    return named if len(ids) <= _MAX_NAMED else f"{named} and {len(ids) - _MAX_NAMED} more"
