from pathlib import Path

import pytest

from evaluate.errors import CorpusError
from evaluate.testing import write_tone
from tasks.aishell1 import Aishell1, speaker_of


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One test and one train utterance with audio, one test transcript without, one test recording untranscribed."""
    root = tmp_path / "data" / "data_aishell"
    write_tone(root / "wav" / "test" / "S0764" / "BAC009S0764W0121.wav")
    write_tone(root / "wav" / "test" / "S0764" / "BAC009S0764W0999.wav")
    write_tone(root / "wav" / "train" / "S0150" / "BAC009S0150W0121.wav")
    transcripts = root / "transcript" / "aishell_transcript_v0.8.txt"
    transcripts.parent.mkdir()
    transcripts.write_text(
        "BAC009S0150W0121 其中 有\nBAC009S0764W0121 甚至 出现 交易\nBAC009S0901W0121 没有 音频\n"
        "BAC009S0724W0121 开发集\n",
        encoding="utf-8",
    )
    return tmp_path / "data"


def test_one_transcript_file_serves_all_splits(data: Path) -> None:
    task = Aishell1(data)
    assert task.present_splits() == ("test", "train")
    assert [(s.id, s.references, s.groups) for s in task.read_split("train").samples] == [
        ("BAC009S0150W0121", ("其中 有",), {"speaker": "S0150"})
    ]


def test_transcripts_of_the_split_s_speakers_without_audio_are_missing_and_audio_without_one_is_counted(
    data: Path,
) -> None:
    coverage = Aishell1(data).read_split("test").coverage
    assert (coverage.found, coverage.official) == (1, 7176)
    assert coverage.missing_audio == ("BAC009S0901W0121",)
    assert coverage.untranscribed == ("BAC009S0764W0999",)


def test_archives_that_were_not_unpacked_are_named(data: Path) -> None:
    folder = data / "data_aishell" / "wav" / "dev"
    folder.mkdir()
    (folder.parent / "S0724.tar.gz").touch()
    with pytest.raises(
        CorpusError, match=r"holds no audio, but 1 \.tar\.gz archives such as S0724\.tar\.gz: unpack them"
    ):
        Aishell1(data).read_split("dev")


def test_the_speaker_stands_in_the_utterance_id() -> None:
    assert speaker_of("BAC009S0764W0121") == "S0764"


def test_real_recordings_load_with_their_true_transcripts(corpora: Path) -> None:
    task = Aishell1(corpora)
    assert {name: len(task.read_split(name).samples) for name in task.present_splits()} == {"test": 1, "train": 140}
    assert task.read_split("train").samples[0].references == ("其中有两个是内因的指标",)
