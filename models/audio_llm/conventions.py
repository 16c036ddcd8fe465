"""How the model types of transformers differ in what they are given, one row each; the adapter knows no type by name.

A row says of a type, not of a checkpoint, what its processor accepts and how long a clip it hears. Read off the
processors of transformers 5.23.
"""

from dataclasses import dataclass
from math import inf
from operator import attrgetter
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Transcription:
    """The form that a processor gives to the request for a transcript, in place of words (`apply_…_request`)."""

    is_default: bool = True  # for tasks of kind asr
    languages: str = ""  # that it can be told, by code; "*": any; "": none
    needs_id: bool = False  # it wants the checkpoint's name, and the clips' rate and format
    # Whether the text stands in a structure, out of which the processor reads it.
    structure: Literal["", "always", "unless told the language"] = ""

    def can_be_told(self, code: str) -> bool:
        """Whether a language, as its primary subtag, can be named in the request."""
        return code != "" and (self.languages == "*" or code in self.languages.split())


@dataclass(frozen=True, slots=True)
class Convention:
    """What there is to know of a model type."""

    model_class: str  # of transformers, by name: of an Omni model its thinker alone, which is what writes text
    rate_hz: int = 16_000  # where the checkpoint's own files do not say
    heard: float | str = inf  # seconds of a clip, or where the processor has them; what is longer would be cut off
    window_s: float = 0.0  # clips are padded to a multiple of it
    max_clips: int | None = None  # in one prompt
    raw_clip: str = ""  # what stands for a clip in the raw prompt of a base model; "": there is no base model
    text_first: bool = False  # the text stands before the clips, as its authors have it
    is_mistral: bool = False  # clips travel as WAV files in base64, and the tokenizer is mistral-common's
    same_length: bool = False  # a clip's answer depends on what it is padded to: only equal lengths share a batch
    lora: str = ""  # folder of a checkpoint with the LoRA adapter without which it does not understand what it hears
    transcribes_only: bool = False
    transcription: Transcription | None = None

    def heard_s(self, processor: Any) -> float:
        """Return how long a clip the model hears whole, in seconds."""
        heard_s = self.heard
        if isinstance(heard_s, str):
            heard_s = float(attrgetter(heard_s)(processor))
        # Whole windows: GLM-ASR names 655 s, and takes 21 windows of 30 s.
        return heard_s // self.window_s * self.window_s if self.window_s and heard_s < inf else heard_s


_QWEN3_ASR = "ar yue zh cs da nl en fil fi fr de el hi hu id it ja ko mk ms fa pl pt ro ru es sv th tr vi"
_EXTRACTOR_S = "feature_extractor.chunk_length"  # Whisper's, which cuts there unless told otherwise
_QWEN2_5_OMNI = Convention("Qwen2_5OmniThinkerForConditionalGeneration", heard=_EXTRACTOR_S)
_QWEN3_OMNI = Convention("Qwen3OmniMoeThinkerForConditionalGeneration", same_length=True)
# Clips that share a batch are padded to the longest of them, and not every type masks all of that. Largest change of
# the first token's logits by a longer neighbour, random weights and float64, where the largest logit is about 4.5:
# Granite Speech 7.6, Fun-ASR 0.8, Qwen3-ASR 0.7 (clips just over 1 s; 0.0002 to 0.03 usually). Of the types without
# `same_length` none moves by more than 1e-5. Types that have not been run have it until somebody shows the same.
_GRANITE = Convention("GraniteSpeechForConditionalGeneration", same_length=True)
_SEGMENTS = Transcription(structure="always")

CONVENTIONS = {
    "qwen2_audio": Convention(
        "Qwen2AudioForConditionalGeneration",
        heard=_EXTRACTOR_S,
        window_s=30.0,
        raw_clip="<|audio_bos|><|AUDIO|><|audio_eos|>",
    ),
    "qwen2_5_omni": _QWEN2_5_OMNI,
    "qwen2_5_omni_thinker": _QWEN2_5_OMNI,
    "qwen3_omni_moe": _QWEN3_OMNI,
    "qwen3_omni_moe_thinker": _QWEN3_OMNI,
    "qwen3_asr": Convention(
        "Qwen3ASRForConditionalGeneration",
        same_length=True,
        max_clips=1,
        transcribes_only=True,
        transcription=Transcription(languages=_QWEN3_ASR, structure="unless told the language"),
    ),
    "voxtral": Convention(
        "VoxtralForConditionalGeneration",
        window_s=30.0,
        is_mistral=True,
        transcription=Transcription(languages="*", needs_id=True),
    ),
    "granite_speech": _GRANITE,
    "granite_speech_plus": Convention("GraniteSpeechPlusForConditionalGeneration", same_length=True),
    "phi4_multimodal": Convention("Phi4MultimodalForCausalLM", same_length=True, lora="speech-lora"),
    "audioflamingo3": Convention(
        "AudioFlamingo3ForConditionalGeneration",
        heard="max_audio_len",
        window_s=30.0,
        max_clips=1,
        text_first=True,
        transcription=Transcription(is_default=False),
    ),
    "musicflamingo": Convention(
        "MusicFlamingoForConditionalGeneration", heard="max_audio_len", window_s=30.0, max_clips=1, text_first=True
    ),
    "glmasr": Convention(
        "GlmAsrForConditionalGeneration",
        heard="max_audio_len",
        window_s=30.0,
        max_clips=1,
        transcription=Transcription(),
    ),
    "fun_asr_nano": Convention(
        "FunAsrNanoForConditionalGeneration",
        same_length=True,
        max_clips=1,
        transcribes_only=True,
        transcription=Transcription(languages="zh en ja"),
    ),
    "moss_transcribe_diarize": Convention(
        "MossTranscribeDiarizeForConditionalGeneration",
        window_s=30.0,
        max_clips=1,
        transcribes_only=True,
        transcription=_SEGMENTS,
    ),
    "vibevoice_asr": Convention(
        "VibeVoiceAsrForConditionalGeneration",
        rate_hz=24_000,
        same_length=True,
        max_clips=1,
        transcribes_only=True,
        transcription=_SEGMENTS,
    ),
    "gemma3n": Convention("Gemma3nForConditionalGeneration", heard=30.0, same_length=True),
    "gemma4": Convention("Gemma4ForConditionalGeneration", heard=30.0, same_length=True),
}
