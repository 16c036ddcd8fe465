import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import EvalResult, ModelCardData
from huggingface_hub.repocard_data import model_index_to_eval_results
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluate.commands.report import EXPORTS
from evaluate.errors import RequestError, RunDamagedError
from evaluate.lines import one_line
from evaluate.report.cells import csv_cell
from evaluate.report.exports import WRITERS, write_exports
from evaluate.report.exports.model_index import TASK_TYPES, HubDataset, hub_dataset
from evaluate.report.exports.open_asr import COLUMNS
from evaluate.report.systems import System
from evaluate.types import KINDS

Command = Callable[..., Any]
SESSION = {
    "start": "2026-01-01T10:00:00+00:00",
    "end": "2026-01-01T10:00:50+00:00",
    "device": "cuda:0",
    "git_commit": "c0ffee",
    "otoscope": "0.1.0",
    "packages": {"transformers": "5.0.0"},
    "audio_seconds": 1000.0,
    "model_seconds": 8.0,
}


class Runs:
    """Writes run.json files and makes the scores documents beside them."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "out"
        self.notices: list[str] = []
        self._folder = folder
        self._number = 0

    def document(
        self, *, sessions: list[dict[str, Any]] | None = None, record: Any = None, **changes: Any
    ) -> dict[str, Any]:
        self._number += 1
        run_dir = self._folder / f"run-{self._number}"
        run_dir.mkdir(exist_ok=True)
        whole = {"kind": "asr", "seed": 0, "sessions": [SESSION] if sessions is None else sessions, **(record or {})}
        (run_dir / "run.json").write_text(json.dumps(whole), encoding="utf-8")
        plain: dict[str, Any] = {
            "task": "librispeech",
            "task_version": "1",
            "split": "test-clean",
            "model": "whisper:openai/whisper-base",
            "primary": "wer",
            "created": f"2026-01-01T11:00:{self._number % 60:02}+00:00",
            "corpus_fingerprint": "abcdef0123456789",
            "model_arguments": {},
            "generation": {},
            "limit": None,
            "protocol": "",
            "n_total": 2620,
            "n_scored": 2620,
            "n_unparsed": 0,
            "n_failed": 0,
            "coverage": {"complete": True, "found": 2620, "official": 2620},
            "metrics": {"wer": score()},
            "run_dir": str(run_dir),
        }
        return {**plain, **changes}

    def write(self, form: str, *documents: dict[str, Any]) -> list[Path]:
        return write_exports(documents, [form], self.out, self.notices.append)

    def results(self, *documents: dict[str, Any]) -> tuple[str, list[EvalResult]]:
        [path] = self.write("model-index", *documents)
        return read_card(path)

    def rows(self, *documents: dict[str, Any]) -> list[dict[str, str]]:
        [path] = self.write("open-asr", *documents)
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def lm_eval(self, *documents: dict[str, Any]) -> dict[str, Any]:
        [path] = self.write("lm-eval", *documents)
        return read_strict(path)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def score(value: float | None = 0.05, **changes: Any) -> dict[str, Any]:
    plain = {
        "value": value,
        "ci": [0.04, 0.06],
        "ci_method": {"method": "percentile bootstrap", "resamples": 1000, "level": 0.95},
        "higher_is_better": False,
        "is_rate": True,
        "signature": "wer|norm:whisper-en@1|unit:word|task:librispeech@1|v:0.1.0",
    }
    return {**plain, **changes}


def read_card(path: Path) -> tuple[str, list[EvalResult]]:
    """Read a model index as a card would be read: through the hub's own classes, which check it."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    card = ModelCardData(**{**content, "model_index": content["model-index"]})
    name, results = model_index_to_eval_results(content["model-index"])
    assert results
    assert card.to_dict()["model_index"] == content["model-index"]
    return name, results


def read_strict(path: Path) -> Any:
    def refuse(name: str) -> float:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def partial(**changes: Any) -> dict[str, Any]:
    return {"n_total": 50, "coverage": {"complete": False, "found": 50, "official": 2620}, **changes}


def test_the_command_offers_what_can_be_written() -> None:
    assert tuple(WRITERS) == EXPORTS
    assert set(TASK_TYPES) == set(KINDS)


