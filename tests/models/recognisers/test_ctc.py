"""CTC recognisers, on tiny random checkpoints of every model type."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluate.errors import ModelLoadError, ModelOutputError, RequestError
from evaluate.types import AudioRef, GenerationOptions, Request, Sample
from models import create_model
from models.ctc import Ctc
from tasks.clotho import Clotho
from tasks.librispeech import LibriSpeech

LETTERS = "ETAOINSHRDLU"
KIN = {
    "wav2vec2": "Wav2Vec2",
    "hubert": "Hubert",
    "wavlm": "WavLM",
    "unispeech": "UniSpeech",
    "unispeech-sat": "UniSpeechSat",
    "sew": "SEW",
    "sew-d": "SEWD",
    "wav2vec2-conformer": "Wav2Vec2Conformer",
    "data2vec-audio": "Data2VecAudio",
}
CHECKPOINTS = [*(f"{name} {norm}" for name in KIN for norm in ("group", "layer")), "wav2vec2-bert", "parakeet_ctc"]
CHECKPOINTS = [*CHECKPOINTS, "lasr_ctc"]
CHECKPOINTS.remove("data2vec-audio group")  # there is none


def save_letters(folder: Path, vocabulary: Any = None, **settings: Any) -> None:
    """Write the tokenizer of wav2vec2 and its kin."""
    from transformers import Wav2Vec2CTCTokenizer

    symbols = ["<pad>", "<s>", "</s>", "<unk>", "|", *LETTERS]
    file = folder.parent / "vocab.json"
    file.write_text(json.dumps(vocabulary or {symbol: number for number, symbol in enumerate(symbols)}))
    Wav2Vec2CTCTokenizer(str(file), **settings).save_pretrained(folder)


def make_kin(folder: Path, model_type: str, norm: str, **settings: Any) -> None:
    """Write a checkpoint of wav2vec2 or one of its kin."""
    import transformers
    from transformers import Wav2Vec2FeatureExtractor

    prefix = KIN[model_type]
    own: dict[str, Any] = {"squeeze_factor": 2} if model_type.startswith("sew") else {}
    if model_type == "data2vec-audio":
        own = {"conv_pos_kernel_size": 5, "num_conv_pos_embeddings": 2}
    shape = {
        "vocab_size": 5 + len(LETTERS),
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "conv_dim": (16, 16, 16),
        "conv_kernel": (10, 3, 3),
        "conv_stride": (5, 8, 8),
        "num_conv_pos_embeddings": 16,
        "num_conv_pos_embedding_groups": 2,
        "feat_extract_norm": norm,
        "pad_token_id": 0,
    }
    config = getattr(transformers, f"{prefix}Config")(**shape | own | settings)
    getattr(transformers, f"{prefix}ForCTC")(config).save_pretrained(folder)
    # As the released ones do it: no mask where the norm is over the group.
    Wav2Vec2FeatureExtractor(return_attention_mask=norm == "layer").save_pretrained(folder)
    if not settings:
        save_letters(folder)


def make_other(folder: Path, model_type: str, byte_tokenizer: Callable[..., Any]) -> None:
    """Write a checkpoint that is fed mel frames."""
    import transformers

    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    if model_type == "wav2vec2-bert":
        config = transformers.Wav2Vec2BertConfig(
            vocab_size=5 + len(LETTERS), feature_projection_input_dim=160, pad_token_id=0, **shape
        )
        transformers.Wav2Vec2BertForCTC(config).save_pretrained(folder)
        transformers.SeamlessM4TFeatureExtractor(feature_size=80).save_pretrained(folder)
        return save_letters(folder)
    tokenizer = byte_tokenizer(folder, ["<pad>", "<unk>"], pad_token="<pad>", unk_token="<unk>")
    vocabulary = {"vocab_size": len(tokenizer), "pad_token_id": 0}
    if model_type == "parakeet_ctc":
        encoder = {**shape, "subsampling_conv_channels": 8}
        parakeet = transformers.ParakeetCTCConfig(**vocabulary, encoder_config=encoder)
        transformers.ParakeetForCTC(parakeet).save_pretrained(folder)
        front_end = transformers.ParakeetFeatureExtractor()
    else:
        encoder = {**shape, "subsampling_conv_channels": 8, "num_mel_bins": 128}
        lasr = transformers.LasrCTCConfig(**vocabulary, encoder_config=encoder)
        transformers.LasrForCTC(lasr).save_pretrained(folder)
        front_end = transformers.LasrFeatureExtractor()
    front_end.save_pretrained(folder)
    return tokenizer.save_pretrained(folder)  # type: ignore[no-any-return]


@pytest.fixture
def make(tmp_path: Path, byte_tokenizer: Callable[..., Any]) -> Callable[[str], Path]:
    """Write a checkpoint of random weights by model type and, of wav2vec2's kin, normalisation."""

    def write(kind: str, **settings: Any) -> Path:
        import torch

        torch.manual_seed(1)
        folder = tmp_path / kind.replace(" ", "-")
        folder.mkdir()
        model_type, _, norm = kind.partition(" ")
        if norm:
            make_kin(folder, model_type, norm, **settings)
        else:
            make_other(folder, model_type, byte_tokenizer)
        return folder

    return write


