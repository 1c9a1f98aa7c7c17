# SPDX-License-Identifier: ISC
"""The crash states of one recorded run, asked one by one: what shrinking and explaining are made of."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

from powercut.devices import DeviceModel
from powercut.engine import Engine, Event
from powercut.errors import PowercutError
from powercut.explorer import (
    ALL_PROBES,
    CHECK,
    PREFIX,
    SECOND_MOUNT,
    WRITE,
    Allowed,
    ExploreOptions,
    Found,
    Watch,
)
from powercut.fault import WINDOW, Fault
from powercut.predict import predict
from powercut.run import device_models, initial_rows, record
from powercut.trace import Trace

#: What has to be asked of a state to see a kind of violation, beyond mounting and reading it.
_PROBES = {
    "mount": 0,
    "read": 0,
    "content": 0,
    "second_mount": SECOND_MOUNT,
    "write": WRITE,
    "lost_write": WRITE,
    "check": CHECK,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A broken promise, without words: ``kind`` and ``code`` as in Violation, ``fault`` None where no cut was
    needed; ``op``: the operation that answered wrong, or that was the last to have begun; ``said``: by the
    process, of its end."""

    kind: str
    code: str = ""
    fault: Fault | None = None
    op: int | None = None
    said: str = ""


class States(Protocol):
    """The crash states of a recorded run."""

    @property
    def operations(self) -> int:
        """How many operations the run has."""

    @property
    def events(self) -> Sequence[Event]:
        """Its device events."""

    @property
    def erases(self) -> bool:
        """Whether an erase changes anything."""

    @property
    def wrong(self) -> Finding | None:
        """The first answer that was wrong, without any power cut."""

    @property
    def checked(self) -> int:
        """Crash states recovered so far."""

    def position(self, state: int) -> tuple[int, bool]:
        """See Run.position."""

    def judge(self, faults: Sequence[Fault]) -> list[Finding | None]:
        """What is wrong with each of these crash states; None: nothing, or this run has no such state."""

    def search(self, kinds: frozenset[str], first: int, last: int, limit: int) -> list[Finding]:
        """What is wrong with the generated states of some kinds whose first cut is between two events."""

    def listed(self, kind: str, at: int) -> list[Fault]:
        """The torn or reorder states at one cut, as the explorer generates them."""

    def recovery(self, fault: Fault) -> Sequence[Event]:
        """The device events of the recovery from a crash state; empty where it has none."""


def effective(event: Event, *, erases: bool) -> bool:
    """Whether losing the event can be seen."""
    return event.size > 0 if event.kind == "prog" else event.kind == "erase" and erases


def window(events: Sequence[Event], at: int, *, erases: bool) -> list[int]:
    """The events that a device which reorders may lose in a cut after ``at`` of them, ascending."""
    found = []
    for number in range(at - 1, max(at - WINDOW, 0) - 1, -1):
        if events[number].kind == "sync":
            break
        if effective(events[number], erases=erases):
            found.append(number)
    return found[::-1]


def possible(fault: Fault, events: int, operations: int) -> bool:
    """Whether a run of so many events has such a state, as far as its numbers say."""
    if fault.kind == "full":
        return fault.state <= operations
    if fault.kind == "damage":
        return fault.state == events and (fault.damage is None or fault.damage.event <= events)
    cut = fault.cuts[0]
    torn = cut.tear is not None and not cut.tear.back
    back = cut.tear.back if cut.tear is not None else 0
    return cut.at + torn <= events and min(cut.lost, default=0) >= 0 and back <= cut.at


