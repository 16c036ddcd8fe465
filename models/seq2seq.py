"""Encoder-decoder recognisers in Hugging Face format other than Whisper.

Moonshine and Moonshine Streaming, Speech2Text, SpeechT5, SeamlessM4T (both versions), Canary and Cohere ASR. How each
hears its audio and is told a language stands in one table, `_CONVENTIONS`; the language is always told from the sample
where there is a way to tell it. SeamlessM4T, Canary and multilingual Speech2Text also translate. Recordings go in
whole; Cohere ASR cuts those over 35 s itself and joins the texts.

Clips of several lengths go together only in Canary and Cohere ASR. The others hear padding: on tiny random models a
padded batch moved Moonshine's logits by as much as they differ between clips (a group normalisation over all of the
clip), those of SpeechT5, SeamlessM4T, Moonshine Streaming and Speech2Text by a half to a hundredth of that, those of
Canary and Cohere ASR by rounding alone.

Moonshine loops on some clips. Its makers allow 6.5 tokens per second of audio; so does this, unless `--gen
max_new_tokens` or `--model-arg tokens_per_second` (its models of other languages are given 13) says otherwise. Reaching
it is recorded as truncated.

Sources: Jeffries et al. 2024, "Moonshine"; Wang et al. 2020, "fairseq S2T"; Ao et al. 2022, "SpeechT5"; Barrault et al.
2023, "SeamlessM4T"; Puvvada et al. 2024, "Less is More" (Canary).
"""

import importlib.util
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from evaluate.errors import ModelLoadError, RequestError
from evaluate.types import GenerationOptions, Output, Request, Sample
from models.pretrained import end_ids_of, in_groups, is_truncated, search_settings
from models.recogniser import FrontEndAndTokenizer, Recogniser, language_pair

# ISO 639-1 to what SeamlessM4T calls a language (639-3, of the macrolanguages the variety that it was trained on).
_SEAMLESS_PAIRS = """
af:afr am:amh ar:arb as:asm az:azj be:bel bn:ben bs:bos bg:bul ca:cat cs:ces zh:cmn cy:cym da:dan de:deu
el:ell en:eng et:est eu:eus fi:fin fr:fra ga:gle gl:glg gu:guj he:heb hi:hin hr:hrv hu:hun hy:hye ig:ibo
id:ind is:isl it:ita jv:jav ja:jpn kn:kan ka:kat kk:kaz mn:khk km:khm ky:kir ko:kor lo:lao lt:lit lg:lug
lv:lvs ml:mal mr:mar mk:mkd mt:mlt my:mya nl:nld nn:nno nb:nob no:nob ne:npi ny:nya or:ory pa:pan ps:pbt
fa:pes pl:pol pt:por ro:ron ru:rus sk:slk sl:slv sn:sna sd:snd so:som es:spa sr:srp sv:swe sw:swh ta:tam
te:tel tg:tgk tl:tgl th:tha tr:tur uk:ukr ur:urd uz:uzn vi:vie yo:yor yue:yue zu:zul ms:zsm
"""
_SEAMLESS = dict(pair.split(":") for pair in _SEAMLESS_PAIRS.split())


@dataclass(frozen=True, slots=True)
class _Convention:
    """How a model type is called, where types differ."""

    is_masked: bool = False  # padded clips give what they give alone
    has_own_processor: bool = False  # that writes the prompt; else front end and tokenizer are enough
    library: str = ""  # that its tokenizer needs; also the extra that installs it
    tokens_per_second: float | None = None  # of audio; more is a loop
    head: str = ""  # of the architectures of a type, the one that writes text


_CONVENTIONS = {
    "moonshine": _Convention(tokens_per_second=6.5),
    "moonshine_streaming": _Convention(tokens_per_second=6.5),
    "speech_to_text": _Convention(library="sentencepiece"),
    "speecht5": _Convention(library="sentencepiece", head="SpeechT5ForSpeechToText"),
    "seamless_m4t": _Convention(),
    "seamless_m4t_v2": _Convention(),
    "canary": _Convention(is_masked=True, has_own_processor=True),
    "cohere_asr": _Convention(is_masked=True, has_own_processor=True),
}