def loaded(folder: Path, **settings: Any) -> Ctc:
    model = Ctc(str(folder), device="cpu", **settings)
    model.load()
    return model


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")  # of torch, about transformers' WavLM
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")  # and about LASR, the released too
@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_a_batch_gives_what_its_samples_give_alone(
    make: Callable[[str], Path], batching_changes_nothing: Callable[[Any], None], kind: str
) -> None:
    batching_changes_nothing(loaded(make(kind)))


@pytest.mark.filterwarnings("ignore:Support for mismatched key_padding_mask")
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("kind", CHECKPOINTS)
def test_the_check_of_batching_passes(
    make: Callable[[str], Path], passes_check_batching: Callable[..., None], kind: str
) -> None:
    passes_check_batching(f"ctc:{make(kind)}")


@pytest.mark.parametrize("kind", ["wav2vec2 group", "wav2vec2 layer", "parakeet_ctc"])
def test_answers_are_those_of_a_plain_loop(
    make: Callable[[str], Path], request_of: Callable[..., Request], ask: Callable[..., Any], kind: str
) -> None:
    import torch
    from transformers import AutoFeatureExtractor, AutoModelForCTC, AutoTokenizer

    folder = make(kind)
    batch = [request_of(number, seconds) for number, seconds in enumerate([1.0, 0.5, 2.2])]
    model = AutoModelForCTC.from_pretrained(folder, dtype=torch.float32).eval()
    front_end, tokenizer = AutoFeatureExtractor.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    expected = []
    for request in batch:
        inputs = front_end(request.waveforms[0], sampling_rate=16_000, return_tensors="pt")
        with torch.inference_mode():
            best = model(**inputs).logits.argmax(-1)[0].tolist()
        best = [one for one, before in zip(best, [None, *best], strict=False) if one != before]
        # The special tokens of a random model's mouth are not part of what is written down.
        expected.append(
            tokenizer.decode([one for one in best if one != 0], skip_special_tokens=True, group_tokens=False)
        )
    assert ask(loaded(folder), batch) == expected


def test_double_letters_survive_and_special_tokens_do_not(make: Callable[[str], Path]) -> None:
    model = loaded(make("wav2vec2 layer"))
    t, o, blank, space, start = 6, 8, 0, 4, 1
    assert model._text([t, t, blank, t, space, start, o, o, blank, blank, o, space]) == "TT OO"


