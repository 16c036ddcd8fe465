"""Audio tower and decoder as one module, with the released parameter names."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evaluate.errors import RequestError
from models.qwen_audio.audio_tower import AudioTower
from models.qwen_audio.config import QwenAudioConfig
from models.qwen_audio.language_model import Cache, LanguageModel
from models.qwen_audio.prompt import PreparedPrompt


class HearingLanguageModel(LanguageModel):
    """The decoder with the tower beside it, as the released names have it."""

    def __init__(self, config: QwenAudioConfig) -> None:
        super().__init__(config)
        self.audio = AudioTower(config.audio)


class QwenAudioModel(nn.Module):
    """Qwen-Audio or Qwen-Audio-Chat: they differ in their weights only. For inference."""

    def __init__(self, config: QwenAudioConfig) -> None:
        super().__init__()
        self.config = config
        self.transformer = HearingLanguageModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.transformer.wte.weight
        self.requires_grad_(False).eval()

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.lm_head.weight.device

    def encode_audio(self, waveforms: Sequence[NDArray[np.float32]]) -> list[Tensor]:
        """Return each clip's vectors, shape (span, hidden_size), those of the two tags included.

        Raises:
            ClipRejectedError: A clip is too short for a token, or has no room in the tower.
        """
        with torch.inference_mode():
            return self.transformer.audio.encode(waveforms)

    def logits(self, prompts: Sequence[PreparedPrompt]) -> list[Tensor]:
        """Return what follows each id of each prompt; rows of the vocabulary that no token has are not masked.

        Returns:
            Per prompt shape (length, vocab_size), float32.

        Raises:
            RequestError: A prompt is empty, or its clips and its ids do not agree.
            ClipRejectedError: A clip is too short for a token, or has no room in the tower.
        """
        if not prompts:
            return []
        with torch.inference_mode():
            hidden, _ = self.prefill(prompts)
            return [self.lm_head(row[-len(prompt.ids) :]).float() for row, prompt in zip(hidden, prompts, strict=True)]

    def prefill(self, prompts: Sequence[PreparedPrompt], *, num_new: int = 0) -> tuple[Tensor, Cache]:
        """Run the decoder on a batch of prompts, padded on the left.

        Args:
            prompts: At least one.
            num_new: How many ids may be decoded after them.

        Returns:
            Hidden states after the final norm, shape (rows, longest prompt, hidden_size), and the cache to go on with.

        Raises:
            RequestError: A prompt is empty, or its clips and its ids do not agree.
            ClipRejectedError: A clip is too short for a token, or has no room in the tower.
        """
        lengths = [len(prompt.ids) for prompt in prompts]
        if not all(lengths):
            raise RequestError(f"prompt {lengths.index(0) + 1} of {len(prompts)} has no ids, expected at least one")
        cache = self.transformer.new_cache(lengths, num_new=num_new)
        return self.transformer(self._embed(prompts), cache), cache

    def decode(self, ids: Tensor, cache: Cache) -> Tensor:
        """Run the decoder on one new id of each row; return hidden states, shape (rows, hidden_size)."""
        return self.transformer(self.transformer.wte(ids[:, None]), cache)[:, -1]

    def _embed(self, prompts: Sequence[PreparedPrompt]) -> Tensor:
        """Return embeddings, shape (rows, longest prompt, hidden_size); a clip's vectors overwrite its tags too."""
        longest = max(len(prompt.ids) for prompt in prompts)
        padded = [[0] * (longest - len(prompt.ids)) + list(prompt.ids) for prompt in prompts]  # padding is not attended
        spans = [self._spans(prompt) for prompt in prompts]
        clips = iter(self.transformer.audio.encode([clip for prompt in prompts for clip in prompt.waveforms]))
        embedded = self.transformer.wte(torch.tensor(padded, device=self.device))
        for row, prompt in enumerate(prompts):
            offset = longest - len(prompt.ids)
            for start, end in spans[row]:
                clip = next(clips)
                if len(clip) != end - start:
                    raise RequestError(
                        f"prompt {row + 1}: the clip at id {start} has room for {end - start} vectors, its tags "
                        f"included, but becomes {len(clip)}; count placeholders with `clip_lengths`"
                    )
                embedded[row, offset + start : offset + end] = clip
        return embedded

    def _spans(self, prompt: PreparedPrompt) -> list[tuple[int, int]]:
        """Return where each clip's start tag stands and what follows its end tag."""
        tags = (self.config.audio.audio_start_id, self.config.audio.audio_end_id)
        found = [(place, one) for place, one in enumerate(prompt.ids) if one in tags]
        if [one for _, one in found] != list(tags) * len(prompt.waveforms):
            starts = prompt.ids.count(tags[0])
            raise RequestError(
                f"a prompt has {len(prompt.waveforms)} clips, {starts} audio starts and {len(found) - starts} audio "
                "ends among its ids; expected one of each per clip, in turn"
            )
        places = [place for place, _ in found]
        return [(start, end + 1) for start, end in zip(places[::2], places[1::2], strict=True)]
