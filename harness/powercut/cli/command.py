# SPDX-License-Identifier: ISC
"""The commands' common look: what --help shows, in which order, with examples that the tests run."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import click

#: What each command can answer besides its own 0 and 1.
COMMON_EXITS = {
    2: "bad usage, bad input or a bad environment: one sentence on standard error says which",
    130: "interrupted with Ctrl-C or SIGTERM",
}


class Command(click.Command):
    """A command with its arguments explained, with examples and with exit codes.

    ``arguments``: what each argument is, by its name in capitals. ``examples``: lines for a shell, each of
    which the tests parse and, where ``slow`` does not say otherwise, run. ``exits``: what 0 and 1 mean;
    without 1 the command never answers it.
    """

    def __init__(
        self,
        *args: Any,
        arguments: Mapping[str, str] | None = None,
        examples: Sequence[str] = (),
        slow: Sequence[str] = (),
        exits: Mapping[int, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        for param in self.params:
            if isinstance(param, click.Option) and param.metavar is None:
                param.metavar = _metavar(param)
        self.arguments = dict(arguments or {})
        self.examples = tuple(examples)
        self.slow = tuple(slow)
        self.exits = {0: "the command did its work"} | dict(exits or {}) | COMMON_EXITS

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments; what is wrong with them names this command, whose help is the way out."""
        with _named(ctx):
            return super().parse_args(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Usage, what it does, arguments, options, examples, exit codes."""
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        if self.arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(list(self.arguments.items()))
        self.format_options(ctx, formatter)
        _write_lines(formatter, "Examples", (*self.examples, *self.slow))
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), words) for code, words in sorted(self.exits.items())])


class Group(click.Group):
    """A command that has others; its own help shows the first example of each."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As of Command."""
        with _named(ctx):
            return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command; one that is not there is refused with those that are meant, perhaps."""
        known = self.list_commands(ctx)
        if args and not args[0].startswith("-") and args[0] not in known:
            raise click.UsageError(f"There is no command {args[0]}{meant(args[0], known)}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with their first sentences, whole."""
        with formatter.section("Commands"):
            commands = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
            rows = [(name, one.get_short_help_str(200)) for name, one in commands.items() if one is not None]
            formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The examples of its commands."""
        commands = [self.get_command(ctx, name) for name in self.list_commands(ctx)]
        lines = [(*one.examples, *one.slow)[0] for one in commands if isinstance(one, Command)]
        _write_lines(formatter, "Examples", lines)


@contextlib.contextmanager
def _named(ctx: click.Context) -> Iterator[None]:
    """A usage error that names no command, as click's parser raises it, names this one."""
    try:
        yield
    except click.UsageError as error:
        error.ctx = error.ctx or ctx
        raise


def meant(word: str, known: Iterable[str]) -> str:
    """Which of the known words may have been meant, as the rest of a sentence."""
    close = difflib.get_close_matches(word, list(known), n=3)
    return f" (is {' or '.join(close)} meant?)" if close else ""


def _metavar(option: click.Option) -> str | None:
    """What stands for an option's value, with its unit."""
    match option.type:
        case click.IntRange() if (option.name or "").endswith(("size", "bytes")):
            return "BYTES"
        case click.IntRange():
            return "N"
        case click.FloatRange():
            return "SECONDS"
        case click.Path():
            return "PATH"
    return None


def _write_lines(formatter: click.HelpFormatter, title: str, lines: Sequence[str]) -> None:
    """Lines as they are: none is wrapped, so that each can be copied."""
    if not lines:
        return
    with formatter.section(title):
        for line in lines:
            formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
