"""Kimi-Audio-Evalkit: the JSONL of predictions, `eval_result/<model>/<data set>/<model>_<data set>.jsonl`.

    {"index": 0, "question": "Please transcribe the spoken content into written text.",
     "audio_path": "…/LibriSpeech/test-clean/1089/134686/1089-134686-0000.flac", "answer": "HE HOPED THERE WOULD BE …",
     "subset": "test_clean", "task_type": "understanding", "prediction": "He hoped there would be …",
     "real_prompt": "Please transcribe the audio content into text."}

Source: MoonshotAI/Kimi-Audio-Evalkit, `run_audio.py` and `almeval/datasets/base.py` at f9c4777.

- A sample that the model gave nothing for (clips over 60 s or under 0.1 s are passed over) has the prediction "null"
  and an empty `real_prompt`: that is a failure here, while the program leaves it out of its error rates. "null" with
  a prompt is an answer.
- `subset` is a part: splits such as test_clean and test_other stand in one file.
- Its `…_wer_details.jsonl` and `…_judge.jsonl` are the same lines with a verdict, written by pandas, which makes
  numbers of texts that look like one; they are texts again here, but "007" is "7".
- Open questions have the empty `answer`; a file where all are empty names no references.
"""

from dataclasses import replace
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
from evaluate.types import Failure

_MAPPED = ("index", "question", "audio_path", "answer", "subset", "prediction", "real_prompt")
_ASR = {  # data set, as the file's name ends: metric and language
    "LibriSpeech": ("wer", "en"),
    "Fleurs-en": ("wer", "en"),
    "Fleurs-zh": ("cer", "zh"),
    "AISHELL-1": ("cer", "zh"),
    "AISHELL-2": ("cer", "zh"),
    "WenetSpeech": ("cer", "zh"),
}


class KimiEvalkit(LogFormat):
    """Predictions of Kimi-Audio-Evalkit."""

    name = "kimi-evalkit"
    expected = "Kimi-Audio-Evalkit's JSONL: index, audio_path, answer, prediction, …"

    def fits(self, document: Document) -> bool:
        return document.shape == "lines" and {"index", "audio_path", "prediction"} <= document.first.keys()

    def read(self, document: Document) -> ForeignLog:
        answers = [
            LoggedAnswer(
                where,
                _prediction(where, record),
                references_of(where, "answer", record["answer"]) if "answer" in record else (),
                audio=_audio(where, record),
                index=index_field(where, record, "index"),
                question=_text(where, record, "question"),
                part=_text(where, record, "subset"),
            )
            for where, record in document.records
        ]
        refuse_doubled_indices(answers, "index")
        if all(one.references in ((), ("",)) for one in answers):
            answers = [replace(one, references=()) for one in answers]
        notices = list(dropped_fields(document.objects, _MAPPED))
        num_failed = sum(isinstance(one.hypothesis, Failure) for one in answers)
        if num_failed:
            notices.append(
                f"{num_failed} samples have no prediction: failed here; Kimi-Audio-Evalkit leaves them out of its rates"
            )
        base = document.path.stem.partition("_wer_details")[0]
        metric, language = next((known for ending, known in _ASR.items() if base.endswith(f"_{ending}")), ("", ""))
        return ForeignLog(
            document.path, self.name, tuple(answers), tuple(notices), (metric,) if metric else (), language
        )


def _prediction(where: str, record: dict[str, Any]) -> str | Failure:
    value = record["prediction"] if "prediction" in record else text_field(where, record, "prediction")
    if value == "null" and record.get("real_prompt", "") == "":
        return Failure("NoPrediction", "the model gave nothing, or the clip was passed over for its length")
    if isinstance(value, list):
        raise ManifestError(f"{where}: 'prediction' is {shown(value)}, expected a text")
    return references_of(where, "prediction", value)[0]


def _text(where: str, record: dict[str, Any], key: str) -> str:
    """Return a text, or the number that pandas made of it; "" where there is none."""
    value = record.get(key)
    return "" if value is None else references_of(where, key, value)[0]


def _audio(where: str, record: dict[str, Any]) -> tuple[str, ...]:
    return references_of(where, "audio_path", record.get("audio_path"))
