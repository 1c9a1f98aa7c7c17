# SPDX-License-Identifier: ISC
"""Every command of the command line, for the tests that go through all of them."""

from __future__ import annotations

from collections.abc import Iterator

import click

from powercut.cli import cli


def leaves(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its words, such as `bench crash`."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        child = command.get_command(context, name)
        assert child is not None
        yield from leaves(child, f"{path} {name}".strip())


LEAVES = dict(leaves(cli, ""))
