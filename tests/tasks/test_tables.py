from pathlib import Path

import pytest

from evaluate.errors import RequestError, UnknownNameError
from evaluate.metrics import create_metric
from evaluate.types import KINDS
from models import FAMILIES, create_model
from models import registry as model_registry
from tasks import find_task_class, parse_task_spec, task_registry
from tasks import registry as registered_tasks


@pytest.mark.parametrize("name", registered_tasks.names())
def test_every_task_of_the_table_loads_and_states_its_facts(name: str) -> None:
    task = find_task_class(name, tasks_dir=None)
    assert task.name == name
    assert task.kind in KINDS
    assert set(task.default_splits) <= set(task.splits)
    assert all(task.official_sizes.values())
    assert task.prompt or name == "voicebench"  # which asks aloud alone
    assert task.source
    for split in task.splits:
        for metric, settings in task(Path()).metric_settings(split).items():
            create_metric(metric, settings)


@pytest.mark.parametrize(
    ("name", "protocol"),
    [(name, protocol) for name in registered_tasks.names() for protocol in registered_tasks.get(name).protocols],
)
def test_every_protocol_of_every_task_can_be_scored_and_asked(name: str, protocol: str) -> None:
    task = find_task_class(name, tasks_dir=None)(Path(), protocol=protocol)
    for split in task.splits:
        settings = task.metric_settings(split)
        assert settings
        assert all(create_metric(metric, one).settings.protocol == protocol for metric, one in settings.items())
    assert task.generation_options().max_new_tokens == task.protocols[protocol].max_new_tokens


@pytest.mark.parametrize("name", FAMILIES)
def test_every_model_family_of_the_table_loads(name: str) -> None:
    assert model_registry.get(name).__doc__


def test_an_unknown_task_gets_near_matches() -> None:
    with pytest.raises(
        UnknownNameError, match="unknown task 'libris peech'; did you mean 'librispeech'.* otoscope tasks"
    ):
        find_task_class("libris peech", tasks_dir=None)


def test_an_unknown_model_gets_near_matches() -> None:
    for spec, near in (("whisperr:x", "'whisper'"), ("whisper-larg-v3", "'whisper-large-v3'")):
        with pytest.raises(UnknownNameError, match=f"unknown model.*did you mean {near}.*otoscope models"):
            create_model(spec, device="auto", dtype="auto", arguments={})


def test_an_unknown_model_setting_gets_near_matches() -> None:
    with pytest.raises(UnknownNameError, match=r"'nam'; did you mean 'name'\? it has name"):
        create_model("predictions:x", device="auto", dtype="auto", arguments={"nam": "y"})
    with pytest.raises(UnknownNameError, match="it has none"):
        create_model("nano", device="auto", dtype="auto", arguments={"x": "y"})


def test_a_setting_that_is_a_text_stays_as_typed_and_a_model_keeps_its_own_seed(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from evaluate.model import ModelAdapter\n\n\nclass Mine(ModelAdapter):\n    name = 'mine'\n\n"
        "    def __init__(self, where='', *, language: str = '', size=0, seed=42):\n"
        "        self.given = (language, size, seed)\n\n"
        "    def generate(self, batch, options):\n        return []\n"
    )
    given = create_model(str(path), device="cpu", dtype="auto", arguments={"language": "no", "size": "3"}, seed=1)
    # YAML alone would read False; --seed fills no seed that does not stand in the model's identity
    assert vars(given)["given"] == ("no", 3, 42)


@pytest.mark.parametrize(
    ("spec", "parsed"), [("a", ("a", None)), (" a:b ", ("a", "b")), ("x/y.yaml:t", ("x/y.yaml", "t"))]
)
def test_a_task_spec_is_a_name_and_perhaps_a_split(spec: str, parsed: tuple[str, str | None]) -> None:
    assert parse_task_spec(spec) == parsed


@pytest.mark.parametrize("spec", ["", ":", "a:", ":b"])
def test_half_a_task_spec_is_an_error(spec: str) -> None:
    with pytest.raises(RequestError, match="expected NAME or NAME:SPLIT"):
        parse_task_spec(spec)


def test_a_task_file_may_not_take_a_name_that_is_taken(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: aishell1\nkind: asr\nmanifest: m.jsonl\nmetrics: [wer]\n")
    with pytest.raises(RequestError, match=r"task 'aishell1' of .* is taken by tasks\.aishell1:Aishell1; rename it"):
        task_registry(tmp_path)


def test_installed_packages_add_names_and_may_not_take_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    import evaluate.registry
    from evaluate.registry import Registry

    def installed(name: str) -> Registry:
        entry = EntryPoint(name=name, value="tasks.librispeech:LibriSpeech", group="otoscope.tasks")
        monkeypatch.setattr(evaluate.registry, "entry_points", lambda group: [entry] if group == entry.group else [])
        return Registry("task", {"mine": "tasks.aishell1:Aishell1"}, group="otoscope.tasks", listing="")

    registry = installed("theirs")
    assert registry.names() == ["mine", "theirs"]
    assert registry.get("theirs").name == "librispeech"
    broken = installed("broken")
    monkeypatch.setattr(broken, "_group", "otoscope.tasks")
    broken.targets()["broken"] = "nosuchmodule:Task"
    with pytest.raises(RequestError, match="'broken': nosuchmodule:Task cannot be imported"):
        broken.get("broken")
    with pytest.raises(RequestError, match=r"task 'mine' of tasks.librispeech:LibriSpeech is taken by tasks.aishell1"):
        installed("mine").names()
