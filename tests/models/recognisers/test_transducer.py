"""Transducers, on tiny random checkpoints of every model type."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluate.errors import ModelLoadError, RequestError
from evaluate.types import AudioRef, GenerationOptions, Request, Sample
from models.transducer import Transducer
from tasks.clotho import Clotho
from tasks.librispeech import LibriSpeech

TYPES = ["parakeet_rnnt", "parakeet_tdt", "nemotron_asr_streaming", "nemotron3_5_asr"]
BLANK_BIAS = 0.3  # of a random joint network, which would else hardly ever move on
SCALE = {"nemotron3_5_asr": 8}  # it has layers more


@pytest.fixture
def make(tmp_path: Path, byte_tokenizer: Callable[..., Any]) -> Callable[[str], Path]:
    """Write a checkpoint of random weights by model type."""

    def write(model_type: str) -> Path:
        import torch
        import transformers

        torch.manual_seed(3)
        folder = tmp_path / model_type
        folder.mkdir()
        special = ["<pad>", "<unk>", "<blank>"]
        tokenizer = byte_tokenizer(
            folder, special, transformers.ParakeetTokenizer, pad_token="<pad>", unk_token="<unk>"
        )
        encoder = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
        encoder |= {"subsampling_conv_channels": 8, "num_mel_bins": 80}
        shape = {"vocab_size": len(tokenizer), "pad_token_id": 0, "blank_token_id": 2, "max_symbols_per_step": 3}
        shape |= {"decoder_hidden_size": 16, "num_decoder_layers": 1, "encoder_config": encoder}
        if model_type.startswith("parakeet"):
            front_end = transformers.ParakeetFeatureExtractor()
            processor = transformers.ParakeetProcessor(front_end, tokenizer)
            kind = model_type.removeprefix("parakeet_").upper()
            config = getattr(transformers, f"Parakeet{kind}Config")(**shape)
            model = getattr(transformers, f"ParakeetFor{kind}")(config)
        else:
            name = "NemotronAsrStreaming" if model_type == "nemotron_asr_streaming" else "Nemotron3_5Asr"
            front_end = transformers.NemotronAsrStreamingFeatureExtractor(feature_size=80)
            prompts = {"prompt_dictionary": {"en": 0, "de-DE": 1, "auto": 2}, "num_prompts": 3}
            config_class = getattr(transformers, f"{name}Config")
            if model_type == "nemotron_asr_streaming":
                prompts, config = {}, config_class(**shape)
            else:
                config = config_class(**shape, num_prompts=3, prompt_intermediate_size=8, default_prompt_id=2)
            processor = getattr(transformers, f"{name}Processor")(front_end, tokenizer, **prompts)
            model = getattr(transformers, f"{name}ForRNNT")(config)
        for weight in model.parameters():
            weight.data *= SCALE.get(model_type, 4)  # or every clip would sound alike to it
        model.joint.head.bias.data[2] += BLANK_BIAS
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        return folder

    return write


def loaded(folder: Path, **settings: Any) -> Transducer:
    model = Transducer(str(folder), device="cpu", **settings)
    model.load()
    return model


@pytest.mark.parametrize("model_type", TYPES)
def test_a_batch_gives_what_its_samples_give_alone(
    make: Callable[[str], Path], batching_changes_nothing: Callable[[Any], None], model_type: str
) -> None:
    batching_changes_nothing(loaded(make(model_type)))


@pytest.mark.parametrize("model_type", TYPES)
def test_the_check_of_batching_passes(
    make: Callable[[str], Path], passes_check_batching: Callable[..., None], model_type: str
) -> None:
    passes_check_batching(f"transducer:{make(model_type)}")


@pytest.mark.parametrize("model_type", TYPES)
def test_answers_are_those_of_a_plain_loop(
    make: Callable[[str], Path], request_of: Callable[..., Request], ask: Callable[..., Any], model_type: str
) -> None:
    import torch
    from transformers import AutoModelForRNNT, AutoModelForTDT, AutoProcessor

    folder = make(model_type)
    batch = [request_of(number, seconds) for number, seconds in enumerate([1.0, 0.5, 2.2])]
    auto = AutoModelForTDT if model_type == "parakeet_tdt" else AutoModelForRNNT
    model = auto.from_pretrained(folder, dtype=torch.float32).eval()
    model.generation_config.decoder_start_token_id = 2
    processor = AutoProcessor.from_pretrained(folder)
    told = {"language": "en"} if model_type == "nemotron3_5_asr" else {}
    expected = []
    for request in batch:
        inputs = processor(request.waveforms[0], sampling_rate=16_000, return_tensors="pt", **told)
        with torch.inference_mode():
            ids = model.generate(**inputs, max_new_tokens=1000).sequences[0]
        expected.append(processor.tokenizer.decode(ids, skip_special_tokens=True, group_tokens=False))
    assert ask(loaded(folder), batch) == expected


def test_a_decoder_that_never_moves_on_is_cut_and_recorded(
    make: Callable[[str], Path], request_of: Callable[..., Request]
) -> None:
    model = loaded(make("parakeet_tdt"))
    bias = model._model.joint.head.bias.data
    bias[2] = -1e4  # no blank, which always moves
    bias[-5:] = 0.0
    bias[-5] = 1e4  # nor any duration but 0, which is likelier than all symbols and must not be taken for one
    batch = [request_of(0, 0.9), request_of(1, 1.7)]
    together = {output.sample_id: output for output in model.generate(batch, GenerationOptions())}
    for request in batch:
        [alone] = model.generate([request], GenerationOptions())
        assert alone.truncated
        assert together[request.sample.id] == alone
    assert len(together["s0"].text or "") < len(together["s1"].text or "")


def test_an_answer_that_ends_by_itself_is_not_truncated(
    make: Callable[[str], Path], request_of: Callable[..., Request]
) -> None:
    for output in loaded(make("parakeet_rnnt")).generate([request_of(0, 0.9), request_of(1, 1.7)], GenerationOptions()):
        assert output.truncated is False


def test_the_language_is_told_where_the_checkpoint_has_prompts(
    make: Callable[[str], Path], request_of: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = loaded(make("nemotron3_5_asr"))
    told: list[list[int]] = []
    generate = model._model.generate

    def spy(**inputs: Any) -> Any:
        told.append(inputs["prompt_ids"].tolist())
        return generate(**inputs)

    monkeypatch.setattr(model._model, "generate", spy)
    batch = [request_of(number, 1.0, language=language) for number, language in enumerate(["en", "de", "", "en"])]
    outputs = list(model.generate(batch, GenerationOptions()))
    assert told == [[0, 0], [1], [2]]  # by name, by the only region there is, left to the model
    assert {output.sample_id for output in outputs} == {"s0", "s1", "s2", "s3"}
    french = [Sample("a", (AudioRef(Path("x")),), "", ("",), language="fr")]
    assert model.refusal(LibriSpeech(Path()), french) == "the checkpoint has no prompt for speech in 'fr'"
    assert model.refusal(LibriSpeech(Path()), [request.sample for request in batch]) is None


def edit_config(folder: Path, **changes: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder


def test_other_conventions_other_tasks_and_options_are_refused(make: Callable[[str], Path]) -> None:
    folder = make("parakeet_rnnt")
    model = Transducer(str(folder), device="cpu")
    assert model.refusal(Clotho(Path()), []) == "a checkpoint of transducer: transcribes, it does not do captioning"
    assert {"num_beams", "temperature", "max_new_tokens"} <= model.idle_options
    with pytest.raises(RequestError, match="its family is ctc:"):
        Transducer(str(edit_config(folder, model_type="parakeet_ctc")))


def test_missing_weights_are_never_random_ones(make: Callable[[str], Path]) -> None:
    from safetensors.torch import load_file, save_file

    folder = make("parakeet_tdt")
    weights = load_file(folder / "model.safetensors")
    del weights["joint.head.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelLoadError, match=r"1 weights are missing, first 'joint\.head\.weight'"):
        loaded(folder)


def test_dtype_is_chosen_and_recorded(make: Callable[[str], Path], request_of: Callable[..., Request]) -> None:
    model = loaded(make("parakeet_rnnt"), dtype="bfloat16")
    assert (model.device, model.identity()["dtype"]) == ("cpu", "bfloat16")
    assert list(model.generate([request_of(0, 1.0)], GenerationOptions()))
