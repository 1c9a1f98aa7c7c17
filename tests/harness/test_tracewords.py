# SPDX-License-Identifier: ISC
"""Traces in words: all that one says, and in what two differ."""

from __future__ import annotations

from dataclasses import replace

from powercut.fault import Cut, Failing, Fault, Tear
from powercut.faultfile import Explore, ModelData
from powercut.geometry import Geometry
from powercut.ops import Generated, Literal, Op
from powercut.trace import EngineOptions, EngineRef, Expectation, Trace
from powercut.tracewords import Change, differences, facts

MINE = ModelData("mine", 512, 0, ("units",), (), True, False)
PLAIN = Trace(Geometry(), (Op("set", b"a", value=Literal(b"x")), Op("remove", b"a")), EngineRef("skink", "1"))
FULL = replace(
    PLAIN,
    engine=EngineRef("skink", "1", EngineOptions(40, 1, 1)),
    image=bytes(PLAIN.geometry.size),
    note="by hand",
    failing=Failing("prog_bad", 2, True),
    models=("disk512", MINE),
    fault=Fault("reorder", (Cut(6, (3, 4), Tear("first", 512, 1, 0, 1)),), None, "mine"),
    explore=Explore(("prefix", "reorder", "nested"), ("prefix", "torn"), 3, 8, 7, "ditto"),
    expect=Expectation("violation", "mount", 6, "It broke.", "CORRUPT", False, "Because."),
)


def test_everything_that_a_trace_says_is_told() -> None:
    found = facts(FULL)
    assert found["options"] == "names of up to 40 bytes, minor version 0 of the format, checksums over values"
    assert found["starts from"].startswith("an image of 131072 bytes")
    words = (
        "prog call 3 from the mount on answers BAD_BLOCK, and so does that block from then on, and is done"
    )
    assert found["failing call"].startswith(words)
    assert (
        "mine (units of 512 and a block, tears units and nothing, reorders, no overwrites)"
        in found["device models"]
    )
    assert "lost" in found["crash state"]
    assert "mine" in found["crash state"]
    assert found["explored"] == (
        "prefix, reorder, nested to depth 3 (prefix, torn), 8 samples of seed 7, read by ditto as well"
    )
    assert found["expected"] == "violation (mount, CORRUPT), which the engine does not claim to survive"
    assert (found["words"], found["why"]) == ("It broke.", "Because.")


def test_what_is_not_there_is_not_told() -> None:
    assert set(facts(PLAIN)) == {"engine", "device", "starts from", "crash state", "explored", "expected"}


def test_equal_traces_have_no_differences_and_others_have_each_of_theirs() -> None:
    assert differences(FULL, FULL) == []
    changed = {one.what for one in differences(PLAIN, FULL)}
    assert changed == {name for name in facts(FULL) if name not in ("engine", "device")}


def test_operations_are_compared_as_runs() -> None:
    more = replace(PLAIN, operations=(Op("list", b""), *PLAIN.operations[:1], Op("get", b"a")))
    assert differences(PLAIN, more) == [
        Change("operation 0 is new", (), ('list ""',)),
        Change("operation 1", ('remove "a"',), ('get "a"',)),
    ]
    assert differences(more, PLAIN)[0] == Change("operation 0 is gone", ('list ""',), ())


def test_values_that_read_the_same_and_are_not_are_told_apart() -> None:
    one, two = (
        replace(PLAIN, operations=(Op("set", b"k" * 90 + tail + b"k" * 90, value=Generated(1, 9)),))
        for tail in (b"1", b"2")
    )
    (change,) = differences(one, two)
    assert change.what == "operation 0"


def test_images_of_one_size_are_told_apart() -> None:
    other = replace(FULL, image=bytes(PLAIN.geometry.size - 1) + b"x")
    assert [one.what for one in differences(FULL, other)] == ["starts from"]
