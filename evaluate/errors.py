"""The exceptions of Otoscope, grouped by who can act.

    OtoscopeError
    ├── RequestError             exit 2: the person who typed the command
    │   ├── UnknownNameError         no task, model, metric, normaliser or split of that name
    │   ├── ProtocolError            a published evaluation that does not cover the task
    │   ├── CorpusError              a corpus is not whole though that was asked, or contradicts itself
    │   │   └── CorpusAbsentError        a corpus or split is not where it was looked for
    │   └── ManifestError            a line of a manifest, transcript or predictions file
    ├── SampleError              logged with the sample, the run goes on: whoever keeps the corpus or the model
    │   ├── AudioDecodeError         the file is unreadable, or not what its header says
    │   ├── ClipRejectedError        a clip is longer or shorter than the run takes
    │   ├── ModelOutputError         the model gave no answer for the sample, or an impossible one
    │   └── ModelDiedError           the process of the model ended while it answered
    ├── MetricUnavailableError   the score is null with the reason: whoever wants the metric installs what it needs
    └── MachineError             exit 4: whoever keeps the machine
        ├── ModelLoadError           checkpoint missing, damaged, or too large
        ├── ServerError              a model's server is gone, or takes no more requests: the run ends, to go on later
        ├── ArchiveError             an archive is damaged, or holds what must not be unpacked
        ├── RunLockedError           another process holds the run, or fetches the same corpus
        └── RunDamagedError          files of a run contradict each other

Every message is one line: where, which item, what was found, what was expected, what to do.
"""

from collections.abc import Mapping
from typing import Any


class OtoscopeError(Exception):
    """Root of all errors that Otoscope raises on purpose."""

    exit_code = 4


class RequestError(OtoscopeError):
    """The request was wrong: nothing was run."""

    exit_code = 2


class UnknownNameError(RequestError):
    """A name that no table holds; the message offers near matches."""


class ProtocolError(RequestError):
    """A published evaluation does not cover a task."""


class CorpusError(RequestError):
    """A corpus is not whole though that was asked, or contradicts itself."""


class CorpusAbsentError(CorpusError):
    """A corpus or split is not where it was looked for."""


class ManifestError(RequestError):
    """A line of a JSONL manifest, transcript or predictions file is wrong; the message starts with `file:line:`."""


class SampleError(OtoscopeError):
    """One sample cannot be evaluated; the runner logs it as failed and goes on."""


class AudioDecodeError(SampleError):
    """An audio file is unreadable, cut off, or contradicts its own header."""


class ClipRejectedError(SampleError):
    """A clip is longer or shorter than the run's policy takes; trying again changes nothing."""


class ModelOutputError(SampleError):
    """The model returned nothing for a sample of its batch."""


class ModelDiedError(SampleError):
    """The process of a model ended while it answered."""


class MetricUnavailableError(OtoscopeError):
    """A metric cannot be had here (a program, jar or model is missing); its value is null, never 0.

    Args:
        message: Why.
        details: What stands beside the null, JSON-ready.
    """

    def __init__(self, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.details = dict(details or {})


class MachineError(OtoscopeError):
    """The machine, not the request, is at fault: disk, memory, a checkpoint that does not load."""


class ModelLoadError(MachineError):
    """A checkpoint could not be loaded."""


class ServerError(MachineError):
    """A model's server is gone, or takes no more requests; what is left would fail as well, so the run ends."""


class ArchiveError(MachineError):
    """An archive is damaged, or holds what must not be unpacked; the corpus is as it was before."""


class RunLockedError(MachineError):
    """Another process is writing the same run, or fetching the same corpus."""


class RunDamagedError(MachineError):
    """The files of a run contradict each other."""


class Terminated(SystemExit):
    """SIGTERM came: the process ends, as for a `SystemExit` of its own, but not for one that some library raises."""
