# SPDX-License-Identifier: ISC
"""A broken promise as a test failure: made small, saved, and told so that a person can act on it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from powercut.again import replay_line, shown_path
from powercut.child import DiedError
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.explorer import Watch
from powercut.judge import Violation
from powercut.ops import op_text
from powercut.replay import USUAL, Limits
from powercut.save import limited
from powercut.shrink import BUDGET, DEADLY, expecting, shrunk
from powercut.suite.judging import apart
from powercut.suite.tally import Saved
from powercut.trace import Trace, save_found
from powercut.why import why_text, with_why
from powercut.worker import limit_memory

#: Operations that a message lists.
LISTED_MAX = 12

#: Seconds for making a trace small without any sign of life.
SHRINK_SECONDS = 120.0

#: The work for making one small whose candidates may hang: some fifteen of them.
DEADLY_BUDGET = 120_000


class ViolationError(AssertionError):
    """An engine broke a promise. ``violation``: how; ``trace``: with which operations; ``path``: its file.

    The subclasses, one for each kind of violation, are apart so that Hypothesis makes each small by itself.
    """

    violation: Violation
    trace: Trace
    path: Path | None = None


@cache
def error_of(kind: str) -> type[ViolationError]:
    """The subclass for a kind of violation: LostWriteViolationError for lost_write."""
    name = "".join(part.capitalize() for part in kind.split("_"))
    return type(f"{name}ViolationError", (ViolationError,), {"__module__": __name__})


def small(
    trace: Trace,
    violation: Violation,
    engine: Engine,
    *,
    isolate: bool,
    limits: Limits = USUAL,
    budget: int = BUDGET,
) -> tuple[Trace, Violation]:
    """The trace made small, its violation as what is expected of the engine, and that violation.

    ``limits``: what a crash state might take; the trace says it, where that can be why it fails.
    """
    limits, deadly = limits.of(trace), violation.kind in DEADLY
    try:
        budget = min(budget, DEADLY_BUDGET) if deadly else budget
        made = _shrunk(trace, violation, engine, budget, limits, isolate=isolate and not deadly)
    except (DiedError, PowercutError, RuntimeError):
        made = None
    if made is None or made[1] is None or made[1].kind != violation.kind:
        made = expecting(trace, engine, violation), violation
    else:
        made = with_why(made[0], engine), made[1]
    return limited(made[0], limits.seconds, limits.memory_bytes), made[1]


def _shrunk(
    trace: Trace, violation: Violation, engine: Engine, budget: int, limits: Limits, *, isolate: bool
) -> tuple[Trace, Violation | None]:
    """``isolate``: the engine does no harm to the process that asks, but it may take its memory."""
    if not (isolate or limits.memory_bytes):
        return shrunk(trace, engine, budget, violation, limits.seconds)

    def work(_: Watch) -> tuple[Trace, Violation | None]:
        limit_memory(limits.memory_bytes)
        return shrunk(trace, engine, budget, violation, limits.seconds)

    return apart(work, SHRINK_SECONDS + 3 * limits.seconds)


def keep(trace: Trace, folder: Path) -> tuple[Path | None, str]:
    """(the file that the trace was saved as, empty) or (None, why it was not)."""
    try:
        return save_found(trace, folder), ""
    except PowercutError as error:
        return None, str(error)


def saved_as(trace: Trace, path: Path, engine: Engine, here: Path) -> Saved:
    """The saved trace in texts: where it is, and the one line that replays it."""
    shown = shown_path(path, here)
    return Saved(trace.expect.kind, shown, replay_line(shown, engine, here))


def message(trace: Trace, violation: Violation, engine: Engine, saved: Saved | None, problem: str) -> str:
    """What broke, with which operations, and what to do now."""
    count = len(trace.operations)
    lines = [
        f"{engine.name} {engine.version} broke a promise: {violation.kind}",
        f"  {violation.words}",
        *(f"    {line}" for line in violation.differences),
        *(f"  {line}" for line in why_text(trace.expect.why, trace.expect.needs)),
        f"{count} operation{'s' if count != 1 else ''}, on {trace.geometry}:",
        *_operations(trace),
    ]
    if trace.note:
        lines.append(f"  ({trace.note})")
    if saved is not None:
        lines += [f"saved as {saved.path}; see it step by step:", f"  {saved.replay}"]
    elif problem:
        lines.append(f"not saved: {problem}")
    return "\n".join(lines)


def _operations(trace: Trace) -> list[str]:
    first = max(len(trace.operations) - LISTED_MAX, 0)
    lines = [f"  … {first} before"] if first else []
    return lines + [f"  {at:>4}  {op_text(op)}" for at, op in enumerate(trace.operations[first:], first)]
