"""Which family calls which model type the way it wants to be called, as config.json names it.

A checkpoint that is given to the wrong family is told the right one.
"""

from models.audio_llm.conventions import CONVENTIONS

MODEL_TYPES = {
    "whisper": frozenset({"whisper"}),
    "ctc": frozenset(
        {
            *("wav2vec2", "wav2vec2-bert", "wav2vec2-conformer", "hubert", "wavlm", "unispeech", "unispeech-sat"),
            *("sew", "sew-d", "data2vec-audio", "parakeet_ctc", "lasr_ctc", "granite_speech5_ctc"),
        }
    ),
    "seq2seq": frozenset(
        {
            *("moonshine", "moonshine_streaming", "speech_to_text", "speecht5", "seamless_m4t", "seamless_m4t_v2"),
            *("canary", "cohere_asr"),
        }
    ),
    "audio-llm": frozenset(CONVENTIONS),
    "qwen-audio": frozenset({"qwen"}),
    "transducer": frozenset({"parakeet_rnnt", "parakeet_tdt", "nemotron_asr_streaming", "nemotron3_5_asr"}),
}


def family_of(model_type: str) -> str | None:
    """Return the family of a model type, None where no table has it."""
    return next((family for family, types in MODEL_TYPES.items() if model_type in types), None)