class Seq2Seq(Recogniser):
    """An encoder-decoder checkpoint.

    Args:
        where: Folder or hub id.
        device: "auto", "cpu", "cuda", "cuda:1", …
        dtype: "auto", "float32", "float16" or "bfloat16".
        revision: Branch, tag or commit of a hub id.
        tokens_per_second: At most so many tokens per second of audio; None: what is right for the model type.
    """

    family = "seq2seq"

    def __init__(
        self,
        where: str,
        *,
        device: str = "auto",
        dtype: str = "auto",
        revision: str = "main",
        tokens_per_second: float | None = None,
    ) -> None:
        if tokens_per_second is not None and not (
            isinstance(tokens_per_second, int | float) and 0 < tokens_per_second < 1e6
        ):
            raise RequestError(f"--model-arg tokens_per_second={tokens_per_second}: expected a number above 0")
        self._asked_rate = tokens_per_second
        super().__init__(where, device=device, dtype=dtype, revision=revision)

    @property
    def _convention(self) -> _Convention:
        return _CONVENTIONS[self._model_type]

    @property
    def _tokens_per_second(self) -> float | None:
        return self._convention.tokens_per_second if self._asked_rate is None else self._asked_rate

    def _check_type(self) -> None:
        super()._check_type()
        heads, expected = self._config.get("architectures") or [], self._convention.head
        if heads and expected and expected not in heads:
            raise RequestError(
                f"{self._checkpoint.where}: config.json says {', '.join(map(str, heads))}, expected {expected}: the "
                "others of its kind do not write text"
            )

    def identity(self) -> dict[str, Any]:
        rate = self._tokens_per_second
        return super().identity() | ({} if rate is None else {"tokens_per_second": rate})

    # What it can be asked.

    @property
    def kinds(self) -> frozenset[str]:  # type: ignore[override]
        if self._model_type == "speech_to_text" and self._speech_to_text_languages():
            return frozenset({"translation"})  # with languages to choose from it was trained for nothing else
        translates = self._model_type in ("seamless_m4t", "seamless_m4t_v2", "canary")
        return frozenset({"asr", "translation"} if translates else {"asr"})

    def _what(self) -> str:
        return f"a checkpoint of model type {self._model_type}"

    def _known_languages(self) -> Collection[str] | None:
        """Return what the model can be told, as ISO 639-1; None where it is told nothing."""
        if self._model_type == "speech_to_text":
            return self._speech_to_text_languages() or None
        if self._model_type in ("seamless_m4t", "seamless_m4t_v2"):
            return [language for language, code in _SEAMLESS.items() if code in self._seamless_codes]
        if self._model_type == "canary":
            from transformers.models.canary.processing_canary import LANGUAGE_CODE_TO_NAME

            return tuple(LANGUAGE_CODE_TO_NAME)
        if self._model_type == "cohere_asr":
            from transformers.models.cohere_asr.processing_cohere_asr import LANGUAGES

            return tuple(LANGUAGES)
        return None

    @cached_property
    def _seamless_codes(self) -> dict[str, int]:
        """Token of each language that SeamlessM4T writes."""
        settings = self._checkpoint.read_config("generation_config.json")
        return dict(settings.get("text_decoder_lang_to_code_id") or {})

    def _speech_to_text_languages(self) -> tuple[str, ...]:
        """Return the languages that a Speech2Text checkpoint translates into, () for one that transcribes."""
        kind = self._checkpoint.read_config("tokenizer_config.json").get("lang_codes")
        if not kind or importlib.util.find_spec("sentencepiece") is None:
            return ()
        from transformers.models.speech_to_text.tokenization_speech_to_text import LANGUAGES

        return tuple(LANGUAGES[kind])

    def _language_refusal(self, languages: tuple[str, str]) -> str | None:
        known = self._known_languages()
        if known is None:
            return None
        for language in languages if self._model_type == "canary" else languages[1:]:
            if not language:
                return "no language is named, and the model is always told it; add `language` to the task or manifest"
            if language not in known:
                return f"the checkpoint cannot be told {language!r}; it knows {', '.join(sorted(known)) or 'none'}"
        return None

    def shown_prompt(self, sample: Sample) -> str:
        pair = language_pair(sample)
        if self._model_type in ("seamless_m4t", "seamless_m4t_v2"):
            return f"__{_SEAMLESS.get(pair[1], pair[1])}__"
        if self._known_languages() is None:
            return ""
        if self._model_type == "speech_to_text":
            return f"<lang:{pair[1]}>"
        return self._written_prompt(pair)

    def _written_prompt(self, pair: tuple[str, str]) -> str:
        """Return the prompt as a processor of the checkpoint's own writes it."""
        processor = self._processor
        if processor is None:
            from transformers import AutoProcessor

            processor = self._load_part(AutoProcessor)
        if self._model_type == "cohere_asr":
            return str(processor.tokenizer.decode(processor.get_decoder_prompt_ids(pair[0])))
        import numpy as np

        [text] = processor.apply_transcription_request(
            [np.zeros(1, np.float32)], source_language=pair[0], target_language=pair[1], tokenize=False
        )
        return str(text)

    # Answering.

    def load(self) -> None:
        from transformers import AutoModelForSpeechSeq2Seq, AutoProcessor

        library = self._convention.library
        if library and importlib.util.find_spec(library) is None:
            raise ModelLoadError(
                f'{self._checkpoint.where}: its tokenizer needs {library}; pip install "otoscope[{library}]"'
            )
        processor_class = AutoProcessor if self._convention.has_own_processor else FrontEndAndTokenizer
        self._load(AutoModelForSpeechSeq2Seq, processor_class)
        self.sample_rate_hz = self._processor.feature_extractor.sampling_rate

    def _answer(self, batch: Sequence[Request], options: GenerationOptions) -> Iterator[Output]:
        def key(request: Request) -> tuple[int, tuple[str, str]]:
            return 0 if self._convention.is_masked else request.waveforms[0].size, language_pair(request.sample)

        for group in in_groups(batch, key):
            yield from self._transcribe(group, options)

    def _transcribe(self, group: Sequence[Request], options: GenerationOptions) -> Iterator[Output]:
        waveforms = [request.waveforms[0] for request in group]
        pair = language_pair(group[0].sample)
        inputs = self._moved(_PREPARE.get(self._model_type, _prepare)(self, waveforms, pair))
        chunks = inputs.pop("audio_chunk_index", None) or [(number, None) for number in range(len(group))]
        prompt = inputs.get("decoder_input_ids")
        prompt_length = 1 if prompt is None else prompt.shape[1]  # at least the token that starts
        limits = [self._limit(request, options, prompt_length) for request in group]
        ids = self._model.generate(**inputs, **search_settings(options), max_new_tokens=max(limits))  # (chunks, tokens)
        if prompt is not None and not bool((ids[:, :prompt_length] == prompt).all()):
            prompt_length += 1  # the start was put before a prompt that lacks it
        new = ids[:, prompt_length:]
        ends = end_ids_of(self._model.generation_config)
        cut = [False] * len(group)
        texts: list[list[str]] = [[] for _ in group]
        for (number, _), row in zip(chunks, new, strict=True):
            row = row[: limits[number]]  # a longer neighbour may have been given more
            cut[number] |= is_truncated(row, ends, limits[number])
            texts[number].append(str(self._processor.tokenizer.decode(row, skip_special_tokens=True)))
        joint = "" if pair[1] in ("ja", "zh") else " "
        for request, parts, is_cut in zip(group, texts, cut, strict=True):
            text = parts[0] if len(parts) == 1 else joint.join(filter(None, (part.strip() for part in parts)))
            yield Output(request.sample.id, text=text, truncated=is_cut)

    def _limit(self, request: Request, options: GenerationOptions, prompt_length: int) -> int:
        """Return how many tokens a clip may give: as asked, else what the checkpoint says and the length allows."""
        settings, config = self._model.generation_config, self._model.config
        decoder = getattr(config, "decoder_config", None) or config
        names = ("max_target_positions", "max_text_positions", "max_position_embeddings")
        positions: int = next(getattr(decoder, name) for name in names if hasattr(decoder, name))
        room = positions - prompt_length
        if options.max_new_tokens is not None:
            return min(options.max_new_tokens, room)
        own: int = settings.max_new_tokens or (settings.max_length or positions) - prompt_length
        if self._tokens_per_second is not None:
            seconds = request.waveforms[0].size / self.sample_rate_hz
            own = min(own, int(seconds * self._tokens_per_second))
        return max(1, min(own, room))


