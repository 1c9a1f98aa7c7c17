# SPDX-License-Identifier: ISC
"""The smallest trace that still breaks the same promise in the same way: passes until nothing gets smaller.

A candidate is run once; then its fault is looked for where it should be, counted from the end of the run, and
only if it is not there in the states around. So most candidates cost one recovery.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import islice

from powercut.errors import PowercutError
from powercut.fault import Cut, Fault
from powercut.ops import Literal, Op
from powercut.shrink.candidates import names, renamed, replaced, shorter, simpler, smaller_devices, without
from powercut.shrink.faults import (
    complexity,
    earlier_cuts,
    fewer_cuts,
    fewer_losses,
    kind_of,
    moved,
    other_tears,
    patterns,
    simpler_damage,
    simpler_tears,
    single_losses,
    with_cuts,
)
from powercut.shrink.joint import alone, joint
from powercut.states import Finding, States
from powercut.trace import Trace

#: Work that one minimisation may do, in crash states recovered and operations run.
BUDGET = 400_000

#: Events before and after the place where the fault should be that are searched for it.
SPAN = 24

#: Numbers of operations at the end that are tried alone.
_TAILS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96)

#: What trying changes that help only together may cost of the budget, each time.
JOINT = 60_000

#: What trying one or two operations alone may cost.
ALONE = 40_000

#: Violations of one search that are looked through for the one that is meant.
LIMIT = 64

#: Torn states of a run that are looked through for a simpler one.
TEARS_MAX = 20_000

#: States that are judged at a time, where the first that fails is enough.
_BATCH = 64

Opener = Callable[[Trace], AbstractContextManager[States]]
"""Runs a trace. Raises PowercutError where it cannot be run."""

#: Violations whose code says which bug it is, rather than where it was noticed.
_CODED = frozenset({"mount", "read", "write", "answer", "no_space", "crash"})


@dataclass(frozen=True, slots=True)
class Key:
    """What makes two findings the same bug: kind, code, kind of crash state and device model, and, but for
    numbers, what the process said of its end."""

    kind: str
    code: str
    fault: str
    model: str
    said: str = ""

    @classmethod
    def of(cls, finding: Finding) -> Key:
        """The key of a finding."""
        code = finding.code if finding.kind in _CODED else ""
        fault = finding.fault
        said = re.sub(r"\d+", "0", finding.said)
        return cls(finding.kind, code, fault.kind if fault else "", fault.model if fault else "", said)

    def fits(self, finding: Finding | None) -> bool:
        """Whether it is the same bug: in a simpler crash state it is, too."""
        if finding is None:
            return False
        other = Key.of(finding)
        same = (other.kind, other.code, other.said) == (self.kind, self.code, self.said)
        if not same or bool(other.fault) != bool(self.fault):
            return False
        if other.model not in ("", self.model):
            return False
        return other.fault == self.fault or other.fault in _SIMPLER.get(self.fault, ())


#: What a state of a kind becomes when cuts, losses and tears are taken away from it.
_SIMPLER = {
    "nested": ("prefix", "torn", "reorder"),
    "reorder": ("prefix", "torn"),
    "torn": ("prefix",),
    "full": (),
    "damage": (),
}


@dataclass(slots=True)
class Meter:
    """Runs candidates until the budget is spent."""

    opener: Opener
    budget: int = BUDGET

    @property
    def spent(self) -> bool:
        """Whether no more candidates are to be tried."""
        return self.budget <= 0

    def look(self, trace: Trace, ask: Callable[[States], Finding | None]) -> tuple[Finding | None, int]:
        """What ``ask`` finds in the candidate's run, or None; and how many device events that has."""
        try:
            with self.opener(trace) as states:
                try:
                    return ask(states), len(states.events)
                finally:
                    self.budget -= states.checked + 4 * states.operations + 20
        except PowercutError:
            self.budget -= 100
            return None, 0


def first_finding(states: States, kinds: frozenset[str], fault: Fault | None) -> Finding | None:
    """The first crash state that breaks a promise, of those asked for; else the first wrong answer."""
    if fault is not None:
        found = [one for one in states.judge([fault]) if one is not None]
    else:
        found = states.search(kinds, 0, len(states.events), 1)
    return found[0] if found else states.wrong


