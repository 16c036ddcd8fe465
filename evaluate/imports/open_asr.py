"""The Open ASR Leaderboard: its results JSONL, `results/MODEL_<model>_DATASET_<data set>_<split>.jsonl`.

    {"audio_filepath": "sample_0", "duration": 10.4, "time": 0.1, "text": "he hoped there would be stew",
     "pred_text": "he hoped there would be stew"}

Source: huggingface/open_asr_leaderboard, `normalizer/eval_utils.py` at 00cbc7d, `api/run_eval.py` at 0899847,
`transformers/run_eval.py` at 15f139b.

- `sample_<n>` is no name but the place in the file. Runs over an API write samples as they come, so that it is no
  place in the data set either, and leave out those that failed.
- Most of its scripts write texts that its normaliser has been through: where all of them are in lower case without
  marks the raw text is taken to be gone, and what is left is scored as it stands.
- A reference that is a lattice of spellings (Hindi) is refused: no metric here reads one.
- Long recordings in chunks (`parent_id`, `chunk_index`) are joined with spaces and have one reference, as it does.
- The leaderboard also lets compounds match ("white paper", "whitepaper"): its rates are lower than a plain WER by that.
"""

import re
from collections.abc import Sequence
from typing import Any

from evaluate.errors import ManifestError
from evaluate.imports.base import ForeignLog, LogFormat, LoggedAnswer, dropped_fields, index_field, references_of
from evaluate.imports.document import Document
from evaluate.jsonl import text_field
from evaluate.types import Failure

_MAPPED = ("audio_filepath", "text", "pred_text", "parent_id", "chunk_index")
_NUMBERED = re.compile(r"sample_([0-9]{1,15})")
_LANGUAGE = re.compile(r"_(?:fleurs|mcv|mls|monsoon)_([a-z]{2})_", re.IGNORECASE)
_MARK = re.compile(r"[.,!?;:](?=\s|$)")


class OpenAsr(LogFormat):
    """Results of the Open ASR Leaderboard's scripts."""

    name = "open-asr"
    expected = "the Open ASR Leaderboard's JSONL: audio_filepath, text, pred_text, …"

    def fits(self, document: Document) -> bool:
        return document.shape == "lines" and {"text", "pred_text"} <= document.first.keys()

    def read(self, document: Document) -> ForeignLog:
        is_chunked = "parent_id" in document.first
        answers = _joined(document) if is_chunked else [_answer(*one) for one in document.records]
        notices = list(dropped_fields(document.objects, _MAPPED))
        if is_chunked:
            notices.append(f"{len(document.records)} chunks are joined into {len(answers)} recordings")
        references_plain = _are_plain([text for one in answers for text in one.references])
        answers_plain = _are_plain([one.hypothesis for one in answers if isinstance(one.hypothesis, str)])
        if references_plain:
            which = "references and answers" if answers_plain else "references"
            notices.append(
                f"the {which} are normalised already (lower case, no marks), what they were is gone"
                + (
                    "; they are scored as they stand unless --language or --normalizer says more"
                    if answers_plain
                    else ""
                )
            )
        notices.append("runs over an API leave failed samples out of this log, without a trace")
        named = _LANGUAGE.search(document.path.stem)
        language = named[1].lower() if named else "en"
        if not named:
            notices.append("the language is taken to be English, the leaderboard's main table; --language says another")
        return ForeignLog(
            document.path,
            self.name,
            tuple(answers),
            tuple(notices),
            ("wer",),
            language,
            normalizer="none" if references_plain and answers_plain else None,
        )


def _answer(where: str, record: dict[str, Any]) -> LoggedAnswer:
    named = text_field(where, record, "audio_filepath", default="")
    numbered = _NUMBERED.fullmatch(named)
    if record.get("pred_text", "") is None:
        hypothesis: str | Failure = Failure("NoText", "pred_text is null")
    else:
        hypothesis = text_field(where, record, "pred_text")
    return LoggedAnswer(
        where,
        hypothesis,
        _reference(where, record),
        audio=() if numbered or not named else (named,),
        index=int(numbered[1]) if numbered else None,
    )


def _reference(where: str, record: dict[str, Any]) -> tuple[str, ...]:
    text = record.get("text")
    if "reference_lists" in record or (isinstance(text, str) and text.lstrip().startswith("[[")):
        raise ManifestError(f"{where}: the reference is a lattice of spellings, expected a text; no metric reads one")
    return references_of(where, "text", text)


def _joined(document: Document) -> list[LoggedAnswer]:
    """Return an answer per recording, from those to its chunks."""
    chunks: dict[str, dict[int, LoggedAnswer]] = {}
    for where, record in document.records:
        parent, number = text_field(where, record, "parent_id"), index_field(where, record, "chunk_index")
        of_parent = chunks.setdefault(parent, {})
        if number in of_parent:
            raise ManifestError(
                f"{where}: chunk {number} of {parent!r} stands already in {of_parent[number].where}, expected each once"
            )
        of_parent[number] = _answer(where, record)
    return [_whole(parent, of_parent) for parent, of_parent in chunks.items()]


def _whole(parent: str, chunks: dict[int, LoggedAnswer]) -> LoggedAnswer:
    first = chunks[min(chunks)]
    if max(chunks) != len(chunks) - 1:
        missing = next(number for number in range(len(chunks)) if number not in chunks)
        raise ManifestError(f"{first.where}: chunk {missing} of {parent!r} is missing, expected all from 0")
    said = [chunks[number].hypothesis for number in range(len(chunks))]
    failed = next((one for one in said if isinstance(one, Failure)), None)
    texts = [one.strip() for one in said if isinstance(one, str)]
    return LoggedAnswer(
        first.where, failed or " ".join(filter(None, texts)), first.references, audio=(parent,) if parent else ()
    )


def _are_plain(texts: Sequence[str]) -> bool:
    """Whether texts look as a normaliser leaves them: there are some, in lower case, without marks after words."""
    return any(map(str.strip, texts)) and all(text == text.lower() and not _MARK.search(text) for text in texts)
