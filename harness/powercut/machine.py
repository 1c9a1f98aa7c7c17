# SPDX-License-Identifier: ISC
"""A Hypothesis state machine: operations one by one, judged as one trace at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, precondition, rule

from powercut.engine import Engine
from powercut.errors import PowercutError
from powercut.ops import Op, segments
from powercut.strategies import keys, lengths, values
from powercut.suite.explorer import Explorer
from powercut.trace import EngineRef, Trace
from powercut.vocabulary import Budget, Profile


def able(capability: str) -> Callable[..., Any]:
    """A rule below this is for engines that have the capability."""
    return precondition(lambda self: capability in self.profile.capabilities)


class StoreMachine(RuleBasedStateMachine):
    """Collects operations; ``teardown`` runs them on the engine, cuts the power, and judges every state.

    Bound to an engine by ``powercut_explorer.machine()`` in a test, by ``store_machine`` elsewhere. Rules of
    your own go into a subclass: they call ``do``, and take keys from and put them into ``live``.
    """

    engine: ClassVar[Engine]
    profile: ClassVar[Profile]
    judge: ClassVar[Callable[[Trace], object]]

    #: Keys that were set.
    live = Bundle("live")

    def __init__(self) -> None:
        if not hasattr(self, "engine"):
            raise PowercutError(
                f"{type(self).__name__} is bound to no engine: run powercut_explorer.machine("
                f"{type(self).__name__}) in a test, or derive it from store_machine(engine, profile)."
            )
        super().__init__()
        self.operations: list[Op] = []
        self._budget = Budget(self.profile)

    def do(self, op: Op) -> None:
        """Appends the operation, unless it could fill the device."""
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
        self.do(Op("set", key, value=data.draw(values(self.profile))))
        return key

    @rule(key=live, data=st.data())
    def overwrite(self, key: bytes, data: st.DataObject) -> None:
        """Sets a key that was set before."""
        self.do(Op("set", key, value=data.draw(values(self.profile))))

    @rule(key=live)
    def read(self, key: bytes) -> None:
        """Reads a key's value."""
        self.do(Op("get", key))

    @rule(key=live, kind=st.sampled_from(("exists", "size", "list")))
    def look(self, key: bytes, kind: str) -> None:
        """Asks for a key, or lists where it lies."""
        self.do(Op(kind, b"/".join(segments(key)[:-1]) if kind == "list" else key))

    @rule(key=consumes(live))
    def remove(self, key: bytes) -> None:
        """Removes a key that was set."""
        self.do(Op("remove", key))

    @able("dictionaries")
    @rule(key=live, name=st.sampled_from((b"a", b"b")), data=st.data())
    def set_below(self, key: bytes, name: bytes, data: st.DataObject) -> None:
        """Sets a key below one that was set: a value on the way."""
        self.do(Op("set", key + b"/" + name, value=data.draw(values(self.profile))))

    @able("dictionaries")
    @rule(key=live)
    def remove_parent(self, key: bytes) -> None:
        """Removes the dictionary that a key lies in, with all below."""
        way = segments(key)[:-1]
        if way:
            self.do(Op("remove", b"/".join(way)))

    @able("set_partial")
    @rule(key=live, data=st.data())
    def write_into(self, key: bytes, data: st.DataObject) -> None:
        """Writes into a value that was set, or behind its end."""
        off = data.draw(lengths(self.profile))
        self.do(Op("set_partial", key, off=off, value=data.draw(values(self.profile))))

    @able("rename")
    @rule(target=live, key=consumes(live), data=st.data())
    def rename(self, key: bytes, data: st.DataObject) -> bytes:
        """Renames a key that was set."""
        new = data.draw(keys(self.profile, bad=False))
        self.do(Op("rename", key, target=new))
        return new

    @able("sync")
    @rule()
    def sync(self) -> None:
        """Makes durable what was done."""
        self.do(Op("sync", b""))

    def trace(self) -> Trace:
        """What was done so far, as a trace."""
        engine = EngineRef(self.engine.name, self.engine.version)
        return Trace(self.profile.geometry, tuple(self.operations), engine)

    def teardown(self) -> None:
        """Runs and judges what was collected. Raises ViolationError, an AssertionError."""
        type(self).judge(self.trace())


def store_machine(engine: Engine, profile: Profile) -> type[StoreMachine]:
    """The state machine for an engine on a profile's device; run it with
    ``hypothesis.stateful.run_state_machine_as_test``, or take its ``TestCase``."""
    explorer = Explorer(engine, profile.geometry)
    bound = {"engine": engine, "profile": profile, "judge": staticmethod(explorer.check)}
    return type("StoreMachineFor", (StoreMachine,), bound)
