"""NSynth: what a single musical note is played on, how it sounds, how high and how loud it is.

One item, as the corpus has it:

    nsynth-test/audio/brass_acoustic_006-025-025.wav
    nsynth-test/examples.json:
        {"brass_acoustic_006-025-025": {"instrument_family_str": "brass", "instrument_source_str": "acoustic",
         "qualities_str": ["reverb"], "pitch": 25, "velocity": 25, …}, …}

The split `test` asks for the family of the instrument, `test-qualities` for the qualities, `test-pitch` for the pitch
(scored as it is, and but for octaves), `test-velocity` for the velocity; `valid` and `train` likewise.

Source: Engel et al. 2017, "Neural Audio Synthesis of Musical Notes with WaveNet Autoencoders";
https://magenta.tensorflow.org/datasets/nsynth. No note of the test set is of the family synth_lead. Under the protocol
`qwen-audio` all is asked at once, and each split reads its own part of the answer, as that evaluation's script does.
"""

import re
from dataclasses import replace
from pathlib import Path

from evaluate.corpus import CorpusRows, audio_files, find_folder, read_json
from evaluate.corpus_task import CorpusTask
from evaluate.errors import ManifestError
from evaluate.manifest import Row, as_texts
from evaluate.metrics.settings import MetricSettings
from evaluate.protocols import Protocol
from evaluate.types import AudioRef, Sample

FAMILIES = ("bass", "brass", "flute", "guitar", "keyboard", "mallet", "organ", "reed", "string", "synth_lead", "vocal")
QUALITIES = (
    *("bright", "dark", "distortion", "fast_decay", "long_release", "multiphonic", "nonlinear_env", "percussive"),
    *("reverb", "tempo-synced"),
)
VELOCITIES = ("25", "50", "75", "100", "127")
PARTS = {"test": 4096, "valid": 12678, "train": 289205}
ASPECTS = ("", "qualities", "pitch", "velocity")
FIELDS = {"": "instrument_family_str", "qualities": "qualities_str", "pitch": "pitch", "velocity": "velocity"}
CHOICES = {"": FAMILIES, "qualities": QUALITIES, "pitch": (), "velocity": VELOCITIES}
METRICS = {
    "": ("accuracy", "macro_f1"),
    "qualities": ("map",),
    "pitch": ("pitch_accuracy", "chroma_accuracy"),
    "velocity": ("accuracy",),
}
PROMPTS = {
    "": "Which instrument family plays this note? Answer with one of: {choices}.",
    "qualities": "Which of these qualities does the note have: {choices}? Name all that apply, separated by commas.",
    "pitch": "What is the pitch of this note? Answer with its MIDI number, 0 to 127.",
    "velocity": "With which MIDI velocity is this note played? Answer with one of: {choices}.",
}
# How Qwen-Audio writes each aspect; read as that evaluation's script does, white space included.
AS_WRITTEN = {
    "": re.compile(r"<\|instrument\|>([^<\n]*)"),
    "qualities": re.compile(r"<\|sonic\|>([^<\n]*)"),
    "pitch": re.compile(r"<\|pitch\|><\|midi_pitch_(.*?)\|>"),
    "velocity": re.compile(r"<\|velocity\|><\|midi_velocity_(.*?)\|>"),
}


class NSynth(CorpusTask):
    """Accuracy of family, pitch and velocity, mean average precision of the qualities."""

    name, version, kind = "nsynth", "1", "classification"
    description = "musical notes: instrument, qualities, pitch, velocity"
    source = "https://magenta.tensorflow.org/datasets/nsynth"
    splits = tuple(f"{part}-{aspect}".rstrip("-") for part in PARTS for aspect in ASPECTS)
    official_sizes = {split: PARTS[split.partition("-")[0]] for split in splits}
    default_splits = ("test", "test-qualities")
    split_names = {
        split: ("validation", "valid") if split[0] == "v" else (split.partition("-")[0],) for split in splits
    }
    metrics = METRICS[""]
    choices = (*FAMILIES, *QUALITIES, *VELOCITIES)
    aliases = {"keyboard": ("keyboards",), "string": ("strings",), "vocal": ("vocals",)}
    prompt = PROMPTS[""]
    protocols = {
        "qwen-audio": Protocol(
            "<|startofanalysis|><|unknown|><|keyword|><|en|><|notimestamps|><|note_analysis|>", 30, ()
        )
    }
    top_folders = ("nsynth-test",)
    multilabel = True
    splits_share_samples = True

    def metrics_of(self, split: str) -> tuple[str, ...]:
        metrics = METRICS[_aspect(split)]
        return metrics[:1] if self.protocol and "accuracy" in metrics else metrics

    def choices_of(self, split: str) -> tuple[str, ...]:
        return CHOICES[_aspect(split)]

    def prompt_of(self, split: str) -> str:
        return PROMPTS[_aspect(split)]

    def train_split_of(self, split: str) -> str:
        return f"train-{_aspect(split)}".rstrip("-")

    def corpus_splits(self) -> tuple[str, ...]:
        return tuple(split for split in self.splits if self._list(split).is_file())

    def read_corpus(self, split: str) -> CorpusRows:
        path = self._list(split)
        notes = read_json(path)
        field = FIELDS[_aspect(split)]
        for name, note in notes.items() if isinstance(notes, dict) else [("", notes)]:
            if not isinstance(note, dict) or note.get(field) is None:
                raise ManifestError(f"{path}: {name}: expected a note with {field!r}, as the corpus has it")
        clips = audio_files(path.parent / "audio")
        return CorpusRows(
            [
                Row(
                    where=f"{path}: {name}",
                    id=name,
                    audio=(AudioRef(clips.get(name, path.parent / "audio" / f"{name}.wav")),),
                    references=as_texts(note[field]) or ("",),
                    groups={"source": note["instrument_source_str"]} if "instrument_source_str" in note else {},
                )
                for name, note in sorted(notes.items())
            ]
        )

    def reference_field(self, split: str) -> str:
        return FIELDS[_aspect(split)]

    def references_of(self, row: Row, split: str) -> tuple[str, ...]:
        aspect = _aspect(split)
        texts = row.references
        if len(texts) == 1 and "<|" in texts[0]:  # all aspects in one text, as the evaluation's list has them
            found = AS_WRITTEN[aspect].search(texts[0])
            texts = (found[1],) if found else ("",)
            texts = tuple(texts[0].split(", ")) if aspect == "qualities" else texts
        return texts if texts == ("",) else super().references_of(replace(row, references=texts), split)

    def metric_settings(self, split: str) -> dict[str, MetricSettings]:
        found = super().metric_settings(split)
        if self.protocol:  # white space counts, the ten qualities are known
            choices = QUALITIES if _aspect(split) == "qualities" else ()
            found = {name: replace(one, choices=choices, normalizer="none") for name, one in found.items()}
        return found

    def extract_answer(self, sample: Sample, text: str) -> str | None:
        """Return the part of an answer that a split asks for; of qualities there may be several."""
        aspect = next(aspect for aspect in ASPECTS if CHOICES[aspect] == sample.choices)
        found = AS_WRITTEN[aspect].search(text.strip())
        if self.protocol:
            return found[1] if found else ""
        text = found[1] if found else text  # a model may answer so though it was asked for one aspect
        return text if aspect in ("qualities", "pitch") else super().extract_answer(sample, text)

    def _list(self, split: str) -> Path:
        return find_folder(self.data_dir, [f"nsynth-{split.partition('-')[0]}"]) / "examples.json"


def _aspect(split: str) -> str:
    return split.partition("-")[2]
