"""The sample page of a run as a folder that needs nothing else: opened by double click, or given out by any web server.

A page that is opened from disk can read no audio file, so each clip is a script with the file's bytes in base64; it
loads when its sample is shown.
"""

from base64 import b64encode
from pathlib import Path

from evaluate.errors import AudioDecodeError, RequestError
from evaluate.lines import one_line
from evaluate.progress import progress_bar
from evaluate.report.sample_page.clips import clip_refs, open_clip
from evaluate.report.sample_page.data import MADE_FROM, read_samples, write_page_data, write_script
from evaluate.report.sample_page.page import sample_page
from evaluate.results import RunDirectory
from evaluate.whole_files import write_whole


def write_static_page(run: RunDirectory, folder: Path) -> tuple[Path, int]:
    """Write the page of a run, its data and its audio.

    Clips that are not here say so in the page.

    Returns:
        The page, and how many clips could not be had.

    Raises:
        RequestError: The folder holds something else.
    """
    if folder.exists() and not _is_ours_or_empty(folder):
        raise RequestError(f"{folder}: holds other files; name an empty folder, or one that an earlier --static wrote")
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    for earlier in (folder / "audio").glob("*.js"):
        earlier.unlink()
    write_page_data(run, folder / "page")
    num_absent = _write_clips(folder)
    page = folder / "index.html"
    write_whole(page, sample_page(run, audio="static"))
    return page, num_absent


def _is_ours_or_empty(folder: Path) -> bool:
    return folder.is_dir() and ((folder / "page" / MADE_FROM).is_file() or not any(folder.iterdir()))


def _write_clips(folder: Path) -> int:
    """Write a script for each clip; return how many clips could not be had."""
    samples = list(enumerate(read_samples(folder / "page")))
    num_absent = 0
    with progress_bar("audio", num_samples=len(samples)) as advance:
        for number, sample in samples:
            for clip, ref in enumerate(clip_refs(sample)):
                name = f"{number:06}-{clip}"
                path = folder / "audio" / f"{name}.js"
                try:
                    media_type, file = open_clip(ref, "FLAC")
                    with file:
                        write_script(path, "audio", name, media_type, b64encode(file.read()).decode())
                except AudioDecodeError as error:
                    write_script(path, "noAudio", name, one_line(str(error)))
                    num_absent += 1
            advance(1, 0.0)
    return num_absent
