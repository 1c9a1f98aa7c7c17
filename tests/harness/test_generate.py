# SPDX-License-Identifier: ISC
"""Generation: the same seed gives the same operations; they collide, reach every boundary, fit the device."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from powercut.engine import Engine
from powercut.generate import GEOMETRIES, operations
from powercut.geometry import Geometry
from powercut.machine import store_machine
from powercut.ops import KINDS, Op, segments
from powercut.run import run_trace
from powercut.source import GeneratedSource
from powercut.strategies import kinds, operation_lists, traces
from powercut.trace import EngineRef
from powercut.vocabulary import Budget, Profile, boundary_sizes, bounded, capacity, names, tree_keys

ALL = frozenset(
    {
        "timestamps",
        "dictionaries",
        "set_partial",
        "allocate",
        "rename",
        "digest",
        "last_modified",
        "check",
        "sync",
    }
)
FEW = frozenset({"timestamps", "dictionaries"})


def many(profile: Profile, lists: int = 40, count: int = 60) -> list[Op]:
    return [op for seed in range(lists) for op in operations(profile, seed, count)]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_the_same_seed_gives_the_same_operations(geometry: Geometry) -> None:
    profile = Profile(geometry, ALL, 40)
    one = operations(profile, 5, 80)
    assert one == operations(profile, 5, 80)
    assert one != operations(profile, 6, 80)
    assert len(one) == 80


def test_a_source_makes_the_same_trace_whenever_it_is_asked() -> None:
    profiles = tuple(Profile(geometry, FEW, 16) for geometry in GEOMETRIES)
    source = GeneratedSource(3, 20, profiles, EngineRef("ditto"))
    assert [source.trace(index) for index in (4, 0, 4)] == [
        GeneratedSource(3, 20, profiles, EngineRef("ditto")).trace(index) for index in (4, 0, 4)
    ]
    assert {source.trace(index).geometry for index in range(8)} == set(GEOMETRIES)


def test_every_geometry_of_bulk_runs_can_be() -> None:
    assert all(geometry.problem() is None for geometry in GEOMETRIES)
    assert {geometry.block_size for geometry in GEOMETRIES} >= {128, 512, 4096}
    assert {geometry.erase_value for geometry in GEOMETRIES} == {None, 0, 0xFF}
    assert (min(g.prog_size for g in GEOMETRIES), max(g.prog_size for g in GEOMETRIES)) == (1, 512)


@pytest.mark.parametrize("capabilities", [FEW, ALL, ALL - {"rename"}, frozenset()])
def test_only_what_the_engine_can_do_is_asked_of_it(capabilities: frozenset[str]) -> None:
    profile = Profile(GEOMETRIES[0], capabilities, 16)
    made = many(profile)
    expected = {kind for kind in KINDS if kind in kinds(profile)}
    assert {op.kind for op in made} == expected
    if "dictionaries" not in capabilities:
        assert all(len(segments(key)) <= 1 for op in made for key in (op.key, op.target))


def test_keys_collide_and_reach_every_shape() -> None:
    profile = Profile(GEOMETRIES[0], ALL, 40)
    made = [op for op in many(profile) if op.kind == "set"]
    keys = Counter(op.key for op in made)
    assert max(keys.values()) > 20
    depths = {len(segments(key)) for key in keys}
    assert {1, 2, 3, 4} <= depths
    assert any(len(name) == 40 for key in keys for name in segments(key))
    assert any(other.startswith(key + b"/") for key in keys for other in keys if key)


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_sizes_reach_every_boundary_that_the_device_has_room_for(geometry: Geometry) -> None:
    profile = Profile(geometry, ALL, 16)
    sizes = {op.value.length for op in many(profile, 60) if op.value is not None}
    inline = min(1022, geometry.block_size // 8)
    assert {0, 1, inline - 1, inline, inline + 1} <= sizes
    assert {geometry.block_size - 1, geometry.block_size, geometry.block_size + 1} <= sizes
    assert {capacity(2, geometry.block_size) + 1} <= sizes


def test_a_values_capacity_is_its_blocks_less_their_pointers() -> None:
    assert capacity(1, 512) == 512
    assert capacity(2, 512) == 2 * 512 - 4
    assert capacity(3, 512) == 3 * 512 - 4 - 8
    assert capacity(5, 512) == 5 * 512 - 4 - 8 - 4 - 12


def test_names_reach_the_longest_and_no_further() -> None:
    for longest in (4, 16, 255, 1022):
        lengths = {len(name) for name in names(Profile(GEOMETRIES[0], FEW, longest))}
        assert max(lengths) == longest


def test_directories_are_filled_and_emptied() -> None:
    profile = Profile(GEOMETRIES[0], FEW, 40)
    runs = [operations(profile, seed, 120) for seed in range(40)]
    wide = max(
        len({op.key for op in made if op.kind == "set" and op.key.startswith(b"wide/")}) for made in runs
    )
    assert wide >= 20
    assert any(op.kind == "remove" and op.key == b"wide" for made in runs for op in made)


@given(operation_lists(Profile(GEOMETRIES[0], ALL, 16)))
def test_hypothesis_lists_stay_within_the_budget(made: list[Op]) -> None:
    profile = Profile(GEOMETRIES[0], ALL, 16)
    budget = Budget(profile)
    assert all(budget.add(op) for op in made)


def test_a_list_that_would_fill_the_device_removes_instead() -> None:
    profile = Profile(Geometry(16, 16, 512, 64, 0xFF), FEW, 16)
    sets = [Op("allocate", b"k%d" % index, length=2000) for index in range(30)]
    kept = list(bounded(profile, sets))
    assert {op.kind for op in kept} == {"allocate", "remove"}
    assert list(bounded(Profile(profile.geometry, FEW, 16, full=True), sets)) != kept


def test_boundary_sizes_fit_small_devices() -> None:
    assert max(boundary_sizes(Profile(Geometry(16, 16, 4096, 4, 0xFF)))) <= 4 * 4096 // 8
    assert tree_keys(Profile(GEOMETRIES[0], frozenset())).dictionaries == ()


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_hypothesis_traces_hold_on_an_engine_that_is_right(data: st.DataObject) -> None:
    engine = Engine.load("ditto")
    trace = data.draw(traces(EngineRef("ditto"), capabilities=engine.capabilities, max_size=20))
    assert run_trace(trace, engine).held


def test_the_state_machine_holds_on_an_engine_that_is_right() -> None:
    engine = Engine.load("ditto")
    machine = store_machine(engine, Profile(GEOMETRIES[0], engine.capabilities, 16))
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine, settings=settings(max_examples=10, stateful_step_count=15, deadline=None)
    )
