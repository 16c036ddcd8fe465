"""FENSE: how close a caption is to its references in meaning, cut to a tenth where its wording is broken.

Two BERTs make the score: a sentence encoder, whose cosine similarity to the references it is, and a classifier that
finds broken wording, the same that makes SPIDEr into SPIDEr-FL. Neither is fetched: both are folders of the user's,

    $FENSE_HOME/                 by default otoscope/fense in the user's cache folder
        sbert/                   all files of sentence-transformers/paraphrase-TinyBERT-L6-v2
        echecker/                echecker_clotho_audiocaps_base.ckpt of the FENSE project's release V0.1, and beside it
                                 config.json, tokenizer_config.json, vocab.txt of google-bert/bert-base-uncased

The classifier's checkpoint has the weights of its encoder, but neither its configuration nor its vocabulary. The small
published classifier, echecker_clotho_audiocaps_tiny.ckpt, needs those of prajjwal1/bert-tiny instead.

Source: Zhou et al. 2022, "Can Audio Captions Be Evaluated with Image Caption Metrics?";
https://github.com/blmoistawinde/fense, and aac-metrics 0.6.0, which the numbers of recent papers were made with.

Known differences: given no more captions than one batch holds, the official code compares all six probabilities with
the threshold; here, as in aac-metrics, it is always the last alone. What the classifier reads loses punctuation and
capitals, as in aac-metrics and in one of two versions of the official code; the encoder reads captions as they are.
Sentences are padded to the longest of a batch, not to 64 tokens, which moves a probability by less than 1e-6.
"""

import re
from collections.abc import Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluate.captions.text_encoder import (
    TextEncoder,
    check_encoder_files,
    folder_digest,
    in_one_line,
    load_tokenizer,
    map_distinct,
    quieten_transformers,
    read_json,
    unloadable,
)
from evaluate.errors import MetricUnavailableError
from evaluate.folders import home_or_cache

SENTENCE_MODEL = "sentence-transformers/paraphrase-TinyBERT-L6-v2"
ERROR_CHECKPOINT = "echecker_clotho_audiocaps_base.ckpt"
ERROR_CHECKPOINT_URL = f"https://github.com/blmoistawinde/fense/releases/download/V0.1/{ERROR_CHECKPOINT}"

ERROR_CLASSES = ("add_tail", "repeat_event", "repeat_adv", "remove_conj", "remove_verb", "error")  # of the outputs
ERROR_THRESHOLD = 0.9
PENALTY = 0.9
MAX_CHECKED_TOKENS = 64  # what the classifier was trained with; it reads no further

# Buffers that older transformers releases wrote beside the weights; newer ones make them.
_BUFFERS = {"embeddings.position_ids", "embeddings.token_type_ids"}


def fense_home() -> Path:
    """Return the folder that the models are looked for in: `FENSE_HOME`, else a folder of the user's cache."""
    return home_or_cache("FENSE_HOME", "fense")


def load_sentence_similarity() -> "SentenceSimilarity":
    """Return the encoder from its place in `fense_home()`; weights are read when first needed.

    Raises:
        MetricUnavailableError: It is not there, or not whole.
    """
    return SentenceSimilarity(_folder_of("sbert", contents=f"all files of {SENTENCE_MODEL} into it"))


def load_error_detector() -> "FluencyErrorDetector":
    """Return the classifier from its place in `fense_home()`; weights are read when first needed.

    Raises:
        MetricUnavailableError: It is not there, or not whole.
    """
    beside = "config.json, tokenizer_config.json and vocab.txt of google-bert/bert-base-uncased"
    return FluencyErrorDetector(_folder_of("echecker", contents=f"{ERROR_CHECKPOINT_URL} into it with {beside}"))


def _folder_of(name: str, *, contents: str) -> Path:
    folder = fense_home() / name
    if not folder.is_dir():
        raise MetricUnavailableError(
            f"{folder}: no such folder; put {contents}, or name the folder above it in FENSE_HOME"
        )
    return folder


