# SPDX-License-Identifier: ISC
"""The fast generator: a list of operations out of a seed, for bulk runs."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from powercut.geometry import Geometry
from powercut.ops import Generated, Literal, Op, Value
from powercut.vocabulary import (
    Held,
    Keys,
    Profile,
    bad_keys,
    boundary_sizes,
    bounded,
    tree_keys,
    wide_keys,
)

#: The devices that bulk runs go through when none is asked for.
GEOMETRIES = (
    Geometry(16, 16, 512, 256, 0xFF),
    Geometry(16, 16, 4096, 128, 0xFF),
    Geometry(1, 1, 128, 512, 0xFF),
    Geometry(64, 64, 256, 256, None),
    Geometry(512, 512, 4096, 64, 0x00),
    Geometry(8, 32, 1024, 128, None),
    Geometry(16, 8, 128, 512, 0x00),
    Geometry(16, 16, 512, 48, 0xFF),  # small: freed blocks come back into use soon
)

#: How often each kind is drawn, and the capability that it needs.
_WEIGHTS: tuple[tuple[str, int, str], ...] = (
    ("set", 46, ""),
    ("remove", 12, ""),
    ("get", 6, ""),
    ("get_partial", 4, ""),
    ("exists", 4, ""),
    ("list", 5, ""),
    ("size", 4, ""),
    ("set_partial", 9, "set_partial"),
    ("allocate", 4, "allocate"),
    ("rename", 12, "rename"),
    ("digest", 3, "digest"),
    ("last_modified", 3, "last_modified"),
)


@dataclass(frozen=True, slots=True)
class _Style:
    """How one list is made: its keys, its value lengths in bytes, how often it removes (of 100)."""

    keys: Keys
    sizes: tuple[int, ...]
    kinds: tuple[str, ...]
    weights: tuple[int, ...]


def operations(profile: Profile, seed: int, count: int, held: Held = ()) -> list[Op]:
    """``count`` operations, the same for the same arguments on every machine.

    ``held``: what the store holds before them, as (key, value bytes; None for a dictionary).
    """
    text = f"{seed}:{profile.geometry}:{profile.name_max}:{','.join(sorted(profile.capabilities))}"
    draw = random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "little"))
    make = draw.choice(_STYLES)
    style = make(profile, draw, count)
    if held:
        style = replace(style, keys=_joined(style.keys, held, draw))
    stream = _churn(profile, style, draw) if make is _churning else _mixed(profile, style, draw)
    if "sync" in profile.capabilities:
        stream = _synced(stream, draw)
    return list(islice(bounded(profile, stream, held), count))


def _joined(keys: Keys, held: Held, draw: random.Random) -> Keys:
    """The keys, and as many of those that are there already."""
    values = [key for key, size in held if size is not None]
    dictionaries = [key for key, size in held if size is None]
    return Keys(
        keys.values + tuple(draw.sample(values, min(len(values), len(keys.values)))),
        keys.dictionaries + tuple(draw.sample(dictionaries, min(len(dictionaries), 4))),
    )


def _kinds(profile: Profile, **weights: int) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The kinds that the engine can do, and how often each is drawn; ``weights`` go before the table's."""
    able = [(kind, weight) for kind, weight, need in _WEIGHTS if not need or need in profile.capabilities]
    return tuple(kind for kind, _ in able), tuple(weights.get(kind, weight) for kind, weight in able)


def _few(profile: Profile, draw: random.Random, count: int) -> _Style:
    """Few keys, every size."""
    keys = tree_keys(profile)
    chosen = tuple(draw.sample(keys.values, min(5, len(keys.values))))
    return _Style(Keys(chosen, keys.dictionaries[:2]), boundary_sizes(profile), *_kinds(profile))


def _tree(profile: Profile, draw: random.Random, count: int) -> _Style:
    """All keys, deep and shallow, with more removals of dictionaries."""
    return _Style(tree_keys(profile), boundary_sizes(profile), *_kinds(profile, remove=20))


