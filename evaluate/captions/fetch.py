"""Laying SPICE together: its jars out of pycocoevalcap, CoreNLP 3.6.0 and its models from whoever asks for them.

No jar is part of this project: SPICE is AGPL-3.0 and CoreNLP GPL. They are copied or downloaded on the user's order
and run as programs of their own. The SHA-256 of the CoreNLP jars is not known to this project, so what is checked of
them is that they hold the parser and its model, and, of a download, the SHA-1 that Maven Central publishes beside it.
"""

import errno
import lzma
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from evaluate.captions.programs import (
    CORENLP_JAR,
    MODELS_JAR,
    SPICE_JAR,
    SpicePrograms,
    find_packaged_spice,
    read_spice_folder,
    spice_folder,
)
from evaluate.digests import whole_file_digest
from evaluate.download import download, published_sha1, require_space
from evaluate.errors import MachineError, RequestError
from evaluate.types import Notice

SPICE_SHA256 = "6c6a73ae6dd108667047c1818707590413934dcb9f1a62cef6469059b41b3d59"
MAVEN = "https://repo1.maven.org/maven2/edu/stanford/nlp/stanford-corenlp/3.6.0"
ZIP = "stanford-corenlp-full-2015-12-09.zip"
# A file that each jar must hold: what SPICE asks for when it starts.
CONTENTS = {
    CORENLP_JAR: "edu/stanford/nlp/pipeline/StanfordCoreNLP.class",
    MODELS_JAR: "edu/stanford/nlp/models/lexparser/englishPCFG.ser.gz",
}

# What zipfile raises for an archive that is cut off, garbled, encrypted, or packed in an unknown way.
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, UnicodeDecodeError),
    *(RuntimeError, NotImplementedError),
)


@dataclass(frozen=True, slots=True)
class CoreNlpSource:
    """Where CoreNLP comes from: two jars, the zip that holds them, or a download. Exactly one of the three."""

    corenlp_jar: Path | None = None
    models_jar: Path | None = None
    archive: Path | None = None
    download: bool = False

    def check(self) -> None:
        """Raise where it is none or several of the three, or a file is not there.

        Raises:
            RequestError: With what to give.
        """
        jars = [path for path in (self.corenlp_jar, self.models_jar) if path]
        if [bool(jars), bool(self.archive), self.download].count(True) != 1 or len(jars) == 1:
            raise RequestError(
                f"SPICE needs CoreNLP 3.6.0: expected one of --corenlp-jar {CORENLP_JAR} --models-jar {MODELS_JAR}, "
                f"--corenlp-zip {ZIP}, or --download (from Maven Central)"
            )
        for path in [*jars, *([self.archive] if self.archive else [])]:
            if not path.is_file():
                raise RequestError(f"{path}: no such file")


def fetch_spice(source: CoreNlpSource, *, say: Notice, folder: Path | None = None) -> SpicePrograms:
    """Make the folder that `find_spice` looks for; it appears whole or not at all.

    Args:
        source: Where CoreNLP comes from.
        say: Told what was done.
        folder: Where to; default: `spice_folder()`.

    Returns:
        The files; those of a folder that is whole already are left alone.

    Raises:
        RequestError: The source is wrong, or the folder holds something else.
        MetricUnavailableError: pycocoevalcap is not installed.
        MachineError: The disk is too small, or a download failed.
    """
    folder = (folder or spice_folder()).absolute()
    source.check()
    found = read_spice_folder(folder)
    if isinstance(found, SpicePrograms):
        say(f"{folder}: SPICE is here and whole already")
        return found
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RequestError(f"{folder}: exists and lacks {found}; remove it, or name another folder with --to")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _appearing_whole(folder) as staging:
        _copy_packaged(staging)
        _add_corenlp(source, staging, _download_folder(folder), say)
        _check_contents(staging, source)
    shutil.rmtree(_download_folder(folder), ignore_errors=True)
    found = read_spice_folder(folder)
    if isinstance(found, str):
        raise MachineError(f"{folder}: {found} is missing though it was just written; is another process at work?")
    for path in (found.corenlp_jar, found.models_jar):
        say(f"{path.name}: SHA-256 {whole_file_digest(path)} (this project knows none to compare it with)")
    home = "" if folder == spice_folder() else f"; it is found with SPICE_HOME={folder}"
    say(f"{folder}: SPICE is whole{home}; it needs a Java from 8 to 14")
    return found


