"""`python -m models.nano.training CLIPS [CHECKPOINT]`: train nano on a folder of training clips.

Work in progress lies beside the clips; an interrupted training goes on where it was.
"""

import shutil
import sys
from pathlib import Path

import click
import torch
from safetensors.torch import save_file

from evaluate.errors import OtoscopeError
from models.nano.adapter import CHECKPOINT
from models.nano.training.batches import prepare
from models.nano.training.features import NUM_MELS, write_features
from models.nano.training.fit import STATE, fit
from models.nano.training.lessons import read_lessons
from models.nano.training.vocabulary import write_vocabulary
from models.qwen_audio.config import AudioConfig, QwenAudioConfig
from models.qwen_audio.model import QwenAudioModel
from models.qwen_audio.tokenizer import QwenTokenizer

NUM_EPOCHS = 8
VOCABULARY = "qwen.tiktoken"


def train(work: Path, checkpoint: Path) -> None:
    """Train, stage by stage, and write the checkpoint; nothing of it is touched before all is done."""
    clips = read_lessons(work)
    write_vocabulary(work / VOCABULARY, clips)
    tokenizer = QwenTokenizer.from_file(work / VOCABULARY)
    write_features(work, [clip.audio for clip in clips])
    prepared = [prepare(tokenizer, clip) for clip in clips]
    model = fit(work, shape_for(tokenizer), tokenizer, prepared, num_epochs=NUM_EPOCHS)
    checkpoint.mkdir(parents=True, exist_ok=True)
    shutil.copy(work / VOCABULARY, checkpoint / VOCABULARY)
    write_checkpoint(checkpoint, model)
    (work / STATE).unlink(missing_ok=True)  # else the next training would end where this one did


def shape_for(tokenizer: QwenTokenizer) -> QwenAudioConfig:
    """Return nano's shape: just under three million parameters with its vocabulary."""
    width = 160
    audio = AudioConfig(
        n_mels=NUM_MELS,
        n_ctx=1500,
        n_state=width,
        n_head=5,
        n_layer=4,
        output_dim=width,
        audio_start_id=tokenizer.audio_start_id,
    )
    return QwenAudioConfig(
        audio=audio,
        seq_length=2048,
        vocab_size=tokenizer.num_ids,
        hidden_size=width,
        num_hidden_layers=3,
        num_attention_heads=5,
        kv_channels=32,
        intermediate_size=4 * width,
        tie_word_embeddings=True,
    )


def write_checkpoint(folder: Path, model: QwenAudioModel) -> None:
    """Write shape and weights, these in half precision."""
    model.config.write(folder)
    weights = {name: tensor.to(torch.float16).contiguous() for name, tensor in model.state_dict().items()}
    del weights["lm_head.weight"]  # the embedding's
    save_file(weights, folder / "model.safetensors")


@click.command()
@click.argument("clips", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.argument("checkpoint", type=click.Path(path_type=Path), default=CHECKPOINT)
def main(clips: Path, checkpoint: Path) -> None:
    """Train on the folder CLIPS and write CHECKPOINT, by default the one that ships."""
    try:
        train(clips, checkpoint)
    except OtoscopeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
