# SPDX-License-Identifier: ISC
"""Minimising by changes that help only together, on runs whose rule is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from fakestates import FakeStates, log
from powercut.engine import Engine
from powercut.fault import Cut, Fault, prefix
from powercut.geometry import Geometry
from powercut.ops import Generated, Literal, Op
from powercut.shrink.joint import alone, joint, unmoved, weight
from powercut.shrink.search import Meter, Shrinker
from powercut.states import RunStates
from powercut.trace import EngineRef, Trace

Operations = Sequence[Op]

BAD = Op("set", b"bad", value=Literal(b""))


def setting(key: bytes, length: int = 0) -> Op:
    return Op("set", key, value=Generated(1, length) if length else Literal(b""))


def trace_of(*operations: Op) -> Trace:
    return Trace(Geometry(16, 16, 512, 64), operations, EngineRef("fake"))


def shrunk(trace: Trace, fails: Callable[[Operations], bool], looks: int = 4000) -> Trace:
    """The trace made small, where the last state of the runs of which ``fails`` is wrong."""
    opened: list[Trace] = []

    def opener(candidate: Trace) -> FakeStates:
        opened.append(candidate)
        count = len(candidate.operations)
        wrong = fails(candidate.operations)

        def rule(there: frozenset[int], _torn: frozenset[int]) -> str:
            return "content" if wrong and len(there) == 2 * count else ""

        return FakeStates(
            log(" ".join(["p1 s"] * count)),
            [index // 2 for index in range(2 * count)],
            rule,
            operations=count,
        )

    states = opener(trace)
    (finding,) = states.judge([prefix(len(states.events))])
    assert finding is not None
    shrinker = Shrinker(trace, finding, len(states.events), Meter(opener, 10**6))
    small = shrinker.run()
    assert len(opened) < looks
    return small


def bad(operations: Operations) -> bool:
    return any(op.kind == "set" and op.key == b"bad" for op in operations)


def test_what_can_only_go_two_at_a_time_goes() -> None:
    pairs = [setting(b"x"), Op("remove", b"x")] * 4

    def fails(operations: Operations) -> bool:
        return len(operations) % 2 == 1 and len(operations) != 1 and bad(operations)

    assert len(shrunk(trace_of(*pairs, BAD), fails).operations) == 3


def test_a_longer_name_stands_for_operations_that_only_fill() -> None:
    fill = [setting(b"%dnamenamename" % index, 40) for index in range(8)]

    def fails(operations: Operations) -> bool:
        return bad(operations) and sum(48 + len(op.key) + len(op.data()) for op in operations) >= 260

    small = shrunk(trace_of(*fill, BAD), fails)
    assert len(small.operations) == 2
    assert fails(small.operations)


def test_what_a_rename_moves_may_have_been_there_before() -> None:
    def fails(operations: Operations) -> bool:
        there: set[bytes] = set()
        for op in operations:
            there |= {op.target or op.key}
            there -= {op.key} if op.target else set()
        return b"d" in there

    small = shrunk(trace_of(setting(b"longer"), Op("rename", b"longer", b"d"), setting(b"d")), fails)
    assert [op.kind for op in small.operations] == ["set"]
    kept, moved = unmoved([setting(b"a/x"), Op("rename", b"a", b"b"), Op("get", b"b/x")])
    assert [op.key for op in kept] == [b"b/x", b"b/x"]
    assert [op.key for op in moved] == [b"a/x", b"a/x"]


def test_one_path_stands_for_another_and_all_below_it() -> None:
    def fails(operations: Operations) -> bool:
        return len({op.key.split(b"/")[-1] for op in operations}) == 2 and len(operations) == 2

    small = shrunk(trace_of(setting(b"d/d/v"), setting(b"d/w")), fails)
    assert sorted(op.key for op in small.operations) == [b"v", b"w"]


def test_one_operation_of_many_is_found_alone_in_a_few_looks() -> None:
    many = [setting(b"n%03d" % index, 40) for index in range(190)]
    small = shrunk(trace_of(*many[:90], setting(b"bad", 9), *many[90:]), bad, looks=120)
    assert [op.key for op in small.operations] == [b"bad"]


def test_a_long_value_is_not_made_shorter_byte_by_byte() -> None:
    def fails(operations: Operations) -> bool:
        return bool(operations) and len(operations[0].data()) >= 4000

    small = shrunk(trace_of(setting(b"a", 9000)), fails, looks=200)
    assert 4000 <= len(small.operations[0].data()) < 4070


def test_every_list_that_is_tried_weighs_less_than_what_there_is() -> None:
    trace = trace_of(setting(b"x/y", 9), Op("rename", b"x", b"z"), Op("allocate", b"q", length=4), BAD)
    tries = [Trace(trace.geometry, tuple(ops), trace.engine) for ops in joint(trace)]
    assert len(tries) > 20
    assert all(weight(one) < weight(trace) for one in tries)


def test_where_no_operation_is_needed_none_is_left() -> None:
    """Which the last cut alone has found."""
    assert list(alone(())) == []
    assert list(joint(trace_of())) == []
    assert shrunk(trace_of(BAD, setting(b"x")), lambda _: True).operations == ()


def test_of_operations_that_look_alike_one_is_tried_alone() -> None:
    a, b, c = setting(b"a", 9), setting(b"b", 9), setting(b"c", 8)
    assert list(alone([a, b, c, BAD])) == [[c], [b], [c, BAD], [b, BAD]]


@pytest.mark.parametrize("op", [0, 1])
def test_a_torn_event_is_of_the_operation_that_was_under_way(op: int) -> None:
    """Also where it is the first of its operation: what comes behind that is no use."""
    operations = (setting(b"a", 5), setting(b"b", 5))
    trace = Trace(Geometry(16, 16, 512, 16, 0xFF), operations, EngineRef("skink"), models=("nor",))
    with RunStates(trace, Engine.load("skink")) as states:
        starts = [at for at in range(len(states.events)) if states.position(at) == (op, False)]
        torn = states.listed("torn", starts[-1])[0]
        assert torn == Fault("torn", (Cut(starts[-1], (), torn.cuts[0].tear),), None, "nor")
        assert states.operation(torn) == op
