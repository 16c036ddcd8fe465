"""How nano is trained, on a handful of clips: each stage, going on after an interruption, the same result again."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluate.audio import load_waveform
from evaluate.errors import ManifestError, RequestError
from evaluate.testing import write_tone
from evaluate.types import AudioRef
from models.nano.training import __main__ as training
from models.nano.training import fit as fitting
from models.nano.training.batches import IGNORED, batch_plan, make_batch, prepare
from models.nano.training.features import FRAMES, Features, write_features
from models.nano.training.learner import Learner
from models.nano.training.lessons import read_lessons
from models.nano.training.vocabulary import write_vocabulary
from models.qwen_audio import QwenAudio
from models.qwen_audio.tokenizer import QwenTokenizer

ASK = "<|startoftranscript|><|{language}|><|transcribe|><|{language}|><|notimestamps|><|wo_itn|>"
QUESTION = "<|startofanalysis|><|en|><|question|>{question}<|answer|>"


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Return a folder of clips as the generators write it: eight tones of different lengths."""
    lines = []
    for number in range(8):
        audio = f"tone/{number}.wav"
        path = tmp_path / audio
        path.parent.mkdir(exist_ok=True)
        write_tone(path, duration_s=0.5 + 0.11 * number, frequency_hz=200 + 100 * number)
        language, words = [("en", f"tone {'low' if number < 4 else 'high'}"), ("zh", "高音 响")][number % 2]
        lesson = {"language": language, "answer_language": "", "question": ""}
        lessons = [{"prompt": ASK, "answer": words if language == "en" else "高音响", **lesson}]
        if number == 0:
            lessons.append({"prompt": QUESTION, "answer": "yes", **lesson, "question": "Is it <|en|> low?"})
        lines.append({"audio": audio, "words": words, "lessons": lessons})
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (tmp_path / "training.jsonl").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def tokenizer(clips: Path) -> QwenTokenizer:
    write_vocabulary(clips / "qwen.tiktoken", read_lessons(clips))
    return QwenTokenizer.from_file(clips / "qwen.tiktoken")


def test_words_are_one_token_and_so_are_chinese_characters(tokenizer: QwenTokenizer) -> None:
    assert len(tokenizer.encode_ordinary("tone")) == 1
    assert len(tokenizer.encode_ordinary(" high")) == 1
    assert len(tokenizer.encode_ordinary("高音")) == 1
    assert len(tokenizer.encode_ordinary("高")) == 1
    assert len(tokenizer.encode_ordinary("高音响")) == 2  # no token reaches over two words
    assert tokenizer.decode(tokenizer.encode_ordinary("für Ünseen 没 words")) == "für Ünseen 没 words"


def test_a_lesson_is_asked_as_an_evaluation_asks(clips: Path, tokenizer: QwenTokenizer) -> None:
    prepared = prepare(tokenizer, read_lessons(clips)[0])
    asked, question = prepared.exercises
    assert tokenizer.decode(asked.prompt) == ASK.format(language="en")
    assert asked.prompt[0] == tokenizer.special_id("<|startoftranscript|>")
    assert asked.answer == (*tokenizer.encode_ordinary("tone low"), tokenizer.eod_id)
    # What a data set asks holds no special token.
    assert question.prompt.count(tokenizer.special_id("<|en|>")) == 1
    assert prepared.spoken == tuple(tokenizer.encode_ordinary("tone low"))