def test_an_unknown_form_is_a_wrong_request(runs: Runs, otoscope: Command) -> None:
    with pytest.raises(RequestError, match="unknown export 'xlsx', expected one of: model-index, open-asr, lm-eval"):
        runs.write("xlsx", runs.document())
    assert otoscope("report", "--export", "xlsx").status == 2


# The card of openai/whisper-base has for LibriSpeech: automatic-speech-recognition, clean, test, wer,
# 5.008769117619326; its dataset librispeech_asr has moved to openslr/librispeech_asr since.
def test_a_card_holds_task_dataset_and_per_cent_as_the_hub_has_them(runs: Runs) -> None:
    name, [result] = runs.results(runs.document(metrics={"wer": score(0.05008769117619326)}))
    assert name == "whisper:openai/whisper-base"
    assert result.task_type == "automatic-speech-recognition"
    assert (result.dataset_type, result.dataset_config, result.dataset_split) == (
        "openslr/librispeech_asr",
        "clean",
        "test",
    )
    assert (result.metric_type, result.metric_value) == ("wer", 5.0087691176)
    assert result.metric_args["ci"] == [4.0, 6.0]
    assert result.metric_args["corpus_fingerprint"] == "otoscope:abcdef0123456789"
    assert result.metric_args["signature"] == score()["signature"]


@pytest.mark.parametrize(
    ("task", "split", "where"),
    [
        ("librispeech", "dev-other", ("openslr/librispeech_asr", "other", "validation")),
        ("librispeech", "train-clean-100", ("librispeech", None, "train-clean-100")),
        ("fleurs", "zh", ("google/fleurs", "cmn_hans_cn", "test")),
        ("fleurs", "es_419-dev", ("google/fleurs", "es_419", "validation")),
        ("fleurs", "de", ("fleurs", None, "de")),
        ("common_voice", "zh", ("mozilla-foundation/common_voice_15_0", "zh-CN", "test")),
        ("covost2", "en-zh", ("facebook/covost2", "en_zh-CN", "test")),
        ("covost2", "ja-en-dev", ("facebook/covost2", "ja_en", "validation")),
        ("covost2", "odd", ("covost2", None, "odd")),
        ("kitchen", "test", ("kitchen", None, "test")),
    ],
)
def test_a_split_has_the_hubs_name_only_where_that_is_known(task: str, split: str, where: tuple[str, ...]) -> None:
    assert hub_dataset(task, split) == HubDataset(*where)


def test_other_metrics_keep_their_unit_and_take_the_hubs_name(runs: Runs) -> None:
    metrics = {
        "accuracy": score(0.93, higher_is_better=True),
        "macro_f1": score(0.9, higher_is_better=True),
        "mer": score(0.1),
        "bleu": score(31.5, is_rate=False, higher_is_better=True, ci=None),
        "spice": score(None, ci=None),
    }
    _, results = runs.results(runs.document(metrics=metrics, primary="accuracy", record={"kind": "classification"}))
    assert {result.task_type for result in results} == {"audio-classification"}
    assert [(result.metric_type, result.metric_value) for result in results] == [
        ("accuracy", 0.93),
        ("f1", 0.9),
        ("mixed_error_rate", 10.0),
        ("bleu", 31.5),
    ]
    assert results[1].metric_args["average"] == "macro"
    assert "ci" not in results[3].metric_args


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (partial(), "partial, 50 of 2620 samples"),
        ({"n_total": 20, "limit": 20}, "partial, 20 of 2620 samples"),
        ({"split": "sample"}, "the embedded samples are no benchmark"),
        ({"record": {"kind": "smell"}}, "its run.json says kind 'smell', expected one of asr, "),
        ({"run_dir": "nowhere"}, "its run.json says kind None, expected one of asr, "),
    ],
)
def test_what_would_pass_for_a_benchmark_on_a_card_is_left_out_and_named(
    runs: Runs, changes: dict[str, Any], reason: str
) -> None:
    assert runs.write("model-index", runs.document(**changes)) == []
    [notice] = runs.notices
    assert notice.startswith("model-index: whisper:openai/whisper-base on librispeech:")
    assert reason in notice


def test_scores_made_in_different_ways_are_told_apart_on_a_card(runs: Runs) -> None:
    published = score(0.08, signature="wer|norm:qwen-audio@1|protocol:qwen-audio|v:0.1.0")
    _, results = runs.results(runs.document(), runs.document(protocol="qwen-audio", metrics={"wer": published}))
    assert sorted(result.metric_value for result in results) == [5.0, 8.0]
    assert len({result.metric_name for result in results}) == 2
    assert any(result.metric_name.startswith("wer (protocol qwen-audio, ") for result in results)


