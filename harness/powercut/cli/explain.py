# SPDX-License-Identifier: ISC
"""``powercut explain``: a saved failure for people, on the terminal or as a page."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
from rich.console import Console

from powercut.cli.answer import answer, engine_fields, json_option
from powercut.cli.command import Command
from powercut.cli.exploring import limit_options
from powercut.cli.page import write_page
from powercut.cli.run import default_jobs
from powercut.cli.types import ENGINE, TRACE, FileName
from powercut.engine import Engine
from powercut.replay import Limits, engine_for, reasoned, replay
from powercut.report.fields import story_fields
from powercut.report.page import explain_page
from powercut.report.story import Story, tell
from powercut.report.terminal import print_story
from powercut.trace import load


@click.command(
    "explain",
    cls=Command,
    arguments={"TRACE": "a saved trace, *.trace.json"},
    examples=[
        "powercut explain traces/NAME.trace.json",
        "powercut explain traces/NAME.trace.json --engine ./libmine.so --html why.html",
    ],
    exits={0: "every promise is kept", 1: "a promise is broken"},
)
@click.argument("trace", type=TRACE)
@click.option("--engine", type=ENGINE, help="A name, or the path of a library, in place of the trace's own.")
@click.option("--html", type=FileName(), metavar="FILE", help="Write a page that needs no network.")
@click.option("--at", type=click.IntRange(0), metavar="K", help="The cut after K device events instead.")
@click.option("--jobs", type=click.IntRange(1, 1024), help="Threads (one per processor).")
@limit_options
@json_option
def explain_command(
    trace: Path,
    *,
    engine: str | None,
    html: Path | None,
    at: int | None,
    jobs: int | None,
    state_seconds: float | None,
    state_memory: int | None,
    as_json: bool,
) -> int:
    """Explain what happens in a saved trace: what was written, when the power went, what was lost, what the
    engine made of it, and what it should have.

    Tells about the first crash state that breaks a promise; where none does, about the trace's own. The exit
    code is 1 where a promise is broken, as with `replay`.
    """
    loaded = load(trace)
    name = engine_for(loaded, engine)
    limits = Limits(state_seconds or 0.0, (state_memory or 0) << 20)
    shown = reasoned(replay(loaded, name, jobs or default_jobs(), limits=limits), name)
    story = tell(loaded, Engine.load(name), shown, at)
    if html is not None:
        write_page(html, explain_page(story, _command(trace, engine)))
    code = 0 if shown.violation is None else 1
    if as_json:
        return answer(story_fields(story) | {"engine": engine_fields(Engine.load(name))}, code)
    if html is None:
        _print(story)
    else:
        click.echo(f"{html}: {'held' if shown.violation is None else f'violation ({shown.violation.kind})'}")
    return code


def _print(story: Story) -> None:
    """In colour on a terminal; elsewhere plain, and nothing behind the end of a line."""
    console = Console()
    if console.is_terminal:
        print_story(story, console)
        return
    with console.capture() as captured:
        print_story(story, console)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def _command(trace: Path, engine: str | None) -> str:
    """The arguments that show the same again."""
    more = [] if engine is None else ["--engine", engine]
    return shlex.join([str(trace), *more])
