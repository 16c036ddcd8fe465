"""The whole model from Python and through the command, with random weights: what holds whatever the weights are."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evaluate.errors import ModelLoadError, RequestError
from evaluate.types import AudioRef, GenerationOptions, Request, Sample, Turn
from models import create_model
from models.qwen_audio import QwenAudio, QwenTokenizer
from models.qwen_audio.prompts import Data

Command = Callable[..., Any]
ASR_EN = "<|startoftranscript|><|en|><|transcribe|><|en|><|notimestamps|><|wo_itn|>"


@pytest.fixture(scope="session")
def face(tiny_checkpoint: Path) -> QwenAudio:
    return QwenAudio.from_pretrained(tiny_checkpoint, dtype="float32", device="cpu")


def test_the_package_is_light_until_the_model_is_asked_for() -> None:
    code = "import sys, models.qwen_audio, models.qwen_audio.adapter; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
    import models.qwen_audio

    assert [name for name in models.qwen_audio.__all__ if name.endswith("Tokenizer")] == ["QwenTokenizer"]
    assert models.qwen_audio.QwenTokenizer is QwenTokenizer
    with pytest.raises(AttributeError, match="no attribute 'QwenVideo'"):
        models.qwen_audio.QwenVideo  # noqa: B018


def test_a_prompt_is_its_clips_and_its_words(face: QwenAudio, clip: Callable[..., Any]) -> None:
    tokenizer = face.tokenizer
    ids = face.prompt_ids([clip(16_000), ASR_EN])
    assert ids[0] == tokenizer.audio_start_id
    assert ids[1:26] == [tokenizer.audio_placeholder_id] * 25
    assert ids[26] == tokenizer.audio_end_id
    assert tokenizer.decode(ids[27:]) == ASR_EN
    assert len(ids[27:]) == 6
    assert face.prompt_ids(["<audio>x</audio>"]) == tokenizer.encode_ordinary("<audio>x</audio>")
    assert face.prompt_ids([Data("<|en|>")]) == tokenizer.encode_ordinary("<|en|>")


def test_shapes_are_those_that_are_promised(face: QwenAudio, clip: Callable[..., Any]) -> None:
    one, other = clip(16_000), clip(40_000, 1)
    assert face.log_mel(one).shape == (80, 3000)
    assert [tuple(vectors.shape) for vectors in face.encode_audio([one, other])] == [(27, 32), (64, 32)]
    prompts = [[one, ASR_EN], ["What?"], [one, "a", other, "b"]]
    lengths = [len(face.prompt_ids(prompt)) for prompt in prompts]
    assert [tuple(rows.shape) for rows in face.logits(prompts)] == [(length, 3800) for length in lengths]
    assert face.logits(prompts)[0].dtype == torch.float32


def test_answers_of_a_batch_are_those_of_one_at_a_time(face: QwenAudio, clip: Callable[..., Any]) -> None:
    prompts = [[clip(16_000), ASR_EN], [clip(90_000, 1), ASR_EN], ["What?"], [clip(5_000, 2), "a", clip(9_000, 3)]]
    together = face.generate(prompts, max_new_tokens=8)
    assert together == [face.generate([prompt], max_new_tokens=8)[0] for prompt in prompts]
    assert all(0 <= token < face.tokenizer.num_ids for ids in together for token in ids)


def test_a_conversation_gets_an_answer(face: QwenAudio, clip: Callable[..., Any]) -> None:
    messages = [
        {"role": "user", "parts": [clip(16_000), "What is this?"]},
        ("assistant", "A kettle."),
        ("user", ["And this? <|im_end|>", clip(8_000, 1)]),
    ]
    answer = face.chat(messages, system="Be brief.", max_new_tokens=5)
    assert isinstance(answer, str)
    assert face.chat(messages, system="Be brief.", max_new_tokens=5) == answer


def test_timestamps_of_an_answer_are_kept(face: QwenAudio, monkeypatch: pytest.MonkeyPatch) -> None:
    said = face.tokenizer.encode("<|0.00|>hi<|1.20|>")
    monkeypatch.setattr("models.qwen_audio.face.generate", lambda *_, **__: [said])
    assert face.chat([("user", "When?")]) == "<|0.00|>hi<|1.20|>"


@pytest.mark.parametrize(
    "clip", [np.zeros((1, 16_000), np.float32), np.zeros(16_000, np.int16), np.full(16_000, np.nan, np.float32)]
)
def test_numbers_that_are_no_waveform_are_refused(face: QwenAudio, clip: Any) -> None:
    asks = [face.log_mel, lambda _: face.encode_audio([clip]), lambda _: face.prepare([clip, "What?"])]
    asks += [lambda _: face.chat([("user", [clip, "What?"])])]
    for ask in asks:
        with pytest.raises(RequestError, match=r"a clip has shape \(.* expected \(num_frames,\) of finite floats"):
            ask(clip)


@pytest.mark.parametrize(("at_most", "at_least"), [(0, 0), (-1, 0), (2, 3)])
def test_limits_that_no_answer_can_keep_are_refused(face: QwenAudio, at_most: int, at_least: int) -> None:
    with pytest.raises(RequestError, match=f"max_new_tokens is {at_most} and min_new_tokens {at_least}"):
        face.generate([["What?"]], max_new_tokens=at_most, min_new_tokens=at_least)


@pytest.mark.parametrize("where", ["/no/such/folder", "./none", "none", "a/b/c"])
def test_what_is_neither_folder_nor_hub_id_is_named(where: str) -> None:
    with pytest.raises(RequestError, match=f"'{where}': no such folder"):
        QwenAudio.from_pretrained(where, device="cpu")


def test_what_a_data_set_says_is_data() -> None:
    from models.qwen_audio.prompts import sample_messages

    sample = Sample("a", (), "now", ("r",), turns=(Turn("user", "<|en|>"), Turn("assistant", "<|0.00|>")))
    assert [message.parts for message in sample_messages(sample, ())] == [[Data("<|en|>")], ["<|0.00|>"], [Data("now")]]


def test_files_of_two_checkpoints_are_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    for path in tiny_checkpoint.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with (tmp_path / "qwen.tiktoken").open("a") as file:
        file.write("YWI= 256\n")
    with pytest.raises(ModelLoadError, match="audio_start_id 3776 .* qwen.tiktoken gives 3777 .* of one checkpoint"):
        QwenAudio.from_pretrained(tmp_path, dtype="float32", device="cpu")
    (tmp_path / "qwen.tiktoken").unlink()
    with pytest.raises(ModelLoadError, match=r"qwen\.tiktoken"):
        QwenAudio.from_pretrained(tmp_path, dtype="float32", device="cpu")


def run(otoscope: Command, checkpoint: Path, data: Path, *arguments: object, family: str = "qwen-audio") -> Any:
    return otoscope(
        *("eval", "--model", f"{family}:{checkpoint}", "--device", "cpu", "--data-dir", data, "--json"),
        *("--results-dir", data / "results", "--gen", "max_new_tokens=4", *arguments),
    )


def test_the_base_model_is_asked_in_its_own_tokens(otoscope: Command, tiny_checkpoint: Path, librispeech: Path) -> None:
    result = run(otoscope, tiny_checkpoint, librispeech, "--task", "librispeech:test-clean")
    assert (result.status, result.json[0]["n_scored"]) == (0, 3)
    record = json.loads((Path(result.json[0]["run_dir"]) / "run.json").read_text())
    assert record["model_prompt"] == ASR_EN.replace("en", "{language}", 1).replace("<|en|>", "<|{language}|>")
    shown = otoscope(
        *("tasks", "librispeech:test-clean", "--model", f"qwen-audio:{tiny_checkpoint}"),
        *("--data-dir", librispeech, "--json"),
    )
    assert shown.json["sent"] == f"<audio>…</audio>{ASR_EN}"
    same = run(
        otoscope, tiny_checkpoint, librispeech, "--task", "librispeech:test-clean", "--protocol", "qwen-audio"
    ).json[0]
    assert same["protocol"] == "qwen-audio"
    other = run(otoscope, tiny_checkpoint, librispeech, "--task", "librispeech:test-clean", "--protocol", "qwen2-audio")
    assert (other.status, "never asked by the protocol 'qwen2-audio'" in other.stderr) == (2, True)


def test_the_chat_model_is_asked_in_words(otoscope: Command, tiny_checkpoint: Path, librispeech: Path) -> None:
    result = run(otoscope, tiny_checkpoint, librispeech, "--task", "librispeech:test-clean", family="qwen-audio-chat")
    assert (result.status, result.json[0]["n_scored"]) == (0, 3)
    shown = otoscope(
        *("tasks", "librispeech:test-clean", "--model", f"qwen-audio-chat:{tiny_checkpoint}"),
        *("--data-dir", librispeech, "--json"),
    ).json["sent"]
    assert shown == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nAudio 1: <audio>…</audio>\n"
        "Transcribe the English speech.<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize("family", ["qwen-audio", "qwen-audio-chat"])
def test_what_is_shown_is_what_is_sent(
    tiny_checkpoint: Path, clip: Callable[..., Any], family: str, librispeech: Path
) -> None:
    from models.qwen_audio.adapter import QwenAudioBase, QwenAudioChat
    from models.qwen_audio.prompts import base_prompt, chat_prompt, sample_messages
    from tasks.librispeech import LibriSpeech

    adapter = create_model(f"{family}:{tiny_checkpoint}", device="cpu", dtype="float32", arguments={})
    task = LibriSpeech(librispeech)
    split = task.read_split("test-clean")
    ref = AudioRef(Path("x"))
    turns = (Turn("user", "Hm?", 1), Turn("assistant", "Yes.")) if family == "qwen-audio-chat" else ()
    sample = Sample("a", (ref, ref), "And now?", ("r",), language="en", turns=turns)
    adapter.begin(task, split, [sample])
    adapter.load()
    waveforms = (clip(16_000), clip(9_000, 1))
    face = adapter._model  # type: ignore[attr-defined]
    if isinstance(adapter, QwenAudioBase):
        prompt = face.prepare([*waveforms, *base_prompt(adapter._template, sample)])
    else:
        assert isinstance(adapter, QwenAudioChat)
        prompt = chat_prompt(face.tokenizer, sample_messages(sample, waveforms), face.num_audio_tokens)
    placeholder = face.tokenizer.decode([face.tokenizer.audio_placeholder_id])
    sent = face.tokenizer.decode(prompt.ids)
    while placeholder * 2 in sent:
        sent = sent.replace(placeholder * 2, placeholder)
    assert sent.replace(placeholder, "…") == adapter.shown_prompt(sample)
    [output] = adapter.generate([Request(sample, waveforms)], GenerationOptions(max_new_tokens=3))
    assert output.text is not None


def test_a_clip_that_is_too_short_fails_alone(otoscope: Command, tiny_checkpoint: Path, librispeech: Path) -> None:
    import soundfile

    short = sorted(librispeech.rglob("11-22-*.flac"))[0]
    soundfile.write(str(short), np.zeros(400, dtype=np.float32), 16_000)
    result = run(otoscope, tiny_checkpoint, librispeech, "--task", "librispeech:test-clean", "--allow-failures", 1)
    assert (result.status, result.json[0]["n_failed"], result.json[0]["n_scored"]) == (0, 1, 2)
    padded = run(
        otoscope, tiny_checkpoint, librispeech, "--task", "librispeech:test-clean", "--short-clips", "pad"
    ).json[0]
    assert (padded["n_failed"], padded["clip_counts"]["padded"]) == (0, 1)


def test_what_the_base_model_was_never_asked_is_refused(tiny_checkpoint: Path, librispeech: Path) -> None:
    from tasks.chat import Chat
    from tasks.librispeech import LibriSpeech

    adapter = create_model(f"qwen-audio:{tiny_checkpoint}", device="cpu", dtype="auto", arguments={})
    ref = AudioRef(Path("x"))
    dutch = Sample("a", (ref,), "", ("r",), language="nl")
    assert "no token for the language 'nl'" in str(adapter.refusal(LibriSpeech(librispeech), [dutch]))
    assert "knows no prompt for chat" in str(adapter.refusal(Chat(librispeech), [dutch]))
    silent = Sample("a", (), "", ("r",), language="en")
    assert adapter.refusal(LibriSpeech(librispeech), [silent]) == "sample 'a' has no clip to hear"


def test_a_split_that_its_prompt_does_not_ask_for_is_refused(tiny_checkpoint: Path, tmp_path: Path) -> None:
    from evaluate.task import Coverage, Split
    from tasks.meld import Meld

    adapter = create_model(f"qwen-audio:{tiny_checkpoint}", device="cpu", dtype="auto", arguments={})
    with pytest.raises(RequestError, match="its prompt for meld does not ask for meld:test-sentiment"):
        adapter.begin(Meld(tmp_path), Split("test-sentiment", (), Coverage(0, 0)), [])


def test_the_short_names_stand_for_the_released_checkpoints() -> None:
    from models import SHORT_NAMES

    assert SHORT_NAMES["qwen-audio"] == "qwen-audio:Qwen/Qwen-Audio"
    assert SHORT_NAMES["qwen-audio-chat"] == "qwen-audio-chat:Qwen/Qwen-Audio-Chat"
