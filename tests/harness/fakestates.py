# SPDX-License-Identifier: ISC
"""A run without any engine: a log of device events, and a rule that says which crash states are wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from powercut.engine import Event
from powercut.fault import Cut, Fault, Tear
from powercut.states import Finding, possible, window

#: What is wrong with a device on which these events arrived, these of them in part: a kind, or nothing.
Rule = Callable[[frozenset[int], frozenset[int]], str]


def log(text: str) -> tuple[Event, ...]:
    """``p2`` a prog of block 2, ``e3`` an erase of block 3, ``s`` a sync."""
    kinds = {"p": "prog", "e": "erase"}
    return tuple(
        Event("sync", 0, 0, 0)
        if word == "s"
        else Event(kinds[word[0]], int(word[1:]), 0, 64 * (word[0] == "p"))
        for word in text.split()
    )


@dataclass
class FakeStates:
    """See States. ``ops``: of each event the operation that it belongs to. ``asked``: all faults judged."""

    events: Sequence[Event]
    ops: Sequence[int]
    rule: Rule
    operations: int = 1
    erases: bool = True
    wrong: Finding | None = None
    checked: int = 0
    asked: list[Fault] = field(default_factory=list)

    def __enter__(self) -> FakeStates:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def position(self, state: int) -> tuple[int, bool]:
        """Under way from an operation's first event to its last."""
        if state in (0, len(self.events)):
            return (0 if state == 0 else self.operations), False
        before, after = self.ops[state - 1], self.ops[state]
        return after, before == after

    def judge(self, faults: Sequence[Fault]) -> list[Finding | None]:
        """By the rule; of a nested state by its last cut."""
        return [self._one(fault) for fault in faults]

    def _one(self, fault: Fault) -> Finding | None:
        self.asked.append(fault)
        self.checked += 1
        if not possible(fault, len(self.events), self.operations):
            return None
        cut = fault.cuts[-1]
        torn = set() if cut.tear is None else {cut.at - cut.tear.back}
        there = frozenset(range(min(cut.at, len(self.events)))) - set(cut.lost) - torn
        kind = self.rule(there, frozenset(torn))
        return Finding(kind, "", fault, self.position(fault.state)[0]) if kind else None

    def search(self, kinds: frozenset[str], first: int, last: int, limit: int) -> list[Finding]:
        """Prefix, torn in one way, and reordered with one event lost."""
        faults = []
        for at in range(first, min(last, len(self.events)) + 1):
            faults += [Fault("prefix", (Cut(at),))] * ("prefix" in kinds)
            faults += self.listed("torn", at) * ("torn" in kinds)
            lost = window(self.events, at, erases=self.erases)
            faults += [Fault("reorder", (Cut(at, (one,)),), None, "m") for one in lost] * ("reorder" in kinds)
        return [one for one in self.judge(faults) if one is not None][:limit]

    def listed(self, kind: str, at: int) -> list[Fault]:
        """Ways to tear an event: its first unit, zeros in the second."""
        if at >= len(self.events) or self.events[at].kind == "sync":
            return []
        tears = (Tear("first", 16, 1), Tear("zero", 16, 1))
        return [Fault("torn", (Cut(at, (), tear),), None, "m") for tear in tears]

    def recovery(self, fault: Fault) -> Sequence[Event]:
        """The same events again."""
        return self.events
