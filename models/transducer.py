"""Transducers in Hugging Face format: Parakeet RNN-T and TDT, Nemotron streaming and 3.5.

The decoder walks along the frames of the encoder and emits symbols or moves on, until no frame is left. It is greedy by
construction (transformers takes the best symbol whatever was drawn), so no option of generation means anything: `--gen`
refuses them, a published protocol's token limit has no effect. A TDT decoder may emit without ever moving on; that is
cut at the checkpoint's own `max_symbols_per_step` per frame, and recorded as truncated.

Clips of several lengths go together: on tiny random models a padded batch moved the encoder's output by 1e-6 of its
spread, that is, by rounding. Streaming models hear the whole clip at once, with the look-ahead that they start with.

Sources: Graves 2012, "Sequence Transduction with Recurrent Neural Networks"; Xu et al. 2023, "Efficient Sequence
Transduction by Jointly Predicting Tokens and Durations".
"""

from collections.abc import Collection, Iterator, Sequence

from evaluate.types import GENERATION_RANGES, GenerationOptions, Output, Request
from models.pretrained import in_groups, search_settings
from models.recogniser import Recogniser

_TOLD_THE_LANGUAGE = "nemotron3_5_asr"


class Transducer(Recogniser):
    """A checkpoint with a transducer's decoder."""

    family = "transducer"
    idle_options = frozenset(GENERATION_RANGES)

    def load(self) -> None:
        from transformers import AutoModelForRNNT, AutoModelForTDT, AutoProcessor

        auto = AutoModelForTDT if self._model_type == "parakeet_tdt" else AutoModelForRNNT
        self._load(auto, AutoProcessor)
        self.sample_rate_hz = self._processor.feature_extractor.sampling_rate
        generation, config = self._model.generation_config, self._model.config
        if generation.decoder_start_token_id is None:
            generation.decoder_start_token_id = config.blank_token_id
        # Its logits are those of symbols and durations side by side, and `generate` takes the best of all for a symbol.
        durations = range(config.vocab_size, config.vocab_size + len(getattr(config, "durations", ())))
        generation.suppress_tokens = sorted({*(generation.suppress_tokens or ()), *durations}) or None

    def _language_refusal(self, languages: tuple[str, str]) -> str | None:
        known = self._checkpoint.read_config("processor_config.json").get("prompt_dictionary")
        if self._model_type != _TOLD_THE_LANGUAGE or known is None or _prompt_name(languages[0], known):
            return None
        return f"the checkpoint has no prompt for speech in {languages[0]!r}"

    def _answer(self, batch: Sequence[Request], options: GenerationOptions) -> Iterator[Output]:
        def language(request: Request) -> str:
            return request.sample.language if self._model_type == _TOLD_THE_LANGUAGE else ""

        for group in in_groups(batch, language):
            yield from self._transcribe(group)

    def _transcribe(self, group: Sequence[Request]) -> Iterator[Output]:
        told = {}
        if self._model_type == _TOLD_THE_LANGUAGE:
            told["language"] = _prompt_name(group[0].sample.language, self._processor.prompt_dictionary)
        inputs = self._moved(
            self._processor(
                [request.waveforms[0] for request in group],
                sampling_rate=self.sample_rate_hz,
                return_attention_mask=True,
                return_tensors="pt",
                **told,
            )
        )
        lengths = self._model.encoder._get_subsampling_output_length(inputs["attention_mask"].sum(dim=-1)).tolist()
        most = self._model.max_symbols_per_step
        greedy = search_settings(GenerationOptions())  # also against a penalty in the checkpoint's generation config
        found = self._model.generate(**inputs, **greedy, max_new_tokens=max(lengths) * most)
        symbols, moves = found.sequences[:, 1:], found.durations[:, 1:]  # (clips, steps), after the blank at the start
        for request, row, moved, length in zip(group, symbols, moves, lengths, strict=True):
            # A longer neighbour makes for more steps than a clip has by itself, and leaves padding behind its end.
            limit = length * most
            num_steps = min(limit, int((moved.cumsum(dim=0) < length).sum()) + 1)
            written = [symbol for symbol in row[:num_steps].tolist() if symbol != self._model.config.blank_token_id]
            text = self._processor.tokenizer.decode(written, skip_special_tokens=True, group_tokens=False)
            yield Output(request.sample.id, text=text, truncated=int(moved[:limit].sum()) < length)


def _prompt_name(language: str, known: Collection[str]) -> str | None:
    """Return what a checkpoint calls a language, a region's own name where it has no other; None: it has no name."""
    if not language:
        return "auto"
    return next((name for name in (language, *sorted(known)) if name in known and _is_of(name, language)), None)


def _is_of(name: str, language: str) -> bool:
    return name == language or name.startswith(f"{language}-")
