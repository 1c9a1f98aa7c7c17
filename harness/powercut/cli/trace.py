# SPDX-License-Identifier: ISC
"""``powercut trace``: saved traces shown, compared, bisected over builds, and rewritten in today's format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from powercut.bisect import Bisection, Outcome, bisect
from powercut.cli.answer import answer, json_option, so_far
from powercut.cli.command import Group
from powercut.cli.run import default_jobs
from powercut.cli.types import ENGINE, TRACE
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.ops import one_line, op_text
from powercut.replay import engine_for, replay, steps
from powercut.shrink import DEADLY
from powercut.trace import Trace, dumps, load, loads, read, save, version_of
from powercut.tracewords import differences, facts

_TRACE_IS = {"TRACE": "a saved trace, *.trace.json"}


@click.group("trace", cls=Group)
def trace_command() -> None:
    """Look at saved traces: `show` and `diff` tell them in words, `bisect` finds the build that first fails
    one, `upgrade` rewrites older files."""


# --- show ------------------------------------------------------------------------------------------------


@trace_command.command(
    "show",
    arguments=_TRACE_IS,
    examples=[
        "powercut trace show traces/NAME.trace.json",
        "powercut trace show --no-run traces/NAME.trace.json",
    ],
)
@click.argument("trace", type=TRACE)
@click.option("--engine", type=ENGINE, help="Run it on this one, in place of the trace's own.")
@click.option("--no-run", is_flag=True, help="Do not run anything: no answers, no device events.")
@json_option
def show_command(trace: Path, *, engine: str | None, no_run: bool, as_json: bool) -> int:
    """Tell what a trace is, with its operations and, where its engine is there, their answers and device
    events."""
    file = read(trace)
    loaded, version = loads(file, str(trace), trace.parent), version_of(file)
    lines, problem = ([], "") if no_run else _steps(loaded, engine_for(loaded, engine))
    if not lines:
        lines = [f"  {index:>4}  {op_text(op)}" for index, op in enumerate(loaded.operations)]
    if as_json:
        found = {"trace": str(trace), "version": version, "facts": facts(loaded)}
        return answer(found | {"operations": [line.strip() for line in lines], "problem": problem or None})
    click.echo(f"{trace}: version {version} of the format")
    for name, text in facts(loaded).items():
        click.echo(f"  {name}: {one_line(text)}")
    click.echo(f"operations: {len(loaded.operations)}")
    for line in lines:
        click.echo(line)
    if problem:
        click.echo(f"not run: {one_line(problem)}")
    return 0


def _steps(trace: Trace, name: str) -> tuple[list[str], str]:
    """The operations as they run on the engine, or why they do not."""
    if trace.expect.kind in DEADLY:
        return [], f"a {trace.expect.kind} is expected"
    try:
        return steps(trace, Engine.load(name), len(trace.operations)), ""
    except PowercutError as error:
        return [], str(error)


# --- diff ------------------------------------------------------------------------------------------------


@trace_command.command(
    "diff",
    arguments={"BEFORE": "a saved trace, *.trace.json", "AFTER": "another"},
    examples=["powercut trace diff before.trace.json after.trace.json"],
    exits={0: "the two are the same", 1: "they differ"},
)
@click.argument("before", type=TRACE)
@click.argument("after", type=TRACE)
@json_option
def diff_command(before: Path, after: Path, *, as_json: bool) -> int:
    """Tell in what two traces differ."""
    changes = differences(load(before), load(after))
    if as_json:
        told = [{"what": one.what, "before": list(one.before), "after": list(one.after)} for one in changes]
        fields = {"same": not changes, "differences": told}
        return answer(fields, int(bool(changes)), "different" if changes else "same")
    for change in changes:
        click.echo(f"{change.what}:")
        for sign, lines in (("-", change.before), ("+", change.after)):
            for line in lines:
                click.echo(f"  {sign} {one_line(line)}")
    if not changes:
        click.echo("the two are the same")
    return int(bool(changes))


# --- bisect ----------------------------------------------------------------------------------------------


@trace_command.command(
    "bisect",
    arguments=_TRACE_IS | {"ENGINES": "builds, the oldest first: ./library.so, names, ./file.py:Class"},
    examples=["powercut trace bisect traces/NAME.trace.json build/1.so build/2.so build/3.so"],
    exits={0: "the first build that fails is found", 1: "there is none to be found"},
)
@click.argument("trace", type=TRACE)
@click.argument("engines", nargs=-1, required=True, type=ENGINE)
@click.option("--jobs", type=click.IntRange(1, 1024), help="Threads (one per processor).")
@json_option
def bisect_command(trace: Path, engines: tuple[str, ...], *, jobs: int | None, as_json: bool) -> int:
    """Find which of several engine builds, given oldest first, is the first that fails a trace.

    There is none to be found where the last build holds, or the first one given fails already. A build that
    cannot be run is told, and left out.
    """
    loaded = load(trace)
    tried: list[dict[str, str]] = []
    so_far({"tried": tried})

    def ask(number: int) -> Outcome:
        outcome = _outcome(loaded, engines[number], jobs or default_jobs())
        tried.append({"engine": engines[number], "state": outcome.state, "words": outcome.words})
        if not as_json:
            click.echo(f"{engines[number]}: {outcome.state}" + f" ({outcome.words})" * bool(outcome.words))
        return outcome

    found = bisect(len(engines), ask)
    code, verdict = (1, "none") if found.first is None else (0, "found")
    if as_json:
        return answer(_json(found, engines), code, verdict)
    click.echo(_text(found, engines))
    return code


def _outcome(trace: Trace, engine: str, jobs: int) -> Outcome:
    try:
        shown = replay(trace, engine, jobs)
    except PowercutError as error:
        return Outcome("unusable", str(error).rstrip("."))
    violation = shown.violation
    if violation is None:
        return Outcome("holds")
    another = f"; the trace was saved for {trace.expect.kind}" if trace.expect.kind else ""
    return Outcome("fails", violation.kind + another * (violation.kind != trace.expect.kind))


def _text(found: Bisection, engines: tuple[str, ...]) -> str:
    if found.first is None:
        return f"not found: {found.words}"
    lines = [f"first to fail: {engines[found.first]}"]
    if found.between:
        lines.append(f"or one of those before it that could not be run: {', '.join(_named(found, engines))}")
    return "\n".join(lines)


def _named(found: Bisection, engines: tuple[str, ...]) -> list[str]:
    return [engines[number] for number in found.between]


def _json(found: Bisection, engines: tuple[str, ...]) -> dict[str, Any]:
    return {
        "first": None if found.first is None else engines[found.first],
        "last_good": None if found.last_good is None else engines[found.last_good],
        "between": _named(found, engines),
        "tried": [
            {"engine": engines[number], "state": one.state, "words": one.words}
            for number, one in sorted(found.outcomes.items())
        ],
        "words": found.words,
    }


# --- upgrade ---------------------------------------------------------------------------------------------


@trace_command.command(
    "upgrade",
    arguments={"TRACES": "saved traces, *.trace.json"},
    examples=[
        "powercut trace upgrade --check traces/*.trace.json",
        "powercut trace upgrade traces/*.trace.json",
    ],
    exits={1: "with --check: a file would be rewritten"},
)
@click.argument("traces", nargs=-1, required=True, type=TRACE)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 where something would be written.")
@json_option
def upgrade_command(traces: tuple[Path, ...], *, check: bool, as_json: bool) -> int:
    """Rewrite traces in today's format, each whole or not at all. What they mean stays as it is."""
    texts = [(path, read(path)) for path in traces]
    loaded = [(path, text, loads(text, str(path), path.parent)) for path, text in texts]
    files: list[dict[str, Any]] = []
    so_far({"files": files})
    for path, text, trace in loaded:
        version, older = version_of(text), text != dumps(trace).encode()
        if older and not check:
            save(trace, path)
        files.append({"trace": str(path), "version": version, "older": older, "written": older and not check})
        if not as_json:
            done = f"version {version}, {'would be rewritten' if check else 'rewritten'}"
            click.echo(f"{path}: {done if older else 'as it should be'}")
    stale = check and any(one["older"] for one in files)
    return answer({"files": files}, int(stale), "older" if stale else "ok")
