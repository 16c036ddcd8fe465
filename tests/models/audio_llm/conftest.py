"""Tiny random checkpoints of the model types that run offline, each saved as its authors' files are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BYTE_TOKENS = 256
HIDDEN = 16
SPECIAL = {
    "pad": "<|endoftext|>",
    "start": "<|im_start|>",
    "end": "<|im_end|>",
    "audio": "<|AUDIO|>",
    "audio_bos": "<|audio_bos|>",
    "audio_eos": "<|audio_eos|>",
    "en": "<|en|>",
}
IDS = {name: BYTE_TOKENS + number for number, name in enumerate(SPECIAL)}
VOCABULARY = BYTE_TOKENS + len(SPECIAL)
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'audio' %}<|audio_bos|><|AUDIO|><|audio_eos|>\n{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}"
    "{% if not (continue_final_message and loop.last) %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] + '\n' + message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEXT = {
    "vocab_size": VOCABULARY,
    "hidden_size": HIDDEN,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "bos_token_id": None,
    "eos_token_id": IDS["end"],
    "pad_token_id": IDS["pad"],
}
WHISPER_LIKE = {
    "num_mel_bins": 80,
    "d_model": HIDDEN,
    "encoder_layers": 1,
    "encoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
}


def make_tokenizer() -> Any:
    """A tokenizer of single bytes, with the marks of a turn and of a clip."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE({token: number for number, token in enumerate(alphabet)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens(list(SPECIAL.values()))
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        eos_token=SPECIAL["end"],
        pad_token=SPECIAL["pad"],
        extra_special_tokens={f"{name}_token": SPECIAL[name] for name in ("audio", "audio_bos", "audio_eos")},
        chat_template=TEMPLATE,
    )


def whisper_features(num_mel_bins: int = 80) -> Any:
    from transformers import WhisperFeatureExtractor

    return WhisperFeatureExtractor(feature_size=num_mel_bins)


def qwen2_audio() -> tuple[Any, Any]:
    from transformers import Qwen2AudioConfig, Qwen2AudioForConditionalGeneration, Qwen2AudioProcessor

    config = Qwen2AudioConfig(
        audio_config={"model_type": "qwen2_audio_encoder", **WHISPER_LIKE},
        text_config={"model_type": "qwen2", **TEXT},
        audio_token_index=IDS["audio"],
    )
    processor = Qwen2AudioProcessor(whisper_features(), make_tokenizer(), chat_template=TEMPLATE)
    return Qwen2AudioForConditionalGeneration(config), processor


FLAMINGO = {
    "num_mel_bins": 80,
    "hidden_size": HIDDEN,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}


def audioflamingo3() -> tuple[Any, Any]:
    from transformers import AudioFlamingo3Config, AudioFlamingo3ForConditionalGeneration, AudioFlamingo3Processor

    config = AudioFlamingo3Config(
        audio_config={"model_type": "audioflamingo3_encoder", **FLAMINGO},
        text_config={"model_type": "qwen2", **TEXT},
        audio_token_id=IDS["audio"],
    )
    processor = AudioFlamingo3Processor(
        whisper_features(), make_tokenizer(), chat_template=TEMPLATE, audio_token=SPECIAL["audio"]
    )
    return AudioFlamingo3ForConditionalGeneration(config), processor


def glmasr() -> tuple[Any, Any]:
    from transformers import GlmAsrConfig, GlmAsrForConditionalGeneration, GlmAsrProcessor

    config = GlmAsrConfig(
        audio_config={"model_type": "glmasr_encoder", **FLAMINGO, "intermediate_size": 4 * HIDDEN},
        text_config={"model_type": "llama", **TEXT},
        audio_token_id=IDS["audio"],
    )
    processor = GlmAsrProcessor(
        whisper_features(), make_tokenizer(), chat_template=TEMPLATE, audio_token=SPECIAL["audio"]
    )
    return GlmAsrForConditionalGeneration(config), processor


