import pytest

from evaluate.errors import ManifestError
from evaluate.metrics import create_metric
from evaluate.metrics.notes import read_pitch
from evaluate.testing import judged, value_of

TAGGED = "<|pitch|><|midi_pitch_{}|><|velocity|><|midi_velocity_75|><|instrument|>guitar<|sonic|>bright"


@pytest.mark.parametrize(
    ("text", "pitch"),
    [("60", 60), (" 0 ", 0), ("127", 127), ("128", None), ("-1", None), ("", None), ("C4", None), ("六十", None)],
)
def test_a_pitch_is_a_midi_number(text: str, pitch: int | None) -> None:
    assert read_pitch(text) == pitch


def test_a_pitch_is_read_out_of_the_tagged_form() -> None:
    assert read_pitch(TAGGED.format(60)) == 60
    assert read_pitch("<|midi_pitch_60|>") is None
    assert read_pitch("9" * 5000) is None


def test_an_octave_is_right_in_chroma_only() -> None:
    references, answers = ["48", "60", "61"], ["60", TAGGED.format(60), "60"]
    assert value_of("pitch_accuracy", references, answers) == pytest.approx(1 / 3)
    assert value_of("chroma_accuracy", references, answers) == pytest.approx(2 / 3)


def test_the_protocol_takes_columns_for_midi_numbers() -> None:
    # Only 48 and 60 occur: their columns are 0 and 1, so an octave is an error, as in the official script
    assert value_of("chroma_accuracy", ["48", "60"], ["60", "60"], protocol="qwen-audio") == 0.5
    assert value_of("chroma_accuracy", ["48", "60"], ["60", "60"]) == 1


def test_a_missing_pitch_is_wrong_and_unparsed() -> None:
    metric = create_metric("chroma_accuracy")
    rows = metric.rows(judged(["8", "8"], ["none", None]))  # 128 % 12 is 8: the official script calls this right
    assert float(metric.value(rows)) == 0
    assert metric.unparsed(rows).tolist() == [True, True]
    # counted as coded, over the columns 8 → 0 and 128 → 1; with all pitches present 128 would be right
    assert value_of("pitch_accuracy", ["none"], ["none"], protocol="qwen-audio") == 1


def test_a_reference_that_is_no_pitch_is_an_error() -> None:
    with pytest.raises(ManifestError, match="sample '0': reference 'C4' is no pitch, expected a MIDI number"):
        value_of("pitch_accuracy", ["C4"], ["60"])


@pytest.mark.parametrize("answer", ["00600000", "0" * 5000, "0060", "6０"])
def test_a_number_of_more_digits_than_a_pitch_is_none(answer: str) -> None:
    assert value_of("chroma_accuracy", ["60"], [answer]) == 0