def test_a_batch_is_what_the_model_is_given_in_an_evaluation(clips: Path, tokenizer: QwenTokenizer) -> None:
    taught = read_lessons(clips)
    write_features(clips, [clip.audio for clip in taught])
    features, prepared = Features(clips), [prepare(tokenizer, clip) for clip in taught]
    batch = make_batch(tokenizer, features, prepared, [3, 0], None)
    assert batch.clip_of.tolist() == [0, 1, 1]
    learner = Learner(training.shape_for(tokenizer), tokenizer).eval()
    model = QwenAudio(learner.model, tokenizer)
    with torch.no_grad():
        logits = _logits(learner, batch)
    for row, clip, exercise in ((0, 3, 0), (1, 0, 0), (2, 0, 1)):
        waveform = load_waveform(AudioRef(taught[clip].audio), sample_rate_hz=16_000)
        taught_ids = prepared[clip].exercises[exercise]
        audio = model.prepare([waveform])
        ids = (*audio.ids, *taught_ids.prompt, *taught_ids.answer[:-1])
        [expected] = learner.model.logits([type(audio)(ids, audio.waveforms)])
        given = logits[row, : len(ids)]
        # The features are kept in half precision.
        assert float((given - expected).abs().max()) < 0.02 * float(expected.abs().max())
        answered = batch.targets[row][batch.targets[row] != IGNORED]
        assert tuple(answered.tolist()) == taught_ids.answer


def _logits(learner: Learner, batch: object) -> torch.Tensor:
    """Return what the learner's decoder says behind every id of a batch."""
    said: list[torch.Tensor] = []
    handle = learner.model.transformer.register_forward_hook(lambda _, __, hidden: said.append(hidden))
    learner(batch)
    handle.remove()
    return learner.model.lm_head(said[0]).float()


def test_features_are_made_again_where_a_clip_is_another(clips: Path) -> None:
    paths = [clip.audio for clip in read_lessons(clips)]
    write_features(clips, paths)
    first, written = Features(clips)[0], (clips / FRAMES).stat().st_mtime_ns
    write_features(clips, paths)
    assert (clips / FRAMES).stat().st_mtime_ns == written
    write_tone(paths[0], duration_s=0.9)
    write_features(clips, paths)
    assert len(Features(clips)[0]) > len(first)


def test_a_folder_without_clips_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="training.jsonl: cannot be read"):
        read_lessons(tmp_path)
    (tmp_path / "training.jsonl").write_text('{"audio": "a.wav"}\n')
    with pytest.raises(ManifestError, match=r"training.jsonl:1: expected audio, words and lessons"):
        read_lessons(tmp_path)


def test_an_epoch_hears_every_clip_once_and_the_next_in_another_order(clips: Path) -> None:
    write_features(clips, [clip.audio for clip in read_lessons(clips)])
    features = Features(clips)
    first, again, second = (batch_plan(features, seed=1, epoch=epoch) for epoch in (0, 0, 1))
    assert first == again
    assert sorted(clip for batch in first for clip in batch) == list(range(8))
    assert sorted(clip for batch in second for clip in batch) == list(range(8))


def test_an_interrupted_training_ends_where_one_in_one_go_does(
    clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "NUM_EPOCHS", 4)
    monkeypatch.setattr(fitting, "SAVE_EVERY", 1)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    training.train(clips, whole)
    assert not (clips / fitting.STATE).exists()
    _interrupt_after(2, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        training.train(clips, parts)
    monkeypatch.undo()
    assert not parts.exists()
    with pytest.raises(RequestError, match="an unfinished training on other clips or settings; remove it"):
        training.train(clips, parts)
    monkeypatch.setattr(training, "NUM_EPOCHS", 4)
    training.train(clips, parts)
    for name in ("config.json", "qwen.tiktoken", "model.safetensors"):
        assert (whole / name).read_bytes() == (parts / name).read_bytes(), name
    answers = QwenAudio.from_pretrained(whole).generate([[np.zeros(8000, np.float32), ASK.format(language="en")]], 4)
    assert len(answers) == 1


def _interrupt_after(num_steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    make: Callable[..., object] = fitting.make_batch
    done = iter(range(num_steps))

    def make_or_stop(*arguments: object) -> object:
        if next(done, None) is None:
            raise KeyboardInterrupt
        return make(*arguments)

    monkeypatch.setattr(fitting, "make_batch", make_or_stop)
