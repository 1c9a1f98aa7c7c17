# SPDX-License-Identifier: ISC
"""The command line. A command is imported when it is asked for; a problem is one sentence on stderr."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

import click

from powercut import __version__
from powercut.errors import PowercutError

#: What the process answers.
HELD, VIOLATION, USAGE, INTERRUPTED, READER_GONE = 0, 1, 2, 130, 141

#: Where each command is, in the order of --help.
COMMANDS: Final[dict[str, str]] = {
    "run": "powercut.cli.run",
    "replay": "powercut.cli.replay",
    "trace": "powercut.cli.trace",
    "explain": "powercut.cli.explain",
    "fuzz": "powercut.cli.fuzz",
    "init": "powercut.cli.init",
    "corpus": "powercut.cli.corpus",
    "bench": "powercut.cli.bench",
    "format": "powercut.cli.store",
    "ls": "powercut.cli.store",
    "get": "powercut.cli.store",
    "put": "powercut.cli.store",
    "rm": "powercut.cli.store",
    "attr": "powercut.cli.attr",
    "grow": "powercut.cli.store",
    "parse": "powercut.cli.store",
    "check": "powercut.cli.check",
    "image": "powercut.cli.image",
    "golden": "powercut.cli.golden",
    "compat": "powercut.cli.compat",
}

EPILOG: Final = """\
\b
Exit codes:
  0    all is well: every crash state held, the command did its work
  1    a violation, or by check a finding; for ls, get, rm and attr: there is no such
       key or attribute; for image diff: a difference; for golden check: an image
       that does not hold; for compat: what the policy does not allow
  2    bad usage, bad input or a bad environment: one sentence on stderr says which
  130  interrupted: what was found so far has been told
  141  the reader of the output went away
"""


class _ReaderGoneError(click.ClickException):
    """Standard output is a pipe that nobody reads any more."""


class _Commands(click.Group):
    """The commands of COMMANDS: in its module each is the click command of that name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        members = vars(importlib.import_module(COMMANDS[cmd_name])).values()
        return next(item for item in members if isinstance(item, click.Command) and item.name == cmd_name)

    def invoke(self, ctx: click.Context) -> object:
        try:
            result: object = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:  # before click makes an exit code of its own of it
            raise _ReaderGoneError("") from None
        return result


@click.command(
    cls=_Commands,
    no_args_is_help=False,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="powercut", message="%(prog)s %(version)s")
def cli() -> None:
    """Cut the power at every block write of a storage engine, recover, and judge what is found.

    `run` tests an engine, `replay` reproduces a saved failure, `bench` measures. The other commands work on a
    store in an image file, in littlefs's on-disk format.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command (default: the process's arguments) and returns the exit code."""
    try:
        result = cli.main(args=arguments, prog_name="powercut", standalone_mode=False)
        return result if isinstance(result, int) else HELD
    except _ReaderGoneError:
        return _reader_gone()
    except click.UsageError as error:
        return _say(_usage(error))
    except click.ClickException as error:
        return _say(error.format_message())
    except PowercutError as error:
        return _say(str(error), VIOLATION if getattr(error, "code", None) == "NOT_FOUND" else USAGE)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        return _say(f"The system refuses {error.filename or 'this'}: {reason}; check the path.")
    except MemoryError:
        return _say("There is not enough memory for this.")


def _usage(error: click.UsageError) -> str:
    """A usage error in one line, with the way to the help."""
    path = error.ctx.command_path if error.ctx else "powercut"
    return f"{error.format_message().rstrip('.')}; see `{path} --help`."


def _reader_gone() -> int:
    """Lets what is still buffered go nowhere, so that the interpreter does not try again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return READER_GONE


def _say(sentence: str, code: int = USAGE) -> int:
    """Prints one line on stderr."""
    print(f"powercut: {' '.join(sentence.split())}", file=sys.stderr)
    return code
