"""The same samples from the original layout, from a manifest and from a dataset."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluate.hf_datasets import parse_dataset_spec
from evaluate.task import Split, Task
from evaluate.types import Sample
from tasks import find_task_class


def read(small: Any, data: Path, **source: Any) -> Split:
    task: Task = find_task_class(small.task, tasks_dir=None)(data, **source)
    return task.read_split(small.split)


def as_line(sample: Sample, small: Any) -> dict[str, Any]:
    """Return a sample as a line of a manifest of this project's own form."""
    return {
        "id": sample.id,
        "audio": [str(ref.path) for ref in sample.audio],
        "references": list(sample.references),
        "question": sample.question,
        "source_text": sample.source_text,
        "split": small.split,
        "groups": dict(sample.groups),
        **offered(sample, small),
    }


def offered(sample: Sample, small: Any) -> dict[str, Any]:
    """Return what a question of its own offers, as lists and datasets name it."""
    own = find_task_class(small.task, tasks_dir=None).multiple_choice
    return {"choices": list(sample.choices)} if own else {}


def test_the_original_layout_is_read(small: Any, tmp_path: Path) -> None:
    split = read(small, small.write(tmp_path))
    assert {sample.id: sample.references for sample in split.samples} == small.samples
    assert not split.coverage.missing_audio
    assert all(ref.path.is_file() for sample in split.samples for ref in sample.audio)
    if small.prompt:
        first = next(sample for sample in split.samples if sample.id == next(iter(small.samples)))
        assert first.prompt == small.prompt


def test_a_manifest_gives_the_samples_of_the_layout(small: Any, tmp_path: Path) -> None:
    expected = read(small, small.write(tmp_path)).samples
    manifest = tmp_path / "manifest.jsonl"
    if small.task == "chat":
        pytest.skip("is read from a manifest in any case")
    manifest.write_text("".join(json.dumps(as_line(sample, small)) + "\n" for sample in expected))
    assert read(small, tmp_path / "elsewhere", manifest=manifest).samples == expected


def test_a_list_of_the_evaluation_gives_the_samples_of_the_layout(small: Any, tmp_path: Path) -> None:
    expected = read(small, small.write(tmp_path)).samples
    if small.task in ("chat", "airbench_chat", "airbench_foundation"):
        pytest.skip("has a list without references, or none")
    lines = []
    for sample in expected:
        path = str(sample.audio[0].path)
        if small.task == "clothoaqa":  # its list names files as they are not on disk
            path = f"{sample.id.partition(': ')[0]}.wav"
        line = {"audio": path, "source": f"{small.task}_{small.split.replace('-', '_')}", **offered(sample, small)}
        if small.task == "clotho":
            lines.append({**line, "gt": list(sample.references)})
        elif small.split == "test-qualities":
            text = ", ".join(sample.references)
            lines.append({**line, "gt": f"<|pitch|><|midi_pitch_9|><|instrument|>brass<|sonic|>{text}"})
        else:  # one line per annotator
            lines += [{**line, "gt": text, "question": sample.question} for text in sample.references]
    manifest = tmp_path / "list.jsonl"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines))
    read_back = read(small, tmp_path, manifest=manifest).samples
    assert [(one.id, one.references, one.prompt) for one in read_back] == [
        (one.id, one.references, one.prompt) for one in expected
    ]


@pytest.mark.parametrize("inside", [False, True], ids=["paths", "bytes"])
def test_a_dataset_gives_the_samples_of_the_layout(small: Any, tmp_path: Path, inside: bool, monkeypatch: Any) -> None:
    from datasets import Dataset

    monkeypatch.setenv("OTOSCOPE_DATASETS", str(tmp_path / "cache"))
    expected = read(small, small.write(tmp_path / "data")).samples
    if small.task == "chat":
        pytest.skip("a conversation stands in a manifest")
    truth = small.columns.get("references", "references")
    rows = []
    for sample in expected:
        path = sample.audio[0].path
        references: Any = list(sample.references)
        if truth not in ("references", "qualities_str"):
            references = references[0] if len(references) == 1 else references
        rows.append(
            {
                "uniq_id" if small.task.startswith("airbench") else "id": sample.id,
                "audio": {"bytes": path.read_bytes(), "path": path.name} if inside else str(path),
                truth: [text for text in references if text] if truth == "qualities_str" else references,
                "question": sample.question,
                "source_text": sample.source_text,
                **offered(sample, small),
            }
        )
    if any(isinstance(row[truth], list) for row in rows):
        rows = [{**row, truth: row[truth] if isinstance(row[truth], list) else [row[truth]]} for row in rows]
    Dataset.from_list(rows).save_to_disk(str(tmp_path / "copy"))
    spec = parse_dataset_spec(str(tmp_path / "copy"), {})
    read_back = read(small, tmp_path / "elsewhere", dataset=spec).samples
    assert [replace(one, audio=(), groups={}) for one in read_back] == [
        replace(one, audio=(), groups={}) for one in expected
    ]
    assert [one.audio[0].path.read_bytes() for one in read_back] == [one.audio[0].path.read_bytes() for one in expected]
