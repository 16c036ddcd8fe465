"""The evaluation scripts of Qwen-Audio and Qwen2-Audio: `<data set>_<yymmddHHMMSS>.json`, a list.

    [{"gt": "HE HOPED …", "response": "he hoped …", "source": "librispeech_test_clean", "audio_path": "…/1089.flac"}]

and, of the chat evaluation of Qwen2-Audio, without a truth:

    [{"idx": 7, "response": "The speaker …", "audio_path": "…/7.wav"}]

Source: QwenLM/Qwen-Audio, `eval_audio/evaluate_*.py` at 0b0e882; QwenLM/Qwen2-Audio, `eval_audio/evaluate_asr.py` and
`evaluate_chat.py` at 10cb8d8.

- `source` is a part: the scripts score each by itself.
- Qwen-Audio's scripts keep the model's special tokens, `<|en|>`, in `response`; they stay, and the protocol's
  normaliser takes them out.
- The question of ClothoAQA is not logged: several questions on a clip can be told apart by their truth alone.
- A failed sample ends those scripts; there is no mark of one.
"""

from typing import Any

from evaluate.errors import ManifestError
from evaluate.imports.base import ForeignLog, LogFormat, LoggedAnswer, dropped_fields, references_of
from evaluate.imports.document import Document
from evaluate.jsonl import shown, text_field

_MAPPED = ("gt", "response", "source", "audio_path", "idx")
_CAPTIONING = ("cider", "bleu_4", "rouge_l")
_WHAT_FOR: dict[str, tuple[tuple[str, ...], str]] = {  # data set, as the file's name begins: metrics and language
    "librispeech": (("wer",), "en"),
    "aishell1": (("cer",), "zh"),
    "aishell2": (("cer",), "zh"),
    "cv15_en": (("wer",), "en"),
    "cv15_fr": (("wer",), "fr"),
    "cv15_zh": (("cer",), "zh"),
    "cv15_yue": (("cer",), "yue"),
    "fluers_zh": (("cer",), "zh"),  # so spelt
    "covost2": (("bleu",), ""),
    "clotho": (_CAPTIONING, "en"),
    "clothoaqa": (("accuracy",), "en"),
    "meld": (("accuracy",), "en"),
    "vocalsound": (("accuracy",), "en"),
    "tut2017": (("accuracy",), "en"),
    "cochlscene": (("accuracy",), "en"),
}


class QwenAudioScripts(LogFormat):
    """What the evaluation scripts of Qwen-Audio and Qwen2-Audio write."""

    name = "qwen-audio"
    expected = "the list that Qwen-Audio's evaluation scripts write: gt, response, source, audio_path"

    def fits(self, document: Document) -> bool:
        return document.shape == "list" and {"response", "audio_path"} <= document.first.keys()

    def read(self, document: Document) -> ForeignLog:
        answers = tuple(_answer(index, *one) for index, one in enumerate(document.records))
        notices = list(dropped_fields(document.objects, _MAPPED))
        num_tokens = sum(isinstance(one.hypothesis, str) and "<|" in one.hypothesis for one in answers)
        if num_tokens:
            notices.append(
                f"{num_tokens} answers hold special tokens such as <|en|>, which stay; --protocol qwen-audio drops them"
            )
        data_set = document.path.stem.rpartition("_")[0]
        metrics, language = _WHAT_FOR.get(data_set, ((), ""))
        if data_set == "covost2":
            pair = answers[0].part.split("_")  # covost_en_zh_test
            language = pair[-2] if len(pair) > 2 and len(pair[-2]) == 2 else ""
            metrics = metrics if language else ()
        return ForeignLog(document.path, self.name, answers, tuple(notices), metrics, language)


def _answer(index: int, where: str, record: dict[str, Any]) -> LoggedAnswer:
    audio = record.get("audio_path")
    if not isinstance(audio, str) or not audio:
        found = shown(audio) if "audio_path" in record else "missing"
        raise ManifestError(f"{where}: 'audio_path' is {found}, expected a path")
    return LoggedAnswer(
        where,
        text_field(where, record, "response"),
        references_of(where, "gt", record["gt"]) if "gt" in record else (),
        id=references_of(where, "idx", record["idx"])[0] if "idx" in record else "",
        audio=(audio,),
        index=index,
        part=text_field(where, record, "source", default=""),
    )