@pytest.mark.parametrize("form", ["model-index", "lm-eval"])
def test_systems_of_one_name_have_files_and_names_of_their_own(runs: Runs, form: str) -> None:
    systems = [runs.document(), runs.document(generation={"num_beams": 4}), runs.document(model_revision="b" * 16)]
    paths = runs.write(form, *systems)
    assert len({str(path).lower() for path in paths}) == 3
    read = {"model-index": lambda path: read_card(path)[0], "lm-eval": lambda path: read_strict(path)["model_name"]}
    assert {read[form](path) for path in paths} == {
        "whisper:openai/whisper-base",
        "whisper:openai/whisper-base @bbbbbbbb",
        "whisper:openai/whisper-base (num_beams=4)",
    }


def test_models_whose_names_give_one_slug_have_files_of_their_own(runs: Runs) -> None:
    paths = runs.write("model-index", *(runs.document(model=name) for name in ("a/b", "a:b", "A_b")))
    assert len({path.name.lower() for path in paths}) == 3
    assert {read_card(path)[0] for path in paths} == {"a/b", "a:b", "A_b"}


@pytest.mark.parametrize("form", EXPORTS)
def test_of_two_runs_of_one_system_on_the_same_samples_the_newest_counts(runs: Runs, form: str) -> None:
    older, newer = runs.document(metrics={"wer": score(0.8125)}), runs.document(metrics={"wer": score(0.0725)})
    [path] = runs.write(form, older, newer)
    text = path.read_text(encoding="utf-8")
    assert "0.0725" in text or "7.25" in text
    assert "0.8125" not in text
    assert "81.25" not in text


# Header of scripts/data/en_shortform.csv at 090df122 of huggingface/open_asr_leaderboard.
HEADER = (
    "model,Avg. WER,RTFx,Model size (B),License,AMI WER,Earnings22 WER,Gigaspeech WER,"
    "LS Clean WER,LS Other WER,SPGISpeech WER,Tedlium WER,Voxpopuli WER"
)


def test_a_row_of_the_leaderboard_is_per_cent_of_both_splits_and_the_speed_of_both(runs: Runs) -> None:
    assert ",".join(COLUMNS) == HEADER
    slow = {**SESSION, "audio_seconds": 500.0, "model_seconds": 4.5}
    other = runs.document(split="test-other", metrics={"wer": score(0.123449)}, sessions=[SESSION, slow])
    [row] = runs.rows(runs.document(), other)
    filled = {column: cell for column, cell in row.items() if cell}
    assert filled == {
        "model": "whisper:openai/whisper-base",
        "RTFx": "121.95",  # (1000 + 1000 + 500) / (8 + 8 + 4.5)
        "LS Clean WER": "5.0",
        "LS Other WER": "12.34",
    }
    assert runs.notices == [
        "open-asr: RTFx of whisper:openai/whisper-base was measured on cuda:0; the leaderboard's are of an NVIDIA A100"
    ]


@pytest.mark.parametrize(
    "sessions",
    [
        [],
        [SESSION, {**SESSION, "device": "cpu"}],
        [SESSION, {"device": "cuda:0", "start": "2026-01-01T10:00:00+00:00", "end": None}],  # killed
        [{**SESSION, "audio_seconds": 0.0, "model_seconds": 0.0}],
    ],
)
def test_a_speed_that_is_not_known_stays_empty(runs: Runs, sessions: list[dict[str, Any]]) -> None:
    [row] = runs.rows(runs.document(sessions=sessions))
    assert row["RTFx"] == ""
    assert row["LS Clean WER"] == "5.0"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (partial(), "partial, 50 of 2620 samples"),
        ({"metrics": {"wer": score(signature="wer|norm:basic@1|v:0.1.0")}}, "expected whisper-en and no protocol"),
        ({"protocol": "qwen-audio"}, "expected whisper-en and no protocol"),
        ({"metrics": {"cer": score()}, "primary": "cer"}, "it has no wer"),
        ({"metrics": {"wer": score(float("nan"))}}, "it has no wer"),
    ],
)
def test_what_the_leaderboard_does_not_measure_is_left_out_and_named(
    runs: Runs, changes: dict[str, Any], reason: str
) -> None:
    assert runs.write("open-asr", runs.document(**changes)) == []
    assert runs.notices[0].startswith("open-asr: whisper:openai/whisper-base on librispeech:test-clean is left out: ")
    assert reason in runs.notices[0]
    assert "open-asr: no run qualifies, nothing written" in runs.notices[1]


