# SPDX-License-Identifier: ISC
"""``powercut init``: a folder of crash tests for an engine, which run at once."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from powercut.cli.answer import answer, json_option
from powercut.cli.command import Command
from powercut.cli.exploring import tell_claims
from powercut.cli.types import ENGINE, FileName
from powercut.engine import Engine
from powercut.suite.template import make


@click.command(
    "init",
    cls=Command,
    arguments={"DIR": "the folder, which may be there already; crash-tests if left out"},
    examples=["powercut init", "powercut init tests/crash --engine ./libmine.so"],
)
@click.argument("folder", metavar="[DIR]", default="crash-tests", type=FileName())
@click.option("--engine", type=ENGINE, default="skink", help="A name, ./library.so or ./file.py:Class.")
@json_option
def init_command(folder: Path, engine: str, *, as_json: bool) -> int:
    """Make a first suite of crash tests in DIR (default: crash-tests).

    A conftest.py that names the engine, tests, a workflow for CI and a README. No file is overwritten.
    """
    made = [str(path) for path in make(folder, engine)]
    tell_claims(Engine.load(engine), None)
    command = f"pytest {shlex.quote(str(folder))}"
    if as_json:
        return answer({"files": made, "run": command})
    click.echo("\n".join([*made, f"run them: {command}"]))
    return 0
