"""MELD: the emotion, or the sentiment, of an utterance from the series Friends.

One item, as the corpus has it (video with AAC sound, from which only the sound is taken):

    MELD.Raw/output_repeated_splits_test/dia0_utt0.mp4
    MELD.Raw/test_sent_emo.csv:
        1,Why do all you're coffee mugs have numbers on the bottom?,Mark,surprise,positive,0,0,3,19,…

The splits `test`, `dev` and `train` ask for the emotion, `test-sentiment` and so on for the sentiment. Sound that was
extracted to WAV or FLAC, beside the videos or in their place, is preferred; videos need the extra `video`.

Source: Poria et al. 2019, "MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in Conversations";
https://affective-meld.github.io. Known faults: a few clips are minutes long, since they were cut wrongly (dia38_utt4,
dia220_utt0 of test), some are silent; both stay in, since published scores have them: see --long-clips. Nearly half of
the utterances are neutral: read weighted F1 and balanced accuracy beside accuracy.
"""

from collections.abc import Iterator
from pathlib import Path

from evaluate.corpus import AUDIO_SUFFIXES, CorpusRows, read_table
from evaluate.corpus_task import CorpusTask
from evaluate.manifest import Row
from evaluate.protocols import Protocol
from evaluate.types import AudioRef

EMOTIONS = ("neutral", "joy", "sadness", "anger", "surprise", "fear", "disgust")
SENTIMENTS = ("positive", "neutral", "negative")
SENTIMENT = "-sentiment"
PARTS = {"test": 2610, "dev": 1109, "train": 9989}
VIDEOS = {"test": "output_repeated_splits_test", "dev": "dev_splits_complete", "train": "train_splits"}


class Meld(CorpusTask):
    """Accuracy and weighted F1 over seven emotions, or three sentiments."""

    name, version, kind, language = "meld", "1", "classification", "en"
    description = "emotion and sentiment of spoken utterances"
    source = "https://affective-meld.github.io"
    splits = (*PARTS, *(part + SENTIMENT for part in PARTS))
    official_sizes = {**PARTS, **{part + SENTIMENT: size for part, size in PARTS.items()}}
    default_splits = ("test",)
    split_names = {split: ("dev", "validation") if "dev" in split else (split.partition("-")[0],) for split in splits}
    metrics = ("accuracy", "weighted_f1", "macro_f1", "balanced_accuracy")
    choices = (*EMOTIONS, "positive", "negative")
    aliases = {
        "joy": ("happiness", "happy", "joyful"),
        "sadness": ("sad",),
        "anger": ("angry",),
        "surprise": ("surprised",),
        "fear": ("fearful", "scared"),
        "disgust": ("disgusted",),
    }
    prompt = "Which emotion does the speaker's voice express? Answer with one of: {choices}."
    protocols = {
        "qwen-audio": Protocol(
            "<|startofanalysis|><|en|><|keyword|><|en|><|notimestamps|><|emotion_recognition|>", 4, ("accuracy",)
        ),
        "qwen2-audio": Protocol("Recognize the emotion with keywords in English:", 256, ("accuracy",)),
    }
    top_folders = ("MELD.Raw", "MELD")

    def covers(self, split: str) -> bool:
        return not split.endswith(SENTIMENT)

    def choices_of(self, split: str) -> tuple[str, ...]:
        return SENTIMENTS if split.endswith(SENTIMENT) else EMOTIONS

    def prompt_of(self, split: str) -> str:
        return self.prompt.replace("emotion", "sentiment") if split.endswith(SENTIMENT) else self.prompt

    def train_split_of(self, split: str) -> str:
        return f"train{SENTIMENT}" if split.endswith(SENTIMENT) else "train"

    def corpus_splits(self) -> tuple[str, ...]:
        return tuple(split for split in self.splits if (self.root / f"{_part(split)}_sent_emo.csv").is_file())

    def read_corpus(self, split: str) -> CorpusRows:
        path = self.root / f"{_part(split)}_sent_emo.csv"
        wanted = self.reference_field(split)
        clips = {clip.stem: clip for clip in self._clips(_part(split))}
        missing = self.root / VIDEOS[_part(split)]
        rows = []
        for where, cells in read_table(path, columns=["Dialogue_ID", "Utterance_ID", wanted]):
            name = f"dia{cells['Dialogue_ID']}_utt{cells['Utterance_ID']}"
            rows.append(
                Row(
                    where=where,
                    id=name,
                    audio=(AudioRef(clips.get(name, missing / f"{name}.mp4")),),
                    references=(cells[wanted],),
                )
            )
        return CorpusRows(rows)

    def reference_field(self, split: str) -> str:
        return "Sentiment" if split.endswith(SENTIMENT) else "Emotion"

    def groups_of(self, row: Row) -> dict[str, str]:
        return {"recording": row.id.partition("_")[0]}  # utterances of one dialogue belong together

    def _clips(self, part: str) -> Iterator[Path]:
        """Yield a part's clips; of several files of one utterance the sound by itself comes last."""
        for suffixes in ((".mp4",), AUDIO_SUFFIXES):
            for folder in (VIDEOS[part], part, f"{part}_audio", f"audios_{part}"):
                yield from sorted(path for path in self.root.rglob(f"{folder}/dia*_utt*.*") if path.suffix in suffixes)


def _part(split: str) -> str:
    return split.removesuffix(SENTIMENT)
