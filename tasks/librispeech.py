"""LibriSpeech: English read speech from audiobooks, four evaluation splits.

One item, as the corpus has it:

    LibriSpeech/test-clean/1089/134686/1089-134686-0000.flac
    LibriSpeech/test-clean/1089/134686/1089-134686.trans.txt:
        1089-134686-0000 HE HOPED THERE WOULD BE STEW FOR DINNER TURNIPS AND CARROTS AND …

Source: Panayotov et al. 2015, "LibriSpeech: an ASR corpus based on public domain audio books"; https://www.openslr.org/12.
Utterances run up to about 35 s; how a model that hears 30 s at a time treats the rest is its adapter's business.
"""

from evaluate.corpus import CorpusRows, audio_files, paired_rows, read_transcripts, subfolders
from evaluate.manifest import Row
from evaluate.speech_task import SpeechTask


class LibriSpeech(SpeechTask):
    """Corpus WER per split, never pooled."""

    name, version, language = "librispeech", "1", "en"
    description = "English read speech, audiobooks"
    source = "https://www.openslr.org/12"
    splits = ("dev-clean", "dev-other", "test-clean", "test-other")
    official_sizes = {
        "dev-clean": 2703,
        "dev-other": 2864,
        "test-clean": 2620,
        "test-other": 2939,
        "train-clean-100": 28539,
        "train-clean-360": 104014,
        "train-other-500": 148688,
    }
    default_splits = ("test-clean", "test-other")
    top_folders = ("LibriSpeech",)

    def corpus_splits(self) -> tuple[str, ...]:
        return subfolders(self.root)

    def read_corpus(self, split: str) -> CorpusRows:
        folder = self.root / split
        audio = audio_files(folder, "*/*/*")
        self.require_audio(split, folder, audio)
        return paired_rows(folder, audio=audio, transcripts=read_transcripts(sorted(folder.glob("*/*/*.trans.txt"))))

    def groups_of(self, row: Row) -> dict[str, str]:
        return {"speaker": row.id.split("-")[0]}
