"""The `otoscope` command: its parts stand in `evaluate.commands`, here is how it starts and ends.

Heavy imports happen in the commands that need them, so that `--help` is there at once.
"""

import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import NoReturn

import click

from evaluate import __version__
from evaluate.commands.catalogue import metrics_command, models_command, tasks_command
from evaluate.commands.check_batching import check_batching_command
from evaluate.commands.data import data_group
from evaluate.commands.eval import eval_command
from evaluate.commands.regression import regression_command
from evaluate.commands.report import compare_command, report_command, view_command
from evaluate.commands.score import score_command
from evaluate.commands.shared import notice, without_known_secrets
from evaluate.errors import OtoscopeError, RequestError, Terminated

INTERRUPTED = 130
TERMINATED = 143
COMPLETION = "_OTOSCOPE_COMPLETE"  # set by the shell that wants to complete a word


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its status; errors are one line on stderr."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        status = cli.main(args=arguments, prog_name="otoscope", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        status = RequestError.exit_code
    except click.ClickException as error:
        status = _fail(error.format_message(), RequestError.exit_code)
    except OtoscopeError as error:
        status = _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        signal.signal(signal.SIGINT, _leave)  # what is left is waiting, e.g. for a file that is being decoded
        notice("interrupted")
        status = INTERRUPTED
    except Terminated:
        status = TERMINATED
    except SystemExit as stop:
        # click ends so: with 1 where the reader of a pipe has gone, which would say that a check failed
        is_completion = bool(os.environ.get(COMPLETION)) and not stop.code
        if stop.code != 1 and not is_completion:
            notice(f"error: a library ended the command (exit {stop.code}); what was done is kept")
        status = 0 if is_completion else OtoscopeError.exit_code
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        status = _fail(
            f"{where}{error.strerror or error}; mend it and run the same command again", OtoscopeError.exit_code
        )
    except MemoryError:
        status = _fail(
            "out of memory; lower --max-batch-seconds or free some, and run the same command again: it goes on",
            OtoscopeError.exit_code,
        )
    except Exception as error:  # a bug: whoever mends it needs the traceback, CI needs a status that says so
        click.echo(without_known_secrets(traceback.format_exc()), err=True, nl=False)
        status = _fail(f"internal error ({type(error).__name__}: {error}); please report it", OtoscopeError.exit_code)
    sys.exit(status if isinstance(status, int) else 0)


def _terminate(*_: object) -> NoReturn:
    raise Terminated(TERMINATED)


def _leave(*_: object) -> NoReturn:
    os._exit(INTERRUPTED)


def _fail(message: str, status: int) -> int:
    notice(f"error: {message}")
    return status


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="otoscope")
def cli() -> None:
    """Hearing tests for audio-language models.

    \b
    Example:
      otoscope eval --task librispeech:test-clean --model whisper:openai/whisper-base
    """


for command in (
    *(eval_command, check_batching_command, score_command, tasks_command, models_command, metrics_command),
    *(report_command, view_command, compare_command, regression_command, data_group),
):
    cli.add_command(command)