@contextmanager
def _appearing_whole(folder: Path) -> Iterator[Path]:
    """Yield a folder to fill, which takes the name of `folder` where the block succeeds, and goes where it fails."""
    outer = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        staging = outer / folder.name  # made plainly, so that others may read it if the umask lets them
        staging.mkdir()
        yield staging
        staging.replace(folder)
    finally:
        shutil.rmtree(outer, ignore_errors=True)


def _copy_packaged(staging: Path) -> None:
    """Copy SPICE and its libraries out of pycocoevalcap."""
    packaged = find_packaged_spice()
    digest = whole_file_digest(packaged / SPICE_JAR)
    if digest != SPICE_SHA256:
        raise MachineError(
            f"{packaged / SPICE_JAR}: SHA-256 is {digest}, expected {SPICE_SHA256}; install pycocoevalcap 1.2 anew"
        )
    libraries = sorted((packaged / "lib").glob("*.jar"))
    require_space(staging, sum(path.stat().st_size for path in [packaged / SPICE_JAR, *libraries]))
    shutil.copyfile(packaged / SPICE_JAR, staging / SPICE_JAR)
    (staging / "lib").mkdir()
    for path in libraries:
        if path.name not in CONTENTS:  # pycocoevalcap may have put CoreNLP there; the one asked for is another's
            shutil.copyfile(path, staging / "lib" / path.name)


def _add_corenlp(source: CoreNlpSource, staging: Path, downloads: Path, say: Notice) -> None:
    """Put the two CoreNLP jars where SPICE's manifest looks for them, into lib/."""
    if source.archive:
        _extract(source.archive, staging / "lib")
    elif source.corenlp_jar and source.models_jar:
        jars = {CORENLP_JAR: source.corenlp_jar, MODELS_JAR: source.models_jar}
        require_space(staging, sum(path.stat().st_size for path in jars.values()))
        for name, path in jars.items():
            shutil.copyfile(path, staging / "lib" / name)
    else:
        _download(downloads, say)
        for name in CONTENTS:  # only when both are whole: a broken second download must not cost the first
            (downloads / name).replace(staging / "lib" / name)


def _download(downloads: Path, say: Notice) -> None:
    """Download the two jars into a folder that outlives a failure."""
    downloads.mkdir(exist_ok=True)
    for name in CONTENTS:
        checksum = published_sha1(f"{MAVEN}/{name}")
        download(f"{MAVEN}/{name}", downloads / name, known_hash=checksum)
        say(f"{name}: {checksum}, as Maven Central publishes it beside the file")


def _download_folder(folder: Path) -> Path:
    """Return where downloads wait until they are whole: beside the folder, so that a later call goes on with them."""
    return folder.with_name(f"{folder.name}-download")


def _extract(archive: Path, target: Path) -> None:
    """Take the two jars out of the zip, under our own names: no path in the zip decides where anything goes."""
    try:
        with zipfile.ZipFile(archive) as opened:
            members = {name: _member(archive, opened, name) for name in CONTENTS}
            require_space(target, sum(member.file_size for member in members.values()))
            for name, member in members.items():
                with opened.open(member) as packed, (target / name).open("wb") as file:
                    shutil.copyfileobj(packed, file, length=1 << 20)
    except DAMAGED as error:
        raise RequestError(f"{archive}: cannot be unpacked ({error}); expected {ZIP}") from error
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # bzip2 gives none, a place outside the file EINVAL; else the disk
            raise
        raise RequestError(f"{archive}: cannot be unpacked ({error}); expected {ZIP}") from error


def _member(archive: Path, opened: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    found = [member for member in opened.infolist() if PurePosixPath(member.filename).name == name]
    if len(found) != 1:
        raise RequestError(f"{archive}: holds {len(found)} files {name}, expected one; is it {ZIP}?")
    return found[0]


def _check_contents(staging: Path, source: CoreNlpSource) -> None:
    """Raise where a jar is not what its name says, e.g. the two were swapped."""
    given = {CORENLP_JAR: source.corenlp_jar, MODELS_JAR: source.models_jar}
    for name, content in CONTENTS.items():
        shown = given[name] or source.archive or f"{MAVEN}/{name}"
        try:
            with zipfile.ZipFile(staging / "lib" / name) as jar:
                jar.getinfo(content)
        except KeyError as error:
            raise RequestError(f"{shown}: {name} holds no {content}; expected that of CoreNLP 3.6.0") from error
        except DAMAGED as error:
            raise RequestError(f"{shown}: {name} is no jar ({error}); expected that of CoreNLP 3.6.0") from error
