# SPDX-License-Identifier: ISC
"""Minimising, on runs whose rule is known: to the simplest crash state, of the same bug, in few steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from fakestates import FakeStates, Rule, log
from powercut.errors import PowercutError
from powercut.fault import Cut, Damage, Fault, Tear
from powercut.faultfile import Explore
from powercut.geometry import Geometry
from powercut.ops import Literal, Op
from powercut.shrink.faults import complexity, fewer_cuts, moved, simpler_tears, single_losses, splitmix64
from powercut.shrink.search import Key, Meter, Shrinker
from powercut.states import Finding
from powercut.trace import EngineRef, Trace

#: Device events of one operation: data, then the commit that points at it.
STEP = "e1 p1 p2 s"


def run_of(rule: Callable[[Trace], Rule]) -> Callable[[Trace], FakeStates]:
    """Runs of traces whose operations each make the events of STEP."""

    def opener(trace: Trace) -> FakeStates:
        count = len(trace.operations)
        events = log(" ".join([STEP] * count))
        ops = [index // 4 for index in range(len(events))]
        return FakeStates(events, ops, rule(trace), operations=count)

    return opener


def traced(*keys: str) -> Trace:
    operations = tuple(Op("set", key.encode(), value=Literal(b"x" * 50)) for key in keys)
    return Trace(Geometry(16, 16, 512, 64), operations, EngineRef("fake"), models=("m",))


def commit_without_data(trace: Trace) -> Rule:
    """Operation "bad" may not have its commit without its data."""
    bad = [index for index, op in enumerate(trace.operations) if op.key == b"bad"]

    def rule(there: frozenset[int], _torn: frozenset[int]) -> str:
        for op in bad:
            if 4 * op + 2 in there and 4 * op + 1 not in there:
                return "content"
            if 4 * op + 2 in there and 4 * op not in there:
                return "mount"
        return ""

    return rule


def shrunk(trace: Trace, fault: Fault, rule: Callable[[Trace], Rule], budget: int = 10**6) -> Shrinker:
    opener = run_of(rule)
    states = opener(trace)
    (finding,) = states.judge([fault])
    assert finding is not None
    shrinker = Shrinker(trace, finding, len(states.events), Meter(opener, budget))
    shrinker.run()
    return shrinker


MANY = traced(*[f"key{index}" for index in range(30)], "bad", *[f"more{index}" for index in range(30)])
LOST = Fault("reorder", (Cut(30 * 4 + 3, (30 * 4, 30 * 4 + 1)),), None, "m")


def test_all_that_does_not_matter_goes_and_the_fault_moves_along() -> None:
    small = shrunk(MANY, LOST, commit_without_data).best
    assert [op.key for op in small.operations] == [b"bad"]
    assert small.operations[0].value == Literal(b"")
    assert small.geometry.size < MANY.geometry.size
    assert small.fault == Fault("reorder", (Cut(3, (1,)),), None, "m")


def test_minimising_is_deterministic() -> None:
    assert shrunk(MANY, LOST, commit_without_data).best == shrunk(MANY, LOST, commit_without_data).best


def test_it_does_not_slide_to_another_bug() -> None:
    """With fewer lost events the same state is wrong too, and in another way: that is not taken."""
    other = Fault("reorder", (Cut(30 * 4 + 3, (30 * 4,)),), None, "m")
    small = shrunk(MANY, other, commit_without_data)
    assert small.finding.kind == "mount"
    assert small.best.fault == Fault("reorder", (Cut(3, (0,)),), None, "m")


def test_the_run_goes_on_for_as_few_operations_after_a_recovery_as_will_do() -> None:
    """Where the bug needs two of them, and none."""
    for needed in (2, 0):

        def needs(trace: Trace, needed: int = needed) -> Rule:
            rule = commit_without_data(trace)
            return rule if trace.explore.resume >= needed else lambda *_: ""

        trace = replace(traced("a", "bad", "b"), explore=Explore(resume=7))
        best = shrunk(trace, Fault("reorder", (Cut(7, frozenset({5})),), None, "m"), needs).best
        assert best.explore.resume == needed
        assert [op.key for op in best.operations] == [b"bad"]


@pytest.mark.parametrize("budget", [0, 1, 200, 2000])
def test_a_spent_budget_leaves_a_trace_that_still_fails(budget: int) -> None:
    one = shrunk(MANY, LOST, commit_without_data, budget)
    assert one.best.fault is not None
    (finding,) = run_of(commit_without_data)(one.best).judge([one.best.fault])
    assert finding is not None
    assert finding.kind == "content"


def test_a_failure_of_200_operations_takes_a_few_hundred_states_not_all_of_them() -> None:
    long = traced(*[f"key{index}" for index in range(199)], "bad")
    fault = Fault("reorder", (Cut(199 * 4 + 3, (199 * 4 + 1,)),), None, "m")
    opener = run_of(commit_without_data)
    checked: list[int] = []

    def counted(trace: Trace) -> FakeStates:
        states = opener(trace)
        checked.append(len(trace.operations))
        return states

    states = opener(long)
    (finding,) = states.judge([fault])
    assert finding is not None
    shrinker = Shrinker(long, finding, len(states.events), Meter(counted, 10**6))
    assert len(shrinker.run().operations) == 1
    assert len(checked) < 150


def test_a_candidate_that_cannot_be_run_is_no_candidate() -> None:
    def opener(trace: Trace) -> FakeStates:
        if len(trace.operations) < 61:
            raise PowercutError("No.")
        return run_of(commit_without_data)(trace)

    (finding,) = opener(MANY).judge([LOST])
    assert finding is not None
    shrinker = Shrinker(MANY, finding, 61 * 4, Meter(opener, 10**6))
    assert len(shrinker.run().operations) == 61


# --- crash states ----------------------------------------------------------------------------------------


def test_simpler_states_are_less() -> None:
    tear = Tear("first", 16, 1)
    states = [
        Fault("prefix", (Cut(3),)),
        Fault("prefix", (Cut(5),)),
        Fault("reorder", (Cut(3, (1,)),)),
        Fault("reorder", (Cut(3, (2,)),)),
        Fault("reorder", (Cut(4, (2,)),)),
        Fault("reorder", (Cut(3, (0, 1)),)),
        Fault("torn", (Cut(3, (), tear),)),
        Fault("torn", (Cut(3, (), Tear("mask", 16, 0, 1)),)),
        Fault("torn", (Cut(3, (), Tear("mask", 16, 0, 3)),)),
        Fault("torn", (Cut(3, (), Tear("zero", 16, 1)),)),
        Fault("torn", (Cut(3, (), Tear("garbage", 16, 1)),)),
        Fault("torn", (Cut(3, (), Tear("mix", 16, 0, 99)),)),
        Fault("reorder", (Cut(3, (1,), Tear("first", 16, 1, back=1)),)),
        Fault("nested", (Cut(3), Cut(1))),
        Fault("nested", (Cut(3), Cut(1), Cut(1))),
    ]
    assert sorted(states, key=complexity) == states


def test_a_fault_moves_with_its_run_and_not_before_its_beginning() -> None:
    assert moved(LOST, -120, -30) == Fault("reorder", (Cut(3, (0, 1)),), None, "m")
    assert moved(LOST, -121, -30) is None
    nested = Fault("nested", (Cut(9, (8,)), Cut(4, (3,))))
    assert moved(nested, -2, 0) == Fault("nested", (Cut(7, (6,)), Cut(4, (3,))))
    stale = Fault("damage", (Cut(9),), Damage("stale", 3, event=5))
    assert moved(stale, -2, 0) == Fault("damage", (Cut(7),), Damage("stale", 3, event=3))
    assert moved(stale, -6, 0) is None
    assert moved(Fault("full", (Cut(9),)), -40, -4) == Fault("full", (Cut(5),))
    torn = Fault("reorder", (Cut(9, (), Tear("first", 16, 1, back=9)),))
    assert moved(torn, -1, 0) is None


def states_of(text: str) -> FakeStates:
    events = log(text)
    return FakeStates(events, [0] * len(events), lambda _there, _torn: "")


def test_single_losses_are_those_of_the_window_the_earliest_cut_first() -> None:
    found = single_losses(states_of("p1 p2 s p3"), Fault("reorder", (Cut(4, (3,)),), None, "m"))
    assert [(one.state, one.cuts[0].lost) for one in found] == [(1, (0,)), (2, (1,)), (2, (0,)), (4, (3,))]


def test_a_seed_becomes_the_units_that_it_stands_for() -> None:
    fault = Fault("torn", (Cut(0, (), Tear("some", 16, 0, 77)),), None, "m")
    made = [one.cuts[0].tear for one in simpler_tears(states_of("p1"), fault, 0)]
    units = sum(1 << unit for unit in range(64) if splitmix64(77 + unit) & 1)
    assert Tear("mask", 16, 0, units) in made
    assert made[:2] == [None, None]


def test_a_tear_is_tried_away_before_it_is_tried_simpler() -> None:
    fault = Fault("reorder", (Cut(2, (0,), Tear("mask", 16, 0, 3, 1)),), None, "m")
    first, second, *rest = [one.cuts[0] for one in simpler_tears(states_of("p1 p2"), fault, 0)]
    assert (first, second) == (Cut(2, (0,)), Cut(2, (0, 1)))
    kinds = [one.tear.kind for one in rest if one.tear is not None]
    assert kinds == ["first", "mask", "mask"]


def test_cuts_of_recoveries_are_left_out_as_many_as_can_be() -> None:
    fault = Fault("nested", (Cut(3, (2,)), Cut(1), Cut(2)), None, "m")
    assert [(one.kind, len(one.cuts), one.model) for one in fewer_cuts(fault)] == [
        ("reorder", 1, "m"),
        ("nested", 2, "m"),
        ("nested", 2, "m"),
    ]


# --- what is the same bug --------------------------------------------------------------------------------


def finding(kind: str = "mount", code: str = "CORRUPT", fault: Fault | None = LOST) -> Finding:
    return Finding(kind, code, fault)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (finding(), True),
        (finding(fault=replace(LOST, cuts=(Cut(3, (1,)),))), True),
        (finding(fault=Fault("prefix", (Cut(3),))), True),
        (finding(fault=replace(LOST, model="other")), False),
        (finding(code="IO"), False),
        (finding(kind="read"), False),
        (finding(fault=None), False),
        (finding(fault=Fault("damage", (Cut(3),), Damage("flip"))), False),
        (None, False),
    ],
)
def test_a_bug_is_known_by_kind_code_crash_state_and_device_model(other: Finding | None, same: bool) -> None:
    assert Key.of(finding()).fits(other) == same


def test_where_a_code_says_nothing_it_does_not_count() -> None:
    assert Key.of(finding("content", "OK")).fits(finding("content", "IO"))
