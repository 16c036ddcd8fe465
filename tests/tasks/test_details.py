"""What single tasks do beside reading their corpus: labels, answers, other splits, faults of the data."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluate.errors import CorpusAbsentError, ManifestError
from evaluate.task import Task
from evaluate.testing import write_tone
from evaluate.types import Sample
from tasks import find_task_class

WriteSmall = Callable[[str], Path]


def make(name: str, data: Path, **options: str) -> Task:
    return find_task_class(name, tasks_dir=None)(data, **options)  # type: ignore[arg-type]


def first(task: Task, split: str) -> Sample:
    return task.read_split(split).samples[0]


ANSWERS = [
    ("cochlscene", "test", "It was recorded in a subway station.", "subway station"),  # the longest label
    ("cochlscene", "test", "SubwayStation", "subway station"),
    ("cochlscene", "test", "The metro.", "subway"),
    ("cochlscene", "test", "A bus or a car.", None),  # two labels
    ("cochlscene", "test", "outdoors", None),
    ("tut2017", "evaluation", "residential_area", "residential area"),
    ("tut2017", "evaluation", "cafe/restaurant", "cafe or restaurant"),
    ("tut2017", "evaluation", "This is a restaurant.", "cafe or restaurant"),
    ("tut2017", "evaluation", "a café, or a restaurant", "cafe or restaurant"),  # two names of one label
    ("tut2017", "evaluation", "tram or train", None),
    ("meld", "test", "The speaker sounds angry.", "anger"),
    ("meld", "test", "Sad and angry", None),
    ("meld", "dev-sentiment", "Negative.", "negative"),
    ("meld", "dev-sentiment", "anger", None),  # a label of the other question
    ("vocalsound", "test", "Someone clearing throat", "throat clearing"),
    ("vocalsound", "test", "coughing", "cough"),
    ("vocalsound", "test", "laughter and a cough", None),
    ("nsynth", "test", "a synth lead", "synth_lead"),
    ("nsynth", "test-velocity", "Velocity: 100", "100"),
    ("nsynth", "test-velocity", "10", None),
    ("nsynth", "test-qualities", "dark, reverb", "dark, reverb"),  # read by the metric
    ("nsynth", "test-pitch", "60", "60"),
]


@pytest.mark.parametrize(("name", "split", "text", "answer"), ANSWERS)
def test_an_answer_is_read_out_of_what_models_say(
    write_small: WriteSmall, name: str, split: str, text: str, answer: str | None
) -> None:
    task = make(name, write_small(name))
    assert task.extract_answer(first(task, split), text) == answer


@pytest.mark.parametrize("name", ["cochlscene", "tut2017", "meld", "vocalsound", "nsynth"])
def test_every_label_and_alias_is_read_as_its_own_label(write_small: WriteSmall, name: str) -> None:
    task = make(name, write_small(name))
    split = task.default_splits[0]
    sample = first(task, split)
    for label in task.choices_of(split):
        for spoken in (label, *task.aliases.get(label, ())):
            assert task.extract_answer(sample, spoken) == label
            assert task.extract_answer(sample, f"I think it is {spoken}.") == label


def test_under_a_protocol_the_whole_text_is_the_answer(write_small: WriteSmall) -> None:
    task = make("vocalsound", write_small("vocalsound"), protocol="qwen2-audio")
    assert task.extract_answer(first(task, "test"), " Laughter\n") == " Laughter\n"
    assert task.answer_extractor == ""


CLOTHO_ANSWERS = [
    ("Can people be heard?", "No, only a bell.", "no"),
    ("Can people be heard?", "Yes.", "yes"),
    ("Can people be heard?", "Nobody", "Nobody"),
    ("What is played?", "No idea", "No idea"),  # only the answer to a yes/no question is one
]


@pytest.mark.parametrize(("question", "text", "answer"), CLOTHO_ANSWERS)
def test_an_answer_to_a_yes_no_question_is_its_first_word(
    write_small: WriteSmall, question: str, text: str, answer: str
) -> None:
    task = make("clothoaqa", write_small("clothoaqa"))
    sample = next(one for one in task.read_split("test").samples if one.question == question)
    assert task.extract_answer(sample, text) == answer


def test_clips_are_found_by_letters_and_digits_also_among_clotho_s(write_small: WriteSmall) -> None:
    data = write_small("clothoaqa")
    path = data / "ClothoAQA" / "audio_files" / "Munich Cathedral.wav"
    moved = data / "clotho" / "clotho_audio_files" / "development" / "munich_cathedral.wav"
    moved.parent.mkdir(parents=True)
    path.rename(moved)
    samples = make("clothoaqa", data).read_split("test").samples
    assert {sample.audio[0].path.name for sample in samples} == {"munich_cathedral.wav", "A B _1_.wav"}


NOTE = "<|pitch|><|midi_pitch_{}|><|velocity|><|midi_velocity_75|><|instrument|>{}<|sonic|>{}"


def test_notes_are_read_as_the_published_script_does(write_small: WriteSmall) -> None:
    task = make("nsynth", write_small("nsynth"), protocol="qwen-audio")
    said = NOTE.format(60, " guitar ", " bright, dark")
    answers = {split: task.extract_answer(first(task, split), said) for split in task.splits if "test" in split}
    assert answers == {
        "test": " guitar ",  # which is not stripped
        "test-qualities": " bright, dark",
        "test-pitch": "60",
        "test-velocity": "75",
    }
    assert task.extract_answer(first(task, "test"), "a guitar") is None


def test_a_list_of_notes_holds_the_truth_of_every_split(tmp_path: Path) -> None:
    write_tone(tmp_path / "n.wav")
    manifest = tmp_path / "list.jsonl"
    line = {"audio": "n.wav", "gt": NOTE.format(60, "guitar", "bright, dark"), "source": "nsynth_test"}
    manifest.write_text(json.dumps(line) + "\n")
    truths = {}
    for split in ("test", "test-qualities", "test-pitch", "test-velocity"):
        task = find_task_class("nsynth", tasks_dir=None)(tmp_path, manifest)
        truths[split] = first(task, split).references
    assert list(truths.values()) == [("guitar",), ("bright", "dark"), ("60",), ("75",)]


def test_sound_that_was_extracted_is_preferred_to_the_video(write_small: WriteSmall) -> None:
    data = write_small("meld")
    folder = data / "MELD.Raw" / "output_repeated_splits_test"
    (folder / "dia0_utt0.mp4").touch()
    (folder / "dia0_utt1.wav").rename(folder / "dia0_utt1.mp4")
    samples = make("meld", data).read_split("test").samples
    assert [sample.audio[0].path.name for sample in samples] == ["dia0_utt0.wav", "dia0_utt1.mp4"]
    assert [sample.groups for sample in samples] == [{"recording": "dia0"}] * 2


def test_all_parts_and_pairs_of_covost_can_be_named(write_small: WriteSmall) -> None:
    data = write_small("covost2")
    write_tone(data / "cv-corpus-4-2019-12-10" / "en" / "clips" / "c_3.mp3")
    other = data / "covost2_ja_en"
    write_tone(other / "clips" / "j_1.mp3")
    (other / "covost_v2.ja_en.test.tsv").write_text("path\tsentence\ttranslation\tclient_id\nj_1.mp3\t空\tSky.\ts7\n")
    task = make("covost2", data)
    assert set(task.present_splits()) == {"en-zh", "en-zh-dev", "en-zh-train", "ja-en"}
    [dev] = task.read_split("en-zh-dev").samples
    assert (dev.id, dev.references, dev.language, dev.answer_language) == ("c_3", ("开发",), "en", "zh")
    [sky] = task.read_split("ja-en").samples
    assert (sky.source_text, sky.groups, sky.language, sky.answer_language) == ("空", {"speaker": "s7"}, "ja", "en")
    assert task.metric_settings("ja-en")["bleu"].language == "en"
    with pytest.raises(CorpusAbsentError, match="covost2:en-zh-train is not here"):
        task.read_split("en-zh-train")


def test_what_is_said_comes_from_common_voice_s_own_list(write_small: WriteSmall) -> None:
    samples = make("covost2", write_small("covost2")).read_split("en-zh").samples
    assert [(one.source_text, one.groups["speaker"]) for one in samples] == [
        ('"She\'ll be all right."', "s1"),  # quotation marks are characters of the sentence
        ("Do you mean it?", "s2"),
    ]


def test_languages_without_spaces_are_scored_by_character(write_small: WriteSmall) -> None:
    for name in ("common_voice", "fleurs"):
        task = make(name, write_small(name))
        assert task.metrics_of("zh")[0] == "cer"
        assert task.metrics_of("fr")[0] == "wer"
        assert task.metric_settings("fr")["wer"].language == "fr"


def test_a_language_of_fleurs_has_its_code_and_its_own_name(write_small: WriteSmall) -> None:
    task = make("fleurs", write_small("fleurs"))
    assert task.present_splits() == ("zh", "cmn_hans_cn")
    assert task.read_split("cmn_hans_cn").samples[0].language == "zh"


def test_channels_are_found_however_their_folders_are_spelt(write_small: WriteSmall) -> None:
    data = write_small("aishell2")
    (data / "AISHELL-DEV-TEST-SET" / "iOS").rename(data / "AISHELL-DEV-TEST-SET" / "IOS")
    assert make("aishell2", data).present_splits() == ("ios",)


def test_a_label_that_is_none_is_an_error_that_names_its_line(write_small: WriteSmall) -> None:
    data = write_small("tut2017")
    meta = data / "TUT-acoustic-scenes-2017-evaluation" / "meta.txt"
    meta.write_text("audio/1.wav\tspaceship\n")
    with pytest.raises(ManifestError, match=r"meta\.txt:1: sample '1': reference 'spaceship' is none of the choices"):
        make("tut2017", data).read_split("evaluation")


def test_the_words_of_a_timed_transcript_are_scored_without_their_times(write_small: WriteSmall) -> None:
    task = make("srwt", write_small("srwt"))
    assert task.metric_settings("test")["cer"].normalizer == "qwen-audio"
    assert first(task, "test").groups == {"source": "aishell2"}


def test_a_conversation_keeps_its_turns_and_whose_clips_are_whose(write_small: WriteSmall) -> None:
    sample = first(make("chat", write_small("chat")), "test")
    assert [(turn.role, turn.text, turn.num_clips) for turn in sample.turns] == [
        ("user", "What is this?", 1),
        ("assistant", "A kettle.", 0),
    ]
    assert [ref.path.name for ref in sample.audio] == ["a.wav", "b.wav", "a.wav"]


def test_the_list_of_the_chat_evaluation_gives_questions_without_the_place_of_the_audio(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav")
    query = "Audio 1: <|audio_bos|><|AUDIO|><|audio_eos|>\nWho speaks?"
    manifest = tmp_path / "airbench_level_3_eval.jsonl"
    manifest.write_text(json.dumps({"id": 3, "audio": "a.wav", "query": query}) + "\n")
    sample = first(make("airbench_chat", tmp_path), "speech")
    assert (sample.id, sample.prompt, sample.references) == ("3", "Who speaks?", ("",))
