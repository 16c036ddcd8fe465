"""Rows in the form of the Open ASR Leaderboard's table of English short-form results.

Source: huggingface/open_asr_leaderboard, scripts/data/en_shortform.csv at 090df122 (March 2026), and the scoring of its
README's template: `round(100 * wer, 2)` of `evaluate.load("wer")`, plain corpus WER, after a normaliser derived from
Whisper's English one. So only runs of the whole LibriSpeech test sets qualify, scored as `wer` with `whisper-en` and by
no published protocol.

Known differences:
- Later versions of that repository score otherwise (kaldialign, which takes "white paper" for "whitepaper", at no
  cost) on other sets, with other columns; LS Clean and LS Other have kept their names. Values here are not of that
  scoring and do not belong beside those.
- Utterances whose reference normalising empties are dropped there; here their insertions count.
- `Avg. WER` stays empty: it is over eight sets, and two of them are tasks here. So do size and licence, which no run
  knows, where that file has -1 for unknown numbers.
- `RTFx` is seconds of audio per second in the model over all runs of the row, decoding of files left out. It is empty
  where a session was killed before it wrote its times, no audio was heard, or the sessions ran on different devices.
  The leaderboard's are of one NVIDIA A100, so the device is told.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluate.report.cells import csv_text
from evaluate.report.systems import System, is_whole, run_record, value_of, whole_size
from evaluate.types import Notice
from evaluate.whole_files import write_whole

COLUMNS = (
    *("model", "Avg. WER", "RTFx", "Model size (B)", "License", "AMI WER", "Earnings22 WER", "Gigaspeech WER"),
    *("LS Clean WER", "LS Other WER", "SPGISpeech WER", "Tedlium WER", "Voxpopuli WER"),
)
SETS = {("librispeech", "test-clean"): "LS Clean WER", ("librispeech", "test-other"): "LS Other WER"}


def write_open_asr(runs: Mapping[System, Sequence[Mapping[str, Any]]], folder: Path, notice: Notice) -> list[Path]:
    """Write `open-asr.csv`, a row per system; returns the file, none where no run qualifies."""
    rows = []
    for system, documents in runs.items():
        if cells := _fitting(documents, notice):
            label = system.label(runs)
            row: dict[str, Any] = {column: _per_cent(document) for column, document in cells.items()}
            rows.append({"model": label, "RTFx": _rtfx(label, list(cells.values()), notice), **row})
    if not rows:
        notice("open-asr: no run qualifies, nothing written; expected librispeech:test-clean or test-other, whole")
        return []
    path = folder / "open-asr.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, csv_text(COLUMNS, rows))
    return [path]


def _fitting(documents: Sequence[Mapping[str, Any]], notice: Notice) -> dict[str, Mapping[str, Any]]:
    """Return the runs of a system that qualify, by column; the newest where several do."""
    cells: dict[str, Mapping[str, Any]] = {}
    for document in sorted(documents, key=lambda one: str(one["created"]), reverse=True):
        column = SETS.get((document["task"], document["split"]))
        if column is None:
            continue
        reason = _unfit(document) or (
            "a newer run of other samples or settings has its cell" if column in cells else ""
        )
        if reason:
            notice(f"open-asr: {document['model']} on {document['task']}:{document['split']} is left out: {reason}")
        else:
            cells[column] = document
    return cells


def _unfit(document: Mapping[str, Any]) -> str:
    """Return why a run's score is not what the column holds, "" where it is."""
    if not is_whole(document):
        return f"partial, {document['n_total']} of {whole_size(document)} samples"
    score = document["metrics"].get("wer")
    if score is None or value_of(score) is None:
        return "it has no wer"
    if document.get("protocol") or "|norm:whisper-en@" not in score["signature"] or "|protocol:" in score["signature"]:
        return f"scored as {score['signature']}, expected whisper-en and no protocol"
    return ""


def _per_cent(document: Mapping[str, Any]) -> float:
    value = value_of(document["metrics"]["wer"])
    assert value is not None  # or it would be unfit
    return round(100 * value, 2)


def _rtfx(label: str, documents: Sequence[Mapping[str, Any]], notice: Notice) -> float | str:
    """Return seconds of audio per second in the model, "" where it is not known."""
    sessions = [session for document in documents for session in run_record(document)["sessions"]]
    devices = {session.get("device") for session in sessions}
    times = [(session.get("audio_seconds"), session.get("model_seconds")) for session in sessions]
    if len(devices) != 1 or any(audio is None or model is None for audio, model in times):
        return ""
    audio, model = (sum(part) for part in zip(*times, strict=True))
    if not audio or not model:
        return ""
    notice(f"open-asr: RTFx of {label} was measured on {devices.pop()}; the leaderboard's are of an NVIDIA A100")
    return round(float(audio / model), 2)