def _prepare(model: Seq2Seq, waveforms: Sequence[Any], pair: tuple[str, str]) -> Mapping[str, Any]:
    """Return what a front end makes of clips, for a model that is told nothing."""
    del pair
    return model._processor.feature_extractor(  # type: ignore[no-any-return]
        list(waveforms),
        sampling_rate=model.sample_rate_hz,
        padding=True,
        return_attention_mask=True,
        return_tensors="pt",
        **({"pad_to_multiple_of": 80} if model._model_type == "moonshine_streaming" else {}),  # its frame, 5 ms
    )


def _starting_with(model: Seq2Seq, inputs: Mapping[str, Any], token_id: int) -> Mapping[str, Any]:
    """Return the inputs with a prompt of the start and one token, the language that is written."""
    import torch

    start = model._model.generation_config.decoder_start_token_id
    if start is None:
        start = model._model.config.decoder_start_token_id
    num_clips = next(iter(inputs.values())).shape[0]
    return {**inputs, "decoder_input_ids": torch.tensor([[start, token_id]] * num_clips)}


def _prepare_seamless(model: Seq2Seq, waveforms: Sequence[Any], pair: tuple[str, str]) -> Mapping[str, Any]:
    return _starting_with(model, _prepare(model, waveforms, pair), model._seamless_codes[_SEAMLESS[pair[1]]])


