# SPDX-License-Identifier: ISC
"""``powercut replay``: what happened in a saved trace, step by step, and whether it still does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from powercut.cli.run import default_jobs
from powercut.engine import Engine
from powercut.faultfile import fault_fields
from powercut.replay import Replay, engine_for, reasoned, replay, steps, updated
from powercut.shrink import DEADLY, words_of
from powercut.trace import Trace, load, save
from powercut.why import Why


@click.command("replay")
@click.argument("traces", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--engine", help="A name, or the path of a library, in place of the trace's own.")
@click.option("--expect", is_flag=True, help="Exit with 1 where a verdict is not the expected one.")
@click.option("--update", is_flag=True, help="Save what is seen now as what is expected.")
@click.option("--jobs", type=click.IntRange(1, 1024), help="Threads (one per processor).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each trace, one to a line.")
def replay_command(
    traces: tuple[Path, ...],
    engine: str | None,
    *,
    expect: bool,
    update: bool,
    jobs: int | None,
    as_json: bool,
) -> int:
    """Replay saved traces, and say whether what they saved still happens.

    Exit code 1 where a violation happens. With --expect, 1 where a verdict is not the one that the trace
    expects: its violation on the engine version it names, and none on any other.
    """
    loaded = [(path, load(path)) for path in traces]
    worst = 0
    for path, trace in loaded:
        name = engine_for(trace, engine)
        shown = reasoned(replay(trace, name, jobs or default_jobs()), name)
        click.echo(_json(path, shown) if as_json else _text(path, trace, name, shown))
        if update:
            save(updated(shown, Engine.load(name)), path)
        failed = not shown.expected if expect else shown.violation is not None
        worst = max(worst, int(failed))
    return worst


def _text(path: Path, trace: Trace, name: str, shown: Replay) -> str:
    engine = Engine.load(name)
    lines = [f"{path}: {engine.name} {engine.version}, {trace.geometry}"]
    if trace.note:
        lines.append(f"  {trace.note}")
    if shown.violation is None or shown.violation.kind not in DEADLY:
        lines.extend(steps(trace, engine))
    lines.extend(_expectation(trace, shown))
    if shown.gone:
        lines.append(
            "this run does not have the trace's crash state: the engine writes otherwise than it did"
        )
    if shown.violation is None:
        lines.append(f"now: held, in {shown.checked} crash states")
    else:
        claimed = "" if shown.violation.claimed else f", which {engine.name} does not claim to survive"
        lines.append(f"now: violation ({shown.violation.kind}{claimed}): {shown.violation.words}")
        lines.extend(f"       {line}" for line in shown.violation.differences)
        lines.extend(why_lines(shown.why))
    lines.append("as expected" if shown.expected else "NOT as expected")
    return "\n".join(lines)


def why_lines(why: Why) -> list[str]:
    """The reason, and what else the operation needs and is not given, a line each."""
    if not why.sentence:
        return []
    lines = [f"why: {why.sentence}"]
    if why.requirements:
        whose = "recovery" if why.recovery else "operation"
        lines.append(f"what the {whose} needs and is not given:")
        lines.extend(f"  {one.words}" for one in why.requirements)
    if not why.complete:
        lines.append("  (only its last events were looked at)")
    return lines


def _expectation(trace: Trace, shown: Replay) -> list[str]:
    """What was saved; in few words where it is what is seen now."""
    expect, engine = trace.expect, trace.engine
    if not expect.kind:
        return ["saved: held"]
    if shown.violation is not None and words_of(shown.violation) == expect.words:
        return [f"saved: violation ({expect.kind}) of {engine.name} {engine.version}, in the same words"]
    return [f"saved: violation ({expect.kind}) of {engine.name} {engine.version}: {expect.words}"]


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


def _json(path: Path, shown: Replay) -> str:
    violation = shown.violation
    found: dict[str, Any] = {"trace": str(path), "verdict": "held" if violation is None else "violation"}
    if violation is not None:
        found |= {"kind": violation.kind, "state": violation.state, "words": violation.words}
        found["differences"] = list(violation.differences)
        found |= {"claimed": violation.claimed, "code": violation.code, "why": why_json(shown.why)}
        found["fault"] = None if violation.fault is None else fault_fields(violation.fault)
    found |= {"expected": shown.expected, "checked": shown.checked, "gone": shown.gone}
    return json.dumps(found, ensure_ascii=False)
