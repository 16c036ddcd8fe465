"""Encoder-decoder recognisers, on tiny random checkpoints of every model type."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.errors import ModelLoadError, RequestError
from evaluate.types import AudioRef, GenerationOptions, Request, Sample
from models.seq2seq import Seq2Seq
from tasks.clotho import Clotho
from tasks.covost2 import CoVoST2
from tasks.librispeech import LibriSpeech

TYPES = [
    *("moonshine", "moonshine_streaming", "speech_to_text", "speecht5", "seamless_m4t", "seamless_m4t_v2"),
    *("canary", "cohere_asr"),
]
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "__eng__", "__deu__"]
COHERE = ["▁", "<|startofcontext|>", "<|startoftranscript|>", "<|emo:undefined|>", "<|en|>", "<|de|>", "<|pnc|>"]
COHERE += ["<|noitn|>", "<|notimestamp|>", "<|nodiarize|>"]
CANARY = ["<|en|>", "<|de|>", "<|go|>"]
CANARY_TEMPLATE = (
    "{% for part in messages[0]['content'] %}{% if part['type'] == 'text' %}<s><|{{ part['source_language'] }}|>"
    "<|{{ part['target_language'] }}|><|go|>{% endif %}{% endfor %}"
)
MAX_LENGTH = 14


def make_model(model_type: str, vocabulary_size: int) -> Any:
    """Return a random model of a type."""
    import transformers

    ends = {"vocab_size": vocabulary_size, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    start = {"decoder_start_token_id": 1}
    layers = {"encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
    layers |= {"encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
    narrow = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    conformer = {**narrow, "subsampling_conv_channels": 8, "num_mel_bins": 128}
    own: dict[str, Any]
    if model_type == "moonshine":
        name, own = "MoonshineForConditionalGeneration", {"hidden_size": 32, "intermediate_size": 32}
        for side in ("encoder", "decoder"):
            own |= {f"{side}_num_hidden_layers": 2, f"{side}_num_attention_heads": 2}
    elif model_type == "moonshine_streaming":
        narrow |= {"num_key_value_heads": 2, "head_dim": 16}
        name = "MoonshineStreamingForConditionalGeneration"
        own = {**narrow, "encoder_config": {**narrow, "sliding_windows": ((16, 4), (16, 0))}}
    elif model_type == "speech_to_text":
        name, own = "Speech2TextForConditionalGeneration", {"d_model": 32, "conv_channels": 32, **layers}
    elif model_type == "speecht5":
        name, own = "SpeechT5ForSpeechToText", {"hidden_size": 32, **layers, "conv_dim": (16, 16, 16)}
        own |= {"conv_kernel": (10, 3, 3), "conv_stride": (5, 8, 8), "num_conv_pos_embeddings": 16}
        own |= {"num_conv_pos_embedding_groups": 2}
    elif model_type.startswith("seamless"):
        name = "SeamlessM4Tv2ForSpeechToText" if model_type.endswith("v2") else "SeamlessM4TForSpeechToText"
        own = {"hidden_size": 32, **layers, "speech_encoder_layers": 2, "speech_encoder_attention_heads": 2}
        own |= {"speech_encoder_intermediate_size": 32, "num_adapter_layers": 1}
    elif model_type == "canary":
        decoder = {**narrow, **ends, "num_key_value_heads": 2, "head_dim": 16}
        name, own = "CanaryForConditionalGeneration", {"encoder_config": conformer, "decoder_config": decoder}
    else:
        name, own = "CohereAsrForConditionalGeneration", {**narrow, "head_dim": 16, "encoder_config": conformer}
        start = {"decoder_start_token_id": len(SPECIAL)}
    model_class = getattr(transformers, name)
    return model_class(model_class.config_class(**ends | start | own))


def save_processor(folder: Path, model_type: str, byte_tokenizer: Callable[..., Any]) -> int:
    """Write front end and tokenizer; returns the size of the vocabulary."""
    import transformers

    names = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    if model_type in ("speech_to_text", "speecht5"):
        return save_with_sentencepiece(folder, model_type)
    special = [*SPECIAL, *{"cohere_asr": COHERE, "canary": CANARY}.get(model_type, ())]
    tokenizer = byte_tokenizer(folder, special, **names)
    if model_type == "canary":
        front_end = transformers.ParakeetFeatureExtractor(feature_size=128)
        transformers.CanaryProcessor(front_end, tokenizer, chat_template=CANARY_TEMPLATE).save_pretrained(folder)
    elif model_type == "cohere_asr":
        front_end = transformers.CohereAsrFeatureExtractor(feature_size=128, max_audio_clip_s=3.0)
        front_end.overlap_chunk_second = 0.5
        transformers.CohereAsrProcessor(front_end, tokenizer).save_pretrained(folder)
    else:
        is_seamless = model_type.startswith("seamless")
        kind = "SeamlessM4TFeatureExtractor" if is_seamless else "Wav2Vec2FeatureExtractor"
        settings = {} if is_seamless else {"do_normalize": False}
        getattr(transformers, kind)(**settings).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return len(tokenizer)


def save_with_sentencepiece(folder: Path, model_type: str) -> int:
    import transformers

    sentencepiece = pytest.importorskip("sentencepiece")
    text = folder.parent / "text.txt"
    text.write_text("\n".join(["the kettle began to whistle", "a quick brown fox jumps over lazy dogs"] * 20))
    model = folder.parent / "spm"
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(model), vocab_size=40, model_type="bpe", pad_id=0, bos_id=1, eos_id=2,
        unk_id=3, minloglevel=2,
    )  # fmt: skip
    if model_type == "speecht5":
        transformers.SpeechT5FeatureExtractor().save_pretrained(folder)
        tokenizer = transformers.SpeechT5Tokenizer(f"{model}.model")
    else:
        transformers.Speech2TextFeatureExtractor().save_pretrained(folder)
        pieces = sentencepiece.SentencePieceProcessor(model_file=f"{model}.model")
        names = [pieces.id_to_piece(number) for number in range(len(pieces))]
        vocabulary = folder.parent / "vocab.json"
        vocabulary.write_text(json.dumps({name: number for number, name in enumerate(names)}))
        tokenizer = transformers.Speech2TextTokenizer(str(vocabulary), f"{model}.model")
    tokenizer.save_pretrained(folder)
    return len(tokenizer)


@pytest.fixture
def make(tmp_path: Path, byte_tokenizer: Callable[..., Any]) -> Callable[[str], Path]:
    """Write a checkpoint of random weights by model type, whose generation config would not search greedily."""

    def write(model_type: str) -> Path:
        import torch

        torch.manual_seed(5)
        folder = tmp_path / model_type
        folder.mkdir()
        size = save_processor(folder, model_type, byte_tokenizer)
        model = make_model(model_type, size)
        for name, weight in model.named_parameters():  # or every clip would sound alike to it
            if weight.ndim > 1:
                weight.data *= 6 if model_type in ("canary", "cohere_asr") else 3
            if "encoder_attn" in name or "cross" in name:
                weight.data *= 5
        settings = model.generation_config
        settings.max_length = MAX_LENGTH
        settings.update(do_sample=True, temperature=3.0, num_beams=2, repetition_penalty=5.0, no_repeat_ngram_size=1)
        model.save_pretrained(folder)
        edit_config(folder, "generation_config.json", text_decoder_lang_to_code_id={"eng": 4, "deu": 5})
        return folder

    return write


def loaded(folder: Path, **settings: Any) -> Seq2Seq:
    model = Seq2Seq(str(folder), device="cpu", **settings)
    model.load()
    return model


@pytest.mark.parametrize("model_type", TYPES)
def test_a_batch_gives_what_its_samples_give_alone_and_is_greedy(
    make: Callable[[str], Path], batching_changes_nothing: Callable[[Any], None], model_type: str
) -> None:
    model = loaded(make(model_type), tokens_per_second=20)
    batching_changes_nothing(model)


@pytest.mark.parametrize("model_type", TYPES)
def test_the_check_of_batching_passes(
    make: Callable[[str], Path], passes_check_batching: Callable[..., None], model_type: str
) -> None:
    passes_check_batching(f"seq2seq:{make(model_type)}", "--model-arg", "tokens_per_second=20")


def edit_config(folder: Path, name: str = "config.json", **changes: Any) -> Path:
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


def test_the_generation_config_does_not_decide_how_text_is_searched_for(
    make: Callable[[str], Path], request_of: Callable[..., Request], ask: Callable[..., Any], tmp_path: Path
) -> None:
    folder = make("moonshine")
    plain = Path(shutil.copytree(folder, tmp_path / "plain"))
    neutral = {"do_sample": False, "temperature": 1.0, "num_beams": 1, "repetition_penalty": 1.0}
    edit_config(plain, "generation_config.json", **neutral, no_repeat_ngram_size=0)
    batch = [request_of(number, 1.5) for number in range(3)]
    assert ask(loaded(folder), batch) == ask(loaded(plain), batch)
    assert ask(loaded(folder), batch) != ask(loaded(folder), batch, repetition_penalty=5.0)


def test_moonshine_is_stopped_by_the_length_of_its_clip(
    make: Callable[[str], Path], request_of: Callable[..., Request]
) -> None:
    folder = make("moonshine")
    edit_config(folder, "generation_config.json", max_length=180, suppress_tokens=[2])  # it never ends by itself
    model = loaded(folder)
    assert model.identity()["tokens_per_second"] == 6.5

    def num_tokens(seconds: float, **options: Any) -> int:
        [output] = loaded_once.generate([request_of(0, seconds)], GenerationOptions(**options))
        assert output.truncated
        return sum(seen[-1])

    loaded_once, seen = model, []
    generate = model._model.generate

    def spy(**inputs: Any) -> Any:
        ids = generate(**inputs)
        seen.append([ids.shape[1] - 1])
        return ids

    model._model.generate = spy
    assert [num_tokens(2.0), num_tokens(0.1), num_tokens(2.0, max_new_tokens=5)] == [13, 1, 5]
    assert num_tokens(2.0, max_new_tokens=30) == 30  # asked for, whatever the length
    with pytest.raises(RequestError, match="tokens_per_second=-1: expected a number above 0"):
        Seq2Seq(str(folder), tokens_per_second=-1)


@pytest.mark.parametrize("model_type", ["seamless_m4t_v2", "canary"])
def test_languages_are_told_and_translation_is_done(
    make: Callable[[str], Path], request_of: Callable[..., Request], model_type: str
) -> None:
    model = loaded(make(model_type))
    prompts: list[list[int]] = []
    generate = model._model.generate

    def spy(**inputs: Any) -> Any:
        prompts.append(inputs["decoder_input_ids"][0].tolist())
        return generate(**inputs)

    model._model.generate = spy
    batch = [
        request_of(0, 1.0),
        request_of(1, 1.0, language="de"),
        request_of(2, 1.0, answer_language="de"),
        request_of(3, 1.0),
    ]
    assert len(list(model.generate(batch, GenerationOptions()))) == 4
    if model_type == "canary":  # start, speech, text, go
        en, de, go = range(len(SPECIAL), len(SPECIAL) + 3)
        assert prompts == [[1, en, en, go], [1, de, de, go], [1, en, de, go]]
    else:  # start, text
        assert prompts == [[1, 4], [1, 5], [1, 5]]
    assert model.refusal(CoVoST2(Path()), [batch[2].sample]) is None
    assert "cannot be told 'xx'" in str(model.refusal(LibriSpeech(Path()), [request_of(0, 1.0, language="xx").sample]))
    assert "no language is named" in str(model.refusal(LibriSpeech(Path()), [request_of(0, 1.0, language="").sample]))


@pytest.mark.parametrize(
    ("model_type", "prompt"),
    [
        ("moonshine", ""),
        ("seamless_m4t", "__deu__"),
        ("canary", "<s><|en|><|de|><|go|>"),
        ("cohere_asr", "<|en|><|en|>"),
    ],
)
def test_the_prompt_is_shown_before_loading(make: Callable[[str], Path], model_type: str, prompt: str) -> None:
    sample = Sample("a", (AudioRef(Path("x")),), "", ("",), language="en", answer_language="de")
    shown = Seq2Seq(str(make(model_type)), device="cpu").shown_prompt(sample)
    assert prompt in shown if model_type == "cohere_asr" else prompt == shown


def test_a_recording_that_cohere_cuts_is_one_answer(
    make: Callable[[str], Path], request_of: Callable[..., Request], ask: Callable[..., Any]
) -> None:
    model = loaded(make("cohere_asr"))
    batch = [request_of(0, 1.0), request_of(1, 7.0), request_of(2, 2.0)]
    together = ask(model, batch)
    assert together == [ask(model, [one])[0] for one in batch]
    assert len(together[1]) > 1.5 * max(len(together[0]), len(together[2]))


def test_other_conventions_heads_and_tasks_are_refused_at_once(make: Callable[[str], Path]) -> None:
    folder = make("moonshine")
    assert Seq2Seq(str(folder)).refusal(Clotho(Path()), []) == (
        "a checkpoint of model type moonshine transcribes, it does not do captioning"
    )
    assert "does not do translation" in str(Seq2Seq(str(folder)).refusal(CoVoST2(Path()), []))
    with pytest.raises(RequestError, match="its family is whisper:"):
        Seq2Seq(str(edit_config(folder, model_type="whisper")))
    with pytest.raises(RequestError, match="SpeechT5ForTextToSpeech, expected SpeechT5ForSpeechToText"):
        Seq2Seq(str(edit_config(folder, model_type="speecht5", architectures=["SpeechT5ForTextToSpeech"])))


def test_a_missing_library_is_one_line(make: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    folder = edit_config(make("moonshine"), model_type="speech_to_text")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        ModelLoadError, match=r'its tokenizer needs sentencepiece; pip install "otoscope\[sentencepiece\]"'
    ):
        loaded(folder)


def test_missing_weights_are_never_random_ones(make: Callable[[str], Path]) -> None:
    from safetensors.torch import load_file, save_file

    folder = make("moonshine")
    weights = load_file(folder / "model.safetensors")
    del weights["model.encoder.conv1.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelLoadError, match=r"1 weights are missing, first 'model\.encoder\.conv1\.weight'"):
        loaded(folder)