class Shrinker:
    """Holds the smallest trace so far that still breaks the same promise, and its crash state."""

    def __init__(self, trace: Trace, finding: Finding, events: int, meter: Meter) -> None:
        self.best = replace(trace, fault=finding.fault)
        self.key = Key.of(finding)
        self.finding = finding
        self._events = events
        self._meter = meter
        self._in_vain: set[Trace] = set()

    def run(self) -> Trace:
        """Passes over the trace until nothing gets smaller or the budget is spent."""
        self._cut_tail()
        self._keep_few()
        while not self._meter.spent:
            before = self.best
            self._one_by_one()
            if self.best == before:
                self._jointly()
            if self.best == before:
                break
        return self.best

    def _one_by_one(self) -> None:
        self._drop_operations()
        self._shrink_values()
        self._shorten_keys()
        self._shrink_device()
        self._go_on_less()
        self._simplify_fault()
        self._cut_tail()

    def _jointly(self) -> None:
        """What helps only together."""
        self._any_of(joint(self.best), JOINT)

    def _any_of(self, tries: Iterable[Sequence[Op]], cost: int) -> bool:
        """Whether one of these lists of operations shows the same bug, as long as that is found for a part of
        the budget."""
        least = self._meter.budget - cost
        for operations in tries:
            if self._meter.budget <= max(least, 0):
                return False
            if self._still(self._with(operations)):
                return True
        return False

    # --- trying ------------------------------------------------------------------------------------------

    def _still(self, candidate: Trace) -> bool:
        """Whether the candidate shows the same bug; then it is the best so far."""
        candidate = replace(candidate, fault=None)
        if self._meter.spent or candidate in self._in_vain or candidate == replace(self.best, fault=None):
            return False
        gone = len(self.best.operations) - len(candidate.operations)
        finding, events = self._meter.look(candidate, lambda states: self._again(states, gone))
        if finding is None:
            self._in_vain.add(candidate)
            return False
        self._take(replace(candidate, fault=finding.fault), finding, events)
        return True

    def _take(self, best: Trace, finding: Finding, events: int) -> None:
        self.best, self.finding, self._events = best, finding, events

    def _again(self, states: States, gone: int) -> Finding | None:
        """The same bug in a candidate's run: where it should be, else around there."""
        fault = self.best.fault
        if fault is None:
            return states.wrong if self.key.fits(states.wrong) else None
        hint = moved(fault, len(states.events) - self._events, -gone)
        at = fault.state if hint is None else hint.state
        hints = [fault] if hint in (None, fault) else [hint, fault]
        finding = self._first(states, hints)
        return finding or self._around(states, fault if hint is None else hint, at)

    def _around(self, states: States, fault: Fault, at: int) -> Finding | None:
        kind = fault.kind
        if kind == "reorder":
            return self._first(states, patterns(states, fault, SPAN // 3))
        if kind == "damage":
            return None
        kinds = frozenset({kind, kind_of(fault.cuts[:1])} if kind == "nested" else {kind})
        span = SPAN if kind in ("torn", "prefix", "full") else SPAN // 3
        found = states.search(kinds, max(at - span, 0), at + span, LIMIT)
        return next((one for one in found if self.key.fits(one)), None)

    def _first(self, states: States, faults: Iterable[Fault]) -> Finding | None:
        """The first of the states that shows the same bug."""
        waiting: Iterator[Fault] = iter(faults)
        while batch := list(islice(waiting, _BATCH)):
            for finding in states.judge(batch):
                if self.key.fits(finding):
                    return finding
        return None

    # --- operations --------------------------------------------------------------------------------------

    def _with(self, operations: Sequence[Op]) -> Trace:
        return replace(self.best, operations=tuple(operations))

    def _cut_tail(self) -> None:
        """Leaves out what comes after the operation that was under way; the fault stays where it is."""
        op = self.finding.op
        if op is None or op + 1 >= len(self.best.operations) or self._meter.spent:
            return
        candidate = self._with(self.best.operations[: op + 1])
        fault = self.best.fault

        def ask(states: States) -> Finding | None:
            if fault is None:
                return states.wrong if self.key.fits(states.wrong) else None
            return self._first(states, [fault]) or self._around(states, fault, fault.state)

        finding, events = self._meter.look(candidate, ask)
        if finding is not None:
            self._take(replace(candidate, fault=finding.fault), finding, events)

    def _keep_few(self) -> None:
        """A few of the operations, if they are enough: what is short is soon tried."""
        operations = self.best.operations
        tails = [operations[-few:] for few in _TAILS if few < len(operations)]
        if not self._any_of(tails, ALONE):
            self._any_of(alone(operations), ALONE)

    def _drop_operations(self) -> None:
        """Halves, quarters, … single operations, from the end."""
        size = max(len(self.best.operations) // 2, 1)
        while not self._meter.spent:
            at = len(self.best.operations) - size
            while at > -size and not self._meter.spent:
                operations = self.best.operations
                self._still(self._with(operations[: max(at, 0)] + operations[at + size :]))
                at -= size
            if size == 1:
                break
            size //= 2

    def _shrink_values(self) -> None:
        """All of them away at once; else each until it gets no smaller."""
        bare = [replace(op, value=Literal(b"")) if op.value else op for op in self.best.operations]
        if self._still(self._with(bare)):
            return
        for index in range(len(self.best.operations)):
            while any(self._still(self._instead(index, op)) for op in simpler(self.best, index)):
                pass

    def _instead(self, index: int, op: Op) -> Trace:
        return self._with(replaced(self.best.operations, index, op))

    def _shorten_keys(self) -> None:
        """Shorter names, the same one everywhere, and dictionaries less."""
        for name in sorted(names(self.best.operations), key=lambda name: (-len(name), name)):
            taken = names(self.best.operations)
            if not any(self._still(self._renamed(name, short)) for short in shorter(name, taken)):
                self._still(self._with([without(op, name) for op in self.best.operations]))

    def _renamed(self, old: bytes, new: bytes) -> Trace:
        return self._with([renamed(op, old, new) for op in self.best.operations])

    def _shrink_device(self) -> None:
        """Fewer and smaller blocks, as long as that is enough; no image, no failing call, where none is
        needed."""
        if self.best.image is not None:
            self._still(replace(self.best, image=None))
        if self.best.failing is not None:
            self._still(replace(self.best, failing=None))
        while self.best.image is None:
            smaller = smaller_devices(self.best.geometry)
            if not any(self._still(replace(self.best, geometry=geometry)) for geometry in smaller):
                break

    def _go_on_less(self) -> None:
        """The run goes on for as few operations after a recovery as will do."""
        explore = self.best.explore
        for resume in range(explore.resume):
            if self._still(replace(self.best, explore=replace(explore, resume=resume))):
                break

    # --- the crash state ---------------------------------------------------------------------------------

    def _simplify_fault(self) -> None:
        """Fewer cuts, fewer lost events, the simplest tear, the earliest cut."""
        if self.best.fault is None or self._meter.spent:
            return
        finding, _ = self._meter.look(self.best, self._simplest)
        if finding is not None:
            self.best, self.finding = replace(self.best, fault=finding.fault), finding

    def _simplest(self, states: States) -> Finding | None:
        best = self._first(states, [self.best.fault] if self.best.fault else [])
        while best is not None and best.fault is not None and states.checked < self._meter.budget:
            better = self._first(states, self._simpler(states, best.fault))
            if better is None or better.fault is None or complexity(better.fault) >= complexity(best.fault):
                return self._earliest(states, best)
            best = better
        return best

    def _simpler(self, states: States, fault: Fault) -> Iterator[Fault]:
        """Simpler states than this one, each of which is tried; lazily, since some lists are long."""
        many = fewer_cuts(fault), simpler_damage(fault)
        yield from (one for some in many for one in some)
        if fault.kind in ("damage", "full"):
            return
        for index in range(len(fault.cuts)):
            yield from simpler_tears(states, fault, index)
        if fault.kind == "reorder":
            yield with_cuts(fault, [Cut(min(fault.cuts[0].lost, default=fault.state))])
        if fault.kind == "reorder" and len(fault.cuts[0].lost) > 1:
            yield from single_losses(states, fault)
        for index in range(len(fault.cuts)):
            yield from fewer_losses(fault, index)
        if fault.kind == "nested":
            for index in reversed(range(len(fault.cuts))):
                yield from earlier_cuts(fault, index)

    def _earliest(self, states: States, finding: Finding) -> Finding:
        """The same bug at the first cut that shows it, in a state that is no more complicated."""
        fault = finding.fault
        if fault is None:
            return finding
        if fault.kind == "reorder" and len(fault.cuts[0].lost) == 1 and fault.cuts[0].tear is None:
            return self._first(states, single_losses(states, fault)) or finding
        if fault.kind == "torn":
            some = other_tears(states, fault)[:TEARS_MAX]
            return self._first(states, some) or finding
        if fault.kind not in ("prefix", "full"):
            return finding
        found = states.search(frozenset({fault.kind}), 0, fault.state, LIMIT)
        for other in found:
            if self.key.fits(other) and other.fault is not None and other.fault.state < fault.state:
                return other
        return finding
