"""What training clips teach: the tasks' own prompts, answers that tasks read as true, no sentence of a sample."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from evaluate.metrics.timestamps import read_timed_words
from evaluate.types import Sample
from tasks import find_task_class
from tasks.synthesis.lessons import KINDS, PROTOCOL, TIME_STEP_S, training_clip
from tasks.synthesis.sentences import LANGUAGES, all_meanings
from tasks.synthesis.training import BLOCK, _is_opus, write_training

SPEAKING = {"timed", "emotions", *(f"speech-{language}" for language in LANGUAGES)}
no_espeak = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="espeak-ng is not here: pip install 'otoscope[samples]'"
)
EACH_KIND = [pytest.param(kind, marks=[no_espeak] if kind in SPEAKING else []) for kind in KINDS]
TASKS_OF = {
    **{f"speech-{language}": ("covost2",) for language in ("de", "es", "fr", "it")},
    **{"speech-en": ("librispeech",), "speech-zh": ("aishell1", "aishell2", "covost2"), "timed": ("srwt",)},
    **{"emotions": ("meld",), "vocal": ("vocalsound",), "scenes": ("cochlscene", "tut2017")},
    **{"sounds": ("clotho", "clothoaqa"), "notes": ("nsynth",)},
}


@pytest.mark.parametrize("kind", EACH_KIND)
def test_what_is_asked_is_what_the_tasks_ask(kind: str) -> None:
    asked = {lesson.prompt for lesson in training_clip(kind, 0).lessons}
    wanted = {find_task_class(name, tasks_dir=None).protocols[PROTOCOL].prompt for name in TASKS_OF[kind]}
    assert wanted <= asked


def test_shares_are_of_a_hundred() -> None:
    assert sum(share for _, share in KINDS.values()) == 100


@pytest.mark.parametrize("kind", ["emotions", "vocal", "scenes", "notes"])
def test_answers_are_labels_as_the_tasks_read_them(kind: str) -> None:
    if kind in SPEAKING and importlib.util.find_spec("espeakng_loader") is None:
        pytest.skip("espeak-ng is not here: pip install 'otoscope[samples]'")
    read = []
    for name in TASKS_OF[kind]:
        task = find_task_class(name, tasks_dir=None)(Path())
        sample = Sample("", (), "", (), choices=task.choices_of(task.default_splits[0]))
        read.append({task.extract_answer(sample, training_clip(kind, index).lessons[0].answer) for index in range(24)})
        # Scenes of the one corpus are not all labels of the other.
        read[-1] &= set(sample.choices) if len(TASKS_OF[kind]) > 1 else read[-1]
        assert read[-1] <= set(sample.choices)
        assert len(read[-1]) >= min(6, len(sample.choices))


@no_espeak
@pytest.mark.parametrize("kind", ["timed", *(f"speech-{language}" for language in LANGUAGES)])
def test_no_sentence_of_a_sample_is_taught(kind: str) -> None:
    said = set()
    for name in ("librispeech", "aishell1", "aishell2", "covost2", "common_voice", "fleurs", "srwt"):
        for sample in find_task_class(name, tasks_dir=None)(Path()).read_split("sample").samples:
            said |= {_letters(text) for text in (*sample.references, sample.source_text)}
    assert len(said) > 150
    taught = {_letters(training_clip(kind, index).words) for index in range(60)}
    assert taught.isdisjoint(said)
    assert taught <= {_letters(meaning.words(language)) for meaning in all_meanings() for language in LANGUAGES}


def _letters(text: str) -> str:
    return "".join(letter for letter in re.sub(r"<[^>]*>", "", text).lower() if letter.isalpha())


@no_espeak
def test_times_are_whole_audio_tokens_and_in_order() -> None:
    clip = training_clip("timed", 3)
    words = read_timed_words(clip.lessons[0].answer)
    assert "".join(word.text for word in words) == clip.words.replace(" ", "")
    times = [time for word in words for time in (word.start_s, word.end_s)]
    assert times == sorted(times)
    assert all(round(time / TIME_STEP_S, 6).is_integer() for time in times)


@pytest.mark.parametrize("num_labels", [3, 6, 7, 11, 12, 22])
def test_the_codec_tells_no_label(num_labels: int) -> None:
    shares = [[_is_opus("vocal", index) for index in range(first, 1000, num_labels)] for first in range(num_labels)]
    assert all(0.1 < sum(share) / len(share) < 0.6 for share in shares)


def test_a_folder_of_training_clips_is_gone_on_with(tmp_path: Path) -> None:
    write_training(tmp_path, num_clips=1, kinds=["vocal"])
    first = (tmp_path / "training.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in first.splitlines()]
    assert len(lines) == BLOCK
    assert all((tmp_path / line["audio"]).is_file() for line in lines)
    assert {Path(line["audio"]).suffix for line in lines} == {".flac", ".ogg"}
    written = (tmp_path / lines[0]["audio"]).stat().st_mtime_ns
    (tmp_path / "training.jsonl").unlink()
    write_training(tmp_path, num_clips=1, kinds=["vocal"])
    assert (tmp_path / "training.jsonl").read_text(encoding="utf-8") == first
    assert (tmp_path / lines[0]["audio"]).stat().st_mtime_ns == written  # not made again
