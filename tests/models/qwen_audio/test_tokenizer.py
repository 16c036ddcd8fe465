"""The tokenizer: golden ids are of the released tokenizer, as qwen-audio-protocol.md has them."""

import base64
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiktoken import Encoding

import models.qwen_audio
from evaluate.errors import ModelLoadError, ModelOutputError, SampleError
from models.qwen_audio import QwenTokenizer
from models.qwen_audio.tokenizer import SPECIAL_TOKENS

# The first id of each stretch in the released vocabulary, and the tokens from there on.
TABLE: list[tuple[int, list[str]]] = [
    (151643, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]),
    (151646, [f"<|extra_{number}|>" for number in range(205)]),
    (151851, ["[[[AUDIO:modality]]]", "<|startoftranscript|>", "<|startofanalysis|>"]),
    (151854, ["<|translate|>", "<|transcribe|>", "<|caption|>", "<|keyword|>", "<|unknown|>"]),
    (151859, ["<|en|>", "<|zh|>", "<|de|>", "<|es|>", "<|ko|>", "<|fr|>", "<|ja|>", "<|it|>", "<|zh_tr|>"]),
    (151868, ["<|notimestamps|>", "<|sil|>", "<|timestamps|>"]),
    (151871, [f"<|{seconds}.{hundredth:02d}|>" for seconds in range(30) for hundredth in range(100)]),
    (154871, ["<|30.00|>"]),
    (154872, ["<|caption_audiocaps|>", "<|caption_clotho|>", "<|audioset_ontology|>", "<|caption_plain|>"]),
    (154876, ["<|itn|>", "<|wo_itn|>"]),
    (154878, ["<|startofentityvalue|>", "<|endofentityvalue|>", "<|startofentitytype|>", "<|endofentitytype|>"]),
    (154882, ["<|named_entity_recognition|>", "<|audio_grounding|>"]),
    (154884, ["<|startofword|>", "<|endofword|>", "<|delim|>"]),
    (154887, ["<|emotion_recognition|>", "<|music_description|>", "<|note_analysis|>", "<|pitch|>"]),
    (154891, [f"<|midi_pitch_{number}|>" for number in range(128)]),
    (155019, ["<|velocity|>"]),
    (155020, [f"<|midi_velocity_{number}|>" for number in range(128)]),
    (155148, ["<|sonic|>", "<|instrument|>", "<|speaker_meta|>", "<|song_meta|>"]),
    (155152, ["<|question|>", "<|answer|>", "<|choice|>", "<|scene|>", "<|event|>", "<|vocal_classification|>"]),
    (155158, ["<|speech_understanding|>", "<|scenario|>", "<|action|>", "<|entities|>", "<|speech_edit|>"]),
    (155163, ["<audio>", "</audio>"]),
]
# The expression of the released tokenizer, written out once more.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Letters with marks that NFC joins, digits of several scripts, white space, and what special tokens are made of.
texts = st.text(
    st.one_of(
        st.sampled_from("the ing'S12٣\n\r\t é e\u0301ñ가각今天。<|>enaudio/[]:ﬁ😀\u200d"), st.characters(codec="utf-8")
    )
)
with_tokens = st.lists(st.one_of(texts, st.sampled_from(SPECIAL_TOKENS))).map("".join)


def test_the_vocabulary_of_the_checkpoint_has_every_special_token_at_its_id(released: QwenTokenizer) -> None:
    expected = {token: first + offset for first, tokens in TABLE for offset, token in enumerate(tokens)}
    assert {token: released.encode(token) for token in SPECIAL_TOKENS} == {t: [i] for t, i in expected.items()}
    assert (released.num_ranks, released.num_ids) == (151643, 155165)


def test_special_tokens_follow_the_ranks_of_any_vocabulary(small: QwenTokenizer) -> None:
    for first, tokens in TABLE:
        for offset, token in enumerate(tokens):
            assert small.encode(token) == [small.special_id(token)] == [first - 151643 + 1024 + offset]
            assert small.decode([small.special_id(token)]) == token
    assert small.num_ids == 1024 + 155165 - 151643


def test_ids_that_others_need_have_names(released: QwenTokenizer, small: QwenTokenizer) -> None:
    named = (released.eod_id, released.im_start_id, released.im_end_id)
    assert named == (151643, 151644, 151645)
    assert (released.audio_placeholder_id, released.audio_start_id, released.audio_end_id) == (151851, 155163, 155164)
    assert (small.eod_id, small.audio_end_id) == (1024, small.num_ids - 1)