def test_an_older_run_of_other_samples_does_not_share_a_cell(runs: Runs) -> None:
    [row] = runs.rows(runs.document(corpus_fingerprint="0" * 16, metrics={"wer": score(0.2)}), runs.document())
    assert row["LS Clean WER"] == "5.0"
    assert "a newer run of other samples or settings has its cell" in runs.notices[0]


def test_a_hostile_name_is_no_formula_and_no_path(runs: Runs) -> None:
    hostile = "=cmd|'/c calc'!A1\n../../etc\u2028\x00---"
    document = runs.document(model=hostile, task="../t", split="../s", created="2026-01-01")
    for path in [*runs.write("model-index", document), *runs.write("lm-eval", document)]:
        assert path.resolve().is_relative_to(runs.out.resolve())
    [row] = runs.rows(runs.document(model=hostile))
    assert row["model"] == csv_cell(hostile)
    assert row["model"].startswith("'=")


names = st.text(st.characters(exclude_categories=()), min_size=1)  # with halves of surrogate pairs


@given(model=names, task=names, split=names, setting=names)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_any_text_comes_back_from_every_form(runs: Runs, model: str, task: str, split: str, setting: str) -> None:
    document = runs.document(model=model, task=task, split=split, model_arguments={"x": setting})
    [path] = runs.write("lm-eval", document)
    content = read_strict(path)
    assert content["config"]["model"] == model
    assert content["config"]["model_args"] == {"x": setting}
    [metrics] = content["results"].values()
    assert metrics["alias"] == f"{task}:{split}"
    if split != "sample":
        name, [result] = runs.results(document)
        assert name == one_line(model)
        assert result.dataset_name == one_line(f"{task} {split}")
        assert result.metric_args["settings"] == one_line(f"x={setting}")


def test_embedded_samples_stand_beside_no_real_split(runs: Runs) -> None:
    content = runs.lm_eval(runs.document(), runs.document(split="sample"))
    assert list(content["results"]) == ["librispeech_test-clean"]
    assert "runs on the embedded samples are left out beside real splits" in runs.notices[0]
    assert list(runs.lm_eval(runs.document(split="sample"))["results"]) == ["librispeech_sample"]


# 0.02 / (2 × 1.959964): half of the interval over the quantile of the normal distribution.
def test_a_result_has_the_fields_of_lm_eval(runs: Runs) -> None:
    other = runs.document(split="test-other", **partial())
    content = runs.lm_eval(runs.document(), other)
    assert list(content["results"]) == ["librispeech_test-clean", "librispeech_test-other"]
    metrics = content["results"]["librispeech_test-clean"]
    assert metrics["alias"] == "librispeech:test-clean"
    assert metrics["wer,none"] == 0.05
    assert metrics["wer_stderr,none"] == pytest.approx(0.0051021, abs=1e-7)
    assert content["n-samples"] == {
        "librispeech_test-clean": {"original": 2620, "effective": 2620},
        "librispeech_test-other": {"original": 2620, "effective": 50},
    }
    assert content["higher_is_better"]["librispeech_test-clean"] == {"wer": False}
    assert content["versions"] == dict.fromkeys(content["results"], "1")
    assert content["n-shot"] == dict.fromkeys(content["results"], 0)
    assert content["config"]["device"] == "cuda:0"
    assert content["git_hash"] == "c0ffee"
    assert content["end_time"] - content["start_time"] == 50.0
    assert content["total_evaluation_time_seconds"] == "100.0"  # of two sessions at the same time


@pytest.mark.parametrize(
    "changes", [{"metrics": {"wer": score(ci=None)}}, {"n_total": 1}, {"metrics": {"wer": score(ci=[float("nan"), 1])}}]
)
def test_without_an_interval_there_is_no_standard_error(runs: Runs, changes: dict[str, Any]) -> None:
    content = runs.lm_eval(runs.document(**changes))
    assert content["results"]["librispeech_test-clean"]["wer_stderr,none"] == "N/A"


