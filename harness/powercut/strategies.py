# SPDX-License-Identifier: ISC
"""Hypothesis strategies for operations, values and whole traces, from the fast generator's vocabulary."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from powercut.generate import GEOMETRIES
from powercut.geometry import Geometry
from powercut.ops import Generated, Literal, Op, Value
from powercut.trace import EngineRef, Trace
from powercut.vocabulary import Keys, Profile, bad_keys, boundary_sizes, bounded, names, tree_keys

#: The kinds that every engine can do.
PLAIN_KINDS = ("set", "remove", "get", "get_partial", "exists", "list", "size")

#: The kinds that an engine can do if it says so.
ABLE_KINDS = ("set_partial", "allocate", "rename", "digest", "last_modified", "sync")


def values(profile: Profile) -> st.SearchStrategy[Value]:
    """Values: a few letters, or bytes of a boundary length."""
    texts = st.text("abc01", max_size=6).map(lambda text: Literal(text.encode()))
    made = st.builds(Generated, st.integers(0, 999), st.sampled_from(boundary_sizes(profile)))
    return st.one_of(texts, made)


def keys(profile: Profile, *, bad: bool = True) -> st.SearchStrategy[bytes]:
    """Keys that collide; with ``bad`` now and then one that must be refused."""
    known = tree_keys(profile)
    fresh = st.sampled_from(names(profile))
    if profile.nested:
        fresh = st.lists(fresh, min_size=1, max_size=4).map(b"/".join)
    pools = [st.sampled_from(known.all)] * 4 + [fresh]
    return st.one_of(*pools, *([st.sampled_from(bad_keys(profile))] if bad else []))


def kinds(profile: Profile) -> tuple[str, ...]:
    """The kinds of operation that the profile's engine can do."""
    return PLAIN_KINDS + tuple(kind for kind in ABLE_KINDS if kind in profile.capabilities)


def single_operations(profile: Profile) -> st.SearchStrategy[Op]:
    """One operation of any kind that the engine can do; half of them set a value."""
    key, value = keys(profile), values(profile)
    offset = st.sampled_from((0, 1, *boundary_sizes(profile)))
    sets = st.builds(Op, st.just("set"), key, value=value)
    made: dict[str, st.SearchStrategy[Op]] = {
        "set": sets,
        "set_partial": st.builds(Op, st.just("set_partial"), key, off=offset, value=value),
        "get_partial": st.builds(Op, st.just("get_partial"), key, off=offset, length=offset),
        "allocate": st.builds(Op, st.just("allocate"), key, length=offset),
        "rename": st.builds(Op, st.just("rename"), key, target=key),
        "sync": st.just(Op("sync", b"")),
    }
    others = [made.get(kind, st.builds(Op, st.just(kind), key)) for kind in kinds(profile)]
    return st.one_of(*([sets] * len(others)), *others)


def operation_lists(profile: Profile, max_size: int = 40) -> st.SearchStrategy[list[Op]]:
    """Lists of operations whose live data surely fits the device, unless the profile lets it run full."""
    one = single_operations(profile)
    return st.lists(one, max_size=max_size).map(lambda made: list(bounded(profile, made)))


@st.composite
def traces(
    draw: st.DrawFn,
    engine: EngineRef,
    *,
    capabilities: frozenset[str],
    geometries: Sequence[Geometry] = GEOMETRIES,
    name_max: int = 16,
    max_size: int = 40,
) -> Trace:
    """Traces on one of the geometries; ``name_max``: bytes that a name has at most on all of them."""
    geometry = draw(st.sampled_from(list(geometries)))
    profile = Profile(geometry, capabilities, name_max)
    return Trace(geometry, tuple(draw(operation_lists(profile, max_size))), engine)


__all__ = ["Keys", "keys", "kinds", "operation_lists", "single_operations", "traces", "values"]
