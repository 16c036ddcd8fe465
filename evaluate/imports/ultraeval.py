"""UltraEval-Audio: the JSONL that its recorder writes as it goes, several lines per sample.

    {"type": "prompt", "id": 0, "data": {"content": [{"role": "user", "contents": [{"type": "audio", "value":
     "raw/1089-134686-0000.flac"}, {"type": "text", "value": "listen to the audio and transcribe"}]}]}}
    {"type": "inference", "id": 0, "data": {"content": "he hoped there would be stew for dinner"}}
    {"type": "post_process", "id": 0, "data": {"content": "he hoped there would be stew for dinner"}}
    {"type": "eval", "id": 0, "data": {"pred": "he hoped …", "ref": "HE HOPED THERE …", "wer%": 0.0}}
    {"type": "error", "id": 1, "data": {"info": "Traceback (most recent call last): …"}}

Source: OpenBMB/UltraEval-Audio, `audio_evals/eval_task.py` at c453cf7 and `audio_evals/evaluator/base.py` at 31b21cf.

- The answer is that of the line "inference"; what "post_process" made of it is passed over. Where a model speaks, that
  line holds JSON with `audio` and `text`: the text is taken.
- The reference is that of the line "eval", where some evaluators have put it in lower case.
- Samples run in threads: their lines mix and `id` is the place in the data set.
- A line "error" without "inference" is a failure; with one, the model did answer and the scoring failed. A prompt that
  nothing follows is a failure too: the run was cut off there.
"""

import json
from collections import Counter
from typing import Any

from evaluate.errors import ManifestError
from evaluate.imports.base import ForeignLog, LogFormat, LoggedAnswer, index_field, references_of
from evaluate.imports.document import Document
from evaluate.jsonl import shown
from evaluate.types import Failure

_TYPES = ("prompt", "inference", "post_process", "eval", "error")
_METRICS = {"wer%": "wer", "cer%": "cer", "bleu": "bleu", "match": "accuracy"}  # of the line "eval"
_LONGEST_ERROR = 500  # characters


class UltraEvalAudio(LogFormat):
    """What the recorder of UltraEval-Audio writes."""

    name = "ultraeval"
    expected = "UltraEval-Audio's JSONL: type, id, data"

    def fits(self, document: Document) -> bool:
        first = document.first
        return document.shape == "lines" and {"type", "id", "data"} <= first.keys() and first["type"] in _TYPES

    def read(self, document: Document) -> ForeignLog:
        stages: dict[int, dict[str, tuple[str, dict[str, Any]]]] = {}
        others: Counter[str] = Counter()
        for where, record in document.records:
            kind, index, data = record.get("type"), index_field(where, record, "id"), record.get("data")
            if not isinstance(kind, str) or not isinstance(data, dict):
                raise ManifestError(f"{where}: found {shown(record)}, expected {{'type', 'id', 'data'}}")
            of_sample = stages.setdefault(index, {})
            if kind not in _TYPES:
                others[kind] += 1
            elif kind in of_sample:
                raise ManifestError(
                    f"{where}: {kind!r} of id {index} stands already in {of_sample[kind][0]}, expected each once"
                )
            else:
                of_sample[kind] = (where, data)
        answers = [_answer(index, of_sample) for index, of_sample in sorted(stages.items()) if of_sample]
        evaluated = [of_sample["eval"][1] for of_sample in stages.values() if "eval" in of_sample]
        keys = {key for data in evaluated for key in data}
        return ForeignLog(
            document.path,
            self.name,
            tuple(answers),
            tuple(_notices(stages, evaluated, others)),
            tuple(dict.fromkeys(ours for theirs, ours in _METRICS.items() if theirs in keys)),
        )


def _answer(index: int, stages: dict[str, tuple[str, dict[str, Any]]]) -> LoggedAnswer:
    where, _ = next(iter(stages.values()))
    hypothesis: str | Failure
    if "inference" in stages:
        hypothesis = _said(*stages["inference"])
    elif "error" in stages:
        lines = str(stages["error"][1].get("info", "")).strip().splitlines()
        hypothesis = Failure("Error", (lines[-1] if lines else "no message")[:_LONGEST_ERROR])
    elif stages.keys() == {"prompt"}:
        hypothesis = Failure("Unanswered", "the log ends after the prompt: the run was cut off")
    else:
        raise ManifestError(f"{where}: id {index} has a line {next(iter(stages))!r} but none of 'inference' or 'error'")
    references: tuple[str, ...] = ()
    if "eval" in stages and "ref" in stages["eval"][1]:
        references = references_of(stages["eval"][0], "ref", stages["eval"][1]["ref"])
    audio, question = _asked(stages["prompt"][1].get("content")) if "prompt" in stages else ((), "")
    return LoggedAnswer(where, hypothesis, references, audio=audio, index=index, question=question)


def _said(where: str, data: dict[str, Any]) -> str:
    content = data.get("content")
    spoken = _spoken(content)
    if isinstance(spoken, dict):
        content = spoken["text"]
    if not isinstance(content, str):
        found = shown(content) if "content" in data else "missing"
        raise ManifestError(f"{where}: 'content' of the inference is {found}, expected a text")
    return content


def _spoken(content: Any) -> dict[str, Any] | None:
    """Return the audio and text of a model that speaks, None where it only writes."""
    if isinstance(content, str) and content.startswith("{") and '"audio"' in content:
        try:
            content = json.loads(content)
        except (ValueError, RecursionError):
            return None
    if isinstance(content, dict) and content.keys() == {"audio", "text"} and isinstance(content["text"], str):
        return content
    return None


def _asked(content: Any) -> tuple[tuple[str, ...], str]:
    """Return files and text of a prompt, as far as they can be told."""
    audio: list[str] = []
    texts: list[str] = [content] if isinstance(content, str) else []
    for message in content if isinstance(content, list) else ():
        items = message.get("contents") if isinstance(message, dict) else None
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and isinstance(item.get("value"), str):
                (audio if item.get("type") == "audio" else texts).append(item["value"])
    return tuple(audio), "\n".join(texts)


def _notices(
    stages: dict[int, dict[str, tuple[str, dict[str, Any]]]], evaluated: list[dict[str, Any]], others: Counter[str]
) -> list[str]:
    notices = []
    scores = list(dict.fromkeys(key for data in evaluated for key in data if key not in ("pred", "ref")))
    if scores:
        notices.append(f"not mapped, UltraEval-Audio's scores {', '.join(scores[:12])}: scores are made anew")
    if others:
        listed = ", ".join(f"{kind!r} ({count})" for kind, count in others.most_common(5))
        notices.append(f"not mapped, lines of the types {listed}")
    changed = sum(
        "inference" in one and "post_process" in one and one["inference"][1] != one["post_process"][1]
        for one in stages.values()
    )
    if changed:
        notices.append(f"of {changed} answers the text before UltraEval-Audio's post-processing is taken")
    spoken = sum(
        "inference" in one and _spoken(one["inference"][1].get("content")) is not None for one in stages.values()
    )
    if spoken:
        notices.append(f"{spoken} answers were spoken: the text beside the audio is taken")
    rescued = sum("inference" in one and "error" in one for one in stages.values())
    if rescued:
        notices.append(f"{rescued} answers whose scoring failed in UltraEval-Audio are scored here")
    failed = sum("inference" not in one for one in stages.values() if one)
    if failed:
        notices.append(f"{failed} samples have no answer: failed here; UltraEval-Audio leaves them out of its scores")
    return notices
