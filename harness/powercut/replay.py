# SPDX-License-Identifier: ISC
"""A saved trace once more: what its engine does now, and whether that is what the trace expects.

A trace that expects a violation expects it of exactly the engine, name and version, that it names. Every
other engine, a later version too, is expected to hold: that is how a saved failure guards against its return.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from powercut.campaign import Campaign, Failure, Plan, Tally
from powercut.engine import Engine, Run
from powercut.judge import Violation
from powercut.ops import op_text
from powercut.processes import HANG_SECONDS
from powercut.run import RunOptions, Verdict, record, run_trace
from powercut.shrink import DEADLY, expecting, first_violation
from powercut.source import FixedSource
from powercut.trace import EngineRef, Expectation, Trace
from powercut.why import NOTHING, Why, explain_safely

#: Operations before the end of a long trace that are told one by one.
STEPS_MAX = 24


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay showed.

    ``checked``: crash states recovered and judged. ``kind``: of the violation that is expected of
    this engine; empty: it is expected to hold where it claims to. ``gone``: the run does not have the trace's
    crash state, so that others were looked at instead. ``why``: the violation's reason, if it is known.
    """

    trace: Trace
    violation: Violation | None
    checked: int
    kind: str
    gone: bool = False
    why: Why = NOTHING

    @property
    def expected(self) -> bool:
        """Whether it went as expected."""
        if self.violation is None:
            return not self.kind
        return self.violation.kind == self.kind if self.kind else not self.violation.claimed


def expected_kind(trace: Trace, engine: Engine) -> str:
    """The kind of violation expected of this engine; empty: it is expected to hold."""
    same = (trace.engine.name, trace.engine.version) == (engine.name, engine.version)
    return trace.expect.kind if same else ""


def engine_for(trace: Trace, name: str | None) -> str:
    """The engine to replay on: as asked for, else the trace's."""
    return trace.engine.name if name is None else name


@dataclass(frozen=True, slots=True)
class Limits:
    """What one crash state may take; 0: what the trace says, else as usual."""

    seconds: float = 0.0
    memory_bytes: int = 0

    def of(self, trace: Trace) -> Limits:
        """With what the trace says, and what is usual."""
        seconds = self.seconds or trace.expect.state_seconds or HANG_SECONDS
        return Limits(seconds, self.memory_bytes or trace.expect.state_memory << 20)


USUAL = Limits()


def replay(
    trace: Trace, name: str, jobs: int = 1, *, isolated: bool = True, limits: Limits = USUAL
) -> Replay:
    """Replays the trace's crash state, and where that holds all of the run's: engines change what they write.

    ``name``: an engine's name or path. ``isolated``: in a process of its own, which a crash of the engine may
    end. Raises PowercutError.
    """
    engine = Engine.load(name)
    limits = limits.of(trace)
    apart = isolated or trace.expect.kind in DEADLY or bool(limits.memory_bytes)
    ask = partial(_isolated, limits) if apart else _here
    violation, checked = ask(trace, name, jobs)
    gone = trace.fault is not None and violation is None and not checked
    if violation is None and trace.fault is not None:
        violation, more = ask(replace(trace, fault=None), name, jobs)
        checked += more
    return Replay(trace, violation, checked, expected_kind(trace, engine), gone)


def reasoned(shown: Replay, name: str) -> Replay:
    """The replay with the reason of its violation. Raises PowercutError."""
    if shown.violation is None or shown.violation.fault is None:
        return shown
    engine = Engine.load(name)
    return replace(shown, why=explain_safely(expecting(shown.trace, engine, shown.violation), engine))


def _options(trace: Trace, jobs: int) -> RunOptions:
    """Who names a crash state asks what happens there, whether the engine claims to survive it or not."""
    return RunOptions(jobs=jobs, violations_max=1, strict=trace.fault is not None)


def _here(trace: Trace, name: str, jobs: int) -> tuple[Violation | None, int]:
    verdict = run_trace(trace, Engine.load(name), _options(trace, jobs))
    return first_violation(verdict), verdict.checked


def _isolated(limits: Limits, trace: Trace, name: str, jobs: int) -> tuple[Violation | None, int]:
    options = _options(trace, jobs)
    plan = Plan(
        name,
        FixedSource(trace),
        traces=1,
        threads=jobs,
        options=options,
        hang_seconds=limits.seconds,
        memory_bytes=limits.memory_bytes,
    )
    tally = Campaign(plan).run()
    if tally.interrupted:
        raise KeyboardInterrupt
    return _first(tally), tally.checked


def _first(tally: Tally) -> Violation | None:
    """The violation that the run is known by: one that is claimed, if there is any."""
    failures: list[Failure] = [*tally.failures, *tally.unclaimed]
    return first_violation(Verdict(0, 0, {}, 0.0, failures[0].violations)) if failures else None


def updated(shown: Replay, engine: Engine) -> Trace:
    """The trace with what was seen as what is expected, of this engine and version."""
    if shown.violation is not None:
        made = expecting(shown.trace, engine, shown.violation)
        before = shown.trace.expect
        kept = replace(made.expect, state_seconds=before.state_seconds, state_memory=before.state_memory)
        return replace(made, expect=replace(kept, why=shown.why.sentence, needs=shown.why.needs))
    reference = EngineRef(engine.name, engine.version, shown.trace.engine.options)
    return replace(shown.trace, engine=reference, fault=None, expect=Expectation())


def steps(trace: Trace, engine: Engine, limit: int = STEPS_MAX) -> list[str]:
    """The trace's operations with what they answer and the device events they make, a line each; of many
    the last ``limit``.

    Raises PowercutError where the engine does not take the device.
    """
    with record(trace, engine) as run:
        events = _events(run, len(trace.operations))
        first = max(len(trace.operations) - limit, 0)
        lines = [f"  … {first} operations before"] if first else []
        for index, op in enumerate(trace.operations[first:], first):
            lines.append(f"  {index:>4}  {op_text(op)}: {run.code(index)}{_span(events[index])}")
        return lines


def _events(run: Run, count: int) -> list[list[int]]:
    """The numbers, from 1, of each operation's device events."""
    events: list[list[int]] = [[] for _ in range(count)]
    for state in range(run.event_count):
        done, _ = run.position(state)
        if done < count:
            events[done].append(state + 1)
    return events


def _span(events: list[int]) -> str:
    if not events:
        return ""
    return (
        f", device event {events[0]}" if len(events) == 1 else f", device events {events[0]} to {events[-1]}"
    )
