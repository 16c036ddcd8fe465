"""`otoscope data`: corpora, and other things that are fetched."""

from pathlib import Path

import click

from evaluate.commands import options
from evaluate.commands.shared import Command, notice, print_json
from evaluate.errors import RequestError

DAMAGED = 3


@click.group("data")
def data_group() -> None:
    """See which corpora are here, get them, and check them.

    \b
    Examples:
      otoscope data status
      otoscope data fetch librispeech:test-clean
      otoscope data fetch spice --download
      otoscope data verify librispeech --decode
    """


@data_group.command("status", cls=Command)
@click.argument("name", required=False)
@options.DATA_DIR
@options.TASKS_DIR
@options.JSON
def status_command(name: str | None, data_dir: Path, tasks_dir: Path | None, as_json: bool) -> None:
    """Show which corpora are here; with NAME[:SPLIT], everything about one.

    A split is present, partial, absent or damaged (its lists cannot be read). No audio is opened: that is verify's.

    \b
    Example:
      otoscope data status librispeech --data-dir /corpora
    """
    from evaluate.data.status import corpus_status, print_status

    rows = corpus_status(name, data_dir, tasks_dir=tasks_dir)
    if as_json:
        print_json(rows)
    else:
        print_status(rows, details=name is not None)


@data_group.command("fetch", cls=Command)
@click.argument("name", required=False)
@options.DATA_DIR
@click.option("--keep-archives", is_flag=True, help="Leave archives in downloads/ when they are unpacked.")
@click.option("--corenlp-jar", type=click.Path(path_type=Path), help="stanford-corenlp-3.6.0.jar (spice).")
@click.option("--models-jar", type=click.Path(path_type=Path), help="stanford-corenlp-3.6.0-models.jar (spice).")
@click.option("--corenlp-zip", type=click.Path(path_type=Path), help="The zip that holds the two (spice).")
@click.option("--download", is_flag=True, help="Get the two from Maven Central (spice).")
@click.option(
    "--to", "folder", type=click.Path(path_type=Path), help="Folder to make (spice); default: where it is looked for."
)
def fetch_command(
    name: str | None,
    data_dir: Path,
    keep_archives: bool,
    corenlp_jar: Path | None,
    models_jar: Path | None,
    corenlp_zip: Path | None,
    download: bool,
    folder: Path | None,
) -> None:
    """Get a corpus, NAME[:SPLIT], into the data folder; or NAME spice, the caption metric's programs.

    Without a split, those that papers report. What is here and whole is left alone; the same command goes on with a
    download that broke off. A corpus behind a form or a licence is not fetched: the message says what to do, exit 2.

    \b
    Examples:
      otoscope data fetch librispeech:test-clean --data-dir /corpora
      otoscope data fetch spice --corenlp-zip stanford-corenlp-full-2015-12-09.zip
      otoscope data fetch spice --download
    """
    if name is None:  # all of them would be hundreds of gigabytes that nobody asked for
        raise RequestError(
            "no corpus named; otoscope data fetch NAME[:SPLIT] gets one, otoscope data status lists them"
        )
    from evaluate.captions.fetch import CoreNlpSource, fetch_spice
    from evaluate.data.fetch import fetch_corpus

    source = CoreNlpSource(corenlp_jar, models_jar, corenlp_zip, download)
    if name == "spice":
        fetch_spice(source, say=notice, folder=folder)
    elif source != CoreNlpSource() or folder:
        raise RequestError(f"--corenlp-…, --models-jar, --download and --to are for spice; leave them out for {name}")
    else:
        fetch_corpus(name, data_dir, keep_archives=keep_archives, say=notice)


@data_group.command("verify", cls=Command)
@click.argument("name", required=False)
@options.DATA_DIR
@options.TASKS_DIR
@click.option("--decode", is_flag=True, help="Decode every file to its end, not only its header.")
@options.JSON
def verify_command(name: str | None, data_dir: Path, tasks_dir: Path | None, decode: bool, as_json: bool) -> int:
    """Check the corpora that are here, or NAME[:SPLIT], against their own lists, and look into every audio file.

    Damage, exit 3: a listed utterance without audio, a file that is empty or cannot be decoded, an impossible
    duration, a span beyond its file, an id that comes twice, a list that cannot be read. No damage: a split of which
    only a part is here (partial), audio without a transcript, a split that is not here. Exit 2: an unknown name, or
    nothing of what was named is here.

    \b
    Example:
      otoscope data verify librispeech:test-clean --decode --data-dir /corpora
    """
    from evaluate.data.verify import is_damaged, print_reports, verify_corpora

    reports = verify_corpora(name, data_dir, decode=decode, tasks_dir=tasks_dir)
    if as_json:
        print_json([report.to_json() for report in reports])
    else:
        print_reports(reports)
    return DAMAGED if is_damaged(reports) else 0
