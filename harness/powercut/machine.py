# SPDX-License-Identifier: ISC
"""A Hypothesis state machine: operations one by one, judged as one trace at the end."""

from __future__ import annotations

from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule

from powercut.engine import Engine
from powercut.ops import Op, Value, segments
from powercut.run import run_trace
from powercut.strategies import keys, values
from powercut.trace import EngineRef, Trace
from powercut.vocabulary import Budget, Profile


class StoreMachine(RuleBasedStateMachine):
    """Collects operations; ``teardown`` runs them on the engine and cuts the power after every device event.

    Made for one engine and profile by ``store_machine``.
    """

    engine: ClassVar[Engine]
    profile: ClassVar[Profile]

    live = Bundle("live")

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Op] = []
        self._budget = Budget(self.profile)

    def _do(self, op: Op) -> None:
        if self._budget.add(op):
            self.operations.append(op)

    @initialize()
    def begin(self) -> None:
        """Starts with nothing done."""
        self.operations.clear()

    @rule(target=live, data=st.data())
    def set_new(self, data: st.DataObject) -> bytes:
        """Sets a key of the vocabulary."""
        key = data.draw(keys(self.profile, bad=False))
        self._do(Op("set", key, value=data.draw(values(self.profile))))
        return key

    @rule(key=live, data=st.data())
    def overwrite(self, key: bytes, data: st.DataObject) -> None:
        """Sets a key that was set before."""
        value: Value = data.draw(values(self.profile))
        self._do(Op("set", key, value=value))

    @rule(key=live, name=st.sampled_from((b"a", b"b")), data=st.data())
    def set_below(self, key: bytes, name: bytes, data: st.DataObject) -> None:
        """Sets a key below one that was set: a value on the way."""
        self._do(Op("set", key + b"/" + name, value=data.draw(values(self.profile))))

    @rule(key=consumes(live))
    def remove(self, key: bytes) -> None:
        """Removes a key that was set."""
        self._do(Op("remove", key))

    @rule(key=live)
    def remove_parent(self, key: bytes) -> None:
        """Removes the dictionary that a key lies in, with all below."""
        way = segments(key)[:-1]
        if way:
            self._do(Op("remove", b"/".join(way)))

    @rule(key=live, kind=st.sampled_from(("get", "exists", "size", "list")))
    def read(self, key: bytes, kind: str) -> None:
        """Reads a key, or lists where it lies."""
        self._do(Op(kind, b"/".join(segments(key)[:-1]) if kind == "list" else key))

    def trace(self) -> Trace:
        """What was done so far, as a trace."""
        engine = EngineRef(self.engine.name, self.engine.version)
        return Trace(self.profile.geometry, tuple(self.operations), engine)

    def teardown(self) -> None:
        """Runs and judges what was collected; raises AssertionError with the first violation in words."""
        verdict = run_trace(self.trace(), self.engine)
        assert verdict.held, "\n".join((verdict.violations[0].words, *verdict.violations[0].differences))


def store_machine(engine: Engine, profile: Profile) -> type[StoreMachine]:
    """The state machine for an engine on a profile's device; run it with
    ``hypothesis.stateful.run_state_machine_as_test``."""
    return type("StoreMachineFor", (StoreMachine,), {"engine": engine, "profile": profile})