@pytest.mark.parametrize(
    ("text", "ids"),
    [  # sections 1.1, 4.2 and 4.3 of qwen-audio-protocol.md
        (
            "<|startoftranscript|><|en|><|transcribe|><|en|><|notimestamps|><|wo_itn|>",
            [151852, 151859, 151855, 151859, 151868, 154877],
        ),
        ("<|startoftranscription|>", [27, 91, 2468, 1055, 1458, 1453, 91, 29]),
        ("Human:", [33975, 25]),
        ("You are a helpful assistant.", [2610, 525, 264, 10950, 17847, 13]),
        ("system\n", [8948, 198]),
        ("Audio 1:", [14755, 220, 16, 25]),
    ],
)
def test_ids_are_those_of_the_released_tokenizer(released: QwenTokenizer, text: str, ids: list[int]) -> None:
    assert released.encode(text) == ids
    assert released.decode(ids) == text


def test_a_language_without_a_token_is_plain_text(released: QwenTokenizer) -> None:
    for name in ("yue", "nl", "pt"):
        ids = released.encode(f"<|{name}|>")
        assert len(ids) > 1
        assert max(ids) < released.num_ranks


def test_ordinary_encoding_knows_no_special_token(released: QwenTokenizer, small: QwenTokenizer) -> None:
    plain = [27, 91, 318, 6213, 91, 29]  # section 4.2 of qwen-audio-protocol.md
    assert released.encode_ordinary("<|im_end|>") == plain
    everything = "".join(SPECIAL_TOKENS)
    assert max(small.encode_ordinary(everything)) < small.num_ranks
    assert small.decode(small.encode_ordinary(everything)) == everything


def test_a_template_names_every_special_token_but_those_of_audio(small: QwenTokenizer) -> None:
    audio = ["<audio>", "</audio>", "[[[AUDIO:modality]]]"]
    for token in SPECIAL_TOKENS:
        assert (small.encode_template(token) == [small.special_id(token)]) == (token not in audio)
    assert max(small.encode_template("".join(audio))) < small.num_ranks


def test_digits_are_encoded_one_by_one(released: QwenTokenizer, small: QwenTokenizer) -> None:
    digits = [released.encode(digit)[0] for digit in "0123456789"]
    assert released.encode("2024") == [digits[2], digits[0], digits[2], digits[4]]
    assert released.encode("a2024b")[1:-1] == [digits[2], digits[0], digits[2], digits[4]]
    assert small.encode("12") == [ord("1"), ord("2")]  # though that vocabulary has a token for both


def test_text_is_composed_before_it_is_encoded(released: QwenTokenizer) -> None:
    assert released.encode("cafe\u0301") == released.encode("caf\u00e9")
    assert released.decode(released.encode("\u1112\u1161\u11ab")) == "한"
    assert released.decode(released.encode("ﬁ")) == "ﬁ"  # compatibility forms stay


@given(text=with_tokens)
def test_decoding_gives_the_composed_text_back(small: QwenTokenizer, text: str) -> None:
    assert small.decode(small.encode(text)) == unicodedata.normalize("NFC", text)
    assert small.decode(small.encode_ordinary(text)) == unicodedata.normalize("NFC", text)


@given(text=with_tokens)
def test_encoding_is_that_of_tiktoken_on_composed_text(
    small: QwenTokenizer, ranks: dict[bytes, int], text: str
) -> None:
    specials = [token for _, tokens in TABLE for token in tokens]
    independent = Encoding(
        "independent",
        pat_str=PATTERN,
        mergeable_ranks=ranks,
        special_tokens={token: len(ranks) + index for index, token in enumerate(specials)},
    )
    composed = unicodedata.normalize("NFC", text)
    assert small.encode_ordinary(text) == independent.encode_ordinary(composed)
    assert small.encode(text) == independent.encode(composed, allowed_special="all")


@given(text=with_tokens)
def test_ordinary_ids_are_all_below_the_special_ones(small: QwenTokenizer, text: str) -> None:
    assert all(token < small.num_ranks for token in small.encode_ordinary(text))


