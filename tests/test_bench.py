"""The machinery of `make bench`; what it measures is not measured here."""

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench import __main__ as bench
from tests.bench.batching import BUDGET_S, LONGEST_S, SIZE
from tests.bench.measuring import Aim, Line, Peer, PeerError, Settings, run_rows, show, status_of, take_turns
from tests.bench.scoring import measured_alone

NOWHERE = Settings(corpora=Path("/absent"), checkpoints=Path("/absent"), peers=Path("/absent/peers"))


def test_sides_take_turns_and_the_ratio_is_the_median_of_the_pairs() -> None:
    order: list[str] = []
    durations = {"ours": iter([1.0, 9.0, 4.0]), "theirs": iter([2.0, 3.0, 4.0])}

    def side(name: str) -> float:
        order.append(name)
        return next(durations[name])

    times = take_turns({"ours": lambda: side("ours"), "theirs": lambda: side("theirs")}, 3)
    assert order == ["ours", "theirs", "theirs", "ours", "ours", "theirs"]
    line = times.line("row", "what", "peer", ours="ours", theirs="theirs")
    assert (line.ours_s, line.theirs_s, line.num_pairs) == (4.0, 3.0, 3)
    assert line.time_ratio == 1.0  # of 0.5, 3 and 1; not that of the medians


@pytest.mark.parametrize(
    ("aim", "time_ratio", "verdict"),
    [
        (Aim("at most", 1.05), 1.05, "met"),
        (Aim("at most", 1.05), 1.06, "missed"),
        (Aim("at least", 4), 0.25, "met"),
        (Aim("at least", 4), 0.26, "missed"),
        (Aim("at least", 2, "no AMX"), 0.1, "not applicable: no AMX"),
        (Aim("none"), 7.0, "–"),
    ],
)
def test_an_aim_is_met_missed_or_does_not_apply(aim: Aim, time_ratio: float, verdict: str) -> None:
    assert Line("row", "what", "peer", 1.0, 1.0, time_ratio, 1, aim).verdict == verdict


def test_a_side_that_cannot_be_run_is_named_and_the_others_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    def breaks() -> float:
        raise PeerError("the-peer: it is not here")

    times = take_turns({"ours": lambda: 1.0, "absent": breaks, "present": lambda: 2.0}, 2)
    lines = [times.line("row", "what", name, ours="ours", theirs=name) for name in ("absent", "present")]
    assert [line.verdict for line in lines] == ["NOT RUN", "–"]
    assert status_of(lines, strict=False) == 1
    show(lines)
    printed = capsys.readouterr()
    assert printed.err == "error: row: could not be run: the-peer: it is not here\n"
    assert "0.500" in printed.out


def test_a_row_that_breaks_does_not_keep_the_next_from_running() -> None:
    def broken(settings: Settings) -> Iterator[Line]:
        yield Line("broken", "first", "peer")
        raise ValueError("odd\nvalue")

    def whole(settings: Settings) -> Iterator[Line]:
        yield Line("whole", "what", "peer", 1.0, 1.0, 1.0, 1, Aim("at most", 1))

    told: list[Line] = []
    lines = run_rows({"broken": broken, "whole": whole}, NOWHERE, told.append)
    assert told == lines
    assert [(line.row, line.verdict, line.error) for line in lines] == [
        ("broken", "–", ""),
        ("broken", "NOT RUN", "ValueError: odd value"),
        ("whole", "met", ""),
    ]


def test_a_missed_aim_fails_only_when_asked_to() -> None:
    missed = Line("row", "what", "peer", 2.0, 1.0, 2.0, 3, Aim("at most", 1))
    assert status_of([missed], strict=False) == 0
    assert status_of([missed], strict=True) == 1


@pytest.mark.parametrize("row", ["wer", "captions", "start-up", "whole-run"])
def test_rows_without_their_peer_or_inputs_make_the_command_fail(
    row: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTOSCOPE_BENCH_CLOCK", "wall")  # which the command sets
    monkeypatch.setenv("OTOSCOPE_TEST_CHECKPOINTS", str(tmp_path))
    monkeypatch.setattr("tests.bench.scoring.NUM_PAIRS_OF_TEXTS", 10)
    out = tmp_path / "bench.json"
    assert bench.main(["--only", row, "--peers", str(tmp_path / "peers"), "--json", str(out)]) == 1
    printed = capsys.readouterr()
    assert f"error: {row}: could not be run: " in printed.err
    assert ("whisper-base" if row == "whole-run" else "make peers") in printed.err
    [line] = json.loads(out.read_text(encoding="utf-8"))
    assert line["verdict"] == "NOT RUN"


def test_a_peer_that_ends_says_its_last_words(tmp_path: Path) -> None:
    python = tmp_path / "peers" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho 'no module named jiwer' >&2\nexit 7\n", encoding="utf-8")
    python.chmod(0o755)
    settings = Settings(tmp_path, tmp_path, tmp_path / "peers")
    with pytest.raises(PeerError, match=r"^jiwer_wer: the program ended with status 7: no module named jiwer$"):
        Peer(settings, "jiwer_wer", {"pairs": "none"})


def test_peak_memory_is_the_commands_own_not_that_of_this_process(tmp_path: Path) -> None:
    ballast = bytearray(300 * 10**6)
    for place in range(0, len(ballast), 4096):
        ballast[place] = 1
    took = measured_alone([sys.executable, "-S", "-c", "held = b'x' * 50_000_000"], tmp_path)
    assert 50e6 < took["peak_bytes"] < 150e6
    with pytest.raises(PeerError, match="status 5"):
        measured_alone([sys.executable, "-S", "-c", "raise SystemExit(5)"], tmp_path)


def test_fixed_batches_fit_the_budget_of_the_planned_ones() -> None:
    assert SIZE * LONGEST_S <= BUDGET_S


def test_every_row_that_can_be_named_is_there() -> None:
    for module, function in bench.ROWS.values():
        assert callable(getattr(importlib.import_module(f"tests.bench.{module}"), function))