def _prepare_speech_to_text(model: Seq2Seq, waveforms: Sequence[Any], pair: tuple[str, str]) -> Mapping[str, Any]:
    codes = model._processor.tokenizer.lang_code_to_id
    inputs = _prepare(model, waveforms, pair)
    return _starting_with(model, inputs, codes[pair[1]]) if codes else inputs


def _prepare_canary(model: Seq2Seq, waveforms: Sequence[Any], pair: tuple[str, str]) -> Mapping[str, Any]:
    return model._processor.apply_transcription_request(  # type: ignore[no-any-return]
        list(waveforms), source_language=pair[0], target_language=pair[1], sampling_rate=model.sample_rate_hz
    )


def _prepare_cohere(model: Seq2Seq, waveforms: Sequence[Any], pair: tuple[str, str]) -> Mapping[str, Any]:
    return model._processor(list(waveforms), language=pair[0], sampling_rate=model.sample_rate_hz)  # type: ignore[no-any-return]


_PREPARE: dict[str, Callable[[Seq2Seq, Sequence[Any], tuple[str, str]], Mapping[str, Any]]] = {
    "seamless_m4t": _prepare_seamless,
    "seamless_m4t_v2": _prepare_seamless,
    "speech_to_text": _prepare_speech_to_text,
    "canary": _prepare_canary,
    "cohere_asr": _prepare_cohere,
}
