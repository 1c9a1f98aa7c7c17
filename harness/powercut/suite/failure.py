# SPDX-License-Identifier: ISC
"""A broken promise as a test failure: made small, saved, and told so that a person can act on it."""

from __future__ import annotations

import os
import shlex
import time
from functools import cache
from pathlib import Path

from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.explorer import Watch
from powercut.judge import Violation
from powercut.native import engine_names
from powercut.ops import op_text
from powercut.replay import DEADLY
from powercut.run import RunOptions, run_trace
from powercut.shrink import BUDGET, expecting, first_violation, shrink
from powercut.suite.child import Died, in_child
from powercut.suite.counts import Saved
from powercut.trace import Trace, file_name, save

#: Operations that a message lists.
LISTED_MAX = 12

#: Seconds for making a trace small, where that needs a process for each candidate, or shows no life.
SHRINK_SECONDS = 120.0

#: Seconds after which a candidate counts as hanging.
CANDIDATE_SECONDS = 10.0


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


def died(how: Died) -> Violation:
    """The violation of an engine that took its process with it."""
    words = f"The engine ended its process: {how.how}." if how.kind == "crash" else (
        f"The run does not end, {how.how}: the engine hangs.")  # fmt: skip
    return Violation(how.kind, None, None, how.how, words)


def small(
    trace: Trace, violation: Violation, engine: Engine, *, isolate: bool, budget: int = BUDGET
) -> tuple[Trace, Violation]:
    """The trace made small, its violation as what is expected of the engine, and that violation."""
    judge = _InChild(engine, SHRINK_SECONDS) if violation.kind in DEADLY else None
    try:
        made = _shrunk(trace, engine, budget, judge, isolate=isolate and judge is None)
    except (PowercutError, RuntimeError):
        made = None
    if made is None or made.expect.kind != violation.kind:
        return expecting(trace, engine, violation), violation
    again = judge.last if judge is not None else _judged(made, engine, isolate=isolate)
    return made, again if again is not None and again.kind == violation.kind else violation


def _shrunk(
    trace: Trace, engine: Engine, budget: int, judge: _InChild | None, *, isolate: bool
) -> Trace | None:
    if not isolate:
        return shrink(trace, engine, budget, judge)
    made = in_child(lambda _watch: shrink(trace, engine, budget, judge), SHRINK_SECONDS)
    return None if isinstance(made, Died) else made


def _judged(
    trace: Trace, engine: Engine, *, isolate: bool, hang_seconds: float | None = None
) -> Violation | None:
    """The first violation of a run, in full words."""

    def run(watch: Watch) -> Violation | None:
        return first_violation(run_trace(trace, engine, RunOptions(violations_max=1), watch=watch))

    outcome = in_child(run, hang_seconds) if isolate else run(Watch())
    return died(outcome) if isinstance(outcome, Died) else outcome


class _InChild:
    """Judges candidates in child processes, until the time is up. ``last``: the last violation."""

    def __init__(self, engine: Engine, seconds: float) -> None:
        self._engine = engine
        self._end = time.monotonic() + seconds
        self.last: Violation | None = None

    def __call__(self, trace: Trace) -> Violation | None:
        if time.monotonic() > self._end:
            return None
        found = _judged(trace, self._engine, isolate=True, hang_seconds=CANDIDATE_SECONDS)
        self.last = found or self.last
        return found


def keep(trace: Trace, folder: Path) -> tuple[Path | None, str]:
    """(the file that the trace was saved as, empty) or (None, why it was not)."""
    path = folder / file_name(trace)
    try:
        save(trace, path)
    except PowercutError as error:
        return None, str(error)
    return path, ""


def saved_as(trace: Trace, path: Path, engine: Engine, here: Path) -> Saved:
    """The saved trace in texts: where it is, and the one line that replays it."""
    shown = shown_path(path, here)
    return Saved(trace.expect.kind, shown, replay_line(shown, engine, here))


def shown_path(path: Path, here: Path) -> str:
    """The path as one types it in the folder ``here``."""
    return os.path.relpath(path, here) if path.is_relative_to(here) else str(path)


def replay_line(path: str, engine: Engine, here: Path) -> str:
    """``powercut replay traces/x.trace.json --engine ./libmine.so``."""
    built_in = engine.origin == engine.name and engine.origin in engine_names()
    return f"powercut replay {path}" + (
        "" if built_in else f" --engine {engine_argument(engine.origin, here)}"
    )


def engine_argument(origin: str, here: Path) -> str:
    """The engine as one types it in the folder ``here``, quoted for a shell."""
    path, colon, attribute = origin.rpartition(":") if ":" in origin else (origin, "", "")
    if "/" in path and Path(path).is_relative_to(here):
        path = f"./{Path(path).relative_to(here)}"
    return shlex.quote(f"{path}{colon}{attribute}")


def message(trace: Trace, violation: Violation, engine: Engine, saved: Saved | None, problem: str) -> str:
    """What broke, with which operations, and what to do now."""
    count = len(trace.operations)
    lines = [
        f"{engine.name} {engine.version} broke a promise: {violation.kind}",
        f"  {violation.words}",
        *(f"    {line}" for line in violation.differences),
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
