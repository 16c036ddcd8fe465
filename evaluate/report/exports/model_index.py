"""Evaluation results of Hugging Face model cards: the `model-index` of the YAML at a card's top.

One file per system, to paste between the card's two lines of `---`. The form is huggingface_hub's own
(`ModelCardData`, `EvalResult`; specification: hub-docs, modelcard.md), which builds it here.

Readers of cards parse the number and nothing around it, so each number must be of the whole split: partial corpora,
limited runs and the embedded samples are left out. Error rates (WER, CER, MER, SER) are in per cent, as the cards of
Whisper and NeMo models and the Open ASR Leaderboard have them; other metrics keep the unit of scores.json, since cards
give accuracy and F1 as fractions and BLEU, chrF and TER on sacrebleu's scale of 100. Signature, counts and interval (in
the unit of the value) stand in the metric's `args`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluate.lines import one_line
from evaluate.report.systems import (
    System,
    file_names,
    interval_of,
    is_whole,
    run_record,
    value_of,
    way_of_scoring,
    whole_size,
)
from evaluate.types import SAMPLE_SPLIT, Notice
from evaluate.whole_files import write_whole

TASK_TYPES = {  # kind of task to the hub's name of a pipeline; text about audio is its audio-text-to-text
    "asr": "automatic-speech-recognition",
    "translation": "translation",
    "classification": "audio-classification",
    **dict.fromkeys(("captioning", "question-answering", "timestamps", "chat"), "audio-text-to-text"),
}
PER_CENT = ("wer", "cer", "mer", "ser")
METRICS: dict[str, tuple[str, dict[str, Any]]] = {  # where the hub's id is not our name: id and arguments
    "macro_f1": ("f1", {"average": "macro"}),
    "weighted_f1": ("f1", {"average": "weighted"}),
    "mer": ("mixed_error_rate", {}),  # mer is the match error rate there
}
_FLEURS = {"zh": "cmn_hans_cn", "yue": "yue_hant_hk", "en": "en_us"}
_COMMON_VOICE = {"zh": "zh-CN", "sv": "sv-SE"}  # its codes where they are not ours
_PARTS = {"": "test", "test": "test", "dev": "validation", "train": "train"}


@dataclass(frozen=True, slots=True)
class HubDataset:
    """Where a split is on the hub."""

    id: str
    config: str | None
    split: str


def write_model_index(runs: Mapping[System, Sequence[Mapping[str, Any]]], folder: Path, notice: Notice) -> list[Path]:
    """Write `model-index/<model>.yaml` of each system that has a whole split; returns the files."""
    from huggingface_hub import ModelCardData

    written = []
    for system, name in file_names(runs).items():
        fit = [document for document in runs[system] if _fits(document, notice)]
        results = [result for document in fit for result in _results(document, fit)]
        if results:
            path = folder / "model-index" / f"{name}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            card = ModelCardData(model_name=one_line(system.label(runs)), eval_results=results)
            write_whole(path, card.to_yaml(line_break="\n") + "\n")
            written.append(path)
    return written


def hub_dataset(task: str, split: str) -> HubDataset:
    """Return a split's dataset on the hub; under the task's own name where the hub's id is not known for sure."""
    name, _, part = split.partition("-")
    if task == "librispeech" and (name in ("test", "dev")) and part in ("clean", "other"):
        return HubDataset("openslr/librispeech_asr", part, _PARTS[name])
    if task == "fleurs" and part in _PARTS and ("_" in name or name in _FLEURS):
        return HubDataset("google/fleurs", _FLEURS.get(name, name), _PARTS[part])
    if task == "common_voice" and split in ("en", "zh", "yue", "fr"):
        return HubDataset("mozilla-foundation/common_voice_15_0", _COMMON_VOICE.get(split, split), "test")
    text, _, part = part.partition("-")
    if task == "covost2" and text and part in _PARTS:
        config = "_".join(_COMMON_VOICE.get(language, language) for language in (name, text))
        return HubDataset("facebook/covost2", config, _PARTS[part])
    return HubDataset(task, None, split)


def _results(document: Mapping[str, Any], runs: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
    """Yield an EvalResult for each metric of a run; `runs` are all of its system."""
    from huggingface_hub import EvalResult

    task, split, kind = document["task"], document["split"], run_record(document)["kind"]
    dataset = hub_dataset(task, split)
    ways = sum(hub_dataset(other["task"], other["split"]) == dataset for other in runs)
    protocol = document.get("protocol") or ""
    told = [f"protocol {protocol}" if protocol else "", way_of_scoring(document) if ways > 1 else ""]
    remark = ", ".join(part for part in told if part)
    for name, score in document["metrics"].items():
        if (value := value_of(score)) is None:
            continue
        scale = 100 if name in PER_CENT else 1
        metric, arguments = METRICS.get(name, (name, {}))
        bounds = interval_of(score)
        fields = {
            "task_type": TASK_TYPES[kind],
            "task_name": kind,
            "dataset_type": dataset.id,
            "dataset_name": f"{task} {split}",
            "dataset_config": dataset.config,
            "dataset_split": dataset.split,
            "metric_type": metric,
            "metric_name": f"{name} ({remark})" if remark else name,
            "metric_value": _rounded(scale * value),
            "metric_args": {
                **arguments,
                "unit": "per cent" if name in PER_CENT else "fraction" if score["is_rate"] else None,
                "signature": score["signature"],
                "ci": [_rounded(scale * bound) for bound in bounds] if bounds else None,
                "ci_level": score.get("ci_method", {}).get("level"),
                **{count: document[count] for count in ("n_total", "n_unparsed", "n_failed")},
                # the prefix keeps it text: YAML 1.2 takes 1234e56789012345 for a number
                "corpus_fingerprint": f"otoscope:{document['corpus_fingerprint']}",
                "settings": System.of(document).settings or None,
            },
        }
        yield EvalResult(**_plain(fields))


def _fits(document: Mapping[str, Any], notice: Notice) -> bool:
    """Whether a run's scores belong on a card; where not, says why."""
    kind = run_record(document).get("kind")
    if document["split"] == SAMPLE_SPLIT:
        reason = "the embedded samples are no benchmark"
    elif not is_whole(document):
        reason = f"partial, {document['n_total']} of {whole_size(document)} samples"
    elif kind not in TASK_TYPES:
        reason = f"its run.json says kind {kind!r}, expected one of {', '.join(TASK_TYPES)}"
    else:
        return True
    notice(f"model-index: {document['model']} on {document['task']}:{document['split']} is left out: {reason}")
    return False


def _plain(value: Any) -> Any:
    """Return a value whose texts are one line each: YAML takes more characters for line breaks than its writer."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return one_line(value) if isinstance(value, str) else value


def _rounded(value: float) -> float:
    return round(value, 10)  # 1.8 per cent is 1.8, not 1.7999999999999998
