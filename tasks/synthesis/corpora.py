"""The samples in the layouts of the corpora, so that each task's own reader reads them."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from tasks.aishell1 import SPEAKERS
from tasks.aishell2 import CHANNELS
from tasks.cochlscene import CochlScene
from tasks.synthesis.emotions import make_emotional
from tasks.synthesis.events import BACKGROUNDS
from tasks.synthesis.listening import SoundClip, make_sound
from tasks.synthesis.notes import make_note
from tasks.synthesis.ogg import write_opus
from tasks.synthesis.parts import Part, clip_generator
from tasks.synthesis.questions import (
    ChoiceItem,
    ask_aloud,
    ask_for_gender,
    ask_for_language,
    ask_of_mixture,
    ask_of_music,
    ask_of_scene,
    ask_of_sound,
    ask_of_speech,
    ask_of_vocal_sound,
    over_background,
)
from tasks.synthesis.scenes import make_scene
from tasks.synthesis.sentences import OBJECTS, PLACES, SUBJECTS
from tasks.synthesis.speech import Utterance, make_utterance, over_channel
from tasks.synthesis.timestamps import make_timed
from tasks.synthesis.vocal import make_vocal
from tasks.tut2017 import TUT2017
from tasks.vocalsound import CLASSES

NUM_CLIPS = 24  # of each task, but for those with labels that it does not divide into
PER_LABEL = 2  # clips of a scene
PER_FAMILY = 3  # notes of a family
PER_EMOTION = 4
PER_DIRECTION = 6  # sentences of a language that is translated
PER_KIND = 6  # questions of AIR-Bench chat and of MMAR about a kind of audio
PER_DOMAIN = 8  # questions of MMAU
PER_SKILL = 4  # questions of AIR-Bench foundation
SPOKEN = {"de": "de", "zh": "zh-CN", "es": "es", "fr": "fr", "it": "it"}  # as Common Voice calls them
COMMON_VOICE = "cv-corpus-4-2019-12-10"


def write_samples(root: Path) -> None:
    """Write every corpus below a folder."""
    for write in WRITERS.values():
        write(root)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def _lines(records: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _csv(rows: Iterable[Iterable[str]]) -> str:
    content = io.StringIO()
    csv.writer(content, lineterminator="\n").writerows(rows)
    return content.getvalue()


def _tsv(rows: Iterable[Iterable[str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def _utterances(corpus: str, language: str, count: int) -> list[Utterance]:
    return [make_utterance(Part.SAMPLE, index, language, kind=corpus) for index in range(count)]


def _librispeech(root: Path) -> None:
    transcripts: dict[Path, list[str]] = {}
    for number, one in enumerate(_utterances("librispeech", "en", NUM_CLIPS)):
        speaker, chapter = str(100 + one.speaker), "1"
        folder = root / "LibriSpeech" / "test-clean" / speaker / chapter
        name = f"{speaker}-{chapter}-{number:04}"
        write_opus(folder / f"{name}.ogg", one.waveform)
        line = f"{name} {one.meaning.words('en').upper()}\n"
        transcripts.setdefault(folder / f"{speaker}-{chapter}.trans.txt", []).append(line)
    for path, lines in transcripts.items():
        _write(path, "".join(lines))


def _aishell1(root: Path) -> None:
    corpus, speakers = root / "data_aishell", sorted(SPEAKERS["test"])
    lines = []
    for number, one in enumerate(_utterances("aishell1", "zh", NUM_CLIPS)):
        speaker = speakers[one.speaker]
        name = f"BAC009{speaker}W{number:04}"
        write_opus(corpus / "wav" / "test" / speaker / f"{name}.ogg", one.waveform)
        lines.append(f"{name} {one.meaning.words('zh')}\n")
    _write(corpus / "transcript" / "aishell_transcript_v0.8.txt", "".join(sorted(lines)))


def _aishell2(root: Path) -> None:
    """Each channel has sentences of its own, since all three are scored together here."""
    utterances = _utterances("aishell2", "zh", NUM_CLIPS)
    for start, (channel, folder) in enumerate(CHANNELS.items()):
        test = root / "AISHELL-DEV-TEST-SET" / folder / "test"
        paths, texts = [], []
        for number, one in enumerate(utterances[start :: len(CHANNELS)]):
            speaker = f"T{one.speaker:04}"
            name = f"{folder[0].upper()}{speaker}W{number:04}"
            rng = clip_generator(f"aishell2/{channel}", Part.SAMPLE, number)
            write_opus(test / "wav" / speaker / f"{name}.ogg", over_channel(rng, one.waveform, channel))
            paths.append([name, f"wav/{speaker}/{name}.ogg"])
            texts.append([name, one.meaning.words("zh").replace(" ", "")])
        _write(test / "wav.scp", _tsv(paths))
        _write(test / "trans.txt", _tsv(texts))


def _covost2(root: Path) -> None:
    """Five languages into English: one target, so that one BLEU is defined over all of them."""
    for language, folder in SPOKEN.items():
        said = [["client_id", "path", "sentence"]]
        translated = [["path", "translation", "split"]]
        for number, one in enumerate(_utterances("covost2", language, PER_DIRECTION)):
            clip = f"common_voice_{folder}_{number:04}.ogg"
            write_opus(root / COMMON_VOICE / folder / "clips" / clip, one.waveform)
            said.append([f"voice-{one.speaker}", clip, one.meaning.written(language)])
            translated.append([clip, one.meaning.written("en"), "test"])
        _write(root / COMMON_VOICE / folder / "validated.tsv", _tsv(said))
        _write(root / "covost2" / f"covost_v2.{folder}_en.tsv", _tsv(translated))


def _common_voice(root: Path) -> None:
    """French: another language than those of the other tasks."""
    folder = root / "cv-corpus-15.0-2023-09-08" / "fr"
    rows = [["client_id", "path", "sentence"]]
    for number, one in enumerate(_utterances("common_voice", "fr", NUM_CLIPS)):
        clip = f"common_voice_fr_{number:04}.ogg"
        write_opus(folder / "clips" / clip, one.waveform)
        rows.append([f"voice-{one.speaker}", clip, one.meaning.written("fr")])
    _write(folder / "test.tsv", _tsv(rows))


def _fleurs(root: Path) -> None:
    folder = root / "fleurs" / "data" / "cmn_hans_cn"
    rows = []
    for number, one in enumerate(_utterances("fleurs", "zh", NUM_CLIPS)):
        clip, text = f"{number:04}.ogg", one.meaning.words("zh").replace(" ", "")
        write_opus(folder / "audio" / "test" / clip, one.waveform)
        gender = "FEMALE" if "+f" in one.voice else "MALE"
        written = one.meaning.written("zh")
        rows.append([str(number), clip, written, text, " ".join(text), str(len(one.waveform)), gender])
    _write(folder / "test.tsv", _tsv(rows))


def _srwt(root: Path) -> None:
    records = []
    for number in range(NUM_CLIPS):
        one, clip = make_timed(Part.SAMPLE, number), f"{number:06}.ogg"
        write_opus(root / "srwt" / clip, one.waveform)
        records.append({"audio": clip, "gt": one.marked(), "source": "espeak"})
    _write(root / "srwt" / "industrial_srwt_eval.jsonl", _lines(records))


def _meld(root: Path) -> None:
    rows = [["Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID"]]
    for number in range(7 * PER_EMOTION):
        one = make_emotional(Part.SAMPLE, number)
        dialogue, utterance = str(number // PER_EMOTION), str(number % PER_EMOTION)
        clip = root / "MELD.Raw" / "output_repeated_splits_test" / f"dia{dialogue}_utt{utterance}.ogg"
        write_opus(clip, one.waveform)
        said = [one.meaning.written("en"), f"Voice {one.speaker}", one.emotion, one.sentiment]
        rows.append([str(number + 1), *said, dialogue, utterance])
    _write(root / "MELD.Raw" / "test_sent_emo.csv", _csv(rows))


def _vocalsound(root: Path) -> None:
    corpus, codes = root / "vs_release_16k", {label: code for code, label in CLASSES.items()}
    items = []
    for number in range(NUM_CLIPS):
        one = make_vocal(Part.SAMPLE, number)
        clip = f"{one.sex}{number:04}_0_{one.label.replace(' ', '')}.ogg"
        write_opus(corpus / "audio_16k" / clip, one.waveform)
        items.append({"wav": f"audio_16k/{clip}", "labels": codes[one.label]})
    _write(corpus / "datafiles" / "te.json", json.dumps({"data": items}, indent=1) + "\n")


def _cochlscene(root: Path) -> None:
    labels = CochlScene.choices
    for number in range(PER_LABEL * len(labels)):
        one = make_scene(Part.SAMPLE, number, labels, kind="cochlscene")
        # The corpus writes its labels in capitals and without spaces.
        folder = one.label.title().replace(" ", "")
        clip = f"{folder}_user{number:04}_{number:08}_001.ogg"
        write_opus(root / "CochlScene" / "Test" / folder / clip, one.waveform)


def _tut2017(root: Path) -> None:
    corpus, labels = root / "TUT-acoustic-scenes-2017-evaluation", TUT2017.choices
    rows = []
    for number in range(PER_LABEL * len(labels)):
        one = make_scene(Part.SAMPLE, number, labels, kind="tut2017")
        clip = f"audio/{number + 1}.ogg"
        write_opus(corpus / clip, one.waveform)
        rows.append([clip, one.label.replace(" or ", "/").replace(" ", "_")])
    _write(corpus / "meta.txt", _tsv(rows))


def _nsynth(root: Path) -> None:
    corpus = root / "nsynth-test"
    notes = {}
    for number in range(11 * PER_FAMILY):
        one = make_note(Part.SAMPLE, number)
        write_opus(corpus / "audio" / f"{one.name}.ogg", one.waveform)
        notes[one.name] = {
            "instrument_family_str": one.family,
            "instrument_source_str": one.source,
            "qualities_str": list(one.qualities),
            "pitch": one.pitch,
            "velocity": one.velocity,
        }
    _write(corpus / "examples.json", json.dumps(notes, indent=1) + "\n")


def clotho_clip(number: int) -> str:
    """Return the file name of a clip of the sounds that Clotho, Clotho-AQA and the chat share."""
    return f"sound {number:02}.ogg"


def _clotho(root: Path) -> None:
    rows = [["file_name", *(f"caption_{number}" for number in range(1, 6))]]
    for number in range(NUM_CLIPS):
        one = make_sound(Part.SAMPLE, number)
        write_opus(root / "clotho" / "clotho_audio_files" / "evaluation" / clotho_clip(number), one.waveform)
        rows.append([clotho_clip(number), *one.captions()])
    _write(root / "clotho" / "clotho_captions_evaluation.csv", _csv(rows))


def _clothoaqa(root: Path) -> None:
    """The clips are those of Clotho, where that task looks for them too; three annotators agree."""
    rows = [["file_name", "QuestionText", "answer", "confidence"]]
    for number in range(NUM_CLIPS):
        questions = make_sound(Part.SAMPLE, number).questions(clip_generator("questions", Part.SAMPLE, number))
        rows += [[clotho_clip(number), one.text, one.answer, "yes"] for one in questions for _ in range(3)]
    _write(root / "ClothoAQA" / "clotho_aqa_test.csv", _csv(rows))


def _airbench(root: Path) -> None:
    chat = root / "AIR-Bench-Dataset" / "Chat"
    items: list[dict[str, Any]] = []
    for task, make in _AIRBENCH.items():
        for number in range(PER_KIND):
            waveform, question, answer = make(number)
            clip = f"{number:02}.ogg"
            write_opus(chat / f"{task}_otoscope" / clip, waveform)
            items.append(
                {
                    "uniq_id": len(items),
                    "task_name": task,
                    "dataset_name": "otoscope",
                    "path": clip,
                    "question": question,
                    "answer_gt": answer,
                }
            )
    _write(chat / "Chat_meta.json", json.dumps(items, indent=1) + "\n")


def _asked_of_speech(number: int) -> tuple[Any, str, str]:
    one = make_utterance(Part.SAMPLE, number, "en", kind="airbench")
    meaning = one.meaning
    question, answer = (
        ("Where does it happen?", f"It happens {PLACES[meaning.place][0]}."),
        ("Who does it?", f"It is {SUBJECTS[meaning.subject][0]}."),
        ("Which thing is spoken of?", f"It is {OBJECTS[meaning.object][0]}."),
    )[number % 3]
    return one.waveform, question, answer


def _asked_of_sound(number: int) -> tuple[Any, str, str]:
    one = make_sound(Part.SAMPLE, number, kind="airbench")
    return one.waveform, "What can be heard?", f"{one.captions()[0]}."


def _asked_of_music(number: int) -> tuple[Any, str, str]:
    one = make_note(Part.SAMPLE, 1000 + number)  # others than those of NSynth
    family = one.family.replace("_", " ")
    return one.waveform, "Which kind of instrument plays this note?", f"The note is played on: {family}."


def _asked_of_mixture(number: int) -> tuple[Any, str, str]:
    one = make_utterance(Part.SAMPLE, PER_KIND + number, "en", kind="airbench")
    rng = clip_generator("airbench/mixed", Part.SAMPLE, number)
    name = list(BACKGROUNDS)[number % len(BACKGROUNDS)]
    behind = BACKGROUNDS[name]
    mixture = over_background(rng, one.waveform, behind, level_db=-32)
    answer = f'A voice says "{one.meaning.written("en")}" while {behind.participle}.'
    return mixture, "What is said, and what is heard in the background?", answer


_AIRBENCH: Mapping[str, Callable[[int], tuple[Any, str, str]]] = {
    "speech_QA": _asked_of_speech,
    "sound_QA": _asked_of_sound,
    "music_QA": _asked_of_music,
    "speech_and_sound_QA": _asked_of_mixture,
}


def _chat(root: Path) -> None:
    """Conversations about the clips of Clotho: one question, or two turns with a clip each."""
    clips: list[SoundClip] = [make_sound(Part.SAMPLE, number) for number in range(NUM_CLIPS)]
    paths = [f"clotho/clotho_audio_files/evaluation/{clotho_clip(number)}" for number in range(NUM_CLIPS)]
    records = []
    for number, (clip, path) in enumerate(zip(clips, paths, strict=True)):
        other = (number + 7) % NUM_CLIPS
        first = {"role": "user", "text": "What can be heard?", "audio": path}
        record = {"id": f"chat-{number:02}", "turns": [first], "references": [f"{clip.captions()[0]}."]}
        if number % 2:
            answered = {"role": "assistant", "text": f"{clip.captions()[0]}."}
            second = {"role": "user", "text": "And in this clip?", "audio": paths[other]}
            record |= {"turns": [first, answered, second], "references": [f"{clips[other].captions()[0]}."]}
        records.append(record)
    _write(root / "chat" / "chat_eval.jsonl", _lines(records))


def _mmau(root: Path) -> None:
    items = []
    for task, ask in (("sound", ask_of_sound), ("music", ask_of_music), ("speech", ask_of_speech)):
        for number in range(PER_DOMAIN):
            one, name = ask(number, kind="mmau"), f"{task}-{number:02}"
            clip = f"test-mini-audios/{name}.ogg"
            write_opus(root / "MMAU" / clip, one.waveform)
            record = {"id": name, "audio_id": f"./{clip}", **_asked(one)}
            group = {"dataset": "otoscope", "task": task, "split": "test-mini", "category": "Information Extraction"}
            level = {"sub-category": one.question, "difficulty": "easy"}
            items.append({**record, **group, **level})
    _write(root / "MMAU" / "mmau-test-mini.json", json.dumps(items, indent=1) + "\n")


def _mmar(root: Path) -> None:
    items = []
    kinds: tuple[tuple[str, str, Callable[..., ChoiceItem]], ...] = (
        ("sound", "Perception Layer", ask_of_sound),
        ("music", "Perception Layer", ask_of_music),
        ("speech", "Semantic Layer", ask_of_speech),
        ("mix-sound-speech", "Signal Layer", ask_of_mixture),
    )
    for modality, category, ask in kinds:
        for number in range(PER_KIND):
            # Other notes than those of MMAU: the numbers go on behind.
            one, name = ask(100 + number, kind="mmar"), f"{modality}-{number:02}"
            write_opus(root / "MMAR" / "audio" / f"{name}.ogg", one.waveform)
            record = {"id": name, "audio_path": f"./audio/{name}.ogg", **_asked(one)}
            items.append({**record, "modality": modality, "category": category, "sub-category": one.question})
    _write(root / "MMAR" / "MMAR-meta.json", json.dumps(items, indent=1) + "\n")


def _asked(one: ChoiceItem) -> dict[str, Any]:
    return {"question": one.question, "choices": list(one.options), "answer": one.answer}


def _airbench_foundation(root: Path) -> None:
    foundation = root / "AIR-Bench-Dataset" / "Foundation"
    items: list[dict[str, Any]] = []
    for task, ask in _SKILLS.items():
        for number in range(PER_SKILL):
            one, clip = ask(200 + number, kind="airbench"), f"{number:02}.ogg"
            write_opus(foundation / f"{task}_otoscope" / clip, one.waveform)
            named = {"task_name": task, "dataset_name": "otoscope", "path": clip, "question": one.question}
            offered = {f"choice_{letter}": option for letter, option in zip("abcd", one.options, strict=False)}
            items.append({"uniq_id": len(items), **named, **offered, "answer_gt": one.answer})
    _write(foundation / "Foundation_meta.json", json.dumps(items, indent=1) + "\n")


_SKILLS: Mapping[str, Callable[..., ChoiceItem]] = {
    "Speaker_Gender_Recognition": ask_for_gender,
    "Spoken_Language_Identification": ask_for_language,
    "Acoustic_Scene_Classification": ask_of_scene,
    "vocal_sound_classification": ask_of_vocal_sound,
    "Sound_AQA": ask_of_sound,
    "Music_Instruments_Classfication": ask_of_music,
}


def _voicebench(root: Path) -> None:
    """Of its subsets the one with options: all that is scored together must be scored alike."""
    folder = root / "voicebench" / "openbookqa"
    records = []
    for number in range(NUM_CLIPS):
        one, clip = ask_aloud(number, kind="voicebench"), f"{number:02}.ogg"
        write_opus(folder / clip, one.waveform)
        letter = "ABCD"[one.options.index(one.answer)]
        records.append({"file_name": clip, "prompt": one.question, "reference": letter})
    _write(folder / "metadata.jsonl", _lines(records))


WRITERS: Mapping[str, Callable[[Path], None]] = {
    "librispeech": _librispeech,
    "aishell1": _aishell1,
    "aishell2": _aishell2,
    "covost2": _covost2,
    "clotho": _clotho,
    "clothoaqa": _clothoaqa,
    "cochlscene": _cochlscene,
    "tut2017": _tut2017,
    "meld": _meld,
    "vocalsound": _vocalsound,
    "nsynth": _nsynth,
    "srwt": _srwt,
    "common_voice": _common_voice,
    "fleurs": _fleurs,
    "airbench_chat": _airbench,
    "chat": _chat,
    "mmau": _mmau,
    "mmar": _mmar,
    "airbench_foundation": _airbench_foundation,
    "voicebench": _voicebench,
}
