"""AudioBench: its predictions, or its scores where the texts stand in them.

`log/<model>/<data set>.json` is a list of predictions, raw; references are called `reference`, once `answer`, and
questions `instruction`, once `text`:

    [{"instruction": "Transcribe the speech.", "reference": "He hoped …", "task_type": "ASR",
      "model_prediction": "he hoped …"}]

`log/<model>/<data set>_<metric>_score.json` holds the texts again, of speech recognition as its normalisation left
them, of a judge raw:

    {"wer": 0.0188, "sample_wer": [{"reference": "he hoped there …", "prediction": "he hoped there …", "wer": 0.0}]}
    {"llama3_70b_judge": {"judge_score": 50.9, "success_rate": 1.0}, "details": [{"question": "Are there waves?",
     "reference": "Yes.", "model_prediction": "Yes, …", "judge_response": "…", "rate_score": 4.0, "success": 1}]}

Source: AudioLLMs/AudioBench, `src/main_evaluate.py` at 1d2aa60, `src/dataset_src/librispeech_test_clean.py` at 2b01d6b,
`eval_methods/eval_llama3_70b.py` at 0e689b4.

- Nothing names a sample or file: the order is that of its data set, from which it has left utterances out.
- In scores of speech recognition an empty text has become "empty", reference or prediction.
- Published `details` are often the first few only; their mean then is not the `judge_score`, and a notice says so.
- A failed sample leaves no mark.
"""

from collections.abc import Sequence
from typing import Any

from evaluate.errors import ManifestError
from evaluate.imports.base import ForeignLog, LogFormat, LoggedAnswer, dropped_fields, references_of
from evaluate.imports.document import Document
from evaluate.jsonl import shown, text_field

_REFERENCE, _QUESTION = ("reference", "answer"), ("instruction", "question", "text")
_MAPPED = ("model_prediction", "prediction", *_REFERENCE, *_QUESTION)
_ENGLISH = ("librispeech_", "common_voice_15_en_", "peoples_speech_", "gigaspeech_", "tedlium3_", "earnings2")
_ITEMS = ("sample_wer", "details")  # where a file of scores holds its texts


class AudioBench(LogFormat):
    """Predictions, or scores with texts, of AudioBench."""

    name = "audiobench"
    expected = "AudioBench's list of reference and model_prediction, or its scores with sample_wer or details"

    def fits(self, document: Document) -> bool:
        if document.shape == "list":
            return "model_prediction" in document.first
        return len(document.records) == 1 and (
            any(isinstance(document.first.get(key), list) for key in _ITEMS) or _is_bare(document.first)
        )

    def read(self, document: Document) -> ForeignLog:
        key = next((key for key in _ITEMS if key in document.first), "")
        if document.shape != "list" and not key:
            raise ManifestError(
                f"{document.where}: holds scores alone ({shown(document.first)}), expected the answers; they stand in "
                "log/<model>/<data set>.json"
            )
        items = _items(document, key) if key else list(document.records)
        is_normalized = key == "sample_wer"
        said = "prediction" if is_normalized else "model_prediction"
        answers = tuple(
            LoggedAnswer(
                where,
                text_field(where, record, said),
                _truth(where, record),
                index=index,
                question=_question(where, record),
            )
            for index, (where, record) in enumerate(items)
        )
        notices = list(dropped_fields([record for _, record in items], _MAPPED))
        if is_normalized:
            notices += _normalized_notices(answers)
        if key == "details":
            notices += _cut_notices(document.first)
        metrics, language = _what_for(document, items, is_normalized)
        return ForeignLog(
            document.path,
            self.name,
            answers,
            tuple(notices),
            metrics,
            language,
            normalizer="none" if is_normalized else None,
        )


def _is_bare(record: dict[str, Any]) -> bool:
    """Whether an object is scores without texts, such as {"meteor": 0.2}."""
    return bool(record) and all(
        isinstance(value, float) or (key.endswith("_judge") and isinstance(value, dict))
        for key, value in record.items()
    )


def _items(document: Document, key: str) -> list[tuple[str, dict[str, Any]]]:
    values = document.first[key]
    items = []
    for number, value in enumerate(values if isinstance(values, list) else ()):
        where = f"{document.where}: {key}[{number}]"
        if not isinstance(value, dict):
            raise ManifestError(f"{where}: found {shown(value)}, expected a JSON object")
        items.append((where, value))
    if not items:
        raise ManifestError(f"{document.where}: {key!r} is {shown(values)}, expected a list of texts and scores")
    return items


def _truth(where: str, record: dict[str, Any]) -> tuple[str, ...]:
    key = next((key for key in _REFERENCE if key in record), "reference")
    if key not in record:
        raise ManifestError(f"{where}: 'reference' is missing, expected the true text")
    return references_of(where, key, record[key])


def _question(where: str, record: dict[str, Any]) -> str:
    key = next((key for key in _QUESTION if key in record), "")
    return text_field(where, record, key) if key else ""


def _normalized_notices(answers: Sequence[LoggedAnswer]) -> list[str]:
    notices = ["the texts are as AudioBench's normalisation left them, what the model wrote is gone"]
    num_empty = sum("empty" in (one.hypothesis, *one.references) for one in answers)
    if num_empty:
        notices.append(f'{num_empty} samples have the text "empty", which AudioBench writes for an empty one too')
    return notices


def _cut_notices(document: dict[str, Any]) -> list[str]:
    """Return a line where the stored score is not the mean of the verdicts that are here: the file was cut."""
    verdicts = [item.get("rate_score") for item in document["details"] if isinstance(item, dict)]
    rated = [float(one) for one in verdicts if isinstance(one, int | float)]
    notices = []
    for name, value in document.items():
        stored = value.get("judge_score") if isinstance(value, dict) else None
        if not rated or not isinstance(stored, int | float):
            continue
        mean = sum(rated) / len(rated)
        if all(abs(scale * mean - stored) > 1e-6 for scale in (20, 100)):  # ratings from 0 to 5, or to 1
            notices.append(
                f"the file's own {name} of {stored:g} is not that of the {len(rated)} answers in it ({20 * mean:g}, or "
                f"{100 * mean:g} of a yes or no): it was cut, and scores are of what is left"
            )
    return notices


def _what_for(
    document: Document, items: Sequence[tuple[str, dict[str, Any]]], is_normalized: bool
) -> tuple[tuple[str, ...], str]:
    """Return metrics and language, as far as the file and its name tell them."""
    if is_normalized:
        return ("wer",), ""  # Mandarin has a space after each character there: its words are characters
    name, task = document.path.stem, items[0][1].get("task_type")
    if task == "ASR" and "aishell" in name:
        return ("cer",), "zh"
    if task == "ASR" and any(part in name for part in _ENGLISH):
        return ("wer",), "en"
    for source, target in (("en", "zh"), ("zh", "en")):
        if task == "ST" and f"covost2_{source}_{target}" in name:
            return ("bleu",), target
    return (), ""