def qwen3_asr() -> tuple[Any, Any]:
    from transformers import (
        Qwen3ASRConfig,
        Qwen3ASRFeatureExtractor,
        Qwen3ASRForConditionalGeneration,
        Qwen3ASRProcessor,
    )

    config = Qwen3ASRConfig(
        audio_config={
            "model_type": "qwen3_asr_encoder",
            **WHISPER_LIKE,
            "num_mel_bins": 128,
            "downsample_hidden_size": 8,
            "output_dim": HIDDEN,
        },
        text_config={"model_type": "qwen3", **TEXT, "head_dim": 8},
        audio_token_id=IDS["audio"],
        pad_token_id=IDS["pad"],
        eos_token_id=IDS["end"],
        tie_word_embeddings=False,
    )
    processor = Qwen3ASRProcessor(Qwen3ASRFeatureExtractor(), make_tokenizer(), chat_template=TEMPLATE)
    return Qwen3ASRForConditionalGeneration(config), processor


def musicflamingo() -> tuple[Any, Any]:
    from transformers import MusicFlamingoConfig, MusicFlamingoForConditionalGeneration, MusicFlamingoProcessor

    config = MusicFlamingoConfig(
        audio_config={"model_type": "audioflamingo3_encoder", **FLAMINGO},
        text_config={"model_type": "qwen2", **TEXT},
        audio_token_id=IDS["audio"],
        audio_bos_token_id=IDS["audio_bos"],
        audio_eos_token_id=IDS["audio_eos"],
    )
    marks = {f"{name}_token": SPECIAL[name] for name in ("audio", "audio_bos", "audio_eos")}
    processor = MusicFlamingoProcessor(
        whisper_features(),
        make_tokenizer(),
        chat_template=TEMPLATE.replace("<|audio_bos|><|AUDIO|><|audio_eos|>", "<|AUDIO|>"),
        **marks,
    )
    return MusicFlamingoForConditionalGeneration(config), processor


def moss_transcribe_diarize() -> tuple[Any, Any]:
    from transformers import (
        MossTranscribeDiarizeConfig,
        MossTranscribeDiarizeFeatureExtractor,
        MossTranscribeDiarizeForConditionalGeneration,
        MossTranscribeDiarizeProcessor,
    )

    config = MossTranscribeDiarizeConfig(
        audio_config={"model_type": "moss_transcribe_diarize_audio", **FLAMINGO},
        text_config={"model_type": "qwen3", **TEXT, "head_dim": 8},
        audio_token_id=IDS["audio"],
        tie_word_embeddings=False,
    )
    marks = {f"{name}_token": SPECIAL[name] for name in ("audio", "audio_bos", "audio_eos")}
    processor = MossTranscribeDiarizeProcessor(
        MossTranscribeDiarizeFeatureExtractor(), make_tokenizer(), chat_template=TEMPLATE, **marks
    )
    return MossTranscribeDiarizeForConditionalGeneration(config), processor


def granite_speech() -> tuple[Any, Any]:
    require_torchaudio()
    from transformers import (
        GraniteSpeechConfig,
        GraniteSpeechFeatureExtractor,
        GraniteSpeechForConditionalGeneration,
        GraniteSpeechProcessor,
    )

    config = GraniteSpeechConfig(
        encoder_config={
            "model_type": "granite_speech_encoder",
            "num_layers": 2,
            "hidden_dim": HIDDEN,
            "num_heads": 2,
            "dim_head": 8,
            "context_size": 50,
        },
        projector_config={
            "model_type": "blip_2_qformer",
            "hidden_size": HIDDEN,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 32,
            "encoder_hidden_size": HIDDEN,
        },
        text_config={"model_type": "granite", **TEXT},
        audio_token_index=IDS["audio"],
        has_lora_adapter=False,
        tie_word_embeddings=False,
    )
    # As released: the template knows texts alone, and a clip is a placeholder in one.
    processor = GraniteSpeechProcessor(
        GraniteSpeechFeatureExtractor(), make_tokenizer(), audio_token=SPECIAL["audio"], chat_template=TEXT_TEMPLATE
    )
    return GraniteSpeechForConditionalGeneration(config), processor


