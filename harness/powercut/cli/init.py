# SPDX-License-Identifier: ISC
"""``powercut init``: a folder of crash tests for an engine, which run at once."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from powercut.suite.template import make


@click.command("init")
@click.argument("folder", metavar="[DIR]", default="crash-tests", type=click.Path(path_type=Path))
@click.option("--engine", default="skink", show_default=True, help="A name, ./library.so or ./file.py:Class.")
def init_command(folder: Path, engine: str) -> None:
    """Make a first suite of crash tests in DIR (default: crash-tests).

    A conftest.py that names the engine, tests, a workflow for CI and a README. No file is overwritten.
    """
    for path in make(folder, engine):
        click.echo(path)
    click.echo(f"run them: pytest {shlex.quote(str(folder))}")
