# SPDX-License-Identifier: ISC
"""The lists of docs/states.md mean what the models say: nothing impossible is listed, and nothing possible is
missing from a list that claims to be complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bruteforce import State, reorder, torn
from plainwords import World
from powercut.geometry import Geometry
from tearing import Event, Log, Model, splitmix64

ALL_RULES = ("bytes", "first", "units", "half", "bits", "zero", "garbage")
SEEDS = [splitmix64(j) for j in range(8)]

SMALL = (
    Geometry(1, 2, 8, 3, 0xFF),
    Geometry(1, 4, 8, 3, None),
    Geometry(4, 4, 16, 2, 0x00),
    Geometry(1, 1, 6, 4, 0xA5),
)


def words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: The built-in models, their units made small where they are sectors.
NOR = Model("nor", 0, 0, words("bytes bits"), words("half garbage"))
NAND = Model("nand", 0, 0, words("first half garbage"), words("half garbage"))
DISK = Model("disk", 4, 4, words("units"), words("units"), True)
THROUGH = replace(DISK, name="through", reorders=False)
HOSTILE = Model("hostile", 0, 0, words("bytes units zero garbage"), words("half zero garbage"), True)
MODELS = (NOR, NAND, DISK, THROUGH, HOSTILE)

bytes_at_all = st.sampled_from([0x00, 0x01, 0x80, 0xF7, 0xFF])


@st.composite
def events(draw: st.DrawFn, shape: Geometry) -> Event:
    kind = draw(st.sampled_from(["prog"] * 4 + ["erase", "sync"]))
    block = draw(st.integers(0, shape.block_count - 1))
    if kind != "prog":
        return Event(kind, block if kind == "erase" else 0)
    first = draw(st.integers(0, shape.block_size // shape.prog_size - 1))
    count = draw(st.integers(0, min(3, shape.block_size // shape.prog_size - first)))
    size = count * shape.prog_size
    data = bytes(draw(st.lists(bytes_at_all, min_size=size, max_size=size)))
    return Event("prog", block, first * shape.prog_size, data)


@st.composite
def logs(draw: st.DrawFn, most: int = 6) -> Log:
    shape = draw(st.sampled_from(SMALL))
    image = bytes(draw(st.lists(bytes_at_all, min_size=shape.size, max_size=shape.size)))
    return Log(shape, image, draw(st.lists(events(shape), min_size=1, max_size=most)))


@st.composite
def models(draw: st.DrawFn) -> Model:
    rules = st.frozensets(st.sampled_from(ALL_RULES))
    unit = st.sampled_from([0, 1, 2, 3, 4, 16])
    return Model("any", draw(unit), draw(unit), draw(rules), draw(rules), draw(st.booleans()))


def images(states: Sequence[State]) -> set[bytes]:
    return {state.image for state in states}


def check_torn(log: Log, model: Model) -> int:
    """Holds every cut's torn states against the plain words; how many cuts claim to be complete."""
    world, complete = World(log.geometry, model), 0
    for at, event in enumerate(log.events):
        found, beyond = torn(log, model, at, SEEDS)
        before = log.states[at]
        for state in found:
            assert world.could_be_in_flight(before, event, state.image), state.fault
        if not beyond:
            complete += 1
            assert images(found) | {before, log.states[at + 1]} >= world.in_flight(before, event)
    return complete


def check_reorder(log: Log, model: Model) -> int:
    """The same for reorder states."""
    world, complete = World(log.geometry, model), 0
    first = log.states[0]
    for at in range(1, len(log.events) + 1):
        found, beyond = reorder(log, model, at, SEEDS)
        possible = world.some_lost_one_torn(first, log.events, at)
        for state in found:
            assert state.image in possible or (
                "garbage" in model.prog_tears | model.erase_tears
                and world.anything_in_one(first, log.events, at, state.image)
            ), state.fault
        whole = world.any_part_lost(first, log.events, at)
        assert images([one for one in found if one.fault.cuts[0].tear is None]) <= whole
        assert images(found) | {log.states[at]} >= whole
        if not beyond:
            complete += 1
            assert images(found) | {log.states[at]} == whole
            assert all(not torn(log, model, number, SEEDS)[0] for number in world.unsynced(log.events, at))
    return complete


