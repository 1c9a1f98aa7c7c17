# SPDX-License-Identifier: ISC
"""``powercut cflags``: what a C compiler is told to build an engine that powercut can test."""

from __future__ import annotations

import importlib.resources
import shlex
from pathlib import Path

import click

from powercut.cli.answer import answer, json_option
from powercut.cli.command import Command
from powercut.errors import PowercutError


@click.command(
    "cflags",
    cls=Command,
    slow=["cc engine.c $(powercut cflags) -o libengine.so"],
    examples=["powercut cflags", "powercut cflags --json"],
)
@json_option
def cflags_command(*, as_json: bool) -> int:
    """Print what a C compiler needs to make an engine a library that powercut can test.

    The headers powercut.h and blockdev.h come with powercut, and so does device.c, the few functions of
    blockdev.h by which an engine uses its device.
    """
    folder, source = _file("powercut.h").parent, _file("device.c")
    words = ["-std=c11", "-fPIC", "-shared", f"-I{folder}", str(source)]
    if as_json:
        return answer({"include": str(folder), "flags": words})
    click.echo(shlex.join(words))
    return 0


def _file(name: str) -> Path:
    """Where it is; in an editable install each file has a place of its own. Raises PowercutError."""
    found = importlib.resources.files("powercut") / "include" / name
    if not found.is_file():
        raise PowercutError(f"{name} is not where it should be, {found}; install powercut again.")
    return Path(str(found))