class RunStates:
    """The crash states of a trace's run on an engine; to be closed. Raises PowercutError at the start."""

    def __init__(self, trace: Trace, engine: Engine, watch: Watch | None = None) -> None:
        self._watch = watch
        models = device_models(trace)
        self._run = record(trace, engine)
        try:
            rows = initial_rows(trace)
            self._prediction = predict(
                self._run, trace.operations, rows, watch, failing=trace.failing is not None
            )
        except BaseException:
            self._run.close()
            raise
        prediction = self._prediction
        self._allowed = Allowed(prediction.allowed, prediction.entries(), prediction.now())
        self._resume = trace.explore.resume
        self._options = _options(trace, engine, models)
        self.operations = len(trace.operations)
        self.erases = trace.geometry.erase_value is not None
        self.events = tuple(self._run.event(index) for index in range(self._run.event_count))
        self.checked = 0
        states = range(self._run.event_count + 1)
        sound = self._prediction.sound
        self._last = bisect.bisect_right(states, sound, key=lambda state: self.position(state)[0]) - 1
        self.wrong = self._wrong(strict=any(not model.overwrites for model in models))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the run and its models."""
        self._prediction.close()
        self._run.close()

    def ask_only(self, kind: str) -> None:
        """From now on nothing is asked of a state beyond what shows this kind of violation: so what else is
        wrong with the engine does not count."""
        self._options = replace(self._options, probes=_PROBES.get(kind, ALL_PROBES))

    def position(self, state: int) -> tuple[int, bool]:
        """See Run.position."""
        return self._run.position(state)

    def judge(self, faults: Sequence[Fault]) -> list[Finding | None]:
        """See States.judge."""
        asked = dict.fromkeys(one for one in faults if self._possible(one))
        if not asked:
            return [None] * len(faults)
        options = replace(
            self._options,
            kinds=PREFIX,  # these states, and none below them
            only=tuple(asked),
            keep_identical=True,
            keep_unread=True,
        )
        found = self._explore(options)
        by_state = {_state(one.fault): one for one in reversed(found) if one.fault is not None}
        return [by_state.get(_state(fault)) for fault in faults]

    def search(self, kinds: frozenset[str], first: int, last: int, limit: int) -> list[Finding]:
        """See States.search."""
        last = min(last, self._last)
        if first > last:
            return []
        options = replace(self._options, kinds=kinds, first=first, last=last, max_violations=limit)
        return self._explore(options)

    def listed(self, kind: str, at: int) -> list[Fault]:
        """See States.listed."""
        return self._run.list(replace(self._options, kinds=frozenset({kind}), first=at, last=at))

    def recovery(self, fault: Fault) -> Sequence[Event]:
        """See States.recovery."""
        try:
            with self._run.recovery(fault) as recovery:
                return tuple(recovery.event(index) for index in range(recovery.event_count))
        except PowercutError:
            return ()

    def image(self, fault: Fault) -> bytes:
        """The device that a crash state leaves. Raises PowercutError."""
        return self._run.fault_image(fault)

    def _wrong(self, *, strict: bool) -> Finding | None:
        """The first wrong answer; else the first overwritten byte, if a device model takes none."""
        for wrong in self._prediction.wrong:
            return Finding(wrong.kind, wrong.code, None, wrong.op)
        event = self._run.first_overwrite() if strict else None
        return None if event is None else Finding("overwrite", "OK", None, self.position(event)[0])

    def _possible(self, fault: Fault) -> bool:
        last = self.operations if fault.kind == "full" else self._last
        return fault.state <= last and possible(fault, len(self.events), self.operations)

    def _explore(self, options: ExploreOptions) -> list[Finding]:
        explored = self._run.explore(self._allowed, options, self._watch)
        self.checked += explored.sum.checked
        return [Finding(one.kind, one.code, one.fault, self._op(one)) for one in explored.found]

    def operation(self, fault: Fault) -> int:
        """The operation that was under way in a crash state, else the last that had begun; of one whose
        first event was torn, that one."""
        if fault.kind == "full":
            return fault.state
        done, in_flight = self._run.fault_position(fault)
        return done if in_flight else max(done - 1, 0)

    def _op(self, found: Found) -> int | None:
        """The same of a finding: the last operation that it needs."""
        if found.op is not None:
            return found.op
        last = self.operation(found.fault)
        if found.fault.kind == "full":
            return last
        resumed = len(found.fault.cuts) - 1 + (found.kind == "resume")
        return min(last + resumed * self._resume, max(self.operations - 1, 0))


def _options(trace: Trace, engine: Engine, models: tuple[DeviceModel, ...]) -> ExploreOptions:
    explore = trace.explore
    return ExploreOptions(
        kinds=frozenset(explore.kinds),
        models=models,
        depth=explore.depth,
        nested_kinds=frozenset(explore.nested or ("prefix",)),
        samples=explore.samples,
        seed=explore.seed,
        damage_exact="damage" in engine.claims(trace.engine.options),
        reader=explore.reader or None,
    )


def _state(fault: Fault) -> tuple[object, ...]:
    """What a crash state is, whichever model it is put down to."""
    return fault.kind, fault.cuts, fault.damage
