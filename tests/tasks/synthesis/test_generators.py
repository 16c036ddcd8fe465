"""The generators of clips: the same from the same seed, no clip in both parts, labels that are true."""

import importlib.util
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from evaluate.corpus_task import samples_dir
from evaluate.errors import RequestError
from tasks.cochlscene import CochlScene
from tasks.synthesis import __main__ as command
from tasks.synthesis.corpora import WRITERS, write_samples
from tasks.synthesis.emotions import TONES, make_emotional
from tasks.synthesis.events import BACKGROUNDS, EVENTS
from tasks.synthesis.listening import NUMBERS, make_sound
from tasks.synthesis.notes import FAMILIES, make_note
from tasks.synthesis.ogg import with_serial_zero, write_opus
from tasks.synthesis.parts import Part, clip_generator
from tasks.synthesis.scenes import SCENES, make_scene
from tasks.synthesis.sentences import LANGUAGES, Meaning, all_meanings, draw_meaning, is_held_out
from tasks.synthesis.sound import SAMPLE_RATE_HZ, rms
from tasks.synthesis.speech import make_utterance, over_channel
from tasks.synthesis.timestamps import make_timed, syllable_starts_s
from tasks.synthesis.vocal import MAKERS, make_vocal
from tasks.tut2017 import TUT2017

HAS_ESPEAK = importlib.util.find_spec("espeakng_loader") is not None
needs_espeak = pytest.mark.skipif(not HAS_ESPEAK, reason="espeak-ng is not here: pip install 'otoscope[samples]'")

Make = Callable[[Part, int], Any]

