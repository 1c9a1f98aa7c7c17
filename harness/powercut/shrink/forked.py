# SPDX-License-Identifier: ISC
"""The crash states of a run whose engine may end or hang its process: asked in children, one a question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Self

from powercut.child import DiedError, Send, in_child
from powercut.engine import Engine, Event
from powercut.explorer import Watch
from powercut.fault import Fault
from powercut.run import device_models
from powercut.states import Finding, RunStates
from powercut.trace import Trace

#: Seconds without any sign of life after which a candidate counts as hanging.
SECONDS = 3.0

#: And seconds of processor time: an endless loop is known by them sooner, whatever else the machine does.
CPU_SECONDS = 1.0

#: Seconds for the first sign of life, which comes after the recording: that may be slow.
FIRST_SECONDS = 30.0

#: What a hang costs of the budget, in crash states, and each child.
HANG_COST, CHILD_COST = 8_000, 400

Question = Callable[[RunStates, Send], None]


class ForkedStates:
    """States (see states.py) of a trace's run, recorded anew in a child for each question.

    ``seconds``: without any sign of life, after which a state hangs; None: few, and few of processor time,
    and ``first_seconds`` for the first."""

    def __init__(
        self,
        trace: Trace,
        engine: Engine,
        seconds: float | None = None,
        first_seconds: float = FIRST_SECONDS,
    ) -> None:
        self._trace, self._engine = trace, engine
        quick = (SECONDS, CPU_SECONDS, first_seconds)
        self._limits = quick if seconds is None else (seconds, None, None)
        self.operations = len(trace.operations)
        self.erases = trace.geometry.erase_value is not None
        self.checked = 0
        self.events: Sequence[Event] = ()
        self.wrong: Finding | None = None
        self._positions: list[tuple[int, bool]] = []
        try:
            ((self.events, self._positions, self.wrong),) = self._ask(_facts)
        except DiedError as died:
            self.wrong = Finding(died.kind, died.how, said=died.said)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """There is nothing to be closed: children end with their question."""

    def position(self, state: int) -> tuple[int, bool]:
        """See States.position."""
        return self._positions[state]

    def judge(self, faults: Sequence[Fault]) -> list[Finding | None]:
        """See States.judge; behind the first state that ends the child none is asked any more."""
        found: list[Finding | None] = []

        def ask(states: RunStates, send: Send) -> None:
            for fault in faults:
                send(states.judge([fault])[0])

        try:
            self._ask(ask, found)
        except DiedError as died:
            if len(found) < len(faults):
                found.append(self._finding(died, faults[len(found)]))
        self.checked += len(found)
        return found + [None] * (len(faults) - len(found))

    def search(self, kinds: frozenset[str], first: int, last: int, limit: int) -> list[Finding]:
        """See States.search; a state that ends the child is what is found."""
        if not self.events:
            return []

        def ask(states: RunStates, send: Send) -> None:
            send((states.search(kinds, first, last, limit), states.checked))

        try:
            ((found, checked),) = self._ask(ask)
        except DiedError as died:
            at_hand = died.watch.at_hand(device_models(self._trace))
            found = [self._finding(died, at_hand[0])] if at_hand else []
            checked = died.watch.count
        self.checked += max(checked, 1)
        return list(found)

    def listed(self, kind: str, at: int) -> list[Fault]:
        """See States.listed."""
        return self._or_nothing(lambda states, send: send(states.listed(kind, at)))

    def recovery(self, fault: Fault) -> Sequence[Event]:
        """See States.recovery."""
        return self._or_nothing(lambda states, send: send(list(states.recovery(fault))))

    def _or_nothing(self, ask: Question) -> list[Any]:
        try:
            (found,) = self._ask(ask)
        except DiedError:
            return []
        return list(found)

    def _finding(self, died: DiedError, fault: Fault) -> Finding:
        self.checked += HANG_COST * (died.kind == "hang")
        tear = fault.cuts[0].tear if fault.cuts else None
        behind = fault.state + (tear is not None and not tear.back)  # a torn event is under way
        done, in_flight = self.position(min(behind, len(self._positions) - 1))
        return Finding(died.kind, died.how, fault, done if in_flight else max(done - 1, 0), died.said)

    def _ask(self, ask: Question, into: list[Any] | None = None) -> list[Any]:
        """What a child says, one answer after the other. Raises DiedError, and PowercutError: it refuses."""

        def work(watch: Watch, send: Send) -> None:
            with RunStates(self._trace, self._engine, watch) as states:
                ask(states, send)

        answers: list[Any] = [] if into is None else into
        self.checked += CHILD_COST
        in_child(work, answers, *self._limits)
        return answers


def _facts(states: RunStates, send: Send) -> None:
    positions = [states.position(state) for state in range(len(states.events) + 1)]
    send((states.events, positions, states.wrong))
