"""A Qwen-Audio of a few thousand random weights, for tests and for trying things out without the released ones."""

import base64
from pathlib import Path

from models.qwen_audio.config import AudioConfig, QwenAudioConfig

# For a vocabulary file with the 256 single bytes alone; the 3522 special tokens follow, the two audio tags last.
TINY_CONFIG = QwenAudioConfig(
    audio=AudioConfig(
        n_mels=80,
        n_ctx=1500,
        n_state=24,
        n_head=3,
        n_layer=2,
        output_dim=32,
        audio_start_id=3776,
    ),
    seq_length=2048,
    vocab_size=3800,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    kv_channels=8,
    intermediate_size=80,
    layer_norm_epsilon=1e-5,
)


def write_checkpoint(folder: Path, config: QwenAudioConfig = TINY_CONFIG, *, seed: int = 0) -> None:
    """Write a checkpoint with random weights, as large as those of a trained model act, and a vocabulary of bytes.

    Args:
        folder: Made if need be.
        config: Shape of the model.
        seed: The same weights for the same seed.
    """
    import torch
    from safetensors.torch import save_file

    from models.qwen_audio.loading import build_empty

    generator = torch.Generator().manual_seed(seed)
    weights = {}
    for name, empty in build_empty(config).state_dict().items():
        scale = 1.0 if empty.dim() == 1 else 2.0 * empty[0].numel() ** -0.5
        weights[name] = scale * torch.randn(empty.shape, generator=generator)
    folder.mkdir(parents=True, exist_ok=True)
    config.write(folder)
    ranks = "".join(f"{base64.b64encode(bytes([byte])).decode()} {byte}\n" for byte in range(256))
    (folder / "qwen.tiktoken").write_text(ranks, encoding="ascii")
    save_file(weights, folder / "model.safetensors")
