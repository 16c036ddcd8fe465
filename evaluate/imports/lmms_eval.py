"""lmms-eval: samples JSONL that `--log_samples` writes, `<date>_samples_<task>.jsonl`.

    {"doc_id": 0, "target": "CONCORD RETURNED", "filtered_resps": ["Concord returned."], "doc_hash": "…",
     "prompt_hash": "…", "target_hash": "…", "wer": {"gt": "CONCORD RETURNED", "pred": "Concord returned.",
     "source": "librispeech_test_clean", "task": "asr_en"}, "input": "Please recognize the speech …"}

Source: EvolvingLMMs-Lab/lmms-eval, `lmms_eval/evaluator.py` at 03cbb1f and `loggers/evaluation_tracker.py` at 0716c69.

- `resps` (what the model said, one list per request) is written only where `filtered_resps` differs from it; the answer
  is the first of `resps`, or else of `filtered_resps`, which then is the same text.
- `doc` is left out by the program, so there is no file name: samples go by `doc_id`, the place in its data set. Where a
  line has one, as lm-evaluation-harness writes it, a file named in it counts.
- `target` is Python's `str` of the truth: a list of texts is read back as such.
- A failed request leaves no mark that can be told from an answer.
"""

import ast
import warnings
from typing import Any

from evaluate.errors import ManifestError
from evaluate.imports.base import (
    ForeignLog,
    LogFormat,
    LoggedAnswer,
    dropped_fields,
    index_field,
    references_of,
    refuse_doubled_indices,
)
from evaluate.imports.document import Document
from evaluate.jsonl import shown, text_field

_MAPPED = ("doc_id", "doc", "target", "resps", "filtered_resps", "input", "filter")
_LONGEST_LIST = 100_000  # characters of a target that may be a list
_METRICS = {"wer": "wer", "cer": "cer", "bleu": "bleu", "exact_match": "accuracy"}  # theirs to ours
_AUDIO_FIELDS = ("audio_path", "audio", "path", "file")


class LmmsEval(LogFormat):
    """Samples of lmms-eval."""

    name = "lmms-eval"
    expected = "lmms-eval's samples JSONL: doc_id, target, filtered_resps, …"

    def fits(self, document: Document) -> bool:
        first = document.first
        return document.shape == "lines" and "doc_id" in first and ("filtered_resps" in first or "resps" in first)

    def read(self, document: Document) -> ForeignLog:
        answers: list[LoggedAnswer] = []
        first_lines: dict[int, dict[str, Any]] = {}
        num_several = num_filtered = num_repeated = 0
        for where, record in document.records:
            index = index_field(where, record, "doc_id")
            texts = _texts(where, record)
            filtered = _filtered(record)
            num_several += len(texts) > 1
            num_filtered += filtered is not None and filtered != texts[0]
            if index in first_lines and _is_other_filter(first_lines[index], record):
                num_repeated += 1  # the same answer once more, as another filter left it
                continue
            first_lines.setdefault(index, record)
            answers.append(
                LoggedAnswer(
                    where,
                    texts[0],
                    _target(where, record),
                    audio=_audio(record),
                    index=index,
                    question=_question(record),
                )
            )
        refuse_doubled_indices(answers, "doc_id")
        notices = list(dropped_fields(document.objects, _MAPPED))
        if num_filtered:
            notices.append(
                f"of {num_filtered} answers the text before lmms-eval's filters is taken (resps, not filtered_resps)"
            )
        if num_repeated:
            notices.append(f"{num_repeated} lines repeat an answer for another filter; each answer counts once")
        if num_several:
            notices.append(f"of {num_several} samples with several answers only the first is taken")
        metrics = tuple(dict.fromkeys(ours for theirs, ours in _METRICS.items() if theirs in document.first))
        return ForeignLog(
            document.path, self.name, tuple(answers), tuple(notices), metrics, _language(document.first, metrics)
        )


def _texts(where: str, record: dict[str, Any]) -> list[str]:
    """Return the answers to a sample's first request."""
    key = "resps" if "resps" in record else "filtered_resps"
    value = record.get(key)
    inner = value[0] if isinstance(value, list) and value and isinstance(value[0], list) else value
    texts = [inner] if isinstance(inner, str) else inner
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        found = shown(value) if key in record else "missing"
        raise ManifestError(
            f"{where}: {key!r} is {found}, expected a list of texts; where likelihoods are compared there is no text"
        )
    return texts if isinstance(value, list) and isinstance(value[0], list) else texts[:1]  # else one per request


def _filtered(record: dict[str, Any]) -> str | None:
    value = record.get("filtered_resps")
    return value[0] if isinstance(value, list) and value and isinstance(value[0], str) else None


def _is_other_filter(first: dict[str, Any], other: dict[str, Any]) -> bool:
    return first.get("filter") != other.get("filter") and "resps" in first and first["resps"] == other.get("resps")


def _target(where: str, record: dict[str, Any]) -> tuple[str, ...]:
    target = record.get("target")
    if isinstance(target, str) and target.startswith("[") and target.endswith("]") and len(target) < _LONGEST_LIST:
        parsed = _literal(target)
        if isinstance(parsed, list) and parsed and all(isinstance(one, str) for one in parsed):
            return tuple(parsed)
    return references_of(where, "target", target) if "target" in record else (text_field(where, record, "target"),)


def _literal(text: str) -> Any:
    """Return the value that Python would write so, None where there is none; nothing is run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes in a text that is no list
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return None


def _question(record: dict[str, Any]) -> str:
    given = record.get("input")
    return given if isinstance(given, str) else ""


def _audio(record: dict[str, Any]) -> tuple[str, ...]:
    doc = record.get("doc")
    if not isinstance(doc, dict):
        return ()
    for key in _AUDIO_FIELDS:
        value = doc.get(key)
        if isinstance(value, dict):
            value = value.get("path")
        if isinstance(value, str) and value:
            return (value,)
    return ()


def _language(first: dict[str, Any], metrics: tuple[str, ...]) -> str:
    """Return the language of what is compared, which tasks of speech recognition note beside the two texts."""
    for name in metrics:
        compared = first.get(name)
        task = compared.get("task") if isinstance(compared, dict) else None
        if isinstance(task, str) and task.lower().startswith("asr_"):
            return task[4:].lower()
    return ""
