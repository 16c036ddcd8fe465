"""From samples to what a processor makes of them: chat templates, raw prompts, transcription requests.

Special tokens in a conversation are plain text: no question of a data set can open a turn, or claim a clip. Where text
is sent as it is, in raw prompts and to templates that know texts alone, one that holds the placeholder of a clip is
refused.
"""

import base64
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from evaluate.errors import ModelOutputError
from evaluate.model import sample_turns
from evaluate.types import Request, Sample, primary_subtag
from models.audio_llm.conventions import Convention

Mode = Literal["chat", "raw", "transcription"]


class Prompter:
    """Makes prompts with a processor, whose tokenizer it sets to pad on the left.

    Args:
        processor: Of transformers.
        convention: Of the model's type.
        sample_rate_hz: Of the clips.
        model_id: The checkpoint's name.
        thinking: Passed on to a template that asks for it.
    """

    def __init__(
        self, processor: Any, convention: Convention, *, sample_rate_hz: int, model_id: str, thinking: bool
    ) -> None:
        self._processor, self._convention = processor, convention
        self._sample_rate_hz, self._model_id, self._thinking = sample_rate_hz, model_id, thinking
        tokenizer = processor.tokenizer
        tokenizer.padding_side = "left"
        # GLM-ASR's placeholder of a clip is called <|pad|>: pads must not be taken for clips.
        if tokenizer.pad_token_id is None or tokenizer.pad_token_id == self.audio_id:
            tokenizer.pad_token = tokenizer.eos_token
        own = getattr(processor, "chat_template", None) or getattr(tokenizer, "chat_template", None) or ""
        template = own if isinstance(own, str) else " ".join(map(str, own.values()))  # several, by name
        self.can_think = "enable_thinking" in template
        self._takes_parts = convention.is_mistral or not template or self._writes_placeholders()

    def _writes_placeholders(self) -> bool:
        """Whether the template knows clips; one of an older kind knows texts alone, with placeholders in them."""
        message = {"role": "user", "content": [{"type": "audio"}, {"type": "text", "text": "a"}]}
        try:
            shown = self._processor.apply_chat_template([message], add_generation_prompt=True)
        except Exception:  # whatever jinja raises where a text was expected
            return False
        return self._audio_token in shown

    @property
    def _audio_token(self) -> str:
        token: str = self._processor.audio_token
        return token

    @property
    def audio_id(self) -> int:
        """Number of the token that stands for a stretch of audio."""
        own = getattr(self._processor, "audio_token_id", None)
        return int(own if own is not None else self._processor.tokenizer.convert_tokens_to_ids(self._audio_token))

    def made(self, batch: Sequence[Request], mode: Mode) -> Mapping[str, Any]:
        """Return what the processor makes of requests that are asked in one way: `input_ids` and so on.

        Raises:
            ModelOutputError: A sample's own text holds the placeholder of a clip, where that would count as one.
        """
        clips = [waveform for request in batch for waveform in request.waveforms]
        # Padding is told to the text alone: audio has a rule of its own in each processor.
        settings: dict[str, Any] = {"return_tensors": "pt", "processor_kwargs": {"text_kwargs": {"padding": True}}}
        if self._convention.is_mistral:
            settings = {}
        made: Mapping[str, Any]
        if mode == "transcription":
            made = self._processor.apply_transcription_request(clips, **self._request_settings(batch), **settings)
        elif mode == "raw" or not self._takes_parts:
            made = self._processor(
                text=[self._written(one.sample, mode) for one in batch],
                audio=clips or None,
                return_tensors="pt",
                text_kwargs={"padding": True},
                **({"audio_kwargs": {"sampling_rate": self._sample_rate_hz}} if clips else {}),
            )
        elif self._convention.is_mistral:
            made = self._processor.apply_chat_template([self._turns(one.sample, one.waveforms) for one in batch])
        else:
            made = self._processor.apply_chat_template(
                [self._turns(one.sample, one.waveforms) for one in batch],
                tokenize=True,
                return_dict=True,
                add_generation_prompt=True,
                sanitize_control_tokens=True,
                **settings,
                **self._template_settings(),
            )
        return made

    def shown(self, sample: Sample, mode: Mode) -> str:
        """Return the text that is sent for a sample, with one placeholder for each clip."""
        request = Request(sample, (np.zeros(self._sample_rate_hz, np.float32),) * len(sample.audio))
        if self._convention.is_mistral:
            ids = self.made([request], mode)["input_ids"][0].tolist()
            text = self._processor.tokenizer.decode(ids, skip_special_tokens=False)
            return re.sub(f"({re.escape(self._audio_token)})+", lambda _: self._audio_token, text)
        if mode == "transcription":
            made = self._processor.apply_transcription_request(
                list(request.waveforms), tokenize=False, **self._request_settings([request])
            )
            return str(made[0])
        if mode == "raw" or not self._takes_parts:
            return self._written(sample, mode)
        turns = self._turns(sample, request.waveforms)
        return str(self._processor.apply_chat_template(turns, add_generation_prompt=True, **self._template_settings()))

    def refuse_misplaced(self, batch: Sequence[Request], inputs: Mapping[str, Any], *, num_beams: int) -> None:
        """Raise where clips and prompts do not stand together as they must.

        Raises:
            ModelOutputError: Pads stand behind a prompt, a prompt has no placeholder for its clips, or one without any,
                or a search with beams would give a prompt the clip of another.
        """
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        if not bool(mask[:, -1].all()):
            raise ModelOutputError(
                "the prompts of a batch are padded on the right, expected left: answers would differ"
            )
        places = ((ids == self.audio_id) & (mask == 1)).sum(dim=1).tolist()
        for request, count in zip(batch, places, strict=True):
            if bool(count) != bool(request.waveforms):
                raise ModelOutputError(
                    f"the prompt has {count} places for audio, the sample {len(request.waveforms)} clips"
                )
        # Each input is repeated once per beam, row by row, which pairs them only where a prompt has one row of each.
        rows = {value.shape[0] for value in inputs.values() if value.is_floating_point()}
        if num_beams > 1 and rows - {len(batch)}:
            raise ModelOutputError("num_beams above 1 needs prompts of one clip of one window each; use 1")

    def _template_settings(self) -> dict[str, Any]:
        return {"enable_thinking": self._thinking} if self.can_think else {}

    def _turns(self, sample: Sample, clips: Sequence[Any]) -> list[dict[str, Any]]:
        """Return a sample as a conversation, as processors want it: each turn's clips with its text."""
        return [self._message(role, heard, text) for role, heard, text in sample_turns(sample, clips)]

    def _message(self, role: str, clips: Sequence[Any], text: str) -> dict[str, Any]:
        heard = [self._clip(clip) for clip in clips]
        said = [{"type": "text", "text": text}] if text else []
        return {"role": role, "content": said + heard if self._convention.text_first else heard + said}

    def _clip(self, waveform: Any) -> dict[str, Any]:
        if not self._convention.is_mistral:
            return {"type": "audio", "audio": waveform}
        import soundfile

        file = io.BytesIO()
        soundfile.write(file, waveform, self._sample_rate_hz, format="WAV", subtype="FLOAT")
        return {"type": "audio", "base64": base64.b64encode(file.getvalue()).decode("ascii")}

    def _written(self, sample: Sample, mode: Mode) -> str:
        """Return a prompt as text, with placeholders for clips: a raw one, or what a template of texts makes of it."""
        for text in (sample.prompt, *(turn.text for turn in sample.turns)):
            if self._audio_token in text:
                raise ModelOutputError(f"the sample's text holds {self._audio_token}, the model's own mark of a clip")
        if mode == "raw":
            return self._convention.raw_clip * len(sample.audio) + sample.prompt
        turns = [
            {
                "role": message["role"],
                "content": "".join(part.get("text", self._audio_token) for part in message["content"]),
            }
            for message in self._turns(sample, sample.audio)
        ]
        rendered: str = self._processor.tokenizer.apply_chat_template(
            turns, tokenize=False, add_generation_prompt=True, **self._template_settings()
        )
        return rendered

    def _request_settings(self, batch: Sequence[Request]) -> dict[str, Any]:
        """Return what the transcription request of the processor is told of the clips of a batch."""
        request = self._convention.transcription
        assert request is not None, "refused before loading"
        codes = [primary_subtag(one.sample.language) for one in batch]
        settings: dict[str, Any] = {}
        if request.languages and all(map(request.can_be_told, codes)):
            settings["language"] = codes
        if request.needs_id:
            settings |= {"model_id": self._model_id, "sampling_rate": self._sample_rate_hz, "format": "wav"}
        return settings