def fun_asr_nano() -> tuple[Any, Any]:
    require_torchaudio()
    from transformers import (
        FunAsrNanoConfig,
        FunAsrNanoFeatureExtractor,
        FunAsrNanoForConditionalGeneration,
        FunAsrNanoProcessor,
    )

    small = {"hidden_size": HIDDEN, "num_attention_heads": 2, "intermediate_size": 32, "num_hidden_layers": 2}
    config = FunAsrNanoConfig(
        audio_config={"model_type": "fun_asr_nano_encoder", **small, "num_timestamp_prediction_layers": 1},
        adaptor_config={**small, "intermediate_size": HIDDEN // 4, "projector_hidden_size": 32},
        text_config={"model_type": "qwen3", **TEXT, "head_dim": 8},
        audio_token_id=IDS["audio"],
        tie_word_embeddings=False,
    )
    processor = FunAsrNanoProcessor(
        FunAsrNanoFeatureExtractor(), make_tokenizer(), chat_template=TEMPLATE, audio_token=SPECIAL["audio"]
    )
    return FunAsrNanoForConditionalGeneration(config), processor


def voxtral(folder: Path) -> tuple[Any, Any]:
    pytest.importorskip("mistral_common")
    import json

    from transformers import VoxtralConfig, VoxtralForConditionalGeneration, VoxtralProcessor
    from transformers.tokenization_mistral_common import MistralCommonBackend

    path = folder.parent / "tekken.json"  # saving a tokenizer copies it
    path.write_text(json.dumps(tekken()))
    tokenizer = MistralCommonBackend(path)
    config = VoxtralConfig(
        audio_config={"model_type": "voxtral_encoder", **FLAMINGO, "intermediate_size": 4 * HIDDEN},
        text_config={
            **{"model_type": "llama", **TEXT, "vocab_size": MISTRAL_MARKS + BYTE_TOKENS, "head_dim": 8},
            **{"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 11},
        },
        audio_token_id=24,
    )
    return VoxtralForConditionalGeneration(config), VoxtralProcessor(whisper_features(), tokenizer)


MISTRAL_MARKS = 40


def tekken() -> dict[str, Any]:
    """A tokenizer file of single bytes, with the marks of Voxtral's in their places."""
    import base64

    from mistral_common.tokens.tokenizers.base import SpecialTokens

    marks = {0: "<unk>", 1: "<s>", 2: "</s>", 3: "[INST]", 4: "[/INST]", 11: "<pad>"}
    marks |= {17: "[SYSTEM_PROMPT]", 18: "[/SYSTEM_PROMPT]", 24: "[AUDIO]", 25: "[BEGIN_AUDIO]", 34: "[TRANSCRIBE]"}
    places = (number for number in range(MISTRAL_MARKS) if number not in marks)
    marks |= dict(zip(places, (one.value for one in SpecialTokens if one.value not in marks.values()), strict=False))
    return {
        "config": {
            "pattern": ".",
            "num_vocab_tokens": BYTE_TOKENS,
            "default_vocab_size": MISTRAL_MARKS + BYTE_TOKENS,
            "default_num_special_tokens": MISTRAL_MARKS,
            "version": "v13",
        },
        "vocab": [
            {"rank": number, "token_bytes": base64.b64encode(bytes([number])).decode(), "token_str": None}
            for number in range(BYTE_TOKENS)
        ],
        "special_tokens": [
            {"rank": number, "token_str": marks.get(number, f"<mark_{number}>"), "is_control": True}
            for number in range(MISTRAL_MARKS)
        ],
        "audio": {
            "sampling_rate": 16_000,
            "frame_rate": 12.5,
            "chunk_length_s": 30.0,
            "audio_encoding_config": {"num_mel_bins": 80, "hop_length": 160, "window_size": 400},
        },
    }


VISION = {"depth": 1, "hidden_size": HIDDEN, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": HIDDEN}


def require_torchvision() -> None:
    """Skip where torchvision is not there, or is for another build of torch: image processors need it."""
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"needs torchvision: {error}")


def qwen2_5_omni() -> tuple[Any, Any]:
    require_torchvision()
    from transformers import (
        Qwen2_5OmniProcessor,
        Qwen2_5OmniThinkerConfig,
        Qwen2_5OmniThinkerForConditionalGeneration,
        Qwen2VLImageProcessor,
        Qwen2VLVideoProcessor,
        WhisperFeatureExtractor,
    )

    config = Qwen2_5OmniThinkerConfig(
        audio_config={"model_type": "qwen2_5_omni_audio_encoder", **WHISPER_LIKE, "output_dim": HIDDEN},
        vision_config={"model_type": "qwen2_5_omni_vision_encoder", **VISION},
        text_config={
            **{"model_type": "qwen2_5_omni_text", **TEXT},
            "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [1, 1, 2]},
        },
        audio_token_index=IDS["audio"],
        image_token_index=VOCABULARY - 1,
        video_token_index=VOCABULARY - 2,
        vision_start_token_id=VOCABULARY - 3,
        audio_start_token_id=IDS["audio_bos"],
    )
    processor = Qwen2_5OmniProcessor(
        Qwen2VLImageProcessor(),
        Qwen2VLVideoProcessor(),
        WhisperFeatureExtractor(feature_size=80, chunk_length=300),
        omni_tokenizer(),
        chat_template=TEMPLATE,
    )
    return Qwen2_5OmniThinkerForConditionalGeneration(config), processor


def omni_tokenizer() -> Any:
    """The same tokenizer, with the names of marks that pictures have."""
    tokenizer = make_tokenizer()
    for name in ("image_token", "video_token", "vision_bos_token", "vision_eos_token"):
        tokenizer._set_model_specific_special_tokens({name: SPECIAL["en"]})
    return tokenizer


BUILDERS: dict[str, Callable[..., tuple[Any, Any]]] = {
    "qwen2_audio": qwen2_audio,
    "audioflamingo3": audioflamingo3,
    "glmasr": glmasr,
    "qwen3_asr": qwen3_asr,
    "musicflamingo": musicflamingo,
    "moss_transcribe_diarize": moss_transcribe_diarize,
    "granite_speech": granite_speech,
    "fun_asr_nano": fun_asr_nano,
    "voxtral": voxtral,
    "qwen2_5_omni": qwen2_5_omni,
}


def require_torchaudio() -> None:
    """Skip where torchaudio is not there, or is for another build of torch."""
    try:
        import torchaudio  # noqa: F401
    except (ImportError, OSError) as error:
        pytest.skip(f"needs torchaudio: {error}")


def special_ids(model_type: str) -> slice:
    return slice(MISTRAL_MARKS) if model_type == "voxtral" else slice(BYTE_TOKENS, None)


def save_checkpoint(model_type: str, folder: Path) -> Path:
    """Save a model of a type whose answers depend on what it hears, with weights far larger than training starts at."""
    import torch

    torch.manual_seed(0)
    model, processor = BUILDERS[model_type](*([folder] if model_type == "voxtral" else []))
    for name, weight in model.named_parameters():
        if weight.dim() > 1 and "norm" not in name:
            torch.nn.init.normal_(weight, std=1.5 * weight[0].numel() ** -0.5 if "embed" not in name else 1.0)
    with torch.no_grad():
        output = model.get_output_embeddings().weight
        output[special_ids(model_type)] = 0.0  # so none of them is the likeliest
    model.generation_config.eos_token_id = 2 if model_type == "voxtral" else IDS["end"]
    model.generation_config.pad_token_id = 11 if model_type == "voxtral" else IDS["pad"]
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Tiny checkpoints by model type, made once."""
    made: dict[str, Path] = {}

    def find(model_type: str) -> Path:
        if model_type not in made:
            made[model_type] = save_checkpoint(model_type, tmp_path_factory.mktemp("tiny") / f"{model_type}-instruct")
        return made[model_type]

    return find
