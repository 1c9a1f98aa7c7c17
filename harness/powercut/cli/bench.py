# SPDX-License-Identifier: ISC
"""``powercut bench``: what is measured."""

from __future__ import annotations

import click

from powercut.cli.bench_crash import crash_command
from powercut.cli.bench_engine import engine_command
from powercut.cli.command import Group


@click.group("bench", cls=Group)
def bench_command() -> None:
    """Measure: how fast crash states are judged, how fast an engine is."""


bench_command.add_command(crash_command)
bench_command.add_command(engine_command)