def test_a_metric_without_a_value_is_not_in_the_results(runs: Runs) -> None:
    content = runs.lm_eval(runs.document(metrics={"wer": score(), "cer": score(None), "ser": score(float("inf"))}))
    assert [key for key in content["results"]["librispeech_test-clean"] if "," in key] == [
        "wer,none",
        "wer_stderr,none",
    ]


def test_the_same_runs_give_the_same_file(runs: Runs) -> None:
    documents = [runs.document(), runs.document(split="test-other")]
    [path] = runs.write("lm-eval", *documents)
    before = path.read_bytes()
    assert path.name == f"results_{documents[1]['created'][:19].replace(':', '-')}.000000.json"
    assert runs.write("lm-eval", *documents) == [path]
    assert path.read_bytes() == before


def test_runs_that_share_a_task_and_split_have_tasks_of_their_own(runs: Runs) -> None:
    content = runs.lm_eval(runs.document(), runs.document(task_version="2", metrics={"wer": score(0.2)}))
    assert sorted(metrics["wer,none"] for metrics in content["results"].values()) == [0.05, 0.2]
    assert all(name.startswith("librispeech_test-clean_") for name in content["results"])


def test_what_differs_between_the_runs_is_not_said_of_all(runs: Runs) -> None:
    other = runs.document(split="test-other", sessions=[{**SESSION, "device": "cpu"}], record={"seed": 1})
    content = runs.lm_eval(runs.document(), other)
    assert content["config"]["device"] is None
    assert content["config"]["random_seed"] is None
    assert runs.lm_eval(runs.document(run_dir="nowhere"))["date"] is None


def test_a_time_that_is_none_names_its_run(runs: Runs) -> None:
    with pytest.raises(RunDamagedError, match=r"run-1: time 'yesterday', expected one like 2026-01-31T12"):
        runs.write("lm-eval", runs.document(created="yesterday"))


def test_a_label_names_only_what_differs() -> None:
    plain, revised = System("m", "", "", ""), System("m", "a" * 16, "float16", "x=1")
    assert plain.label([plain]) == "m"
    assert plain.label([plain, revised]) == "m"
    assert revised.label([plain, revised]) == "m @aaaaaaaa float16 (x=1)"


def test_every_export_of_the_recorded_answers_can_be_read_back(otoscope: Command, tmp_path: Path) -> None:
    values = {}
    for name in ("english", "mandarin"):
        task = Path(__file__).parent / "recorded" / f"{name}.yaml"
        answers = task.with_suffix(".predictions.jsonl")
        arguments = ("--task", task, "--model", f"predictions:{answers}", "--results-dir", tmp_path, "--json")
        [document] = otoscope("eval", *arguments).json
        values[document["task"]] = {metric: one["value"] for metric, one in document["metrics"].items()}
    chosen = [word for form in EXPORTS for word in ("--export", form)]
    result = otoscope("report", "--results-dir", tmp_path, "--out", tmp_path / "site", *chosen, "--json")
    assert result.status == 0
    assert "open-asr: no run qualifies" in result.stderr
    exports = [Path(path) for path in result.json if "/exports/" in path]
    cards = [read_card(path) for path in exports if path.suffix == ".yaml"]
    for _, results in cards:
        for one in results:
            assert one.metric_args["unit"] == "per cent"
            name = "mer" if one.metric_type == "mixed_error_rate" else one.metric_type
            assert one.metric_value == pytest.approx(100 * values[one.dataset_type][name], abs=1e-9)
    assert {one.dataset_type for _, results in cards for one in results} == set(values)
    tables = [read_strict(path)["results"] for path in exports if path.suffix == ".json"]
    for table in tables:
        for metrics in table.values():
            task = metrics["alias"].partition(":")[0]
            assert {name: metrics[f"{name},none"] for name in values[task]} == values[task]
    assert sum(map(len, tables)) == 2


def test_without_the_option_nothing_is_exported(otoscope: Command, librispeech: Path, tmp_path: Path) -> None:
    folders = ("--results-dir", tmp_path / "r")
    otoscope("eval", "--task", "librispeech", "--model", "baseline:empty", "--data-dir", librispeech, *folders)
    otoscope("report", *folders)
    assert not (tmp_path / "r" / "report" / "exports").exists()
    result = otoscope("report", *folders, "--export", "open-asr", "--export", "model-index")
    assert "librispeech:test-clean is left out: partial, 3 of 2620 samples" in result.stderr
