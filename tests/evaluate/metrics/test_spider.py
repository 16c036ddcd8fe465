import ast
import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from evaluate.captions.programs import SpicePrograms
from evaluate.errors import ManifestError, MetricUnavailableError
from evaluate.metrics import create_metric, spider
from evaluate.metrics.base import MetricSettings
from evaluate.testing import judged, value_of

Write = Callable[..., Path]
Command = Callable[..., Any]
REFERENCES = [["a dog barks", "barking"], ["rain falls on a roof", "it rains"]]
CAPTIONS = ["A dog barks.", "rain"]


@pytest.fixture
def spice_file(write_jsonl: Write) -> Path:
    return write_jsonl(
        "spice.jsonl",
        {"id": "0", "hypothesis": "A dog barks.", "spice": 0.5},
        {"id": "1", "hypothesis": "rain", "spice": 0.25},
    )


@pytest.fixture
def no_spice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SPICE_HOME", str(tmp_path / "nowhere"))
    spider._run_spice.cache_clear()


def test_spider_is_the_mean_of_cider_and_spice(spice_file: Path) -> None:
    cider = value_of("cider", REFERENCES, CAPTIONS)
    assert value_of("spice", REFERENCES, CAPTIONS, spice_scores=spice_file) == 0.375
    assert value_of("spider", REFERENCES, CAPTIONS, spice_scores=spice_file) == pytest.approx((cider + 0.375) / 2)


def test_scores_of_other_captions_are_not_taken(spice_file: Path) -> None:
    with pytest.raises(ManifestError, match="id '1': the score is of another caption than the run's 'snow'"):
        value_of("spider", REFERENCES, ["A dog barks.", "snow"], spice_scores=spice_file)


@pytest.mark.usefixtures("no_spice")
@pytest.mark.parametrize("name", ["spice", "spider"])
def test_without_spice_neither_it_nor_spider_has_a_value(name: str) -> None:
    with pytest.raises(MetricUnavailableError, match=r"no java|no spice-1\.0\.jar in .*nowhere \(SPICE_HOME\)"):
        value_of(name, REFERENCES, CAPTIONS)


@pytest.mark.usefixtures("no_spice")
def test_the_score_is_null_with_its_reason_and_the_others_stand(
    otoscope: Command, write_jsonl: Write, tmp_path: Path
) -> None:
    truth = write_jsonl("r.jsonl", *({"id": str(k), "references": one} for k, one in enumerate(REFERENCES)))
    answers = write_jsonl("p.jsonl", *({"id": str(k), "hypothesis": one} for k, one in enumerate(CAPTIONS)))
    command = ("score", "--references", truth, "--predictions", answers, "--metrics", "cider,spice,spider")
    written = tmp_path / "spice-input.json"
    result = otoscope(*command, "--spice-input", written, "--json")
    assert result.status == 0
    metrics = result.json["metrics"]
    assert metrics["cider"]["value"] > 0
    for name in ("spice", "spider"):
        assert (metrics[name]["value"], metrics[name]["ci"], metrics[name]["n_total"]) == (None, None, 2)
        assert metrics[name]["reason"]
    assert "spider has no value: " in otoscope(*command).stdout
    # What was written goes to the machine that has SPICE, and its output comes back.
    items = json.loads(written.read_text())
    assert [item["test"] for item in items] == ["a dog barks", "rain"]
    output = tmp_path / "spice-output.json"
    scored = [{"image_id": item["image_id"], "scores": {"All": {"f": 0.5}}} for item in items]
    output.write_text(json.dumps(scored))
    metrics = otoscope(*command, "--spice-scores", output, "--json").json["metrics"]
    assert metrics["spice"]["value"] == 0.5
    assert metrics["spider"]["value"] == pytest.approx((metrics["cider"]["value"] + 0.5) / 2)


