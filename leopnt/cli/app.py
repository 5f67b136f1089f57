"""Commands, and what becomes of errors: one sentence and an exit code.

0  done                      1  not solved, not complete, or `doctor` found a problem
2  bad input or options      3  a defect in leopnt
"""

import os
import sys
from collections.abc import Sequence

import click

import leopnt
from leopnt.cli.calibrate import calibrate
from leopnt.cli.catalog import list_studies, reproduce
from leopnt.cli.doctor import doctor
from leopnt.cli.fix import fix
from leopnt.cli.map import map_command
from leopnt.cli.run import run
from leopnt.cli.sky import sky
from leopnt.cli.study import study
from leopnt.errors import LeopntError

BAD_INPUT, DEFECT, INTERRUPTED = 2, 3, 130


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 not solved or not complete, 2 bad input, 3 a defect in leopnt.",
)
@click.version_option(leopnt.__version__, prog_name="leopnt")
def app():
    """Positioning, navigation and timing with low-Earth-orbit satellites."""


for command in (
    fix,
    sky,
    map_command,
    run,
    calibrate,
    study,
    list_studies,
    reproduce,
    doctor,
):
    app.add_command(command)


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Args:
        args: words after the program's name; None takes those of the process.
    """
    words = list(sys.argv[1:] if args is None else args)
    sys.exit(_run(words))


def _run(words: list[str]) -> int:
    try:
        code = app.main(args=words, prog_name="leopnt", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted.", err=True)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output, such as `head`, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except LeopntError as error:
        if "--debug" in words:
            raise
        click.echo(f"error: {error}", err=True)
        return BAD_INPUT
    except Exception as error:
        if "--debug" in words:
            raise
        click.echo(
            f"error: a defect in leopnt ({type(error).__name__}: {error}). Run again with --debug "
            "for the details, and report them.",
            err=True,
        )
        return DEFECT