@settings(max_examples=100, deadline=None)
@given(logs(), st.sampled_from(MODELS))
def test_torn_states_are_what_the_built_in_models_allow(log: Log, model: Model) -> None:
    check_torn(log, model)


@settings(max_examples=150, deadline=None)
@given(logs(), models())
def test_torn_states_are_what_any_model_allows(log: Log, model: Model) -> None:
    check_torn(log, model)


@settings(max_examples=40, deadline=None)
@given(logs(most=4), st.sampled_from([DISK, HOSTILE]))
def test_reorder_states_are_what_the_built_in_models_allow(log: Log, model: Model) -> None:
    check_reorder(log, model)


@settings(max_examples=40, deadline=None)
@given(logs(most=4), models())
def test_reorder_states_are_what_any_model_allows(log: Log, model: Model) -> None:
    """Single bits are left to the next test: of a wide unit they are too many to write down."""
    rules = [one - {"bits", "garbage"} for one in (model.prog_tears, model.erase_tears)]
    check_reorder(log, Model("any", model.prog_unit or 2, model.erase_unit or 4, *rules, True))


@settings(max_examples=40, deadline=None)
@given(logs(most=4))
def test_reorder_states_with_some_bits_cleared_are_what_the_model_allows(log: Log) -> None:
    check_reorder(log, Model("any", 1, 1, frozenset({"bits"}), frozenset({"bits"}), True))


@settings(max_examples=60, deadline=None)
@given(logs())
def test_each_sector_of_a_disk_holds_some_part_of_what_was_written_to_it(log: Log) -> None:
    world = World(log.geometry, DISK)
    for at in range(len(log.events) + 1):
        sectors = world.sector_by_sector(log.states[0], log.events, at)
        for state in reorder(log, DISK, at, SEEDS)[0]:
            for index, options in enumerate(sectors):
                assert state.image[4 * index : 4 * index + 4] in options, state.fault
        under_way = world.sector_by_sector(log.states[0], log.events, min(at + 1, len(log.events)))
        for state in torn(log, DISK, at, SEEDS)[0]:
            for index, options in enumerate(under_way):
                if log.events[at].kind != "sync":
                    assert state.image[4 * index : 4 * index + 4] in options, state.fault


@pytest.mark.parametrize("rule", ALL_RULES)
def test_a_list_that_claims_to_be_complete_is_met_for_every_rule_that_can_be(rule: str) -> None:
    """The checks above have something to check."""
    shape = Geometry(1, 2, 8, 2, 0xFF)
    log = Log(shape, b"\xff" * 16, [Event("prog", 0, 0, b"\xff\x7f\xfc\xff\x00\xff"), Event("erase", 0)])
    model = Model("one", 0, 2, frozenset([rule]), frozenset([rule]))
    assert check_torn(log, model) == {"garbage": 0, "bits": 2}.get(rule, 2)
    assert len(torn(log, model, 0, SEEDS)[0]) > 0
    assert (len(torn(log, model, 1, SEEDS)[0]) > 0) == (rule != "bits")


def test_a_complete_reorder_list_has_every_subset() -> None:
    shape = Geometry(4, 4, 8, 3, None)
    progs = [Event("prog", block, off, bytes([block + 1] * 4)) for block in range(3) for off in (0, 4)]
    log = Log(shape, bytes(24), [*progs[:2], Event("sync"), *progs[2:], Event("erase", 1)])
    assert check_reorder(log, DISK) == 8
    assert [len(reorder(log, DISK, at, SEEDS)[0]) for at in range(1, 9)] == [1, 3, 0, 1, 3, 7, 15, 15]
