"""Where the Java programs are that METEOR, SPICE and the exact PTB tokeniser run, and what is missing if they are not.

No jar is part of this project: METEOR comes with the package pycocoevalcap, SPICE (AGPL-3.0) with it too, and CoreNLP
with its models (GPL) from whoever asks for SPICE. They run as programs of their own, on the user's order.
"""

import functools
import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from evaluate.errors import MetricUnavailableError
from evaluate.folders import home_or_cache

INSTALL = "pip install 'otoscope[captions]'"
FETCH = "otoscope data fetch spice"

SPICE_JAR = "spice-1.0.jar"
CORENLP_JAR = "stanford-corenlp-3.6.0.jar"
MODELS_JAR = "stanford-corenlp-3.6.0-models.jar"
# What the manifest of spice-1.0.jar names, without CoreNLP and the native libraries of other systems.
SPICE_LIBRARIES = (
    "Meteor-1.5.jar",
    "SceneGraphParser-1.0.jar",
    "ejml-0.23.jar",
    "fst-2.47.jar",
    "guava-19.0.jar",
    "jackson-core-2.5.3.jar",
    "javassist-3.19.0-GA.jar",
    "json-simple-1.1.1.jar",
    "lmdbjni-0.4.6.jar",
    "objenesis-2.4.jar",
    "slf4j-api-1.7.12.jar",
    "slf4j-simple-1.7.21.jar",
)
LAST_JAVA_WITH_JAVASCRIPT = 14
SCRIPT_ENGINES = ("nashorn-core", "rhino")

_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


@dataclass(frozen=True, slots=True)
class SpicePrograms:
    """The files that SPICE consists of."""

    spice_jar: Path
    corenlp_jar: Path
    models_jar: Path
    libraries: tuple[Path, ...]  # every other jar of lib/, sorted

    @property
    def class_path(self) -> str:
        """Java's `-cp`: SPICE first, then CoreNLP 3.6.0, so that no other copy of a class is taken before them."""
        return os.pathsep.join(map(str, (self.spice_jar, self.corenlp_jar, self.models_jar, *self.libraries)))

    @property
    def has_script_engine(self) -> bool:
        """Whether a JavaScript engine lies in lib/."""
        return any(path.name.startswith(SCRIPT_ENGINES) for path in self.libraries)


def find_java() -> Path:
    """Return the Java of JAVA_HOME, or else that of PATH; it was started once to see that it runs.

    Raises:
        MetricUnavailableError: There is none, or the one that is there does not run.
    """
    home = os.environ.get("JAVA_HOME")
    if home:
        java = Path(home).absolute() / "bin" / "java"  # absolute: SPICE runs in a folder of its own
        where = f"JAVA_HOME is {home}, but {java}"
        mend = "point JAVA_HOME to a Java, or unset it"
    else:
        found = shutil.which("java")
        if found is None:
            raise MetricUnavailableError(
                "no java in JAVA_HOME (not set) or PATH; install one, e.g. apt install default-jre-headless"
            )
        java = Path(found).absolute()
        where, mend = str(java), "install Java anew, or set JAVA_HOME"
    try:
        java_version(java)
    except MetricUnavailableError as error:
        raise MetricUnavailableError(f"{where} does not run ({error}); {mend}") from error
    return java


@functools.cache
def java_version(java: Path) -> int:
    """Return the major version of a Java, e.g. 8 or 17.

    Raises:
        MetricUnavailableError: It does not start, or does not say its version.
    """
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, errors="replace", timeout=60)
    except subprocess.TimeoutExpired as error:
        raise MetricUnavailableError("java -version took more than 60 s") from error
    except OSError as error:
        raise MetricUnavailableError(error.strerror or str(error)) from error
    version = _VERSION.search(done.stderr + done.stdout)
    if done.returncode != 0 or version is None:
        raise MetricUnavailableError(
            f"java -version ended with {done.returncode}: {last_line(done.stderr + done.stdout)}"
        )
    return int(version[1])


def find_meteor_jar() -> Path:
    """Return METEOR's jar, beside which its paraphrase table lies.

    Raises:
        MetricUnavailableError: pycocoevalcap is not installed, or not whole.
    """
    _coco_file("meteor/data/paraphrase-en.gz", "METEOR's paraphrase table")
    return _coco_file("meteor/meteor-1.5.jar", "METEOR")


