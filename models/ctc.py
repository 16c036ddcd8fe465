"""CTC recognisers in Hugging Face format: wav2vec2 and its kin, HuBERT, WavLM, Parakeet CTC and others.

The best symbol of each frame, repeats merged, blanks dropped: greedy, always, and with no language model, also where a
checkpoint brings one. So there is nothing to generate, and no option of generation means anything: `--gen` refuses
them, a published protocol's token limit has no effect.

Padding is heard by models with a group normalisation (`feat_extract_norm: group`, as in wav2vec2-base and
hubert-large), by wav2vec2-conformer and by data2vec-audio, with an attention mask or without one. On tiny random models
a padded batch moved their logits by as much as these vary at all (0.2 of a spread of 0.09) and changed 5 to 60 of 506
symbols; those with a layer normalisation, wav2vec2-bert, Parakeet and LASR stayed within 2e-7. The former get clips of
one length together and no others. So do SEW and SEW-D, which halve the frame rate and double it again: padding decides
whether an odd last frame survives.

MMS and other checkpoints with an adapter per language: `--model-arg language=fra`, as their vocabulary names it.

Sources: Graves et al. 2006, "Connectionist Temporal Classification"; Baevski et al. 2020, "wav2vec 2.0".
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from evaluate.errors import ModelOutputError, RequestError
from evaluate.types import GENERATION_RANGES, GenerationOptions, Output, Request
from models.pretrained import in_groups
from models.recogniser import FrontEndAndTokenizer, Recogniser

# Padded clips give what they give alone, in these; of the wav2vec2 kin only with layer normalisation.
_MASKED = frozenset({"wav2vec2-bert", "parakeet_ctc", "lasr_ctc"})
_MASKED_WITH_LAYER_NORM = frozenset({"wav2vec2", "hubert", "wavlm", "unispeech", "unispeech-sat"})
_OWN_SEARCH = frozenset({"parakeet_ctc", "lasr_ctc", "granite_speech5_ctc"})  # `generate` blanks what is padding


class Ctc(Recogniser):
    """A checkpoint with a CTC head.

    Args:
        where: Folder or hub id.
        device: "auto", "cpu", "cuda", "cuda:1", …
        dtype: "auto", "float32", "float16" or "bfloat16".
        revision: Branch, tag or commit of a hub id.
        language: Which of its language adapters a checkpoint reads with; "": the one it starts with.
    """

    family = "ctc"
    idle_options = frozenset(GENERATION_RANGES)
    idle_weights = ("masked_spec_embed",)  # hides frames in training; wav2vec2-base-960h is without

    def __init__(
        self,
        where: str,
        *,
        device: str = "auto",
        dtype: str = "auto",
        revision: str = "main",
        language: str = "",
    ) -> None:
        self._language = str(language)
        super().__init__(where, device=device, dtype=dtype, revision=revision)

    def _check_type(self) -> None:
        super()._check_type()
        where, heads = self._checkpoint.where, self._config.get("architectures") or []
        if heads and not any("CTC" in str(head) for head in heads):
            raise RequestError(
                f"{where}: config.json says {', '.join(map(str, heads))}, which has no CTC head; "
                "expected a checkpoint that was trained to write text"
            )
        if self._language and self._config.get("adapter_attn_dim") is None:
            raise RequestError(f"{where}: it has no adapters for languages, leave --model-arg language out")

    def identity(self) -> dict[str, Any]:
        return super().identity() | ({"language": self._language} if self._language else {})

    def load(self) -> None:
        from transformers import AutoModelForCTC

        told = {"target_lang": self._language} if self._language else {}
        # The head has as many symbols as the language: that of the file has another size, and is replaced.
        sizes = {"ignore_mismatched_sizes": True} if told else {}
        self._load(AutoModelForCTC, FrontEndAndTokenizer, model_settings=told | sizes, **told)
        self.sample_rate_hz = self._processor.feature_extractor.sampling_rate

    @property
    def _is_masked(self) -> bool:
        if self._model_type in _MASKED_WITH_LAYER_NORM:
            return bool(self._model.config.feat_extract_norm == "layer")
        return self._model_type in _MASKED

    def _answer(self, batch: Sequence[Request], options: GenerationOptions) -> Iterator[Output]:
        def length(request: Request) -> int:
            return 0 if self._is_masked else request.waveforms[0].size

        for group in in_groups(batch, length):
            for request, symbols in zip(group, self._symbols(group), strict=True):
                yield Output(request.sample.id, text=self._text(symbols), truncated=False)

    def _symbols(self, group: Sequence[Request]) -> list[list[int]]:
        """Return the best symbol of every frame of each clip."""
        waveforms = [request.waveforms[0] for request in group]
        self._refuse_short(min(waveform.size for waveform in waveforms))
        inputs = self._moved(
            self._processor.feature_extractor(
                waveforms,
                sampling_rate=self.sample_rate_hz,
                padding="longest",
                return_attention_mask=True,  # also where the model wants none: normalising needs the lengths
                return_tensors="pt",
            )
        )
        if self._model_type in _OWN_SEARCH:
            return self._model.generate(**inputs).tolist()  # type: ignore[no-any-return]
        if not self._is_masked:
            del inputs["attention_mask"]  # nothing is padded; some were never shown one
            return self._model(**inputs).logits.argmax(dim=-1).tolist()  # type: ignore[no-any-return]
        lengths = self._model._get_feat_extract_output_lengths(inputs["attention_mask"].sum(dim=-1)).tolist()
        best = self._model(**inputs).logits.argmax(dim=-1).tolist()  # (clips, frames)
        return [row[:length] for row, length in zip(best, lengths, strict=True)]

    def _text(self, symbols: Sequence[int]) -> str:
        """Merge repeats, drop blanks, and read: some tokenizers drop blanks first, which merges double letters."""
        tokenizer = self._processor.tokenizer
        merged = [symbol for symbol, _ in groupby(symbols) if symbol != tokenizer.pad_token_id]
        return str(tokenizer.decode(merged, skip_special_tokens=True, group_tokens=False))

    def _refuse_short(self, num_frames: int) -> None:
        config, least = self._model.config, 1
        kernels, strides = getattr(config, "conv_kernel", ()), getattr(config, "conv_stride", ())
        if self._processor.feature_extractor.model_input_names[0] != "input_values":
            kernels = strides = ()  # it is fed mel frames, and convolves them with padding
        for kernel, stride in zip(reversed(kernels), reversed(strides), strict=True):
            least = (least - 1) * stride + kernel
        if num_frames < least:
            raise ModelOutputError(
                f"the clip has {num_frames} audio frames, the model hears none shorter than {least} "
                f"({1000 * least / self.sample_rate_hz:g} ms); --short-clips pad gives it silence"
            )