def test_skipping_special_tokens_leaves_ordinary_text(small: QwenTokenizer) -> None:
    ids = small.encode("<|0.00|>the<|0.54|> thing<|en|><audio></audio><|endoftext|>")
    assert small.decode(ids) == "<|0.00|>the<|0.54|> thing<|en|><audio></audio><|endoftext|>"
    assert small.decode(ids, skip_special_tokens=True) == "the thing"


def test_bytes_that_are_no_text_are_replaced(small: QwenTokenizer) -> None:
    first, *rest = small.encode("今")
    assert rest
    assert small.decode([first]) == "\ufffd"
    assert small.decode([]) == ""
    assert small.decode(np.array(small.encode("the"))) == "the"


@pytest.mark.parametrize("strange", [-1, 1024 + 3522, 155946])
def test_an_id_that_is_no_tokens_is_an_error(small: QwenTokenizer, strange: int) -> None:
    for skip in (False, True):
        with pytest.raises(ModelOutputError, match=rf"token id {strange} is outside .* expected 0 to 4545"):
            small.decode([0, strange], skip_special_tokens=skip)


def test_endless_white_space_is_refused_before_the_pattern_overflows(small: QwenTokenizer) -> None:
    with pytest.raises(SampleError, match="100000 white-space characters in a row"):
        small.encode_ordinary(" " * 1_000_000)
    assert small.decode(small.encode_ordinary(" " * 99_999 + "x")) == " " * 99_999 + "x"


def test_a_vocabulary_is_read_from_its_file(vocabulary: Path, small: QwenTokenizer) -> None:
    for path in (vocabulary, str(vocabulary)):
        read = QwenTokenizer.from_file(path)
        assert (read.num_ranks, read.encode("the thing")) == (1024, small.encode("the thing"))


def _replaced(number: int, line: bytes) -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: [*lines[: number - 1], line, *lines[number:]]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_replaced(7, b"Jg=="), r"qwen.tiktoken:7: 'Jg==', expected a token in base64 and the rank 6"),
        (_replaced(7, b""), r"qwen.tiktoken:7: '', expected"),
        (_replaced(7, b"Jg== 6 6"), r"qwen.tiktoken:7: 'Jg== 6 6', expected"),
        (_replaced(7, b"J?g== 6"), r"qwen.tiktoken:7: 'J\?g== 6', expected"),
        (_replaced(7, b"Jg= 6"), r"qwen.tiktoken:7: 'Jg= 6', expected"),
        (_replaced(7, b"Jg== six"), r"qwen.tiktoken:7: 'Jg== six', expected"),
        (_replaced(7, b"\xff\n\x00 6"), r"qwen.tiktoken:7: '\\\\xff', expected"),
        (_replaced(1024, b"eg== 102"), r"qwen.tiktoken:1024: 'eg== 102', expected .* the rank 1023"),
        (lambda lines: lines[:99] + lines[100:], r"qwen.tiktoken:100: .*expected a token in base64 and the rank 99"),
        (lambda lines: lines[:100] + lines[99:], r"qwen.tiktoken:101: .*expected a token in base64 and the rank 100"),
        (
            lambda lines: [*lines, base64.b64encode(b"the") + b" 1024"],
            r"qwen.tiktoken:1025: token 'dGhl 1024' stood in line 264 already",
        ),
        (lambda lines: lines[:200], r"qwen.tiktoken: no token for the byte 0xc8 in 200 lines, expected one for each"),
        (lambda lines: [], r"qwen.tiktoken: no token for the byte 0x00 in 0 lines"),
        (lambda lines: [b"version https://git-lfs.github.com/spec/v1"], r"qwen.tiktoken:1: 'version https"),
    ],
)
def test_a_damaged_vocabulary_names_the_line(
    vocabulary: Path, damage: Callable[[list[bytes]], list[bytes]], message: str
) -> None:
    vocabulary.write_bytes(b"".join(line + b"\n" for line in damage(vocabulary.read_bytes().splitlines())))
    with pytest.raises(ModelLoadError, match=message) as caught:
        QwenTokenizer.from_file(vocabulary)
    assert len(str(caught.value).splitlines()) == 1


def test_an_absent_vocabulary_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"qwen.tiktoken: not readable \(No such file or directory\)"):
        QwenTokenizer.from_file(tmp_path / "qwen.tiktoken")


def test_one_tokenizer_is_exported() -> None:
    assert [name for name in dir(models.qwen_audio) if name.endswith("Tokenizer")] == ["QwenTokenizer"]
