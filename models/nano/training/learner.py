"""What is trained: the model's own classes, with what they need to learn and not to answer."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.nano.training.batches import IGNORED, Batch
from models.qwen_audio.config import QwenAudioConfig
from models.qwen_audio.language_model import Cache
from models.qwen_audio.model import QwenAudioModel
from models.qwen_audio.tokenizer import QwenTokenizer


class Learner(nn.Module):
    """The model with what it has in training only: a layer that spells what the tower heard (CTC, Graves 2006).

    Without it the decoder would have to find out what to listen to before the tower makes anything worth hearing.
    """

    def __init__(self, config: QwenAudioConfig, tokenizer: QwenTokenizer) -> None:
        super().__init__()
        self.model = QwenAudioModel(config)
        self.model.requires_grad_(True).train()
        for module in self.model.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
        self.blank = tokenizer.num_ranks
        self.speller = nn.Linear(config.hidden_size, tokenizer.num_ranks + 1)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the two losses of a batch: of the answers, a mean per id, and of the spelling."""
        decoder = self.model.transformer
        heard = decoder.audio(batch.mels, batch.after_cnn)  # (clips, tokens, hidden_size)
        embedded = self._with_audio(decoder.wte(batch.ids), heard, batch.num_tokens, batch.clip_of)
        lengths = [embedded.shape[1]] * len(embedded)  # padding stands behind the rows: nothing that counts sees it
        hidden = decoder(embedded, _NoCache(self.model.config, lengths, num_new=0, like=embedded))
        is_answer = batch.targets != IGNORED
        logits = self.model.lm_head(hidden[is_answer])
        answers = functional.cross_entropy(logits.float(), batch.targets[is_answer])
        return answers, self._spelling(batch, heard)

    def _with_audio(self, embedded: Tensor, heard: Tensor, num_tokens: Tensor, clip_of: Tensor) -> Tensor:
        """Return embeddings in which the clip of each row stands between its tags, as in `QwenAudioModel`."""
        start, end = self.model.transformer.audio.audio_bos_eos_token.weight
        columns = torch.arange(embedded.shape[1])[None, :, None]
        last = num_tokens[clip_of, None, None] + 1  # the column of the end tag
        placed = functional.pad(heard, (0, 0, 1, embedded.shape[1] - heard.shape[1] - 1))[clip_of]
        tagged = torch.where(columns == 0, start, torch.where(columns == last, end, placed))
        return torch.where(columns <= last, tagged, embedded)

    def _spelling(self, batch: Batch, heard: Tensor) -> Tensor:
        speaking = [clip for clip, ids in enumerate(batch.spoken) if ids]
        if not speaking:
            return heard.new_zeros(())
        spelt = functional.log_softmax(self.speller(heard[speaking]).float(), dim=-1).transpose(0, 1)
        targets = [torch.tensor(batch.spoken[clip]) for clip in speaking]
        return functional.ctc_loss(
            spelt,
            torch.cat(targets),
            batch.num_tokens[speaking],
            torch.tensor([len(ids) for ids in targets]),
            blank=self.blank,
            zero_infinity=True,
        )


class _NoCache(Cache):
    """Keys and values of one pass, which gradients go through."""

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        del layer
        return keys, values
