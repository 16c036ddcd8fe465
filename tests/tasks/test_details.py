"""What single tasks do beside reading their corpus: labels, answers, other splits, faults of the data."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.errors import CorpusAbsentError, ManifestError, ProtocolError
from evaluate.task import Task
from evaluate.testing import write_tone
from evaluate.types import Sample
from tasks import find_task_class

WriteSmall = Callable[[str], Path]
Command = Callable[..., Any]


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
    ("cochlscene", "test", "This is not a bus.", None),
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
    ("No, only a bell.", "no"),
    ("Yes.", "yes"),
    ("**Yes**", "yes"),
    ("Nobody", "Nobody"),
    ("No idea, sorry.", "No idea, sorry."),  # which is no "no"
    ("Yes or no? I cannot tell.", None),
    ("yes / no", None),
    ("organ", "organ"),
]


@pytest.mark.parametrize(("text", "answer"), CLOTHO_ANSWERS)
def test_yes_and_no_are_read_out_of_an_explanation_whatever_the_truth(
    write_small: WriteSmall, text: str, answer: str | None
) -> None:
    task = make("clothoaqa", write_small("clothoaqa"))
    assert [task.extract_answer(sample, text) for sample in task.read_split("test").samples] == [answer] * 2


def test_clips_are_found_by_letters_and_digits_also_among_clotho_s(write_small: WriteSmall) -> None:
    data = write_small("clothoaqa")
    path = data / "ClothoAQA" / "audio_files" / "Munich Cathedral.wav"
    moved = data / "clotho" / "clotho_audio_files" / "development" / "munich_cathedral.wav"
    moved.parent.mkdir(parents=True)
    path.rename(moved)
    samples = make("clothoaqa", data).read_split("test").samples
    assert {sample.audio[0].path.name for sample in samples} == {"munich_cathedral.wav", "A B _1_.wav"}


def test_a_clip_that_is_not_here_is_not_replaced_by_another(write_small: WriteSmall) -> None:
    data = write_small("clothoaqa")
    table = data / "ClothoAQA" / "clotho_aqa_test.csv"
    table.write_text(table.read_text() + "munich.cathedral.wav,Is it loud?,no,yes\n")  # a clip of its own, not here
    split = make("clothoaqa", data).read_split("test")
    assert split.coverage.missing_audio == ("munich.cathedral: Is it loud?",)


def test_one_id_is_one_question(write_small: WriteSmall, tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav")
    manifest = tmp_path / "m.jsonl"
    lines = [{"id": "q1", "audio": "a.wav", "question": text, "references": ["yes"]} for text in ("Is it?", "Was it?")]
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    task = find_task_class("clothoaqa", tasks_dir=None)(tmp_path, manifest)
    with pytest.raises(
        ManifestError, match=r"m\.jsonl:2: id 'q1' stands already in .*:1, for another clip or question"
    ):
        task.read_split("test")


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
    assert task.extract_answer(first(task, "test"), "a guitar") == ""  # which is an answer there, though never right


def test_scores_of_notes_are_those_of_the_published_script(write_small: WriteSmall, otoscope: Command) -> None:
    # Counted by hand after eval_audio/heareval_score.py: the second answer is cut before its qualities, which are then
    # none; the first names one right quality of two, and one that is not true of it.
    data = write_small("nsynth")
    notes = data / "nsynth-test" / "examples.json"
    [brass, synth] = json.loads(notes.read_text())
    answers = data / "answers.jsonl"
    said = {brass: NOTE.format(25, " brass", "dark, bright"), synth: "<|pitch|><|midi_pitch_60|>"}
    answers.write_text("".join(json.dumps({"id": name, "hypothesis": text}) + "\n" for name, text in said.items()))

    def score(split: str) -> dict[str, float]:
        result = otoscope(
            *("score", "--task", f"nsynth:{split}", "--predictions", answers, "--model-name", "m", "--json"),
            *("--protocol", "qwen-audio", "--data-dir", data, "--results-dir", data / "results"),
        )
        return {name: metric["value"] for name, metric in result.json["metrics"].items()}

    assert score("test") == {"accuracy": 0.0}  # " brass" is not "brass"
    # Observed classes: dark (AP 1), reverb (true, not claimed: AP 1/2), bright (claimed, not true: AP 0).
    assert score("test-qualities") == {"map": pytest.approx((1 + 1 / 2 + 0) / 3)}
    assert score("test-pitch") == {"pitch_accuracy": 1.0, "chroma_accuracy": 1.0}


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


def test_the_folder_of_a_clip_tells_what_kind_of_audio_a_chat_is_about(tmp_path: Path) -> None:
    lines = []
    for number, folder in enumerate(("speech_QA_fisher", "speech_and_sound_QA_mix", "music_QA_MusicCaps")):
        write_tone(tmp_path / folder / "a.wav")
        lines.append({"id": number, "audio": f"{folder}/a.wav", "query": "What?"})
    manifest = tmp_path / "airbench_level_3_eval.jsonl"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    task = make("airbench_chat", tmp_path)
    assert {split: [one.id for one in task.read_split(split).samples] for split in ("speech", "mixed", "music")} == {
        "speech": ["0"],
        "mixed": ["1"],
        "music": ["2"],
    }


def test_a_protocol_is_of_the_splits_that_it_was_published_for(write_small: WriteSmall) -> None:
    task = make("meld", write_small("meld"), protocol="qwen-audio")
    with pytest.raises(ProtocolError, match="'qwen-audio' does not cover meld:dev-sentiment"):
        task.read_split("dev-sentiment")


def test_a_row_with_cells_too_many_is_an_error(write_small: WriteSmall) -> None:
    data = write_small("clotho")
    table = data / "clotho" / "clotho_captions_evaluation.csv"
    table.write_text(table.read_text() + "b.wav,one, two,c,d,e,f\n")
    with pytest.raises(ManifestError, match=r"evaluation\.csv:3: has more cells than there are columns, 6"):
        make("clotho", data).read_split("evaluation")


def test_a_quotation_mark_without_its_other_is_an_error(write_small: WriteSmall) -> None:
    data = write_small("meld")
    table = data / "MELD.Raw" / "test_sent_emo.csv"
    table.write_text(table.read_text().replace('lost it."', "lost it."))
    with pytest.raises(ManifestError, match=r"test_sent_emo\.csv:\d+: "):
        make("meld", data).read_split("test")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "What?",
            "x" * 200_000,
            r"test_sent_emo\.csv:\d: (cannot be read \(field larger|a cell holds 200000 characters)",
        ),
        ("Utterance_ID", "Utterance", r"lacks the column 'Utterance_ID', found Sr No\., Utterance"),
    ],
)
def test_a_damaged_table_is_one_line(write_small: WriteSmall, old: str, new: str, message: str) -> None:
    data = write_small("meld")
    table = data / "MELD.Raw" / "test_sent_emo.csv"
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(ManifestError, match=message):
        make("meld", data).read_split("test")


def test_json_that_is_too_deep_is_one_line(write_small: WriteSmall) -> None:
    data = write_small("vocalsound")
    (data / "vs_release_16k" / "datafiles" / "te.json").write_text("[" * 100_000)
    with pytest.raises(ManifestError, match=r"te\.json: not valid JSON"):
        make("vocalsound", data).read_split("test")


def test_what_an_air_bench_clip_holds_is_told_to_the_judge_alone(write_small: WriteSmall) -> None:
    data = write_small("airbench_chat")
    listed = data / "AIR-Bench-Dataset" / "Chat" / "Chat_meta.json"
    items = json.loads(listed.read_text())
    for item, told in zip(items, ["A song on the radio.", {"genre": "rock"}], strict=True):
        item["meta_info"] = told
    listed.write_text(json.dumps(items))
    task = make("airbench_chat", data)
    [mixed], [music] = task.read_split("mixed").samples, task.read_split("music").samples
    assert (mixed.context, music.context) == ("A song on the radio.", '{"genre": "rock"}')
    assert "radio" not in mixed.prompt
    assert (task.rubric_of("mixed"), task.metric_settings("mixed")["judge"].rubric) == ("air-bench", "air-bench")


def test_a_chat_s_own_list_may_tell_the_judge_what_its_clips_hold(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav")
    line = {
        "id": "1",
        "audio": "a.wav",
        "question": "What is it?",
        "references": ["A tone."],
        "context": "A tone of A.",
    }
    manifest = tmp_path / "chat_eval.jsonl"
    manifest.write_text(json.dumps(line) + "\n" + json.dumps({**line, "id": "2", "context": None}) + "\n")
    samples = make("chat", tmp_path).read_split("test").samples
    assert [one.context for one in samples] == ["A tone of A.", ""]
