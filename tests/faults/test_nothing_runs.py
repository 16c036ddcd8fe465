"""Nothing is run or fetched that was not asked for: sources that could, and files that would like to."""

import ast
import builtins
import json
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from evaluate.errors import ManifestError, ModelLoadError, RequestError
from evaluate.hf_datasets.audio import AudioFolder
from models import create_model

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for folder in ("evaluate", "models", "tasks") for path in sorted((ROOT / folder).rglob("*.py"))]
# What these call, and why it is theirs to call.
ALLOWED = {
    # Of this very program: over a pipe to a child of its own, or through Ray.
    ("evaluate/engines/remote.py", "pickle.loads"),
    ("evaluate/engines/processes.py", "pickle.loads"),
    ("evaluate/engines/ray_workers.py", "pickle.loads"),
    ("evaluate/python_file.py", "spec.loader.exec_module"),  # a Python file that the user named as task or model
    ("evaluate/registry.py", "importlib.import_module"),  # of a table in the sources, or of an installed package
    ("evaluate/data/sevenzip.py", "opened.extractall"),  # into files of our own writer, names checked before
}
FORBIDDEN = {
    *("eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "os.spawnl", "pty.spawn"),
    *("subprocess.getoutput", "subprocess.getstatusoutput", "commands.getoutput"),
    *("pickle.load", "pickle.loads", "pickle.Unpickler", "cloudpickle.load", "cloudpickle.loads", "marshal.loads"),
    *("joblib.load", "dill.load", "dill.loads", "shelve.open", "pandas.read_pickle", "pd.read_pickle"),
    *("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "yaml.full_load_all"),
    *("importlib.import_module", "runpy.run_path", "shutil.unpack_archive", "tempfile.mktemp"),
    *("ssl._create_unverified_context", "Markup.format"),
}
FORBIDDEN_METHODS = {"exec_module", "extractall"}
FORBIDDEN_VALUES = {
    ("shell", True),
    ("trust_remote_code", True),
    ("allow_pickle", True),
    ("weights_only", False),
    ("verify", False),
    ("autoescape", False),
    ("unsafe_load", True),
}


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return f"{dotted(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else "?"


def faults(source: str, name: str) -> Iterator[str]:
    """Yield what a source calls that could run or believe what comes from elsewhere."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        called = dotted(node.func)
        method = called.rpartition(".")[2]
        given = {one.arg: one.value.value for one in node.keywords if isinstance(one.value, ast.Constant)}
        where = f"{name}:{node.lineno}: {called}"
        if (called in FORBIDDEN or method in FORBIDDEN_METHODS) and (name, called) not in ALLOWED:
            yield where
        spread = [ast.unparse(one.value) for one in node.keywords if one.arg is None]
        if (
            method == "from_pretrained"
            and called not in OURS
            and not {"trust_remote_code", "common"} & {*given, *spread}
        ):
            yield f"{where} without trust_remote_code=False"
        if called == "torch.load" and given.get("weights_only") is not True:
            yield f"{where} without weights_only=True"
        yield from (f"{where} with {key}={value}" for key, value in given.items() if (key, value) in FORBIDDEN_VALUES)


OURS = {"QwenAudio.from_pretrained"}


def test_no_source_runs_or_believes_what_comes_from_elsewhere() -> None:
    assert len(SOURCES) > 150
    found = [fault for path in SOURCES for fault in faults(path.read_text(), str(path.relative_to(ROOT)))]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        *("eval(text)", "exec(text)", "os.system(text)", "subprocess.run(text, shell=True)", "pickle.load(file)"),
        *("pickle.loads(data)", "yaml.load(text)", "yaml.unsafe_load(text)", "torch.load(path)", "spec.exec_module(m)"),
        *("torch.load(path, weights_only=False)", "np.load(path, allow_pickle=True)", "tar.extractall(folder)"),
        *("AutoModel.from_pretrained(where)", "AutoModel.from_pretrained(where, trust_remote_code=True)"),
        *("requests.get(url, verify=False)", "importlib.import_module(name)"),
    ],
)
def test_the_scan_finds_each(source: str) -> None:
    assert list(faults(source, "x.py"))


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[Path]:
    """What hostile code would leave; its being there fails the test."""
    path = tmp_path / "was-here"
    yield path
    assert not path.exists()


def test_the_bomb_works(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "went-off")))
    assert (tmp_path / "went-off").exists()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random recogniser."""
    from transformers import Wav2Vec2Config, Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC

    folder = tmp_path_factory.mktemp("ctc") / "tiny"
    vocabulary = folder.parent / "vocab.json"
    vocabulary.write_text(json.dumps({"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "E": 5}))
    config = Wav2Vec2Config(
        vocab_size=6,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(16, 16),
        conv_kernel=(10, 3),
        conv_stride=(5, 8),
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )
    Wav2Vec2ForCTC(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor().save_pretrained(folder)
    Wav2Vec2CTCTokenizer(str(vocabulary)).save_pretrained(folder)
    return folder


def load(folder: Path, family: str = "ctc") -> None:
    create_model(f"{family}:{folder}", device="cpu", dtype="auto", arguments={}).load()


@pytest.fixture
def copied(checkpoint: Path, tmp_path: Path) -> Path:
    import shutil

    return Path(shutil.copytree(checkpoint, tmp_path / "copied"))


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_the_checkpoint_loads_as_it_is(copied: Path) -> None:
    load(copied)


EVIL = """
from pathlib import Path
Path({marker!r}).mkdir()
from transformers import {base} as Evil
"""
PARTS = {
    "tokenizer_config.json": ("AutoTokenizer", "Wav2Vec2CTCTokenizer", {"tokenizer_class": "Evil"}),
    "preprocessor_config.json": (
        "AutoFeatureExtractor",
        "Wav2Vec2FeatureExtractor",
        {"feature_extractor_type": "Evil"},
    ),
    "config.json": ("AutoModelForCTC", "Wav2Vec2ForCTC", {"architectures": ["Wav2Vec2ForCTC"]}),
}


@pytest.mark.parametrize("part", PARTS)
def test_code_of_a_checkpoint_is_not_run_nor_asked_about(
    copied: Path, marker: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    auto, base, names = PARTS[part]
    (copied / "evil.py").write_text(EVIL.format(marker=str(marker), base=base))
    value: Any = ["evil.Evil", None] if auto == "AutoTokenizer" else "evil.Evil"
    edit(copied / part, **names, auto_map={auto: value})

    def refuse(*_: object) -> str:
        pytest.fail("a question was asked at the terminal")

    monkeypatch.setattr(builtins, "input", refuse)
    try:
        load(copied)
    except ModelLoadError as error:
        assert "\n" not in str(error)  # noqa: PT017 - one part may load as what it is without that code


@pytest.mark.parametrize("by", ["torch", "bare"])
def test_a_pickle_in_place_of_weights_is_not_run(copied: Path, marker: Path, by: str) -> None:
    import torch

    (copied / "model.safetensors").unlink()
    if by == "torch":
        torch.save({"lm_head.weight": torch.zeros(1), "bomb": Bomb(marker)}, copied / "pytorch_model.bin")
    else:
        (copied / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(marker), protocol=2))
    with pytest.raises(ModelLoadError, match="the checkpoint does not load"):
        load(copied)


@pytest.mark.parametrize("by", ["torch", "bare"])
def test_nor_is_one_among_the_weights_of_qwen_audio(tmp_path: Path, marker: Path, by: str) -> None:
    import torch

    from models.qwen_audio.tiny import write_checkpoint

    folder = tmp_path / "qwen"
    write_checkpoint(folder)
    for weights in folder.glob("*.safetensors*"):
        weights.unlink()
    if by == "torch":
        torch.save({"bomb": Bomb(marker)}, folder / "pytorch_model.bin")
    else:
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(marker), protocol=2))
    with pytest.raises(ModelLoadError):
        load(folder, "qwen-audio")


def test_safetensors_are_taken_where_both_are_there(copied: Path, marker: Path) -> None:
    (copied / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(marker), protocol=2))
    load(copied)


def test_nobody_can_ask_for_the_code_of_a_checkpoint(copied: Path) -> None:
    with pytest.raises(RequestError, match="trust_remote_code"):
        create_model(f"ctc:{copied}", device="cpu", dtype="auto", arguments={"trust_remote_code": "true"})


YAML_BOMB = "!!python/object/apply:os.mkdir [{marker}]"


def test_yaml_makes_texts_and_numbers_only(tmp_path: Path, marker: Path, otoscope: Callable[..., Any]) -> None:
    bomb = YAML_BOMB.format(marker=json.dumps(str(marker)))
    (tmp_path / "t.yaml").write_text(f"name: {bomb}\nkind: asr\nmanifest: m.jsonl\nmetrics: [wer]\n")
    (tmp_path / "rubric.yaml").write_text(f"name: {bomb}\n")
    task = otoscope("tasks", tmp_path / "t.yaml")
    assert (task.status, len(task.stderr.splitlines())) == (2, 1)
    setting = otoscope("eval", "--task", "aishell1", "--model", "baseline:constant", "--model-arg", f"text={bomb}")
    rubric = ("--judge", "nano", "--rubric", tmp_path / "rubric.yaml")
    judged = otoscope("eval", "--task", "airbench_chat", "--model", "baseline:empty", *rubric)
    assert judged.status == 2
    assert setting.status in (0, 2)  # a text it is


class _Counting(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.asked.append(self.path)  # type: ignore[attr-defined]
        self.send_error(404)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def somewhere() -> Iterator[tuple[str, list[str]]]:
    """The address of a server that nobody has any business with, and what it was asked for."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Counting) as server:
        server.asked = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", server.asked  # type: ignore[attr-defined]
        server.shutdown()


@pytest.mark.parametrize(
    "address",
    [
        "http://{host}/a.wav",
        "zip://a.wav::http://{host}/a.zip",
        "tar://a.wav::simplecache::http://{host}/a.tar",
        "gzip://::http://{host}/a.gz",
        "zip://a.wav::zip://b.zip::http://{host}/a.zip",
        "hf://datasets/a/b/c.zip::http://{host}/a.zip",
        "file:///etc/passwd",
        "zip://a.wav::file:///etc/a.zip",
        "simplecache::http://{host}/a.wav",
    ],
)
def test_a_dataset_has_no_address_asked(tmp_path: Path, somewhere: tuple[str, list[str]], address: str) -> None:
    host, asked = somewhere
    with pytest.raises(ManifestError, match="expected a file of the dataset"):
        AudioFolder(tmp_path, root=tmp_path).refer("x:1", "s", address.format(host=host))
    assert asked == []


def test_a_manifest_has_no_address_asked(
    tmp_path: Path, somewhere: tuple[str, list[str]], otoscope: Callable[..., Any], write_jsonl: Callable[..., Path]
) -> None:
    host, asked = somewhere
    lines = (
        {"id": str(n), "audio": f"{how}{host}/a.wav", "references": ["x"]} for n, how in enumerate(["http://", "//"])
    )
    write_jsonl("m.jsonl", *lines)
    (tmp_path / "t.yaml").write_text("{name: t, kind: asr, language: en, manifest: m.jsonl, metrics: [wer]}")
    results = ("--results-dir", tmp_path / "results")
    assert otoscope("eval", "--task", tmp_path / "t.yaml", "--model", "nano", *results).status != 0
    assert asked == []


def test_a_python_file_beside_a_task_or_in_the_folder_is_not_run(
    tmp_path: Path, marker: Path, otoscope: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("t.py", "sitecustomize_.py", "tasks.py", "conftest.py", "evil.py"):
        (tmp_path / name).write_text(f"from pathlib import Path\nPath({str(marker)!r}).mkdir()\n")
    (tmp_path / "m.jsonl").write_text('{"id": "a", "references": ["x"]}\n')
    (tmp_path / "t.yaml").write_text("{name: t, kind: asr, language: en, manifest: m.jsonl, metrics: [wer]}")
    monkeypatch.chdir(tmp_path)
    assert otoscope("tasks").status == 0
    assert otoscope("tasks", tmp_path / "t.yaml").status == 0
    assert otoscope("eval", "--task", tmp_path / "t.yaml", "--model", "baseline:empty").status in (0, 3)
