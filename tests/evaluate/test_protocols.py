"""What published evaluations asked, byte for byte, as their scripts and lists have it."""

from pathlib import Path

import pytest

from evaluate.errors import ProtocolError, UnknownNameError
from evaluate.protocols import render_prompt
from evaluate.types import Sample
from tasks import find_task_class
from tasks import registry as tasks

ASR = "<|startoftranscript|><|{0}|><|transcribe|><|{0}|><|notimestamps|><|wo_itn|>"
ST = "<|startoftranscript|><|{0}|><|translate|><|{1}|><|notimestamps|><|itn|>"
KEYWORD = "<|startofanalysis|><|{}|><|keyword|><|en|><|notimestamps|><|{}|>"
HEARD = "Detect the language and recognize the speech: <|{}|>"
# task, protocol, split, prompt behind the audio, max_new_tokens
PUBLISHED = [
    ("librispeech", "qwen-audio", "test-clean", ASR.format("en"), 256),
    ("aishell1", "qwen-audio", "test", ASR.format("zh"), 256),
    ("aishell2", "qwen-audio", "ios", ASR.format("zh"), 256),
    ("covost2", "qwen-audio", "en-zh", ST.format("en", "zh"), 256),
    ("covost2", "qwen-audio", "it-en", ST.format("it", "en"), 256),
    ("srwt", "qwen-audio", "test", "<|startoftranscript|><|zh|><|transcribe|><|zh|><|timestamps|><|0.00|>", 256),
    (
        *("clotho", "qwen-audio", "evaluation"),
        "<|startofanalysis|><|unknown|><|caption|><|en|><|notimestamps|><|caption_clotho|>",
        30,
    ),
    ("cochlscene", "qwen-audio", "test", KEYWORD.format("unknown", "scene"), 10),
    ("tut2017", "qwen-audio", "evaluation", KEYWORD.format("unknown", "scene"), 10),
    ("meld", "qwen-audio", "test", KEYWORD.format("en", "emotion_recognition"), 4),
    ("vocalsound", "qwen-audio", "test", KEYWORD.format("en", "vocal_classification"), 4),
    ("nsynth", "qwen-audio", "test-pitch", KEYWORD.format("unknown", "note_analysis"), 30),
    (
        *("clothoaqa", "qwen-audio", "test"),
        "<|startofanalysis|><|en|><|question|>Is {choices} heard?<|answer|>",
        4,
    ),
    ("librispeech", "qwen2-audio", "dev-other", HEARD.format("en"), 256),
    ("aishell2", "qwen2-audio", "mic", HEARD.format("zh"), 256),
    ("common_voice", "qwen2-audio", "yue", HEARD.format("yue"), 256),
    ("common_voice", "qwen2-audio", "fr", HEARD.format("fr"), 256),
    ("fleurs", "qwen2-audio", "zh", HEARD.format("zh"), 256),
    ("covost2", "qwen2-audio", "en-zh", "Detect the language and translate the speech into Mandarin: <|en|>", 256),
    ("covost2", "qwen2-audio", "es-en", "Detect the language and translate the speech into English: <|es|>", 256),
    ("meld", "qwen2-audio", "test", "Recognize the emotion with keywords in English:", 256),
    ("vocalsound", "qwen2-audio", "test", "Classify the human vocal sound to VocalSound in English:", 256),
    ("airbench_chat", "qwen2-audio", "music", "Is {choices} heard?", 256),
    # Published is only how answers are scored.
    *(
        (
            *(name, "mmau", split),
            "Is {choices} heard?\nChoose the right answer and repeat it word for word: a, b",
            256,
        )
        for name, split in (("mmau", "test-mini"), ("mmar", "test"))
    ),
]


@pytest.mark.parametrize(("name", "protocol", "split", "prompt", "max_new_tokens"), PUBLISHED)
def test_a_protocol_asks_and_limits_as_was_published(
    name: str, protocol: str, split: str, prompt: str, max_new_tokens: int
) -> None:
    from evaluate.corpus_task import CorpusTask

    task = find_task_class(name, tasks_dir=None)(Path(), protocol=protocol)
    assert isinstance(task, CorpusTask)
    assert task.protocol is not None
    sample = Sample(
        "x",
        (),
        "",
        ("r",),
        language=task.spoken_language(split),
        answer_language=task.language_of(split),
        question="Is {choices} heard?",  # what a question holds is not a place to fill
        choices=("a", "b"),
    )
    assert render_prompt(task.protocol.prompt, sample) == prompt
    options = task.generation_options()
    assert (options.max_new_tokens, options.min_new_tokens, options.num_beams, options.temperature) == (
        *(max_new_tokens, 1, 1),
        0.0,
    )


def test_every_protocol_of_every_task_is_held_to_what_was_published() -> None:
    told = {(name, protocol) for name, protocol, *_ in PUBLISHED}
    ours = {(name, protocol) for name in tasks.names() for protocol in tasks.get(name).protocols}
    assert told == ours


def test_a_protocol_that_does_not_cover_a_task_is_refused() -> None:
    with pytest.raises(ProtocolError, match="'qwen2-audio' does not cover clotho; it is covered by qwen-audio"):
        find_task_class("clotho", tasks_dir=None)(Path(), protocol="qwen2-audio")
    with pytest.raises(ProtocolError, match="does not cover chat; no protocol does"):
        find_task_class("chat", tasks_dir=None)(Path(), protocol="qwen2-audio")
    with pytest.raises(UnknownNameError, match="unknown protocol 'qwen-audi'; did you mean 'qwen-audio'"):
        find_task_class("clotho", tasks_dir=None)(Path(), protocol="qwen-audi")