def _wide(profile: Profile, draw: random.Random, count: int) -> _Style:
    """Many small values in one dictionary."""
    keys = wide_keys(profile, 8 + count // 2, draw.choice((4, 12, 24, profile.name_max // 2)))
    small = tuple(size for size in boundary_sizes(profile) if size <= profile.geometry.block_size // 8)
    return _Style(keys, small, *_kinds(profile, set=160, remove=6))


def _log(profile: Profile, draw: random.Random, count: int) -> _Style:
    """Two keys, overwritten again and again: the log of a pair fills and is compacted."""
    keys = tree_keys(profile)
    small = tuple(size for size in boundary_sizes(profile) if size <= profile.geometry.block_size // 4)
    return _Style(Keys(keys.values[-2:], keys.dictionaries[:1]), small, *_kinds(profile, set=120, remove=5))


def _big(profile: Profile, draw: random.Random, count: int) -> _Style:
    """Values of several blocks."""
    sizes = boundary_sizes(profile)
    keys = tree_keys(profile)
    return _Style(Keys(keys.values[:5], keys.dictionaries), sizes[len(sizes) // 2 :], *_kinds(profile))


def _churning(profile: Profile, draw: random.Random, count: int) -> _Style:
    """A dictionary filled and emptied: pairs split, run empty and are dropped."""
    keys = wide_keys(profile, max(6, count // 5), draw.choice((4, 16, profile.name_max // 2)))
    small = tuple(size for size in boundary_sizes(profile) if size <= profile.geometry.block_size // 8)
    return _Style(keys, small, *_kinds(profile))


_STYLES: tuple[Callable[[Profile, random.Random, int], _Style], ...] = (
    _few,
    _tree,
    _tree,
    _wide,
    _log,
    _big,
    _churning,
)


def _churn(profile: Profile, style: _Style, draw: random.Random) -> Iterator[Op]:
    while True:
        keys = list(style.keys.values)
        for key in keys:
            yield Op("set", key, value=_value(style, draw))
        if draw.random() < 0.3 and style.keys.dictionaries:
            yield Op("remove", style.keys.dictionaries[0])
            continue
        draw.shuffle(keys)
        for key in keys:
            yield Op("remove", key)
        yield Op("list", draw.choice(style.keys.all))


def _mixed(profile: Profile, style: _Style, draw: random.Random) -> Iterator[Op]:
    while True:
        (kind,) = draw.choices(style.kinds, style.weights)
        if draw.random() < 0.015:
            yield _op(kind, draw.choice(bad_keys(profile)), style, draw)
        else:
            yield _op(kind, _key(kind, style.keys, draw), style, draw)


def _synced(stream: Iterator[Op], draw: random.Random) -> Iterator[Op]:
    """The operations with syncs between them: close together here, far apart there."""
    for op in stream:
        yield op
        if draw.random() < 0.2:
            yield Op("sync", b"")


def _key(kind: str, keys: Keys, draw: random.Random) -> bytes:
    """A key that fits the kind, and now and then one that does not."""
    odds = {"list": 0.85, "remove": 0.25, "size": 0.4, "digest": 0.4, "exists": 0.4, "rename": 0.3}
    pool = keys.dictionaries if draw.random() < odds.get(kind, 0.05) else keys.values
    if kind in ("list", "size", "digest") and draw.random() < 0.2:
        return b""
    return draw.choice(pool or keys.values)


def _op(kind: str, key: bytes, style: _Style, draw: random.Random) -> Op:
    if kind == "set":
        return Op(kind, key, value=_value(style, draw))
    if kind == "set_partial":
        return Op(kind, key, off=_offset(style, draw), value=_value(style, draw))
    if kind == "get_partial":
        return Op(kind, key, off=_offset(style, draw), length=_offset(style, draw))
    if kind == "allocate":
        return Op(kind, key, length=draw.choice(style.sizes))
    if kind == "rename":
        return Op(kind, key, target=_key("rename", style.keys, draw))
    return Op(kind, key)


def _offset(style: _Style, draw: random.Random) -> int:
    return draw.choice((0, 1, draw.choice(style.sizes), draw.choice(style.sizes) // 2))


def _value(style: _Style, draw: random.Random) -> Value:
    """A value of one of the style's lengths, never the same twice where it has room to differ."""
    length = draw.choice(style.sizes)
    seed = draw.getrandbits(32)
    if length <= 8:
        return Literal(f"{seed:08x}".encode()[:length])
    return Generated(seed, length)
