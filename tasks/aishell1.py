"""AISHELL-1: Mandarin read speech, 400 speakers, scored by character error rate.

One item, as the corpus has it (one transcript file for all splits, words set apart by spaces):

    data_aishell/wav/test/S0764/BAC009S0764W0121.wav
    data_aishell/transcript/aishell_transcript_v0.8.txt:
        BAC009S0764W0121 甚至 出现 交易 几乎 停滞 的 情况

Source: Bu et al. 2017, "AISHELL-1: An Open-Source Mandarin Speech Corpus and A Speech Recognition Baseline";
https://www.openslr.org/33. Papers print the character error rate under the name WER; here it is `cer`. The genuine
corpus has some audio without a transcript, which is left out and counted.
"""

from evaluate.corpus import CorpusRows, audio_files, paired_rows, read_transcripts, subfolders
from evaluate.manifest import Row
from evaluate.protocols import ASR
from evaluate.speech_task import SpeechTask

# Who speaks in the published evaluation splits: tells which transcripts lack their audio.
SPEAKERS = {
    "dev": {f"S{number:04}" for number in range(724, 764)},
    "test": {f"S{number:04}" for number in (*range(764, 771), *range(901, 909), *range(912, 917))},
}


def speaker_of(utterance: str) -> str:
    """Return the speaker in an utterance id: `BAC009S0764W0121` → `S0764`."""
    return utterance[6:11]


class Aishell1(SpeechTask):
    """Corpus CER per split, traditional characters folded to simplified."""

    name, version, language = "aishell1", "1", "zh"
    description = "Mandarin read speech"
    source = "https://www.openslr.org/33"
    splits = ("dev", "test")
    official_sizes = {"dev": 14326, "test": 7176, "train": 120098}
    default_splits = ("test",)
    metrics = ("cer", "ser")
    protocols = {"qwen-audio": ASR["qwen-audio"]}
    top_folders = ("data_aishell",)

    def corpus_splits(self) -> tuple[str, ...]:
        return subfolders(self.root / "wav")

    def read_corpus(self, split: str) -> CorpusRows:
        folder = self.root / "wav" / split
        audio = audio_files(folder, "*/*")
        self.require_audio(split, folder, audio)
        speakers = SPEAKERS.get(split, {speaker_of(utterance) for utterance in audio})
        transcripts = {
            utterance: text
            for utterance, text in read_transcripts([self.root / "transcript" / "aishell_transcript_v0.8.txt"]).items()
            if speaker_of(utterance) in speakers or utterance in audio
        }
        return paired_rows(folder, audio=audio, transcripts=transcripts)

    def groups_of(self, row: Row) -> dict[str, str]:
        return {"speaker": speaker_of(row.id)}
