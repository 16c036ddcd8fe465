"""The model that comes with Otoscope: a Qwen-Audio of three million parameters, trained on clips like the samples.

It is there so that everything runs anywhere, offline and within seconds. It knows a few hundred words and the sounds
that Otoscope makes itself; on real recordings it is worth nothing.
"""

from pathlib import Path

from evaluate.errors import RequestError
from models.qwen_audio.adapter import QwenAudioBase

CHECKPOINT = Path(__file__).parent / "checkpoint"


class Nano(QwenAudioBase):
    """Qwen-Audio's base model with the weights that come with Otoscope."""

    family = "nano"
    description = "the model that comes with Otoscope: a Qwen-Audio of 3 M parameters for its own samples"

    def __init__(self, where: str = "", *, device: str = "auto", dtype: str = "auto") -> None:
        if where:
            raise RequestError(
                f"nano is one model, found {where!r} behind its name; write nano, or qwen-audio:{where} for a "
                "checkpoint of your own"
            )
        super().__init__(str(CHECKPOINT), device=device, dtype=dtype)
        self.name = self.family
