"""Reading the prediction logs of other evaluation programs, so that their answers are scored here.

One file per format and here the table of their names. A reader gives uniform answers, a line of notice for whatever it
could not map, and says of the log what is known of it: its language, the metrics that it is for. The program's own
scores are never taken over.
"""

from pathlib import Path

from evaluate.errors import ManifestError
from evaluate.imports.base import ForeignLog, LogFormat
from evaluate.imports.document import Document, load_document
from evaluate.registry import Registry

BUILTIN = {
    "lmms-eval": "evaluate.imports.lmms_eval:LmmsEval",
    "kimi-evalkit": "evaluate.imports.kimi_evalkit:KimiEvalkit",
    "ultraeval": "evaluate.imports.ultraeval:UltraEvalAudio",
    "audiobench": "evaluate.imports.audiobench:AudioBench",
    "open-asr": "evaluate.imports.open_asr:OpenAsr",
    "qwen-audio": "evaluate.imports.qwen_audio:QwenAudioScripts",
}

registry = Registry("log format", BUILTIN, group="otoscope.imports", listing=f"All formats: {', '.join(BUILTIN)}")


def read_log(path: Path, format_name: str) -> ForeignLog:
    """Read a log in the format that was named; formats are never guessed.

    Raises:
        UnknownNameError: There is no such format.
        ManifestError: The file is missing, damaged, empty or in another format; the message says in which.
    """
    chosen: LogFormat = registry.get(format_name)()
    document = load_document(path)
    if not chosen.fits(document):
        raise ManifestError(f"{document.where}: found {document.shown}, expected {chosen.expected}{_hint(document)}")
    return chosen.read(document)


def _hint(document: Document) -> str:
    """Return the end of a message about a file in another format: which option would read it, if one does."""
    first = document.first
    if {"id", "hypothesis"} <= first.keys() and document.shape == "lines":
        return "; this looks like a predictions file of Otoscope's own form: leave --format out"
    fitting = [name for name in BUILTIN if registry.get(name)().fits(document)]
    return f"; --format {' or '.join(fitting)} reads such a file" if fitting else ""