def penalised(scores: NDArray[np.float64], error_probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scores, those of captions with an error probability above 0.9 times 0.1.

    Args:
        scores: Similarities for FENSE, SPIDEr for SPIDEr-FL, shape (samples,).
        error_probabilities: Shape (samples,), in [0, 1].

    Returns:
        Shape (samples,).

    Raises:
        ValueError: The shapes differ.
    """
    if scores.shape != error_probabilities.shape:
        raise ValueError(f"{scores.shape} scores and {error_probabilities.shape} error probabilities")
    # Written as the reference implementation writes it, so that the last bit agrees: 1 - 0.9 is not 0.1.
    return scores * (1.0 - PENALTY * (error_probabilities > ERROR_THRESHOLD))


class SentenceSimilarity:
    """The cosine similarity of sentences, by a transformers encoder whose outputs are averaged over the tokens.

    Args:
        folder: A checkpoint in the layout of sentence-transformers, with mean pooling and nothing after it but a
            normalisation; or a bare transformers checkpoint.
        device: "cpu", "cuda", "cuda:1", …; None: CUDA where there is one.
        batch_size: Sentences that are encoded together.

    Raises:
        MetricUnavailableError: The folder is not there, not whole, or of another kind of sentence encoder.
    """

    def __init__(self, folder: str | Path, *, device: str | None = None, batch_size: int = 32) -> None:
        self.folder = Path(folder)
        check_encoder_files(self.folder)
        _check_pooling(self.folder)
        self._device, self._batch_size = device, batch_size

    def identity(self) -> str:
        """Return a hash of the checkpoint's files, the same wherever it lies."""
        return folder_digest(self.folder)

    def similarities(
        self, candidates: Sequence[str], references: Sequence[Sequence[str]]
    ) -> NDArray[np.float64]:  # (samples,)
        """Return each candidate's mean cosine similarity to its references.

        An empty candidate has a similarity too, that of the bare start and end tokens.

        Args:
            candidates: One caption for each sample.
            references: One or more captions for each sample.

        Returns:
            Shape (samples,), in [-1, 1], higher is closer.

        Raises:
            ValueError: Their numbers differ, or a sample has no reference.
            MetricUnavailableError: The weights cannot be loaded.
        """
        for number, own in enumerate(references):
            if not own:
                raise ValueError(f"sample {number} has no reference")
        embeddings = map_distinct(chain(candidates, *references), self._embed, self._batch_size)
        return np.array(
            [
                np.mean([embeddings[candidate] @ embeddings[reference] for reference in own])
                for candidate, own in zip(candidates, references, strict=True)
            ],
            dtype=np.float64,
        )

    def _embed(self, texts: list[str]) -> NDArray[np.float64]:
        """Return unit vectors, shape (texts, hidden)."""
        import torch

        encoder, lower_case = self._encoder, self._settings.get("do_lower_case", False)
        with torch.inference_mode():
            inputs = encoder.tokenize([text.lower() if lower_case else text for text in texts], self._max_tokens)
            hidden = encoder.model(**inputs).last_hidden_state  # (texts, tokens, hidden)
            mask = inputs["attention_mask"].unsqueeze(-1)  # (texts, tokens, 1)
            means = (hidden * mask).sum(dim=1) / mask.sum(dim=1)  # (texts, hidden)
            unit: NDArray[np.float64] = torch.nn.functional.normalize(means).cpu().double().numpy()
        return unit

    @cached_property
    def _encoder(self) -> TextEncoder:
        import torch
        from transformers import AutoModel

        quieten_transformers()
        try:
            model, report = AutoModel.from_pretrained(
                self.folder,
                dtype=torch.float32,
                local_files_only=True,
                output_loading_info=True,
                trust_remote_code=False,
            )
        except Exception as error:  # transformers raises whatever its parts raise
            raise unloadable(self.folder, error) from error
        # A pooler stands after the outputs that are averaged: without weights it does no harm.
        if missing := sorted(key for key in report["missing_keys"] if not key.startswith("pooler.")):
            raise MetricUnavailableError(
                f"{self.folder}: {len(missing)} weights are missing, first {missing[0]!r}; they would be random, "
                "get the files again"
            )
        return TextEncoder.of(model, load_tokenizer(self.folder, model.config), self._device)

    @cached_property
    def _settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = read_json(self.folder / "sentence_bert_config.json")
        return settings

    @cached_property
    def _max_tokens(self) -> int:
        """The length that sentences are cut at: as sentence-transformers finds it."""
        if limit := self._settings.get("max_seq_length"):
            return int(limit)
        encoder = self._encoder
        return int(min(encoder.tokenizer.model_max_length, encoder.model.config.max_position_embeddings))


class FluencyErrorDetector:
    """The classifier of broken wording: a BERT, and a linear layer on the output at its first token.

    Args:
        path: A folder with one `.ckpt` file, or such a file; the configuration and the tokenizer of the encoder lie
            beside it. The checkpoint is the FENSE project's: a dictionary of `model_type` (the encoder's name on the
            hub), `num_classes` and `state_dict`.
        device: "cpu", "cuda", "cuda:1", …; None: CUDA where there is one.
        batch_size: Captions that are classified together.

    Raises:
        MetricUnavailableError: A file is missing.
    """

    def __init__(self, path: str | Path, *, device: str | None = None, batch_size: int = 32) -> None:
        self.checkpoint = _find_checkpoint(Path(path))
        self.folder = self.checkpoint.parent
        check_encoder_files(self.folder)
        self._device, self._batch_size = device, batch_size

    def identity(self) -> str:
        """Return a hash of the checkpoint and the files beside it, the same wherever they lie."""
        return folder_digest(self.folder, self.checkpoint)

    def error_probabilities(self, candidates: Sequence[str]) -> NDArray[np.float64]:  # (samples,)
        """Return how probable it is that the wording of each caption is broken: the class `error`.

        Args:
            candidates: Captions as they came; punctuation and capitals are taken from them here.

        Returns:
            Shape (samples,), in [0, 1], lower is better.

        Raises:
            MetricUnavailableError: The weights cannot be loaded.
        """
        texts = [_bare_words(candidate) for candidate in candidates]
        probabilities = map_distinct(texts, self._classify, self._batch_size)
        return np.array([probabilities[text][ERROR_CLASSES.index("error")] for text in texts], dtype=np.float64)

    def _classify(self, texts: list[str]) -> NDArray[np.float64]:
        """Return the probability of each class of error, shape (texts, classes)."""
        import torch

        encoder, head = self._classifier
        with torch.inference_mode():
            hidden = encoder.model(**encoder.tokenize(texts, MAX_CHECKED_TOKENS)).last_hidden_state
            classes: NDArray[np.float64] = head(hidden[:, 0]).sigmoid().cpu().double().numpy()
        return classes

    @cached_property
    def _classifier(self) -> tuple[TextEncoder, Any]:
        """The encoder, and the linear layer on top."""
        import torch
        from transformers import AutoConfig, AutoModel

        quieten_transformers()
        weights, encoder_name = self._read_checkpoint()
        try:
            config = AutoConfig.from_pretrained(self.folder, local_files_only=True, trust_remote_code=False)
            model = AutoModel.from_config(config, dtype=torch.float32)
            head = torch.nn.Linear(config.hidden_size, len(ERROR_CLASSES))
            _fill(model, weights, prefix="encoder.")
            _fill(head, weights, prefix="clf.")
        except Exception as error:
            raise MetricUnavailableError(
                f"{self.checkpoint}: its weights do not fit {self.folder / 'config.json'}, expected that of "
                f"{encoder_name} ({in_one_line(error)})"
            ) from error
        encoder = TextEncoder.of(model, load_tokenizer(self.folder, config), self._device)
        return encoder, head.to(encoder.model.device).eval()

    def _read_checkpoint(self) -> tuple[dict[str, Any], str]:
        """Return the weights by name, and the name of the encoder that they belong to."""
        import torch

        try:
            states = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
            weights, num_classes, encoder_name = states["state_dict"], states["num_classes"], states["model_type"]
        except Exception as error:  # pickle, zip and torch errors, or a file with something else in it
            raise unloadable(self.checkpoint, error) from error
        if num_classes != len(ERROR_CLASSES):
            raise MetricUnavailableError(
                f"{self.checkpoint}: it tells {num_classes} classes of error apart, expected {len(ERROR_CLASSES)}, "
                f"the last of them {ERROR_CLASSES[-1]!r}; get {ERROR_CHECKPOINT_URL}"
            )
        return weights, encoder_name


def _bare_words(text: str) -> str:
    return re.sub(r"[^\w\s]", "", text).lower()


def _find_checkpoint(path: Path) -> Path:
    """Return the checkpoint file that a path names itself, or as a folder that holds one."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise MetricUnavailableError(f"{path}: no such file or folder, expected a folder with {ERROR_CHECKPOINT}")
    found = sorted(path.glob("*.ckpt"))
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise MetricUnavailableError(
            f"{path}: expected one .ckpt file in it, found {names}; get {ERROR_CHECKPOINT_URL}, or name the file"
        )
    return found[0]


def _check_pooling(folder: Path) -> None:
    """Refuse a sentence encoder that does something else than average the outputs over the tokens."""
    modules = read_json(folder / "modules.json") or []
    kinds = [module["type"].rpartition(".")[2] for module in modules]
    if set(kinds) - {"Transformer", "Pooling", "Normalize"}:
        raise MetricUnavailableError(
            f"{folder}: its modules are {', '.join(kinds)}, expected Transformer and Pooling as in {SENTENCE_MODEL}"
        )
    for module in modules:
        if module["type"].endswith("Pooling") and (others := _pooling_modes(folder / module["path"]) - {"mean"}):
            raise MetricUnavailableError(f"{folder}: it pools by {', '.join(sorted(others))}, expected by the mean")


def _pooling_modes(folder: Path) -> set[str]:
    """Return how a module pools, whether its configuration names that or has a flag for each way."""
    config = read_json(folder / "config.json")
    if named := config.get("pooling_mode"):
        return {named} if isinstance(named, str) else set(named)
    flag = "pooling_mode_"
    return {key.removeprefix(flag).removesuffix("_tokens") for key, on in config.items() if key.startswith(flag) and on}


def _fill(module: Any, weights: dict[str, Any], *, prefix: str) -> None:
    """Load the weights whose names begin with a prefix.

    Raises:
        RuntimeError: A weight is missing, left over, or of another shape.
    """
    own = {name.removeprefix(prefix): weight for name, weight in weights.items() if name.startswith(prefix)}
    module.load_state_dict({name: weight for name, weight in own.items() if name not in _BUFFERS})
