# SPDX-License-Identifier: ISC
"""The progress line: what is done, how fast, how long it will take."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

import click
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from powercut.campaign import Plan, Tally

#: Seconds between two lines where standard error is no terminal.
EVERY_SECONDS = 60.0

#: What makes a run shorter; told once.
SHORTER = (
    "powercut: a run is shorter with fewer operations (--ops), kinds (--kinds), device models (--model) or "
    "states drawn (--samples), or a larger --prog-size: docs/states.md"
)


class Progress:
    """A line on standard error, where ``shown`` is set: a terminal's is written over, else there is one more
    every minute."""

    def __init__(self, plan: Plan, *, shown: bool) -> None:
        console = Console(stderr=True)
        self._plan = plan
        self._every = EVERY_SECONDS if shown and not console.is_terminal else None
        self._told, self._start = time.monotonic(), time.monotonic()
        self._hint = SHORTER
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            TextColumn("{task.fields[facts]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not shown or not console.is_terminal,
            transient=True,
        )
        total = plan.seconds if plan.traces is None else float(plan.traces)
        self._task: TaskID = self._bar.add_task("running", total=total, facts="")

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.__exit__(kind, error, trace)

    def update(self, tally: Tally, running: int) -> None:
        """Shows the tally; ``running``: crash states of the traces still under way."""
        states = tally.total - tally.sum.left + running
        rate = states / tally.seconds if tally.seconds > 0 else 0.0
        of = "" if self._plan.traces is None else f" of {self._plan.traces:,}"
        facts = f"{tally.traces:,}{of} traces, {states:,} states, {rate:,.0f}/s, {len(tally.failures)} failed"
        done = tally.seconds if self._plan.traces is None else float(tally.traces)
        self._bar.update(self._task, completed=done, facts=facts)
        now = time.monotonic()
        if self._every is not None and now - self._told >= self._every:
            self._told = now
            click.echo(f"powercut: {facts}, {now - self._start:.0f} s", err=True)
            self._tell_hint(tally)

    def _tell_hint(self, tally: Tally) -> None:
        """Where a minute has not been enough for one trace a job."""
        if self._hint and tally.traces < self._plan.workers:
            click.echo(self._hint, err=True)
        self._hint = ""

    def finish(self, *, shrinking: bool) -> None:
        """The runs are over; what failed may still be made small."""
        if shrinking:
            self._bar.update(self._task, description="making it small")