SILENT: dict[str, Make] = {  # those that do not speak
    "vocal": make_vocal,
    "notes": make_note,
    "sounds": make_sound,
    "scenes": lambda part, index: make_scene(part, index, CochlScene.choices, kind="cochlscene"),
}
SPEAKING: dict[str, Make] = {
    "speech": lambda part, index: make_utterance(part, index, LANGUAGES[index % 6]),
    "emotions": make_emotional,
    "timestamps": make_timed,
}
KINDS = [*SILENT, *(pytest.param(kind, marks=needs_espeak) for kind in SPEAKING)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_is_the_same_each_time_and_is_in_one_part_only(kind: str) -> None:
    make = {**SILENT, **SPEAKING}[kind]
    clips = [make(part, index).waveform for part in Part for index in range(12)]
    again = [make(part, index).waveform for part in reversed(Part) for index in range(12)]
    assert all(np.array_equal(one, other) for one, other in zip(clips, again[12:] + again[:12], strict=True))
    assert len({clip.tobytes() for clip in clips}) == len(clips)
    assert all(clip.dtype == np.float32 and float(np.abs(clip).max()) < 1 for clip in clips)


def test_no_random_generator_serves_two_clips() -> None:
    keys = [(kind, part, index) for kind in ("speech/en", "notes", "vocal") for part in Part for index in range(50)]
    assert len({clip_generator(*key).bytes(16) for key in keys}) == len(keys)


def test_sentences_of_training_are_never_those_of_the_samples_in_any_language() -> None:
    drawn = {part: [draw_meaning(clip_generator("s", part, index), part) for index in range(500)] for part in Part}
    for language in LANGUAGES:
        of = {part: {meaning.words(language) for meaning in meanings} for part, meanings in drawn.items()}
        assert not of[Part.SAMPLE] & of[Part.TRAINING]
    assert sum(map(is_held_out, all_meanings())) == pytest.approx(len(all_meanings()) / 10, rel=0.1)


def test_every_word_is_in_both_parts() -> None:
    for field in fields(Meaning):
        of = {held: {getattr(one, field.name) for one in all_meanings() if is_held_out(one) == held} for held in (0, 1)}
        assert of[0] == of[1]


def test_a_sentence_means_the_same_in_six_languages() -> None:
    meaning = Meaning(subject=4, verb=5, object=11, place=2)
    assert [meaning.written(language) for language in LANGUAGES] == [
        "The teacher hides the umbrella at the station.",
        "老师在车站藏雨伞。",
        "Der Lehrer versteckt den Regenschirm am Bahnhof.",
        "Le professeur cache le parapluie à la gare.",
        "El profesor esconde el paraguas en la estación.",
        "L'insegnante nasconde l'ombrello alla stazione.",
    ]
    assert len({one.words("zh") for one in all_meanings()}) == len(all_meanings())


def test_labels_take_turns() -> None:
    assert Counter(make_vocal(Part.TRAINING, index).label for index in range(12)) == dict.fromkeys(MAKERS, 2)
    assert Counter(make_note(Part.TRAINING, index).family for index in range(22)) == dict.fromkeys(FAMILIES, 2)
    assert set(SCENES) == {*CochlScene.choices, *TUT2017.choices}


def test_notes_are_heard_at_their_pitch_and_loudness() -> None:
    plain = [note for note in (make_note(Part.TRAINING, n) for n in range(400)) if note.family in ("flute", "reed")]
    plain = [note for note in plain if not set(note.qualities) & {"multiphonic", "distortion"}]
    assert len(plain) > 20
    for note in plain:
        spectrum = np.abs(np.fft.rfft(note.waveform))
        strongest_hz = np.argmax(spectrum) * SAMPLE_RATE_HZ / len(note.waveform)
        ratio = strongest_hz / (440 * 2 ** ((note.pitch - 69) / 12))
        assert round(ratio) >= 1
        assert ratio == pytest.approx(round(ratio), rel=0.02)
    peaks = {note.velocity: float(np.abs(note.waveform).max()) for note in plain if not note.qualities}
    assert sorted(peaks, key=lambda velocity: peaks[velocity]) == sorted(peaks)


def test_captions_and_answers_are_true_of_a_clip() -> None:
    for index in range(48):
        clip = make_sound(Part.TRAINING, index)
        event = EVENTS[clip.event]
        assert len(set(clip.captions())) == 5
        for caption in clip.captions():
            assert event.noun in caption.lower()
            assert (f"{NUMBERS[clip.count]} times" in caption or clip.count < 3) or clip.second or not clip.background
        if clip.background:
            assert any(BACKGROUNDS[clip.background].noun.split()[-1] in caption for caption in clip.captions())
        yes_no, word = clip.questions(np.random.default_rng(index))
        asked = next(name for name, one in EVENTS.items() if yes_no.text == f"Is {one.noun} {one.participle}?")
        assert yes_no.answer == ("yes" if asked in (clip.event, clip.second) else "no")
        assert word.answer in (NUMBERS[clip.count], event.word)


def test_events_that_are_counted_are_apart() -> None:
    for index in range(0, 48):
        clip = make_sound(Part.TRAINING, index)
        if clip.event == "machine" and not clip.background and not clip.second:
            loud = np.abs(clip.waveform) > 0.3 * float(np.abs(clip.waveform).max())
            loud_ms = loud[: len(loud) // 160 * 160].reshape(-1, 160).any(axis=1)  # (10-ms steps,)
            assert int(np.count_nonzero(np.diff(loud_ms.astype(int)) == 1)) == clip.count


@needs_espeak
def test_tones_of_voice_differ_as_they_should() -> None:
    clips = [make_emotional(Part.TRAINING, index) for index in range(21)]
    level = {name: np.mean([rms(one.waveform) for one in clips if one.emotion == name]) for name in TONES}
    length = {name: np.mean([len(one.waveform) for one in clips if one.emotion == name]) for name in TONES}
    assert level["anger"] > level["neutral"] > level["sadness"]
    assert length["sadness"] > length["neutral"] > length["fear"]
    assert {one.sentiment for one in clips if one.emotion == "joy"} == {"positive"}


@needs_espeak
def test_characters_have_times_in_order_within_the_clip() -> None:
    for index in range(30):
        one = make_timed(Part.TRAINING, index)
        assert len(one.boundaries_s) == len(one.characters) + 1
        assert all(np.diff(one.boundaries_s) > 0.04)
        assert 0 < one.boundaries_s[0] < one.boundaries_s[-1] < len(one.waveform) / SAMPLE_RATE_HZ
        first, last = (round(time_s * SAMPLE_RATE_HZ) for time_s in (one.boundaries_s[0], one.boundaries_s[-1]))
        assert rms(one.waveform[first:last]) > 5 * rms(one.waveform[: first - 80])


def test_syllables_begin_with_what_stands_before_their_vowel() -> None:
    # 苹果 and 信: a coda n or ng belongs to the syllable before it; 我哥哥: `_|` parts words
    apple = [("ph", 0.0), ("i", 0.1), ("N", 0.2), ("k", 0.3), ("'uo", 0.4)]
    assert syllable_starts_s(apple) == [0.0, 0.3]
    brother = [("w", 0.0), ("'o", 0.1), ("_|", 0.2), ("k", 0.2), ("o-", 0.3), ("k", 0.4), ("o-", 0.5)]
    assert syllable_starts_s(brother) == [0.0, 0.2, 0.4]
    assert syllable_starts_s([("S;", 0.0), ("'i", 0.1), ("n", 0.2), ("_|", 0.3), ("a", 0.3)]) == [0.0, 0.3]


def test_channels_sound_apart() -> None:
    clip = make_vocal(Part.TRAINING, 0).waveform
    heard = {name: over_channel(np.random.default_rng(0), clip, name) for name in ("mic", "ios", "android")}
    assert len({one.tobytes() for one in heard.values()}) == 3


def test_an_ogg_file_has_no_random_bytes_and_is_still_read(tmp_path: Path) -> None:
    clip = make_vocal(Part.TRAINING, 0).waveform
    write_opus(tmp_path / "a.ogg", clip)
    write_opus(tmp_path / "b.ogg", clip)
    content = (tmp_path / "a.ogg").read_bytes()
    assert content == (tmp_path / "b.ogg").read_bytes()
    assert with_serial_zero(content) == content
    waveform, rate_hz = soundfile.read(tmp_path / "a.ogg")
    assert (len(waveform), rate_hz) == (len(clip), SAMPLE_RATE_HZ)
    assert np.corrcoef(waveform, clip)[0, 1] > 0.6


@needs_espeak
def test_a_voice_that_there_is_not_is_named() -> None:
    from tasks.synthesis.espeak import say

    with pytest.raises(RequestError, match="espeak-ng has no voice 'tlh-x', expected e.g. en-us"):
        say("Hello.", "tlh-x")


def test_without_espeak_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    assert command.main([str(tmp_path / "out")]) == 2
    assert "error: espeak-ng is not here" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@needs_espeak
def test_the_command_writes_where_it_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(command, "write_samples", lambda folder: WRITERS["chat"](folder))
    assert command.main([str(tmp_path / "out")]) == 0
    assert "out: 1 files" in capsys.readouterr().out


@needs_espeak
@pytest.mark.slow
def test_the_samples_that_ship_are_those_that_the_generators_make(tmp_path: Path) -> None:
    write_samples(tmp_path)
    shipped, made = (
        {path.relative_to(root): path for path in root.rglob("*") if path.is_file()}
        for root in (samples_dir(), tmp_path)
    )
    assert made.keys() == shipped.keys()
    for name, path in made.items():
        if name.suffix != ".ogg":
            assert path.read_text(encoding="utf-8") == shipped[name].read_text(encoding="utf-8"), name
            continue
        (one, _), (other, _) = soundfile.read(path), soundfile.read(shipped[name])
        # Other builds of the encoder and of numpy round otherwise.
        assert len(one) == len(other), name
        assert rms(one - other) < 0.1 * rms(other), name
