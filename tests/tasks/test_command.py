"""Tasks as the command runs them: protocols, datasets, labels without audio, what a model is sent."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tasks import BUILTIN, registry

Command = Callable[..., Any]
WriteSmall = Callable[[str], Path]


def test_a_protocol_is_another_run_with_its_own_signature(
    otoscope: Command, write_small: WriteSmall, tmp_path: Path
) -> None:
    data = write_small("vocalsound")
    answers = tmp_path / "answers.jsonl"
    lines = [{"id": "f0003_0_laughter", "hypothesis": "Laughter."}, {"id": "m0002_1_throatclearing", "hypothesis": "x"}]
    answers.write_text("".join(json.dumps(line) + "\n" for line in lines))
    command = ("score", "--task", "vocalsound", "--predictions", answers, "--model-name", "m", "--data-dir", data)
    results = ("--results-dir", tmp_path / "results", "--json")
    sound = otoscope(*command, *results).json
    exact = otoscope(*command, "--protocol", "qwen-audio", *results).json
    assert (sound["metrics"]["accuracy"]["value"], sound["n_unparsed"]) == (0.5, 1)
    assert (exact["metrics"]["accuracy"]["value"], exact["n_unparsed"]) == (0.0, 0)  # "Laughter." is not "laughter"
    assert "|protocol:qwen-audio|" in exact["metrics"]["accuracy"]["signature"]
    assert list(exact["metrics"]) == ["accuracy"]
    said = otoscope(*command, "--protocol", "qwen-audio", *results).stderr
    assert "NOTE: vocalsound:test: qwen-audio compares labels letter for letter" in said
    assert sound["run_dir"] != exact["run_dir"]
    record = json.loads((Path(exact["run_dir"]) / "run.json").read_text())
    assert record["protocol"] == "qwen-audio"
    assert record["generation"]["max_new_tokens"] == 4
    assert record["prompts"] == ["<|startofanalysis|><|en|><|keyword|><|en|><|notimestamps|><|vocal_classification|>"]


def test_all_tasks_under_a_protocol_are_those_that_it_covers(otoscope: Command, write_small: WriteSmall) -> None:
    for name in ("clotho", "vocalsound"):
        data = write_small(name)
    result = otoscope(
        *("eval", "--task", "all", "--model", "baseline:majority", "--protocol", "qwen2-audio", "--json"),
        *("--data-dir", data, "--results-dir", data / "results"),
    )
    splits = {document["task"]: document["split"] for document in result.json}
    assert splits["vocalsound"] == "test"
    assert splits.keys() == {name for name in BUILTIN if "qwen2-audio" in registry.get(name).protocols} - {
        "airbench_chat"
    }
    assert "SKIPPED: protocol 'qwen2-audio' does not cover clotho" in result.stderr


def test_all_tasks_leave_out_those_that_need_a_judge(otoscope: Command, write_small: WriteSmall) -> None:
    data = write_small("airbench_chat")
    command = ("--model", "baseline:empty", "--data-dir", data, "--results-dir", data / "results", "--json")
    result = otoscope("eval", "--task", "all", *command)
    assert result.status == 0
    assert {document["task"] for document in result.json} == BUILTIN.keys() - {"airbench_chat", "chat"}
    assert "SKIPPED: airbench_chat:mixed needs a judge, and there is none" in result.stderr
    named = otoscope("eval", "--task", "airbench_chat:mixed", *command)
    assert (named.status, named.json[0]["metrics"]["judge"]["value"]) == (0, None)


def test_labels_without_audio_serve_who_does_not_listen(otoscope: Command, write_small: WriteSmall) -> None:
    data = write_small("meld")
    for path in (data / "MELD.Raw" / "output_repeated_splits_test").glob("*.wav"):
        path.unlink()
    command = ("eval", "--task", "meld:test", "--data-dir", data, "--results-dir", data / "results", "--json")
    result = otoscope(*command, "--model", "baseline:majority")
    assert (result.status, result.json[0]["n_scored"]) == (0, 2)
    assert "PARTIAL: meld:test: no audio is here" in result.stderr
    model = data / "listener.py"
    model.write_text(
        "from evaluate.model import ModelAdapter\n\n\nclass Listener(ModelAdapter):\n    name = 'listener'\n\n"
        "    def generate(self, batch, options):\n        return []\n"
    )
    assert otoscope(*command, "--model", model).status == 2


def test_a_dataset_is_evaluated_by_the_command(
    otoscope: Command, write_small: WriteSmall, tmp_path: Path, monkeypatch: Any
) -> None:
    from datasets import Dataset

    monkeypatch.setenv("OTOSCOPE_DATASETS", str(tmp_path / "cache"))
    data = write_small("librispeech")
    audio = sorted(data.rglob("*.flac"))
    rows = [{"audio": {"bytes": path.read_bytes(), "path": path.name}, "words": "HE HOPED"} for path in audio]
    Dataset.from_list(rows).save_to_disk(str(tmp_path / "copy"))
    command = ("eval", "--model", "baseline:majority", "--dataset", tmp_path / "copy", "--results-dir", tmp_path / "r")
    result = otoscope(
        *command, "--task", "librispeech:test-clean", "--dataset-arg", "references=words", "--limit", 1, "--json"
    )
    assert result.status == 0
    assert (result.json[0]["n_total"], result.json[0]["metrics"]["wer"]["value"]) == (1, 0.0)
    unnamed = otoscope(*command, "--task", "librispeech")
    assert (unnamed.status, "the dataset does not say which split of librispeech it is of" in unnamed.stderr) == (
        2,
        True,
    )
    lone = otoscope("eval", "--task", "librispeech", "--model", "baseline:empty", "--dataset-arg", "split=x")
    assert (lone.status, "--dataset-arg says more about --dataset" in lone.stderr) == (2, True)
    both = otoscope(*command, "--task", "librispeech:test-clean", "--manifest", "m.jsonl")
    assert (both.status, "the only source" in both.stderr) == (2, True)


def test_the_text_that_a_model_would_be_sent_is_shown(otoscope: Command, write_small: WriteSmall) -> None:
    data = write_small("covost2")
    shown = otoscope("tasks", "covost2:en-zh", "--model", "baseline:empty", "--data-dir", data, "--json").json
    assert (shown["sample"], shown["references"]) == ("c_1", ["她会没事的。"])
    assert shown["prompt_in_words"] == "Translate the English speech into Mandarin. Answer with the translation only."
    assert shown["sent"] == "nothing: the model takes no text"
    unnamed = otoscope("tasks", "--model", "baseline:empty")
    assert (unnamed.status, "name one, e.g. otoscope tasks librispeech" in unnamed.stderr) == (2, True)


def test_answers_are_scored_whether_or_not_their_audio_is_here(
    otoscope: Command, write_small: WriteSmall, tmp_path: Path
) -> None:
    data = write_small("meld")
    (data / "MELD.Raw" / "output_repeated_splits_test" / "dia0_utt1.wav").unlink()
    answers = tmp_path / "answers.jsonl"
    command = ("score", "--task", "meld:test", "--predictions", answers, "--model-name", "m", "--json")
    folders = ("--data-dir", data, "--results-dir", tmp_path / "results")
    lines = [json.dumps({"id": f"dia0_utt{n}", "hypothesis": "sadness"}) + "\n" for n in (0, 1)]
    for count in (1, 2):
        answers.write_text("".join(lines[:count]))
        assert otoscope(*command, *folders).json["n_scored"] == count


def test_a_copy_of_a_corpus_has_its_fingerprint(write_small: WriteSmall, tmp_path: Path, monkeypatch: Any) -> None:
    from datasets import Dataset

    from evaluate.digests import corpus_fingerprint
    from evaluate.hf_datasets import parse_dataset_spec
    from tasks import find_task_class

    monkeypatch.setenv("OTOSCOPE_DATASETS", str(tmp_path / "cache"))
    task = find_task_class("clotho", tasks_dir=None)
    samples = task(write_small("clotho")).read_split("evaluation").samples
    [path] = [ref.path for sample in samples for ref in sample.audio]
    row = {"audio": {"bytes": path.read_bytes(), "path": path.name}, "captions": list(samples[0].references)}
    Dataset.from_list([row]).save_to_disk(str(tmp_path / "copy"))
    copied = task(tmp_path, dataset=parse_dataset_spec(str(tmp_path / "copy"), {})).read_split("evaluation").samples
    assert corpus_fingerprint(copied) == corpus_fingerprint(samples)
