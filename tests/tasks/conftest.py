"""Small corpora in the original layouts, made of tones and of facts about the real ones; and what they hold."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from evaluate.testing import write_tone


@dataclass(frozen=True)
class SmallCorpus:
    """Files of a made-up corpus below a data folder, and the samples that are in it."""

    task: str
    split: str
    samples: dict[str, tuple[str, ...]]  # id to references
    audio: tuple[str, ...]
    texts: dict[str, str] = field(default_factory=dict)
    prompt: str = ""  # of the first sample
    columns: dict[str, str] = field(default_factory=dict)  # what a hub copy calls the truth, in place of `references`

    def write(self, data: Path) -> Path:
        for name in self.audio:
            write_tone(data / name)
        for name, content in self.texts.items():
            (data / name).parent.mkdir(parents=True, exist_ok=True)
            (data / name).write_text(content, encoding="utf-8")
        return data


COVOST_TSV = "path\ttranslation\tsplit\nc_1.mp3\t她会没事的。\ttest\nc_2.mp3\t是这个吗？\ttest\nc_3.mp3\t开发\tdev\n"
VALIDATED_TSV = 'client_id\tpath\tsentence\ns1\tc_1.mp3\t"She\'ll be all right."\ns2\tc_2.mp3\tDo you mean it?\n'
CLOTHO_AQA = (
    "file_name,QuestionText,answer,confidence\n"
    "Munich Cathedral.wav,Can people be heard?,yes,yes\n"
    "Munich Cathedral.wav,Can people be heard?,yes,yes\n"
    "Munich Cathedral.wav,Can people be heard?,no,no\n"
    '"A, B (1).wav",What is played?,organ,yes\n'
)
MELD_CSV = (
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"
    '1,"Oh my God, he’s lost it.",Phoebe,sadness,negative,0,0,4,7,"00:20:57,256","00:21:00,049"\n'
    '2,What?,Monica,surprise,negative,0,1,4,7,"00:21:01,927","00:21:03,261"\n'
)
NOTES = {
    "brass_acoustic_006-025-025": {
        "instrument_family_str": "brass",
        "instrument_source_str": "acoustic",
        "qualities_str": ["reverb", "dark"],
        "pitch": 25,
        "velocity": 25,
    },
    "synth_lead_synthetic_001-060-127": {
        "instrument_family_str": "synth_lead",
        "instrument_source_str": "synthetic",
        "qualities_str": [],
        "pitch": 60,
        "velocity": 127,
    },
}
VOCAL = {
    "data": [
        {"wav": "/home/them/audio_16k/m0002_1_throatclearing.wav", "labels": "/m/0dl9sf8"},
        {"wav": "/home/them/audio_16k/f0003_0_laughter.wav", "labels": "/m/01j3sz"},
    ]
}
CHAT_META = [
    {
        "uniq_id": 7,
        "task_name": "speech_and_music_QA",
        "dataset_name": "mixed",
        "path": "a.wav",
        "question": "What is sung?",
        "answer_gt": "A song.",
    },
    {
        "uniq_id": 8,
        "task_name": "music_QA",
        "dataset_name": "MusicCaps",
        "path": "b.wav",
        "question": "What plays?",
        "answer_gt": "A flute.",
    },
]

MMAU_LIST = [
    {
        "id": "3fe64f3d",
        "audio_id": "./test-mini-audios/3fe64f3d.wav",
        "question": "Who speaks?",
        "choices": ["Man", "Woman", "Child", "Robot"],
        "answer": "Man",
        "dataset": "AudioSet",
        "task": "sound",
        "split": "test-mini",
        "category": "Reasoning",
        "sub-category": "Acoustic Source Inference",
        "difficulty": "medium",
    },
    {
        "id": "72fb5481",
        "audio_id": "./test-mini-audios/72fb5481.wav",
        "question": "In which key is it?",
        "choices": ["C major", "C# major", "A minor"],
        "answer": "C# major",
        "task": "music",
        "difficulty": "hard",
    },
    {
        "id": "a9166dfa",
        "audio_id": "./test-mini-audios/a9166dfa.wav",
        "question": "How often is it said?",
        "choices": ["six", "five", "six", "one"],
        "answer": "six",
        "task": "speech",
        "difficulty": "easy",
    },
]
MMAR_LIST = [
    {
        "id": "BV1KN4y1j7zE_00-00-28_00-00-50",
        "audio_path": "./audio/BV1KN4y1j7zE_00-00-28_00-00-50.wav",
        "question": "What story is related to the content in the audio",
        "choices": ["Snow White", "Cinderella"],
        "answer": "Snow White",
        "modality": "mix-sound-music-speech",
        "category": "Semantic Layer",
        "sub-category": "Content Analysis",
    },
    {
        "id": "BV2_0",
        "audio_path": "./audio/BV2_0.wav",
        "question": "哪一个?",
        "choices": ["白雪公主", "灰姑娘", "睡美人"],
        "answer": "灰姑娘",
        "modality": "speech",
        "category": "Cultural Layer",
        "sub-category": "Imagination",
    },
]
FOUNDATION_META = [
    {
        "uniq_id": 5973,
        "task_name": "Speaker_Age_Prediction",
        "dataset_name": "common_voice_13.0_en",
        "path": "a.mp3",
        "question": "How old?",
        "choice_a": "teens to twenties",
        "choice_b": "thirties to fourties",
        "choice_c": "fifties to sixties",
        "choice_d": "seventies to eighties",
        "answer_gt": "thirties to fourties",
    },
    {
        "uniq_id": 7,
        "task_name": "Audio_Grounding",
        "dataset_name": "AudioGrounding",
        "path": "b.wav",
        "question": "When does it bark?",
        "choice_a": "[0.0, 1.2]",
        "choice_b": "[3.1, 4.0]",
        "choice_c": None,
        "answer_gt": "[3.1, 4.0]",
    },
]
VOICE_ROWS = [
    {"file_name": "clips/q1.wav", "prompt": "Which is a fruit? A: tin, B: fig.", "reference": "B"},
    {"file_name": "clips/q2.wav", "prompt": "Which is a tool? A: saw, B: fig.", "reference": "A"},
]
BBH_ROWS = [
    {"file_name": "navigate_1.wav", "prompt": "Do you return?", "reference": "No"},
    {"file_name": "hyperbaton_2.wav", "prompt": "Which order?", "reference": "(b)"},
]


def lines(records: list[dict[str, str]]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def nsynth(split: str, samples: dict[str, tuple[str, ...]], prompt: str, column: str) -> SmallCorpus:
    return SmallCorpus(
        "nsynth",
        split,
        samples,
        tuple(f"nsynth-test/audio/{name}.wav" for name in NOTES),
        {"nsynth-test/examples.json": json.dumps(NOTES)},
        prompt,
        {"references": column},
    )


CORPORA = [
    SmallCorpus(
        "librispeech",
        "test-clean",
        {"1089-134686-0000": ("HE HOPED",), "1089-134686-0001": ("STUFF IT",)},
        tuple(f"LibriSpeech/test-clean/1089/134686/1089-134686-000{n}.flac" for n in (0, 1)),
        {
            "LibriSpeech/test-clean/1089/134686/1089-134686.trans.txt": (
                "1089-134686-0000 HE HOPED\n1089-134686-0001 STUFF IT\n"
            )
        },
        "Transcribe the English speech.",
        {"references": "text"},
    ),
    SmallCorpus(
        "aishell1",
        "test",
        {"BAC009S0764W0121": ("甚至 出现",)},
        ("data_aishell/wav/test/S0764/BAC009S0764W0121.wav",),
        {"data_aishell/transcript/aishell_transcript_v0.8.txt": "BAC009S0764W0121 甚至 出现\n"},
        "Transcribe the Mandarin speech.",
    ),
    SmallCorpus(
        "aishell2",
        "ios",
        {"IT0011W0001": ("换一首歌",)},
        ("AISHELL-DEV-TEST-SET/iOS/test/wav/T0011/IT0011W0001.wav",),
        {
            "AISHELL-DEV-TEST-SET/iOS/test/wav.scp": "IT0011W0001\twav/T0011/IT0011W0001.wav\n",
            "AISHELL-DEV-TEST-SET/iOS/test/trans.txt": "IT0011W0001\t换一首歌\n",
        },
        "Transcribe the Mandarin speech.",
    ),
    SmallCorpus(
        "covost2",
        "en-zh",
        {"c_1": ("她会没事的。",), "c_2": ("是这个吗？",)},
        tuple(f"cv-corpus-4-2019-12-10/en/clips/c_{n}.mp3" for n in (1, 2)),
        {
            "covost2/covost_v2.en_zh-CN.tsv": COVOST_TSV,
            "cv-corpus-4-2019-12-10/en/validated.tsv": VALIDATED_TSV,
        },
        "Translate the English speech into Mandarin. Answer with the translation only.",
        {"references": "translation"},
    ),
    SmallCorpus(
        "clotho",
        "evaluation",
        {"Flipping Pages, [1].2": ("a", "b", "c", "d", "e, f")},
        ("clotho/clotho_audio_files/evaluation/Flipping Pages, [1].2.wav",),
        {
            "clotho/clotho_captions_evaluation.csv": (
                "file_name,caption_1,caption_2,caption_3,caption_4,caption_5\n"
                '"Flipping Pages, [1].2.wav",a,b,c,d,"e, f"\n'
            )
        },
        "Describe what can be heard, in one sentence.",
    ),
    SmallCorpus(
        "clothoaqa",
        "test",
        {
            "Munich Cathedral: Can people be heard?": ("yes", "yes", "no"),
            "A, B (1): What is played?": ("organ",),
        },
        ("ClothoAQA/audio_files/Munich Cathedral.wav", "ClothoAQA/audio_files/A B _1_.wav"),
        {"ClothoAQA/clotho_aqa_test.csv": CLOTHO_AQA},
        "Can people be heard? Answer with yes or no, or with a single word.",
        {"references": "answer"},
    ),
    SmallCorpus(
        "cochlscene",
        "test",
        {"CrowdedIndoor_user0802_14892039_004": ("crowded indoor",), "Park_user0807_14976869_001": ("park",)},
        (
            "CochlScene/Test/CrowdedIndoor/CrowdedIndoor_user0802_14892039_004.wav",
            "CochlScene/Test/Park/Park_user0807_14976869_001.wav",
            "CochlScene/Val/Park/Park_user0001_1_001.wav",
        ),
        {},
        "Which acoustic scene was this recorded in? Answer with one of: bus, cafe, car, crowded indoor, elevator, "
        "kitchen, park, residential area, restaurant, restroom, street, subway, subway station.",
        {"references": "label"},
    ),
    SmallCorpus(
        "tut2017",
        "evaluation",
        {"1": ("cafe or restaurant",), "2": ("residential area",)},
        ("TUT-acoustic-scenes-2017-evaluation/audio/1.wav", "TUT-acoustic-scenes-2017-evaluation/audio/2.wav"),
        {
            "TUT-acoustic-scenes-2017-evaluation/meta.txt": (
                "audio/1.wav\tcafe/restaurant\naudio/2.wav\tresidential_area\n"
            )
        },
    ),
    SmallCorpus(
        "meld",
        "test",
        {"dia0_utt0": ("sadness",), "dia0_utt1": ("surprise",)},
        tuple(f"MELD.Raw/output_repeated_splits_test/dia0_utt{n}.wav" for n in (0, 1)),
        {"MELD.Raw/test_sent_emo.csv": MELD_CSV},
        "Which emotion does the speaker's voice express? Answer with one of: neutral, joy, sadness, anger, surprise, "
        "fear, disgust.",
        {"references": "Emotion"},
    ),
    SmallCorpus(
        "meld",
        "dev-sentiment",
        {"dia0_utt0": ("negative",), "dia0_utt1": ("negative",)},
        tuple(f"MELD.Raw/dev_splits_complete/dia0_utt{n}.wav" for n in (0, 1)),
        {"MELD.Raw/dev_sent_emo.csv": MELD_CSV},
        "Which sentiment does the speaker's voice express? Answer with one of: positive, neutral, negative.",
        {"references": "Sentiment"},
    ),
    SmallCorpus(
        "vocalsound",
        "test",
        {"f0003_0_laughter": ("laughter",), "m0002_1_throatclearing": ("throat clearing",)},
        ("vs_release_16k/audio_16k/f0003_0_laughter.wav", "vs_release_16k/audio_16k/m0002_1_throatclearing.wav"),
        {"vs_release_16k/datafiles/te.json": json.dumps(VOCAL)},
        "Which vocal sound is this? Answer with one of: laughter, sigh, cough, throat clearing, sneeze, sniff.",
        {"references": "answer"},
    ),
    nsynth(
        "test",
        {"brass_acoustic_006-025-025": ("brass",), "synth_lead_synthetic_001-060-127": ("synth_lead",)},
        "Which instrument family plays this note? Answer with one of: bass, brass, flute, guitar, keyboard, mallet, "
        "organ, reed, string, synth_lead, vocal.",
        "instrument_family_str",
    ),
    nsynth(
        "test-qualities",
        {"brass_acoustic_006-025-025": ("reverb", "dark"), "synth_lead_synthetic_001-060-127": ("",)},
        "Which of these qualities does the note have: bright, dark, distortion, fast_decay, long_release, "
        "multiphonic, nonlinear_env, percussive, reverb, tempo-synced? Name all that apply, separated by commas.",
        "qualities_str",
    ),
    nsynth(
        "test-pitch",
        {"brass_acoustic_006-025-025": ("25",), "synth_lead_synthetic_001-060-127": ("60",)},
        "What is the pitch of this note? Answer with its MIDI number, 0 to 127.",
        "pitch",
    ),
    nsynth(
        "test-velocity",
        {"brass_acoustic_006-025-025": ("25",), "synth_lead_synthetic_001-060-127": ("127",)},
        "With which MIDI velocity is this note played? Answer with one of: 25, 50, 75, 100, 127.",
        "velocity",
    ),
    SmallCorpus(
        "srwt",
        "test",
        {"001001": ("<|0.00|><|sil|><|0.54|>面<|0.86|>条<|1.17|>",)},
        ("srwt/001001.wav",),
        {
            "srwt/industrial_srwt_eval.jsonl": json.dumps(
                {"audio": "001001.wav", "gt": "<|0.00|><|sil|><|0.54|>面<|0.86|>条<|1.17|>", "source": "aishell2"}
            )
        },
    ),
    SmallCorpus(
        "common_voice",
        "zh",
        {"common_voice_zh-CN_1": ('他说："好"',)},
        ("cv-corpus-15.0-2023-09-08/zh-CN/clips/common_voice_zh-CN_1.mp3",),
        {
            "cv-corpus-15.0-2023-09-08/zh-CN/test.tsv": (
                'client_id\tpath\tsentence\tup_votes\nab12\tcommon_voice_zh-CN_1.mp3\t他说："好"\t2\n'
            )
        },
        "Transcribe the Mandarin speech.",
        {"references": "sentence"},
    ),
    SmallCorpus(
        "fleurs",
        "zh",
        {"1000": ("这并不是告别",)},
        ("fleurs/data/cmn_hans_cn/audio/test/1000.wav",),
        {"fleurs/data/cmn_hans_cn/test.tsv": "1906\t1000.wav\t这并不是告别。\t这并不是告别\t这 并\t166080\tFEMALE\n"},
        "Transcribe the Mandarin speech.",
        {"references": "transcription"},
    ),
    SmallCorpus(
        "airbench_chat",
        "mixed",
        {"7": ("A song.",)},
        (
            "AIR-Bench-Dataset/Chat/speech_and_music_QA_mixed/a.wav",
            "AIR-Bench-Dataset/Chat/music_QA_MusicCaps/b.wav",
        ),
        {"AIR-Bench-Dataset/Chat/Chat_meta.json": json.dumps(CHAT_META)},
        "What is sung?",
        {"references": "answer_gt"},
    ),
    SmallCorpus(
        "chat",
        "test",
        {"c-1": ("The first.",)},
        ("chat/a.wav", "chat/b.wav"),
        {
            "chat/chat_eval.jsonl": json.dumps(
                {
                    "id": "c-1",
                    "turns": [
                        {"role": "user", "text": "What is this?", "audio": "a.wav"},
                        {"role": "assistant", "text": "A kettle."},
                        {"role": "user", "text": "Which is louder?", "audio": ["b.wav", "a.wav"]},
                    ],
                    "references": ["The first."],
                }
            )
        },
        "Which is louder?",
    ),
    SmallCorpus(
        "mmau",
        "test-mini",
        {"3fe64f3d": ("Man",), "72fb5481": ("C# major",), "a9166dfa": ("six",)},
        tuple(f"MMAU/test-mini-audios/{item['id']}.wav" for item in MMAU_LIST),
        {"MMAU/mmau-test-mini.json": json.dumps(MMAU_LIST)},
        "Who speaks?\nOptions:\n(A) Man\n(B) Woman\n(C) Child\n(D) Robot\nAnswer with the option's letter from the "
        "given choices directly and only give the best option.",
        {"references": "answer"},
    ),
    SmallCorpus(
        "mmar",
        "test",
        {"BV1KN4y1j7zE_00-00-28_00-00-50": ("Snow White",), "BV2_0": ("灰姑娘",)},
        tuple(f"MMAR/audio/{item['id']}.wav" for item in MMAR_LIST),
        {"MMAR/MMAR-meta.json": json.dumps(MMAR_LIST)},
        "What story is related to the content in the audio\nOptions:\n(A) Snow White\n(B) Cinderella\nAnswer with the "
        "option's letter from the given choices directly and only give the best option.",
        {"references": "answer"},
    ),
    SmallCorpus(
        "airbench_foundation",
        "test",
        {"5973": ("thirties to fourties",), "7": ("[3.1, 4.0]",)},
        (
            "AIR-Bench-Dataset/Foundation/Speaker_Age_Prediction_common_voice_13.0_en/a.mp3",
            "AIR-Bench-Dataset/Foundation/Audio_Grounding_AudioGrounding/b.flac",
        ),
        {"AIR-Bench-Dataset/Foundation/Foundation_meta.json": json.dumps(FOUNDATION_META)},
        "Choose the most suitable answer from options A, B, C, and D to respond the question in next line, you may "
        "only choose A or B or C or D.\nHow old?\n(A) teens to twenties\n(B) thirties to fourties\n"
        "(C) fifties to sixties\n(D) seventies to eighties",
        {"references": "answer_gt"},
    ),
    SmallCorpus(
        "voicebench",
        "openbookqa",
        {"q1": ("B",), "q2": ("A",)},
        ("voicebench/openbookqa/clips/q1.wav", "voicebench/openbookqa/clips/q2.wav"),
        {"voicebench/openbookqa/metadata.jsonl": lines(VOICE_ROWS)},
        columns={"references": "reference"},
    ),
    SmallCorpus(
        "voicebench",
        "bbh",
        {"navigate_1": ("no",), "hyperbaton_2": ("B",)},
        ("voicebench/bbh/navigate_1.wav", "voicebench/bbh/hyperbaton_2.wav"),
        {"voicebench/bbh/metadata.jsonl": lines(BBH_ROWS)},
        columns={"references": "reference"},
    ),
]


@pytest.fixture(params=CORPORA, ids=lambda one: f"{one.task}:{one.split}")
def small(request: pytest.FixtureRequest) -> SmallCorpus:
    """Each small corpus in turn."""
    corpus: SmallCorpus = request.param
    return corpus


@pytest.fixture
def write_small(tmp_path: Path) -> Callable[[str], Path]:
    """Write the small corpora of a task; returns the data folder."""

    def write(task: str) -> Path:
        for one in CORPORA:
            if one.task == task:
                one.write(tmp_path / "data")
        return tmp_path / "data"

    return write
