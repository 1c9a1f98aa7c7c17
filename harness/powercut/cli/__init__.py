# SPDX-License-Identifier: ISC
"""The command line. A command is imported when it is asked for; a problem is one sentence on stderr."""

from __future__ import annotations

import errno
import importlib
import itertools
import os
import signal
import sys
from collections.abc import Sequence
from typing import Final

import click

from powercut import __version__
from powercut.cli import answer
from powercut.cli.command import Group, meant
from powercut.errors import PowercutError
from powercut.ops import one_line

#: What the process answers.
HELD, VIOLATION, USAGE, INTERRUPTED, READER_GONE = 0, 1, 2, 130, 141

#: Each command's module and its line in --help, by section, in the order of --help.
SECTIONS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "Test an engine": {
        "run": ("powercut.cli.run", "cut the power in workloads, everywhere, and judge"),
        "init": ("powercut.cli.init", "a first pytest suite of crash tests"),
        "bench": ("powercut.cli.bench", "measure the judging, and the engine"),
        "cflags": ("powercut.cli.cflags", "what your C compiler is told to build an engine"),
        "list": ("powercut.cli.listing", "engines, device models, kinds of crash state"),
        "fuzz": ("powercut.cli.fuzz", "let a fuzzer make up the workloads"),
        "corpus": ("powercut.cli.corpus", "traces as inputs of a fuzzer, and back"),
    },
    "Understand a failure": {
        "replay": ("powercut.cli.replay", "run saved traces again"),
        "trace": ("powercut.cli.trace", "show, compare, bisect and upgrade saved traces"),
        "explain": ("powercut.cli.explain", "show why a trace fails, in words or as a page"),
    },
    "Change a format": {
        "image": ("powercut.cli.image", "in what two images differ"),
        "golden": ("powercut.cli.golden", "keep images of a build, hold later builds against them"),
        "compat": ("powercut.cli.compat", "have two builds read each other's images"),
    },
    "Work on a store in a littlefs image file": {
        "format": ("powercut.cli.store", "make an image with an empty store"),
        "ls": ("powercut.cli.store", "list a dictionary"),
        "get": ("powercut.cli.store", "print a value"),
        "put": ("powercut.cli.store", "write a value"),
        "rm": ("powercut.cli.store", "remove a key"),
        "attr": ("powercut.cli.attr", "user attributes of a key"),
        "grow": ("powercut.cli.store", "use more blocks"),
        "parse": ("powercut.cli.store", "the image's blocks, commits and tags"),
        "check": ("powercut.cli.check", "whether the image is sound; repair it"),
    },
    "Your shell": {
        "completion": ("powercut.cli.completion", "complete powercut's words in bash, zsh, fish"),
    },
}

#: Where each command is.
COMMANDS: Final[dict[str, str]] = {
    name: module for section in SECTIONS.values() for name, (module, _) in section.items()
}

_WORDS: Final = "powercut.words"

EXITS: Final = {
    0: "all is well: every promise is kept, the command did its work",
    1: "not so: a broken promise, a finding, a difference, no such key; each command's help says what",
    2: "bad usage, bad input or a bad environment: one sentence on standard error says which",
    130: "interrupted with Ctrl-C or SIGTERM: what was found so far has been told",
    141: "the reader of the output went away",
}


class _ReaderGoneError(click.ClickException):
    """Standard output is a pipe that nobody reads any more."""


