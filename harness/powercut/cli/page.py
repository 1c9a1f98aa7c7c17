# SPDX-License-Identifier: ISC
"""What the commands that write a page share."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

import click

from powercut import atomic
from powercut.campaign import Tally
from powercut.errors import PowercutError

Seen = Callable[[Tally, int], None]

#: Options that change nothing of what is run.
_QUIET = frozenset({"html", "as_json", "jobs"})


def write_page(path: Path, page: str) -> None:
    """Puts the page there, whole or not at all. Raises PowercutError."""
    try:
        atomic.write(path, page.encode())
    except OSError as error:
        raise PowercutError(f"Cannot write {path}: {atomic.reason(error)}; name another file.") from error


def both(one: Seen, other: Seen) -> Seen:
    """Tells two of a campaign's progress."""

    def tell(tally: Tally, running: int) -> None:
        one(tally, running)
        other(tally, running)

    return tell


def command_line(seed: int) -> str:
    """The present command with the options that were given, and with its seed: runs the same again."""
    context = click.get_current_context()
    words = [*context.command_path.split()]
    for option in context.command.params:
        name = option.name or ""
        source = context.get_parameter_source(name)
        given = source is not None and source is not click.core.ParameterSource.DEFAULT
        if isinstance(option, click.Option) and name not in _QUIET and (given or name == "seed"):
            words += _option(option, seed if name == "seed" else context.params[name])
    return shlex.join(words)


def _option(option: click.Option, value: object) -> list[str]:
    if option.is_flag:
        return [option.opts[0] if value else option.secondary_opts[0]]
    if isinstance(value, tuple) and not option.multiple:  # words with commas between them
        value = ",".join(map(str, value))
    values = value if isinstance(value, tuple) else (value,)
    return [word for one in values for word in (option.opts[0], str(one))]