def test_spice_runs_once_for_all_that_need_it(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def scores(*, hypotheses: tuple[str, ...], **_: Any) -> np.ndarray:
        calls.append(hypotheses)
        return np.full(len(hypotheses), 0.5)

    programs = SpicePrograms(Path("s.jar"), Path("c.jar"), Path("m.jar"), ())
    monkeypatch.setattr(spider, "find_java", lambda: Path("java"))
    monkeypatch.setattr(spider, "find_spice", lambda: programs)
    monkeypatch.setattr(spider, "check_spice_java", lambda *_: None)
    monkeypatch.setattr(spider, "spice_scores", scores)
    spider._run_spice.cache_clear()
    assert value_of("spice", REFERENCES, CAPTIONS) == 0.5
    value_of("spider", REFERENCES, CAPTIONS)
    spider._run_spice.cache_clear()
    assert calls == [("a dog barks", "rain")]  # as tokens, as the COCO evaluation gives them to SPICE


class Detector:
    def identity(self) -> str:
        return "d1"

    def error_probabilities(self, candidates: list[str]) -> np.ndarray:
        return np.array([0.95 if "barks" in text else 0.9 for text in candidates])


class Encoder:
    def identity(self) -> str:
        return "e1"

    def similarities(self, candidates: list[str], references: list[list[str]]) -> np.ndarray:
        assert len(candidates) == len(references)
        return np.full(len(candidates), 0.5)


def test_broken_wording_leaves_a_tenth(monkeypatch: pytest.MonkeyPatch, spice_file: Path) -> None:
    monkeypatch.setattr(spider, "load_error_detector", Detector)
    monkeypatch.setattr(spider, "load_sentence_similarity", Encoder)
    settings = MetricSettings(spice_scores=spice_file)
    of_each = [
        metric.sample_values(metric.rows(judged(REFERENCES, CAPTIONS)))
        for metric in (create_metric("spider", settings), create_metric("spider_fl", settings))
    ]
    assert of_each[1].tolist() == pytest.approx((of_each[0] * [0.1, 1]).tolist())  # only above 0.9, not at it
    assert value_of("fense", REFERENCES, CAPTIONS) == pytest.approx((0.05 + 0.5) / 2)
    assert value_of("fense", REFERENCES, [None, "rain"]) == pytest.approx(0.25)
    fense = create_metric("fense")
    fense.rows(judged(REFERENCES, CAPTIONS))
    assert fense.signature() == "fense|norm:none@1|sbert:e1|echecker:d1"


def test_without_their_models_fense_and_spider_fl_say_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, spice_file: Path
) -> None:
    monkeypatch.setenv("FENSE_HOME", str(tmp_path))
    for name in ("fense", "spider_fl"):
        with pytest.raises(MetricUnavailableError, match="no such folder; put "):
            value_of(name, REFERENCES, CAPTIONS, spice_scores=spice_file)


def test_published_scores_of_912_captions_are_met(corpora: Path, write_jsonl: Write) -> None:
    """CoNeTTE on AudioCaps: its published corpus scores, from its published captions, references and SPICE scores."""
    folder = corpora / "results" / "conette"
    if not folder.is_dir():
        pytest.skip(f"no published outputs in {folder}")
    with (folder / "outputs_audiocaps_test.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    scores = yaml.safe_load((folder / "scores_audiocaps_test.yaml").read_text())
    published = {name.rpartition("cands.")[2]: value for name, value in scores.items()}
    references = [ast.literal_eval(line["mrefs"]) for line in lines]
    captions = [line["cands"] for line in lines]
    spice_scores = write_jsonl(
        "spice.jsonl",
        *(
            {"id": str(number), "hypothesis": line["cands"], "spice": float(line["spice"])}
            for number, line in enumerate(lines)
        ),
    )
    for name in ("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l"):
        assert value_of(name, references, captions) == pytest.approx(published[name], abs=1e-6)
    assert value_of("spice", references, captions, spice_scores=spice_scores) == pytest.approx(
        published["spice"], abs=1e-6
    )
    # Texts there are tokens already; tokenising them again moves CIDEr-D in the fifth place.
    tokens = spider.Captions([text.split() for text in captions], [[one.split() for one in of] for of in references])
    assert spider.cider_scores(tokens).mean() == pytest.approx(published["cider_d"], abs=1e-6)
    assert value_of("cider", references, captions) == pytest.approx(0.713523, abs=1e-6)