class _Commands(Group):
    """The commands of COMMANDS: in its module each is the click command of that name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_WORDS] = tuple(args)
        try:
            return super().parse_args(ctx, args)
        except BrokenPipeError:  # of its own help and version
            raise _ReaderGoneError("") from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by section; no module is imported for it."""
        width = max(map(len, COMMANDS))
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{width}}", words) for name, (_, words) in section.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The exit codes."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(f"{code:<3}", words) for code, words in EXITS.items()])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        members = vars(importlib.import_module(COMMANDS[cmd_name])).values()
        return next(item for item in members if isinstance(item, click.Command) and item.name == cmd_name)

    def invoke(self, ctx: click.Context) -> object:
        try:
            result = self._invoke_json(ctx) if _asks_for_json(ctx.meta[_WORDS]) else super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:  # before click makes an exit code of its own of it
            raise _ReaderGoneError("") from None
        return result

    def _invoke_json(self, ctx: click.Context) -> object:
        """Runs the command with nothing on standard output but its answer, which is there in any case."""
        try:
            with answer.stdout_aside():
                result: object = super().invoke(ctx)
        except (Exception, KeyboardInterrupt) as error:
            problem = _problem(error)
            if problem is not None:
                answer.broken_off(ctx, self._named(ctx), problem)
                print(answer.told(ctx), end="")
            raise
        text = answer.told(ctx)
        if text is not None:
            print(text, end="")
        return result

    def _named(self, ctx: click.Context) -> str:
        """The words of the command that was asked for."""
        words: list[str] = []
        group: click.Group = self
        for word in ctx.meta[_WORDS]:
            found = group.get_command(ctx, word)
            if found is None:
                break
            words.append(word)
            if not isinstance(found, click.Group):
                break
            group = found
        return " ".join(words)


def _asks_for_json(words: Sequence[str]) -> bool:
    """Whether --json is among the options, and not only help is asked for."""
    options = list(itertools.takewhile(lambda word: word != "--", words))
    return "--json" in options and not {"-h", "--help"} & set(options)


@click.command(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.version_option(__version__, prog_name="powercut", message="%(prog)s %(version)s")
def cli() -> None:
    """Cut the power at every block write of a storage engine, recover, and judge what is found.

    `powercut COMMAND --help` has each command's arguments, options and examples.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command (default: the process's arguments) and returns the exit code."""
    if arguments is None:
        _prepare()
    code = _run(arguments)
    if arguments is None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is told; one more Ctrl-C would take the exit code
    return code


def _prepare() -> None:
    """SIGTERM ends a command as Ctrl-C does, and streams that are closed are written to all the same."""
    signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        result = cli.main(args=arguments, prog_name="powercut", standalone_mode=False)
        return result if isinstance(result, int) else HELD
    except _ReaderGoneError:
        return _reader_gone()
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return USAGE
    except (Exception, KeyboardInterrupt) as error:
        problem = _problem(error)
        if problem is None:
            raise
        return _say(problem.sentence, problem.code) if problem.sentence else problem.code


def _problem(error: BaseException) -> answer.Problem | None:
    """What to say of an error; None: it is a defect of powercut's own."""
    match error:
        case click.Abort() | KeyboardInterrupt():
            return answer.Problem(INTERRUPTED, answer.INTERRUPTED, "")
        case click.UsageError():
            return answer.Problem(USAGE, answer.ERROR, _usage(error))
        case click.ClickException():
            return answer.Problem(USAGE, answer.ERROR, error.format_message())
        case PowercutError() if getattr(error, "code", None) == "NOT_FOUND":
            return answer.Problem(VIOLATION, answer.NOT_FOUND, str(error))
        case PowercutError():
            return answer.Problem(USAGE, answer.ERROR, str(error))
        case OSError() if not isinstance(error, BrokenPipeError):
            return answer.Problem(USAGE, answer.ERROR, _refusal(error))
        case MemoryError():
            return answer.Problem(USAGE, answer.ERROR, "There is not enough memory for this.")
    return None


def _refusal(error: OSError) -> str:
    """What the system says, with a way out. An error without a file is most often one of the output."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    if error.filename:
        return f"The system refuses {error.filename}: {reason}; check the path."
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}:
        return f"The output cannot be written: {reason}; make room, or let it go elsewhere."
    return f"The system refuses this: {reason}."


def _usage(error: click.UsageError) -> str:
    """A usage error in one line, with the way to the help."""
    path = error.ctx.command_path if error.ctx else "powercut"
    words = error.format_message().rstrip(".")
    words = words.replace("a valid integer range", "a whole number").replace(
        "a valid float range", "a number"
    )
    if isinstance(error, click.NoSuchOption):
        words = f"There is no option {error.option_name}{meant(error.option_name, error.possibilities or ())}"
    return f"{words}; see `{path} --help`."


def _reader_gone() -> int:
    """Lets what is still buffered go nowhere, so that the interpreter does not try again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return READER_GONE


def _say(sentence: str, code: int) -> int:
    """Prints one line on stderr."""
    print(f"powercut: {one_line(' '.join(sentence.split()))}", file=sys.stderr)
    return code
