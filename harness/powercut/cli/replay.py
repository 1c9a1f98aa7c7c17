# SPDX-License-Identifier: ISC
"""``powercut replay``: what happened in a saved trace, step by step, and whether it still does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from powercut.cli.answer import answer, engine_fields, json_option, so_far
from powercut.cli.command import Command
from powercut.cli.exploring import limit_options
from powercut.cli.run import default_jobs
from powercut.cli.types import ENGINE, TRACE
from powercut.counts import how_many
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.faultfile import fault_fields
from powercut.ops import one_line
from powercut.replay import Limits, Replay, engine_for, reasoned, replay, steps, updated
from powercut.shrink import DEADLY, words_of
from powercut.trace import Trace, load, save
from powercut.why import Why, why_text


@click.command(
    "replay",
    cls=Command,
    arguments={"TRACES": "saved traces, *.trace.json"},
    examples=[
        "powercut replay traces/NAME.trace.json",
        "powercut replay --expect traces/*.trace.json",
        "powercut replay traces/NAME.trace.json --engine ./libmine.so --json",
    ],
    exits={
        0: "every promise is kept; with --expect: all verdicts are as expected",
        1: "a promise is broken; with --expect: a verdict is not as expected",
    },
)
@click.argument("traces", nargs=-1, required=True, type=TRACE)
@click.option("--engine", type=ENGINE, help="A name, or the path of a library, in place of the trace's own.")
@click.option("--expect", is_flag=True, help="Exit with 1 where a verdict is not the expected one.")
@click.option("--update", is_flag=True, help="Save what is seen now as what is expected.")
@click.option("--jobs", type=click.IntRange(1, 1024), help="Threads (one per processor).")
@limit_options
@json_option
def replay_command(
    traces: tuple[Path, ...],
    engine: str | None,
    *,
    expect: bool,
    update: bool,
    jobs: int | None,
    state_seconds: float | None,
    state_memory: int | None,
    as_json: bool,
) -> int:
    """Replay saved traces, and say whether what they saved still happens.

    Exit code 1 where a violation happens. With --expect, 1 where a verdict is not the one that the trace
    expects: its violation on the engine version it names, and none on any other.
    """
    loaded = [(path, load(path)) for path in traces]
    told: list[dict[str, Any]] = []
    refused: list[str] = []
    so_far({"traces": told})
    limits = Limits(state_seconds or 0.0, (state_memory or 0) << 20)
    worst = 0
    for path, trace in loaded:
        name = engine_for(trace, engine)
        try:
            shown = reasoned(replay(trace, name, jobs or default_jobs(), limits=limits), name)
        except PowercutError as error:  # of this trace alone: the others are replayed all the same
            refused.append(f"{path}: {error}")
            if not as_json and len(loaded) > 1:
                click.echo(f"{path}: not replayed: {one_line(str(error))}")
            continue
        told.append(_fields(path, Engine.load(name), shown))
        if not as_json:
            click.echo(_text(path, trace, name, shown))
        if update:
            save(updated(shown, Engine.load(name)), path)
        failed = not shown.expected if expect else shown.violation is not None
        worst = max(worst, int(failed))
    if refused:
        several = f"{len(refused)} of {len(loaded)} traces; the first is " if len(loaded) > 1 else ""
        raise PowercutError(f"Cannot replay {several}{refused[0]}")
    broken = any(one["verdict"] != "held" for one in told)
    return answer({"traces": told}, worst, "violation" if broken else "held")


def _text(path: Path, trace: Trace, name: str, shown: Replay) -> str:
    engine = Engine.load(name)
    lines = [f"{path}: {engine.name} {engine.version}, {trace.geometry}"]
    if trace.note:
        lines.append(f"  {one_line(trace.note)}")
    if shown.violation is None or shown.violation.kind not in DEADLY:
        lines.extend(steps(trace, engine))
    lines.extend(_expectation(trace, shown))
    if shown.gone:
        lines.append(
            "this run does not have the trace's crash state: the engine writes otherwise than it did"
        )
    if shown.violation is None:
        lines.append(f"now: held, in {how_many(shown.checked, 'crash state')}")
        if trace.expect.kind:
            lines.append(
                f"the trace no longer fails: {engine.name} {engine.version} does not show its violation"
            )
    else:
        claimed = "" if shown.violation.claimed else f", which {engine.name} does not claim to survive"
        lines.append(f"now: violation ({shown.violation.kind}{claimed}): {shown.violation.words}")
        lines.extend(f"       {line}" for line in shown.violation.differences)
        lines.extend(why_text(shown.why.sentence, shown.why.needs))
    lines.append("as expected" if shown.expected else "NOT as expected")
    return "\n".join(lines)


def _expectation(trace: Trace, shown: Replay) -> list[str]:
    """What was saved; in few words where it is what is seen now."""
    expect = trace.expect
    engine = one_line(f"{trace.engine.name} {trace.engine.version}")
    if not expect.kind:
        return ["saved: held"]
    if shown.violation is not None and words_of(shown.violation) == expect.words:
        return [f"saved: violation ({expect.kind}) of {engine}, in the same words"]
    return [f"saved: violation ({expect.kind}) of {engine}: {one_line(expect.words)}"]


def why_json(why: Why) -> dict[str, Any]:
    """The reason; events are numbered from 0."""
    return {
        "sentence": why.sentence,
        "requirements": [
            {"kind": one.kind, "first": one.first, "second": one.second, "words": one.words}
            for one in why.requirements
        ],
        "recovery": why.recovery,
        "complete": why.complete,
    }


def _fields(path: Path, engine: Engine, shown: Replay) -> dict[str, Any]:
    violation = shown.violation
    return {
        "trace": str(path),
        "engine": engine_fields(engine),
        "verdict": "held" if violation is None else "violation",
        "kind": None if violation is None else violation.kind,
        "state": None if violation is None else violation.state,
        "words": None if violation is None else violation.words,
        "differences": [] if violation is None else list(violation.differences),
        "claimed": None if violation is None else violation.claimed,
        "code": (violation.code or None) if violation is not None else None,
        "why": None if violation is None else why_json(shown.why),
        "fault": None if violation is None or violation.fault is None else fault_fields(violation.fault),
        "expected": shown.expected,
        "checked": shown.checked,
        "gone": shown.gone,
        "no_longer_fails": bool(shown.trace.expect.kind) and violation is None,
    }
