"""A sample's audio as its model wants it: what the runner has done ahead of the model, here or on another machine."""

from evaluate.audio import load_waveform
from evaluate.clips import ClipPolicy
from evaluate.types import Request, Sample


def read_request(sample: Sample, *, sample_rate_hz: int | None, clips: ClipPolicy) -> Request:
    """Read the clips of a sample.

    Args:
        sample: With the spans that are to be heard.
        sample_rate_hz: Of the waveforms; None: the model does not hear, nothing is read.
        clips: What is done with short ones.

    Raises:
        AudioDecodeError: A file is unreadable, or a span lies beyond it.
    """
    if sample_rate_hz is None:
        return Request(sample, ())
    waveforms = (load_waveform(ref, sample_rate_hz=sample_rate_hz) for ref in sample.audio)
    return Request(sample, tuple(clips.pad(waveform, sample_rate_hz=sample_rate_hz) for waveform in waveforms))
