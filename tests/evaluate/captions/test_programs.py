"""Finding Java and the jars: what is missing, where it was looked for, what to do."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from evaluate.captions import programs
from evaluate.captions.programs import (
    CORENLP_JAR,
    MODELS_JAR,
    SPICE_JAR,
    SPICE_LIBRARIES,
    check_spice_java,
    find_java,
    find_meteor_jar,
    find_packaged_spice,
    find_ptb_jar,
    find_spice,
    java_version,
    why_ended,
)
from evaluate.errors import MetricUnavailableError

StubJava = Callable[[str], Path]


@pytest.fixture
def spice_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file of each name that SPICE consists of."""
    home = tmp_path / "spice"
    (home / "lib").mkdir(parents=True)
    for name in (SPICE_JAR, CORENLP_JAR, MODELS_JAR):
        (home / name).touch()
    for name in SPICE_LIBRARIES:
        (home / "lib" / name).touch()
    monkeypatch.setenv("SPICE_HOME", str(home))
    return home


def test_java_home_goes_before_path(stub_java: StubJava, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = stub_java("")
    monkeypatch.setenv("JAVA_HOME", str(java.parents[1]))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_java() == java
    assert java_version(java) == 8
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(java.parent))
    assert find_java() == java


def test_a_java_home_that_is_wrong_is_not_passed_over(
    stub_java: StubJava, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(stub_java("").parent))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(MetricUnavailableError, match=r"JAVA_HOME is .*nowhere, but .* does not run \(No such file"):
        find_java()


def test_no_java_says_where_it_was_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MetricUnavailableError, match=r"no java in JAVA_HOME \(not set\) or PATH; install one"):
        find_java()


def test_a_java_that_is_only_a_placeholder_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    java = tmp_path / "java"  # macOS has such a program where no Java is installed
    java.write_text("#!/bin/sh\necho 'Unable to locate a Java Runtime.' >&2\nexit 1\n")
    java.chmod(0o755)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MetricUnavailableError, match="ended with 1: Unable to locate a Java Runtime"):
        find_java()


@pytest.mark.parametrize("find", [find_meteor_jar, find_ptb_jar, find_packaged_spice])
def test_a_missing_package_is_named_with_its_install_line(
    find: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        MetricUnavailableError, match=r"pycocoevalcap is not installed.*pip install 'otoscope\[captions"
    ):
        find()


def test_a_package_that_is_not_whole_is_told_from_a_missing_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    with pytest.raises(MetricUnavailableError, match=r"paraphrase-en\.gz is missing"):
        find_meteor_jar()


def test_the_package_is_found_without_importing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    if importlib.util.find_spec("pycocoevalcap") is None:
        pytest.skip("pycocoevalcap is not installed")
    monkeypatch.delitem(sys.modules, "pycocoevalcap", raising=False)
    assert find_meteor_jar().is_file()
    assert find_ptb_jar().is_file()
    assert (find_packaged_spice() / "lib" / "fst-2.47.jar").is_file()
    assert "pycocoevalcap" not in sys.modules


def test_spice_is_found_with_corenlp_in_either_folder(spice_home: Path) -> None:
    (spice_home / CORENLP_JAR).rename(spice_home / "lib" / CORENLP_JAR)
    found = find_spice()
    assert found.corenlp_jar == spice_home / "lib" / CORENLP_JAR
    assert len(found.libraries) == len(SPICE_LIBRARIES)
    paths = found.class_path.split(":")
    assert [Path(path).name for path in paths[:3]] == [SPICE_JAR, CORENLP_JAR, MODELS_JAR]
    assert len(paths) == len(set(paths)) == 3 + len(SPICE_LIBRARIES)


def test_paths_that_are_relative_hold_in_other_folders_too(
    spice_home: Path, stub_java: StubJava, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPICE_HOME", "spice")
    monkeypatch.setenv("JAVA_HOME", "jdk")
    java = stub_java("")
    assert find_java() == java
    assert find_spice().spice_jar == spice_home / SPICE_JAR


@pytest.mark.parametrize("name", [SPICE_JAR, CORENLP_JAR, MODELS_JAR, "lib/fst-2.47.jar"])
def test_a_missing_file_of_spice_is_named(spice_home: Path, name: str) -> None:
    (spice_home / name).unlink()
    with pytest.raises(MetricUnavailableError, match=rf"no {name} in {spice_home} \(SPICE_HOME\).*data fetch spice"):
        find_spice()


def test_spice_is_looked_for_in_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SPICE_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert programs.spice_folder() == tmp_path / "otoscope" / "spice"
    with pytest.raises(MetricUnavailableError, match=r"the cache folder; or set SPICE_HOME"):
        find_spice()


def test_a_java_that_cannot_write_spices_scores_is_refused_before_the_run(
    spice_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "java_version", lambda java: 17)
    with pytest.raises(MetricUnavailableError, match="Java 17 .* has no JavaScript engine; set JAVA_HOME"):
        check_spice_java(Path("java"), find_spice())
    (spice_home / "lib" / "nashorn-core-15.4.jar").touch()
    check_spice_java(Path("java"), find_spice())


def test_an_old_java_writes_spices_scores(spice_home: Path, stub_java: StubJava) -> None:
    check_spice_java(stub_java(""), find_spice())


@pytest.mark.parametrize(
    ("returncode", "stderr", "words"),
    [
        (-9, "", "was killed by signal 9 (out of memory?)"),
        (1, "", "ended with 1: no output"),
        (1, "Parsing\nException in thread main: X\n\tat a\n\tat b\n", "ended with 1: Exception in thread main: X"),
        (3, "first\nlast\n", "ended with 3: last"),
    ],
)
def test_how_a_program_ended_is_one_line(returncode: int, stderr: str, words: str) -> None:
    assert why_ended(returncode, stderr) == words
