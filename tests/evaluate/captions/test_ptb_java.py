import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluate.captions.ptb import tokenize
from evaluate.captions.ptb_java import tokenize_with_java
from evaluate.errors import MetricUnavailableError

JAR = Path("stanford-corenlp-3.4.1.jar")

StubJava = Callable[[str], Path]


@pytest.fixture
def stub_java(tmp_path: Path) -> StubJava:
    """A program in the place of java; its body sees the captions as `text`."""

    def write(body: str) -> Path:
        program = tmp_path / "java"
        read = "text = open(sys.argv[-1], encoding='utf-8', newline='').read()"
        program.write_text(f"#!{sys.executable}\nimport sys, time\n{read}\n{body}\n")
        program.chmod(0o755)
        return program

    return write


def test_tokens_are_filtered_and_split_at_no_break_spaces(stub_java: StubJava) -> None:
    java = stub_java("print('`` a dog . \\'\\' -LRB- -lrb- !!'); print('1\\u00a01/2 <a\\u00a0->')")
    assert tokenize_with_java(["x", "y"], java=java, jar=JAR) == [
        ["a", "dog", "-lrb-", "!!"],
        ["1", "1/2", "<a", "->"],
    ]


def test_each_text_is_one_line_whatever_it_holds(stub_java: StubJava) -> None:
    java = stub_java("assert text == 'a b c d e f g h i\\n\\n\\ufffd\\n', ascii(text); sys.stdout.write(text)")
    texts = ["a\rb\x0bc\x0cd\x85e\u2028f\u2029g\nh\x1ci", "", "\ud800"]
    assert [len(tokens) for tokens in tokenize_with_java(texts, java=java, jar=JAR)] == [9, 0, 1]


def test_no_texts_need_no_java() -> None:
    assert tokenize_with_java([], java=Path("/no/java"), jar=JAR) == []


def test_warnings_of_the_lexer_do_no_harm(stub_java: StubJava) -> None:
    java = stub_java("print('Untokenizable: ? (U+1F600, decimal: 128512)', file=sys.stderr); print('a dog')")
    assert tokenize_with_java(["a 😀 dog"], java=java, jar=JAR) == [["a", "dog"]]


def test_a_wrong_number_of_lines_is_an_error(stub_java: StubJava) -> None:
    java = stub_java("print('only one')")
    with pytest.raises(MetricUnavailableError, match=r"corenlp-3\.4\.1\.jar: 1 lines of tokens for 2 captions"):
        tokenize_with_java(["one", "two"], java=java, jar=JAR)


def test_a_failing_java_is_an_error_with_its_last_words(stub_java: StubJava) -> None:
    java = stub_java("print('at line 1\\nUnable to access jarfile', file=sys.stderr); sys.exit(3)")
    with pytest.raises(MetricUnavailableError, match="java ended with 3: Unable to access jarfile$"):
        tokenize_with_java(["one"], java=java, jar=JAR)


def test_a_silent_failure_is_an_error_too(stub_java: StubJava) -> None:
    with pytest.raises(MetricUnavailableError, match="java ended with 1: no output$"):
        tokenize_with_java(["one"], java=stub_java("sys.exit(1)"), jar=JAR)


def test_a_java_that_never_ends_is_stopped(stub_java: StubJava) -> None:
    with pytest.raises(MetricUnavailableError, match=r"no answer within 0\.5 s"):
        tokenize_with_java(["one"], java=stub_java("time.sleep(60)"), jar=JAR, timeout_s=0.5)


def test_no_java_is_an_error_that_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(MetricUnavailableError, match="no such program; install a Java runtime"):
        tokenize_with_java(["one"], java=tmp_path / "java", jar=JAR)


def test_a_java_that_cannot_be_run_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "java").write_text("no program")
    with pytest.raises(MetricUnavailableError, match="cannot be run"):
        tokenize_with_java(["one"], java=tmp_path / "java", jar=JAR)


def test_the_real_program_answers_line_by_line() -> None:
    java = shutil.which("java")
    package = importlib.util.find_spec("pycocoevalcap")
    if java is None or package is None or not package.submodule_search_locations:
        pytest.skip("no java on the path, or no pycocoevalcap; install the extra `captions`")
    jar = Path(package.submodule_search_locations[0]) / "tokenizer" / JAR
    texts = ["", "A dog\rbarks.", "x <!-- a", " b --> y \x00", "\ud800 😀 " + "word " * 10_000, "مرحبا", "*NL*", ""]
    assert tokenize_with_java(texts, java=Path(java), jar=jar) == [tokenize(text) for text in texts]
