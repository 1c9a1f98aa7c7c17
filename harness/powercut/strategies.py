# SPDX-License-Identifier: ISC
"""Hypothesis strategies for keys, values, operations, devices and whole traces.

They compose with your own. ``Profile`` says what the engine can do and on which device: a test gets it from
``powercut_explorer.profile()``; ``PLAIN``, where none is given, asks only for what every engine must do.
docs/suites.md has examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from hypothesis import strategies as st

from powercut.engine import Engine
from powercut.generate import GEOMETRIES
from powercut.geometry import Geometry
from powercut.ops import Generated, Literal, Op, Value
from powercut.trace import EngineRef, Trace
from powercut.vocabulary import Keys, Profile, bad_keys, boundary_sizes, bounded, names, tree_keys

#: The kinds that every engine can do.
PLAIN_KINDS = ("set", "remove", "get", "get_partial", "exists", "list", "size")

#: The kinds that an engine can do if it says so.
ABLE_KINDS = ("set_partial", "allocate", "rename", "digest", "last_modified", "sync")

#: What every engine can do, on the device of a suite that names none.
PLAIN = Profile(GEOMETRIES[0], frozenset(), 16)

#: What the blocks of drawn devices are, in bytes, and what an erased byte of theirs reads as.
_BLOCKS, _ERASED = (512, 256, 128, 1024, 4096), (0xFF, 0x00, None)


@dataclass(frozen=True, slots=True)
class _Kit:
    """The strategies for one profile. They are made once: what is new is slow to draw from."""

    values: st.SearchStrategy[Value]
    keys: st.SearchStrategy[bytes]
    good_keys: st.SearchStrategy[bytes]
    lengths: st.SearchStrategy[int]
    operations: st.SearchStrategy[Op]


@lru_cache(maxsize=64)
def _kit(profile: Profile) -> _Kit:
    texts = st.text("abc01", max_size=6).map(lambda text: Literal(text.encode()))
    made = st.builds(Generated, st.integers(0, 999), st.sampled_from(boundary_sizes(profile)))
    value: st.SearchStrategy[Value] = st.one_of(texts, made)
    fresh = st.sampled_from(names(profile))
    if profile.nested:
        fresh = st.lists(fresh, min_size=1, max_size=4).map(b"/".join)
    pools = [st.sampled_from(tree_keys(profile).all)] * 4 + [fresh]
    good, every = st.one_of(*pools), st.one_of(*pools, st.sampled_from(bad_keys(profile)))
    length = st.sampled_from((0, 1, *boundary_sizes(profile)))
    return _Kit(value, every, good, length, _operations(kinds(profile), every, value, length))


def _operations(
    able: Sequence[str],
    key: st.SearchStrategy[bytes],
    value: st.SearchStrategy[Value],
    length: st.SearchStrategy[int],
) -> st.SearchStrategy[Op]:
    """One operation of these kinds; half of them set a value."""
    sets = st.builds(Op, st.just("set"), key, value=value)
    made: dict[str, st.SearchStrategy[Op]] = {
        "set": sets,
        "set_partial": st.builds(Op, st.just("set_partial"), key, off=length, value=value),
        "get_partial": st.builds(Op, st.just("get_partial"), key, off=length, length=length),
        "allocate": st.builds(Op, st.just("allocate"), key, length=length),
        "rename": st.builds(Op, st.just("rename"), key, target=key),
        "sync": st.just(Op("sync", b"")),
    }
    others = [made.get(kind, st.builds(Op, st.just(kind), key)) for kind in able]
    return st.one_of(*([sets] * len(others)), *others)


@lru_cache(maxsize=64)
def _lists(profile: Profile, max_size: int) -> st.SearchStrategy[list[Op]]:
    made = st.lists(_kit(profile).operations, max_size=max_size)
    return made.map(lambda some: list(bounded(profile, some)))


def values(profile: Profile = PLAIN) -> st.SearchStrategy[Value]:
    """Values: a few letters, or bytes of a boundary length."""
    return _kit(profile).values


def keys(profile: Profile = PLAIN, *, bad: bool = True) -> st.SearchStrategy[bytes]:
    """Keys that collide; with ``bad`` now and then one that must be refused."""
    return _kit(profile).keys if bad else _kit(profile).good_keys


def lengths(profile: Profile = PLAIN) -> st.SearchStrategy[int]:
    """Offsets and lengths in bytes: 0, 1, and around every boundary."""
    return _kit(profile).lengths


def kinds(profile: Profile = PLAIN) -> tuple[str, ...]:
    """The kinds of operation that the profile's engine can do."""
    return PLAIN_KINDS + tuple(kind for kind in ABLE_KINDS if kind in profile.capabilities)


def single_operations(profile: Profile = PLAIN) -> st.SearchStrategy[Op]:
    """One operation of any kind that the engine can do; half of them set a value."""
    return _kit(profile).operations


def operation_lists(profile: Profile = PLAIN, max_size: int = 40) -> st.SearchStrategy[list[Op]]:
    """Lists of operations whose live data surely fits the device, unless the profile lets it run full."""
    return _lists(profile, max_size)


@st.composite
def geometries(
    draw: st.DrawFn, *, block_sizes: Sequence[int] = _BLOCKS, bytes_max: int = 1 << 17
) -> Geometry:
    """Devices of 8 blocks to ``bytes_max`` bytes; prog sizes of 1 byte to a block. They shrink to 8 blocks of
    512 bytes."""
    block = draw(st.sampled_from(list(block_sizes)))
    units = [unit for unit in (16, 1, 8, 64, 512, 4096) if block % unit == 0]
    prog = draw(st.sampled_from(units))
    read = draw(st.sampled_from([unit for unit in units if unit <= prog]))
    count = draw(st.integers(8, max(bytes_max // block, 8)))
    return Geometry(read, prog, block, count, draw(st.sampled_from(_ERASED)))


@st.composite
def traces(
    draw: st.DrawFn,
    engine: Engine | EngineRef,
    *,
    capabilities: frozenset[str] | None = None,
    geometries: Sequence[Geometry] | st.SearchStrategy[Geometry] = GEOMETRIES,
    name_max: int = 16,
    max_size: int = 40,
) -> Trace:
    """Traces on one of the geometries; ``name_max``: bytes that a name has at most on all of them.

    ``capabilities``: what may be asked of the engine; None: what an Engine says of itself, of an EngineRef
    only what every engine can do.
    """
    able = capabilities if capabilities is not None else getattr(engine, "capabilities", frozenset())
    geometry = draw(st.sampled_from(geometries) if isinstance(geometries, Sequence) else geometries)
    operations = draw(operation_lists(Profile(geometry, able, name_max), max_size))
    reference = engine if isinstance(engine, EngineRef) else EngineRef(engine.name, engine.version)
    return Trace(geometry, tuple(operations), reference)


__all__ = [
    "PLAIN",
    "Keys",
    "Profile",
    "geometries",
    "keys",
    "kinds",
    "lengths",
    "operation_lists",
    "single_operations",
    "traces",
    "values",
]
