# SPDX-License-Identifier: ISC
"""Makes a violation small: operations, values, keys, device and crash state, all at once.

Deterministic: the same trace, engine and budget give the same small trace. What must survive is the kind of
violation, the engine's code, the kind of crash state (or a simpler one) and the device model, not its place.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace

from powercut.claims import may_not_die
from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.fault import prefix
from powercut.judge import Violation, from_death
from powercut.lastwords import ending
from powercut.processes import HANG_SECONDS
from powercut.run import RunOptions, Verdict, record, run_trace
from powercut.shrink.forked import FIRST_SECONDS, SECONDS, ForkedStates
from powercut.shrink.search import BUDGET, Key, Meter, Opener, Shrinker, first_finding
from powercut.states import Finding, RunStates, States
from powercut.trace import EngineRef, Expectation, Trace

__all__ = ["BUDGET", "DEADLY", "expecting", "first_violation", "shrink", "shrunk", "words_of"]

#: Violations that take the engine's process with them.
DEADLY = frozenset({"crash", "hang"})


def shrink(
    trace: Trace,
    engine: Engine,
    budget: int = BUDGET,
    known: Violation | None = None,
    hang_seconds: float | None = None,
) -> Trace:
    """The smallest trace found that breaks the same promise in the same way, its expectation and its simplest
    crash state filled in; the trace itself where it does not violate.

    ``known``: the violation that is meant; None: the first. A known crash or hang is looked for in processes
    of their own. ``hang_seconds``: for how long nothing happened where it was found to hang; a trace is left
    as it is where the small one does not hang for as long. None: as usual.
    """
    return shrunk(trace, engine, budget, known, hang_seconds)[0]


def shrunk(
    trace: Trace,
    engine: Engine,
    budget: int = BUDGET,
    known: Violation | None = None,
    hang_seconds: float | None = None,
) -> tuple[Trace, Violation | None]:
    """The same with its violation in full words; None where it does not violate."""
    meter = Meter(_opener(engine, known), budget)
    found, events = meter.look(trace, lambda states: _meant(states, trace, known))
    if found is None:
        return (trace, None) if known is None else (expecting(trace, engine, known), known)
    shrinker = Shrinker(trace, found, events, meter)
    small = shrinker.run()
    if known is not None and known.kind == "hang":
        patience = trace.expect.state_seconds or HANG_SECONDS if hang_seconds is None else hang_seconds
        if not _hangs(small, engine, patience):
            return expecting(trace, engine, known), known
    violation = _told(small, engine, shrinker.finding)
    return expecting(small, engine, violation), violation


def _opener(engine: Engine, known: Violation | None) -> Opener:
    """A crash or a hang takes its process with it. A recording that hangs is not waited for."""
    first = SECONDS if known is not None and known.kind == "hang" and known.fault is None else FIRST_SECONDS

    def run(trace: Trace) -> AbstractContextManager[States]:
        if known is not None and known.kind in DEADLY:
            return ForkedStates(trace, engine, first_seconds=first)
        return RunStates(trace, engine)

    return run


def first_violation(verdict: Verdict) -> Violation | None:
    """The violation that a verdict is known by: the first crash state's, else the first wrong answer; those
    that the engine does not claim to survive come last."""
    ordered = sorted(verdict.violations, key=lambda one: (not one.claimed, one.state is None, one.state or 0))
    return next(iter(ordered), None)


def _meant(states: States, trace: Trace, known: Violation | None) -> Finding | None:
    """The finding to start from: the known one where it still shows, else the first of its kind."""
    if known is None:
        return first_finding(states, frozenset(trace.explore.kinds), trace.fault)
    if known.fault is None:
        found = states.wrong
    else:
        (found,) = states.judge([known.fault])
    if found is None and known.kind in DEADLY:
        found = first_finding(states, frozenset(trace.explore.kinds), trace.fault)
    return found if found is not None and found.kind == known.kind else None


def _hangs(trace: Trace, engine: Engine, seconds: float) -> bool:
    """Whether a trace hangs for so long. Candidates are given up much sooner, and the last may be slow alone:
    that this takes as long as finding it took costs less than a saved hang that is none."""
    states = ForkedStates(trace, engine, seconds)
    found = states.wrong if trace.fault is None else states.judge([trace.fault])[0]
    return found is not None and found.kind == "hang"


def _told(trace: Trace, engine: Engine, finding: Finding) -> Violation:
    """The violation behind a finding, in words; a crash or a hang is not asked for once more."""
    if finding.kind in DEADLY:
        return _death(trace, engine, finding)
    verdict = run_trace(trace, engine, RunOptions(violations_max=1))
    key = Key.of(finding)
    same = [one for one in verdict.violations if (one.kind, one.fault) == (finding.kind, finding.fault)]
    found = next(iter(same), first_violation(verdict))
    if found is None:
        raise PowercutError(
            f"A violation ({key.kind}) showed once and then not again; the engine is not deterministic."
        )
    return found


def _death(trace: Trace, engine: Engine, finding: Finding) -> Violation:
    if finding.fault is None:
        what = "The engine ended its process" if finding.kind == "crash" else "The run does not end"
        words = f"{what}: {ending(finding.code, finding.said)}."
        return Violation(finding.kind, None, None, finding.code, words.replace(": .", "."))
    with record(trace, engine) as run:
        told = from_death(run, trace.operations, finding.kind, finding.code, finding.fault, finding.said)
    return replace(told, claimed=may_not_die(finding.fault, engine.claims(trace.engine.options)))


def expecting(trace: Trace, engine: Engine, violation: Violation) -> Trace:
    """The trace with the violation as what is expected of this engine, and its crash state as the fault."""
    fault = violation.fault
    if fault is None and violation.state is not None:
        fault = prefix(violation.state)
    expect = Expectation(
        "violation",
        violation.kind,
        violation.state,
        words_of(violation),
        violation.code,
        violation.claimed,
    )
    reference = EngineRef(engine.name, engine.version, trace.engine.options)
    return replace(trace, engine=reference, fault=fault, expect=expect)


def words_of(violation: Violation) -> str:
    """The violation and the keys that differ, in one text."""
    return " ".join([violation.words, *(f"{line}." for line in violation.differences)])
