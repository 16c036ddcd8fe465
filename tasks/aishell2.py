"""AISHELL-2: Mandarin commands and read speech, the same utterances over three channels, each scored by itself.

One item, as the evaluation archive has it (tabs between the columns):

    AISHELL-DEV-TEST-SET/iOS/test/wav.scp:     IT0011W0001	wav/T0011/IT0011W0001.wav
    AISHELL-DEV-TEST-SET/iOS/test/trans.txt:   IT0011W0001	换一首歌

Source: Du et al. 2018, "AISHELL-2: Transforming Mandarin ASR Research Into Industrial Scale";
https://www.aishelltech.com/aishell_2. The channels are `mic`, `ios` and `android` (test), and `mic-dev` and so on.
"""

from evaluate.corpus import CorpusRows, find_folder, paired_rows, read_transcripts, subfolders
from evaluate.manifest import Row
from evaluate.speech_task import SpeechTask

CHANNELS = {"mic": "Mic", "ios": "iOS", "android": "Android"}
DEV = "-dev"


class Aishell2(SpeechTask):
    """Corpus CER per channel, traditional characters folded to simplified."""

    name, version, language = "aishell2", "1", "zh"
    description = "Mandarin speech over three channels"
    source = "https://www.aishelltech.com/aishell_2"
    splits = (*CHANNELS, *(channel + DEV for channel in CHANNELS))
    default_splits = tuple(CHANNELS)
    official_sizes = {split: 2500 if split.endswith(DEV) else 5000 for split in splits}
    metrics = ("cer", "ser")
    top_folders = ("AISHELL-DEV-TEST-SET", "AISHELL-2/AISHELL-DEV-TEST-SET", "aishell2/AISHELL-DEV-TEST-SET")

    def corpus_splits(self) -> tuple[str, ...]:
        parts = {"": "test", DEV: "dev"}
        channels = {channel: find_folder(self.root, [folder]) for channel, folder in CHANNELS.items()}
        return tuple(
            channel + suffix
            for suffix, part in parts.items()
            for channel, folder in channels.items()
            if part in subfolders(folder)
        )

    def read_corpus(self, split: str) -> CorpusRows:
        channel = find_folder(self.root, [CHANNELS[split.removesuffix(DEV)]])
        folder = channel / ("dev" if split.endswith(DEV) else "test")
        audio = {name: folder / path for name, path in read_transcripts([folder / "wav.scp"]).items()}
        return paired_rows(folder, audio=audio, transcripts=read_transcripts([folder / "trans.txt"]))

    def groups_of(self, row: Row) -> dict[str, str]:
        return {"speaker": row.id[1:6]}  # IT0011W0001: channel, speaker T0011, utterance