def edit_config(folder: Path, **changes: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


def test_checkpoints_of_another_convention_are_refused_at_once(make: Callable[[str], Path]) -> None:
    folder = make("wav2vec2 group")
    with pytest.raises(RequestError, match="architectures|Wav2Vec2ForPreTraining, which has no CTC head"):
        Ctc(str(edit_config(folder, architectures=["Wav2Vec2ForPreTraining"])))
    for model_type, family in {"whisper": "whisper", "moonshine": "seq2seq", "parakeet_tdt": "transducer"}.items():
        with pytest.raises(RequestError, match=f"is not called the way of ctc:; its family is {family}:"):
            create_model(f"ctc:{edit_config(folder, model_type=model_type)}", device="cpu", dtype="auto", arguments={})
    with pytest.raises(RequestError, match="see otoscope models for other families"):
        Ctc(str(edit_config(folder, model_type="bert")))


def test_only_recognition_of_one_clip_is_done(make: Callable[[str], Path]) -> None:
    model = Ctc(str(make("wav2vec2 group")), device="cpu")
    clip = AudioRef(Path("x"))
    assert model.refusal(LibriSpeech(Path()), [Sample("a", (clip,), "", ("",))]) is None
    assert model.refusal(Clotho(Path()), []) == "a checkpoint of ctc: transcribes, it does not do captioning"
    two = Sample("a", (clip, clip), "", ("",))
    assert model.refusal(LibriSpeech(Path()), [two]) == "it hears one clip, sample 'a' has 2"


def test_options_of_generation_mean_nothing_and_are_refused(
    make: Callable[[str], Path], librispeech: Path, otoscope: Callable[..., Any], tmp_path: Path
) -> None:
    command = (
        "eval",
        "--task",
        "librispeech:test-clean",
        "--model",
        f"ctc:{make('wav2vec2 group')}",
        "--device",
        "cpu",
    )
    places = ("--data-dir", librispeech, "--results-dir", tmp_path / "results")
    result = otoscope(*command, *places, "--gen", "num_beams=4")
    assert (result.status, result.stdout) == (2, "")
    assert "error: --gen num_beams: ctc:wav2vec2-group does not generate" in result.stderr
    # A published protocol states a token limit for whatever model.
    result = otoscope(*command, *places, "--protocol", "qwen-audio", "--json")
    assert result.status == 0, result.stderr


def test_dtype_is_chosen_and_recorded(
    make: Callable[[str], Path], request_of: Callable[..., Request], ask: Callable[..., Any]
) -> None:
    model = loaded(make("wav2vec2 layer"), dtype="bfloat16")
    assert (model.device, model.identity()["dtype"]) == ("cpu", "bfloat16")
    assert ask(model, [request_of(0, 1.0)])[0]


def test_a_clip_below_the_receptive_field_fails_alone_and_says_so(
    make: Callable[[str], Path], request_of: Callable[..., Request]
) -> None:
    model = loaded(make("wav2vec2 group"))
    with pytest.raises(ModelOutputError, match=r"the clip has 99 audio frames, the model hears none shorter than 100"):
        list(model.generate([request_of(0, 99 / 16_000)], GenerationOptions()))
    # By hand: one frame needs 3 of the second layer, these (3 - 1) * 8 + 3 = 19 of the first, (19 - 1) * 5 + 10 = 100.
    assert list(model.generate([request_of(0, 100 / 16_000)], GenerationOptions()))


def test_a_clip_without_finite_features_is_no_answer(
    make: Callable[[str], Path], request_of: Callable[..., Request]
) -> None:
    model = loaded(make("parakeet_ctc"))
    broken = Request(request_of(0, 1.0).sample, (np.full(16_000, np.nan, dtype=np.float32),))
    for request in (broken, request_of(0, 0.001)):
        with pytest.raises(ModelOutputError, match="no finite features"):
            list(model.generate([request], GenerationOptions()))


def without_weight(folder: Path, part: str) -> None:
    from safetensors.torch import load_file, save_file

    file = folder / "model.safetensors"
    weights = {name: weight for name, weight in load_file(file).items() if part not in name}
    save_file(weights, file, metadata={"format": "pt"})


def test_weights_may_be_missing_only_where_training_alone_uses_them(make: Callable[[str], Path]) -> None:
    folder = make("wav2vec2 group")
    without_weight(folder, "masked_spec_embed")  # as in wav2vec2-base-960h
    loaded(folder)
    without_weight(folder, "lm_head")
    with pytest.raises(ModelLoadError, match=r"2 weights are missing, first 'lm_head.bias'"):
        loaded(folder)
    (folder / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelLoadError, match="the checkpoint does not load"):
        loaded(folder)


def test_a_language_model_beside_the_checkpoint_is_not_asked(
    make: Callable[[str], Path], request_of: Callable[..., Request], ask: Callable[..., Any], tmp_path: Path
) -> None:
    folder = make("wav2vec2 layer")
    plain = ask(loaded(folder), [request_of(0, 1.0)])
    with_model = tmp_path / "with-language-model"
    shutil.copytree(folder, with_model)
    (with_model / "language_model").mkdir()
    config = with_model / "preprocessor_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "processor_class": "Wav2Vec2ProcessorWithLM"}))
    assert ask(loaded(with_model), [request_of(0, 1.0)]) == plain


@pytest.fixture
def two_languages(make: Callable[..., Path]) -> Path:
    """A checkpoint as of MMS: an adapter and a head for each of two languages with alphabets of their own."""
    import torch
    from safetensors.torch import save_file
    from transformers import Wav2Vec2ForCTC

    folder = make("wav2vec2 layer", adapter_attn_dim=4, do_stable_layer_norm=True)
    symbols = ["<pad>", "<s>", "</s>", "<unk>", "|"]
    alphabets = {"eng": [*symbols, *LETTERS], "rus": [*symbols, *"ОЕАИНТ"]}
    save_letters(
        folder,
        {language: {symbol: number for number, symbol in enumerate(own)} for language, own in alphabets.items()},
        target_lang="eng",
    )
    model = Wav2Vec2ForCTC.from_pretrained(folder)
    for language, own in alphabets.items():
        weights = dict(model._get_adapters().items())
        weights = {name: torch.randn(weight.shape) * 0.1 for name, weight in weights.items() if "lm_head" not in name}
        weights |= {"lm_head.weight": torch.randn(len(own), 16), "lm_head.bias": torch.zeros(len(own))}
        save_file(weights, folder / f"adapter.{language}.safetensors", metadata={"format": "pt"})
    return folder


def test_a_language_is_read_with_its_own_adapter(
    two_languages: Path, request_of: Callable[..., Request], ask: Callable[..., Any]
) -> None:
    requests = [request_of(number, 1.0) for number in range(3)]
    russian = loaded(two_languages, language="rus")
    assert russian.identity()["language"] == "rus"
    assert set("".join(map(str, ask(russian, requests)))) <= set("ОЕАИНТ ")
    assert set("".join(map(str, ask(loaded(two_languages, language="eng"), requests)))) <= set(LETTERS + " ")
    with pytest.raises(ModelLoadError, match="the checkpoint does not load"):
        loaded(two_languages, language="xxx")


def test_a_language_for_a_checkpoint_without_adapters_is_refused(make: Callable[[str], Path]) -> None:
    with pytest.raises(RequestError, match="has no adapters for languages"):
        Ctc(str(make("wav2vec2 group")), language="fra")