def find_ptb_jar() -> Path:
    """Return the jar with the PTB tokeniser that captions are tokenised with, CoreNLP 3.4.1.

    Raises:
        MetricUnavailableError: pycocoevalcap is not installed, or not whole.
    """
    return _coco_file("tokenizer/stanford-corenlp-3.4.1.jar", "the Java PTB tokeniser")


def find_packaged_spice() -> Path:
    """Return the folder of pycocoevalcap with spice-1.0.jar and lib/, which lacks CoreNLP.

    Raises:
        MetricUnavailableError: pycocoevalcap is not installed, or not whole.
    """
    return _coco_file(f"spice/{SPICE_JAR}", "SPICE").parent


def spice_folder() -> Path:
    """Return where SPICE is looked for: SPICE_HOME, or else `otoscope/spice` in the user's cache folder."""
    return home_or_cache("SPICE_HOME", "spice")


def find_spice() -> SpicePrograms:
    """Return the files of SPICE in `spice_folder()`; CoreNLP may lie there or in its lib/.

    Raises:
        MetricUnavailableError: A file is missing; the message names it.
    """
    folder = spice_folder()
    programs = read_spice_folder(folder)
    if isinstance(programs, str):
        origin = "SPICE_HOME" if os.environ.get("SPICE_HOME") else "the cache folder; or set SPICE_HOME"
        raise MetricUnavailableError(
            f"SPICE: no {programs} in {folder} ({origin}); get it with: {FETCH} --corenlp-zip ZIP, or --download"
        )
    return programs


def read_spice_folder(folder: Path) -> SpicePrograms | str:
    """Return the files of SPICE in a folder, or the name of the first that is missing."""
    jars = {path.name: path for path in [*sorted((folder / "lib").glob("*.jar")), *sorted(folder.glob("*.jar"))]}
    for name in (SPICE_JAR, *SPICE_LIBRARIES, CORENLP_JAR, MODELS_JAR):
        if name not in jars:
            return f"lib/{name}" if name in SPICE_LIBRARIES else name
    spice, corenlp, models = jars.pop(SPICE_JAR), jars.pop(CORENLP_JAR), jars.pop(MODELS_JAR)
    return SpicePrograms(spice, corenlp, models, tuple(jars.values()))


def check_spice_java(java: Path, programs: SpicePrograms) -> None:
    """Raise where SPICE would read all captions for minutes and then fail to write its scores.

    SPICE lays out its JSON with Java's own JavaScript engine, which Java 15 and later do not have.

    Raises:
        MetricUnavailableError: The Java is too new and no engine lies in lib/.
    """
    version = java_version(java)
    if version > LAST_JAVA_WITH_JAVASCRIPT and not programs.has_script_engine:
        raise MetricUnavailableError(
            f"SPICE cannot write its scores with Java {version} ({java}), which has no JavaScript engine; "
            f"set JAVA_HOME to a Java 8 to {LAST_JAVA_WITH_JAVASCRIPT}, or lay nashorn-core 15 and its asm jars into "
            f"{programs.spice_jar.parent / 'lib'}"
        )


def last_line(text: str) -> str:
    """Return the last line of a program's output that says something, shortened, for a message."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no output"


def why_ended(returncode: int, stderr: str) -> str:
    """Return in words how a Java program ended: its status or signal, and what it complained of."""
    if returncode < 0:
        return f"was killed by signal {-returncode}" + (" (out of memory?)" if returncode == -9 else "")
    # Java names the exception first; what follows are the places it went through.
    for sign in ("Exception", "Error"):
        complaints = [line.strip() for line in stderr.splitlines() if sign in line]
        if complaints:
            return f"ended with {returncode}: {complaints[0][:200]}"
    return f"ended with {returncode}: {last_line(stderr)}"


def _coco_file(name: str, what: str) -> Path:
    """Return a file of the package pycocoevalcap, which is not imported."""
    spec = importlib.util.find_spec("pycocoevalcap")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    missing = f"{folders[0] / name} is missing" if folders else "the package pycocoevalcap is not installed"
    raise MetricUnavailableError(f"{what}: {missing}; install it with: {INSTALL}")
